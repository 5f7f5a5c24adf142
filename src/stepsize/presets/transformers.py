"""The schedules of `transformers.optimization` (5.23): factors of the optimizer's rate.

`min_lr` and `lr_end` are rates: with them, say the optimizer's as `base_lr` (transformers reads it from
`optimizer.defaults`, so groups with a rate of their own get another minimum there). Not here:
get_reduce_on_plateau_schedule and get_greedy_schedule see the run.
"""

from __future__ import annotations

from .._errors import StepsizeError
from ..schedules.combine import then
from ..schedules.decays import anneal, polynomial, power_law
from ..schedules.formulas import formula
from ..schedules.shapes import constant, linear, warmup
from ..schedules.tables import piecewise
from ._arguments import NATURAL, POSITIVE, preset
from ._shared import holding, join, plain, rising, share, wave

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..schedules.base import Factor

__all__ = [
    "get_constant_schedule",
    "get_constant_schedule_with_warmup",
    "get_cosine_schedule_with_warmup",
    "get_cosine_with_hard_restarts_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
    "get_inverse_sqrt_schedule",
    "get_linear_schedule_with_warmup",
    "get_polynomial_decay_schedule_with_warmup",
    "get_wsd_schedule",
]


@preset()
def get_constant_schedule() -> Factor:
    """The optimizer's rate as it is.

    Formula: 1. Source: transformers.get_constant_schedule.

    >>> get_constant_schedule()
    constant()
    """
    return constant()


@preset()
def get_constant_schedule_with_warmup(num_warmup_steps: int) -> Factor:
    """A linear warm-up from 0, then constant.

    Formula: min(t/W, 1). The first update is made at 0. Source: transformers.get_constant_schedule_with_warmup.

    >>> get_constant_schedule_with_warmup(10)
    linear(0.0, 1.0, 10) >> constant()
    """
    return join(rising(0.0, num_warmup_steps), constant())


@preset()
def get_linear_schedule_with_warmup(num_warmup_steps: int, num_training_steps: int) -> Factor:
    """A linear warm-up from 0, then a line to 0 at num_training_steps, held.

    Formula: t/W, then max(0, (T − t)/(T − W)). The first update is made at 0.
    Source: transformers.get_linear_schedule_with_warmup.

    >>> get_linear_schedule_with_warmup(10, 100)
    linear(0.0, 1.0, 10) >> linear(length=90)
    """
    left = num_training_steps - num_warmup_steps
    return join(rising(0.0, num_warmup_steps), linear(1.0, 0.0, left) if left > 0 else constant(0.0))


@preset()
def get_cosine_schedule_with_warmup(num_warmup_steps: int, num_training_steps: int, num_cycles: float = 0.5) -> Factor:
    """A linear warm-up from 0, then num_cycles waves of a cosine that swings on past the end.

    Formula: t/W, then (1 + cos(2π·num_cycles·(t − W)/(T − W)))/2. The first update is made at 0; trained past T, the
    rate climbs back. Source: transformers.get_cosine_schedule_with_warmup.

    >>> get_cosine_schedule_with_warmup(10, 100)
    linear(0.0, 1.0, 10) >> formula('0.5 * (1 + cos(pi * t / 90))')
    """
    return _cosine(num_warmup_steps, num_training_steps, num_cycles, 0.0)


@preset()
def get_cosine_with_hard_restarts_schedule_with_warmup(
    num_warmup_steps: int, num_training_steps: int, num_cycles: int = 1
) -> Factor:
    """A linear warm-up from 0, then num_cycles half cosines of equal length, then 0.

    Formula: t/W, then (1 + cos(π·(num_cycles·(t − W)/(T − W) mod 1)))/2, and 0 from T on. The remainder is taken in
    floating point, in the library's order, so that a restart it misses is missed here too.
    Source: transformers.get_cosine_with_hard_restarts_schedule_with_warmup.

    >>> get_cosine_with_hard_restarts_schedule_with_warmup(10, 100, 3)
    linear(0.0, 1.0, 10) >> formula('0.5 * (1 + cos(pi * (3 * (t / 90) % 1)))', 90) >> constant(0.0)
    """
    left = num_training_steps - num_warmup_steps
    if left <= 0:
        return join(rising(0.0, num_warmup_steps), holding(1.0, int(left == 0)), constant(0.0))
    body = formula(f"0.5 * (1 + cos(pi * ({plain(num_cycles)} * (t / {left}) % 1)))", left)
    return join(rising(0.0, num_warmup_steps), body, constant(0.0))


