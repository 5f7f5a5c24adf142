"""`Tuner`: hands out trials to a loop of the user's and takes their losses."""

from __future__ import annotations

import atexit
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..._errors import StepsizeError, flag, shown, whole
from ...descents import descent
from ...text import as_descent
from ..choose.answer import Verdict
from ..choose.budget import runs_and_trials
from ..earlier import earlier
from .desk import Desk, Handed, policy_for, subject_of
from .own import OwnTrial

LOOK_AGAIN_SECONDS = 0.2  # at what other processes train


class TunerTrial(OwnTrial):
    """One trial of a `Tuner`: train `strategy` (or `rate(t)`) from `seed` for `steps` updates, and report.

    `start` is the number of updates that were made before it was paused, and `state` what `load` gave for it; 0 and
    None for a trial that begins.
    """

    def __init__(self, tuner: Tuner, handed: Handed) -> None:
        trial = handed.trial
        super().__init__(str(trial.strategy), seed=trial.seed, steps=trial.steps)
        self._tuner, self._handed, self.start = tuner, handed, handed.reports.made

    @cached_property
    def state(self) -> Any:
        """What `load` made of the file that `save` wrote, None for a trial that begins."""
        saved, load = self._handed.state, self._tuner.load
        if saved is None or load is None:
            return None
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "state"
            path.write_bytes(saved)
            return load(path)

    def report(self, step: int, loss: Any) -> bool:
        """Say the loss after `step` updates; True means that this trial should stop now.

        `loss` is what chooses, at best the validation loss, before the first update (step 0) and every so often; the
        reports of each fortieth of the run are averaged. It is True where the loss is not finite or far above its
        start, and where others are so far ahead that this trial is not worth its end. Steps that do not rise, or lie
        beyond the trial, are a StepsizeError.
        """
        if not self._handed.stopped and (step > self.start or not self.start):
            self._handed.reports.add(step, loss)
        if self._tuner.desk.goes_on(self._handed):
            return False
        self._tuner.keep(self._handed)
        return True

    def finish(self, loss: Any) -> None:
        """Say the loss at the end, which decides between trials; nothing happens where the trial was stopped."""
        self._tuner.desk.finish(self._handed, loss)


def _path(field: str, given: object) -> Path:
    """A folder that was named."""
    if not isinstance(given, (str, Path)) or not str(given):
        raise StepsizeError(f"Tuner: {field} must be the path of a folder, not {shown(given)}")
    return Path(given)


