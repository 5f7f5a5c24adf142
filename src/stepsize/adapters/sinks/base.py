"""What a sink is, and what all of them do with a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

from ..._errors import StepsizeError

_NO_NUMBERS = ("step", "decisions")


@runtime_checkable
class Sink(Protocol):
    """Takes the head of a record, then its rows one by one, as docs/record.md describes them."""

    def begin(self, head: Mapping[str, Any]) -> None:
        """The head comes, with the first row."""

    def row(self, row: Mapping[str, Any]) -> None:
        """A row comes."""

    def close(self) -> None:
        """The record is over."""


class Function:
    """A function as a sink: it is called with every row, a dict with `step`.

    >>> rows = []
    >>> sink = Function(rows.append)
    >>> sink.row({"step": 0, "loss": 1.0})
    >>> rows
    [{'step': 0, 'loss': 1.0}]
    """

    def __init__(self, function: Callable[[dict[str, Any]], Any]) -> None:
        if not callable(function):
            raise StepsizeError(f"Function: function must be callable with a row, not {function!r}")
        self._function = function

    def begin(self, head: Mapping[str, Any]) -> None:
        """A function gets rows only."""

    def row(self, row: Mapping[str, Any]) -> None:
        self._function(dict(row))

    def close(self) -> None:
        """Nothing is open."""

    def __repr__(self) -> str:
        return f"Function({getattr(self._function, '__name__', self._function)})"


def as_sink(one: Any) -> Sink:
    """A sink of what a user lists: one of ours, anything with its three methods, or a function."""
    if isinstance(one, Sink) and not isinstance(one, type):
        return one
    if callable(one) and not isinstance(one, type):
        return Function(one)
    named = one.__name__ + "(…)" if isinstance(one, type) else "TensorBoard('runs/first')"
    raise StepsizeError(
        f"sinks: {one!r} is no sink: list values of stepsize.adapters.sinks, such as {named}, or functions of a row"
    )


def needed(owner: str, module: str, package: str) -> Any:
    """The module of a tracker; where it is missing, the error says what to install."""
    try:
        return import_module(module)
    except ImportError as error:
        raise StepsizeError(
            f"{owner} needs the package {package}, which is not installed ({error}): pip install 'stepsize[sinks]'"
        ) from None


def numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a row, without its step.

    >>> numbers({"step": 3, "loss": 1, "decisions": []})
    {'loss': 1.0}
    """
    return {name: float(one) for name, one in row.items() if name not in _NO_NUMBERS}


def sentences(row: Mapping[str, Any]) -> str:
    """What was decided, as text; empty where nothing was.

    >>> sentences({"step": 3, "decisions": [{"kind": "plateau", "group": "head", "why": "not better"}]})
    'plateau (head): not better'
    """
    told = []
    for one in row.get("decisions", ()):
        group = f" ({one['group']})" if one.get("group") else ""
        told.append(f"{one['kind']}{group}: {one['why']}")
    return "; ".join(told)
