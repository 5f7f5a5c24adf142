"""Stop, save, load, continue: bit for bit what a run straight through gives, and a choice where something changed."""

import copy
import io
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

import stepsize as s
from scheduled import ALONE
from stepsize import StepsizeError, parse
from stepsize.adapters.torch import Scheduler
from stepsize.schedules.extend import extend
from subjects import CONTROLLERS, SCHEDULES, TOTAL, UNITS, assert_close

pytestmark = ALONE

LOSSES = [float(one) for one in 3 + np.cumsum(np.random.default_rng(11).normal(-0.005, 0.1, size=400))]
RULES = ("keep_step", "keep_share", "stretch_rest", "cooldown_now")


def sgd(*rates, tensors=False):
    groups = [{"params": [torch.nn.Parameter(torch.ones(2))], "lr": one} for one in rates or (0.1,)]
    if tensors:
        groups = [{**one, "lr": torch.tensor(one["lr"], dtype=torch.float64)} for one in groups]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9, weight_decay=0.01)


def by_json(state):
    return json.loads(json.dumps(state))


def by_torch(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


ways = st.sampled_from([by_json, by_torch])


def rates(scheduler):
    return [float(group["lr"]) for group in scheduler.optimizer.param_groups]


def run(scheduler, until):
    """The rates of every update up to `until`; controllers see a loss at each and a metric at some."""
    rows = []
    while scheduler.last_epoch < until:
        rows.append(rates(scheduler))
        t = scheduler.last_epoch % len(LOSSES)
        scheduler.step(loss=LOSSES[t], metric=LOSSES[-t] if t % 5 == 4 else None)
    return rows


def resumed(build, stops, until, way):
    """The same run, stopped at every one of `stops` and built anew each time."""
    scheduler, rows = build(), []
    for stop in sorted(stops):
        rows += run(scheduler, stop)
        state = way(scheduler.state_dict())
        scheduler = build()
        scheduler.load_state_dict(state)
        assert scheduler.state_dict() == state
    return rows + run(scheduler, until)


# the same run


@pytest.mark.parametrize("f", SCHEDULES, ids=str)
def test_every_schedule_continues_bit_for_bit(f):
    def build():
        return Scheduler(sgd(0.1, 0.03), f, total_steps=TOTAL, **UNITS)

    until = TOTAL + 50
    straight = run(build(), until)

    @settings(max_examples=3)
    @given(stops=st.sets(st.integers(0, until), min_size=1, max_size=3), way=ways)
    def at_any_step(stops, way):
        assert resumed(build, stops, until, way) == straight

    at_any_step()


SHOWN = [one for one in CONTROLLERS if set(one.needs) <= {"loss", "metric", "grad_norm"}]


@pytest.mark.parametrize("f", [one for one in CONTROLLERS if one not in SHOWN], ids=str)
def test_a_controller_that_needs_more_than_a_scheduler_sees_is_refused_when_it_is_built(f):
    with pytest.raises(s.StepsizeError, match="which a scheduler never sees"):
        Scheduler(sgd(), f)


@pytest.mark.parametrize("f", SHOWN, ids=str)
def test_every_controller_continues_bit_for_bit(f):
    def build():
        expression = {"lr": 0.3 * (s.warmup("10%") >> s.cosine()) * f, "momentum": f, "weight_decay": s.linear()}
        return Scheduler(sgd(), expression, total_steps=150)

    straight, whole = run(build(), 200), build()
    run(whole, 200)

    @settings(max_examples=8)
    @given(stops=st.sets(st.integers(0, 200), min_size=1, max_size=4), way=ways)
    def at_any_step(stops, way):
        assert resumed(build, stops, 200, way) == straight

    at_any_step()
    assert whole.state_dict()["control"] != build().state_dict()["control"]  # it looked


def test_what_was_seen_before_the_stop_is_not_lost():
    def build():
        return Scheduler(sgd(), "plateau(0.5, 1) * cosine(9)")

    straight, stopped, after = build(), build(), build()
    for one in (straight, stopped):
        one.step(loss=1.0)
        one.see(loss=2.0)
    after.load_state_dict(by_json(stopped.state_dict()))
    for one in (straight, after):
        one.step()  # the loss of this update has been seen
    assert after.state_dict() == straight.state_dict()


@pytest.mark.parametrize("field", ["steps_per_epoch", "tokens_per_step", "batch_size", "done"])
def test_numbers_of_numpy_do_not_reach_a_state(field):
    given = np.float32(7) if field == "tokens_per_step" else np.int64(7)
    scheduler = Scheduler(sgd(np.float64(0.1)), "cosine()", total_steps=np.int64(50), **{field: given})
    scheduler.extend(np.int64(60), "cooldown_now", final=np.float64(0.1))
    state = scheduler.state_dict()
    assert by_torch(state) == by_json(state) == state


@pytest.mark.parametrize("tensors", [False, True], ids=["numbers", "tensors"])
@pytest.mark.parametrize("optimizer_first", [True, False])
def test_the_optimizers_state_may_come_before_or_after(tensors, optimizer_first):
    def build():
        return Scheduler(
            sgd(0.1, 0.03, tensors=tensors), {"lr": "warmup(5) >> cosine(20)", "momentum": "linear(1, 0, 9)"}
        )

    straight = run(build(), 30)
    for stop in (1, 7, 28):
        stopped, new = build(), build()
        run(stopped, stop)
        saved = copy.deepcopy(stopped.optimizer.state_dict()), stopped.state_dict()
        if optimizer_first:
            new.optimizer.load_state_dict(saved[0])
        new.load_state_dict(saved[1])
        if not optimizer_first:
            new.optimizer.load_state_dict(saved[0])
        assert new.optimizer.param_groups[0]["momentum"] == stopped.optimizer.param_groups[0]["momentum"]
        assert run(new, 30) == straight[stop:]


def test_a_scheduler_built_on_a_loaded_optimizer_knows_the_base():
    stopped = Scheduler(sgd(0.1, 0.03), "cosine(20)")
    run(stopped, 15)
    optimizer = sgd(0.1, 0.03)
    optimizer.load_state_dict(stopped.optimizer.state_dict())
    new = Scheduler(optimizer, "cosine(20)")
    assert new.base_lrs == [0.1, 0.03]
    new.load_state_dict(stopped.state_dict())
    assert run(new, 25) == run(stopped, 25)


def test_loading_twice_is_loading_once():
    scheduler = Scheduler(sgd(), "cosine(300)")
    run(scheduler, 101)
    state = scheduler.state_dict()
    new = Scheduler(sgd(), "cosine(300)")
    for _ in range(2):
        new.load_state_dict(state)
        assert new.last_epoch == 101
        assert new.state_dict() == state
    run(new, 120)
    new.load_state_dict(state)  # and a run may go back
    assert run(new, 200) == run(scheduler, 200)


def test_a_state_is_a_copy():
    scheduler = Scheduler(sgd(), "plateau(0.5, 0) * cosine()", total_steps=50)
    scheduler.extend(60)
    state = scheduler.state_dict()
    before = copy.deepcopy(state)
    scheduler.extend(70)
    run(scheduler, 20)
    assert state == before
    scheduler.state_dict()["expression"][0][2] = "mine"
    assert scheduler.state_dict()["expression"] == before["expression"]
    new = Scheduler(sgd(), "plateau(0.5, 0) * cosine()", total_steps=50)
    new.load_state_dict(state)
    new.extend(80)
    run(new, 20)
    assert state == before


def test_groups_that_came_later_keep_their_base():
    scheduler = Scheduler(sgd(), "linear(1, 0, 10)")
    scheduler.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.4})
    run(scheduler, 3)
    new = Scheduler(sgd(), "linear(1, 0, 10)")
    new.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.4})
    new.load_state_dict(by_json(scheduler.state_dict()))
    assert rates(new) == rates(scheduler) == [0.1 * 0.7, 0.4 * 0.7]


