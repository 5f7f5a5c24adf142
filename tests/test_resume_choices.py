"""A state of another plan: every choice with its numbers, and a word wherever a run would go on at a rate of 0."""

import json
import warnings

import pytest
import torch

from scheduled import ALONE, one_line, sgd
from stepsize import StepsizeError, parse
from stepsize.adapters.torch import Scheduler, optimizer

pytestmark = ALONE

OLD = "warmup('10%') >> cosine()"


def stopped(done, total_steps=100, expression=OLD, rate=0.1, **more):
    scheduler = Scheduler(sgd(rate), expression, total_steps, **more)
    for _ in range(done):
        scheduler.step()
    return json.loads(json.dumps(scheduler.state_dict()))


def refused(scheduler, state, on_change=None):
    before = scheduler.state_dict()
    with pytest.raises(StepsizeError) as error:
        scheduler.load_state_dict(state, on_change)
    assert scheduler.state_dict() == before
    assert one_line(error)
    return str(error.value)


# what the refusal says


def test_where_a_host_loads_the_state_the_constructor_is_named():
    told = refused(Scheduler(sgd(), "linear()", 100), stopped(40))
    assert 'load_state_dict(state, on_change="keep")' in told
    assert "where a host loads the state, write Scheduler(…, on_change=…)" in told
    assert "share" not in told
    made = optimizer([torch.nn.Parameter(torch.ones(2))], "sgd() | 0.1 * linear()", 100)
    state = optimizer([torch.nn.Parameter(torch.ones(2))], "sgd() | 0.1 * cosine()", 100).state_dict()
    with pytest.raises(StepsizeError, match=r"write optimizer\(…, on_change=…\)"):
        made.load_state_dict(state)


@pytest.mark.parametrize("total_steps", [50, 200])
def test_where_only_the_length_differs_its_share_comes_first(total_steps):
    told = refused(Scheduler(sgd(), OLD, total_steps), stopped(40))
    assert 'load_state_dict(state, on_change="share") goes on at the same share of the new length' in told
    assert f"to stretch the rest of the old one, load with total_steps=100, then extend({total_steps})" in told


def test_the_advice_on_a_longer_run_can_be_followed():
    scheduler = Scheduler(sgd(), OLD, total_steps=100)
    scheduler.load_state_dict(stopped(40))
    before = scheduler.get_last_lr()
    scheduler.extend(200)
    assert scheduler.get_last_lr() == before
    assert scheduler.rates_at(199)[0] > 0 == scheduler.rates_at(200)[0]


def test_other_facts_of_a_run_are_its_length_too():
    """As many processes again: half the updates, and half of them in an epoch."""
    expression = "warmup('1ep') >> cosine()"
    state = stopped(40, 100, expression, steps_per_epoch=10)
    told = refused(Scheduler(sgd(), expression, 50, steps_per_epoch=5), state)
    assert '"share"' in told
    assert '"share"' not in refused(Scheduler(sgd(), "warmup('2ep') >> cosine()", 50, steps_per_epoch=5), state)


# share


@pytest.mark.parametrize(("was", "made", "now", "done"), [(1000, 500, 500, 250), (100, 40, 150, 60), (90, 31, 20, 6)])
@pytest.mark.parametrize("at", ["constructor", "load"])
def test_share_goes_on_at_the_same_share_of_the_new_length(was, made, now, done, at):
    scheduler = Scheduler(sgd(), OLD, now, **({"on_change": "share"} if at == "constructor" else {}))
    scheduler.load_state_dict(stopped(made, was), *(["share"] if at == "load" else []))
    assert scheduler.last_epoch == done
    assert scheduler.get_last_lr() == [0.1 * parse(OLD).over(now)(done)]
    assert scheduler._step_count == done + 1
    again = Scheduler(sgd(), OLD, now, on_change="share")
    again.load_state_dict(scheduler.state_dict())  # from now on it is a run of this length
    assert again.last_epoch == done


def test_share_counts_from_the_length_that_the_run_had_at_last():
    old = Scheduler(sgd(), OLD, 100)
    for _ in range(60):
        old.step()
    old.extend(120)
    new = Scheduler(sgd(), OLD, 240)
    new.load_state_dict(old.state_dict(), "share")
    assert new.last_epoch == 120


