"""A course on its way to disk and back: the same expression continues, another one is a choice."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .._errors import StepsizeError, number, one_of, whole
from ..observed import seen
from ..text import parse
from .control import Part
from .course import Course, follow
from .ended import ended, rates_of_the_end
from .horizon import Change
from .knobs import Knobs
from .targets import Target, known_group

CHOICES = ("error", "keep", "replace", "share", "restart")
_KEYS = ("last_epoch", "expression", "units", "bases", "control", "changes", "seen", "metric_came")


def saved(course: Course) -> dict[str, Any]:
    """Everything that resume needs, in plain Python: the counter, the controllers' states, texts and changes."""
    return {
        "last_epoch": course.done,
        "expression": [one.row for one in course.written],
        "units": {key: one for key, one in course.units.items() if one is not None},
        "bases": [[index, field, base] for (index, field), base in course.bases.items()],
        "control": [part.saved() for part in course.parts],
        "changes": [one.saved() for one in course.changes],
        "seen": dict(course.seen),
        "metric_came": course.metric_came,
        "waited": course.waited,
        "why": course.why,
        "spoke_at": course.spoke_at,
    }


def resumed(course: Course, state: object, on_change: str, knobs: Knobs) -> Course:
    """The course that goes on where `state` was saved; where that is refused nothing has changed.

    `on_change` says what happens where the state follows another expression, or other bases, than `course`: "error",
    "keep" the state's, "replace" them by this one's, or "restart": this one from its beginning. "share" goes on with
    this one at the same share of its length.
    """
    choice = one_of(course.host.name, "on_change", on_change, CHOICES)
    try:
        found = _resumed(course, _checked(course, state), choice, knobs)
    except StepsizeError:
        raise
    except Exception as error:
        raise StepsizeError(
            f"{course.host.name}: the state is damaged ({type(error).__name__}: {_line(error)}): load another, or "
            f"begin at an update with {course.host.name}(…, done=…)"
        ) from error
    if choice == "keep":
        _warn_of_the_rest(course, found)
    return found


def _warn_of_the_rest(course: Course, kept: Course) -> None:
    """Say that a schedule which is kept ends before the run does."""
    run, its = course.total_steps, kept.total_steps
    if run is not None and its is not None and its < run and ended(kept.parts, its):
        warnings.warn(
            f"{kept.host.name}: the schedule that is kept ends at update {its} of {run}, {rates_of_the_end(kept)}: "
            f'extend({run}) stretches what is left of it, on_change="share" takes the new one',
            stacklevel=4,
        )


def _checked(course: Course, state: object) -> Mapping[str, Any]:
    given = state if isinstance(state, Mapping) else {}
    missing = [key for key in _KEYS if key not in given]
    if missing:
        raise StepsizeError(
            f"{course.host.name}: this is no state of a stepsize {course.host.name}, it lacks {missing[0]!r}: load the "
            f"state of the scheduler, or begin at an update with {course.host.name}(…, done=…)"
        )
    return given


def _resumed(course: Course, state: Mapping[str, Any], choice: str, knobs: Knobs) -> Course:
    rows, mine = [list(one) for one in state["expression"]], [one.row for one in course.written]
    changes = tuple(Change(**one) for one in state["changes"])
    name = course.host.name
    bases = {(int(i), str(field)): float(number(name, "a base", base)) for i, field, base in state["bases"]}
    same, spoke_at = rows == mine, state.get("spoke_at")
    other_base = _other_base(bases, course) if same else None
    units = _planned(state["units"], changes)
    if choice == "error" and (not same or other_base):
        differ = other_base if same else f"{_told(rows)}, now it is {_told(mine)}"
        raise _refused(
            course, str(differ), state["units"]["total_steps"] if _only_longer(course, rows, units) else None
        )
    if choice == "restart" and (not same or other_base):
        again = begun_again(course, course.written, course.planned, course.changes)
        return replace(again, bases=course.bases)
    done = whole(course.host.name, "last_epoch", state["last_epoch"])
    if choice == "share":
        done = _shared(course, done, state["units"].get("total_steps"), not same)
    if not same and choice in ("replace", "share"):
        parts = begun_again(course, course.written, course.planned, course.changes)
        stays = _controllers(rows) == [part.controllers for part in parts.parts]
        _check_not_over(parts, done, choice, whole(course.host.name, "last_epoch", state["last_epoch"]))
    else:
        planned = units if not same or changes else course.planned
        targets = course.written if same else _read(course, rows, knobs)
        parts, stays = begun_again(course, targets, {**dict.fromkeys(course.planned), **planned}, changes), True
    return replace(
        parts,
        parts=_restored(parts.parts, state["control"]) if stays else parts.parts,
        bases=bases if choice == "keep" or (same and not other_base) else course.bases,
        done=done,
        seen={name: float(one) for name, one in seen(**state["seen"]).fields().items() if one is not None},
        metric_came=bool(state["metric_came"]),
        waited=whole(course.host.name, "waited", state.get("waited", 0), low=0),
        why=str(state.get("why", "")),
        spoke_at=None if spoke_at is None else whole(course.host.name, "spoke_at", spoke_at),
    )


