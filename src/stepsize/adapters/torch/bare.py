"""A number without a name in `step(…)`: a metric, as hosts hand one over, or torch's old `step(epoch)`."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any

from ..._errors import StepsizeError
from ...course.course import Course


class Bare:
    """Reads the numbers without a name that come to one scheduler.

    A whole number that comes first and is the count of the steps is an epoch; so is one that goes up by one where a
    loss is awaited, and the second of 0, 1 or of 1, 2 where steps are counted elsewhere: right answers may go up by
    one, but seldom from there. The epoch that the step leads to anyhow is taken, where no controller looks at anything;
    any other is refused, with both readings. Everything else is a metric, whole or not; one that nothing looks at is
    told once.
    """

    def __init__(self) -> None:
        self._last: int | None = None  # the whole number that came last
        self._came = 0
        self._told = False

    def read(self, number: Any, epoch: Any, course: Course, at: int | None, *, named: bool) -> Any:
        """The metric that a number is, or None; `at` steps are counted, None where other calls are."""
        needed = bool(course.needs) and not named
        now, coming = whole_number(number), None if at is None else at + 1
        last, self._last = self._last, now
        self._came += number is not None
        if epoch is not None:
            if number is None and not needed and coming is not None and whole_number(epoch) == coming:
                return None
            raise _no_epoch(epoch, "epoch=", needed)
        if now is None:
            self._tell_unused(number, course)
            return number
        if needed:
            rises = last is not None and now == last + 1
            counted = at is None and self._came == 2 and last in (0, 1)
            if (self._came == 1 and now in (at, coming)) or (rises and ("loss" in course.needs or counted)):
                raise _no_epoch(number, "", needed)
            return number
        if now != coming:
            raise _no_epoch(number, "", needed)
        return None

    def _tell_unused(self, number: Any, course: Course) -> None:
        if course.needs or self._told:
            return
        self._told = True
        warnings.warn(
            f"Scheduler: step({_short(number)}) brings a number that nothing in {course.expression} looks at: if it is "
            "an epoch, write step() and lengths such as '2ep'; if it is a metric, add plateau(watch='metric')",
            stacklevel=4,
        )


def whole_number(number: Any) -> int | None:
    """A whole number as one of Python's, anything else as None; one in an array of one element counts."""
    if hasattr(number, "dtype") and getattr(number, "ndim", 1) == 0 and hasattr(number, "item"):
        kind = str(number.dtype).removeprefix("torch.")
        number = number.item() if kind.startswith(("int", "uint")) else None
    return int(number) if _is_whole(number) else None


def _is_whole(number: Any) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool)


def _no_epoch(number: Any, name: str, needed: bool) -> StepsizeError:
    told = _short(number)
    metric = f"step(metric={told}) or step(loss={told})" if needed else "nothing here looks at one"
    whole = whole_number(number)
    begin = f", and Scheduler(…, done={told}) begins at one" if whole is not None and whole >= 0 else ""
    return StepsizeError(
        f"Scheduler: step({name}{told}) may be an epoch or a metric: step takes no epoch: write step(), lengths such "
        f"as '2ep'{begin}; a metric has a name: {metric}"
    )


def _short(number: Any) -> str:
    whole = whole_number(number)
    if whole is not None:
        return str(whole)
    text = "a tensor" if hasattr(number, "shape") else " ".join(repr(number).split())  # which is not read back
    return text if len(text) <= 40 else text[:39] + "…"
