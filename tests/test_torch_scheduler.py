"""The torch scheduler in use: what it is, what it writes, where and when."""

import copy
import gc
import io
import math
import pickle
import weakref
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import LambdaLR, LinearLR, LRScheduler, ReduceLROnPlateau

import stepsize as s
from scheduled import ALONE, now, one_line, sgd, stepped, weight
from stepsize import StepsizeError, parse
from stepsize.adapters.torch import PlateauScheduler, Scheduler
from stepsize.schedules.base import Factor
from subjects import SCHEDULES, TOTAL, UNITS, assert_close

pytestmark = ALONE

# what it is


@pytest.mark.parametrize("kind", [Scheduler, PlateauScheduler])
def test_it_is_an_lr_scheduler_and_nothing_that_confuses_a_host(kind):
    optimizer = sgd()
    scheduler = kind(optimizer, "cosine()", total_steps=10)
    assert isinstance(scheduler, LRScheduler)
    assert isinstance(scheduler, ReduceLROnPlateau) == (kind is PlateauScheduler)
    assert not callable(scheduler)  # DeepSpeed would call it with the optimizer
    assert not hasattr(scheduler, "__bool__")  # DeepSpeed asks whether it is true
    assert not hasattr(scheduler, "__len__")
    assert not hasattr(scheduler, "total_steps")  # Accelerate would read _step_count against it
    assert "step" not in vars(optimizer)


def test_the_optimizers_step_may_be_any_function():
    optimizer, calls = sgd(), []
    optimizer.step = lambda: calls.append(1)  # what torch.compile(optimizer.step) leaves there
    with pytest.raises(AttributeError, match="__func__"):
        LinearLR(optimizer)
    scheduler = Scheduler(optimizer, "linear(1, 0, 4)")
    assert stepped(scheduler, 3) == [[0.1], [0.1 * 0.75], [0.05]]
    assert len(calls) == 3


def test_building_twice_is_building_once():
    optimizer = sgd(0.1, 0.03)
    alone = stepped(Scheduler(sgd(0.1, 0.03), "warmup(5) >> cosine()", total_steps=20), 25)
    first = Scheduler(optimizer, "warmup(5) >> cosine()", total_steps=20)
    second = Scheduler(optimizer, "warmup(5) >> cosine()", total_steps=20)
    assert first.base_lrs == second.base_lrs == [0.1, 0.03]
    assert stepped(second, 25) == alone


def test_one_base_for_all_asks_how_the_groups_began():
    optimizer = sgd(0.1, 0.1)
    Scheduler(optimizer, {0: "constant(0.5)"})
    assert now(optimizer) == [0.05, 0.1]
    assert stepped(Scheduler(optimizer, "0.3 * linear(1, 0, 2)"), 2) == [[0.3, 0.3], [0.15, 0.15]]


def test_torchs_own_schedulers_see_the_base_before_and_after():
    optimizer = sgd(0.1, 0.03)
    Scheduler(optimizer, "warmup(5)")
    assert now(optimizer) == [0.1 * 0.2, 0.03 * 0.2]
    assert LambdaLR(optimizer, lambda t: 1.0).base_lrs == [0.1, 0.03]
    LinearLR(optimizer, 0.5)
    assert Scheduler(optimizer, "cosine(10)").base_lrs == [0.1, 0.03]


@pytest.mark.parametrize("kind", [Scheduler, PlateauScheduler])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))], ids=["copy", "pickle"])
def test_a_copy_goes_on_with_its_own_optimizer(kind, copied):
    scheduler = kind(sgd(0.1, 0.03), "(warmup(3) >> cosine()) * plateau(0.5, 0)", total_steps=20)

    def go_on(one):
        rows = []
        for t in range(6):
            one.optimizer.step()
            one.step(float(t))
            rows.append(now(one.optimizer))
        return rows

    go_on(scheduler)
    twin = copied(scheduler)
    assert twin.optimizer is not scheduler.optimizer
    before = now(scheduler.optimizer)
    later = go_on(twin)
    assert now(scheduler.optimizer) == before
    assert go_on(scheduler) == later
    assert later[0] != later[-1]


