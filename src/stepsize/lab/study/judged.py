"""A comparison judged: the outcomes of a plan as the judging takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..judging import Column, Judgement, Runs, judge
from ..trials.outcome import Outcome
from .plan import Plan


def judged(plan: Plan, outcomes: Mapping[int, Sequence[Outcome]]) -> Judgement | None:
    """What a plan's finished strategies show, by their place in it; None where none is finished.

    The validation loss chooses a rate and the test loss judges it; where there is no part that judges, seeds take turns
    (see `judging`), and where rows are few (`Subject.folded`) both parts do. Without a validation problem the training
    loss does both.
    """
    if not outcomes:
        return None
    subject = plan.subject
    runs = [
        Runs(
            plan.strategies[place].name,
            _table(found, "validation" if subject.validated else "train"),
            _table(found, "test") if subject.tested else None,
        )
        for place, found in outcomes.items()
    ]
    there = [one.name for one in runs]
    reference = plan.referred.name if plan.referred is not None and plan.referred.name in there else None
    return judge(
        runs,
        chooses=Column(part=plan.chosen_by),
        judges=Column(part="test") if subject.tested else None,
        reference=reference,
        halves=subject.folded and subject.tested,
    )


def _table(outcomes: Sequence[Outcome], column: str) -> dict[tuple[float, int], float | None]:
    """The last losses by base rate and seed; a run that diverged has none."""
    return {
        (one.trial.rate, one.trial.seed): None if one.diverged else (getattr(one, column) or (None,))[-1]
        for one in outcomes
    }
