"""A clip that acts at most updates has become the rate."""

from __future__ import annotations

import numpy as np

from ..._errors import StepsizeError
from ..._language import Note
from ...clipping.decay import weight_decay
from ...text import as_descent
from ..records.record import Record
from .base import Finding, Symptom
from .parts import SLIGHT, fall
from .words import percent, three_digits

MOST = 0.5  # of the updates: “extremely aggressive” in Godbole et al. 2023, Deep Learning Tuning Playbook
SCALE_FREE = ("adam", "adagrad", "adadelta", "adafactor", "rmsprop", "lion", "lamb", "muon")  # in an optimizer's name
LIMITED = 0.1  # ours: an update counts where a clip limited a tenth of its elements (a norm clip limits all)


def find(record: Record) -> Finding | None:
    """The finding of this rule, or None."""
    share = _share(record)
    if share <= MOST or _scale_free(record):
        return None
    numbers = [("share of updates clipped", share)]
    advice = Note("a looser clip, and a lower rate with it: so tight a clip is a way to write a small rate")
    if fall(record) < SLIGHT:
        advice = Note(
            "a looser clip or a higher rate: so tight a clip is a way to write a small rate, and the loss hardly fell"
        )
    norms = record.grad_norms
    if norms is not None and np.isfinite(norms).any():
        usual = float(np.quantile(norms[np.isfinite(norms)], 0.9))
        numbers.append(("90th percentile of the gradient norms", usual))
        advice = Note(
            "{advice}; clip_norm({norm}) would act at one update in ten", advice=advice, norm=three_digits(usual)
        )
    known = record.text is not None or record.optimizer is not None
    says = Note(
        "A clip acted at {share} of the updates: the length of the update is then decided by the clip, "
        "and the rate no longer means what it says{unless}.",
        share=percent(share),
        unless="" if known else Note(" (unless a rule like Adam comes after it)"),
    )
    return Finding(Note("always clipped"), says, tuple(numbers), advice, share=share)


def remark(record: Record) -> str | None:
    """What is worth saying of a clip that is no illness: it never acted, or always, where that decides no length."""
    if record.clipped is None or len(record) < 20:
        return None
    share = _share(record)
    if share > MOST and _scale_free(record):
        return Note(
            "The clip acted at {share} of the updates; before a rule that divides by the size of its "
            "gradients, that makes all of them count alike and shortens no update.",
            share=percent(share),
        )
    never = record.text is not None and "clip" in record.text and bool((record.clipped == 0).all())
    return Note("The clip of this strategy never acted.") if never else None


def _share(record: Record) -> float:
    """The share of the updates that a clip limited."""
    assert record.clipped is not None
    known = record.clipped[np.isfinite(record.clipped)]
    return float(np.mean(known >= LIMITED)) if len(known) else 0.0


def _scale_free(record: Record) -> bool:
    """Whether the run is known to clip nothing but the gradients of a rule that does not mind their length."""
    try:
        strategy = as_descent(record.text or "")
    except StepsizeError:  # no text, or that of a schedule for an optimizer of somebody else
        name = str((record.optimizer or {}).get("class", "")).lower()
        return any(one in name for one in SCALE_FREE)
    _, between, after = strategy.split()
    return strategy.rule.scale_free and not any(not isinstance(one, weight_decay) for one in (*between, *after))


CLIPPED = Symptom(Note("always clipped"), ("clipped",), find, loss=False)
