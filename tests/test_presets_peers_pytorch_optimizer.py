"""The presets against pytorch_optimizer itself, where it is installed: every update, past the end included."""

import numpy as np
import pytest
import torch

from peers import library, optimizer, rates, same, used
from stepsize import StepsizeError, presets

KOZISTR = [
    ("CosineScheduler", {"t_max": 100, "max_lr": 0.3, "warmup_steps": 10}),
    ("CosineScheduler", {"t_max": 100, "max_lr": 0.3, "min_lr": 0.03, "init_lr": 0.1, "warmup_steps": 10}),
    ("CosineScheduler", {"t_max": 100, "max_lr": 0.3}),
    ("LinearScheduler", {"t_max": 250, "max_lr": 0.3, "warmup_steps": 10}),
    ("LinearScheduler", {"t_max": 230, "max_lr": 0.3, "min_lr": 0.1, "init_lr": 0.05, "warmup_steps": 10}),
    ("PolyScheduler", {"poly_order": 0.5, "t_max": 100, "max_lr": 0.3, "warmup_steps": 10}),
    ("PolyScheduler", {"poly_order": 1.5, "t_max": 100, "max_lr": 0.3, "min_lr": 0.1}),
    ("REXScheduler", {"total_steps": 100, "max_lr": 0.3, "min_lr": 0.03}),
    ("REXScheduler", {"total_steps": 100}),
    ("CosineAnnealingWarmupRestarts", {"first_cycle_steps": 40, "warmup_steps": 10}),
    (
        "CosineAnnealingWarmupRestarts",
        {"first_cycle_steps": 40, "max_lr": 0.3, "min_lr": 0.0, "warmup_steps": 10, "gamma": 1.0},
    ),
    ("CosineAnnealingWarmupRestarts", {"first_cycle_steps": 40, "max_lr": 0.3, "min_lr": 0.03}),
    (
        "CosineAnnealingWarmupRestarts",
        {"first_cycle_steps": 40, "cycle_mult": 1.3, "max_lr": 0.3, "min_lr": 0.03, "warmup_steps": 7, "gamma": 0.8},
    ),
    ("CosineAnnealingWarmupRestarts", {"first_cycle_steps": 20, "cycle_mult": 2.0, "max_lr": 0.3, "min_lr": 0.03}),
]


@pytest.mark.parametrize(("name", "options"), KOZISTR, ids=str)
def test_equals_pytorch_optimizer_at_every_step(name, options):
    theirs = library("pytorch_optimizer.lr_scheduler")
    built = optimizer()
    preset = getattr(presets.pytorch_optimizer, name)(**options)
    same(rates(preset, 250), used(built, getattr(theirs, name)(built, **options), 250))


FACTORS = [
    *(
        (
            "get_wsd_schedule",
            {
                "num_warmup_steps": 10,
                "num_stable_steps": 30,
                "num_decay_steps": 40,
                "min_lr_ratio": 0.1,
                "cooldown_type": shape,
            },
        )
        for shape in ("cosine", "1-sqrt", "1-square", "linear")
    ),
    ("get_wsd_schedule", {"num_warmup_steps": 0, "num_stable_steps": 0, "num_decay_steps": 40, "num_cycles": 1.5}),
    ("get_wsd_schedule", {"num_warmup_steps": 0, "num_stable_steps": 9, "num_decay_steps": 40, "num_cycles": 1.5}),
    *(("get_chebyshev_schedule", {"num_epochs": n}) for n in (1, 2, 3, 5, 9, 64, 65)),
    ("get_chebyshev_schedule", {"num_epochs": 9, "is_warmup": True}),
]


@pytest.mark.parametrize(("name", "options"), FACTORS, ids=str)
def test_equals_the_factors_of_pytorch_optimizer_at_every_step(name, options):
    theirs = library("pytorch_optimizer.lr_scheduler")
    built = optimizer()
    preset = getattr(presets.pytorch_optimizer, name)(**options)
    same(rates(preset, 250), used(built, getattr(theirs, name)(built, **options), 250), 1e-11)


def test_proportion_equals_pytorch_optimizer():
    theirs = library("pytorch_optimizer.lr_scheduler")
    built = optimizer()
    inner = torch.optim.lr_scheduler.StepLR(built, 30, 0.5)
    values = {"max_lr": 0.3, "min_lr": 0.0, "max_value": 2.0, "min_value": 1.0}
    scheduler, found = theirs.ProportionScheduler(inner, **values), []
    for _ in range(100):
        found.append(scheduler.get_lr())
        built.step()
        inner.step()
        scheduler.step()
    preset = presets.pytorch_optimizer.ProportionScheduler(0.3 * presets.torch.StepLR(30, 0.5), **values)
    same(rates(preset, 100), np.array(found))
    with pytest.raises(StepsizeError, match="the line must rise"):
        presets.pytorch_optimizer.ProportionScheduler(preset, 0.3, 0.0, 1.0, 2.0)
    assert presets.pytorch_optimizer.ProportionScheduler(preset, 0.3, 0.3)(5) == 2.0


def test_linear_stays_at_0_where_pytorch_optimizer_turns_negative():
    theirs = library("pytorch_optimizer.lr_scheduler")
    built, options = optimizer(), {"t_max": 100, "max_lr": 0.3, "min_lr": 0.0, "warmup_steps": 10}
    found = used(built, theirs.LinearScheduler(built, **options), 112)
    preset = presets.pytorch_optimizer.LinearScheduler(**options)
    same(rates(preset, 102), found[:102])
    assert found[111] < 0.0 == preset(111)
