"""Pictures: a comparison as PNG files, and the curves of schedules as PNG or SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._errors import StepsizeError
from .numbers import Summary
from .page import ceiling
from .palette import colour, dash

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure as _Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator
except ImportError:
    raise StepsizeError("pictures need extra packages: pip install 'stepsize[compare]'") from None

LONGEST_LABEL = 60
STYLE: dict[Any, Any] = {  # Any: matplotlib spells out every name that may be a key
    "figure.constrained_layout.wspace": 0.04,
    "svg.hashsalt": "stepsize",
    "font.family": "DejaVu Sans",
    "text.color": "#1b1f24",
    "axes.labelcolor": "#59616b",
    "axes.edgecolor": "#9aa2ac",
    "xtick.color": "#59616b",
    "ytick.color": "#59616b",
}


def save_figures(summary: Summary, folder: Path) -> list[Path]:
    """Write loss.png, rates.png, basins.png and overview.png of a comparison into a folder; return their paths."""
    panels = {"loss.png": _losses, "rates.png": _rates, "basins.png": _basins}
    written = []
    with mpl.rc_context(STYLE):
        for name, panel in panels.items():
            figure = _Figure(figsize=(7.5, 5.0), layout="constrained")
            panel(figure.subplots(), summary)
            written.append(_with_legend(figure, summary, folder / name, columns=4))
        figure = _Figure(figsize=(15, 5.0), layout="constrained")
        for axes, panel in zip(figure.subplots(1, 3), panels.values(), strict=True):
            panel(axes, summary)
        return [*written, _with_legend(figure, summary, folder / "overview.png", columns=8)]


def schedule_figure(
    curves: Sequence[tuple[str, Sequence[float], Sequence[float]]], ylabel: str, marks: Sequence[int] = ()
) -> Figure:
    """The curves of schedules, one line each: (text, steps, values); `marks` are steps where a part begins."""
    with mpl.rc_context(STYLE):
        below = len(curves) if len(curves) < 4 else (len(curves) + 1) // 2
        figure = _Figure(figsize=(8, 4.0 + 0.22 * below), layout="constrained")
        axes = figure.subplots()
        for i, (_, steps, values) in enumerate(curves):
            axes.plot(steps, values, **_line(i, 1.8))
        for step in marks:
            axes.axvline(step, color="#9aa2ac", linewidth=0.8, dashes=(1.0, 3.0), zorder=0)
        _dress(axes, "update", ylabel)
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]) if _below_zero(curves) else 0)
        _legend(figure, [text for text, _, _ in curves], 1 if len(curves) < 4 else 2)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG or SVG, by its ending; the same figure gives the same bytes."""
    ending = path.suffix.lower()
    if ending not in (".png", ".svg"):
        raise StepsizeError(f"{path} must end in .png or .svg")
    metadata: dict[str, Any] = {"Software": None} if ending == ".png" else {"Date": None, "Creator": None}
    with mpl.rc_context(STYLE):
        figure.savefig(path, dpi=150, metadata=metadata)


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
    axes.set_title("Training loss at the best rate")
    _dress(axes, "update", "loss (mean, lowest to highest seed)")


def _rates(axes: Axes, summary: Summary) -> None:
    for i, curve in enumerate(summary.curves):
        values = _numbers(curve.rates)
        axes.plot(curve.steps[: len(values)], values, **_line(i))
    _log(axes, "y")
    axes.set_title("Learning rate at the best rate")
    _dress(axes, "update", "rate (first seed)")


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
    axes.set_title(f"{summary.settings.chosen_by.capitalize()} loss by base rate")
    _dress(axes, "base rate (thick: good, ×: a seed diverged)", "loss after the last update")


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
    longest = max((len(name) for name in names), default=0)
    _legend(figure, names, columns if longest < 20 else max(1, columns // 4))
    settings = summary.settings
    batch = f", batch {settings.batch_size or 'all'}" if settings.rows_train else ""
    title = f"{settings.data}: {settings.steps} updates{batch}, n = {len(settings.seeds)} seeds"
    figure.suptitle(title, fontsize="medium", color="#59616b", parse_math=False)
    save(figure, path)
    return path


def _legend(figure: Figure, names: Sequence[str], columns: int) -> None:
    """A legend below the axes, so that it covers no curve; a `$` in a name is a dollar."""
    lines = [Line2D([], [], label=_to_fit(name), **_line(i, 1.8)) for i, name in enumerate(names)]
    drawn = figure.legend(
        handles=lines, loc="outside lower center", frameon=False, ncols=columns, fontsize="small", handlelength=3.2
    )
    for text in drawn.get_texts():
        text.set_parse_math(False)


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
    room = (high / low) ** 0.05
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


def _to_fit(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
