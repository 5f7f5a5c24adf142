"""The torch scheduler in use: what it writes, where, when, and what it refuses."""

import copy
import gc
import io
import math
import pickle
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import LambdaLR, LinearLR, LRScheduler, ReduceLROnPlateau, SequentialLR
from torch.utils._python_dispatch import TorchDispatchMode

import stepsize as s
from stepsize import StepsizeError, descend, parse, problems
from stepsize.adapters.torch import PlateauScheduler, Scheduler
from stepsize.controllers.base import Controller
from stepsize.schedules.base import Factor
from subjects import SCHEDULES, TOTAL, UNITS, assert_close


def weight():
    return torch.nn.Parameter(torch.ones(2))


def sgd(*rates, names=(), **more):
    """SGD with one group for each rate."""
    groups = [{"params": [weight()], "lr": one} for one in rates or (0.1,)]
    for group, name in zip(groups, names, strict=False):
        group["name"] = name
    return torch.optim.SGD(groups, **{"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, **more})


def now(optimizer, field="lr"):
    name, _, place = field.partition(".")
    held = [group[name] for group in optimizer.param_groups]
    return [float(one[int(place)] if place else one) for one in held]


def stepped(scheduler, steps, field="lr"):
    """What the optimizer uses at each update: a row of groups for each."""
    rows = []
    for _ in range(steps):
        rows.append(now(scheduler.optimizer, field))
        scheduler.optimizer.step()
        scheduler.step()
    return rows


def one_line(error):
    return "\n" not in str(error.value) and str(error.value).startswith(("Scheduler: ", "extend: ", "cooldown: "))


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
    for undo in (scheduler.step, scheduler.write):
        scheduler.optimizer.param_groups[0]["lr"] = 9
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


# rates that are tensors


def tensor(value, dtype=torch.float64):
    return torch.tensor(value, dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensor_rates_are_filled_in_place(dtype):
    mine, theirs = tensor(0.1, dtype), torch.tensor([0.2], dtype=dtype)
    optimizer = sgd(mine, theirs)
    bases = [float(mine), float(theirs)]
    scheduler = Scheduler(optimizer, "cosine(7)")
    for t in range(10):
        assert optimizer.param_groups[0]["lr"] is mine
        assert optimizer.param_groups[1]["lr"] is theirs
        f = s.cosine(7)(t)
        assert [float(mine), float(theirs)] == [float(tensor(base * f, dtype)) for base in bases]
        assert scheduler.get_last_lr() == [base * f for base in bases]
        assert all(type(one) is float for one in scheduler.get_last_lr() + scheduler.base_lrs)
        scheduler.step()


def test_groups_that_share_a_tensor_are_parted():
    shared = tensor(0.1)
    optimizer = torch.optim.SGD([{"params": [weight()]}, {"params": [weight()]}], lr=shared)
    assert optimizer.param_groups[0]["lr"] is optimizer.param_groups[1]["lr"]
    Scheduler(optimizer, {0: "constant(0.5)"})
    assert now(optimizer) == [0.05, 0.1]
    assert float(optimizer.defaults["lr"]) == 0.1


def test_groups_that_come_later_share_no_tensor_either():
    optimizer = torch.optim.SGD([weight()], lr=tensor(0.1))
    scheduler = Scheduler(optimizer, "linear(1, 0, 10)")
    for _ in range(2):
        optimizer.add_param_group({"params": [weight()]})
    stepped(scheduler, 5)
    optimizer.add_param_group({"params": [weight()]})  # begins at the default, which nobody may have filled
    scheduler.step()
    held = [group["lr"] for group in optimizer.param_groups] + [optimizer.defaults["lr"]]
    assert len({id(one) for one in held}) == 5
    assert_close(now(optimizer), [0.1 * 0.4] * 4)
    assert scheduler.base_lrs == [0.1] * 4


def test_groups_that_share_a_tensor_in_a_checkpoint_are_parted_again():
    saved = torch.optim.SGD([{"params": [weight()]}, {"params": [weight()]}], lr=tensor(0.1)).state_dict()
    for expression, wanted in (
        ({0: "constant(0.5)", 1: "constant(0.25)"}, [0.05, 0.05]),
        ("constant(0.5)", [0.05, 0.1]),
    ):
        optimizer = sgd(tensor(0.1), tensor(0.2))
        scheduler = Scheduler(optimizer, expression)
        optimizer.load_state_dict(saved)
        scheduler.step()
        assert now(optimizer) == wanted


class Reads(TorchDispatchMode):
    """Counts what makes the host wait for the device: a tensor read back as a number."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("text", "reads"), [("warmup(5) >> cosine()", 0), ("cosine() * infrared()", 10)])
def test_a_schedule_reads_no_tensor_back(text, reads):
    scheduler = Scheduler(sgd(tensor(0.1), tensor(0.2)), {"lr": text, "momentum": "linear(0.5, 1)"}, total_steps=10)
    plain = Scheduler(sgd(tensor(0.1), tensor(0.2)), "cosine()", total_steps=10)
    loss = torch.tensor(2.0)
    with Reads() as found:
        for _ in range(10):
            plain.step(loss, grad_norm=loss)
            scheduler.step(loss=loss, metric=loss, grad_norm=loss)
            scheduler.get_last_lr()
    assert found.count == reads


def compiled_graphs(lr):
    from torch._dynamo.testing import CompileCounter

    torch._dynamo.reset()
    counter = CompileCounter()
    one = weight()
    optimizer = torch.optim.SGD([one], lr=lr)
    scheduler = Scheduler(optimizer, "warmup(3) >> cosine()", total_steps=10)
    one.grad = torch.ones(2)
    step = torch.compile(optimizer.step, backend=counter)
    try:
        for _ in range(6):
            step()
            scheduler.step()
    finally:
        torch._dynamo.reset()
    return counter.frame_count, one.detach().clone()


@pytest.mark.filterwarnings("ignore")
def test_a_compiled_step_is_not_compiled_again():
    graphs, reached = compiled_graphs(torch.tensor(0.1))
    assert graphs == 1
    again, expected = compiled_graphs(0.1)
    assert again > 1  # a rate that is a plain number is compiled in
    torch.testing.assert_close(reached, expected)


# inside torch's sequence


@pytest.mark.parametrize("lr", [0.1, tensor(0.1)], ids=["number", "tensor"])
def test_a_part_of_torchs_sequence(lr):
    optimizer = sgd(lr)
    rising = LinearLR(optimizer, 0.1, total_iters=5)
    falling = Scheduler(optimizer, "cosine(10)")
    whole = SequentialLR(optimizer, [rising, falling], [5])
    found = [row[0] for row in stepped(whole, 20)]
    assert_close(found, [0.1 * (0.1 + 0.9 * t / 5) for t in range(5)] + [0.1 * s.cosine(10)(t) for t in range(15)])
    assert falling.last_epoch == 15
    assert whole.get_last_lr() == falling.get_last_lr()


@pytest.mark.parametrize("text", ["linear(1, 0, 10)", "linear(1, 0, 10) * infrared()"])
@pytest.mark.parametrize("steps_back", [1, 2])
def test_a_part_that_waits_tells_its_first_rate(text, steps_back):
    scheduler = Scheduler(sgd(), text)
    scheduler.last_epoch -= steps_back  # as SequentialLR does, and again where it is a part itself
    assert scheduler.get_last_lr() == [0.1]
    scheduler.step(0)  # how the torch of some years begins a part
    assert (scheduler.last_epoch, now(scheduler.optimizer)) == (0, [0.1])


def test_the_first_part_of_torchs_sequence_also_when_it_has_begun():
    for done in (0, 3):
        optimizer = sgd()
        first = Scheduler(optimizer, "warmup(5)", done=done)
        whole = SequentialLR(optimizer, [first, LambdaLR(optimizer, lambda t: 0.5)], [5 - done])
        assert_close(
            [row[0] for row in stepped(whole, 8 - done)], [0.1 * (t + 1) / 5 for t in range(done, 5)] + [0.05] * 3
        )


def test_a_plateau_scheduler_is_refused_by_torchs_sequence():
    optimizer = sgd()
    with pytest.raises(ValueError, match="ReduceLROnPlateau"):
        SequentialLR(optimizer, [PlateauScheduler(optimizer, "cosine(5)"), LinearLR(optimizer)], [5])


# controllers

X = np.random.default_rng(5).normal(size=(30, 4))
Y = X @ np.random.default_rng(6).normal(size=4)


def squares(theta):
    return ((torch.from_numpy(X) @ theta - torch.from_numpy(Y)) ** 2).mean()


@pytest.mark.parametrize(
    "text", ["0.1 * cosine() * infrared(0.5, 0.9)", "0.1 * (warmup(5) >> linear()) * plateau(0.5, 0)"]
)
def test_what_is_seen_before_the_update_decides_it_as_in_descend(text):
    run = descend(problems.least_squares(X, Y), f"sgd() | {text}", steps=40)
    theta = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([theta], lr=0.1)
    scheduler = Scheduler(optimizer, text, total_steps=40)
    rates = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = squares(theta)
        loss.backward()
        scheduler.see(loss=loss)
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert_close(rates, run.rates)
    assert_close(theta.detach(), run.params, rel=1e-9)
    assert len({round(one, 12) for one in rates}) > 5


@pytest.mark.parametrize("pass_twice", [False, True])
def test_what_was_seen_is_not_taken_twice(pass_twice):
    scheduler = Scheduler(sgd(), "plateau(0.5, 1)")
    for loss in (1.0, 1.0, 1.0):
        scheduler.see(loss=loss)
        scheduler.step(**({"loss": loss} if pass_twice else {}))
    assert now(scheduler.optimizer) == [0.05]  # at the second bad value in a row: each value counts once


def test_a_missing_quantity_is_told_at_the_first_step():
    scheduler = Scheduler(sgd(), "cosine(10) * infrared()")
    with pytest.raises(StepsizeError, match=r"needs the loss of update 0: write scheduler\.step\(loss=loss\)") as error:
        scheduler.step()
    assert one_line(error)
    assert scheduler.last_epoch == 0
    scheduler.step(loss=1.0)
    with pytest.raises(StepsizeError, match="update 1"):
        scheduler.step(grad_norm=1.0)
    scheduler.see(loss=0.5)
    scheduler.step()
    assert scheduler.last_epoch == 2


def test_a_bare_number_goes_to_what_is_needed():
    def answers(text, feed):
        scheduler = Scheduler(sgd(), text)
        for value in (4.0, 2.0, 1.5, 1.6):
            feed(scheduler, value)
        return scheduler.get_last_lr()

    loss = answers("infrared(0.1, 1)", lambda one, value: one.step(loss=value))
    assert answers("infrared(0.1, 1)", lambda one, value: one.step(value)) == loss
    assert answers("infrared(0.1, 1)", lambda one, value: one.step(torch.tensor([value]), None)) == loss
    assert answers("infrared(0.1, 1)", lambda one, value: one.step(99.0, loss=value)) == loss  # not needed: ignored
    metric = answers("plateau(0.5, 0, watch='metric')", lambda one, value: one.step(metric=value))
    assert answers("plateau(0.5, 0, watch='metric')", lambda one, value: one.step(value)) == metric == [0.05]


def test_a_bare_number_is_ignored_by_a_schedule():
    assert stepped(Scheduler(sgd(), "cosine(9)"), 9) == [
        [one] for one in stray(Scheduler(sgd(), "cosine(9)"), (32, torch.tensor(3.0), "text", None, math.nan))
    ]


def stray(scheduler, given):
    rates = []
    for i in range(9):
        rates.append(now(scheduler.optimizer)[0])
        scheduler.step(given[i % len(given)])
    return rates


class both(Controller):
    """Looks at two quantities at once: their product is its factor."""

    __slots__ = ()

    @property
    def needs(self):
        return ("loss", "grad_norm")

    def init(self):
        return (0,)

    def step(self, state, now):
        return now.loss * now.grad_norm, (state[0] + 1,), "asked"


def test_a_controller_of_two_quantities_is_asked_once_they_are_there():
    scheduler = Scheduler(sgd(), both())
    scheduler.see(loss=2.0)
    assert scheduler.why == ""
    scheduler.step(3.0)  # what is still needed
    assert_close(now(scheduler.optimizer), [0.6])
    scheduler.step(loss=2.0, grad_norm=2.0)
    assert_close(now(scheduler.optimizer), [0.4])
    assert scheduler.state_dict()["control"][0]["states"] == [[2]]
    with pytest.raises(StepsizeError, match="needs the grad_norm of update 2"):
        scheduler.step(loss=2.0)


class scaled(both):
    """Looks at every loss, and at a metric where there is one."""

    __slots__ = ()

    @property
    def needs(self):
        return ("loss", "metric")

    def step(self, state, now):
        return now.loss * (1 if now.metric is None else now.metric), (state[0] + 1,), "asked"


def test_a_controller_of_the_loss_and_the_metric_is_asked_at_every_update():
    scheduler = Scheduler(sgd(), scaled())
    scheduler.see(metric=5.0)
    for here, factor in (({"loss": 2.0}, 10), ({"loss": 3.0}, 3), ({"loss": 3.0, "metric": 2.0}, 6)):
        scheduler.step(**here)
        assert_close(now(scheduler.optimizer), [0.1 * factor])
    assert scheduler.state_dict()["control"][0]["states"] == [[3]]


def test_a_metric_comes_between_the_updates():
    scheduler = Scheduler(sgd(), "infrared(0, 1) * plateau(0.5, 0, watch='metric')")
    with pytest.raises(StepsizeError, match="needs the loss"):
        scheduler.step(5.0)  # a bare number is the metric where a metric is awaited
    for t in range(9):
        scheduler.step(loss=1.0)
        if t % 3 == 2:
            scheduler.see(metric=1.0)
    assert scheduler.why.startswith("plateau")
    assert scheduler.state_dict()["control"][0]["factors"] == [1.0, 0.25]


def test_a_metric_that_never_comes_is_told_after_an_epoch_once():
    quiet = Scheduler(sgd(), "plateau(watch='metric')", steps_per_epoch=3, done=100)
    for _ in range(3):
        quiet.step()
    quiet.see(metric=1.0)
    stepped(quiet, 20)
    scheduler = Scheduler(sgd(), "plateau(watch='metric')", steps_per_epoch=3)
    for _ in range(3):
        scheduler.step()
    with pytest.warns(UserWarning, match=r"waits for a metric and 3 updates brought none") as told:
        stepped(scheduler, 9)
    assert len(told) == 1
    assert told[0].filename == __file__
    assert scheduler.last_epoch == 12


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("feed", ["step", "see"])
def test_a_loss_that_is_not_finite_is_an_error_or_held(bad, feed):
    strict = Scheduler(sgd(), "infrared(0.5, 0.9)")
    for loss in (4.0, 2.0):
        strict.step(loss=loss)
    before = strict.state_dict()
    with pytest.raises(StepsizeError, match=f"the loss of update 2 is {bad}") as error:
        getattr(strict, feed)(loss=torch.tensor(bad))
    assert one_line(error)
    assert strict.state_dict() == before
    holding = Scheduler(sgd(), "infrared(0.5, 0.9)", on_nonfinite="hold")
    clean = Scheduler(sgd(), "infrared(0.5, 0.9)")
    for loss in (4.0, 2.0, bad, 1.5):
        holding.step(loss=loss)
        if math.isfinite(loss):
            clean.step(loss=loss)
    assert holding.get_last_lr() == clean.get_last_lr()
    assert holding.last_epoch == 4


@pytest.mark.parametrize("wrong", [torch.ones(2), "much", {"loss": 1}, [1.0, 2.0]])
def test_what_is_no_number_is_told(wrong):
    with pytest.raises(StepsizeError, match="loss must be a number or a tensor of one element") as error:
        Scheduler(sgd(), "infrared()").step(loss=wrong)
    assert one_line(error)


def test_updates_are_counted_not_batches():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, "linear(1, 0, 10)")
    for batch in range(12):
        optimizer.param_groups[0]["params"][0].sum().backward()
        if (batch + 1) % 4 == 0:
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    assert scheduler.last_epoch == 3
    assert_close(now(optimizer), [0.07])


# mixed precision


class Mixed:
    """A loop with a GradScaler, in which some gradients are infinite; counts what the optimizer really did."""

    def __init__(self, growth_interval=2, init_scale=1024.0, before=True):
        self.optimizer, self.before, self.made = sgd(), before, 0
        self.scaler = torch.amp.GradScaler("cpu", init_scale=init_scale, growth_interval=growth_interval)
        self.scheduler = Scheduler(self.optimizer, "linear(1, 0, 100)")
        self.optimizer.register_step_post_hook(self._count)

    def _count(self, *_):
        self.made += 1

    def batch(self, broken):
        (one,) = self.optimizer.param_groups[0]["params"]
        self.optimizer.zero_grad()
        self.scaler.scale(one.sum()).backward()
        if broken:
            one.grad[0] = math.inf
        self.scaler.step(self.optimizer)
        if self.before:
            self.scheduler.step(skipped=self.scaler)
        self.scaler.update()
        if not self.before:
            self.scheduler.step(skipped=self.scaler)

    def continued(self):
        """A new process: everything built anew and loaded."""
        new = Mixed(before=self.before)
        new.scheduler.load_state_dict(self.scheduler.state_dict())
        new.scaler.load_state_dict(self.scaler.state_dict())
        new.optimizer.load_state_dict(self.optimizer.state_dict())
        new.made = self.made
        return new


@pytest.mark.parametrize("before", [True, False], ids=["before update()", "after update()"])
@given(
    broken=st.lists(st.booleans(), min_size=1, max_size=12),
    interval=st.integers(1, 3),
    stop=st.integers(0, 12),
)
def test_an_update_that_the_scaler_left_out_does_not_count(before, broken, interval, stop):
    loop = Mixed(interval, before=before)
    for i, one in enumerate(broken):
        loop = loop.continued() if i == stop else loop
        loop.batch(one)
        assert loop.scheduler.last_epoch == loop.made
    assert_close(now(loop.optimizer), [0.1 * (1 - loop.made / 100)])


def test_a_scaler_that_has_been_at_work_before_the_scheduler_came():
    loop = Mixed(growth_interval=100, before=False)
    for one in (True, True, False):
        loop.batch(one)
    loop.scheduler, loop.made = Scheduler(loop.optimizer, "linear(1, 0, 100)"), 0
    loop.batch(False)  # the scale is lower than it began: no sign of a skip
    assert loop.scheduler.last_epoch == 1


@pytest.mark.parametrize(
    ("skipped", "counts"),
    [
        (True, False),
        (False, True),
        (None, True),
        (torch.tensor(True), False),
        (torch.tensor([0.0]), True),
        (np.bool_(True), False),
        (1, False),
        (torch.amp.GradScaler("cpu", enabled=False), True),
    ],
    ids=["True", "False", "None", "tensor", "tensor of one", "NumPy", "1", "a disabled scaler"],
)
def test_whether_an_update_was_skipped_can_be_said(skipped, counts):
    scheduler = Scheduler(sgd(), "plateau(0.5, 0)")
    for _ in range(3):
        scheduler.step(loss=1.0, skipped=skipped)
    assert scheduler.last_epoch == 3 * counts
    assert now(scheduler.optimizer) == [0.025 if counts else 0.1]  # and a controller sees nothing of it


def test_what_was_seen_of_a_skipped_update_does_not_stand_for_the_next():
    scheduler = Scheduler(sgd(), "infrared()")
    scheduler.see(loss=1.0)
    scheduler.step(skipped=True)
    with pytest.raises(StepsizeError, match="needs the loss"):
        scheduler.step()


def test_an_object_that_says_nothing_is_no_answer():
    with pytest.raises(StepsizeError, match="skipped must be True, False or a torch GradScaler") as error:
        Scheduler(sgd(), "cosine(9)").step(skipped=object())
    assert one_line(error)


# under the type of ReduceLROnPlateau


def test_a_plateau_scheduler_counts_the_optimizers_steps_and_takes_metrics():
    optimizer = sgd()
    scheduler = PlateauScheduler(optimizer, "linear(1, 0, 100) * plateau(0.5, 0, watch='metric')")
    for t in range(1, 11):
        optimizer.step()
        assert scheduler.last_epoch == t
        if t % 5 == 0:
            scheduler.step(1.0)
    assert_close(now(optimizer), [0.1 * 0.9 * 0.5])
    assert scheduler.get_last_lr() == now(optimizer)


def test_a_plateau_scheduler_hands_the_number_to_a_controller_of_the_loss():
    scheduler = PlateauScheduler(sgd(), "plateau(0.5, 0)")
    for _ in range(2):
        scheduler.step(torch.tensor(1.0))
    assert now(scheduler.optimizer) == [0.05]


def test_a_plateau_scheduler_continues_where_it_stopped():
    def fed(scheduler, ts):
        for t in ts:
            scheduler.optimizer.step()
            if t % 3 == 0:
                scheduler.step(abs(5 - t))
        return now(scheduler.optimizer), scheduler.state_dict()

    text = "cosine(30) * plateau(0.5, 0, watch='metric')"
    straight = fed(PlateauScheduler(sgd(), text), range(20))
    scheduler = PlateauScheduler(sgd(), text)
    fed(scheduler, range(9))
    again = PlateauScheduler(sgd(), text)
    again.load_state_dict(scheduler.state_dict())
    assert fed(again, range(9, 20)) == straight


# hosts


def test_accelerate_adds_to_the_count_while_it_accumulates():
    scheduler = Scheduler(sgd(), "cosine(9)")
    assert scheduler._step_count == 1
    scheduler.step()
    scheduler._step_count += 1
    scheduler.step()
    assert (scheduler._step_count, scheduler.last_epoch) == (4, 2)
    assert not hasattr(scheduler, "total_steps")
    again = Scheduler(sgd(), "cosine(9)")
    again.load_state_dict(scheduler.state_dict())
    assert again._step_count == 4


# what is refused


BAD = {
    "no length": (("cosine()",), {}, r"total_steps=…"),
    "no length, epochs": (("warmup('1ep') >> cosine()",), {"steps_per_epoch": 9}, r"total_steps=…"),
    "no epoch length": (("warmup('1ep') >> cosine()",), {"total_steps": 9}, "steps_per_epoch=…"),
    "no such name": (({"haed": "cosine(9)"},), {}, r"'haed' is neither a group \(there are 0 \('body'\)\) nor"),
    "no such index": (({1: "cosine(9)"},), {}, "1 is neither a group"),
    "a true index": (({True: "cosine(9)"},), {}, "True is neither a group"),
    "a negative index": (({-1: "cosine(9)"},), {}, "-1 is neither a group"),
    "not there": (({"body": {"betas.0": "cosine(9)"}},), {}, "write one of lr, momentum, dampening, weight_decay"),
    "a flag": (({"nesterov": "cosine(9)"},), {}, "no number 'nesterov' in group 0 .*write one of lr, momentum"),
    "nothing": (({"foreach": "cosine(9)"},), {}, "no number 'foreach'"),
    "parameters": (({"params": "cosine(9)"},), {}, "no number 'params'"),
    "empty": (({},), {}, r'write \{"lr": "cosine\(\)"\}'),
    "twice": (({"lr": "cosine(9)", "*": "linear(1, 0, 9)"},), {}, "the lr of group 0 .* is given twice"),
    "twice by group": (({0: "cosine(9)", "body": "linear(1, 0, 9)"},), {}, "leave one out"),
    "group inside": (({"lr": {"body": "cosine(9)"}},), {}, "name the group first"),
    "a strategy": (("sgd() | 0.5 * cosine(9)",), {}, r"write Scheduler\(optimizer, '0.5 \* cosine\(9\)'\)"),
    "a rule": ((s.adam(),), {}, "more than a rate"),
    "not a rate": ((object(),), {}, "must be a number ≥ 0"),
    "a negative rate": ((-0.1,), {}, "≥ 0"),
    "negative done": (("cosine(9)",), {"done": -1}, "done must be a number ≥ 0, not -1"),
    "no steps": (("cosine()",), {"total_steps": 0}, "total_steps must be a number ≥ 1, not 0"),
    "half a step": (("cosine()",), {"total_steps": 1.5}, "total_steps must be a whole number, not 1.5"),
    "text": (("cosine()",), {"total_steps": "100"}, "total_steps must be a number ≥ 1, not '100'"),
    "on_change": (("cosine(9)",), {"on_change": "ignore"}, "on_change must be one of error, keep, replace"),
    "on_nonfinite": (("cosine(9)",), {"on_nonfinite": "skip"}, "on_nonfinite must be one of raise, hold"),
}


@pytest.mark.parametrize(("arguments", "options", "told"), BAD.values(), ids=BAD)
def test_what_cannot_be_is_refused_in_one_line_that_says_what_to_write(arguments, options, told):
    optimizer = sgd(0.1, names=("body",))
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(StepsizeError, match=told) as error:
        Scheduler(optimizer, *arguments, **options)
    assert "\n" not in str(error.value)
    assert optimizer.state_dict() == before


def test_entries_of_betas_are_named():
    adam = torch.optim.Adam([weight()], lr=0.1)
    for key in ("betas", "betas.7", "betas.one"):
        with pytest.raises(StepsizeError, match=r"write one of lr, betas\.0, betas\.1, eps") as error:
            Scheduler(adam, {key: "cosine(9)"})
        assert one_line(error)


def test_a_name_that_is_a_group_and_a_hyper_parameter():
    with pytest.raises(StepsizeError, match="'momentum' is a hyper-parameter and the name of a group: rename") as error:
        Scheduler(sgd(0.1, names=("momentum",)), {"momentum": "cosine(9)"})
    assert one_line(error)


def test_an_optimizer_is_needed_and_groups_in_it():
    for wrong in (torch.nn.Linear(2, 2), None, "sgd", [0.1]):
        with pytest.raises(StepsizeError, match=r"must be a torch\.optim\.Optimizer"):
            Scheduler(wrong, "cosine(9)")
    empty = sgd()
    empty.param_groups.clear()
    with pytest.raises(StepsizeError, match="no parameter groups") as error:
        Scheduler(empty, "cosine(9)")
    assert one_line(error)
