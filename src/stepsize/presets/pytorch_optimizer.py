# ruff: noqa: N802
"""The schedulers of `pytorch_optimizer` (4.1): rates, except the factors get_wsd_schedule and get_chebyshev_schedule.

The warm-up family and REXScheduler begin with one update at min_lr, which their constructor sets; what follows is one
update late in the warm-up family. They write one rate into every parameter group. Not here: the schedulers that
pytorch_optimizer takes from torch (`presets.torch`), deberta_v3_large_lr_scheduler makes parameter groups.
"""

from __future__ import annotations

from math import cos, log2, pi

from .._errors import StepsizeError
from ..schedules.combine import then
from ..schedules.decays import anneal, rex
from ..schedules.formulas import formula
from ..schedules.rate import rate
from ..schedules.shapes import constant, cosine
from ..schedules.tables import table
from ._arguments import COUNT, LISTED, NATURAL, POSITIVE, preset, together
from ._shared import again, first, half_cosine, holding, join, line_on, plain, rising, skipping, wave

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..schedules.base import Factor

__all__ = [
    "CosineAnnealingWarmupRestarts",
    "CosineScheduler",
    "LinearScheduler",
    "PolyScheduler",
    "ProportionScheduler",
    "REXScheduler",
    "get_chebyshev_schedule",
    "get_wsd_schedule",
]


@preset(max_lr=POSITIVE, t_max=COUNT, min_lr=NATURAL, init_lr=NATURAL)
def LinearScheduler(
    t_max: int, max_lr: float, min_lr: float = 0.0, init_lr: float = 0.0, warmup_steps: int = 0
) -> rate:
    """One update at min_lr, a linear warm-up, then a line going on past t_max.

    Formula, k = t − 1: init + (max − init)·k/W, then max + (min − max)(k − W)/(t_max − W). Past t_max
    pytorch_optimizer turns negative, this stays at 0. Source: pytorch_optimizer LinearScheduler.

    >>> LinearScheduler(100, 0.1, warmup_steps=10)
    0.1 * (constant(0.0, 1) >> linear(0.0, 1.0, 10) >> linear(length=90))
    """
    together("LinearScheduler", warmup_steps < t_max, f"warmup_steps must be < t_max={t_max}, not {warmup_steps}")
    body = line_on(1.0, min_lr / max_lr, t_max - warmup_steps)
    return _late(body, max_lr, min_lr, init_lr, warmup_steps)


@preset(max_lr=POSITIVE, t_max=COUNT, min_lr=NATURAL, init_lr=NATURAL)
def CosineScheduler(
    t_max: int, max_lr: float, min_lr: float = 0.0, init_lr: float = 0.0, warmup_steps: int = 0
) -> rate:
    """One update at min_lr, a linear warm-up, then a cosine that swings back past t_max.

    Formula, k = t − 1: init + (max − init)·k/W, then min + (max − min)(1 + cos(π(k − W)/(t_max − W)))/2.
    Source: pytorch_optimizer CosineScheduler.

    >>> CosineScheduler(100, 0.1, warmup_steps=10)
    0.1 * (constant(0.0, 1) >> linear(0.0, 1.0, 10) >> formula('0.5 * (1 + cos(pi * t / 90))'))
    """
    together("CosineScheduler", warmup_steps < t_max, f"warmup_steps must be < t_max={t_max}, not {warmup_steps}")
    return _late(wave(t_max - warmup_steps, min_lr / max_lr), max_lr, min_lr, init_lr, warmup_steps)


