"""`presets.torch` against torch.optim.lr_scheduler: every update, past the end too, and each difference named."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as theirs
from torch.optim.swa_utils import SWALR

from stepsize import StepsizeError, formula, linear, rate
from stepsize.presets import torch as ours

BASE, STEPS = 0.3, 260
CLOSE = 1e-12


def by_torch(build, steps=STEPS, base=BASE):
    """The rate that the optimizer holds when update t is made."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base, momentum=0.9)
    scheduler, used = build(optimizer), []
    for _ in range(steps):
        used.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return np.array(used)


def rates(preset, steps=STEPS, base=BASE):
    """Our rate of every update: a factor times the base, a rate as it is."""
    scale = 1.0 if isinstance(preset, rate) else base
    return np.array([scale * preset(t) for t in range(steps)])


PAIRS = {
    "StepLR": (ours.StepLR(30), partial(theirs.StepLR, step_size=30)),
    "StepLR growing": (ours.StepLR(7, 1.1), partial(theirs.StepLR, step_size=7, gamma=1.1)),
    "MultiStepLR": (ours.MultiStepLR([30, 80], 0.5), partial(theirs.MultiStepLR, milestones=[30, 80], gamma=0.5)),
    "MultiStepLR twice": (ours.MultiStepLR([5, 9, 5]), partial(theirs.MultiStepLR, milestones=[5, 9, 5])),
    "MultiStepLR at 0": (ours.MultiStepLR([0, 9], 0.5), partial(theirs.MultiStepLR, milestones=[0, 9], gamma=0.5)),
    "ConstantLR": (ours.ConstantLR(), theirs.ConstantLR),
    "ConstantLR no steps": (ours.ConstantLR(0.5, 0), partial(theirs.ConstantLR, factor=0.5, total_iters=0)),
    "LinearLR": (ours.LinearLR(), theirs.LinearLR),
    "LinearLR down": (
        ours.LinearLR(1.0, 0.0, 50),
        partial(theirs.LinearLR, start_factor=1, end_factor=0, total_iters=50),
    ),
    "LinearLR no steps": (ours.LinearLR(total_iters=0), partial(theirs.LinearLR, total_iters=0)),
    "ExponentialLR": (ours.ExponentialLR(0.97), partial(theirs.ExponentialLR, gamma=0.97)),
    "PolynomialLR": (ours.PolynomialLR(100), partial(theirs.PolynomialLR, total_iters=100)),
    "PolynomialLR square": (ours.PolynomialLR(90, 2.0), partial(theirs.PolynomialLR, total_iters=90, power=2.0)),
    "PolynomialLR root": (ours.PolynomialLR(90, 0.5), partial(theirs.PolynomialLR, total_iters=90, power=0.5)),
    "CosineAnnealingLR": (ours.CosineAnnealingLR(60), partial(theirs.CosineAnnealingLR, T_max=60)),
    "CosineAnnealingLR eta_min": (
        ours.CosineAnnealingLR(50, 0.03, base_lr=BASE),
        partial(theirs.CosineAnnealingLR, T_max=50, eta_min=0.03),
    ),
    "CosineAnnealingLR upwards": (
        ours.CosineAnnealingLR(50, 0.9, base_lr=BASE),
        partial(theirs.CosineAnnealingLR, T_max=50, eta_min=0.9),
    ),
    "CosineAnnealingWarmRestarts": (
        ours.CosineAnnealingWarmRestarts(10, 2),
        partial(theirs.CosineAnnealingWarmRestarts, T_0=10, T_mult=2),
    ),
    "CosineAnnealingWarmRestarts equal": (
        ours.CosineAnnealingWarmRestarts(25, eta_min=0.03, base_lr=BASE),
        partial(theirs.CosineAnnealingWarmRestarts, T_0=25, eta_min=0.03),
    ),
    "CyclicLR": (
        ours.CyclicLR(0.01, 0.1, 20),
        partial(theirs.CyclicLR, base_lr=0.01, max_lr=0.1, step_size_up=20),
    ),
    "CyclicLR triangular2": (
        ours.CyclicLR(0.01, 0.1, 20, 30, "triangular2"),
        partial(theirs.CyclicLR, base_lr=0.01, max_lr=0.1, step_size_up=20, step_size_down=30, mode="triangular2"),
    ),
    "CyclicLR exp_range": (
        ours.CyclicLR(0.0, 0.1, 20, mode="exp_range", gamma=0.99),
        partial(theirs.CyclicLR, base_lr=0.0, max_lr=0.1, step_size_up=20, mode="exp_range", gamma=0.99),
    ),
    "SWALR": (ours.SWALR(0.05, base_lr=BASE), partial(SWALR, swa_lr=0.05)),
    "SWALR linear": (
        ours.SWALR(0.5, 20, "linear", base_lr=BASE),
        partial(SWALR, swa_lr=0.5, anneal_epochs=20, anneal_strategy="linear"),
    ),
    "SWALR at once": (ours.SWALR(0.05, 0, base_lr=BASE), partial(SWALR, swa_lr=0.05, anneal_epochs=0)),
}
ONECYCLES = [
    {"total_steps": 100},
    {"total_steps": 101},
    {"total_steps": 77, "pct_start": 0.4, "anneal_strategy": "linear"},
    {"epochs": 5, "steps_per_epoch": 20, "three_phase": True, "div_factor": 10.0, "final_div_factor": 100.0},
    {"total_steps": 99, "pct_start": 0.0},
    {"total_steps": 63, "three_phase": True, "anneal_strategy": "linear"},
]


