"""The arguments of presets: what a library refuses is refused under the user's own names, what it takes is taken."""

from __future__ import annotations

import inspect
import random
import warnings
from importlib import import_module

import pytest

from stepsize import StepsizeError, cosine, linear, presets, rate

# preset, arguments, what the message must hold: the name of the preset comes first in every one
REFUSED = [
    ("fvcore.StepParamScheduler", (0, [1.0, 0.5]), {"steps": 90}, "num_updates must be a number > 0, not 0"),
    ("fvcore.StepParamScheduler", (90, []), {"steps": 90}, "values must have 1 to"),
    ("fvcore.StepParamScheduler", (90, [1.0, 0.5]), {"steps": -1}, "steps must be a number ≥ 1"),
    ("fvcore.StepParamScheduler", (90, [1.0, 0.5]), {"steps": 0}, "steps must be a number ≥ 1"),
    ("fvcore.StepWithFixedGammaParamScheduler", (1.0, 0, 0.5, 90), {"steps": 90}, "num_decays must be a number ≥ 1"),
    ("fvcore.StepWithFixedGammaParamScheduler", (1.0, 1.5, 0.5, 90), {"steps": 90}, "num_decays must be a whole"),
    ("fvcore.StepWithFixedGammaParamScheduler", (0, 2, 0.5, 90), {"steps": 90}, "base_value must be a number > 0"),
    ("fvcore.StepWithFixedGammaParamScheduler", (1.0, 2, -0.5, 90), {"steps": 90}, "gamma must be a number > 0"),
    ("fvcore.StepWithFixedGammaParamScheduler", (1.0, 2, 0.5, 0), {"steps": 90}, "num_updates must be a number ≥ 1"),
    ("fvcore.StepWithFixedGammaParamScheduler", (1.0, 10**12, 0.5, 9), {"steps": 90}, "num_decays must be a number"),
    ("fvcore.MultiStepParamScheduler", ([], 9), {"steps": 90}, "values must have 1 to"),
    ("fvcore.MultiStepParamScheduler", ([1.0, 0.5],), {"steps": 90}, "write num_updates=100 or milestones="),
    ("fvcore.MultiStepParamScheduler", ([1.0, 0.5], 9, [3, 6]), {"steps": 90}, "milestones must have 1 values, not 2"),
    ("fvcore.MultiStepParamScheduler", ([1.0, 0.5], None, [3]), {"steps": 90}, "milestones must have 2 values, not 1"),
    ("fvcore.MultiStepParamScheduler", ([1.0, 0.5], 9, [9]), {"steps": 90}, "lie below num_updates=9, not [9]"),
    ("fvcore.MultiStepParamScheduler", ([1.0, 0.5, 0.1], 9, [6, 3]), {"steps": 90}, "milestones must rise"),
    ("fvcore.MultiStepParamScheduler", ([1.0, 0.5, 0.1], 2), {"steps": 90}, "num_updates must be ≥ 3, not 2"),
    ("fvcore.MultiStepParamScheduler", ([1.0, 0.5], -5), {"steps": 90}, "num_updates must be a number ≥ 1"),
    ("fvcore.CompositeParamScheduler", ([], [], []), {"steps": 90}, "schedulers must have 1 to"),
    ("fvcore.CompositeParamScheduler", ([rate(1)], [0.5], ["fixed"]), {"steps": 90}, "the sum of lengths must be 1"),
    ("fvcore.CompositeParamScheduler", ([rate(1)], [0.5, 0.5], ["fixed"]), {"steps": 90}, "for each of the 1 sched"),
    ("optax.linear_onecycle_schedule", (0, 0.1), {}, "transition_steps must be a number > 0"),
    ("optax.cosine_onecycle_schedule", (-5, 0.1), {}, "transition_steps must be a number > 0"),
    ("optax.cosine_decay_schedule", (0.1, 0), {}, "decay_steps must be a number > 0"),
    (
        "optax.piecewise_constant_schedule",
        (0.1, {10: -0.5}),
        {},
        "boundaries_and_scales must be a number ≥ 0",
    ),
    ("optax.piecewise_interpolate_schedule", ("square", 0.1), {}, "linear or cosine, not 'square'"),
    ("mmengine.ConstantLR", (1.5,), {}, "factor must be a number ≥ 0 and ≤ 1, not 1.5"),
    ("mmengine.LinearLR", (-0.1,), {}, "start_factor must be a number ≥ 0 and ≤ 1"),
    ("mmengine.LinearLR", (0.1, 1.1), {}, "end_factor must be a number ≥ 0 and ≤ 1"),
    ("mmengine.ExponentialLR", (0.9, 10, 10), {}, "end must be larger than begin, not 10 for begin=10"),
    ("mmengine.StepLR", (3, 0.1, -1), {}, "begin must be a number ≥ 0"),
    ("mmengine.CosineRestartLR", ([10, 20], [1]), {"eta_min": 0}, "the same length, not 2 and 1"),
    ("mmengine.CosineRestartLR", ([10], [1]), {}, "write eta_min=0 or eta_min_ratio=0.1"),
    ("mmengine.CosineAnnealingLR", (10, 0.1), {"eta_min_ratio": 0.1}, "write one of eta_min and eta_min_ratio"),
    ("mmengine.OneCycleLR", (0.1, 0), {}, "total_steps must be a number ≥ 1"),
    ("mmengine.OneCycleLR", (0.1, 100, 1.5), {}, "pct_start must be a number ≥ 0 and ≤ 1"),
    ("mmengine.OneCycleLR", (0.1, 100, 0.3, "exp"), {}, "anneal_strategy must be 'cos' or 'linear', not 'exp'"),
    (
        "pytorch_optimizer.CosineAnnealingWarmupRestarts",
        (100,),
        {"warmup_steps": 100},
        "warmup_steps must be < first",
    ),
    ("pytorch_optimizer.PolyScheduler", (0, 100, 0.1), {}, "poly_order must be a number > 0"),
    ("pytorch_optimizer.get_chebyshev_schedule", (0,), {}, "num_epochs must be a number ≥ 1"),
    ("pytorch_optimizer.get_chebyshev_schedule", (10**12,), {}, "num_epochs must be a number ≥ 1 and ≤ 100000"),
    ("composer.CosineAnnealingScheduler", ("3h",), {}, "'3h' is no time of composer"),
    ("composer.CosineAnnealingScheduler", ("eba",), {}, "'eba' is no time of composer"),
    ("composer.CosineAnnealingScheduler", (0.5,), {}, "0.5 is no time of composer"),
    ("composer.LinearWithWarmupScheduler", ("10ba",), {"t_max": "3ep"}, "give t_warmup and t_max in batches"),
    ("keras.ExponentialDecay", (0.1, 0, 0.9), {}, "decay_steps must be a number > 0"),
    ("keras.CosineDecay", (0.1, -5), {}, "decay_steps must be a number > 0"),
    ("keras.CosineDecayRestarts", (0.1, 0), {}, "first_decay_steps must be a number > 0"),
    ("timm.CosineLRScheduler", (0,), {}, "t_initial must be a number ≥ 1"),
    ("timm.TanhLRScheduler", (10, 3.0, -7.0), {}, "lb must be < ub=-7.0, not 3.0"),
    ("timm.WSDLRScheduler", (10, 20), {}, "decay_t must be ≤ t_initial=10, not 20"),
    ("timm.WSDLRScheduler", (10, 5), {"stable_fn": "flat"}, "stable_fn must be one of constant, rsqrt, power"),
    ("timm.WSDLRScheduler", (10, 5), {"decay_ratio": 1.0}, "decay_ratio must be a number > 0 and < 1"),
    ("torch.ConstantLR", (1.5,), {}, "factor must be a number ≥ 0 and ≤ 1"),
    ("torch.LinearLR", (0,), {}, "start_factor must be a number > 0 and ≤ 1, not 0"),
    ("torch.LinearLR", (0.1, 1.5), {}, "end_factor must be a number ≥ 0 and ≤ 1"),
    ("torch.CosineAnnealingWarmRestarts", (0,), {}, "T_0 must be a number ≥ 1"),
    ("torch.CosineAnnealingWarmRestarts", (10, 0), {}, "T_mult must be a number ≥ 1"),
    ("torch.OneCycleLR", (0.1, 0), {}, "total_steps must be a number ≥ 1"),
    ("torch.OneCycleLR", (0.1, 10), {"pct_start": -0.1}, "pct_start must be a number ≥ 0"),
    ("torch.SequentialLR", ([], []), {}, "schedulers must have 1 to"),
    ("torch.SequentialLR", ([cosine(10), linear(length=5)], []), {}, "2 schedules need 1 rising boundaries"),
    ("torch.SequentialLR", ([1.0], []), {}, "every one of schedulers must be a schedule"),
    ("torch.MultiStepLR", ("30",), {}, "milestones must be a list, not '30'"),
    ("torch.StepLR", (float("nan"),), {}, "step_size must be a number ≥ 1"),
    ("torch.StepLR", (True,), {}, "step_size must be a number ≥ 1"),
    ("fairseq.CosineLRSchedule", (0,), {"max_update": 10}, "lr must be a number > 0"),
    ("pytorch_warmup.UntunedLinearWarmup", (1.0,), {}, "beta2 must be a number ≥ 0 and < 1"),
]