# inside torch's sequence

SEQUENCES = {
    "second": lambda one: SequentialLR(one, [LinearLR(one, 0.1, total_iters=6), Scheduler(one, "cosine(9)")], [6]),
    "first": lambda one: SequentialLR(one, [Scheduler(one, "warmup(6)"), CosineAnnealingLR(one, 9)], [6]),
}


@pytest.mark.parametrize("optimizer_first", [True, False])
@pytest.mark.parametrize("build", SEQUENCES.values(), ids=SEQUENCES)
def test_a_part_of_torchs_sequence_continues_and_leaves_the_other_part_alone(build, optimizer_first):
    def rates_of(whole, steps):
        rows = []
        for _ in range(steps):
            rows.append(rates(whole))
            whole.optimizer.step()
            whole.step()
        return rows

    straight = rates_of(build(sgd()), 14)
    for stop in range(14):
        stopped, new = build(sgd()), build(sgd())
        rates_of(stopped, stop)
        optimizer, scheduler = copy.deepcopy(stopped.optimizer.state_dict()), copy.deepcopy(stopped.state_dict())
        new.load_state_dict(scheduler) if not optimizer_first else None
        new.optimizer.load_state_dict(optimizer)
        new.load_state_dict(scheduler) if optimizer_first else None
        assert rates_of(new, 14 - stop) == straight[stop:]


