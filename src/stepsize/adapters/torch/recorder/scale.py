"""The loss scale of mixed precision, and the updates that it left out."""

from __future__ import annotations

from typing import Any

from ...._errors import StepsizeError
from ....course.recorded import knob
from .decided import decision


class Scale:
    """The scale of a torch GradScaler, read where a row is written."""

    def __init__(self, scaler: Any) -> None:
        if not hasattr(scaler, "get_scale") or not hasattr(scaler, "is_enabled"):
            raise StepsizeError(f"Recorder: scaler must be a torch GradScaler, not {type(scaler).__name__}")
        self._scaler = scaler
        self._last: float | None = None

    def now(self) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """The column of the scale, and a decision where it is another than in the row before."""
        if not self._scaler.is_enabled():
            return {}, []
        scale, last = float(self._scaler.get_scale()), self._last
        self._last = scale
        if last is None or scale == last:
            return {knob("loss_scale"): scale}, []
        why = f"loss scale {last:g} → {scale:g}" + (": updates with infinite gradients were left out" * (scale < last))
        return {knob("loss_scale"): scale}, [decision("amp", why, scale / last)]
