"""`from_torch` against the schedulers themselves: every group, every step, past the end too; each oddity is named."""

from __future__ import annotations

import copy
import math
import pickle
import re
import warnings
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from torch.optim import lr_scheduler as lrs
from torch.optim.swa_utils import SWALR

from stepsize import StepsizeError, parse, plateau, rate, seen
from stepsize.adapters.torch import from_torch
from stepsize.adapters.torch.scheduler import Scheduler
from stepsize.schedules.base import Factor
from stepsize.schedules.opaque import opaque

BASES = (0.3, 0.06)
STEPS = 130

pytestmark = pytest.mark.filterwarnings("ignore:The epoch parameter", "ignore:Detected call")


def optimizer(kind=torch.optim.SGD, bases=BASES, tensors=False, **options):
    options = {"momentum": 0.9} | options if kind is torch.optim.SGD else options
    made = [torch.tensor(one, dtype=torch.float64) if tensors else one for one in bases]
    return kind([{"params": [torch.zeros(1, requires_grad=True)], "lr": one} for one in made], **options)


def read(group, field):
    name, _, place = field.partition(".")
    return float(group[name][int(place)] if place else group[name])


def used(scheduler, steps, fields):
    """For every update, group and hyper-parameter what torch has in its groups when the update is made."""
    rows = []
    for t in range(steps):
        if t:
            scheduler.optimizer.step()
            scheduler.step()
        rows.append([{name: read(group, name) for name in fields} for group in scheduler.optimizer.param_groups])
    return rows


def by_group(expression, count):
    """What a result says, for every group: hyper-parameter → expression."""
    if isinstance(expression, (Factor, rate)):
        expression = {"lr": expression}
    if not all(isinstance(key, int) for key in expression):
        expression = dict.fromkeys(range(count), expression)
    return [one if isinstance(one, dict) else {"lr": one} for one in map(expression.__getitem__, range(count))]


def assert_same(build, steps=STEPS, bases=BASES, kind=torch.optim.SGD, **options):
    """The expression has torch's values; returns it."""
    made = from_torch(build(optimizer(kind, bases, **options)))
    groups = by_group(made, len(bases))
    for t, row in enumerate(used(build(optimizer(kind, bases, **options)), steps, groups[0])):
        for base, told, ours in zip(bases, row, groups, strict=True):
            for name, expression in ours.items():
                scale = 1.0 if isinstance(expression, rate) else base
                theirs = max(told[name], 0.0)  # a chain of torch's can go below
                assert scale * expression(t) == pytest.approx(theirs, rel=1e-12, abs=1e-14), (t, name, expression)
    return made


def sequential(*build, milestones):
    return lambda optimizer: lrs.SequentialLR(optimizer, [one(optimizer) for one in build], list(milestones))


def chained(*build):
    return lambda optimizer: lrs.ChainedScheduler([one(optimizer) for one in build])


def inverse(t):
    return 1 / (1 + t / 10)


def slowly(t):
    return 0.99 if t % 2 else 0.97


