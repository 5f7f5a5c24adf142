"""A recipe: how a worker makes what it trains on, as a call that can be sent to it."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from ..._errors import StepsizeError, shown
from ..._language import say
from .base import Source

PICKLERS = ("cloudpickle", "joblib.externals.cloudpickle")  # these send a function of a script or a notebook itself


@dataclass(frozen=True)
class Recipe:
    """A call that makes a problem: a worker makes it once and keeps it.

    `function` must make the same problem wherever it is called, as functions of modules do that read the same data.
    One that is written in a script or a notebook needs cloudpickle, or joblib, which comes with scikit-learn.

    >>> Recipe(complex, (1.0, 2.0)).made()
    (1+2j)
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def made(self) -> Source:
        """What the call returns."""
        made: Source = self.function(*self.arguments, **self.options)
        return made

    def packed(self) -> bytes:
        """The call as bytes for a worker."""
        try:
            found = (_pickler() or pickle).dumps(self)
        except Exception as error:
            raise StepsizeError(
                say(
                    "{function} cannot be sent to other processes ({error}): build the problem in a function of a "
                    "file, and write path/to/file.py:function",
                    function=shown(self.function),
                    error=_first_line(error),
                )
            ) from error
        if _pickler() is None and b"__main__" in found:
            raise StepsizeError(
                say(
                    "{function} is written in the script itself, where other processes do not find it: put it into a "
                    "file of its own, or pip install cloudpickle",
                    function=shown(self.function),
                )
            )
        return bytes(found)


def unpacked(packed: bytes) -> Recipe:
    """The recipe of `Recipe.packed`."""
    found: Recipe = pickle.loads(packed)
    return found


def _pickler() -> ModuleType | None:
    for name in PICKLERS:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
