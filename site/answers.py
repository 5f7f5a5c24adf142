"""What controllers answer and what clips shorten, drawn from their own code while the site is built.

Controllers that look at the loss alone are shown one made-up loss: it falls, stalls, jumps, and falls on. The others
follow a small problem, whose gradients they need. Clips are shown made-up gradients with three long ones among them.
`trust` and `weight_decay` have no picture: what they do depends on the weights of a layer, not on what came before.
"""

from __future__ import annotations

import math
import random

import numpy as np

from stepsize import descend, parse, problems, seen
from stepsize._sketch import Drawn, beside, sketch

UPDATES = 300
LOSS_ALONE = {
    "bold_driver": "bold_driver(1.02, tolerance=0.1)",
    "greedy": "greedy(patience=5, window=5)",
    "newbob": "newbob(every=20)",
    "plateau": "plateau(0.5, 20)",
    "spike": "spike(window=50, recovery=40)",
}
ON_A_PROBLEM = {
    "adgd": "sgd() | 1 * adgd(0.01)",
    "armijo": "sgd() | 1 * armijo()",
    "barzilai_borwein": "sgd() | 1 * barzilai_borwein(first=0.01)",
    "distance": "sgd() | 1 * distance(r_eps=0.01)",
    "gradient_noise": "sgd() | 0.1 * gradient_noise(20)",
    "hypergradient": "sgd() | 0.01 * hypergradient(0.05)",
    "infrared": "sgd() | 0.2 * infrared(0.2, 1.05)",
    "polyak": "sgd() | 1 * polyak(0.085, high=10)",
    "robust_infrared": "sgd() | 0.1 * robust_infrared()",
}
CLIPS = {
    "adagc": "adagc(warm_up=20)",
    "clip": "clip(0.3)",
    "clip_norm": "clip_norm(1)",
    "clip_rms": "clip_rms(0.2)",
    "percentile": "percentile(50)",
    "spam": "spam(1000)",
    "stable": "stable()",
    "unitwise": "unitwise(0.5)",
    "zclip": "zclip(max=None)",
}


def drawn(word: str) -> str:
    """The pictures of a word as HTML, or nothing where it has none."""
    if word in LOSS_ALONE:
        return _answered(LOSS_ALONE[word])
    if word in ON_A_PROBLEM:
        return _followed(ON_A_PROBLEM[word])
    return _shortened(CLIPS[word]) if word in CLIPS else ""


def made_up_losses() -> list[float]:
    """A loss that falls to update 110, stalls, jumps to five times itself at update 200, and falls on."""
    noise = random.Random(0)
    low = [math.exp(-min(t, 110) / 50 - max(t - 210, 0) / 60) for t in range(UPDATES)]
    return [one * (5 if 200 <= t < 203 else 1) * (1 + noise.uniform(-0.03, 0.03)) + 0.02 for t, one in enumerate(low)]


def _answered(text: str) -> str:
    rule, losses, factors = parse(text), made_up_losses(), []
    state = rule.init()
    for loss in losses:
        factor, state, _ = rule.step(state, seen(loss=loss))
        factors.append(factor)
    return _beside(sketch("loss, made up", [_line("loss", losses)], log=True), "factor", factors, text)


def _followed(text: str) -> str:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 10)) * np.linspace(1, 0.3, 10)
    problem = problems.least_squares(X, X @ rng.normal(size=10) + rng.normal(size=200) * 0.3)
    run = descend(problem, text, steps=60, batch_size=20 if "noise" in text else None)
    return _beside(sketch("loss", [_line("loss", run.losses)], log=True), "rate", run.rates, text)


def _shortened(text: str) -> str:
    rng, clip = np.random.default_rng(0), parse(text)
    params = {"w": np.ones((4, 5))}
    state, before, after = clip.init(params), [], []
    squares = np.full((4, 5), 0.04)
    for t in range(100):
        grads = {"w": rng.normal(size=(4, 5)) * math.exp(-t / 100) * (15 if t in (40, 70, 71) else 1) / 5}
        squares = 0.999 * squares + 0.001 * grads["w"] ** 2
        shorter, _, state = clip.step(grads, params, state, {"grads": grads, "rules": {"w": {"squares": squares}}})
        before.append(float(np.linalg.norm(grads["w"])))
        after.append(float(np.linalg.norm(shorter["w"])))
    lines = [_line("as it came", before), _line("as it goes on", after)]
    return beside([sketch("norm of the gradient", lines, log=True)], f"{text}, over made-up gradients")


def _line(name, values):
    return Drawn(name, range(len(values)), list(values))


def _beside(first, name, values, text):
    return beside([first, sketch(name, [_line(name, values)], log=True)], text)
