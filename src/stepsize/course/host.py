"""Who follows a course: the name that its messages speak of, and what it can show to controllers."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .._errors import StepsizeError

COMES = ("loss", "metric", "grad_norm")  # what most loops can hand over
COMES_BETWEEN = ("metric",)  # measured between updates, when somebody evaluates; everything else at every update


@dataclass(frozen=True)
class Host:
    """How a host speaks and what it shows.

    `name` begins its messages and stands in what they tell the user to write, `Scheduler(…, total_steps=…)`; `shown`
    are the quantities of `seen` that it hands over; `whole` is what computes a whole strategy in its place and so sees
    the others; `lenient` lets controllers answer to NaN and infinite quantities, which are an error otherwise.
    """

    name: str = "Scheduler"
    shown: Collection[str] = COMES
    whole: str = "stepsize.descend"
    lenient: bool = False

    def check_shown(self, needs: Collection[str]) -> None:
        """Refuse a controller that looks at what this host never shows."""
        for name in sorted(set(needs).difference(self.shown)):
            raise StepsizeError(
                f"{self.name}: a controller needs {name}, which a scheduler never sees (only {', '.join(COMES)}): "
                f"write the whole strategy with {self.whole}, which measures it"
            )

    def check_given(self, missing: Collection[str], update: int) -> None:
        """Refuse an update at which a controller would look at something that nobody passed."""
        for name in sorted(set(missing).difference(COMES_BETWEEN)):
            raise StepsizeError(
                f"{self.name}: a controller needs the {name} of update {update}: write scheduler.step({name}={name}), "
                f"or scheduler.see({name}={name}) before it"
            )

    def check_finite(self, values: Mapping[str, float], update: int) -> None:
        """Refuse a NaN or infinite quantity by name."""
        for name, value in values.items():
            if not self.lenient and not math.isfinite(value):
                raise StepsizeError(
                    f"{self.name}: the {name} of update {update} is {value}: leave the update out with "
                    f'scheduler.step(skipped=True), or build {self.name}(…, on_nonfinite="hold") to let controllers '
                    "hold"
                )
