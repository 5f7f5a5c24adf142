"""A text in lines of so many cells: a Chinese character takes two of them, and a line may end behind any of those."""

from __future__ import annotations

import re
from textwrap import wrap

_WIDE = "\u2e80-\uffe6"
_OPENING, _CLOSING = "（“《", "，。；：！？、）”》…%"
_PIECES = re.compile(rf"\s+|[{_WIDE}]|[^\s{_WIDE}]+")


def filled(text: str, cells: int) -> list[str]:
    """The lines of a text of at most so many cells; a word that is longer is cut.

    >>> filled("one line of words", 9), filled("学习率太大，请试小一些的。", 10)
    (['one line', 'of words'], ['学习率太', '大，请试小', '一些的。'])
    """
    if not re.search(f"[{_WIDE}]", text):
        return wrap(text, cells, break_on_hyphens=False)
    lines = [""]
    for piece in _pieces(text, cells):
        if lines[-1] and width(lines[-1] + piece.rstrip()) > cells:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines]


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
