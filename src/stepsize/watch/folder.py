"""The runs that may be shown: named files, or what a folder holds; nothing else is ever opened."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ..report.runs.seen import named, spelled

ENDINGS = (".jsonl", ".ndjson", ".csv", ".tsv", ".log")
NAMES = ("trainer_state.json", "metrics.json", "history.json")
EVENTS = "events.out.tfevents"  # begins the name of what TensorBoard reads
OF_A_STUDY = ("journal.jsonl",)  # which holds many runs and has a page of its own
DEEPEST, MOST = 6, 1000  # folders below the one that is named, and files of it
LISTED = 2.0  # seconds between two listings, at least
REST = 10.0  # times as long as a listing or a diagnosis took, until the next one


@dataclass(frozen=True)
class File:
    """A file that may be shown, and when it was last written to, in seconds of the clock."""

    path: Path
    written: float


Files: TypeAlias = dict[str, File]


class Listing:
    """The files that may be shown, listed again when that is due: not before a rest that fits the time that it took.

    Where no file is there yet, only that rest is kept, so that the first one is seen soon.
    """

    def __init__(self, list_files: Callable[[], Files]) -> None:
        self._list_files = list_files
        self._again_at = 0.0
        self.files: Files = {}

    @property
    def due(self) -> bool:
        """Whether the rest is over."""
        return time.monotonic() >= self._again_at

    def look(self) -> Files:
        """List them now."""
        began = time.monotonic()
        self.files = self._list_files()
        ended = time.monotonic()
        self._again_at = ended + max(LISTED if self.files else 0.0, REST * (ended - began))
        return self.files


def of_paths(paths: Sequence[Path]) -> Files:
    """The named files, whether they are there or not."""
    return {name: File(path, _written(path)) for name, path in zip(named(paths), paths, strict=True)}


def in_folder(root: Path) -> Files:
    """The logs in a folder by their paths below it, the newest first; links and hidden folders are left out."""
    found = {spelled(file.path.relative_to(root)): file for file in _within(root, 0)}
    newest = sorted(found.items(), key=lambda one: (-one[1].written, one[0]))
    return dict(newest[:MOST])


def _within(folder: Path, depth: int) -> Iterator[File]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir(follow_symlinks=False):
            if depth < DEEPEST:
                yield from _within(Path(entry.path), depth + 1)
        elif _is_log(entry.name) and entry.is_file(follow_symlinks=False):
            yield File(Path(entry.path), _written(Path(entry.path)))


def _is_log(name: str) -> bool:
    low = name.lower()
    return (low.endswith(ENDINGS) or low in NAMES or low.startswith(EVENTS)) and low not in OF_A_STUDY


def _written(path: Path) -> float:
    try:
        told = path.stat(follow_symlinks=True)
    except OSError:
        return 0.0
    return told.st_mtime if stat.S_ISREG(told.st_mode) else 0.0
