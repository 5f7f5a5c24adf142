"""What a record states outright, before any statistics: nothing can move, nothing reaches it, or it is dead."""

from __future__ import annotations

import numpy as np

from ..._language import Note
from ..records.record import Record
from .base import CERTAIN, LIKELY, Finding, Symptom
from .parts import SURE, fall
from .trend import blocks, kendall
from .words import three_digits

VISIBLE = 0.05  # ours: a loss that surely falls by this share disproves a 0, which is then one of printing
FEW = 5  # rows in a row: a single number may not have been logged
PART = 0.1  # of the rows
JUMPS = 0.05  # ours: of the loss at the start, from which no ordinary loss falls to 0 in one row
GAPS = 3  # times the longest gap between two norms that were logged


def find_zero_rate(record: Record) -> Finding | None:
    """The finding “rate is 0”, or None."""
    if not _all_zero(record.rates) or any(not _all_zero(one) for one in (record.group_rates or {}).values()):
        return None
    if _moves(record):
        return None
    return Finding(
        Note("rate is 0"),
        Note(
            "The rate is 0 in all {count} rows: no update can move anything, whatever the loss does.", count=len(record)
        ),
        (("highest rate", 0.0),),
        Note(
            "look for what sets the rate: a schedule over 0 steps or already at its end, a warm-up that begins at 0 "
            "and is never stepped, a base rate of 0; a log that prints small rates as 0.0000 shows the same"
        ),
        step=int(record.steps[0]),
        share=1.0,
        sure=CERTAIN,
    )


def zero_rate_remark(record: Record) -> str | None:
    """What is worth saying of a rate that is 0 in the first rows only."""
    rates = record.rates
    if rates is None or not (np.isfinite(rates).all() and (rates > 0).any()):
        return None
    first = int(np.argmax(rates > 0))
    if first < FEW or first < VISIBLE * len(rates):
        return None
    return Note(
        "The rate is 0 in the first {first} of {count} rows, up to update {step}: nothing "
        "moved there, as when mixed precision leaves updates out, or a warm-up begins late.",
        first=first,
        count=len(record),
        step=int(record.steps[first - 1]),
    )


def find_zero_gradient(record: Record) -> Finding | None:
    """The finding “gradient is 0”, or None."""
    norms = record.grad_norms
    assert norms is not None
    known = np.isfinite(norms)
    gone = norms[known] == 0
    if not gone.all():
        return _lost(record, known, gone)
    if _moves(record):
        return None
    return Finding(
        Note("gradient is 0"),
        Note(
            "The gradient is exactly 0 in all {count} rows that have a norm: nothing leads from the loss to the "
            "parameters.",
            count=int(known.sum()),
        ),
        (("longest gradient", 0.0),),
        Note(
            "look for what cuts them apart: a detach(), no_grad() or item(), parameters that are frozen or not those "
            "of the optimizer, a loss that is constant (an argmax, a mask that leaves nothing), gradients set to 0 "
            "before the norm"
        ),
        step=int(record.steps[known][0]),
        share=1.0,
        sure=CERTAIN,
    )


def _lost(record: Record, known: np.ndarray, gone: np.ndarray) -> Finding | None:
    """A gradient that is exactly 0 from an update on, all at once, while the loss is still there."""
    begin = len(gone) - int(np.argmin(gone[::-1]))
    tail, before = len(gone) - begin, record.grad_norms[known][max(begin - 10, 0) : begin]  # type: ignore[index]
    losses = record.losses[known]
    if tail < max(FEW, PART * len(gone)) or begin < FEW or not np.isfinite(losses).all():
        return None
    there = float(np.median(losses[begin:])) > JUMPS * float(np.median(losses[:3]))
    abrupt = float(np.median(before)) > 0.01 * float(np.median(record.grad_norms[known][:begin]))  # type: ignore[index]
    if not (there and abrupt):
        return None
    step = int(record.steps[known][begin])
    usual, level = three_digits(float(np.median(before))), three_digits(float(np.median(losses[begin:])))
    return Finding(
        Note("gradient is 0"),
        Note(
            "The gradient is exactly 0 from update {step} on, where its norm had been near {usual}, while the loss "
            "stands at {level}: nothing leads from the loss to the parameters any more.",
            step=step,
            usual=usual,
            level=level,
        ),
        (("gradient norm before", float(np.median(before))), ("loss since", float(np.median(losses[begin:])))),
        Note(
            "a lower rate or a warm-up, if all units died or a sigmoid saturated; else look at what changed at that "
            "update (parameters frozen, a mask, a loss cut off at a constant)"
        ),
        step=step,
        share=tail / len(gone),
        sure=CERTAIN,
    )