@pytest.mark.parametrize("name", PAIRS)
def test_equals_torch_at_every_step(name):
    preset, build = PAIRS[name]
    assert np.max(np.abs(rates(preset) - by_torch(build))) < CLOSE


@pytest.mark.parametrize("options", ONECYCLES, ids=str)
def test_onecycle_equals_torch_to_its_last_update(options):
    preset = ours.OneCycleLR(0.1, **options)
    steps = options.get("total_steps", 100)
    used = by_torch(partial(theirs.OneCycleLR, max_lr=0.1, **options), steps)
    assert np.max(np.abs(rates(preset, steps) - used)) < CLOSE


def test_onecycle_holds_where_torch_bounces_once_and_raises():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    scheduler = theirs.OneCycleLR(optimizer, 0.1, 100)
    for _ in range(100):
        optimizer.step()
        scheduler.step()
    preset = ours.OneCycleLR(0.1, 100)
    assert scheduler.get_last_lr()[0] > 1.01 * preset(99)
    assert preset(100) == preset(99) == preset(1000) == pytest.approx(0.1 / 25e4, rel=1e-9)
    with pytest.raises(ValueError, match="Tried to step 101 times"):
        scheduler.step()


def test_onecycle_needs_a_length():
    with pytest.raises(StepsizeError, match="write total_steps=1000, or epochs=10"):
        ours.OneCycleLR(0.1, epochs=3)
    with pytest.raises(StepsizeError, match="anneal_strategy must be cos or linear"):
        ours.OneCycleLR(0.1, 100, anneal_strategy="exp")


def sequential(milestones, *build):
    return lambda optimizer: theirs.SequentialLR(optimizer, [one(optimizer) for one in build], milestones)


