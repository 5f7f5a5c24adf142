"""Before a run: what a host will make of a torch scheduler, printed with the rates that training will really use."""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer

from ..._errors import StepsizeError
from ...course.calls import Preflight as Preflight
from ...course.calls import looked_ahead
from ...course.knobs import called
from .plateau import PlateauScheduler
from .scheduler import Scheduler


def preflight(
    scheduler: Any,
    host: str = "torch",
    *,
    epochs: int,
    batches: int,
    accumulation: int = 1,
    processes: int = 1,
    interval: str = "epoch",
    leftover: str | None = None,
) -> Preflight:
    """Print the rates that training will really use when `host` calls the scheduler, and return them.

    Formula: update u uses the scheduler's step s(u): u in a loop of your own, in transformers and in DeepSpeed;
    u·processes in Accelerate; in Lightning u with `interval="step"` and the epoch with "epoch", its default. A
    `PlateauScheduler` and an optimizer with a strategy of its own count the updates themselves: s(u) = u. Use it
    before a long run: a length in the wrong unit is the commonest mistake with schedules. What is printed has a column
    for every scheduled hyper-parameter, lines with "-" that say where warm-ups are over and parts begin, and lines with
    "!" that say what looks wrong: another length than the run's, and what `stepsize.schedules.doubts` finds in each
    expression (milestones in epochs where updates are counted, a decay that does not come).

    `scheduler` is a `Scheduler` or such an optimizer; the whole run is shown from its first update on, controllers
    taken to answer what they said last, at the beginning 1. `host` is torch, lightning, transformers, accelerate or
    deepspeed; `batches` ≥ 1 is what one process sees in an epoch, `accumulation` ≥ 1 the batches of one update,
    `processes` ≥ 1. `leftover` says what the loop does with batches that fill no whole update at the end of an epoch,
    where it is not what the host does by itself: "step" (an update of their own: Lightning, transformers,
    Accelerate), "carry" (they count for the next epoch's first update: DeepSpeed) or "drop" (no update; a loop of
    your own that asks `(i + 1) % accumulation == 0`, in torch the default).

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
    plain, own_clock = _unwrapped(scheduler)
    report = looked_ahead(
        plain.course,
        plain.rates_at,
        host,
        epochs=epochs,
        batches=batches,
        accumulation=accumulation,
        processes=processes,
        interval=interval,
        leftover=leftover,
        own_clock=own_clock,
        others=lambda t: _others(plain, t),
    )
    print(report)
    return report


def _others(scheduler: Scheduler, t: int) -> dict[str, float]:
    """Every scheduled hyper-parameter besides the rates at step `t`, with its group where there are several."""
    values, knobs = scheduler.course.values(t), scheduler._knobs
    rows = [row for row in scheduler._rows if row.field != "lr"]
    alone = knobs.count() == 1
    return {
        row.field if alone else f"{row.field} of {called(knobs, row.group)}": row.base * values[row.part]
        for row in rows
    }


def _unwrapped(scheduler: Any) -> tuple[Scheduler, bool]:
    """The scheduler itself, out of Accelerate's wrapper or of an optimizer; whether the updates drive it."""
    inner = getattr(scheduler, "scheduler", scheduler)
    if not isinstance(inner, Scheduler):
        raise StepsizeError(
            f"preflight: scheduler must be a stepsize Scheduler, not {type(scheduler).__name__}: write "
            "preflight(Scheduler(optimizer, …), …)"
        )
    return inner, isinstance(inner, PlateauScheduler) or isinstance(scheduler, Optimizer)