def named(name):
    library, preset = name.split(".")
    return getattr(getattr(presets, library), preset), preset


@pytest.mark.parametrize(("name", "args", "kwargs", "told"), REFUSED, ids=str)
def test_what_the_library_refuses_is_refused_by_the_names_that_were_written(name, args, kwargs, told):
    make, preset = named(name)
    with pytest.raises(StepsizeError) as caught:
        make(*args, **kwargs)
    message = str(caught.value)
    assert message.startswith(preset)
    assert told in message
    assert "\n" not in message


TAKEN = [
    ("optax.polynomial_schedule", (0.3, 0.0, 1, -9), {}),
    ("optax.linear_schedule", (0.3, 0.0, 9, -4), {}),
    ("optax.exponential_decay", (0.3, 0, 0.5), {}),
    ("optax.piecewise_constant_schedule", (0.3, {}), {}),
    ("torch.MultiStepLR", ([],), {}),
    ("torch.MultiStepLR", ((5, 5, 0),), {}),
    ("torch.ConstantLR", (0.5, 0), {}),
    ("torch.ChainedScheduler", ([cosine(10)],), {}),
    ("composer.StepScheduler", ("1e2ba",), {}),
    ("composer.StepScheduler", (" 30 ep ",), {}),
    ("mmengine.StepLR", (3, 0.1, 5, 10), {}),
    ("fvcore.CompositeParamScheduler", ([rate(0.1), rate(0.2)], [0.1, 0.9004], ["fixed", "fixed"]), {"steps": 10}),
    ("keras.PiecewiseConstantDecay", ([], [0.1]), {}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), TAKEN, ids=str)
