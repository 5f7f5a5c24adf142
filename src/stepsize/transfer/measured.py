"""How far each rule missed on the small tasks of bench/transfer.py: one table, which docs/transfer.md shows, too."""

from __future__ import annotations

from dataclasses import dataclass

from .._language import Note
from .laws import Law


@dataclass(frozen=True)
class Miss:
    """How far a rule missed the best rate, in octaves, over pairs of two sizes of one task."""

    pairs: int
    mean: float
    signed: float
    worst: float


MISSES: dict[tuple[str, str, str], Miss] = {
    ("batch", "sgd", "linear"): Miss(45, 1.13, 1.12, 3.3),
    ("batch", "sgd", "sqrt"): Miss(45, 0.51, -0.05, 1.4),
    ("batch", "sgd", "none"): Miss(45, 1.25, -1.21, -2.9),
    ("batch", "adam", "linear"): Miss(45, 1.81, 1.81, 5.8),
    ("batch", "adam", "sqrt"): Miss(45, 0.74, 0.64, 3.3),
    ("batch", "adam", "none"): Miss(45, 0.83, -0.52, -2.7),
    ("steps", "sgd", "sqrt"): Miss(45, 0.80, -0.79, -2.5),
    ("steps", "sgd", "third"): Miss(45, 0.45, -0.40, -1.6),
    ("steps", "sgd", "none"): Miss(45, 0.38, 0.37, 1.5),
    ("steps", "adam", "sqrt"): Miss(45, 1.04, -0.51, -4.0),
    ("steps", "adam", "third"): Miss(45, 1.00, -0.12, -3.2),
    ("steps", "adam", "none"): Miss(45, 1.12, 0.66, 3.9),
    ("width", "sgd", "inverse"): Miss(20, 1.77, -1.68, -5.0),
    ("width", "sgd", "none"): Miss(20, 0.84, 0.32, 2.4),
    ("width", "adam", "inverse"): Miss(20, 1.10, -1.06, -2.4),
    ("width", "adam", "none"): Miss(20, 0.99, 0.94, 2.3),
    ("depth", "sgd", "sqrt"): Miss(20, 1.09, 0.89, 4.0),
    ("depth", "sgd", "none"): Miss(20, 1.89, 1.89, 5.5),
    ("depth", "adam", "sqrt"): Miss(20, 0.29, -0.08, -0.6),
    ("depth", "adam", "none"): Miss(20, 0.93, 0.92, 2.1),
}


def said_of(law: Law, kind: str) -> str:
    """A sentence on how well a law did for an optimizer, beside leaving the rate as it is."""
    found, stay = MISSES.get((law.what, kind, law.name)), MISSES.get((law.what, kind, "none"))
    if found is None or stay is None:
        return Note("not measured")
    told = Note(
        "off by {mean:.2g} octaves in the mean of {pairs} pairs, {worst:.2g} at worst",
        mean=found.mean,
        pairs=found.pairs,
        worst=abs(found.worst),
    )
    if law.name != "none":
        told = Note(
            "{told}; leaving the rate as it is {mean:.2g} and {worst:.2g}",
            told=told,
            mean=stay.mean,
            worst=abs(stay.worst),
        )
    there = {name: one.mean for (what, of, name), one in MISSES.items() if (what, of) == (law.what, kind)}
    nearest = min(there, key=lambda name: there[name])
    if nearest in (law.name, "none"):
        return told
    return Note(
        "{told}; nearest was the rule {nearest} with {mean:.2g}", told=told, nearest=nearest, mean=there[nearest]
    )
