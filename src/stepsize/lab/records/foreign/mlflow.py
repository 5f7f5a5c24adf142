"""MLflow's local store: a file for each metric in the folder `metrics` of a run, a line "time value step" each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ...._errors import StepsizeError
from ...._language import say
from .opened import opened
from .rows import Row, Rows, Source

FOLDER = "metrics"
MOST_FILES = 1000
_LINE = re.compile(rb"\d{12,14} (?:[-+]?[\d.][\d.eE+-]*|nan|NaN|[-+]?[Ii]nf(?:inity)?) -?\d+\s*")


def is_metric(content: bytes) -> bool:
    """Whether a file is one metric: its first line is a time in milliseconds, a value and a step."""
    return _LINE.fullmatch(content[:200].split(b"\n", 1)[0]) is not None


def of_metric(source: Source) -> Rows | None:
    """The rows of the run that a file of one metric belongs to; None where it is no such file."""
    if not is_metric(source.content):
        return None
    folder = next((one for one in source.path.parents if one.name == FOLDER), None)
    return of_run(folder) if folder is not None else _merged([(source.path.name, source.content)])


def of_run(folder: Path) -> Rows | None:
    """The rows of a folder of metrics, one for each step; None where it has no metric."""
    return _merged(_metrics(folder))


def _metrics(folder: Path) -> Iterator[tuple[str, bytes]]:
    count = 0
    for file in sorted(folder.rglob("*")):
        if file.is_file() and count < MOST_FILES:
            count += 1
            try:
                content = opened(file)
            except StepsizeError:
                continue
            if is_metric(content):
                yield file.relative_to(folder).as_posix(), content


def _merged(metrics: Iterator[tuple[str, bytes]] | list[tuple[str, bytes]]) -> Rows | None:
    rows: dict[int, Row] = {}
    for name, content in metrics:
        for line in content.decode(errors="replace").splitlines():
            try:
                _, value, step = line.split()
                rows.setdefault(int(step), {"step": int(step)})[name] = float(value)
            except ValueError:  # a line that is being written
                continue
    found = [rows[step] for step in sorted(rows)]
    return Rows(found, [0] * len(found), tried=say("read as metrics of MLflow")) if found else None
