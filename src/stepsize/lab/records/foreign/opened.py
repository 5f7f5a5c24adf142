"""A log as text: from an ordinary file of bounded size, packed by gzip or not, in the encodings that people have."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO

from ...._errors import StepsizeError
from ...data.text_files import older_encoding

MOST_BYTES = 2**30  # of a file, and of what gzip unpacks
BAD = "\ufffd"  # stands for bytes that are no text
MOSTLY = 0.1  # of the characters, or of the lines: with more that are none it is no text, or none in UTF-8
OTHERWISE = "name a file of run.save(…), a CSV or a JSON lines log"
_GZIP = b"\x1f\x8b"
_KINDS = {
    b"PK\x03\x04": "a zip archive: unpack it",
    b"\x28\xb5\x2f\xfd": "packed by zstd: unpack it",
    b"BZh": "packed by bzip2: unpack it",
    b"\xfd7zXZ": "packed by xz: unpack it",
    b"PAR1": "Parquet: write it as CSV",
    b"SQLite format 3": "a database of SQLite: export the run as CSV",
    b"\x93NUMPY": "an array of NumPy: write it as CSV with the names of its columns",
    b"\x80\x04": "a pickle, which could run anything: write it as CSV",
    b"\x80\x02": "a pickle, which could run anything: write it as CSV",
}


def opened(file: Path) -> bytes:
    """The bytes of a file, unpacked where gzip packed it; what cannot be read is an error in one line."""
    if not file.exists():
        raise StepsizeError(f"there is no file {file}: {OTHERWISE}")
    if not file.is_file():  # a pipe or a device may have no end
        raise StepsizeError(f"{file} is no ordinary file: write the log into one and name that")
    try:
        with file.open("rb") as stream:
            return content_of(stream, file)
    except OSError as error:
        raise StepsizeError(f"{file} cannot be read: {error.strerror or error}") from None


def content_of(stream: BinaryIO, file: Path) -> bytes:
    """The bytes of a file that is open, unpacked where gzip packed it."""
    content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise StepsizeError(f"{file} must have at most {_size()}: keep every tenth row of it")
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
                    raise StepsizeError(f"{file} must unpack to at most {_size()}: keep every tenth row of it")
    except EOFError:  # it is being written, or the run died
        pass
    except (OSError, zlib.error):
        if not parts:
            raise StepsizeError(f"{file} is not a text file: what gzip packed is damaged from the start") from None
    return b"".join(parts)


def _size() -> str:
    return f"{MOST_BYTES / 2**30:g} GiB"


def as_text(content: bytes, file: Path, has_objects: bool) -> str:
    """The bytes as text, with a mark for those that are none; what is no text at all is an error."""
    text = _decoded(content).replace("\0", BAD)
    if not text.strip():
        raise StepsizeError(f"{file} is empty: a record has a row for each update that was logged")
    if not has_objects and text.count(BAD) > MOSTLY * len(text):
        kind = next((f" but {said}" for start, said in _KINDS.items() if content.startswith(start)), "")
        raise StepsizeError(f"{file} is not a text file{kind}: {OTHERWISE}")
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
