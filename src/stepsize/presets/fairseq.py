# ruff: noqa: N802
"""Four schedulers of `fairseq.optim.lr_scheduler` (0.12): rates, because fairseq takes absolute values.

Before the first update fairseq leaves the rate at warmup_init_lr; its trainer then asks for the rate of the updates
done. Not here: step, fixed, manual and triangular; reduce_lr_on_plateau sees the run.
"""

from __future__ import annotations

from .._errors import StepsizeError
from ..schedules.decays import polynomial, power_law
from ..schedules.rate import rate
from ..schedules.shapes import cosine, exponential
from ._arguments import ANY, COUNT, POSITIVE, WHOLE, preset
from ._shared import again, holding, join, rising

__all__ = ["CosineLRSchedule", "InverseSquareRootSchedule", "PolynomialDecayLRSchedule", "TriStageLRSchedule"]


@preset(lr=POSITIVE, warmup_init_lr=ANY, lr_period_updates=WHOLE, t_mult=POSITIVE)
def CosineLRSchedule(
    lr: float,
    warmup_updates: int = 0,
    warmup_init_lr: float = -1,
    min_lr: float = 0.0,
    t_mult: float = 1.0,
    lr_period_updates: int = -1,
    lr_shrink: float = 0.1,
    max_update: int = 0,
) -> rate:
    """A linear warm-up, then a cosine that begins again, each cycle lr_shrink times as high, its minimum too.

    Formula: init + (lr − init)·t/W, then lr_shrinkⁱ·(min + (lr − min)(1 + cos(πs/Tᵢ))/2) in cycle i of
    T₀·t_multⁱ steps, T₀ = lr_period_updates or max_update − W: a run that goes on past max_update *restarts*. fairseq
    takes i from a logarithm and misses some restarts; this counts. Source: fairseq CosineLRSchedule.

    >>> CosineLRSchedule(0.1, 10, max_update=100)
    0.1 * (linear(0.0, 1.0, 10) >> repeat(cosine(90), height=0.1))
    """
    period = lr_period_updates if lr_period_updates > 0 else max_update - warmup_updates
    if period <= 0:
        raise StepsizeError("CosineLRSchedule: write max_update=1000 or lr_period_updates=1000")
    start = (min_lr if warmup_init_lr < 0 else warmup_init_lr) / lr
    body = again(cosine(period, final=min_lr / lr), growth=t_mult, height=lr_shrink)
    return rate(lr, join(rising(start, warmup_updates), body))


@preset(lr=POSITIVE, warmup_updates=COUNT, warmup_init_lr=ANY)
def InverseSquareRootSchedule(lr: float, warmup_updates: int = 4000, warmup_init_lr: float = -1) -> rate:
    """A linear warm-up, then one over the root of time.

    Formula: init + (lr − init)·t/W, then lr·√(W/t). It never ends. Source: fairseq InverseSquareRootSchedule.

    >>> InverseSquareRootSchedule(0.1, 100)
    0.1 * (linear(0.0, 1.0, 100) >> power_law(-0.5, 100))
    """
    start = 0.0 if warmup_init_lr < 0 else warmup_init_lr / lr
    return rate(lr, join(rising(start, warmup_updates), power_law(-0.5, warmup_updates)))


@preset(lr=POSITIVE)
def PolynomialDecayLRSchedule(
    lr: float,
    warmup_updates: int = 0,
    end_learning_rate: float = 0.0,
    power: float = 1.0,
    total_num_update: int = 1_000_000,
) -> rate:
    """A linear warm-up from 0, then a power of what is left, held at its end.

    Formula: lr·t/W, then end + (lr − end)(1 − (t − W)/(total − W))^power; force_anneal is not covered.
    Source: fairseq PolynomialDecayLRSchedule.

    >>> PolynomialDecayLRSchedule(0.1, 10, power=2.0, total_num_update=100)
    0.1 * (linear(0.0, 1.0, 10) >> polynomial(2.0, 90))
    """
    body = polynomial(power, total_num_update - warmup_updates, final=end_learning_rate / lr)
    return rate(lr, join(rising(0.0, warmup_updates), body))


@preset(lr=POSITIVE, decay_steps=COUNT)
def TriStageLRSchedule(
    lr: float,
    warmup_steps: int = 4000,
    hold_steps: int = 20_000,
    decay_steps: int = 60_000,
    init_lr_scale: float = 0.01,
    final_lr_scale: float = 0.01,
) -> rate:
    """Warm up, hold, decay exponentially, and hold.

    Formula: lr times init + (1 − init)·t/W, 1, final^(s/decay_steps), final; phase_ratio is not covered.
    Source: fairseq TriStageLRSchedule.

    >>> TriStageLRSchedule(0.1, 10, 50, 40)
    0.1 * (linear(0.01, 1.0, 10) >> constant(length=50) >> exponential(0.01, 40))
    """
    parts = [rising(init_lr_scale, warmup_steps), holding(1.0, hold_steps), exponential(final_lr_scale, decay_steps)]
    return rate(lr, join(*parts))
