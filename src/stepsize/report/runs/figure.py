"""The picture of one run or several: the charts of the page as PNG, SVG or PDF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._language import heard, say, spoken
from ..._lines import filled
from ...lab.records.decimated import decimated
from ..drawing import drawing
from ..figures import _dress, _line, _log, save, wrapped
from ..palette import colour
from .marks import Mark, marks_of
from .payload import log_axes
from .seen import Seen
from .series import PANELS, Line, Panel, lines_of

from matplotlib.figure import Figure  # isort: skip - after drawing, which says what to install
from matplotlib.lines import Line2D  # isort: skip

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 2
MOST_LINES = 12  # marks of a kind that are drawn as lines; more are ticks at the top
FLAG = "#9a4a00"
LETTERS = 150  # of a line of the findings below
HIGHEST = 1e200  # of a run that left the numbers: ticks above it would leave them, too


def save_runs(runs: Sequence[Seen], path: Path) -> Path:
    """Write the picture of runs as PNG, SVG or PDF, by the ending of its name; return the path."""
    lines = [lines_of(run.record) for run in runs]
    log = log_axes(runs)
    shown = [panel for panel in PANELS if any(line.panel == panel.name for own in lines for line in own)]
    rows = -(-max(1, len(shown)) // COLUMNS)
    with drawing():
        told = _findings(runs)
        figure = Figure(figsize=(12, 3.4 * rows + 0.25 * told.count("\n") + 0.8), layout="constrained")
        axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
        for panel, ax in zip(shown, axes, strict=False):
            _draw(ax, panel, runs, lines, log[panel.name])
        for ax in axes[len(shown) :]:
            ax.set_visible(False)
        if len(runs) > 1:
            handles = [Line2D([], [], color=colour(i), label=run.name) for i, run in enumerate(runs)]
            drawn = figure.legend(handles=handles, loc="outside lower center", frameon=False, ncols=3, fontsize="small")
            for text in drawn.get_texts():
                text.set_parse_math(False)
        title = [runs[0].name if len(runs) == 1 else say("{count} runs", count=len(runs)), told]
        figure.suptitle("\n".join(filter(None, title)), x=0.01, ha="left", fontsize="medium", parse_math=False)
        save(figure, path)
    return path


def _draw(axes: Axes, panel: Panel, runs: Sequence[Seen], lines: Sequence[Sequence[Line]], log: bool) -> None:
    """One panel: its lines, then what happened."""
    several, place = len(runs) > 1, 1
    for number, (run, own) in enumerate(zip(runs, lines, strict=True)):
        here = [line for line in own if line.panel == panel.name]
        for i, line in enumerate(here):
            _plot(axes, panel, line, number if several else i, i if several else 0)
        _marks(axes, marks_of(run.record))
        place = _flags(axes, run, place)
        if number == 0 and len(here) > 1:
            for text in axes.legend(loc="best", framealpha=0.8, edgecolor="none", fontsize="x-small").get_texts():
                text.set_parse_math(False)
    if log:
        _log(axes, "y")
    axes.set_title(heard(panel.title))
    _dress(axes, say("update⟨of an axis⟩"), "")


def _plot(axes: Axes, panel: Panel, line: Line, ink: int, dashed: int) -> None:
    steps, (values,) = decimated(line.steps, [np.where(np.abs(line.values) > HIGHEST, np.nan, line.values)])
    look: dict[str, Any] = {"color": _line(ink)["color"], "linewidth": 1.1}
    if dashed:
        look["dashes"] = _line(dashed)["dashes"]
    if panel.stepped:
        look["drawstyle"] = "steps-post"
    if line.looks:
        look |= {"marker": "o", "markersize": 3}
    axes.plot(steps, values, label=heard(line.name), **look)


def _marks(axes: Axes, marks: Sequence[Mark]) -> None:
    """A line for each thing that happened, where there is room; a mark at the top."""
    for kind in dict.fromkeys(mark.kind for mark in marks):
        own = [mark for mark in marks if mark.kind == kind]
        broken = kind in ("not finite", "skip")
        shape = "x" if broken else "v"
        at = axes.get_xaxis_transform()
        axes.plot([mark.step for mark in own], [0.97] * len(own), shape, color="#59616b", markersize=4, transform=at)
        for mark in own if len(own) <= MOST_LINES else ():
            axes.axvline(mark.step, color="#9aa2ac", linewidth=0.8, dashes=(3.0, 3.0), zorder=0)


def _flags(axes: Axes, run: Seen, place: int) -> int:
    """The findings by their numbers, where they begin; returns the next number."""
    for one in run.diagnosis.findings if run.diagnosis is not None else ():
        if one.step is not None:
            axes.axvline(one.step, color=FLAG, linewidth=0.9)
            box = {"boxstyle": "circle,pad=0.25", "facecolor": FLAG, "edgecolor": "none"}
            at = axes.get_xaxis_transform()
            axes.text(one.step, 0.9, str(place), color="white", fontsize=7, ha="center", bbox=box, transform=at)
        place += 1
    return place


def _findings(runs: Sequence[Seen]) -> str:
    """What is wrong, in sentences with their numbers."""
    found = [(run.name, one) for run in runs if run.told is not None for one in run.told.findings]
    told = []
    for place, (name, one) in enumerate(found, start=1):
        line = say("{name}: {line}", name=one.illness, line=one.says)
        if len(runs) > 1:
            line = say("{name}: {line}", name=name, line=line)
        told.append(_wrapped(f"{place}. {line}"))
    return "\n".join(told)


def _wrapped(line: str) -> str:
    """A finding in lines; a Chinese character is as wide as two letters."""
    return wrapped(line, LETTERS) if spoken() == "en" else "\n".join(filled(line, LETTERS))
