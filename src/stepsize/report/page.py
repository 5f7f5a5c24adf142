"""The report of a comparison as one self-contained HTML page: table, charts, texts, versions; no network."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from .._errors import StepsizeError
from .numbers import Curve, Row, Summary
from .palette import colour, dash
from .table import caption

try:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup
except ImportError:
    raise StepsizeError("the page needs extra packages: pip install 'stepsize[compare]'") from None


def page(summary: Summary) -> str:
    """The page as text; the same journal gives the same page."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = lambda value: f"{value:.4g}"
    template = environment.from_string(_asset("page.html.jinja"))
    return template.render(
        summary=summary,
        settings=summary.settings,
        headline=headline(summary),
        caption=caption(summary),
        curves={curve.name: curve for curve in summary.curves},
        colours=[colour(i) for i in range(len(summary.rows))],
        width=_width,
        style=Markup(_asset("uPlot.min.css") + _asset("page.css")),
        script=Markup(_asset("uPlot.iife.min.js").replace("</", "<\\/") + "\n" + _asset("page.js")),
        data=Markup(json.dumps(_charts(summary), allow_nan=False).replace("<", "\\u003c")),
    )


def headline(summary: Summary) -> list[str]:
    """What the comparison shows, in sentences that say whether a difference exceeds the spread."""
    ranked = sorted((row for row in summary.rows if row.validation), key=_loss)
    if not ranked:
        return ["Every strategy diverged with some seed at every base rate."]
    best = ranked[0]
    said = [f"{best.name} ended lowest in validation loss: {best.validation} at base rate {best.best_base:.4g}."]
    name = summary.settings.strategies[summary.settings.reference].name
    fixed = next((row for row in ranked if row.name == name), None)
    if fixed is not None and fixed is not best and fixed.validation and best.validation:
        gap = fixed.validation.value - best.validation.value
        spread = max(fixed.validation.spread, best.validation.spread)
        share = gap / abs(fixed.validation.value) if fixed.validation.value else 0.0
        verdict = "more than the spread over the seeds" if gap > spread else "less than the spread over the seeds"
        said.append(f"That is {share:.0%} below the fixed rate at its best ({fixed.validation}): {verdict}.")
    widest = max((row for row in summary.rows if row.basin), key=_span, default=None)
    if widest is not None:
        said.append(f"{widest.name} forgives most: its rates within 10 % of the best span {_width(widest)}.")
    worst = max(summary.rows, key=lambda row: row.diverged / row.runs)
    if worst.diverged:
        said.append(f"{worst.name} diverged most often: {worst.diverged} of {worst.runs} runs.")
    return said


def _loss(row: Row) -> float:
    return row.validation.value if row.validation else float("inf")


def _span(row: Row) -> float:
    return row.basin[1] / row.basin[0] if row.basin else 0.0


def _width(row: Row) -> str:
    return f"×{_span(row):.3g}" if row.basin else "–"


def _charts(summary: Summary) -> dict[str, Any]:
    """Everything the charts draw, as plain JSON."""
    lines = [{"name": row.name, "colour": colour(i), "dash": dash(i)} for i, row in enumerate(summary.rows)]
    return {
        "lines": lines,
        "charts": [
            _over_steps("Training loss", summary.curves, "train", bands=True),
            _over_steps("Validation loss", summary.curves, "validation"),
            _over_steps("Learning rate", summary.curves, "rates"),
            _over_bases(summary),
        ],
    }


def _over_steps(title: str, curves: tuple[Curve, ...], field: str, bands: bool = False) -> dict[str, Any]:
    steps = sorted({step for curve in curves for step in curve.steps})

    def on_all(curve: Curve, values: tuple[float | None, ...]) -> list[float | None]:
        known = dict(zip(curve.steps, values, strict=False))
        return [_positive(known.get(step)) for step in steps]

    chart: dict[str, Any] = {"title": title, "x": steps, "log_x": False, "x_label": "update"}
    chart["y"] = [on_all(curve, getattr(curve, field)) for curve in curves]
    if bands:
        chart["low"] = [on_all(curve, curve.train_low) for curve in curves]
        chart["high"] = [on_all(curve, curve.train_high) for curve in curves]
    return chart


def _over_bases(summary: Summary) -> dict[str, Any]:
    bases = sorted({one.base for row in summary.rows for one in row.bases})
    y, inside = [], []
    for row in summary.rows:
        known = {one.base: one.validation.value for one in row.bases if one.validation}
        low, high = row.basin or (1.0, 0.0)
        y.append([_positive(known.get(base)) for base in bases])
        inside.append([_positive(known.get(base)) if low <= base <= high else None for base in bases])
    title = "Validation loss against the base rate"
    return {"title": title, "x": bases, "log_x": True, "x_label": "base rate", "y": y, "inside": inside, "gaps": True}


def _positive(value: float | None) -> float | None:
    """A number that a logarithmic axis can show."""
    return value if value is not None and value > 0 else None


def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")
