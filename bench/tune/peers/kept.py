"""Answers that took training, as JSON lines that are added to: a recording that was killed goes on where it was.

The folder is `out/tune-bench/peers` of the repository, or PEERS_KEPT. A line has the keys that it is found by, what was
answered, and the version of the package that did. The last line of a key counts; half a line at the end is not one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

Key = tuple[str | int, ...]
ROOT = Path(__file__).resolve().parents[3]  # of the repository
FOLDER = Path(os.environ.get("PEERS_KEPT", ROOT / "out/tune-bench/peers"))


class Kept:
    """One file, read when it is first asked."""

    def __init__(self, name: str, folder: Path = FOLDER) -> None:
        self.path = folder / f"{name}.jsonl"
        self._found: dict[Key, dict[str, Any]] | None = None

    def get(self, *key: str | int) -> dict[str, Any] | None:
        return self._all().get(key)

    def put(self, *key: str | int, **answer: Any) -> None:
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
            lines = map(json.loads, text.splitlines())
            self._found = {tuple(line.pop("key")): line for line in lines}
        return self._found
