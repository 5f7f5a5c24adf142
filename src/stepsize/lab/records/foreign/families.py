"""The families of files, in the order in which they are asked: the first that has a loss is the file's."""

from __future__ import annotations

from pathlib import Path

from ...._errors import StepsizeError
from ...._language import say
from ....course.log import Lines
from . import names
from .events import of_events
from .json_rows import of_json
from .mlflow import of_metric
from .printed import of_print
from .rows import Rows, Source
from .tables import of_table
from .wanted import Wanted


def rows_in(source: Source, lines: Lines, wanted: Wanted) -> Rows:
    """The rows of a file of any family; a StepsizeError where it has none."""
    found = of_events(source) or of_metric(source) or of_json(source, lines)
    if found is not None:
        return found
    table = of_table(source)
    if table is not None and table.rows and _tells(table, wanted):
        return table
    printed = of_print(source, wanted.loss)
    if printed is not None and (table is None or not table.rows or _tells(printed, wanted)):
        return printed
    if table is None or (not table.rows and len(table.columns) > 1):
        raise _nothing(source, table)
    return table


def _tells(rows: Rows, wanted: Wanted) -> bool:
    """Whether there is a loss among the columns, or what was asked for, or values that a key names."""
    if wanted.loss is not None and names.chosen(rows.columns, wanted.loss):
        return True
    if "loss" in names.of(rows.columns) or (len(rows.columns) > 2 and _is_known(rows)):
        return True
    return any(" - " in one for one in rows.columns)


def _is_known(rows: Rows) -> bool:
    """Whether the names of a table are known in other ways: two of its quantities, or a metric and its value."""
    plain = {one.strip().lower() for one in rows.columns}
    return len(names.of(rows.columns)) > 1 or "value" in plain


def _nothing(source: Source, table: Rows | None) -> StepsizeError:
    if table is not None:
        return no_rows(source.path)
    lines = enumerate(source.text.splitlines(), start=1)
    place, line = next(((i, one.strip()) for i, one in lines if one.strip()), (1, ""))
    return StepsizeError(
        say(
            "{file} has no column for the loss, only lines of text such as line {place}, {line!r}, and none "
            "with a loss such as loss: 2.31: name it loss, or write --loss NAME",
            file=source.path,
            place=place,
            line=line[:60],
        )
    )


def no_rows(file: Path) -> StepsizeError:
    """The error of a file that has names of columns and nothing below them."""
    return StepsizeError(
        say("{file} has no rows: a record has a header and a row for each update that was logged", file=file)
    )
