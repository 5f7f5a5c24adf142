"""`presets.optax` against optax.schedules in float64: the value of every update, past the end included."""

from functools import partial

import jax.numpy as jnp
import numpy as np
import optax as theirs
import pytest

from stepsize import StepsizeError, rate
from stepsize.presets import optax as ours

pytestmark = pytest.mark.usefixtures("x64")

STEPS = 160
COSINES = [
    {"init_value": 0.0, "peak_value": peak, "warmup_steps": 5, "decay_steps": 40, "end_value": 0.01}
    for peak in (1.0, 0.5, 0.7)
]
CALLS = [
    ("constant_schedule", {"value": 0.3}),
    ("polynomial_schedule", {"init_value": 0.3, "end_value": 0.05, "power": 2.5, "transition_steps": 100}),
    ("polynomial_schedule", {"init_value": 0.05, "end_value": 0.3, "power": 3, "transition_steps": 50}),
    (
        "polynomial_schedule",
        {"init_value": 0.3, "end_value": 0.0, "power": 0.5, "transition_steps": 50, "transition_begin": 20},
    ),
    (
        "polynomial_schedule",
        {"init_value": 0.1, "end_value": 0.3, "power": 2, "transition_steps": 50, "transition_begin": 20},
    ),
    ("polynomial_schedule", {"init_value": 0.3, "end_value": 0.0, "power": 2, "transition_steps": 0}),
    ("polynomial_schedule", {"init_value": 0.3, "end_value": 0.3, "power": 2, "transition_steps": 9}),
    (
        "polynomial_schedule",
        {"init_value": 0.3, "end_value": 0.0, "power": 1, "transition_steps": 9, "transition_begin": -4},
    ),
    ("linear_schedule", {"init_value": 0.3, "end_value": 0.0, "transition_steps": 100}),
    ("linear_schedule", {"init_value": 0.0, "end_value": 0.3, "transition_steps": 10, "transition_begin": 5}),
    ("linear_schedule", {"init_value": 0.1, "end_value": 0.3, "transition_steps": 10}),
    ("piecewise_constant_schedule", {"init_value": 0.3, "boundaries_and_scales": {30: 0.5, 60: 0.2}}),
    ("piecewise_constant_schedule", {"init_value": 0.3, "boundaries_and_scales": {0: 0.5, 60: 3.0}}),
    ("piecewise_constant_schedule", {"init_value": 0.3}),
    ("exponential_decay", {"init_value": 0.3, "transition_steps": 10, "decay_rate": 0.5}),
    ("exponential_decay", {"init_value": 0.3, "transition_steps": 10, "decay_rate": 0.5, "transition_begin": 15}),
    ("exponential_decay", {"init_value": 0.3, "transition_steps": 10, "decay_rate": 0.5, "staircase": True}),
    ("exponential_decay", {"init_value": 0.3, "transition_steps": 10, "decay_rate": 0.5, "end_value": 0.05}),
    ("exponential_decay", {"init_value": 0.3, "transition_steps": 10, "decay_rate": 0.5, "end_value": 0.5}),
    ("exponential_decay", {"init_value": 0.3, "transition_steps": 10, "decay_rate": 1.5, "end_value": 2.0}),
    ("exponential_decay", {"init_value": 0.3, "transition_steps": 10, "decay_rate": 0.0}),
    ("exponential_decay", {"init_value": 0.3, "transition_steps": 0, "decay_rate": 0.5, "end_value": 0.4}),
    ("exponential_decay", {"init_value": 0.0, "transition_steps": 10, "decay_rate": 0.5, "end_value": 0.4}),
    ("cosine_decay_schedule", {"init_value": 0.3, "decay_steps": 100}),
    ("cosine_decay_schedule", {"init_value": 0.3, "decay_steps": 100, "alpha": 0.1}),
    ("cosine_decay_schedule", {"init_value": 0.3, "decay_steps": 100, "alpha": 0.1, "exponent": 1.7}),
    ("cosine_decay_schedule", {"init_value": 0.3, "decay_steps": 100, "alpha": 1.5}),
    (
        "piecewise_interpolate_schedule",
        {"interpolate_type": "linear", "init_value": 0.3, "boundaries_and_scales": {20: 0.5, 60: 0.2, 100: 4.0}},
    ),
    (
        "piecewise_interpolate_schedule",
        {"interpolate_type": "cosine", "init_value": 0.3, "boundaries_and_scales": {0: 0.5, 60: 0.2}},
    ),
    ("linear_onecycle_schedule", {"transition_steps": 100, "peak_value": 0.3}),
    ("linear_onecycle_schedule", {"transition_steps": 77, "peak_value": 0.3, "pct_start": 0.25, "pct_final": 0.7}),
    ("cosine_onecycle_schedule", {"transition_steps": 100, "peak_value": 0.3}),
    ("cosine_onecycle_schedule", {"transition_steps": 77, "peak_value": 0.3, "pct_start": 0.0}),
    ("warmup_constant_schedule", {"init_value": 0.0, "peak_value": 0.3, "warmup_steps": 10}),
    ("warmup_constant_schedule", {"init_value": 0.1, "peak_value": 0.3, "warmup_steps": 0}),
    (
        "warmup_cosine_decay_schedule",
        {"init_value": 0.0, "peak_value": 0.3, "warmup_steps": 10, "decay_steps": 100},
    ),
    (
        "warmup_cosine_decay_schedule",
        {
            "init_value": 0.1,
            "peak_value": 0.3,
            "warmup_steps": 10,
            "decay_steps": 100,
            "end_value": 0.03,
            "exponent": 2.0,
        },
    ),
    (
        "warmup_cosine_decay_schedule",
        {"init_value": 0.0, "peak_value": 0.3, "warmup_steps": 0, "decay_steps": 100},
    ),
    (
        "warmup_cosine_decay_schedule",
        {"init_value": 0.1, "peak_value": 0.0, "warmup_steps": 10, "decay_steps": 100},
    ),
    (
        "warmup_exponential_decay_schedule",
        {
            "init_value": 0.0,
            "peak_value": 0.3,
            "warmup_steps": 10,
            "transition_steps": 20,
            "decay_rate": 0.5,
            "transition_begin": 5,
            "end_value": 0.05,
        },
    ),
    (
        "warmup_exponential_decay_schedule",
        {
            "init_value": 0.1,
            "peak_value": 0.3,
            "warmup_steps": 0,
            "transition_steps": 20,
            "decay_rate": 0.5,
            "staircase": True,
        },
    ),
    (
        "warmup_exponential_decay_schedule",
        {"init_value": 0.1, "peak_value": 0.0, "warmup_steps": 9, "transition_steps": 20, "decay_rate": 0.5},
    ),
    ("sgdr_schedule", {"cosine_kwargs": COSINES}),
]


