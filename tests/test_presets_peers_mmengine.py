"""The presets against mmengine itself, where it is installed: every update, past the end included."""

import pytest

from peers import BASE, CLOSE, library, optimizer, rates, same, used
from stepsize import StepsizeError, presets

MMENGINE = [
    ("StepLR", {"step_size": 7, "gamma": 0.5}),
    ("StepLR", {"step_size": 7, "gamma": 0.5, "begin": 10, "end": 40}),
    ("MultiStepLR", {"milestones": [5, 5, 30], "begin": 10, "end": 60}),
    ("MultiStepLR", {"milestones": [5, 30]}),
    ("ConstantLR", {"end": 5, "factor": 0.5}),
    ("ConstantLR", {"begin": 10, "end": 30}),
    ("ConstantLR", {"begin": 10, "end": 11}),
    ("ConstantLR", {}),
    ("LinearLR", {"start_factor": 0.001, "end": 10}),
    ("LinearLR", {"start_factor": 0.5, "end_factor": 0.1, "begin": 20, "end": 70}),
    ("LinearLR", {"begin": 20, "end": 21}),
    ("ExponentialLR", {"gamma": 0.97}),
    ("ExponentialLR", {"gamma": 0.97, "begin": 10, "end": 60}),
    ("PolyLR", {"eta_min": 0.03, "power": 2.0, "end": 100}),
    ("PolyLR", {"eta_min": 0.03, "power": 0.9, "begin": 10, "end": 100}),
    ("CosineAnnealingLR", {"T_max": 60, "eta_min": 0.03}),
    ("CosineAnnealingLR", {"T_max": 30, "begin": 10, "end": 100, "eta_min_ratio": 0.2}),
    ("CosineAnnealingLR", {"begin": 10, "end": 100}),
    ("CosineAnnealingLR", {"T_max": 200, "begin": 10, "end": 100}),
    ("CosineRestartLR", {"periods": [20, 30, 50], "restart_weights": [1, 0.5, 0.7], "eta_min": 0.03}),
    (
        "CosineRestartLR",
        {"periods": [20, 30], "restart_weights": [1, 0.5], "eta_min_ratio": 0.1, "begin": 9, "end": 50},
    ),
    ("CosineRestartLR", {"periods": [20, 30], "restart_weights": [1, 0.5], "eta_min": 0, "end": 90}),
]


@pytest.mark.parametrize(("name", "options"), MMENGINE, ids=str)
def test_equals_mmengine_at_every_step(name, options):
    theirs = library("mmengine.optim.scheduler.lr_scheduler")
    built = optimizer()
    base = {"base_lr": BASE} if "eta_min" in options else {}
    preset = getattr(presets.mmengine, name)(**options, **base)
    same(rates(preset, 250), used(built, getattr(theirs, name)(built, **options), 250))


def test_a_list_of_mmengine_is_a_product():
    theirs = library("mmengine.optim")
    built = optimizer()
    both = [theirs.LinearLR(built, start_factor=0.001, end=10), theirs.CosineAnnealingLR(built, begin=10, end=100)]
    found = used(built, both, 120, lambda schedulers, t: [one.step() for one in schedulers])
    preset = presets.mmengine.LinearLR(0.001, end=10) * presets.mmengine.CosineAnnealingLR(begin=10, end=100)
    same(rates(preset, 120), found)


@pytest.mark.parametrize(
    "options", [{"total_steps": 100}, {"total_steps": 77, "three_phase": True}, {"end": 90}], ids=str
)
def test_onecycle_equals_mmengine_to_its_last_update(options):
    theirs = library("mmengine.optim")
    built, steps = optimizer(), options.get("total_steps") or options["end"]
    found = used(built, theirs.OneCycleLR(built, eta_max=0.1, **options), steps)
    preset = presets.mmengine.OneCycleLR(0.1, **options)
    same(rates(preset, steps), found)
    assert preset(steps + 50) == preset(steps - 1)
    with pytest.raises(StepsizeError, match="begin must be 0"):
        presets.mmengine.OneCycleLR(0.1, begin=5, **options)


def test_linear_from_0_is_a_line_and_mmengines_divides_by_0():
    theirs = library("mmengine.optim")
    built = optimizer()
    scheduler = theirs.LinearLR(built, start_factor=0.0, end=10)
    built.step()
    with pytest.raises(ZeroDivisionError):
        scheduler.step()
    assert presets.mmengine.LinearLR(0.0, end=10)(1) == pytest.approx(1 / 9, rel=CLOSE)
