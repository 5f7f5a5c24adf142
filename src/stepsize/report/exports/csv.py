"""The table of a comparison as CSV."""

from __future__ import annotations

import csv
import io

from ..numbers import Summary
from .cells import Cell, header, rows


def table_csv(summary: Summary) -> str:
    """The table as CSV (RFC 4180): a line of names, then one line for each strategy.

    Numbers have all their digits, a cell is empty where there is no number, and a name with a comma, a quote or a line
    break stands in quotes. Use it for spreadsheets and for programs of your own; `frame` has every trial.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header(summary))
    writer.writerows([written(cell) for cell in row] for row in rows(summary))
    return out.getvalue()


def written(cell: Cell) -> str:
    """A cell as text: the shortest digits that give the same number back, empty for None.

    >>> written(0.1), written(3.0), written(None), written("a")
    ('0.1', '3', '', 'a')
    """
    if cell is None or isinstance(cell, str):
        return cell or ""
    return str(int(cell)) if cell == int(cell) and abs(cell) < 2**53 else repr(float(cell))
