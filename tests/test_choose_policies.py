"""Policies: each one's laws, on basins that are formulas."""

from __future__ import annotations

import math
import random

import pytest

from chosen import ADAM, EVERY, HILLS, POLICIES, SGD, STEPS, Hill, a_policy, rounds, spent
from stepsize import StepsizeError
from stepsize.lab.choose.answer import Asked, Verdict
from stepsize.lab.choose.climb import Climb
from stepsize.lab.choose.grid import Grid
from stepsize.lab.choose.halving import Halving
from stepsize.lab.choose.race import Race
from stepsize.lab.choose.scattered import Scattered
from stepsize.lab.choose.tune import Tune, open_still
from stepsize.lab.tune import so_far_of

BUDGETS = (1.0, 1.3, 2.2, 4.0, 9.0)
every = pytest.mark.parametrize("kind", POLICIES, ids=lambda one: one.__name__)
hills = pytest.mark.parametrize("hill", HILLS.values(), ids=HILLS)


@every
@hills
@pytest.mark.parametrize("budget", BUDGETS)
def test_never_the_same_work_twice_never_above_the_budget_and_a_trial_that_ran(kind, hill, budget):
    policy, made = a_policy(kind, budget), {}
    while isinstance(answer := policy.ask(list(made.values())), Asked):
        assert answer.parts
        assert answer.why
        for part in answer.parts:
            before = made.get(part.trial.key)
            assert before is None or (before.made < part.until and not before.over)
            assert 0 < part.until <= STEPS
            assert part.until % EVERY == 0
            made[part.trial.key] = hill.outcome(part.trial, part.until)
    assert spent(made) <= budget + 1e-9
    assert answer.trial.key in made
    assert answer.cost == pytest.approx(spent(made))
    assert answer.text == str(answer.trial.strategy)
    assert answer.rates[0] <= answer.rate <= answer.rates[1]
    assert len(answer.trace) == len(made)
    if answer.low is not None:
        assert answer.low <= answer.loss <= answer.high


@every
@pytest.mark.parametrize("hill", [HILLS["ordinary"], HILLS["far below"]], ids=["ordinary", "far below"])
def test_killed_and_resumed_is_straight_through(kind, hill):
    """From every prefix, in any order, and with one trial stopped anywhere on its way to where it was asked."""
    policy = a_policy(kind, 3.3)
    asked, made, verdict = rounds(policy, hill)
    prefix = {}
    for answer in asked:
        shuffled = list(prefix.values())
        random.Random(len(prefix)).shuffle(shuffled)
        assert policy.ask(shuffled) == answer
        part = answer.parts[-1]
        begun = prefix.get(part.trial.key)
        halfway = (part.until + (begun.made if begun else 0)) // 2
        killed = hill.outcome(part.trial, halfway)
        if halfway > (begun.made if begun else 0) and not killed.over and len(answer.parts) == 1:
            assert policy.ask([*prefix.values(), killed]).parts == answer.parts
        for part in answer.parts:
            prefix[part.trial.key] = hill.outcome(part.trial, part.until)
    assert prefix == made
    assert rounds(policy, hill, made)[2] == verdict


@every
@pytest.mark.parametrize("name", ["ordinary", "noisy", "far above", "below zero"])
def test_a_larger_budget_goes_on_from_the_same_journal_and_is_never_worse(kind, name):
    hill, made, losses = HILLS[name], {}, []
    for budget in (1.0, 1.6, 3.3, 5.0, 9.0):
        _, made, verdict = rounds(a_policy(kind, budget), hill, made)
        assert spent(made) <= budget + 1e-9
        if verdict.share == 1:
            losses.append(verdict.loss)
    assert len(losses) >= 4
    assert losses == sorted(losses, reverse=True)


@every
def test_of_several_strategies_the_better_one_wins_under_one_budget(kind):
    plain = "rmsprop() | 1e-3"
    hill = Hill(best_of={plain: 6.0})
    _, made, verdict = rounds(a_policy(kind, 5.0, (ADAM, plain)), hill)
    assert {one.trial.text for one in made.values()} == {ADAM, plain}
    assert verdict.trial.text == plain


