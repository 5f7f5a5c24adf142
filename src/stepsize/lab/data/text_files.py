"""Text files of tables: their encoding, the mark between their cells, and the lines above the column names."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..._errors import StepsizeError
from ..._language import Note, say
from .naming import named, on_one_line

if TYPE_CHECKING:
    import polars as pl

MARKS: dict[str, str] = {  # between cells
    ",": Note("commas"),
    ";": Note("semicolons"),
    "\t": Note("tabs"),
    "|": Note("bars"),
}
MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "?")
SAMPLE = 1 << 16  # characters that the layout is found from
SAMPLE_ROWS = 200
COMMON_SHARE = 0.7  # of the Chinese signs of a text, so many are among the 3,755 commonest of GB 2312
ISOLATED_SHARE = 0.8  # of the accents of a Western text, so many stand alone or in twos


@dataclass(frozen=True)
class Layout:
    """How a text file holds its table: `skipped` lines stand before the names, `notes` say what was understood."""

    encoding: str
    mark: str
    skipped: int
    notes: tuple[str, ...] = ()


def laid_out(path: Path) -> Layout:
    """The layout of a text file, from its first lines; what cannot be text or a table is a StepsizeError."""
    encoding = _encoding(path)
    with path.open(encoding=encoding, errors="ignore", newline="") as file:
        sample = file.read(SAMPLE)
    if not sample.strip():
        raise StepsizeError(
            say("compare: {file} is empty: the file must hold column names and at least 1 row", file=path.name)
        )
    notes: list[str] = []
    if encoding != "utf-8-sig":
        notes.append(Note("The file was read as {encoding} text, for it is not UTF-8.", encoding=ENCODINGS[encoding]))
    lines = StringIO(sample, newline="").readlines()
    first = re.fullmatch(r"sep=(.)", lines[0].strip("\r\n"), re.IGNORECASE)
    begun = 1 if first else 0
    mark = first[1] if first else mark_of("".join(lines))
    if mark != ",":
        notes.append(Note("The cells were read as separated by {mark}.", mark=MARKS.get(mark, repr(mark))))
    titles = titles_above(lines[begun:], mark)
    if titles:
        told = on_one_line("".join(lines[begun : begun + titles]).strip())
        notes.append(_skipped(begun + 1, titles, told))
    return Layout(encoding, mark, begun + titles, tuple(notes))


def header(path: Path, layout: Layout) -> list[str]:
    """The column names, from the first line that is not blank."""
    for _, row in _rows(path, layout):
        return [cell.strip() for cell in row]
    raise StepsizeError(
        say("compare: {file} is empty: the file must hold column names and at least 1 row", file=path.name)
    )


def text_frame(path: Path, layout: Layout, only: Sequence[str] = (), *, text: bool = False) -> pl.DataFrame:
    """The table of a text file: all of it or `only` some columns, all of them as text where `text` is asked."""
    import polars as pl

    options: dict[str, Any] = {
        "separator": layout.mark,
        "infer_schema_length": None if not text else 0,
        "try_parse_dates": not text,
        "null_values": list(MISSING),
    }
    try:
        frame = pl.scan_csv(_source(path, layout), glob=False, **options)
        return (frame.select(list(only)) if only else frame).collect()
    except pl.exceptions.PolarsError as trouble:
        if "more fields" not in str(trouble):
            raise
    _check_widths(path, layout)
    frame = pl.scan_csv(_source(path, layout), glob=False, truncate_ragged_lines=True, **options)
    return (frame.select(list(only)) if only else frame).collect()


ENCODINGS: dict[str, str] = {
    "utf-16": "UTF-16",
    "gb18030": Note("Chinese (GBK)"),
    "cp1252": Note("Western European (Windows-1252)"),
}


def _encoding(path: Path) -> str:
    """UTF-8, or UTF-16 by its first two bytes, or what the bytes beyond ASCII look like: GBK or Windows-1252."""
    with path.open("rb") as file:
        start = file.read(4)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _checked(path, "utf-16")
    try:
        return _checked(path, "utf-8-sig")
    except UnicodeDecodeError as trouble:
        odd = trouble.object[trouble.start]
    encoding = older_encoding(path.read_bytes())
    if encoding is not None:
        return encoding
    raise StepsizeError(
        say(
            "compare: {file} must be UTF-8, UTF-16, GBK or Windows-1252 text, not another encoding (byte "
            "0x{odd:02x}): save it as UTF-8",
            file=path.name,
            odd=odd,
        )
    )


def older_encoding(data: bytes) -> str | None:
    """What bytes that are no UTF-8 look like: "gb18030" (GBK) or "cp1252" (Western European); None for neither."""
    for encoding, fits in (("gb18030", _is_chinese), ("cp1252", _is_western)):
        if b"\0" not in data and fits(data):
            return encoding
    return None


def _checked(path: Path, encoding: str) -> str:
    try:
        with path.open(encoding=encoding) as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        if encoding != "utf-16":
            raise
        raise StepsizeError(
            say("compare: {file} begins as UTF-16 text and is damaged: save it as UTF-8", file=path.name)
        ) from None
    return encoding


def _is_chinese(data: bytes) -> bool:
    """Nearly all that is not ASCII decodes to the common signs, which GB 2312 puts first."""
    try:
        signs = [one for one in data.decode("gb18030") if ord(one) > 127]
    except UnicodeDecodeError:
        return False
    coded = [one.encode("gb18030") for one in signs]
    common = sum(len(one) == 2 and 0xA1 <= one[0] <= 0xD7 and one[1] >= 0xA1 for one in coded)
    return common >= COMMON_SHARE * len(signs)


def _is_western(data: bytes) -> bool:
    """Accents stand alone between plain letters; words of another alphabet have many bytes beyond ASCII in a row."""
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return False
    runs = re.findall(rb"[\x80-\xff]+", data)
    return sum(len(run) <= 2 for run in runs) >= ISOLATED_SHARE * len(runs)


def mark_of(sample: str) -> str:
    """The mark that cuts most lines into the same number of cells, two or more; the comma where none does."""
    shares = {mark: _agreement(sample, mark) for mark in MARKS}
    best = max(shares, key=lambda mark: shares[mark])  # the first of equals
    return best if shares[best] > 0 else ","


def _agreement(sample: str, mark: str) -> float:
    widths = Counter(len(row) for row in _parsed(sample, mark))
    usual = _usual(widths)
    return widths[usual] / widths.total() if usual > 1 else 0.0


def _usual(widths: Counter[int]) -> int:
    return widths.most_common(1)[0][0] if widths else 0


def _parsed(sample: str, mark: str) -> list[list[str]]:
    """The first rows of a sample; the last of a long one may be cut, so it is left out."""
    rows = []
    try:
        for row in csv.reader(StringIO(sample, newline=""), delimiter=mark):
            if any(cell.strip() for cell in row):
                rows.append(row)
            if len(rows) > SAMPLE_ROWS:
                break
    except csv.Error:
        pass
    return rows[:-1] if len(sample) >= SAMPLE and len(rows) > 1 else rows


def titles_above(lines: Sequence[str], mark: str) -> int:
    """How many lines before the names are comments or titles: one cell, or `#` and another width than the rows have."""
    usual = _usual(Counter(len(row) for row in _parsed("".join(lines), mark)))
    titles = 0
    for place, line in enumerate(lines):
        row = next(iter(_parsed(line, mark)), [])
        filled = sum(bool(cell.strip()) for cell in row)
        if filled and not (usual > 1 and filled == 1) and not (line.startswith("#") and len(row) != usual):
            return titles
        titles = place + 1 if filled else titles
    return 0


def _skipped(first: int, count: int, text: str) -> str:
    if count == 1:
        return Note("Line {line} above the column names was skipped: {text}.", line=first, text=text)
    last = first + count - 1
    return Note(
        "Lines {first} to {last} above the column names were skipped: {text}.", first=first, last=last, text=text
    )


def _plain(path: Path, layout: Layout) -> bool:
    """Whether the file can be read from the disk as it is; lines that end with CR alone cannot."""
    with path.open("rb") as file:
        start = file.read(SAMPLE)
    return layout.encoding == "utf-8-sig" and not layout.skipped and (b"\r" not in start or b"\n" in start)


def _source(path: Path, layout: Layout) -> Path | BytesIO:
    """The file, or its text as plain UTF-8 from the names on."""
    if _plain(path, layout):
        return path
    with path.open(encoding=layout.encoding) as file:  # every kind of line end becomes one
        for _ in range(layout.skipped):
            file.readline()
        return BytesIO(file.read().encode())


def _rows(path: Path, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not blank, with the number of its last line in the file."""
    with path.open(encoding=layout.encoding, newline="") as file:
        for _ in range(layout.skipped):
            file.readline()
        reader = csv.reader(file, delimiter=layout.mark)
        try:
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield reader.line_num + layout.skipped, row
        except csv.Error as trouble:
            raise StepsizeError(
                say("compare: {file} cannot be read ({trouble}): write the file again", file=path.name, trouble=trouble)
            ) from None


def _check_widths(path: Path, layout: Layout) -> None:
    """Raise an error that names the first row with more cells than there are names; blank cells do not count."""
    width = 0
    for line, row in _rows(path, layout):
        width = width or len(row)
        if any(cell.strip() for cell in row[width:]):
            raise StepsizeError(
                say(
                    "compare: line {line} of {file} must have at most {width} cells, as the column names have, not "
                    "{cells} ({extra} too many): correct the line, or put quotes around a cell with {mark}",
                    line=line,
                    file=path.name,
                    width=width,
                    cells=len(row),
                    extra=named(row[width:], 2),
                    mark=MARKS.get(layout.mark, repr(layout.mark)),
                )
            )
