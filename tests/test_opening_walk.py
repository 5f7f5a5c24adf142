"""The walk of a small budget, step by step: whom it compares next, who is ahead, and what a lost rate changes."""

import math

import numpy as np

from stepsize.lab.choose.opening import LEAST, Opening
from stepsize.lab.choose.race import Now
from stepsize.lab.choose.tune import Tune
from stepsize.lab.records.record import Record
from stepsize.lab.trials.outcome import Outcome


def walked(budget, ends, together=1, curves=None):
    """The opening after these trials: by octaves above the first rate, the share and the loss at its end, or all."""
    policy = Tune(("adam() | 1e-3 * cosine()",), "p", steps=100, budget=budget, measure_every=5, together=together)
    first = Opening(policy, Now(policy, [])).first
    outcomes = []
    for octaves, (share, loss) in ends.items():
        made = round(100 * share)
        looks = np.array([*range(0, made, 5), made])
        losses = np.interp(looks, [0, made], [1.0, 1.0 if math.isnan(loss) else loss])
        losses[-1] = loss
        if octaves in (curves or {}):
            losses = np.array([1.0, *curves[octaves]])
        record = Record(np.arange(made), np.zeros(made), measured_at=tuple(looks.tolist()), measured=losses)
        outcomes.append(Outcome(policy.asked([(0, first + octaves, 0, 1.0)], [], "").parts[0].trial, record))
    now = Now(policy, policy.seen(outcomes))
    found = Opening(policy, now)
    grid = now.basins[0].grid
    lead = None if found.lead is None else float(grid[found.lead[1]]) - first
    return lead, [(float(grid[key[1]]) - first, share) for key, share in found.steps]


def test_where_the_first_rate_is_lost_the_next_lower_need_only_be_alive():
    lost = {0: (0.1, math.nan), 2: (0.1, math.nan)}
    assert walked(1.6, lost) == (None, [(-2, 0.1)])
    assert walked(1.6, {**lost, -2: (0.1, 0.9)}) == (-2, [(-4, 0.1)])
    assert walked(1.6, {**lost, -2: (0.1, math.nan)}) == (None, [])
    assert walked(LEAST, {0: (0.1, math.nan)}) == (None, [(-2, 0.1)])
    assert walked(LEAST, lost) == (None, [])  # the end of the next one is not paid for


def test_a_first_rate_that_is_lost_is_too_high_whatever_the_one_above_it_does():
    assert walked(1.6, {0: (0.1, math.nan), 2: (0.1, 0.5)}) == (None, [(-2, 0.1)])


def test_a_rate_that_fell_back_to_its_start_is_behind_any_that_is_alive():
    fell = {0: [0.6, 0.97, 0.97, 0.97]}
    assert walked(1.6, {0: (0.2, 0.97)}, curves=fell)[0] is None
    assert walked(1.6, {0: (0.2, 0.97), 2: (0.1, math.nan), -2: (0.1, 0.99)}, curves=fell)[0] == -2


def test_a_comparison_leaves_the_end_of_either_paid_for():
    there = {0: (0.3, 0.9), 2: (0.1, math.nan)}
    assert walked(1.2, there) == (0, [])  # 0.8 runs are left: the next one could not come to its end
    assert walked(1.4, there) == (0, [(-2, 0.1)])


def test_what_is_ahead_at_the_first_pause_says_which_way():
    assert walked(1.6, {0: (0.1, 0.9), 2: (0.1, 0.8)}) == (0, [(0, 0.2)])  # up, once both are farther
    assert walked(1.6, {0: (0.1, 0.8), 2: (0.1, 0.9)}) == (0, [(-2, 0.1)])
    assert walked(1.6, {0: (0.1, 0.8), 2: (0.1, math.nan)}) == (0, [(-2, 0.1)])
    assert walked(1.6, {0: (0.1, 0.8), 2: (0.1, 0.9), -2: (0.05, math.nan)}) == (0, [])


def test_a_budget_for_one_comparison_compares_with_the_rate_below():
    assert walked(LEAST, {0: (0.1, 0.9)}) == (0, [(-2, 0.1)])
    assert walked(1.2, {0: (0.1, 0.9)}) == (0, [(2, 0.1)])
