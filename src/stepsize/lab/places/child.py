"""A worker process: reads portions from its standard input, trains them, writes what came of them."""

from __future__ import annotations

import os
import pickle
import sys
import threading
from queue import SimpleQueue
from time import monotonic
from typing import Any, BinaryIO

from ..._errors import StepsizeError
from .base import Portion
from .recipe import unpacked
from .trainer import Trainer, told

BETWEEN = 0.2  # seconds between two messages on how far a lot is


def serve() -> None:
    """Work until the standard input ends, which is when the parent does.

    What anything prints goes to the standard error: the standard output belongs to the messages.
    """
    commands, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    packed, problem = pickle.load(commands)
    jobs: SimpleQueue[Any] = SimpleQueue()
    stopping = threading.Event()
    threading.Thread(target=_listen, args=(commands, jobs, stopping), daemon=True).start()
    _work(packed, problem, jobs, stopping, answers)


def _listen(commands: BinaryIO, jobs: SimpleQueue[Any], stopping: threading.Event) -> None:
    """Take orders while the main thread trains; without a parent nobody wants the work."""
    while True:
        try:
            command = pickle.load(commands)
        except EOFError:
            os._exit(0)
        except Exception as error:
            print(told(error), file=sys.stderr, flush=True)
            os._exit(1)
        if command == "stop":
            stopping.set()
        else:
            jobs.put(command)


def _work(packed: bytes, problem: str, jobs: SimpleQueue[Any], stopping: threading.Event, answers: BinaryIO) -> None:
    def answer(*words: Any) -> None:
        pickle.dump(words, answers)
        answers.flush()

    try:
        trainer = Trainer(unpacked(packed), problem)
    except StepsizeError as error:
        return answer("refused", str(error))
    except Exception as error:
        return answer("refused", told(error))
    answer("ready")
    last = monotonic()

    def pace(done: int) -> None:
        nonlocal last
        if (now := monotonic()) - last >= BETWEEN:
            last = now
            answer("steps", done)

    while True:
        number, portion = jobs.get()
        assert isinstance(portion, Portion)
        answer("came", number, trainer.train(portion, pace, stopping.is_set))
        sys.stdout.flush()
