"""The presets against keras itself, where it is installed: every update, past the end included."""

import os

import numpy as np
import pytest

from peers import CLOSE, library, rates, same
from stepsize import presets


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
