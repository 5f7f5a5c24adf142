"""TensorBoard's event files, read by the tensorboard package where it is installed."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

from ...._errors import StepsizeError
from ...._language import say
from .rows import Row, Rows, Source

_MARK = b"brain.Event:"


def is_events(content: bytes) -> bool:
    """Whether bytes are those of an event file: its first entry names the version of the format."""
    return _MARK in content[:80]


def of_events(source: Source) -> Rows | None:
    """The scalars of an event file, one row for each step; None where the file is none."""
    if not is_events(source.content):
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.out.tfevents.0"  # what gzip packed is unpacked here
        file.write_bytes(source.content)
        return _merged(_loaded(file, source.path))


def _loaded(file: Path, named: Path) -> Any:
    try:
        from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-not-found, unused-ignore]
            EventAccumulator,
        )
    except ImportError:
        raise StepsizeError(
            say("{file} is an event file of TensorBoard, which needs its package: pip install tensorboard", file=named)
        ) from None
    quiet = logging.getLogger("tensorboard")
    level = quiet.level
    quiet.setLevel(logging.ERROR)  # it warns of a last entry that is being written
    try:
        loaded = EventAccumulator(str(file), size_guidance={"scalars": 0, "tensors": 0})
        loaded.Reload()
    except Exception as error:  # its own kinds differ by version
        said = " ".join(str(error).split())[:100]
        text = say("{file} cannot be read as an event file of TensorBoard: {why}", file=named, why=said)
        raise StepsizeError(text) from None
    finally:
        quiet.setLevel(level)
    return loaded


def _merged(loaded: Any) -> Rows | None:
    """A row for each step of each tag that is a number."""
    rows: dict[int, Row] = {}
    tags = loaded.Tags()
    for tag in tags.get("scalars", ()):
        for one in loaded.Scalars(tag):
            rows.setdefault(one.step, {"step": one.step})[tag] = one.value
    for tag in tags.get("tensors", ()):
        for one in loaded.Tensors(tag):
            value = _number(one.tensor_proto)
            if value is not None:
                rows.setdefault(one.step, {"step": one.step})[tag] = value
    found = [rows[step] for step in sorted(rows)]
    return Rows(found, [0] * len(found), tried=say("read as events of TensorBoard")) if found else None


def _number(proto: Any) -> float | None:
    """The number of a tensor that holds one."""
    from tensorboard.util import tensor_util  # type: ignore[import-not-found, unused-ignore]

    try:
        made = tensor_util.make_ndarray(proto)
        return float(made.reshape(())) if made.size == 1 else None
    except (TypeError, ValueError):
        return None
