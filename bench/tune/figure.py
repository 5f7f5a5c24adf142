"""The figure of the bench: excess against cost, the median, the mean and the worst cell, of ours and of peers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .judging import Summary, summed
from .ours import GRID
from .results import BUDGETS, Entry, Rows

PANELS = (("median", "median cell"), ("mean", "mean over cells"), ("worst", "worst cell"))
NAMED = ("tune", "climb", "halving", "random", "Optuna, TPE", "Ray Tune, ASHA")  # lines with a colour of their own
MARKERS = "osD^vP"
OTHERS = {  # of a kind: the marker, the line and what the legend says
    "ours": (".", "--", "other policies here"),
    "search": (".", "-", "other searches"),
    "finder": ("x", "-", "range tests"),
    "optimizer": ("+", "-", "optimizers without a rate"),
}
FLAT = 1.0  # %, below which the scale is linear


def draw(rows: Rows, choosers: Sequence[Entry], path: Path) -> None:
    """Three panels without a background, in colours for light pages and dark ones."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from stepsize.report.figures import save
    from stepsize.report.palette import GREY_ON_EITHER

    names = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "grid.color")
    with mpl.rc_context({**dict.fromkeys(names, GREY_ON_EITHER), "grid.alpha": 0.25, "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(11, 4.6), layout="constrained")
        panels = figure.subplots(1, 3, sharey=True)
        for axes, (column, title) in zip(panels, PANELS, strict=True):
            for one in choosers:
                _line(axes, one, points(rows, one), column)
            axes.set_xscale("log")
            axes.set_yscale("symlog", linthresh=FLAT)
            axes.set_xticks([1, 2, 4, 8, 16, 32], ["1", "2", "4", "8", "16", "32"])
            axes.minorticks_off()
            axes.set_title(title, fontsize=10)
            axes.set_xlabel("cost, whole runs")
            axes.grid(True, linewidth=0.7)
        panels[0].set_ylabel("excess over the best fixed rate, %")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, fontsize=8)
        save(figure, path, transparent=True)


def points(rows: Rows, one: Entry) -> list[Summary]:
    """What a chooser reached at each budget, by its cost."""
    there = [rows.get((one.name, budget)) for budget in dict.fromkeys(map(one.at, BUDGETS))]
    return sorted((summed(list(some.values())) for some in there if some), key=lambda told: told.cost)


def _line(axes: Any, one: Entry, found: list[Summary], column: str) -> None:
    from stepsize.report.palette import GREY_ON_EITHER, either

    if not found:
        return
    x, y = [told.cost for told in found], [getattr(told, column) for told in found]
    if one.name in NAMED:
        i = NAMED.index(one.name)
        style: dict[str, Any] = {"color": either(i), "marker": MARKERS[i], "linewidth": 2.2 if i == 0 else 1.2}
        axes.plot(x, y, label=one.name, markersize=5 if i == 0 else 4, zorder=4 if i == 0 else 3, **style)
    elif one.kind == "grid":
        if one.name == GRID:
            axes.plot(x, y, "*", label="whole grid of 37", color=GREY_ON_EITHER, markersize=11)
    else:
        marker, line, label = OTHERS[one.kind]
        there = label in axes.get_legend_handles_labels()[1]
        style = {"color": GREY_ON_EITHER, "alpha": 0.55, "linewidth": 0.7, "linestyle": line, "markersize": 5}
        axes.plot(x, y, marker=marker, label=None if there else label, **style)
