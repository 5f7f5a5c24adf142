"""What the charts of the page draw, as plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .numbers import Curve, Row, Summary
from .palette import colour, dark, dash
from .stairs import stairs

MOST_STAIRS = 400  # of a strategy on the page


def chart_data(summary: Summary) -> dict[str, Any]:
    """What the charts draw; a log axis leaves out what it cannot show, a linear one shows it."""
    pairs = zip(summary.rows, summary.curves, strict=True)
    return {
        "strategies": [_strategy(i, row, curve) for i, (row, curve) in enumerate(pairs)],
        "ceiling": {
            "train": ceiling(summary, lambda curve: curve.train_high),
            "validation": ceiling(summary, lambda curve: curve.validation),
        },
    }


def ceiling(summary: Summary, values: Callable[[Curve], Sequence[float | None]]) -> float | None:
    """Where a loss axis ends: at the highest of the strategies that settled, so that diverging ones leave it there."""
    settled = [c for row, c in zip(summary.rows, summary.curves, strict=True) if row.best_base is not None]
    if settled:
        return max((one for curve in settled for one in values(curve) if one is not None), default=None)
    starts = [one for curve in summary.curves for one in values(curve)[:1] if one is not None]
    return 10 * max(starts) if starts else None


def short(values: Sequence[float | None]) -> list[float | None]:
    """Six digits of each number, which a screen cannot tell from all of them; None stays."""
    return [None if one is None else float(f"{one:.6g}") for one in values]


def _strategy(index: int, row: Row, curve: Curve) -> dict[str, Any]:
    steps = len(curve.steps)
    return {
        "name": row.name,
        "light": colour(index),
        "dark": dark(index),
        "dash": dash(index),
        "steps": curve.steps,
        "train": short(curve.train),
        "low": short(curve.train_low),
        "high": short(curve.train_high),
        "validation": short(curve.validation),
        "rates": (short(curve.rates) + [None] * steps)[:steps],
        "stairs": _stairs(curve),
        "bases": [one.base for one in row.bases],
        "losses": short([one.validation.value if one.validation else None for one in row.bases]),
        "diverged": [one.diverged for one in row.bases],
        "seeds": row.seeds,
        "best": row.best_base,
        "basin": row.basin,
    }


def _stairs(curve: Curve) -> tuple[list[int], list[float | None]]:
    """The updates at which the rate changes, and the rates from there on; where no record is there, those of the looks.

    Of a curve with more stairs than a chart has columns the outline is left (see `stairs`).
    """
    known = curve.stairs or [(t, one) for t, one in zip(curve.steps, curve.rates, strict=False) if one is not None]
    found = stairs([t for t, _ in known], [one for _, one in known], MOST_STAIRS)
    return [t for t, _ in found], short([one for _, one in found])
