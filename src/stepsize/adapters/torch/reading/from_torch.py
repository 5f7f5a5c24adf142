"""From a torch scheduler to the expression with the same values at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch.optim import lr_scheduler as schedulers
from torch.optim.swa_utils import SWALR

from ...._errors import StepsizeError
from ....controllers.plateau import plateau
from ....presets import torch as presets
from ....presets._shared import half_cosine, wave_between
from ....schedules.base import Factor
from ....schedules.boundaries import settled
from ....schedules.combine import product
from ....schedules.opaque import opaque
from ....schedules.rate import rate
from ....schedules.shapes import constant, linear
from ....schedules.time import repeat
from .cycles import cyclic, cyclic_momentum, late_cyclic, onecycle, onecycle_momentum
from .replayed import Recording, Replayed, arguments, leaves, momentum_fields, neat

Expression = Factor | rate

_MULTIPLYING = (  # what they do to a rate does not depend on what the rate is
    schedulers.ConstantLR,
    schedulers.ExponentialLR,
    schedulers.LinearLR,
    schedulers.MultiplicativeLR,
    schedulers.MultiStepLR,
    schedulers.PolynomialLR,
    schedulers.StepLR,
)
_WRITING = (  # they set the rate, whatever it was
    schedulers.CosineAnnealingWarmRestarts,
    schedulers.CyclicLR,
    schedulers.LambdaLR,
    schedulers.OneCycleLR,
)
_SETTING = (schedulers.CyclicLR, schedulers.OneCycleLR)  # their rates are not relative to the group's own
_CONTINUING = (schedulers.MultiplicativeLR, SWALR)  # in a sequence they go on from the rate that they find
_SEVERAL = (schedulers.ChainedScheduler, schedulers.SequentialLR)
_LEAVES = (*_MULTIPLYING, *_WRITING, schedulers.CosineAnnealingLR, SWALR)


def from_torch(scheduler: Any) -> Any:
    """The expression with the values of a scheduler of torch.optim, at every step.

    Formula: f(t) is what the scheduler writes for update t, counted from its own beginning wherever it stands now; go
    on from there with `Scheduler(…, done=…)`. Use it to move a training script over without a change of the run; for
    new work write the expression itself. It returns one factor where every group's own rate is multiplied alike, a
    rate where that of the only group is set (OneCycleLR, CyclicLR), and otherwise what `Scheduler` takes: a mapping by
    hyper-parameter (`{"lr": …, "momentum": …}`, `"betas.0"` with Adam), by group index, or both. ReduceLROnPlateau
    becomes a `plateau` that watches the metric. What has no closed form (Python functions; chains whose members add to
    the rate or set it; composites at the head of a SequentialLR) becomes an `opaque` factor, which runs and cannot be
    written down.

    `scheduler` is one of torch 2.13's own classes, SWALR included; any other is an error. After the end it does what
    torch does, and holds the last value where torch raises an error; OneCycleLR holds already where torch, in the step
    after its last, goes up once more. A rate that torch would take below 0 (chains can) is 0.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1)
    >>> warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=5)
    >>> cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 95, eta_min=0.01)
    >>> from_torch(torch.optim.lr_scheduler.SequentialLR(optimizer, [warmup, cosine], [5]))
    linear(0.1, 1.0, 5) >> formula('0.1 + 0.45 * (1 + cos(pi * t / 95))')
    """
    _check(scheduler)
    reader = _Reader(scheduler)
    told = [reader.values(i) for i in range(len(scheduler.optimizer.param_groups))]
    by_group = [one["lr"] if len(one) == 1 else one for one in told]
    alike = all(one == told[0] for one in told)
    sets = len(told) > 1 and isinstance(told[0]["lr"], rate)  # what the groups had before is gone, and may differ
    return by_group[0] if alike and not sets else dict(enumerate(by_group))


def _check(scheduler: Any) -> None:
    """Refuse what is not known here, also inside a composite, and a scheduler that has fewer groups than there are."""
    if type(scheduler) is schedulers.ReduceLROnPlateau:
        return
    for one in (*leaves(scheduler), scheduler):
        if type(one) not in (*_LEAVES, *_SEVERAL):
            known = ", ".join(sorted(kind.__name__ for kind in (*_LEAVES, *_SEVERAL, schedulers.ReduceLROnPlateau)))
            raise StepsizeError(
                f"from_torch: {type(one).__name__} is none of {known}: write its factor as formula('…'), as table(…) "
                "or, from Python, as opaque(function)"
            )
        groups = len(one.optimizer.param_groups)
        if type(one) in _LEAVES and len(one.base_lrs) != groups:
            raise StepsizeError(
                f"from_torch: {type(one).__name__} was built for {len(one.base_lrs)} groups and the optimizer has "
                f"{groups}: build the scheduler after the last add_param_group"
            )


def _own(group: dict[str, Any]) -> float:
    """The group's own rate, from before any schedule."""
    return float(group["initial_lr"] if "initial_lr" in group else group["lr"])