SINGLE = {
    "ConstantLR": (lrs.ConstantLR, [{}, {"factor": 0.5, "total_iters": 40}, {"factor": 0.5, "total_iters": 0}]),
    "LinearLR": (
        lrs.LinearLR,
        [{}, {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 50}, {"start_factor": 0.2, "total_iters": 0}],
    ),
    "ExponentialLR": (lrs.ExponentialLR, [{"gamma": 0.97}, {"gamma": 1.01}, {"gamma": 1.0}]),
    "StepLR": (lrs.StepLR, [{"step_size": 30}, {"step_size": 1, "gamma": 0.9}, {"step_size": 7, "gamma": 1.1}]),
    "MultiStepLR": (
        lrs.MultiStepLR,
        [{"milestones": [30, 80]}, {"milestones": [9, 5, 5], "gamma": 0.5}, {"milestones": [0, 9], "gamma": 0.5}],
    ),
    "PolynomialLR": (lrs.PolynomialLR, [{}, {"total_iters": 90, "power": 2.0}, {"total_iters": 0}]),
    "CosineAnnealingLR": (
        lrs.CosineAnnealingLR,
        [{"T_max": 50}, {"T_max": 50, "eta_min": 0.02}, {"T_max": 40, "eta_min": 0.5}, {"T_max": 1}, {"T_max": 10.5}],
    ),
    "CosineAnnealingWarmRestarts": (
        lrs.CosineAnnealingWarmRestarts,
        [{"T_0": 10}, {"T_0": 10, "T_mult": 2, "eta_min": 0.02}, {"T_0": 1}, {"T_0": 25, "eta_min": 0.5}],
    ),
    "SWALR": (
        SWALR,
        [
            {"swa_lr": 0.05},
            {"swa_lr": [0.5, 0.01], "anneal_epochs": 20, "anneal_strategy": "linear"},
            {"swa_lr": 0.05, "anneal_epochs": 0},
            {"swa_lr": 0.3, "anneal_epochs": 1},
        ],
    ),
    "CyclicLR": (
        lrs.CyclicLR,
        [
            {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 20},
            {"base_lr": [0.01, 0.0], "max_lr": [0.1, 0.2], "step_size_up": 10, "step_size_down": 30},
            {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 20, "step_size_down": 30, "mode": "triangular2"},
            {"base_lr": 0.0, "max_lr": 0.1, "step_size_up": 20, "mode": "exp_range", "gamma": 0.99},
            {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 7, "cycle_momentum": False},
            {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 2.5, "step_size_down": 3.25},
            {"base_lr": 0.1, "max_lr": 0.01, "step_size_up": 20, "mode": "triangular2"},  # downwards
            {"base_lr": 0.1, "max_lr": 0.1, "step_size_up": 20},
            {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 10, "step_size_down": 0},
            {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 20, "base_momentum": 0.95, "max_momentum": 0.6},
            {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 20, "scale_fn": inverse, "scale_mode": "iterations"},
            {"base_lr": [0.1, 0], "max_lr": 0.01, "step_size_up": 9, "scale_fn": inverse, "base_momentum": [0.7, 0.8]},
        ],
    ),
    "LambdaLR": (lrs.LambdaLR, [{"lr_lambda": inverse}, {"lr_lambda": [inverse, slowly]}]),
    "MultiplicativeLR": (lrs.MultiplicativeLR, [{"lr_lambda": slowly}, {"lr_lambda": [slowly, inverse]}]),
}
ONECYCLES = [
    {"total_steps": 100},
    {"total_steps": 101, "max_lr": [0.1, 0.4]},
    {"total_steps": 77, "pct_start": 0.4, "anneal_strategy": "linear"},
    {"epochs": 5, "steps_per_epoch": 20, "three_phase": True, "div_factor": 10.0, "final_div_factor": 100.0},
    {"total_steps": 99, "pct_start": 0.0},
    {"total_steps": 80, "pct_start": 0.0, "three_phase": True},
    {"total_steps": 99, "pct_start": 1.0},
    {"total_steps": 63, "three_phase": True, "anneal_strategy": "linear"},
    {"total_steps": 60, "pct_start": 0.6, "three_phase": True},
    {"total_steps": 50, "base_momentum": [0.7, 0.6], "max_momentum": 0.99},
    {"total_steps": 50, "cycle_momentum": False},
]
CASES = [(name, kind, options) for name, (kind, rows) in SINGLE.items() for options in rows]


def told(options):
    """Arguments as a test's name: the same in every process, so functions by their own names."""
    return re.sub(r"<function (\w+) at \w+>", r"\1", str(options))


@pytest.mark.parametrize(
    ("name", "kind", "options"), CASES, ids=[f"{name} {told(options)}" for name, _, options in CASES]
)
def test_every_class_alone(name, kind, options):
    assert_same(lambda optimizer: kind(optimizer, **options))


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
@pytest.mark.parametrize("options", ONECYCLES, ids=str)
def test_onecycle_with_its_momentum(options, kind):
    steps = options.get("total_steps", 100)
    made = assert_same(lambda optimizer: lrs.OneCycleLR(optimizer, **{"max_lr": 0.1} | options), steps, kind=kind)
    fields = set(by_group(made, 2)[0])
    momentum = {torch.optim.SGD: "momentum", torch.optim.AdamW: "betas.0"}[kind]
    assert fields == ({"lr", momentum} if options.get("cycle_momentum", True) else {"lr"})


@pytest.mark.parametrize("options", SINGLE["CyclicLR"][1], ids=told)
def test_cyclic_moves_the_first_beta_of_adam(options):
    made = assert_same(lambda optimizer: lrs.CyclicLR(optimizer, **options), kind=torch.optim.Adam)
    assert ("betas.0" in by_group(made, 2)[0]) == options.get("cycle_momentum", True)


