"""Whether a file is there, asked before anything heavy is loaded to read it."""

from __future__ import annotations

import os
from pathlib import Path

from .._errors import StepsizeError
from .._language import say

_FILES = (".csv", ".parquet", ".py")


def look_at(data: str) -> None:
    """An error where `data` is written as a file and is none; a word may be a name that is known later."""
    path = data.rpartition(":")[0] if ".py:" in data else data
    if path.lower().endswith(_FILES) or os.sep in path:
        look_for(Path(path), say("name a .csv or .parquet file, file.py:function, or a bundled set such as digits"))


def not_over(made: Path, read: Path, option: str) -> None:
    """An error where the file to write is the one that is read, which would be lost."""
    if made.exists() and read.exists() and os.path.samefile(made, read):
        raise StepsizeError(
            say("--{option} {path} is the file that is read: name another one", option=option, path=made)
        )


def look_for(path: Path, otherwise: str) -> None:
    """An error where there is no such file or folder, with the name nearest to it, or `otherwise` what to write."""
    if os.path.exists(path):
        return
    from difflib import get_close_matches

    try:
        there = os.listdir(path.parent)
    except OSError:
        raise StepsizeError(
            say(
                "there is no file {path}, and no folder {folder}: {instead}",
                path=path,
                folder=path.parent,
                instead=otherwise,
            )
        ) from None
    if near := get_close_matches(path.name, there, n=1):
        meant = path.with_name(near[0])
        raise StepsizeError(say("there is no file {path}: did you mean {meant}?", path=path, meant=meant))
    raise StepsizeError(say("there is no file {path}: {instead}", path=path, instead=otherwise))
