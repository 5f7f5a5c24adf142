"""Every shape of `warmup` is the formula of its documentation, on numbers and on arrays."""

import math

import numpy as np
import pytest

from stepsize import warmup
from stepsize.schedules import shapes
from subjects import assert_close

RISES = {
    "linear": lambda u: u,
    "cosine": lambda u: (1 - math.cos(math.pi * u)) / 2,
    "sqrt": math.sqrt,
    "square": lambda u: u**2,
    "exponential": lambda u: 2**u - 1,
    "log": lambda u: math.log(1 + (math.e - 1) * u),
}


def test_every_shape_has_its_formula_here():
    assert RISES.keys() == shapes.RISES.keys()


@pytest.mark.parametrize("shape", RISES)
def test_a_rise_is_its_formula_and_then_1(shape):
    rise = warmup(8, shape=shape)
    expected = [RISES[shape]((t + 1) / 8) for t in range(8)] + [1.0] * 4
    assert_close([rise(t) for t in range(12)], expected)
    assert_close(rise(np.arange(12)), expected)
    assert rise(7) == 1.0
