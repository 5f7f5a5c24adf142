"""A torch scheduler run again from its beginning, on an optimizer that trains nothing: for what has no closed form."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim import lr_scheduler as schedulers
from torch.optim.swa_utils import SWALR

_SAME_NAMES: dict[type, tuple[str, ...]] = {
    schedulers.ConstantLR: ("factor", "total_iters"),
    schedulers.CosineAnnealingLR: ("T_max", "eta_min"),
    schedulers.CosineAnnealingWarmRestarts: ("T_0", "T_mult", "eta_min"),
    schedulers.ExponentialLR: ("gamma",),
    schedulers.LinearLR: ("start_factor", "end_factor", "total_iters"),
    schedulers.PolynomialLR: ("total_iters", "power"),
    schedulers.StepLR: ("step_size", "gamma"),
}


def neat(value: Any) -> float:
    """A number without the noise of its last digit: 0.03/0.3 as 0.1; within 5e-16 of what it was."""
    return float(f"{float(value):.15g}")


def arguments(scheduler: Any) -> dict[str, Any]:
    """What a scheduler was built with, by the names of its constructor; what groups have of their own, as lists."""
    kind = type(scheduler)
    if kind in _SAME_NAMES:
        return {name: getattr(scheduler, name) for name in _SAME_NAMES[kind]}
    return _ARGUMENTS[kind](scheduler)  # type: ignore[no-any-return]


def leaves(scheduler: Any) -> Iterator[Any]:
    """The schedulers inside, or the scheduler itself, in the order in which they were built."""
    if not hasattr(scheduler, "_schedulers"):
        yield scheduler
        return
    for one in scheduler._schedulers:
        yield from leaves(one)


class Recording:
    """The rates and momenta that a scheduler writes, step by step, as far as somebody asked; where it raises it holds.

    It is built again from its arguments, in the order of the lists, so that the one in use is neither moved nor kept.
    """

    def __init__(self, scheduler: Any) -> None:
        self.fields = momentum_fields(scheduler)
        bases = next(leaves(scheduler)).base_lrs
        self.optimizer = _toy([float(one) for one in bases], "betas.0" in self.fields)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.scheduler = _rebuilt(scheduler, self.optimizer)
        self.rows = [self._row()]
        self.ended = False

    def at(self, t: float) -> list[dict[str, float]]:
        """For every group the values of update `t`."""
        while len(self.rows) <= t and not self.ended:
            self._advance()
        return self.rows[min(int(t), len(self.rows) - 1)]

    def _advance(self) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.scheduler.step()
        except (ValueError, ArithmeticError, NotImplementedError):
            self.ended = True
        else:
            self.rows.append(self._row())

    def _row(self) -> list[dict[str, float]]:
        read = {"lr": lambda group: group["lr"], "momentum": lambda group: group["momentum"]}
        read["betas.0"] = lambda group: group["betas"][0]
        return [
            {field: float(read[field](group)) for field in ("lr", *self.fields)}
            for group in self.optimizer.param_groups
        ]


@dataclass(frozen=True)
class Replayed:
    """One value of one group of a recording, as a function of the step; where torch's goes below 0 it is 0."""

    recording: Recording
    group: int
    field: str
    scale: float

    def __call__(self, t: float) -> float:
        return max(self.recording.at(t)[self.group][self.field], 0.0) / self.scale


def momentum_fields(scheduler: Any) -> tuple[str, ...]:
    """The hyper-parameter that goes along with the rate, where a scheduler inside moves one."""
    moved = [one for one in leaves(scheduler) if getattr(one, "cycle_momentum", False)]
    return tuple({"betas.0" if one.use_beta1 else "momentum": None for one in moved})


def _toy(rates: list[float], with_betas: bool) -> Any:
    """An optimizer with as many groups, whose steps nobody waits for."""
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": one} for one in rates]
    optimizer: Any = (torch.optim.Adam if with_betas else torch.optim.SGD)(groups)
    optimizer._opt_called = True  # torch warns about a scheduler that steps before its optimizer
    return optimizer


def _rebuilt(scheduler: Any, optimizer: torch.optim.Optimizer) -> Any:
    if isinstance(scheduler, schedulers.SequentialLR):
        parts = [_rebuilt(one, optimizer) for one in scheduler._schedulers]
        return schedulers.SequentialLR(optimizer, parts, list(scheduler._milestones))
    if isinstance(scheduler, schedulers.ChainedScheduler):
        return schedulers.ChainedScheduler([_rebuilt(one, optimizer) for one in scheduler._schedulers], optimizer)
    made = type(scheduler)(optimizer, **arguments(scheduler))
    made.base_lrs = list(scheduler.base_lrs)  # of two OneCycleLRs the later overwrote the rates in the groups
    return made


def _onecycle(scheduler: Any) -> dict[str, Any]:
    """torch keeps its rates and momenta in the groups, and only the ends of its phases."""
    groups, total = scheduler.optimizer.param_groups, scheduler.total_steps
    told = {
        "max_lr": [float(one["max_lr"]) for one in groups],
        "total_steps": total,
        "pct_start": (scheduler._schedule_phases[0]["end_step"] + 1) / total,
        "anneal_strategy": scheduler._anneal_func_type,
        "cycle_momentum": scheduler.cycle_momentum,
        "div_factor": neat(groups[0]["max_lr"] / groups[0]["initial_lr"]),
        "final_div_factor": neat(groups[0]["initial_lr"] / groups[0]["min_lr"]),
        "three_phase": len(scheduler._schedule_phases) == 3,
    }
    if scheduler.cycle_momentum:
        told |= {name: [one[name] for one in groups] for name in ("base_momentum", "max_momentum")}
    return told


def _cyclic(scheduler: Any) -> dict[str, Any]:
    up = neat(scheduler.step_ratio * scheduler.total_size)
    told = {
        "base_lr": [float(one) for one in scheduler.base_lrs],
        "max_lr": [float(one) for one in scheduler.max_lrs],
        "step_size_up": up,
        "step_size_down": neat(scheduler.total_size - up),
        "mode": scheduler.mode,
        "gamma": scheduler.gamma,
        "scale_fn": scheduler._scale_fn_custom,
        "scale_mode": scheduler.scale_mode,
        "cycle_momentum": scheduler.cycle_momentum,
    }
    if scheduler.cycle_momentum:
        told |= {"base_momentum": list(scheduler.base_momentums), "max_momentum": list(scheduler.max_momentums)}
    return told


_ARGUMENTS: dict[type, Any] = {
    schedulers.CyclicLR: _cyclic,
    schedulers.LambdaLR: lambda scheduler: {"lr_lambda": list(scheduler.lr_lambdas)},
    schedulers.MultiplicativeLR: lambda scheduler: {"lr_lambda": list(scheduler.lr_lambdas)},
    schedulers.MultiStepLR: lambda scheduler: {
        "milestones": sorted(scheduler.milestones.elements()),
        "gamma": scheduler.gamma,
    },
    schedulers.OneCycleLR: _onecycle,
    SWALR: lambda scheduler: {
        "swa_lr": [float(group["swa_lr"]) for group in scheduler.optimizer.param_groups],
        "anneal_epochs": scheduler.anneal_epochs,
        "anneal_strategy": scheduler._anneal_strategy,
    },
}
