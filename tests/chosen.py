"""A made-up basin that policies choose in: what a trial did is a formula of its rate, how far it is, and its seed."""

from __future__ import annotations

import math

import numpy as np

from stepsize.lab.choose.answer import Verdict
from stepsize.lab.choose.climb import Climb
from stepsize.lab.choose.grid import Grid
from stepsize.lab.choose.halving import Halving
from stepsize.lab.choose.race import Race
from stepsize.lab.choose.scattered import Scattered
from stepsize.lab.choose.tune import Tune
from stepsize.lab.records.record import Record
from stepsize.lab.trials.outcome import Outcome

POLICIES = (Grid, Scattered, Halving, Climb, Race, Tune)
ADAM = "adam() | 1e-3 * cosine()"
SGD = "sgd(momentum=0.9) | 0.1"
STEPS, EVERY = 200, 10


def a_policy(kind=Tune, budget=4.0, strategies=(ADAM,), **more):
    given = {"problem": "p", "steps": STEPS, "seeds": (0, 1, 2), "measure_every": EVERY} | more
    return kind(tuple(strategies), budget=budget, **given)


class Hill:
    """Losses e^(−descent): the best rate is 2^`best`; above `edge` octaves past it a run breaks at `breaks`."""

    def __init__(self, best=-6.0, edge=4.0, breaks=0.3, noise=0.02, whole=2.0, best_of=None, shift=0.0, sign=1.0):
        self.best, self.edge, self.breaks, self.noise, self.whole = best, edge, breaks, noise, whole
        self.best_of, self.shift, self.sign = best_of or {}, shift, sign

    def loss(self, trial, step):
        u = math.log2(trial.rate) - self.best
        share = step / trial.steps
        if u > self.edge and share >= self.breaks:
            return math.nan
        lost = min(1.0, (0.15 if u < 0 else 0.25) * u * u / (2 + abs(u)))
        drawn = np.random.default_rng([int(trial.key[:8], 16), step])
        descent = (self.whole + self.best_of.get(trial.text, 0.0)) * (1 - lost) * (1 - math.exp(-8 * share))
        return self.sign * math.exp(-descent + self.noise * share * drawn.standard_normal()) + self.shift

    def outcome(self, trial, until):
        at = [*range(0, until, trial.measure_every), until]
        losses = [self.loss(trial, step) for step in at]
        broken = next((i for i, one in enumerate(losses) if math.isnan(one)), None)
        if broken is not None:
            at, losses = at[: broken + 1], losses[: broken + 1]
        made = np.arange(at[-1])
        values = np.array(losses)
        return Outcome(
            trial, Record(made, np.zeros(len(made)), measured_at=tuple(at), measured=values, validated=values)
        )


def spent(made):
    return sum(one.made for one in made.values()) / STEPS


def rounds(policy, hill, made=None, most=400):
    """Ask and answer until the verdict: every answer before it, what was made, and the verdict."""
    made, asked = dict(made or {}), []
    for _ in range(most):
        answer = policy.ask(list(made.values()))
        if isinstance(answer, Verdict):
            return asked, made, answer
        asked.append(answer)
        for part in answer.parts:
            made[part.trial.key] = hill.outcome(part.trial, part.until)
    raise AssertionError("no verdict")


HILLS = {
    "ordinary": Hill(),
    "far below": Hill(best=-12.0, edge=1.5, breaks=0.1),
    "far above": Hill(best=-1.0),
    "everything breaks late": Hill(best=-30.0, edge=3.0, breaks=0.6),
    "everything breaks at once": Hill(best=-60.0, edge=3.0, breaks=0.0),
    "flat": Hill(whole=0.0, noise=0.0),
    "noisy": Hill(noise=0.6),
    "below zero": Hill(sign=1.0, shift=-3.0),
}
