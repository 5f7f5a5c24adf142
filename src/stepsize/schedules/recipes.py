"""Recipes: functions that return compositions of shapes; print one and see what it is made of."""

from __future__ import annotations

import math

from .._errors import StepsizeError, flag, number, one_of, whole
from .._language import say
from ..lengths import check_length, split_length
from .base import Factor
from .combine import then
from .decays import anneal, check_shape, power_law
from .rate import rate
from .saturation import saturation
from .shapes import RISES, check_rising, constant, cosine, exponential, linear, optional_length, stages, warmup
from .tables import piecewise, table
from .time import repeat, shift

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..lengths import Length


def multistep(*at: Length, gamma: float = 0.1) -> stages:
    """Times `gamma` at each boundary, as published recipes say it.

    Formula: f(t) = gamma^(number of boundaries reached). Use it to follow published recipes ("÷10 at 50 % and
    75 %"); `stages(…, at=…)`, which it returns, takes any factors. `at` are rising lengths, `gamma` > 0. A new value
    holds from its boundary on. After the last boundary its value holds.

    >>> multistep(30, 60)
    stages(1.0, 0.1, 0.010000000000000002, at=(30, 60))
    """
    if not at:
        raise StepsizeError(say('multistep needs at least one boundary: write multistep("50%", "75%")'))
    ratio = number("multistep", "gamma", gamma, above=0)
    _check_no_gamma(at, ratio)
    when = tuple(check_length("multistep", "at", one) for one in at)
    _check_rising(when, ratio)
    try:
        factors = [float(ratio) ** i for i in range(len(at) + 1)]
    except OverflowError:
        raise StepsizeError(
            say(
                "multistep: gamma {ratio!r} to the power {power} is too large for a number: write a smaller gamma",
                ratio=ratio,
                power=len(at),
            )
        ) from None
    return stages(*factors, at=when)


def _check_rising(when: tuple[Length, ...], gamma: float) -> None:
    """Boundaries that fall are shown in their order."""
    try:
        check_rising("multistep", when)
    except StepsizeError as error:
        numbers = ", ".join(map(str, sorted({one for one in when if isinstance(one, int)})))
        known = len(when) == sum(isinstance(one, int) for one in when)
        more = "" if gamma == 0.1 else f", gamma={gamma:g}"
        told = say("{problem}: write {line}", problem=error, line=f"multistep({numbers}{more})")
        raise (StepsizeError(told) if known else error) from None


def _check_no_gamma(at: tuple[object, ...], gamma: float) -> None:
    """Refuse a list of boundaries, and a ratio among them, as torch's order of arguments has it."""
    flat = [when for one in at for when in (one if isinstance(one, (tuple, list)) else (one,))]
    ratios = [one for one in flat if isinstance(one, float) and one % 1 > 0]
    if len(flat) == len(at) and not ratios:
        return
    when = ", ".join(repr(one) for one in flat if one not in ratios) or "30, 60"
    ratio = ratios[0] if ratios else gamma
    line = f"multistep({when}{f', gamma={ratio:g}' if ratio != 0.1 else ''})"
    raise StepsizeError(say("multistep takes its boundaries one by one and gamma by name: write {line}", line=line))


def natural_exponential(decay: float, every: Length = 1) -> exponential:
    """e to the minus: exp(−decay·t/every), as Paddle and MindSpore write it.

    Formula: f(t) = exp(−decay·t/every), which is `exponential(exp(−decay), every=every)`. Use `exponential` unless a
    recipe gives the decay in this form. `decay` > 0. It never ends.

    >>> natural_exponential(0.5, every=10)
    exponential(0.6065306597126334, every=10)
    """
    if isinstance(every, float) and 0 < every < 1 and decay == int(number("natural_exponential", "decay", decay)):
        raise StepsizeError(
            say(
                "natural_exponential: decay comes first: write natural_exponential({decay:g}, {every})",
                decay=every,
                every=decay,
            )
        )
    ratio = math.exp(-number("natural_exponential", "decay", decay, above=0))
    return exponential(ratio, every=check_length("natural_exponential", "every", every))


