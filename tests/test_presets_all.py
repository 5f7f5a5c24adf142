"""What holds for every preset: it is documented, an expression, and that expression reads back from its text."""

import inspect
from importlib import import_module

import numpy as np
import pytest

from stepsize import StepsizeError, linear, parse, presets, rate
from stepsize.schedules.base import Factor

UP, DOWN = presets.fvcore.LinearParamScheduler(0.0, 0.1, steps=10), presets.fvcore.ConstantParamScheduler(0.1)
STAGES = [{"duration": 9, "shape": "cosine", "end_lr": 0.1}]
DECAYS = {"warmup": 10, "t_max": 100}

# every public preset with arguments that show what it can do
CALLS = {
    "composer.ConstantScheduler": ((0.5, "100ba"), {}),
    "composer.ConstantWithWarmupScheduler": (("10ba",), {}),
    "composer.CosineAnnealingScheduler": (("100ba", 0.1), {}),
    "composer.CosineAnnealingWarmRestartsScheduler": (("10ba", 1.5), {}),
    "composer.CosineAnnealingWithWarmupScheduler": (("10ba", "100ba"), {}),
    "composer.ExponentialScheduler": ((0.9, "10ba"), {}),
    "composer.LinearScheduler": ((1.0, 0.0, "100ba"), {}),
    "composer.LinearWithWarmupScheduler": (("10ba", 1.0, 0.0, "100ba"), {}),
    "composer.MultiStepScheduler": ((["30ba", "60ba"],), {}),
    "composer.MultiStepWithWarmupScheduler": (("10ba", ["30ba", "60ba"]), {}),
    "composer.PolynomialScheduler": ((2.0, "100ba"), {}),
    "composer.PolynomialWithWarmupScheduler": (("10ba", 2.0, "100ba"), {}),
    "composer.StepScheduler": (("30ba",), {}),
    "fairseq.CosineLRSchedule": ((0.1, 10), {"max_update": 100, "t_mult": 2}),
    "fairseq.InverseSquareRootSchedule": ((0.1, 10), {}),
    "fairseq.PolynomialDecayLRSchedule": ((0.1, 10), {"total_num_update": 100}),
    "fairseq.TriStageLRSchedule": ((0.1, 10, 50, 40), {}),
    "fastai.SchedCos": ((0.1, 0.01), {"steps": 100}),
    "fastai.SchedExp": ((0.1, 0.01), {"steps": 100}),
    "fastai.SchedLin": ((0.1, 0.01), {"steps": 100}),
    "fastai.SchedNo": ((0.1, 0.01), {}),
    "fastai.SchedPoly": ((0.1, 0.01, 2), {"steps": 100}),
    "fastai.combine_scheds": (([0.1, 0.9], [UP, DOWN]), {"steps": 100}),
    "fastai.combined_cos": ((0.3, 0.01, 0.1, 0.0), {"steps": 101}),
    "fastai.fit_flat_cos": ((3, 0.1), {"steps_per_epoch": 10}),
    "fastai.fit_one_cycle": ((3, 0.1), {"steps_per_epoch": 10}),
    "fastai.fit_sgdr": ((3, 1, 0.1), {"steps_per_epoch": 10}),
    "fvcore.CompositeParamScheduler": (([UP, DOWN], [0.1, 0.9], ["rescaled", "fixed"]), {"steps": 100}),
    "fvcore.ConstantParamScheduler": ((0.1,), {}),
    "fvcore.CosineParamScheduler": ((0.1, 0.01), {"steps": 100}),
    "fvcore.ExponentialParamScheduler": ((0.1, 0.5), {"steps": 100}),
    "fvcore.LinearParamScheduler": ((0.1, 0.01), {"steps": 100}),
    "fvcore.MultiStepParamScheduler": (([1.0, 0.1], 10, [3]), {"steps": 100}),
    "fvcore.PolynomialDecayParamScheduler": ((0.1, 0.9), {"steps": 100}),
    "fvcore.StepParamScheduler": ((100, [1.0, 0.1]), {"steps": 100}),
    "fvcore.StepWithFixedGammaParamScheduler": ((1.0, 2, 0.1, 100), {"steps": 100}),
    "keras.CosineDecay": ((0.0, 90, 0.1, 0.1, 10), {}),
    "keras.CosineDecayRestarts": ((0.1, 10, 2.0, 0.9, 0.1), {}),
    "keras.ExponentialDecay": ((0.1, 10, 0.9, True), {}),
    "keras.InverseTimeDecay": ((0.1, 10, 0.9), {}),
    "keras.PiecewiseConstantDecay": (([10, 20], [1.0, 0.5, 0.1]), {}),
    "keras.PolynomialDecay": ((0.1, 10, 0.001, 2.0, True), {}),
    "megatron.OptimizerParamScheduler": ((0.0, 0.1, 0.01, 10, 100, "inverse-square-root"), {}),
    "megatron.get_wd": ((0.01, 0.1, 100, "cosine"), {}),
    "mmengine.ConstantLR": ((), {"begin": 5, "end": 20}),
    "mmengine.CosineAnnealingLR": ((), {"begin": 10, "end": 100}),
    "mmengine.CosineRestartLR": (([10, 20], [1, 0.5]), {"eta_min": 0.1}),
    "mmengine.ExponentialLR": ((0.9,), {"begin": 5, "end": 20}),
    "mmengine.LinearLR": ((), {"begin": 5, "end": 20}),
    "mmengine.MultiStepLR": (([5, 9],), {"begin": 5, "end": 20}),
    "mmengine.OneCycleLR": ((0.1, 101), {}),
    "mmengine.PolyLR": ((0.1, 2.0), {"begin": 5, "end": 20}),
    "mmengine.StepLR": ((3,), {"begin": 5, "end": 20}),
    "olmo.ComposableScheduler": ((STAGES, {**STAGES[0], "start": 5}), {"initial_lr": 0.4}),
    "olmo.ConstantScheduler": ((), {}),
    "olmo.ConstantWithWarmup": ((10,), {}),
    "olmo.CosWithWarmup": ((), DECAYS),
    "olmo.CosWithWarmupAndLinearDecay": ((), DECAYS),
    "olmo.ExponentialScheduler": ((), {"t_max": 100}),
    "olmo.HalfCosWithWarmup": ((), DECAYS),
    "olmo.InvSqrtWithWarmup": ((), {"warmup": 10}),
    "olmo.LinearWithWarmup": ((), DECAYS),
    "olmo.PowerLR": ((), DECAYS),
    "olmo.WSD": ((), DECAYS),
    "olmo.WSDS": (([50, 40],), {"warmup": 10, "decay": 10}),
    "optax.constant_schedule": ((0.1,), {}),
    "optax.cosine_decay_schedule": ((0.1, 100, 0.1, 2.0), {}),
    "optax.cosine_onecycle_schedule": ((100, 0.1), {}),
    "optax.exponential_decay": ((0.1, 10, 0.5, 5, False, 0.01), {}),
    "optax.join_schedules": (([UP, DOWN], [7]), {}),
    "optax.linear_onecycle_schedule": ((100, 0.1), {}),
    "optax.linear_schedule": ((0.0, 0.1, 10, 5), {}),
    "optax.piecewise_constant_schedule": ((0.1, {10: 0.5}), {}),
    "optax.piecewise_interpolate_schedule": (("cosine", 0.1, {10: 0.5}), {}),
    "optax.polynomial_schedule": ((0.01, 0.1, 2, 10), {}),
    "optax.sgdr_schedule": (
        ([{"init_value": 0.0, "peak_value": peak, "warmup_steps": 2, "decay_steps": 9} for peak in (0.1, 0.05)],),
        {},
    ),
    "optax.warmup_constant_schedule": ((0.0, 0.1, 10), {}),
    "optax.warmup_cosine_decay_schedule": ((0.0, 0.1, 10, 100), {}),
    "optax.warmup_exponential_decay_schedule": ((0.0, 0.1, 10, 10, 0.5), {}),
    "pytorch_optimizer.CosineAnnealingWarmupRestarts": ((20, 1.5, 0.1, 0.01, 5), {}),
    "pytorch_optimizer.CosineScheduler": ((100, 0.1, 0.01, 0.0, 10), {}),
    "pytorch_optimizer.LinearScheduler": ((100, 0.1, 0.01, 0.0, 10), {}),
    "pytorch_optimizer.PolyScheduler": ((0.5, 100, 0.1), {}),
    "pytorch_optimizer.ProportionScheduler": ((UP, 0.1, 0.0, 2.0, 1.0), {}),
    "pytorch_optimizer.REXScheduler": ((100,), {}),
    "pytorch_optimizer.get_chebyshev_schedule": ((9,), {}),
    "pytorch_optimizer.get_wsd_schedule": ((10, 70, 20), {"cooldown_type": "cosine", "num_cycles": 1.5}),
    "pytorch_warmup.ExponentialWarmup": ((10,), {}),
    "pytorch_warmup.LinearWarmup": ((10,), {}),
    "pytorch_warmup.RAdamWarmup": ((), {}),
    "pytorch_warmup.UntunedExponentialWarmup": ((), {}),
    "pytorch_warmup.UntunedLinearWarmup": ((), {}),
    "timm.CosineLRScheduler": ((20, 0.01, 2.0, 0.5, 3, 10, 0.01), {}),
    "timm.MultiStepLRScheduler": (([3, 6], 0.5, 2), {}),
    "timm.PolyLRScheduler": ((20, 0.5, 0.01, 2.0, 0.5, 3, 10, 0.01, True, 1.5), {}),
    "timm.StepLRScheduler": ((7.5, 0.5), {}),
    "timm.TanhLRScheduler": ((20,), {"cycle_limit": 2, "cycle_mul": 1.5, "warmup_t": 5}),
    "timm.WSDLRScheduler": ((90, 20, 0.1, "rsqrt"), {"warmup_t": 10, "decay_fn": "exp"}),
    "torch.ChainedScheduler": (([linear(1, 0, 9), linear(0, 1, 9)],), {}),
    "torch.ConstantLR": ((), {}),
    "torch.CosineAnnealingLR": ((100, 0.01), {}),
    "torch.CosineAnnealingWarmRestarts": ((10, 2), {}),
    "torch.CyclicLR": ((0.01, 0.1, 10, 20, "triangular2"), {}),
    "torch.ExponentialLR": ((0.9,), {}),
    "torch.LinearLR": ((), {}),
    "torch.MultiStepLR": (([5, 5, 9],), {}),
    "torch.OneCycleLR": ((0.1, 101), {"three_phase": True}),
    "torch.PolynomialLR": ((), {}),
    "torch.SWALR": ((0.05,), {}),
    "torch.SequentialLR": (([linear(1, 0, 9), linear(0, 1, 9)], [5]), {}),
    "torch.StepLR": ((30,), {}),
    "torchtitan.LRSchedulersContainer": ((10, 100, 0.2, "sqrt", 0.1), {}),
    "transformers.get_constant_schedule": ((), {}),
    "transformers.get_constant_schedule_with_warmup": ((10,), {}),
    "transformers.get_cosine_schedule_with_warmup": ((10, 100), {}),
    "transformers.get_cosine_with_hard_restarts_schedule_with_warmup": ((10, 100, 3), {}),
    "transformers.get_cosine_with_min_lr_schedule_with_warmup": ((10, 100), {"min_lr": 0.1}),
    "transformers.get_cosine_with_min_lr_schedule_with_warmup_lr_rate": ((10, 100), {"min_lr_rate": 0.1}),
    "transformers.get_inverse_sqrt_schedule": ((10,), {}),
    "transformers.get_linear_schedule_with_warmup": ((10, 100), {}),
    "transformers.get_polynomial_decay_schedule_with_warmup": ((10, 100), {}),
    "transformers.get_wsd_schedule": ((10, 20, 100), {"warmup_type": "1-sqrt"}),
}
ALL = [
    f"{library}.{name}" for library in presets.__all__ for name in import_module(f"stepsize.presets.{library}").__all__
]


