"""The table of a comparison as LaTeX, for a paper."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from ..numbers import Mean, Row, Summary
from .cells import decisive, lowest, measures

_Column: TypeAlias = tuple[str, Callable[[Row], str]]  # its head, and the cell of a strategy

NONE = "--"
_ESCAPED = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": "--",
} | {one: f"\\{one}" for one in "{}$&#%_"}
_LONG = 24  # characters of a name that does not wrap


def table_latex(summary: Summary) -> str:
    r"""The table as a LaTeX `table` with booktabs: mean ± spread, the lowest loss in bold, n in the caption.

    What is bold is the loss that strategies are compared by: that of the part that judges where there is one, else
    the one that chose the rate. Names are escaped, an expression is in typewriter and breaks at its commas. Put
    `\usepackage{booktabs}` and `\usepackage[T1]{fontenc}` into the preamble.
    """
    columns = _columns(summary)
    body = [f"    {' & '.join(cell(row) for _, cell in columns)} \\\\" for row in summary.rows]
    wide = any(len(row.name) > _LONG for row in summary.rows)
    first = r"p{0.34\linewidth}" if wide else "l"
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{_caption(summary)}}}",
            f"  \\begin{{tabular}}{{{first}{'r' * (len(columns) - 1)}}}",
            r"    \toprule",
            f"    {' & '.join(head for head, _ in columns)} \\\\",
            r"    \midrule",
            *body,
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def escaped(text: str) -> str:
    r"""Text that LaTeX prints as it is; line breaks become spaces, control characters go.

    >>> escaped("50% of a_b & {c}")
    '50\\% of a\\_b \\& \\{c\\}'
    """
    plain = "".join(one for one in " ".join(text.split()) if one.isprintable())
    return "".join(_ESCAPED.get(one, one) for one in plain)


def number(value: float, digits: int = 4) -> str:
    r"""A number for LaTeX's mathematics, its power of ten written out.

    >>> number(0.25), number(3.162e-05)
    ('0.25', '3.162 \\times 10^{-5}')
    """
    mantissa, _, power = f"{value:.{digits}g}".partition("e")
    return f"{mantissa} \\times 10^{{{int(power)}}}" if power else mantissa


def _columns(summary: Summary) -> list[_Column]:
    best, chosen = lowest(summary), summary.settings.chosen_by.capitalize()
    judged = any(row.tested for row in summary.rows)
    columns: list[_Column] = [("Strategy", _name), ("Best rate", lambda row: _plain(row.best_base))]
    if summary.settings.subject.validated:
        columns.append(("Training loss", lambda row: _mean(row.train)))
    columns.append((f"{chosen} loss", lambda row: _mean(row.validation, None if judged else row, best)))
    if judged:
        columns.append(("Test loss", lambda row: _mean(row.tested, row, best)))
    if any(row.worst is not None for row in summary.rows):
        columns.append(("Worst seed", lambda row: _plain(row.worst)))
    columns += [(escaped(name), partial(_metric, name)) for name in measures(summary)]
    if summary.target is not None:
        columns.append(("Steps to target", _steps))
    columns.append(("Diverged", lambda row: f"{row.diverged}/{row.runs}"))
    return columns


def _name(row: Row) -> str:
    if row.name != row.text:
        return escaped(row.name)
    breaking = re.sub(r"([(,] ?|\\textbar\{\} |(?:\\textgreater\{\}){2} )", r"\1\\allowbreak{}", escaped(row.text))
    return f"\\texttt{{{breaking}}}"


def _mean(value: Mean | None, row: Row | None = None, best: float | None = None) -> str:
    """Mean ± spread; in bold where it is the lowest of what its row is compared by."""
    if value is None:
        return NONE
    told = f"{number(value.value)} \\pm {number(value.spread, 2)}"
    found = None if row is None else decisive(row)
    return f"$\\mathbf{{{told}}}$" if found is not None and found.value == best else f"${told}$"


def _metric(name: str, row: Row) -> str:
    return _mean(row.metrics.get(name))


def _plain(value: float | None) -> str:
    return NONE if value is None else f"${number(value)}$"


def _steps(row: Row) -> str:
    """The median of the seeds that reached the target, with how many did where some did not."""
    if row.steps_to_target is None:
        return NONE
    share = f" ({row.reached}/{row.seeds})" if row.reached < row.seeds else ""
    return f"{row.steps_to_target:.0f}{share}"


def _caption(summary: Summary) -> str:
    settings, seeds = summary.settings, "$ to $".join(str(count) for count in summary.seed_counts)
    told = (
        f"{escaped(settings.subject.data)}: losses after {settings.steps} updates, mean $\\pm$ standard deviation over "
        f"$n = {seeds}$ seeds, each strategy at the base rate with the lowest mean {settings.chosen_by} "
        "loss. Bold: the lowest loss."
    )
    if summary.target is not None:
        told += f" Target: a training loss of ${number(summary.target)}$."
    return f"{told} Diverged: runs of all base rates and seeds."
