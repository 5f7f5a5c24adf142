"""The engine "loop": trials that a training of the user's makes, one at a time, whatever framework it is written in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from ..._errors import StepsizeError
from ...descents import descent
from ...schedules.rate import rate
from ..runs.run import Run
from .book import Book
from .trial import Trial

MARK = b"stepsize trial 1\n"


class Going(Protocol):
    """One run of a training."""

    @property
    def params(self) -> Any:
        """The parameters, as the user's framework takes them."""
        ...

    def update(self) -> Any:
        """One update: an object with the columns of `Record` (loss, rate, …); None where a number is not finite."""
        ...

    def look(self) -> dict[str, Any]:
        """The losses under "validation" and "test" (None without such a part), and "metrics" by name."""
        ...

    def see(self, metric: float) -> None:
        """Show a validation loss to controllers that watch a metric."""
        ...

    def saved(self) -> bytes:
        """Everything that going on needs."""
        ...


@runtime_checkable
class Training(Protocol):
    """A training that a framework's adapter brings, such as `stepsize.adapters.torch.training`."""

    @property
    def size(self) -> int | None:
        """The rows to train on, None where they cannot be counted beforehand."""
        ...

    @property
    def sizes(self) -> dict[str, int | None]:
        """The rows of "data", "validation" and "test", of those that there are."""
        ...

    @property
    def own_batches(self) -> bool:
        """Whether a loader decides the rows of a batch, so that a trial has no batch size."""
        ...

    def check(self, strategy: descent | rate, steps: int, batch_size: int | None = None) -> None:
        """Refuse a strategy that it cannot run."""
        ...

    def try_out(self, batch_size: int | None = None) -> None:
        """Make one update, so that a mistake is said before training."""
        ...

    def begin(
        self,
        strategy: descent | rate,
        *,
        seed: int,
        steps: int,
        batch_size: int | None = None,
        saved: bytes | None = None,
    ) -> Going:
        """A run that is at its start, or where it was `saved`."""
        ...


class Loop:
    """The engine of a training: a lot is one trial, which trains as the user's own loop would."""

    name = "loop"
    at_once = 1

    def __init__(self, training: Training) -> None:
        self.training = training

    def begin(self, trials: Sequence[Trial], saved: Sequence[bytes] = ()) -> LoopLot:
        """A lot of one trial, from the start or from what was saved of it."""
        if len(trials) != 1 or len(saved) > 1:
            raise StepsizeError(f"loop: a lot is one trial, not {len(trials)} with {len(saved)} saved")
        trial = trials[0]
        book, rest = _opened(saved[0], trial) if saved else (Book(), None)
        going = self.training.begin(
            trial.expression, seed=trial.seed, steps=trial.steps, batch_size=trial.batch_size, saved=rest
        )
        return LoopLot(self, trial, going, book)


class LoopLot:
    """One trial of a training; a `Lot`."""

    def __init__(self, engine: Loop, trial: Trial, going: Going, book: Book) -> None:
        self.engine, self.trials, self.going, self.book = engine, [trial], going, book
        if not book.measured_at:
            self._look()

    @property
    def done(self) -> int:
        """The updates made."""
        return self.book.made

    def goes_on(self) -> bool:
        """Whether an update is left and every number was finite."""
        return self.book.finite and self.done < self.trials[0].steps

    def update(self) -> None:
        """One update; a look at the other parts where it is due."""
        if not self.goes_on():
            return
        told = self.going.update()
        if told is None:
            self.book.finite = False
            return
        self.book.note(told)
        if self.done % self.trials[0].measure_every == 0 or not self.goes_on():
            looked = self._look()
            if looked["validation"] is not None:
                self.going.see(looked["validation"])

    def runs(self) -> list[Run]:
        """What the trial did up to here."""
        book, trial = self.book, self.trials[0]
        if book.finite and book.made == 0:
            book = book.begun_with(self._first_loss())
        elif book.finite and book.measured_at[-1] != book.made:
            book = book.looked(self.going.look())
        record = book.record(text=str(trial.expression), base=trial.rate, seed=trial.seed, planned_steps=trial.steps)
        return [Run(record, self.going.params)]

    def saved(self, i: int) -> bytes:
        """The trial so far: what was written down of it, and the state of its training."""
        told = json.dumps({"trial": self.trials[i].as_dict(), "book": self.book.as_dict()}).encode()
        rest = len(told).to_bytes(8, "big") + told + self.going.saved()
        return MARK + hashlib.sha256(rest).digest() + rest

    def _look(self) -> dict[str, Any]:
        looked = self.going.look()
        self.book = self.book.looked(looked)
        return looked

    def _first_loss(self) -> float:
        """The loss of the first update, which a copy of the trial makes."""
        copied = self.engine.begin(self.trials, [self.saved(0)])
        copied.update()
        return float(copied.book.columns["losses"][0]) if copied.book.made else float("nan")


def _opened(saved: bytes, trial: Trial) -> tuple[Book, bytes]:
    """What was written down, and the state of the training; bytes that are damaged or of another trial are refused."""
    start = len(MARK)
    whole = saved.startswith(MARK) and hashlib.sha256(saved[start + 32 :]).digest() == saved[start : start + 32]
    if not whole:
        raise StepsizeError(f"loop: the saved state of {trial.name} (trial {trial.key}) is damaged: begin it anew")
    rest = saved[start + 32 :]
    end = 8 + int.from_bytes(rest[:8], "big")
    told = json.loads(rest[8:end])
    of = Trial.of(told["trial"])
    if of.key != trial.key:
        raise StepsizeError(
            f"loop: the saved state is that of trial {of.key} ({of.text} at rate {of.rate:g}, seed {of.seed}), not of "
            f"{trial.key}: give each trial what was saved of it"
        )
    return Book.of(told["book"]), rest[end:]
