"""A verdict in sentences, the same in the terminal, on the page, and where it is printed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .answer import Verdict

NOTHING: Mapping[str, float] = MappingProxyType({})


def sentences(
    verdict: Verdict, loss: str, metrics: Mapping[str, float] = NOTHING, trials: int | None = None, lost: int = 0
) -> list[str]:
    """A verdict in sentences; `loss` is what it is called, `trials` how many ran, `lost` of which diverged."""
    told = []
    if verdict.loss is not None:
        how = f"Expected {loss}" if verdict.share < 1 else loss.capitalize()
        told.append(f"{how} {verdict.loss:.4g}{_between(verdict)}.")
    told += [f"{_name(name)} {last:.4g} at the last look of that trial." for name, last in metrics.items()]
    low, high = verdict.rates
    if verdict.loss is not None:
        told.append(f"Rates from {low:.2g} to {high:.2g} are expected within 10 % of its {loss.split()[-1]}.")
    broken = f", {lost} of which diverged" if lost else ""
    count = len(verdict.trace) if trials is None else trials
    steps = counted(verdict.trial.steps, "update")
    told.append(f"Cost: {runs(verdict.cost)} of {steps}, in {counted(count, 'trial')}{broken}.")
    return told


def counted(count: int, what: str) -> str:
    """
    >>> counted(1, "trial"), counted(2000, "update")
    ('1 trial', '2,000 updates')
    """
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def runs(cost: float) -> str:
    """
    >>> runs(1.0), runs(3.96)
    ('1 whole run', '3.96 whole runs')
    """
    shown = f"{cost:.3g}"
    return f"{shown} whole run" if shown == "1" else f"{shown} whole runs"


def _name(metric: str) -> str:
    """A metric at the beginning of a sentence: a word with a capital, an abbreviation as it is written."""
    return metric.upper() if metric in ("rmse", "mse", "mae", "auc") else metric[:1].upper() + metric[1:]


def _between(verdict: Verdict) -> str:
    if verdict.low is None or verdict.high is None:
        return ""
    return f"; a new run is expected between {verdict.low:.4g} and {verdict.high:.4g}"
