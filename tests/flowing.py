"""What the laws of clips share: gradients of one run and of many, sequences of them."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stepsize._space import namespace
from stepsize.problems import least_squares
from subjects import CLIPS, FORGETFUL, plain

SHAPES = {"w": (2, 3), "b": (3,)}
RNG = np.random.default_rng(2)
RUNS = {
    name: RNG.normal(size=(5, *shape)) * 10.0 ** np.arange(-3, 2).reshape(5, *(1,) * len(shape))
    for name, shape in SHAPES.items()
}
PARAMS = {name: RNG.normal(size=one.shape) for name, one in RUNS.items()}
LOOKING = [one for one in CLIPS if one not in FORGETFUL]  # at more than what flows


def flows(limit=1e6):
    element = st.floats(-limit, limit)
    return st.fixed_dictionaries({name: arrays(np.float64, shape, elements=element) for name, shape in SHAPES.items()})


def run(i, many):
    return {name: one[i] for name, one in many.items()}


REMEMBERING = [one for one in LOOKING if one.init(run(0, PARAMS))]


def vector(flowing):
    return np.concatenate([plain(one).ravel() for one in flowing.values()])


def norm(flowing):
    return math.hypot(*vector(flowing))


STEPS = 9
STREAM = [
    {name: RNG.normal(size=one.shape) * (30 if t in (4, 7) else 1) for name, one in RUNS.items()} for t in range(STEPS)
]


def about_of(grads):
    """The raw gradients, and a state of Adam that forgot how large they are."""
    rules = {name: {"squares": namespace(one).zeros_like(one) + 0.3, "count": 4} for name, one in grads.items()}
    return {"grads": grads, "rules": rules}


def passes(transform, stream, params, many=False):
    """What came out of each pass, the shares, and the states after each."""
    state = transform.init(params)
    told = []
    for flowing in stream:
        limited, share, state = transform.step(flowing, params, state, about_of(flowing), many)
        told.append((limited, share, state))
    return told


X = RNG.normal(size=(24, 4))
LINE = least_squares(X, X @ np.arange(4.0), start=np.ones(4))
