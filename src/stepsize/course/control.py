"""One expression being followed: its controllers' states, what they answered last, and its values."""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import dataclass, field, replace
from typing import Any

from ..observed import seen
from ..quantities import asked
from .ahead import Ahead
from .host import COMES_BETWEEN
from .said import Said
from .targets import Target


@dataclass(frozen=True)
class Part:
    """A target with the states of the controllers inside it and the factors that they answered last."""

    target: Target
    states: tuple[Any, ...]
    factors: tuple[float, ...]
    ahead: Ahead = field(compare=False, repr=False)  # values made in advance: no part of what it is
    controllers: tuple[Any, ...] = field(compare=False, repr=False)  # those inside the target, in its order
    awaited: tuple[frozenset[str], ...] = field(compare=False, repr=False)  # without which each is not asked

    @property
    def needs(self) -> frozenset[str]:
        """The quantities that its controllers look at."""
        return frozenset(name for one in self.controllers for name in one.needs)

    def at(self, t: int) -> float:
        """The factor of update `t`, with what the controllers said last; before a part has begun, its first."""
        if t < 0:
            t = 0
        return self.target.factor.with_control(t, self.factors) if self.factors else self.ahead.at(t)

    def without_control(self, t: int) -> float:
        """The factor of update `t` where every controller answers 1."""
        return self.target.factor.with_control(t, (1.0,) * len(self.factors))

    def around(self, target: Target) -> Part:
        """Another expression around the same controllers."""
        return replace(self, target=target, ahead=Ahead(target.factor))

    def decide(self, now: seen, fresh: Set[str], there: Set[str], done: int, coming: int) -> tuple[Part, list[Said]]:
        """Ask every controller that has begun, misses nothing and has something `fresh`; and what they said.

        `done` updates were made when they are asked; what they answer acts on the update `coming`.
        """
        if not self.awaited:
            return self, []
        said: list[Said] = []
        factors, states = list(self.factors), list(self.states)
        for i, awaited in enumerate(self.awaited):
            if awaited.isdisjoint(fresh) or not awaited <= there:
                continue
            one = self.controllers[i]
            if done < one.begins:
                continue
            before = factors[i]
            factors[i], states[i], why = asked(one, states[i], now)
            if why:
                by = factors[i] / before if before > 0 else None
                said.append(Said(coming, one.word(), why, self.target.group, self.target.field, by))
        new = object.__new__(Part)
        changes = {"states": tuple(states), "factors": tuple(factors)}
        object.__setattr__(new, "__dict__", self.__dict__ | changes)
        return new, said

    def saved(self) -> dict[str, Any]:
        """What resume needs, in lists and numbers."""
        return {"states": _lists(self.states), "factors": list(self.factors)}

    def restored(self, saved: Any) -> Part:
        """The opposite of `saved`; a state that these controllers could not go on from is an error."""
        states, factors = saved["states"], saved["factors"]
        if not len(states) == len(factors) == len(self.controllers):
            raise ValueError(f"{len(states)} states and {len(factors)} factors of {len(self.controllers)} controllers")
        factors = tuple(float(one) for one in factors)
        for one in factors:
            if not (math.isfinite(one) and one >= 0):
                raise ValueError(f"a controller's factor is {one}")
        restored = tuple(one.restore(state) for one, state in zip(self.controllers, states, strict=True))
        for one, state in zip(self.controllers, restored, strict=True):
            _try(one, state)
        return replace(self, states=restored, factors=factors)


def begin(target: Target) -> Part:
    """A target at its beginning: controllers that have seen nothing answer 1."""
    controllers = target.factor.controllers
    awaited = tuple(frozenset(one.needs).difference(COMES_BETWEEN) or frozenset(one.needs) for one in controllers)
    states, factors = tuple(one.init() for one in controllers), (1.0,) * len(controllers)
    return Part(target, states, factors, Ahead(target.factor), controllers, awaited)


_PROBE = seen(**{name: 1.0 for name in seen.field_names() if name != "loss_at"}, loss_at=lambda rate: 1.0)


def _try(controller: Any, state: Any) -> None:
    """Refuse a state that the controller could not start from, now and not in the middle of the run."""
    if not _alike(state, controller.init()):
        raise ValueError(f"{controller.word()} cannot go on from {state!r}")
    factor, _, _ = controller.step(state, _PROBE)
    if not (math.isfinite(factor) and factor >= 0):
        raise ValueError(f"{controller.word()} goes on from {state!r} with {factor}")


def _alike(state: Any, first: Any) -> bool:
    """Whether it is of the kind of a first state: named entries and lists in their places, all else finite numbers."""
    if isinstance(first, tuple):
        if not isinstance(state, tuple) or len(state) < len(first):
            return False
        return all(map(_alike, state, first)) and all(_alike(one, None) for one in state[len(first) :])
    return state is None or (isinstance(state, (bool, int, float)) and math.isfinite(state))


def _lists(state: Any) -> Any:
    return [_lists(one) for one in state] if isinstance(state, (tuple, list)) else state
