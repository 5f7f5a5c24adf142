"""The stages of a descent and the pipe between them: clip, rule, rate, in the order the gradient flows."""

from __future__ import annotations

from ._errors import StepsizeError
from ._space import namespace
from ._value import Value
from .schedules.base import Factor
from .schedules.rate import rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from ._seen import seen

Array: TypeAlias = "Any"
Arrays: TypeAlias = "dict[str, Array]"
RuleState: TypeAlias = "dict[str, Any]"
Rate: TypeAlias = rate  # the property descent.rate would hide the class


class Stage(Value):
    """One stage of a descent; `stage | stage` puts the second after the first."""

    __slots__ = ()

    def __or__(self, other: object) -> Any:
        return pipe(self, other)

    def __ror__(self, other: object) -> Any:
        return pipe(other, self)


class Transform(Stage):
    """A stage without state that changes what flows through it: a clip or a weight decay."""

    __slots__ = ()

    def apply(self, flowing: Arrays, params: Arrays, many: bool = False) -> tuple[Arrays, Array]:
        """The changed arrays and the share of elements that were limited.

        `many` says that the first axis of every array counts runs; then the share has one entry for each run.
        """
        raise NotImplementedError


class Clip(Transform):
    """Bounds what flows: the gradient before the rule, the update after the rate."""

    __slots__ = ()


class Rule(Stage):
    """Which way: `init(param) -> state`, `update(grad, state, param) -> (direction, state)`, array by array.

    Out of place, on the array's own namespace. The descent moves by −rate × direction.
    """

    __slots__ = ()

    def init(self, param: Array) -> RuleState:
        """The state before the first update, as named arrays and counters."""
        raise NotImplementedError

    def update(self, grad: Array, state: RuleState, param: Array) -> tuple[Array, RuleState]:
        """The direction for this gradient, and the next state."""
        raise NotImplementedError


class State(Value):
    """What a descent remembers between updates: the rule's state by array, the controllers', updates done."""

    __slots__ = ("control", "done", "rules")
    rules: dict[str, RuleState]
    control: tuple[Any, ...]
    done: int

    def __init__(self, rules: dict[str, RuleState], control: tuple[Any, ...] = (), done: int = 0) -> None:
        self._store(rules=rules, control=control, done=done)


class Step(Value):
    """What one update did: its rate, the largest share of elements that a clip limited, and what controllers said."""

    __slots__ = ("clipped", "rate", "why")
    rate: float
    clipped: float
    why: str

    def __init__(self, rate: float, clipped: float, why: str = "") -> None:
        self._store(rate=rate, clipped=clipped, why=why)


class descent(Value):
    """A whole strategy, in the order the gradient flows.

    Formula: u = rule(clips(∇J)); Δ = clips(η_t·u); θ ← θ − Δ. Write it with `|`; `descent(*stages)` is the same.
    Before the rule a clip bounds the gradient, after the rate the update. It may be incomplete (no rule or no rate
    yet) while it is being written; running an incomplete one is an error. The rate alone says what happens at the end.

    >>> from stepsize import adam, clip, clip_norm, cosine
    >>> clip_norm(1) | adam() | 3e-4 * cosine() | clip(0.01)
    clip_norm(1) | adam() | 0.0003 * cosine() | clip(0.01)
    """

    __slots__ = ("stages",)
    stages: tuple[Stage | rate, ...]

    def __init__(self, *stages: Stage | rate) -> None:
        _check_order(stages)
        self._store(stages=tuple(stages))

    @property
    def rule(self) -> Rule:
        """The rule; an error where none is written yet."""
        for stage in self.stages:
            if isinstance(stage, Rule):
                return stage
        raise StepsizeError(f"{self} has no rule: write sgd() | {self}")

    @property
    def rate(self) -> Rate:
        """The rate; an error where none is written yet."""
        for stage in self.stages:
            if isinstance(stage, rate):
                return stage
        ruled = any(isinstance(stage, Rule) for stage in self.stages)
        raise StepsizeError(f"{self} has no rate: write {self} | {'' if ruled else 'sgd() | '}0.01")

    def split(self) -> tuple[tuple[Transform, ...], tuple[Transform, ...], tuple[Transform, ...]]:
        """The transforms before the rule, between rule and rate, and after the rate."""
        before, after = self.stages.index(self.rule), self.stages.index(self.rate)
        parts = (self.stages[:before], self.stages[before + 1 : after], self.stages[after + 1 :])
        first, middle, last = (tuple(one for one in part if isinstance(one, Transform)) for part in parts)
        return first, middle, last

    def over(self, total_steps: int, **units: Any) -> descent:
        """The same strategy with every length in steps, for a run of `total_steps` updates."""
        return self.with_rate(self.rate.over(total_steps, **units))

    def extend(self, total_steps: int, rule: str = "keep_share", **how: Any) -> Any:
        """The same for a run of another length, by a stated rule; see `stepsize.schedules.extend.extend`."""
        from .schedules.extend import extend

        return extend(self, total_steps, rule=rule, **how)

    def init(self, params: Arrays) -> State:
        """The state before the first update: the rule's for each array, the controllers', and the updates done."""
        rules = {name: self.rule.init(param) for name, param in params.items()}
        return State(rules, tuple(one.init() for one in self.rate.controllers), 0)

    def step(self, params: Arrays, grads: Arrays, state: State, now: seen) -> tuple[Arrays, State, Step]:
        """One pure update of one run: parameters, state and what happened. Lengths must be in steps (`.over`)."""
        factors, control, why = consult(self.rate.controllers, state.control, now)
        far = self.rate.base * self.rate.factor.with_control(state.done, factors)
        direction, rules, limited_grad = self.direct(params, grads, state.rules)
        update, limited_update = self.bound(params, {name: far * one for name, one in direction.items()})
        moved = {name: one - update[name] for name, one in params.items()}
        clipped = max(float(limited_grad), float(limited_update))
        return moved, State(rules, control, state.done + 1), Step(far, clipped, why)

    def direct(
        self, params: Arrays, grads: Arrays, states: dict[str, RuleState], many: bool = False
    ) -> tuple[Arrays, dict[str, RuleState], Array]:
        """From gradients to directions: the stages before the rate, the rule's next states, the share clipped."""
        before, between, _ = self.split()
        rule = self.rule
        grads, share = _through(before, grads, params, many)
        outcome = {name: rule.update(grad, states[name], params[name]) for name, grad in grads.items()}
        directions, later = _through(between, {name: one[0] for name, one in outcome.items()}, params, many)
        return directions, {name: one[1] for name, one in outcome.items()}, _larger(share, later)

    def bound(self, params: Arrays, update: Arrays, many: bool = False) -> tuple[Arrays, Array]:
        """The update within the clips after the rate, and the share clipped."""
        return _through(self.split()[2], update, params, many)

    def with_rate(self, new: Rate) -> descent:
        """The same strategy with another rate."""
        return descent(*(new if isinstance(stage, rate) else stage for stage in self.stages))

    def with_base(self, base: float) -> descent:
        """The same strategy around another base rate."""
        return self.with_rate(rate(base, self.rate.factor))

    def __or__(self, other: object) -> Any:
        return pipe(self, other)

    def __ror__(self, other: object) -> Any:
        return pipe(other, self)

    def __str__(self) -> str:
        """The stages with their pipes; a lone stage would be read as itself, so it keeps the call."""
        if len(self.stages) == 1:
            return f"descent({self.stages[0]!r})"
        return " | ".join(str(stage) for stage in self.stages)


