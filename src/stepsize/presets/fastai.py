# ruff: noqa: N802
"""The schedules of `fastai.callback.schedule` (2.8): rates, because fastai takes absolute values.

fastai's are functions of `pos`, the share of the fit that is done; here pos = t/steps, so that each takes `steps` (or
the steps of an epoch) as well. A fit never asks past its end; what a formula gives there is given here, down to 0, and
a combination holds.
"""

from __future__ import annotations

from itertools import accumulate

from .._errors import StepsizeError
from ..schedules.formulas import formula
from ..schedules.rate import rate
from ..schedules.shapes import cosine, exponential
from ._arguments import COUNT, NATURAL, POSITIVE, SHARE, SHARES, SOME, preset
from ._shared import Expression, again, knots, line_on, plain, sequence, wave_between

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "SchedCos",
    "SchedExp",
    "SchedLin",
    "SchedNo",
    "SchedPoly",
    "combine_scheds",
    "combined_cos",
    "fit_flat_cos",
    "fit_one_cycle",
    "fit_sgdr",
]


@preset(start=NATURAL, end=NATURAL, steps=COUNT)
def SchedLin(start: float, end: float, *, steps: int) -> rate:
    """A line from one value to another.

    Formula: start + (end − start)·t/steps, going on past the end down to 0. Source: fastai SchedLin.

    >>> SchedLin(0.1, 0.0, steps=100)
    0.1 * linear(length=100)
    """
    base = start or end or 1.0
    return rate(base, line_on(start / base, end / base, steps))


@preset(start=NATURAL, end=NATURAL, steps=COUNT)
def SchedCos(start: float, end: float, *, steps: int) -> rate:
    """A cosine from one value to another.

    Formula: start + (end − start)(1 + cos(π(1 − t/steps)))/2, which swings back past the end. Source: fastai SchedCos.

    >>> SchedCos(0.1, 0.0, steps=100)
    0.1 * formula('0.5 * (1 + cos(pi * t / 100))')
    """
    return wave_between(start, end, steps)


@preset(start=NATURAL, end=NATURAL, steps=COUNT)
def SchedNo(start: float, end: float) -> rate:
    """The first value for ever.

    Formula: start; end is not used. Source: fastai SchedNo.

    >>> SchedNo(0.1, 0.2)
    rate(0.1)
    """
    return rate(start)


@preset(start=POSITIVE, end=POSITIVE)
def SchedExp(start: float, end: float, *, steps: int) -> rate:
    """A constant ratio from one value to another.

    Formula: start·(end/start)^(t/steps), going on past the end. Source: fastai SchedExp.

    >>> SchedExp(1.0, 0.1, steps=100)
    1.0 * exponential(0.1, every=100)
    """
    return rate(start, exponential(end / start, every=steps))


@preset(start=NATURAL, end=NATURAL, power=POSITIVE, steps=COUNT)
def SchedPoly(start: float, end: float, power: float, *, steps: int) -> rate:
    """A power of what is done (other libraries: of what is left).

    Formula: start + (end − start)·(t/steps)^power, going on past the end down to 0. Source: fastai SchedPoly.

    >>> SchedPoly(0.1, 0.0, 2, steps=100)
    0.1 * formula('max(1 - 1 * (t / 100) ** 2, 0)')
    """
    base = start or end or 1.0
    low, high = start / base, end / base
    rise = f"{'-' if high < low else '+'} {plain(abs(high - low))} * (t / {steps}) ** {plain(power)}"
    return rate(base, formula(f"max({plain(low)} {rise}, 0)"))