def test_what_the_library_takes_is_taken(name, args, kwargs):
    made = named(name)[0](*args, **kwargs)
    assert made.over(20, steps_per_epoch=4)(3) >= 0


@pytest.mark.parametrize("warmup", ["100ba", "120ba", "1dur"])
def test_composers_warmup_may_take_the_whole_run(warmup):
    """Its share of what comes after the warm-up is 0 then: the top is held."""
    ours, end = presets.composer, "1dur" if warmup == "1dur" else "100ba"
    for made, top in (
        (ours.LinearWithWarmupScheduler(warmup, 0.5, 0.0, end), 0.5),
        (ours.CosineAnnealingWithWarmupScheduler(warmup, end), 1.0),
        (ours.PolynomialWithWarmupScheduler(warmup, 2.0, end), 1.0),
    ):
        plan, steps = made.over(100), {"100ba": 100, "120ba": 120, "1dur": 100}[warmup]
        assert plan(steps // 2) == pytest.approx(top / 2)
        assert plan(steps) == plan(steps + 50) == top


def test_an_error_of_the_words_inside_names_the_preset_and_its_arguments():
    with pytest.raises(StepsizeError, match=r"^PolynomialLR\(total_iters=5, power=-1\.0\): polynomial: "):
        presets.torch.PolynomialLR(5, -1.0)


def test_a_missing_or_unknown_argument_is_pythons_own_error():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'step_size'"):
        presets.torch.StepLR()
    with pytest.raises(TypeError, match="unexpected keyword argument 'size'"):
        presets.torch.StepLR(size=3)


EDGES = [
    *(0, 1, -1, 2, 10, 0.5, -0.5, 5e-324, 1e308, 2**31, 2**53 + 1, 10**30, 10**5000, float("nan"), float("inf")),
    *(None, True, "x", "", [], [1], [2, 1], [0.1, 0.5], [3, 3], {}, {1: 0.5}, (), "10ba", "1dur", [10**12]),
]
EVERY = [
    f"{library}.{name}" for library in presets.__all__ for name in import_module(f"stepsize.presets.{library}").__all__
]


@pytest.mark.parametrize("name", EVERY)
def test_any_argument_gives_a_schedule_or_an_error_of_one_line_that_names_the_preset(name):
    make, preset = named(name)
    random_ = random.Random(name)
    for _ in range(60):
        given = {
            one.name: random_.choice(EDGES)
            for one in inspect.signature(make).parameters.values()
            if one.default is inspect.Parameter.empty or random_.random() < 0.3
        }
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            told = said(make, given)
        assert told is None or told.startswith(preset), given
        assert "\n" not in (told or "")


def said(make, given):
    """The message of the error, or None where there is a schedule."""
    try:
        make(**given)
    except StepsizeError as error:
        return str(error)
    return None
