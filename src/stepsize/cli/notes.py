"""Warnings of the library as lines of the command: `note: …` on the standard error."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from .output import note


@contextmanager
def as_notes() -> Iterator[None]:
    """Say each of our own warnings in one line, without the place in the code that raised it."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", UserWarning)
        yield
    for one in found:
        note(str(one.message))
