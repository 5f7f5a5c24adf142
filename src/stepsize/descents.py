"""A descent: a whole strategy as one value, and the pipe that puts it together in the order the gradient flows."""

from __future__ import annotations

from ._errors import StepsizeError
from ._language import say
from ._value import Value, field
from .measures import broadcast as broadcast
from .quantities import at_start, check_there, consult, needs_of
from .schedules.base import Factor
from .schedules.rate import rate
from .stage import Array as Array
from .stage import Arrays as Arrays
from .stage import Clip as Clip
from .stage import Rule as Rule
from .stage import RuleState as RuleState
from .stage import Stage as Stage
from .stage import Transform as Transform
from .update import Parts, advance, bound, direct, trial
from .update import State as State
from .update import Step as Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from .observed import seen
    from .quantities import Memory

Rate: TypeAlias = rate  # the property descent.rate would hide the class


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
    _parts: Parts = field(init=False)

    def __init__(self, *stages: Stage | rate) -> None:
        _check_order(stages)
        self._store(stages=tuple(stages))

    @property
    def rule(self) -> Rule:
        """The rule; an error where none is written yet."""
        for stage in self.stages:
            if isinstance(stage, Rule):
                return stage
        raise StepsizeError(say("{part} has no rule: write sgd() | {part}", part=self))

    @property
    def rate(self) -> Rate:
        """The rate; an error where none is written yet."""
        for stage in self.stages:
            if isinstance(stage, rate):
                return stage
        ruled = any(isinstance(stage, Rule) for stage in self.stages)
        line = f"{self} | {'' if ruled else 'sgd() | '}0.01"
        raise StepsizeError(say("{part} has no rate: write {line}", part=self, line=line))

    @property
    def parts(self) -> Parts:
        """The stages by their place; an error where the rule or the rate is not written yet."""
        try:
            return self._parts
        except AttributeError:
            object.__setattr__(self, "_parts", self._split())
        return self._parts

    def _split(self) -> Parts:
        rule, far = self.rule, self.rate
        before, after = self.stages.index(rule), self.stages.index(far)
        cut = (self.stages[:before], self.stages[before + 1 : after], self.stages[after + 1 :])
        first, middle, last = (tuple(one for one in part if isinstance(one, Transform)) for part in cut)
        return Parts(first, rule, middle, far, last, far.controllers)

    def split(self) -> tuple[tuple[Transform, ...], tuple[Transform, ...], tuple[Transform, ...]]:
        """The transforms before the rule, between rule and rate, and after the rate."""
        return self.parts.before, self.parts.between, self.parts.after

    @property
    def traceable(self) -> bool:
        """Whether `jax.jit` can follow a whole update: controllers answer on the host, of stages each says it."""
        return all(one.traceable for one in (*self.stages, *self.rate.controllers) if not isinstance(one, rate))

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
        return needs_of(self.rate.controllers)

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
        Without controllers the whole of it can be traced, with the state's numbers as arrays (`jax.jit`, `lax.scan`).
        """
        parts = self.parts
        needs = needs_of(parts.controllers)
        known = now.known() if parts.controllers else {}

        def decide(noticed: dict[str, Any], at: Memory, after: State) -> tuple[Any, tuple[Any, ...], Any]:
            if not parts.controllers:
                return _rate_at(parts.rate, state.done)
            told: dict[str, Any] = {}
            if loss_of is not None and "loss_at" in needs and "loss_at" not in known:
                told["loss_at"] = trial(parts, at, after, loss_of)
            return self._consulted(state, now, known, noticed, told)

        moved, after, step, _ = advance(parts, params, grads, state, needs, known, decide)
        return moved, after, step

    def _consulted(
        self, state: State, now: seen, known: dict[str, Any], noticed: dict[str, Any], told: dict[str, Any]
    ) -> tuple[float, tuple[Any, ...], str]:
        """The rate of this update, after its controllers were asked, and what they then remember and say."""
        controllers, done = self.parts.controllers, self._on_host(state.done)
        more = {name: float(one) for name, one in noticed.items() if name not in known} | told
        if "rate" not in known and "rate" in self.needs:
            more["rate"] = self.without_control(done)
        check_there(controllers, known | more, first=done == 0)
        factors, control, why = consult(controllers, state.control, now.replace(**more) if more else now, done)
        return self.rate.base * self.rate.factor.with_control(done, factors), control, why

    def _on_host(self, done: Any) -> int:
        """The updates done as a plain number, which a traced one is not."""
        try:
            return int(done.__index__())
        except (AttributeError, TypeError):
            said = ", ".join(one.word() for one in self.parts.controllers)
            raise StepsizeError(
                f"{said} answers on the host and cannot be traced: call step outside jit, or leave it out of {self}"
            ) from None

    def direct(self, params: Arrays, grads: Arrays, state: State, many: bool = False) -> tuple[Arrays, State, Array]:
        """From gradients to directions: the stages before the rate, their next states, the share clipped."""
        return direct(self.parts, params, grads, state, many)

    def bound(
        self, params: Arrays, update: Arrays, grads: Arrays, state: State, many: bool = False
    ) -> tuple[Arrays, State, Array]:
        """The update within the clips after the rate, their next states, and the share clipped."""
        return bound(self.parts, params, update, grads, state, many)

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
        line = f"0.01 * {side._grouped()}"
        raise StepsizeError(say("{factor} is a factor without a base rate: write {line}", factor=side, line=line))
    return ()


def _rate_at(far: rate, done: Any) -> tuple[Any, tuple[Any, ...], Any]:
    """The rate of update `done` and nothing said; a traced count makes a traced rate, and has no words."""
    return (float(far(done)), (), "") if type(done) is int else (far(done), (), None)


def _check_order(stages: tuple[Stage | rate, ...]) -> None:
    """At most one rule and one rate, the rule first, and only clips after the rate."""
    if not stages:
        raise StepsizeError(say("descent needs stages: write sgd() | 0.01"))
    ruled = rated = None
    for stage in stages:
        if isinstance(stage, rate):
            if ruled is None:
                raise StepsizeError(say("a rate comes after a rule: write sgd() | {rate}", rate=stage))
            if rated is not None:
                raise StepsizeError(
                    say(
                        "two rates, {first} and {second}: a descent has one; multiply factors instead",
                        first=rated,
                        second=stage,
                    )
                )
            rated = stage
        elif isinstance(stage, Rule):
            if rated is not None or ruled is not None:
                raise StepsizeError(
                    say("two rules or a rule after the rate: {rule} must be the only one, before the rate", rule=stage)
                )
            ruled = stage
        elif isinstance(stage, Transform):
            if rated is not None and not isinstance(stage, Clip):
                raise StepsizeError(
                    say(
                        "after the rate only a clip may follow: write {stage} before the rate {rate}",
                        stage=stage,
                        rate=rated,
                    )
                )
        else:
            raise StepsizeError(
                say("a descent is made of clips, a rule and a rate, not {given!r}: write sgd() | 0.01", given=stage)
            )
    if ruled is not None:
        for i, stage in enumerate(stages):
            if isinstance(stage, Transform):
                stage.check_rule(ruled if ruled in stages[:i] else None)
