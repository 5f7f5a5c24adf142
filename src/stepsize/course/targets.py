"""What is to be scheduled: an expression for a hyper-parameter, of one parameter group or of all the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch.optim import Optimizer

from .._errors import LengthError, StepsizeError, number
from ..adapters.torch import knobs as groups
from ..descents import Stage, descent
from ..schedules.base import Factor
from ..schedules.extend import extend
from ..schedules.plan import plan
from ..schedules.rate import rate
from ..text import parse

OTHERS = "*"


@dataclass(frozen=True)
class Target:
    """One expression: a factor multiplies what the group has, a rate replaces it.

    `group` is an index, a name, or None for every group that no other target names for this `field`.
    """

    group: int | str | None
    field: str
    value: Factor | rate

    @property
    def factor(self) -> Factor:
        """The part that depends on the step and on what was seen."""
        return self.value if isinstance(self.value, Factor) else self.value.factor

    def with_value(self, value: Any) -> Target:
        """The same place, another expression."""
        return Target(self.group, self.field, value)

    def __str__(self) -> str:
        where = self.field if self.group is None else f"group {self.group} {self.field}"
        return f"{where}: {self.value}"


def read_targets(expression: object, optimizer: Optimizer) -> tuple[Target, ...]:
    """The targets that a user's expression names: one text or value, or a mapping by group and hyper-parameter."""
    expression = _opened(expression)
    if not isinstance(expression, Mapping):
        return (Target(None, "lr", _value(expression)),)
    if not expression:
        raise StepsizeError('Scheduler: the mapping is empty: write {"lr": "cosine()"}')
    found: list[Target] = []
    for key, one in expression.items():
        if _is_field(key, optimizer):
            found.append(Target(None, key, _value(one, key)))
        else:
            found += _of_group(known_group(key, optimizer), one)
    return tuple(found)


def _opened(expression: object) -> object:
    """A text read, a plan as the mapping that it is."""
    expression = parse(expression) if isinstance(expression, str) else expression
    return dict(expression.parts) if isinstance(expression, plan) else expression


def resolved(target: Target, units: dict[str, Any]) -> Target:
    """The target with its lengths in steps; without `total_steps` they must be in steps already."""
    total, others = units.get("total_steps"), {key: one for key, one in units.items() if key != "total_steps"}
    if total is not None:
        return target.with_value(target.value.over(total, **others))
    try:
        target.factor.with_control(0, (1.0,) * len(target.factor.controllers))
    except LengthError:
        raise LengthError(
            f"Scheduler: {target.value} depends on the length of the run: write Scheduler(…, total_steps=…), the "
            "number of optimizer steps"
        ) from None
    return target


def extended(target: Target, change: dict[str, Any]) -> Target:
    """The target for a run of another length; a cool-down is one of the rate, not of a momentum or an eps."""
    total, rule = change["total_steps"], change["rule"]
    how: dict[str, Any] = {"was": change["was"] or total}
    if rule == "cooldown_now" and target.field != "lr":
        rule = "keep_step"
    if rule in ("cooldown_now", "stretch_rest"):
        how["at"] = change["at"]
    if rule == "cooldown_now":
        how |= {"shape": change["shape"], "final": change["final"]}
    return target.with_value(extend(target.value, total, rule=rule, **how))


def governing(targets: tuple[Target, ...], optimizer: Optimizer) -> list[list[tuple[int, Target]]]:
    """For every group the targets that govern it, with their places in the list: its own ones before the others'."""
    table: list[list[tuple[int, Target]]] = []
    for index, group in enumerate(optimizer.param_groups):
        names = {index, group.get("name")} - {None}
        own = [(i, one) for i, one in enumerate(targets) if one.group is not None and one.group in names]
        taken = {one.field for _, one in own}
        table.append(own + [(i, one) for i, one in enumerate(targets) if one.group is None and one.field not in taken])
    return table


def check_targets(targets: tuple[Target, ...], optimizer: Optimizer) -> None:
    """Refuse what the optimizer does not have, two expressions for one number, one base for different groups."""
    table = governing(targets, optimizer)
    for index, rows in enumerate(table):
        by_field: dict[str, Target] = {}
        for _, target in rows:
            groups.check_fields(optimizer, index, target.field)
            if target.field in by_field:
                raise StepsizeError(
                    f"Scheduler: the {target.field} of group {groups.called(optimizer, index)} is given twice, "
                    f"{by_field[target.field].value} and {target.value}: leave one out"
                )
            by_field[target.field] = target
    for i, target in enumerate(targets):
        if target.group is None and isinstance(target.value, rate):
            here = [index for index, rows in enumerate(table) if any(place == i for place, _ in rows)]
            _check_one_base(target, [groups.initial(optimizer.param_groups[index], target.field) for index in here])


def _check_one_base(target: Target, own: list[float]) -> None:
    if len(set(own)) < 2:
        return
    factor = target.factor._grouped()
    told = ", ".join(f"{one:g}" for one in own[:4]) + (", …" if len(own) > 4 else "")
    raise StepsizeError(
        f"Scheduler: {target.value} would give one {target.field} to groups that have {told}: write the factor alone, "
        f"{factor!r}, to scale each group's own, or a mapping by group {{0: {str(target.value)!r}, …}}"
    )


def _is_field(key: object, optimizer: Optimizer) -> bool:
    held = isinstance(key, str) and any(
        key in groups.fields(one) or key.partition(".")[0] in one for one in optimizer.param_groups
    )
    if held and any(one.get("name") == key for one in optimizer.param_groups):
        raise StepsizeError(f"Scheduler: {key!r} is a hyper-parameter and the name of a group: rename the group")
    return held


def known_group(key: object, optimizer: Optimizer) -> int | str | None:
    """A key that is no hyper-parameter: the index or the name of a group, or all others."""
    if key == OTHERS:
        return None
    count = len(optimizer.param_groups)
    if isinstance(key, int) and not isinstance(key, bool) and 0 <= key < count:
        return key
    if isinstance(key, str) and any(one.get("name") == key for one in optimizer.param_groups):
        return key
    there = ", ".join(groups.called(optimizer, i) for i in range(min(count, 8)))
    known = ", ".join(dict.fromkeys(name for one in optimizer.param_groups for name in groups.fields(one)))
    raise StepsizeError(
        f"Scheduler: {key!r} is neither a group (there are {there}) nor a hyper-parameter of "
        f"{type(optimizer).__name__} ({known})"
    )


def _of_group(group: int | str | None, one: object) -> list[Target]:
    one = _opened(one)
    if not isinstance(one, Mapping):
        return [Target(group, "lr", _value(one))]
    return [Target(group, str(field), _value(value, str(field))) for field, value in one.items()]


def _value(one: object, field: str = "lr") -> Factor | rate:
    """An expression for one hyper-parameter, from text, a number or a value."""
    one = _opened(one)
    if isinstance(one, Mapping):
        raise StepsizeError(
            f"Scheduler: {field!r} takes one expression, not a mapping: name the group first, "
            f"{{'head': {{{field!r}: …}}, '*': …}}"
        )
    if isinstance(one, (Factor, rate)):
        return one
    if isinstance(one, (descent, Stage)):
        said = str(one.rate) if isinstance(one, descent) and any(isinstance(x, rate) for x in one.stages) else "0.1"
        raise StepsizeError(
            f"Scheduler: {one} is more than a rate: write Scheduler(optimizer, {said!r}), or build the whole "
            "strategy with stepsize.adapters.torch.optimizer(params, …)"
        )
    return rate(number("Scheduler", "expression", one, low=0))
