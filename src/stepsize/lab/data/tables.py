"""Tables: a file of text or Parquet as a Polars frame of numbers, booleans and text, with every trouble named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..._errors import StepsizeError
from ..._language import say
from .naming import named, on_one_line
from .text_files import MISSING, header, laid_out, text_frame
from .written import is_number, understood

if TYPE_CHECKING:
    import polars as pl

TEXT = (".csv", ".tsv", ".tab", ".txt")
SUFFIXES = (*TEXT, ".parquet")
NUMBER_SHARE = 0.8  # a text column with so many numbers among its values was meant to hold numbers
LARGEST = 1e100  # squares of larger values leave float64
COPIES = 3  # what is read, what is encoded, what the problem keeps
CSV_GROWTH = 4  # a number of about 6 characters becomes 8 bytes, in three copies


def read_table(path: Path) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Read a table of text or a Parquet file, its column names without spaces around them, with notes for the reader.

    `path` is an existing file. Text is UTF-8, UTF-16, GBK or Windows-1252; its cells are cut by commas, semicolons,
    tabs or bars; numbers and dates may be written as people write them. The notes say all that was not plain. A file
    that is empty, unreadable, too large for the memory, or that has duplicate names or no rows is a StepsizeError.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES or not path.is_file():
        raise StepsizeError(
            say(
                "compare: a table is a .csv, .tsv, .txt or .parquet file, not {path!r}: convert it first",
                path=str(path),
            )
        )
    with _reading(path):
        frame, notes = _text(path) if suffix in TEXT else (_parquet(path), ())
    if frame.height == 0:
        raise StepsizeError(
            say("compare: {file} must have at least 1 row below its column names, not 0: add rows", file=path.name)
        )
    return frame, notes


def typed(column: pl.Series) -> pl.Series:
    """Turn a column into numbers, booleans, text or an Enum, with null for all that is missing.

    `column` may be text: if all its values are numbers it becomes numbers. Text that is mostly numbers stays text
    (see `check_text`); nested and binary columns are a StepsizeError.
    """
    import polars as pl

    kind = column.dtype
    if kind == pl.String:
        return _from_text(column)
    if kind == pl.Categorical:
        return column.cast(pl.String)
    if kind.is_temporal():
        return column.to_physical().cast(pl.Float64)
    if kind.is_float() or kind.is_decimal():
        return column.cast(pl.Float64).fill_nan(None)
    if kind.is_integer() or kind in (pl.Boolean, pl.Null, pl.Enum):
        return column
    raise StepsizeError(
        say(
            "compare: column {column!r} must hold numbers, text, booleans or dates, not {kind}: drop the column",
            column=column.name,
            kind=kind,
        )
    )


def check_text(column: pl.Series, hint: str) -> None:
    """Raise an error where most values of a text column are numbers: it names the first that is none, and its row.

    `column` comes from `typed`; `hint` says what else can be written.
    """
    import polars as pl

    if column.dtype != pl.String:
        return
    numbers = column.cast(pl.Float64, strict=False).is_not_null() | (column.is_not_null() & is_number(column))
    share = numbers.sum() / max(column.count(), 1)
    if share >= NUMBER_SHARE:
        row = int((column.is_not_null() & ~numbers).arg_max() or 0)
        raise StepsizeError(
            say(
                "compare: column {column!r} must hold numbers, as {share:.0%} of its values are, not {value} in "
                "data row {row}: {hint}",
                column=column.name,
                share=share,
                value=on_one_line(column[row]),
                row=row + 1,
                hint=hint,
            )
        )


def check_size(column: pl.Series) -> None:
    """Raise an error where a column of numbers holds infinite values, or values too large to be squared."""
    import polars as pl

    if not column.dtype.is_numeric():
        return
    values = column.cast(pl.Float64)
    large = (values.abs() > LARGEST).fill_null(False)
    if large.any():
        row = int(large.arg_max() or 0)
        raise StepsizeError(
            say(
                "compare: column {column!r} must hold finite numbers between -{largest:g} and {largest:g}, not "
                "{value} in data row {row}: correct the value or leave it empty",
                column=column.name,
                largest=LARGEST,
                value=values[row],
                row=row + 1,
            )
        )


def available_memory() -> int | None:
    """Bytes of memory free for use, or all there are where the system says no more; None where it is silent."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _check_memory(path: Path, needed: int, counted: str) -> None:
    free = available_memory()
    if free is not None and needed > free:
        raise StepsizeError(
            say(
                "compare: {file} needs about {needed:.3g} GiB ({counted}), and {free:.3g} GiB of memory are "
                "available: write a sample of its rows to a smaller file and compare on that",
                file=path.name,
                needed=needed / 2**30,
                counted=counted,
                free=free / 2**30,
            )
        )


