"""What one controller said when it acted: where, when, why, and by how much."""

from __future__ import annotations

from typing import NamedTuple


class Said(NamedTuple):
    """A controller acted.

    `step` is the update that it acted before, `kind` its word, `why` its sentence; `group` and `field` are where its
    expression is followed, None for all groups that no other names; `factor` is what its answer was multiplied by.
    """

    step: int
    kind: str
    why: str
    group: int | str | None
    field: str
    factor: float | None

    @property
    def told(self) -> str:
        """Its word and its sentence."""
        return f"{self.kind}: {self.why}"
