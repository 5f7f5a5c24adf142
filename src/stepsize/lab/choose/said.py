"""A verdict in sentences, the same in the terminal, on the page, and where it is printed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..._language import said, say

if TYPE_CHECKING:
    from .answer import Verdict

LOSSES = MappingProxyType({one: one for one in ("validation loss", "training loss", "loss", "score")})
"""What the number is called that chooses."""
METRICS = MappingProxyType({"accuracy": "Accuracy"})
"""Metrics at the beginning of a sentence; any other is a name."""
COUNTED = MappingProxyType(
    {
        "trial": ("{count:,} trial", "{count:,} trials"),
        "update": ("{count:,} update", "{count:,} updates"),
        "rate": ("{count:,} rate", "{count:,} rates"),
    }
)
NOTHING: Mapping[str, float] = MappingProxyType({})


def sentences(
    verdict: Verdict,
    loss: str,
    metrics: Mapping[str, float] = NOTHING,
    trials: int | None = None,
    lost: int = 0,
    tested: bool = False,
) -> list[str]:
    """A verdict in sentences; `loss` is what it is called, `trials` how many ran, `lost` of which diverged.

    `tested` says that the metrics were measured on test data, and not on those that chose.
    """
    told = []
    if verdict.loss is not None:
        told.append(_expected(verdict, verdict.loss, loss))
    told += [
        say("{metric} {value:.4g} on the test data, at the last look of that trial.", metric=_name(name), value=last)
        if tested
        else say("{metric} {value:.4g} at the last look of that trial.", metric=_name(name), value=last)
        for name, last in metrics.items()
    ]
    low, high = verdict.rates
    if verdict.loss is not None:
        told.append(
            say(
                "Rates from {low:.2g} to {high:.2g} are expected within 10 % of its {loss}.",
                low=low,
                high=high,
                loss=short(loss),
            )
        )
    return [*told, _cost(verdict, len(verdict.trace) if trials is None else trials, lost)]


def short(loss: str) -> str:
    """What a loss is called in the column of a table, in the language that is spoken.

    >>> short("validation loss")
    'loss'
    """
    return said(loss.split()[-1])


def counted(count: int, what: str) -> str:
    """
    >>> counted(1, "trial"), counted(2000, "update")
    ('1 trial', '2,000 updates')
    """
    one, more = COUNTED[what]
    return said(one if count == 1 else more).format(count=count)


def runs(cost: float) -> str:
    """
    >>> runs(1.0), runs(3.96)
    ('1 whole run', '3.96 whole runs')
    """
    shown = f"{cost:.3g}"
    return say("{runs} whole run", runs=shown) if shown == "1" else say("{runs} whole runs", runs=shown)


def _name(metric: str) -> str:
    """A metric at the beginning of a sentence: a word with a capital, an abbreviation as it is written."""
    if metric in METRICS:
        return said(METRICS[metric])
    return metric.upper() if metric in ("rmse", "mse", "mae", "auc") else metric[:1].upper() + metric[1:]


def _expected(verdict: Verdict, value: float, loss: str) -> str:
    """The loss, and between which bounds a new run is expected."""
    what, low, high = said(loss), verdict.low, verdict.high
    if verdict.share < 1 and (low is None or high is None):
        return say("Expected {loss} {value:.4g}.", loss=what, value=value)
    if low is None or high is None:
        return say("{loss} {value:.4g}.", loss=what.capitalize(), value=value)
    if verdict.share < 1:
        return say(
            "Expected {loss} {value:.4g}; a new run is expected between {low:.4g} and {high:.4g}.",
            loss=what,
            value=value,
            low=low,
            high=high,
        )
    return say(
        "{loss} {value:.4g}; a new run is expected between {low:.4g} and {high:.4g}.",
        loss=what.capitalize(),
        value=value,
        low=low,
        high=high,
    )


def _cost(verdict: Verdict, trials: int, lost: int) -> str:
    cost, steps, count = runs(verdict.cost), counted(verdict.trial.steps, "update"), counted(trials, "trial")
    if not lost:
        return say("Cost: {runs} of {updates}, in {trials}.", runs=cost, updates=steps, trials=count)
    return say(
        "Cost: {runs} of {updates}, in {trials}, {lost} of which diverged.",
        runs=cost,
        updates=steps,
        trials=count,
        lost=lost,
    )
