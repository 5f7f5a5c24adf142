"""The range test as a pure function: smoothing, noise, the rules by name, and when nothing can be told."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stepsize import StepsizeError
from stepsize.course.range_test import BROKEN, FEWEST, MEMORY, NOT_ALONE, find, smooth

RATES = np.geomspace(1e-5, 10, 100)
NAMES = ["minimum / 10", "slide", "steepest", "valley"]


def a_sweep(fall=0.01, break_at=1.0, noise=0.0, seed=0, rates=RATES):
    """From 2.3 down to 0.8 around `fall`, and up again past `break_at`."""
    losses = 0.8 + 1.5 / (1 + (rates / fall) ** 1.5) + (rates / break_at) ** 2
    return losses + noise * np.random.default_rng(seed).standard_normal(len(rates))


def test_smoothing_of_a_constant_is_the_constant_from_the_first_loss_on():
    assert smooth(np.full(50, 3.0)) == pytest.approx(np.full(50, 3.0))


def test_smoothing_is_the_mean_with_weights_that_fade():
    losses = np.random.default_rng(0).random(30)
    weights = MEMORY ** np.arange(29, -1, -1)
    assert smooth(losses)[-1] == pytest.approx((weights * losses).sum() / weights.sum())


def test_the_rules_by_name_in_a_clean_sweep():
    found = find(RATES, a_sweep())
    assert sorted(found.rates) == NAMES
    lowest = RATES[found.smoothed.argmin()]
    assert found.rates["minimum / 10"] == pytest.approx(lowest / 10)
    assert 0.003 < found.rates["steepest"] < 0.05
    assert RATES[0] < found.rates["valley"] < lowest
    assert found.low <= min(found.rates.values()) <= found.rate <= max(found.rates.values()) <= found.high
    assert found.why == NOT_ALONE
    assert found.noise < 0.02


def test_the_steepest_point_is_per_octave_not_per_unit_of_the_rate():
    """With a flat beginning at tiny rates, whose noise divided by the rate would be enormous."""
    found = find(np.geomspace(1e-9, 10, 200), a_sweep(noise=0.01, rates=np.geomspace(1e-9, 10, 200)))
    assert found.rates["steepest"] > 1e-4


@pytest.mark.parametrize("noise", [0.01, 0.1, 0.3])
def test_the_noise_is_measured(noise):
    found = find(RATES, a_sweep(noise=noise))
    assert found.noise == pytest.approx(noise, rel=0.35)


def test_more_noise_never_narrows_the_interval():
    widths = [math.log2(one.high / one.low) for one in (find(RATES, a_sweep(noise=n, seed=3)) for n in (0.0, 0.2))]
    assert widths[1] >= widths[0] - 0.5


@pytest.mark.parametrize("place", [0, 5, 50, 99])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_ends_the_sweep_and_never_crashes(place, value):
    losses = a_sweep()
    losses[place] = value
    found = find(RATES, losses)
    assert found.until <= place
    assert np.isfinite(found.smoothed).all()
    if place < FEWEST:
        assert found.rate is None
        assert "were finite" in found.why
    if found.rate is not None:
        assert found.rates["minimum / 10"] < RATES[place]
        same = find(RATES[:place], losses[:place])
        assert {name: same.rates[name] for name in NAMES} == found.rates


def test_past_the_lowest_the_sweep_ends_where_it_diverged():
    found = find(RATES, a_sweep())
    assert found.until < len(RATES)
    assert (found.smoothed <= BROKEN * found.smoothed.min()).all()


@pytest.mark.parametrize(
    "losses",
    [
        np.full(100, 2.0),
        np.linspace(2.0, 3.0, 100),
        2 + 0.3 * np.random.default_rng(1).standard_normal(100),
        np.full(100, np.nan),
    ],
    ids=["flat", "rising", "noise alone", "nothing finite"],
)
def test_it_says_cannot_tell_where_the_data_cannot(losses):
    found = find(RATES, losses)
    assert (found.rate, found.low, found.high) == (None, None, None)
    assert found.why.startswith("Cannot tell")


@pytest.mark.parametrize("seed", range(5))
def test_an_ordinary_noisy_sweep_is_told(seed):
    assert find(RATES, a_sweep(noise=0.15, seed=seed)).rate is not None


def test_losses_below_zero_are_as_good_as_others():
    found, lower = find(RATES, a_sweep(break_at=5.0)), find(RATES, a_sweep(break_at=5.0) - 10)
    assert lower.rates["steepest"] == pytest.approx(found.rates["steepest"])
    assert lower.rate is not None


def test_few_losses_and_empty_ones_do_not_crash():
    for count in range(30):
        assert find(RATES[:count], a_sweep()[:count]).until <= count


@pytest.mark.parametrize(
    ("rates", "losses", "told"),
    [
        ([1, 2, 3], [1, 2], "losses must be one for each rate"),
        ([1, 1, 2], [1, 2, 3], "rates must be above 0 and rise"),
        ([0, 1, 2], [1, 2, 3], "rates must be above 0 and rise"),
        ([1, math.nan, 2], [1, 2, 3], "rates must be above 0 and rise"),
    ],
)
def test_what_is_no_range_test_is_refused_in_one_line(rates, losses, told):
    with pytest.raises(StepsizeError, match=told):
        find(rates, losses)
