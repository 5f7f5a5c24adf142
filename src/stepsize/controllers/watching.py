"""What the controllers of this folder share: the watched number of an update, and the checks of such fields."""

from __future__ import annotations

from .._errors import StepsizeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..observed import seen
    from .base import Controller

WATCHED = ("loss", "metric")
MODES = ("min", "max")


def given(controller: Controller, now: seen, name: str) -> float:
    """A quantity that the controller cannot do without, as a plain float, or an error that names it."""
    value = getattr(now, name)
    if value is None:
        raise StepsizeError(f"{controller.word()} needs the {name} at every update: pass seen({name}=…)")
    return float(value)


def watched(controller: Controller, now: seen, watch: str) -> float | None:
    """The watched number of this update; None where the metric was not measured, which is no error."""
    if watch == "metric":
        return None if now.metric is None else float(now.metric)
    return given(controller, now, watch)


def held(what: str, value: float, factor: float) -> str:
    """Why nothing changes when a number that is not finite was seen."""
    return f"{what} {value}: held at {factor:.4g}"


def within(rate: float, low: float, high: float) -> tuple[float, str]:
    """A rate within its bounds, and which bound it met."""
    if rate > high:
        return high, f"highest rate {high:.4g}"
    return (low, f"lowest rate {low:.4g}") if rate < low else (rate, "")
