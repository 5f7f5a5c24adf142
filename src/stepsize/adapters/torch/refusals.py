"""Errors in the name of the call that was written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..._errors import StepsizeError


@contextmanager
def spoken_of(call: str) -> Iterator[None]:
    """Errors of a Scheduler or of clips inside another call speak of that call, which is what was written."""
    try:
        yield
    except StepsizeError as error:
        told = str(error).replace(", or begin at an update with Scheduler(…, done=…)", "")
        for other in "Scheduler", "clip_gradients", "clip_update":
            for mark in ":", "(…":
                told = told.replace(f"{other}{mark}", f"{call}{mark}")
        raise StepsizeError(told) from None
