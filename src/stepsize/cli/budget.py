"""A budget as people write it: so many runs, or so much time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import click as plain

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
TIME = re.compile(r"(?P<count>[\d.]+)\s*(?P<unit>s|min|h)")
MOST_RUNS = 1000.0


@dataclass(frozen=True)
class Budget:
    """What a search may cost: whole runs, and seconds where it is a time (None where it is not)."""

    runs: float
    seconds: float | None = None


class BudgetKind(plain.ParamType[Budget]):
    """4 (runs), 20min, 90s or 2h."""

    name = "BUDGET"

    def convert(self, value: Any, param: plain.Parameter | None, ctx: plain.Context | None) -> Any:
        if isinstance(value, Budget):
            return value
        try:
            found = TIME.fullmatch(value.strip())
            count = float(found["count"] if found else value)
        except ValueError:
            self.fail(f"{value!r} is no budget: write 4 (runs) or 20min", param, ctx)
        if found:
            if not count > 0:
                self.fail(f"{value!r} must be a time above 0, such as 20min", param, ctx)
            return Budget(MOST_RUNS, count * UNITS[found["unit"]])
        if not 1 <= count <= MOST_RUNS:
            self.fail(f"{value!r} must be from 1 to {MOST_RUNS:.0f} runs (4 is a good start), or a time", param, ctx)
        return Budget(count)
