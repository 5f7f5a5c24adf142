"""Numbers and dates as people write them: `$1,234.50`, `40,0`, `-` for missing, `01/31/2020`; a note says each reading.

A comma is a decimal mark or a mark of thousands. One value that can only be the one decides for its column, then for
the columns where every value could be both, then the file's own mark between cells does: with semicolons a comma is a
decimal mark. Where a column holds both, it is an error that names two values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..._errors import StepsizeError
from ..._language import Note, commas, say
from .naming import named, on_one_line
from .text_files import MISSING

if TYPE_CHECKING:
    import polars as pl

GAPS = (
    "-",
    "--",
    "–",
    "—",
    ".",
    "..",
    "…",
    "none",
    "None",
    "NONE",
    "N.A.",
    "n.a.",
    "#N/A",
    "#NA",
    "#DIV/0!",
    "missing",
    "无",
    "缺失",
)
BLANKS = "[\\s\u00a0\u2009\u202f'’]"
MONEY = "[$€£¥₹₽元]|USD|EUR|GBP|CHF|CNY|RMB|JPY"
DIGITS = rf"(?:\d{{1,3}}(?:{BLANKS}\d{{3}})+(?:[.,]\d+)?|\d[\d.,]*|[.,]\d+)"
SHAPE = rf"^\(?\s*[-+−]?\s*(?:{MONEY})?\s*[-+−]?{DIGITS}(?:[eE][-+]?\d+)?\s*(?:{MONEY}|%)?\s*\)?$"
GROUPED = r"^[1-9]\d{0,2}(,\d{3})+$|^[1-9]\d{0,2}(\.\d{3})+$|^\d{1,2}(,\d{2})+,\d{3}$"  # the last as in India
DATES = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%d/%m/%y", "%m/%d/%y")
CLOCKS = ("", " %H:%M", " %H:%M:%S")


class Readings(NamedTuple):
    """For each value of a column, the mark that must be its decimal mark, "," or ".".

    Where none must be: "" for a comma and "point" for a point that can both be marks of thousands, "plain" for digits
    alone.
    """

    text: pl.Series
    marks: pl.Series

    def first(self, mark: str) -> str | None:
        """The first value whose decimal mark must be `mark`."""
        found = self.text.filter((self.marks == mark).fill_null(False))
        return None if found.is_empty() else str(found[0])


def understood(
    frame: pl.DataFrame, mark: str = ",", raw: Callable[[list[str]], pl.DataFrame] | None = None
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Turn text columns that hold numbers or dates as people write them into numbers, and say so.

    `mark` stands between the cells of the file; `raw` reads columns again as text, to find points that are marks of
    thousands in a file whose commas are decimal marks. Columns that are not wholly understood stay as they are.
    """
    import polars as pl

    words = [one for one in frame.get_columns() if one.dtype == pl.String and not _is_plain(one)]
    gapped = {one.name: _without_gaps(one) for one in words}
    empty = [one for one in gapped.values() if one.count() == 0]
    written = {name: _readings(one) for name, one in gapped.items() if one.count() and is_number(one).all()}
    decimal, sure = _decimal_mark(written, mark)
    points = _grouped_points(frame, raw) if sure and decimal == "," and raw is not None else {}
    numbers = {name: _numbers(name, one, decimal) for name, one in {**written, **points}.items()}
    dates = dict(_dated([one for one in words if one.name not in written and one.count()]))
    told = [_example(name, one, numbers[name]) for name, one in {**written, **points}.items() if _has_marks(one)]
    told += [Note("{column!r} ({read})", column=name, read=read) for name, (_, read) in dates.items()]
    told += _told_of_read_dates(frame, raw) if raw is not None else []
    gaps = [name for name, one in gapped.items() if name in written or one.count() == 0]
    gaps = [name for name in gaps if gapped[name].null_count() > frame[name].null_count()]
    made = frame.with_columns(*empty, *numbers.values(), *(one for one, _ in dates.values()))
    return made, tuple(_notes(told, gaps))


def _notes(told: list[str], gaps: list[str]) -> Iterator[str]:
    if told:
        yield Note("Text was read as numbers: {columns}.", columns=commas(told[:5], more=len(told) - 5))
    if gaps:
        yield Note("Signs for nothing, such as '-', were read as missing: {columns}.", columns=named(gaps))


