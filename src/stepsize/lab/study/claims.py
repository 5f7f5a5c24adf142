"""Claims: which process trains which trial of a folder, until it has, or is no more."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from ..._errors import StepsizeError
from ..._language import say
from ...course import log

FOLDER = "claims"
LOCK = ".lock"


class Claims:
    """What this process trains of a folder that it may share with others.

    Each process holds a lock on a file of its own as long as it lives, and writes beside it what it trains. The
    system opens that lock when a process ends, however it ends, so what a dead process had claimed is free at once.
    Who takes or gives back does so under one lock of the folder, for a moment.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER
        self._make = _locks()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._guard = self._make(self.folder / LOCK)
        self._name = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._alive = self._make(self._path(LOCK))
        with self.alone():  # else somebody may take its file for one of the dead
            self._alive.acquire()
        self._mine: set[str] = set()

    def alone(self) -> AbstractContextManager[Any]:
        """While this is held, nobody else claims or writes in this folder."""
        guard: AbstractContextManager[Any] = self._guard
        return guard

    def take(self, wanted: Collection[str], still_open: Callable[[Collection[str]], list[str]]) -> list[str]:
        """Claim those of the wanted trials that are `still_open`, asked under the lock, and that nobody alive holds."""
        with self.alone():
            theirs = self._theirs()
            taken = [key for key in still_open(wanted) if key not in theirs]
            self._say(self._mine | set(taken))
        return taken

    def give_back(self, keys: Collection[str]) -> None:
        """These are trained, or will not be trained here."""
        with self.alone():
            self._say(self._mine - set(keys))

    def elsewhere(self) -> set[str]:
        """What others, who are alive, train now."""
        with self.alone():
            return self._theirs()

    def close(self) -> None:
        """Give back everything."""
        with self.alone():
            self._path(".json").unlink(missing_ok=True)
            self._alive.release()
            self._path(LOCK).unlink(missing_ok=True)

    def _path(self, ending: str) -> Path:
        return self.folder / f"{self._name}{ending}"

    def _say(self, keys: set[str]) -> None:
        log.put(self._path(".json"), [json.dumps(sorted(keys)).encode()])
        self._mine = keys

    def _theirs(self) -> set[str]:
        found: set[str] = set()
        for path in self.folder.glob("*-*.lock"):
            if path.stem != self._name:
                found |= self._of(path)
        return found

    def _of(self, lock: Path) -> set[str]:
        """What the process of this lock has claimed; what is left of a dead one is cleared away."""
        told = lock.with_suffix(".json")
        with self._held(lock) as alive:
            if alive:
                try:
                    return set(json.loads(told.read_bytes()))
                except (OSError, ValueError, TypeError):  # it has claimed nothing yet
                    return set()
            told.unlink(missing_ok=True)
            lock.unlink(missing_ok=True)
            return set()

    @contextmanager
    def _held(self, lock: Path) -> Iterator[bool]:
        """Whether somebody alive holds this lock; where nobody does, it is held here for the moment."""
        from filelock import Timeout

        probe = self._make(lock)
        try:
            probe.acquire(timeout=0)
        except Timeout:
            yield True
            return
        try:
            yield False
        finally:
            probe.release()


def _locks() -> Callable[[Path], Any]:
    try:
        from filelock import FileLock
    except ImportError:
        raise StepsizeError(say("a study in a folder needs extra packages: pip install 'stepsize[compare]'")) from None
    return lambda path: FileLock(path)
