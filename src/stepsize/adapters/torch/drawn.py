"""A scheduler as text and as a notebook draws it: the rates of its groups over the run."""

from __future__ import annotations

import math
from typing import Any

from ..._sketch import Drawn, beside, sketch

MOST_PLACES = 300  # of the run; a sketch is 400 pixels wide
UNKNOWN = 1000  # updates that are drawn where nobody said how long the run is


class InNotebooks:
    """What a `Scheduler` shows of itself."""

    def __repr__(self: Any) -> str:
        return f"<Scheduler {self.expression!r}, {self.last_epoch} updates done>"

    def _repr_html_(self: Any) -> str:
        """The rates of every group over the run, and a dashed line where it is; controllers answer as they did last."""
        done = self.last_epoch
        told = self.units.get("total_steps") or math.inf
        total = int(told) if math.isfinite(told) else max(UNKNOWN, 2 * done)
        places = sorted({round(i * (total - 1) / (MOST_PLACES - 1)) for i in range(MOST_PLACES)})
        rates = [self.rates_at(t) for t in places]
        names = [str(group.get("name", f"group {i}")) for i, group in enumerate(self.optimizer.param_groups)]
        lines = [Drawn(name, places, [float(one[i]) for one in rates], stepped=True) for i, name in enumerate(names)]
        about = f"{self.expression}, {done} updates done"
        return beside([sketch("rate", lines, [done] if done else [])], about)
