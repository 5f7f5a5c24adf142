"""The course: following expressions through somebody's training, as one frozen value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from .._errors import StepsizeError, number, whole
from ..lengths import Horizon
from ..observed import seen
from ..quantities import NOT_AT_FIRST
from .control import Part, begin
from .horizon import Change
from .host import COMES, COMES_BETWEEN, Host
from .knobs import Knobs
from .said import Said
from .targets import Target, check_targets, read_targets

_IN_TIME = frozenset(NOT_AT_FIRST) | {"loss_at"}
_AT_UPDATES = frozenset(COMES) - frozenset(COMES_BETWEEN)
UNITS = ("total_steps", "steps_per_epoch", "batch_size", "tokens_per_step", "tokens_per_sample")


@dataclass(frozen=True)
class Course:
    """Where a run stands: what it follows, how far it is, what controllers decided and why.

    Everything that following an expression needs, and nothing of a framework. Each method returns the next course, so
    going back, trying and resuming are assignments. `rows.py` writes its values into what has knobs.

    `written` are the targets as they were planned, lengths in steps, and `planned` the units of that plan; `changes`
    those of the horizon since; `parts` what is followed now. `done` counts the updates made (−1: a host has stepped
    back before the first). `seen` is what came since the last update, `why` what controllers said when they last
    acted, `spoke_at` the update before which they said it, `said` the same one by one. `bases` are the numbers that
    factors multiply, by group and hyper-parameter, as far as groups are known; `needs` the quantities that controllers
    look at.
    """

    host: Host
    written: tuple[Target, ...]
    planned: Mapping[str, Any]
    parts: tuple[Part, ...]
    needs: frozenset[str]
    changes: tuple[Change, ...] = ()
    done: int = 0
    seen: Mapping[str, float] = field(default_factory=dict)
    why: str = ""
    spoke_at: int | None = None
    bases: Mapping[tuple[int, str], float] = field(default_factory=dict)
    metric_came: bool = False
    waited: int = 0
    said: tuple[Said, ...] = field(default=(), compare=False, repr=False)

    @property
    def total_steps(self) -> int | None:
        """The planned length of the run, after every change."""
        return self.changes[-1].total_steps if self.changes else self.planned["total_steps"]

    @property
    def units(self) -> dict[str, Any]:
        """The units of the run, with its present length."""
        return {**self.planned, "total_steps": self.total_steps}

    @property
    def expression(self) -> str:
        """What is followed, as text, with every length in steps."""
        targets = [part.target for part in self.parts]
        if len(targets) == 1 and targets[0].group is None and targets[0].field == "lr":
            return str(targets[0].value)
        return "; ".join(str(one) for one in targets)

    @property
    def overdue(self) -> bool:
        """Whether a controller waits for a metric and so many epochs brought none that it may never come.

        That is ten of them, or all but the last of a shorter run: many evaluate every fifth epoch only.
        """
        epoch, total = self.planned["steps_per_epoch"], self.total_steps
        if epoch is None or "metric" not in self.needs:
            return False
        longest = 10 * epoch if total is None else min(10 * epoch, max(epoch, total - epoch))
        return self.waited == int(longest) + 1

    def values(self, t: int | None = None) -> list[float]:
        """The factor of every part at update `t`, left out the coming one; controllers as they answered last."""
        at = self.done if t is None else t
        return [part.at(at) for part in self.parts]

    # one update

    def step(self, **given: float | None) -> Course:
        """One update was made, of which this was seen."""
        return self.made(self.wanted(**given))

    def wanted(self, **given: Any) -> dict[str, Any]:
        """Of what came with an update what controllers look at; what they miss is an error.

        A metric that no controller watches is whatever they still need, the loss before the norm of the gradient: hosts
        hand over a bare number.
        """
        before, found = self.seen, {}
        for name, one in given.items():  # in this order on every rank
            if one is not None and name in self.needs and (name not in before or name in COMES_BETWEEN):
                found[name] = one
        missing = [name for name in self.needs if name in _AT_UPDATES and name not in found and name not in before]
        if missing:
            missing.sort(reverse=True)
            if given.get("metric") is not None and "metric" not in self.needs:
                found[missing.pop(0)] = given["metric"]
            if missing:
                self.host.check_given(missing, self.done)
        return found

    def see(
        self, given: Mapping[str, Any], loss_at: Callable[[float], float] | None = None, *, entire: bool = False
    ) -> Course:
        """What controllers decide when they are shown this; the update is still to come.

        `entire` says that the update was looked at whole, so that what is not there cannot be there yet.
        """
        values = self.looked_at(given)
        return self.shown(values, loss_at, entire=entire) if values or entire else self

    def shown(
        self, values: Mapping[str, float], loss_at: Callable[[float], float] | None = None, *, entire: bool = False
    ) -> Course:
        """The same as `see`, of values that controllers look at, each a number."""
        return self._with(**self._answers(values, loss_at, entire))

    def _answers(
        self,
        values: Mapping[str, float],
        loss_at: Callable[[float], float] | None = None,
        entire: bool = False,
        made: int = 0,
    ) -> dict[str, Any]:
        """What changes when controllers are shown this."""
        self.host.check_finite(values, self.done)
        known = {**self.seen, **values}
        fresh: Set[str] = values.keys()
        there: Set[str] = known.keys()
        if entire:  # what is not there cannot be there yet
            fresh, there = fresh | _IN_TIME, there | (_IN_TIME if loss_at else NOT_AT_FIRST)
        now = seen(**known, loss_at=loss_at)
        answers = [part.decide(now, fresh, there, self.done, self.done + made) for part in self.parts]
        parts, said = zip(*answers, strict=True)
        changes: dict[str, Any] = {"parts": parts, "seen": known}
        if any(said):
            together = tuple(one for ones in said for one in ones)
            changes |= {"why": _told(self.parts, said), "spoke_at": self.done, "said": together}
        if "metric" in values:
            changes["metric_came"] = True
        return changes

    def made(self, values: Mapping[str, float] | None = None) -> Course:
        """The update is made: what was seen belongs to the past; `values` are `shown` first, with no course between."""
        changes = self._answers(values, made=1) if values else {}
        if "metric" in self.needs and not (self.metric_came or "metric_came" in changes):
            changes["waited"] = self.waited + 1
        changes |= {"done": self.done + 1 if self.done >= 0 else 0, "seen": {}}
        return self._with(**changes)

    def at(self, done: int) -> Course:
        """The same course at another update, as a host wants that moves its counter itself."""
        return self._with(done=done, seen={})

    def skip(self) -> Course:
        """The update was left out: nothing moves; a metric that came between updates stays."""
        return self._with(seen={name: one for name, one in self.seen.items() if name in COMES_BETWEEN})

    # another horizon

    def extend(
        self, total_steps: int, rule: str = "stretch_rest", *, shape: str = "linear", final: float = 0.0
    ) -> Course:
        """The run gets another length, counted from its beginning, by a rule of `stepsize.schedules.extend`."""
        total = whole("extend", "total_steps", total_steps, low=1)
        if total <= self.done:
            raise StepsizeError(f"extend: total_steps must be > {self.done}, the updates made, not {total_steps}")
        final = number("extend", "final", final, low=0, high=1)
        return self.changed(Change(self.done, self.total_steps, total, rule, shape, final))

    def cooldown(self, steps: int, shape: str = "linear", *, final: float = 0.0) -> Course:
        """The run ends in so many steps, with a fall of `shape` from now down to `final` times the present rates."""
        more = whole("cooldown", "steps", steps, low=1)
        return self.extend(self.done + more, "cooldown_now", shape=shape, final=final)

    def changed(self, change: Change) -> Course:
        """The course after a change of its horizon."""
        if change.was is None and change.rule != "cooldown_now":
            raise StepsizeError(f"extend: the run has no length yet: build {self.host.name}(…, total_steps=…)")
        parts = tuple(part.around(change(part.target)) for part in self.parts)
        return self._with(parts=parts, changes=(*self.changes, change))

    def _with(self, **changes: Any) -> Course:
        """The same with some fields changed: one is made at every update, six times as fast as by `replace`."""
        new = object.__new__(Course)
        object.__setattr__(new, "__dict__", self.__dict__ | changes)
        return new

    def looked_at(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What controllers look at, of what came."""
        return {name: one for name, one in given.items() if one is not None and name in self.needs}


