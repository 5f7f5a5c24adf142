"""The table of a comparison in the terminal."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..lab.records.journal import Settings
from .numbers import Row, Summary

LONGEST_NAME = 28
NARROWEST = 76
HEADERS = (
    "as given",
    "validation loss",
    "best rate",
    "training loss",
    "validation loss ",  # at the best rate
    "steps to target",
    "good rates",
    "diverged",
)
_WIDTHS = (
    (130, ("as given", "validation loss")),
    (100, ("training loss",)),
    (90, ("good rates",)),
    (76, ("steps to target",)),
)


def print_table(summary: Summary) -> None:
    """Print the comparison: what was compared, one line for each strategy, and what the columns mean."""
    settings = summary.settings
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    console.width = max(console.width, NARROWEST)  # narrower, a terminal breaks the lines and no number is cut
    console.print(f"[bold]{escape(settings.data)}[/]: {escape(_compared(settings))}", soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True)
    left_out = _too_wide(console.width)
    repeated = [] if settings.validated else ["training loss"]  # the other column says it already
    table.add_column("strategy", no_wrap=True)
    for header in HEADERS:
        if header not in (*left_out, *repeated):
            table.add_column(_named(header, settings), justify="right", no_wrap=True)
    labels = labelled([row.name for row in summary.rows])
    for label, row in zip(labels, summary.rows, strict=True):
        shown = [
            cell for header, cell in zip(HEADERS, _cells(row), strict=True) if header not in (*left_out, *repeated)
        ]
        table.add_row(label, *shown)
    console.print(table)
    if left_out:
        console.print(
            f"Left out for want of width: {', '.join(_named(one, settings) for one in left_out)}; --json has all.",
            style="dim",
        )
    for label, row in zip(labels, summary.rows, strict=True):
        if label != row.name:
            console.print(f"{label}  {row.text}", markup=False, soft_wrap=True)
    for line in caption(summary):
        console.print(line, style="dim", markup=False)


def _compared(settings: Settings) -> str:
    """What was compared: the table and its task, or the model, then how much of it and for how long."""
    rows = f"{settings.rows_train} rows to train" if settings.rows_train else ""
    rows += f" and {settings.rows_validation} to validate" if rows and settings.rows_validation else ""
    table = [settings.task, rows, f"{settings.columns} columns"]
    parts = [", ".join(table) if settings.task else rows, f"{settings.steps} steps"]
    batch = f", batch {settings.batch_size or 'all'}" if settings.rows_train else ""
    told = "; ".join(one for one in parts if one) + f"{batch}, n = {len(settings.seeds)} seeds"
    return told if settings.task else f"{settings.model}\n{told}"


def _named(header: str, settings: Settings) -> str:
    return header.rstrip().replace("validation", settings.chosen_by)


def _too_wide(width: int) -> list[str]:
    """The columns that a narrow terminal has no room for, the least telling first."""
    return [header for needed, headers in _WIDTHS if width < needed for header in headers]


def labelled(names: list[str]) -> list[str]:
    """The names as they fit into a table: long ones become a number, explained below it.

    >>> labelled(["fixed", "adam() | 0.01 * (warmup(10) >> cosine())"])
    ['fixed', '[2]']
    """
    return [name if len(name) <= LONGEST_NAME else f"[{i}]" for i, name in enumerate(names, 1)]


def _cells(row: Row) -> list[str]:
    best = "none" if row.best_base is None else f"{row.best_base:.4g}{'*' if row.at_edge else ''}"
    reached = f" ({row.reached}/{row.seeds})" if row.reached < row.seeds else ""
    width = f"×{row.basin[1] / row.basin[0]:.3g}" if row.basin else "–"
    return [
        f"{row.base:.4g}",
        str(row.given_validation or "diverged"),
        best,
        str(row.train or "–"),
        str(row.validation or "–"),
        f"{row.steps_to_target:.0f}{reached}" if row.steps_to_target is not None else f"not reached{reached}",
        width,
        f"{row.diverged / row.runs:.0%}",
    ]


def caption(summary: Summary) -> list[str]:
    """What the columns mean, in the fewest words that are still true."""
    settings = summary.settings
    fixed = next((row for row in summary.rows if row.name == settings.strategies[settings.reference].name), None)
    reference = f"the fixed rate {fixed.best_base:.4g}" if fixed and fixed.best_base else "the fixed rate"
    target = (
        f"{summary.target:.4g}, the training loss that {reference} reached with every seed"
        if summary.target is not None
        else "none: the fixed rate diverged at every base rate, or is not finished"
    )
    lines = [
        f"Losses: mean ± standard deviation over n = {len(settings.seeds)} seeds. "
        f"Best rate: the lowest mean {settings.chosen_by} loss among rates where no seed diverged.",
        f"Target: {target}.",
        "Good rates: how far apart (highest ÷ lowest) the rates around the best lie that stay within 10 % of its loss.",
        f"Steps to target are measured every {settings.measure_every} updates. "
        "Diverged: share of all runs, over all rates and seeds.",
    ]
    if any(row.at_edge for row in summary.rows):
        lines.append("* at the edge of the rates that were tried: widen them with --rates LOW:HIGH:N.")
    return lines
