"""Pictures: a comparison, and the curves of schedules, as PNG, SVG or PDF; the same numbers give the same bytes."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._errors import StepsizeError, shown
from .._language import heard, said, say
from ..course.log import put
from .charts import ceiling
from .drawing import ON_EITHER_PAGE, drawing
from .numbers import Curve, Summary
from .palette import GREY_ON_EITHER, colour, dash

from matplotlib.figure import Figure  # isort: skip - after drawing, which says what to install
from matplotlib.lines import Line2D  # isort: skip
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator  # isort: skip

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BY_RATE = {"validation": "Validation loss by base rate", "training": "Training loss by base rate"}
KINDS = ("png", "svg", "pdf")
DEEPEST = 1e-4  # the share of a strategy's highest rate down to which a log axis shows it
_NARROWEST = 34  # letters of a column of a legend whose names wrap
_FREE = 2  # lines of a legend that the figure has room for
_LETTER, _SAMPLE, _LINE = 0.075, 0.6, 0.165  # inches: a letter of a legend, the line before it, its height


def save_figures(summary: Summary, folder: Path, kind: str = "png") -> list[Path]:
    """Write loss, rates, basins and overview of a comparison into a folder; return their paths.

    `kind` is the ending of their names, "png", "svg" or "pdf".
    """
    if kind not in KINDS:
        raise StepsizeError(say('save_figures: kind must be "png", "svg" or "pdf", not {kind}', kind=shown(kind)))
    panels = {"loss": _losses, "rates": _rates, "basins": _basins}
    written = []
    with drawing():
        for name, panel in panels.items():
            figure = Figure(figsize=(7.5, 5.0), layout="constrained")
            panel(figure.subplots(), summary)
            written.append(_with_legend(figure, summary, folder / f"{name}.{kind}", columns=4))
        return [*written, save_overview(summary, folder / f"overview.{kind}")]


def save_overview(summary: Summary, path: Path) -> Path:
    """Write the three pictures of a comparison side by side as one file, PNG, SVG or PDF by its ending."""
    with drawing():
        figure = Figure(figsize=(15, 5.0), layout="constrained")
        for axes, panel in zip(figure.subplots(1, 3), (_losses, _rates, _basins), strict=True):
            panel(axes, summary)
        return _with_legend(figure, summary, path, columns=8)


def schedule_figure(
    curves: Sequence[tuple[str, Sequence[float], Sequence[float]]], ylabel: str, marks: Sequence[int] = ()
) -> Figure:
    """The curves of schedules, one line each: (text, steps, values); `marks` are steps where a part begins.

    A value is in force from its step to the next one, so what jumps is drawn as a jump.
    """
    with drawing():
        figure = Figure(figsize=(8, 4.0), layout="constrained")
        axes = figure.subplots()
        for i, (_, steps, values) in enumerate(curves):
            _stairs(axes, i, steps, values, 1.8)
        for step in marks:
            axes.axvline(step, color="#9aa2ac", linewidth=0.8, dashes=(1.0, 3.0), zorder=0)
        _dress(axes, say("update⟨of an axis⟩"), heard(ylabel))
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]) if _below_zero(curves) else 0)
        _legend(figure, [text for text, _, _ in curves], 2)
    return figure


def save(figure: Figure, path: Path, transparent: bool = False) -> None:
    """Write a figure as PNG, SVG or PDF, by its ending; the same figure gives the same bytes, whole or not at all."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise StepsizeError(say("{path} must end in .png, .svg or .pdf", path=path))
    undated = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    metadata: dict[str, Any] = undated[kind]
    drawn = io.BytesIO()
    with drawing():
        figure.savefig(drawn, format=kind, dpi=150, metadata=metadata, transparent=transparent)
    put(path, [drawn.getvalue()])


def inline(draw: Callable[[Axes], None]) -> str:
    """One pair of axes as SVG text to stand inside a page, light or dark; `draw` fills it."""
    with drawing(ON_EITHER_PAGE):
        figure = Figure(figsize=(8, 4.4), layout="constrained")
        axes = figure.subplots()
        draw(axes)
        axes.grid(True, color=GREY_ON_EITHER, linewidth=0.5, alpha=0.35)
        axes.spines[["top", "right"]].set_visible(False)
        for text in axes.legend(loc="best", frameon=False, fontsize="small").get_texts():
            text.set_parse_math(False)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    whole = drawn.getvalue().decode()
    return whole[whole.index("<svg") :]


