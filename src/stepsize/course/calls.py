"""Before a run: how a host will call a scheduler, and the rates that training will really use."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from .._errors import StepsizeError, whole
from ..schedules.base import Factor
from ..schedules.boundaries import outline, short
from ..schedules.doubts import begins_at_zero, doubts, rises
from ..schedules.questions import highest, quiet
from .course import Course
from .targets import Target

_LINES = 12
_NOTES = 6  # of one schedule
_LEFTOVER = {  # what happens to batches that fill no whole update at the end of an epoch
    "torch": "drop",
    "lightning": "step",
    "transformers": "step",
    "accelerate": "step",
    "deepspeed": "carry",
}
_TOLD = {"drop": "they make no update", "carry": "they count for the next update", "step": "one more update"}


@dataclass(frozen=True)
class Calls:
    """How a host calls a scheduler: the updates of the run, the scheduler's step at each of them, all its steps."""

    updates: int
    step_of: Callable[[int], int]
    steps: int
    told: str


@dataclass(frozen=True)
class Preflight:
    """What a run will do: `updates` optimizer steps, `steps` scheduler steps, some rates, and what looks wrong.

    `rates` has (update, scheduler step, rate of every group) from the first update to the last, `others` the values of
    the other scheduled hyper-parameters at the same updates, by name; `ends_at` is the update at which the planned
    length is over, or None where the run stops before; `leftover` says what becomes of batches that fill no whole
    update. `notes` say where warm-ups are over and parts begin, counted in updates; `advice` what looks wrong. Print
    it.
    """

    host: str
    updates: int
    steps: int
    planned: int | None
    ends_at: int | None
    leftover: str
    rates: tuple[tuple[int, int, tuple[float, ...]], ...]
    advice: tuple[str, ...]
    others: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether nothing looks wrong."""
        return not self.advice

    def __str__(self) -> str:
        head = f"{self.host}: {self.updates} updates, {self.steps} scheduler steps, "
        head += "no length planned" if self.planned is None else f"{self.planned} planned"
        lines = [head, *([self.leftover] if self.leftover else []), *self._table()]
        return "\n".join([*lines, *(f"- {one}" for one in self.notes), *(f"! {one}" for one in self.advice)])

    def _table(self) -> list[str]:
        """The rates, and where anything else is scheduled a column for each, all of one width."""
        width = max(len(str(self.updates)), len("update"))
        deep = max(len(str(self.steps)), len("step"))
        rows = [["rate"], *([f"{one:.6g}" for one in rates] for _, _, rates in self.rates)]
        if self.others:
            rows[0] += [""] * (len(rows[-1]) - 1) + list(self.others)
            for i, row in enumerate(rows[1:]):
                row += [f"{values[i]:.6g}" for values in self.others.values()]
            widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
            rows = [[one.ljust(width) for one, width in zip(row, widths, strict=True)] for row in rows]
        begins = [f"{'update':>{width}}  {'step':>{deep}}", *(f"{u:>{width}}  {t:>{deep}}" for u, t, _ in self.rates)]
        return [f"{begin}  {'  '.join(row)}".rstrip() for begin, row in zip(begins, rows, strict=True)]


def looked_ahead(
    course: Course,
    rates: Callable[[int], Sequence[float]],
    host: str,
    *,
    epochs: int,
    batches: int,
    accumulation: int = 1,
    processes: int = 1,
    interval: str = "epoch",
    leftover: str | None = None,
    own_clock: bool = False,
    others: Callable[[int], Mapping[str, float]] | None = None,
) -> Preflight:
    """What a run will do under `host`; `rates` tells the rate of every group at a scheduler step.

    `own_clock` says that the updates themselves drive the course, however the host calls it; `others` tells the values
    of the other scheduled hyper-parameters at a scheduler step, by name.
    """
    given = {"epochs": epochs, "batches": batches, "accumulation": accumulation, "processes": processes}
    sizes = {name: whole("preflight", name, one, low=1) for name, one in given.items()}
    rest = _checked(host, interval, leftover)
    calls = _calls(host, sizes, interval, rest, own_clock)
    planned = course.total_steps
    over = calls.updates if planned is None else bisect_left(range(calls.updates), planned, key=calls.step_of)
    ends = over if over < calls.updates else None
    chosen = sorted({round(i * (calls.updates - 1) / (_LINES - 1)) for i in range(_LINES)}) if calls.updates else []
    told = [others(calls.step_of(u)) for u in chosen] if others else []
    return Preflight(
        host=host,
        updates=calls.updates,
        steps=calls.steps,
        planned=planned,
        ends_at=ends,
        leftover=_left_over(sizes, rest),
        rates=tuple((u, calls.step_of(u), tuple(rates(calls.step_of(u)))) for u in chosen),
        advice=tuple(_advice(course, calls, ends, sizes)),
        others={name: tuple(one[name] for one in told) for name in (told[0] if told else {})},
        notes=tuple(_notes(course, calls, sizes)) if calls.updates else (),
    )


def _checked(host: str, interval: str, leftover: str | None) -> str:
    """What happens to leftover batches; errors for unknown words."""
    if host not in _LEFTOVER:
        raise StepsizeError(
            f"preflight: host must be {', '.join([*_LEFTOVER][:-1])} or deepspeed, not {host!r}; a loop that steps "
            "once an update is torch"
        )
    if interval not in ("epoch", "step"):
        raise StepsizeError(f"preflight: interval must be epoch or step, not {interval!r}")
    if leftover is not None and leftover not in _TOLD:
        raise StepsizeError(f"preflight: leftover must be drop, carry or step, not {leftover!r}")
    return leftover or _LEFTOVER[host]


def _calls(host: str, sizes: dict[str, int], interval: str, leftover: str, own_clock: bool) -> Calls:
    epochs, batches, every, several = (sizes[key] for key in ("epochs", "batches", "accumulation", "processes"))
    per_epoch = {"drop": batches // every, "step": ceil(batches / every)}
    updates = epochs * batches // every if leftover == "carry" else epochs * per_epoch[leftover]
    if own_clock or host not in ("accelerate", "lightning") or (host == "lightning" and interval == "step"):
        return Calls(updates, lambda u: u, updates, "it is stepped at every update")
    if host == "accelerate":
        told = "it is stepped at every update" if several == 1 else f"Accelerate steps it {several} times an update"
        return Calls(updates, lambda u: u * several, updates * several, told)
    told = "Lightning steps it once an epoch"
    if leftover == "carry":
        return Calls(updates, lambda u: ((u + 1) * every - 1) // batches, epochs, told)
    return Calls(updates, lambda u: u // per_epoch[leftover], epochs, told)


def _left_over(sizes: dict[str, int], leftover: str) -> str:
    full = sizes["batches"] % sizes["accumulation"] == 0
    return "" if full else f"batches left over at the end of an epoch: {_TOLD[leftover]}"


def _advice(course: Course, calls: Calls, ends: int | None, sizes: dict[str, int]) -> list[str]:
    """What looks wrong, each with what to write instead."""
    if not calls.updates:
        return [f"no update is made: accumulation={sizes['accumulation']} is more than the run's batches fill"]
    found = []
    planned, per_epoch = course.total_steps, course.planned["steps_per_epoch"]
    if planned is not None and planned != calls.steps:
        found.append(_length_advice(planned, calls, ends, sizes))
    right = calls.steps / sizes["epochs"]
    if per_epoch is not None and abs(per_epoch - right) >= 1:
        found.append(f"steps_per_epoch is {per_epoch:g}, but {calls.told}: write steps_per_epoch={right:g}")
    if course.needs and calls.steps > calls.updates:
        found.append(
            f"{calls.told}, so a controller is asked as often: leave the scheduler out of prepare() and step it where "
            "accelerator.sync_gradients is true"
        )
    rates = [base for (_, name), base in course.bases.items() if name == "lr"]
    if rates and not any(rates):
        found.append('every rate is 0, as the own rates of the groups are: give them one, or write "0.1 * …"')
    for target in _targets(course):
        steps = calls.steps if planned is None else planned
        several = len(course.parts) > 1 or target.field != "lr"
        told = doubts(target.factor, steps, steps_per_epoch=steps / sizes["epochs"])
        told += [] if target.field == "lr" else _scaled(target, course, steps)
        found += [f"{target.place}: {one}" if several else one for one in told]
    return found


def _scaled(target: Target, course: Course, steps: int) -> list[str]:
    """What to say of a factor that looks like the values themselves: it never reaches 1."""
    own = next((base for (_, name), base in course.bases.items() if name == target.field), None)
    if not isinstance(target.value, Factor) or own is None:
        return []
    factor = quiet(target.value)
    if not 0 < highest(factor, steps)[1] < 1:
        return []
    return [
        f"it goes from {own * factor(0):.3g} to {own * factor(steps - 1):.3g}, for a factor multiplies the group's own "
        f'{own:g}: for these values themselves write "1 * {target.factor._grouped()}"'
    ]


def _targets(course: Course) -> list[Target]:
    """What is followed, each with its lengths in steps."""
    return [part.target for part in course.parts]


def _notes(course: Course, calls: Calls, sizes: dict[str, int]) -> list[str]:
    """Where warm-ups are over and parts begin, in updates; and whether the first update is one."""
    notes = []
    for target in _targets(course):
        factor = quiet(target.factor)
        place = f"{target.place}: " if len(course.parts) > 1 or target.field != "lr" else ""
        begun = begins_at_zero(factor) if target.field == "lr" else ""
        ends = [(end, f"{short(one)} is over") for one, end in rises(factor)]
        known = {end for end, _ in ends}
        marks = [(t, one) for t, one in outline(factor, calls.steps, _NOTES, _NOTES) if t not in known]
        begins = [(t, one) for t, one in marks if one.endswith("begins") or " begins, " in one]
        shown = sorted([*ends, *begins])
        notes += [f"{place}{begun}"] if begun else []
        notes += [f"{place}{one}" for t, label in shown[:_NOTES] if (one := _at(label, t, calls, sizes))]
        notes += [f"{place}…"] if len(shown) > _NOTES else []
    return notes


def _at(label: str, step: int, calls: Calls, sizes: dict[str, int]) -> str:
    """When something happens, in updates and epochs; empty where the run is over before."""
    update = bisect_left(range(calls.updates), step, key=calls.step_of)
    if update == calls.updates:
        return ""
    return f"{label} at update {update}, epoch {update * sizes['epochs'] / calls.updates:.3g} of {sizes['epochs']}"


def _length_advice(planned: int, calls: Calls, ends: int | None, sizes: dict[str, int]) -> str:
    unit = _unit(planned, calls.updates, sizes)
    told = f"; {planned} are {unit}, but {calls.told}" if unit else f"; {calls.told}"
    fix = f"write total_steps={calls.steps}"
    if ends is not None:
        return f"the schedule is over at update {ends} of {calls.updates}{told}: {fix}"
    if "once an epoch" in calls.told and planned != calls.updates:
        fix = f'hand over {{"interval": "step"}} too and write total_steps={calls.updates}, or {fix}'
    elif "once an epoch" in calls.told:
        fix = f'hand over {{"interval": "step"}} too, or {fix}'
    return f"the run goes to step {calls.steps}, planned are {planned}{told}: {fix}"


def _unit(planned: int, updates: int, sizes: dict[str, int]) -> str:
    """What the planned number probably counts."""
    epochs, batches, processes = sizes["epochs"], sizes["batches"], sizes["processes"]
    meant = {
        "the epochs": epochs,
        "the updates": updates,
        "the batches of one epoch": batches,
        "the batches of all epochs": epochs * batches,
        "the updates of all processes": updates * processes,
        "the batches of all processes": epochs * batches * processes,
    }
    return next((unit for unit, count in meant.items() if count == planned), "")