def _text(path: Path) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """A table of text, its numbers and dates as people write them, and notes on what was understood."""
    _check_memory(path, path.stat().st_size * CSV_GROWTH, say("{times} × the size of the file", times=CSV_GROWTH))
    layout = laid_out(path)
    _check_header(path, header(path, layout))
    frame = text_frame(path, layout)
    given = {name.strip(): name for name in frame.columns}
    frame = frame.rename({name: name.strip() for name in frame.columns})
    made, notes = understood(
        frame, layout.mark, lambda names: text_frame(path, layout, [given[n] for n in names], text=True)
    )
    return made, (*layout.notes, *notes)


def _parquet(path: Path) -> pl.DataFrame:
    import polars as pl

    if path.stat().st_size == 0:
        raise _empty(path)
    lazy = pl.scan_parquet(path, glob=False)
    rows = int(lazy.select(pl.len()).collect().item())
    names = lazy.collect_schema().names()
    counted = say(
        "{rows} rows × {columns} columns × 8 bytes × {copies} copies", rows=rows, columns=len(names), copies=COPIES
    )
    _check_memory(path, rows * len(names) * 8 * COPIES, counted)
    _check_names(path, [name.strip() for name in names])
    frame = lazy.collect()
    return frame.rename({name: name.strip() for name in names})


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Polars tells of damaged files by its errors, and of badly damaged ones by a panic."""
    import polars as pl

    try:
        yield
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as trouble:
        raise _unreadable(path, trouble) from None


def _unreadable(path: Path, trouble: BaseException) -> StepsizeError:
    first = (str(trouble).strip().splitlines() or [type(trouble).__name__])[0]
    return StepsizeError(
        say("compare: {file} cannot be read ({first}): write the file again", file=path.name, first=first)
    )


def _empty(path: Path) -> StepsizeError:
    return StepsizeError(
        say("compare: {file} is empty: the file must hold column names and at least 1 row", file=path.name)
    )


def _check_header(path: Path, names: Sequence[str]) -> None:
    if all(_is_number(name) for name in names):
        raise StepsizeError(
            say(
                "compare: the first line of {file} must name the columns, not hold numbers ({numbers}): add a "
                "line of names",
                file=path.name,
                numbers=named(names),
            )
        )
    _check_names(path, names)


def _check_names(path: Path, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise StepsizeError(
            say(
                "compare: every column of {file} must have a name of its own, not {names} {times} times: rename "
                "or drop the copies",
                file=path.name,
                names=named(twice),
                times=names.count(twice[0]),
            )
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _from_text(column: pl.Series) -> pl.Series:
    """Text without spaces around it; whole numbers, or numbers, where every value is one."""
    import polars as pl

    stripped = column.str.strip_chars()
    text = stripped.set(stripped.is_in(list(MISSING)), None)
    for kind in (pl.Int64, pl.Float64):
        numbers = text.cast(kind, strict=False)
        if numbers.count() == text.count() > 0:
            return numbers.fill_nan(None) if kind == pl.Float64 else numbers
    return text
