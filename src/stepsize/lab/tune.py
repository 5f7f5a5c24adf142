"""Tuning: a policy is asked what to train next, a study trains it, until there is a verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from .._errors import StepsizeError, number, whole
from .._language import say
from .choose.answer import Asked, Verdict
from .choose.policy import Policy
from .choose.prior import Earlier
from .choose.tune import Tune
from .compare import here, rate_of, split_name
from .places.base import Listener, Place
from .study.study import Progress, Study
from .trials.outcome import Outcome
from .workload import Workload

DEFAULTS = ("sgd(momentum=0.9) | 0.1 * (warmup('5%') >> cosine())", "adam() | 1e-3 * (warmup('5%') >> cosine())")
SEEDS = 8  # of which the policy uses the first, and more where the budget is large
TOGETHER = 4  # trials that train side by side for little more than the price of one
NO_LIMIT = 1000.0  # runs, where the budget is a time


@dataclass(frozen=True)
class Tuned:
    """What a tuning came to: the verdict, what was trained for it, and what the policy asked for and why.

    `interrupted` says that it was ended before the policy had spent its budget.
    """

    verdict: Verdict
    outcomes: tuple[Outcome, ...]
    asked: tuple[str, ...]
    interrupted: bool = False

    @property
    def outcome(self) -> Outcome:
        """What the chosen trial did."""
        return next(one for one in self.outcomes if one.trial.key == self.verdict.trial.key)


def policy_for(
    workload: Workload,
    texts: Sequence[str] = (),
    *,
    steps: int = 500,
    batch_size: int | None = 32,
    budget: float = 4.0,
    seeds: int = SEEDS,
    trials: int | None = None,
    earlier: Sequence[Earlier] = (),
    workers: int = 1,
) -> Policy:
    """The policy that tunes strategies on a workload: `Tune`, after everything that does not fit was refused.

    `texts` are strategies, each with a name before it where it has one; none means SGD with momentum and Adam, both
    with a warm-up and a cosine. Their own rates are taken as guesses. `budget` ≥ 1 is in whole runs, `trials` ≥ 1 how
    many may be begun besides (None: any number). `earlier` is what earlier tunes found, read by `stepsize.lab.earlier`.
    It asks for as many trials at a time as `workers` ≥ 1 train, and for `TOGETHER` at least where trials train side by
    side.
    """
    batch_size = workload.batch(batch_size)
    steps = int(number("tune", "steps", steps, low=1))
    number("tune", "budget", budget, low=1)
    fitting = [workload.strategy(split_name(text)[1], steps, batch_size) for text in texts or DEFAULTS]
    for text, one in zip(texts or DEFAULTS, fitting, strict=True):
        if not rate_of(one).base > 0:
            raise StepsizeError(say("{text} has base rate 0, which trains nothing: give it one above 0", text=text))
    return Tune(
        strategies=tuple(split_name(text)[1] for text in texts or DEFAULTS),
        problem=workload.fingerprint,
        steps=steps,
        budget=float(budget),
        seeds=tuple(range(seeds)),
        batch_size=batch_size,
        measure_every=workload.measure_every(steps, batch_size),
        trials=trials,
        earlier=tuple(earlier),
        together=together(workload, workers),
    )


def together(workload: Workload, workers: int = 1) -> int:
    """How many trials a policy should ask for at a time."""
    workers = whole("tune", "workers", workers, low=1)
    return max(workers, TOGETHER if workload.at_once > 1 else 1)


def tune(
    study: Study,
    policy: Policy,
    place: Place | None = None,
    *,
    seconds: float | None = None,
    on_asked: Callable[[Asked, Verdict | None], None] = lambda *_: None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_event: Listener | None = None,
) -> Tuned:
    """Train what the policy asks for until it gives its verdict, or until `seconds` are over.

    What the study holds already is not trained again, so that a tuning which was stopped goes on, and a larger budget
    goes on from a smaller one. An interrupt (Ctrl-C) gives the verdict so far. `on_asked` is told what is trained next
    and the verdict so far.
    """
    place = here(study.workload) if place is None else place
    end = None if seconds is None else time.monotonic() + number("tune", "seconds", seconds, above=0)
    asked: list[str] = []
    while True:
        found = _relevant(study, policy)
        check_starts(found, study.workload.name)
        answer = policy.ask(found)
        if isinstance(answer, Verdict):
            return Tuned(answer, tuple(found), tuple(asked))
        so_far = so_far_of(policy, found)
        if end is not None and time.monotonic() >= end and so_far is not None:
            return Tuned(so_far, tuple(found), tuple(asked), interrupted=True)
        asked.append(answer.why)
        on_asked(answer, so_far)
        trials, ends = [one.trial for one in answer.parts], [one.until for one in answer.parts]
        try:
            study.train(trials, place, until=ends, on_progress=on_progress, on_event=on_event)
        except KeyboardInterrupt:
            found = _relevant(study, policy)
            so_far = so_far_of(policy, found)
            if so_far is None:
                raise
            return Tuned(so_far, tuple(found), tuple(asked), interrupted=True)


def so_far_of(policy: Policy, outcomes: Sequence[Outcome]) -> Verdict | None:
    """The verdict on what there is, None where nothing is there that could be named."""
    runs = policy.seen(outcomes)
    return policy.verdict(runs) if any(one.passed and not one.broke for one in runs) else None


def check_starts(outcomes: Sequence[Outcome], name: str) -> None:
    """Refuse a problem whose loss was not finite before the first update in every trial: no rate can mend that."""
    starts = [one for one in outcomes if one.measured_at[:1] == (0,)]
    if starts and not any(loss is not None for one in starts for loss in (*one.train[:1], *one.validation[:1])):
        raise StepsizeError(
            say(
                "tune: the loss of {name} is not finite before the first update, at any rate: look at the data",
                name=name,
            )
        )


def with_budget(policy: Policy, budget: float) -> Policy:
    """The same policy with another budget, which goes on from what it asked for."""
    return replace(policy, budget=budget)


def _relevant(study: Study, policy: Policy) -> list[Outcome]:
    """What the study holds with these versions of what the policy tunes: a folder may hold other runs too."""
    study.journal.refresh()
    there = study.journal.outcomes.items()
    mine = [one for (_, environment), one in there if environment == study.environment]
    return [one for one in mine if policy.arm(one.trial) is not None]
