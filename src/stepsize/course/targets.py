"""What is to be scheduled: an expression for a hyper-parameter, of one group or of all the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as held
from typing import Any

from .._errors import LengthError, StepsizeError, number
from ..descents import Stage, descent
from ..lengths import MissingFactError
from ..schedules.base import Factor
from ..schedules.plan import plan
from ..schedules.rate import rate
from ..schedules.shapes import constant
from ..text import parse
from .host import Host
from .knobs import Knobs, called, check_field
from .strangers import no_expression, no_place

OTHERS = "*"
_ANY_RUN = (1 << 40, (1 << 41) + 1)  # two lengths: what is the same for both depends on neither


@dataclass(frozen=True)
class Target:
    """One expression: a factor multiplies what the group has, a rate replaces it.

    `group` is an index, a name, or None for every group that no other target names for this `field`. `given` is the
    value as it was written, where its lengths were not in steps.
    """

    group: int | str | None
    field: str
    value: Factor | rate
    given: Factor | rate | None = held(default=None, compare=False, repr=False)

    @property
    def factor(self) -> Factor:
        """The part that depends on the step and on what was seen."""
        return self.value if isinstance(self.value, Factor) else self.value.factor

    @property
    def row(self) -> list[Any]:
        """The target as it is saved: group, hyper-parameter, text with every length in steps."""
        return [self.group, self.field, str(self.value)]

    def with_value(self, value: Any) -> Target:
        """The same place, another expression."""
        return Target(self.group, self.field, value)

    def resolved(self, host: Host, units: Mapping[str, Any]) -> Target:
        """The target with its lengths in steps; one that depends on the length of the run needs `total_steps`."""
        total, others = units.get("total_steps"), {key: one for key, one in units.items() if key != "total_steps"}
        try:
            known = self._of_any_run(others) if total in (None, math.inf) else self.value.over(total, **others)
        except MissingFactError as error:
            raise error.at(f"{host.name}(…, {error.fact}=…)") from None
        if known is not None:
            return Target(self.group, self.field, known, self.value)
        if total:
            raise LengthError(
                f"{host.name}: {self.value} depends on the length of the run, and total_steps is inf, which is what "
                "Lightning gives without max_steps: set that, or write all lengths in steps"
            )
        raise LengthError(
            f"{host.name}: {self.value} depends on the length of the run: write {host.name}(…, total_steps=…), the "
            "number of optimizer steps"
        )

    def again(self, host: Host, units: Mapping[str, Any]) -> Target:
        """The same expression for another run."""
        return Target(self.group, self.field, self.given or self.value).resolved(host, units)

    def _of_any_run(self, units: Mapping[str, Any]) -> Factor | rate | None:
        """The value with its lengths in steps where they are the same for a run of any length."""
        try:
            self.factor.with_control(0, (1.0,) * len(self.factor.controllers))
        except LengthError:
            one, other = (self.value.over(total, **units) for total in _ANY_RUN)
            return one if one == other else None
        return self.value

    @property
    def place(self) -> str:
        """How a message names the place."""
        return self.field if self.group is None else f"group {self.group} {self.field}"

    def __str__(self) -> str:
        return f"{self.place}: {self.value}"


def read_targets(expression: object, host: Host, knobs: Knobs) -> tuple[Target, ...]:
    """The targets that a user's expression names: one text or value, or a mapping by group and hyper-parameter."""
    expression = _opened(expression)
    if not isinstance(expression, Mapping):
        return (Target(None, "lr", _value(host, expression)),)
    if not expression:
        raise StepsizeError(f'{host.name}: the mapping is empty: write {{"lr": "cosine()"}}')
    found: list[Target] = []
    for key, one in expression.items():
        if _is_field(host, knobs, key):
            found.append(Target(None, key, _value(host, one, key)))
        else:
            found += _of_group(host, known_group(host, knobs, key), one)
    return tuple(found)


def governing(targets: tuple[Target, ...], knobs: Knobs) -> list[list[tuple[int, Target]]]:
    """For every group the targets that govern it, with their places in the list: its own ones before the others'."""
    table: list[list[tuple[int, Target]]] = []
    for index in range(knobs.count()):
        names = {index, knobs.name(index)} - {None}
        own = [(i, one) for i, one in enumerate(targets) if one.group is not None and one.group in names]
        taken = {one.field for _, one in own}
        table.append(own + [(i, one) for i, one in enumerate(targets) if one.group is None and one.field not in taken])
    return table


