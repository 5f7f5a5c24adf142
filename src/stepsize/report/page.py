"""The page: one HTML file that holds its data, its styles and its charts, and asks the network for nothing."""

from __future__ import annotations

import math
import shlex
from typing import Any

from .._language import said, say
from ..lab.study.plan import Entrant, Plan
from ..lab.workload import model_said
from .charts import chart_data
from .columns import columns, grouped
from .exports.cells import header, lowest, rows
from .exports.csv import written
from .numbers import Row, Summary
from .palette import colour, dark, dash
from .templates import asset, four_digits, markup, rendered, script, script_safe

MODULES = (
    "common", "state", "numbers", "theme", "smooth", "tip", "chart", "steps", "slider", "bases", "table", "strategies",
    "csv", "files", "start",
)  # fmt: skip
AGAINST = {"validation": "Validation loss against base rate", "training": "Training loss against base rate"}
CSP = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"


def page(summary: Summary) -> str:
    """The whole page of a comparison as HTML text."""
    assets = {"uplot_js": "uPlot.iife.min.js", "uplot_css": "uPlot.min.css", "uplot_licence": "uPlot-LICENSE"}
    found = columns(summary)
    return rendered(
        "page.html.jinja",
        summary=summary,
        settings=summary.settings,
        chosen_by=said(f"{summary.settings.chosen_by} loss"),
        against=said(AGAINST[summary.settings.chosen_by]),
        model=model_said(summary.settings.subject.model),
        said=said,
        columns=found,
        groups=grouped(found),
        decided_by=found[0],
        csp=CSP,
        headline=summary.verdict or (say("No strategy is finished yet: repeat the command to go on."),),
        lowest=lowest(summary),
        reference=summary.settings.referred,
        left_out=len(summary.settings.strategies) - len(summary.rows),
        looks=[{"light": colour(i), "dark": dark(i), "dash": dash(i)} for i in range(len(summary.rows))],
        widths=[_width(row) for row in summary.rows],
        command=command(summary.settings),
        data=markup(script_safe(chart_data(summary) | {"table": _table(summary)})),
        page_js=markup(script([f"page/{name}" for name in MODULES])),
        page_css=markup(asset("page.css")),
        **{name: markup(asset(path)) for name, path in assets.items()},
    )


def _table(summary: Summary) -> dict[str, Any]:
    """What the page's download of the table holds: the cells of `table_csv`."""
    return {"header": header(summary), "rows": [[written(cell) for cell in row] for row in rows(summary)]}


def command(settings: Plan) -> str:
    """A command that repeats the comparison with its strategies written out."""
    words = ["stepsize", "compare", settings.subject.data]
    if settings.subject.data.lower().endswith((".csv", ".parquet")):
        words += ["--target", settings.subject.target]
    lines = [" ".join(shlex.quote(word) for word in words)]
    lines += [shlex.quote(_named(one)) for one in settings.strategies]
    lines.append(f"--steps {settings.steps} --batch-size {settings.batch_size or 0} --seeds {len(settings.seeds)}")
    if settings.referred is not None:
        lines[-1] += f" --reference {shlex.quote(settings.referred.name)}"
    own_grids = all(
        math.isclose(one.bases[0], one.base / 1000, rel_tol=1e-3)
        and math.isclose(one.bases[-1], one.base * 1000, rel_tol=1e-3)
        for one in settings.strategies
    )
    if not own_grids:
        rates = sorted({base for one in settings.strategies for base in one.bases})
        lines.append(f"--rates {','.join(f'{one:g}' for one in rates)}")
    return " \\\n    ".join(lines)


def _named(one: Entrant) -> str:
    return one.text if one.name == one.text else f"{one.name}={one.text}"


def _width(row: Row) -> str:
    if row.basin is None:
        return "–"
    ratio = row.basin[1] / row.basin[0]
    if ratio == 1:
        return say("one rate")
    return f"{'≥ ' if _cut_off(row) else ''}{math.log10(ratio):.2g} (×{_factor(ratio)})"


def _factor(ratio: float) -> str:
    return four_digits(float(f"{ratio:.3g}"))


def _cut_off(row: Row) -> bool:
    """Whether the basin reaches an end of the grid, so that it may be wider than what was seen."""
    return row.basin is not None and (row.basin[0] == row.bases[0].base or row.basin[1] == row.bases[-1].base)
