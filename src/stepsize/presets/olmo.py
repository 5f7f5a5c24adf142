# ruff: noqa: N802
"""The schedulers of `olmo_core.optim.scheduler` (3.0): factors of the group's initial rate.

OLMo hands `t_max` (the steps, or tokens, of the run) to each at every step; here it is an argument of those that need
it. `warmup_min_lr`, `decay_min_lr`, `lr_min`, `start_lr` and `end_lr` are rates: with them, say the group's as
`initial_lr`. A warm-up is `warmup` steps or `warmup_fraction` of t_max. Not here: SequentialScheduler, whose members
start from each other's last rate (write `>>`).
"""

from __future__ import annotations

from ..schedules.cooldown import cooldown
from ..schedules.decays import power_law
from ..schedules.shapes import constant, cosine, exponential, linear
from ._arguments import COUNT, POSITIVE, preset
from ._olmo_stages import WSDS, ComposableScheduler, horizon, steps_of
from ._shared import above, holding, join, line_on, rising, share, skipping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..schedules.base import Factor

__all__ = [
    "WSD",
    "WSDS",
    "ComposableScheduler",
    "ConstantScheduler",
    "ConstantWithWarmup",
    "CosWithWarmup",
    "CosWithWarmupAndLinearDecay",
    "ExponentialScheduler",
    "HalfCosWithWarmup",
    "InvSqrtWithWarmup",
    "LinearWithWarmup",
    "PowerLR",
]


@preset()
def ConstantScheduler() -> Factor:
    """The initial rate as it is.

    Formula: 1. Source: olmo_core.optim.ConstantScheduler.

    >>> ConstantScheduler()
    constant()
    """
    return constant()


@preset(t_max=COUNT, initial_lr=POSITIVE)
def ConstantWithWarmup(
    warmup: int | None = None,
    warmup_fraction: float | None = None,
    warmup_min_lr: float = 0.0,
    *,
    t_max: int | None = None,
    initial_lr: float = 1.0,
) -> Factor:
    """A linear warm-up, then constant.

    Formula: w + (1 − w)·min(t/W, 1), w = warmup_min_lr/initial_lr. Source: olmo_core.optim.ConstantWithWarmup.

    >>> ConstantWithWarmup(10)
    linear(0.0, 1.0, 10) >> constant()
    """
    steps = steps_of("ConstantWithWarmup", "warmup", warmup, warmup_fraction, t_max)
    return join(rising(share("ConstantWithWarmup", "warmup_min_lr", warmup_min_lr, initial_lr), steps), constant())


@preset(t_max=COUNT, initial_lr=POSITIVE)
def CosWithWarmup(
    warmup: int | None = None,
    warmup_fraction: float | None = None,
    alpha_f: float = 0.1,
    t_max: int | None = None,
    warmup_min_lr: float = 0.0,
    *,
    initial_lr: float = 1.0,
) -> Factor:
    """A linear warm-up, then half a cosine that ends at t_max, held.

    Formula: w + (1 − w)·t/W, then a + (1 − a)(1 + cos(π(t − W)/(t_max − W)))/2, a = alpha_f: a tenth unless you say
    otherwise. Source: olmo_core.optim.CosWithWarmup.

    >>> CosWithWarmup(10, alpha_f=0.0, t_max=100)
    linear(0.0, 1.0, 10) >> cosine(90)
    """
    steps = steps_of("CosWithWarmup", "warmup", warmup, warmup_fraction, t_max)
    start = share("CosWithWarmup", "warmup_min_lr", warmup_min_lr, initial_lr)
    return join(rising(start, steps), cosine(horizon("CosWithWarmup", t_max) - steps, final=alpha_f))