def test_the_whole_object_can_be_saved_by_torch():
    scheduler, file = Scheduler(sgd(), "cosine()", total_steps=9), io.BytesIO()
    stepped(scheduler, 4)
    torch.save(scheduler, file)
    file.seek(0)
    assert stepped(torch.load(file, weights_only=False), 5) == stepped(scheduler, 5)


@pytest.mark.parametrize("kind", [Scheduler, PlateauScheduler])
def test_nothing_keeps_the_optimizer_or_the_scheduler_alive(kind):
    optimizer = sgd()
    scheduler = kind(optimizer, "cosine()", total_steps=10)
    optimizer.step()
    scheduler.step()
    theirs, ours = weakref.ref(optimizer), weakref.ref(scheduler)
    gc.collect()
    gc.disable()  # no cycle: the counts alone must do it
    try:
        del scheduler
        assert ours() is None
        optimizer.step()
        del optimizer
        assert theirs() is None
    finally:
        gc.enable()


def test_it_tells_what_it_is():
    scheduler = Scheduler(sgd(), "warmup('10%') >> cosine()", total_steps=50)
    assert scheduler.expression == "warmup(5) >> cosine(45)"
    assert repr(scheduler) == "<Scheduler 'warmup(5) >> cosine(45)', 0 updates done>"
    both = Scheduler(sgd(), {0: "cosine(9)", "weight_decay": "linear(1, 0, 5)"})
    assert both.expression == "group 0 lr: cosine(9); weight_decay: linear(length=5)"


# what it writes


@pytest.mark.parametrize("f", SCHEDULES, ids=str)
def test_every_schedule_at_every_step(f):
    optimizer = sgd(0.1, 0.03)
    scheduler = Scheduler(optimizer, f, total_steps=TOTAL, **UNITS)
    wanted = np.array([f(t) for t in range(TOTAL + 100)])
    rel = 1e-11 if "rectification" in str(f) else 1e-12  # its formula cancels digits where it sets in
    found = np.array(stepped(scheduler, TOTAL + 100))
    assert_close(found[:, 0], 0.1 * wanted, rel)
    assert_close(found[:, 1], 0.03 * wanted, rel)


@given(done=st.integers(0, 5000), steps=st.integers(1, 3))
def test_it_begins_anywhere(done, steps):
    f = parse("0.1 * (warmup(1000) >> sgdr(700, height=0.5))")
    scheduler = Scheduler(sgd(), f, done=done)
    for t in range(done, done + steps):
        assert math.isclose(now(scheduler.optimizer)[0], f(t), rel_tol=1e-12)
        assert scheduler.get_last_lr() == scheduler.get_lr() == now(scheduler.optimizer)
        assert scheduler.last_epoch == t
        scheduler.step()


def test_a_rate_replaces_and_a_number_is_a_rate():
    assert stepped(Scheduler(sgd(0.1, 0.1), "0.5 * linear(1, 0, 2)"), 3) == [[0.5, 0.5], [0.25, 0.25], [0, 0]]
    assert stepped(Scheduler(sgd(0.1, 0.1), 0.3), 2) == [[0.3, 0.3]] * 2
    assert Scheduler(sgd(), s.rate(0.2)).base_lrs == [0.2]


def test_a_rate_is_refused_where_groups_differ_and_says_what_works():
    optimizer = sgd(0.1, 0.03)
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(StepsizeError) as error:
        Scheduler(optimizer, "0.5 * (warmup(2) >> cosine(8))")
    assert one_line(error)
    assert optimizer.state_dict() == before
    assert "'(warmup(2) >> cosine(8))'" in str(error.value)
    Scheduler(sgd(0.1, 0.03), "(warmup(2) >> cosine(8))")
    Scheduler(sgd(0.1, 0.03), {0: "0.5 * (warmup(2) >> cosine(8))"})
    Scheduler(sgd(0.1, 0.03), {0: "0.5 * cosine(8)", "*": "0.2 * cosine(8)"})  # one group is left: no conflict


