"""A schedule that is a Python function: it runs like any other and cannot be written down."""

from __future__ import annotations

import math

from .._errors import StepsizeError, shown
from .._language import say
from .._value import Value
from .base import Dialect
from .shapes import Curve, optional_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

    from ..lengths import Length


class opaque(Curve):
    """A factor that a Python function of yours computes.

    Formula: f(t) = function(t). Use it for a schedule that exists only as code, such as a LambdaLR's; it multiplies,
    follows and is clamped like any other. When not: where a text, a JSON document or a checkpoint is to hold the
    schedule; write `formula("…")` for arithmetic and `table(…)` for a list of values. It is no word of the language.

    `function` takes the step t ≥ 0, an int (between two steps, inside a `stretch`, a float), and returns a finite
    number ≥ 0; anything else, or an exception, is an error that names the step. It must depend on t alone, because
    steps are asked in any order. On arrays it is called entry by entry, so a compiler cannot trace it. `name` is for
    print (None: the function's own), `length` only matters inside a sequence. It never ends; with a length it holds
    the value of the end. It pickles where the function does.

    >>> halving = opaque(lambda t: 0.5 ** (t // 10), name="halving")
    >>> halving(10), str(0.1 * halving)
    (0.5, "0.1 * opaque('halving')")
    """

    __slots__ = ("function", "length", "name")
    function: Callable[[Any], Any]
    name: str
    length: Length | None

    def __init__(self, function: Callable[[Any], Any], name: str | None = None, length: Length | None = None) -> None:
        if not callable(function) or isinstance(function, Value):
            told = say(
                "opaque takes a Python function of the step, not {given}: write lambda t: …", given=shown(function)
            )
            raise StepsizeError(told)
        name = _called(function) if name is None else name
        if not isinstance(name, str) or not name or not name.isprintable():
            raise StepsizeError(say("opaque: name must be a text of one line, not {given}", given=shown(name)))
        self._store(function=function, name=name, length=optional_length("opaque", length))

    def _formula(self, t: str, write: Dialect) -> str:
        return write.call(self._value, self._held(t))

    def _value(self, t: float) -> float:
        """What the function returns, checked."""
        step = int(t) if math.isfinite(t) and t == int(t) else t
        try:
            value = float(self.function(step))
        except StepsizeError:
            raise
        except Exception as error:
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            told = say("{opaque}: the function failed at step {step}: {told}", opaque=self, step=step, told=said)
            raise StepsizeError(told) from error
        if not 0 <= value < math.inf:
            told = say(
                "{opaque}: the function must return a finite number ≥ 0, not {value} at step {step}",
                opaque=self,
                value=value,
                step=step,
            )
            raise StepsizeError(told)
        return value

    @property
    def _endless(self) -> bool:
        return True

    def __str__(self) -> str:
        length = "" if self.length is None else f", length={self.length!r}"
        return f"opaque({self.name!r}{length})"

    def __hash__(self) -> int:
        return hash(("opaque", self.name, self.length))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        import pickle

        try:
            pickle.dumps(self.function)
        except Exception:
            raise StepsizeError(unwritten(str(self))) from None
        return super().__reduce__()


def unwritten(which: str = "opaque(…)") -> str:
    """Why a Python function is in no text, document or pickle, and what to write instead."""
    return say(
        "{which} is a Python function, which cannot be written down or read back: "
        "write formula('…') for arithmetic of t, or table(…) for a list of values",
        which=which,
    )


def _called(function: Any) -> str:
    """The name of a function; of a partial the name of what it calls."""
    own = getattr(function, "__name__", None) or getattr(getattr(function, "func", None), "__name__", None)
    return "lambda" if own == "<lambda>" else own or type(function).__name__
