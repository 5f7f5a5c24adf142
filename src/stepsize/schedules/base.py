"""What every factor is: a closed formula of t, written once as text and run on numbers and on arrays."""

from __future__ import annotations

import math

from .._errors import FARTHEST, LengthError, StepsizeError, shown
from .._language import say
from .._space import as_float64, namespace
from .._value import Value, field
from ..lengths import Horizon
from .functions import array_functions, kept, scalar_functions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, ClassVar, Self

    from .boundaries import Clock, Mark

_LONGEST = 1_000_000  # characters of a formula, far more than the longest sequence that a text can hold


class Dialect:
    """How a formula is written down: `scalar` for one number (branches), else for arrays (elementwise).

    With `stretches` a sequence evaluates each of its parts on the part's own steps, where the steps rise.
    """

    __slots__ = ("constants", "controllers", "functions", "names", "scalar", "stretches")

    def __init__(self, scalar: bool, stretches: bool = False) -> None:
        self.scalar, self.stretches = scalar, stretches
        self.controllers = self.names = 0
        self.constants: list[tuple[float, ...]] = []
        self.functions: list[Callable[[float], float]] = []

    def bound(self, value: str, body: Callable[[str], str]) -> str:
        """What `body` writes about a value, computed once: where it stands twice or more, under a name of its own.

        So a formula inside a formula inside a formula grows by a sum, not by a product.
        """
        if value.isidentifier():
            return body(value)
        name = self.name()
        text = body(name)
        if "(" not in value[1:] and len(value) <= 30:  # cheaper again than kept
            return text.replace(name, value)
        count = text.count(name)
        return text.replace(name, value) if count < 2 else f"(({name} := {value}), {text})[1]"

    def name(self) -> str:
        """A name that no other part of the formula has."""
        self.names += 1
        return f"x{self.names}_"

    def where(self, condition: str, yes: str, no: str) -> str:
        """`yes` where the condition holds, else `no`."""
        return f"({yes} if {condition} else {no})" if self.scalar else f"where({condition}, {yes}, {no})"

    def table(self, values: tuple[float, ...]) -> str:
        """The name of a list of numbers, for `pick(table, i)` and `reached(t, table)` (how many entries are ≤ t)."""
        self.constants.append(tuple(float(one) for one in values))
        return f"k{len(self.constants) - 1}"

    def call(self, function: Callable[[float], float], t: str) -> str:
        """The value of a Python function, which is called with one number at a time."""
        self.functions.append(function)
        return f"f{len(self.functions) - 1}({t})"

    def progress(self, t: str, length: int) -> str:
        """t / length, held at 1 after the end."""
        if self.scalar:
            return f"({t} / {length} if {_before(t, length)} else 1.0)"
        return f"share({t} / {length})"

    def curve(self, t: str, length: int, shape: Callable[[str], str], last: float) -> str:
        """A shape of the progress u, with its last value held; for one number the held part needs no shape at all."""
        if self.scalar:
            return f"({shape(f'{1 / length!r} * {t}')} if {_before(t, length)} else {last!r})"
        return shape(self.progress(t, length))

    def next_controller(self) -> str:
        """The place of the next controller's factor among what the formula is given."""
        self.controllers += 1
        return f"c[{self.controllers - 1}]"


def _before(t: str, length: int) -> str:
    """`(t - 100) < 900`, written as `t < 1000` where it can be."""
    inner = t.removeprefix("(t - ").removesuffix(")")
    return f"t < {int(inner) + length}" if inner.isdecimal() and t == f"(t - {inner})" else f"{t} < {length}"


class Place:
    """Where a part stands in the run: the updates from `start` to `end`.

    `pin` asks an endless part to end there; `from_end` says that the part is counted back from `end`.
    """

    __slots__ = ("end", "from_end", "pin", "start")

    def __init__(self, start: int, end: int, pin: bool, from_end: bool = False) -> None:
        self.start, self.end, self.pin, self.from_end = start, end, pin, from_end

    def resolved(self, horizon: Horizon, owner: str, field: str, length: Any) -> Any:
        """A length in steps, or a tuple of them; what is no length stays as it is."""
        if isinstance(length, tuple):
            return tuple(self.resolved(horizon, owner, field, one) for one in length)
        if not isinstance(length, str):
            return length
        return horizon.steps(owner, field, length, self.end if self.from_end else self.start, self.from_end)