SEQUENCES = {
    "warm-up, cosine": (
        [ours.LinearLR(0.1, total_iters=10), ours.CosineAnnealingLR(50)],
        [10],
        [partial(theirs.LinearLR, start_factor=0.1, total_iters=10), partial(theirs.CosineAnnealingLR, T_max=50)],
    ),
    "a part that is cut": (
        [ours.LinearLR(0.1, total_iters=20), ours.ExponentialLR(0.9)],
        [10],
        [partial(theirs.LinearLR, start_factor=0.1, total_iters=20), partial(theirs.ExponentialLR, gamma=0.9)],
    ),
    "a part that holds": (
        [ours.LinearLR(0.1, total_iters=5), ours.StepLR(30)],
        [25],
        [partial(theirs.LinearLR, start_factor=0.1, total_iters=5), partial(theirs.StepLR, step_size=30)],
    ),
    "three": (
        [ours.ConstantLR(0.5, 10), ours.ExponentialLR(0.99), ours.PolynomialLR(40, 2.0)],
        [20, 60],
        [
            partial(theirs.ConstantLR, factor=0.5, total_iters=10),
            partial(theirs.ExponentialLR, gamma=0.99),
            partial(theirs.PolynomialLR, total_iters=40, power=2.0),
        ],
    ),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize("name", SEQUENCES)
def test_sequential_equals_torch(name):
    presets, milestones, builds = SEQUENCES[name]
    preset = ours.SequentialLR(presets, milestones)
    assert np.max(np.abs(rates(preset) - by_torch(sequential(milestones, *builds)))) < CLOSE


def test_sequential_of_rates_has_one_base_and_refuses_a_mixture():
    both = ours.SequentialLR([ours.CyclicLR(0.1, 0.2, 10), ours.CyclicLR(0.1, 0.4, 10)], [20])
    assert both.base == 0.4
    assert (both(10), both(30)) == pytest.approx((0.2, 0.4), rel=CLOSE)
    with pytest.raises(StepsizeError, match="give each factor a base rate"):
        ours.SequentialLR([ours.LinearLR(), ours.CyclicLR(0.1, 0.2)], [10])
    with pytest.raises(StepsizeError, match="3 schedules need 2 rising boundaries"):
        ours.SequentialLR([ours.LinearLR()] * 3, [10, 5])


def chained(*build):
    return lambda optimizer: theirs.ChainedScheduler([one(optimizer) for one in build])


def test_chained_equals_torch_for_schedulers_that_multiply():
    preset = ours.ChainedScheduler([ours.ConstantLR(0.5, 10), ours.ExponentialLR(0.97), ours.MultiStepLR([20, 40])])
    build = chained(
        partial(theirs.ConstantLR, factor=0.5, total_iters=10),
        partial(theirs.ExponentialLR, gamma=0.97),
        partial(theirs.MultiStepLR, milestones=[20, 40]),
    )
    assert np.max(np.abs(rates(preset) - by_torch(build))) < CLOSE


def test_chained_is_a_product_and_torchs_forgets_what_came_before_a_restart():
    preset = ours.ChainedScheduler([ours.ExponentialLR(0.9), ours.CosineAnnealingWarmRestarts(10)])
    build = chained(partial(theirs.ExponentialLR, gamma=0.9), partial(theirs.CosineAnnealingWarmRestarts, T_0=10))
    used = by_torch(build, 11)
    assert used[10] == pytest.approx(BASE, rel=CLOSE)  # the restart writes the whole base rate
    assert rates(preset, 11)[10] == pytest.approx(BASE * 0.9**10, rel=CLOSE)


def test_torchs_linear_may_not_start_at_zero_and_the_word_may():
    assert linear(0.0, 1.0, 10)(0) == 0.0
    with pytest.raises(StepsizeError, match="start_factor must be a number > 0"):
        ours.LinearLR(0.0, 1.0, 10)
    with pytest.raises(ValueError, match="Starting multiplicative factor"):
        by_torch(partial(theirs.LinearLR, start_factor=0.0))


def test_restarts_are_counted_and_torchs_step_of_an_epoch_misses_some():
    """Restart 5 of T_0 = 10, T_mult = 3 is at t = 1210; a logarithm puts it into the cycle before."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=BASE)
    scheduler = theirs.CosineAnnealingWarmRestarts(optimizer, 10, 3)
    scheduler.step(1210)
    assert scheduler.get_last_lr()[0] < 1e-9
    assert BASE * ours.CosineAnnealingWarmRestarts(10, 3)(1210) == pytest.approx(BASE, rel=CLOSE)


def test_a_scale_function_of_your_own_is_a_product():
    preset = ours.CyclicLR(0.0, 0.1, 20) * formula("1 / (1 + t / 10)")
    build = partial(
        theirs.CyclicLR,
        base_lr=0.0,
        max_lr=0.1,
        step_size_up=20,
        scale_fn=lambda t: 1 / (1 + t / 10),
        scale_mode="iterations",
    )
    assert np.max(np.abs(rates(preset) - by_torch(build))) < CLOSE


def test_a_swing_stays_exact_far_past_its_end():
    preset = ours.CosineAnnealingLR(100)
    for cycle in (10, 1000, 100_000):
        assert preset(200 * cycle + 50) == pytest.approx(0.5, abs=1e-9)
    assert math.isclose(preset(200), 1.0, rel_tol=CLOSE)
