"""Whether automatic mixed precision left an update out."""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer

from ..._errors import StepsizeError


def was_skipped(skipped: Any, optimizer: Optimizer, scale_before: float | None) -> tuple[bool, float | None]:
    """Whether the update was left out, and the scale to remember for the next question.

    `skipped` is a truth value (a tensor is read back) or the GradScaler itself: asked before its `update()` it knows
    what it found, afterwards its scale has fallen and its count of good updates is 0. `scale_before` is the scale
    that an earlier call remembered; without one it is what the scaler began with, or was loaded with.
    """
    if not hasattr(skipped, "get_scale"):
        if not hasattr(skipped, "__bool__"):
            raise StepsizeError(f"Scheduler: skipped must be True, False or a torch GradScaler, not {skipped!r}")
        return bool(skipped), scale_before
    if not skipped.is_enabled():
        return False, None
    scale = float(skipped.get_scale())
    found = skipped._per_optimizer_states.get(id(optimizer), {}).get("found_inf_per_device")
    if found:
        return any(float(one) > 0 for one in found.values()), scale
    before = float(skipped._init_scale) if scale_before is None else scale_before
    return scale < before and skipped._get_growth_tracker() == 0, scale