def _losses(axes: Axes, summary: Summary) -> None:
    lowest = []
    top = ceiling(summary, lambda curve: curve.train_high)
    for i, curve in enumerate(summary.curves):
        mean, low, high = (_numbers(one, top) for one in (curve.train, curve.train_low, curve.train_high))
        axes.plot(curve.steps, mean, **_line(i))
        axes.fill_between(curve.steps, low, high, color=colour(i), alpha=0.13, linewidth=0)
        lowest += [one for one in low if one > 0]
    if top is not None and lowest and min(lowest) < top:
        _log(axes, "y", (min(lowest), top))
        axes.set_ylim(_padded(min(lowest), top))
    else:
        _log(axes, "y")
    axes.set_title(say("Training loss at the best rate"))
    _dress(axes, say("update⟨of an axis⟩"), say("loss (mean, lowest to highest seed)"))


def _rates(axes: Axes, summary: Summary) -> None:
    """The rates; one of 0 falls to the foot of the log axis."""
    series = [_rate_of(curve) for curve in summary.curves]
    floor, top = _span([values for _, values in series])
    for i, (steps, values) in enumerate(series):
        _stairs(axes, i, steps, [max(one, floor / 1e3) for one in values])
    _log(axes, "y", (floor, top))
    axes.set_ylim(_padded(floor, top))
    axes.set_title(say("Learning rate at the best rate"))
    _dress(axes, say("update⟨of an axis⟩"), say("rate (first seed)"))


def _rate_of(curve: Curve) -> tuple[list[float], list[float]]:
    """The updates and their rates: as the record has them, else as they were at the looks."""
    pairs = curve.stairs or [(t, one) for t, one in zip(curve.steps, curve.rates, strict=False) if one is not None]
    return [float(t) for t, _ in pairs], [float(one) for _, one in pairs]


def _span(series: Sequence[Sequence[float]]) -> tuple[float, float]:
    """What a log axis shows of rates: each strategy down to a small share of its highest."""
    there = [[one for one in values if one > 0] for values in series]
    there = [values for values in there if values]
    if not there:
        return 0.1, 1.0
    return min(max(min(one), DEEPEST * max(one)) for one in there), max(map(max, there))


def _stairs(axes: Axes, i: int, steps: Sequence[float], values: Sequence[float], width: float = 1.6) -> None:
    """A line that holds each value to the next step, and the last one for an update."""
    if len(steps):
        axes.plot([*steps, steps[-1] + 1], [*values, values[-1]], drawstyle="steps-post", **_line(i, width))


def _basins(axes: Axes, summary: Summary) -> None:
    for i, row in enumerate(summary.rows):
        bases = [one.base for one in row.bases]
        values = _numbers([one.validation.value if one.validation else None for one in row.bases])
        axes.plot(bases, values, **_line(i))
        if row.basin and row.validation and row.best_base:
            inside = [(b, v) for b, v in zip(bases, values, strict=True) if row.basin[0] <= b <= row.basin[1]]
            axes.plot(*zip(*inside, strict=True), color=colour(i), linewidth=7, alpha=0.35, solid_capstyle="round")
            axes.plot(row.best_base, row.validation.value, "o", color=colour(i), markersize=6)
    _log(axes, "x")
    _log(axes, "y")
    _crosses(axes, summary)
    axes.set_title(said(BY_RATE[summary.settings.chosen_by]))
    _dress(axes, say("base rate (thick: good, ×: a seed diverged)"), say("loss after the last update"))


def _crosses(axes: Axes, summary: Summary) -> None:
    """A row of crosses for each strategy that diverged somewhere, in room made above the curves."""
    failing = [i for i, row in enumerate(summary.rows) if any(one.diverged for one in row.bases)]
    step = min(0.032, 0.5 / max(len(failing), 1))
    share = step * (len(failing) + 1) if failing else 0.0
    settled = any(one.validation for row in summary.rows for one in row.bases)
    low, high = axes.get_ylim() if settled else (0.1, 1.0)
    axes.set_ylim(low, high * (high / low) ** (share / (1 - share)))
    for place, i in enumerate(failing):
        lost = [one.base for one in summary.rows[i].bases if one.diverged]
        heights = [1 - step * (place + 0.7)] * len(lost)
        axes.plot(lost, heights, "x", color=colour(i), markersize=4.5, transform=axes.get_xaxis_transform())


