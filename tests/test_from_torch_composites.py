"""`from_torch` against torch's sequences and chains, random ones included."""

from __future__ import annotations

import random
from functools import partial

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from torch.optim import lr_scheduler as lrs
from torch.optim.swa_utils import SWALR

from stepsize import parse
from stepsize.adapters.torch import Scheduler, from_torch
from stepsize.schedules.base import Factor
from told import BUILD, assert_same, chained, kinds_inside, optimizer, sequential

pytestmark = pytest.mark.filterwarnings("ignore:The epoch parameter", "ignore:Detected call")

MULTIPLY = ["constant", "linear", "exponential", "step", "multistep", "polynomial"]
SIMPLE = st.sampled_from(sorted(set(BUILD) - {"onecycle", "cyclic"}))
ANY = st.sampled_from(sorted(BUILD))


@pytest.mark.parametrize("second", BUILD)
@pytest.mark.parametrize("first", BUILD)
def test_any_class_after_any_other(first, second):
    assert_same(sequential(BUILD[first], BUILD[second], milestones=[7]), 60)


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


def test_two_onecycles_in_one_composite_begin_where_torchs_do():
    """Both keep their rates in the groups, so that the later overwrites the first: the base rates tell them apart."""
    for build in (
        sequential(
            chained(partial(lrs.OneCycleLR, max_lr=0.5, total_steps=20), BUILD["lambda"]),
            partial(lrs.OneCycleLR, max_lr=0.3, total_steps=30),
            milestones=[7],
        ),
        chained(
            partial(lrs.OneCycleLR, max_lr=0.5, total_steps=40), partial(lrs.OneCycleLR, max_lr=0.3, total_steps=40)
        ),
    ):
        assert_same(build, 19)


def test_a_onecycle_runs_on_groups_that_have_different_rates():
    made = from_torch(lrs.OneCycleLR(optimizer(bases=(0.3, 0.06)), 0.5, 20, cycle_momentum=False))
    fresh = optimizer(bases=(0.3, 0.06))
    ours = Scheduler(fresh, made, total_steps=20)
    theirs = lrs.OneCycleLR(optimizer(bases=(0.3, 0.06)), 0.5, 20, cycle_momentum=False)
    for _ in range(19):
        for one in (ours, theirs):
            one.optimizer.step()
            one.step()
        assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-12)


LEAVES = {
    "StepLR": lambda n, a: partial(lrs.StepLR, step_size=n, gamma=a),
    "MultiStepLR": lambda n, a: partial(lrs.MultiStepLR, milestones=[n, n + 3, n + 3], gamma=a),
    "ConstantLR": lambda n, a: partial(lrs.ConstantLR, factor=a, total_iters=n),
    "LinearLR": lambda n, a: partial(lrs.LinearLR, start_factor=a, total_iters=n),
    "ExponentialLR": lambda n, a: partial(lrs.ExponentialLR, gamma=a),
    "PolynomialLR": lambda n, a: partial(lrs.PolynomialLR, total_iters=n, power=1.5),
    "CosineAnnealingLR": lambda n, a: partial(lrs.CosineAnnealingLR, T_max=n, eta_min=0.01),
    "CosineAnnealingWarmRestarts": lambda n, a: partial(lrs.CosineAnnealingWarmRestarts, T_0=n, T_mult=2, eta_min=0.01),
    "LambdaLR": lambda n, a: BUILD["lambda"],
    "MultiplicativeLR": lambda n, a: BUILD["multiplicative"],
    "OneCycleLR": lambda n, a: partial(lrs.OneCycleLR, max_lr=0.5, total_steps=n + 30, three_phase=a > 0.8),
    "CyclicLR": lambda n, a: partial(lrs.CyclicLR, base_lr=0.01, max_lr=0.2, step_size_up=n, mode="triangular2"),
    "SWALR": lambda n, a: partial(SWALR, swa_lr=0.05, anneal_epochs=n),
}


def composed(draw, depth):
    """A random scheduler, or a chain or sequence of such, two deep."""
    if depth == 0 or draw.random() < 0.3:
        return LEAVES[draw.choice(list(LEAVES))](draw.choice([1, 2, 3, 5, 9, 20]), draw.choice([0.1, 0.5, 0.9]))
    parts = [composed(draw, depth - 1) for _ in range(draw.choice([1, 2, 3]))]
    if draw.random() < 0.5:
        return chained(*parts)
    return sequential(*parts, milestones=sorted(draw.sample(range(1, 25), len(parts) - 1)))


@pytest.mark.parametrize("seed", range(60))
def test_compositions_two_deep_have_torchs_rates(seed):
    """30 updates, before any OneCycleLR ends; torch itself cannot run a composite behind another part of a sequence."""
    draw = random.Random(seed)
    build, bases = composed(draw, 2), draw.choice([(0.1,), (0.1, 0.2), (0.3, 0.3)])
    theirs = build(optimizer(bases=bases))
    fresh = optimizer(bases=bases)
    ours = Scheduler(fresh, from_torch(build(optimizer(bases=bases))), total_steps=30)
    for _ in range(29):
        theirs_now = [max(group["lr"], 0.0) for group in theirs.optimizer.param_groups]
        assert [group["lr"] for group in fresh.param_groups] == pytest.approx(theirs_now, rel=1e-9, abs=1e-12)
        try:
            theirs.optimizer.step()
            theirs.step()
        except NotImplementedError:
            return
        fresh.step()
        ours.step()