@pytest.mark.parametrize(
    "build",
    [
        partial(lrs.CosineAnnealingLR, T_max=50, eta_min=0.02),
        partial(lrs.CosineAnnealingWarmRestarts, T_0=20, eta_min=0.02),
        partial(SWALR, swa_lr=0.05),
        partial(SWALR, swa_lr=0.05, anneal_strategy="linear"),
        partial(SWALR, swa_lr=0.05, anneal_epochs=0),
        partial(lrs.LinearLR, total_iters=10),
        sequential(
            partial(lrs.LinearLR, total_iters=10),
            partial(lrs.CosineAnnealingLR, T_max=5, eta_min=0.02),
            milestones=[10],
        ),
    ],
)
def test_a_base_rate_of_zero(build):
    assert_same(build, bases=(0.0, 0.3))


@pytest.mark.parametrize("name", SINGLE)
def test_rates_that_are_tensors(name):
    kind, rows = SINGLE[name]
    assert_same(lambda optimizer: kind(optimizer, **rows[0]), tensors=True)


def test_a_onecycle_whose_rates_are_tensors():
    assert_same(lambda optimizer: lrs.OneCycleLR(optimizer, 0.1, 50), 50, tensors=True)


# --- what comes out


def out(build, bases=BASES, **options):
    return from_torch(build(optimizer(bases=bases, **options)))


def test_one_factor_where_all_groups_are_multiplied_alike():
    assert out(partial(lrs.StepLR, step_size=30)) == parse("staircase(0.1, 30)")
    assert isinstance(out(partial(lrs.LambdaLR, lr_lambda=inverse)), opaque)
    assert out(partial(lrs.MultiplicativeLR, lr_lambda=slowly)) == out(partial(lrs.MultiplicativeLR, lr_lambda=slowly))


def test_one_rate_where_all_groups_are_given_the_same():
    made = out(partial(lrs.OneCycleLR, max_lr=0.1, total_steps=100, cycle_momentum=False))
    assert made == parse("0.1 * piecewise((0, 0.04), (29, 1.0), (99, 4e-06), shape='cosine')")


def test_a_mapping_by_hyper_parameter():
    assert out(partial(lrs.OneCycleLR, max_lr=0.1, total_steps=100)) == {
        "lr": parse("0.1 * piecewise((0, 0.04), (29, 1.0), (99, 4e-06), shape='cosine')"),
        "momentum": parse("1.0 * piecewise((0, 0.95), (29, 0.85), (99, 0.95), shape='cosine')"),
    }


def test_a_mapping_by_group_where_absolute_minima_are_different_shares():
    assert out(partial(lrs.CosineAnnealingWarmRestarts, T_0=10, eta_min=0.03)) == {
        0: parse("repeat(cosine(10, final=0.1))"),
        1: parse("repeat(cosine(10, final=0.5))"),
    }
    assert out(partial(lrs.CosineAnnealingWarmRestarts, T_0=10, eta_min=0.03), bases=(0.3, 0.3)) == parse(
        "repeat(cosine(10, final=0.1))"
    )


def test_a_mapping_by_group_and_hyper_parameter():
    made = out(partial(lrs.CyclicLR, base_lr=0.0, max_lr=[0.1, 0.2], step_size_up=10))
    assert list(made) == [0, 1]
    assert list(made[0]) == ["lr", "momentum"]
    assert made[1]["lr"](10) == 0.2


def test_numbers_are_written_without_the_noise_of_a_division():
    assert str(out(partial(SWALR, swa_lr=0.03), bases=(0.3,))) == "cosine(10, final=0.1)"


@pytest.mark.parametrize(
    ("name", "kind", "options"), CASES[::3], ids=[f"{name} {told(options)}" for name, _, options in CASES[::3]]
)
def test_the_scheduler_is_left_alone_and_may_have_begun(name, kind, options):
    scheduler = kind(optimizer(), **options)
    fresh = from_torch(scheduler)
    for _ in range(7):
        scheduler.optimizer.step()
        scheduler.step()
    before = copy.deepcopy(scheduler.state_dict()), copy.deepcopy(scheduler.optimizer.state_dict())
    assert from_torch(scheduler) == fresh
    assert (scheduler.state_dict(), scheduler.optimizer.state_dict()) == before