def made(name):
    library, _, function = name.partition(".")
    values, options = CALLS[name]
    return getattr(getattr(presets, library), function)(*values, **options)


def test_every_preset_is_here():
    assert sorted(CALLS) == sorted(ALL)


@pytest.mark.parametrize("name", ALL)
def test_a_preset_is_an_expression_that_reads_back_from_its_text(name):
    preset = made(name)
    assert isinstance(preset, (Factor, rate))
    assert parse(str(preset)) == preset
    steps = np.arange(300)
    one_by_one = np.array([preset(int(t)) for t in steps])
    assert np.all(np.isfinite(one_by_one))
    assert np.all(one_by_one >= 0)
    assert np.allclose(preset(steps), one_by_one, rtol=1e-12, atol=1e-12)
    assert np.array_equal(np.array([preset.over(50)(int(t)) for t in steps]), one_by_one)  # a run does not change it


@pytest.mark.parametrize("name", ALL)
def test_a_preset_is_documented(name):
    library, _, function = name.partition(".")
    preset = getattr(getattr(presets, library), function)
    assert inspect.getmodule(preset).__name__.startswith("stepsize.presets.")
    for part in ("Formula", "Source: ", ">>> "):
        assert part in preset.__doc__


def test_an_unknown_library_is_an_error_that_lists_them():
    assert dir(presets) == presets.__all__
    with pytest.raises(AttributeError, match="there are composer, fairseq, fastai"):
        presets.tensorflow  # noqa: B018


def test_what_is_given_as_a_rate_needs_a_base():
    with pytest.raises(StepsizeError, match="base_lr must be a number > 0"):
        presets.torch.CosineAnnealingLR(100, 0.1, base_lr=0.0)
    with pytest.raises(StepsizeError, match="eta_min must be a number ≥ 0"):
        presets.torch.CosineAnnealingLR(100, -0.1)
