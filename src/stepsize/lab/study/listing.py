"""What a journal holds, in the order that people look for it: by plan, strategy, base rate and seed."""

from __future__ import annotations

from dataclasses import dataclass

from ..trials.outcome import Outcome
from .journal import Journal
from .plan import Plan


@dataclass(frozen=True)
class Listed:
    """A trial of a journal: its number from 1, whatever is trained, its plan and strategy, and what it did."""

    number: int
    plan: Plan
    strategy: int
    outcome: Outcome


def courses(journal: Journal) -> list[Plan]:
    """One plan for each problem, length and batch size that was asked for, with all that was asked for of it."""
    found: list[Plan] = []
    for plan in reversed(journal.plans):
        if not any(one.same_course(plan) for one in found):
            found.append(plan.grown_from(journal.plans))
    return found[::-1]


def listed(journal: Journal) -> list[Listed]:
    """The trials that plans ask for and that were begun, by their numbers; of several versions the last one's."""
    latest = {key: one for (key, _), one in journal.outcomes.items()}
    found, number = [], 0
    for plan in courses(journal):
        for place in range(len(plan.strategies)):
            for trial in sorted(plan.trials_of(place), key=lambda one: (one.rate, one.seed)):
                number += 1
                if trial.key in latest:
                    found.append(Listed(number, plan, place, latest[trial.key]))
    return found


def environments(journal: Journal, plan: Plan) -> dict[str, list[Outcome]]:
    """What the trials of a plan did, by the versions that they were trained with."""
    asked = {one.key for one in plan.trials()}
    found: dict[str, list[Outcome]] = {}
    for (key, environment), one in journal.outcomes.items():
        if key in asked:
            found.setdefault(environment, []).append(one)
    return found
