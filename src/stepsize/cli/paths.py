"""Whether a file is there, asked before anything heavy is loaded to read it."""

from __future__ import annotations

import os
from pathlib import Path

from .._errors import StepsizeError

_FILES = (".csv", ".parquet", ".py")


def look_at(data: str) -> None:
    """An error where `data` is written as a file and is none; a word may be a name that is known later."""
    path = data.rpartition(":")[0] if ".py:" in data else data
    if path.lower().endswith(_FILES) or os.sep in path:
        look_for(Path(path), "name a .csv or .parquet file, file.py:function, or a bundled set such as digits")


def look_for(path: Path, otherwise: str) -> None:
    """An error where there is no such file or folder, with the name nearest to it, or `otherwise` what to write."""
    if os.path.exists(path):
        return
    from difflib import get_close_matches

    try:
        there = os.listdir(path.parent)
    except OSError:
        raise StepsizeError(f"there is no file {path}, and no folder {path.parent}: {otherwise}") from None
    near = get_close_matches(path.name, there, n=1)
    raise StepsizeError(f"there is no file {path}: {f'did you mean {path.with_name(near[0])}?' if near else otherwise}")
