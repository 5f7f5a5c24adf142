# ruff: noqa: N802
"""The schedulers of `timm.scheduler` (1.0.31): factors of the optimizer's rate.

timm's t is whatever it is stepped with, epochs or updates; here it is the update. Its constructor leaves the
optimizer's rate (or warmup_lr_init) in place, so that an update before the first step is made at that. `lr_min` and
`warmup_lr_init` are rates: with them, say the optimizer's as `base_lr`. Not here: PlateauLRScheduler sees the run, and
the noise draws from torch's generator (`noise` is our own).
"""

from __future__ import annotations

from math import ceil

from .._errors import one_of
from ..schedules.base import Factor
from ..schedules.combine import clamp
from ..schedules.decays import polynomial, power_law, tanh_decay
from ..schedules.formulas import formula
from ..schedules.shapes import constant, staircase
from ._arguments import COUNT, INSIDE, LISTED, NATURAL, POSITIVE, preset, together
from ._shared import again, first, half_cosine, holding, join, multistep_at, plain, rising, share, skipping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

_Trio: TypeAlias = "tuple[Factor, Factor, Factor]"  # a fall to the minimum, to 0, and 1 − that

__all__ = [
    "CosineLRScheduler",
    "MultiStepLRScheduler",
    "PolyLRScheduler",
    "StepLRScheduler",
    "TanhLRScheduler",
    "WSDLRScheduler",
]


@preset(t_initial=COUNT, lr_min=NATURAL, cycle_mul=POSITIVE, cycle_limit=COUNT, base_lr=POSITIVE)
def CosineLRScheduler(
    t_initial: int,
    lr_min: float = 0.0,
    cycle_mul: float = 1.0,
    cycle_decay: float = 1.0,
    cycle_limit: int = 1,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    warmup_prefix: bool = False,
    k_decay: float = 1.0,
    *,
    base_lr: float = 1.0,
) -> Factor:
    """A cosine with restarts; without warmup_prefix the warm-up covers its first steps and it drops at their end.

    Formula: m + (cycle_decayⁱ − m)(1 + cos(π·(s/Tᵢ)^k))/2 in cycle i of T₀·cycle_mulⁱ steps, m after cycle_limit of
    them. timm takes i from a logarithm and misses some restarts; this counts. Source: timm.scheduler.CosineLRScheduler.

    >>> CosineLRScheduler(90, warmup_t=10, warmup_prefix=True)
    linear(0.0, 1.0, 10) >> cosine(90)
    """
    owner, m = "CosineLRScheduler", share("CosineLRScheduler", "lr_min", lr_min, base_lr)
    if k_decay == 1:
        trio: _Trio = half_cosine(1, m, t_initial), half_cosine(1, 0, t_initial), half_cosine(0, 1, t_initial)
    else:
        swing = f"cos(pi * u ** {plain(k_decay)})"
        trio = _formulas(f"0.5 * (1 + {swing})", f"0.5 * (1 - {swing})", m, t_initial)
    body = _restarts(trio, m, cycle_mul, cycle_decay, cycle_limit)
    return _warmed(body, warmup_t, share(owner, "warmup_lr_init", warmup_lr_init, base_lr), warmup_prefix)


@preset(t_initial=COUNT, lr_min=NATURAL, cycle_mul=POSITIVE, cycle_limit=COUNT, base_lr=POSITIVE)
def PolyLRScheduler(
    t_initial: int,
    power: float = 0.5,
    lr_min: float = 0.0,
    cycle_mul: float = 1.0,
    cycle_decay: float = 1.0,
    cycle_limit: int = 1,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    warmup_prefix: bool = False,
    k_decay: float = 1.0,
    *,
    base_lr: float = 1.0,
) -> Factor:
    """A power of what is left, with restarts.

    Formula: m + (cycle_decayⁱ − m)(1 − (s/Tᵢ)^k)^power in cycle i, m after cycle_limit of them. The default power is
    0.5; warm-up and restarts as in CosineLRScheduler. Source: timm.scheduler.PolyLRScheduler.

    >>> PolyLRScheduler(100, power=2.0)
    polynomial(2.0, 100)
    """
    owner, m = "PolyLRScheduler", share("PolyLRScheduler", "lr_min", lr_min, base_lr)
    left = "1 - u" if k_decay == 1 else f"1 - u ** {plain(k_decay)}"
    rise = formula(f"1 - ({left}) ** {plain(power)}", t_initial)
    trio = polynomial(power, t_initial, final=m, k=k_decay), polynomial(power, t_initial, k=k_decay), rise
    body = _restarts(trio, m, cycle_mul, cycle_decay, cycle_limit)
    return _warmed(body, warmup_t, share(owner, "warmup_lr_init", warmup_lr_init, base_lr), warmup_prefix)