def pipe(left: object, right: object) -> Any:
    """`left | right`, with what each side is checked."""
    stages = (*_stages(left), *_stages(right))
    return descent(*stages) if stages and _stages(left) and _stages(right) else NotImplemented


def _stages(side: object) -> tuple[Stage | rate, ...]:
    if isinstance(side, descent):
        return side.stages
    if isinstance(side, (Stage, rate)):
        return (side,)
    if isinstance(side, (int, float)) and not isinstance(side, bool):
        return (rate(side),)
    if isinstance(side, Factor):
        raise StepsizeError(f"{side} is a factor without a base rate: write 0.01 * {side._grouped()}")
    return ()


def consult(
    controllers: tuple[Any, ...], states: tuple[Any, ...], now: seen
) -> tuple[tuple[float, ...], tuple[Any, ...], str]:
    """Ask every controller: their factors, their next states, and what they said."""
    answers = [one.step(state, now) for one, state in zip(controllers, states, strict=True)]
    return (
        tuple(factor for factor, _, _ in answers),
        tuple(state for _, state, _ in answers),
        "; ".join(f"{one.word()}: {why}" for one, (_, _, why) in zip(controllers, answers, strict=True) if why),
    )


def _through(stages: tuple[Transform, ...], flowing: Arrays, params: Arrays, many: bool) -> tuple[Arrays, Array]:
    share: Array = 0.0
    for stage in stages:
        flowing, limited = stage.apply(flowing, params, many)
        share = _larger(share, limited)
    return flowing, share


def _larger(a: Array, b: Array) -> Array:
    if type(a) is float:  # no clip yet; a NumPy number is a float too, and counts
        return b
    return a if type(b) is float else namespace(a).maximum(a, b)


def _check_order(stages: tuple[Stage | rate, ...]) -> None:
    """At most one rule and one rate, the rule first, and only clips after the rate."""
    if not stages:
        raise StepsizeError("descent needs stages: write sgd() | 0.01")
    ruled = rated = None
    for stage in stages:
        if isinstance(stage, rate):
            if ruled is None:
                raise StepsizeError(f"a rate comes after a rule: write sgd() | {stage}")
            if rated is not None:
                raise StepsizeError(f"two rates, {rated} and {stage}: a descent has one; multiply factors instead")
            rated = stage
        elif isinstance(stage, Rule):
            if rated is not None or ruled is not None:
                raise StepsizeError(
                    f"two rules or a rule after the rate: {stage} must be the only one, before the rate"
                )
            ruled = stage
        elif isinstance(stage, Transform):
            if rated is not None and not isinstance(stage, Clip):
                raise StepsizeError(f"after the rate only a clip may follow: write {stage} before the rate {rated}")
        else:
            raise StepsizeError(f"a descent is made of clips, a rule and a rate, not {stage!r}: write sgd() | 0.01")


def broadcast(per_run: Array, array: Array) -> Array:
    """One number for each run, shaped so that it multiplies that run's part of `array`."""
    return namespace(array).reshape(per_run, (-1,) + (1,) * (array.ndim - 1))
