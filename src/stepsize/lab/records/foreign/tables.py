"""Tables of text: cells between commas, semicolons, tabs, bars or blanks, under a line of names."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from itertools import islice, takewhile

from ...._language import say
from ...data.text_files import SAMPLE, mark_of, titles_above
from . import names
from .cells import decimal_comma, number
from .opened import BAD
from .printed import is_printed
from .rows import Row, Rows, Source

LEAST_ALONE = 3  # numbers without a name that are taken for losses
_RULE = re.compile(r"[\s|:+=-]*-{2,}[\s|:+=-]*")  # the line below the names of a table in Markdown


def of_table(source: Source) -> Rows | None:
    """The rows of a table of text; None where the text is none."""
    sample = source.text[:SAMPLE]
    lines = sample.splitlines(keepends=True)
    first = re.fullmatch(r"sep=(.)\s*", lines[0], re.IGNORECASE)
    begun = 1 if first else 0
    mark = first[1] if first else _mark("".join(lines))
    skipped = begun + (titles_above(lines[begun:], mark) if mark != " " else _comments(lines))
    if mark == " " and skipped and _names_in_comment(lines, skipped):
        skipped -= 1
    above = lines[skipped] if skipped < len(lines) else ""
    head = _cells(above.lstrip("# ") if mark == " " else above, mark)
    if not head or any(is_printed(one) for one in head):
        return None
    return _rows(source, mark, skipped, head)


def _mark(sample: str) -> str:
    """The mark between cells; blanks where no other cuts the line of names and all words of it are names."""
    mark = mark_of(sample)
    plain = [line.split() for line in sample.splitlines()[:20] if line.strip() and line[0] != "#"]
    plain = [cells for cells in plain if not _RULE.fullmatch(" ".join(cells))]
    if mark == "," and len(plain) > 1 and not any("," in one for one in plain[0]):
        widths = {len(cells) for cells in plain[: max(2, len(plain) - 1)]}
        first = [_is_number(one) for one in plain[1]]
        named = not any(map(_is_number, plain[0])) or all(map(_is_number, plain[0]))
        if len(widths) == 1 and len(first) > 1 and first[0] and 2 * sum(first) > len(first) and named:
            return " "
    return mark


def _comments(lines: list[str]) -> int:
    return len(list(takewhile(lambda line: not line.strip() or line.startswith("#"), lines)))


def _names_in_comment(lines: list[str], skipped: int) -> bool:
    """Whether the comment above numbers is the line of names, as NumPy writes it."""
    names, first = lines[skipped - 1].lstrip("# ").split(), lines[skipped].split()
    return len(names) == len(first) and all(map(_is_number, first)) and not any(map(_is_number, names))


def _cells(line: str, mark: str) -> list[str]:
    """The cells of one line, as text without blanks around them."""
    if mark == " ":
        return line.split()
    if mark == "|":
        line = line.strip().strip("|")
    row = next(csv.reader([line], delimiter=mark, skipinitialspace=True), [])
    return [cell.strip() for cell in row]


def _rows(source: Source, mark: str, skipped: int, head: list[str]) -> Rows:
    """The rows below the names; a line of names in between, which a resumed run wrote, names what follows it."""
    counted = all(map(_is_number, head))
    cut = [str(i) for i in range(1, len(head) + 1)] if counted else [one.removeprefix("#").strip() for one in head]
    found: list[Row] = []
    places: list[int] = []
    columns = [one for one in cut if one]
    damaged: list[int] = []
    for place, cells in _lines(source, mark, skipped + (0 if counted else 1), damaged):
        first = cells[0].strip().removeprefix("#").strip()
        if not counted and first in (cut[0], "step", "epoch", "iter") and _are_names(cells, cut):
            cut = [one.strip().removeprefix("#").strip() for one in cells]
            columns += [one for one in cut if one and one not in columns]
            continue
        found.append({name: cell for name, cell in zip(cut, cells, strict=False) if name})
        places.append(place)
    comma = (mark != "," or '"' in source.text) and decimal_comma(
        (cell for row in islice(found, 10000) for cell in row.values()), mark
    )
    if found and not source.whole and _is_half(found, len(cut), comma):
        found.pop(), places.pop()
    tried = _tried(skipped + 1, None if counted else " ".join(",".join(head).split())[:60])
    only = len(columns) == 1 and counted and len(found) >= LEAST_ALONE
    said = say(
        "from line {line} on the file has numbers alone, one a line: they were taken for losses", line=skipped + 1
    )
    notes = (said,) if only else ()
    if only:
        found, columns = [{"loss": row["1"]} for row in found], ["loss"]
    return Rows(found, places, comma=comma, tried=tried, notes=notes, columns=columns, damaged=tuple(damaged))


def _tried(line: int, head: str | None) -> str:
    """What was taken for the names of the columns."""
    if head is None:
        return say("line {line} holds numbers, so columns are counted", line=line)
    return say("line {line}, {head!r}, was taken for the names", line=line, head=head)


def _lines(source: Source, mark: str, skipped: int, damaged: list[int]) -> Iterator[tuple[int, list[str]]]:
    """The cells of every line that is not blank, with its number; `damaged` takes those of lines that are no text."""
    stream = io.StringIO(source.text, newline="")
    for _ in range(skipped):
        stream.readline()
    at = [skipped]
    lines = _whole(stream, at, damaged)
    if mark in (" ", "|"):
        for line in lines:
            if line.strip() and not _RULE.fullmatch(line.strip()) and not line.startswith("#"):
                yield at[0], _cells(line, mark)
        return
    reader = csv.reader(lines, delimiter=mark, skipinitialspace=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            damaged.append(at[0])
            continue
        if any(cell.strip() for cell in row):
            yield at[0], row


def _whole(stream: Iterable[str], at: list[int], damaged: list[int]) -> Iterator[str]:
    """The lines that are text; `at` holds the number of the last one."""
    for line in stream:
        at[0] += 1
        if BAD in line:
            damaged.append(at[0])
        else:
            yield line


def _are_names(cells: list[str], cut: list[str]) -> bool:
    """Whether a line is one of names again: the same ones, or others that are known."""
    plain = [one.strip() for one in cells]
    if plain[: len(cut)] == cut or [one.removeprefix("#").strip() for one in plain] == cut:
        return True
    return len(plain) > 1 and "loss" in names.of(plain) and not any(map(_is_number, plain))


def _is_half(found: list[Row], width: int, comma: bool) -> bool:
    """Whether the last row was cut off: fewer cells than names, or no number where the row before has one."""
    if len(found[-1]) < min(width, len(found[-2]) if len(found) > 1 else width):
        return True
    return len(found) > 1 and any(
        _is_number(found[-2].get(name, ""), comma) and not _is_number(cell, comma) and cell.strip()
        for name, cell in found[-1].items()
    )


def _is_number(text: str, comma: bool = False) -> bool:
    try:
        return number(text, comma) is not None
    except (ValueError, OverflowError):
        return False
