"""A clip that acts at most updates has become the rate."""

from __future__ import annotations

import numpy as np

from ..record import Record
from .base import Finding, Rule
from .parts import SLIGHT, fall
from .words import percent, short

MOST = 0.5  # of the updates: “extremely aggressive” in Godbole et al. 2023, Deep Learning Tuning Playbook
LIMITED = 0.1  # ours: an update counts where a clip limited a tenth of its elements (a norm clip limits all)


def find(record: Record) -> Finding | None:
    """The finding of this rule, or None."""
    assert record.clipped is not None
    known = record.clipped[np.isfinite(record.clipped)]
    share = float(np.mean(known >= LIMITED))
    if share <= MOST:
        return None
    numbers = [("share of updates clipped", share)]
    advice = "a looser clip, and a lower rate with it: so tight a clip is a way to write a small rate"
    if fall(record) < SLIGHT:
        advice = "a looser clip: so tight a clip is a way to write a small rate, and the loss hardly fell"
    norms = record.grad_norms
    if norms is not None and np.isfinite(norms).any():
        usual = float(np.quantile(norms[np.isfinite(norms)], 0.9))
        numbers.append(("90th percentile of the gradient norms", usual))
        advice += f"; clip_norm({short(usual)}) would act at one update in ten"
    says = (
        f"A clip acted at {percent(share)} of the updates: the length of the update is then decided by the clip, "
        "and the rate no longer means what it says."
    )
    return Finding("always clipped", says, tuple(numbers), advice, share=share)


def never_clipped(record: Record) -> str | None:
    """A remark where the strategy has a clip that never acted."""
    if record.text is None or record.clipped is None or len(record) < 20 or not (record.clipped == 0).all():
        return None
    return "The clip of this strategy never acted." if "clip" in record.text else None


CLIPPED = Rule("always clipped", ("clipped",), find)