COSINE, LINEAR = s.cosine(20), s.linear(1, 0, 20)
MAPPINGS = {
    "field": ({"lr": "cosine()", "weight_decay": LINEAR}, {("lr", 0): COSINE, ("lr", 1): COSINE, ("lr", 2): COSINE}),
    "index, name, others": (
        {0: "cosine()", "head": "0.5 * linear()", "*": "constant(0.5)"},
        {("lr", 0): COSINE, ("lr", 1): 0.5 * LINEAR, ("lr", 2): s.constant(0.5)},
    ),
    "others only": ({"*": "cosine()"}, {("lr", 0): COSINE, ("lr", 1): COSINE, ("lr", 2): COSINE}),
    "one group": ({"head": "cosine()"}, {("lr", 1): COSINE}),
    "nested": (
        {"head": {"lr": "cosine()", "momentum": 0.5}, "*": {"weight_decay": "linear()"}},
        {("lr", 1): COSINE, ("momentum", 1): s.rate(0.5), **{("weight_decay", i): LINEAR for i in range(3)}},
    ),
    "plan": (
        s.plan(lr=COSINE, momentum=LINEAR, weight_decay=0.2),
        {(name, i): f for name, f in (("lr", COSINE), ("momentum", LINEAR)) for i in range(3)}
        | {("weight_decay", i): s.rate(0.2) for i in range(3)},
    ),
    "plan by group": (
        s.plan(body=s.plan(lr=0.3 * COSINE), head=LINEAR),
        {("lr", 0): 0.3 * COSINE, ("lr", 1): LINEAR},
    ),
    "text of a plan": (
        "plan(body=plan(lr=0.3 * cosine(), momentum=linear()), head=0.5)",
        {("lr", 0): 0.3 * COSINE, ("momentum", 0): LINEAR, ("lr", 1): s.rate(0.5)},
    ),
}
MAPPINGS["field"][1].update({("weight_decay", i): LINEAR for i in range(3)})


@pytest.mark.parametrize(("expression", "wanted"), MAPPINGS.values(), ids=MAPPINGS)
def test_a_mapping_governs_what_it_names_and_nothing_else(expression, wanted):
    optimizer = sgd(0.1, 0.2, 0.3, names=("body", "head", "rest"))
    scheduler = Scheduler(optimizer, expression, total_steps=20)
    own = {"lr": (0.1, 0.2, 0.3), "momentum": (0.9,) * 3, "weight_decay": (0.01,) * 3}
    for t in range(25):
        for name, bases in own.items():
            factors = [wanted.get((name, i), s.constant()) for i in range(3)]
            rates = [base * f(t) if isinstance(f, Factor) else f(t) for base, f in zip(bases, factors, strict=True)]
            assert_close(now(optimizer, name), rates)
        assert scheduler.get_last_lr() == now(optimizer)
        scheduler.step()


@pytest.mark.parametrize("as_tensor", [False, True])
def test_entries_of_a_tuple_are_scheduled_one_by_one(as_tensor):
    betas = (
        (torch.tensor(0.9, dtype=torch.float64), torch.tensor(0.99, dtype=torch.float64)) if as_tensor else (0.9, 0.99)
    )
    lr = torch.tensor(0.01) if as_tensor else 0.01
    optimizer = torch.optim.AdamW([weight()], lr=lr, betas=betas, capturable=False, foreach=False)
    scheduler = Scheduler(optimizer, {"betas.0": "linear(0.5, 1, 4)", "betas.1": 0.5, "eps": "constant(2)"})
    entries = optimizer.param_groups[0]["betas"]
    assert stepped(scheduler, 3, "betas.0") == [[0.9 * 0.5], [0.9 * 0.625], [0.9 * 0.75]]
    assert now(optimizer, "betas.1") == [0.5]
    assert now(optimizer, "eps") == [2e-8]
    assert scheduler.get_last_lr() == [float(lr)]
    if as_tensor:
        assert all(a is b for a, b in zip(entries, optimizer.param_groups[0]["betas"], strict=True))
        assert all(a is not b for a, b in zip(entries, betas, strict=True))  # the defaults keep theirs


