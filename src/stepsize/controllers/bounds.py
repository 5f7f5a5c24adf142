"""A rate that a controller worked out, kept within its bounds."""

from __future__ import annotations


def within(rate: float, low: float, high: float) -> tuple[float, str]:
    """The rate within its bounds, and which bound it met.

    >>> within(3.0, 0.1, 2.0)
    (2.0, 'highest rate 2')
    """
    if rate > high:
        return high, f"highest rate {high:.4g}"
    return (low, f"lowest rate {low:.4g}") if rate < low else (rate, "")