@preset()
def get_polynomial_decay_schedule_with_warmup(
    num_warmup_steps: int, num_training_steps: int, lr_end: float = 1e-7, power: float = 1.0, *, base_lr: float = 1.0
) -> Factor:
    """A linear warm-up from 0, then a power of what is left, down to lr_end, held.

    Formula: t/W, then e + (1 − e)·(1 − (t − W)/(T − W))^power, e = lr_end/base_lr.
    Source: transformers.get_polynomial_decay_schedule_with_warmup.

    >>> get_polynomial_decay_schedule_with_warmup(10, 100, lr_end=0.0, power=2.0)
    linear(0.0, 1.0, 10) >> polynomial(2.0, 90)
    """
    final = share("get_polynomial_decay_schedule_with_warmup", "lr_end", lr_end, base_lr)
    body = polynomial(power, num_training_steps - num_warmup_steps, final=final)
    return join(rising(0.0, num_warmup_steps), body)


@preset()
def get_inverse_sqrt_schedule(num_warmup_steps: int, timescale: int | None = None) -> Factor:
    """A linear warm-up from 0, then one over the root of time.

    Formula: t/W, then 1/√((t − W + s)/s), s = timescale, or W, or 10 000. It never ends.
    Source: transformers.get_inverse_sqrt_schedule.

    >>> get_inverse_sqrt_schedule(10)
    linear(0.0, 1.0, 10) >> power_law(-0.5, 10)
    """
    scale = num_warmup_steps or 10_000 if timescale is None else timescale
    return join(rising(0.0, num_warmup_steps), power_law(-0.5, scale))


@preset(min_lr=NATURAL, min_lr_rate=NATURAL, base_lr=POSITIVE)
def get_cosine_with_min_lr_schedule_with_warmup(
    num_warmup_steps: int,
    num_training_steps: int,
    num_cycles: float = 0.5,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
    *,
    base_lr: float = 1.0,
) -> Factor:
    """A linear warm-up from 0, then a cosine above a minimum that swings on past the end.

    Formula: t/W, then m + (1 − m)(1 + cos(2π·num_cycles·(t − W)/(T − W)))/2, m = min_lr_rate or min_lr/base_lr.
    Source: transformers.get_cosine_with_min_lr_schedule_with_warmup.

    >>> get_cosine_with_min_lr_schedule_with_warmup(10, 100, min_lr_rate=0.5)
    linear(0.0, 1.0, 10) >> formula('0.5 + 0.25 * (1 + cos(pi * t / 90))')
    """
    final = _minimum("get_cosine_with_min_lr_schedule_with_warmup", min_lr, min_lr_rate, base_lr)
    return _cosine(num_warmup_steps, num_training_steps, num_cycles, final)


