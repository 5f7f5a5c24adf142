"""The presets against timm itself, where it is installed: every update, past the end included."""

import importlib.util
import sys

import pytest

from peers import BASE, library, optimizer, rates, same, used
from stepsize import StepsizeError, presets


def timm_schedulers():
    """timm.scheduler; where timm itself cannot be imported for want of torchvision, without timm/__init__.py."""
    if "timm" not in sys.modules and importlib.util.find_spec("torchvision") is None:
        spec = importlib.util.find_spec("timm")
        if spec is not None:
            sys.modules["timm"] = importlib.util.module_from_spec(spec)
    return library("timm.scheduler")


WARM = {"warmup_t": 10, "warmup_lr_init": 0.01}
TIMM = [
    *(
        (name, {"t_initial": 90, **options})
        for name in ("CosineLRScheduler", "PolyLRScheduler", "TanhLRScheduler")
        for options in (
            {},
            {"lr_min": 0.03},
            {**WARM, "lr_min": 0.03},
            {**WARM, "warmup_prefix": True},
            {**WARM, "t_initial": 20, "cycle_limit": 3, "cycle_decay": 0.5, "lr_min": 0.03},
            {**WARM, "t_initial": 20, "cycle_limit": 3, "cycle_decay": 0.5, "warmup_prefix": True},
            {"t_initial": 20, "cycle_limit": 4, "cycle_mul": 2.0, "lr_min": 0.03},
            {"t_initial": 21, "cycle_limit": 3, "cycle_mul": 1.5, "cycle_decay": 0.7, "lr_min": 0.03},
        )
    ),
    ("CosineLRScheduler", {"t_initial": 50, "k_decay": 1.5, "lr_min": 0.03}),
    ("CosineLRScheduler", {"t_initial": 50, "k_decay": 0.5, "cycle_limit": 2, "cycle_decay": 0.5, "lr_min": 0.03}),
    ("PolyLRScheduler", {"t_initial": 50, "k_decay": 1.5, "power": 2.0, "lr_min": 0.03}),
    ("PolyLRScheduler", {"t_initial": 50, "k_decay": 1.5, "cycle_limit": 2, "cycle_decay": 0.5, "lr_min": 0.03}),
    ("TanhLRScheduler", {"t_initial": 50, "lb": -5.0, "ub": 2.0}),
    ("StepLRScheduler", {"decay_t": 30, "decay_rate": 0.1}),
    ("StepLRScheduler", {"decay_t": 7.5, "decay_rate": 0.5}),
    ("StepLRScheduler", {"decay_t": 30, "decay_rate": 0.1, **WARM}),
    ("StepLRScheduler", {"decay_t": 30, "decay_rate": 0.1, **WARM, "warmup_prefix": False}),
    ("MultiStepLRScheduler", {"decay_t": [3, 6], "decay_rate": 0.1}),
    ("MultiStepLRScheduler", {"decay_t": [1, 30, 60], "decay_rate": 0.5, **WARM}),
    ("MultiStepLRScheduler", {"decay_t": [5, 30, 60], "decay_rate": 0.5, **WARM, "warmup_prefix": False}),
    *(
        ("WSDLRScheduler", {"t_initial": 90, "decay_t": 30, "decay_fn": shape, "lr_min": low, **WARM})
        for shape in ("linear", "1-sqrt", "cosine", "power", "exp")
        for low in (0.0, 0.03)
    ),
    ("WSDLRScheduler", {"t_initial": 90, "decay_t": 30, "stable_fn": "rsqrt", "lr_min": 0.16, **WARM}),
    ("WSDLRScheduler", {"t_initial": 90, "decay_t": 90, "stable_fn": "rsqrt", "lr_min": 0.03, **WARM}),
    (
        "WSDLRScheduler",
        {"t_initial": 90, "decay_t": 30, "stable_fn": "power", "stable_power": 0.3, "stable_timescale": 7.5},
    ),
]


@pytest.mark.parametrize(("name", "options"), TIMM, ids=str)
def test_equals_timm_at_every_step(name, options):
    theirs = timm_schedulers()
    cls = getattr(theirs, name, None) or getattr(library("timm.scheduler.wsd_lr"), name)
    preset = getattr(presets.timm, name)(**options, base_lr=BASE)
    built = optimizer()
    scheduler = cls(built, t_in_epochs=False, **options)
    scheduler.step_update(0)
    same(rates(preset, 250), used(built, scheduler, 250, lambda one, t: one.step_update(t)))


def test_timm_begins_with_the_optimizers_rate_until_it_is_stepped():
    theirs = timm_schedulers()
    built = optimizer()
    scheduler = theirs.MultiStepLRScheduler(built, [1, 9], 0.5)
    assert built.param_groups[0]["lr"] == BASE
    scheduler.step(0)
    assert built.param_groups[0]["lr"] == BASE / 2 == BASE * presets.timm.MultiStepLRScheduler([1, 9], 0.5)(0)


def test_restarts_are_counted_and_timms_logarithm_misses_some():
    theirs = timm_schedulers()
    options = {"t_initial": 10, "cycle_mul": 3.0, "cycle_limit": 9}
    scheduler = theirs.CosineLRScheduler(optimizer(), **options)
    preset = presets.timm.CosineLRScheduler(**options)
    assert scheduler._get_lr(1210)[0] < 1e-9  # restart 5
    assert preset(1210) == 1.0
    assert BASE * preset(1211) == pytest.approx(scheduler._get_lr(1211)[0], rel=1e-9)


def test_timm_shapes_are_known():
    with pytest.raises(StepsizeError, match="decay_fn must be one of linear, 1-sqrt, cosine, power, exp"):
        presets.timm.WSDLRScheduler(90, 20, decay_fn="sine")