def begin_course(expression: object, host: Host, knobs: Knobs, done: object = 0, **units: Any) -> Course:
    """The course of an expression, from update `done` on; lengths in steps, checked against what has the knobs."""
    known = read_units(host, units)
    run = {**known, "total_steps": units["total_steps"]} if _is_endless(units.get("total_steps")) else known
    targets = tuple(one.resolved(host, run) for one in read_targets(expression, host, knobs))
    check_targets(targets, host, knobs)
    course = follow(host, targets, known)
    return course.at(whole(host.name, "done", done, low=0))


def follow(host: Host, targets: tuple[Target, ...], planned: Mapping[str, Any]) -> Course:
    """The course of these targets, from their beginning."""
    parts = tuple(begin(one) for one in targets)
    needs = frozenset(name for part in parts for name in part.needs)
    host.check_shown(needs)
    return Course(host, targets, planned, parts, needs)


def read_units(host: Host, units: Mapping[str, Any]) -> dict[str, Any]:
    """The units of a run as plain numbers, by name; a run without an end has no length."""
    given = dict.fromkeys(UNITS) | dict(units)
    planned = None if _is_endless(given["total_steps"]) else given["total_steps"]
    total = None if planned is None else whole(host.name, "total_steps", planned, low=1)
    known = Horizon(total or 1, *(given[name] for name in UNITS[1:]), owner=host.name)
    return {
        "total_steps": total,
        "steps_per_epoch": known.steps_per_epoch,
        "batch_size": None if known.ramp is None else [list(one) for one in known.ramp],
        "tokens_per_step": known.tokens_per_step,
        "tokens_per_sample": known.tokens_per_sample,
    }


def _is_endless(total_steps: object) -> bool:
    return isinstance(total_steps, float) and total_steps == math.inf


def _told(parts: Sequence[Part], said: Sequence[Sequence[Said]]) -> str:
    """What controllers said, with the place that each speaks of where there are several."""
    if len(parts) == 1:
        return "; ".join(one.told for one in said[0])
    return "; ".join(f"{part.target.place}: {one.told}" for part, ones in zip(parts, said, strict=True) for one in ones)
