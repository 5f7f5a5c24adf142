"""What comes into a preset: checked once, by its annotations and by the bounds that its library sets itself.

An argument that the library refuses is an error with the name of the preset and of the argument, as the user wrote
them. An error of the words that a preset is made of names the preset as well.
"""

from __future__ import annotations

import functools
import inspect
from contextlib import suppress
from typing import NamedTuple

from .._errors import LengthError, StepsizeError, number, shown
from ..schedules.base import Factor
from ..schedules.rate import rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

MOST_STEPS = 2**53  # larger whole numbers are not exact in the arithmetic of a rate
LONGEST_LIST = 100_000


class Bounds(NamedTuple):
    """What a number, or every number of a list, must be; a list has at least `least` of them."""

    above: float | None = None
    low: float | None = None
    high: float | None = None
    below: float | None = None
    least: int = 0
    integral: bool = False

    def check(self, owner: str, field: str, value: object) -> None:
        """Raise an error that names the bounds where the value breaks them."""
        plain = number(owner, field, value, above=self.above, low=self.low, high=self.high, below=self.below)
        if self.integral and plain != int(plain):
            raise StepsizeError(f"{owner}: {field} must be a whole number, not {plain!r}")


ANY = Bounds()
POSITIVE = Bounds(above=0)
NATURAL = Bounds(low=0)
COUNT = Bounds(low=1)
SHARE = Bounds(low=0, high=1)
WHOLE = Bounds(low=-MOST_STEPS)  # a library takes what lies below 0, and does nothing then
LISTED = Bounds(low=1, high=LONGEST_LIST, integral=True)  # every one of them is written out
INSIDE = Bounds(above=0, below=1)
MEMORY = Bounds(low=0, below=1)
SOME = Bounds(least=1)
COUNTS = Bounds(low=1, least=1)
SHARES = Bounds(low=0, high=1, least=1)


def preset(**bounds: Bounds) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Check the arguments of a preset before it is made, and put its name before every error.

    `bounds` are by the names of arguments. What is annotated `int` must lie below 2^53, and is at least 0 unless its
    bounds say otherwise; what is annotated as a number or a list of them must be finite numbers.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        kinds = {name: _kind(str(one.annotation)) for name, one in signature.parameters.items()}

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            owner = function.__name__
            try:
                given = signature.bind(*args, **kwargs)
            except TypeError:
                return function(*args, **kwargs)  # which names what is missing, or too much
            for name, value in given.arguments.items():
                given.arguments[name] = _checked(owner, name, value, kinds[name], bounds.get(name))
            try:
                return _tried(function(*given.args, **given.kwargs))
            except StepsizeError as error:
                if str(error).startswith(owner):
                    raise
                raise StepsizeError(f"{_written(owner, given.arguments)}: {error}") from None
            except (ArithmeticError, LookupError, MemoryError) as error:
                raise StepsizeError(
                    f"{_written(owner, given.arguments)}: these arguments make no schedule ({type(error).__name__}): "
                    "write sizes that occur in a run"
                ) from None

        return checked

    return decorate


def together(owner: str, fits: bool, told: str) -> None:
    """Raise an error where arguments do not fit together; `told` says which, their values, and what to write."""
    if not fits:
        raise StepsizeError(f"{owner}: {told}")


def _tried(made: R) -> R:
    """The schedule, once it has a value at its first step; a length that depends on the run is tried later."""
    if isinstance(made, (rate, Factor)):
        with suppress(LengthError):
            made(0)
    return made


class Kind(NamedTuple):
    """What an annotation asks for."""

    of: str  # "int", "float", "bool", "str", "expression", "mapping", or "" for what is not checked here
    many: str  # "", "list" or "mapping"
    optional: bool


def _kind(annotation: str) -> Kind:
    text = annotation.removesuffix(" | None")
    optional, many = text != annotation, ""
    if text.startswith(("Sequence[", "Iterable[")):
        text, many = text.split("[", 1)[1].removesuffix("]"), "list"
    elif text.startswith("Mapping["):
        text, many = text.rsplit(", ", 1)[-1].removesuffix("]"), "mapping"
    if text in ("rate", "Factor", "Expression"):
        return Kind("expression", many, optional)
    if text.startswith("Mapping["):
        return Kind("mapping", many, optional)
    return Kind(text if text in ("int", "float", "bool", "str") else "", many, optional)


def _checked(owner: str, name: str, value: Any, kind: Kind, bounds: Bounds | None) -> Any:
    if value is None and kind.optional:
        return value
    if kind.many:
        return _checked_many(owner, name, value, kind, bounds)
    _check_one(owner, name, value, kind.of, bounds)
    return value


def _checked_many(owner: str, name: str, value: Any, kind: Kind, bounds: Bounds | None) -> Any:
    mapping = kind.many == "mapping"
    if isinstance(value, (str, bytes, set, frozenset)) or not hasattr(value, "items" if mapping else "__iter__"):
        wanted = "a mapping, such as {100: 0.5}" if mapping else "a list"
        raise StepsizeError(f"{owner}: {name} must be {wanted}, not {shown(value)}")
    made = dict(value) if mapping else list(value)
    least = bounds.least if bounds is not None else 0
    if not least <= len(made) <= LONGEST_LIST:
        raise StepsizeError(f"{owner}: {name} must have {least} to {LONGEST_LIST} values, not {len(made)}")
    for one in made.values() if isinstance(made, dict) else made:
        _check_one(owner, f"every one of {name}", one, kind.of, bounds)
    for key in made if isinstance(made, dict) and kind.of else ():
        number(owner, f"every key of {name}", key)
    return made


def _check_one(owner: str, name: str, value: Any, of: str, bounds: Bounds | None) -> None:
    if of == "int":
        _check_steps(owner, name, value, bounds or NATURAL)
    elif of == "float":
        (bounds or ANY).check(owner, name, value)
    elif of == "str" and not isinstance(value, str):
        raise StepsizeError(f"{owner}: {name} must be a word, not {shown(value)}")
    elif of == "expression" and not isinstance(value, (rate, Factor)):
        raise StepsizeError(f"{owner}: {name} must be a schedule, such as 0.1 * cosine(100), not {shown(value)}")
    elif of == "mapping" and not hasattr(value, "items"):
        raise StepsizeError(f"{owner}: {name} must be a mapping, such as {{'duration': 10}}, not {shown(value)}")
    elif of == "bool" and not isinstance(value, (bool, int)):
        raise StepsizeError(f"{owner}: {name} must be True or False, not {shown(value)}")


def _check_steps(owner: str, name: str, value: Any, bounds: Bounds) -> None:
    bounds._replace(high=MOST_STEPS if bounds.high is None else bounds.high).check(owner, name, value)


def _written(owner: str, arguments: dict[str, Any]) -> str:
    """The call as the user could have written it, shortened."""
    told = ", ".join(f"{name}={shown(value)}" for name, value in arguments.items())
    return f"{owner}({told if len(told) <= 80 else told[:79] + '…'})"
