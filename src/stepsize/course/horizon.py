"""A run whose length changes in the middle of it: the change as a value, and what it does to an expression."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..schedules.extend import extend
from .targets import Target


@dataclass(frozen=True)
class Change:
    """At update `at` the planned length `was` becomes `total_steps`, by a rule of `stepsize.schedules.extend`.

    `shape` and `final` are those of a cool-down. `was` is None where the run had no planned length.
    """

    at: int
    was: int | None
    total_steps: int
    rule: str
    shape: str = "linear"
    final: float = 0.0

    def __call__(self, target: Target) -> Target:
        """The target for the run of the new length; a cool-down is one of the rate, not of a momentum or an eps."""
        rule = "keep_step" if self.rule == "cooldown_now" and target.field != "lr" else self.rule
        how: dict[str, Any] = {"was": self.was or self.total_steps}
        if rule in ("cooldown_now", "stretch_rest"):
            how["at"] = self.at
        if rule == "cooldown_now":
            how |= {"shape": self.shape, "final": self.final}
        return target.with_value(extend(target.value, self.total_steps, rule=rule, **how))

    def saved(self) -> dict[str, Any]:
        """The change in plain Python."""
        return asdict(self)
