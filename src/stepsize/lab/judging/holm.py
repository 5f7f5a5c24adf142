"""Holm's correction: p-values of several comparisons made together."""

from __future__ import annotations

import numpy as np

from ...problems import Floats


def holm(p: Floats) -> Floats:
    """Each p-value over the last axis as it counts among all of them: 5 % bounds the chance of any false one.

    Formula: sorted ascending, p₍ᵢ₎ becomes the largest of (m − j + 1)·p₍ⱼ₎ over j ≤ i, at most 1. Use it where any
    single false claim would be one too many; it needs no independence. Source: Holm 1979.

    >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, axis=-1, kind="stable")
    count = p.shape[-1]
    ranked = np.take_along_axis(p, order, -1) * np.arange(count, 0, -1)
    raised = np.minimum(np.maximum.accumulate(ranked, axis=-1), 1.0)
    back = np.empty_like(raised)
    np.put_along_axis(back, order, raised, -1)
    return back
