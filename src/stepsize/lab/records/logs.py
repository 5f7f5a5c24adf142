"""Logs as records: a file of ours, or of any other loop, packed, in any encoding, of one run or of several."""

from __future__ import annotations

import warnings
from pathlib import Path

from ..._errors import StepsizeError
from ..._language import say
from ...course.log import Lines, left_out, lines_in
from .foreign import folders, mlflow
from .foreign.apart import apart, selected
from .foreign.assembled import record_of
from .foreign.events import is_events
from .foreign.families import no_rows, rows_in
from .foreign.opened import as_text, opened
from .foreign.rows import Rows, Source
from .foreign.wanted import Wanted
from .lines import KIND, from_rows
from .record import Record
from .recording import from_recording, is_recording

HEAD = 1 << 22  # bytes that say whether a file of a folder is a log


def read_log(file: Path, wanted: Wanted | None = None, content: bytes | None = None) -> Record:
    """The record of a file, whoever wrote it: `Record.save`, a `Recorder`, or another loop.

    `content` is what the file holds, where somebody has read it already: then it is not opened.
    """
    wanted = wanted or Wanted()
    found = _opened(file, wanted, content)
    if isinstance(found, Record):
        return found
    record, said = record_of(selected(apart(found), wanted.run, file), file, wanted)
    _say(said)
    return record


def read_every(file: Path, wanted: Wanted | None = None) -> dict[str, Record]:
    """The records of all runs of a file by their names; a file of one run has the name "" for it."""
    wanted = wanted or Wanted()
    found = _opened(file, wanted)
    if isinstance(found, Record):
        return {"": found}
    made = {run: record_of(rows, file, wanted) for run, rows in apart(found).items()}
    _say([one for _, said in made.values() for one in said])
    return {run: record for run, (record, _) in made.items()}


def _say(said: list[str]) -> None:
    for told in dict.fromkeys(filter(None, said)):
        warnings.warn(told, stacklevel=5)


def _opened(file: Path, wanted: Wanted, content: bytes | None = None) -> Record | Rows:
    """The record of a file of ours, or the rows of another."""
    if content is None and file.is_dir():
        metrics = folders.metrics_of(file)
        rows = mlflow.of_run(metrics) if metrics is not None else None
        if rows is not None:
            return rows
        file = folders.file_in(file, _is_log)
    content = opened(file) if content is None else content
    lines = _lines(content)
    own = _own(lines, file)
    if own is not None:
        if wanted.columns or wanted.run is not None:
            raise StepsizeError(
                say("{file} holds one run of stepsize: leave --run, --loss, --step and --lr out", file=file)
            )
        record, said = own
        _say(said)
        return record
    rows = rows_in(_source(file, content, lines), lines, wanted)
    if not rows.rows:
        raise no_rows(file)
    _say([left_out(file, rows.damaged)])
    return rows


def _source(file: Path, content: bytes, lines: Lines) -> Source:
    binary = is_events(content)
    return Source(file, content, "" if binary else as_text(content, file, bool(lines.rows)))


def _lines(content: bytes) -> Lines:
    """The lines of JSON of a file that may have some."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        content = content.decode("utf-16", errors="replace").encode(errors="replace")
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") or b"\n{" in content:
        return lines_in(content)
    return Lines((), (), ())


def _is_log(file: Path) -> bool:
    """Whether the first lines of a file are a log that can be read."""
    try:
        content = opened(file)
        if len(content) > HEAD:
            content = content[: content.rfind(b"\n", 0, HEAD) + 1]
        lines = _lines(content)
        if _own(lines, file) is not None:
            return True
        rows = rows_in(_source(file, content, lines), lines, Wanted())
        return all(record_of(one, file, Wanted()) for one in apart(rows).values())
    except StepsizeError:
        return False


def _own(lines: Lines, file: Path) -> tuple[Record, list[str]] | None:
    """The record of a file that stepsize wrote, and what to say of it; None for any other file."""
    if lines.rows and lines.rows[0].get("kind") == KIND:
        return _saved(lines, file)
    if is_recording(lines):
        record, damaged = from_recording(lines, str(file))
        return record, [left_out(file, damaged)]
    return None


def _saved(lines: Lines, file: Path) -> tuple[Record, list[str]]:
    """What is left of a file of `Record.save`, and what to say where that is not all."""
    found = from_rows(lines, str(file))
    if found is None:
        raise StepsizeError(say("{file} is damaged or of another version of stepsize: save the run again", file=file))
    record, damaged, rows = found
    lost = rows - len(record) - len(damaged)
    cut = say("{file} holds {count} of its {rows} rows: it was cut off", file=file, count=len(record), rows=rows)
    return record, [left_out(file, damaged), cut if lost > 0 else ""]
