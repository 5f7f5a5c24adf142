"""Processes: portions trained in several processes of this machine, one thread each."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, Any

from ..._errors import whole
from ..._language import say
from .base import Listener, Portion, Result
from .crew import Came, Lost, Message, Ready, Refused, Said, Steps
from .dispatch import Dispatch
from .recipe import Recipe

START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); from stepsize.lab.places.child import serve; serve()"
)
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "POLARS_MAX_THREADS"), "1"
)
KEPT_LINES = 20  # of what a worker printed last


class Processes:
    """Train portions in `jobs` ≥ 1 processes; they start when there is work, stay for the next run, and end on close.

    Each is a new interpreter, never a copy of this process (whose threads a copy would not have), and computes on one
    thread. A context manager: `with Processes(recipe, problem, 2) as place: ...`.
    """

    def __init__(self, recipe: Recipe, problem: str, jobs: int) -> None:
        self.jobs = whole("processes", "jobs", jobs, low=1, high=1024)
        self.crew = _Crew(recipe.packed(), problem, self.jobs)
        self.dispatch = Dispatch(self.crew)

    @property
    def workers(self) -> int:
        """The processes."""
        return self.jobs

    def run(self, portions: Iterable[Portion], on_progress: Listener | None = None) -> Iterator[tuple[Portion, Result]]:
        """As `Place.run`."""
        return self.dispatch.run(portions, on_progress)

    def close(self) -> None:
        """End the processes."""
        self.dispatch.close()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Crew:
    patience = 0.0

    def __init__(self, packed: bytes, problem: str, jobs: int) -> None:
        self.packed, self.problem, self.jobs = packed, problem, jobs
        self.inbox: SimpleQueue[Message] = SimpleQueue()
        self.workers: dict[str, _Worker] = {}
        self.begun = 0

    def begin(self) -> None:
        """Nobody is started before there is work."""

    def room(self) -> bool:
        self.workers = {name: one for name, one in self.workers.items() if not one.gone}
        return len(self.workers) < self.jobs

    def grow(self) -> None:
        self.begun += 1
        name = say("process {number}", number=self.begun)
        self.workers[name] = _Worker(name, self.inbox)
        self.workers[name].tell((self.packed, self.problem))

    def send(self, worker: str, number: int, portion: Portion) -> None:
        self.workers[worker].tell((number, portion))

    def stop(self) -> None:
        for one in self.workers.values():
            one.tell("stop")

    def end(self) -> None:
        for one in self.workers.values():
            one.end()
        self.workers = {}
        self.inbox = SimpleQueue()


class _Worker:
    """One process, and the three threads that listen to it."""

    def __init__(self, name: str, inbox: SimpleQueue[Message]) -> None:
        self.name, self.inbox = name, inbox
        self.ready = self.gone = False
        self.last: deque[str] = deque(maxlen=KEPT_LINES)
        self.process = _process()
        self.commands, self.answers, self.printed = _streams(self.process)
        self.listening = [threading.Thread(target=one, daemon=True) for one in (self._hear, self._overhear)]
        self.watching = threading.Thread(target=self._watch, daemon=True)
        for one in (*self.listening, self.watching):
            one.start()

    def tell(self, command: object) -> None:
        """Send it something; a process that is dead is told of by its watcher."""
        with suppress(OSError, ValueError):  # a broken pipe, or one that the watcher has closed
            pickle.dump(command, self.commands)
            self.commands.flush()

    def end(self) -> None:
        """Kill it; nothing that it does is half written anywhere."""
        self.process.kill()
        self.watching.join()

    def _hear(self) -> None:
        try:
            while True:
                kind, *words = pickle.load(self.answers)
                self.ready = self.ready or kind == "ready"
                if kind == "refused":
                    self.gone = True
                self.inbox.put(KINDS[kind](self.name, *words))
        except EOFError:
            pass
        except Exception:  # an answer that ends in the middle, as those of a dead process do; no other is understood
            self.process.kill()

    def _overhear(self) -> None:
        for line in self.printed:
            text = line.decode(errors="replace").rstrip()
            self.last.append(text)
            self.inbox.put(Said(self.name, text))

    def _watch(self) -> None:
        code = self.process.wait()
        for one in self.listening:
            one.join(timeout=2.0)  # a process that it started may hold its pipes open
        if not any(one.is_alive() for one in self.listening):
            for stream in (self.commands, self.answers, self.printed):
                with suppress(OSError):
                    stream.close()
        refused, self.gone = self.gone, True
        if not refused:
            self.inbox.put(Lost(self.name, self._reason(code), self.ready))

    def _reason(self, code: int) -> str:
        """How it ended, in one line."""
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
            if name == "SIGKILL":
                return say(
                    "{worker} was ended by {signal}, as a system does that is out of memory",
                    worker=self.name,
                    signal=name,
                )
            return say("{worker} was ended by {signal}", worker=self.name, signal=name)
        last = next((one for one in reversed(self.last) if one.strip()), "")
        if last:
            return say("{worker} ended with code {code}: {line}", worker=self.name, code=code, line=last[:300])
        return say("{worker} ended with code {code}", worker=self.name, code=code)


def _streams(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdin, process.stdout, process.stderr


def _process() -> subprocess.Popen[bytes]:
    """An interpreter that finds the same modules, in a group of its own: Ctrl-C in the terminal is for the parent."""
    command = [sys.executable, "-c", START, json.dumps([str(one) for one in sys.path])]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    if sys.platform == "win32":
        pipes["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
    else:
        pipes["process_group"] = 0
    return subprocess.Popen(command, env=os.environ | ONE_THREAD, **pipes)


KINDS = {"ready": Ready, "refused": Refused, "steps": Steps, "came": Came}
