"""What the tests of `from_torch` share: torch's schedulers built alone and together, and what they write."""

from __future__ import annotations

import re
from functools import partial

import pytest
import torch
from torch.optim import lr_scheduler as lrs
from torch.optim.swa_utils import SWALR

from stepsize import rate
from stepsize.adapters.torch import from_torch
from stepsize.schedules.base import Factor

BASES = (0.3, 0.06)
STEPS = 130


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


def out(build, bases=BASES, **options):
    return from_torch(build(optimizer(bases=bases, **options)))


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


def kinds_inside(made):
    return {one.word() for group in by_group(made, 2) for one in group.values() for one in _parts(one)}


def _parts(expression):
    inside = expression.factor if isinstance(expression, rate) else expression
    yield inside
    for one in getattr(inside, "parts", ()):
        yield from _parts(one)
