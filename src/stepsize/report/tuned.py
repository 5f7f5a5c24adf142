"""The page of a tuning: the verdict, the rates that were tried on their basin, and how each trial went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._language import said, say
from ..lab.choose.said import sentences, short
from ..lab.study.plan import Subject
from ..lab.trials.outcome import Outcome
from ..lab.tune import Tuned
from ..lab.workload import model_said
from .page import CSP
from .palette import either
from .templates import asset, four_digits, markup, rendered


def tuned_page(found: Tuned, subject: Subject, loss: str | None = None) -> str:
    """The whole page of a tuning as HTML text; it asks the network for nothing.

    `loss` is what the number that chooses is called where a script reports it; None: the validation loss, or that of
    training where there is none, of trials that pause and go on.
    """
    paused, loss = loss is None, called(subject.validated) if loss is None else loss
    return rendered(
        "tune.html.jinja",
        verdict=found.verdict,
        said=sentences_of(found, loss),
        loss=short(loss),
        paused=paused,
        data=subject.data,
        model=model_said(subject.model),
        trials=_rows(found),
        asked=found.asked,
        csp=CSP,
        page_css=markup(asset("page.css")),
        basin=markup(_svg(found, loss)),
    )


def verdict_of(found: Tuned, validated: bool) -> list[str]:
    """The verdict of a tuning in sentences, the same in the terminal and on the page."""
    return sentences_of(found, called(validated))


def called(validated: bool) -> str:
    """What the loss that chooses is called."""
    return "validation loss" if validated else "training loss"


def sentences_of(found: Tuned, loss: str) -> list[str]:
    """The verdict of a tuning in sentences; `loss` is what the number is called that chose."""
    record, lost = found.outcome.record, sum(one.diverged for one in found.outcomes)
    last = {name: float(column[-1]) for name, column in (record.metrics or {}).items()}
    return sentences(found.verdict, loss, last, len(found.outcomes), lost, record.tested is not None)


def _rows(found: Tuned) -> list[dict[str, Any]]:
    """The trials as the page lists them, by strategy and rate."""
    trials = sorted(found.outcomes, key=lambda one: (one.trial.text, one.trial.rate, one.trial.seed))
    return [
        {
            "text": str(one.trial.strategy),
            "seed": one.trial.seed,
            "made": f"{one.made / one.trial.steps:.0%}",
            "loss": four_digits(_last(one, found)),
            "ended": _ended(one),
            "chosen": one.trial.key == found.verdict.trial.key,
        }
        for one in trials
    ]


def _ended(one: Outcome) -> str:
    if not one.over:
        return say("stopped")
    return say("diverged") if one.diverged else say("finished")


def _last(one: Outcome, found: Tuned) -> float | None:
    """Its last loss; where larger is better, its last score, which stands in a record with the other sign."""
    column = one.validation if one.record.validated is not None else one.train
    sign = -1.0 if found.verdict.maximise else 1.0
    return next((sign * loss for loss in reversed(column) if loss is not None), None)


def _svg(found: Tuned, loss: str) -> str:
    """The basin as SVG text."""
    from .figures import inline

    return inline(lambda axes: _draw(axes, found, loss))


def _draw(axes: Any, found: Tuned, loss: str) -> None:
    """Each trial at its rate and its last loss: finished, stopped, diverged; the chosen one on its basin."""
    from .figures import _log

    verdict = found.verdict
    texts = sorted({one.trial.text for one in found.outcomes}, key=lambda text: (text != verdict.trial.text, text))
    chosen, height = either(0), _last(found.outcome, found)
    axes.axvspan(*verdict.rates, color=chosen, alpha=0.12, linewidth=0)
    for place, text in enumerate(texts):
        ink, mine = either(place), [one for one in found.outcomes if one.trial.text == text]
        axes.plot([], [], "o", color=ink, label=text)
        _dots(axes, found, [one for one in mine if one.over and not one.diverged], "o", ink)
        _dots(axes, found, [one for one in mine if not one.over], "v", ink)
        _dots(axes, found, [one for one in mine if one.over and one.diverged], "x", ink)
    if height is not None:
        axes.plot([verdict.rate], [height], "o", markersize=15, markerfacecolor="none", color=chosen)
    _log(axes, "x")
    if _positive(found) and not verdict.maximise:
        _log(axes, "y")
    axes.set_xlabel(say("base rate (● finished, ▼ stopped there, × diverged; ring: chosen; shaded: within 10 % of it)"))
    axes.set_ylabel(say("{loss}, the last of each trial", loss=said(loss)))


def _positive(found: Tuned) -> bool:
    """Whether a log axis can show every loss."""
    losses = [_last(one, found) for one in found.outcomes]
    return all(loss is None or loss > 0 for loss in losses) and losses != [None] * len(losses)


def _dots(axes: Any, found: Tuned, outcomes: Sequence[Outcome], mark: str, ink: str) -> None:
    points = [(one.trial.rate, loss) for one in outcomes if (loss := _last(one, found)) is not None]
    if points:
        axes.plot(*zip(*points, strict=True), mark, color=ink, markersize=6, linestyle="none")
