# ruff: noqa: N802
"""The scheduler of `megatron.core.optimizer_param_scheduler` (0.16): rates, because Megatron takes absolute values.

Megatron's steps are samples: it adds the batch size at each update. Give its counts divided by the batch size.
"""

from __future__ import annotations

from .._errors import StepsizeError
from ..schedules.combine import clamp
from ..schedules.decays import anneal, power_law
from ..schedules.rate import rate
from ..schedules.shapes import constant, cosine, linear
from ..schedules.time import shift
from ._arguments import COUNT, POSITIVE, preset
from ._shared import first, half_cosine, holding, join, rising, skipping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..schedules.base import Factor

__all__ = ["OptimizerParamScheduler", "get_wd"]
_SHAPES = {"linear": "linear", "cosine": "cosine", "exponential": "exponential", "minus_sqrt": "1-sqrt"}


@preset(max_lr=POSITIVE, lr_decay_steps=COUNT)
def OptimizerParamScheduler(
    init_lr: float,
    max_lr: float,
    min_lr: float,
    lr_warmup_steps: int,
    lr_decay_steps: int,
    lr_decay_style: str,
    wsd_decay_steps: int | None = None,
    lr_wsd_decay_style: str | None = None,
) -> rate:
    """A linear warm-up, then constant, linear, cosine, inverse-square-root or WSD down to min_lr, held.

    Formula: init + (max − init)·t/W, then min + (max − min)·c with r = (t − W)/(D − W): 1, 1 − r, (1 + cos πr)/2, or 1
    and then the decay of WSD; inverse-square-root max(min, max·√(W/t)) drops to min after D. lr_decay_steps includes
    the warm-up. Source: megatron.core.optimizer_param_scheduler.OptimizerParamScheduler.get_lr.

    >>> OptimizerParamScheduler(0.0, 0.1, 0.0, 10, 100, "cosine")
    0.1 * (linear(0.0, 1.0, 10) >> cosine(90))
    """
    warm, left, final = lr_warmup_steps, lr_decay_steps - lr_warmup_steps, min_lr / max_lr
    if lr_decay_style == "constant":
        body: Factor = constant()
    elif lr_decay_style == "linear":
        body = linear(1.0, final, left)
    elif lr_decay_style == "cosine":
        body = cosine(left, final=final)
    elif lr_decay_style == "inverse-square-root":
        body = _inverse_sqrt(warm, left, final)
    elif lr_decay_style == "WSD" and wsd_decay_steps is not None and lr_wsd_decay_style in _SHAPES:
        decay = anneal(wsd_decay_steps, shape=_SHAPES[lr_wsd_decay_style], final=final)
        body = _wsd(decay, left - wsd_decay_steps, int(warm > 0))
    else:
        raise StepsizeError(
            "OptimizerParamScheduler: lr_decay_style is constant, linear, cosine, inverse-square-root or WSD (with "
            f"wsd_decay_steps and one of {', '.join(_SHAPES)}), not {lr_decay_style!r}"
        )
    return rate(max_lr, join(rising(init_lr / max_lr, warm), body))


@preset()
def get_wd(start_wd: float, end_wd: float, wd_incr_steps: int, wd_incr_style: str) -> rate:
    """The weight decay itself: constant, or growing along a line or half a cosine, then held.

    Formula: start + (end − start)·c, r = t/wd_incr_steps: c = r or (1 + cos(π(1 − r)))/2.
    Source: megatron.core.optimizer_param_scheduler.OptimizerParamScheduler.get_wd.

    >>> get_wd(0.0, 0.1, 100, "linear")
    0.1 * linear(0.0, 1.0, 100)
    """
    if end_wd == 0 or wd_incr_style == "constant":
        return rate(end_wd)
    start = start_wd / end_wd
    if wd_incr_style == "linear":
        return rate(end_wd, linear(start, 1.0, wd_incr_steps))
    if wd_incr_style == "cosine":
        return rate(end_wd, half_cosine(start, 1.0, wd_incr_steps))
    raise StepsizeError(f"get_wd: wd_incr_style is constant, linear or cosine, not {wd_incr_style!r}")


def _wsd(decay: Factor, hold: int, peak: int) -> Factor:
    """The hold and the decay; a decay that should have begun earlier is cut, and the warm-up still ends at its peak."""
    return join(holding(1.0, hold), decay) if hold >= 0 else join(holding(1.0, peak), skipping(decay, peak - hold))


def _inverse_sqrt(warm: int, left: int, final: float) -> Factor:
    """√(W/t) from the warm-up to the last step of the decay, then the minimum."""
    body: Factor = power_law(-0.5, warm) if warm else shift(power_law(-0.5, 1), -1)
    body = clamp(body, low=final) if final else body
    return join(first(body, left + 1), constant(final))
