"""The subjects of the laws, by the word that writes them, and what several law modules need."""

from __future__ import annotations

import math

import array_api_strict
import jax.numpy as jnp
import numpy as np
import torch

import stepsize as s
from stepsize.controllers.base import Controller
from stepsize.descents import Clip, Rule
from stepsize.schedules.base import Factor

TOTAL = 1000
UNITS = {"steps_per_epoch": 50, "batch_size": 8, "tokens_per_step": 1024}

SUBJECTS = {
    "constant": (s.constant(), s.constant(0.5), s.constant(0.25, "2ep")),
    "warmup": (s.warmup(100), s.warmup("2%"), s.warmup("1ep"), s.warmup("800samples"), s.warmup("1e5tok")),
    "linear": (s.linear(), s.linear(0.2, 0.8, 300), s.linear(length="30%"), s.linear(1, 1e-300)),
    "cosine": (s.cosine(), s.cosine(300), s.cosine("50%", final=0.1), s.cosine(final=1)),
    "exponential": (
        s.exponential(0.1),
        s.exponential(0.1, 300),
        s.exponential(0.99, every=1),
        s.exponential(0.5, "40%", every="1ep"),
        s.exponential(1.5, every=1),
    ),
    "staircase": (s.staircase(0.5, 100), s.staircase(0.1, "30%"), s.staircase(0.9, every="1ep", length=320)),
    "stages": (
        s.stages(1, 0.1, 0.01),
        s.stages(0.5),
        s.stages(1, 0.3, 0.1, length="70%"),
        s.stages(1, 0.1, 0, at=(300, 600)),
        s.stages(1.0, 0.1, at=("33%",)),
    ),
    "multistep": (s.multistep(300, 600), s.multistep("50%", "75%", gamma=0.3)),
    "then": (
        s.warmup("2%") >> s.cosine(),
        s.warmup(10) >> s.constant() >> s.linear(length="20%"),
        s.then(s.exponential(0.9, every=7), s.staircase(0.5, 50, 100)),
        s.then(s.cosine()),
    ),
    "product": (
        s.warmup(100) * s.cosine(),
        s.constant(0.5) * s.constant(0.1),
        (s.warmup(5) >> s.cosine()) * s.staircase(0.5, "25%"),
        s.infrared() * s.cosine(),
        s.product(s.linear()),
    ),
    "clamp": (
        s.clamp(s.cosine(), 0.1),
        s.clamp(s.exponential(0.9, every=1), high=0.5),
        s.clamp(s.warmup(10) >> s.linear(), 0.2, 0.7),
        s.clamp(s.constant(0.5), 0.6),
        s.clamp(s.infrared(), 0.1, 2),
    ),
    "rate": (s.rate(0.1), s.rate(0), 0.1 * s.cosine(), 3e-4 * (s.warmup("2%") >> s.cosine()), 0.01 * s.infrared()),
    "infrared": (
        s.infrared(),
        s.infrared(0.5, 2.0, cap=3.0),
        s.infrared(compounding=True),
        s.infrared(0.9, 0.99, guard=False),
        s.infrared(0.0, 1.0, compounding=True),
        s.infrared(1.1, 5, compounding=True, guard=False),
    ),
    "sgd": (s.sgd(), s.sgd(momentum=0.9), s.sgd(momentum=0.9, nesterov=True), s.sgd(momentum=0.5, dampening=0.5)),
    "adagrad": (s.adagrad(), s.adagrad(initial=0.1, eps=1e-7, eps_in_root=True), s.adagrad(eps=0)),
    "rmsprop": (
        s.rmsprop(),
        s.rmsprop(alpha=0.9, centered=True),
        s.rmsprop(momentum=0.9),
        s.rmsprop(centered=True, momentum=0.5, eps_in_root=True, initial=1),
    ),
    "adam": (s.adam(), s.adam(beta1=0, beta2=0.5), s.adam(eps=0, eps_root=1e-8)),
    "adamw": (s.adamw(), s.adamw(weight_decay=0, beta1=0.8)),
    "clip": (s.clip(0.01), s.clip(1), s.clip(2.5)),
    "clip_norm": (s.clip_norm(1), s.clip_norm(0.3)),
    "weight_decay": (s.weight_decay(0.01), s.weight_decay(0)),
    "descent": (
        s.sgd() | 0.1,
        s.sgd() | 0.1 * s.exponential(0.1) | s.clip(0.01),
        s.clip_norm(1) | s.adam() | s.weight_decay(0.1) | 3e-4 * (s.warmup("2%") >> s.cosine()) | s.clip(0.01),
        s.clip(1) | s.sgd(),
        s.descent(s.sgd()),
    ),
}

EVERYTHING = [one for row in SUBJECTS.values() for one in row]
FACTORS = [one for one in EVERYTHING if isinstance(one, Factor)]
SCHEDULES = [one.over(TOTAL, **UNITS) for one in FACTORS if not one.controllers]
CONTROLLERS = [one for one in EVERYTHING if isinstance(one, Controller)]
RULES = [one for one in EVERYTHING if isinstance(one, Rule)]
CLIPS = [one for one in EVERYTHING if isinstance(one, Clip)]

LIBRARIES = {
    "numpy": np.array,
    "torch": torch.tensor,
    "jax": jnp.array,
    "array_api_strict": array_api_strict.asarray,
}


def plain(array):
    """Any library's array as a NumPy array."""
    return np.asarray(array)


def close(value, expected, rel=1e-12):
    """Equal to twelve digits; numbers near zero to fifteen places."""
    return math.isclose(value, expected, rel_tol=rel, abs_tol=1e-15)


def assert_close(values, expected, rel=1e-12):
    np.testing.assert_allclose(plain(values), plain(expected), rtol=rel, atol=1e-15)


def assert_same(values, expected):
    """Equal bit for bit, with the same dtype and shape."""
    values, expected = plain(values), plain(expected)
    assert values.dtype == expected.dtype
    assert values.shape == expected.shape
    np.testing.assert_array_equal(values, expected)
