"""How far each rule missed on the small tasks of bench/transfer.py: one table, which docs/transfer.md shows, too."""

from __future__ import annotations

from dataclasses import dataclass

from .laws import Law


@dataclass(frozen=True)
class Miss:
    """How far a rule missed the best rate, in octaves, over pairs of two sizes of one task."""

    pairs: int
    mean: float
    signed: float
    worst: float


MISSES: dict[tuple[str, str, str], Miss] = {}


def said_of(law: Law, kind: str) -> str:
    """A sentence on how well a law did for an optimizer, beside leaving the rate as it is."""
    found, stay = MISSES.get((law.what, kind, law.name)), MISSES.get((law.what, kind, "none"))
    if found is None or stay is None:
        return "not measured"
    beside = "" if law.name == "none" else f"; leaving the rate as it is {stay.mean:.2g} and {abs(stay.worst):.2g}"
    return (
        f"off by {found.mean:.2g} octaves in the mean of {found.pairs} pairs, {abs(found.worst):.2g} at worst{beside}"
    )
