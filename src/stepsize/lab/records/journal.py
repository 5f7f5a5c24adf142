"""The journal: one JSON line of settings, then one line for each finished run; the only truth that reports read."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..._errors import StepsizeError
from ...course import log
from ...problems import Floats
from .lines import BROKEN, packed, unpacked
from .record import Record
from .settings import Entrant as Entrant
from .settings import Settings as Settings

FILE = "journal.jsonl"
VERSION = 2  # 1 had measured losses only
HEAD = b'{"kind": "settings"'


@dataclass(frozen=True)
class Finished:
    """One finished run of a comparison: of which strategy, its record, and what its controllers and clips did.

    The record is `thinned`; `clipped` is the mean share of elements that a clip limited, `acted` at how many updates a
    controller said something, and `said` the last of it, over all updates.
    """

    strategy: int
    record: Record
    clipped: float = 0.0
    acted: int = 0
    said: str = ""

    @property
    def text(self) -> str:
        """The strategy."""
        return self.record.text or ""

    @property
    def base(self) -> float:
        """The base rate."""
        return float(self.record.base or 0.0)

    @property
    def seed(self) -> int:
        """The seed."""
        return self.record.seed or 0

    @property
    def diverged(self) -> bool:
        """Whether the run diverged."""
        return bool(self.record.diverged)

    @property
    def measured_at(self) -> tuple[int, ...]:
        """After how many updates the losses were measured."""
        return self.record.measured_at or ()

    @property
    def train(self) -> tuple[float | None, ...]:
        """The loss on all data there, None where it was not finite."""
        return _finite(self.record.measured, len(self.measured_at))

    @property
    def validation(self) -> tuple[float | None, ...]:
        """The loss on the validation problem there, None where it was not finite or there is none."""
        return _finite(self.record.validated, len(self.measured_at))

    @property
    def rates(self) -> tuple[float, ...]:
        """The rate of the update that each measurement comes before, of the last update for the last one."""
        steps, rates = self.record.steps, self.record.rates
        if rates is None or not len(steps):
            return ()
        places = np.searchsorted(steps, np.minimum(self.measured_at, steps[-1]))
        return tuple(rates[places].tolist())

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        told = {"strategy": self.strategy, "clipped": self.clipped, "acted": self.acted, "said": self.said}
        return told | {"record": packed(self.record)}


class Journal:
    """A file of finished runs that grows line by line, or the same in memory when there is no folder.

    A line that is damaged, or of a run that the settings do not ask for, is left out with a warning; its run counts as
    not finished.
    """

    def __init__(self, settings: Settings, versions: dict[str, str], folder: Path | None = None) -> None:
        self.settings, self.versions = settings, versions
        self.folder = folder
        self.records: list[Finished] = []
        if folder is None:
            return
        if (folder / FILE).exists() and not _unbegun(folder / FILE):
            found = read_journal(folder)
            _check_same(found.settings, settings, folder)
            if found.versions != versions:
                raise StepsizeError(
                    f"{folder} was begun with {_listed(found.versions)}, now there is {_listed(versions)}: "
                    "numbers of both do not belong into one table; choose another --out folder"
                )
            self.records = found.records
        else:
            _make(folder)
            log.write(
                folder / FILE, [{"kind": "settings", "version": VERSION, "versions": versions, **settings.as_dict()}]
            )

    def append(self, records: Iterable[Finished]) -> None:
        """Add finished runs; each is on disk when this returns. A full disk is an error, and tears no line."""
        records = list(records)
        if self.folder is not None:
            path = self.folder / FILE
            try:
                with log.Log(path) as file:
                    file.append(*({"kind": "run", **one.as_dict()} for one in records))
            except OSError as error:
                raise log.unwritable(path, error) from None
        self.records += records

    def finished(self, strategy: int) -> set[tuple[float, int]]:
        """The (base, seed) pairs of a strategy that are already here."""
        return {(one.base, one.seed) for one in self.records if one.strategy == strategy}


def read_journal(folder: Path) -> Journal:
    """Read the journal of a folder, or the file itself: the runs that its settings ask for, the last line of each."""
    path = folder / FILE if folder.is_dir() else folder
    try:
        content = path.read_bytes() if path.is_file() else None  # a pipe or a device may have no end
    except OSError:
        content = None
    if content is None:
        raise StepsizeError(f"{path} cannot be read: name the --out folder of an earlier stepsize compare")
    lines = log.lines_in(content)
    if not lines.rows or lines.places[0] != 1 or lines.rows[0].get("kind") != "settings":
        raise StepsizeError(f"{path} is not a journal of stepsize compare: choose another folder")
    journal = _begun(lines.rows[0], path)
    found: dict[int, Finished] = {}
    foreign = list(lines.damaged)
    for row, place in zip(lines.rows[1:], lines.places[1:], strict=True):
        try:
            one = _finished(row, journal.settings, f"{path}:{place}")
            found[journal.settings.number(one.strategy, one.base, one.seed)] = one
        except BROKEN:
            foreign.append(place)
    journal.records = list(found.values())
    if foreign:
        warnings.warn(log.left_out(path, foreign), stacklevel=2)
    return journal


def is_journal(path: Path) -> bool:
    """Whether a file begins as a journal does; a pipe is not opened, for it may never say anything."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(HEAD)) == HEAD
    except OSError:
        return False


