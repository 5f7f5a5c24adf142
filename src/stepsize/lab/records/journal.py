"""The journal: one JSON line of settings, then one line for each finished run; the only truth that reports read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..._errors import StepsizeError

FILE = "journal.jsonl"


@dataclass(frozen=True)
class Strategy:
    """One row of a comparison: its name, its text, and the base rates it is tried at (its own among them)."""

    name: str
    text: str
    base: float
    bases: tuple[float, ...]


@dataclass(frozen=True)
class Settings:
    """Everything that decides the numbers of a comparison; equal settings give equal journals.

    `task`, `target`, `classes` and `columns` are those of a table, empty for other problems; rows are 0 where a
    problem has none. Where nothing is `validated`, the training loss chooses the best rates.
    """

    data: str
    task: str
    target: str
    classes: int
    rows_train: int
    rows_validation: int
    validated: bool
    columns: int
    model: str
    fingerprint: str
    notes: tuple[str, ...]
    steps: int
    measure_every: int
    batch_size: int | None
    seeds: tuple[int, ...]
    reference: int
    strategies: tuple[Strategy, ...]

    @property
    def chosen_by(self) -> str:
        """Which loss chooses the best rate: validation, or training where there is no validation problem."""
        return "validation" if self.validated else "training"


@dataclass(frozen=True)
class Record:
    """One finished run; a number that was not finite is None."""

    strategy: int
    text: str
    base: float
    seed: int
    steps: int
    diverged: bool
    measured_at: tuple[int, ...]
    train: tuple[float | None, ...]
    validation: tuple[float | None, ...]
    rates: tuple[float, ...]
    clipped: float
    acted: int
    said: str


class Journal:
    """A file of finished runs that grows line by line, or the same in memory when there is no folder."""

    def __init__(self, settings: Settings, versions: dict[str, str], folder: Path | None = None) -> None:
        self.settings, self.versions = settings, versions
        self.folder = folder
        self.records: list[Record] = []
        if folder is None:
            return
        if (folder / FILE).exists():
            found = read(folder)
            _check_same(found.settings, settings, folder)
            if found.versions != versions:
                raise StepsizeError(
                    f"{folder} was begun with {_listed(found.versions)}, now there is {_listed(versions)}: "
                    "numbers of both do not belong into one table; choose another --out folder"
                )
            self.records = found.records
        else:
            _check_free(folder)
            folder.mkdir(parents=True, exist_ok=True)
            self._write([{"kind": "settings", "versions": versions, **asdict(settings)}], mode="w")

    def append(self, records: Iterable[Record]) -> None:
        """Add finished runs; each is on disk when this returns."""
        records = list(records)
        self.records += records
        self._write([{"kind": "run", **asdict(one)} for one in records], mode="a")

    def finished(self, strategy: int) -> set[tuple[float, int]]:
        """The (base, seed) pairs of a strategy that are already here."""
        return {(one.base, one.seed) for one in self.records if one.strategy == strategy}

    def _write(self, lines: list[dict[str, Any]], mode: str) -> None:
        if self.folder is None:
            return
        path = self.folder / FILE
        cut_off = mode == "a" and not path.read_bytes().endswith(b"\n")
        with path.open(mode, encoding="utf-8") as file:
            file.write("\n" if cut_off else "")
            file.writelines(json.dumps(one, allow_nan=False, ensure_ascii=False) + "\n" for one in lines)


def read(folder: Path) -> Journal:
    """Read the journal of a folder; a last line that was cut off in the middle is left out."""
    path = folder / FILE
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        raise StepsizeError(f"{path} cannot be read: name the --out folder of an earlier stepsize compare") from None
    parsed = [_parsed(line) for line in lines]
    if not parsed or parsed[0] is None or parsed[0].get("kind") != "settings":
        raise StepsizeError(f"{path} is not a journal of stepsize compare: choose another folder")
    head = parsed[0]
    try:
        journal = Journal(_settings(head), head["versions"])
        found = [_record(one) for one in parsed[1:] if one is not None and one.get("kind") == "run"]
    except (KeyError, TypeError):
        raise StepsizeError(f"{path} was written by another version of stepsize: choose another folder") from None
    journal.records = list({(one.strategy, one.base, one.seed): one for one in found}.values())
    return journal


def _record(line: dict[str, Any]) -> Record:
    return Record(**{key: _frozen(value) for key, value in line.items() if key != "kind"})


def _listed(versions: dict[str, str]) -> str:
    return " ".join(f"{name} {version}" for name, version in versions.items())


def finite(value: float) -> float | None:
    """The number itself, or None where JSON has no word for it."""
    return float(value) if math.isfinite(value) else None


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _frozen(value: Any) -> Any:
    return tuple(_frozen(one) for one in value) if isinstance(value, list) else value


def _settings(head: dict[str, Any]) -> Settings:
    fields = {key: _frozen(value) for key, value in head.items() if key not in ("kind", "versions", "strategies")}
    strategies = tuple(Strategy(**{key: _frozen(value) for key, value in one.items()}) for one in head["strategies"])
    return Settings(strategies=strategies, **fields)


def _check_same(found: Settings, wanted: Settings, folder: Path) -> None:
    for field, value in asdict(wanted).items():
        if asdict(found)[field] != value:
            told = f"{field} differs"
            if field == "fingerprint":  # of the data and the start
                told = "the data or the start differ; a model of yours starts alike after torch.manual_seed(0)"
            raise StepsizeError(
                f"{folder} holds a comparison with other settings ({told}): "
                "choose another --out folder, or repeat the command that made it"
            )


def _check_free(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise StepsizeError(f"{folder} is a file: --out names a folder to make")
    if folder.is_dir() and any(folder.iterdir()):
        raise StepsizeError(f"{folder} exists and was not made by stepsize compare: choose another --out folder")
