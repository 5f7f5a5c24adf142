"""Names and values of a user's table, written for one line of a message."""

from __future__ import annotations

from collections.abc import Iterable

from ..._language import commas


def named(names: Iterable[str], most: int = 5) -> str:
    """Write column names for a sentence, at most `most` of them, and how many more there are."""
    every = list(names)
    return commas([on_one_line(name) for name in every[:most]], more=len(every) - most)


def on_one_line(value: object, most: int = 40) -> str:
    """Write a value as Python would, on one line, shortened to about `most` characters."""
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"
