"""The one table of the laws: the subjects of each word, what a word does not keep, and what several law modules need.

A new word is one row here; the laws find it by what it is and by what it says of itself. A law that a word does not
keep by design is named in its row, in `but`, in the words that the law asks for.
"""

from __future__ import annotations

import math

import array_api_strict
import jax.numpy as jnp
import numpy as np
import torch

import stepsize as s
from stepsize.controllers.base import Controller
from stepsize.descents import Clip, Rule, Transform
from stepsize.schedules.base import Factor

TOTAL = 1000
UNITS = {"steps_per_epoch": 50, "batch_size": 8, "tokens_per_step": 1024}


class Row(tuple):
    """The subjects of one word; `but` names the laws that they do not keep."""

    but: frozenset[str] = frozenset()


def row(*subjects, but=()):
    made = Row(subjects)
    made.but = frozenset((but,) if isinstance(but, str) else but)
    return made


ODD_PASSES = "what is not finite leaves no trace"
BROKEN_PASSES = "a broken gradient passes as it is"
BY_LENGTH = "a flow whose whole length is within the bound is not limited"
SILENT = "a share above 0 is a change"
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
    "polynomial": (s.polynomial(), s.polynomial(2, 300, final=0.1), s.polynomial(0.5, "60%"), s.polynomial(k=0.5)),
    "inverse_time": (s.inverse_time(1.0, 50), s.inverse_time(0.1, "1ep", staircase=True), s.inverse_time(2, 10, 300)),
    "power_law": (s.power_law(-0.5, 120), s.power_law(-0.51, "1ep", length=400)),
    "rex": (s.rex(), s.rex(300, final=0.2)),
    "tanh_decay": (s.tanh_decay(), s.tanh_decay(300, low=-5, high=4, final=0.1)),
    "anneal": tuple(
        s.anneal(length, shape=shape, final=final)
        for shape in ("linear", "cosine", "mirrored-cosine", "1-sqrt", "square", "exponential")
        for length, final in ((None, 0.0), (300, 0.1))
    ),
    "saturation": (s.saturation(120), s.saturation("1ep", length="50%")),
    "rectification": (s.rectification(), s.rectification(0.99, 200), s.rectification(0.7)),
    "piecewise": (
        s.piecewise((0, 0.1), (100, 1), (700, 0.2)),
        s.piecewise((0, 1), ("30%", 0.5), ("5e5tok", 0.2), ("100%", 0), shape="cosine"),
        s.piecewise((0, 1), (10, 0)),
    ),
    "table": (s.table(1, 0.5, 0.25), s.table(1, 0.1, 0, every="10%"), s.table(0.3)),
    "noise": (s.noise(0.1), s.noise(0.5, 3, every=10, kind="bell"), s.noise(0.9, 2**24 - 1)),
    "formula": (
        s.formula("0.5 * (1 + cos(pi * u))"),
        s.formula("1 / (1 + t / 100) ** 0.5"),
        s.formula("max(1 - u, t / T)", 300),
    ),
    "natural_exponential": (s.natural_exponential(0.01), s.natural_exponential(1, "1ep")),
    "inverse_sqrt": (s.inverse_sqrt(100), s.inverse_sqrt("1ep")),
    "noam": (s.noam(512, 100),),
    "wsd": (s.wsd(), s.wsd(50, "10%", shape="linear", final=0.1, rise_shape="cosine")),
    "wsds": (s.wsds(300, 600, rise=20, decay=50), s.wsds(400, rise=10, decay=100, shape="cosine", final=0.1)),
    "sgdr": (s.sgdr(100), s.sgdr(50, growth=2, height=0.5, final=0.1), s.sgdr("1ep", growth=1.5)),
    "onecycle": (s.onecycle(), s.onecycle("25%", shape="linear", three_phase=True), s.onecycle(300, start=0.1)),
    "onecycle_momentum": (s.onecycle_momentum(), s.onecycle_momentum(200, three_phase=True)),
    "cyclic": (s.cyclic(100), s.cyclic(50, 70, mode="triangular2"), s.cyclic(30, low=0, mode="exp_range", gamma=0.999)),
    "untuned_linear": (s.untuned_linear(0.99),),
    "untuned_exponential": (s.untuned_exponential(0.99),),
    "range_test": (s.range_test(1e6), s.range_test(100, 300, shape="linear")),
    "chebyshev": (s.chebyshev(8), s.chebyshev(13, smallest=0.1, every=10)),
    "plus": (
        s.constant(0.1) + s.constant(0.9) * s.cosine(),
        s.linear() + (s.warmup(10) >> s.cosine()),
        s.plus(s.cosine()),
    ),
    "minimum": (s.minimum(s.warmup(100), s.inverse_sqrt(100)), s.minimum(s.cosine())),
    "maximum": (s.maximum(s.cosine(), s.constant(0.1)), s.maximum(s.linear(), s.staircase(0.5, 100), s.constant(0.2))),
    "repeat": (
        s.repeat(s.cosine(110)),
        s.repeat(s.warmup(10) >> s.linear(length=40), 5, height=0.7),
        s.repeat(s.cosine(), 4),
        s.repeat(s.cosine(), 3, growth=2, height=0.5),
        s.repeat(s.linear(length=10), growth=2),
        s.repeat(s.rex(), 2, length="40%"),
    ),
    "stretch": (
        s.stretch(s.cosine(), 2),
        s.stretch(s.warmup(10) >> s.linear(length=50), 0.5),
        s.stretch(s.cosine(100), 3),
    ),
    "warp": (
        s.warp(s.cosine(), (100, 100), (700, 400)),
        s.warp(s.warmup(10) >> s.linear(length=400), (300, 200.5), (310, 200.5), (900, 1000)),
        s.warp(s.sgdr(30, growth=2), (150, 100)),
    ),
    "shift": (s.shift(s.cosine(), 10), s.shift(s.linear(length=200), -50), s.shift(s.inverse_sqrt(100), 1)),
    "reverse": (s.reverse(s.cosine()), s.reverse(s.exponential(0.9, every=10)), s.reverse(s.linear(1, 0.1, 200))),
    "cooldown": (
        s.cooldown(s.constant()),
        s.cooldown(s.sgdr(100), 50, at=420, shape="1-sqrt", final=0.1),
        s.cooldown(s.warmup("2%") >> s.inverse_sqrt(100), "10%", shape="cosine"),
    ),
    "rate": (s.rate(0.1), s.rate(0), 0.1 * s.cosine(), 3e-4 * (s.warmup("2%") >> s.cosine()), 0.01 * s.infrared()),
    "plan": (
        s.plan(lr=0.1 * s.cosine(), momentum=s.onecycle_momentum(), weight_decay=0.01),
        s.plan(body=s.plan(lr=0.01 * s.wsd()), head=s.plan(lr=0.1, betas=s.linear())),
    ),
    "infrared": (
        s.infrared(),
        s.infrared(0.5, 2.0, cap=3.0),
        s.infrared(compounding=True),
        s.infrared(0.9, 0.99, guard=False),
        s.infrared(0.0, 1.0, compounding=True),
        s.infrared(1.1, 5, compounding=True, guard=False),
    ),
    "plateau": (
        s.plateau(),
        s.plateau(0.5, 0, threshold=0.01, cooldown=1, floor=0.1),
        s.plateau(0.3, 1, threshold=0, absolute=1e-4, by="keras", cooldown=2),
        s.plateau(0.5, 1, average=3, by="optax", eps=1e-3),
        s.plateau(0, 2, mode="max", threshold=2, absolute=0.5),
    ),
    "robust_infrared": (
        s.robust_infrared(),
        s.robust_infrared(0.9),
        s.robust_infrared(0.5, -1.0),
        s.robust_infrared(floor=None),
    ),
    "newbob": (
        s.newbob(),
        s.newbob(0.3, 0.01, patient=2, low=0.01),
        s.newbob(0.7, every=3, mode="max", relative_to="new"),
    ),
    "greedy": (
        s.greedy(),
        s.greedy(0.5, 1, cooldown=2, warmup=1, window=3, restart=2, low=0.3, high=2),
        s.greedy(0.8, 0, 0.01, threshold_mode="rel", restart=None, mode="max"),
    ),
    "bold_driver": (s.bold_driver(), s.bold_driver(1.1, 0.7, tolerance=0.04, low=0.1, high=2)),
    "spike": row(
        s.spike(),
        s.spike(0.3, 3, window=10, recovery=4, accept=2, tolerance=0, low=0.01),
        but=ODD_PASSES,  # a NaN is a spike
    ),
    "polyak": (s.polyak(), s.polyak(-1, c=0.5, low=1e-6, high=10, doubling=20), s.polyak(doubling="1ep")),
    "armijo": (s.armijo(), s.armijo(0.5, 0.9, tries=3, doubling="1ep", low=0.1, high=2), s.armijo(doubling=None)),
    "barzilai_borwein": (s.barzilai_borwein(), s.barzilai_borwein("short", first=0.1, low=1e-3, high=2)),
    "adgd": (s.adgd(), s.adgd(0.1, low=0.01, high=3)),
    "hypergradient": (
        s.hypergradient(),
        s.hypergradient(0.1, low=0.5, high=2),
        s.hypergradient(3, "additive", low=0.01, high=9),
    ),
    "distance": (s.distance(), s.distance("dowg", r_eps=1e-3), s.distance(eps=0)),
    "gradient_noise": (s.gradient_noise(), s.gradient_noise("1ep", low=0), s.gradient_noise(1, low=0.1)),
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
    "clip": row(s.clip(0.01), s.clip(1), s.clip(2.5), but=BROKEN_PASSES),  # it bounds infinity
    "clip_norm": (s.clip_norm(1), s.clip_norm(0.3)),
    "clip_rms": (s.clip_rms(), s.clip_rms(0.3)),
    "unitwise": (s.unitwise(), s.unitwise(0.1, 0.01), s.unitwise(unit_axis=-1)),
    "stable": row(s.stable(), s.stable(beta2=0.9, eps=1e-6), but=SILENT),  # a factor so near 1 that nothing changes
    "zclip": (s.zclip(), s.zclip(1, alpha=0.5, warm_up=2, max=None), s.zclip(2, warm_up=3)),
    "percentile": (s.percentile(), s.percentile(50, history=3), s.percentile(history=8)),
    "adagc": (s.adagc(), s.adagc(1, max=0.3, warm_up=4), s.adagc(max=3, beta=0.5, warm_up=2)),
    "spam": row(s.spam(), s.spam(2, beta2=0.5, warm_up=2), but=BROKEN_PASSES),  # it bounds infinity
    "trust": (s.trust(), s.trust(0.001), s.trust(low=0.1, high=10)),
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
CONTROLLERS = [one.over(TOTAL, **UNITS) for one in EVERYTHING if isinstance(one, Controller)]
RULES = [one for one in EVERYTHING if isinstance(one, Rule)]
TRANSFORMS = [one for one in EVERYTHING if isinstance(one, Transform)]
CLIPS = [one for one in TRANSFORMS if isinstance(one, Clip)]
FORGETFUL = [one for one in TRANSFORMS if type(one).step is Transform.step]  # what flows and the parameters, no memory

LIBRARIES = {
    "numpy": np.array,
    "torch": torch.tensor,
    "jax": jnp.array,
    "array_api_strict": array_api_strict.asarray,
}


def excepted(subject, law):
    """Whether its row says that the word does not keep this law."""
    return law in getattr(SUBJECTS[subject.word()], "but", ())


def wants_a_rule(stage):
    """Whether a clip or transform may only stand behind a rule."""
    try:
        stage.check_rule(None)
    except s.StepsizeError:
        return True
    return False


def adam_before(stage):
    """Adam as a stage may stand behind it: `stable` wants to know its memory."""
    return s.adam(beta2=stage.beta2) if wants_a_rule(stage) else s.adam()


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
