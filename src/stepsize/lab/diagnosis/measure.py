"""Whether a loss is a measure of the run: one that was not logged, and a policy's loss, are none."""

from __future__ import annotations

import numpy as np

from ..._language import Note, commas
from ...problems import Floats
from ..records.policy import ADVERSARIES
from ..records.record import Record
from .trend import blocks, running_median
from .words import three_digits

OFTEN = 10  # rows of either kind, and changes from one to the other
NEAR = 0.3  # of the usual loss around: losses that are small by chance come nearer to 0
HIGH = 0.1  # of the high losses: a loss that has fallen further may be 0 by rounding
COARSE = 5.0  # times the smallest difference between two losses: a loss nearer to 0 may be 0 by rounding
STEADY = 3.0  # ours: the largest over the smallest of 20 medians of the gradient norm
STARTS = 0.1  # of the usual loss: what begins lower begins at 0


def without_zeros(record: Record) -> tuple[Record, str | None]:
    """The record without the rows where 0 stands for a loss that was not logged, and what to say of them."""
    zero, there = record.losses == 0, np.isfinite(record.losses)
    if not _placeholders(record.losses[there], zero[there]):
        return record, None
    return record.at(~zero), Note(
        "{count} of {all} rows hold a loss of exactly 0 between others that are far from it: taken as not logged.",
        count=int(zero.sum()),
        all=len(record),
    )


def _placeholders(losses: Floats, zero: np.ndarray) -> bool:
    """Whether exact zeros take turns with losses that never come near 0."""
    values = losses[~zero]
    turns = int((zero[1:] != zero[:-1]).sum())
    if min(len(values), int(zero.sum()), turns) < OFTEN or not (values > 0).all():
        return False
    usual = running_median(values, 15)
    apart = np.diff(np.unique(values))
    if not len(apart) or values.min() < COARSE * apart.min() or np.quantile(values / usual, 0.05) < NEAR:
        return False
    before = np.maximum(np.cumsum(~zero) - 1, 0)[zero]  # the loss that was logged last
    return bool(np.median(usual[before]) > HIGH * np.quantile(values, 0.9))


def no_measure(record: Record) -> str | None:
    """Why the height of the loss tells nothing of the run; None for an ordinary loss."""
    if record.policy:
        if record.policy == ADVERSARIES:
            return Note(
                "The loss is one of two that work against each other (the log has one of a generator and one of a "
                "discriminator): its height tells nothing of the run, so only norms and rates are judged."
            )
        return Note(
            "The loss is that of a policy (the log has {names}): it may rise or stay near 0 in a run that goes well, "
            "so only norms and rates are judged. Whether it learns, the reward says.",
            names=commas(record.policy),
        )
    norms = record.grad_norms
    if (
        norms is None
        or record.diverged is not None
        or len(record) < 20
        or not _begins_at_zero(record.losses)
        or not _steady(norms)
    ):
        return None
    last = three_digits(float(np.median(record.losses[-max(len(record) // 20, 1) :])))
    return Note(
        "The loss began at exactly 0 and ended near {last}, while the gradient norm stayed near "
        "{norm}: a loss whose gradient is not 0 at 0, as that of a policy, is no "
        "measure of the run, so only norms and rates are judged.",
        last=last,
        norm=three_digits(float(np.nanmedian(norms))),
    )


def _begins_at_zero(losses: Floats) -> bool:
    """Whether the loss begins at exactly 0, and not only for a first row in which nothing was logged."""
    if losses[0] != 0 or not np.isfinite(losses).all():
        return False
    return bool(losses.min() < 0 or np.abs(losses[:3]).max() <= STARTS * np.median(np.abs(losses)))


def _steady(norms: Floats) -> bool:
    """Whether the gradient is there in nearly every row, from the first on, and keeps its length."""
    if not (np.isfinite(norms).all() and norms[0] > 0):
        return False
    ends = blocks(norms, 20)
    return bool(ends.min() > 0 and ends.max() <= STEADY * ends.min())
