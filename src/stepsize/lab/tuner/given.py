"""`stepsize.trial()`: what a script asks for its strategy, whether `stepsize tune` started it or its user."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import Any

from ..._errors import StepsizeError, whole
from ...course import log
from .own import OwnTrial
from .reports import loss_in

VARIABLE = "STEPSIZE_TRIAL"  # names the folder of the trial
TOLD, ANSWER, REPORTS = "trial.json", "answer.json", "reports.jsonl"
WAIT_SECONDS = 0.005
ALIVE_EVERY_SECONDS = 1.0

_GIVEN: dict[str, ScriptTrial] = {}


class ScriptTrial(OwnTrial):
    """The trial of a script: `strategy`, `seed`, `steps`, `rate(t)`; where nobody tunes, its own strategy."""

    def report(self, step: int, loss: Any) -> bool:
        """Say the loss after `step` updates; True means that the script should stop now. By hand it is False."""
        whole("report", "step", step, low=0)
        loss_in("report", loss)
        return False

    def finish(self, loss: Any) -> None:
        """Say the loss at the end, which decides between trials. By hand nothing happens."""
        loss_in("finish", loss)


class TunedTrial(ScriptTrial):
    """A trial that `stepsize tune` handed to this process: reports go to a file, answers come from one."""

    def __init__(self, folder: Path) -> None:
        told = json.loads((folder / TOLD).read_bytes())
        super().__init__(told["strategy"], seed=told["seed"], steps=told["steps"])
        self.folder, self.parent, self.until, self.stopped = folder, int(told["parent"]), 0, False
        self.speaks = os.environ.get("RANK", "0") == "0"  # of several processes of one training, one does
        self._say({"kind": "asked"})

    def report(self, step: int, loss: Any) -> bool:
        at, value = whole("report", "step", step, low=0), loss_in("report", loss)
        self._say({"kind": "report", "step": at, "loss": value})
        if not self.stopped and (at >= self.until or not math.isfinite(value)):
            self.stopped = not self._may_go_on(at, math.isfinite(value))
        return self.stopped

    def finish(self, loss: Any) -> None:
        self._say({"kind": "finish", "loss": loss_in("finish", loss)})

    def _say(self, row: dict[str, Any]) -> None:
        if self.speaks:
            try:
                with log.Log(self.folder / REPORTS) as file:
                    file.append(row)
            except OSError as error:
                raise log.unwritable(self.folder / REPORTS, error) from None

    def _may_go_on(self, step: int, finite: bool) -> bool:
        """Wait for the answer of who tunes; where that is no more, the script should stop."""
        looked = time.monotonic()
        while finite:
            self.until = _answer(self.folder)
            if self.until > step:
                return True
            if self.until < 0:
                break
            time.sleep(WAIT_SECONDS)
            if time.monotonic() - looked > ALIVE_EVERY_SECONDS:
                looked = time.monotonic()
                if not _is_alive(self.parent):
                    break
        return False


def trial(strategy: str | None = None, steps: int | None = None, *, seed: int = 0) -> ScriptTrial:
    """What this script should train: a strategy at one rate, a seed, for how many updates.

    Formula: under `stepsize tune EXPR --steps N -- python train.py` these are the trial's; run by hand, the script
    trains with `strategy`, `steps` and `seed` as written here, `report` answers False, and nothing is printed.

    Use it at the top of a training script in any framework, then `report(step, loss)` every so often, leave the loop
    where that is True, and `finish(loss)` at the end. For a loop within one program use `Tuner`.

    Without `stepsize tune`, a missing strategy, or `steps` below 1, is a StepsizeError. Asking again gives the same.

    >>> here = trial("adam() | 1e-3 * cosine()", steps=100)
    >>> here.rate(0), here.seed, here.report(0, 2.3)
    (0.001, 0, False)
    """
    folder = os.environ.get(VARIABLE)
    if folder:
        if folder not in _GIVEN:
            _GIVEN[folder] = TunedTrial(Path(folder))
        return _GIVEN[folder]
    if strategy is None or steps is None:
        raise StepsizeError(
            "trial: run by hand a script needs a strategy and steps of its own: write "
            'stepsize.trial("adam() | 1e-3 * cosine()", steps=2000)'
        )
    found = ScriptTrial(
        str(strategy), seed=whole("trial", "seed", seed, low=0), steps=whole("trial", "steps", steps, low=1)
    )
    _ = found.strategy  # an error says what is wrong with it
    return found


def _answer(folder: Path) -> int:
    """Until which step the trial may go: 0 where nothing was said yet, −1 for stop."""
    try:
        return int(json.loads((folder / ANSWER).read_bytes())["until"])
    except (OSError, ValueError):  # on Windows a file that is just being replaced cannot be read
        return 0


def _is_alive(process: int) -> bool:
    if os.name == "nt":  # there a signal of 0 would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