class _Reader:
    """Reads one scheduler, group by group; what has to be replayed is recorded once for all groups."""

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler
        self.groups = scheduler.optimizer.param_groups
        self.own = [_own(group) for group in self.groups]
        self.recordings: dict[int, Recording] = {}

    def values(self, i: int) -> dict[str, Expression]:
        """What group `i` is given, by hyper-parameter."""
        found = self._alone(self.scheduler, i)
        sets = any(isinstance(one, _SETTING) for one in leaves(self.scheduler))  # these change the initial rate too
        told: dict[str, Expression] = {"lr": _as_rate(found, self.own[i]) if sets else found}
        for name in momentum_fields(self.scheduler):
            told[name] = rate(1.0, self.momentum(self.scheduler, i, name))
        return told

    def _alone(self, scheduler: Any, i: int) -> Expression:
        """What a scheduler writes that is no part of a sequence, which would begin it once more."""
        if isinstance(scheduler, schedulers.CyclicLR):
            return late_cyclic(scheduler, i, self.own[i])
        return self.rate(scheduler, i)

    def rate(self, scheduler: Any, i: int, later: bool = False) -> Expression:
        """A factor of the group's own rate, or a rate."""
        if isinstance(scheduler, schedulers.ReduceLROnPlateau):
            return _plateau(scheduler, i)
        if isinstance(scheduler, schedulers.SequentialLR):
            return self._sequence(scheduler, i)
        if isinstance(scheduler, schedulers.ChainedScheduler):
            return self._chain(scheduler, i)
        found, base = leaf(scheduler, i, later=later), float(scheduler.base_lrs[i])
        return found if base == self.own[i] else _as_rate(found, base)

    # --- one after the other

    def _sequence(self, scheduler: Any, i: int) -> Expression:
        """Every part from its milestone on, from its own base rate; two kinds go on from the rate that they find."""
        parts, starts = _lasting(scheduler)
        own, head = self.own[i], parts[0]
        if isinstance(head, _SEVERAL) or (
            isinstance(head, schedulers.CosineAnnealingLR) and float(head.base_lrs[i]) != own
        ):
            return self._replayed(scheduler, i)
        rates: list[rate] = []
        relative = own > 0
        for k, part in enumerate(parts):
            if k == 0 and isinstance(part, (*_MULTIPLYING, SWALR)):
                found = _as_rate(leaf(part, i, own), own)
            elif isinstance(part, _CONTINUING):
                before = float(_joined(rates, starts[1:k])(starts[k] - 1))
                found = _as_rate(leaf(part, i, before, later=True), before)
            else:
                made = self.rate(part, i, later=k > 0)
                relative = relative and isinstance(made, Factor)
                found = _as_rate(made, own)
            rates.append(found)
        whole = _joined(rates, starts[1:])
        if not relative:
            return whole
        return whole.factor if whole.base == own else product(constant(neat(whole.base / own)), whole.factor)

    # --- all at once

    def _chain(self, scheduler: Any, i: int) -> Expression:
        """A product where it is one; after a member that sets the rate, what came before it is forgotten."""
        members = list(_flat(scheduler))
        last = max((k for k, one in enumerate(members) if isinstance(one, _WRITING)), default=0)
        if len(members[last:]) == 1:
            return self._alone(members[-1], i)
        whole = _product(members, i)
        if whole is None:
            return self._replayed(scheduler, i)
        base = float(members[0].base_lrs[i])
        return whole if base == self.own[i] else rate(base, whole)

    # --- what goes along with the rate

    def momentum(self, scheduler: Any, i: int, name: str) -> Factor:
        """The momentum of group `i` itself, at every step."""
        if isinstance(scheduler, schedulers.SequentialLR):
            parts, starts = _lasting(scheduler)
            if isinstance(parts[0], _SEVERAL):
                return self._recorded(scheduler, i, name, 1.0)
            return self._momenta(scheduler, parts, starts, i, name)
        if isinstance(scheduler, schedulers.ChainedScheduler):
            return self.momentum([one for one in _flat(scheduler) if momentum_fields(one)][-1], i, name)
        return (onecycle_momentum if isinstance(scheduler, schedulers.OneCycleLR) else cyclic_momentum)(scheduler, i)

    def _momenta(self, scheduler: Any, parts: list[Any], starts: list[int], i: int, name: str) -> Factor:
        """A part that moves no momentum leaves it where the one before put it, at first where the last built did."""
        rates: list[rate] = []
        built = [one for one in leaves(scheduler) if momentum_fields(one)][-1]
        held = self.momentum(built, i, name)(0)
        for k, part in enumerate(parts):
            if momentum_fields(part):
                rates.append(rate(1.0, self.momentum(part, i, name)))
            else:
                rates.append(rate(1.0, constant(_joined(rates, starts[1:k])(starts[k] - 1) if k else held)))
        return _joined(rates, starts[1:]).factor

    # --- what has no closed form

    def _replayed(self, scheduler: Any, i: int) -> Expression:
        first = next(j for j in range(i + 1) if self._alike(scheduler, i, j))
        if self.own[i] > 0:
            return self._recorded(scheduler, first, "lr", self.own[first])
        return rate(1.0, self._recorded(scheduler, first, "lr", 1.0))

    def _alike(self, scheduler: Any, i: int, j: int) -> bool:
        """True where two groups are multiplied alike, or treated alike from the same rate."""
        pairs = [(leaf(one, i), leaf(one, j)) for one in leaves(scheduler)]
        bases = [(float(one.base_lrs[i]), float(one.base_lrs[j])) for one in leaves(scheduler)]
        bases.append((self.own[i], self.own[j]))
        if any(a != b for a, b in pairs):
            return False
        scaled = all(base == (self.own[i], self.own[j]) for base in bases) and self.own[i] > 0 and self.own[j] > 0
        return all(a == b for a, b in bases) or (scaled and not any(isinstance(a, rate) for a, _ in pairs))

    def _recorded(self, scheduler: Any, i: int, name: str, scale: float) -> opaque:
        if id(scheduler) not in self.recordings:
            self.recordings[id(scheduler)] = Recording(scheduler)
        return opaque(Replayed(self.recordings[id(scheduler)], i, name, scale), name=type(scheduler).__name__)