def _refused(course: Course, differ: str, was: int | None) -> StepsizeError:
    """The error of a state that differs, with every choice; `was` is the length before where that alone differs."""
    name, run = course.host.name, course.total_steps
    keep = 'on_change="keep"'
    first = f'on_change="share") goes on at the same share of the new length, {keep}' if was else f"{keep})"
    longer = f"; to stretch the rest of the old one, load with total_steps={was}, then extend({run})" if was else ""
    return StepsizeError(
        f"{name}: the state was saved under {differ}: load_state_dict(state, {first} continues the "
        'state\'s, "replace" goes on with the new one, "restart" begins it; where a host loads the state, write '
        f"{name}(…, on_change=…) instead{longer}"
    )


def _only_longer(course: Course, rows: list[list[Any]], units: Mapping[str, Any]) -> bool:
    """Whether the state's expression is this one for a run of another length."""
    was = units.get("total_steps")
    if None in (was, course.total_steps) or was == course.planned["total_steps"]:
        return False
    try:
        return [one.again(course.host, units).row for one in course.written] == rows
    except StepsizeError:
        return False


def _shared(course: Course, done: int, was: int | None, other: bool) -> int:
    """The update of this run that has the same share of its length behind it."""
    total = course.total_steps
    if was is not None and total is not None:
        return done * total // was
    if not other:
        return done
    raise StepsizeError(
        f'{course.host.name}: on_change="share" needs the length of both runs, {was} before and {total} now: write '
        f"total_steps=…, or {course.host.name}(…, done=…) without the state"
    )


def _check_not_over(course: Course, done: int, choice: str, made: int) -> None:
    """Refuse to go on behind the end of a schedule that ends: nothing would be left but its last value."""
    total, name = course.total_steps, course.host.name
    if total is None or done < total or not ended(course.parts, total):
        return
    share = '"share" (the same share of the new length), ' if choice == "replace" else ""
    raise StepsizeError(
        f'{name}: on_change="{choice}" goes on at update {done} of {total}, where the new schedule is over, '
        f'{rates_of_the_end(course)}: write {share}"restart" (from its beginning) or "keep", or {name}(…, done=…) '
        f"without the state, which has made {made} updates"
    )


def begun_again(
    course: Course, targets: tuple[Target, ...], planned: Mapping[str, Any], changes: tuple[Change, ...]
) -> Course:
    """Expressions from their beginning, then every change of the horizon in turn."""
    begun = follow(course.host, targets, planned)
    for one in changes:
        begun = begun.changed(one)
    return begun


def _restored(parts: tuple[Part, ...], control: Any) -> tuple[Part, ...]:
    return tuple(part.restored(one) for part, one in zip(parts, control, strict=True))


def _planned(units: Mapping[str, Any], changes: tuple[Change, ...]) -> dict[str, Any]:
    """The units as they were before the first change of the horizon."""
    return {**units, "total_steps": changes[0].was} if changes else dict(units)


def _read(course: Course, rows: list[list[Any]], knobs: Knobs) -> tuple[Target, ...]:
    """The state's targets; a group that is not there is an error."""
    if not all(isinstance(field, str) for _, field, _ in rows):
        raise TypeError("a field is no text")
    groups = [None if group is None else known_group(course.host, knobs, group) for group, _, _ in rows]
    return tuple(Target(group, field, parse(text)) for group, (_, field, text) in zip(groups, rows, strict=True))


def _other_base(bases: Mapping[tuple[int, str], float], course: Course) -> str | None:
    """Where a group's base was another number, as text."""
    for (index, field), base in bases.items():
        mine = course.bases.get((index, field))
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


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
