"""Which trials were begun, and which of them died: a file beside the journal, so that none dies without end."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from ...course import log
from ..records.lines import BROKEN
from ..trials.trial import Trial

FILE = "begun.jsonl"
DEATHS = 3  # of one trial, after which it counts as one that broke


class Begun:
    """Every trial that was handed out, how often, and whether that came to an orderly end.

    An end is orderly where the trial ended, was stopped or paused, or where its user interrupted it. A process that is
    killed says nothing, and so its trial has died.
    """

    def __init__(self, folder: Path | None) -> None:
        self.path = None if folder is None else folder / FILE
        self.rows: list[dict[str, Any]] = []

    def begin(self, trial: Trial) -> None:
        """It is handed out."""
        self._append({"kind": "begun", "key": trial.key, "trial": trial.as_dict()})

    def end(self, trial: Trial) -> None:
        """It came to an orderly end."""
        self._append({"kind": "ended", "key": trial.key})

    def deaths(self, trial: Trial) -> int:
        """How often it was begun since its last orderly end."""
        count = 0
        for row in self._read():
            if row.get("key") == trial.key:
                count = count + 1 if row.get("kind") == "begun" else 0
        return count

    def trials(self) -> dict[str, Trial]:
        """All that were ever begun, by their keys."""
        found = {}
        for row in self._read():
            if row.get("kind") == "begun":
                with suppress(*BROKEN):
                    found[str(row["key"])] = Trial.of(row["trial"])
        return found

    def _append(self, row: dict[str, Any]) -> None:
        if self.path is None:
            self.rows.append(row)
            return
        try:
            with log.Log(self.path) as file:
                file.append(row)
        except OSError as error:
            raise log.unwritable(self.path, error) from None

    def _read(self) -> list[dict[str, Any]]:
        if self.path is None:
            return self.rows
        try:
            return list(log.lines_in(self.path.read_bytes()).rows)
        except FileNotFoundError:
            return []
