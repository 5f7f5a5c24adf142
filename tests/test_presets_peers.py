"""The presets against the libraries themselves, where they are installed: every update, past the end included.

What a library does that a preset does not is a test of its own. The libraries that cannot be installed beside the
others are in test_presets_by_hand.py.
"""

import importlib.util
import os
import sys
import warnings

import numpy as np
import pytest
import torch

from stepsize import StepsizeError, presets, rate

BASE = 0.3
CLOSE = 1e-12


def library(name, package=None):
    """A module of an installed library, without its import-time warnings; the test is skipped without it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(package or name, exc_type=ImportError)


def rates(preset, steps, base=BASE):
    """Our rate of every update: a factor times the base, a rate as it is."""
    scale = 1.0 if isinstance(preset, rate) else base
    return np.array([scale * preset(t) for t in range(steps)])


def optimizer(base=BASE):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)


def used(built, scheduler, steps, step=lambda scheduler, t: scheduler.step()):
    """The rate that the optimizer holds when update t is made."""
    found = []
    for t in range(steps):
        found.append(float(built.param_groups[0]["lr"]))
        built.step()
        step(scheduler, t + 1)
    return np.array(found)


def same(ours, theirs, close=CLOSE):
    assert np.max(np.abs(ours - theirs)) < close


# transformers ------------------------------------------------------------------------------------------------------

TRANSFORMERS = [
    ("get_constant_schedule", {}, {}),
    ("get_constant_schedule_with_warmup", {"num_warmup_steps": 10}, {}),
    ("get_constant_schedule_with_warmup", {"num_warmup_steps": 0}, {}),
    ("get_linear_schedule_with_warmup", {"num_warmup_steps": 10, "num_training_steps": 100}, {}),
    ("get_linear_schedule_with_warmup", {"num_warmup_steps": 10, "num_training_steps": 10}, {}),
    ("get_cosine_schedule_with_warmup", {"num_warmup_steps": 10, "num_training_steps": 100}, {}),
    ("get_cosine_schedule_with_warmup", {"num_warmup_steps": 0, "num_training_steps": 70, "num_cycles": 1.3}, {}),
    ("get_cosine_schedule_with_warmup", {"num_warmup_steps": 10, "num_training_steps": 10}, {}),
    ("get_cosine_with_hard_restarts_schedule_with_warmup", {"num_warmup_steps": 10, "num_training_steps": 100}, {}),
    (
        "get_cosine_with_hard_restarts_schedule_with_warmup",
        {"num_warmup_steps": 10, "num_training_steps": 108, "num_cycles": 49},
        {},
    ),
    (
        "get_cosine_with_hard_restarts_schedule_with_warmup",
        {"num_warmup_steps": 7, "num_training_steps": 100, "num_cycles": 3},
        {},
    ),
    (
        "get_polynomial_decay_schedule_with_warmup",
        {"num_warmup_steps": 10, "num_training_steps": 100},
        {"base_lr": BASE},
    ),
    (
        "get_polynomial_decay_schedule_with_warmup",
        {"num_warmup_steps": 0, "num_training_steps": 100, "lr_end": 0.01, "power": 2.5},
        {"base_lr": BASE},
    ),
    ("get_inverse_sqrt_schedule", {"num_warmup_steps": 10}, {}),
    ("get_inverse_sqrt_schedule", {"num_warmup_steps": 0}, {}),
    ("get_inverse_sqrt_schedule", {"num_warmup_steps": 10, "timescale": 50}, {}),
    (
        "get_cosine_with_min_lr_schedule_with_warmup",
        {"num_warmup_steps": 10, "num_training_steps": 100, "min_lr": 0.03},
        {"base_lr": BASE},
    ),
    (
        "get_cosine_with_min_lr_schedule_with_warmup",
        {"num_warmup_steps": 10, "num_training_steps": 100, "min_lr_rate": 0.2, "num_cycles": 0.7},
        {},
    ),
    (
        "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
        {"num_warmup_steps": 10, "num_training_steps": 100, "min_lr": 0.03},
        {"base_lr": BASE},
    ),
    (
        "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
        {"num_warmup_steps": 10, "num_training_steps": 100, "min_lr_rate": 0, "warmup_lr_rate": 0.25},
        {},
    ),
    (
        "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
        {"num_warmup_steps": 1, "num_training_steps": 100, "min_lr_rate": 0.1, "warmup_lr_rate": 0.25},
        {},
    ),
    (
        "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
        {"num_warmup_steps": 0, "num_training_steps": 100, "min_lr_rate": 0.1},
        {},
    ),
    *(
        (
            "get_wsd_schedule",
            {
                "num_warmup_steps": 10,
                "num_decay_steps": 20,
                "num_training_steps": 100,
                "warmup_type": shape,
                "decay_type": shape,
                "min_lr_ratio": low,
            },
            {},
        )
        for shape in ("linear", "cosine", "1-sqrt")
        for low in (0.0, 0.1)
    ),
    (
        "get_wsd_schedule",
        {"num_warmup_steps": 0, "num_decay_steps": 20, "num_stable_steps": 30, "num_cycles": 1.2},
        {},
    ),
]


@pytest.mark.parametrize(("name", "options", "more"), TRANSFORMERS, ids=str)
def test_equals_transformers_at_every_step(name, options, more):
    theirs = library("transformers.optimization")
    built = optimizer()
    preset = getattr(presets.transformers, name)(**options, **more)
    same(rates(preset, 250), used(built, getattr(theirs, name)(built, **options), 250))


def test_transformers_misses_a_hard_restart_and_so_does_the_preset():
    """49·(1/49) is less than 1 in floating point: the update that should begin cycle 2 still ends cycle 1."""
    preset = presets.transformers.get_cosine_with_hard_restarts_schedule_with_warmup(0, 98, 49)
    assert preset(2) < 1e-9
    assert preset(6) == 1.0


def test_transformers_presets_ask_for_what_is_missing():
    with pytest.raises(StepsizeError, match=r"write one of min_lr=1e-5 and min_lr_rate=0\.1"):
        presets.transformers.get_cosine_with_min_lr_schedule_with_warmup(10, 100)
    with pytest.raises(StepsizeError, match="write num_training_steps=1000"):
        presets.transformers.get_wsd_schedule(10, 20)
    for wrong in ({"warmup_type": "sine"}, {"decay_type": "sine"}):
        with pytest.raises(StepsizeError, match="must be linear, cosine or 1-sqrt, not 'sine'"):
            presets.transformers.get_wsd_schedule(10, 20, 100, **wrong)


# timm --------------------------------------------------------------------------------------------------------------


def timm_schedulers():
    """timm.scheduler; where timm itself cannot be imported for want of torchvision, without timm/__init__.py."""
    spec = importlib.util.find_spec("timm")
    if spec is None:
        pytest.skip("timm is not installed")
    if "timm" not in sys.modules and importlib.util.find_spec("torchvision") is None:
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


# keras -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def keras():
    """keras.optimizers.schedules on NumPy."""
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    whole = library("keras")
    if whole.backend.backend() != "numpy":
        pytest.skip("keras was imported with another backend: set KERAS_BACKEND=numpy")
    return whole.optimizers.schedules


KERAS = [
    ("ExponentialDecay", (0.3, 20, 0.5), {}),
    ("ExponentialDecay", (0.3, 20, 0.5), {"staircase": True}),
    ("PiecewiseConstantDecay", ([10, 20.5, 90], [1.0, 0.5, 0.1, 0.7]), {}),
    ("PolynomialDecay", (0.3, 90), {}),
    ("PolynomialDecay", (0.3, 90, 0.01), {"power": 2.5}),
    ("PolynomialDecay", (0.01, 90, 0.3), {"power": 2.5}),
    ("PolynomialDecay", (0.3, 30, 0.01), {"power": 0.5, "cycle": True}),
    ("PolynomialDecay", (0.01, 30, 0.3), {"power": 2.0, "cycle": True}),
    ("InverseTimeDecay", (0.3, 20, 0.5), {}),
    ("InverseTimeDecay", (0.3, 20, 0.5), {"staircase": True}),
    ("InverseTimeDecay", (0.3, 20, 0.0), {}),
    ("CosineDecay", (0.3, 90), {}),
    ("CosineDecay", (0.3, 90, 0.1), {}),
    ("CosineDecay", (0.0, 90), {"warmup_target": 0.3, "warmup_steps": 10}),
    ("CosineDecay", (0.1, 90, 0.2), {"warmup_target": 0.3, "warmup_steps": 10}),
    ("CosineDecay", (0.1, 90), {"warmup_steps": 10}),
    ("CosineDecay", (0.1, 90), {"warmup_target": 0.0, "warmup_steps": 10}),
    ("CosineDecayRestarts", (0.3, 20), {}),
    ("CosineDecayRestarts", (0.3, 20), {"alpha": 0.1}),
    ("CosineDecayRestarts", (0.3, 20), {"alpha": 0.1, "m_mul": 0.7}),
    ("CosineDecayRestarts", (0.3, 20), {"t_mul": 1.0, "m_mul": 0.7}),
    ("CosineDecayRestarts", (0.3, 21), {"t_mul": 1.5, "m_mul": 0.7, "alpha": 0.2}),
]


@pytest.mark.parametrize(("name", "values", "options"), KERAS, ids=str)
def test_equals_keras_at_every_step(keras, name, values, options):
    theirs = getattr(keras, name)(*values, **options)
    preset = getattr(presets.keras, name)(*values, **options)
    same(rates(preset, 250), np.array([float(theirs(t)) for t in range(250)]), 2e-7)  # keras computes in float32


def test_a_boundary_of_keras_belongs_to_the_value_before_it(keras):
    theirs = keras.PiecewiseConstantDecay([10], [1.0, 0.5])
    assert (float(theirs(10)), float(theirs(11))) == (1.0, 0.5)


def test_restarts_are_counted_and_keras_takes_a_logarithm(keras):
    """Restart 15 of 10 first steps that double is at t = 327 670."""
    theirs, preset = keras.CosineDecayRestarts(0.3, 10), presets.keras.CosineDecayRestarts(0.3, 10)
    assert float(theirs(327_669)) < 1e-6
    assert float(theirs(327_670)) < 1e-6
    assert float(theirs(327_671)) == pytest.approx(0.3, rel=1e-6)
    assert preset(327_670) == pytest.approx(0.3, rel=CLOSE)


# fvcore ------------------------------------------------------------------------------------------------------------

FVCORE = [
    ("ConstantParamScheduler", (0.3,), 90, False),
    ("CosineParamScheduler", (0.3, 0.03), 250, True),
    ("CosineParamScheduler", (0.0, 0.3), 250, True),
    ("CosineParamScheduler", (0.1, 0.3), 250, True),
    ("ExponentialParamScheduler", (0.3, 0.1), 250, True),
    ("LinearParamScheduler", (0.3, 0.03), 100, True),
    ("LinearParamScheduler", (0.0, 0.3), 250, True),
    ("LinearParamScheduler", (0.3, 0.0), 91, True),
    ("PolynomialDecayParamScheduler", (0.3, 0.9), 91, True),
    ("PolynomialDecayParamScheduler", (0.3, 2), 91, True),
    ("StepParamScheduler", (90, [1.0, 0.5, 0.1]), 90, True),
    ("StepParamScheduler", (7, [1.0, 0.5, 0.1, 0.05, 0.01, 0.3, 0.2]), 90, True),
    ("StepWithFixedGammaParamScheduler", (1.0, 3, 0.5, 90), 90, True),
    ("MultiStepParamScheduler", ([1.0, 0.5, 0.1], 9, [3, 6]), 91, True),
    ("MultiStepParamScheduler", ([1.0, 0.5, 0.1], None, [30, 60, 70]), 91, True),
    ("MultiStepParamScheduler", ([1.0, 0.5, 0.1, 0.2], 7), 91, True),
    ("MultiStepParamScheduler", ([1.0, 0.5, 0.1, 0.2], 1000, [1, 2, 500]), 91, True),
]


@pytest.mark.parametrize(("name", "values", "steps", "sized"), FVCORE, ids=str)
def test_equals_fvcore_at_every_step(name, values, steps, sized):
    theirs = getattr(library("fvcore.common.param_scheduler"), name)(*values)
    preset = getattr(presets.fvcore, name)(*values, **({"steps": 90} if sized else {}))
    same(rates(preset, steps), np.array([theirs(t / 90) for t in range(steps)]))


def test_composite_equals_fvcore():
    theirs, ours = library("fvcore.common.param_scheduler"), presets.fvcore
    for scaling, steps in (("rescaled", 90), ("fixed", 100)):
        built = theirs.CompositeParamScheduler(
            [theirs.LinearParamScheduler(0.0, 0.3), theirs.CosineParamScheduler(0.3, 0.0)],
            [0.1, 0.9],
            ["rescaled", scaling],
        )
        up, down = ours.LinearParamScheduler(0.0, 0.3, steps=10), ours.CosineParamScheduler(0.3, 0.0, steps=steps)
        preset = ours.CompositeParamScheduler([up, down], [0.1, 0.9], ["rescaled", scaling], steps=100)
        same(rates(preset, 250), np.array([built(t / 100) for t in range(250)]))
    with pytest.raises(StepsizeError, match="rescaled or fixed, not 'scaled'"):
        ours.CompositeParamScheduler([up, down], [0.1, 0.9], ["rescaled", "scaled"], steps=100)


def test_the_presets_hold_where_fvcore_raises_turns_negative_or_complex():
    theirs, ours = library("fvcore.common.param_scheduler"), presets.fvcore
    for name, values, error in (
        ("ConstantParamScheduler", (0.3,), RuntimeError),
        ("StepParamScheduler", (90, [1.0, 0.5]), IndexError),
        ("StepWithFixedGammaParamScheduler", (1.0, 1, 0.5, 90), IndexError),
        ("MultiStepParamScheduler", ([1.0, 0.5], 90), RuntimeError),
    ):
        with pytest.raises(error):
            getattr(theirs, name)(*values)(1.01)
        more = {} if name.startswith("Constant") else {"steps": 100}
        preset = getattr(ours, name)(*values, **more)
        assert preset(101) == preset(99) > 0
    assert theirs.LinearParamScheduler(0.3, 0.0)(1.1) < 0
    assert ours.LinearParamScheduler(0.3, 0.0, steps=100)(110) == 0.0
    assert ours.LinearParamScheduler(0.3, 0.1, steps=100)(1000) == 0.0
    assert isinstance(theirs.PolynomialDecayParamScheduler(0.3, 0.9)(1.1), complex)
    assert theirs.PolynomialDecayParamScheduler(0.3, 2)(1.1) > 0
    assert ours.PolynomialDecayParamScheduler(0.3, 2, steps=100)(110) == 0.0


# pytorch_optimizer -------------------------------------------------------------------------------------------------

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


# mmengine, pytorch_warmup, Megatron --------------------------------------------------------------------------------

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


@pytest.mark.parametrize("name", presets.pytorch_warmup.__all__)
def test_equals_pytorch_warmup_at_every_step(name):
    theirs = library("pytorch_warmup")
    adam = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=BASE, betas=(0.9, 0.99))
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, 100)
    options = {"warmup_period": 10} if name in ("LinearWarmup", "ExponentialWarmup") else {}
    warmup, found = getattr(theirs, name)(adam, **options), []
    for _ in range(250):
        found.append(float(adam.param_groups[0]["lr"]))
        adam.step()
        with warmup.dampening():
            decay.step()
    preset = getattr(presets.pytorch_warmup, name)(**(options or {"beta2": 0.99}))
    same(rates(preset * presets.torch.CosineAnnealingLR(100), 250), np.array(found))


def test_untuned_warmups_cut_off_where_the_recipes_round():
    from stepsize import untuned_exponential, untuned_linear

    assert presets.pytorch_warmup.UntunedLinearWarmup(0.999).length == 1999
    assert untuned_linear(0.999).length == 2000
    assert presets.pytorch_warmup.UntunedExponentialWarmup(0.999).timescale == 999
    assert untuned_exponential(0.999).timescale == 1000


MEGATRON = [
    *((0.01, 0.3, low, 10, 100, style) for low in (0.0, 0.03) for style in ("constant", "linear", "cosine")),
    (0.0, 0.3, 0.03, 0, 100, "cosine"),
    (0.0, 0.3, 0.03, 0, 100, "inverse-square-root"),
    (0.0, 0.3, 0.12, 10, 100, "inverse-square-root"),
    (0.0, 0.3, 0.0, 10, 100, "inverse-square-root"),
    *((0.0, 0.3, 0.03, 10, 100, "WSD", 20, style) for style in ("linear", "cosine", "exponential", "minus_sqrt")),
    (0.0, 0.3, 0.03, 10, 100, "WSD", 95, "linear"),
]


@pytest.mark.parametrize("values", MEGATRON, ids=str)
def test_equals_megatron_at_every_step(values):
    theirs = library("megatron.core.optimizer_param_scheduler")
    init, top, low, warm, decay, style, *wsd = values
    more = dict(zip(("wsd_decay_steps", "lr_wsd_decay_style"), wsd, strict=False))
    built = optimizer()
    scheduler = theirs.OptimizerParamScheduler(
        built, init, top, low, warm, decay, style, 0.01, 0.1, 50, "cosine", **more
    )
    found, decays = [], []
    for _ in range(160):
        found.append(built.param_groups[0]["lr"])
        decays.append(built.param_groups[0]["weight_decay"])
        scheduler.step(1)
    same(rates(presets.megatron.OptimizerParamScheduler(*values), 160), np.array(found))
    same(rates(presets.megatron.get_wd(0.01, 0.1, 50, "cosine"), 160), np.array(decays))


@pytest.mark.parametrize(("start", "end", "style"), [(0.1, 0.1, "constant"), (0.0, 0.1, "linear"), (0, 0, "linear")])
def test_the_weight_decay_of_megatron(start, end, style):
    theirs = library("megatron.core.optimizer_param_scheduler")
    built, found = optimizer(), []
    scheduler = theirs.OptimizerParamScheduler(built, 0, 0.3, 0, 10, 100, "cosine", start, end, 50, style)
    for _ in range(100):
        found.append(built.param_groups[0]["weight_decay"])
        scheduler.step(1)
    same(rates(presets.megatron.get_wd(start, end, 50, style), 100), np.array(found))
