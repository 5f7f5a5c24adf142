"""Writing an export: whole, or not at all."""

from __future__ import annotations

from pathlib import Path

from ...course.log import put


def write(text: str, path: str | Path) -> Path:
    """Write a text as UTF-8 under a temporary name, then in its place; returns the path.

    A folder that is not there, or a full disk, is an error of one line, and what was there before stays.
    """
    put(Path(path), [text.encode(errors="backslashreplace")])
    return Path(path)
