"""How cost and memory grow with candidates and parameters, as markdown: `python bench/growth.py`.

One update of Adam at 32 rows, with its records and without looks at all data, one thread, process time: softmax
regression on the digits (NumPy), and a perceptron (torch). Each point is measured in a process of its own, three times;
the fastest counts. Memory is what a process takes at most beyond what it had before the candidates were there.
`--write` draws docs/studies-growth.svg too.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from stepsize.lab.runs.side_by_side import SideBySide

CANDIDATES = (1, 4, 16, 64, 256, 1024, 4096)
WIDTHS = (8, 57, 242, 930, 3090)  # hidden units twice: from a thousand to ten million parameters
AT_EACH_WIDTH, BATCH, TIMES = 4, 32, 3
NUMBERS = 2e7  # parameters of all candidates, times updates, that are timed
PICTURE = Path(__file__).resolve().parent.parent / "docs" / "studies-growth.svg"


def softmax() -> Any:
    """The digits by softmax regression: 650 parameters, in float64."""
    from stepsize.lab.data.datasets import load

    return load("digits").problem()


def perceptron(width: int) -> Any:
    """64 inputs, two hidden layers of equal width, ten classes, in float32."""
    import torch
    from torch import nn

    from stepsize.adapters.torch import problem

    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    data = random.normal(size=(512, 64)).astype(np.float32), random.integers(0, 10, 512)
    layers = (nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))
    return problem(lambda: nn.Sequential(*layers), nn.functional.cross_entropy, data)


class Unseen:
    """A problem whose losses on all data are not asked for."""

    def __init__(self, made: Any) -> None:
        self.made, self.size = made, made.size
        self.start, self.unpack, self.loss_and_grad = made.start, made.unpack, made.loss_and_grad

    def loss(self, params: Any, rows: Any = None) -> Any:
        return np.zeros(len(next(iter(params.values()))))


def point(candidates: int, width: int) -> dict[str, float]:
    """What one update costs; width 0 is softmax regression."""
    made = Unseen(perceptron(width) if width else softmax())
    parameters = sum(int(np.prod(one.shape)) for one in made.start(0).values())
    updates = int(max(3, min(200, NUMBERS / (parameters * candidates))))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pairs = [(1e-4, 0)] * candidates
    lot = SideBySide(made, "adam() | 1", pairs, steps=10**6, batch_size=BATCH)
    for _ in range(2):  # the fastest way is sought there
        lot.update()
    spent = []
    for _ in range(TIMES):
        begun = time.process_time()
        for _ in range(updates):
            lot.update()
        spent.append((time.process_time() - begun) / updates)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "candidates": candidates,
        "parameters": parameters,
        "update_ms": 1e3 * min(spent),
        "candidate_us": 1e6 * min(spent) / candidates,
        "memory_mb": memory / 1024,
    }


def measured(candidates: int, width: int) -> dict[str, float]:
    command = [sys.executable, __file__, "point", str(candidates), str(width)]
    told: dict[str, float] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    return told


def table(title: str, points: list[tuple[int, int]]) -> list[dict[str, float]]:
    print(f"| {title} | parameters | an update, ms | of it a candidate, µs | memory, MB |")
    print("|---|---|---|---|---|")
    rows = []
    for one in points:
        rows.append(measured(*one))
        cells = ("candidates", "parameters", "update_ms", "candidate_us", "memory_mb")
        print("|", " | ".join(plain(rows[-1][name]) for name in cells), "|", flush=True)
    print()
    return rows


def plain(number: float) -> str:
    """Three digits, or all of a whole number."""
    if number >= 100 or number == int(number):
        return f"{number:,.0f}"
    return f"{number:.3g}"


def draw(lines: dict[str, list[dict[str, float]]], wide: list[dict[str, float]]) -> None:
    """Three panels without a background, in colours for light pages and dark ones."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from stepsize.report.figures import save
    from stepsize.report.palette import GREY_ON_EITHER, either

    names = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "grid.color")
    with mpl.rc_context({**dict.fromkeys(names, GREY_ON_EITHER), "grid.alpha": 0.25, "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(11, 3.6), layout="constrained")
        panels = figure.subplots(1, 3)
        for i, (name, rows) in enumerate(lines.items()):
            x = [one["candidates"] for one in rows]
            for axes, column in zip(panels, ("candidate_us", "memory_mb"), strict=False):
                style: dict[str, Any] = {"color": either(i), "marker": "os"[i], "linestyle": ("-", "--")[i]}
                axes.loglog(x, [one[column] for one in rows], label=name, markersize=4, **style)
        style = {"color": either(1), "marker": "s", "linestyle": "--"}
        x, y = ([one[column] for one in wide] for column in ("parameters", "candidate_us"))
        panels[2].loglog(x, y, markersize=4, **style)
        told = (("candidates", "a candidate's update, µs"), ("candidates", "memory, MB"))
        for axes, (low, left) in zip(panels, (*told, ("parameters", "a candidate's update, µs")), strict=True):
            axes.set_xlabel(low)
            axes.set_ylabel(left)
            axes.grid(True, linewidth=0.7)
            axes.spines[["top", "right"]].set_visible(False)
        panels[0].legend(frameon=False)
        save(figure, PICTURE, transparent=True)


def main(write: bool) -> None:
    softmaxes = table("softmax (NumPy)", [(one, 0) for one in CANDIDATES])
    perceptrons = table("perceptron (torch)", [(one, WIDTHS[1]) for one in CANDIDATES])
    wide = table("perceptron (torch)", [(AT_EACH_WIDTH, one) for one in WIDTHS])
    if write:
        draw({"softmax, NumPy": softmaxes, "perceptron, torch": perceptrons}, wide)


if __name__ == "__main__":
    if sys.argv[1:2] == ["point"]:
        print(json.dumps(point(int(sys.argv[2]), int(sys.argv[3]))))
    else:
        main("--write" in sys.argv)
