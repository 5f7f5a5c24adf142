"""What one run did, and what can be asked of it afterwards: save it, or have it diagnosed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...problems import Floats
from ..records.record import Record

if TYPE_CHECKING:
    from ..diagnosis import Diagnosis


@dataclass(frozen=True, eq=False)
class Run:
    """What one run did.

    Entry t of `losses`, `rates`, `grad_norms`, `clipped` and `why` belongs to update t: the loss (of its batch) at
    the parameters that the update starts from, the rate used, the norm of the gradient before any clip, the largest
    share of elements that a clip limited, and what the controllers said ("" when they did nothing). `extra_losses`
    counts the further evaluations that controllers asked for at each update, each a loss of that batch.
    `measured_at`, `measured` and `validated` are the loss on all data, and on the validation problem if there is one,
    after that many updates. `diverged` means that a loss, a gradient or a parameter stopped being finite, where the
    run ends early, or that the run ended above the loss it began with. `planned_steps` are the updates asked for.

    With `descend(…, details=True)` there are also `slopes` ⟨g, Δ⟩ and `end_slopes` ⟨g', Δ⟩, where Δ is what the update
    took away from the parameters, and g and g' are the gradients of its batch before and after it; and `layer_norms`,
    the norm of the gradient by array. Without it the three are None.
    """

    text: str
    base: float
    seed: int
    params: Any
    losses: Floats
    rates: Floats
    grad_norms: Floats
    clipped: Floats
    why: tuple[str, ...]
    diverged: bool
    measured_at: tuple[int, ...]
    measured: Floats
    validated: Floats | None
    extra_losses: NDArray[np.int_]
    planned_steps: int
    slopes: Floats | None = None
    end_slopes: Floats | None = None
    layer_norms: dict[str, Floats] | None = None

    @property
    def steps(self) -> int:
        """The updates made: fewer than asked for where the run stopped being finite."""
        return len(self.rates)

    @property
    def loss(self) -> float:
        """The loss on all data at the end."""
        return float(self.measured[-1])

    @property
    def record(self) -> Record:
        """The series of this run without its parameters: what is saved, and what is diagnosed."""
        return Record(
            steps=np.arange(self.steps),
            losses=self.losses,
            rates=self.rates,
            grad_norms=self.grad_norms,
            clipped=self.clipped,
            why=self.why,
            slopes=self.slopes,
            end_slopes=self.end_slopes,
            layers=self.layer_norms,
            text=self.text,
            base=self.base,
            planned_steps=self.planned_steps,
            diverged=self.diverged,
            measured_at=self.measured_at,
            measured=self.measured,
            validated=self.validated,
        )

    def save(self, path: str | Path) -> None:
        """Write the record of this run to a file of JSON lines, which `stepsize diagnose` and `lab.record.read` read.

        A file that is there is replaced at once, never left half written. The parameters are not in it.
        """
        self.record.save(path)

    def diagnose(self) -> Diagnosis:
        """Say what went wrong in this run, with the numbers that show it and what to try; print it to read it.

        >>> from stepsize import descend, problems
        >>> line = problems.least_squares([[1.0], [2.0]], [2.0, 4.0])
        >>> print(descend(line, "sgd() | 3", steps=500).diagnose().findings[0].illness)
        diverged
        """
        from ..diagnosis import diagnose

        return diagnose(self.record)

    def __repr__(self) -> str:
        ended = "diverged" if self.diverged else f"loss {self.loss:.6g}"
        return f"<Run {self.text!r}, {self.steps} steps, {ended}>"
