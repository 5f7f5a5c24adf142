"""A log as text: from an ordinary file of bounded size, packed by gzip or not, in the encodings that people have."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO

from ...._errors import StepsizeError
from ...._language import Note, heard, say
from ....course.log import unreadable
from ...data.text_files import older_encoding

MOST_BYTES = 2**30  # of a file, and of what gzip unpacks
BAD = "\ufffd"  # stands for bytes that are no text
MOSTLY = 0.1  # of the characters, or of the lines: with more that are none it is no text, or none in UTF-8
_GZIP = b"\x1f\x8b"
_KINDS = {
    b"PK\x03\x04": Note("a zip archive: unpack it"),
    b"\x28\xb5\x2f\xfd": Note("packed by zstd: unpack it"),
    b"BZh": Note("packed by bzip2: unpack it"),
    b"\xfd7zXZ": Note("packed by xz: unpack it"),
    b"PAR1": Note("Parquet: write it as CSV"),
    b"SQLite format 3": Note("a database of SQLite: export the run as CSV"),
    b"\x93NUMPY": Note("an array of NumPy: write it as CSV with the names of its columns"),
    b"\x80\x04": Note("a pickle, which could run anything: write it as CSV"),
    b"\x80\x02": Note("a pickle, which could run anything: write it as CSV"),
}


def opened(file: Path) -> bytes:
    """The bytes of a file, unpacked where gzip packed it; what cannot be read is an error in one line."""
    if not file.exists():
        raise StepsizeError(
            say("there is no file {file}: name a file of run.save(…), a CSV or a JSON lines log", file=file)
        )
    if not file.is_file():  # a pipe or a device may have no end
        raise StepsizeError(say("{file} is no ordinary file: write the log into one and name that", file=file))
    try:
        with file.open("rb") as stream:
            return content_of(stream, file)
    except OSError as error:
        raise unreadable(file, error) from None


def content_of(stream: BinaryIO, file: Path) -> bytes:
    """The bytes of a file that is open, unpacked where gzip packed it."""
    content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise StepsizeError(say("{file} must have at most {size}: keep every tenth row of it", file=file, size=_size()))
    return _unpacked(content, file) if content.startswith(_GZIP) else content


def _unpacked(content: bytes, file: Path) -> bytes:
    """What gzip packed, up to where the file was cut off; never more than the bound, however small the file is."""
    parts: list[bytes] = []
    size = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            while part := stream.read1(1 << 20):
                parts.append(part)
                size += len(part)
                if size > MOST_BYTES:
                    raise StepsizeError(
                        say("{file} must unpack to at most {size}: keep every tenth row of it", file=file, size=_size())
                    )
    except EOFError:  # it is being written, or the run died
        pass
    except (OSError, zlib.error):
        if not parts:
            raise StepsizeError(
                say("{file} is not a text file: what gzip packed is damaged from the start", file=file)
            ) from None
    return b"".join(parts)


def _size() -> str:
    return f"{MOST_BYTES / 2**30:g} GiB"


def as_text(content: bytes, file: Path, has_objects: bool) -> str:
    """The bytes as text, with a mark for those that are none; what is no text at all is an error."""
    text = _decoded(content).replace("\0", BAD)
    if not text.strip():
        raise StepsizeError(say("{file} is empty: a record has a row for each update that was logged", file=file))
    if not has_objects and text.count(BAD) > MOSTLY * len(text):
        found = next((kind for start, kind in _KINDS.items() if content.startswith(start)), None)
        raise StepsizeError(
            say(
                "{file} is not a text file{kind}: name a file of run.save(…), a CSV or a JSON lines log",
                file=file,
                kind="" if found is None else say(" but {kind}", kind=heard(found)),
            )
        )
    return text


def _decoded(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    text = content.decode("utf-8-sig", errors="replace")
    if BAD in text and _is_foreign(text):
        encoding = older_encoding(content)
        return text if encoding is None else content.decode(encoding, errors="replace")
    return text


def _is_foreign(text: str) -> bool:
    """Whether the whole text is of another encoding: its names, or many of its lines; a few damaged ones are none."""
    lines = text.split("\n")
    return BAD in lines[0] or sum(BAD in line for line in lines) > MOSTLY * len(lines)
