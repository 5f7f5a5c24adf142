"""What the losses on validation data tell: learned by heart, broken in one look, or no numbers."""

from __future__ import annotations

import numpy as np

from ..._language import Note
from ...problems import Floats
from ..records.measures import called
from ..records.record import Record
from .base import CERTAIN, Finding, Symptom
from .trend import noise
from .words import joined, three_digits

LOOKS = 6  # at least
TURN = 0.1  # ours: of the lowest validation loss, that the last ones, or those after a jump, stand above it
SURELY = 3.0  # standard deviations of the noise from look to look
STILL = 0.02  # ours: of the training loss, that it went on falling by
BACK = 0.5  # ours: of all that the validation had gained, lost from one look to the next
CLEAR = 8.0  # ours: standard deviations of the noise from look to look
CALM = 0.25  # ours: of the jump of the validation, that the training loss may follow


def find_overfitting(record: Record) -> Finding | None:
    """The finding “overfitting”, or None."""
    at, looks = _looks(record)
    if len(looks) < LOOKS:
        return None
    last, best = float(np.median(looks[-3:])), int(np.argmin(_middle(looks)))
    low = float(_middle(looks)[best])
    rise = last - low
    if (
        len(looks) - best < 4
        or rise <= max(TURN * abs(low), SURELY * noise(looks))
        or looks[-3:].min() < low + rise / 2
    ):
        return None
    early, late = _around(record, at[best]), _around(record, at[-1])
    if early is None or late is None or late > early - STILL * abs(early):
        return None
    says = Note(
        "The run overfits: the validation loss was lowest near update {step} ({low}) and rose to "
        "{last}, while the training loss went on falling from {early} to {late}.",
        step=int(at[best]),
        low=three_digits(low),
        last=three_digits(last),
        early=three_digits(early),
        late=three_digits(late),
    )
    numbers = (
        ("lowest validation loss", low),
        ("validation loss at the end", last),
        ("training loss there", early),
        ("training loss at the end", late),
    )
    advice = Note(
        "keep the weights of update {step}, or end the run there with a schedule of that length; for more than "
        "that: more data or augmentation, weight decay, dropout, a smaller model",
        step=int(at[best]),
    )
    share, whole = 1 - best / max(len(looks) - 1, 1), joined(says, _still_better(record, best))
    return Finding(Note("overfitting"), whole, numbers, advice, int(at[best]), share)


def find_jump(record: Record) -> Finding | None:
    """The finding “validation jumped”, or None."""
    at, looks = _looks(record)
    place = _jump(looks)
    if place is None:
        return None
    low, high = float(np.median(looks[max(place - 3, 0) : place])), float(looks[place : place + 2].min())
    before, after = _around(record, at[place - 1]), _around(record, at[place])
    since = _after(record, at[place])  # rows that are all after the jump
    if before is None or after is None or since is None or max(after, since) - before > CALM * (high - low):
        return None
    back = np.flatnonzero(looks[place:] <= low + 0.1 * (high - low))
    until = Note("until update {step}", step=int(at[place + int(back[0])])) if len(back) else Note("to the end")
    says = Note(
        "The validation loss jumped from {low} to {high} between updates {before} and "
        "{there}, {until}, while the training loss stayed near {after}: what only validation uses "
        "has broken, such as the running averages of BatchNorm after one batch far out of the ordinary.",
        low=three_digits(low),
        high=three_digits(high),
        before=int(at[place - 1]),
        there=int(at[place]),
        until=until,
        after=three_digits(after),
    )
    numbers = (("validation loss before", low), ("validation loss there", high), ("training loss there", after))
    advice = Note(
        "look at the batches between those updates (inputs that were not scaled, one broken file); refill the averages "
        "of BatchNorm with some batches in training mode before validating, or lower its momentum; see that "
        "model.train() "
        "and model.eval() are where they belong"
    )
    return Finding(Note("validation jumped"), says, numbers, advice, int(at[place]))


