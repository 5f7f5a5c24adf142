"""Diagnosis: from the record of a run, what is wrong with it, in words, with the numbers that show it."""

from __future__ import annotations

import numpy as np

from ..._errors import StepsizeError, printable
from ..._language import Note
from ...text import as_descent
from ..records.record import Record
from .base import Diagnosis as Diagnosis
from .base import Finding as Finding
from .base import Symptom
from .clipping import CLIPPED
from .clipping import remark as clip_remark
from .decided import remarks as decided_remarks
from .diverged import DIVERGED
from .edge import EDGE, NOISY
from .facts import DEAD, ZERO_GRADIENT, ZERO_RATE, zero_rate_remark
from .gradients import EXPLODING, VANISHING
from .hills import AGAIN, LATE_DECAY, RESTARTS, WARMING
from .leap import remark as leap_remark
from .left_out import LEFT_OUT
from .left_out import remark as left_out_remark
from .loss import NOT_LEARNING, OSCILLATING, PLATEAUED
from .rate import TOO_LARGE, TOO_SMALL, small_remark
from .schedule import EARLY, LATE
from .validation import BROKEN, JUMPED, OVERFITTING
from .views import Views

SYMPTOMS = (
    ZERO_RATE,
    ZERO_GRADIENT,
    DEAD,
    DIVERGED,
    BROKEN,
    TOO_LARGE,
    EXPLODING,
    OSCILLATING,
    EDGE,
    VANISHING,
    CLIPPED,
    TOO_SMALL,
    NOT_LEARNING,
    PLATEAUED,
    NOISY,
    OVERFITTING,
    JUMPED,
    AGAIN,
    WARMING,
    EARLY,
    LATE,
    LATE_DECAY,
    RESTARTS,
)
"""What is looked for, in the order of importance; before them, updates left out, in a record that can tell."""

_SAID = {
    "losses": Note("loss"),
    "validated": Note("validation loss"),
    "end_slopes": Note("slopes at the ends of the updates (descend(…, details=True) writes them)"),
    "rates": Note("rate"),
    "grad_norms": Note("gradient norms"),
    "clipped": Note("share that was clipped"),
    "skipped": Note("word on updates that were left out"),
    "slopes": Note("slopes along the updates (descend(…, details=True) writes them)"),
    "layers": Note("gradient norms by layer (descend(…, details=True) writes them)"),
}
_HEIGHTS = (  # what is told from how the loss goes
    "exploding gradients",
    "rate too large",
    "oscillating",
    "edge of stability",
    "rate too small",
    "not learning",
    "plateaued",
    "noise-dominated end",
)
_SHAPES = (  # what is told from how the rate goes
    "warm-up too long",
    "schedule ended early",
    "schedule ended late",
    "decay too late",
    "restarts without gain",
)
_LEAPS = ("diverged", "rate too large", "exploding gradients")  # say what a leap of the loss would say
_HIDES = {  # what a finding explains is not said again, nor is what its rows cannot show
    "updates left out": (
        "rate too small",
        "not learning",
        "plateaued",
        *_SHAPES,
    ),
    "rate is 0": (*_HEIGHTS, "gradient is 0", "vanishing gradients", "always clipped", *_SHAPES),
    "gradient is 0": (*_HEIGHTS, "vanishing gradients", *_SHAPES),
    "dead model": (*_HEIGHTS, *_SHAPES, "overfitting"),
    "diverged": (*_HEIGHTS, *_SHAPES),
    "validation not finite": ("validation jumped",),
    "rate too small": ("not learning", "plateaued", "noise-dominated end"),
    "rate too large": ("rate too small", "not learning", "plateaued", "edge of stability"),
    "oscillating": ("edge of stability",),
    "vanishing gradients": ("not learning", "plateaued"),
    "not learning": ("plateaued", "noise-dominated end"),
    "plateaued": ("noise-dominated end",),
    "validation jumped": ("overfitting",),
    "schedule began again": ("schedule ended late", "schedule ended early", "decay too late"),
    "warm-up too long": ("schedule ended late",),
    "schedule ended late": ("decay too late",),
}


