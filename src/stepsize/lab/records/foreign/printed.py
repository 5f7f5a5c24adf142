"""What a terminal printed: names and numbers in lines of text, from dictionaries, progress bars and loggers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from ...._language import say
from . import names
from .cells import NUMBER, number
from .opened import BAD
from .rows import Row, Rows, Source

LONGEST_LINE = 10_000  # characters; what is longer is no line that a loop prints
# a name of up to four words, then a colon, an equals sign or blanks, then a number; words and blanks are taken whole,
# and a word of more than 200 signs is none, so that no line takes longer than in proportion to its length
_WORD = r"[\w@/.\-]{0,200}+"
_PAIR = re.compile(
    rf"(?P<name>(?<![^\W\d_])[^\W\d_]{_WORD}(?: [^\W\d]{_WORD}){{0,3}}(?: ?\((?:ms|s|train|val|eval|test)\))?)"
    r"['\"]?(?P<mark>\s*+[:=]\s*+|\s++)['\"]?(?:[\w.]*\(|\[)*"
    rf"(?P<number>{NUMBER})(?P<unit>\s?(?:ms|µs|us|[kKMG])(?![\w/]))?",
    re.IGNORECASE,
)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_MOVES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x08+")  # back over what was drawn
_BARE = re.compile(rf"^\s*(?:{NUMBER})\s*$")
_SHARE = re.compile(r"(?<![\d/.:-])(?P<done>\d+)\s*/\s*(?P<all>\d+)(?![\d/:.-])")
_EPOCH = re.compile(r"\bepoch\b\s*+[:=]?\s*+(?:\(\w+\)\s*+)?\[?\s*+(?P<epoch>\d+)(?![\d.])", re.IGNORECASE)
_PLACE = re.compile(r"\[\s*(?P<epoch>\d+)\s*,\s*(?P<batch>\d+)\s*\]")  # [1,  2000] loss: 2.2
_COUNTS = ("step", "global_step", "iteration", "iter", "update", "num_updates")
_LOOKS = re.compile(
    r"(?<![\w./-])(?:valid|validation|validating|val|eval|evaluation|evaluating|test|testing|dev)(?![\w./-])",
    re.IGNORECASE,
)
_TRAINS = re.compile(r"(?<![\w./-])train(?:ing|_inner)?(?![\w./-])", re.IGNORECASE)
_KNOWN = frozenset(
    {name for forms in names.NAMES.values() for name in forms} | {f"val_{name}" for name in names.NAMES["loss"]}
)


def is_printed(cell: str) -> bool:
    """Whether a cell is a name with its number, as in a line that was printed, and so no name of a column.

    >>> is_printed("loss 2.31"), is_printed("step"), is_printed("lr-AdamW/pg1"), is_printed("top 1")
    (True, False, False, False)
    """
    found = _PAIR.search(cell)
    return found is not None and (":" in found["mark"] or "=" in found["mark"] or _known(found["name"]) != "")


def of_print(source: Source, wanted: str | None = None) -> Rows | None:
    """The rows of a text that a terminal or a logger printed: the lines that hold a quantity; None where none does.

    A bar that is drawn again and again in one line has a row for each drawing that has other numbers.
    """
    found: list[Row] = []
    places: list[int] = []
    planned = 0
    for place, line in _drawn(source.text):
        row = _row(line, wanted)
        if row and (not found or row != found[-1]):
            planned = max(planned, row.pop("planned_steps", 0))
            found.append(row)
            places.append(place)
    if not found:
        return None
    if not source.whole and len(found) > 1 and set(found[-1]) < set(found[-2]):
        found.pop(), places.pop()  # a line that is being written
    return Rows(found, places, planned=planned or None, tried=say("read as printed text"))


def _drawn(text: str) -> Iterator[tuple[int, str]]:
    """Every line, and of a line that was drawn over itself every drawing, with the number of the line."""
    for place, line in enumerate(text.split("\n"), start=1):
        if BAD in line and line.count(BAD) > len(line) // 4:
            continue
        if "\x1b" in line or "\x08" in line:
            line = _MOVES.sub("\r", _COLOURS.sub("", line))
        for drawing in line.split("\r"):
            if drawing.strip():
                yield place, drawing[:LONGEST_LINE]


def _row(line: str, wanted: str | None) -> Row:
    """The names and numbers of a line; empty where none of them is a quantity that is known or wanted."""
    row: Row = {}
    known = False
    for found in _PAIR.finditer(line):
        name = found["name"]
        plain = _known(name)
        if not plain and not found["mark"].strip():
            continue  # two words and a number in a sentence
        kept = plain or name.strip()
        value = number((found["number"] + (found["unit"] or "")).strip())
        parts = re.match(r"/(\d+)\b", line[found.end() :]) if names.MEASURES.search(names.told(plain).base) else None
        if parts and value is not None and int(parts[1]):
            value /= int(parts[1])  # right ones of all
        if plain.endswith("_ms") and value is not None:
            kept, value = "step_time", value / 1000
        if kept not in row:
            row[kept] = value
        known = known or bool(plain and names.told(plain).base not in names.NAMES["step"]) or kept == wanted
    if not known:
        return {}
    _count(row)
    _place(row, line)
    return _looked(row) if _LOOKS.search(line) and not _TRAINS.search(line) else row


def _count(row: Row) -> None:
    """One name for the update, whatever a line calls it, where it has one: a loop may call it by two."""
    counts = [one for one in row if names.told(one).base in _COUNTS]
    if len(counts) == 1 and counts[0] != "step":
        row["step"] = row.pop(counts[0])


@lru_cache(maxsize=4096)
def _known(name: str) -> str:
    """The words at the end of a name that are a quantity; empty where none are.

    >>> _known("INFO step"), _known("val loss"), _known("elapsed time per iteration (ms)"), _known("a fine day")
    ('step', 'val loss', 'elapsed time per iteration_ms', '')
    """
    words = name.strip().split(" ")
    for i in range(len(words)):
        tail = " ".join(words[i:])
        it = names.told(tail)
        plain = f"val_{it.base}" if it.part == "look" else it.base
        if it.base in _KNOWN or plain in _KNOWN or names.MEASURES.search(it.base):
            return tail if "(" not in tail or it.base not in _KNOWN else tail.replace(" (ms)", "_ms")
    return ""


def _place(row: Row, line: str) -> None:
    """Which epoch and batch a line is of, where it has no name for the update."""
    plain = {names.told(one).base for one in row}
    epoch = _EPOCH.search(line)
    if epoch and not plain & {"epoch", "epochs"}:
        row["epoch"] = float(epoch["epoch"])
    if place := _PLACE.search(line):
        row |= {"epoch": float(place["epoch"]), "batch": float(place["batch"])}
        return
    start = epoch.end() if epoch else 0
    share = _SHARE.search(line, start) if not _of_epochs(line, start) else _SHARE.search(line, _of_epochs(line, start))
    if share is None or int(share["all"]) < int(share["done"]) or len(share["all"]) > 15:
        return
    if plain & set(_COUNTS):
        named = re.search(rf"\b(?:{'|'.join(_COUNTS)})\b\s*[:=]?\s*$", line[: share.start()], re.IGNORECASE)
        if named:
            row["planned_steps"] = int(share["all"])
        return
    row |= {"batch": float(share["done"]), "batches": float(share["all"])}


def _of_epochs(line: str, start: int) -> int:
    """Where the number of all epochs ends, in `Epoch 3/10`; 0 where it is not said."""
    found = re.match(r"\s*\]?\s*/\s*\d+\s*\]?", line[start:])
    return start + found.end() if found and start else 0


def _looked(row: Row) -> Row:
    """The same of a line that is about other data: its names say so."""
    counts = {*names.NAMES["step"], "batches"}
    return {one if names.told(one).base in counts or names.told(one).part == "look" else f"val_{one}": cell
            for one, cell in row.items() if one not in ("batch", "batches")}  # fmt: skip
