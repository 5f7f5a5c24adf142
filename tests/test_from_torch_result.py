"""What comes out of `from_torch`: factors, rates, mappings, a plateau's rule."""

from __future__ import annotations

import copy
import math
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler as lrs
from torch.optim.swa_utils import SWALR

from stepsize import parse, plateau, seen
from stepsize.adapters.torch import from_torch
from stepsize.adapters.torch.scheduler import Scheduler
from stepsize.schedules.opaque import opaque
from told import BASES, BUILD, CASES, by_group, chained, inverse, optimizer, out, read, sequential, slowly, told

pytestmark = pytest.mark.filterwarnings("ignore:The epoch parameter", "ignore:Detected call")


def test_one_factor_where_all_groups_are_multiplied_alike():
    assert out(partial(lrs.StepLR, step_size=30)) == parse("staircase(0.1, 30)")
    assert isinstance(out(partial(lrs.LambdaLR, lr_lambda=inverse)), opaque)
    assert out(partial(lrs.MultiplicativeLR, lr_lambda=slowly)) == out(partial(lrs.MultiplicativeLR, lr_lambda=slowly))


def test_one_rate_where_the_only_group_is_given_one():
    """Several groups are named one by one: they had rates of their own, and one text would give up the difference."""
    made = out(partial(lrs.OneCycleLR, max_lr=0.1, total_steps=100, cycle_momentum=False), bases=(0.3,))
    assert out(partial(lrs.OneCycleLR, max_lr=0.1, total_steps=100, cycle_momentum=False)) == {0: made, 1: made}
    assert made == parse("0.1 * piecewise((0, 0.04), (29, 1.0), (99, 4e-06), shape='cosine')")


def test_a_mapping_by_hyper_parameter():
    assert out(partial(lrs.OneCycleLR, max_lr=0.1, total_steps=100), bases=(0.3,)) == {
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
