"""The page of a tuning: the verdict, the rates that were tried on their basin, and how each trial went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from .._errors import StepsizeError
from ..lab.choose.answer import Verdict
from ..lab.study.plan import Subject
from ..lab.trials.outcome import Outcome
from ..lab.tune import Tuned
from .page import CSP, asset, four_digits
from .palette import either

NOTHING: Mapping[str, float] = MappingProxyType({})


def tuned_page(found: Tuned, subject: Subject) -> str:
    """The whole page of a tuning as HTML text; it asks the network for nothing."""
    try:
        from jinja2 import Environment, StrictUndefined
        from markupsafe import Markup
    except ImportError:
        raise StepsizeError("pictures need extra packages: pip install 'stepsize[compare]'") from None
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters.update(four_digits=four_digits)
    template = environment.from_string(asset("tune.html.jinja"))
    return template.render(
        verdict=found.verdict,
        said=said(found, subject.validated),
        subject=subject,
        trials=_rows(found),
        asked=found.asked,
        csp=CSP,
        page_css=Markup(asset("page.css")),
        basin=Markup(_svg(found, subject)),
    )


def said(found: Tuned, validated: bool) -> list[str]:
    """The verdict of a tuning in sentences, the same in the terminal and on the page."""
    record, lost = found.outcome.record, sum(one.diverged for one in found.outcomes)
    last = {name: float(column[-1]) for name, column in (record.metrics or {}).items()}
    loss = "validation loss" if validated else "training loss"
    return sentences(found.verdict, loss, last, len(found.outcomes), lost)


def sentences(
    verdict: Verdict, loss: str, metrics: Mapping[str, float] = NOTHING, trials: int | None = None, lost: int = 0
) -> list[str]:
    """A verdict in sentences; `loss` is what it is called, `trials` how many ran, `lost` of which diverged."""
    told = []
    if verdict.loss is not None:
        how = f"Expected {loss}" if verdict.share < 1 else loss.capitalize()
        told.append(f"{how} {verdict.loss:.4g}{_between(verdict)}.")
    told += [f"{name.capitalize()} {last:.4g} at the last look of that trial." for name, last in metrics.items()]
    low, high = verdict.rates
    told.append(f"Rates from {low:.2g} to {high:.2g} are expected within 10 % of its {loss.split()[-1]}.")
    broken = f", {lost} of which diverged" if lost else ""
    count = len(verdict.trace) if trials is None else trials
    steps = verdict.trial.steps
    told.append(f"Cost: {verdict.cost:.3g} whole runs of {steps:,} updates, in {count} trials{broken}.")
    return told


def _between(verdict: Verdict) -> str:
    if verdict.low is None or verdict.high is None:
        return ""
    return f"; a new run is expected between {verdict.low:.4g} and {verdict.high:.4g}"


def _rows(found: Tuned) -> list[dict[str, Any]]:
    """The trials as the page lists them, by strategy and rate."""
    trials = sorted(found.outcomes, key=lambda one: (one.trial.text, one.trial.rate, one.trial.seed))
    return [
        {
            "text": str(one.trial.strategy),
            "seed": one.trial.seed,
            "made": f"{one.made / one.trial.steps:.0%}",
            "loss": four_digits(_last(one)),
            "ended": "diverged" if one.diverged and one.over else "finished" if one.over else "stopped",
            "chosen": one.trial.key == found.verdict.trial.key,
        }
        for one in trials
    ]


def _last(one: Outcome) -> float | None:
    column = one.validation if one.record.validated is not None else one.train
    return next((loss for loss in reversed(column) if loss is not None), None)


def _svg(found: Tuned, subject: Subject) -> str:
    """The basin as SVG text."""
    from .figures import inline

    return inline(lambda axes: _draw(axes, found, subject))


def _draw(axes: Any, found: Tuned, subject: Subject) -> None:
    """Each trial at its rate and its last loss: finished, stopped, diverged; the chosen one on its basin."""
    verdict = found.verdict
    axes.axvspan(*verdict.rates, color=either(0), alpha=0.12, linewidth=0)
    texts = list(dict.fromkeys(one.trial.text for one in found.outcomes))
    for place, text in enumerate(texts):
        ink, mine = either(place), [one for one in found.outcomes if one.trial.text == text]
        axes.plot([], [], "o", color=ink, label=text)
        _dots(axes, [one for one in mine if one.over and not one.diverged], "o", ink)
        _dots(axes, [one for one in mine if not one.over], "v", ink)
        _dots(axes, [one for one in mine if one.over and one.diverged], "x", ink)
    loss = _last(found.outcome)
    if loss is not None and loss > 0:
        axes.plot([verdict.rate], [loss], "o", markersize=15, markerfacecolor="none", color=either(0))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("base rate (● finished, ▼ stopped there, × diverged; shaded: within 10 %)")
    axes.set_ylabel(f"{'validation' if subject.validated else 'training'} loss, the last of each trial")


def _dots(axes: Any, outcomes: Sequence[Outcome], mark: str, ink: str) -> None:
    points = [(one.trial.rate, loss) for one in outcomes if (loss := _last(one)) is not None and loss > 0]
    if points:
        axes.plot(*zip(*points, strict=True), mark, color=ink, markersize=6, linestyle="none")
