"""The page of one run or several: one HTML file that holds its data, its styles and its charts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from ..._language import say
from ..page import CSP
from ..templates import asset, markup, rendered, script, script_safe
from .facts import facts
from .marks import Mark, marks_of
from .payload import log_axes, payload
from .seen import Seen
from .series import PANELS

MODULES = (
    "page/common", "run/state", "page/numbers", "page/theme", "page/smooth", "page/tip", "page/chart", "run/marks",
    "run/lines", "page/slider", "run/choice", "page/csv", "run/files", "run/start", "run/live",
)  # fmt: skip
ASSETS = {
    "uplot_js": "uPlot.iife.min.js",
    "uplot_css": "uPlot.min.css",
    "uplot_licence": "uPlot-LICENSE",
    "page_css": "page.css",
    "run_css": "run.css",
}
LIVE_CSP = f"{CSP}; connect-src 'self'; base-uri 'none'; form-action 'none'"
MOST_ROWS = 200  # of the table of decisions
PARTS = 10_000  # of a run in a page that cannot ask for more; together they share them
LEAST_PARTS = 1000


@dataclass(frozen=True)
class Live:
    """What a page that goes on is told: the runs that it shows at first, and whether they are chosen from a folder."""

    chosen: tuple[str, ...]
    folder: str | None = None


def run_page(runs: Sequence[Seen], live: Live | None = None) -> str:
    """The whole page of runs as HTML text; it asks the network for nothing, but for its own server where it is live."""
    parts = max(LEAST_PARTS, PARTS // max(1, len(runs))) if live is None else LEAST_PARTS
    data = payload(runs, parts=parts)
    log = log_axes(runs)
    told: dict[str, Any] = {
        "panels": [{"name": one.name, "log": log[one.name], "stepped": one.stepped} for one in PANELS],
        "live": None if live is None else asdict(live),
    }
    most = max((len(one.record) for one in runs), default=0)
    return rendered(
        "run.html.jinja",
        title=_title(runs, live),
        live=live is not None,
        folder=None if live is None else live.folder,
        csp=CSP if live is None else LIVE_CSP,
        thin=most > 2 * parts or live is not None,
        panels=[panel.now() for panel in PANELS],
        log=log,
        data=markup(script_safe(data | told)),
        page_js=markup(script(MODULES)),
        **{name: markup(one) for name, one in fragments(runs).items()},
        **{name: markup(asset(path)) for name, path in ASSETS.items()},
    )


def fragments(runs: Sequence[Seen]) -> dict[str, str]:
    """The parts of the page that are text: the diagnoses, and the tables of numbers and decisions."""
    columns = [facts(run.record) for run in runs]
    labels = list(dict.fromkeys(label for one in columns for label in one))
    every = list(_marks(runs))
    return {
        "about": rendered("run_about.html.jinja", about=_about(runs)),
        "facts": rendered("run_facts.html.jinja", runs=runs),
        "numbers": rendered(
            "run_numbers.html.jinja",
            runs=runs,
            facts=columns,
            labels=labels,
            marks=list(islice(every, MOST_ROWS)),
            grouped=any(mark.group for _, mark in every),
            left_out=max(0, len(every) - MOST_ROWS),
        ),
    }


def _marks(runs: Sequence[Seen]) -> Iterator[tuple[str, Mark]]:
    for run in runs:
        yield from ((run.name, mark) for mark in marks_of(run.record))


def _title(runs: Sequence[Seen], live: Live | None) -> str:
    if live is not None and live.folder is not None:
        return live.folder
    return runs[0].name if len(runs) == 1 else say("{count} runs", count=len(runs))


def _about(runs: Sequence[Seen]) -> list[str]:
    """What is known of a single run: its strategy and its optimizer."""
    if len(runs) != 1:
        return []
    record = runs[0].record
    told = [] if record.text is None else [record.text]
    if record.optimizer:
        settings = [f"{name} {value}" for name, value in record.optimizer.items() if name != "class" and _said(value)]
        told.append(": ".join(filter(None, (str(record.optimizer.get("class", "")), ", ".join(settings)))))
    return told


def _said(value: Any) -> bool:
    """Whether a setting is worth a word: one that is off or not given is none."""
    return value is not None and value is not False
