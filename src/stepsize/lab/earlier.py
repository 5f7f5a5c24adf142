"""What earlier tunes found: journals in, the best rates of each family of rules out, as a prior takes them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from .._errors import StepsizeError
from .._language import either, say
from ..descents import descent
from .choose.prior import Earlier, family_of, shift_of
from .study.journal import FILE, Journal, is_journal
from .trials.outcome import Outcome

Search = tuple[str, str, int, int | None]  # family, problem, steps, batch size: the trials of one tune
Ends = dict[tuple[str, float], list[float]]  # the losses of a strategy at a rate, one a seed


def earlier(folders: Sequence[Path], strategies: Sequence[descent], out: Path | None = None) -> tuple[Earlier, ...]:
    """What the tunes in these folders found for the families of rules of these strategies, sorted.

    A folder is one that `stepsize tune --out` made, or one that holds such folders. Of each problem, length and batch
    size in them, the finished rate with the lowest mean loss over its seeds is one place. A folder that is none, one
    that is `out` (whose prior would change while it grows), or one without a finished trial of any of these rules is a
    StepsizeError.
    """
    wanted = {family_of(one.rule) for one in strategies}
    found: dict[str, list[float]] = defaultdict(list)
    for folder in folders:
        if out is not None and _within(out, folder):
            told = say("{folder} is the folder of this tune: its prior must be from earlier ones", folder=folder)
            raise StepsizeError(told)
        there = best_places(one for path in _journals(folder) for one in Journal(path).outcomes.values())
        if not any(family in wanted for family, _ in there):
            rules = either(sorted(wanted))
            raise StepsizeError(
                say(
                    "{folder} holds no finished trial of {rules}: name a folder that stepsize tune made",
                    folder=folder,
                    rules=rules,
                )
            )
        for family, place in there:
            found[family].append(place)
    return tuple(Earlier(family, tuple(sorted(found[family]))) for family in sorted(wanted & set(found)))


def best_places(outcomes: Iterable[Outcome]) -> list[tuple[str, float]]:
    """The family and the best rate of every search among these trials, as a power of two."""
    searches: dict[Search, Ends] = defaultdict(lambda: defaultdict(list))
    shifts: dict[str, float] = {}
    for one in outcomes:
        if (loss := _end(one)) is not None and isinstance(one.trial.expression, descent):
            trial, rule = one.trial, one.trial.strategy.rule
            text = str(trial.strategy.with_base(1.0))
            shifts[text] = shift_of(rule)
            search = family_of(rule), trial.problem, trial.steps, trial.batch_size
            searches[search][text, trial.rate].append(loss)
    best = [(search[0], min(ends, key=lambda at: (_mean(ends[at]), at))) for search, ends in searches.items()]
    return sorted((family, math.log2(rate) - shifts[text]) for family, (text, rate) in best)


def _end(one: Outcome) -> float | None:
    """The loss that chooses, at the end of a trial that came to it."""
    losses = one.validation if one.record.validated is not None else one.train
    return losses[-1] if one.made >= one.trial.steps and losses else None


def _mean(losses: Sequence[float]) -> float:
    return sum(losses) / len(losses)


def _journals(folder: Path) -> list[Path]:
    """The folder itself, or those in it, that hold a journal."""
    there = [folder, *sorted(one for one in folder.iterdir() if one.is_dir())] if folder.is_dir() else []
    found = [one for one in there if is_journal(one / FILE)]
    if not found:
        told = say("{folder} holds no journal: name a folder that stepsize tune --out made", folder=folder)
        raise StepsizeError(told)
    return found[:1] if found[:1] == [folder] else found


def _within(out: Path, folder: Path) -> bool:
    return out.resolve() in (folder.resolve(), *(one.resolve() for one in folder.glob("*")))