@preset(t_max=COUNT, initial_lr=POSITIVE)
def HalfCosWithWarmup(
    warmup: int | None = None,
    warmup_fraction: float | None = None,
    alpha_f: float = 0.1,
    t_max: int | None = None,
    warmup_min_lr: float = 0.0,
    *,
    initial_lr: float = 1.0,
) -> Factor:
    """A linear warm-up to the middle, then the second half of a cosine.

    Formula: from w to (1 + a)/2, then a + (1 − a)(1 + cos(π(t − W + H)/(2H)))/2, H = t_max − W.
    Source: olmo_core.optim.HalfCosWithWarmup.

    >>> HalfCosWithWarmup(10, alpha_f=0.0, t_max=100)
    linear(0.0, 0.5, 10) >> shift(cosine(180), 90)
    """
    steps = steps_of("HalfCosWithWarmup", "warmup", warmup, warmup_fraction, t_max)
    start = share("HalfCosWithWarmup", "warmup_min_lr", warmup_min_lr, initial_lr)
    left = horizon("HalfCosWithWarmup", t_max) - steps
    return join(rising(start, steps, alpha_f + (1 - alpha_f) / 2), skipping(cosine(2 * left, final=alpha_f), left))


@preset(t_max=COUNT, initial_lr=POSITIVE)
def CosWithWarmupAndLinearDecay(
    warmup: int | None = None,
    warmup_fraction: float | None = None,
    alpha_f: float = 0.1,
    t_max: int | None = None,
    warmup_min_lr: float = 0.0,
    decay: int | None = None,
    decay_fraction: float | None = 0.1,
    decay_min_lr: float = 0.0,
    *,
    initial_lr: float = 1.0,
) -> Factor:
    """CosWithWarmup, whose last steps are a line from where it stands down to decay_min_lr.

    Formula: CosWithWarmup for t < t_max − D, then its value there along a line. Past t_max OLMo's line goes on below
    decay_min_lr and turns negative; this holds. Source: olmo_core.optim.CosWithWarmupAndLinearDecay.

    >>> CosWithWarmupAndLinearDecay(10, alpha_f=0.0, t_max=100)
    linear(0.0, 1.0, 10) >> cooldown(cosine(90), 10, at=80)
    """
    owner, end = "CosWithWarmupAndLinearDecay", horizon("CosWithWarmupAndLinearDecay", t_max)
    steps = steps_of(owner, "warmup", warmup, warmup_fraction, end)
    tail = steps_of(owner, "decay", decay, None if decay is not None else decay_fraction, end)
    body: Factor = cosine(end - steps, final=alpha_f)
    if tail:
        low = share(owner, "decay_min_lr", decay_min_lr, initial_lr) / body(end - steps - tail)
        body = cooldown(body, tail, at=end - steps - tail, final=low)
    return join(rising(share(owner, "warmup_min_lr", warmup_min_lr, initial_lr), steps), body)


@preset(t_max=COUNT, initial_lr=POSITIVE)
def LinearWithWarmup(
    alpha_f: float = 0.1,
    t_max: int | None = None,
    warmup: int | None = None,
    warmup_fraction: float | None = None,
    warmup_min_lr: float = 0.0,
    *,
    initial_lr: float = 1.0,
) -> Factor:
    """A linear warm-up, then a line that ends at t_max, held.

    Formula: w + (1 − w)·t/W, then 1 − (1 − a)(t − W)/(t_max − W). Source: olmo_core.optim.LinearWithWarmup.

    >>> LinearWithWarmup(0.0, 100, 10)
    linear(0.0, 1.0, 10) >> linear(length=90)
    """
    steps = steps_of("LinearWithWarmup", "warmup", warmup, warmup_fraction, t_max)
    start = share("LinearWithWarmup", "warmup_min_lr", warmup_min_lr, initial_lr)
    return join(rising(start, steps), linear(1.0, alpha_f, horizon("LinearWithWarmup", t_max) - steps))


