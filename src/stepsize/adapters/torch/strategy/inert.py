"""How far a rule can move an element at most, so that a clip beyond it need not look."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

from torch import Tensor

from ....clipping.norm import clip_norm
from ....clipping.value import clip
from ....descents import Clip
from ..clips.norms import HALVES, by_space, length_in, reads_free

_ROUNDING = 1.005  # of sums in float32 over the memory of the rule


@lru_cache(64)
def reach(beta1: float, beta2: float) -> float:
    """The largest direction of Adam in any element, whatever the gradients; infinite where there is none.

    By Cauchy and Schwarz it is at count k (1 − β1)/√(1 − β2) · √(Σ_{i<k} (β1²/β2)^i) · √(1 − β2^k)/(1 − β1^k), which
    is 1 at the first update and 7.27 in the end with the usual betas.

    >>> round(reach(0.9, 0.999) / 1.005, 2)
    7.27
    """
    ratio = beta1 * beta1 / beta2 if beta2 > 0 else math.inf
    if ratio >= 1:
        return 1.0 if beta1 == beta2 == 0 else math.inf
    most, count = 1.0, 1
    while count * (1 - beta2) < 40 and count < 10**9:
        powers = (1 - ratio**count) / (1 - ratio)
        start = math.sqrt(1 - beta2**count) / (1 - beta1**count)
        most = max(most, (1 - beta1) / math.sqrt(1 - beta2) * math.sqrt(powers) * start)
        count = count + 1 if count < 1000 else int(count * 1.05)
    end = (1 - beta1) / math.sqrt((1 - beta2) * (1 - ratio))
    return _ROUNDING * max(most, end)


def acting(updates: tuple[Clip, ...], farthest: float, params: list[Tensor]) -> tuple[Clip, ...]:
    """Those of the clips that may limit a step that moves no element of these parameters further than this."""
    return tuple(one for one in updates if not _proved(one, farthest, params))


def _proved(one: Clip, farthest: float, params: list[Tensor]) -> bool:
    if type(one) is clip_norm and farthest < math.inf:
        farthest = farthest * math.sqrt(sum(param.numel() for param in params)) * (1 + 1e-6)
    return type(one) in (clip, clip_norm) and farthest <= one.max  # type: ignore[attr-defined]


class Group(NamedTuple):
    """What is known of a group before its step."""

    group: dict[str, Any]
    params: list[Tensor]
    decay: float  # of any kind, except where the rule divides it away
    betas: tuple[float, float] | None  # those of all of Adam's memory; None for other rules
    grads: float | None  # the length of all gradients together, where that was measured


def farthest(one: Group, least: float) -> float:
    """The most that an element of a group can move in this step; infinite where nobody knows, or beyond `least`."""
    rate = one.group["lr"]
    if not one.params:
        return 0.0
    unread = isinstance(rate, Tensor) and not reads_free(rate.device)
    if unread or not {param.dtype for param in one.params}.isdisjoint(HALVES):
        return math.inf
    far = abs(float(rate)) * _direction(one)
    if not far <= least:
        return math.inf
    if one.decay:  # measured at last, since it takes a pass
        far += abs(float(rate)) * one.decay * float(length_in(by_space(param.detach() for param in one.params)))
    return far if far <= least else math.inf


def _direction(one: Group) -> float:
    if one.betas is not None:
        return reach(*one.betas) if tuple(map(float, one.group["betas"])) == one.betas else math.inf
    plain = one.group.get("momentum", 1) == 0 and "dampening" in one.group  # SGD without a memory
    return one.grads * (1 + 1e-6) if plain and one.grads is not None else math.inf
