"""Pictures: a comparison as PNG files, and the curves of schedules as PNG or SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._errors import StepsizeError
from .numbers import Summary
from .palette import colour, dash

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure as _Figure
except ImportError:
    raise StepsizeError("pictures need extra packages: pip install 'stepsize[compare]'") from None

LONGEST_LABEL = 60


def save_figures(summary: Summary, folder: Path) -> list[Path]:
    """Write loss.png, rates.png, basins.png and overview.png of a comparison into a folder; return their paths."""
    panels = {"loss.png": _losses, "rates.png": _rates, "basins.png": _basins}
    written = []
    for name, panel in panels.items():
        figure = _Figure(figsize=(7.5, 5.0), layout="constrained")
        panel(figure.subplots(), summary)
        written.append(_with_legend(figure, summary, folder / name, columns=4))
    figure = _Figure(figsize=(15, 5.2), layout="constrained")
    for axes, panel in zip(figure.subplots(1, 3), panels.values(), strict=True):
        panel(axes, summary)
    return [*written, _with_legend(figure, summary, folder / "overview.png", columns=8)]


def schedule_figure(
    curves: Sequence[tuple[str, Sequence[float], Sequence[float]]], ylabel: str, marks: Sequence[int] = ()
) -> Figure:
    """The curves of schedules, one line each: (text, steps, values); `marks` are steps where a part begins."""
    figure = _Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.subplots()
    for i, (text, steps, values) in enumerate(curves):
        axes.plot(steps, values, color=colour(i), dashes=_dashes(i), linewidth=1.8, label=_short(text))
    for step in marks:
        axes.axvline(step, color="#9a9a9a", linewidth=0.8, dashes=(1.0, 3.0), zorder=0)
    _dress(axes, "update", ylabel)
    axes.set_ylim(bottom=0)
    figure.legend(loc="outside lower center", frameon=False, ncols=1 if len(curves) < 4 else 2, fontsize="small")
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG or SVG, by its ending; the same figure gives the same bytes."""
    ending = path.suffix.lower()
    if ending not in (".png", ".svg"):
        raise StepsizeError(f"{path} must end in .png or .svg")
    metadata: dict[str, Any] = {"Software": None} if ending == ".png" else {"Date": None, "Creator": None}
    with mpl.rc_context({"svg.hashsalt": "stepsize", "font.family": "DejaVu Sans"}):
        figure.savefig(path, dpi=150, metadata=metadata)


def _losses(axes: Axes, summary: Summary) -> None:
    for i, curve in enumerate(summary.curves):
        mean, low, high = (_numbers(one) for one in (curve.train, curve.train_low, curve.train_high))
        axes.plot(curve.steps, mean, color=colour(i), dashes=_dashes(i), linewidth=1.6)
        axes.fill_between(curve.steps, low, high, color=colour(i), alpha=0.12, linewidth=0)
    axes.set_yscale("log")
    axes.set_title("Training loss at the best rate")
    _dress(axes, "update", "loss (mean, lowest to highest seed)")


def _rates(axes: Axes, summary: Summary) -> None:
    for i, curve in enumerate(summary.curves):
        steps = curve.steps[: len(curve.rates)]
        axes.plot(steps, _numbers(curve.rates), color=colour(i), dashes=_dashes(i), linewidth=1.6)
    axes.set_yscale("log")
    axes.set_title("Learning rate")
    _dress(axes, "update", "rate (first seed)")


def _basins(axes: Axes, summary: Summary) -> None:
    for i, row in enumerate(summary.rows):
        bases = [one.base for one in row.bases]
        values = _numbers([one.validation.value if one.validation else None for one in row.bases])
        axes.plot(bases, values, color=colour(i), dashes=_dashes(i), linewidth=1.4, marker=".", markersize=4)
        if row.basin and row.validation:
            inside = [(b, v) for b, v in zip(bases, values, strict=True) if row.basin[0] <= b <= row.basin[1]]
            axes.plot(*zip(*inside, strict=True), color=colour(i), linewidth=4, marker="o", markersize=5, alpha=0.45)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title("Validation loss against the base rate")
    _dress(axes, "base rate (thick: within 10 % of the best)", "final loss (a gap: a seed diverged)")


def _with_legend(figure: Figure, summary: Summary, path: Path, columns: int) -> Path:
    lines = [
        mpl.lines.Line2D([], [], color=colour(i), dashes=_dashes(i), label=_short(row.name))
        for i, row in enumerate(summary.rows)
    ]
    longest = max((len(row.name) for row in summary.rows), default=0)
    figure.legend(
        handles=lines,
        loc="outside lower center",
        frameon=False,
        ncols=columns if longest < 20 else max(1, columns // 4),
    )
    settings = summary.settings
    batch = settings.batch_size or "all"
    title = f"{settings.data}: {settings.steps} updates, batch {batch}, n = {len(settings.seeds)} seeds"
    figure.suptitle(title, fontsize="medium")
    save(figure, path)
    return path


def _dress(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _dashes(i: int) -> tuple[float, ...]:
    return tuple(float(one) for one in dash(i)) or (1.0, 0.0)


def _numbers(values: Sequence[float | None]) -> list[float]:
    """The values with gaps where there is none."""
    return [float("nan") if one is None else one for one in values]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
