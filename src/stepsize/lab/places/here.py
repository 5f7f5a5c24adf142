"""Here: portions trained in this process, one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import monotonic

from .base import Event, Failed, Listener, Portion, Result
from .interrupts import Interrupts
from .recipe import Recipe
from .trainer import Trainer

BETWEEN = 0.2  # seconds between two events of one lot's steps
NAME = "here"


class Here:
    """Train portions in this process; on an interrupt the lot stops at its next update and is given back as it is."""

    def __init__(self, recipe: Recipe, problem: str) -> None:
        self.recipe, self.problem = recipe, problem
        self.trainer: Trainer | None = None

    @property
    def workers(self) -> int:
        """One, this process."""
        return 1

    def run(self, portions: Iterable[Portion], on_progress: Listener | None = None) -> Iterator[tuple[Portion, Result]]:
        """As `Place.run`."""
        tell = on_progress or (lambda event: None)
        with Interrupts() as interrupts:
            for portion in portions:
                if self.trainer is None:
                    self.trainer = Trainer(self.recipe, self.problem)
                    tell(Event("joined", NAME))
                tell(Event("started", NAME, portion))
                result = self.trainer.train(portion, Paced(tell, portion), interrupts.came)
                failed = isinstance(result, Failed)
                tell(Event("failed" if failed else "finished", NAME, portion, text=getattr(result, "reason", "")))
                yield portion, result
                interrupts.check()

    def close(self) -> None:
        """Let the problem go."""
        self.trainer = None


class Paced:
    """Tells how far a lot is, now and then."""

    def __init__(self, tell: Listener, portion: Portion) -> None:
        self.tell, self.portion, self.last = tell, portion, monotonic()

    def __call__(self, done: int) -> None:
        now = monotonic()
        if now - self.last >= BETWEEN:
            self.last = now
            self.tell(Event("steps", NAME, self.portion, done))