def inverse_sqrt(timescale: Length) -> power_law:
    """The inverse square root, to put behind a warm-up of the same length.

    Formula: f(t) = 1/√(1 + t/timescale). Use it where the run has no planned end:
    `warmup(4000) >> inverse_sqrt(4000)`. It never ends. Source: Vaswani et al., 2017.

    >>> inverse_sqrt(4000)
    power_law(-0.5, 4000)
    """
    return power_law(-0.5, check_length("inverse_sqrt", "timescale", timescale))


def noam(width: int, warmup_steps: int) -> rate:
    """The transformer paper's rate, whose base is width^−0.5·warmup^−0.5.

    Formula: η_t = width^−0.5·min(n^−0.5, n·warmup_steps^−1.5), n = t + 1. Use it to reproduce the paper; a base of
    your own with `warmup(W) >> inverse_sqrt(W)` is easier to tune. `width` (d_model) and `warmup_steps` are ≥ 1.
    It never ends. Source: Vaswani et al., Attention is all you need, 2017.

    >>> noam(512, 4000)
    0.0006987712429686843 * (warmup(4000) >> shift(power_law(-0.5, 4000), 1))
    """
    steps = whole("noam", "warmup_steps", warmup_steps, low=1)
    base = (number("noam", "width", width, low=1) * steps) ** -0.5
    return rate(base, warmup(steps) >> shift(inverse_sqrt(steps), 1))


def wsd(
    rise: Length = "1%", decay: Length = "20%", *, shape: str = "1-sqrt", final: float = 0.0, rise_shape: str = "linear"
) -> then:
    """Warm up, hold, decay at the end: a plateau that can be extended.

    Formula: `warmup(rise) >> constant() >> anneal(decay, shape=shape, final=final)`. Use it when the length of the
    run may change or several lengths share one trunk; the cool-down of 10 to 20 % does most of the work. After the
    end it holds `final`. Source: Hu et al., MiniCPM, 2024; Hägele et al., 2024.

    >>> wsd()
    warmup('1%') >> constant() >> anneal('20%', shape='1-sqrt')
    """
    _check_cooldown("wsd", shape, final)
    up = warmup(check_length("wsd", "rise", rise), shape=one_of("wsd", "rise_shape", rise_shape, RISES))
    return then(up, constant(), anneal(check_length("wsd", "decay", decay), shape=shape, final=final))


def wsds(*periods: int, rise: int, decay: int, shape: str = "1-sqrt", final: float = 0.0) -> then:
    """Warm up once, then hold and decay several times.

    Formula: `warmup(rise)`, then for each period `constant(…) >> anneal(decay, shape=shape, final=final)`, the first
    shorter by `rise`. Use it to get checkpoints of several lengths from one run; each decay is undone by the next
    period. `periods` are steps, each longer than its decay (the first than rise + decay). After the end it holds
    `final`. Source: Wen et al., Understanding warmup-stable-decay, 2024.

    >>> wsds(500, 1000, rise=100, decay=100, shape="linear")
    warmup(100) >> constant(length=300) >> anneal(100) >> constant(length=900) >> anneal(100)
    """
    if not periods:
        raise StepsizeError(say("wsds needs at least one period: write wsds(1000, 2000, rise=100, decay=100)"))
    rise, decay = (whole("wsds", name, one, low=1) for name, one in (("rise", rise), ("decay", decay)))
    _check_cooldown("wsds", shape, final)
    parts: list[Factor] = [warmup(rise)]
    for i, period in enumerate(periods):
        taken = decay + (rise if i == 0 else 0)
        held = whole("wsds", "periods", period, low=taken + 1) - taken
        parts += [constant(length=held), anneal(decay, shape=shape, final=final)]
    return then(*parts)


def _check_cooldown(owner: str, shape: object, final: object) -> None:
    check_shape(owner, shape)
    number(owner, "final", final, low=0, high=1)


def sgdr(first: Length, *, growth: float = 1, height: float = 1.0, final: float = 0.0) -> repeat:
    """Cosine with warm restarts.

    Formula: `repeat(cosine(first, final=final), growth=growth, height=height)`. Use it for snapshots; a single decay
    usually ends lower. `height` multiplies each cycle with its minimum. It never ends.
    Source: Loshchilov and Hutter, SGDR, 2017.

    >>> sgdr(100, growth=2)
    repeat(cosine(100), growth=2)
    """
    first = check_length("sgdr", "first", first)
    number("sgdr", "growth", growth, low=1)
    number("sgdr", "height", height, above=0)
    return repeat(cosine(first, final=number("sgdr", "final", final, low=0, high=1)), growth=growth, height=height)