@preset(pcts=SHARES, scheds=SOME)
def combine_scheds(pcts: Sequence[float], scheds: Sequence[rate], *, steps: int) -> Expression:
    """One schedule after the other, each over its share of the fit.

    Formula: scheds[i] from pcts[0] + … + pcts[i−1] on. Make each with the steps of its own share; a share must be a
    whole number of steps. fastai adds the shares up in float32, so that a part may begin one step late there.
    Source: fastai combine_scheds.

    >>> combine_scheds([0.1, 0.9], [SchedLin(0.0, 0.1, steps=10), SchedNo(0.1, 0.1)], steps=100)
    0.1 * (formula('t / 10', 10) >> constant())
    """
    ends = [pct * steps for pct in accumulate(pcts)]
    if any(abs(one - round(one)) > 1e-6 for one in ends):
        raise StepsizeError(f"combine_scheds: the shares of {steps} steps must be whole numbers of steps, not {ends}")
    return sequence("combine_scheds", scheds, [round(one) for one in ends[:-1]])


@preset(pct=SHARE)
def combined_cos(pct: float, start: float, middle: float, end: float, *, steps: int) -> rate:
    """Half a cosine to the middle and half a cosine to the end.

    Formula: knots (0, start), (pct·steps, middle), (steps, end), joined by half cosines; held at the end.
    Source: fastai combined_cos.

    >>> combined_cos(0.25, 0.5, 1.0, 0.0, steps=100)
    1.0 * piecewise((0, 0.5), (25, 1.0), (100, 0.0), shape='cosine')
    """
    base = max(start, middle, end) or 1.0
    return rate(base, knots((0, start / base), (pct * steps, middle / base), (steps, end / base), shape="cosine"))


@preset(div=POSITIVE, div_final=POSITIVE, pct_start=SHARE)
def fit_one_cycle(
    n_epoch: int,
    lr_max: float,
    div: float = 25.0,
    div_final: float = 1e5,
    pct_start: float = 0.25,
    *,
    steps_per_epoch: int,
) -> rate:
    """Up to lr_max and down to almost nothing.

    Formula: combined_cos(pct_start, lr_max/div, lr_max, lr_max/div_final); torch divides by both, this by div_final
    alone. The momentum that fastai moves along is `onecycle_momentum`. Source: fastai fit_one_cycle.

    >>> fit_one_cycle(1, 0.1, steps_per_epoch=100)
    0.1 * piecewise((0, 0.04), (25, 1.0), (100, 1e-05), shape='cosine')
    """
    path = [(0.0, 1 / div), (pct_start * n_epoch * steps_per_epoch, 1.0), (n_epoch * steps_per_epoch, 1 / div_final)]
    return rate(lr_max, knots(*path, shape="cosine"))


@preset(div_final=POSITIVE, pct_start=SHARE)
def fit_flat_cos(
    n_epoch: int, lr: float, div_final: float = 1e5, pct_start: float = 0.75, *, steps_per_epoch: int
) -> rate:
    """Constant, then half a cosine down to almost nothing.

    Formula: combined_cos(pct_start, lr, lr, lr/div_final). Source: fastai fit_flat_cos.

    >>> fit_flat_cos(1, 0.1, steps_per_epoch=100)
    0.1 * piecewise((0, 1.0), (75, 1.0), (100, 1e-05), shape='cosine')
    """
    path = [(0.0, 1.0), (pct_start * n_epoch * steps_per_epoch, 1.0), (n_epoch * steps_per_epoch, 1 / div_final)]
    return rate(lr, knots(*path, shape="cosine"))


@preset()
def fit_sgdr(n_cycles: int, cycle_len: int, lr_max: float, cycle_mult: int = 2, *, steps_per_epoch: int) -> rate:
    """Warm restarts of a cosine down to 0; the first cycle has cycle_len epochs.

    Formula: lr_max(1 + cos(πs/Tᵢ))/2 in cycle i of cycle_len·cycle_multⁱ epochs. fastai divides by
    cycle_mult − 1, so that 1 is an error there. Source: fastai fit_sgdr.

    >>> fit_sgdr(3, 1, 0.1, steps_per_epoch=100)
    0.1 * repeat(cosine(100), 3, growth=2)
    """
    return rate(lr_max, again(cosine(cycle_len * steps_per_epoch), n_cycles, growth=cycle_mult))
