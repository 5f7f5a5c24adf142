"""Merging studies: what one folder holds and another lacks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..._errors import StepsizeError
from ..._language import say
from .claims import Claims
from .journal import Journal, read_journal


@dataclass(frozen=True)
class Merged:
    """How many trials came, and how many were there already."""

    came: int
    known: int


def merge(into: Path, other: Path) -> Merged:
    """Write the problems, plans and trials of `other` into the study of `into`, which begins where it is not there.

    Of a trial that both hold the further one stays; paused trials come with their states, so that they go on. The
    other folder is only read.
    """
    source = read_journal(other)
    if into.resolve() == other.resolve():
        raise StepsizeError(say("{into} cannot be merged with itself: name another folder", into=into))
    target = Journal(into)
    claims = Claims(into)
    try:
        with claims.alone():
            target.refresh()
            return _merged(target, source)
    finally:
        claims.close()


def _merged(target: Journal, source: Journal) -> Merged:
    for subject in source.subjects.values():
        target.know(subject)
    for plan in source.plans:
        if plan not in target.plans:
            target.ask(plan)
    new = {
        place: one
        for place, one in source.outcomes.items()
        if place not in target.outcomes or target.outcomes[place].made < one.made
    }
    for (key, environment), one in new.items():
        kept = None if one.over else source.kept(key, environment)
        if kept is not None:
            target.keep(key, environment, *kept)
    target.add(*new.values())
    return Merged(len(new), len(source.outcomes) - len(new))