class Tuner:
    """Choose the rate of a training loop of your own: it hands out trials, you train them and report their losses.

    Formula: without `save`, a trial cannot be paused. It walks downhill with whole runs, from a rate that is good for
    the optimizer as a rule, in steps of two octaves, then one, then a half. A trial stops at a quarter or a half of its
    way where its loss is 1.5 times the lowest there, and wherever it diverges; one that stops costs what it used. With
    `save` and `load`, trials pause and go on, which is better at a small budget (the policy of `stepsize tune`).

    Use it for what `stepsize tune` cannot run itself: any framework, any loop. For a script use `stepsize.trial`, for a
    problem or a table `stepsize tune`.

    `strategy` is a text such as `"adam() | 1e-3 * cosine()"`, its value, or several, which compete under one budget;
    the rule says where good rates lie. `steps` ≥ 1 are the updates of a whole run, `budget` ≥ 1 what may be spent, in
    whole runs, or "12trials": so many may be begun. `prior` is a folder of earlier tunes, or several: good rates are
    then looked for where they found theirs.
    With a `folder` nothing is lost: the same call goes on, a larger budget too, and several processes share the work.
    `maximise` is for a score, where larger is better. `seeds` ≥ 1 are how many may be used. `name` tells problems
    apart: a folder holds one. `save(path)` writes the state of the loop to a file, `load(path)` reads it.

    At the end `verdict` says which rate, how sure, and at what cost. A trial that died three times counts as diverged,
    and a warning says so. Source: measured on 24 cells of small tasks
    (docs/tune-your-own.md).

    >>> tuner = Tuner("sgd() | 0.1 * cosine()", steps=40, budget=4)
    >>> for trial in tuner:
    ...     w = 1.0
    ...     for t in range(trial.steps):
    ...         if trial.report(t, w * w):
    ...             break
    ...         w -= trial.rate(t) * 2 * w
    ...     trial.finish(w * w)
    >>> tuner.verdict.loss < 1e-6
    True
    """

    def __init__(
        self,
        strategy: str | descent | Sequence[str | descent],
        steps: int,
        *,
        budget: float | str = 4.0,
        folder: str | Path | None = None,
        maximise: bool = False,
        seeds: int = 8,
        name: str = "a loop of your own",
        save: Callable[[Path], object] | None = None,
        load: Callable[[Path], Any] | None = None,
        prior: str | Path | Sequence[str | Path] = (),
    ) -> None:
        if (save is None) != (load is None):
            raise StepsizeError("Tuner: save and load belong together: give both, or neither")
        if save is not None and not (callable(save) and callable(load)):
            raise StepsizeError("Tuner: save and load must be functions of a path")
        texts = [str(one) for one in strategy] if isinstance(strategy, (list, tuple)) else [str(strategy)]
        if not texts:
            raise StepsizeError('Tuner: strategy must be at least one: write "adam() | 1e-3 * cosine()"')
        subject = subject_of(name, flag("Tuner", "maximise", maximise))
        place = None if folder is None else _path("folder", folder)
        runs, trials = runs_and_trials("Tuner", budget)
        folders = prior if isinstance(prior, (list, tuple)) else [prior]
        policy = policy_for(
            texts,
            subject.fingerprint,
            steps=whole("Tuner", "steps", steps, low=1),
            budget=runs,
            trials=trials,
            earlier=earlier([_path("prior", one) for one in folders], [as_descent(one) for one in texts], place),
            seeds=whole("Tuner", "seeds", seeds, low=1),
            pausing=save is not None,
        )
        self.save, self.load = save, load
        self.desk = Desk(policy, subject, place, maximise=maximise)
        self._open: Handed | None = None
        atexit.register(self._put_back)  # an exception ends the program without a word to the loop

    def __iter__(self) -> Iterator[TunerTrial]:
        self._put_back()
        while True:
            self._check_ended()
            found = self.desk.next()
            if isinstance(found, Verdict):
                return
            if found is None:
                time.sleep(LOOK_AGAIN_SECONDS)
                continue
            self._open = found
            yield TunerTrial(self, found)

    @property
    def verdict(self) -> Verdict:
        """What was chosen: `text` to paste, `rate`, the `loss` to expect, `rates` of the basin, what is `unknown`.

        Before the end it is the verdict so far; before the first trial was judged there is none, which is an error.
        """
        self.desk.journal.refresh()
        return self.desk.policy_verdict()

    def keep(self, handed: Handed) -> None:
        """Save a trial that was paused."""
        if self.save is None or handed.trial.key not in self.desk.in_hand:
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "state"
            self.save(path)
            if not path.is_file():
                raise StepsizeError("Tuner: save(path) wrote no file: write the state of your loop to path")
            self.desk.pause(handed, path.read_bytes())

    def close(self) -> None:
        """Give back what this process holds; the folder keeps everything."""
        self.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._put_back(error)
        atexit.unregister(self._put_back)
        self.desk.close()

    def _check_ended(self) -> None:
        """Whether the loop has said how its last trial ended."""
        last, self._open = self._open, None
        if last is None or last.trial.key not in self.desk.in_hand:
            return
        if last.reports.made == last.trial.steps:
            self.desk.finish(last)
        else:
            self.desk.leave(last, orderly=True)
            raise StepsizeError(
                f"{last.trial.strategy} was left after {last.reports.made} of {last.trial.steps} steps without an end: "
                "leave it where trial.report(step, loss) is True, or say trial.finish(loss)"
            )

    def _put_back(self, error: BaseException | None = None) -> None:
        """The trial that was left open: its loop died of an error, or its user interrupted or left it."""
        last, self._open = self._open, None
        if last is not None and last.trial.key in self.desk.in_hand:
            cause = error or getattr(sys, "last_value", None)  # what ended the program, or the cell of a notebook
            with suppress(OSError, StepsizeError):  # at the end of a process its folder may be gone
                self.desk.leave(last, orderly=not isinstance(cause, Exception))
