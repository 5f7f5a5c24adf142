"""The stages of a descent and the pipe between them: clip, rule, rate, in the order the gradient flows."""

from __future__ import annotations

from ._errors import StepsizeError
from ._space import namespace
from ._value import Value, field
from .measures import Array as Array
from .measures import Arrays as Arrays
from .quantities import Memory, at_start, check_there, consult, measure, needs_of, remember
from .schedules.base import Factor
from .schedules.rate import rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from .observed import seen

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


class State(Value):
    """What a descent remembers between updates; with the parameters it is all that continuing needs.

    The rule's state by array, the controllers', the updates done, the state of each transform in the order of the
    text, and the arrays of the last update (and the start) that a controller's quantities look back at.
    """

    __slots__ = ("control", "done", "memory", "rules", "transforms")
    rules: dict[str, RuleState]
    control: tuple[Any, ...]
    done: int
    transforms: tuple[RuleState, ...]
    memory: Memory

    def __init__(
        self,
        rules: dict[str, RuleState],
        control: tuple[Any, ...],
        done: int,
        transforms: tuple[RuleState, ...],
        memory: Memory,
    ) -> None:
        put = object.__setattr__  # made at every stage of every update: written out, it is twice as fast
        put(self, "rules", rules)
        put(self, "control", control)
        put(self, "done", done)
        put(self, "transforms", transforms)
        put(self, "memory", memory)


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
    _parts: tuple[tuple[Transform, ...], tuple[Transform, ...], tuple[Transform, ...]] = field(init=False)

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
        try:
            return self._parts
        except AttributeError:
            object.__setattr__(self, "_parts", self._split())
        return self._parts

    def _split(self) -> tuple[tuple[Transform, ...], tuple[Transform, ...], tuple[Transform, ...]]:
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

    @property
    def needs(self) -> frozenset[str]:
        """The quantities of `seen` that its controllers look at."""
        controllers = self.rate.controllers
        return needs_of(controllers) if controllers else frozenset()

    def init(self, params: Arrays) -> State:
        """The state before the first update."""
        rules = {name: self.rule.init(param) for name, param in params.items()}
        control = tuple(one.init() for one in self.rate.controllers)
        transforms = tuple(one.init(params) for part in self.split() for one in part)
        return State(rules, control, 0, transforms, at_start(self.needs, params))

    def step(
        self, params: Arrays, grads: Arrays, state: State, now: seen, loss_of: Callable[[Arrays], Any] | None = None
    ) -> tuple[Arrays, State, Step]:
        """One pure update of one run: parameters, state and what happened. Lengths must be in steps (`.over`).

        `now` brings what the caller knows (loss, metric, grad_variance, progress); what the arrays tell is measured
        here where a controller needs it. `loss_of`, from parameters to the loss of the same batch, makes `loss_at`.
        """
        directions, after, limited_grad = self.direct(params, grads, state)
        at = {"params": params, "grads": grads, "directions": directions}
        needs = self.needs
        if needs:
            now = self._notice(needs, at, after, now, loss_of)
        factors, control, why = consult(self.rate.controllers, state.control, now)
        far = self.rate.base * self.rate.factor.with_control(state.done, factors)
        moved, after, limited_update = self._move(at, after, far)
        clipped = max(float(limited_grad), float(limited_update))
        memory = remember(needs, at, state.memory)
        return moved, State(after.rules, control, state.done + 1, after.transforms, memory), Step(far, clipped, why)

    def direct(self, params: Arrays, grads: Arrays, state: State, many: bool = False) -> tuple[Arrays, State, Array]:
        """From gradients to directions: the stages before the rate, their next states, the share clipped."""
        before, between, after = self.split()
        rule, old = self.rule, state.transforms
        about = {"grads": grads, "rules": state.rules}
        limited, first, share = _through(before, old[: len(before)], grads, params, about, many)
        outcome = {name: rule.update(grad, state.rules[name], params[name]) for name, grad in limited.items()}
        rules = {name: one[1] for name, one in outcome.items()}
        about = {"grads": grads, "rules": rules}
        rest = len(old) - len(after)
        directions = {name: one[0] for name, one in outcome.items()}
        directions, second, later = _through(between, old[len(before) : rest], directions, params, about, many)
        transforms = (*first, *second, *old[rest:])
        return directions, State(rules, state.control, state.done, transforms, state.memory), _larger(share, later)

    def bound(
        self, params: Arrays, update: Arrays, grads: Arrays, state: State, many: bool = False
    ) -> tuple[Arrays, State, Array]:
        """The update within the clips after the rate, their next states, and the share clipped."""
        last = self.split()[2]
        if not last:
            return update, state, 0.0
        kept = len(state.transforms) - len(last)
        about = {"grads": grads, "rules": state.rules}
        update, states, share = _through(last, state.transforms[kept:], update, params, about, many)
        transforms = (*state.transforms[:kept], *states)
        return update, State(state.rules, state.control, state.done, transforms, state.memory), share

    def trial(
        self, at: Memory, state: State, loss_of: Callable[[Arrays], Any], many: bool = False
    ) -> Callable[[float], float]:
        """From a rate to the loss where it leads from here, `state` being the one after `direct`; nothing is kept."""

        def loss_at(rate: float) -> float:
            return float(loss_of(self._move(at, state, rate, many)[0]))

        return loss_at

    def _move(self, at: Memory, state: State, far: float, many: bool = False) -> tuple[Arrays, State, Array]:
        """The parameters that this rate leads to, the next states and the share clipped."""
        update = {name: far * one for name, one in at["directions"].items()}
        update, state, share = self.bound(at["params"], update, at["grads"], state, many)
        return {name: one - update[name] for name, one in at["params"].items()}, state, share

    def _notice(
        self, needs: frozenset[str], at: Memory, state: State, now: seen, loss_of: Callable[[Arrays], Any] | None
    ) -> seen:
        """The record for the controllers: what the caller knows, and what has to be measured."""
        wanted = {name for name in needs if getattr(now, name) is None}
        more: dict[str, Any] = {name: float(one) for name, one in measure(wanted, at, state.memory).items()}
        if "rate" in wanted:
            more["rate"] = self.without_control(state.done)
        if "loss_at" in wanted and loss_of is not None:
            more["loss_at"] = self.trial(at, state, loss_of)
        now = now.replace(**more) if more else now
        there = {name for name in needs if getattr(now, name) is not None}
        check_there(self.rate.controllers, there, first=state.done == 0)
        return now

    def without_control(self, t: float) -> float:
        """The rate of update `t` where every controller answers 1."""
        ones = tuple(1.0 for _ in self.rate.controllers)
        return self.rate.base * self.rate.factor.with_control(t, ones)

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


def _through(
    stages: tuple[Transform, ...],
    states: tuple[RuleState, ...],
    flowing: Arrays,
    params: Arrays,
    about: dict[str, Any],
    many: bool,
) -> tuple[Arrays, tuple[RuleState, ...], Array]:
    if not flowing:  # no parameters: nothing to look at, nothing to remember
        return flowing, states, 0.0
    share: Array = 0.0
    after: list[RuleState] = []
    for stage, state in zip(stages, states, strict=True):
        flowing, limited, state = stage.step(flowing, params, state, about, many)
        share = _larger(share, limited)
        after.append(state)
    return flowing, tuple(after), share


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
    if ruled is not None:
        for i, stage in enumerate(stages):
            if isinstance(stage, Transform):
                stage.check_rule(ruled if ruled in stages[:i] else None)


def broadcast(per_run: Array, array: Array) -> Array:
    """One number for each run, shaped so that it multiplies that run's part of `array`."""
    return namespace(array).reshape(per_run, (-1,) + (1,) * (array.ndim - 1))
