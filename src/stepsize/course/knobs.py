"""Knobs: whatever has rates, in any framework; groups of hyper-parameters that can be read and written."""

from __future__ import annotations

from typing import Protocol

from .._errors import StepsizeError


class Knobs(Protocol):
    """What a course turns. A framework's adapter, or a test, writes these few methods; a course needs no more.

    Groups are numbered from 0. A field is a hyper-parameter that is one number: "lr", "weight_decay", and "betas.0"
    for an entry of a tuple.
    """

    @property
    def owner(self) -> str:
        """Whose groups they are, as a message names it: "SGD"."""

    def count(self) -> int:
        """How many groups there are now."""

    def name(self, group: int) -> str | None:
        """The name that the user gave to a group, if any."""

    def fields(self, group: int) -> list[str]:
        """The hyper-parameters of a group that are numbers."""

    def holds(self, group: int, name: str) -> bool:
        """Whether a group has anything of that name, a number or not."""

    def get(self, group: int, field: str) -> float:
        """The value that a group has now."""

    def put(self, group: int, field: str, value: float) -> None:
        """Give a group a value."""

    def initial(self, group: int, field: str) -> float:
        """The group's own value, from before any schedule."""

    def claim(self, group: int, field: str) -> float:
        """The same, which the group is to keep from now on, also when it is saved and loaded."""

    def separate(self, field: str) -> None:
        """Give every group a value of its own where several share one cell of memory."""


def called(knobs: Knobs, group: int) -> str:
    """How a message names a group."""
    name = knobs.name(group)
    return f"{group}" if name is None else f"{group} ({name!r})"


def check_field(owner: str, knobs: Knobs, group: int, field: str) -> None:
    """Refuse a hyper-parameter that the group does not have, or that is no number."""
    there = knobs.fields(group)
    if field not in there:
        raise StepsizeError(
            f"{owner}: {knobs.owner} has no number {field!r} in group {called(knobs, group)} to schedule: write one of "
            f"{', '.join(there)}"
        )
