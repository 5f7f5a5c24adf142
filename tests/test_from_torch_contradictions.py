"""`from_torch` where torch contradicts itself: each oddity is named."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch.optim import lr_scheduler as lrs

from stepsize import parse
from stepsize.adapters.torch import from_torch
from stepsize.schedules.opaque import opaque
from told import (
    BASES,
    BUILD,
    ONECYCLES,
    SINGLE,
    assert_same,
    chained,
    inverse,
    kinds_inside,
    optimizer,
    out,
    sequential,
    slowly,
    told,
    used,
)

pytestmark = pytest.mark.filterwarnings("ignore:The epoch parameter", "ignore:Detected call")


def test_onecycle_holds_its_last_update_where_torch_bounces_once_and_raises():
    """Matched: updates 0 … total_steps − 1. torch writes one more value, which goes up, and then raises."""
    scheduler = lrs.OneCycleLR(optimizer(bases=(0.3,)), 0.1, 100, cycle_momentum=False)
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
    assert made[0]["lr"](1) == pytest.approx(out(BUILD["cyclic"])[0]["lr"](1), rel=1e-15)


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
    assert made[0]["lr"](0) == pytest.approx(0.25 * 0.2 / 25)
    assert made[0]["momentum"](3) == 0.95


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
    made = out(build)[0]["lr"]
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
