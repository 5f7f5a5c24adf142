"""What the tests of tuning a loop of one's own share: a small training in plain NumPy, and every rate's end on it."""

import numpy as np

STEPS = 60
WIDTH = 8
DATA = np.random.default_rng(5)
ROWS = DATA.standard_normal((128, WIDTH)) * np.linspace(0.3, 1.5, WIDTH)
TARGETS = ROWS @ np.ones(WIDTH) + 0.5 * DATA.standard_normal(128)


class Loop:
    """SGD on a linear regression, eight rows at a time; the loss is that of rows that are held out."""

    def __init__(self, seed=0, state=None):
        self.seed, self.w, self.made = seed, np.zeros(WIDTH), 0
        if state is not None:
            self.w, self.made = state["w"], int(state["made"])

    @property
    def loss(self):
        with np.errstate(over="ignore", invalid="ignore"):
            return float(((ROWS[64:] @ self.w - TARGETS[64:]) ** 2).mean())

    def update(self, rate):
        taken = np.random.default_rng((self.seed, self.made)).integers(64, size=8)
        with np.errstate(over="ignore", invalid="ignore"):
            self.w = self.w - rate * 2 * (ROWS[taken].T @ (ROWS[taken] @ self.w - TARGETS[taken])) / 8
        self.made += 1


def train(tuner, at_report=lambda trial, t: None):
    """Tune a `Loop` to the end; the trials as (rate, seed, updates made here), in order."""
    done = []
    for trial in tuner:
        loop = Loop(trial.seed)
        for t in range(trial.steps):
            at_report(trial, t)
            if trial.report(t, loop.loss):
                break
            loop.update(trial.rate(t))
        trial.finish(loop.loss)
        done.append((trial.strategy.rate.base, trial.seed, loop.made))
    return done


def end(rate, shape):
    """The loss at the end of a whole run at a rate that falls as `shape` says."""
    loop = Loop(0)
    for t in range(STEPS):
        loop.update(rate * shape(t / STEPS))
    return loop.loss