RUNS = {
    "SequentialLR": sequential(
        partial(lrs.LinearLR, total_iters=10), partial(lrs.CosineAnnealingLR, T_max=40, eta_min=0.01), milestones=[10]
    ),
    "OneCycleLR": partial(lrs.OneCycleLR, max_lr=0.1, total_steps=60),
    "CyclicLR": partial(lrs.CyclicLR, base_lr=0.01, max_lr=[0.1, 0.2], step_size_up=10),
    "MultiplicativeLR": partial(lrs.MultiplicativeLR, lr_lambda=slowly),
    "ChainedScheduler": chained(
        partial(lrs.ExponentialLR, gamma=0.9), partial(lrs.CosineAnnealingLR, T_max=40, eta_min=0.01)
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_our_scheduler_writes_what_torchs_writes(name):
    theirs = RUNS[name](optimizer())
    fields = by_group(from_torch(theirs), 2)[0]
    # the mapping is for an optimizer whose groups begin alike where it sets one rate for all of them
    mine = optimizer(bases=BASES if name != "OneCycleLR" else (0.1, 0.1))
    ours = Scheduler(mine, from_torch(theirs))
    for t in range(40):
        for a, b in zip(mine.param_groups, theirs.optimizer.param_groups, strict=True):
            for field in fields:
                assert read(a, field) == pytest.approx(read(b, field), rel=1e-12, abs=1e-15), t
        for one in (theirs, ours):
            one.optimizer.step()
            one.step()


def test_a_state_of_ours_around_a_python_function_is_saved_and_loaded():
    build = chained(BUILD["lambda"], BUILD["exponential"])
    ours = Scheduler(optimizer(), out(build))
    for _ in range(9):
        ours.optimizer.step()
        ours.step()
    again = Scheduler(optimizer(), out(build))
    again.load_state_dict(copy.deepcopy(ours.state_dict()))
    assert again.get_last_lr() == ours.get_last_lr()


# --- composites

BUILD = {
    "constant": partial(lrs.ConstantLR, factor=0.5, total_iters=6),
    "linear": partial(lrs.LinearLR, start_factor=0.25, total_iters=8),
    "exponential": partial(lrs.ExponentialLR, gamma=0.95),
    "step": partial(lrs.StepLR, step_size=5, gamma=0.5),
    "multistep": partial(lrs.MultiStepLR, milestones=[3, 9], gamma=0.5),
    "polynomial": partial(lrs.PolynomialLR, total_iters=30, power=1.5),
    "cosine": partial(lrs.CosineAnnealingLR, T_max=12),
    "cosine eta": partial(lrs.CosineAnnealingLR, T_max=12, eta_min=0.01),
    "restarts": partial(lrs.CosineAnnealingWarmRestarts, T_0=5, T_mult=2, eta_min=0.01),
    "lambda": partial(lrs.LambdaLR, lr_lambda=inverse),
    "multiplicative": partial(lrs.MultiplicativeLR, lr_lambda=slowly),
    "swa": partial(SWALR, swa_lr=0.05, anneal_epochs=6),
    "cyclic": partial(lrs.CyclicLR, base_lr=0.01, max_lr=0.2, step_size_up=4),
    "onecycle": partial(lrs.OneCycleLR, max_lr=0.2, total_steps=90),
}
MULTIPLY = ["constant", "linear", "exponential", "step", "multistep", "polynomial"]
SIMPLE = st.sampled_from(sorted(set(BUILD) - {"onecycle", "cyclic"}))
ANY = st.sampled_from(sorted(BUILD))


@pytest.mark.parametrize("second", BUILD)
@pytest.mark.parametrize("first", BUILD)
def test_any_class_after_any_other(first, second):
    assert_same(sequential(BUILD[first], BUILD[second], milestones=[7]), 60)


def kinds_inside(made):
    return {one.word() for group in by_group(made, 2) for one in group.values() for one in _parts(one)}


def _parts(expression):
    inside = expression.factor if isinstance(expression, rate) else expression
    yield inside
    for one in getattr(inside, "parts", ()):
        yield from _parts(one)


@given(data=st.data())
@examples(max_examples=150)
def test_random_sequences(data):
    parts = data.draw(st.lists(ANY, min_size=1, max_size=4))
    cuts = data.draw(st.lists(st.integers(0, 30), min_size=len(parts) - 1, max_size=len(parts) - 1).map(sorted))
    made = assert_same(sequential(*(BUILD[one] for one in parts), milestones=cuts), 60)
    moved = {"onecycle", "cyclic"} & set(parts)  # these change the initial rate, which may not be the cosine's
    if not {"lambda", "multiplicative"} & set(parts) and not (moved and any("cosine" in one for one in parts)):
        assert "opaque" not in kinds_inside(made)


@given(data=st.data())
@examples(max_examples=100)
def test_random_nests_of_sequences_and_chains(data):
    """As torch allows them: a composite may only be the head of a sequence, and any member of a chain."""

    def nest(depth):
        if depth == 0 or data.draw(st.booleans()):
            return BUILD[data.draw(SIMPLE)]
        tail = [BUILD[one] for one in data.draw(st.lists(SIMPLE, min_size=1, max_size=2))]
        if data.draw(st.booleans()):
            return chained(nest(depth - 1), *tail, nest(depth - 1))
        cuts = data.draw(st.lists(st.integers(3, 25), min_size=len(tail), max_size=len(tail), unique=True).map(sorted))
        return sequential(nest(depth - 1), *tail, milestones=cuts)

    assert_same(nest(2), 40)


@given(names=st.lists(st.sampled_from(MULTIPLY), min_size=2, max_size=4))
def test_a_chain_of_what_multiplies_is_a_product(names):
    made = assert_same(chained(*(BUILD[one] for one in names)), 60)
    assert isinstance(made, Factor)
    assert parse(str(made)) == made


@given(names=st.lists(ANY, min_size=1, max_size=4))
@examples(max_examples=100)
def test_any_chain(names):
    assert_same(chained(*(BUILD[one] for one in names)), 60)


def test_a_warm_up_chained_with_a_cosine_is_a_product_past_the_end_too():
    made = assert_same(chained(BUILD["linear"], BUILD["cosine"]), 200)
    assert str(made) == "linear(0.25, 1.0, 8) * formula('0.5 * (1 + cos(pi * t / 12))')"


LONG = partial(lrs.LinearLR, start_factor=0.25, total_iters=20)

LATE = partial(lrs.StepLR, step_size=20, gamma=0.5)


@pytest.mark.parametrize("cosine", ["cosine", "cosine eta"])
@pytest.mark.parametrize("other", [*(BUILD[one] for one in MULTIPLY), LONG, LATE], ids=[*MULTIPLY, "longer", "later"])
def test_a_cosine_chained_with_anything_that_multiplies(other, cosine):
    made = assert_same(chained(other, BUILD[cosine]), 60)
    assert_same(chained(BUILD[cosine], other), 60)
    forgets = cosine != "cosine" or other not in (BUILD["linear"], BUILD["constant"])
    assert ("opaque" in kinds_inside(made)) == forgets


def test_a_chain_in_a_chain_is_flat():
    made = assert_same(chained(BUILD["linear"], chained(BUILD["exponential"], BUILD["step"])))
    assert str(made) == "linear(0.25, 1.0, 8) * exponential(0.95, every=1) * staircase(0.5, 5)"


# --- where torch contradicts itself


def test_onecycle_holds_its_last_update_where_torch_bounces_once_and_raises():
    """Matched: updates 0 … total_steps − 1. torch writes one more value, which goes up, and then raises."""
    scheduler = lrs.OneCycleLR(optimizer(), 0.1, 100, cycle_momentum=False)
    made = from_torch(scheduler)
    for _ in range(100):
        scheduler.optimizer.step()
        scheduler.step()
    assert scheduler.get_last_lr()[0] > 1.01 * made(99)
    assert made(100) == made(99) == made(10**6)
    with pytest.raises(ValueError, match="Tried to step 101 times"):
        scheduler.step()


def test_a_cosine_past_its_end_goes_up_again_as_torchs_does():
    """Matched: the bounce, for ever; `cosine` is the word that holds."""
    made = assert_same(partial(lrs.CosineAnnealingLR, T_max=10, eta_min=0.01), 500)
    assert made[0](20) == pytest.approx(1.0)


def test_a_cosine_with_a_minimum_in_a_chain_is_replayed_not_multiplied():
    """Matched: torch's recursion, which pulls the whole chained rate towards eta_min; the product would go below it."""
    build = chained(BUILD["exponential"], BUILD["cosine eta"])
    made = assert_same(build)
    assert [str(one) for one in made.values()] == ["opaque('ChainedScheduler')"] * 2
    assert BASES[0] * made[0](12) == pytest.approx(0.01, rel=1e-9)


def test_a_chained_cosine_forgets_the_others_past_its_end():
    """Matched: at its zero torch's recursion loses what the others did, and begins again from the base rate."""
    made = assert_same(chained(BUILD["exponential"], BUILD["cosine"]), 40)
    assert isinstance(made, opaque)
    assert made(11) == pytest.approx(0.95**11 * 0.5 * (1 + math.cos(math.pi * 11 / 12)), rel=1e-12)
    assert made(24) == pytest.approx(0.95**11, rel=1e-9)  # not 0.95**24


def test_a_chained_cosine_with_a_minimum_can_go_below_zero_in_torch_and_is_zero_here():
    build = chained(BUILD["exponential"], BUILD["cosine eta"])
    lowest = [min(row[1]["lr"] for row in used(build(optimizer()), steps, ["lr"])) for steps in (18, 40)]
    assert lowest[0] > 0 > lowest[1]
    assert min(out(build)[1](t) for t in range(40)) == 0.0


@pytest.mark.parametrize("last", ["restarts", "lambda", "onecycle"])
def test_a_chain_ends_as_its_last_member_where_that_writes_the_rate(last):
    """Matched: what came before such a member is forgotten at every step, so it is left out."""
    made = assert_same(chained(BUILD["exponential"], BUILD["linear"], BUILD[last]), 80)
    assert made == out(BUILD[last])


def test_a_cyclic_that_is_built_second_begins_at_the_rate_of_the_first():
    """Matched: its constructor computes update 0 from `initial_lr`, which is the other scheduler's."""
    made = assert_same(chained(BUILD["exponential"], BUILD["cyclic"]), 40)
    assert made[0]["lr"](0) == 0.3
    assert made[0]["lr"](1) == pytest.approx(out(BUILD["cyclic"])["lr"](1), rel=1e-15)


def test_what_comes_after_a_member_that_writes_the_rate_acts_for_one_step():
    """Matched: torch multiplies by 0.95 once, on what was just written, not by a power of it."""
    made = assert_same(chained(BUILD["lambda"], BUILD["exponential"]), 40)
    assert made(20) == pytest.approx(inverse(20) * 0.95, rel=1e-12)


def test_restarts_are_counted_as_step_does_and_not_as_step_of_an_epoch():
    """Matched: `step()`. `step(epoch)` takes the cycle from a logarithm and misses the restart at 1210."""
    made = assert_same(partial(lrs.CosineAnnealingWarmRestarts, T_0=10, T_mult=3), 1300, bases=(0.3,))
    assert made(1210) == 1.0
    scheduler = lrs.CosineAnnealingWarmRestarts(optimizer(), 10, 3)
    scheduler.step(1210)
    assert scheduler.get_last_lr()[0] < 1e-9


def test_swa_after_another_begins_from_the_rate_that_it_finds():
    """Matched: torch goes on from the last rate of the part before; every other class begins at its own base."""
    made = assert_same(sequential(BUILD["linear"], BUILD["swa"], milestones=[4]), 30)
    assert made[0](4) == made[0](3) == pytest.approx(0.25 + 0.75 * 3 / 8)


def test_swa_after_a_rise_begins_above_the_base_rate():
    made = assert_same(sequential(partial(lrs.ExponentialLR, gamma=1.1), BUILD["swa"], milestones=[9]), 30)
    assert made[0](9) == pytest.approx(1.1**8)


def test_a_multiplicative_part_also_multiplies_where_it_begins_and_alone_it_does_not():
    """Matched, both: lr_lambda(0) is left out at the head and used behind another part."""
    assert out(BUILD["multiplicative"])(0) == 1.0
    made = assert_same(sequential(BUILD["constant"], BUILD["multiplicative"], milestones=[4]), 30)
    assert made(4) == pytest.approx(0.5 * slowly(0))


def test_a_constant_of_no_steps_is_kept_at_the_head_and_undone_behind_another_part():
    """Matched, both: the recursion never undoes it, the closed form that a milestone uses never does it."""
    none = partial(lrs.ConstantLR, factor=0.5, total_iters=0)
    assert assert_same(sequential(none, BUILD["step"], milestones=[3]), 20)(2) == 0.5
    assert assert_same(sequential(BUILD["step"], none, milestones=[3]), 20)(5) == 1.0


def test_a_sequence_begins_at_the_rate_that_a_onecycle_inside_made_the_initial_one():
    """Matched: OneCycleLR overwrites `initial_lr`, from which SequentialLR begins, when it is built."""
    made = assert_same(sequential(BUILD["linear"], BUILD["onecycle"], milestones=[6]), 60)
    assert made["lr"](0) == pytest.approx(0.25 * 0.2 / 25)
    assert made["momentum"](3) == 0.95


def test_a_milestone_below_0_is_one_at_0():
    assert str(assert_same(sequential(BUILD["linear"], BUILD["step"], milestones=[-3]), 30)) == "staircase(0.5, 5)"


def test_a_composite_at_the_head_of_a_sequence_keeps_torchs_shifted_clock():
    """Matched, by replay: the inner milestone 4 is reached at update 3, and a chain's members step once too often."""
    inner = sequential(BUILD["linear"], BUILD["exponential"], milestones=[4])
    made = assert_same(sequential(inner, BUILD["step"], milestones=[9]), 30)
    assert isinstance(made, opaque)
    assert made(3) == 1.0
    assert assert_same(inner, 30)(3) == pytest.approx(0.25 + 0.75 * 3 / 8)
    head = assert_same(sequential(chained(BUILD["exponential"], BUILD["step"]), BUILD["linear"], milestones=[9]), 30)
    assert head(0) == pytest.approx(0.95)


def test_a_composite_behind_another_part_is_what_it_says_where_torch_raises():
    build = sequential(BUILD["linear"], sequential(BUILD["exponential"], BUILD["step"], milestones=[4]), milestones=[8])
    scheduler = build(optimizer())
    assert str(from_torch(scheduler)) == "linear(0.25, 1.0, 8) >> exponential(0.95, 4, every=1) >> staircase(0.5, 5)"
    with pytest.raises(NotImplementedError):
        used(scheduler, 12, ["lr"])


def test_where_torch_raises_a_replayed_chain_holds():
    build = chained(partial(lrs.OneCycleLR, max_lr=0.2, total_steps=20), BUILD["exponential"])
    made = out(build)["lr"]
    assert made(21) == made(20) == made(10**6)


@pytest.mark.parametrize("options", SINGLE["CyclicLR"][1], ids=told)
def test_a_replayed_cyclic_is_built_again_as_it_was(options):
    made = assert_same(chained(partial(lrs.CyclicLR, **options), BUILD["exponential"]), 60)
    assert "opaque" in kinds_inside(made)


def test_a_replayed_onecycle_is_built_again_as_it_was():
    for options in ONECYCLES:
        build = chained(partial(lrs.OneCycleLR, **{"max_lr": 0.1} | options), BUILD["exponential"])
        assert_same(build, options.get("total_steps", 100), kind=torch.optim.AdamW)


def test_two_schedulers_on_one_optimizer_are_each_told_as_if_alone():
    """The second one's own rate is the initial one, though the first has written another already."""
    both = optimizer()
    lrs.ConstantLR(both, 0.5)
    second = lrs.ExponentialLR(both, 0.9)
    assert from_torch(second) == parse("exponential(0.9, every=1)")
    chain = lrs.ChainedScheduler([second, lrs.StepLR(both, 3)])
    lrs.OneCycleLR(both, 0.5, 100)  # makes another rate the initial one
    assert from_torch(second)[0] == parse("0.3 * exponential(0.9, every=1)")
    assert from_torch(chain)[0] == parse("0.3 * (exponential(0.9, every=1) * staircase(0.1, 3))")


# --- the plateau


def follow(rule, metrics, base):
    state, rates = rule.init(), []
    for metric in metrics:
        value, state, _ = rule.step(state, seen(metric=metric))
        rates.append(base * value)
    return rates


@given(
    metrics=st.lists(st.sampled_from([1.0, 0.9, 0.5, 1.5, 0.89991, math.nan]), max_size=40),
    options=st.fixed_dictionaries(
        {
            "mode": st.sampled_from(["min", "max"]),
            "factor": st.sampled_from([0.1, 0.5]),
            "patience": st.integers(0, 3),
            "threshold": st.sampled_from([0.0, 1e-4, 0.3]),
            "threshold_mode": st.sampled_from(["rel", "abs"]),
            "cooldown": st.integers(0, 2),
            "min_lr": st.sampled_from([0.0, 0.05, [0.2, 0.001], 1.0]),
            "eps": st.sampled_from([1e-8, 0.02]),
        }
    ),
)
def test_reduce_on_plateau(metrics, options):
    theirs = lrs.ReduceLROnPlateau(optimizer(), **options)
    made = by_group(from_torch(theirs), 2)
    told = []
    for metric in metrics:
        theirs.step(metric)
        told.append([group["lr"] for group in theirs.optimizer.param_groups])
    for i, base in enumerate(BASES):
        assert follow(made[i]["lr"], metrics, base) == pytest.approx([row[i] for row in told], rel=1e-12)


def test_a_plateau_of_groups_that_agree_is_one_rule():
    assert out(partial(lrs.ReduceLROnPlateau, eps=0.0)) == plateau(watch="metric", nonfinite="bad")
    assert out(partial(lrs.ReduceLROnPlateau, min_lr=0.03, eps=0.0))[1].floor == 0.5
    assert out(lrs.ReduceLROnPlateau, bases=(0.0,)) == plateau(watch="metric", nonfinite="bad")


def test_a_plateau_that_has_begun_goes_on_from_the_rate_that_is_there():
    scheduler = lrs.ReduceLROnPlateau(optimizer(bases=(0.4,)), patience=0, factor=0.5, min_lr=0.1, eps=0)
    scheduler.step(1.0), scheduler.step(1.0)
    assert from_torch(scheduler).floor == 0.5  # of 0.2


# --- what is refused, and what opaque leaves can do


class Mine(lrs.StepLR):
    pass


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (partial(Mine, step_size=3), "Mine is none of ChainedScheduler, .*, SequentialLR, StepLR: write its factor as"),
        (chained(BUILD["step"], partial(Mine, step_size=3)), "Mine is none of"),
        (lambda optimizer: optimizer, "SGD is none of"),
        (lambda optimizer: None, "NoneType is none of"),
        (lambda optimizer: Scheduler(optimizer, "staircase(0.1, 3)"), "Scheduler is none of"),
    ],
)
def test_what_is_not_known_is_an_error_that_names_it(build, message):
    with pytest.raises(StepsizeError, match=message) as error:
        out(build)
    assert "\n" not in str(error.value)