@preset(poly_order=POSITIVE, max_lr=POSITIVE, min_lr=NATURAL, init_lr=NATURAL)
def PolyScheduler(
    poly_order: float,
    t_max: int,
    max_lr: float,
    min_lr: float = 0.0,
    init_lr: float = 0.0,
    warmup_steps: int = 0,
) -> rate:
    """One update at min_lr, a linear warm-up, then a power that *grows* without bound.

    Formula, k = t − 1: init + (max − init)·k/W, max, then min + (max − min)(k − W)^poly_order; t_max is not used.
    Source: pytorch_optimizer PolyScheduler.

    >>> PolyScheduler(0.5, 100, 0.1)
    0.1 * (constant(0.0, 1) >> formula('0 + 1 * max(t, 1) ** 0.5'))
    """
    low = min_lr / max_lr
    body = formula(f"{plain(low)} + {plain(1 - low)} * max(t, 1) ** {plain(poly_order)}")
    return _late(body, max_lr, min_lr, init_lr, warmup_steps)


@preset(total_steps=COUNT, max_lr=POSITIVE, min_lr=NATURAL, init_lr=NATURAL)
def REXScheduler(total_steps: int, max_lr: float = 1.0, min_lr: float = 0.0) -> rate:
    """One update at min_lr in place of max_lr, then the reflected exponential, then min_lr.

    Formula, t > 0: min + (max − min)(1 − z)/(1 − z/2), z = t/total_steps. Source: pytorch_optimizer REXScheduler.

    >>> REXScheduler(100)
    1.0 * (constant(0.0, 1) >> shift(rex(100), 1))
    """
    low = min_lr / max_lr
    return rate(max_lr, then(constant(low, 1), skipping(rex(total_steps, final=low), 1)))


@preset(
    first_cycle_steps=COUNT,
    max_lr=POSITIVE,
    cycle_mult=POSITIVE,
    gamma=NATURAL,
    cycles=LISTED,
    min_lr=NATURAL,
    init_lr=NATURAL,
)
def CosineAnnealingWarmupRestarts(
    first_cycle_steps: int,
    cycle_mult: float = 1.0,
    max_lr: float = 1e-4,
    min_lr: float = 1e-6,
    warmup_steps: int = 0,
    gamma: float = 0.9,
    *,
    cycles: int = 20,
) -> rate:
    """Cycles of a warm-up and a cosine, whose peak shrinks by gamma above a minimum that stays.

    Formula: min + (max·gammaⁱ − min)·c in cycle i, c = s/W, then (1 + cos(π(s − W)/(Tᵢ − W)))/2, and
    Tᵢ₊₁ = ⌊(Tᵢ − W)·cycle_mult⌋ + W. Without a warm-up the first update is made at min_lr. A cycle_mult that is not 1
    is written out for so many `cycles`, and then holds.
    Source: pytorch_optimizer CosineAnnealingWarmupRestarts, which is katsura's cosine-annealing-with-warmup.

    >>> CosineAnnealingWarmupRestarts(100, max_lr=0.1, min_lr=0.0, warmup_steps=10, gamma=0.5)
    0.1 * repeat(linear(0.0, 1.0, 10) >> cosine(90), height=0.5)
    """
    together(
        "CosineAnnealingWarmupRestarts",
        warmup_steps < first_cycle_steps,
        f"warmup_steps must be < first_cycle_steps={first_cycle_steps}, not {warmup_steps}",
    )
    low, length = min_lr / max_lr, first_cycle_steps - warmup_steps
    if cycle_mult == 1:
        falls = again(join(rising(0.0, warmup_steps), cosine(length)), height=gamma)
        rises = again(join(rising(1.0, warmup_steps, 0.0), half_cosine(0.0, 1.0, length)))
        body = falls + constant(low) * rises if low else falls
    else:
        parts: list[Factor | None] = []
        for i in range(cycles):
            parts += [rising(low, warmup_steps, gamma**i), half_cosine(gamma**i, low, length)]
            length = max(1, int(length * cycle_mult))
        body = join(*parts)
    return rate(max_lr, body if warmup_steps else join(constant(low, 1), skipping(body, 1)))


