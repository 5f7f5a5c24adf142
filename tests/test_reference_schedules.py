"""The schedules against torch.optim.lr_scheduler and optax: equal where conventions agree, else a named test."""

import math
from functools import partial

import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from torch.optim import lr_scheduler as torchs

from stepsize import StepsizeError, multistep, parse

pytestmark = pytest.mark.usefixtures("x64")

BASE = 0.3
STEPS = 60
CLOSE, FAR = 1e-12, 1e-3  # relative to the base: rounding, and more than rounding


def rates(text, steps=STEPS, base=BASE):
    """Our rate of every update, asked one by one."""
    factor = parse(text)
    return np.array([base * factor(t) for t in range(steps)])


def by_torch(build, steps=STEPS, base=BASE):
    """The rate that torch's optimizer holds when update t is made."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)
    scheduler, used = build(optimizer), []
    for _ in range(steps):
        used.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return np.array(used)


def by_optax(schedule, steps=STEPS):
    return np.array([float(schedule(jnp.asarray(t))) for t in range(steps)])


def same(ours, theirs):
    return np.max(np.abs(ours - theirs)) < CLOSE * BASE


def apart(ours, theirs):
    return np.max(np.abs(ours - theirs)) > FAR * BASE


def sequence(optimizer):
    parts = [torchs.LinearLR(optimizer, 0.1, 1.0, 10), torchs.CosineAnnealingLR(optimizer, 50)]
    return torchs.SequentialLR(optimizer, parts, [10])


def chain(optimizer):
    return torchs.ChainedScheduler([torchs.ExponentialLR(optimizer, 0.97), torchs.MultiStepLR(optimizer, [20, 40])])


TORCH = {
    "exponential(0.97, every=1)": partial(torchs.ExponentialLR, gamma=0.97),
    "staircase(0.5, every=7)": partial(torchs.StepLR, step_size=7, gamma=0.5),
    "multistep(5, 12, 30)": partial(torchs.MultiStepLR, milestones=[5, 12, 30]),
    "multistep(1, 2, 50, gamma=0.3)": partial(torchs.MultiStepLR, milestones=[1, 2, 50], gamma=0.3),
    "linear(0.25, 1.0, 10)": partial(torchs.LinearLR, start_factor=0.25, end_factor=1.0, total_iters=10),
    "linear(1.0, 0.0, 20)": partial(torchs.LinearLR, start_factor=1.0, end_factor=0.0, total_iters=20),
    "linear(1.0, 0.0, 21)": partial(torchs.PolynomialLR, total_iters=21, power=1),
    "linear(1, 0, 20) * linear(1, 0, 20)": partial(torchs.PolynomialLR, total_iters=20, power=2),
    "cosine(59)": partial(torchs.CosineAnnealingLR, T_max=59),  # T_max is reached in the last update
    "cosine(80)": partial(torchs.CosineAnnealingLR, T_max=80),
    "cosine(59, final=0.1)": partial(torchs.CosineAnnealingLR, T_max=59, eta_min=0.1 * BASE),
    "constant(0.5, 6) >> constant()": partial(torchs.ConstantLR, factor=0.5, total_iters=6),
    "linear(0.1, 1.0, 10) >> cosine(50)": sequence,
    "exponential(0.97, every=1) * multistep(20, 40)": chain,
}


@pytest.mark.parametrize("text", TORCH)
def test_equals_torch(text):
    assert same(rates(text), by_torch(TORCH[text]))


OPTAX = {
    "constant()": optax.constant_schedule(BASE),
    "exponential(0.5, every=10)": optax.exponential_decay(BASE, 10, 0.5),
    "exponential(0.5, 10)": optax.exponential_decay(BASE, 10, 0.5, end_value=0.5 * BASE),
    "exponential(0.5, 30, every=10)": optax.exponential_decay(BASE, 10, 0.5, end_value=0.125 * BASE),
    "clamp(exponential(0.5, every=10), 0.2)": optax.exponential_decay(BASE, 10, 0.5, end_value=0.2 * BASE),
    "constant(1, 8) >> exponential(0.5, every=10)": optax.exponential_decay(BASE, 10, 0.5, transition_begin=8),
    "staircase(0.5, every=7)": optax.exponential_decay(BASE, 7, 0.5, staircase=True),
    "cosine(40)": optax.cosine_decay_schedule(BASE, 40),
    "cosine(40, final=0.1)": optax.cosine_decay_schedule(BASE, 40, alpha=0.1),
    "cosine(40) * cosine(40)": optax.cosine_decay_schedule(BASE, 40, exponent=2),
    "multistep(5, 12, 30)": optax.piecewise_constant_schedule(BASE, {5: 0.1, 12: 0.1, 30: 0.1}),
    "linear(0.25, 1.0, 10)": optax.linear_schedule(0.25 * BASE, BASE, 10),
    "constant(1, 5) >> linear(1.0, 0.0, 20)": optax.linear_schedule(BASE, 0.0, 20, transition_begin=5),
    "linear(1.0, 0.0, 20)": optax.polynomial_schedule(BASE, 0.0, 1, 20),
    "linear(0.1, 1.0, 10) >> cosine(30)": optax.join_schedules(
        [optax.linear_schedule(0.1 * BASE, BASE, 10), optax.cosine_decay_schedule(BASE, 30)], [10]
    ),
}


@pytest.mark.parametrize("text", OPTAX)
def test_equals_optax(text):
    ours = rates(text)
    assert same(ours, by_optax(OPTAX[text]))
    assert same(BASE * parse(text)(np.arange(STEPS)), ours)


def test_cosine_holds_after_its_end_as_in_optax_and_torchs_bounces_up():
    ours, theirs = rates("cosine(20)"), by_torch(partial(torchs.CosineAnnealingLR, T_max=20))
    assert same(ours[:21], theirs[:21])
    assert same(ours[20:], 0.0)
    assert same(theirs[20:41], ours[20::-1])  # torch runs the curve backwards, up to the whole base
    assert theirs[40] == pytest.approx(BASE, rel=CLOSE)
    assert same(by_optax(optax.cosine_decay_schedule(BASE, 20))[20:], 0.0)


def test_cosine_final_is_a_share_of_the_base_as_in_optax_and_torchs_eta_min_is_a_rate():
    floors = {base: rates("cosine(59, final=0.1)", base=base)[-1] for base in (0.3, 0.6)}
    theirs = {
        base: by_torch(partial(torchs.CosineAnnealingLR, T_max=59, eta_min=0.03), base=base)[-1] for base in floors
    }
    assert floors == pytest.approx({0.3: 0.03, 0.6: 0.06}, rel=CLOSE)
    assert theirs == pytest.approx({0.3: 0.03, 0.6: 0.03}, rel=CLOSE)


def test_warmup_begins_with_one_share_where_torch_begins_with_start_factor_and_optax_with_nothing():
    ours = rates("warmup(10)")
    torch_ = by_torch(partial(torchs.LinearLR, start_factor=1e-3, total_iters=10))
    optax_ = by_optax(optax.linear_schedule(0.0, BASE, 10))
    assert (ours[0], torch_[0], optax_[0]) == pytest.approx((0.1 * BASE, 1e-3 * BASE, 0.0), rel=CLOSE)
    assert same(ours[:-1], optax_[1:])  # ours is optax's without the update that moves nothing
    assert same(ours, by_torch(partial(torchs.LinearLR, start_factor=0.1, total_iters=9)))  # and this torch's
    assert same(rates("linear(0, 1, 10)"), optax_)


def test_linear_may_start_at_zero_and_torchs_may_not():
    assert rates("linear(0, 1, 10)")[0] == 0.0
    with pytest.raises(ValueError, match="Starting multiplicative factor"):
        by_torch(partial(torchs.LinearLR, start_factor=0.0, total_iters=10))


def test_a_schedule_is_a_formula_of_t_and_torchs_multiplies_whatever_rate_it_finds():
    """Halve the optimizer's rate by hand at t = 5: torch goes on from there, ours asks only t."""

    def halved(build):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=BASE)
        scheduler = build(optimizer)
        for t in range(10):
            if t == 5:
                optimizer.param_groups[0]["lr"] /= 2
            optimizer.step()
            scheduler.step()
        return optimizer.param_groups[0]["lr"]

    for text in ("linear(0.25, 1.0, 10)", "exponential(0.97, every=1)"):
        assert halved(TORCH[text]) == pytest.approx(rates(text)[10] / 2, rel=CLOSE)


