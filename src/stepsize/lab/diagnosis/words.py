"""Numbers as a sentence wants them, and sentences one after another."""

from __future__ import annotations

from functools import reduce

from ..._language import Note


def three_digits(value: float) -> str:
    """Three digits."""
    return f"{value:.3g}"


def percent(share: float) -> str:
    """A share as a percentage; what is nearly none or nearly all is not rounded to it."""
    if 0 < share < 0.01:
        return Note("less than 1 %")
    if 0.99 < share < 1:
        return Note("more than 99 %")
    return f"{100 * share:.0f} %"


def joined(*parts: str) -> str:
    """Sentences, or parts that a language puts in this order, one after another; empty ones are none."""
    return reduce(lambda first, then: Note("{first} {then}", first=first, then=then), filter(None, parts))