def onecycle(
    rise: Length = "30%", *, start: float = 0.04, final: float = 4e-6, shape: str = "cosine", three_phase: bool = False
) -> piecewise:
    """Up to 1 and down again in one run; the base is the highest rate.

    Formula: knots (0, start), (rise, 1), (end of the run, final); with `three_phase` down to `start` over the same
    length first. Use it with a momentum that mirrors it (`onecycle_momentum`). `rise` is a share, `start` and `final`
    are factors (torch: 1/div_factor and 1/(div_factor·final_div_factor)). After the end it holds `final`.
    Source: Smith and Topin, Super-convergence, 2018.

    >>> onecycle("25%")
    piecewise((0, 0.04), ('25%', 1.0), ('100%', 4e-06), shape='cosine')
    """
    number("onecycle", "start", start, low=0)
    number("onecycle", "final", final, low=0)
    _check_phases("onecycle", rise, shape, three_phase)
    if three_phase:
        return piecewise((0, start), (rise, 1.0), (_twice(rise), start), ("100%", final), shape=shape)
    return piecewise((0, start), (rise, 1.0), ("100%", final), shape=shape)


def onecycle_momentum(
    rise: Length = "30%", *, high: float = 0.95, low: float = 0.85, shape: str = "cosine", three_phase: bool = False
) -> piecewise:
    """The momentum that mirrors `onecycle`: low while the rate is high.

    Formula: the momentum itself, knots (0, high), (rise, low), (end, high); with `three_phase` (twice the rise, high)
    as well. Use it with `onecycle`. `high` and `low` are momenta in [0, 1). After the end it holds `high`. Source:
    Smith, 2018.

    >>> onecycle_momentum()
    piecewise((0, 0.95), ('30%', 0.85), ('100%', 0.95), shape='cosine')
    """
    number("onecycle_momentum", "high", high, low=0, below=1)
    number("onecycle_momentum", "low", low, low=0, below=1)
    _check_phases("onecycle_momentum", rise, shape, three_phase)
    if three_phase:
        return piecewise((0, high), (rise, low), (_twice(rise), high), ("100%", high), shape=shape)
    return piecewise((0, high), (rise, low), ("100%", high), shape=shape)


def cyclic(
    up: Length, down: Length | None = None, *, low: float = 0.1, mode: str = "triangular", gamma: float = 0.9999
) -> Factor:
    """Triangles between `low` and 1; the base is the highest rate.

    Formula: low + (1 − low)·s(t)·k, s a triangle of `up` and `down` steps; k = 1 (triangular), 2^−cycle
    (triangular2) or gamma^t (exp_range). Use it to look at a range of rates; few recipes still train with it. `down`
    is `up` when left out, `low` in [0, 1), `gamma` > 0. It never ends. Source: Smith, Cyclical learning rates, 2017.

    >>> cyclic(100)
    constant(0.1) + constant(0.9) * repeat(linear(0.0, 1.0, 100) >> linear(length=100))
    """
    low = number("cyclic", "low", low, low=0, below=1)
    one_of("cyclic", "mode", mode, ("triangular", "triangular2", "exp_range"))
    up = check_length("cyclic", "up", up)
    down = up if down is None else check_length("cyclic", "down", down)
    gamma = number("cyclic", "gamma", gamma, above=0)
    triangle = linear(0.0, 1.0, up) >> linear(1.0, 0.0, down)
    waves = repeat(triangle, height=0.5 if mode == "triangular2" else 1.0)
    part: Factor = constant(1 - low) * waves
    if mode == "exp_range":
        part = part * exponential(gamma, every=1)
    return constant(low) + part if low else part


