"""Answers that took long, as JSON lines that are added to: a process that was killed goes on where it was.

A line has the keys that it is found by, and what was answered; one that is not whole is none. The last line of a key
counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]  # of the repository
OUT = ROOT / "out" / "tune-bench"  # what is recorded; Git ignores it
Key = tuple[str | int | float, ...]


class Kept:
    """One file, read when it is first asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._found: dict[Key, dict[str, Any]] | None = None

    def get(self, *key: str | int | float) -> dict[str, Any] | None:
        return self._all().get(key)

    def put(self, *key: str | int | float, **answer: Any) -> None:
        self._all()[key] = answer
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps({"key": key, **answer}) + "\n")

    def version(self, package: str) -> str:
        """The versions of a package that answered; "" where nothing of it is kept."""
        told = {one.get("version", "") for one in self._all().values()}
        return ", ".join(sorted(one for one in told if one.startswith(f"{package} ")))

    def _all(self) -> dict[Key, dict[str, Any]]:
        if self._found is None:
            text = self.path.read_text() if self.path.exists() else ""
            if text and not text.endswith("\n"):  # killed in the middle of a line
                text = text[: text.rfind("\n") + 1]
                self.path.write_text(text)
            self._found = dict(_answers(text))
        return self._found


def _answers(text: str) -> Iterator[tuple[Key, dict[str, Any]]]:
    for line in text.splitlines():
        with suppress(ValueError):  # half a line, of two processes that wrote at once
            told = json.loads(line)
            yield tuple(told.pop("key")), told
