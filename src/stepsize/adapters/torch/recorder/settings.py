"""The parameter groups of an optimizer by name, what is set in them, and what of it moves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from ....course.recorded import RATE, knob
from ..knobs import Groups

_NO_SETTINGS = ("params", "param_names", "name", "lr")


def names_of(optimizer: Optimizer) -> list[str]:
    """What each group is called: its name, or its number."""
    names: list[str] = []
    for i, group in enumerate(optimizer.param_groups):
        name = str(group.get("name", i))
        names.append(name if name not in names else f"{name}.{i}")
    return names


def settings_of(optimizer: Optimizer) -> dict[str, Any]:
    """The class of an optimizer and what is set: in the first group, and as NAME/GROUP where another differs."""
    found: dict[str, Any] = {"class": type(optimizer).__name__}
    first: dict[str, Any] = {}
    for name, group in zip(names_of(optimizer), optimizer.param_groups, strict=True):
        own = {key: one for key, one in ((key, _plain(held)) for key, held in _held(group)) if one is not _NOTHING}
        if not first:
            first = own
            found |= own
        else:
            found |= {f"{key}/{name}": one for key, one in own.items() if first.get(key, _NOTHING) != one}
    return found


class Moving:
    """The rates of all groups, and every other hyper-parameter from the first row on in which it has moved."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer, self._knobs = optimizer, Groups(optimizer)
        self._fields: list[str] = []
        self._last: list[dict[str, Any]] = []
        self._names: list[str] = []

    def now(self, scheduled: Iterable[str] = ()) -> dict[str, float]:
        """The rate of the first group, of every group where there are several, and what moves or is scheduled."""
        groups = self._optimizer.param_groups
        if len(self._names) != len(groups):
            self._names = names_of(self._optimizer)
        self._look(groups)
        for field in scheduled:
            self._add(field)
        row = {"lr": self._knobs.get(0, "lr")} if groups and "lr" in groups[0] else {}
        for i, name in enumerate(self._names):
            at = name if len(groups) > 1 else ""
            if at and "lr" in groups[i]:
                row[RATE + at] = self._knobs.get(i, "lr")
            for field in self._fields:
                if field.partition(".")[0] in groups[i]:
                    row[knob(field, at)] = self._knobs.get(i, field)
        return row

    def _look(self, groups: list[dict[str, Any]]) -> None:
        """Find what holds another value than it did when a row was written last."""
        for i, group in enumerate(groups):
            if i == len(self._last):
                self._last.append({key: _fixed(held) for key, held in _held(group)})
                continue
            last = self._last[i]
            for key, held in group.items():
                if key in _NO_SETTINGS or (held is last.get(key, held) and not isinstance(held, Tensor)):
                    continue
                was, now = last.get(key), _fixed(held)
                if was != now:
                    self._moved(key, was, now)
                last[key] = now

    def _moved(self, key: str, was: Any, now: Any) -> None:
        if key.startswith("initial_") or key not in self._optimizer.param_groups[0]:
            return
        if not isinstance(now, (tuple, list)):
            self._add(key)
        elif isinstance(was, (tuple, list)) and len(was) == len(now):
            for place, (a, b) in enumerate(zip(was, now, strict=True)):
                if a != b:
                    self._add(f"{key}.{place}")

    def _add(self, field: str) -> None:
        if field != "lr" and field not in self._fields and field in self._knobs.fields(0):
            self._fields.append(field)


_NOTHING = object()


def _held(group: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(key, one) for key, one in group.items() if key not in _NO_SETTINGS and not key.startswith("initial_")]


def _fixed(held: Any) -> Any:
    """The value that a group holds now, which nobody writes over."""
    if isinstance(held, Tensor):
        return float(held) if held.numel() == 1 else None
    if isinstance(held, (tuple, list)):
        return tuple(_fixed(one) for one in held)
    return held


def _plain(held: Any) -> Any:
    """A setting as a line of JSON can hold it."""
    held = _fixed(held)
    if held is None or isinstance(held, (bool, int, float, str)):
        return held
    if isinstance(held, tuple) and all(isinstance(one, (bool, int, float, str)) for one in held):
        return held
    return _NOTHING