def diagnose(record: Record) -> Diagnosis:
    """Say what went wrong in a run, from its record alone.

    Each symptom is looked for that has the columns it needs and rows enough; the others are listed with the reason.
    Losses that are not finite end the rows that are looked at. Any record has a diagnosis: nothing raises.

    >>> from stepsize import descend, problems
    >>> bowl = problems.least_squares([[1.0], [2.0]], [2.0, 4.0])
    >>> print(diagnose(descend(bowl, "sgd() | 1e-5", steps=100, details=True).record).findings[0].illness)
    rate too small
    """
    with np.errstate(all="ignore"):
        return _diagnosed(record)


def _diagnosed(record: Record) -> Diagnosis:
    """The findings of a record, rule by rule."""
    views = Views.of(record)
    findings: list[Finding] = []
    healthy: list[str] = []
    skipped: list[tuple[str, str]] = []
    for symptom in SYMPTOMS if record.skipped is None else (LEFT_OUT, *SYMPTOMS):
        rows = _seen(symptom, views)
        reason = (
            _no_measure(symptom, views)
            or _why_not(symptom, rows, views.to_the_end)
            or _explained(symptom, findings)
            or views.course.why_not(symptom.illness)
        )
        found = None if reason else symptom.find(rows)
        if reason is not None:
            skipped.append((symptom.illness, reason))
        elif found is None:
            healthy.append(symptom.illness)
        else:
            findings.append(found)
    quiet = views.unmeasured or views.course.tested or any(one.illness in _LEAPS for one in findings)
    leap = None if quiet else leap_remark(views.finite)
    small = small_remark(views.finite) if "rate too small" in healthy else None
    said = (
        left_out_remark(record),
        *views.remarks,
        zero_rate_remark(views.made),
        leap,
        small,
        clip_remark(views.to_the_end),
        *decided_remarks(views.made),
    )
    return Diagnosis(tuple(findings), tuple(healthy), tuple(skipped), _about(record), tuple(filter(None, said)))


def _seen(symptom: Symptom, views: Views) -> Record:
    """The rows that a rule looks at."""
    if symptom.sees:
        seen: Record = getattr(views, symptom.sees)
        return seen
    return views.finite if symptom.loss else views.plain


def _no_measure(symptom: Symptom, views: Views) -> str | None:
    """That a rule judges by a loss that is no measure; one that is not finite is told all the same."""
    broken = symptom is DIVERGED and len(views.finite) < len(views.to_the_end)
    return Note("the loss is no measure of this run") if views.unmeasured and symptom.loss and not broken else None


def _why_not(symptom: Symptom, record: Record, whole: Record) -> str | None:
    for need in symptom.needs:
        column = getattr(record, need)
        lacks = column is None or len(column) == 0 if need != "losses" else False
        if not lacks and need not in ("losses", "layers") and len(record):
            lacks = not np.isfinite(column).any()
        if lacks:
            if _before(whole, need):
                return Note("the record has no {what} before its loss was no number", what=_SAID[need])
            return Note("the record has no {what}", what=_SAID[need])
    if len(record) < symptom.rows:
        return Note(
            "the record has {count} rows with a finite loss, {needed} are needed",
            count=len(record),
            needed=symptom.rows,
        )
    return None


def _before(whole: Record, need: str) -> bool:
    """Whether a column is there, but not in the rows before the run broke."""
    column = getattr(whole, need)
    broke = len(whole) > 0 and not np.isfinite(whole.losses).all()
    return broke and column is not None and len(column) > 0


def _explained(symptom: Symptom, findings: list[Finding]) -> str | None:
    for one in findings:
        if symptom.illness in _HIDES.get(one.illness, ()):
            return Note("not asked, because “{illness}” was found", illness=one.illness)
    return None


def _about(record: Record) -> str:
    """What the record is of, in one line."""
    name = printable(record.text or record.source) or Note("A run")
    if record.text is not None and record.base not in (None, _own_base(record.text)):
        name = Note("{name} at base rate {base:.4g}", name=name, base=record.base)
    rows = Note("{count} rows", count=len(record)) if len(record) != 1 else Note("1 row")
    if not len(record):
        return Note("{name}: {rows}", name=name, rows=rows)
    first, last = record.steps[[0, -1]].tolist()
    return Note("{name}: {rows}, updates {first} to {last}", name=name, rows=rows, first=first, last=last)


def _own_base(text: str) -> float | None:
    """The base rate that a text says; None where it is no strategy."""
    try:
        return float(as_descent(text).rate.base)
    except StepsizeError:
        return None
