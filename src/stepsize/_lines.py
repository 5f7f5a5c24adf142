"""A text in lines of so many cells: a Chinese character takes two of them, and a line may end behind any of those."""

from __future__ import annotations

import re
from itertools import pairwise
from textwrap import wrap

_WIDE = "\u2e80-\uffe6"
_OPENING, _CLOSING = "（“《", "，。；：！？、）”》…%"
_PIECES = re.compile(rf"\s+|[{_WIDE}]|[^\s{_WIDE}]+")


def filled(text: str, cells: int) -> list[str]:
    """The lines of a text of at most so many cells; a word that is longer is cut.

    >>> filled("one line of words", 9), filled("学习率太大，请试小一些的。", 10)
    (['one line', 'of words'], ['学习率太', '大，请试小', '一些的。'])
    """
    if not is_wide(text):
        return wrap(text, cells, break_on_hyphens=False)
    ends = [0, *breaks(text, cells), len(text)]
    return [text[begin:end].strip() for begin, end in pairwise(ends)]


def breaks(text: str, cells: int) -> list[int]:
    """Where the lines of a text begin, besides the first.

    >>> breaks("学习率太大，请试小一些的。", 10)
    [4, 9]
    """
    found, begin, at = [], 0, 0
    for piece in _pieces(text, cells):
        so_far = text[begin:at].lstrip()
        if so_far and width(so_far + piece.rstrip()) > cells:
            found.append(at)
            begin = at
        at += len(piece)
    return found


def is_wide(text: str) -> bool:
    """Whether a text has characters of two cells.

    >>> is_wide("学习率"), is_wide("rate")
    (True, False)
    """
    return bool(re.search(f"[{_WIDE}]", text))


def width(text: str) -> int:
    """How many cells a text takes."""
    return len(text) + len(re.findall(f"[{_WIDE}]", text))


def _pieces(text: str, cells: int) -> list[str]:
    """What stays together on a line: words, and characters with the marks that neither begin nor end a line."""
    found: list[str] = []
    for one in _PIECES.findall(text):
        together = found and not one.isspace() and not found[-1].isspace()
        if together and (one[0] in _CLOSING or found[-1][-1] in _OPENING):
            found[-1] += one
        else:
            found += [one[at : at + cells] for at in range(0, len(one), cells)]
    return found
