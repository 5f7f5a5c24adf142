"""One list of colours and dashes for the page and the pictures: told apart without colour, too."""

from __future__ import annotations

# Okabe and Ito's palette (2008), made for colour-blind readers, darkened where it was too pale on white
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b5478f", "#b07d00", "#3a9bd6", "#6a4fa3", "#6b6b6b")
DASHES: tuple[tuple[int, ...], ...] = ((), (7, 3), (2, 2), (9, 3, 2, 3))


def colour(i: int) -> str:
    """The colour of line `i`."""
    return COLOURS[i % len(COLOURS)]


def dash(i: int) -> tuple[int, ...]:
    """The dashes of line `i`: solid, dashed, dotted and dash-dotted in turn, so that equal colours differ."""
    return DASHES[(i + i // len(COLOURS)) % len(DASHES)]
