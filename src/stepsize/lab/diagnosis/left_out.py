"""Updates that were left out, because their gradients were not finite: the parameters did not move there."""

from __future__ import annotations

import numpy as np

from ..._language import Note, listed
from ..records.record import Record
from .base import CERTAIN, Finding, Symptom
from .words import joined

OFTEN = 0.1  # ours: of the updates after the start
IN_A_ROW = 10  # ours: at the end of the run
LISTED = 5  # updates that a sentence names
START = 40  # a loss scale that begins too high halves itself at each of the first updates, as it should


def find(record: Record) -> Finding | None:
    """The finding of this rule, or None."""
    gone = _gone(record)
    count, begin = int(gone.sum()), _begin(gone)
    lasting = len(gone) - begin >= IN_A_ROW
    after = gone[_started(gone) :]
    if not count or not (lasting or after.mean() > OFTEN):
        return None
    first = int(record.steps[np.argmax(gone)])
    if begin == 0:
        which = Note("every one")
    elif lasting and count == len(gone) - begin:
        which = Note("all since {begin}", begin=int(record.steps[begin]))
    elif lasting:
        which = Note("all since {begin}, the first at {first}", begin=int(record.steps[begin]), first=first)
    else:
        which = Note("the first at {first}", first=first)
    says = Note(
        "{count} of {all} updates were left out, {which}: their gradients were not finite, and the parameters did not "
        "move there.",
        count=count,
        all=len(gone),
        which=which,
    )
    advice = Note(
        "look at what became not finite at update {step} (in PyTorch "
        "torch.autograd.set_detect_anomaly(True) names the operation): inputs that are no numbers, a square root, a "
        "logarithm or a quotient at 0, a number too large for half precision; a lower rate or a clip does not help "
        "where the gradients stay so",
        step=int(record.steps[begin]) if lasting else first,
    )
    numbers = (("updates left out", float(count)), ("updates in the record", float(len(gone))))
    step = int(record.steps[begin]) if lasting else first
    return Finding(Note("updates left out"), says, numbers, advice, step, count / len(gone), CERTAIN)


def remark(record: Record) -> str | None:
    """What is worth saying of a few updates that were left out."""
    if record.skipped is None or find(record) is not None:
        return None
    gone = _gone(record)
    count = int(gone.sum())
    if not count:
        return None
    at = record.steps[gone].tolist()
    where = Note("at {updates}", updates=listed(map(str, at)))
    if count > LISTED:
        where = Note("the first at {first}, the last at {last}", first=at[0], last=at[-1])
    broken = int((~np.isfinite(record.losses[gone])).sum())
    told = Note(
        "{count} of {all} updates were left out, {where}, for the gradient was not finite; shares are of the updates "
        "that were made.",
        count=count,
        all=len(gone),
        where=where,
    )
    if count == 1:
        told = Note(
            "1 of {all} updates was left out, {where}, for the gradient was not finite; shares are of the updates that "
            "were made.",
            all=len(gone),
            where=where,
        )
    too = Note("The loss was no number in {count} of them: look at such a batch.", count=broken)
    return joined(told, too if broken else "")


def made(record: Record) -> Record:
    """The rows of the updates that were made; all of them where none was."""
    gone = _gone(record)
    return record if gone.all() or not gone.any() else record.at(~gone)


def _gone(record: Record) -> np.ndarray:
    return np.zeros(len(record), dtype=bool) if record.skipped is None else np.asarray(record.skipped == 1)


def _begin(gone: np.ndarray) -> int:
    """The row from which on every update was left out; their number where the last one was made."""
    good = np.flatnonzero(~gone)
    return int(good[-1]) + 1 if len(good) else 0


def _started(gone: np.ndarray) -> int:
    """The first row after those that a loss scale needs at the start."""
    good = np.flatnonzero(~gone)
    return int(good[0]) if len(good) and good[0] <= START else 0


LEFT_OUT = Symptom(Note("updates left out"), ("skipped",), find, rows=1, loss=False, sees="whole")
