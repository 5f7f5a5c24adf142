"""Numbers of a comparison, from its journal: rows of the table, curves, and each strategy's basin."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from .._errors import StepsizeError
from .._language import say
from ..lab.judging import Judged, Judgement, verdict
from ..lab.records.record import Record
from ..lab.study.judged import judged
from ..lab.study.plan import Entrant, Plan
from ..lab.trials.outcome import Outcome
from .stairs import Stairs, stairs

BASIN = 1.1


@dataclass(frozen=True)
class Mean:
    """A mean with its spread (standard deviation over seeds) and n; it cannot be made without them."""

    value: float
    spread: float
    n: int

    @staticmethod
    def of(values: Sequence[float]) -> Mean:
        """The mean of at least two finite numbers."""
        if len(values) < 2:
            raise StepsizeError(f"a mean needs n ≥ 2 to have a spread, not {len(values)}: use more seeds")
        return Mean(statistics.fmean(values), statistics.stdev(values), len(values))

    def __str__(self) -> str:
        return f"{self.value:.4g} ± {self.spread:.2g}"


@dataclass(frozen=True)
class AtBase:
    """One strategy at one base rate: final losses over the seeds, None where a seed diverged."""

    base: float
    train: Mean | None
    validation: Mean | None
    tested: Mean | None
    diverged: int
    runs: int


@dataclass(frozen=True)
class Row:
    """One strategy in the table; `best_base` is None where every base rate diverged with some seed.

    The best base has the lowest mean validation loss, over the seeds that all bases have, among those at which no seed
    diverged. `tested` is the loss there on the part that judges, `worst` that of the worst seed, and `metrics` are
    other measures of that part. `basin` is the range of base rates around it whose mean validation loss is within ten
    per cent of the best. `steps_to_target` is the median over the seeds at the best base that reached the target,
    `reached` how many did.
    """

    name: str
    text: str
    base: float
    best_base: float | None
    at_edge: bool
    train: Mean | None
    validation: Mean | None
    tested: Mean | None
    worst: float | None
    metrics: dict[str, Mean]
    given_train: Mean | None
    given_validation: Mean | None
    steps_to_target: float | None
    reached: int
    seeds: int
    diverged: int
    runs: int
    basin: tuple[float, float] | None
    bases: tuple[AtBase, ...]


@dataclass(frozen=True)
class Curve:
    """A strategy at its best base (its own where none is best) over the steps: mean, lowest and highest over seeds.

    `stairs` are the rates of the updates themselves (see `report.stairs`), of the first of the longest runs.
    """

    name: str
    base: float
    steps: tuple[int, ...]
    train: tuple[float | None, ...]
    train_low: tuple[float | None, ...]
    train_high: tuple[float | None, ...]
    validation: tuple[float | None, ...]
    rates: tuple[float | None, ...]
    stairs: Stairs = ()


@dataclass(frozen=True)
class Summary:
    """A whole comparison in numbers; `target` is the training loss that the reference reached with every seed.

    `verdict` says in sentences what is shown and what is not, and `judgement` has its numbers. `unfinished` are the
    names of strategies that are left out, because some of their runs are missing.
    """

    settings: Plan
    versions: dict[str, str]
    target: float | None
    rows: tuple[Row, ...]
    curves: tuple[Curve, ...]
    verdict: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    judgement: Judgement | None = None

    @property
    def seed_counts(self) -> tuple[int, ...]:
        """How many seeds the means of the table are over: one number, or the fewest and the most."""
        counts = {row.seeds for row in self.rows} or {len(self.settings.seeds)}
        return tuple(sorted({min(counts), max(counts)}))

    @property
    def seeds(self) -> str:
        """How many seeds the means of the table are over, "2 to 5" where strategies differ."""
        first, *last = self.seed_counts
        return say("{first} to {last}", first=first, last=last[0]) if last else str(first)


def summarise(plan: Plan, outcomes: Iterable[Outcome], versions: dict[str, str]) -> Summary:
    """The numbers of what is finished of a plan (`Plan.finished`); strategies with none finished are left out.

    Where there is no validation problem, the training loss stands in for its loss (`Plan.chosen_by`).
    """
    found = {one.trial.key: one for one in outcomes if one.over}
    plan = plan.finished(found)
    if not plan.subject.validated:
        found = {key: _judged_by_training(one) for key, one in found.items()}
    records = [[found.get(one.key) for one in plan.trials_of(i)] for i in range(len(plan.strategies))]
    whole = {i: [one for one in runs if one is not None] for i, runs in enumerate(records) if None not in runs}
    judgement = judged(plan, whole)
    of_each = {} if judgement is None else dict(zip(whole, judgement.strategies, strict=True))
    reference = plan.reference if plan.reference in whole else None
    target = None if reference is None else _target(whole[reference], of_each[reference])
    rows = [_row(plan.strategies[i], runs, target, of_each[i]) for i, runs in whole.items()]
    curves = [_curve(runs, row) for runs, row in zip(whole.values(), rows, strict=True)]
    unfinished = tuple(one.name for i, one in enumerate(plan.strategies) if i not in whole)
    said = () if judgement is None else verdict(judgement)
    return Summary(plan, versions, target, tuple(rows), tuple(curves), said, unfinished, judgement)


def _judged_by_training(run: Outcome) -> Outcome:
    return replace(run, record=replace(run.record, validated=run.record.measured))


def _target(records: list[Outcome], found: Judged) -> float | None:
    best = _best(_bases(records), found)
    if best is None:
        return None
    finals = [one.train[-1] for one in records if one.trial.rate == best.base]
    return max(one for one in finals if one is not None)


def _bases(records: list[Outcome]) -> tuple[AtBase, ...]:
    return tuple(
        _at_base(base, [one for one in records if one.trial.rate == base])
        for base in sorted({one.trial.rate for one in records})
    )


def _at_base(base: float, runs: list[Outcome]) -> AtBase:
    diverged = sum(one.diverged for one in runs)
    train, validation, test = (_last_of(runs, column) for column in ("train", "validation", "test"))
    if diverged or train is None or validation is None:
        train = validation = test = None
    return AtBase(base, train, validation, test, diverged, len(runs))


def _last_of(runs: Sequence[Outcome], column: str) -> Mean | None:
    """The mean of the last entries of a column, None where one is not there."""
    last = [getattr(one, column)[-1] for one in runs]
    known = [one for one in last if one is not None]
    return Mean.of(known) if len(known) == len(runs) and len(known) > 1 else None


def _best(bases: tuple[AtBase, ...], found: Judged) -> AtBase | None:
    """The base that the validation loss chose, as the verdict says; where two halves chose, that of the first."""
    chosen = [one for one in bases if one.base in found.rates and one.validation is not None]
    return min(chosen, key=lambda one: one.validation.value if one.validation else math.inf, default=None)


def _row(strategy: Entrant, records: list[Outcome], target: float | None, found: Judged) -> Row:
    bases = _bases(records)
    best = _best(bases, found)
    given = next(one for one in bases if one.base == strategy.base)
    at_best = [one for one in records if best is not None and one.trial.rate == best.base]
    reached = [step for step in (_first_at(one, target) for one in at_best) if step is not None]
    return Row(
        name=strategy.name,
        text=strategy.text,
        base=strategy.base,
        best_base=None if best is None else best.base,
        at_edge=best is not None and len(bases) > 1 and best.base in (bases[0].base, bases[-1].base),
        train=None if best is None else best.train,
        validation=None if best is None else best.validation,
        tested=_tested(found) if best is not None and best.tested is not None else None,
        worst=None if found.worst is None else found.worst[1],
        metrics=_metrics(at_best),
        given_train=given.train,
        given_validation=given.validation,
        steps_to_target=statistics.median(reached) if reached else None,
        reached=len(reached),
        seeds=len(at_best) or len(strategy.seeds),
        diverged=sum(one.diverged for one in bases),
        runs=len(records),
        basin=_basin(bases, best),
        bases=bases,
    )


def _tested(found: Judged) -> Mean | None:
    losses = list(found.losses.values())
    return Mean.of(losses) if len(losses) > 1 else None


def _metrics(runs: Sequence[Outcome]) -> dict[str, Mean]:
    """The last of each measure that every run has."""
    found: dict[str, Mean] = {}
    for name in (runs[0].record.metrics or {}) if runs else {}:
        columns = [(one.record.metrics or {}).get(name) for one in runs]
        last = [float(one[-1]) for one in columns if one is not None and len(one) and math.isfinite(one[-1])]
        if len(last) == len(runs) > 1:
            found[name] = Mean.of(last)
    return found


def _basin(bases: tuple[AtBase, ...], best: AtBase | None) -> tuple[float, float] | None:
    """The unbroken range around the best base in which the validation loss stays within ten per cent."""
    if best is None or best.validation is None:
        return None
    bound = best.validation.value + (BASIN - 1) * abs(best.validation.value)
    inside = [one.validation is not None and one.validation.value <= bound for one in bases]
    low = high = bases.index(best)
    while low > 0 and inside[low - 1]:
        low -= 1
    while high < len(bases) - 1 and inside[high + 1]:
        high += 1
    return bases[low].base, bases[high].base


def _first_at(run: Outcome, target: float | None) -> int | None:
    if target is None:
        return None
    return next(
        (t for t, loss in zip(run.measured_at, run.train, strict=True) if loss is not None and loss <= target), None
    )


def _curve(records: list[Outcome], row: Row) -> Curve:
    base = row.base if row.best_base is None else row.best_base
    runs = [one for one in records if one.trial.rate == base]
    longest = max(runs, key=lambda one: len(one.measured_at))
    places = range(len(longest.measured_at))
    train, validation = (
        [[line[i] if i < len(line) else None for line in lines] for i in places]
        for lines in ([run.train for run in runs], [run.validation for run in runs])
    )
    return Curve(
        name=row.name,
        base=base,
        steps=longest.measured_at,
        train=tuple(_over(one, statistics.fmean) for one in train),
        train_low=tuple(_over(one, min) for one in train),
        train_high=tuple(_over(one, max) for one in train),
        validation=tuple(_over(one, statistics.fmean) for one in validation),
        rates=tuple(longest.rates),
        stairs=_stairs(longest.record),
    )


def _stairs(record: Record) -> Stairs:
    return () if record.rates is None else stairs(record.steps.tolist(), record.rates.tolist())


def _over(values: Sequence[float | None], how: Callable[[list[float]], float]) -> float | None:
    """`how` over the seeds, None where a seed has no finite value."""
    known = [one for one in values if one is not None]
    if len(known) < len(values):
        return None
    try:
        return float(how(known))
    except OverflowError:  # finite losses near the largest float
        return None