def test_a_schedule_does_not_drift_and_torchs_does_with_a_float32_rate():
    gamma, steps = 0.9997, 5000
    truth = BASE * np.array([math.exp(t * math.log(gamma)) for t in range(steps)])
    ours = rates(f"exponential({gamma}, every=1)", steps)
    theirs = by_torch(partial(torchs.ExponentialLR, gamma=gamma), steps, base=torch.tensor(BASE))
    assert np.max(np.abs(ours / truth - 1)) < CLOSE
    assert np.max(np.abs(theirs / truth - 1)) > 1e-5


def test_multistep_boundaries_rise_and_torch_counts_one_given_twice():
    theirs = by_torch(partial(torchs.MultiStepLR, milestones=[5, 5]))
    assert theirs[5] == pytest.approx(0.01 * BASE, rel=CLOSE)
    with pytest.raises(StepsizeError, match="must rise"):
        multistep(5, 5)
    assert same(rates("multistep(5, gamma=0.01)"), theirs)


def test_stages_are_shares_of_the_base_and_optaxs_scales_multiply_up():
    theirs = by_optax(optax.piecewise_constant_schedule(BASE, {5: 0.5, 12: 0.2}))
    assert same(rates("stages(1, 0.5, 0.1, at=(5, 12))"), theirs)
    assert apart(rates("stages(1, 0.5, 0.2, at=(5, 12))"), theirs)


def test_a_length_in_a_sequence_is_its_own_and_optaxs_decay_steps_contains_the_warmup():
    assert same(rates("linear(0, 1, 10) >> cosine(30)"), by_optax(optax.warmup_cosine_decay_schedule(0, BASE, 10, 40)))
    assert apart(rates("linear(0, 1, 10) >> cosine(40)"), by_optax(optax.warmup_cosine_decay_schedule(0, BASE, 10, 40)))


def test_exponential_ends_at_a_length_and_optaxs_at_a_value():
    """The value is a floor that the curve may reach anywhere; as a floor we write `clamp`."""
    theirs = by_optax(optax.exponential_decay(BASE, 10, 0.5, end_value=0.2 * BASE))
    assert same(rates("clamp(exponential(0.5, every=10), 0.2)"), theirs)
    assert apart(rates("exponential(0.5, 23, every=10)"), theirs)  # the nearest whole length ends at 0.203
