"""Where the rows go: into the file, and to every sink as long as it takes them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ...._errors import StepsizeError
from ....course.log import Log
from ...sinks.base import Sink, as_sink

Row = dict[str, Any]


class Writing:
    """The file and the sinks of a recorder; `alone` says that this process is the one that writes.

    The head goes with the first row, when everything that it tells is there. A disk that is full ends the file with a
    warning, a sink that raises is left out with one: the run goes on.
    """

    def __init__(self, path: Path, done: int, sinks: Iterable[Any], alone: bool) -> None:
        self.path = path
        found = [as_sink(one) for one in sinks]
        self._sinks: list[Sink] = found if alone else []
        self._log = self._opened(done) if alone else None
        self._begun = False

    @property
    def open(self) -> bool:
        """Whether rows go anywhere."""
        return self._log is not None or bool(self._sinks)

    def _opened(self, done: int) -> Log:
        if done == 0 and self.path.exists():
            raise StepsizeError(f"Recorder: {self.path} is there already: name another file, or go on with done=…")
        try:
            return Log(self.path)
        except OSError as error:
            raise StepsizeError(f"Recorder: {self.path} cannot be written: {error.strerror}") from None

    def put(self, rows: list[Row], at: int, head: Callable[[], Row]) -> None:
        """Write rows at an update, after the head where they are the first."""
        if not (rows and self.open):
            return
        first = [] if self._begun else [head()]
        self._begun = True
        self._append([*first, *rows], at)
        for sink in list(self._sinks):
            self._give(sink, first, rows, at)

    def _append(self, rows: list[Row], at: int) -> None:
        if self._log is None:
            return
        try:
            self._log.append(*rows)
        except OSError as error:
            told = f"Recorder: {self.path} ends at update {at}, it cannot be written: {error.strerror}"
            warnings.warn(told, stacklevel=5)
            self._log.close()
            self._log = None

    def _give(self, sink: Sink, heads: list[Row], rows: list[Row], at: int) -> None:
        try:
            for head in heads:
                sink.begin(head)
            for row in rows:
                sink.row(row)
        except Exception as error:  # whatever a tracker does, the run goes on
            self._sinks.remove(sink)
            _warn_of(sink, f"is left out from update {at} on", error)

    def close(self) -> None:
        """Close the file and the sinks."""
        if self._log is not None:
            self._log.close()
        self._log = None
        for sink in self._sinks:
            try:
                sink.close()
            except Exception as error:  # as above
                _warn_of(sink, "could not be closed", error)
        self._sinks = []


def _warn_of(sink: Sink, what: str, error: Exception) -> None:
    told = " ".join(str(error).split())[:200]
    warnings.warn(f"Recorder: the sink {sink} {what}: {type(error).__name__}: {told}", stacklevel=6)


def plain(row: Mapping[str, Any]) -> Row:
    """A row without what is not there."""
    return {name: one for name, one in row.items() if one is not None}
