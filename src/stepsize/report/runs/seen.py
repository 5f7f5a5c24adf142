"""A run as pages and pictures show it: its name, its record, what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...lab.diagnosis import Diagnosis, diagnose
from ...lab.records.record import Record


@dataclass(frozen=True, eq=False)
class Seen:
    """One run to be shown; `diagnosis` is None where nobody looked yet, `state` what else is to be said of it."""

    name: str
    record: Record
    diagnosis: Diagnosis | None = None
    state: str = ""

    @property
    def told(self) -> Diagnosis | None:
        """The diagnosis in the language that is spoken."""
        return None if self.diagnosis is None else self.diagnosis.now()

    @staticmethod
    def of(name: str, record: Record) -> Seen:
        """The run with its diagnosis."""
        return Seen(name, record, diagnose(record))


def spelled(path: Path | str) -> str:
    """The path as text that can be written down: bytes that are no UTF-8 are spelled."""
    return str(path).encode(errors="backslashreplace").decode()


def named(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that tell them apart.

    >>> named([Path("a/run.jsonl"), Path("b/run.jsonl")]), named([Path("a/run.jsonl")])
    (['a/run.jsonl', 'b/run.jsonl'], ['run.jsonl'])
    """
    most = max((len(path.parts) for path in paths), default=1)
    for count in range(1, most + 1):
        names = [spelled("/".join(path.parts[-count:])) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{spelled(path)} ({i})" for i, path in enumerate(paths, start=1)]