@preset()
def get_wsd_schedule(
    num_warmup_steps: int,
    num_stable_steps: int,
    num_decay_steps: int,
    min_lr_ratio: float = 0.0,
    num_cycles: float = 0.5,
    cooldown_type: str = "1-sqrt",
) -> Factor:
    """Warm up from 0, hold, decay, and hold min_lr_ratio.

    Formula: t/W, 1, d(r), m. Only the cosine decays to m; 1-sqrt, 1-square and linear decay to 0 and then jump *up* to
    m. Source: pytorch_optimizer get_wsd_schedule.

    >>> get_wsd_schedule(10, 70, 20)
    linear(0.0, 1.0, 10) >> constant(length=70) >> anneal(20, shape='1-sqrt') >> constant(0.0)
    """
    shapes = {"1-sqrt": "1-sqrt", "1-square": "square", "linear": "linear"}
    if cooldown_type == "cosine":
        decay: Factor = wave(num_decay_steps, min_lr_ratio, waves=2 * num_cycles)
    elif cooldown_type in shapes:
        decay = anneal(num_decay_steps, shape=shapes[cooldown_type])
    else:
        raise StepsizeError(f"get_wsd_schedule: cooldown_type is cosine or {', '.join(shapes)}, not {cooldown_type!r}")
    parts = [rising(0.0, num_warmup_steps), holding(1.0, num_stable_steps), first(decay, num_decay_steps)]
    return join(*parts, constant(min_lr_ratio))


@preset(num_epochs=LISTED)
def get_chebyshev_schedule(num_epochs: int, is_warmup: bool = False) -> Factor:
    """Chebyshev steps in fractal order, two steps late; single factors reach twenty times the base.

    Formula: 1/(c − r·cos((i + ½)π/P)), c = 0.525, r = 0.475, P the power of two ≥ num_epochs (≥ 2), i in fractal order;
    the first comes three times, the last holds. With is_warmup the factor is 1.
    Source: pytorch_optimizer get_chebyshev_schedule.

    >>> get_chebyshev_schedule(3)
    table(11.606688053809435, 11.606688053809435, 11.606688053809435, 2.913537542658826)
    """
    if is_warmup:
        return constant()
    count = 2 ** (int(log2(num_epochs - 1)) + 1) if num_epochs > 1 else 1
    order = [0]
    while len(order) < count - 2:
        order = [one for i in order for one in (i, 2 * len(order) - 1 - i)]
    small, big = 0.05, 1.0
    middle, half = (big + small) / 2, (big - small) / 2
    values = [1 / (middle - half * cos((i + 0.5) * pi / count)) for i in order if i < count]
    return table(values[0], values[0], *values)


@preset()
def ProportionScheduler(
    lr_scheduler: rate, max_lr: float, min_lr: float = 0.0, max_value: float = 2.0, min_value: float = 2.0
) -> rate:
    """Another schedule's rate mapped along a line onto another quantity, such as SAM's rho.

    Formula: min_value + (max_value − min_value)(lr(t) − min_lr)/(max_lr − min_lr). A falling line, or one that begins
    below 0, is refused. Source: pytorch_optimizer ProportionScheduler.

    >>> from stepsize import linear
    >>> ProportionScheduler(0.1 * linear(1.0, 0.0, 100), 0.1, 0.0, 2.0, 1.0)
    1.0 * (constant() + constant() * linear(length=100))
    """
    if max_lr <= min_lr:
        return rate(max_value)
    slope = (max_value - min_value) / (max_lr - min_lr)
    start = min_value - slope * min_lr
    if slope < 0 or start < 0:
        raise StepsizeError(f"ProportionScheduler: the line must rise from 0 or above, not from {start!r} by {slope!r}")
    return rate(1.0, constant(start) + constant(slope * lr_scheduler.base) * lr_scheduler.factor)


def _late(body: Factor, max_lr: float, min_lr: float, init_lr: float, warmup_steps: int) -> rate:
    """One update at the minimum, the warm-up, the body."""
    return rate(max_lr, join(constant(min_lr / max_lr, 1), rising(init_lr / max_lr, warmup_steps), body))