# a run that becomes longer or shorter


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("text", ["0.1 * (warmup('5%') >> cosine())", "wsd(10)", "staircase(0.5, '10%')"])
def test_the_rates_are_those_of_the_extended_expression(rule, text):
    f = parse(text)
    scheduler = Scheduler(sgd(), f, total_steps=200)
    run(scheduler, 50)
    scheduler.extend(320, rule)
    how = {"at": 50} if rule in ("stretch_rest", "cooldown_now") else {}
    wanted = extend(f, 320, was=200, rule=rule, **how)
    base = 1.0 if isinstance(f, s.rate) else 0.1
    assert_close([row[0] for row in run(scheduler, 400)], [base * wanted(t) for t in range(50, 400)])
    assert scheduler.expression == str(wanted)
    assert scheduler.units["total_steps"] == 320
    assert [(one["at"], one["was"], one["total_steps"], one["rule"]) for one in scheduler.changes] == [
        (50, 200, 320, rule)
    ]


def test_the_rate_of_the_coming_update_is_written_at_once():
    scheduler = Scheduler(sgd(), "linear(1, 0)", total_steps=100)
    run(scheduler, 50)
    scheduler.extend(200, "keep_share")
    assert rates(scheduler) == scheduler.get_last_lr() == [0.1 * 0.75]


def test_a_cooldown_ends_the_run_in_so_many_steps():
    scheduler = Scheduler(sgd(), "constant()")  # needs no length
    run(scheduler, 7)
    scheduler.cooldown(4, "linear", final=0.5)
    assert_close(
        [row[0] for row in run(scheduler, 13)], [0.1, 0.1 * 0.875, 0.1 * 0.75, 0.1 * 0.625, 0.1 * 0.5, 0.1 * 0.5]
    )
    assert scheduler.units["total_steps"] == 11


def test_a_cooldown_is_one_of_the_rates():
    expression = {"lr": "constant()", "momentum": "linear(0.5, 1)", "weight_decay": 0.1}
    for total in (40, None):
        scheduler = Scheduler(sgd(), expression | ({} if total else {"momentum": "linear(0.5, 1, 40)"}), total)
        run(scheduler, 10)
        scheduler.cooldown(20 if total is None else 60)
        run(scheduler, 39)
        (group,) = scheduler.optimizer.param_groups
        assert_close(group["lr"], 0.0 if total is None else 0.1 * 31 / 60)
        assert_close(group["momentum"], 0.9 * s.linear(0.5, 1, 40)(39))
        assert group["weight_decay"] == 0.1
        run(scheduler, 100)
        assert_close(group["momentum"], 0.9)


events = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.one_of(
            st.tuples(st.sampled_from(RULES), st.integers(1, 200)), st.tuples(st.just("cooldown"), st.integers(1, 90))
        ),
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.filterwarnings("ignore:Scheduler. extend. the schedule was over")
@settings(max_examples=30)
@given(
    events=events,
    stops=st.sets(st.integers(0, 300), min_size=1, max_size=4),
    way=ways,
    text=st.sampled_from(
        ["warmup(5) >> cosine()", "sgdr('20%') * infrared(0.5, 0.9)", "0.2 * wsd('5%') * plateau(0.5, 3)"]
    ),
)
def test_a_run_that_was_extended_continues_in_an_unchanged_script(events, stops, way, text):
    """The script builds the expression of the beginning; the state repeats every change."""

    def build():
        return Scheduler(sgd(0.1, 0.1), text, total_steps=100)

    def passed(stops):
        scheduler, rows, left = build(), [], sorted(stops)

        def go(until):
            nonlocal scheduler
            while left and left[0] <= until:
                rows.extend(run(scheduler, left.pop(0)))
                state, scheduler = way(scheduler.state_dict()), build()
                scheduler.load_state_dict(state)
                assert scheduler.state_dict() == state
            rows.extend(run(scheduler, until))

        for wait, (rule, more) in events:
            go(scheduler.last_epoch + wait)
            if rule == "cooldown":
                scheduler.cooldown(more, "cosine")
            else:
                scheduler.extend(scheduler.last_epoch + more, rule)
        go(400)
        return rows, scheduler.expression, scheduler.changes

    assert passed(stops) == passed(())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((200, "longer"), "rule must be one of keep_share, keep_step, stretch_rest, cooldown_now"),
        ((30,), "total_steps must be > 30, the updates made, not 30"),
        ((20.5,), "total_steps must be a whole number"),
        (("200",), "total_steps must be a number"),
        ((200, "cooldown_now", "round"), "shape must be one of"),
        ((200, "cooldown_now", "linear", 2), "final must be a number ≥ 0 and ≤ 1, not 2"),
    ],
)
def test_a_length_that_cannot_be_changes_nothing(arguments, told):
    scheduler = Scheduler(sgd(), "cosine()", total_steps=100)
    run(scheduler, 30)
    before = scheduler.state_dict()
    with pytest.raises(StepsizeError, match=told) as error:
        scheduler.extend(*arguments[:2], **dict(zip(("shape", "final"), arguments[2:], strict=False)))
    assert "\n" not in str(error.value)
    assert scheduler.state_dict() == before