@preset(t_initial=COUNT, lr_min=NATURAL, cycle_mul=POSITIVE, cycle_limit=LISTED, base_lr=POSITIVE)
def TanhLRScheduler(
    t_initial: int,
    lb: float = -7.0,
    ub: float = 3.0,
    lr_min: float = 0.0,
    cycle_mul: float = 1.0,
    cycle_decay: float = 1.0,
    cycle_limit: int = 1,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    warmup_prefix: bool = False,
    *,
    base_lr: float = 1.0,
) -> Factor:
    """A hyperbolic tangent with restarts, then a jump to the minimum.

    Formula: m + (cycle_decayⁱ − m)(1 − tanh(lb(1 − r) + ub·r))/2, r = s/Tᵢ, m after cycle_limit cycles. Without
    warmup_prefix the warm-up climbs to the curve and does not drop. Source: timm.scheduler.TanhLRScheduler.

    >>> TanhLRScheduler(100)
    tanh_decay(100) >> constant(0.0)
    """
    together("TanhLRScheduler", lb < ub, f"lb must be < ub={ub!r}, not {lb!r}")
    owner, m = "TanhLRScheduler", share("TanhLRScheduler", "lr_min", lr_min, base_lr)
    fall = tanh_decay(t_initial, low=lb, high=ub)
    rise = formula(f"0.5 * (1 + tanh({plain(lb)} * (1 - u) + {plain(ub)} * u))", t_initial)
    waves = _restarts((fall.replace(final=m), fall, rise), m, cycle_mul, cycle_decay, cycle_limit)
    total = ceil(sum(t_initial * cycle_mul**i for i in range(cycle_limit)))
    body = join(first(waves, total), constant(m))
    top = 1.0 if warmup_prefix else body(warmup_t)
    return _warmed(body, warmup_t, share(owner, "warmup_lr_init", warmup_lr_init, base_lr), warmup_prefix, top)


@preset(decay_t=POSITIVE, decay_rate=NATURAL)
def StepLRScheduler(
    decay_t: float,
    decay_rate: float = 1.0,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    warmup_prefix: bool = True,
    *,
    base_lr: float = 1.0,
) -> Factor:
    """Step decay; here warmup_prefix is the default.

    Formula: decay_rate^⌊s/decay_t⌋, s = t − W with warmup_prefix, else t. Source: timm.scheduler.StepLRScheduler.

    >>> StepLRScheduler(30, 0.1)
    staircase(0.1, 30)
    """
    if float(decay_t).is_integer():
        body: Factor = staircase(decay_rate, int(decay_t))
    else:
        body = formula(f"{plain(decay_rate)} ** (t // {plain(decay_t)})")
    start = share("StepLRScheduler", "warmup_lr_init", warmup_lr_init, base_lr)
    return _warmed(body, warmup_t, start, warmup_prefix)


@preset(decay_rate=NATURAL)
def MultiStepLRScheduler(
    decay_t: Sequence[int],
    decay_rate: float = 1.0,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    warmup_prefix: bool = True,
    *,
    base_lr: float = 1.0,
) -> Factor:
    """Step decay at given steps, each *one step before* its milestone.

    Formula: decay_rate^(milestones ≤ s + 1), s = t − W with warmup_prefix, else t: torch changes at the milestone.
    Source: timm.scheduler.MultiStepLRScheduler.

    >>> MultiStepLRScheduler([30, 60], 0.5)
    stages(1.0, 0.5, 0.25, at=(29, 59))
    """
    start = share("MultiStepLRScheduler", "warmup_lr_init", warmup_lr_init, base_lr)
    return _warmed(multistep_at([one - 1 for one in decay_t], decay_rate), warmup_t, start, warmup_prefix)


