"""The picture of the README: what every rate ends with, and what a tuning of four runs saw: `python bench/basin.py`.

Softmax regression on handwritten digits, 500 updates of 32 rows, a warm-up and a cosine. The curve is a grid of 49
rates, five seeds, trained whole: 245 runs. The points are the trials of `stepsize tune`, which cost four runs. It draws
docs/basin.svg, without a background, in colours for light pages and dark ones.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from stepsize import descend_many
from stepsize.lab.data.datasets import load
from stepsize.lab.study.study import Study
from stepsize.lab.tune import Tuned, policy_for, tune
from stepsize.lab.workload import Workload
from stepsize.report.figures import save
from stepsize.report.palette import GREY_ON_EITHER, either

TEXT = "sgd(momentum=0.9) | 0.1 * (warmup('5%') >> cosine())"
STEPS, BATCH, SEEDS, BUDGET = 500, 32, 5, 4.0
RATES = np.geomspace(1e-4, 10, 49)
PICTURE = Path(__file__).resolve().parent.parent / "docs" / "basin.svg"


def grid(workload: Workload) -> np.ndarray:
    """The validation loss at the end, rates × seeds; infinite where a run diverged."""
    runs = descend_many(
        workload.problem,
        TEXT,
        steps=STEPS,
        batch_size=BATCH,
        rates=RATES.tolist(),
        seeds=range(SEEDS),
        measure_every=STEPS,
        validation=workload.validation,
    )
    ends = [np.inf if one.diverged else float(one.record.validated[-1]) for one in runs]
    return np.array(ends).reshape(SEEDS, len(RATES)).T


def tuned(workload: Workload) -> Tuned:
    """A tuning of four runs."""
    with Study(workload, None) as study:
        return tune(study, policy_for(workload, [TEXT], steps=STEPS, batch_size=BATCH, budget=BUDGET))


def draw(losses: np.ndarray, found: Tuned) -> Figure:
    """The basin with the trials on it."""
    names = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "grid.color")
    with mpl.rc_context({**dict.fromkeys(names, GREY_ON_EITHER), "grid.alpha": 0.25, "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(8, 3.6), layout="constrained")
        axes = figure.subplots()
        _basin(axes, losses)
        _trials(axes, found)
        axes.set(xscale="log", yscale="log", xlabel="base rate", ylabel="validation loss at the end", ylim=(0.05, 4))
        axes.grid(True)
        axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.45, 1.0))
        return figure


def _basin(axes: Any, losses: np.ndarray) -> None:
    kept = np.isfinite(losses).all(axis=1)
    rates, ends = RATES[kept], losses[kept]
    axes.fill_between(rates, ends.min(axis=1), ends.max(axis=1), color=either(0), alpha=0.2, linewidth=0)
    label = f"every rate, {SEEDS} seeds: {losses.size} runs"
    axes.plot(rates, np.median(ends, axis=1), color=either(0), label=label)


def _trials(axes: Any, found: Tuned) -> None:
    cost = sum(one.made for one in found.outcomes) / STEPS
    begun = [(one.trial.rate, float(one.record.validated[-1]), one.made / STEPS) for one in found.outcomes]
    rates, ends, shares = map(np.array, zip(*begun, strict=True))
    label = f"trials of stepsize tune: {cost:.1f} runs' worth, the larger the longer"
    axes.scatter(rates, ends, s=20 + 60 * shares, color=either(1), zorder=3, label=label)
    end = float(found.outcome.record.validated[-1])
    axes.plot(found.verdict.trial.rate, end, "*", color=either(2), markersize=16, zorder=4, label="the rate it names")


def main() -> None:
    """Draw it, and print what it shows."""
    workload = load("digits").workload()
    losses, found = grid(workload), tuned(workload)
    middle = np.median(losses, axis=1)
    best, named = RATES[middle.argmin()], found.verdict.trial.rate
    print(f"best of {losses.size} runs: rate {best:.3g}, {middle.min():.4f}; tune names {named:.3g}")
    save(draw(losses, found), PICTURE, transparent=True)


if __name__ == "__main__":
    main()
