"""The trainer: what every worker of every place does, so that their results are equal."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from ..._errors import StepsizeError
from ..._language import say
from ..environment import in_words as in_words
from ..environment import versions
from ..trials.lot import Lot
from ..trials.outcome import Outcome
from .base import Failed, Portion, Result, Trained
from .recipe import Recipe

OURS = str(Path(__file__).parents[2])


class Trainer:
    """Makes the problem and its engine once, and trains portions with it.

    A recipe that fails, and one that does not make the problem that was asked for, is a StepsizeError of one line.
    """

    def __init__(self, recipe: Recipe, problem: str) -> None:
        try:
            source = recipe.made()
            self.engine = source.engine()
        except (Exception, SystemExit) as error:
            raise StepsizeError(told(error)) from error
        if source.fingerprint != problem:
            raise StepsizeError(
                say(
                    "the data or the file make another problem here ({here}) than the study's ({problem}): give "
                    "every worker the same files, unchanged since the study began",
                    here=source.fingerprint,
                    problem=problem,
                )
            )
        self.problem = problem
        self.versions = versions(tuple(source.packages))

    @property
    def environment(self) -> str:
        """The versions that the numbers depend on, as an outcome names them."""
        return in_words(self.versions)

    def train(
        self,
        portion: Portion,
        on_step: Callable[[int], None] | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Result:
        """Train a portion until its last update, or until `stopped` says so; `on_step` is told the updates made."""
        try:
            for one in portion.trials:
                if one.problem != self.problem:
                    raise StepsizeError(
                        say(
                            "{name} is a trial of another problem, {other}, not {ours}",
                            name=one.name,
                            other=one.problem,
                            ours=self.problem,
                        )
                    )
            end = monotonic() + portion.seconds
            with np.errstate(all="ignore"), one_thread():
                lot = self.engine.begin(portion.trials, portion.saved)
                while lot.goes_on() and lot.done < portion.until and not stopped():
                    lot.update()
                    if on_step is not None:
                        on_step(lot.done)
                    if monotonic() >= end:
                        break
                return self._result(lot)
        except (Exception, SystemExit) as error:
            return Failed(told(error))

    def _result(self, lot: Lot) -> Trained:
        runs = lot.runs()
        outcomes = tuple(
            Outcome.of_run(trial, run, self.environment) for trial, run in zip(lot.trials, runs, strict=True)
        )
        return Trained(outcomes, tuple(None if one.over else lot.saved(i) for i, one in enumerate(outcomes)))


@contextmanager
def one_thread() -> Iterator[None]:
    """Let the libraries that are loaded compute on one thread, afterwards as before.

    Sums depend on how many threads share them, and results may not depend on the place. Several portions share the
    cores, not one. For the same reason a worker process is told in its environment.
    """
    with ExitStack() as after:
        if "torch" in sys.modules:
            torch: Any = sys.modules["torch"]
            after.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(1)
        with suppress(ImportError):  # it comes with scikit-learn
            importlib.import_module("threadpoolctl")
            after.enter_context(_pools(len(sys.modules)).limit(limits=1))
        yield


@lru_cache(maxsize=1)
def _pools(modules: int) -> Any:
    """What limits the threads of the libraries that are loaded, which costs as much as many updates to find.

    Libraries come with modules, so it is found again where there are more `modules`.
    """
    return importlib.import_module("threadpoolctl").ThreadpoolController()


def told(error: BaseException) -> str:
    """An error as one line, with the line of the user's that raised it."""
    if isinstance(error, StepsizeError):
        return str(error)
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    text = f"{type(error).__name__}: {said}" if said else type(error).__name__
    frames = list(traceback.extract_tb(error.__traceback__))
    foreign = [one for one in frames if not one.filename.startswith((OURS, "<"))]
    own = [one for one in foreign if "site-packages" not in one.filename] or foreign or frames
    return text[:300] + (f" ({Path(own[-1].filename).name} line {own[-1].lineno})" if own else "")
