"""A rate: the base number η₀ times a factor."""

from __future__ import annotations

from .._errors import StepsizeError, number, shown
from .._language import say
from .._space import namespace
from .._value import Value
from .base import Factor
from .shapes import constant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


class rate(Value):
    """How far: a base number times a factor, `0.1 * cosine()`.

    Formula: η_t = η₀·f(t); a bare number is a fixed rate. Use it as the one place where a base number stands. `base`
    is the learning rate η₀ ≥ 0, finite; `factor` a schedule, a controller or a product of both. A rate is complete:
    it can be scaled by more factors, and `>>` after it is an error, because the next part would jump to the bare
    factor 1. After the end it holds base × the factor's last value.

    >>> from stepsize import cosine, rate
    >>> (0.1 * cosine(10))(5)
    0.05
    >>> rate(0.1)(123)
    0.1
    """

    __slots__ = ("base", "factor")
    base: float
    factor: Factor

    def __init__(self, base: float, factor: Factor = constant()) -> None:  # noqa: B008  (frozen value)
        if not isinstance(factor, Factor):
            raise StepsizeError(
                say("rate: factor must be a schedule or a controller, not {given}", given=shown(factor))
            )
        self._store(base=number("rate", "base", base, low=0), factor=factor)

    @property
    def controllers(self) -> tuple[Any, ...]:
        """The controllers inside the factor, in the order of the text."""
        return self.factor.controllers

    def __call__(self, t: Any = None) -> Any:
        """The rate of update `t`: a number for a number, an array for an array."""
        factor = self.factor(t)
        if type(factor) is not float:
            return self._on_array(factor)
        value = self.base * factor
        if value < 1e309:  # infinity, as a constant
            return value
        raise StepsizeError(
            say("{rate} is too large for a number at step {step}: choose a smaller base", rate=self, step=shown(t))
        )

    def _on_array(self, factor: Any) -> Any:
        xp = namespace(factor)
        if xp.__name__ != "numpy":
            return self.base * factor
        with xp.errstate(over="ignore"):
            return self.base * factor

    def over(self, total_steps: int, **units: Any) -> rate:
        """The same rate with every length in steps, for a run of `total_steps` updates (units as in `Horizon`)."""
        return rate(self.base, self.factor.over(total_steps, **units))

    def extend(self, total_steps: int, rule: str = "keep_share", **how: Any) -> Any:
        """The same for a run of another length, by a stated rule; see `stepsize.schedules.extend.extend`."""
        from .extend import extend

        return extend(self, total_steps, rule=rule, **how)

    def with_base(self, base: float) -> rate:
        """The same rate around another base."""
        return rate(base, self.factor)

    def __mul__(self, other: object) -> Any:
        if isinstance(other, Factor):
            return rate(self.base, self.factor * other)
        if isinstance(other, (int, float)) and not isinstance(other, bool):
            return rate(self.base * number("rate", "base", other), self.factor)
        if isinstance(other, rate):
            raise StepsizeError(
                say(
                    "two rates cannot be multiplied, each has a base: write {line}",
                    line=rate(self.base, self.factor * other.factor),
                )
            )
        return NotImplemented

    def __rmul__(self, other: object) -> Any:
        if isinstance(other, Factor):
            return rate(self.base, other * self.factor)
        return self.__mul__(other)

    def __add__(self, other: object) -> NoReturn:
        added = other.factor if isinstance(other, rate) else other
        added = f"constant({shown(added)})" if isinstance(added, (int, float)) else added
        line = f"{self.base!r} * ({self.factor} + {added})"
        raise StepsizeError(say("a rate is complete: add inside it, {line}", line=line))

    def __rshift__(self, other: object) -> NoReturn:
        following = other.factor if isinstance(other, rate) else other
        following = f"constant({shown(following)})" if isinstance(following, (int, float)) else following
        raise StepsizeError(
            say(
                "a rate cannot be followed by a factor, it would jump to the bare factor: write {line}",
                line=f"{self.base!r} * ({self.factor} >> {following})",
            )
        )

    def __str__(self) -> str:
        if self.factor == constant():
            return repr(self.base)
        return f"{self.base!r} * {self.factor._grouped()}"

    def __repr__(self) -> str:
        return f"rate({self.base!r})" if self.factor == constant() else str(self)
