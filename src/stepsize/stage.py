"""The stages of a descent: what a clip, a rule and a weight decay are, each on the arrays that flow through it."""

from __future__ import annotations

from ._errors import StepsizeError
from ._value import Value
from .measures import Array as Array
from .measures import Arrays as Arrays
from .measures import larger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

RuleState: TypeAlias = "dict[str, Any]"


class Stage(Value):
    """One stage of a descent; `stage | stage` puts the second after the first.

    `traceable` says that `jax.jit` can follow it; all of ours are.
    """

    __slots__ = ()
    traceable = True

    def __or__(self, other: object) -> Any:
        from .descents import pipe

        return pipe(self, other)

    def __ror__(self, other: object) -> Any:
        from .descents import pipe

        return pipe(other, self)


class Transform(Stage):
    """A stage that changes what flows through it: a clip or a weight decay.

    One without a memory writes `apply`; one with a memory writes `init` and `step`.
    """

    __slots__ = ()

    def init(self, params: Arrays) -> RuleState:
        """The state before the first update: named numbers and arrays; {} for a stage that remembers nothing."""
        return {}

    def apply(self, flowing: Arrays, params: Arrays, many: bool = False) -> tuple[Arrays, Array]:
        """The changed arrays and the share of elements that were limited.

        `many` says that the first axis of every array counts runs; then the share has one entry for each run.
        """
        raise StepsizeError(f"{self} remembers what it saw: it works in a descent, {self} | sgd() | 0.1, not alone")

    def step(
        self, flowing: Arrays, params: Arrays, state: RuleState, about: dict[str, Any], many: bool = False
    ) -> tuple[Arrays, Array, RuleState]:
        """The changed arrays, the share limited, and the next state; nothing is changed in place.

        `about` is what it may look at besides: "grads", the raw gradient by array, and "rules", the rule's state by
        array (before the rule that of the last update, after it the new one). With `many` a number of the state
        becomes an array with one entry for each run; other arrays of a state have runs as their first axis.
        """
        flowing, share = self.apply(flowing, params, many)
        return flowing, share, state

    def check_rule(self, rule: Rule | None) -> None:
        """Refuse a rule before it that it cannot work after; None where none stands before it."""


class Clip(Transform):
    """Bounds what flows: the gradient before the rule, the update after the rate."""

    __slots__ = ()


class Rule(Stage):
    """Which way: `init(param) -> state`, `update(grad, state, param) -> (direction, state)`, array by array.

    Out of place, on the array's own namespace. The descent moves by −rate × direction.
    """

    __slots__ = ()
    scale_free = False  # True: gradients twice as long make the same direction
    averages_squares = False  # True: its state has a running mean of the squared gradient under "squares"

    def init(self, param: Array) -> RuleState:
        """The state before the first update, as named arrays and counters."""
        raise NotImplementedError

    def update(self, grad: Array, state: RuleState, param: Array) -> tuple[Array, RuleState]:
        """The direction for this gradient, and the next state."""
        raise NotImplementedError


def through(
    stages: tuple[Transform, ...],
    states: tuple[RuleState, ...],
    flowing: Arrays,
    params: Arrays,
    about: dict[str, Any],
    many: bool,
) -> tuple[Arrays, tuple[RuleState, ...], Array]:
    """What flows after some stages in a row, their next states, and the largest share that one of them limited."""
    if not flowing:  # no parameters: nothing to look at, nothing to remember
        return flowing, states, 0.0
    share: Array = 0.0
    after: list[RuleState] = []
    for stage, state in zip(stages, states, strict=True):
        flowing, limited, state = stage.step(flowing, params, state, about, many)
        share = larger(share, limited)
        after.append(state)
    return flowing, tuple(after), share