def _flat(chain: Any) -> list[Any]:
    """The members of a chain; a chain among them is its members."""
    flat: list[Any] = []
    for one in chain._schedulers:
        flat += _flat(one) if isinstance(one, schedulers.ChainedScheduler) else [one]
    return flat


def _product(members: list[Any], i: int) -> Factor | None:
    """The product, where torch's chain is one: of what multiplies, and of one cosine to 0 that outlasts the others."""
    others = [one for one in members if isinstance(one, _MULTIPLYING)]
    rest = [one for one in members if not isinstance(one, _MULTIPLYING)]
    if rest:
        if len(rest) > 1 or not isinstance(rest[0], schedulers.CosineAnnealingLR) or rest[0].eta_min:
            return None
        tail = product(*(factor(one, i) for one in others))
        done = settled(tail)
        if done is None or done > rest[0].T_max or tail(rest[0].T_max) != 1:
            return None  # from its zero on torch's cosine goes on without what the others did before
    return presets.ChainedScheduler([factor(one, i) for one in members])


def _lasting(sequence: Any) -> tuple[list[Any], list[int]]:
    """The parts that get a step, and where each begins."""
    starts = [0, *(max(0, one) for one in sequence._milestones)]
    kept = [k for k, start in enumerate(starts) if k + 1 == len(starts) or starts[k + 1] != start]
    return [sequence._schedulers[k] for k in kept], [starts[k] for k in kept]


def _joined(rates: list[rate], milestones: list[int]) -> rate:
    whole = presets.SequentialLR(rates, milestones)
    assert isinstance(whole, rate)
    return whole


def _as_rate(found: Expression, base: float) -> rate:
    """What sets a rate as it is, what multiplies one with its base."""
    return found if isinstance(found, rate) else rate(base, found)


# --- single schedulers


