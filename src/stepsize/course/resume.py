"""A scheduler's state on the way back: the same expression continues, another one is a choice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._errors import StepsizeError, whole
from ..observed import seen
from ..text import parse
from .targets import Target, known_group

if TYPE_CHECKING:
    from ..adapters.torch.scheduler import Scheduler

_KEYS = (
    "last_epoch",
    "step_count",
    "expression",
    "units",
    "bases",
    "control",
    "changes",
    "seen",
    "metric_came",
)


def written(targets: tuple[Target, ...]) -> list[list[Any]]:
    """The expressions as they are saved: group, hyper-parameter, text with every length in steps."""
    return [[one.group, one.field, str(one.value)] for one in targets]


def adopt(scheduler: Scheduler, state: object, on_change: str) -> None:
    """Put a saved state into a scheduler; nothing is changed where it is refused."""
    before = dict(vars(scheduler))  # whatever is adopted replaces an attribute and changes none in place
    try:
        _adopt(scheduler, _checked(state), on_change)
    except Exception as error:
        vars(scheduler).clear()
        vars(scheduler).update(before)
        if isinstance(error, StepsizeError):
            raise
        raise StepsizeError(
            f"Scheduler: the state is damaged ({type(error).__name__}: {error}): load another, or begin at an update "
            "with Scheduler(…, done=…)"
        ) from error


def _checked(state: object) -> Mapping[str, Any]:
    given = state if isinstance(state, Mapping) else {}
    missing = [key for key in _KEYS if key not in given]
    if missing:
        raise StepsizeError(
            f"Scheduler: this is no state of a stepsize Scheduler, it lacks {missing[0]!r}: load the state of the "
            "scheduler, or begin at an update with Scheduler(…, done=…)"
        )
    return given


def _adopt(scheduler: Scheduler, state: Mapping[str, Any], on_change: str) -> None:
    rows = [list(one) for one in state["expression"]]
    other_text = rows != scheduler._written
    other_base = None if other_text else _other_base(state, scheduler)
    if on_change == "error" and (other_text or other_base):
        differ = f"{_told(rows)}, now it is {_told(scheduler._written)}" if other_text else other_base
        raise StepsizeError(
            f'Scheduler: the state was saved under {differ}: load_state_dict(state, on_change="keep") continues the '
            'state\'s, "replace" goes on with the new one'
        )
    if other_text and on_change == "replace":
        stays = _controllers(rows) == [one.factor.controllers for one in scheduler._original]
        _begin_again(scheduler, scheduler._original, scheduler.units, scheduler.changes)
    else:
        stays = True
        if not other_base or on_change == "keep":
            scheduler._bases = {(int(index), str(field)): float(base) for index, field, base in state["bases"]}
        units = state["units"] if other_text or state["changes"] else _planned(scheduler.units, scheduler.changes)
        targets = _read(rows, scheduler) if other_text else scheduler._original
        _begin_again(scheduler, targets, {**dict.fromkeys(scheduler.units), **units}, state["changes"])
    if stays:
        for part, saved in zip(scheduler._parts, state["control"], strict=True):
            part.restore(saved)
    scheduler.last_epoch = whole("Scheduler", "last_epoch", state["last_epoch"])
    scheduler._step_count = whole("Scheduler", "step_count", state["step_count"])
    scheduler._now = {name: float(one) for name, one in seen(**state["seen"]).fields().items() if one is not None}
    scheduler._metric_came = bool(state["metric_came"])


def _begin_again(
    scheduler: Scheduler, targets: tuple[Target, ...], units: Mapping[str, Any], changes: list[dict[str, Any]]
) -> None:
    """Expressions from their beginning, then every change of the horizon in turn."""
    scheduler.units, scheduler.changes = _planned(units, changes), []
    scheduler._govern(targets)
    for one in changes:
        scheduler._apply(one)


def _planned(units: Mapping[str, Any], changes: list[dict[str, Any]]) -> dict[str, Any]:
    """The units as they were before the first change of the horizon."""
    return {**units, "total_steps": changes[0]["was"]} if changes else dict(units)


def _read(rows: list[list[Any]], scheduler: Scheduler) -> tuple[Target, ...]:
    """The state's targets; a group that the optimizer has not is an error."""
    groups = [None if group is None else known_group(group, scheduler.optimizer) for group, _, _ in rows]
    return tuple(Target(group, field, parse(text)) for group, (_, field, text) in zip(groups, rows, strict=True))


def _other_base(state: Mapping[str, Any], scheduler: Scheduler) -> str | None:
    """Where a group's base was another number, as text."""
    for index, field, base in state["bases"]:
        mine = scheduler._bases.get((index, field))
        if mine is not None and not math.isclose(mine, base, rel_tol=1e-12):
            return f"{field} {base:g} of group {index}, now it is {mine:g}"
    return None


def _told(rows: list[list[Any]]) -> str:
    if len(rows) == 1 and rows[0][0] is None and rows[0][1] == "lr":
        return repr(rows[0][2])
    return repr(
        "; ".join(f"{field if group is None else f'group {group} {field}'}: {text}" for group, field, text in rows)
    )


def _controllers(rows: list[list[Any]]) -> list[Any] | None:
    try:
        return [parse(text).controllers for _, _, text in rows]
    except StepsizeError:
        return None
