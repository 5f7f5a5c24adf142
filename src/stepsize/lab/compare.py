"""The comparison: every strategy, over a grid of base rates and several seeds, with common random numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np

from .._errors import StepsizeError, number
from .._language import commas, say
from ..descents import descent
from ..rules.sgd import sgd
from ..schedules.rate import rate
from .data.datasets import Dataset
from .places.base import Place
from .places.here import Here
from .places.recipe import Recipe
from .study.plan import Entrant, Grid, Plan
from .study.study import Progress, Study
from .workload import Workload

DEFAULTS = (
    ("fixed", "sgd() | 0.1"),
    ("exponential", "sgd() | 0.1 * exponential(0.1)"),
    ("staged", "sgd() | 0.1 * stages(1, 0.1, 0.01)"),
    ("clipped", "sgd() | 0.1 | clip(0.01)"),
    ("infrared", "sgd() | 0.1 * infrared(0.9, 0.99)"),
    ("AdaGrad", "adagrad() | 0.1"),
    ("RMSProp", "rmsprop() | 0.01"),
    ("Adam", "adam() | 0.01"),
)
DECADES_AROUND = 3
POINTS_A_DECADE = 2
NAMED = re.compile(r"\s*(?P<name>[^=()'\"|>*]*[^=()'\"|>*\s])\s*=(?!=)\s*(?P<text>.+)", re.DOTALL)
NOBODY = "none"


def prepare(
    workload: Workload | Dataset,
    texts: Sequence[str] = (),
    *,
    steps: int = 500,
    batch_size: int | None = 32,
    seeds: int = 5,
    rates: tuple[float, float, int] | Sequence[float] | None = None,
    reference: str | None = None,
) -> Plan:
    """The plan of a comparison: which strategies, at which base rates, for how long.

    `texts` are strategies, each with a name before it where it has one (`Adam=adam() | 0.01`); none means the eight of
    the introductory texts. `rates` are base rates for all, besides each one's own: a log grid (low, high, points), or a
    list of any other length; otherwise three decades around each strategy's own. `seeds` ≥ 2, because a comparison
    without a spread is none. `reference` is the name or the text of the strategy that others are held against, "none"
    for none; left out, it is the first fixed rate, else the first strategy.
    """
    workload = _workload(workload)
    batch_size = workload.batch(batch_size)
    if number("compare", "seeds", seeds, low=2, high=1000) != int(seeds):
        raise StepsizeError(say("compare: seeds must be a whole number, not {seeds!r}", seeds=seeds))
    steps = int(number("compare", "steps", steps, low=1))
    whole = _strategies(texts, lambda text: workload.strategy(text, steps, batch_size))
    return Plan(
        subject=workload.subject,
        strategies=tuple(_entrant(name, text, one, rates, int(seeds)) for name, text, one in whole),
        steps=steps,
        measure_every=workload.measure_every(steps, batch_size),
        batch_size=batch_size,
        reference=_reference(whole, reference),
    )


def compare(
    study: Study, plan: Plan, place: Place | None = None, on_progress: Callable[[Progress], None] = lambda _: None
) -> Plan:
    """Train what the plan asks for and the study does not hold yet; the answer is the plan with all that it holds."""
    grown = study.ask(plan)
    study.train(plan.trials(), here(study.workload) if place is None else place, on_progress=on_progress)
    return grown


def here(workload: Workload) -> Here:
    """This process, as a place to train."""
    return Here(Recipe(_itself, (workload,)), workload.fingerprint)


def _itself(workload: Workload) -> Workload:
    return workload


def split_name(given: str) -> tuple[str, str]:
    """The name and the text of `NAME=EXPR`; the text is its own name where there is none.

    >>> split_name("my Adam = adam() | 0.01"), split_name("adam(beta1=0.8) | 0.01")
    (('my Adam', 'adam() | 0.01'), ('adam(beta1=0.8) | 0.01', 'adam(beta1=0.8) | 0.01'))
    """
    found = NAMED.fullmatch(given)
    return (found["name"], found["text"]) if found else (given, given)


def _strategies(texts: Sequence[str], read: Callable[[str], descent | rate]) -> list[tuple[str, str, descent | rate]]:
    """Names, texts and strategies; of two writings of one strategy the first is kept."""
    given = [split_name(text) for text in texts] or list(DEFAULTS)
    found: dict[str, tuple[str, str, descent | rate]] = {}
    for name, text in given:
        one = read(text)
        found.setdefault(str(one), (" ".join(name.split()), text, one))
    names = [name for name, _, _ in found.values()]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise StepsizeError(
            say("compare: two strategies are called {twice!r}: give each a name of its own", twice=twice)
        )
    return list(found.values())


def _reference(whole: Sequence[tuple[str, str, descent | rate]], wanted: str | None) -> int | None:
    if wanted is None:
        return next((i for i, (_, _, one) in enumerate(whole) if _is_fixed(one)), 0)
    known = {name: i for i, (name, _, _) in enumerate(whole)}
    for i, (_, text, one) in enumerate(whole):
        known.setdefault(text, i)
        known.setdefault(str(one), i)
    if wanted in known:
        return known[wanted]
    if wanted == NOBODY:
        return None
    near = get_close_matches(wanted, known, n=1)
    if near:
        raise StepsizeError(
            say(
                "compare: the reference must be one of the strategies, or none, not {wanted!r}: did you mean {near!r}?",
                wanted=wanted,
                near=near[0],
            )
        )
    raise StepsizeError(
        say(
            "compare: the reference must be one of the strategies, or none, not {wanted!r}: write one of {names}",
            wanted=wanted,
            names=commas(name for name, _, _ in whole[:8]),
        )
    )


def _workload(given: Workload | Dataset) -> Workload:
    return given.workload() if isinstance(given, Dataset) else given


def _entrant(
    name: str, text: str, whole: descent | rate, rates: tuple[float, float, int] | Sequence[float] | None, seeds: int
) -> Entrant:
    base = float(rate_of(whole).base)
    if base <= 0:
        raise StepsizeError(say("{text} has base rate 0, which trains nothing: give it one above 0", text=text))
    if rates is None:
        points = range(-DECADES_AROUND * POINTS_A_DECADE, DECADES_AROUND * POINTS_A_DECADE + 1)
        grid = [float(f"{base * 10 ** (k / POINTS_A_DECADE):.4g}") if k else base for k in points]
    else:
        grid = rate_grid(rates)
    tried = Grid(tuple(sorted({*grid, base})), tuple(range(seeds)))
    return Entrant(name, text, base, (tried,), parsed=whole)


def rate_grid(rates: tuple[float, float, int] | Sequence[float]) -> list[float]:
    """The base rates of (low, high, points), where points is a whole number ≥ 2, or of a list of rates.

    >>> rate_grid((0.01, 1.0, 3)), rate_grid([0.1, 0.3])
    ([0.01, 0.1, 1.0], [0.1, 0.3])
    """
    given: list[Any] = list(rates)
    if len(given) == 3 and type(given[2]) is int and given[2] >= 2:
        low, high, count = given
        if not 0 < low < high < math.inf:
            raise StepsizeError(
                say("compare: rates must have 0 < low < high, not {low!r} and {high!r}", low=low, high=high)
            )
        return [float(f"{one:.6g}") for one in np.geomspace(low, high, count)]
    if not given:
        raise StepsizeError(say("compare: rates must name at least 1 rate"))
    return [number("compare", "rates", one, above=0) for one in given]


def rate_of(strategy: descent | rate) -> rate:
    """The rate of a whole strategy, or the rate itself."""
    return strategy if isinstance(strategy, rate) else strategy.rate


def _is_fixed(strategy: descent | rate) -> bool:
    found = rate_of(strategy)
    bare = isinstance(strategy, rate) or (len(strategy.stages) == 2 and strategy.rule == sgd())
    return bare and not found.controllers and str(found) == repr(found.base)
