"""The presets against transformers itself, where it is installed: every update, past the end included."""

import pytest

from peers import BASE, library, optimizer, rates, same, used
from stepsize import StepsizeError, presets

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