@preset(
    t_initial=COUNT,
    decay_t=COUNT,
    lr_min=NATURAL,
    stable_timescale=POSITIVE,
    stable_power=POSITIVE,
    decay_power=POSITIVE,
    decay_ratio=INSIDE,
    base_lr=POSITIVE,
)
def WSDLRScheduler(
    t_initial: int,
    decay_t: int,
    lr_min: float = 0.0,
    stable_fn: str = "constant",
    stable_timescale: float | None = None,
    stable_power: float = 0.5,
    decay_fn: str = "1-sqrt",
    decay_power: float = 0.5,
    decay_ratio: float = 0.1,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    *,
    base_lr: float = 1.0,
) -> Factor:
    """Warm up, hold (or fall slowly), decay over the last decay_t of t_initial steps; the warm-up comes on top.

    Formula: m + (max(p, m) − m)·d, p = 1 or (1 + s/timescale)^−power, d = 1 and then the decay, m after the end.
    A decay_fn of your own is not covered. Source: timm.scheduler.WSDLRScheduler.

    >>> WSDLRScheduler(90, 20, warmup_t=10, decay_fn="linear")
    linear(0.0, 1.0, 10) >> constant(length=70) >> formula('1 - u', 20)
    """
    together("WSDLRScheduler", decay_t <= t_initial, f"decay_t must be ≤ t_initial={t_initial}, not {decay_t}")
    one_of("WSDLRScheduler", "stable_fn", stable_fn, ("constant", "rsqrt", "power"))
    m = share("WSDLRScheduler", "lr_min", lr_min, base_lr)
    down, low, up = _decays(decay_fn, decay_power, decay_ratio, m, decay_t)
    held = t_initial - decay_t
    if stable_fn == "constant":
        body = join(holding(1.0, held), down)
    else:
        scale = warmup_t if stable_timescale is None else stable_timescale
        stable = _falling(0.5 if stable_fn == "rsqrt" else stable_power, scale)
        body = (clamp(stable, low=m) if m else stable) * join(holding(1.0, held), low)
        body = body + constant(m) * join(holding(0.0, held), up) if m else body
    return _warmed(body, warmup_t, share("WSDLRScheduler", "warmup_lr_init", warmup_lr_init, base_lr), True)


def _formulas(fall: str, rise: str, floor: float, length: int) -> _Trio:
    above = f"{plain(floor)} + {plain(1 - floor)} * ({fall})" if floor else fall
    return formula(above, length), formula(fall, length), formula(rise, length)


def _restarts(trio: _Trio, floor: float, growth: float, height: float, times: int) -> Factor:
    """So many cycles of falling height above a floor that stays."""
    if floor == 0 or height == 1 or times == 1:
        return again(trio[0], times, growth=growth, height=height)
    falls, rises = again(trio[1], times, growth=growth, height=height), again(trio[2], times, growth=growth)
    return falls + constant(floor) * rises  # type: ignore[no-any-return]


def _warmed(body: Factor, steps: int, start: float, prefix: bool, top: float = 1.0) -> Factor:
    """The warm-up before the body, or over its first steps."""
    return join(rising(start, steps, top), body if prefix else skipping(body, steps))


def _decays(shape: str, power: float, ratio: float, floor: float, length: int) -> _Trio:
    rises = {
        "linear": "u",
        "1-sqrt": "sqrt(u)",
        "cosine": "0.5 * (1 - cos(pi * u))",
        "power": f"u ** {plain(power)}",
        "exp": f"(1 - {plain(ratio)} ** u) / {plain(1 - ratio)}",
    }
    one_of("WSDLRScheduler", "decay_fn", shape, rises)
    return _formulas(f"1 - {rises[shape]}", rises[shape], floor, length)


def _falling(power: float, timescale: float) -> Factor:
    if float(timescale).is_integer():
        return power_law(-power, int(timescale))
    return formula(f"(1 + t / {plain(timescale)}) ** -{plain(power)}")
