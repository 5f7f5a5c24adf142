"""A column: what is compared, on which part of the data, and which end of it is better."""

from __future__ import annotations

from dataclasses import dataclass

WORDS = {  # of the losses that comparisons name; another column keeps its own
    "training": ("training", "training loss"),
    "validation": ("validation", "validation loss"),
    "test": ("test", "test loss"),
    "better": ("lower", "higher"),
}


@dataclass(frozen=True)
class Column:
    """What is compared: `name` ("loss", "accuracy"), on which `part` of the data, and whether `higher` is better.

    >>> str(Column("accuracy", "test", higher=True))
    'test accuracy'
    """

    name: str = "loss"
    part: str = "test"
    higher: bool = False

    @property
    def sign(self) -> int:
        """1 where lower is better, −1 where higher is: times it, lower is always better."""
        return -1 if self.higher else 1

    @property
    def better(self) -> str:
        """What the better of two is: "lower" or "higher"."""
        return "higher" if self.higher else "lower"

    def __str__(self) -> str:
        return f"{self.part} {self.name}".strip()