@preset(min_lr=NATURAL, min_lr_rate=NATURAL, base_lr=POSITIVE)
def get_cosine_with_min_lr_schedule_with_warmup_lr_rate(
    num_warmup_steps: int,
    num_training_steps: int,
    num_cycles: float = 0.5,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
    warmup_lr_rate: float | None = None,
    *,
    base_lr: float = 1.0,
) -> Factor:
    """A warm-up that wastes no update, then a cosine that is one step ahead and swings on past the end.

    Formula: (t + 1)/W, or w + (1 − w)·t/(W − 1) with w = warmup_lr_rate, then
    m + (1 − m)(1 + cos(2π·num_cycles·(t + 1 − W)/(T − W)))/2: the minimum is reached in the last update.
    Source: transformers.get_cosine_with_min_lr_schedule_with_warmup_lr_rate.

    >>> get_cosine_with_min_lr_schedule_with_warmup_lr_rate(10, 100, min_lr_rate=0)
    warmup(10) >> formula('0.5 * (1 + cos(pi * (t + 1) / 90))')
    """
    final = _minimum("get_cosine_with_min_lr_schedule_with_warmup_lr_rate", min_lr, min_lr_rate, base_lr)
    left = max(1, num_training_steps - num_warmup_steps)
    body = wave(left, final, waves=2 * num_cycles, ahead=1)
    if not num_warmup_steps:
        return body
    if warmup_lr_rate is None:
        return then(warmup(num_warmup_steps), body)
    top = 1.0 if num_warmup_steps > 1 else warmup_lr_rate
    return join(rising(warmup_lr_rate, num_warmup_steps - 1), constant(top, 1), body)


@preset()
def get_wsd_schedule(
    num_warmup_steps: int,
    num_decay_steps: int,
    num_training_steps: int | None = None,
    num_stable_steps: int | None = None,
    warmup_type: str = "linear",
    decay_type: str = "cosine",
    min_lr_ratio: float = 0.0,
    num_cycles: float = 0.5,
) -> Factor:
    """Warm up, hold, decay, each from or to min_lr_ratio; then that, held.

    Formula: m + (1 − m)·c(t/W), 1, m + (1 − m)·d(r), m; warm-ups c and decays d are linear, cosine or 1-sqrt.
    Source: transformers.get_wsd_schedule.

    >>> get_wsd_schedule(10, 20, 100, decay_type="1-sqrt")
    linear(0.0, 1.0, 10) >> constant(length=70) >> anneal(20, shape='1-sqrt') >> constant(0.0)
    """
    if num_stable_steps is None:
        if num_training_steps is None:
            raise StepsizeError("get_wsd_schedule: write num_training_steps=1000 or num_stable_steps=800")
        num_stable_steps = num_training_steps - num_warmup_steps - num_decay_steps
    parts: list[Factor | None] = [holding(1.0, num_stable_steps)]
    if num_warmup_steps:
        parts.insert(0, _rise(warmup_type, num_warmup_steps, min_lr_ratio))
    if num_decay_steps:
        parts.append(_decay(decay_type, num_decay_steps, min_lr_ratio, num_cycles))
    return join(*parts, constant(min_lr_ratio))


def _cosine(warmup_steps: int, steps: int, num_cycles: float, final: float) -> Factor:
    return join(rising(0.0, warmup_steps), wave(max(1, steps - warmup_steps), final, waves=2 * num_cycles))


def _minimum(owner: str, min_lr: float | None, min_lr_rate: float | None, base_lr: float) -> float:
    if (min_lr is None) == (min_lr_rate is None):
        raise StepsizeError(f"{owner}: write one of min_lr=1e-5 and min_lr_rate=0.1")
    return share(owner, "min_lr", min_lr, base_lr) if min_lr is not None else float(min_lr_rate or 0.0)


def _rise(shape: str, steps: int, start: float) -> Factor:
    if shape == "linear":
        return linear(start, 1.0, steps)
    if shape == "cosine":
        return piecewise((0, start), (steps, 1.0), shape="cosine")
    if shape == "1-sqrt":
        return formula(f"{plain(start)} + {plain(1 - start)} * (1 - sqrt(1 - u))", steps)
    raise StepsizeError(f"get_wsd_schedule: warmup_type must be linear, cosine or 1-sqrt, not {shape!r}")


def _decay(shape: str, steps: int, final: float, num_cycles: float) -> Factor:
    if shape not in ("linear", "cosine", "1-sqrt"):
        raise StepsizeError(f"get_wsd_schedule: decay_type must be linear, cosine or 1-sqrt, not {shape!r}")
    if shape == "cosine" and num_cycles != 0.5:
        return wave(steps, final, waves=2 * num_cycles).replace(length=steps)
    return anneal(steps, shape=shape, final=final)
