"""Rows: which value of a course goes where, bound once; and the writing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ..schedules.rate import rate
from .course import Course
from .knobs import Knobs, check_field
from .targets import Target, governing


class Row(NamedTuple):
    """The value base × factor of part number `part` goes into the `field` of a group."""

    group: int
    field: str
    base: float
    part: int


def bind(course: Course, knobs: Knobs, groups_before: int = 0) -> tuple[Course, tuple[Row, ...]]:
    """The rows of a course on these knobs, and the course that knows their bases: again whenever groups change.

    Bases are known by place, so where there are fewer groups than `groups_before` they are read anew.
    """
    bases = {} if knobs.count() < groups_before else dict(course.bases)
    targets = tuple(part.target for part in course.parts)
    for field in {one.field for one in targets}:
        knobs.separate(field)
    rows = []
    for index, here in enumerate(governing(targets, knobs)):
        for part, target in here:
            check_field(course.host.name, knobs, index, target.field)
            rows.append(Row(index, target.field, _base(bases, target, index, knobs), part))
    return replace(course, bases=bases), tuple(rows)


def write(course: Course, rows: Sequence[Row], knobs: Knobs) -> None:
    """Write the values of the coming update."""
    values = course.values()
    for group, field, base, part in rows:
        knobs.put(group, field, base * values[part])


def rates(course: Course, rows: Sequence[Row], knobs: Knobs, t: int | None = None) -> list[float]:
    """The rate of every group at update `t` (left out, the coming one); no scheduled number is read back."""
    values = course.values(t)
    own = {row.group: row.base * values[row.part] for row in rows if row.field == "lr"}
    return [own[i] if i in own else knobs.get(i, "lr") for i in range(knobs.count())]


def _base(bases: dict[tuple[int, str], float], target: Target, index: int, knobs: Knobs) -> float:
    key = (index, target.field)
    if key not in bases:
        own = knobs.claim(index, target.field)
        bases[key] = target.value.base if isinstance(target.value, rate) else own
    return bases[key]