def _with_legend(figure: Figure, summary: Summary, path: Path, columns: int) -> Path:
    names = [row.name for row in summary.rows]
    _legend(figure, names, columns)
    settings = summary.settings
    about = {"data": settings.subject.data, "steps": settings.steps, "seeds": summary.seeds}
    if settings.subject.rows_train:
        batch = settings.batch_size or say("all")
        title = say("{data}: {steps} updates, batch {batch}, n = {seeds} seeds", **about, batch=batch)
    else:
        title = say("{data}: {steps} updates, n = {seeds} seeds", **about)
    figure.suptitle(title, fontsize="medium", color="#59616b", parse_math=False)
    save(figure, path)
    return path


def _legend(figure: Figure, names: Sequence[str], most: int) -> None:
    """A legend below the axes, in room of its own, so that it covers no curve; a `$` in a name is a dollar."""
    width, height = figure.get_size_inches()
    columns, labels = _laid_out(names, width, most)
    lines = [Line2D([], [], label=label, **_line(i, 1.8)) for i, label in enumerate(labels)]
    drawn = figure.legend(
        handles=lines, loc="outside lower center", frameon=False, ncols=columns, fontsize="small", handlelength=3.2
    )
    for text in drawn.get_texts():
        text.set_parse_math(False)
    figure.set_size_inches(width, height + _LINE * max(0, _tallest(labels, columns) - _FREE))


def _laid_out(names: Sequence[str], width: float, most: int) -> tuple[int, list[str]]:
    """How many columns make the lowest legend, at most so many, and the names as they are written in it."""
    longest = max((len(name) for name in names), default=0)
    found = []
    for columns in range(1, most + 1):
        letters = int((width / columns - _SAMPLE) / _LETTER)
        if columns == 1 or letters >= min(longest, _NARROWEST):
            labels = [wrapped(name, letters) for name in names]
            found.append((_tallest(labels, columns), columns, labels))
    _, columns, labels = min(found, key=lambda one: one[:2])
    return columns, labels


def _tallest(labels: Sequence[str], columns: int) -> int:
    """The lines of the tallest column of a legend, which is filled column by column."""
    high = max(1, -(-len(labels) // columns))
    lines = [label.count("\n") + 1 for label in labels]
    return max((sum(lines[i : i + high]) for i in range(0, len(lines), high)), default=0)


def wrapped(text: str, letters: int) -> str:
    """The whole text in lines of at most so many letters; an expression breaks at its spaces.

    >>> wrapped("adam() | 0.01 * cosine()", 16)
    'adam() | 0.01 *\\ncosine()'
    """
    return "\n".join(textwrap.wrap(text, letters, break_on_hyphens=False)) or text


def _dress(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(True, color="#e6e9ed", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _log(axes: Axes, which: str, shown: tuple[float, float] | None = None) -> None:
    """A log axis whose ticks are plain numbers: powers over many decades, 1-2-5 over few, even steps within one."""
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = shown or sorted(axis.get_data_interval())
    wide = high / low if 0 < low < high else 10.0
    axis.set_major_locator(MaxNLocator(5) if wide < 4 else LogLocator(subs=(1, 2, 5) if wide < 400 else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _tick(value: float) -> str:
    if value == 0 or 1e-4 < abs(value) < 1e5:
        return f"{value:.5g}"
    digits, _, power = f"{value:.3g}".partition("e")
    return f"{digits}e{int(power)}" if power else digits


def _padded(low: float, high: float) -> tuple[float, float]:
    room = (high / low) ** 0.05 if low < high else 2.0
    return low / room, high * room


def _line(i: int, width: float = 1.6) -> dict[str, Any]:
    """How line `i` is drawn; matplotlib counts dashes in line widths."""
    dashes = tuple(one / 2 for one in dash(i)) or (1.0, 0.0)
    return {"color": colour(i), "dashes": dashes, "linewidth": width}


def _numbers(values: Sequence[float | None], top: float | None = None) -> list[float]:
    """The values, cut off well above `top`, with gaps where there is none, or none that a log axis can show."""
    most = float("inf") if top is None else 1000 * top
    return [float("nan") if one is None or one <= 0 else min(one, most) for one in values]


def _below_zero(curves: Sequence[tuple[str, Sequence[float], Sequence[float]]]) -> bool:
    return any(value < 0 for _, _, values in curves for value in values)