def dead_from(record: Record) -> int | None:
    """The first row from which on the model shows itself dead, to the end; None where it lives."""
    zeros, nones = _tail(record.losses == 0), _broken_norms(record)
    both = min(zeros, nones)
    if both and both >= min(FEW, max(len(record) // 2, 1)):
        return len(record) - both
    if zeros >= max(FEW, VISIBLE * len(record)) and _fell_at_once(record, len(record) - zeros):
        return len(record) - zeros
    begin = len(record) - nones
    if nones >= max(FEW, PART * len(record)) and begin >= FEW and _stands(record.losses[begin:]):
        return begin
    return None


def find_dead(record: Record) -> Finding | None:
    """The finding “dead model”, or None."""
    begin = dead_from(record)
    if begin is None:
        return None
    step, zero = int(record.steps[begin]), bool((record.losses[begin:] == 0).all())
    norms = record.grad_norms
    none = norms is not None and not np.isfinite(norms[begin:]).any()
    before = float(np.median(record.losses[max(begin - 10, 0) : begin])) if begin else float("nan")
    numbers = [("rows since", float(len(record) - begin))]
    numbers += [("loss before", before)] if np.isfinite(before) else []
    if zero and none:
        says = Note(
            "From update {step} on, to the end, the loss is logged as exactly 0 and the gradient norm is no number: "
            "so a trainer writes a loss that is NaN (transformers does unless logging_nan_inf_filter=False).",
            step=step,
        )
    elif zero:
        says = Note(
            "From update {step} on, to the end, the loss is exactly 0, which it was not near before ({before}): "
            "an ordinary loss does not fall to 0 in one row: its numbers broke, or no label is left to learn.",
            step=step,
            before=three_digits(before),
        )
    else:
        says = Note(
            "From update {step} on, to the end, the gradient norm is no number and the loss falls no more: "
            "one such update makes every parameter NaN, unless it is left out.",
            step=step,
        )
    return Finding(
        Note("dead model"),
        says,
        tuple(numbers),
        Note(
            "go back to a checkpoint from before update {step} and look at its batch: inputs that are no numbers, "
            "labels that are all masked, a number too large for half precision (bfloat16 has more room); if it comes "
            "with other batches too, a lower rate or a longer warm-up",
            step=step,
        ),
        step=step,
        share=(len(record) - begin) / len(record),
        sure=CERTAIN if zero and none else LIKELY,
    )


def _broken_norms(record: Record) -> int:
    """How many rows at the end have no finite norm, where that is no gap as between others; 0 where it is."""
    norms = record.grad_norms
    if norms is None:
        return 0
    there = np.flatnonzero(np.isfinite(norms))
    tail = len(norms) - 1 - int(there[-1]) if len(there) else len(norms)
    gaps = np.diff(there).max(initial=1) - 1 if len(there) > 1 else 0
    return tail if tail > GAPS * gaps else 0


def _fell_at_once(record: Record, begin: int) -> bool:
    """Whether a loss that is 0 from this row on stood far above it just before, with a gradient that is still there."""
    before = record.losses[max(begin - 10, 0) : begin]
    if len(before) < FEW or not (np.isfinite(before) & (before > 0)).all():
        return False
    norms = None if record.grad_norms is None else record.grad_norms[begin:]
    arrived = norms is not None and bool((norms == 0).any())
    start = float(np.median(record.losses[:3]))
    return not arrived and float(before.min()) > JUMPS * start > 0


def _stands(losses: np.ndarray) -> bool:
    """Whether a tail of losses goes nowhere; one that is not finite is told by another rule."""
    return bool(np.isfinite(losses).all() and abs(kendall(blocks(losses, 40))) < 2)


def _tail(there: np.ndarray) -> int:
    """How many rows at the end are so."""
    return len(there) if there.all() else int(np.argmin(there[::-1]))


def _all_zero(column: np.ndarray | None) -> bool:
    return column is not None and bool((column[np.isfinite(column)] == 0).all())


def _moves(record: Record) -> bool:
    """Whether the loss falls surely, so that a 0 is only one of printing."""
    if len(record) < 3 or not np.isfinite(record.losses).all() or fall(record) <= VISIBLE:
        return False
    return len(record) < 20 or kendall(blocks(record.losses, 40)) <= SURE


ZERO_RATE = Symptom(Note("rate is 0"), ("rates",), find_zero_rate, rows=3, loss=False, sees="made")
ZERO_GRADIENT = Symptom(Note("gradient is 0"), ("grad_norms",), find_zero_gradient, rows=3, loss=False, sees="made")
DEAD = Symptom(Note("dead model"), ("losses",), find_dead, rows=1, loss=False, sees="made")
