"""A plan: several schedules under names, for parameter groups and for other hyper-parameters than the rate."""

from __future__ import annotations

from keyword import iskeyword

from .._errors import StepsizeError, number, shown
from .._language import say
from .._value import Value
from .base import Factor
from .combine import DEEPEST, levels
from .rate import rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class plan(Value):
    """Schedules by name, for several hyper-parameters or groups.

    Formula: plan(t) = {name: value at t}. Use it to keep what belongs together in one value: rate, momentum and weight
    decay of a run, or the rates of backbone and head. A part is a number, a factor, a rate or another plan, under a
    Python name (`plan(lr=…, momentum=…)`, `plan(body=plan(lr=…), head=plan(lr=…))`). A bare number stays that number.
    After the end every part holds its own last value.

    >>> from stepsize import cosine, linear
    >>> plan(lr=0.1 * cosine(10), momentum=linear(0.85, 0.95, 10), weight_decay=0.01)(5)
    {'lr': 0.05, 'momentum': 0.9, 'weight_decay': 0.01}
    """

    __slots__ = ("parts",)
    parts: tuple[tuple[str, Any], ...]

    def __init__(self, /, **parts: Any) -> None:
        if not parts:
            raise StepsizeError(say("plan needs at least one part: write plan(lr=0.1 * cosine(), momentum=0.9)"))
        self._store(parts=tuple((name, _part(name, one)) for name, one in parts.items()))

    def __call__(self, t: Any = None) -> dict[str, Any]:
        """Every value at update `t`, by name."""
        return {name: one(t) if callable(one) else one for name, one in self.parts}

    def over(self, total_steps: int, **units: Any) -> plan:
        """The same plan with every length in steps, for a run of `total_steps` updates (units as in `Horizon`)."""
        return plan(**{name: one.over(total_steps, **units) if callable(one) else one for name, one in self.parts})

    def extend(self, total_steps: int, rule: str = "keep_share", **how: Any) -> plan:
        """The same plan for a run of another length: every part by the rule; see `stepsize.schedules.extend.extend`."""
        from .extend import extend

        return extend(self, total_steps, rule=rule, **how)  # type: ignore[no-any-return]

    def fields(self) -> dict[str, Any]:
        return dict(self.parts)

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        return ("…",)

    @classmethod
    def _make(cls, fields: dict[str, Any]) -> plan:
        return cls(**fields)

    def __hash__(self) -> int:
        return hash(("plan", frozenset(self.parts)))

    def __str__(self) -> str:
        return f"plan({', '.join(f'{name}={one!r}' for name, one in self.parts)})"


def _part(name: str, one: object) -> Any:
    if not name.isidentifier() or iskeyword(name) or name in ("word", "self"):
        raise StepsizeError(
            say(
                "plan: {name} cannot be a name here: write letters, digits and _, such as weight_decay",
                name=shown(name),
            )
        )
    if isinstance(one, (Factor, rate, plan)):
        if not isinstance(one, plan) and one.controllers:
            raise StepsizeError(
                say(
                    "plan: {name} has a controller, whose value depends on the run: {controller}",
                    name=name,
                    controller=one.controllers[0],
                )
            )
        if _levels(one) >= DEEPEST:
            raise StepsizeError(
                say("plan: {name} is nested too deeply: keep it under {most} levels", name=name, most=DEEPEST)
            )
        return one
    return number("plan", name, one)


def _levels(one: object) -> int:
    """How many plans and combinations a part has one inside the other."""
    if isinstance(one, plan):
        return 1 + max(_levels(part) for _, part in one.parts)
    factor = one.factor if isinstance(one, rate) else one
    return levels(factor) if isinstance(factor, Factor) else 0
