"""A file that grows by lines: each whole line once, from the beginning where the file is another one."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from .._errors import StepsizeError
from .._language import say
from ..course.log import unreadable

MOST_BYTES = 2**20  # that are read at once, so that a long file is seen to come in
LONGEST_LINE = 64 * 2**20
BEGINNING = 256  # bytes that tell a file from one that was written in its place


@dataclass(frozen=True)
class Came:
    """What came since the last look: lines, whether the file began anew before them, and whether more is there."""

    lines: tuple[bytes, ...] = ()
    anew: bool = False
    more: bool = False


class Tail:
    """Reads the lines of a file as they are written; a line counts when its end is there.

    A file that is not there is waited for. One that is shorter than what was read, or that begins otherwise, is
    another file, and is read from its beginning. `root` is a folder that the file may not lead out of, by a link that
    was put in its place. A file that is none, such as a pipe, is an error in one line.
    """

    def __init__(self, path: Path, root: Path | None = None) -> None:
        self.path, self.root = path, root
        self._which: tuple[int, int] | None = None
        self._offset, self._rest, self._begins = 0, b"", b""

    def look(self) -> Came:
        """The lines that came since the last look."""
        number = opened(self.path, self.root)
        if number is None:
            return Came()
        with os.fdopen(number, "rb") as file:
            anew = self._is_another(number)
            if anew:
                self._offset, self._rest, self._begins = 0, b"", b""
            told = os.fstat(number)
            self._which = told.st_dev, told.st_ino
            if len(self._begins) < BEGINNING:
                self._begins = os.pread(number, BEGINNING, 0)
            file.seek(self._offset)
            content = file.read(MOST_BYTES)
        self._offset += len(content)
        *lines, self._rest = (self._rest + content).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            self._rest = b""  # or it would grow with every look
            most = LONGEST_LINE >> 20
            raise StepsizeError(
                say("{path} has a line of more than {most} MiB: it is no log of lines", path=self.path, most=most)
            )
        return Came(tuple(lines), anew, more=len(content) == MOST_BYTES)

    def _is_another(self, number: int) -> bool:
        told = os.fstat(number)
        if self._which is None:
            return False
        if (told.st_dev, told.st_ino) != self._which or told.st_size < self._offset:
            return True
        return os.pread(number, len(self._begins), 0) != self._begins


def opened(path: Path, root: Path | None = None) -> int | None:
    """The number of an ordinary file that is open to be read; None where there is no such file."""
    inside = path if root is None else Path(os.path.realpath(path))
    if root is not None and not inside.is_relative_to(os.path.realpath(root)):
        raise StepsizeError(say("{path} leads out of {root}: it is not shown", path=path, root=root))
    try:
        number = os.open(inside, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | (os.O_NOFOLLOW if root else 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from None
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise StepsizeError(say("{path} is no ordinary file: name the file that the run is written to", path=path))
    return number
