"""What the tests of controllers that look at the loss share: problems with a known limit, traces, the answers."""

from __future__ import annotations

import math
import random

import numpy as np

from stepsize import problems, seen
from stepsize.lab.data.datasets import load

NAN, INF = math.nan, math.inf
RNG = np.random.default_rng(7)
X = RNG.normal(size=(60, 8)) * np.geomspace(1, 0.2, 8)
LINE = problems.least_squares(X, X @ RNG.normal(size=8))  # a perfect fit exists
_TABLE = load("digits")
DIGITS = _TABLE.problem()
UPPER_ROWS = problems.softmax(_TABLE.X_train[:, :20], _TABLE.y_train)  # of the picture: no perfect fit


def follow(controller, looks, save=lambda state: state):
    """What the controller answers to these records (or losses), the states, and why."""
    state, told = controller.init(), []
    for now in looks:
        now = now if isinstance(now, seen) else seen(loss=now, metric=now)
        factor, state, why = controller.step(save(state), now)
        told.append((factor, state, why))
    return told


def factors_of(controller, looks):
    return [factor for factor, _, _ in follow(controller, looks)]


def traces(count=1000, length=60):
    """Random walks of a loss, some falling, some rising, some with ties."""
    rng = random.Random(3)
    for _ in range(count):
        drift, noise, digits = rng.uniform(-0.1, 0.05), rng.choice([0.001, 0.1, 1]), rng.choice([1, 12])
        loss, losses = rng.uniform(1, 10), []
        for _ in range(length):
            loss += drift + rng.gauss(0, noise)
            losses.append(round(max(loss, rng.uniform(0, 0.5)), digits))
        yield rng, losses
