"""Diagnosis: from the record of a run, what is wrong with it, in words, with the numbers that show it."""

from __future__ import annotations

import numpy as np

from ..._errors import StepsizeError
from ...text import as_descent
from ..records.record import Record
from .base import Diagnosis as Diagnosis
from .base import Finding as Finding
from .base import Symptom
from .clipping import CLIPPED, remark
from .diverged import DIVERGED
from .gradients import EXPLODING, VANISHING
from .loss import NOT_LEARNING, OSCILLATING, PLATEAUED
from .rate import TOO_LARGE, TOO_SMALL
from .schedule import EARLY, LATE

SYMPTOMS = (
    DIVERGED,
    TOO_LARGE,
    EXPLODING,
    OSCILLATING,
    VANISHING,
    CLIPPED,
    TOO_SMALL,
    NOT_LEARNING,
    PLATEAUED,
    EARLY,
    LATE,
)
"""What is looked for, in the order of importance."""

_SAID = {
    "losses": "loss",
    "rates": "rate",
    "grad_norms": "gradient norms",
    "clipped": "share that was clipped",
    "layers": "gradient norms by layer (descend(…, details=True) writes them)",
}
_HIDES = {  # what a finding explains is not said again, nor is what its rows cannot show
    "diverged": (
        "exploding gradients",
        "rate too large",
        "oscillating",
        "rate too small",
        "not learning",
        "plateaued",
        "schedule ended early",
        "schedule ended late",
    ),
    "rate too small": ("not learning", "plateaued"),
    "rate too large": ("rate too small", "not learning", "plateaued"),
    "vanishing gradients": ("not learning", "plateaued"),
    "not learning": ("plateaued",),
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
    record, left_out = _without_passing(record)
    findings: list[Finding] = []
    healthy: list[str] = []
    skipped: list[tuple[str, str]] = []
    with np.errstate(all="ignore"):
        seen = record.until(_finite_rows(record))
        for symptom in SYMPTOMS:
            reason = _why_not(symptom, record if symptom is DIVERGED else seen)
            if reason is None:
                reason = _explained(symptom, findings)
            if reason is not None:
                skipped.append((symptom.illness, reason))
                continue
            found = symptom.find(record if symptom is DIVERGED else seen)
            if found is None:
                healthy.append(symptom.illness)
            else:
                findings.append(found)
        remarks = tuple(one for one in (left_out, remark(record)) if one)
    return Diagnosis(tuple(findings), tuple(healthy), tuple(skipped), _about(record), remarks)


PASSING = 0.05  # ours: of the rows; a run that broke has no finite loss after it


def _without_passing(record: Record) -> tuple[Record, str | None]:
    """Losses that were not finite for a moment are left out: single batches, or updates that were skipped."""
    good = np.isfinite(record.losses)
    if good.all() or not len(record) or record.diverged or np.mean(~good) > PASSING or not good[-5:].all():
        return record, None
    return record.at(good), (
        f"The loss was not finite in {int((~good).sum())} of {len(record)} rows, first at update "
        f"{int(record.steps[~good][0])}, and the run went on: they are left out here. Look at such a batch."
    )


def _finite_rows(record: Record) -> int:
    broken = np.flatnonzero(~np.isfinite(record.losses))
    return int(broken[0]) if len(broken) else len(record)


def _why_not(symptom: Symptom, record: Record) -> str | None:
    for need in symptom.needs:
        column = getattr(record, need)
        lacks = column is None or len(column) == 0 if need != "losses" else False
        if not lacks and need not in ("losses", "layers") and len(record):
            lacks = not np.isfinite(column).any()
        if lacks:
            return f"the record has no {_SAID[need]}"
    if len(record) < symptom.rows:
        return f"the record has {len(record)} rows with a finite loss, {symptom.rows} are needed"
    return None


def _explained(symptom: Symptom, findings: list[Finding]) -> str | None:
    for one in findings:
        if symptom.illness in _HIDES.get(one.illness, ()):
            return f"not asked, because “{one.illness}” was found"
    return None


def _about(record: Record) -> str:
    """What the record is of, in one line."""
    name = record.text or record.source or "A run"
    if record.text is not None and record.base not in (None, _own_base(record.text)):
        name += f" at base rate {record.base:.4g}"
    rows = f"{len(record)} rows" if len(record) != 1 else "1 row"
    span = f", updates {record.steps[0]} to {record.steps[-1]}" if len(record) else ""
    return f"{name}: {rows}{span}"


def _own_base(text: str) -> float | None:
    """The base rate that a text says; None where it is no strategy."""
    try:
        return float(as_descent(text).rate.base)
    except StepsizeError:
        return None