def test_a_group_added_later_is_an_error():
    scheduler = lrs.StepLR(optimizer(), 3)
    scheduler.optimizer.add_param_group({"params": [torch.zeros(1, requires_grad=True)]})
    with pytest.raises(StepsizeError, match="StepLR was built for 2 groups and the optimizer has 3: build the"):
        from_torch(scheduler)


def test_a_replayed_chain_answers_in_any_order_and_does_not_keep_the_model():
    made = out(chained(BUILD["lambda"], BUILD["exponential"]))
    later = made(50)
    assert made(3) == out(chained(BUILD["lambda"], BUILD["exponential"]))(3)
    assert made(50) == later
    assert made(torch.arange(5)).tolist() == [made(t) for t in range(5)]
    assert pickle.loads(pickle.dumps(made))(70) == made(70)
    with pytest.raises(StepsizeError, match="cannot be written down"):
        pickle.dumps(out(chained(partial(lrs.LambdaLR, lr_lambda=lambda t: 1.0), BUILD["exponential"])))


def test_functions_of_a_module_pickle():
    for build in (BUILD["multiplicative"], BUILD["lambda"]):
        made = out(build)
        assert pickle.loads(pickle.dumps(made))(9) == made(9)
    swing = out(partial(lrs.CyclicLR, base_lr=0.1, max_lr=0.2, step_size_up=3, scale_fn=inverse))
    assert pickle.loads(pickle.dumps(swing["lr"]))(9) == swing["lr"](9)


def test_nothing_is_warned_about():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = out(chained(BUILD["lambda"], BUILD["exponential"]))
        made(10)


def test_lambdas_get_whole_steps():
    given_ = []
    made = out(partial(lrs.LambdaLR, lr_lambda=lambda t: given_.append(t) or [1.0, 0.5, 0.25][min(t, 2)]))
    assert made(2) == 0.25
    assert all(type(one) is int for one in given_)
