"""Before a run: how a host will call a scheduler, and the rates that training will really use."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from .._errors import StepsizeError, whole
from .course import Course

_LINES = 12
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

    `rates` has (update, scheduler step, rate of every group) from the first update to the last; `ends_at` is the
    update at which the planned length is over, or None where the run stops before; `leftover` says what becomes of
    batches that fill no whole update. Print it.
    """

    host: str
    updates: int
    steps: int
    planned: int | None
    ends_at: int | None
    leftover: str
    rates: tuple[tuple[int, int, tuple[float, ...]], ...]
    advice: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether nothing looks wrong."""
        return not self.advice

    def __str__(self) -> str:
        width = max(len(str(self.updates)), len("update"))
        deep = max(len(str(self.steps)), len("step"))
        head = f"{self.host}: {self.updates} updates, {self.steps} scheduler steps, "
        head += "no length planned" if self.planned is None else f"{self.planned} planned"
        lines = [head, *([self.leftover] if self.leftover else []), f"{'update':>{width}}  {'step':>{deep}}  rate"]
        for update, step, rates in self.rates:
            lines.append(f"{update:>{width}}  {step:>{deep}}  " + "  ".join(f"{one:.6g}" for one in rates))
        return "\n".join([*lines, *(f"! {one}" for one in self.advice)])


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
) -> Preflight:
    """What a run will do under `host`; `rates` tells the rate of every group at a scheduler step.

    `own_clock` says that the updates themselves drive the course, however the host calls it.
    """
    given = {"epochs": epochs, "batches": batches, "accumulation": accumulation, "processes": processes}
    sizes = {name: whole("preflight", name, one, low=1) for name, one in given.items()}
    rest = _checked(host, interval, leftover)
    calls = _calls(host, sizes, interval, rest, own_clock)
    planned = course.total_steps
    over = calls.updates if planned is None else bisect_left(range(calls.updates), planned, key=calls.step_of)
    ends = over if over < calls.updates else None
    chosen = sorted({round(i * (calls.updates - 1) / (_LINES - 1)) for i in range(_LINES)}) if calls.updates else []
    return Preflight(
        host=host,
        updates=calls.updates,
        steps=calls.steps,
        planned=planned,
        ends_at=ends,
        leftover=_left_over(sizes, rest),
        rates=tuple((u, calls.step_of(u), tuple(rates(calls.step_of(u)))) for u in chosen),
        advice=tuple(_advice(course, calls, ends, sizes)),
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
    return found


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
