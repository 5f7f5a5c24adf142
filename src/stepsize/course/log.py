"""Lines of JSON that outlive a crash: a file that grows by whole lines, a file written whole, and what reads both."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from .._errors import StepsizeError
from .._language import commas, say

MOST_SAID = 5  # line numbers that a sentence names
UNFINISHED = ".part"  # ends the temporary name of a file
_ENCODED = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode


class Log:
    """A file that grows by whole lines, one JSON object each.

    `append` puts each line on disk at once, so that a run that dies keeps what it wrote; a half line that a dead run
    left is ended before the first new one. Where the disk is full, `append` raises the OSError after it has cut the
    file back to its last whole line; where space comes back in the middle of a line, the line becomes whole.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "log.jsonl"
    >>> with Log(path) as log:
    ...     log.append({"step": 0, "loss": math.inf})
    >>> path.read_text()
    '{"step": 0, "loss": "inf"}\\n'
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_fifo():  # opening it would wait for a reader, perhaps for ever
            raise OSError(errno.EINVAL, "it is a pipe, not a file", str(path))
        torn = path.is_file() and _ends_in_half(path)
        self._file = path.open("ab", buffering=0)
        self._torn = torn

    def append(self, *rows: Mapping[str, Any]) -> None:
        """Add rows; each is on disk when this returns. An OSError leaves the whole lines that found room."""
        whole = b"\n" * self._torn + b"".join(map(line_of, rows))
        written = 0
        try:
            while written < len(whole):
                written += self._put(whole[written:])
        finally:
            self._settle(whole[:written])

    def _put(self, rest: bytes) -> int:
        count = self._file.write(rest)
        if not count:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return count

    def _settle(self, written: bytes) -> None:
        """Cut off what was written of a line that did not get to its end; where that fails, remember it."""
        if not written:
            return
        half = len(written) - written.rfind(b"\n") - 1
        self._torn = half > 0 and not self._cut_back(half)

    def _cut_back(self, half: int) -> bool:
        try:
            end = self._file.tell()
            if os.fstat(self._file.fileno()).st_size != end:  # somebody else has written since
                return False
            self._file.truncate(end - half)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the file; nothing is left to be written."""
        self._file.close()

    def __enter__(self) -> Log:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a whole file of lines."""
    put(path, map(line_of, rows))


def put(path: Path, parts: Iterable[bytes]) -> None:
    """Write a whole file: under a temporary name beside `path`, then in its place; never half of it."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED}")
    try:
        with unfinished.open("wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        with contextlib.suppress(OSError):  # where its folder is none, it is not there
            unfinished.unlink()


def unwritable(path: Path, error: OSError) -> StepsizeError:
    """The one line of a disk that is full, or of a folder that is not there."""
    from .._reasons import reason

    return StepsizeError(say("{path} cannot be written: {why}", path=path, why=reason(error)))


def unreadable(path: Path, error: OSError) -> StepsizeError:
    """The one line of a file that the system does not let us read."""
    from .._reasons import reason

    return StepsizeError(say("{path} cannot be read: {why}", path=path, why=reason(error)))


def line_of(row: Mapping[str, Any]) -> bytes:
    """One row as a line of JSON: NaN and infinities by name in quotes, text as UTF-8.

    >>> line_of({"loss": math.nan, "rates": (0.1, -math.inf)})
    b'{"loss": "nan", "rates": [0.1, "-inf"]}\\n'
    """
    try:
        text = _ENCODED(row)
    except ValueError:  # a number that has no word in JSON
        text = _ENCODED(_odd(row, str))
    return (text + "\n").encode(errors="backslashreplace")  # a lone surrogate becomes its JSON escape


def finite(value: float | None) -> float | None:
    """A number, None where JSON has no word for it.

    >>> finite(0.5), finite(math.nan), finite(None)
    (0.5, None, None)
    """
    return value if value is not None and math.isfinite(value) else None


def finite_only(value: Any) -> Any:
    """Plain Python with None for every number that JSON has no word for.

    >>> finite_only({"loss": math.inf, "rates": (0.1, math.nan)})
    {'loss': None, 'rates': [0.1, None]}
    """
    return _odd(value, finite)


def _odd(value: Any, told: Callable[[float], object]) -> Any:
    """The same with something else for the numbers that JSON has no word for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else told(value)
    if isinstance(value, Mapping):
        return {key: _odd(one, told) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_odd(one, told) for one in value]
    return value


def number_in(value: Any) -> float:
    """The number that a line holds, a name of one included; null is one that is missing, NaN.

    >>> number_in("-inf"), number_in(None), number_in(3)
    (-inf, nan, 3.0)
    """
    if isinstance(value, bool):
        raise TypeError("a truth value is no number")
    return math.nan if value is None else float(value)


@dataclass(frozen=True)
class Lines:
    """What a file of lines holds: its rows with the lines they stand in (from 1), and the lines that are none.

    A half line, that of a run that died, is neither: it was never whole.
    """

    rows: tuple[dict[str, Any], ...]
    places: tuple[int, ...]
    damaged: tuple[int, ...]


def lines_in(content: bytes) -> Lines:
    """The rows of a file, each line for itself, up to the last whole one.

    >>> lines_in(b'{"step": 0}\\n{"st\\n\\xff\\n{"step": 1}\\n{"step"')
    Lines(rows=({'step': 0}, {'step': 1}), places=(1, 4), damaged=(3,))
    """
    rows, places, damaged = [], [], []
    for place, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        text = line.strip()
        row = _object(text)
        if row is not None:
            rows.append(row)
            places.append(place)
        elif text and not _is_half(text):
            damaged.append(place)
    return Lines(tuple(rows), tuple(places), tuple(damaged))


def left_out(path: Path | str, places: Iterable[int]) -> str:
    """The sentence on lines that were left out, empty where there were none.

    >>> left_out("run.jsonl", [7]), left_out("run.jsonl", [])
    ('run.jsonl: line 7 is damaged or foreign and is left out', '')
    """
    found = sorted(places)
    if not found:
        return ""
    if len(found) == 1:
        return say("{path}: line {line} is damaged or foreign and is left out", path=path, line=found[0])
    lines = commas(map(str, found[:MOST_SAID]), more=len(found) - MOST_SAID)
    return say("{path}: lines {lines} are damaged or foreign and are left out", path=path, lines=lines)


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text.decode())
    except (ValueError, RecursionError):  # of which bytes that are no UTF-8 are one
        return None
    return found if isinstance(found, dict) else None


def _is_half(text: bytes) -> bool:
    """Whether it begins as a row and stops somewhere; a brace at its end may be an inner one."""
    if not text.startswith(b"{"):
        return False
    told = text.decode(errors="replace")
    try:
        json.loads(told)
    except json.JSONDecodeError as error:
        ran_out = error.pos >= len(told) or error.msg.startswith("Unterminated string")
        return ran_out or not text.endswith(b"}")
    except (ValueError, RecursionError):
        pass
    return False


def _ends_in_half(path: Path) -> bool:
    """Whether a run that died left half a line."""
    with path.open("rb") as file:
        file.seek(max(file.seek(0, 2) - 1, 0))
        return file.read(1) not in (b"", b"\n")