@preset(t_max=COUNT, initial_lr=POSITIVE)
def InvSqrtWithWarmup(
    alpha_f: float = 0.1,
    warmup: int | None = None,
    warmup_fraction: float | None = None,
    warmup_min_lr: float = 0.0,
    *,
    t_max: int | None = None,
    initial_lr: float = 1.0,
) -> Factor:
    """A linear warm-up, then one over the root of time above a minimum.

    Formula: w + (1 − w)·t/W, then a + (1 − a)·√(W/t). It never ends. Source: olmo_core.optim.InvSqrtWithWarmup.

    >>> InvSqrtWithWarmup(0.0, 10)
    linear(0.0, 1.0, 10) >> power_law(-0.5, 10)
    """
    steps = steps_of("InvSqrtWithWarmup", "warmup", warmup, warmup_fraction, t_max)
    start = share("InvSqrtWithWarmup", "warmup_min_lr", warmup_min_lr, initial_lr)
    return join(rising(start, steps), above(alpha_f, power_law(-0.5, steps)))


@preset(t_max=COUNT, initial_lr=POSITIVE)
def PowerLR(
    b: float = -0.51,
    warmup: int | None = None,
    warmup_fraction: float | None = None,
    warmup_min_lr: float = 0.0,
    decay: int | None = None,
    decay_fraction: float | None = 0.1,
    decay_min_lr: float = 0.0,
    *,
    t_max: int | None = None,
    initial_lr: float = 1.0,
) -> Factor:
    """A linear warm-up, then a power of time, and a line at the end.

    Formula: w + (1 − w)·t/W, then (t/W)^b, then a line to decay_min_lr at t_max, going on past it: OLMo's turns
    negative, this stays at 0. Source: olmo_core.optim.PowerLR.

    >>> PowerLR(warmup=10, t_max=100)
    linear(0.0, 1.0, 10) >> power_law(-0.51, 10, 80) >> linear(0.3260891285763904, length=10)
    """
    end = horizon("PowerLR", t_max)
    steps = steps_of("PowerLR", "warmup", warmup, warmup_fraction, end)
    tail = steps_of("PowerLR", "decay", decay, None if decay is not None else decay_fraction, end)
    low = share("PowerLR", "decay_min_lr", decay_min_lr, initial_lr)
    parts = [
        rising(share("PowerLR", "warmup_min_lr", warmup_min_lr, initial_lr), steps),
        power_law(b, steps, end - tail - steps),
    ]
    return join(*parts, line_on(((end - tail) / steps) ** b, low, tail) if tail else None)


@preset(t_max=COUNT, initial_lr=POSITIVE)
def WSD(
    warmup: int | None = None,
    warmup_fraction: float | None = None,
    decay: int | None = None,
    decay_fraction: float | None = 0.1,
    warmup_min_lr: float = 0.0,
    decay_min_lr: float = 0.0,
    *,
    t_max: int,
    initial_lr: float = 1.0,
) -> Factor:
    """A linear warm-up, a hold, and a line at the end.

    Formula: w + (1 − w)·t/W, 1, then a line to decay_min_lr at t_max, going on past it: OLMo's turns negative, this
    stays at 0. Source: olmo_core.optim.WSD.

    >>> WSD(10, decay=20, t_max=100)
    linear(0.0, 1.0, 10) >> constant(length=70) >> linear(length=20)
    """
    steps = steps_of("WSD", "warmup", warmup, warmup_fraction, t_max)
    tail = steps_of("WSD", "decay", decay, None if decay is not None else decay_fraction, t_max)
    low = share("WSD", "decay_min_lr", decay_min_lr, initial_lr)
    start = share("WSD", "warmup_min_lr", warmup_min_lr, initial_lr)
    parts = [rising(start, steps), holding(1.0, t_max - tail - steps)]
    return join(*parts, line_on(1.0, low, tail) if tail else constant())


@preset(t_max=COUNT, initial_lr=POSITIVE)
def ExponentialScheduler(lr_min: float = 1e-9, *, t_max: int, initial_lr: float = 1.0) -> Factor:
    """A *growing* ramp from lr_min to the initial rate.

    Formula: m^(1 − t/t_max), m = lr_min/initial_lr, held. Source: olmo_core.optim.ExponentialScheduler.

    >>> ExponentialScheduler(0.01, t_max=100)
    constant(0.01) * exponential(100.0, 100)
    """
    low = share("ExponentialScheduler", "lr_min", lr_min, initial_lr)
    return constant(low) * exponential(1 / low, t_max)  # type: ignore[no-any-return]
