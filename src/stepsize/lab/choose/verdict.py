"""How a verdict is written: the expected loss, the basin, and what the budget cannot tell."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..._language import say
from .answer import Verdict
from .basin import FLOOR, Basin, early
from .said import counted
from .seen import Seen

WITHIN = 1.1  # of the best expected loss: the basin
SEEDS = 0.06  # what another seed changes, in shares of the descent, one standard deviation
NINE_OF_TEN = 1.645


def told(
    best: Seen, runs: Sequence[Seen], basin: Basin, x: float, cost: float, strategies: Sequence[str] = ()
) -> Verdict:
    """The verdict that names one of the runs; `x` is its place in the basin's grid, `strategies` what competed."""
    place = int(np.abs(basin.grid - x).argmin())
    loss, low, high = _expected(best, runs, basin, place)
    lowest, highest = basin.within(WITHIN, place)
    return Verdict(
        trial=best.trial,
        text=str(best.trial.strategy),
        rate=best.trial.rate,
        loss=loss,
        low=low,
        high=high,
        rates=(min(2.0**lowest, best.trial.rate), max(2.0**highest, best.trial.rate)),
        share=best.made / best.trial.steps,
        cost=cost,
        unknown=(*_hopeless(runs), *_unknown(best, runs, basin, x, cost), *_dropped(best, runs, strategies)),
        trace=tuple(sentence(one, runs) for one in runs),
    )


Expected = tuple[float | None, float | None, float | None]


def _expected(best: Seen, runs: Sequence[Seen], basin: Basin, place: int) -> Expected:
    """The loss at the end and about nine cases of ten around it; None where nothing can be said."""
    if best.loss is None or best.loss <= 0 or best.lost:
        return best.loss, None, None
    same = [one for one in runs if one.done and (one.arm, one.trial.rate) == (best.arm, best.trial.rate)]
    won = max(best.start - best.level(1), 0.0)
    spread = max(SEEDS * won, 0.02)
    if best.done:
        middle = float(np.mean([one.levels[-1] for one in same]))
        size = NINE_OF_TEN * spread * math.sqrt(1 + 1 / len(same))
        return best.loss, min(math.exp(middle - size), best.loss), max(math.exp(middle + size), best.loss)
    whole = max(float(basin.weights @ basin.reached[:, place]), won)
    size = NINE_OF_TEN * math.hypot(spread, (early(best.share) + 0.05) * whole + FLOOR)
    middle = best.start - whole
    return math.exp(middle), math.exp(middle - size), max(math.exp(middle + size), best.loss)


def _unknown(best: Seen, runs: Sequence[Seen], basin: Basin, x: float, cost: float) -> list[str]:
    """What these runs cannot tell."""
    said = []
    done = [one for one in runs if one.done]
    mine = [one for one in runs if one.arm == best.arm and one.share > 0]
    low, high = basin.interval()
    if not best.done:
        share = best.made / best.trial.steps
        said.append(
            say("No run was finished: this one made {share:.0%} of its updates, and may still diverge.", share=share)
        )
    elif len(done) == 1 and len(runs) > 1:
        said.append(say("One run was finished: which rate is best was decided by the beginnings of the others."))
    if cost < 2:
        said.append(say("Below 2 runs this is a guess: the best rate may be 5 octaves above or 1 below it."))
    if high - low >= 3 and low <= x <= high:
        said.append(
            say("The best rate is between {low:.2g} and {high:.2g} with 90 % belief.", low=2.0**low, high=2.0**high)
        )
    if not any(one.x > x + 0.1 for one in mine):
        said.append(say("No higher rate was tried."))
    if not any(one.x < x - 0.1 for one in mine):
        said.append(say("No lower rate was tried."))
    if len({one.trial.seed for one in done}) < 2:
        said.append(say("One seed was used: another one changes the loss, and may change which rate is best."))
    return said


def _hopeless(runs: Sequence[Seen]) -> list[str]:
    """What to say where no rate trained anything."""
    if all(one.lost for one in runs):
        return [say("Every rate that was tried diverged.")]
    if all(one.passed and one.level(1) > one.start for one in runs):
        return [say("At every rate that was tried the loss rose above its start: look at the gradient and the data.")]
    return []


def _dropped(best: Seen, runs: Sequence[Seen], strategies: Sequence[str]) -> list[str]:
    """How little was seen of the strategies that were not chosen, where none of their runs was finished."""
    said = []
    for arm, text in enumerate(strategies):
        mine = [one for one in runs if one.arm == arm and one.share > 0]
        if arm == best.arm or any(one.done for one in mine):
            continue
        rates = counted(len({one.trial.rate for one in mine}), "rate")
        most = max((one.share for one in mine), default=0.0)
        said.append(
            say("{text} was tried at {rates}, for {most:.0%} of a run at most.", text=text, rates=rates, most=most)
            if mine
            else say("{text} was not tried.", text=text)
        )
    return said


def sentence(one: Seen, runs: Sequence[Seen]) -> str:
    """What a trial did, in a sentence."""
    name = f"{one.trial.strategy}, seed {one.trial.seed}"
    if one.broke:
        return f"{name}: stopped being finite after {one.share:.0%} of its updates."
    if not one.passed:
        return f"{name}: not yet at its first mark."
    there = [other for other in runs if other is not one and not other.lost and other.share >= one.share - 1e-9]
    beside = ""
    if there and not one.done:
        behind = one.level(one.share) - min(other.level(one.share) for other in there)
        above = f"{math.expm1(min(behind, 10)):.0%} above the best"
        beside = f", {above if behind > 0 else 'ahead of all others'} there"
    ended = "ended" if one.done else f"after {one.share:.0%}"
    loss = "a loss that is not finite" if one.loss is None else f"{one.loss:.4g}"
    return f"{name}: {ended} at {loss}{beside}{'; given up' if one.lost and not one.done else ''}."
