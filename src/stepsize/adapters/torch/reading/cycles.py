"""OneCycleLR and CyclicLR as expressions: the rates that they set, and the momenta that go against them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ....presets import torch as presets
from ....presets._shared import knots, plain
from ....schedules.base import Factor
from ....schedules.formulas import formula
from ....schedules.opaque import opaque
from ....schedules.rate import rate
from ....schedules.time import shift
from .replayed import arguments, neat


def onecycle(scheduler: Any, i: int) -> rate:
    """The rate of group `i`, held after the last update, where torch bounces once and then raises."""
    group = scheduler.optimizer.param_groups[i]
    top = float(group["max_lr"])
    return rate(top, _phases(scheduler, group, "lr", 1 / top)) if top else rate(0.0)


def onecycle_momentum(scheduler: Any, i: int) -> Factor:
    """The momentum of group `i` itself."""
    return _phases(scheduler, scheduler.optimizer.param_groups[i], "momentum", 1.0)


def _phases(scheduler: Any, group: dict[str, Any], what: str, scale: float) -> Factor:
    """torch's phases as knots; a phase that would end before it begins is never reached."""
    phases = scheduler._schedule_phases
    path = [(0.0, neat(scale * group[phases[0][f"start_{what}"]]))]
    for phase in phases:
        if phase["end_step"] <= 0 or phase["end_step"] > path[-1][0]:
            path.append((neat(phase["end_step"]), neat(scale * group[phase[f"end_{what}"]])))
    return knots(*path, shape="cosine" if scheduler._anneal_func_type == "cos" else "linear")


def cyclic(scheduler: Any, i: int) -> rate:
    """The rate of group `i`."""
    told = arguments(scheduler)
    low, high, up, down = told["base_lr"][i], told["max_lr"][i], told["step_size_up"], told["step_size_down"]
    whole = up.is_integer() and down.is_integer()
    if scheduler._scale_fn_custom is None and low < high and whole and up and down:
        return presets.CyclicLR(low, high, int(up), int(down), scheduler.mode, scheduler.gamma)
    return rate(1.0, _swing(scheduler, low, high))


def late_cyclic(scheduler: Any, i: int, initial: float) -> rate:
    """The rate where another scheduler was there first: torch's CyclicLR begins at that one's initial rate."""
    rest = cyclic(scheduler, i)
    if initial == scheduler.base_lrs[i]:
        return rest
    whole = presets.SequentialLR([rate(initial), rate(rest.base, shift(rest.factor, 1))], [1])
    assert isinstance(whole, rate)
    return whole


def cyclic_momentum(scheduler: Any, i: int) -> Factor:
    """The momentum of group `i` itself, down where the rate goes up."""
    return _swing(scheduler, float(scheduler.max_momentums[i]), float(scheduler.base_momentums[i]))


def _swing(scheduler: Any, start: float, end: float) -> Factor:
    """start + (end − start)·triangle·scale, as a formula or around the user's own function."""
    told = arguments(scheduler)
    up, down = told["step_size_up"], told["step_size_down"]
    own = scheduler._scale_fn_custom
    if own is not None:
        return opaque(Swing(own, scheduler.scale_mode == "cycle", start, end, up, down), name="CyclicLR")
    x = f"(t % {plain(up + down)})"
    triangle = f"{x} / {plain(up)}"
    if down:
        triangle = f"min({triangle}, ({plain(up + down)} - {x}) / {plain(down)})"
    scale = {
        "triangular2": f" * 0.5 ** floor(t / {plain(up + down)})",
        "exp_range": f" * {plain(scheduler.gamma)} ** t",
    }
    sign, far = ("+", end - start) if end >= start else ("-", start - end)
    return formula(f"max({plain(start)} {sign} {plain(neat(far))} * {triangle}{scale.get(scheduler.mode, '')}, 0)")


@dataclass(frozen=True)
class Swing:
    """A triangle between two values, scaled by a function of the cycle (from 1) or of the step."""

    scale: Callable[[Any], float]
    per_cycle: bool
    start: float
    end: float
    up: float
    down: float

    def __call__(self, t: float) -> float:
        total = self.up + self.down
        x = t % total
        triangle = x / self.up if x <= self.up else (total - x) / self.down
        scale = float(self.scale(math.floor(1 + t / total) if self.per_cycle else t))
        return self.start + (self.end - self.start) * triangle * scale