def leaf(scheduler: Any, i: int, base: float | None = None, later: bool = False) -> Expression:
    """One scheduler for group `i`: a factor of its base rate, or a rate where it sets one.

    `base` is the rate it begins from, where that is not its own; `later` says that it is not the head of a sequence.
    """
    base = float(scheduler.base_lrs[i]) if base is None else base
    kind = type(scheduler)
    if kind in _SPECIAL:
        return _SPECIAL[kind](scheduler, i, base, later)
    if kind is schedulers.ConstantLR and later and not scheduler.total_iters:
        return constant()  # where torch uses its closed form, no steps of a constant are none
    if kind is schedulers.PolynomialLR and not scheduler.total_iters:
        return constant()
    preset: Callable[..., Factor] = getattr(presets, kind.__name__)
    return preset(**arguments(scheduler))


def factor(scheduler: Any, i: int) -> Factor:
    """A scheduler that multiplies, for group `i`."""
    found = leaf(scheduler, i)
    assert isinstance(found, Factor)
    return found


def _cosine(scheduler: Any, i: int, base: float, later: bool) -> Expression:
    end, low = scheduler.T_max, float(scheduler.eta_min)
    return _towards(low, base, lambda m: presets.CosineAnnealingLR(end, m), lambda: wave_between(0.0, low, end))


def _restarts(scheduler: Any, i: int, base: float, later: bool) -> Expression:
    first, growth, low = scheduler.T_0, scheduler.T_mult, float(scheduler.eta_min)
    return _towards(
        low,
        base,
        lambda m: presets.CosineAnnealingWarmRestarts(first, growth, m),
        lambda: rate(low, repeat(half_cosine(0.0, 1.0, first), growth=growth)),
    )


def _averaging(scheduler: Any, i: int, base: float, later: bool) -> Expression:
    told = arguments(scheduler)
    end, steps, how = told["swa_lr"][i], told["anneal_epochs"], told["anneal_strategy"]

    def from_zero() -> rate:
        if not steps:
            return rate(end)
        return rate(end, half_cosine(0.0, 1.0, steps) if how == "cos" else linear(0.0, 1.0, steps))

    return _towards(end, base, lambda share: presets.SWALR(share, steps, how), from_zero)


def _towards(end: float, base: float, scaled: Callable[[float], Factor], from_zero: Callable[[], rate]) -> Expression:
    """torch's absolute rates as shares of the base; from a base of 0 there is none."""
    if base == 0 and end != 0:
        return from_zero()
    return scaled(neat(end / base) if base else 0.0)


@dataclass(frozen=True)
class Products:
    """What multiplies the rate at every step, multiplied up; at step 0 too where it is not the first."""

    function: Callable[[int], float]
    later: bool
    known: list[float] = field(default_factory=list, compare=False)

    def __call__(self, t: float) -> float:
        if not self.known:
            self.known.append(float(self.function(0)) if self.later else 1.0)
        while len(self.known) <= t:
            self.known.append(self.known[-1] * float(self.function(len(self.known))))
        return self.known[int(t)]


def _multiplicative(scheduler: Any, i: int, base: float, later: bool) -> opaque:
    function = scheduler.lr_lambdas[i]
    return opaque(Products(function, later), name=f"product of {opaque(function).name}")


def _plateau(scheduler: Any, i: int) -> plateau:
    """The rule alone: the group's own rate times this factor."""
    own = _own(scheduler.optimizer.param_groups[i])
    relative = scheduler.threshold_mode == "rel"
    return plateau(
        scheduler.factor,
        scheduler.patience,
        threshold=scheduler.threshold if relative else 0.0,
        absolute=0.0 if relative else scheduler.threshold,
        mode=scheduler.mode,
        cooldown=scheduler.cooldown,
        floor=min(neat(scheduler.min_lrs[i] / own), 1.0) if own else 0.0,
        eps=neat(scheduler.eps / own) if own else 0.0,
        watch="metric",
        nonfinite="bad",
    )


_SPECIAL: dict[type, Callable[[Any, int, float, bool], Expression]] = {
    schedulers.CosineAnnealingLR: _cosine,
    schedulers.CosineAnnealingWarmRestarts: _restarts,
    schedulers.CyclicLR: lambda scheduler, i, base, later: cyclic(scheduler, i),
    schedulers.LambdaLR: lambda scheduler, i, base, later: opaque(scheduler.lr_lambdas[i]),
    schedulers.MultiplicativeLR: _multiplicative,
    schedulers.OneCycleLR: lambda scheduler, i, base, later: onecycle(scheduler, i),
    SWALR: _averaging,
}
