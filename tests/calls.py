"""What something costs, in calls: the same number on every machine, where seconds are not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def calls_of(run: Callable[[], Any]) -> int:
    """How many functions, Python's own among them, are called while `run` does."""
    count, before = [0], sys.getprofile()

    def counting(frame: Any, event: str, argument: Any) -> None:
        if event in ("call", "c_call"):
            count[0] += 1

    sys.setprofile(counting)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count[0]