def values(schedule, steps=STEPS):
    """Their value of every update; a constant gives a plain number."""
    return np.array([float(schedule(jnp.asarray(t))) for t in range(steps)])


def rates(preset, steps=STEPS):
    return np.array([preset(t) for t in range(steps)])


@pytest.mark.parametrize(("name", "options"), CALLS, ids=str)
def test_equals_optax_at_every_step(name, options):
    preset = getattr(ours, name)(**options)
    assert isinstance(preset, rate)
    assert np.max(np.abs(rates(preset) - values(getattr(theirs, name)(**options)))) < 1e-12


JOINED = {
    "as long as its share": ([10], [("linear_schedule", (0.0, 0.3, 10)), ("cosine_decay_schedule", (0.3, 90))]),
    "cut, held, endless": (
        [7, 30],
        [
            ("linear_schedule", (0.0, 0.3, 10)),
            ("cosine_decay_schedule", (0.2, 9)),
            ("exponential_decay", (0.5, 10, 0.9)),
        ],
    ),
}


@pytest.mark.parametrize("name", JOINED)
def test_join_equals_optax(name):
    boundaries, parts = JOINED[name]
    preset = ours.join_schedules([getattr(ours, word)(*args) for word, args in parts], boundaries)
    joined = theirs.join_schedules([getattr(theirs, word)(*args) for word, args in parts], boundaries)
    assert np.max(np.abs(rates(preset) - values(joined))) < 1e-12


def test_join_leaves_out_a_part_without_steps():
    parts = [ours.constant_schedule(0.1), ours.constant_schedule(0.3)]
    assert ours.join_schedules(parts, [0]) == ours.constant_schedule(0.3)


def test_a_rate_is_not_negative_and_optax_allows_it():
    assert values(theirs.constant_schedule(-0.3), 1)[0] == -0.3
    for build in (
        partial(ours.constant_schedule, -0.3),
        partial(ours.linear_schedule, 0.3, -0.3, 10),
        partial(ours.cosine_decay_schedule, -0.3, 10),
    ):
        with pytest.raises(StepsizeError, match=r"≥ 0"):
            build()


def test_the_steps_of_a_warmup_are_inside_decay_steps():
    inside = ours.warmup_cosine_decay_schedule(0.0, 0.3, 10, 100)
    assert str(inside) == "0.3 * (linear(0.0, 1.0, 10) >> cosine(90))"


def test_interpolation_is_linear_or_cosine():
    with pytest.raises(StepsizeError, match="linear or cosine, not 'cubic'"):
        ours.piecewise_interpolate_schedule("cubic", 1.0, {3: 0.5})
