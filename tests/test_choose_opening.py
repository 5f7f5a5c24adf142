"""The opening of a small budget: a walk over rates two octaves apart, and what it must never do."""

import math
from itertools import pairwise

import numpy as np
import pytest

from stepsize.lab.choose.answer import Verdict
from stepsize.lab.choose.opening import LEAST
from stepsize.lab.choose.tune import Tune
from stepsize.lab.records.record import Record
from stepsize.lab.trials.outcome import Outcome

TEXT = "adam() | 1e-3 * cosine()"


def a_policy(budget, together=1, texts=(TEXT,)):
    return Tune(texts, "p", steps=100, budget=budget, measure_every=5, together=together)


def outcome(part, best, breaks=math.inf):
    """A run on a basin around a power of two: a loss that falls to its depth, NaN above `breaks`."""
    x = math.log2(part.trial.rate)
    share = 1 - min(abs(x - best) / 6, 0.95)
    looks = list(range(0, part.until + 1, 5))
    broke = x > breaks
    losses = [math.nan if broke and t else math.exp(-3 * share * min(1, (t / 100) ** 0.3)) for t in looks]
    end = looks[1] if broke else part.until
    looks, losses = (looks[:2], losses[:2]) if broke else (looks, losses)
    values = np.array(losses)
    record = Record(np.arange(end), np.zeros(end), measured_at=tuple(looks), measured=values, validated=values)
    return Outcome(part.trial, record)


def went(policy, best, breaks=math.inf):
    """The verdict, the rates in the order in which they began, and the updates made."""
    made, order = {}, []
    while not isinstance(answer := policy.ask(list(made.values())), Verdict):
        for part in answer.parts:
            order += [round(math.log2(part.trial.rate), 1)] * (part.trial.key not in made)
            made[part.trial.key] = outcome(part, best, breaks)
    return answer, order, sum(one.made for one in made.values()) / 100


@pytest.mark.parametrize("together", [1, 4])
@pytest.mark.parametrize("budget", [1.2, 1.3, 1.6, 1.9])
def test_it_walks_to_the_side_that_is_ahead(budget, together):
    _, up, _ = went(a_policy(budget, together), best=0.0)
    _, down, _ = went(a_policy(budget, together), best=-12.0)
    assert up[1] == up[0] + 2
    assert all(a < b for a, b in pairwise(up))
    assert down[1:3] == [down[0] + 2, down[0] - 2]


@pytest.mark.parametrize("budget", [1.1, 1.3, 1.6, 1.9, 2.2, 2.9])
@pytest.mark.parametrize("best", [-14.0, -10.0, -6.5, -3.0, 0.0])
@pytest.mark.parametrize("breaks", [math.inf, -4.5, -9.0])
def test_it_never_chooses_what_diverged_and_never_spends_more(budget, best, breaks):
    answer, order, cost = went(a_policy(budget), min(best, breaks), breaks)
    assert cost <= budget + 1e-9
    assert len(order) == len(set(order))
    assert math.log2(answer.trial.rate) <= breaks


def test_more_runs_find_a_rate_far_above_the_belief():
    far = [math.log2(went(a_policy(budget), best=0.5)[0].trial.rate) for budget in (1.1, 1.3, 1.6, 1.9)]
    assert far == sorted(far)
    assert far[-1] > far[0] + 3


def test_one_run_and_several_strategies_do_without():
    """One run pays for no comparison, and strategies that compete are compared with each other first."""
    two = (TEXT, "sgd(momentum=0.9) | 0.1 * cosine()")
    assert [a_policy(one).opens for one in (1.0, LEAST, 2.9, 3.0)] == [False, True, True, False]
    assert not a_policy(1.3, texts=two).opens


def test_what_was_killed_goes_on_as_if_it_had_not_been():
    policy = a_policy(1.6)
    made = {}
    while not isinstance(answer := policy.ask(list(made.values())), Verdict):
        part = answer.parts[0]
        half = part.__class__(part.trial, max(part.until - 5, 5))
        before = made.get(part.trial.key)
        if before is None or half.until > before.made:  # killed on its way
            again = policy.ask([*made.values(), outcome(half, -3.0)])
            assert again.parts[0] == part or half.until == part.until
        made[part.trial.key] = outcome(part, -3.0)
    assert answer.trial.key == went(a_policy(1.6), -3.0)[0].trial.key
