"""The range test of a workload: one short run whose rate rises from update to update."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import StepsizeError, number, shown
from .._language import Note, say
from ..course.swept import HIGH, LOW, Swept, rising, swept
from ..descents import descent
from ..schedules.rate import rate
from ..schedules.recipes import range_test
from ..text import as_strategy
from .runs.side_by_side import SideBySide
from .trials.loop import Training
from .workload import Workload

STEPS = 500  # of the run that a rate is looked for, as `compare` and `tune` have it
SHARE = 0.3  # of it: on recorded cells a tenth was four times worse in the mean, five times at worst
FEWEST_UPDATES = 50
WHOLE, ALONE = "sgd(momentum=0.9) | 0.1", "0.1"


def find_rate(
    workload: Workload,
    text: str | None = None,
    *,
    low: float = LOW,
    high: float = HIGH,
    steps: int = STEPS,
    share: float = SHARE,
    batch_size: int | None = 32,
    seed: int = 0,
    on_update: Callable[[int], None] = lambda _: None,
) -> Swept:
    """A range test of a strategy on a workload: what one run with a rising rate says of the best rate.

    Formula: the rate of update t of n is low·(high/low)^(t/(n − 1)); the rules read the smoothed losses, as
    `stepsize.course.range_test.find` says. Use it to see where training becomes unstable. When not: to choose a rate,
    which `tune` does.

    `text` is any strategy; its rule and clips train, and the sweep takes the place of its rate and schedule. The sweep
    takes the `share` (above 0, at most 1) of a run of `steps`, 50 updates at least. `low` and `high` are 1e-7 and 10,
    the widest range of the published finders: the best rates of Adam and of plain descent lie inside, and the low end,
    where nothing happens, shows the noise. `batch_size` is that of the run to come: it decides the noise and where
    training breaks. A loss or a parameter that is not finite ends the sweep. Same seed, same numbers. The workload is
    left as it is. Source: Smith, Cyclical learning rates, 2017.

    >>> from stepsize import problems
    >>> line = problems.least_squares([[1.0], [2.0]], [2.0, 4.0])
    >>> of_line = Workload("line", line, None, "a line", "line")
    >>> told = find_rate(of_line, "sgd() | 0.1", steps=300)
    >>> told.found.low < told.rate < told.found.high < 10
    True
    """
    updates = updates_of(steps, share)
    batch_size = workload.batch(batch_size)
    given = as_strategy(text or (ALONE if getattr(workload.problem, "whole_strategies", True) is False else WHOLE))
    one = workload.strategy(str(_sweeping(given, low, high, updates)), updates, batch_size)
    update = _updates(workload, one, updates, batch_size, seed)

    def one_update(t: int) -> float:
        loss = update()
        on_update(t + 1)
        return loss

    instead = f'stepsize tune {workload.name} "{given}" --steps {steps}'
    return swept(rising(low, high, updates), one_update, _about(given, workload, batch_size), instead)


def updates_of(steps: int, share: float) -> int:
    """The updates of a sweep that takes this share of a run."""
    plain = number("find", "steps", steps, low=1)
    if plain != int(plain):
        raise StepsizeError(say("find: steps must be a whole number, not {steps}", steps=shown(steps)))
    return max(FEWEST_UPDATES, round(number("find", "share", share, above=0, high=1) * plain))


def _sweeping(given: descent | rate, low: float, high: float, updates: int) -> descent | rate:
    """The strategy with a rising rate in place of its own."""
    rising(low, high, updates)  # which refuses what does not fit
    far = rate(low, range_test(high / low, updates - 1))
    return far if isinstance(given, rate) else given.with_rate(far)


def _ruled(given: descent | rate) -> str:
    """The strategy without its rate, as text."""
    if isinstance(given, rate):
        return Note("your optimizer")
    return " | ".join("rate" if isinstance(one, rate) else str(one) for one in given.stages)


def _about(given: descent | rate, workload: Workload, batch_size: int | None) -> Note:
    """What was trained on what, and how many rows an update sees, where there are any."""
    rule, data = _ruled(given), workload.name
    if getattr(workload.problem, "own_batches", False):
        return Note("{rule} on {data}, batches of its loader", rule=rule, data=data)
    if not workload.rows[0]:
        return Note("{rule} on {data}", rule=rule, data=data)
    if not batch_size:
        return Note("{rule} on {data}, batch all", rule=rule, data=data)
    return Note("{rule} on {data}, batch {size}", rule=rule, data=data, size=batch_size)


def _updates(
    workload: Workload, one: descent | rate, updates: int, batch_size: int | None, seed: int
) -> Callable[[], float]:
    """A function that makes an update and returns its loss, NaN where a number is not finite."""
    if isinstance(workload.problem, Training):
        going = workload.problem.begin(one, seed=seed, steps=updates, batch_size=batch_size)
        return lambda: _loss(going.update())
    assert isinstance(one, descent)
    lot = SideBySide(workload.problem, one, [(None, seed)], steps=updates, batch_size=batch_size)

    def update() -> float:
        lot.update()
        return math.nan if lot.ended else float(np.asarray(lot.ledger.columns["losses"][-1])[0])

    return update


def _loss(told: Any) -> float:
    return math.nan if told is None else float(told.loss)