def check_targets(targets: tuple[Target, ...], host: Host, knobs: Knobs) -> None:
    """Refuse what the groups do not have, two expressions for one number, one base for different groups."""
    table = governing(targets, knobs)
    for index, rows in enumerate(table):
        by_field: dict[str, Target] = {}
        for _, target in rows:
            check_field(host.name, knobs, index, target.field)
            if target.field in by_field:
                raise StepsizeError(
                    f"{host.name}: the {target.field} of group {called(knobs, index)} is given twice, "
                    f"{by_field[target.field].value} and {target.value}: leave one out"
                )
            by_field[target.field] = target
    for i, target in enumerate(targets):
        here = [index for index, rows in enumerate(table) if any(place == i for place, _ in rows)]
        own = [knobs.initial(index, target.field) for index in here]
        if target.group is None and isinstance(target.value, rate):
            _check_one_base(host, target, own)
        if isinstance(target.value, Factor):
            for index, one in zip(here, own, strict=True):
                number(host.name, f"{target.field} of group {called(knobs, index)}", one)
        if isinstance(target.value, Factor) and target.field != "lr" and here and not any(own):
            _check_base(host, target, called(knobs, here[0]))


def known_group(host: Host, knobs: Knobs, key: object) -> int | str | None:
    """A key that is no hyper-parameter: the index or the name of a group, or None for all others."""
    if key == OTHERS:
        return None
    count = knobs.count()
    if isinstance(key, int) and not isinstance(key, bool) and 0 <= key < count:
        return key
    if isinstance(key, str) and any(knobs.name(i) == key for i in range(count)):
        return key
    raise no_place(host, knobs, key)


def _opened(expression: object) -> object:
    """A text read, a plan as the mapping that it is."""
    expression = parse(expression) if isinstance(expression, str) else expression
    return dict(expression.parts) if isinstance(expression, plan) else expression


def _check_one_base(host: Host, target: Target, own: list[float]) -> None:
    if len(set(own)) < 2:
        return
    factor = target.factor._grouped()
    told = ", ".join(f"{one:g}" for one in own[:4]) + (", …" if len(own) > 4 else "")
    raise StepsizeError(
        f"{host.name}: {target.value} would give one {target.field} to groups that have {told}: write the factor "
        f"alone, {factor!r}, to scale each group's own, or a mapping by group {{0: {str(target.value)!r}, …}}"
    )


def _check_base(host: Host, target: Target, group: str) -> None:
    """Refuse a factor on a 0 that nobody meant; where another group has more than 0, a 0 is meant to stay.

    A rate of 0 is meant too: nobody gets one by default.
    """
    if target.value == constant(0):
        return
    raise StepsizeError(
        f"{host.name}: {target.field} is 0 in group {group}, and a factor of 0 stays 0: write "
        f'"1 * {target.factor._grouped()}" for these values themselves, or give the group a {target.field} of its own'
    )


def _is_field(host: Host, knobs: Knobs, key: object) -> bool:
    groups = range(knobs.count())
    held = isinstance(key, str) and any(knobs.holds(i, key.partition(".")[0]) for i in groups)
    if held and any(knobs.name(i) == key for i in groups):
        raise StepsizeError(f"{host.name}: {key!r} is a hyper-parameter and the name of a group: rename the group")
    return held


def _of_group(host: Host, group: int | str | None, one: object) -> list[Target]:
    one = _opened(one)
    if not isinstance(one, Mapping):
        return [Target(group, "lr", _value(host, one))]
    return [Target(group, str(field), _value(host, value, str(field))) for field, value in one.items()]


def _value(host: Host, one: object, field: str = "lr") -> Factor | rate:
    """An expression for one hyper-parameter, from text, a number or a value."""
    one = _opened(one)
    if isinstance(one, Mapping):
        raise StepsizeError(
            f"{host.name}: {field!r} takes one expression, not a mapping: name the group first, "
            f"{{'head': {{{field!r}: …}}, '*': …}}"
        )
    if isinstance(one, (Factor, rate)):
        return one
    if isinstance(one, (descent, Stage)):
        rated = isinstance(one, descent) and any(isinstance(x, rate) for x in one.stages)
        said = str(one.rate) if isinstance(one, descent) and rated else "0.1 * cosine()"
        raise StepsizeError(
            f"{host.name}: {one} is more than a rate: write {host.name}(optimizer, {said!r}), or build the whole "
            f"strategy with {host.whole}(params, …)"
        )
    return rate(no_expression(host, one))
