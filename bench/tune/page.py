"""The page of the bench, docs/tune-bench.md, and its figure: from the tables, and from what was recorded of peers."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from textwrap import fill

from . import clock
from .goals import MISSED, Goal, goals, missed
from .judging import Row, Summary, summed
from .kept import OUT
from .ours import GRID
from .results import BUDGETS, Entry, Rows
from .table import Table
from .tasks import Cell

PACKAGES = ("stepsize", "numpy", "torch", "scikit-learn", "scipy", "matplotlib")
PICTURE = "tune-bench.svg"
Cells = Sequence[tuple[Cell, Table]]


def page(cells: Cells, rows: Rows, choosers: Sequence[Entry], apart: bool, out: Path = OUT) -> str:
    """The whole page; without `apart` the cells that are held apart are not there."""
    told = [
        _begin(cells, apart, out),
        _goals(rows, choosers, cells if apart else ()),
        f"![Excess over the best fixed rate against the cost of choosing]({PICTURE})",
        _summary(cells, rows, choosers, apart),
        _cells(cells, rows),
        _misses(cells, rows),
        _time(out),
        _ways(),
    ]
    return "\n\n".join(told) + "\n"


def of(rows: Rows, name: str, budget: float, names: set[str]) -> list[Row]:
    """The rows of a chooser in some cells."""
    return [row for cell, row in rows.get((name, budget), {}).items() if cell in names]


def _begin(cells: Cells, apart: bool, out: Path) -> str:
    tasks = {cell.task.name: cell.task for cell, _ in cells}
    away = sum(one.apart for one in tasks.values())
    held = (
        f"{away} of the {len(tasks)} tasks are held apart: no constant of any policy was chosen with them, none had "
        "seen their kinds (dropout, embeddings of an n-gram model, an LSTM, a mean over sets, counts, several labels)."
        if apart
        else "A third of the tasks is held apart from every constant, and is not on this page yet: `--apart` adds it."
    )
    what = (
        "How good is the rate that [tune](tune.md) finds, what does it cost, and what do others find for as much? "
        f"A **cell** is a task with an optimizer and a batch size. There are {len(cells)}. In every cell all of 37 "
        "rates, a factor of √2 apart, were trained whole from several seeds, "
        f"{sum(table.test.size for _, table in cells):,} runs in all. A chooser sees the training and the validation "
        "part alone, and names a run. It is judged by its **excess**: by how many percent the loss of that run on the "
        "test part lies above the loss at the best fixed rate of the 37. Smaller is better, and 0 is the best rate."
    )
    made = (
        f"records what is missing, judges, and writes this page. Made on {time.strftime('%Y-%m-%d')} with Python "
        f"{platform.python_version()}, {', '.join(versions(out))}."
    )
    command = "```sh\nmake bench-tune\n```"
    return "\n\n".join(["# Choosing a rate: the bench", _wrapped(f"{what} {held}"), command, _wrapped(made)])


def _wrapped(told: str) -> str:
    return fill(told, 120, break_long_words=False, break_on_hyphens=False)


def versions(out: Path = OUT) -> list[str]:
    """What is installed here, and what recorded the peers."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    told = [
        line.get("version", "")
        for path in sorted((out / "peers").glob("*.jsonl"))
        for line in map(json.loads, path.read_text().splitlines())
    ]
    return [*found, *sorted({one for one in told if one and not one.startswith("stepsize ")})]


def _goals(rows: Rows, choosers: Sequence[Entry], cells: Cells) -> str:
    lines = ["## In short", "", *_aims(goals(rows, choosers))]
    away = {cell.name for cell, _ in cells if cell.task.apart}
    if away:
        held = {key: {name: row for name, row in some.items() if name in away} for key, some in rows.items()}
        lines += ["", "The same in the cells that are held apart:", ""]
        lines += _aims(goals({key: some for key, some in held.items() if some}, choosers))
    return "\n".join(lines)


def _aims(found: Sequence[Goal]) -> list[str]:
    lines = [f"| {what} | {'yes' if reached else '**no**'} | {told} |" for what, reached, told in found]
    return ["| what was aimed at | reached? | |", "|---|---|---|", *lines]


def _overview(rows: Rows, choosers: Sequence[Entry], names: set[str]) -> str:
    """Who chooses, against the budget: one line each."""
    lines = ["| runs | " + " | ".join(f"{one:g}" for one in BUDGETS) + " |", "|---" * (len(BUDGETS) + 1) + "|"]
    for one in choosers:
        shown = []
        for budget in BUDGETS:
            found = of(rows, one.name, one.at(budget), names)
            shown.append(_three(summed(found)) if found and _asked_at(one, budget) else "")
        if any(shown):
            lines.append(f"| {_named(one)} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def _three(told: Summary) -> str:
    return f"{_number(told.median)} / {_number(told.mean)} / **{_number(told.worst, 0)}**"


def _asked_at(one: Entry, budget: float) -> bool:
    """Whether a budget is told of a chooser: finders and optimizers have one run, and are told below two."""
    return budget < 2 or one.kind not in ("finder", "optimizer")


def _named(one: Entry) -> str:
    return f"**{one.name}**" if one.kind == "ours" else one.name


def _summary(cells: Cells, rows: Rows, choosers: Sequence[Entry], apart: bool) -> str:
    names = {cell.name for cell, _ in cells}
    away = {cell.name for cell, _ in cells if cell.task.apart}
    lines = [
        "## Who chooses how well",
        "",
        "Median / mean / **worst** excess over cells, in percent; one cell counts 1000 at most. Ours are bold.",
        "",
        _overview(rows, choosers, names),
        *(["", "The same in the cells that are held apart:", "", _overview(rows, choosers, away)] if apart else []),
        "",
        "## Budget by budget",
        "",
        _wrapped(
            "`points` are points of accuracy lost, where there are classes; `octaves` is the mean distance from the "
            "best rate; `diverged` are runs that were chosen and ended above the loss that they began with, or not "
            "finite, of how many; `cost` is in whole runs (gradient evaluations), the mean and the most. Sorted by the "
            "mean. An optimizer without a rate is judged in the cells of its kind."
        ),
    ]
    for budget in BUDGETS:
        lines += ["", f"### {budget:g} runs", "", *_head()]
        asked = [(one, of(rows, one.name, one.at(budget), names)) for one in choosers if _asked_at(one, budget)]
        found = sorted(
            ((summed(some), one) for one, some in asked if some), key=lambda row: (row[0].mean, row[0].worst)
        )
        lines += [_line(one, told, cells, budget) for told, one in found]
    return "\n".join(lines)


def _head() -> list[str]:
    columns = ["", "cells", "median", "mean", "worst", "second", "points", "octaves", "diverged", "cost"]
    return ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]


