"""The runs that are watched: each file is followed while somebody looks at it, and judged beside that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .._language import say
from ..lab.diagnosis import Diagnosis, diagnose
from ..lab.records.foreign.wanted import Wanted
from ..lab.records.record import Record
from ..report.runs.page import Live, fragments, run_page
from ..report.runs.payload import payload
from ..report.runs.seen import Seen
from .folder import REST, File, Files, Listing
from .followed import Followed

OFTEN = 0.2  # seconds between two looks at a file
AT_FIRST = 6  # runs of a folder that are shown at first, the newest
MOST_SHOWN = 64
EMPTY = Record(steps=np.array([], dtype=int), losses=np.array([], dtype=float))  # of a run without a row


@dataclass
class Watched:
    """A file that is followed, and what is wrong with it so far."""

    followed: Followed
    looked: float = 0.0
    diagnosis: Diagnosis | None = None
    judged: int = -1  # the version that the diagnosis is of
    judging: bool = False
    again_at: float = 0.0
    told: int = 0  # grows with each diagnosis

    @property
    def version(self) -> tuple[int, int]:
        """Changes with whatever a page would show."""
        return self.followed.version, self.told

    def seen(self, name: str) -> Seen:
        """The run as a page shows it."""
        return Seen(name, self.followed.record or EMPTY, self.diagnosis, self.followed.said)


@dataclass
class Hub:
    """What a server watches: `list_files` says which files there are, and `root` is the folder that holds them, if any;
    `wanted` names columns and a run of a log.

    Files are read in one thread and judged in another, so that a server answers while both go on.
    """

    list_files: Callable[[], Files]
    root: Path | None = None
    wanted: Wanted | None = None
    _watched: dict[str, Watched] = field(default_factory=dict)
    _known: Files = field(default_factory=dict)  # and those that have gone since
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _closed: bool = False
    _reader: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "reader"))
    _judge: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "judge"))

    def __post_init__(self) -> None:
        self._listing = Listing(self.list_files)

    async def files(self) -> Files:
        """The files that may be shown, by their names."""
        async with self._one_at_a_time:  # whoever asks meanwhile gets the answer of the same look
            if self._listing.due:
                self._known |= await self._in(self._reader, self._listing.look)
        return self._listing.files

    async def chosen(self, names: Sequence[str]) -> list[str]:
        """Those of the names that are files of ours; without names the ones that are shown at first."""
        files = await self.files()
        return [name for name in dict.fromkeys(names) if name in files] or list(files)[:AT_FIRST]

    async def version(self, names: Sequence[str]) -> Any:
        """What changes whenever a page of these runs would; the files are looked at for it."""
        for name in names:
            await self._look(name)
        return [(name, *self._watched[name].version) for name in names], list(await self.files())

    async def data(self, names: Sequence[str], low: float | None, high: float | None) -> dict[str, Any]:
        """What a page of these runs draws, and more of the updates from `low` to `high`."""
        runs = [await self._seen(name) for name in names]
        files = await self.files()
        about = [{"name": name, "said": _about(file)} for name, file in files.items()]
        drawn: dict[str, Any] = await self._in(self._reader, lambda: _drawn(runs, names, about, low, high))
        return drawn

    async def page(self, names: Sequence[str]) -> str:
        """The page of these runs."""
        runs = [await self._seen(name) for name in names]
        live = Live(tuple(names), None if self.root is None else self.root.resolve().name or str(self.root))
        page: str = await self._in(self._reader, lambda: run_page(runs, live))
        return page

    async def _seen(self, name: str) -> Seen:
        await self._look(name)
        return self._watched[name].seen(name)

    async def _look(self, name: str) -> None:
        """Read what is new in a file, and have it judged where there is something new."""
        one = self._watched.get(name)
        if one is None:
            one = self._watched[name] = Watched(Followed(self._known[name].path, self.root, self.wanted))
        now = time.monotonic()
        if now - one.looked >= OFTEN:
            one.looked = now
            if await self._in(self._reader, one.followed.look):
                one.looked = 0.0  # there is more
        if not one.judging and one.judged != one.followed.version and now >= one.again_at:
            one.judging = True
            asyncio.get_running_loop().create_task(self._judged(one))

    async def _judged(self, one: Watched) -> None:
        version, record, began = one.followed.version, one.followed.record, time.monotonic()
        try:
            one.diagnosis = None if record is None else await self._in(self._judge, lambda: diagnose(record))
            one.told += 1
        finally:
            one.judged, one.judging = version, False
            one.again_at = time.monotonic() + REST * (time.monotonic() - began)

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], Any]) -> Any:
        if self._closed:
            raise asyncio.CancelledError  # as the rest of the server is
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    def close(self) -> None:
        """End the threads; nothing is read from then on."""
        self._closed = True
        for pool in (self._reader, self._judge):
            pool.shutdown(wait=False, cancel_futures=True)


def _drawn(
    runs: Sequence[Seen], names: Sequence[str], files: list[dict[str, str]], low: float | None, high: float | None
) -> dict[str, Any]:
    finer = None
    if low is not None and high is not None:
        part = payload(runs, low, high)
        finer = {"tables": part["tables"], "lines": part["lines"]}
    return {**payload(runs), **fragments(runs), "finer": finer, "chosen": list(names), "files": files}


def _about(file: File) -> str:
    """How long ago a file was written to."""
    if not file.written:
        return say("not there yet")
    seconds = max(0.0, time.time() - file.written)
    if seconds < 60:
        return say("written just now")
    if seconds < 3600:
        return say("written {count} min ago", count=int(seconds // 60))
    if seconds < 86400:
        return say("written {count} h ago", count=int(seconds // 3600))
    return say("written {count} d ago", count=int(seconds // 86400))
