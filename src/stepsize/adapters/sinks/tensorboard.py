"""Event files of TensorBoard, written by its own package."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .base import needed, numbers, sentences

_TEXT = 7  # DT_STRING


class TensorBoard:
    """Writes every number of a record as a scalar of TensorBoard, and what was decided as text.

    `folder` is where the event file goes; `tensorboard --logdir` names it or a folder around it. Numbers are kept in
    32 bits there. Use it where a team looks at TensorBoard; the record itself has more (`stepsize report`). It needs
    the package tensorboard, without TensorFlow. After `close` the file is whole.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._event = needed("TensorBoard", "tensorboard.compat.proto.event_pb2", "tensorboard")
        self._summary = needed("TensorBoard", "tensorboard.compat.proto.summary_pb2", "tensorboard")
        self._tensor = needed("TensorBoard", "tensorboard.compat.proto.tensor_pb2", "tensorboard")
        self._files = needed("TensorBoard", "tensorboard.summary.writer.event_file_writer", "tensorboard")
        self._file: Any = None

    def begin(self, head: Mapping[str, Any]) -> None:
        """Open the file; the head is a text of its own."""
        self._file = self._file or self._files.EventFileWriter(str(self.folder))
        self._write(int(head.get("done", 0)), [self._text("run", json.dumps(dict(head), indent=1, default=str))])

    def row(self, row: Mapping[str, Any]) -> None:
        """One event for all numbers of the row."""
        values = [self._summary.Summary.Value(tag=name, simple_value=one) for name, one in numbers(row).items()]
        told = sentences(row)
        self._write(int(row["step"]), values + ([self._text("decisions", told)] if told else []))

    def close(self) -> None:
        """End the file."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def _write(self, step: int, values: list[Any]) -> None:
        summary = self._summary.Summary(value=values)
        self._file.add_event(self._event.Event(wall_time=time.time(), step=step, summary=summary))

    def _text(self, tag: str, text: str) -> Any:
        plugin = self._summary.SummaryMetadata.PluginData(plugin_name="text")
        held = self._tensor.TensorProto(dtype=_TEXT, string_val=[text.encode()])
        return self._summary.Summary.Value(
            tag=tag, metadata=self._summary.SummaryMetadata(plugin_data=plugin), tensor=held
        )

    def __repr__(self) -> str:
        return f"TensorBoard({str(self.folder)!r})"
