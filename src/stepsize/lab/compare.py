"""The comparison: every strategy, over a grid of base rates and several seeds, with common random numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from .._errors import StepsizeError, number
from ..descents import descent
from ..rules.sgd import sgd
from ..text import as_descent
from .data.datasets import Dataset
from .records.journal import Entrant, Finished, Journal, Settings
from .records.thinned import thinned
from .runs.descend import Run, descend_many, in_steps
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
RUNS_AT_ONCE = 32  # an interrupt loses at most these; more at once would be a little faster


def prepare(
    workload: Workload | Dataset,
    texts: Sequence[str] = (),
    *,
    steps: int = 500,
    batch_size: int | None = 32,
    seeds: int = 5,
    rates: tuple[float, float, int] | None = None,
) -> Settings:
    """The settings of a comparison: which strategies, at which base rates, for how long.

    `texts` are strategies; none means the eight of the introductory texts. `rates` = (low, high, points) is one log
    grid for all, otherwise three decades around each strategy's own base, which is always tried too. `seeds` ≥ 2,
    because a comparison without a spread is none. Where no strategy is a fixed rate, `sgd() | 0.1` joins as the
    reference whose loss is the target.
    """
    workload = _workload(workload)
    rows_train, rows_validation = workload.rows
    given = [as_descent(text) for text in texts]
    named = {str(one): one for one in given}  # two writings of one strategy are one
    whole = list(named.items()) or [(name, as_descent(text)) for name, text in DEFAULTS]
    if not any(_is_fixed(one) for _, one in whole):
        whole.append(("reference: fixed", as_descent("sgd() | 0.1")))
    if batch_size is not None and batch_size > rows_train:  # also where a problem has no rows
        batch_size = None
    if number("compare", "seeds", seeds, low=2, high=1000) != int(seeds):
        raise StepsizeError(f"compare: seeds must be a whole number, not {seeds!r}")
    steps = int(number("compare", "steps", steps, low=1))
    for _, one in whole:
        in_steps(one, steps, workload.problem, batch_size)  # what does not fit is said before anything is trained
    return Settings(
        data=workload.name,
        task=workload.task,
        target=workload.target,
        classes=workload.classes,
        rows_train=rows_train,
        rows_validation=rows_validation,
        validated=workload.validation is not None,
        columns=workload.columns,
        model=workload.model,
        fingerprint=workload.fingerprint,
        notes=workload.notes,
        steps=steps,
        measure_every=workload.measure_every(steps, batch_size),
        batch_size=batch_size,
        seeds=tuple(range(int(seeds))),
        reference=next(i for i, (_, one) in enumerate(whole) if _is_fixed(one)),
        strategies=tuple(_entrant(name, one, rates) for name, one in whole),
    )


def compare(workload: Workload | Dataset, journal: Journal, on_runs: Callable[[int], None] | None = None) -> None:
    """Train what the journal's settings ask for and the journal does not hold yet; `on_runs` is told how many ended."""
    settings, workload = journal.settings, _workload(workload)
    for index, entrant in enumerate(settings.strategies):
        finished, strategy = journal.finished(index), entrant.strategy
        for seeds in _portions(settings.seeds, len(entrant.bases)):
            if all((base, seed) in finished for base in entrant.bases for seed in seeds):
                continue
            runs = descend_many(
                workload.problem,
                strategy,
                steps=settings.steps,
                rates=entrant.bases,
                seeds=seeds,
                batch_size=settings.batch_size,
                measure_every=settings.measure_every,
                validation=workload.validation,
            )
            journal.append(_finished(index, run) for run in runs if (run.base, run.seed) not in finished)
            if on_runs is not None:
                on_runs(len(runs))


def versions(packages: Sequence[str] = ("scikit-learn", "polars")) -> dict[str, str]:
    """The versions that the numbers depend on: of Python, stepsize, NumPy, and the packages of the workload."""
    found = {"python": ".".join(str(one) for one in sys.version_info[:3])}
    for name in ("stepsize", "numpy", *packages):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _workload(given: Workload | Dataset) -> Workload:
    return given.workload() if isinstance(given, Dataset) else given


def _entrant(name: str, whole: descent, rates: tuple[float, float, int] | None) -> Entrant:
    base = float(whole.rate.base)
    if base <= 0:
        raise StepsizeError(f"{whole} has base rate 0, which trains nothing: give it one above 0")
    if rates is None:
        points = range(-DECADES_AROUND * POINTS_A_DECADE, DECADES_AROUND * POINTS_A_DECADE + 1)
        grid = [float(f"{base * 10 ** (k / POINTS_A_DECADE):.4g}") if k else base for k in points]
    else:
        low, high, count = rates
        grid = [float(f"{one:.6g}") for one in np.geomspace(low, high, count)]
    return Entrant(name, str(whole), base, tuple(sorted({*grid, base})), parsed=whole)


def _is_fixed(whole: descent) -> bool:
    return (
        len(whole.stages) == 2
        and whole.rule == sgd()
        and not whole.rate.controllers
        and str(whole.rate) == repr(whole.rate.base)
    )


def _portions(seeds: tuple[int, ...], bases: int) -> list[tuple[int, ...]]:
    """Seeds in portions, so that not too many runs share the memory at once."""
    size = max(1, RUNS_AT_ONCE // bases)
    return [seeds[i : i + size] for i in range(0, len(seeds), size)]


def _finished(index: int, run: Run) -> Finished:
    said = [one for one in run.why if one]
    return Finished(
        strategy=index,
        record=thinned(run.record),
        clipped=float(run.clipped.mean()) if run.steps else 0.0,
        acted=len(said),
        said=said[-1] if said else "",
    )
