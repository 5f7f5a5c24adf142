"""Numbers as a sentence wants them."""

from __future__ import annotations


def three_digits(value: float) -> str:
    """Three digits."""
    return f"{value:.3g}"


def percent(share: float) -> str:
    """A share as a percentage; what is nearly none or nearly all is not rounded to it."""
    if 0 < share < 0.01:
        return "less than 1 %"
    if 0.99 < share < 1:
        return "more than 99 %"
    return f"{100 * share:.0f} %"
