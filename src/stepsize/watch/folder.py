"""The runs that may be shown: named files, or what a folder holds; nothing else is ever opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ..report.runs.seen import named, spelled

ENDINGS = (".jsonl", ".ndjson", ".csv", ".tsv", ".log")
NAMES = ("trainer_state.json", "metrics.json", "history.json")
EVENTS = "events.out.tfevents"  # begins the name of what TensorBoard reads
OF_A_STUDY = ("journal.jsonl",)  # which holds many runs and has a page of its own
DEEPEST, MOST = 6, 1000  # folders below the one that is named, and files of it


@dataclass(frozen=True)
class File:
    """A file that may be shown, and when it was last written to, in seconds of the clock."""

    path: Path
    written: float


Files: TypeAlias = dict[str, File]


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
