"""One list of colours and dashes for the page and the pictures: told apart without colour, too.

The eight colours of each mode keep a contrast of at least 3 to 1 with their background and stay apart under the three
kinds of dichromacy (Machado's simulation of 2009, distances in OKLab).
"""

from __future__ import annotations

from .._sketch import GREY_ON_EITHER as GREY_ON_EITHER
from .._sketch import ON_EITHER as ON_EITHER

COLOURS = ("#1f2933", "#146caa", "#b77d19", "#aa2d65", "#4ba292", "#9d68fa", "#673c00", "#1b1eac")
ON_DARK = ("#e8eaed", "#256ff8", "#fdca39", "#d82440", "#27cdab", "#836b9c", "#f0812f", "#a699f7")
DASHES: tuple[tuple[int, ...], ...] = ((), (8, 3), (2, 2), (9, 3, 2, 3), (5, 2), (14, 3), (12, 2, 2, 2, 2, 2), (4, 4))


def colour(i: int) -> str:
    """The colour of line `i` on white."""
    return COLOURS[i % len(COLOURS)]


def dark(i: int) -> str:
    """The colour of line `i` on a dark background."""
    return ON_DARK[i % len(ON_DARK)]


def either(i: int) -> str:
    """The colour of line `i` of a picture without a background, which stands on light pages and on dark ones."""
    return ON_EITHER[i % len(ON_EITHER)]


def dash(i: int) -> tuple[int, ...]:
    """The dashes of line `i`, none for a solid line; each round of colours shifts them, so that 64 lines differ."""
    return DASHES[(i + i // len(COLOURS)) % len(DASHES)]
