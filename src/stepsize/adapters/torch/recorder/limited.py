"""What clips limited, and which updates were left out for gradients that are not finite."""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer

from ....clipping.trust import trust
from ....descents import Clip
from ..clips.hung import Clipping
from ..strategy.fused import Hooked
from ..strategy.staged import StrategyEngine
from .decided import decision


def clipping_of(optimizer: Optimizer) -> list[Any]:
    """What bounds its gradients or its updates, and tells the share that it limited while `shares` is a list."""
    hung = [getattr(one, "__self__", None) for one in optimizer._optimizer_step_pre_hooks.values()]
    hung += optimizer._clips[1:] if isinstance(optimizer, Hooked) else []  # of the update, around torch's kernels
    found: list[Any] = [one for one in hung if isinstance(one, Clipping) and one.clips]
    stages = optimizer.strategy.stages if isinstance(optimizer, StrategyEngine) else ()
    return [*found, optimizer] if any(isinstance(one, (Clip, trust)) for one in stages) else found


def _guards_of(optimizer: Optimizer) -> list[Clipping]:
    hung = [getattr(one, "__self__", None) for one in optimizer._optimizer_step_pre_hooks.values()]
    return [one for one in hung if isinstance(one, Clipping)]


class Limited:
    """What the clips on one optimizer do to its updates; a clip, or the first of several skips, is told as it begins.

    A clip that acts at every update is no news at each of them: the share of every row says that it does.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._acting: set[str] = set()
        self._skips = 0
        self._skipping = False

    def begin(self, looked_at: bool) -> None:
        """An update begins: the clips count what they limit where somebody looks."""
        self._skips = sum(one.skipped for one in _guards_of(self._optimizer))
        for one in clipping_of(self._optimizer):
            one.shares = [] if looked_at else None

    def end(self) -> None:
        """Nobody looks any more."""
        for one in clipping_of(self._optimizer):
            one.shares = None

    def left_out(self) -> str | None:
        """Why the update that was made last was left out; None where it was made, "" where nobody says."""
        guards = _guards_of(self._optimizer)
        if sum(one.skipped for one in guards) <= self._skips:
            return None
        return next((one.wrong for one in guards if one.wrong), "")

    def skip(self, why: str | None) -> dict[str, Any] | None:
        """The decision that leaves an update out, unless the one before it was left out too."""
        began, self._skipping = why is not None and not self._skipping, why is not None
        told = why or "elements of the gradient are NaN or infinite"
        return decision("skip", f"{told}: the update was left out", 0.0) if began else None

    def shares(self) -> dict[str, float]:
        """The share of elements that each clip limited in the update that was made last, by the clip's text."""
        found: dict[str, float] = {}
        for one in clipping_of(self._optimizer):
            shares = [float(share) for share in one.shares or ()]
            clips = getattr(one, "clips", ())
            names = [str(clip) for clip in clips] if len(clips) == len(shares) else ["clip"] * len(shares)
            for name, share in zip(names, shares, strict=True):
                found[name] = max(share, found.get(name, 0.0))
        return found

    def began(self, shares: dict[str, float], norm: float | None) -> list[dict[str, Any]]:
        """The decisions of the clips that act and did not in the row before."""
        acting = {name for name, share in shares.items() if share > 0}
        new = [name for name in shares if name in acting - self._acting]
        self._acting = acting
        of = "" if norm is None else f" of a gradient of length {norm:.4g}"
        return [decision(name.partition("(")[0], f"{name}: limited {_part(shares[name])}{of}") for name in new]


def _part(share: float) -> str:
    return "all elements" if share >= 1 else f"{max(share, 0.001):.1%} of the elements"
