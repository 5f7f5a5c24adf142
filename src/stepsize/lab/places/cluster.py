"""A cluster: portions trained by the workers of a dask.distributed scheduler."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from ..._errors import StepsizeError, shown
from ..._language import say
from ..data.python_file import RECORDED
from ..environment import versions
from . import remote
from .base import Failed, Listener, Portion, Result
from .crew import Came, Closed, Lost, Message, Ready, Refused, Said, Starting, Steps
from .dispatch import Dispatch
from .recipe import Recipe
from .trainer import told

TO_CONNECT = 5.0  # seconds
TO_STOP = 2.0  # seconds for workers to hear that they are to stop
FOR_A_WORKER = 10.0  # seconds until the first one must be there
FOR_ANOTHER = 30.0  # seconds until one must be there again; a keeper needs some to start it
BETWEEN = 0.5  # seconds between two looks at who is there


class Cluster:
    """Train portions on the workers of the dask.distributed scheduler at `address`, such as "tcp://10.0.0.1:8786".

    Each worker process trains one portion at a time, on one thread: start them with `dask worker ADDRESS --nworkers N
    --nthreads 1`, with the same versions as here, and with the data at the same paths. A worker of other versions is
    refused; one that joins later is used. A context manager: `with Cluster(recipe, problem, address) as place: ...`.
    """

    def __init__(self, recipe: Recipe, problem: str, address: str) -> None:
        self.crew = _Crew(recipe.packed(), problem, address)
        self.dispatch = Dispatch(self.crew)

    @property
    def workers(self) -> int:
        """The workers that are there, one before the first run."""
        return max(1, len(self.crew.link.there)) if self.crew.link is not None else 1

    def run(self, portions: Iterable[Portion], on_progress: Listener | None = None) -> Iterator[tuple[Portion, Result]]:
        """As `Place.run`."""
        return self.dispatch.run(portions, on_progress)

    def close(self) -> None:
        """Leave the cluster; its workers stay."""
        self.dispatch.close()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Crew:
    patience = FOR_ANOTHER

    def __init__(self, packed: bytes, problem: str, address: str) -> None:
        self.packed, self.problem, self.address = packed, problem, address
        self.ours = versions(("polars", *RECORDED.values()))
        self.link: _Link | None = None
        self._nobody: SimpleQueue[Message] = SimpleQueue()

    @property
    def inbox(self) -> SimpleQueue[Message]:
        return self.link.inbox if self.link is not None else self._nobody

    def begin(self) -> None:
        if self.link is None:
            self.link = _Link(self)

    def room(self) -> bool:
        return False  # others start the workers

    def grow(self) -> None:
        raise AssertionError("there is no room")

    def send(self, worker: str, number: int, portion: Portion) -> None:
        assert self.link is not None
        self.link.send(worker, number, portion)

    def stop(self) -> None:
        if self.link is not None:
            self.link.stop()

    def end(self) -> None:
        if self.link is not None:
            self.link.close()
            self.link = None


class _Link:
    """A connection to a scheduler: who is there, who is ready, what they train."""

    def __init__(self, crew: _Crew) -> None:
        self.crew, self.study = crew, f"stepsize-{uuid4().hex}"
        self.inbox: SimpleQueue[Message] = SimpleQueue()
        self.there: dict[str, bool] = {}  # the workers that have been asked to join, and whether they are ready
        self.futures: dict[str, Any] = {}  # what each of them is doing
        self.left = threading.Event()
        self.lock = threading.RLock()
        self.quiet = ExitStack()
        self.quiet.enter_context(_quiet())
        try:
            self.client = self.quiet.enter_context(_connected(crew.address))
            self._meet(self._first())
        except BaseException:
            self.quiet.close()
            raise
        self.client.subscribe_topic(self.study, self._heard)
        self.watching = threading.Thread(target=self._watch, daemon=True)
        self.watching.start()

    def send(self, worker: str, number: int, portion: Portion) -> None:
        self._submit(worker, partial(self._came, worker, number), remote.train, number, portion)

    def stop(self) -> None:
        """Ask all workers to stop, beside what they are training."""

        def ask() -> None:
            with suppress(Exception):  # there may be nobody to ask
                self.client.run(remote.stop, self.study, on_error="ignore")

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(timeout=TO_STOP)

    def close(self) -> None:
        self.left.set()
        self.stop()
        self.watching.join(timeout=TO_CONNECT)
        with suppress(Exception):  # it may have closed before
            self.quiet.close()

    def _first(self) -> dict[str, Any]:
        """The workers that are there; a moment is waited for the first."""
        until = monotonic() + FOR_A_WORKER
        while not (found := self._workers()):
            if monotonic() > until:
                raise StepsizeError(
                    say(
                        "the cluster at {address} has no workers: start some with dask worker {address} --nthreads 1",
                        address=self.crew.address,
                    )
                )
            sleep(0.1)
        return found

    def _workers(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.scheduler_info(n_workers=-1)["workers"]
        return found

    def _watch(self) -> None:
        """Look who comes and who goes."""
        while not self.left.wait(BETWEEN):
            try:
                found = self._workers()
            except Exception:
                found = None
            if found is None or self.client.status != "running":
                if not self.left.is_set():
                    self.inbox.put(
                        Closed(
                            "",
                            say(
                                "the cluster at {address} has closed: finished work is kept", address=self.crew.address
                            ),
                        )
                    )
                return
            with self.lock:
                for worker in [one for one in self.there if one not in found]:
                    self._lose(worker)
                self._meet({name: one for name, one in found.items() if name not in self.there})

    def _meet(self, found: dict[str, Any]) -> None:
        """Ask workers to join."""
        for worker, told_of in found.items():
            self.there[worker] = False
            self.inbox.put(Starting(worker))
            if (threads := told_of.get("nthreads", 1)) > 1:
                self.inbox.put(
                    Said(
                        worker,
                        say("it has {threads} threads and uses one: start it with --nthreads 1", threads=threads),
                    )
                )
            crew = self.crew
            self._submit(worker, partial(self._joined, worker), remote.join, crew.packed, crew.problem, crew.ours)

    def _lose(self, worker: str) -> None:
        """A worker is gone: what it was doing is given up, lest the scheduler waits for it to return."""
        with self.lock:
            ready, future = self.there.pop(worker, None), self.futures.pop(worker, None)
            if ready is None:
                return
            if future is not None:
                future.cancel()
            self.inbox.put(Lost(worker, say("{worker} is no longer in the cluster", worker=worker), ready))

    def _submit(self, worker: str, then: Any, what: Any, *given: Any) -> None:
        """Have one worker do something, and nobody else."""
        import dask

        with self.lock, dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
            future = self.client.submit(
                what, self.study, *given, workers=[worker], allow_other_workers=False, pure=False, retries=0
            )
            self.futures[worker] = future
        future.add_done_callback(then)

    def _joined(self, worker: str, future: Any) -> None:
        try:
            future.result()
        except Exception as error:
            if future.status != "error":
                return  # it is gone, which is noticed elsewhere
            with self.lock:
                self.there[worker] = True  # it stays in the list, so that it is not asked again
            self.inbox.put(Refused(worker, f"{worker}: {told(error)}"))
        else:
            with self.lock:
                self.there[worker] = True
            self.inbox.put(Ready(worker))

    def _came(self, worker: str, number: int, future: Any) -> None:
        try:
            result = future.result()
        except remote.ForgottenError:
            self._lose(worker)  # another process at the same address, which is asked to join again
        except Exception as error:
            if future.status == "error":
                self.inbox.put(Came(worker, number, Failed(told(error))))
        else:
            self.inbox.put(Came(worker, number, result))

    def _heard(self, event: tuple[float, Any]) -> None:
        _, told_of = event
        self.inbox.put(Steps(told_of["worker"], told_of["done"]))


def _connected(address: str) -> Any:
    """A client of the scheduler, within seconds, whatever is at that address and however long it is silent."""
    try:
        from distributed import Client
        from distributed.comm.addressing import get_address_host_port
    except ModuleNotFoundError:
        raise StepsizeError(say("a cluster needs dask.distributed: pip install 'stepsize[cluster]'")) from None
    connect: Callable[..., Any] = Client
    checked: Callable[[str], Any] = get_address_host_port
    found: SimpleQueue[Any] = SimpleQueue()

    def ask() -> None:
        try:
            checked(address)  # a client of an address that is none complains when it is thrown away
            found.put(connect(address, timeout=TO_CONNECT, set_as_default=False))
        except Exception:  # whatever else may answer there answers in its own way
            found.put(None)

    threading.Thread(target=ask, daemon=True).start()
    try:
        client = found.get(timeout=TO_CONNECT + TO_STOP)
    except Empty:
        client = None
    if client is None:
        raise StepsizeError(
            say(
                "there is no cluster at {address}: give the address that dask scheduler prints, such as "
                "tcp://10.0.0.1:8786",
                address=shown(address),
            )
        )
    return client


@contextmanager
def _quiet() -> Iterator[None]:
    """What dask logs of a connection that fails is said by one line of ours."""
    loggers = [logging.getLogger(one) for one in ("distributed", "distributed.client")]
    before = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for one, level in zip(loggers, before, strict=True):
            one.setLevel(level)