@pytest.mark.parametrize("better", [ADAM, SGD])
def test_while_nothing_is_finished_the_strategy_that_is_ahead_is_named(better):
    """What Ctrl-C would answer, and what the lines of a tune call the best so far."""
    policy, hill = a_policy(Tune, 4.0, (ADAM, SGD)), Hill(best_of={better: 2.0})
    asked, _, _ = rounds(policy, hill)
    made, named = {}, []
    for answer in asked:
        made |= {part.trial.key: hill.outcome(part.trial, part.until) for part in answer.parts}
        outcomes = list(made.values())
        if {one.trial.text for one in outcomes} == {ADAM, SGD} and not any(one.over for one in outcomes):
            named.append(so_far_of(policy, outcomes).trial.text)
    assert len(named) > 2
    assert set(named) == {better}


@every
def test_trials_of_something_else_do_not_count(kind):
    hill, policy = HILLS["ordinary"], a_policy(kind, 2.0)
    others = [a_policy(kind, 2.0, problem="q"), a_policy(kind, 2.0, steps=100), a_policy(kind, 2.0, (SGD,))]
    first = policy.ask([])
    for other in others:
        there = [hill.outcome(part.trial, 100) for part in other.ask([]).parts]
        assert policy.ask(there) == first


def test_two_writings_of_a_strategy_are_one():
    hill = HILLS["ordinary"]
    first, again = a_policy(strategies=("adam(beta1=0.9) | 1e-3 * cosine()",)), a_policy()
    _, made, _ = rounds(first, hill)
    assert isinstance(again.ask(list(made.values())), Verdict)


@pytest.mark.parametrize("budget", [0.99, 0, -1, math.nan, math.inf])
def test_a_budget_below_one_run_is_refused_in_one_line(budget):
    with pytest.raises(StepsizeError, match="budget must be a number ≥ 1 of runs"):
        a_policy(budget=budget)


def test_no_strategy_and_no_seed_are_refused():
    for more in ({"strategies": ()}, {"seeds": ()}):
        with pytest.raises(StepsizeError, match="a strategy and a seed"):
            a_policy(**more)


# one law of each


def test_a_grid_is_whole_runs_a_factor_apart_and_a_larger_one_holds_a_smaller_one():
    rates = [[part.trial.rate for part in a_policy(Grid, n).ask([]).parts] for n in (3, 5)]
    assert rates[1][:3] == rates[0]
    assert {part.until for part in a_policy(Grid, 3).ask([]).parts} == {STEPS}
    steps = [b - a for a, b in zip(*(lambda x: (x, x[1:]))(sorted(map(math.log2, rates[1]))), strict=False)]
    assert steps == pytest.approx([2.0] * 4, abs=0.05)


def test_random_draws_are_the_same_at_any_budget_and_others_with_another_draw():
    few, many, other = (a_policy(Scattered, n, draw=draw).ask([]).parts for n, draw in ((3, 0), (6, 0), (3, 1)))
    assert many[:3] == few
    assert other != few


def test_halving_keeps_the_best_third():
    policy, hill = a_policy(Halving, 4.0, first=0.1), HILLS["ordinary"]
    asked, _made, _ = rounds(policy, hill)
    sizes = [len(one.parts) for one in asked]
    assert sizes == policy.sizes()
    assert sizes == sorted(sizes, reverse=True)
    ahead = {part.trial.key for part in asked[1].parts}
    at = asked[0].parts[0].until
    there = sorted((hill.loss(part.trial, at), part.trial.key) for part in asked[0].parts)
    assert ahead == {key for _, key in there[: sizes[1]]}