def test_a_run_without_a_length_cannot_be_stretched():
    scheduler = Scheduler(sgd(), "cosine(100)")
    for rule in RULES[:3]:
        with pytest.raises(StepsizeError, match=r"no length yet: build Scheduler\(…, total_steps=…\)"):
            scheduler.extend(200, rule)
    with pytest.raises(StepsizeError, match="cooldown: steps must be a number ≥ 1, not 0"):
        scheduler.cooldown(0)
    assert scheduler.changes == []


# a script that changed

OLD = "warmup(5) >> cosine()"
CHANGED = {
    "expression": (
        lambda: Scheduler(sgd(), "wsd(5)", total_steps=100),
        "warmup(5) >> cosine(95)', now it is \"warmup",
    ),
    "total_steps": (lambda: Scheduler(sgd(), OLD, total_steps=150), "now it is 'warmup(5) >> cosine(145)'"),
    "base": (lambda: Scheduler(sgd(0.3), OLD, total_steps=100), "lr 0.1 of group 0, now it is 0.3"),
    "hyper-parameter": (lambda: Scheduler(sgd(), {"momentum": OLD}, total_steps=100), "now it is 'momentum: warmup(5)"),
}


def stopped_at(steps, text=OLD, **more):
    scheduler = Scheduler(sgd(), text, total_steps=100, **more)
    run(scheduler, steps)
    return scheduler


@pytest.mark.filterwarnings("ignore:Scheduler. the schedule that is kept ends at update 100 of 150")
@pytest.mark.parametrize("choice", ["constructor", "load"])
@pytest.mark.parametrize(("build", "told"), CHANGED.values(), ids=CHANGED)
def test_a_change_is_an_error_or_a_choice(build, told, choice):
    def loaded(on_change):
        new, state = build(), by_json(stopped_at(40).state_dict())
        if choice == "constructor":
            new.on_change = on_change
            new.load_state_dict(state)
        else:
            new.load_state_dict(state, on_change)
        return new

    new = build()
    before, held = new.state_dict(), rates(new)
    with pytest.raises(StepsizeError) as error:
        new.load_state_dict(stopped_at(40).state_dict())
    assert told in str(error.value)
    assert 'on_change="keep"' in str(error.value)
    assert "\n" not in str(error.value)
    assert (new.state_dict(), rates(new)) == (before, held)
    assert run(loaded("keep"), 200) == run(stopped_at(40), 200)
    fresh = build()
    run(fresh, 40)
    assert run(loaded("replace"), 200) == run(fresh, 200)


def test_the_constructor_takes_the_choice():
    new = Scheduler(sgd(), "wsd(5)", total_steps=100, on_change="keep")
    new.load_state_dict(stopped_at(40).state_dict())
    assert new.expression == "warmup(5) >> cosine(95)"
    with pytest.raises(StepsizeError, match="on_change must be one of error, keep, replace, share, restart, not 'yes'"):
        new.load_state_dict(new.state_dict(), "yes")


def test_kept_means_the_changes_of_the_horizon_too():
    old = stopped_at(40)
    old.extend(300)
    run(old, 60)
    new = Scheduler(sgd(), "wsd()", total_steps=50)
    new.load_state_dict(by_json(old.state_dict()), "keep")
    assert new.state_dict() == by_json(old.state_dict())
    assert run(new, 350) == run(old, 350)


def test_another_base_keeps_the_changes_of_the_horizon():
    old = stopped_at(40)
    old.extend(300)
    new = Scheduler(sgd(0.3), OLD, total_steps=100)
    new.load_state_dict(old.state_dict(), "replace")
    assert_close(run(new, 350), 3 * np.array(run(old, 350)))