def _without_gaps(column: pl.Series) -> pl.Series:
    """The text without blanks around it, with null where a sign for nothing stands."""
    stripped = column.str.strip_chars()
    return stripped.set(stripped.is_in((*GAPS, *MISSING)), None)


def _is_plain(column: pl.Series) -> bool:
    """Whether nothing is to be understood: every value is a plain number, or missing by one of the usual words."""
    import polars as pl

    stripped = column.str.strip_chars()
    text = stripped.set(stripped.is_in(MISSING), None)
    return text.cast(pl.Float64, strict=False).count() == text.count()


def is_number(text: pl.Series) -> pl.Series:
    """Where the text is a number as people write one, or missing."""
    shaped: pl.Series = text.str.contains(SHAPE)
    return text.is_null() | (shaped.fill_null(False) & _marked(text).is_not_null())


def _core(text: pl.Series) -> pl.Series:
    """Digits and their marks, without sign, money and blanks."""
    return text.str.replace_all(rf"{BLANKS}|{MONEY}|[-+−%()]", "").str.replace(r"[eE]\d+$", "")


def _marked(text: pl.Series) -> pl.Series:
    """The mark of each value, as `Readings` has them; null where it is no number."""
    import polars as pl

    core = pl.col("core")
    commas, points = core.str.count_matches(",", literal=True), core.str.count_matches(".", literal=True)
    grouped = core.str.contains(GROUPED)
    comma = pl.when(core.str.contains(r"^\d{1,3}(\.?\d{3})*,\d+$")).then(pl.lit(","))
    last = comma.when(core.str.contains(r"^\d{1,3}(,?\d{3})*\.\d+$")).then(pl.lit("."))
    either = (
        pl.when((commas + points) == 0).then(pl.lit("plain"))
        .when((commas > 0) & (points > 0)).then(last)
        .when((commas == 1) & ~grouped).then(pl.lit(","))
        .when((points == 1) & ~grouped).then(pl.lit("."))
        .when((commas == 1) & grouped).then(pl.lit(""))
        .when((points == 1) & grouped).then(pl.lit("point"))
        .when((commas > 1) & grouped).then(pl.lit("."))
        .when((points > 1) & grouped).then(pl.lit(","))
    )  # fmt: skip
    return _core(text).alias("core").to_frame().select(either.alias(text.name)).to_series()


def _readings(text: pl.Series) -> Readings:
    return Readings(text, _marked(text))


def _has_marks(readings: Readings) -> bool:
    return bool(readings.text.str.contains(r"[^\d.]").any() or (readings.marks == "point").any())


def _decimal_mark(written: dict[str, Readings], mark: str) -> tuple[str, bool]:
    """What a comma is where a column does not say it: what others say, which is sure, else what the mark says."""
    said = {_own(name, one) for name, one in written.items()} - {None}
    if len(said) == 1:
        return str(said.pop()), True
    return "," if mark == ";" else ".", False


def _own(name: str, readings: Readings) -> str | None:
    comma, point = readings.first(","), readings.first(".")
    if comma is not None and point is not None:
        raise StepsizeError(
            say(
                "compare: column {name!r} must have one decimal mark, not two: {comma} has a comma for it, "
                "{point} a point: write both in one way",
                name=name,
                comma=on_one_line(comma),
                point=on_one_line(point),
            )
        )
    return "," if comma is not None else "." if point is not None else None


