"""Updates that were left out, because their gradients were not finite: the parameters did not move there."""

from __future__ import annotations

import numpy as np

from ..records.record import Record
from .base import Finding, Symptom

OFTEN = 0.1  # ours: of the updates after the start
IN_A_ROW = 10  # ours: at the end of the run
LISTED = 5  # updates that a sentence names
START = 40  # a loss scale that begins too high halves itself at each of the first updates, as it should


def find(record: Record) -> Finding | None:
    """The finding of this rule, or None."""
    gone = _gone(record)
    count, begin = int(gone.sum()), _begin(gone)
    lasting = len(gone) - begin >= IN_A_ROW
    later = gone[_started(gone) :]
    if not count or not (lasting or later.mean() > OFTEN):
        return None
    first = int(record.steps[np.argmax(gone)])
    says = f"{count} of {len(gone)} updates were left out, "
    if begin == 0:
        says += "every one"
    elif lasting:
        says += f"all since {record.steps[begin]}"
        says += "" if count == len(gone) - begin else f", the first at {first}"
    else:
        says += f"the first at {first}"
    says += ": their gradients were not finite, and the parameters did not move there."
    advice = (
        f"look at what became not finite at update {int(record.steps[begin]) if lasting else first} (in PyTorch "
        "torch.autograd.set_detect_anomaly(True) names the operation): inputs that are no numbers, a square root, a "
        "logarithm or a quotient at 0, a number too large for half precision; a lower rate or a clip does not help "
        "where the gradients stay so"
    )
    numbers = (("updates left out", float(count)), ("updates in the record", float(len(gone))))
    step = int(record.steps[begin]) if lasting else first
    return Finding("updates left out", says, numbers, advice, step, count / len(gone), "certain")


def remark(record: Record) -> str | None:
    """What is worth saying of a few updates that were left out."""
    if record.skipped is None or find(record) is not None:
        return None
    gone = _gone(record)
    count = int(gone.sum())
    if not count:
        return None
    at = record.steps[gone].tolist()
    where = f"at {_listed(at)}" if count <= LISTED else f"the first at {at[0]}, the last at {at[-1]}"
    broken = int((~np.isfinite(record.losses[gone])).sum())
    too = f" The loss was no number in {broken} of them: look at such a batch." if broken else ""
    return (
        f"{count} of {len(gone)} updates {'was' if count == 1 else 'were'} left out, {where}, for the gradient was not "
        f"finite; shares are of the updates that were made.{too}"
    )


def _listed(at: list[int]) -> str:
    return " and ".join(filter(None, [", ".join(map(str, at[:-1])), str(at[-1])]))


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


LEFT_OUT = Symptom("updates left out", ("skipped",), find, rows=1, loss=False, sees="whole")