def _begun(head: dict[str, Any], path: Path) -> Journal:
    """The journal that this head begins, without a run."""
    if "version" not in head:
        raise StepsizeError(
            f"{path} is of an older stepsize, which did not keep the losses of each update: choose another --out "
            "folder and train again"
        )
    try:
        if head["version"] != VERSION:
            raise ValueError("another version")
        settings = Settings.of({key: one for key, one in head.items() if key not in ("kind", "version", "versions")})
        return Journal(settings, {str(name): str(one) for name, one in head["versions"].items()})
    except BROKEN:
        raise StepsizeError(f"{path} was written by another version of stepsize: choose another folder") from None


def _finished(row: dict[str, Any], settings: Settings, source: str) -> Finished:
    """The run of a line; an error of `BROKEN` says that the settings ask for no such run."""
    if (type(row["strategy"]), type(row["acted"]), type(row["said"])) != (int, int, str) or row["kind"] != "run":
        raise ValueError("this is no run")
    record, clipped = unpacked(row["record"], source), log.number_in(row["clipped"])
    found = Finished(row["strategy"], record, clipped, row["acted"], row["said"])
    if not (0 <= found.strategy < len(settings.strategies) and _asked(found, settings)):
        raise ValueError("the settings ask for no such run")
    return found


def _asked(found: Finished, settings: Settings) -> bool:
    """Whether it is a run that the settings ask for, measured where they say."""
    record, entrant = found.record, settings.strategies[found.strategy]
    mine = record.text == entrant.text and record.base in entrant.bases and record.seed in settings.seeds
    whole = record.measured is not None and (record.validated is not None) == settings.validated
    ended = record.diverged is not None and record.made <= settings.steps
    return mine and whole and ended and record.rates is not None and _measured_where_asked(found, settings)


def _measured_where_asked(found: Finished, settings: Settings) -> bool:
    """Whether it was measured every so many updates and after the last; no list is made of an absurd count."""
    *before, last = found.measured_at or (-1,)
    every = range(0, found.record.made, settings.measure_every)
    return last == found.record.made and len(before) == len(every) and tuple(before) == tuple(every)


def _finite(column: Floats | None, count: int) -> tuple[float | None, ...]:
    if column is None:
        return (None,) * count
    return tuple(one if math.isfinite(one) else None for one in column.tolist())


def _listed(versions: dict[str, str]) -> str:
    return " ".join(f"{name} {version}" for name, version in versions.items())


def _check_same(found: Settings, wanted: Settings, folder: Path) -> None:
    there = found.as_dict()
    for field, value in wanted.as_dict().items():
        if there[field] != value:
            told = f"{field} differs"
            if field == "fingerprint":  # of the data and the start
                told = "the data or the start differ; a model of yours starts alike after torch.manual_seed(0)"
            raise StepsizeError(
                f"{folder} holds a comparison with other settings ({told}): "
                "choose another --out folder, or repeat the command that made it"
            )


def _unbegun(path: Path) -> bool:
    """Whether a full disk left nothing, or half of the settings, where a journal was to begin."""
    content = path.read_bytes() if path.is_file() and path.stat().st_size < 10**7 else b"\n"
    return b"\n" not in content and (content.startswith(HEAD) or HEAD.startswith(content))


def _make(folder: Path) -> None:
    """Make the folder, or take one that holds nothing but what a dead run left where its journal was to begin."""
    if folder.exists() and not folder.is_dir():
        raise StepsizeError(f"{folder} is a file: --out names a folder to make")
    if folder.is_dir() and any(one.name != FILE and not one.name.startswith(f".{FILE}.") for one in folder.iterdir()):
        raise StepsizeError(f"{folder} exists and was not made by stepsize compare: choose another --out folder")
    folder.mkdir(parents=True, exist_ok=True)