def _numbers(name: str, readings: Readings, decimal: str) -> pl.Series:
    """The values as numbers, by the column's own decimal mark or by `decimal`."""
    import polars as pl

    text = readings.text
    money = text.str.extract(rf"({MONEY})").drop_nulls().unique().to_list()
    if len(money) > 1:
        raise StepsizeError(
            say(
                "compare: column {name!r} must have one currency, not {currencies}: write the values in one",
                name=name,
                currencies=named(sorted(money)),
            )
        )
    percent = text.str.contains("%", literal=True)
    if percent.any() and not percent.drop_nulls().all():
        row = int((text.is_not_null() & ~percent.fill_null(False)).arg_max() or 0)
        raise StepsizeError(
            say(
                "compare: column {name!r} must have all its values with % or none, not {value} in data row "
                "{row}: write them in one way",
                name=name,
                value=on_one_line(text[row]),
                row=row + 1,
            )
        )
    mark = _own(name, readings) or decimal
    negative = text.str.contains(r"[-−]\s*[\d.,$€£¥₹₽A-Z元]|^\(.*\)$") & ~text.str.contains(r"^[^-−]*[eE]-\d+$")
    plain = text.str.replace_all(rf"{BLANKS}|{MONEY}|[%()]", "").str.replace(r"^[-+−]+", "")
    plain = plain.str.replace_all("." if mark == "," else ",", "", literal=True).str.replace(",", ".", literal=True)
    size = plain.cast(pl.Float64)
    values: pl.Series = pl.select(pl.when(negative).then(-size).otherwise(size).alias(name)).to_series()
    whole = not plain.str.contains(r"[.eE]").any() and bool((size.abs() < 2**53).all())
    return values.cast(pl.Int64) if whole else values


def _example(name: str, readings: Readings, column: pl.Series) -> str:
    """A value and what became of it; where the mark could be both, what to write for the other reading."""
    ambiguous = readings.marks.drop_nulls().is_in(["", "point"])
    marked = readings.text.str.contains(r"\D")
    row = int((marked.fill_null(False)).arg_max() or 0)
    read = {"text": on_one_line(readings.text[row]), "number": f"{column[row]:.15g}"}
    if ambiguous.any() and not readings.marks.is_in([",", "."]).any():
        told = Note("{text} as {number}; if the mark means the other thing, write plain numbers", **read)
    else:
        told = Note("{text} as {number}", **read)
    return Note("{column!r} ({read})", column=name, read=told)


def _grouped_points(frame: pl.DataFrame, raw: Callable[[list[str]], pl.DataFrame]) -> dict[str, Readings]:
    """Columns read as numbers with three digits after every point, where commas are the decimal marks of the file."""
    import polars as pl

    names = [one.name for one in frame.get_columns() if one.dtype == pl.Float64]
    found = {}
    for text in raw(names).get_columns() if names else ():
        marks = _marked(text.str.strip_chars())
        if marks.drop_nulls().is_in(["point", "plain"]).all() and (marks == "point").any():
            found[text.name.strip()] = Readings(text.str.strip_chars(), marks)
    return found


def _dated(columns: list[pl.Series]) -> Iterator[tuple[str, tuple[pl.Series, str]]]:
    for column in columns:
        text = column.str.strip_chars()
        if not text.str.contains(r"^\d{1,4}\D").drop_nulls().all():
            continue
        fitting = _fitting(text)
        if fitting:
            made = fitting[0].alias(column.name)
            yield column.name, (made, _date_example(text, made, len(fitting) > 1))


def _fitting(text: pl.Series) -> list[pl.Series]:
    """The column as dates, in every form that fits all its values."""
    made = (_in_form(text, form + clock) for clock in CLOCKS for form in DATES)
    return [one for one in made if one.count() == text.count() and bool((one.dt.year() >= 1000).all())]


def _in_form(text: pl.Series, form: str) -> pl.Series:
    return text.str.to_datetime(form, strict=False) if "H" in form else text.str.to_date(form, strict=False)


def _date_example(text: pl.Series, made: pl.Series, several: bool) -> str:
    row = int(text.is_not_null().arg_max() or 0)
    read = {"text": on_one_line(text[row]), "date": made[row]}
    if several:
        return Note("the date {text} as {date}; if the month stands first, write year-month-day", **read)
    return Note("the date {text} as {date}", **read)


def _told_of_read_dates(frame: pl.DataFrame, raw: Callable[[list[str]], pl.DataFrame]) -> list[str]:
    """Dates that the reader of the file understood: which reading it took, where the day or the month stands first."""
    names = [one.name for one in frame.get_columns() if one.dtype.is_temporal()]
    texts = [one.str.strip_chars() for one in raw(names).get_columns()] if names else []
    turned = [one for one in texts if one.str.contains(r"^\d{1,2}\D\d").any()]
    examples = [_date_example(one, frame[one.name.strip()], len(_fitting(one)) > 1) for one in turned]
    return [
        Note("{column!r} ({read})", column=one.name.strip(), read=read)
        for one, read in zip(turned, examples, strict=True)
    ]
