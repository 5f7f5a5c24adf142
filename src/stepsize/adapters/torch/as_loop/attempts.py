"""The user's code, called so that what it raises is one line that says what, where and with which shapes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from ...._errors import StepsizeError
from ..as_problem.rows import told

OURS = (str(Path(__file__).parents[3]), str(Path(torch.__file__).parent), sys.base_prefix)


def attempt(what: str, call: Callable[[], Any], given: tuple[Any, ...] = ()) -> Any:
    """What a call of the user's code returns; what it raises is one line."""
    try:
        return call()
    except StepsizeError:
        raise
    except Exception as error:
        shapes = f"; given {told(given)}" if given else ""
        raise StepsizeError(f"training: {what} raised {_said(error)}{shapes}{_place(error.__traceback__)}") from error


@contextmanager
def as_training() -> Iterator[None]:
    """What a problem says of data, said by a training."""
    try:
        yield
    except StepsizeError as error:
        raise StepsizeError("training: " + str(error).removeprefix("problem: ")) from error


def _said(error: Exception) -> str:
    """The kind and the first line; of a worker of a DataLoader what it raised, which is its last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if lines and "DataLoader worker process" in lines[0]:
        return f"{lines[-1][:200]} (in a worker of the DataLoader)"
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _place(trace: TracebackType | None) -> str:
    """The last line of the user's on the way, which is none of torch's, Python's or ours."""
    found = ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith((*OURS, "<")) and "site-packages" not in file:
            found = f" ({Path(file).name} line {trace.tb_lineno})"
        trace = trace.tb_next
    return found
