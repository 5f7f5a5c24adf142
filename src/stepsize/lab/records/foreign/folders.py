"""A folder in the place of a file: the one log that it plainly is of, or the names of the files that can be read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from ...._errors import StepsizeError
from ...._language import commas, say
from .mlflow import FOLDER, of_run

DEEPEST = 3  # folders within folders
MOST_LOOKED_AT = 2000
MOST_TRIED = 50
MOST_NAMED = 8
_NAMES = ("trainer_state.json", "metrics.csv", "results.csv", "summary.csv", "metrics.json", "scalars.json")
_SUFFIXES = (".csv", ".jsonl", ".tsv", ".log", ".json", ".txt", ".gz", ".out")


def metrics_of(folder: Path) -> Path | None:
    """The folder of MLflow's metrics that a folder is, or is the run of; None for any other."""
    for one in (folder, folder / FOLDER):
        if one.name == FOLDER and one.is_dir() and of_run(one) is not None:
            return one
    return None


def file_in(folder: Path, is_log: Callable[[Path], bool]) -> Path:
    """The only log of a folder of TensorBoard; else an error that names the files that can be read."""
    files = list(_files(folder))
    events = [one for one in files if "tfevents" in one.name]
    logs = [one for one in files if "tfevents" not in one.name][:MOST_TRIED]
    logs = [one for one in logs if is_log(one)]
    if len(events) == 1 and not logs:
        return events[0]
    readable = [*logs, *events]
    if not readable:
        raise StepsizeError(
            say("{folder} is a folder without a log: name one file, a CSV or a JSON lines log", folder=folder)
        )
    names = [str(one.relative_to(folder)) for one in readable]
    named = commas(names[:MOST_NAMED], more=len(names) - MOST_NAMED)
    raise StepsizeError(
        say("{folder} is a folder: name one file of those that can be read, {files}", folder=folder, files=named)
    )


def _files(folder: Path) -> Iterator[Path]:
    """The files that may be logs, those of well-known names first."""
    found = []
    looked = 0
    for place, folders, files in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(one for one in folders if not one.startswith(".")) if depth < DEEPEST else []
        for name in sorted(files):
            looked += 1
            if "tfevents" in name or name in _NAMES or name.endswith(_SUFFIXES):
                found.append((name not in _NAMES, depth, Path(place) / name))
        if looked > MOST_LOOKED_AT:
            break
    yield from (one for _, _, one in sorted(found))
