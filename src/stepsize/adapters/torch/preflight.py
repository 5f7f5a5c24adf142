"""Before a run: how a host will call the scheduler, and the rates that training will really use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from ..._errors import StepsizeError, whole
from .feedback import PlateauScheduler
from .scheduler import Scheduler

_LINES = 12


@dataclass(frozen=True)
class Calls:
    """How a host calls a scheduler: the updates of the run, and the scheduler's step at each of them."""

    updates: int
    step_of: Callable[[int], int]
    told: str


@dataclass(frozen=True)
class Preflight:
    """What a run will do: `updates` optimizer steps, `steps` scheduler steps, some rates, and what looks wrong.

    `rates` has (update, scheduler step, rate of every group) from the first update to the last; `ends_at` is the
    update at which the planned length is over, or None where the run stops before. Print it.
    """

    host: str
    updates: int
    steps: int
    planned: int | None
    ends_at: int | None
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
        lines = [head, f"{'update':>{width}}  {'step':>{deep}}  rate"]
        for update, step, rates in self.rates:
            lines.append(f"{update:>{width}}  {step:>{deep}}  " + "  ".join(f"{one:.6g}" for one in rates))
        return "\n".join([*lines, *(f"! {one}" for one in self.advice or ())])


def preflight(
    scheduler: Scheduler,
    host: str = "torch",
    *,
    epochs: int,
    batches: int,
    accumulation: int = 1,
    processes: int = 1,
    interval: str = "epoch",
) -> Preflight:
    """Print the rates that training will really use when `host` calls the scheduler, and return them.

    Formula: update u uses the scheduler's step s(u): u in a loop of your own, in transformers and in DeepSpeed;
    u·processes in Accelerate; in Lightning u with `interval="step"` and the epoch with "epoch", its default. Use it
    before a long run: a length in the wrong unit is the commonest mistake with schedules. `host` is torch, lightning,
    transformers, accelerate or deepspeed; `batches` ≥ 1 is what one process sees in an epoch, `accumulation` ≥ 1 the
    batches of one update, `processes` ≥ 1. Controllers are taken to answer 1.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1)
    >>> scheduler = Scheduler(optimizer, "cosine()", total_steps=3)
    >>> report = preflight(scheduler, epochs=3, batches=2)
    torch: 6 updates, 6 scheduler steps, 3 planned
    update  step  rate
         0     0  0.1
         1     1  0.075
         2     2  0.025
         3     3  0
         4     4  0
         5     5  0
    ! the schedule is over at update 3 of 6; 3 are the epochs, but it is stepped at every update: write total_steps=6
    """
    sizes = {"epochs": epochs, "batches": batches, "accumulation": accumulation, "processes": processes}
    plain = {name: whole("preflight", name, one, low=1) for name, one in sizes.items()}
    if interval not in ("epoch", "step"):
        raise StepsizeError(f"preflight: interval must be epoch or step, not {interval!r}")
    calls = _calls(host, plain, "step" if isinstance(scheduler, PlateauScheduler) else interval)
    planned = scheduler.units["total_steps"]
    steps = calls.step_of(calls.updates)
    chosen = sorted({round(i * (calls.updates - 1) / (_LINES - 1)) for i in range(_LINES)})
    ends = None if planned is None else next((u for u in _around(calls, planned) if calls.step_of(u) >= planned), None)
    report = Preflight(
        host=host,
        updates=calls.updates,
        steps=steps,
        planned=planned,
        ends_at=ends,
        rates=tuple((u, calls.step_of(u), tuple(_rates(scheduler, calls.step_of(u)))) for u in chosen),
        advice=_advice(calls, planned, steps, ends, plain),
    )
    print(report)
    return report


def _calls(host: str, sizes: dict[str, int], interval: str) -> Calls:
    epochs, batches, every = sizes["epochs"], sizes["batches"], sizes["accumulation"]
    carried, by_epoch = epochs * batches // every, epochs * ceil(batches / every)
    each = "it is stepped at every update"
    if host in ("torch", "deepspeed"):  # batches left over at the end of an epoch count for the next update
        return Calls(carried, lambda u: u, each)
    if host == "transformers":
        return Calls(by_epoch, lambda u: u, each)
    if host == "accelerate":
        several = sizes["processes"]
        return Calls(
            by_epoch, lambda u: u * several, each if several == 1 else f"it is stepped {several} times an update"
        )
    if host == "lightning":
        if interval == "step":
            return Calls(by_epoch, lambda u: u, each)
        return Calls(by_epoch, lambda u: u * epochs // by_epoch, "Lightning steps it once an epoch")
    raise StepsizeError(
        f"preflight: host must be torch, lightning, transformers, accelerate or deepspeed, not {host!r}; a loop that "
        "steps once an update is torch"
    )


def _around(calls: Calls, planned: int) -> range:
    """The updates among which the planned end lies; steps grow evenly, so few need to be asked."""
    per = calls.step_of(calls.updates) / max(calls.updates, 1)
    guess = int(planned / per) if per else calls.updates
    return range(max(0, guess - 2), min(calls.updates, guess + 3))


def _rates(scheduler: Scheduler, t: int) -> list[float]:
    values = [part.at(t) for part in scheduler._parts]
    used = [[base * values[i] for field, base, i in uses if field == "lr"] for uses in scheduler._uses]
    return [one[0] if one else rate for one, rate in zip(used, scheduler.get_last_lr(), strict=True)]


def _advice(calls: Calls, planned: int | None, steps: int, ends: int | None, sizes: dict[str, int]) -> tuple[str, ...]:
    if planned is None or planned == steps or not calls.updates:
        return ()
    unit = _unit(planned, calls.updates, sizes)
    told = f"; {planned} are {unit}, but {calls.told}" if unit else f"; {calls.told}"
    if ends is not None and planned < steps:
        return (f"the schedule is over at update {ends} of {calls.updates}{told}: write total_steps={steps}",)
    fix = f"write total_steps={steps}"
    if "once an epoch" in calls.told:
        fix = (
            f'hand over {{"interval": "step"}} too and write total_steps={calls.updates}, or write total_steps={steps}'
        )
    return (f"the run ends at step {steps} of {planned} planned{told}: {fix}",)


def _unit(planned: int, updates: int, sizes: dict[str, int]) -> str:
    """What the planned number probably counts."""
    epochs, batches, processes = sizes["epochs"], sizes["batches"], sizes["processes"]
    meant = {
        epochs: "the epochs",
        batches: "the batches of one epoch",
        updates: "the updates",
        epochs * batches: "the batches of all epochs",
        epochs * batches * processes: "the batches of all processes",
        updates * processes: "the updates of all processes",
    }
    return meant.get(planned, "")
