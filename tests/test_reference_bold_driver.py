"""`bold_driver` beside its formula."""

from __future__ import annotations

from itertools import pairwise

from followed import DIGITS, factors_of, traces
from stepsize import bold_driver, descend


def test_bold_driver_is_its_formula_on_a_thousand_traces():
    for rng, losses in traces():
        grow, shrink, tolerance = rng.uniform(1.01, 1.5), rng.uniform(0.3, 0.9), rng.choice([0, 0.04, 0.2])
        factor, expected = 1.0, [1.0]
        for last, new in pairwise(losses):
            if new < last:
                factor = min(factor * grow, 7.0)
            elif new > last + tolerance * last:
                factor = max(factor * shrink, 0.02)
            expected.append(factor)
        told = factors_of(bold_driver(grow, shrink, tolerance=tolerance, low=0.02, high=7), losses)
        assert told == expected


def test_bold_driver_tolerates_a_small_rise_of_a_negative_loss_too():
    assert factors_of(bold_driver(tolerance=0.04), [-10.0, -9.7, -9.0]) == [1, 1, 0.5]
    assert factors_of(bold_driver(), [2.0, 2.0, 1.0]) == [1, 1, 1.05]


def test_bold_driver_keeps_its_bounds_for_ever():
    assert factors_of(bold_driver(), range(2000, 0, -1))[-1] == 1e6
    assert factors_of(bold_driver(), range(200))[-1] == 1e-6


def test_bold_driver_collapses_on_mini_batches():
    run = descend(DIGITS, "sgd() | 0.1 * bold_driver()", steps=420, batch_size=32)
    assert run.rates[-1] < 1e-5