def test_replaced_means_this_scripts_own_changes_of_the_horizon():
    new = Scheduler(sgd(), "wsd(5)", total_steps=100)
    new.extend(200, "keep_share")
    told = new.expression
    new.load_state_dict(stopped_at(40).state_dict(), "replace")
    assert (new.expression, new.units["total_steps"], len(new.changes)) == (told, 200, 1)


def test_a_longer_run_of_the_same_curve_takes_the_scripts_length():
    new = Scheduler(sgd(), "warmup(5) >> constant()", total_steps=400)
    new.load_state_dict(stopped_at(40, "warmup(5) >> constant()").state_dict())
    assert new.units["total_steps"] == 400
    new.extend(500)
    new.load_state_dict(stopped_at(40, "warmup(5) >> constant()").state_dict())
    assert new.units["total_steps"] == 400


def test_the_same_controller_goes_on_under_another_schedule():
    old = stopped_at(60, "cosine() * plateau(0.5, 1)")
    (factor,) = old.state_dict()["control"][0]["factors"]
    assert factor < 1
    same = Scheduler(sgd(), "linear() * plateau(0.5, 1)", total_steps=100)
    same.load_state_dict(old.state_dict(), "replace")
    assert_close(rates(same), [0.1 * 0.4 * factor])
    other = Scheduler(sgd(), "linear() * plateau(0.5, 2)", total_steps=100)
    other.load_state_dict(old.state_dict(), "replace")
    assert_close(rates(other), [0.1 * 0.4])


def test_the_bases_of_the_state_are_kept_to_the_last_bit():
    old = stopped_at(10)
    new = Scheduler(sgd(0.1 * (1 + 1e-15)), OLD, total_steps=100)  # the same number, computed another way
    new.load_state_dict(old.state_dict())
    assert run(new, 100) == run(old, 100)


# what is refused

THEIRS = LinearLR(sgd()).state_dict()


@pytest.mark.parametrize("wrong", [THEIRS, {}, None, [1], "state"], ids=["torch's", "empty", "None", "list", "text"])
def test_a_state_of_something_else(wrong):
    scheduler = stopped_at(7)
    before, held = scheduler.state_dict(), rates(scheduler)
    with pytest.raises(StepsizeError, match=r"no state of a stepsize Scheduler.* Scheduler\(…, done=…\)") as error:
        scheduler.load_state_dict(wrong)
    assert "\n" not in str(error.value)
    assert (scheduler.state_dict(), rates(scheduler)) == (before, held)


DAMAGED = [None, 5, "x", [[1]], {"a": 1}, [[0, "lr", "cosine(", 3]], [{"states": [], "factors": []}]]


def refusal(scheduler, state, on_change):
    try:
        scheduler.load_state_dict(state, on_change)
    except StepsizeError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("on_change", ["error", "keep", "replace"])
@pytest.mark.parametrize("wrong", DAMAGED, ids=str)
@pytest.mark.parametrize("key", list(stopped_at(1).state_dict()))
def test_a_damaged_state_changes_nothing_or_does_no_harm(key, wrong, on_change):
    text = "cosine() * plateau(0.5, 2)"
    scheduler, later = stopped_at(7, text), stopped_at(30, text)
    later.extend(200)
    before, held = scheduler.state_dict(), rates(scheduler)
    told = refusal(scheduler, {**later.state_dict(), key: wrong}, on_change)
    assert "\n" not in told
    if told:
        assert (scheduler.state_dict(), rates(scheduler)) == (before, held)
        assert run(scheduler, 20) == run(stopped_at(7, text), 20)
    run(scheduler, scheduler.last_epoch + 3)
    assert by_torch(scheduler.state_dict()) == scheduler.state_dict()


def test_a_group_of_the_state_that_is_not_here():
    optimizer = sgd(0.1, 0.2)
    optimizer.param_groups[1]["name"] = "head"
    old = Scheduler(optimizer, {"head": "cosine(9)", 0: "linear(1, 0, 9)"})
    new = Scheduler(sgd(), "cosine(9)")
    with pytest.raises(StepsizeError, match="'head' is neither a group"):
        new.load_state_dict(old.state_dict(), "keep")
    assert new.expression == "cosine(9)"


def test_a_kept_text_that_cannot_be_read_back():
    old = Scheduler(sgd(), s.cosine(9)).state_dict()
    old["expression"][0][2] = "opaque('halving')"
    new = Scheduler(sgd(), "linear(1, 0, 9)")
    with pytest.raises(StepsizeError) as error:
        new.load_state_dict(old, "keep")
    assert "\n" not in str(error.value)
    assert new.expression == "linear(length=9)"
    new.load_state_dict(old, "replace")
