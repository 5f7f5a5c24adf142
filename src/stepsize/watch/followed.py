"""A run that goes on, as a record that is as new as its file: our recordings line by line, other logs whole."""

from __future__ import annotations

import json
import os
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from .._errors import StepsizeError
from .._language import say
from ..course.log import unreadable
from ..course.recorded import KIND
from ..lab.records.foreign.opened import content_of
from ..lab.records.foreign.wanted import Wanted
from ..lab.records.logs import read_log
from ..lab.records.record import Record
from ..lab.records.recording import Recording
from .tail import Tail, opened

PATIENCE = 4.0  # times as long as a reading of a whole log took, until it is read again
SETTLED = 2.0  # seconds after which a last line without an end is taken as it is
LINES = (".jsonl", ".ndjson", ".csv", ".tsv", ".log", ".txt")  # logs of lines, whose last one may be half written


class Followed:
    """One file: `look` reads what is new, `record` is what it tells so far, `said` what is to be said of it.

    `version` grows whenever something is new. Nothing raises: what is wrong with the file is `said`, and may be over
    with the next look.
    """

    def __init__(self, path: Path, root: Path | None = None, wanted: Wanted | None = None) -> None:
        self.path, self.root, self.wanted = path, root, wanted
        self.record: Record | None = None
        self.said = say("waits for the file")
        self.version = 0
        self._tail = Tail(path, root)
        self._recording: Recording | None = None
        self._refused = ""  # why this file is not read, as long as it is the same
        self._damaged = 0
        self._foreign: bool | None = None  # not known before the first line
        self._stamp: tuple[int, int] | None = None
        self._read_at, self._took = 0.0, 0.0

    def look(self) -> bool:
        """Read what is new; True where there is more than was read at once."""
        before = self.said
        try:
            more = self._look()
        except StepsizeError as error:
            self.said, more = str(error), False
        if self.said != before:
            self.version += 1
        return more

    def _look(self) -> bool:
        if self._foreign:
            return self._look_whole()
        came = self._tail.look()
        if came.anew:
            self._begin()
        if self._refused:
            return came.more
        if self._recording is None and came.lines:
            self._foreign = not _is_head(came.lines[0])
            if self._foreign:
                return self._look_whole()
            self._recording = Recording(str(self.path))
        elif self._recording is None and self._tail_waits():
            return self._look_whole()
        if came.lines:
            self._take(came.lines)
        return came.more

    def _begin(self) -> None:
        """The file is another one."""
        self.record, self._recording, self._foreign, self._damaged, self._refused = None, None, None, 0, ""
        self.version += 1

    def _tail_waits(self) -> bool:
        """Whether a file without a whole line is there, as a log in one line is; it may also be just begun."""
        stamp = _stamp(self.path)
        self.said = say("waits for the file") if stamp is None else say("waits for the first row")
        if stamp is None or not stamp[1]:
            return False
        return time.time() - stamp[0] / 1e9 > SETTLED

    def _take(self, lines: tuple[bytes, ...]) -> None:
        """The rows of these lines; a damaged one is counted."""
        assert self._recording is not None
        try:
            for row in _objects([line for line in map(bytes.strip, lines) if line]):
                self._damaged += not (row is not None and self._recording.add(row))
        except StepsizeError as error:  # of a version that is not known, whose rows may mean anything
            self._refused = str(error)
            raise
        self.record = self._recording.record()
        damaged = say("1 line is damaged and is left out") if self._damaged == 1 else ""
        if self._damaged > 1:
            damaged = say("{count} lines are damaged and are left out", count=self._damaged)
        self.said = damaged or ("" if len(self.record) else say("waits for the first row"))
        self.version += 1

    def _look_whole(self) -> bool:
        """A log of another kind is read again where it has changed, but not all the time."""
        stamp, now = _stamp(self.path), time.monotonic()
        if stamp is None or stamp == self._stamp or now - self._read_at < PATIENCE * self._took:
            return False
        self._foreign = True
        if _is_recording(self.path, self.root):  # which was put in its place
            self._foreign, self._tail = None, Tail(self.path, self.root)
            self._begin()
            return True
        half, self._stamp = time.time() - stamp[0] / 1e9 <= SETTLED, stamp
        try:
            self.record, self.said = _read(self.path, self.root, half, self.wanted)
        finally:
            self._read_at, self._took = time.monotonic(), time.monotonic() - now
            if half:
                self._stamp = None  # its last line is asked for again
        self.version += 1
        return False


def _read(path: Path, root: Path | None, half: bool, wanted: Wanted | None) -> tuple[Record, str]:
    """The record of a log, and its warnings; of a log of lines that is being written without a half line."""
    number = opened(path, root)
    if number is None:
        raise StepsizeError(say("{path} is gone", path=path))
    try:
        with os.fdopen(number, "rb") as file:  # and not by its path, where a link may have been put by now
            content = content_of(file, path)
    except OSError as error:
        raise unreadable(path, error) from None
    if half and path.suffix.lower() in LINES:
        content = content.rpartition(b"\n")[0] + b"\n"
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", UserWarning)
        record = read_log(path, wanted, content)
    return replace(record, source=str(path)), "; ".join(str(one.message) for one in found)


def _is_recording(path: Path, root: Path | None) -> bool:
    number = opened(path, root)
    if number is None:
        return False
    with os.fdopen(number, "rb") as file:
        return _is_head(file.readline(2**20))


def _is_head(line: bytes) -> bool:
    row = _object(line.strip().removeprefix(b"\xef\xbb\xbf"))
    return row is not None and row.get("kind") == KIND


def _objects(lines: list[bytes]) -> list[Any]:
    """The object of each line, None where it is damaged; whole lines are read together, which takes half the time."""
    try:
        found = json.loads(b"[" + b",".join(lines) + b"]")
    except (ValueError, RecursionError):
        found = []
    whole = len(found) == len(lines) and all(type(one) is dict for one in found)
    return found if whole else [_object(line) for line in lines]


def _object(line: bytes) -> dict[str, object] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size