def _line(one: Entry, told: Summary, cells: Cells, budget: float) -> str:
    columns = [_named(one) + _unanswered(one, cells, budget), str(told.cells)]
    columns += [_number(told.median), _number(told.mean), f"**{_number(told.worst, 0)}**", _number(told.second, 0)]
    columns += [_number(told.points), _number(told.octaves), f"{told.broken} of {told.runs}"]
    columns += [f"{told.cost:.2f} ({told.most:.2f})" if told.most - told.cost > 0.005 else f"{told.cost:.2f}"]
    return "| " + " | ".join(columns) + " |"


def _unanswered(one: Entry, cells: Cells, budget: float) -> str:
    """How often a finder had no answer, and the default took its place."""
    asked = [(cell, table, seed) for cell, table in cells for seed in range(table.seeds)]
    count = sum(one.unanswered(cell, table, seed, one.at(budget)) for cell, table, seed in asked)
    return f" (no answer {count} times)" if count else ""


def _number(one: float, digits: int = 1) -> str:
    """A number with a real minus, nothing for NaN."""
    if one != one:
        return ""
    told = f"{one:.{digits}f}"
    return told.replace("-", "−") if float(told) else told.lstrip("-")


def _cells(cells: Cells, rows: Rows) -> str:
    lines = [
        "## Every cell",
        "",
        _wrapped(
            "`best` is the best fixed rate; `loss` the test loss there, and `±` what another seed changes (one "
            "standard deviation). Excess in percent, with the octaves from the best rate in brackets (below it: −)."
        ),
        "",
        "| cell | updates | seeds | best | loss | ± | whole grid | tune, 4 runs | tune, 2.2 runs | tune, 1.3 runs |",
        "|---" * 10 + "|",
    ]
    for cell, table in cells:
        reached = table.test[:, table.best]
        told = [rows["tune", budget][cell.name] for budget in (4.0, 2.2, 1.3)]
        shown = [f"{row.excess:.1f} ({row.signed:+.1f})".replace("-", "−") for row in told]
        grid = rows[GRID, 1.0][cell.name]
        columns = [
            cell.name + (" (apart)" if cell.task.apart else ""),
            f"{table.steps:,}",
            str(table.seeds),
            f"{table.rates[table.best]:.2g}",
            f"{reached.mean():.3g}",
            f"{100 * reached.std(ddof=1) / reached.mean():.0f} %",
            _number(grid.excess),
            *shown,
        ]
        lines.append("| " + " | ".join(columns) + " |")
    return "\n".join(lines)


def _misses(cells: Cells, rows: Rows) -> str:
    lines = ["## Which cells miss, and why", "", f"Where `tune` is more than {MISSED:g} % above the best fixed rate:"]
    for budget in (4.0, 2.2):
        lines += ["", f"| {budget:g} runs | excess, % | why |", "|---|---|---|"]
        for cell, table in cells:
            row = rows["tune", budget][cell.name]
            why = missed(table, row, rows[GRID, 1.0][cell.name])
            if why:
                lines.append(f"| {cell.name} | {_number(row.excess)} | {why} |")
    return "\n".join(lines)


def _time(out: Path) -> str:
    told = clock.table(out)
    return "\n\n".join(["## What it costs in time", told or "Not measured yet: `python -m bench.tune clock`."])


def _ways() -> str:
    return """## How it was measured

- **Runs.** A warmup of 5 % of the updates, then a cosine to zero; AdamW with a weight decay of 0.01, SGD with a
  momentum of 0.9. A seed decides the starting weights and the order of the batches. Rows are split 60/20/20
  (wine 40/30/30).
- **A chooser** is asked once from each seed of a cell, and answers with a run. Policies of stepsize and searches are
  run on the recorded runs: a trial that is stopped costs what it used. Finders make real short runs, and the rate that
  they suggest is trained whole; where they suggest none, the default rate is. Optimizers without a rate make real whole
  runs.
- **Random search** is asked three times from each seed.
- **The whole grid** chooses by the validation loss among all 37 rates, with one seed. Its excess is that of a winner
  who was lucky on the validation part. With all seeds it costs as many times more, and luck counts less.
- **"Fool the grid"** are cells where it ends above 100 %. The few rows to choose by are by luck all right at a rate far
  too high, and those that judge are not.
- **`tune`** asks for one trial at a time here, as for a loop of your own. On data, and on problems of NumPy and torch,
  the command asks for [up to four](tune.md#several-trials-at-a-time): that is the row "tune four at a time".
- **Below 0** is possible: a search that ends with several seeds may choose the luckier one."""
