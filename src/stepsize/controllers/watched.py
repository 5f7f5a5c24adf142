"""The number that a controller watches: the loss of every update, or the metric where one was measured."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..observed import seen
    from .base import Controller

WATCHED = ("loss", "metric")
MODES = ("min", "max")  # what is better
FALLEN = 1e-3  # a factor that has come down several times


def watched(controller: Controller, now: seen, watch: str) -> float | None:
    """The watched number of this update; None where the metric was not measured, which is no error."""
    if watch == "metric":
        return None if now.metric is None else float(now.metric)
    return controller.given(now, watch)


def endless(watch: str, now: seen, bound: str) -> str:
    """What to say where the watched number is exactly 0, so that none can be better; empty where it is not."""
    if getattr(now, watch) != 0:
        return ""
    return (
        f"the {watch} is exactly 0, which nothing is better than, so the factor falls without end: write {bound}=0.01, "
        "or look why it is 0"
    )
