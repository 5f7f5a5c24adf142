"""Whether a schedule is over: it fell, and from the end of its run on it keeps what it fell to."""

from __future__ import annotations

from collections.abc import Sequence

from .control import Part
from .course import Course

_SHARES = (0.0, 0.25, 0.5, 0.75)


def ended(parts: Sequence[Part], total_steps: int) -> bool:
    """Whether a rate has fallen by the end of the run and stays there, so that a longer run would train at that."""
    return any(part.target.field == "lr" and _fell_and_stays(part, total_steps) for part in parts)


def _fell_and_stays(part: Part, total: int) -> bool:
    try:
        last, later, much_later = (part.without_control(t) for t in (total, total + 1, 2 * total + 1))
        before = max(part.without_control(int(share * total)) for share in _SHARES)
    except Exception:  # a Python function inside, or a value that is not defined there, tells nothing
        return False
    return last == later == much_later and last < before


def rates_of_the_end(course: Course) -> str:
    """What is left behind the end, in words: the lowest factor that a rate keeps."""
    total = course.total_steps or 0
    factors = [part.without_control(total) for part in course.parts if part.target.field == "lr"]
    return f"after which the rate stays at {min(factors):.3g} times its base"
