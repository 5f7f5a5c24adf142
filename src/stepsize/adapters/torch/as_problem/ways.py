"""Ways: how many runs, and how many rows, one call takes; measured, since no rule knows every module and machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeAlias

import torch

Way: TypeAlias = tuple[int, int]  # runs and rows of one call
ROUNDS = 2
GAIN = 0.95  # of what one by one costs: less than this is taken, so that noise does not decide


class Ways:
    """The fastest way for each shape, measured once; `chosen` can be kept and put back, for equal numbers again.

    Calls of different sizes differ in the last digits, and time is never twice the same: what must be repeated digit
    for digit repeats `chosen` too.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self.clock = clock
        self.chosen: dict[str, Way] = {}

    def best(self, shape: str, ways: Iterable[Way], call: Callable[[Way], object]) -> Way:
        """The way of this shape; the first of `ways` is one by one, and `call(way)` makes one call of it.

        A larger call is tried while larger ones pay.
        """
        if shape not in self.chosen:
            first, *others = ways
            best, least = first, GAIN * self._cost(first, call)
            for way in others:
                cost = self._cost(way, call)
                if cost < least:
                    best, least = way, cost
                elif cost > 2 * least and way[0] > best[0]:
                    break
            self.chosen[shape] = best
        return self.chosen[shape]

    def _cost(self, way: Way, call: Callable[[Way], object]) -> float:
        """The time of one run and row, the lowest of some calls after one that does not count."""
        clock, times = self.clock or _clock(), []
        call(way)
        for _ in range(ROUNDS):
            begun = clock()
            call(way)
            times.append(clock() - begun)
        return min(times) / (way[0] * way[1])


def _clock() -> Callable[[], float]:
    """Of one thread its own time, which a busy machine does not lengthen; else that on the wall, devices done."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return _when_done
    return time.thread_time if torch.get_num_threads() == 1 else time.perf_counter


def _when_done() -> float:
    torch.cuda.synchronize()
    return time.perf_counter()
