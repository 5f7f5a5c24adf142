"""The judgement: every strategy judged, the comparisons that are made, and what they show together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from ..._errors import StepsizeError
from .column import Column
from .holm import holm
from .pairs import Difference, Pair
from .runs import Runs
from .strategy import Judged, both, judged


@dataclass(frozen=True)
class Judgement:
    """What a comparison shows: of `strategies` in the order given, and of `pairs`.

    `comparisons` is how many p-values Holm's correction counts. `leader` is the name of the strategy with the best
    mean, None where nothing was judged. `judges` and `chooses` say by what; they are one part where none is kept for
    judging. `halves` is True where two halves of the held-out rows have chosen and judged in turn.
    """

    strategies: tuple[Judged, ...]
    pairs: tuple[Pair, ...]
    comparisons: int
    leader: str | None
    reference: str | None
    judges: Column
    chooses: Column
    halves: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        lists = {name: [one.as_dict() for one in getattr(self, name)] for name in ("strategies", "pairs")}
        plain = {name: getattr(self, name) for name in ("comparisons", "leader", "reference", "halves")}
        return {**lists, **plain, "judges": str(self.judges), "chooses": str(self.chooses)}


def judge(
    runs: Sequence[Runs],
    *,
    judges: Column | None = None,
    chooses: Column | None = None,
    reference: str | None = None,
    halves: bool = False,
) -> Judgement:
    """The judgement of several strategies, each at the rate that it does best with on the part that chooses.

    Formula: differences of two strategies seed by seed, Student's t with n − 1 degrees of freedom, Holm's correction
    over the comparisons made: all against `reference` where one is named, otherwise all pairs, so that the chance of
    any false difference is at most 5 % (to compare the one that came out lowest with the rest, as if it had been named
    before, errs more often). Each comparison is read twice, see `readings.larger_p`. Use `halves` where the held-out
    rows are too few for three parts: `chooses` and `judges` of `runs` are then two halves of equal size and of one
    column. Not for runs of different lengths, nor where seeds do not share their batches.

    Raises a StepsizeError where names repeat, where the reference is none of them, or where some runs have a part that
    judges and some have none. Sources: Student 1908, Holm 1979.

    >>> table = {(0.1, seed): value for seed, value in enumerate([1.0, 1.1, 1.3])}
    >>> better = {(0.1, seed): value for seed, value in enumerate([0.5, 0.61, 0.79])}
    >>> found = judge([Runs("A", table), Runs("B", better)], chooses=Column(part="validation"))
    >>> found.leader, found.pairs[0].shown, round(found.pairs[0].difference.value, 4)
    ('B', 'second', 0.5)
    """
    chooses = chooses or Column(part="validation")
    one_part = _one_part(runs)
    judges = chooses if one_part else judges or Column(part="test")
    names = [one.name for one in runs]
    if len(set(names)) < len(names):
        raise StepsizeError(f"judge: every strategy needs a name of its own, not {', '.join(names)}")
    if reference is not None and reference not in names:
        raise StepsizeError(f"judge: the reference must be one of {', '.join(names)}, not {reference!r}")
    strategies = tuple(_each(one, judges, chooses, halves) for one in runs)
    pairs, comparisons = compared(strategies, judges, reference)
    return Judgement(strategies, pairs, comparisons, _leader(strategies, judges), reference, judges, chooses, halves)


def compared(
    strategies: Sequence[Judged], judges: Column, reference: str | None = None
) -> tuple[tuple[Pair, ...], int]:
    """The pairs of strategies that were judged, and how many comparisons they are; with a reference, it comes first."""
    there = [one for one in strategies if one.mean is not None]
    chosen = [
        (first, second) if second.name != reference else (second, first)
        for first, second in combinations(there, 2)
        if reference is None or reference in (first.name, second.name)
    ]
    differences = [Difference.of(first, second) for first, second in chosen]
    made = [i for i, one in enumerate(differences) if one.p is not None]
    corrected = holm(np.array([differences[i].p for i in made], dtype=float))
    p_holm = dict(zip(made, corrected.tolist(), strict=True))
    return tuple(one.told(p_holm.get(i), len(made), judges.sign) for i, one in enumerate(differences)), len(made)


def _each(runs: Runs, judges: Column, chooses: Column, halves: bool) -> Judged:
    one = judged(runs, judges, chooses)
    return both(one, judged(runs.swapped(), judges, chooses), judges) if halves else one


def _one_part(runs: Sequence[Runs]) -> bool:
    without = [one.name for one in runs if one.judges is None]
    if without and len(without) < len(runs):
        raise StepsizeError(f"judge: {without[0]} has no part that judges, and others have: measure all on the same")
    return bool(without)


def _leader(strategies: Sequence[Judged], judges: Column) -> str | None:
    there = [(one.mean.value * judges.sign, one.name) for one in strategies if one.mean is not None]
    return min(there, key=lambda pair: pair[0])[1] if there else None