def test_the_climb_walks_downhill_and_stops_what_is_far_behind():
    _, _made, verdict = rounds(a_policy(Climb, 6.0), Hill(best=-2.0, noise=0.0))
    assert abs(math.log2(verdict.rate) + 2) <= 1
    stopped = list(rounds(a_policy(Climb, 6.0), Hill(edge=1.0, noise=0.0, whole=4.0))[1].values())
    assert any(one.made in (STEPS // 4, STEPS // 2) for one in stopped)
    assert any("stopped being finite" in row for row in rounds(a_policy(Climb, 3.0), Hill(edge=1.0))[2].trace)
    never = rounds(a_policy(Climb, 6.0, prune=99.0), Hill(noise=0.0, whole=4.0))[1].values()
    assert all(one.made == STEPS for one in never)


def test_tune_finds_the_place_that_the_race_finds_from_less_than_a_grid_costs():
    for best in (-9.0, -6.0, -3.0):
        for kind in (Race, Tune):
            verdict = rounds(a_policy(kind, 4.0), Hill(best=best))[2]
            assert abs(math.log2(verdict.rate) - best) <= 1.5


def test_tune_at_little_more_than_one_run_falls_back_to_what_does_not_break():
    """The start breaks after more than the budget could repeat: what is left goes to a rate that stays finite."""

    class Trap(Hill):
        def loss(self, trial, step):
            return math.nan if trial.rate > 2e-3 and step > 0.6 * STEPS else super().loss(trial, step)

    hill = Trap()
    assert math.isnan(hill.loss(a_policy().ask([]).parts[0].trial, STEPS))
    _, made, verdict = rounds(a_policy(Tune, 1.3), hill)
    assert not made[verdict.trial.key].over
    assert 0 < verdict.share < 1
    assert not math.isnan(hill.loss(verdict.trial, STEPS))
    assert "may still diverge" in " ".join(verdict.unknown)


@pytest.mark.parametrize("best", [-10.0, -6.0, -1.0])
@pytest.mark.parametrize("budget", [1.6, 2.2, 3.3, 4.0])
def test_tune_starts_nothing_that_it_could_not_finish(best, budget):
    policy, hill, made = a_policy(Tune, budget), Hill(best=best), {}
    for answer in rounds(policy, hill)[0]:
        for part in answer.parts:
            begun = made[part.trial.key].made / STEPS if part.trial.key in made else 0.0
            assert 1 - begun <= budget - spent(made) + 1e-9
            made[part.trial.key] = hill.outcome(part.trial, part.until)


def test_tune_does_not_give_up_a_run_for_one_bad_look():
    class Spiky(Hill):
        def __init__(self, spikes):
            super().__init__()
            self.spikes = spikes

        def loss(self, trial, step):
            return 0.99 if step // EVERY in self.spikes else super().loss(trial, step)

    def lost_at(look, spikes):
        policy, hill = a_policy(Tune, 3.3), Spiky(spikes)
        return policy.seen([hill.outcome(policy.ask([]).parts[0].trial, look * EVERY)])[0].lost

    assert not lost_at(6, {6})
    assert lost_at(6, {4, 5, 6})


def test_what_is_open_still_shrinks_with_the_distance_and_towards_the_end():
    policy, hill = a_policy(Tune), Hill(noise=0.0)
    best, near, far = (policy.trial(0, 2.0**x, 0) for x in (-6.0, -7.0, -11.0))

    def still(trial, until):
        ones = policy.seen([hill.outcome(one, until) for one in (best, trial)])
        lead, other = sorted(ones, key=lambda one: one.trial.rate != best.rate)
        return open_still(other, lead)

    assert still(near, 40) > still(far, 40) >= 0
    assert still(near, 40) > still(near, 160)
    assert still(near, STEPS) == 0


def test_with_a_large_budget_more_seeds_run_at_the_chosen_rate():
    _, made, verdict = rounds(a_policy(Tune, 9.0), HILLS["ordinary"])
    assert {one.trial.seed for one in made.values() if one.trial.rate == verdict.rate} == {0, 1, 2}
    assert {one.trial.seed for one in rounds(a_policy(Tune, 4.0), HILLS["ordinary"])[1].values()} == {0}


def test_without_validation_the_training_loss_decides():
    from dataclasses import replace

    class Unheld(Hill):
        def outcome(self, trial, until):
            one = super().outcome(trial, until)
            return replace(one, record=replace(one.record, validated=None))

    assert rounds(a_policy(), Unheld())[2] == rounds(a_policy(), Hill())[2]


def test_few_steps_and_rare_looks_still_end_in_a_verdict():
    for kind in POLICIES:
        for steps, every_ in ((1, 1), (3, 1), (7, 5), (40, 40)):
            policy = a_policy(kind, 2.2, steps=steps, measure_every=every_)
            made = {}
            while isinstance(answer := policy.ask(list(made.values())), Asked):
                for part in answer.parts:
                    assert part.until > (made[part.trial.key].made if part.trial.key in made else 0)
                    made[part.trial.key] = Hill().outcome(part.trial, part.until)
            assert answer.trial.key in made