def untuned_linear(beta2: float = 0.999) -> warmup:
    """A linear warm-up as long as Adam's memory: 2/(1 − beta2) steps.

    Formula: `warmup(⌊2/(1 − beta2)⌉)`. Use it with Adam when no warm-up was tuned. `beta2` is in (0, 1).
    After the end it holds 1. Source: Ma and Yarats, On the adequacy of untuned warmup, 2021.

    >>> untuned_linear(0.99)
    warmup(200)
    """
    return warmup(round(2 / (1 - number("untuned_linear", "beta2", beta2, above=0, below=1))))


def untuned_exponential(beta2: float = 0.999) -> saturation:
    """An exponential warm-up as slow as Adam's memory: timescale 1/(1 − beta2).

    Formula: `saturation(⌊1/(1 − beta2)⌉)`. Use it with Adam when no warm-up was tuned. `beta2` is in (0, 1).
    It never ends. Source: Ma and Yarats, On the adequacy of untuned warmup, 2021.

    >>> untuned_exponential(0.99)
    saturation(100)
    """
    return saturation(round(1 / (1 - number("untuned_exponential", "beta2", beta2, above=0, below=1))))


def range_test(ratio: float, length: Length | None = None, *, shape: str = "exponential") -> exponential | linear:
    """A rising rate, to see where the loss falls and where it breaks.

    Formula: ratio^(t/length), or 1 + (ratio − 1)·t/length for shape "linear". Use it for a short run from a copy of
    the weights; the base is the lowest rate. `ratio` > 1 is the highest rate over the lowest. After the end it holds
    `ratio`. Source: Smith, Cyclical learning rates, 2017.

    >>> range_test(1e6, 100)
    exponential(1000000.0, 100)
    """
    ratio = number("range_test", "ratio", ratio, above=1)
    one_of("range_test", "shape", shape, ("exponential", "linear"))
    length = optional_length("range_test", length)
    return exponential(ratio, length) if shape == "exponential" else linear(1.0, ratio, length)


def chebyshev(count: int, *, smallest: float = 0.05, largest: float = 1.0, every: Length = 1) -> table:
    """Chebyshev steps in fractal order: optimal for known curvatures.

    Formula: 1/(c − r·cos(π(i + ½)/count)), c and r the middle and half the width of [smallest, largest], in an order
    that keeps the product of steps bounded. Use it on quadratics; single factors reach 1/smallest. `count` ≥ 1;
    `smallest` and `largest` are the least and greatest curvature > 0. After the list the last value holds.
    Source: Agarwal, Goel and Zhang, Acceleration via fractal learning rate schedules, 2021.

    >>> chebyshev(2)
    table(5.2875284211200615, 1.161607855271493)
    """
    n = whole("chebyshev", "count", count, low=1, high=100_000)
    small = number("chebyshev", "smallest", smallest, above=0)
    big = number("chebyshev", "largest", largest, low=small)
    order = [0]
    while len(order) < n:
        order = [one for i in order for one in (i, 2 * len(order) - 1 - i)]
    middle, half = (big + small) / 2, (big - small) / 2
    try:
        steps = [1 / (middle - half * math.cos(math.pi * (i + 0.5) / n)) for i in range(n)]
    except ZeroDivisionError:
        raise StepsizeError(
            say(
                "chebyshev: curvatures from {small!r} to {big!r} are too far apart: write a larger smallest",
                small=small,
                big=big,
            )
        ) from None
    return table(*(steps[i] for i in order if i < n), every=check_length("chebyshev", "every", every))


def _check_phases(owner: str, rise: Length, shape: object, three_phase: object) -> None:
    one_of(owner, "shape", shape, ("linear", "cosine"))
    check_length(owner, "rise", rise)
    flag(owner, "three_phase", three_phase)
    if (
        three_phase
        and isinstance(rise, str)
        and rise.strip().endswith("%")
        and split_length(owner, "rise", rise)[0] > 50
    ):
        raise StepsizeError(
            say(
                "{owner}: rise must be a share up to 50% where there are three phases, not {rise!r}",
                owner=owner,
                rise=rise,
            )
        )


def _twice(rise: Length) -> Length:
    """Twice a length, in its own unit."""
    if isinstance(rise, str):
        amount, unit = split_length("onecycle", "rise", rise)
        return f"{2 * amount!r}{unit}"
    return 2 * int(check_length("onecycle", "rise", rise))
