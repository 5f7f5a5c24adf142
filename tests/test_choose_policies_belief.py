"""What policies believe: priors of rules and written rates, the basin's posterior, and the verdict's words."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chosen import ADAM, STEPS, Hill, a_policy, rounds
from stepsize import parse
from stepsize.lab.choose.basin import MOST
from stepsize.lab.choose.climb import Climb
from stepsize.lab.choose.prior import OF_MOMENTUM, OF_SCALE_FREE, prior_of
from stepsize.lab.choose.tune import Tune


@pytest.mark.parametrize(
    ("text", "centre"),
    [
        ("adam() | 1e-3", OF_SCALE_FREE),
        ("adamw(weight_decay=0.01) | 1e-3", OF_SCALE_FREE),
        ("sgd(momentum=0.9) | 0.1", OF_MOMENTUM),
        ("sgd(momentum=0.9, nesterov=True) | 0.1", OF_MOMENTUM),
        ("sgd() | 0.1", OF_MOMENTUM + math.log2(10)),
        ("rmsprop() | 1e-3", OF_SCALE_FREE),
        ("rmsprop(momentum=0.9) | 1e-3", OF_SCALE_FREE - math.log2(10)),
        ("adagrad() | 0.25", -2.0),
    ],
)
def test_the_centre_follows_the_rule(text, centre):
    assert prior_of(parse(text)).centre == pytest.approx(centre)


def test_a_rate_that_somebody_chose_counts_more_than_a_habit():
    x = np.arange(-20, 5, 0.5)

    def near(text):
        density = np.exp(prior_of(parse(text)).log_density(x))
        written = math.log2(float(text.split("|")[1]))
        return density[np.abs(x - written) <= 1].sum() / density.sum()

    assert near("adam() | 2e-5") > 2 * near("adam() | 1e-4")
    assert near("adam() | 1e-4") > 0.02
    started = [a_policy(strategies=(f"adam() | {rate}",)).ask([]).parts[0].trial.rate for rate in ("1e-3", "2e-5")]
    assert started[1] < started[0]


def basin_after(rates, share=1.0, hill=None, budget=4.0):
    policy, hill = a_policy(Tune, budget), hill or Hill(noise=0.0)
    runs = policy.seen([hill.outcome(policy.trial(0, rate, 0), round(share * STEPS)) for rate in rates])
    return policy.basin(0, runs)


def at(basin, x):
    return int(np.abs(basin.grid - x).argmin())


def test_runs_draw_the_belief_to_where_the_loss_is_low():
    before, after = basin_after([]), basin_after([2.0**-9, 2.0**-7, 2.0**-3], hill=Hill(best=-3.0, noise=0.0))
    assert after.weights.sum() == pytest.approx(1)
    assert abs(after.grid[after.risk.argmin()] + 3) <= 1.5 < abs(before.grid[before.risk.argmin()] + 3)
    assert np.diff(after.interval())[0] < np.diff(before.interval())[0]
    assert (after.excess <= MOST).all()
    assert (after.risk >= 0).all()


def test_a_lost_run_says_that_the_best_rate_is_lower():
    lost = basin_after([2.0**-6], hill=Hill(best=-6.0, edge=-1.0, breaks=0.0))
    assert lost.weights[lost.places >= -6].sum() < 0.5 * basin_after([]).weights[basin_after([]).places >= -6].sum()


def test_nothing_is_won_over_oneself_and_something_where_the_belief_is():
    basin = basin_after([2.0**-10])
    gains = basin.gain(at(basin, -10))
    assert gains[at(basin, -10)] == 0
    assert gains.max() > 0.05
    assert (gains >= 0).all()


def test_the_basin_of_a_verdict_holds_rates_that_are_nearly_as_good():
    hill = Hill(noise=0.0)
    verdict = rounds(a_policy(Tune, 9.0), hill)[2]
    low, high = verdict.rates
    assert low < verdict.rate < high
    assert high / low < 300
    inside, outside = (a_policy().trial(0, rate, 0) for rate in (math.sqrt(low * verdict.rate), low / 64))
    assert hill.loss(inside, STEPS) < 1.2 * verdict.loss
    assert hill.loss(outside, STEPS) > 1.2 * verdict.loss


@pytest.mark.parametrize(("noise", "share"), [(0.02, 0.99), (0.1, 0.8)])
def test_other_seeds_fall_into_the_interval(noise, share):
    hill, policy = Hill(noise=noise), a_policy(Tune, 4.0)
    verdict = rounds(policy, hill)[2]
    losses = np.array([hill.loss(policy.trial(0, verdict.rate, seed), STEPS) for seed in range(1, 200)])
    assert ((losses >= verdict.low) & (losses <= verdict.high)).mean() >= share


def test_the_verdict_says_what_it_cannot_know():
    one, more = (rounds(a_policy(Climb, n), Hill())[2] for n in (1.0, 9.0))
    assert "Below 2 runs this is a guess" in " ".join(one.unknown)
    assert {"No higher rate was tried.", "No lower rate was tried."} <= set(one.unknown)
    assert not {"No higher rate was tried.", "No lower rate was tried."} & set(more.unknown)
    assert not any("guess" in told for told in more.unknown)
    seeds = rounds(a_policy(Tune, 9.0), Hill())[2]
    assert not any("One seed" in told for told in seeds.unknown)
    assert seeds.text == str(parse(ADAM).with_base(seeds.rate))


def test_losses_at_and_below_zero_have_no_interval_and_still_choose():
    verdict = rounds(a_policy(Tune, 4.0), Hill(shift=-3.0))[2]
    assert (verdict.low, verdict.high) == (None, None)
    assert abs(math.log2(verdict.rate) + 6) <= 2
