"""Policies that ask for several trials at a time: the laws hold with every width, also for half a question."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from chosen import ADAM, EVERY, HILLS, STEPS, Hill, a_policy, rounds, spent
from stepsize import StepsizeError
from stepsize.lab.choose.answer import Asked
from stepsize.lab.choose.race import Race
from stepsize.lab.choose.tune import Tune
from stepsize.lab.compare import here
from stepsize.lab.study.study import Study
from stepsize.lab.tune import TOGETHER, policy_for, tune
from studied import a_workload

SGD = "sgd(momentum=0.9) | 0.1 * cosine()"
hills = pytest.mark.parametrize("hill", HILLS.values(), ids=HILLS)
kinds = pytest.mark.parametrize("kind", [Race, Tune], ids=lambda one: one.__name__)
widths = pytest.mark.parametrize("together", [2, 4, 8])


def answered(part, hill):
    return {part.trial.key: hill.outcome(part.trial, part.until)}


@kinds
@widths
@hills
@pytest.mark.parametrize("budget", [1.0, 1.3, 2.2, 4.0, 9.0])
def test_never_the_same_work_twice_never_above_the_budget_and_never_wider(kind, together, hill, budget):
    policy, made = a_policy(kind, budget, together=together), {}
    while isinstance(answer := policy.ask(list(made.values())), Asked):
        first = [one for one in answer.parts if one.trial.seed == 0]
        assert len(first) <= together
        assert len({part.trial.key for part in answer.parts}) == len(answer.parts)
        for part in answer.parts:
            before = made.get(part.trial.key)
            assert before is None or (before.made < part.until and not before.over)
            assert part.until % EVERY == 0
        for part in answer.parts:
            made |= answered(part, hill)
        assert spent(made) <= budget + 1e-9
    assert answer.trial.key in made
    assert answer.cost == pytest.approx(spent(made))


@kinds
@widths
@hills
@pytest.mark.parametrize("strategies", [(ADAM,), (ADAM, SGD)], ids=["one", "two"])
def test_half_a_question_is_asked_for_again_whatever_ended_first(kind, together, hill, strategies):
    """From every subset of each question, one of it stopped halfway, in any order: what is missing is asked for."""
    policy, made, draw = a_policy(kind, 3.3, strategies, together=together), {}, random.Random(together)
    while isinstance(answer := policy.ask(list(made.values())), Asked):
        for count in range(1, len(answer.parts)):
            ended = draw.sample(answer.parts, count)
            left = tuple(part for part in answer.parts if part not in ended)
            there = made | {key: one for part in ended for key, one in answered(part, hill).items()}
            assert asked_in_any_order(policy, there, draw) == Asked(left, answer.why)
            halfway = (left[0].until + begun_at(left[0], made)) // 2
            killed = hill.outcome(left[0].trial, halfway)
            if halfway > begun_at(left[0], made) and not killed.over:
                there |= {left[0].trial.key: killed}
                assert asked_in_any_order(policy, there, draw) == Asked(left, answer.why)
        for part in answer.parts:
            made |= answered(part, hill)
    assert asked_in_any_order(policy, made, draw) == answer


def asked_in_any_order(policy, made, draw):
    return policy.ask(draw.sample(list(made.values()), len(made)))


def begun_at(part, made):
    return made[part.trial.key].made if part.trial.key in made else 0


@widths
@pytest.mark.parametrize("name", ["ordinary", "noisy", "far above", "below zero"])
def test_a_larger_budget_and_another_width_go_on_and_are_never_worse(together, name):
    hill, made, losses = HILLS[name], {}, []
    for budget, width in ((1.0, 1), (1.6, together), (3.3, 1), (5.0, together), (5.0, 3), (9.0, together)):
        _, made, verdict = rounds(a_policy(Tune, budget, together=width), hill, made)
        assert spent(made) <= budget + 1e-9
        if verdict.share == 1:
            losses.append(verdict.loss)
    assert len(losses) >= 4
    assert losses == sorted(losses, reverse=True)


def test_more_at_a_time_are_fewer_questions():
    asked = [len(rounds(a_policy(Tune, 4.0, together=n), Hill())[0]) for n in (1, 4, 8)]
    assert asked[0] > asked[1] >= asked[2]


def test_little_more_than_one_run_asks_for_one_at_a_time_at_first():
    """What little there is to spend goes where the answers say."""
    assert [len(a_policy(Tune, budget, together=8).ask([]).parts) for budget in (1.0, 1.3, 2.2, 4.0)] == [1, 1, 2, 5]


def test_one_at_a_time_asks_for_one():
    assert {len(one.parts) for one in rounds(a_policy(Tune, 4.0), Hill())[0]} == {1}


@pytest.mark.parametrize("budget", [1.3, 2.2, 4.0])
def test_what_is_asked_for_at_once_goes_in_step(budget):
    """All from one update to one, so that they train as one lot."""
    made, hill = {}, Hill()
    for answer in rounds(a_policy(Tune, budget, together=8), hill)[0]:
        assert len({(begun_at(part, made), part.until) for part in answer.parts}) == 1
        for part in answer.parts:
            made |= answered(part, hill)


@pytest.mark.parametrize("budget", [1.6, 2.2, 3.3, 4.0])
@widths
def test_what_is_asked_for_at_once_could_be_finished_one_by_one(budget, together):
    made, hill = {}, Hill()
    for answer in rounds(a_policy(Tune, budget, together=together), hill)[0]:
        for part in answer.parts:
            assert STEPS - begun_at(part, made) <= (budget - spent(made)) * STEPS + 1e-9
            made |= answered(part, hill)


@pytest.mark.parametrize("together", [0, -1, 1.5, True])
def test_a_width_that_is_no_number_of_trials_is_refused_in_one_line(together):
    with pytest.raises(StepsizeError, match=r"together must be a (whole )?number[^\n]*$"):
        a_policy(Tune, together=together)


def test_trials_that_train_side_by_side_are_asked_for_together_and_as_many_as_there_are_workers():
    stacked, alone = a_workload(rows=60), a_workload(rows=60)
    object.__setattr__(alone, "_engine", replace(alone.engine(), at_once=1))
    widths = [(policy_for(one, workers=n).together) for one in (stacked, alone) for n in (1, 3, 9)]
    assert widths == [TOGETHER, TOGETHER, 9, 1, 3, 9]
    with pytest.raises(StepsizeError, match="workers must be a"):
        policy_for(stacked, workers=0)


def test_a_tuning_that_was_killed_in_the_middle_of_a_question_ends_as_if_it_had_not_been(tmp_path):
    text, how = "adam() | 0.01 * cosine()", {"steps": 60, "batch_size": 4, "budget": 4.0}
    with Study(a_workload(rows=60)) as study:
        whole = tune(study, policy_for(study.workload, [text], **how))
    with Study(a_workload(rows=60), tmp_path / "r") as study:
        asked = policy_for(study.workload, [text], **how).ask([]).parts
        assert len(asked) > 1
        study.train([asked[1].trial], here(study.workload), until=asked[1].until)
        study.train([asked[2].trial], here(study.workload), until=1)
    with Study(a_workload(rows=60), tmp_path / "r") as study:
        again = tune(study, policy_for(study.workload, [text], **how))
    assert again.verdict == whole.verdict
    assert {one.trial.key: one for one in again.outcomes} == {one.trial.key: one for one in whole.outcomes}


def test_a_paused_trial_whose_loss_overflowed_is_told_of():
    class Overflows(Hill):
        def loss(self, trial, step):
            return float("inf") if trial.rate > 0.1 and step else super().loss(trial, step)

    policy, hill = a_policy(Tune, 4.0), Overflows()
    made = [hill.outcome(policy.trial(0, rate, 0), until) for rate, until in ((0.01, STEPS), (0.5, 40))]
    assert "at a loss that is not finite" in " ".join(policy.verdict(policy.seen(made)).trace)
