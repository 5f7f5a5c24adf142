"""A scheduler's state on the way back: the same expression continues, another one is a choice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..._errors import StepsizeError
from ...text import parse
from .targets import Target

if TYPE_CHECKING:
    from .scheduler import Scheduler

_KEYS = ("last_epoch", "step_count", "expression", "bases", "control", "changes", "units")


def written(targets: tuple[Target, ...]) -> list[list[Any]]:
    """The expressions as they are saved: group, hyper-parameter, text with every length in steps."""
    return [[one.group, one.field, str(one.value)] for one in targets]


def adopt(scheduler: Scheduler, state: dict[str, Any], on_change: str) -> None:
    """Put a saved state into a scheduler; nothing is changed where it is refused."""
    missing = [key for key in _KEYS if key not in state]
    if missing:
        raise StepsizeError(
            f"Scheduler: this is no state of a stepsize Scheduler, it lacks {missing[0]!r}: load the state of the "
            "scheduler, or begin at an update with Scheduler(…, done=…)"
        )
    there, here = _told(state["expression"]), _told(scheduler._written)
    other_text = [list(one) for one in state["expression"]] != scheduler._written
    other_base = None if other_text else _other_base(state, scheduler)
    if on_change == "error" and (other_text or other_base):
        differ = f"{there}, now it is {here}" if other_text else other_base
        raise StepsizeError(
            f'Scheduler: the state was saved under {differ}: load_state_dict(state, on_change="keep") continues the '
            'state\'s, "replace" goes on with the new one'
        )
    changed = bool(other_text or other_base)
    if not changed or on_change == "keep":
        _restore(scheduler, state, rebuild=other_text)
    if not changed or on_change == "keep" or _controllers(state["expression"]) == _controllers(scheduler._written):
        for part, saved in zip(scheduler._parts, state["control"], strict=True):
            part.restore(saved)
    scheduler.last_epoch = int(state["last_epoch"])
    scheduler._step_count = int(state["step_count"])
    scheduler._scale = state.get("scale")
    scheduler._seen_since = set(state.get("seen", ()))


def _restore(scheduler: Scheduler, state: dict[str, Any], rebuild: bool) -> None:
    """The state's own expressions, bases and changes of the horizon."""
    targets = scheduler._original
    if rebuild:
        targets = tuple(Target(group, field, parse(text)) for group, field, text in state["expression"])
    scheduler._bases = {(int(index), str(field)): float(base) for index, field, base in state["bases"]}
    scheduler._govern(targets)
    changes, units = state["changes"], dict(state["units"])
    before = changes[0]["was"] if changes else units.get("total_steps")
    scheduler.units = {**dict.fromkeys(scheduler.units), **units, "total_steps": before}
    scheduler.changes = []
    for one in changes:
        scheduler._apply(one)


def _other_base(state: dict[str, Any], scheduler: Scheduler) -> str | None:
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


def _controllers(rows: list[list[Any]]) -> list[Any]:
    try:
        return [parse(text).controllers for _, _, text in rows]
    except StepsizeError:
        return [text for _, _, text in rows]
