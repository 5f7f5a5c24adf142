"""What every family of files becomes first: rows of cells by the names of their columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...._language import commas

Row = dict[str, Any]
MOST_SHOWN = 12  # columns that a message names


@dataclass(frozen=True)
class Rows:
    """The rows of a log, `places` the line of each in the file (from 1) and `tried` what was taken for the names.

    `comma` says that a comma is the decimal mark, `planned` how many updates the file says were asked for, `notes` what
    was understood that could have been meant otherwise, and `damaged` the lines that are none.
    """

    rows: list[Row]
    places: list[int]
    comma: bool = False
    planned: int | None = None
    tried: str = ""
    notes: tuple[str, ...] = ()
    columns: list[str] = field(default_factory=list)
    damaged: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.columns:
            object.__setattr__(self, "columns", list(dict.fromkeys(name for row in self.rows for name in row)))


@dataclass(frozen=True)
class Source:
    """A file that was opened: its bytes, its text with a mark for bytes that are none, and the lines with such."""

    path: Path
    content: bytes
    text: str

    @property
    def whole(self) -> bool:
        """Whether the last line is ended; one that is not may be half of what is being written."""
        return self.text.endswith(("\n", "\r"))


def listed(columns: Iterable[str], most: int = MOST_SHOWN) -> str:
    """The names of columns for a message, the first of them, and how many more there are."""
    every = list(columns)
    return commas([repr(one[:40]) for one in every[:most]], more=len(every) - most)