def test_groups_added_later_are_scheduled_from_the_next_step_or_at_once():
    optimizer = sgd(0.1, 0.2, names=("body", "head"))
    scheduler = Scheduler(optimizer, {0: "cosine(8)", "head": "constant(0.5)", "*": "linear(1, 0, 8)"})
    scheduler.step()
    optimizer.add_param_group({"params": [weight()], "lr": 0.4, "name": "late"})
    assert scheduler.get_last_lr() == now(optimizer) == [0.1 * s.cosine(8)(1), 0.1, 0.4]
    scheduler.write()
    assert now(optimizer)[2] == 0.4 * 0.875
    optimizer.add_param_group({"params": [weight()], "lr": 0.8, "name": "head"})
    scheduler.step()
    assert now(optimizer) == [0.1 * s.cosine(8)(2), 0.1, 0.4 * 0.75, 0.4]
    assert scheduler.base_lrs == [0.1, 0.2, 0.4, 0.8]


def test_a_group_that_nothing_names_keeps_its_own_also_when_it_comes_late():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, {0: "linear(1, 0, 4)"})
    optimizer.add_param_group({"params": [weight()], "lr": 0.7})
    assert stepped(scheduler, 3) == [[0.1, 0.7], [0.1 * 0.75, 0.7], [0.05, 0.7]]
    assert scheduler.get_last_lr() == now(optimizer)


def test_groups_that_the_optimizer_replaces_are_found_again():
    optimizer = sgd(0.1, 0.2)
    scheduler = Scheduler(optimizer, "linear(1, 0, 10)")
    scheduler.step()
    saved = copy.deepcopy(optimizer.state_dict())
    stepped(scheduler, 3)
    optimizer.load_state_dict(saved)  # new dictionaries in a new list
    scheduler.step()
    assert now(optimizer) == [0.1 * 0.5, 0.2 * 0.5]


def test_a_change_by_hand_is_undone_by_the_next_step_or_by_write():
    scheduler = Scheduler(sgd(), "constant(0.5)")
    for undo, told in (
        (scheduler.step, pytest.warns(match="is 9 where .* written 0.05")),
        (scheduler.write, nullcontext()),
    ):
        scheduler.optimizer.param_groups[0]["lr"] = 9
        with told:
            undo()
        assert now(scheduler.optimizer) == [0.05]


def test_a_value_that_does_not_exist_stops_its_own_step_and_no_earlier_one():
    f = s.formula("1 / (5 - t)", 100)
    scheduler = Scheduler(sgd(), f)
    for t in range(5):
        assert now(scheduler.optimizer) == [0.1 * f(t)]
        if t < 4:
            scheduler.step()
    with pytest.raises(StepsizeError, match="no value at step 5"):
        scheduler.step()


def test_what_is_slow_to_ask_is_not_asked_for_ever():
    asked = []

    class counted(Factor):
        __slots__ = ()
        _lengths = ()

        def __call__(self, t):
            asked.append(t)
            if not isinstance(t, int):
                raise RuntimeError("not so far ahead")
            return 0.5

    scheduler = Scheduler(sgd(), counted(), total_steps=100)
    stepped(scheduler, 50)
    assert sum(not isinstance(t, int) for t in asked) == 1
    assert now(scheduler.optimizer) == [0.05]