def test_share_of_a_schedule_in_steps_moves_with_the_run_as_well():
    new = Scheduler(sgd(), "staircase(0.5, 10)", 50)
    new.load_state_dict(stopped(40, 100, "staircase(0.5, 10)"), "share")
    assert (new.last_epoch, new.get_last_lr()) == (20, [0.025])


def test_share_without_a_length_is_an_error():
    told = refused(Scheduler(sgd(), "cosine(100)"), stopped(40), "share")
    assert "needs the length of both runs, 100 before and None now" in told


# replace, restart


@pytest.mark.parametrize("made", [500, 700])
def test_replace_behind_the_end_of_the_new_plan_is_an_error_with_the_ways_out(made):
    told = refused(Scheduler(sgd(), OLD, 500), stopped(made, 1000), "replace")
    assert f'on_change="replace" goes on at update {made} of 500' in told
    assert "stays at 0 times its base" in told
    assert all(way in told for way in ('"share"', '"restart"', '"keep"', "Scheduler(…, done=…)"))
    assert '"share" (' not in refused(Scheduler(sgd(), OLD, 500), stopped(1000, 1000), "share")


@pytest.mark.parametrize("expression", ["warmup(5) >> constant()", "staircase(0.5, 9)", "warmup(9) >> inverse_sqrt(9)"])
def test_replace_by_what_does_not_end_with_the_run_stays_possible(expression):
    scheduler = Scheduler(sgd(), expression, 50)
    scheduler.load_state_dict(stopped(60), "replace")
    assert scheduler.last_epoch == 60


@pytest.mark.parametrize("expression", ["warmup(5) >> cosine()", "cosine() * plateau(0.5, 1)"])
def test_a_second_stage_restarts_under_its_own_schedule(expression):
    second = Scheduler(sgd(0.02), expression, 100, on_change="restart")
    fresh = second.state_dict()
    second.load_state_dict(stopped(100, 100))
    assert second.state_dict() == fresh
    second.step(loss=1.0)
    later = Scheduler(sgd(0.02), expression, 100, on_change="restart")
    later.load_state_dict(second.state_dict())  # the second stage stopped and resumed: it goes on
    assert later.last_epoch == 1


def test_a_second_stage_of_the_same_shape_at_another_rate_restarts():
    second = Scheduler(sgd(0.02), OLD, 100)
    second.load_state_dict(stopped(100, 100), "restart")
    assert (second.last_epoch, second.base_lrs) == (0, [0.02])


# keep


def test_keep_in_a_longer_run_says_that_the_rest_is_at_the_final_rate():
    scheduler = Scheduler(sgd(), OLD, 200, on_change="keep")
    with pytest.warns(UserWarning, match=r"ends at update 100 of 200, .* stays at 0 times its base: extend\(200\)"):
        scheduler.load_state_dict(stopped(100))
    assert scheduler.last_epoch == 100


@pytest.mark.parametrize(
    ("old", "was", "now"),
    [
        (OLD, 100, 100),
        (OLD, 200, 100),
        (OLD, 100, None),
        ("warmup(5) >> constant()", 100, 200),
        ("warmup('10%') >> constant()", 100, 200),
        ("staircase(0.5, 10)", 100, 200),
    ],
)
def test_keep_is_silent_where_nothing_is_lost(old, was, now):
    scheduler = Scheduler(sgd(), "linear(1, 0, 50)", now, on_change="keep")
    scheduler.load_state_dict(stopped(40, was, old))
    assert scheduler.last_epoch == 40


# extend


@pytest.mark.parametrize("done", [100, 130])
def test_stretching_what_is_over_says_so(done):
    scheduler = Scheduler(sgd(), OLD, 100, done=done)
    with pytest.warns(UserWarning, match="over at update 100, .* at 0 times its base: nothing is left to stretch"):
        scheduler.extend(200)
    assert scheduler.get_last_lr() == [0]


def test_other_ways_to_a_longer_run_stay_silent():
    for done, rule in ((99, "stretch_rest"), (100, "keep_share"), (100, "keep_step")):
        Scheduler(sgd(), OLD, 100, done=done).extend(200, rule)
    Scheduler(sgd(), "warmup('10%') >> constant()", 100, done=100).extend(200)
    Scheduler(sgd(), "staircase(0.5, 10)", 100, done=100).extend(200)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Scheduler(sgd(), {"momentum": "linear(1, 0.9)"}, 100, done=100).extend(200)
