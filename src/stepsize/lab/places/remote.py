"""What runs on a worker of a cluster: it makes the problem, trains portions, and can be asked to stop."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from ..._errors import StepsizeError
from ..._language import say
from ..environment import versions
from .base import Portion, Result
from .recipe import unpacked
from .trainer import Trainer, told

KEPT = 4  # problems of different studies that a worker keeps
BETWEEN = 1.0  # seconds between two events on how far a lot is

_trainers: OrderedDict[str, tuple[Trainer, threading.Event]] = OrderedDict()


class ForgottenError(Exception):
    """The worker does not know the study: it is another process than the one that joined."""


def join(study: str, packed: bytes, problem: str, ours: dict[str, str]) -> dict[str, str]:
    """Make the problem of a study; the worker's versions. What it cannot do is a StepsizeError."""
    check_same(ours, versions(()))
    try:
        recipe = unpacked(packed)
    except Exception as error:
        raise StepsizeError(told(error)) from error
    trainer = Trainer(recipe, problem)
    check_same(ours, trainer.versions)
    _trainers[study] = trainer, threading.Event()
    while len(_trainers) > KEPT:
        _trainers.popitem(last=False)
    return trainer.versions


def train(study: str, number: int, portion: Portion) -> Result:
    """Train a portion of a study that the worker has joined."""
    if study not in _trainers:
        raise ForgottenError(study)
    trainer, stopping = _trainers[study]
    return trainer.train(portion, _teller(study, number), stopping.is_set)


def stop(study: str) -> None:
    """Let what is trained of a study stop at its next update, and forget the study."""
    if study in _trainers:
        _trainers.pop(study)[1].set()


def check_same(ours: dict[str, str], theirs: dict[str, str]) -> None:
    """A StepsizeError where a version differs, on which numbers depend.

    >>> check_same({"numpy": "2.4.6", "torch": "2.13.0"}, {"numpy": "2.4.6"})
    """
    for name in ours.keys() & theirs.keys():
        if ours[name] != theirs[name]:
            raise StepsizeError(
                say(
                    "{name} is {theirs} there and {ours} here, and numbers depend on it: install {name} {ours} there",
                    name=name,
                    theirs=theirs[name],
                    ours=ours[name],
                )
            )


def _teller(study: str, number: int) -> Callable[[int], None]:
    """Tells whoever began the study how far the lot is, now and then."""
    from distributed import get_worker

    worker, last = get_worker(), monotonic()

    def tell(done: int) -> None:
        nonlocal last
        if (now := monotonic()) - last >= BETWEEN:
            last = now
            worker.log_event(study, {"worker": worker.address, "number": number, "done": done})

    return tell
