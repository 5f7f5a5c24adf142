"""A number without a name in `step(…)`: a metric, as hosts hand one over, or torch's old `step(epoch)`."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from ..._errors import StepsizeError


def read_bare(number: Any, epoch: Any, *, at: int | None, before: int | None, needed: bool) -> Any:
    """The metric that a bare number is, or None where it is the epoch that the step leads to anyhow.

    `at` are the steps counted (None: others than these calls), `before` is the whole number that came last time,
    `needed` says whether a controller looks at anything. A whole number that goes up by one from step to step, or
    begins at the count, is an epoch. What is neither is refused, with both readings.
    """
    coming = None if at is None else at + 1
    if epoch is not None:
        if number is None and not needed and _is_whole(epoch) and int(epoch) == coming:
            return None
        raise _no_epoch(epoch, "epoch=", needed)
    if not _is_whole(number):
        return number
    if needed:
        if int(number) == before + 1 if before is not None else int(number) in (at, coming):
            raise _no_epoch(number, "", needed)
        return number
    if int(number) != coming:
        raise _no_epoch(number, "", needed)
    return None


def whole_number(number: Any) -> int | None:
    """What the next number is compared with."""
    return int(number) if _is_whole(number) else None


def unused(number: Any, expression: str) -> str:
    """What is said of a number that nothing looks at."""
    return (
        f"Scheduler: step({_short(number)}) brings a number that nothing in {expression} looks at: if it is an epoch, "
        "write step() and lengths such as '2ep'; if it is a metric, add plateau(watch='metric')"
    )


def _is_whole(number: Any) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool)


def _no_epoch(number: Any, name: str, needed: bool) -> StepsizeError:
    told = _short(number)
    metric = f"step(metric={told}) or step(loss={told})" if needed else "nothing here looks at one"
    begin = f", and Scheduler(…, done={told}) begins at one" if _is_whole(number) and number >= 0 else ""
    return StepsizeError(
        f"Scheduler: step({name}{told}) may be an epoch or a metric: step takes no epoch: write step(), lengths such "
        f"as '2ep'{begin}; a metric has a name: {metric}"
    )


def _short(number: Any) -> str:
    text = "a tensor" if hasattr(number, "shape") else " ".join(repr(number).split())  # which is not read back
    return text if len(text) <= 40 else text[:39] + "…"
