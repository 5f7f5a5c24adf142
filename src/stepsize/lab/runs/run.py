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
    """What one run did: its record, and the parameters that it ended with.

    `record` is what is saved and what is diagnosed; its columns are attributes of the run, too. Entry t of `losses`,
    `rates`, `grad_norms`, `clipped` and `why` belongs to update t: the loss (of its batch) at the parameters that the
    update starts from, the rate used, the norm of the gradient before any clip, the largest share of elements that a
    clip limited, and what the controllers said ("" when they did nothing). `extra_losses` counts the further
    evaluations that controllers asked for at each update, each a loss of that batch.
    `measured_at`, `measured` and `validated` are the loss on all data, and on the validation problem if there is one,
    after that many updates. `diverged` means that a loss, a gradient or a parameter stopped being finite, where the
    run ends early, or that the run ended above the loss it began with. `planned_steps` are the updates asked for.

    With `descend(…, details=True)` there are also `slopes` ⟨g, Δ⟩ and `end_slopes` ⟨g', Δ⟩, where Δ is what the update
    took away from the parameters, and g and g' are the gradients of its batch before and after it; and `layer_norms`,
    the norm of the gradient by array. Without it the three are None.
    """

    record: Record
    params: Any

    @property
    def text(self) -> str:
        """The strategy."""
        return self.record.text or ""

    @property
    def base(self) -> float:
        """The base rate."""
        return float(self.record.base or 0.0)

    @property
    def seed(self) -> int:
        """What decided the order of the batches and any random start."""
        return self.record.seed or 0

    @property
    def losses(self) -> Floats:
        """The loss of each update's batch."""
        return self.record.losses

    @property
    def rates(self) -> Floats:
        """The rate of each update."""
        return _there(self.record.rates)

    @property
    def grad_norms(self) -> Floats:
        """The norm of each update's gradient, before any clip."""
        return _there(self.record.grad_norms)

    @property
    def clipped(self) -> Floats:
        """The largest share of elements that a clip limited at each update."""
        return _there(self.record.clipped)

    @property
    def why(self) -> tuple[str, ...]:
        """What the controllers said at each update."""
        return self.record.why or ()

    @property
    def diverged(self) -> bool:
        """Whether a number stopped being finite, or the run ended above the loss it began with."""
        return bool(self.record.diverged)

    @property
    def measured_at(self) -> tuple[int, ...]:
        """After how many updates the loss on all data was measured."""
        return self.record.measured_at or ()

    @property
    def measured(self) -> Floats:
        """The loss on all data."""
        return _there(self.record.measured)

    @property
    def validated(self) -> Floats | None:
        """The loss on the validation problem, where there is one."""
        return self.record.validated

    @property
    def extra_losses(self) -> NDArray[np.int_]:
        """The further evaluations that controllers asked for at each update."""
        return _there(self.record.extra_losses).astype(int)

    @property
    def planned_steps(self) -> int:
        """The updates asked for."""
        return self.record.planned_steps or 0

    @property
    def slopes(self) -> Floats | None:
        """The slope ⟨g, Δ⟩ at the start of each update, with `details=True`."""
        return self.record.slopes

    @property
    def end_slopes(self) -> Floats | None:
        """The slope ⟨g', Δ⟩ at the end of each update, with `details=True`."""
        return self.record.end_slopes

    @property
    def layer_norms(self) -> dict[str, Floats] | None:
        """The norm of the gradient by array, with `details=True`."""
        return self.record.layers

    @property
    def steps(self) -> int:
        """The updates made: fewer than asked for where the run stopped being finite."""
        return len(self.record)

    @property
    def loss(self) -> float:
        """The loss on all data at the end."""
        return float(self.measured[-1])

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

    def _repr_html_(self) -> str:
        """Its losses and rates as small charts, in a notebook."""
        from ..records.sketched import sketched

        return sketched(self.record, repr(self)[1:-1])

    def __repr__(self) -> str:
        ended = "diverged" if self.diverged else f"loss {self.loss:.6g}"
        return f"<Run {self.text!r}, {self.steps} steps, {ended}>"


def _there(column: Floats | None) -> Floats:
    return np.empty(0) if column is None else column