def find_broken(record: Record) -> Finding | None:
    """The finding “validation not finite”, or None."""
    assert record.validated is not None
    broken = ~np.isfinite(record.validated)
    if record.measured_at is None or len(record.measured_at) != len(broken):
        return None
    if broken.all() or not np.isfinite(record.losses).all():
        return None
    between = np.diff(np.flatnonzero(~broken), prepend=-1)  # looks at metrics alone may lie between two of these
    tail = int(np.argmin(broken[::-1]))
    if tail < 2 * int(between.max()):
        return None
    step = int(record.measured_at[len(broken) - tail])
    return Finding(
        Note("validation not finite"),
        Note(
            "The validation loss is no number from update {step} on, in all {looks} looks to the end, while the "
            "training loss is one.",
            step=step,
            looks=tail,
        ),
        (("looks since", float(tail)),),
        Note(
            "look at what only validation uses: averages of BatchNorm that became infinite, a batch of validation "
            "without labels, half precision without the loss scale"
        ),
        step=step,
        sure=CERTAIN,
    )


def _looks(record: Record) -> tuple[np.ndarray, Floats]:
    """The updates after which the validation loss was looked at, and the losses; none where they do not belong."""
    assert record.validated is not None
    at = np.array(record.measured_at or ())
    if len(at) != len(record.validated):
        return np.empty(0, dtype=int), np.empty(0)
    there = np.isfinite(record.validated)
    if len(record):
        there &= at <= int(record.steps[-1]) + 1  # of the rows that are judged
    return at[there], record.validated[there]


def _middle(looks: Floats) -> Floats:
    """Medians of three neighbours; the ends as they are."""
    if len(looks) < 3:
        return looks
    return np.concatenate(
        [looks[:1], np.median(np.lib.stride_tricks.sliding_window_view(looks, 3), axis=1), looks[-1:]]
    )


def _jump(looks: Floats) -> int | None:
    """The look from which on, for two at least, most of what the validation had gained is lost."""
    if len(looks) < LOOKS:
        return None
    for place in range(3, len(looks) - 1):
        before, there = looks[:place], float(looks[place : place + 2].min())
        low, gained = float(np.median(before[-3:])), float(looks[0] - before.min())
        around = CLEAR * noise(before[1:]) if place > 4 else 2 * float(np.ptp(before[1:]))
        if gained > 0 and there - max(low, float(before[-1])) > max(BACK * gained, around, TURN * abs(low)):
            return place
    return None


def _around(record: Record, update: int) -> float | None:
    """The typical training loss of the rows before an update (the last twentieth of the run, three at least)."""
    end = int(np.searchsorted(record.steps, update))
    begin = max(end - _some(record), 0)
    return _typical(record.losses[begin:end] if end > begin else record.losses[:1])


def _after(record: Record, update: int) -> float | None:
    """The same of as many rows from an update on, up to the last."""
    begin = min(int(np.searchsorted(record.steps, update)), max(len(record) - 3, 0))
    return _typical(record.losses[begin : begin + _some(record)])


def _some(record: Record) -> int:
    return max(len(record) // 20, 3)


def _typical(part: Floats) -> float | None:
    part = part[np.isfinite(part)]
    return float(np.median(part)) if len(part) else None


def _still_better(record: Record, best: int) -> str:
    """That an accuracy went on rising, where one was measured."""
    for name, one in (record.metrics or {}).items():
        values = one[np.isfinite(one)]
        if "acc" in name.lower() and len(values) == len(one) > best and np.median(values[-3:]) > values[best]:
            return Note(
                "The {name} still rose: the model is surer of its mistakes, not worse at choosing.", name=called(name)
            )
    return ""


OVERFITTING = Symptom(Note("overfitting"), ("losses", "validated"), find_overfitting, rows=6)
JUMPED = Symptom(Note("validation jumped"), ("losses", "validated"), find_jump, rows=6)
BROKEN = Symptom(Note("validation not finite"), ("validated",), find_broken, rows=3, loss=False, sees="to_the_end")