class Factor(Value):
    """A dimensionless factor: a schedule (a function of t), a controller, or a combination of both.

    `factor * factor` multiplies, `factor >> factor` puts one after the other, `number * factor` is a rate.
    """

    _lengths: ClassVar[tuple[str, ...]] = ("length",)
    _scalar: Callable[..., Any] = field(init=False)
    _arrays: dict[str, Callable[..., Any]] = field(init=False)

    def _formula(self, t: str, write: Dialect) -> str:
        """The factor at step `t` as text over + - * / // % and the functions of `functions.py`."""
        raise NotImplementedError

    def _marks(self, clock: Clock, low: int, high: int) -> Iterator[Mark]:
        """The updates after `low` and before `high` where a part of it begins or ends, each with a label; unsorted.

        None here: a word that has parts says where they begin.
        """
        return iter(())

    def _rest(self) -> int | None:
        """The step from which it keeps its value for ever, lengths in steps; None where it never does.

        None here too: only a word that knows its end can say that it rests.
        """
        return None

    @property
    def _spare(self) -> float:
        """The part of its last step that it does not need, where it ends within one."""
        return 0.0

    @property
    def controllers(self) -> tuple[Any, ...]:
        """The controllers inside, in the order of the text."""
        return ()

    def __call__(self, t: Any = None) -> Any:
        """The factor of update `t` (updates already done, from 0): a number for a number, an array for an array."""
        try:
            if (type(t) is int or type(t) is float) and 0 <= t <= 9007199254740992:  # FARTHEST, as a constant
                value = self._scalar(t)
                if value < 1e309:  # infinity, as a constant; no factor is negative, and NaN is less than nothing
                    return value
                return self._as_entry(t, say("it is {value}", value=value))
        except AttributeError:
            return self._first_call(t)
        except TypeError as error:
            raise self._depends() if self.controllers else self._undefined(t, error) from None
        except (ValueError, ArithmeticError) as error:
            if isinstance(error, StepsizeError):
                raise
            return self._as_entry(t, error)
        return self._odd(t)

    def _odd(self, t: Any) -> Any:
        """The factor at an array, and at a number of another type or beyond what floats count in ones."""
        if hasattr(t, "shape") and not isinstance(t, float):
            return self._on_array(t)
        if t is None:
            raise StepsizeError(
                f"{self} is a function of the step: call it with one, f(0); Keras calls a learning_rate without: hand "
                "the callback LearningRateScheduler(f) to fit"
            )
        try:
            step = math.nan if isinstance(t, (str, bytes)) else float(t)
        except (TypeError, ValueError, OverflowError):
            step = math.nan
        if not step >= 0:
            raise StepsizeError(say("a schedule starts at step 0: t must be ≥ 0, not {given}", given=shown(t)))
        return self(step) if step <= FARTHEST else self._as_entry(step, say("it is too far"))

    def _as_entry(self, t: float, error: object) -> float:
        """What an array has at a step where a number has no answer: arrays go on from 1/0, as to min(1/0, 1)."""
        import numpy as np

        _made(self, np)
        written = self._arrays["numpy"].__name__ == "<lambda>"  # else it calls Python, which comes back here
        value = float(self._on_array(np.asarray([t], dtype=np.float64))[0]) if written else math.nan
        if not 0 <= value < math.inf:
            raise self._undefined(t, error)
        return value

    def _first_call(self, t: float) -> float:
        """Compile the formula for numbers, then use it."""
        if self.controllers:
            raise self._depends() from None
        object.__setattr__(self, "_scalar", self._compile(None))
        return float(self(t))

    def with_control(self, t: float, factors: tuple[float, ...]) -> float:
        """The factor of update `t` when the controllers inside answer `factors`."""
        if not factors:
            return float(self(t))
        if not hasattr(self, "_scalar"):
            object.__setattr__(self, "_scalar", self._compile(None))
        try:
            value = float(self._scalar(t, factors))
        except (ValueError, ArithmeticError) as error:
            raise error if isinstance(error, StepsizeError) else self._undefined(t, error) from None
        if not value < math.inf:
            raise self._undefined(t, say("it is {value}", value=value))
        return value

    def _on_array(self, t: Any) -> Any:
        xp = namespace(t)
        _made(self, xp)
        t = as_float64(t, xp)
        if xp.__name__ == "numpy":
            with xp.errstate(all="ignore"):
                value = self._arrays["numpy"](t)
        else:
            value = self._arrays[xp.__name__](t)
        return xp.full_like(t, value) if isinstance(value, (int, float)) else value

    def _compile(self, xp: Any) -> Callable[..., Any]:
        if xp is not None and self.controllers:
            raise self._depends()
        write = Dialect(scalar=xp is None, stretches=xp is not None and xp.__name__ == "numpy")
        text = self._formula("t", write)
        if xp is not None:
            if write.functions:
                return self._entry_by_entry(xp)
            text = _in_floats(text)
        if len(text) > _LONGEST:
            told = say(
                "the expression is too long to compute ({length} characters): write it as a table", length=len(text)
            )
            raise StepsizeError(told)
        arguments = "t, c" if self.controllers else "t"
        functions = scalar_functions() if xp is None else array_functions(xp)
        for i, values in enumerate(write.constants):
            functions[f"k{i}"] = values if xp is None else kept(values, xp)
        functions |= {f"f{i}": function for i, function in enumerate(write.functions)}
        try:
            return eval(f"lambda {arguments}: {text}", functions)  # type: ignore[no-any-return]
        except SyntaxError as error:
            if "nested" not in error.msg:
                raise RuntimeError(f"a word in {self} writes no Python: {error.msg} in {error.text!r}") from error
            raise self._too_deep() from None
        except (RecursionError, MemoryError):
            raise self._too_deep() from None

    @staticmethod
    def _too_deep() -> StepsizeError:
        return StepsizeError(say("the expression is nested too deeply: keep it under 50 levels"))

    def _entry_by_entry(self, xp: Any) -> Callable[..., Any]:
        """Arrays by way of numbers, for what has a Python function inside; so no branch is asked that is not taken."""

        def on_array(t: Any) -> Any:
            flat = xp.reshape(t, (-1,))
            try:
                steps = [float(flat[i]) for i in range(flat.shape[0])]
            except TypeError:  # a traced array has no numbers
                raise StepsizeError(
                    f"{self} calls Python and cannot be traced: write table(…) or formula('…')"
                ) from None
            where = {"device": t.device} if xp.__name__ == "torch" else {}
            return xp.reshape(xp.asarray([self(step) for step in steps], dtype=t.dtype, **where), t.shape)

        return on_array

    def _undefined(self, t: float, error: object) -> StepsizeError:
        step = shown(t)
        if isinstance(error, Exception):
            return StepsizeError(say("{factor} has no value at step {step}: {why}", factor=self, step=step, why=error))
        return StepsizeError(say("{factor} has no value at step {step}: {told}", factor=self, step=step, told=error))

    def _depends(self) -> StepsizeError:
        return StepsizeError(
            say("{factor} has a controller: its value depends on the run, not on t alone; use descend", factor=self)
        )

    def over(self, total_steps: int, **units: Any) -> Self:
        """The same factor with every length in steps, for a run of `total_steps` updates (units as in `Horizon`)."""
        horizon = Horizon(total_steps, **units)
        return self._resolve(horizon, Place(0, horizon.total_steps, pin=False))

    def extend(self, total_steps: int, rule: str = "keep_share", **how: Any) -> Any:
        """The same for a run of another length, by a stated rule; see `stepsize.schedules.extend.extend`."""
        from .extend import extend

        return extend(self, total_steps, rule=rule, **how)

    def _resolve(self, horizon: Horizon, place: Place) -> Self:
        """The same with lengths in steps, for its place in the run."""
        changes: dict[str, Any] = {}
        for name in (one for one in self._lengths if one in self.field_names()):
            found = place.resolved(horizon, self.word(), name, getattr(self, name))
            if found != getattr(self, name):
                changes[name] = found
        if "length" in self._lengths and self.fields().get("length", 0) is None and (place.pin or not self._endless):
            changes["length"] = place.end - place.start
        return self.replace(**changes) if changes else self

    @property
    def _endless(self) -> bool:
        """True where the formula needs no length to be evaluated."""
        return False

    @property
    def _sized(self) -> bool:
        """True where it brings its own length, in whatever unit; False where it takes what is left."""
        return self.fields().get("length") is not None

    def _steps(self) -> int | None:
        """How many steps this part takes inside a sequence; None when it takes what is left."""
        length = self.fields().get("length")
        return length if isinstance(length, int) else None

    def _length(self) -> int:
        """The length in steps, or an error that says how to give one."""
        length = self.fields()["length"]
        if isinstance(length, int):
            return length
        raise unresolved(self)

    def _held(self, t: str) -> str:
        """The step, held at the length of an endless shape that has one."""
        return t if self.fields()["length"] is None else f"least({t}, {self._length()})"

    def __mul__(self, other: object) -> Any:
        from .combine import multiply

        return multiply(self, other)

    def __rmul__(self, other: object) -> Any:
        from .combine import multiply

        return multiply(other, self)

    def __add__(self, other: object) -> Any:
        from .arithmetic import add

        return add(self, other)

    def __rshift__(self, other: object) -> Any:
        from .combine import follow

        return follow(self, other)

    def _grouped(self) -> str:
        """The text as one operand of `*`."""
        return str(self)

    def _summand(self) -> str:
        """The text as one operand of `+`."""
        return str(self)


def _made(f: Factor, xp: Any) -> None:
    """Compile the formula for the arrays of a namespace, once."""
    if not hasattr(f, "_arrays"):
        object.__setattr__(f, "_arrays", {})
    if xp.__name__ not in f._arrays:
        f._arrays[xp.__name__] = f._compile(xp)


# torch.compile cannot trace how a formula is made: it is to call this, as it does what its own marker marks
_made._dynamo_marked_constant = True  # type: ignore[attr-defined]


def _in_floats(text: str) -> str:
    """A formula for arrays, with large whole numbers as floats: beside an array of 32 bits they would overflow."""
    import re

    return re.sub(r"(?<![\w.])\d{10,}(?![\w.])", r"\g<0>.0", text)


def unresolved(part: Factor, field: str = "length") -> LengthError:
    """The error for a value asked of an expression whose lengths are not known in steps."""
    if field == "length" and "length" in part.field_names():
        sized = part.replace(length=1000)
        told = say("{part} has no length in steps yet: call .over(total_steps=…), or write {it}", part=part, it=sized)
        return LengthError(told)
    told = say(
        "{part} has no length in steps yet: call .over(total_steps=…), or give its parts lengths in steps", part=part
    )
    return LengthError(told)
