"""The presets of composer, torchtitan, OLMo-core, fastai and fairseq against their formulas, written a second time.

These libraries cannot be installed beside the others. Each function below says in plain Python what the library's
documentation and source say of update t; the presets are to give the same, past the end included. Sources:
composer/optim/scheduler.py (0.32), torchtitan/components/optimizer/lr_scheduler.py (0.3), olmo_core/optim/scheduler.py
(3.0), fastai/callback/schedule.py (2.8), fairseq/optim/lr_scheduler/*.py (0.12).
"""

from math import cos, exp, log, pi, sqrt

import pytest

from stepsize import LengthError, StepsizeError, presets, rate

RUN, EPOCH = 200, 10  # batches
CLOSE = 1e-12


def half(x):
    """Half a cosine from 1 to 0, held on both sides."""
    return (1 + cos(pi * min(max(x, 0.0), 1.0))) / 2


def same(preset, by_hand, steps=250, base=1.0):
    scale = 1.0 if isinstance(preset, rate) else base
    for t in range(steps):
        assert scale * preset(t) == pytest.approx(by_hand(t), rel=CLOSE, abs=CLOSE), f"at update {t}"


# composer ----------------------------------------------------------------------------------------------------------


def batches(time):
    """A time of composer in batches, for this run."""
    units = {"ba": 1, "ep": EPOCH, "dur": RUN, "sp": 1 / 32, "tok": 1 / 1024}
    unit = next(one for one in units if time.endswith(one))
    return int(float(time.removesuffix(unit)) * units[unit])


def steps_passed(t, milestones):
    return sum(batches(one) <= t for one in milestones)


def restarted(t, length, mult):
    """How far into its cycle t is, where the length of each next one is cut to whole batches."""
    begin = 0
    while t >= begin + length:
        begin, length = begin + length, int(mult * length)
    return (t - begin) / length


def warmed(t, warm, top, after):
    """A line from 0 to the top, then what is made of the share of the rest that is done."""
    return top * t / warm if t < warm else after(t - warm)


def left_of(t_warmup, t_max):
    return batches(t_max) - batches(t_warmup)


def composer_linear(t, t_warmup, alpha_i=1.0, alpha_f=0.0, t_max="1dur"):
    def fall(s):
        return alpha_i + (alpha_f - alpha_i) * min(s / left_of(t_warmup, t_max), 1)

    return warmed(t, batches(t_warmup), alpha_i, fall)


def composer_power(t, t_warmup, power=2.0, t_max="1dur", alpha_f=0.0):
    def fall(s):
        return alpha_f + (1 - alpha_f) * (1 - min(s / left_of(t_warmup, t_max), 1)) ** power

    return warmed(t, batches(t_warmup), 1.0, fall)


COMPOSER = {
    "StepScheduler": lambda t, step_size, gamma=0.1: gamma ** (t // batches(step_size)),
    "MultiStepScheduler": lambda t, milestones, gamma=0.1: gamma ** steps_passed(t, milestones),
    "ConstantScheduler": lambda t, alpha=1.0, t_max="1dur": alpha if t < batches(t_max) else 1.0,
    "LinearScheduler": lambda t, alpha_i=1.0, alpha_f=0.0, t_max="1dur": (
        alpha_i + (alpha_f - alpha_i) * min(t / batches(t_max), 1)
    ),
    "ExponentialScheduler": lambda t, gamma, decay_period="1ep": gamma ** (t / batches(decay_period)),
    "CosineAnnealingScheduler": lambda t, t_max="1dur", alpha_f=0.0: alpha_f + (1 - alpha_f) * half(t / batches(t_max)),
    "CosineAnnealingWarmRestartsScheduler": lambda t, t_0, t_mult=1.0, alpha_f=0.0: (
        alpha_f + (1 - alpha_f) * half(restarted(t, batches(t_0), t_mult))
    ),
    "PolynomialScheduler": lambda t, power, t_max="1dur", alpha_f=0.0: (
        alpha_f + (1 - alpha_f) * (1 - min(t / batches(t_max), 1)) ** power
    ),
    "MultiStepWithWarmupScheduler": lambda t, t_warmup, milestones, gamma=0.1: warmed(
        t, batches(t_warmup), 1.0, lambda s: gamma ** steps_passed(t, milestones)
    ),
    "ConstantWithWarmupScheduler": lambda t, t_warmup, alpha=1.0, t_max="1dur": warmed(
        t, batches(t_warmup), alpha, lambda s: alpha
    ),
    "LinearWithWarmupScheduler": composer_linear,
    "CosineAnnealingWithWarmupScheduler": lambda t, t_warmup, t_max="1dur", alpha_f=0.0: warmed(
        t, batches(t_warmup), 1.0, lambda s: alpha_f + (1 - alpha_f) * half(s / left_of(t_warmup, t_max))
    ),
    "PolynomialWithWarmupScheduler": composer_power,
}
COMPOSER_CALLS = [
    ("StepScheduler", {"step_size": "3ep"}),
    ("StepScheduler", {"step_size": "70ba", "gamma": 0.5}),
    ("MultiStepScheduler", {"milestones": ["5ep", "90ba", "0.75dur"]}),
    ("MultiStepScheduler", {"milestones": ["90ba", "30ba", "30ba"], "gamma": 0.5}),
    ("ConstantScheduler", {"alpha": 0.5, "t_max": "30ba"}),
    ("ConstantScheduler", {"alpha": 0.5}),
    ("LinearScheduler", {}),
    ("LinearScheduler", {"alpha_i": 0.2, "alpha_f": 0.7, "t_max": "9ep"}),
    ("ExponentialScheduler", {"gamma": 0.9}),
    ("ExponentialScheduler", {"gamma": 0.9, "decay_period": "7ba"}),
    ("CosineAnnealingScheduler", {}),
    ("CosineAnnealingScheduler", {"t_max": "0.5dur", "alpha_f": 0.1}),
    ("CosineAnnealingWarmRestartsScheduler", {"t_0": "2ep", "t_mult": 2.0}),
    ("CosineAnnealingWarmRestartsScheduler", {"t_0": "33ba", "alpha_f": 0.1}),
    ("CosineAnnealingWarmRestartsScheduler", {"t_0": "7ba", "t_mult": 1.5, "alpha_f": 0.1}),
    ("CosineAnnealingWarmRestartsScheduler", {"t_0": "5ba", "t_mult": 1.1}),
    ("PolynomialScheduler", {"power": 2.0}),
    ("PolynomialScheduler", {"power": 0.9, "t_max": "90ba", "alpha_f": 0.1}),
    ("MultiStepWithWarmupScheduler", {"t_warmup": "10ba", "milestones": ["5ba", "30ba", "100ba"], "gamma": 0.5}),
    ("ConstantWithWarmupScheduler", {"t_warmup": "1ep", "alpha": 0.5}),
    ("LinearWithWarmupScheduler", {"t_warmup": "1ep"}),
    ("LinearWithWarmupScheduler", {"t_warmup": "10ba", "alpha_i": 0.5, "alpha_f": 0.1, "t_max": "200ba"}),
    ("CosineAnnealingWithWarmupScheduler", {"t_warmup": "0.1dur"}),
    ("CosineAnnealingWithWarmupScheduler", {"t_warmup": "10ba", "t_max": "210ba", "alpha_f": 0.1}),
    ("PolynomialWithWarmupScheduler", {"t_warmup": "10ba"}),
    ("PolynomialWithWarmupScheduler", {"t_warmup": "10ba", "power": 0.5, "t_max": "200ba", "alpha_f": 0.1}),
]


@pytest.mark.parametrize(("name", "options"), COMPOSER_CALLS, ids=str)
def test_equals_composer_at_every_step(name, options):
    preset = getattr(presets.composer, name)(**options).over(RUN, steps_per_epoch=EPOCH)
    same(preset, lambda t: COMPOSER[name](t, **options))


def test_times_of_composer_are_lengths():
    assert str(presets.composer.LinearScheduler(t_max="2e9tok")) == "linear(length='2e+09tok')"
    assert str(presets.composer.LinearScheduler(t_max="64sp")) == "linear(length='64samples')"
    assert presets.composer.LinearScheduler(t_max=50) == presets.composer.LinearScheduler(t_max="50ba")
    with pytest.raises(StepsizeError, match="is no time of composer"):
        presets.composer.StepScheduler("30s")
    for mixed in ({"t_warmup": "1ep", "t_max": "90ba"}, {"t_warmup": "10ba", "t_max": "9ep"}):
        with pytest.raises(StepsizeError, match="t_warmup and t_max in batches"):
            presets.composer.CosineAnnealingWithWarmupScheduler(**mixed)
    with pytest.raises(StepsizeError, match="give times in batches"):
        presets.composer.MultiStepWithWarmupScheduler("1ep", ["30ba"])
    with pytest.raises(StepsizeError, match="give t_0 in batches"):
        presets.composer.CosineAnnealingWarmRestartsScheduler("1ep", 1.5)
    with pytest.raises(LengthError, match="over"):
        presets.composer.LinearScheduler()(5)


def test_a_share_is_rounded_where_composer_cuts_off():
    assert batches("0.3333dur") == 66
    assert presets.composer.StepScheduler("0.3333dur").over(RUN).every == 67


# torchtitan --------------------------------------------------------------------------------------------------------


def torchtitan(t, warmup_steps, total_steps, decay_ratio=None, decay_type="linear", min_lr_factor=0.0):
    warm = min(warmup_steps, total_steps)
    decay = total_steps - warm if decay_ratio is None else min(round(total_steps * decay_ratio), total_steps - warm)
    if t < warm:
        return (t + 1) / warm
    if t <= total_steps - decay:
        return 1.0
    r = (t - total_steps + decay) / decay
    c = {"linear": 1 - r, "sqrt": 1 - sqrt(r), "cosine": (1 + cos(pi * r)) / 2}[decay_type]
    return min_lr_factor + (1 - min_lr_factor) * c


TORCHTITAN_CALLS = [
    {"warmup_steps": 10, "total_steps": 100, **more, "decay_type": shape}
    for shape in ("linear", "sqrt", "cosine")
    for more in ({}, {"min_lr_factor": 0.2}, {"decay_ratio": 0.25}, {"warmup_steps": 0, "decay_ratio": 0.1})
] + [{"warmup_steps": 10, "total_steps": 100, "decay_ratio": 0.95}]


@pytest.mark.parametrize("options", TORCHTITAN_CALLS, ids=str)
def test_equals_torchtitan_and_stays_at_0_where_that_is_negative(options):
    preset = presets.torchtitan.LRSchedulersContainer(**options)
    same(preset, lambda t: max(torchtitan(t, **options), 0.0))


def test_torchtitan_turns_negative_past_its_end():
    assert torchtitan(110, 20, 100) == pytest.approx(-0.125)
    assert presets.torchtitan.LRSchedulersContainer(20, 100)(110) == 0.0
    assert presets.torchtitan.LRSchedulersContainer(300, training_steps=100)(99) == 1.0  # a warm-up is cut to the run
    with pytest.raises(StepsizeError, match="write total_steps=1000"):
        presets.torchtitan.LRSchedulersContainer(20)
    with pytest.raises(StepsizeError, match="linear, sqrt or cosine, not 'sine'"):
        presets.torchtitan.LRSchedulersContainer(20, 100, decay_type="sine")


# OLMo-core, with an initial rate of LR -----------------------------------------------------------------------------

LR = 0.4


def counted(steps, fraction, t_max):
    return round(fraction * t_max) if steps is None else steps


def rise(t, warm, low, top=LR):
    return low + (top - low) * t / warm


def fall(t, end, decay, low, top):
    """A line that reaches `low` at `end` and goes on."""
    return low + (top - low) * (end - t) / decay


def olmo_constant(t, warmup=None, warmup_fraction=None, warmup_min_lr=0.0, t_max=None):
    warm = counted(warmup, warmup_fraction, t_max)
    return rise(t, warm, warmup_min_lr) if t < warm else LR


def olmo_cos(t, warmup=None, warmup_fraction=None, alpha_f=0.1, t_max=None, warmup_min_lr=0.0):
    warm = counted(warmup, warmup_fraction, t_max)
    if t < warm:
        return rise(t, warm, warmup_min_lr)
    return LR * (alpha_f + (1 - alpha_f) * half((t - warm) / (t_max - warm)))


def olmo_half_cos(t, warmup, alpha_f=0.1, t_max=None, warmup_min_lr=0.0):
    if t < warmup:
        return rise(t, warmup, warmup_min_lr, LR * (1 + alpha_f) / 2)
    return LR * (alpha_f + (1 - alpha_f) * half(0.5 + (t - warmup) / (t_max - warmup) / 2))


def olmo_cos_linear(t, t_max, decay=None, decay_fraction=0.1, decay_min_lr=0.0, **options):
    tail = counted(decay, decay_fraction, t_max)
    if t < t_max - tail:
        return olmo_cos(t, t_max=t_max, **options)
    return fall(t, t_max, tail, decay_min_lr, olmo_cos(t_max - tail, t_max=t_max, **options))


def olmo_linear(t, alpha_f=0.1, t_max=None, warmup=None, warmup_fraction=None, warmup_min_lr=0.0):
    warm = counted(warmup, warmup_fraction, t_max)
    if t < warm:
        return rise(t, warm, warmup_min_lr)
    return LR * (1 - (1 - alpha_f) * min((t - warm) / (t_max - warm), 1))


def olmo_inverse_sqrt(t, alpha_f=0.1, warmup=None, warmup_min_lr=0.0):
    return rise(t, warmup, warmup_min_lr) if t < warmup else LR * (alpha_f + (1 - alpha_f) * sqrt(warmup / t))


def olmo_power(t, t_max, b=-0.51, warmup=None, decay=None, decay_fraction=0.1, warmup_min_lr=0.0, decay_min_lr=0.0):
    tail = counted(decay, decay_fraction, t_max)
    if t <= warmup:
        return rise(t, warmup, warmup_min_lr)
    if t < t_max - tail:
        return LR * (t / warmup) ** b
    return fall(t, t_max, tail, decay_min_lr, LR * ((t_max - tail) / warmup) ** b)


def olmo_wsd(
    t,
    t_max,
    warmup=None,
    warmup_fraction=None,
    decay=None,
    decay_fraction=0.1,
    warmup_min_lr=0.0,
    decay_min_lr=0.0,
):
    warm, tail = counted(warmup, warmup_fraction, t_max), counted(decay, decay_fraction, t_max)
    if t <= warm:
        return rise(t, warm, warmup_min_lr)
    return LR if t < t_max - tail else fall(t, t_max, tail, decay_min_lr, LR)


def olmo_wsds(
    t,
    period_lengths,
    period_lr_multipliers=None,
    warmup=None,
    decay=None,
    decay_fraction=None,
    decay_min_lr=0.0,
):
    peaks = period_lr_multipliers or [1.0] * len(period_lengths)
    if t < warmup:
        return rise(t, warmup, 0.0, LR * peaks[0])
    end = 0
    for length, peak in zip(period_lengths, peaks, strict=True):
        begin, end = end, end + length
        if t <= end:  # the first step of a period is the last of the one before
            tail = counted(decay, decay_fraction, length)
            return LR * peak if t < end - tail else fall(t, end, tail, decay_min_lr, LR * peak)
        assert begin < end
    return decay_min_lr


def olmo_exponential(t, t_max, lr_min=1e-9):
    return lr_min * (LR / lr_min) ** min(t / t_max, 1)


def between(shape, start, end, r):
    return end + (start - end) * (1 - r if shape == "linear" else half(r))


def olmo_composable(t, stages, override_decay=None):
    def value(at):
        begin, last = 0, LR
        for one in stages:
            start = one["start_lr"] if "start_lr" in one else LR * one.get("start_lr_fraction", last / LR)
            end = one["end_lr"] if "end_lr" in one else LR * one["end_lr_fraction"]
            if at < begin + one["duration"]:
                return between(one.get("shape", "linear"), start, end, (at - begin) / one["duration"])
            begin, last = begin + one["duration"], end
        return last

    if override_decay is None or t < override_decay["start"]:
        return value(t)
    r = min((t - override_decay["start"]) / override_decay["duration"], 1)
    end = LR * override_decay["end_lr_fraction"]
    return between(override_decay["shape"], value(override_decay["start"]), end, r)


OLMO = {
    "ConstantScheduler": lambda t: LR,
    "ConstantWithWarmup": olmo_constant,
    "CosWithWarmup": olmo_cos,
    "HalfCosWithWarmup": olmo_half_cos,
    "CosWithWarmupAndLinearDecay": olmo_cos_linear,
    "LinearWithWarmup": olmo_linear,
    "InvSqrtWithWarmup": olmo_inverse_sqrt,
    "PowerLR": olmo_power,
    "WSD": olmo_wsd,
    "WSDS": olmo_wsds,
    "ExponentialScheduler": olmo_exponential,
    "ComposableScheduler": olmo_composable,
}
STAGES = [
    {"duration": 20, "start_lr": 0.05, "end_lr_fraction": 0.75},
    {"duration": 30, "shape": "cosine", "end_lr_fraction": 0.25},
    {"duration": 20, "shape": "cosine", "start_lr_fraction": 1.0, "end_lr": 0.02},
]
OVERRIDE = {"start": 33, "duration": 40, "shape": "linear", "end_lr_fraction": 0.1}
OLMO_CALLS = [
    ("ConstantScheduler", {}),
    ("ConstantWithWarmup", {"warmup": 10, "warmup_min_lr": 0.04}),
    ("ConstantWithWarmup", {"warmup_fraction": 0.1, "t_max": 100}),
    ("CosWithWarmup", {"warmup": 10, "t_max": 100}),
    ("CosWithWarmup", {"warmup_fraction": 0.15, "t_max": 100, "alpha_f": 0.0, "warmup_min_lr": 0.04}),
    ("HalfCosWithWarmup", {"warmup": 10, "t_max": 100, "warmup_min_lr": 0.04}),
    ("CosWithWarmupAndLinearDecay", {"warmup": 10, "t_max": 100}),
    ("CosWithWarmupAndLinearDecay", {"warmup": 10, "t_max": 100, "decay": 25, "alpha_f": 0.0, "decay_fraction": None}),
    ("LinearWithWarmup", {"warmup": 10, "t_max": 100}),
    ("LinearWithWarmup", {"warmup_fraction": 0.2, "t_max": 100, "alpha_f": 0.3}),
    ("InvSqrtWithWarmup", {"warmup": 10}),
    ("PowerLR", {"warmup": 10, "t_max": 100}),
    ("PowerLR", {"warmup": 10, "t_max": 100, "b": -1.0, "decay": 30, "decay_min_lr": 0.004, "decay_fraction": None}),
    ("WSD", {"warmup": 10, "t_max": 100}),
    ("WSD", {"warmup_fraction": 0.2, "t_max": 100, "decay_min_lr": 0.1, "warmup_min_lr": 0.05}),
    ("WSDS", {"period_lengths": [50, 40, 30], "warmup": 10, "decay": 10}),
    (
        "WSDS",
        {
            "period_lengths": [50, 20],
            "period_lr_multipliers": [1.0, 0.5],
            "warmup": 10,
            "decay_fraction": 0.4,
            "decay_min_lr": 0.02,
        },
    ),
    ("WSDS", {"period_lengths": [30, 20], "warmup": 10, "decay": 20}),
    ("ExponentialScheduler", {"t_max": 100, "lr_min": 1e-3}),
    ("ComposableScheduler", {"stages": STAGES}),
    ("ComposableScheduler", {"stages": STAGES, "override_decay": OVERRIDE}),
    ("ComposableScheduler", {"stages": STAGES, "override_decay": {**OVERRIDE, "start": 200, "shape": "cosine"}}),
]


@pytest.mark.parametrize(("name", "options"), OLMO_CALLS, ids=str)
def test_equals_olmo_and_stays_at_0_where_that_is_negative(name, options):
    more = {} if name == "ConstantScheduler" else {"initial_lr": LR}
    preset = getattr(presets.olmo, name)(**options, **more)
    same(preset, lambda t: max(OLMO[name](t, **options), 0.0), base=LR)


def test_a_cosine_with_a_linear_decay_holds_where_olmo_falls_below_its_minimum():
    options = {"warmup": 10, "t_max": 100, "decay_min_lr": 0.01}
    preset = presets.olmo.CosWithWarmupAndLinearDecay(**options, initial_lr=LR)
    same(preset, lambda t: olmo_cos_linear(t, **options), steps=101, base=LR)
    assert olmo_cos_linear(101, **options) < 0.01
    assert LR * preset(110) == pytest.approx(0.01, rel=1e-9)


def test_olmo_presets_ask_for_what_is_missing():
    with pytest.raises(StepsizeError, match="write t_max=1000"):
        presets.olmo.CosWithWarmup(10)
    for both in ({}, {"warmup": 10, "warmup_fraction": 0.1}):
        with pytest.raises(StepsizeError, match="write one of warmup=100 and warmup_fraction"):
            presets.olmo.WSD(t_max=100, **both)
    with pytest.raises(StepsizeError, match="linear or cosine, not 'sine'"):
        presets.olmo.ComposableScheduler([{"duration": 9, "shape": "sine", "end_lr": 0.1}])


# fastai, over FIT steps --------------------------------------------------------------------------------------------

FIT = 80
FASTAI = {
    "SchedLin": lambda pos, start, end: max(start + (end - start) * pos, 0.0),
    "SchedCos": lambda pos, start, end: start + (end - start) * (1 - cos(pi * pos)) / 2,
    "SchedExp": lambda pos, start, end: start * (end / start) ** pos,
    "SchedPoly": lambda pos, start, end, power: max(start + (end - start) * pos**power, 0.0),
}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        *(
            (name, pair)
            for name in ("SchedLin", "SchedCos")
            for pair in ((0.3, 0.0), (0.0, 0.3), (0.3, 0.1), (0.1, 0.3))
        ),
        ("SchedExp", (0.3, 0.01)),
        ("SchedExp", (0.01, 0.3)),
        ("SchedPoly", (0.3, 0.0, 2)),
        ("SchedPoly", (0.1, 0.3, 0.5)),
    ],
)
def test_equals_fastai_at_every_step(name, values):
    preset = getattr(presets.fastai, name)(*values, steps=FIT)
    same(preset, lambda t: FASTAI[name](t / FIT, *values))


def two_cosines(t, begin, middle, end, turn, steps):
    """Half a cosine from the beginning to the middle, and one from there to the end."""
    if t < turn:
        return begin + (middle - begin) * (1 - half(t / turn))
    return end + (middle - end) * half((t - turn) / (steps - turn))


@pytest.mark.parametrize("pct", [0.25, 0.3])
@pytest.mark.parametrize("epochs", [4, 7])
def test_the_fits_of_fastai(pct, epochs):
    steps = epochs * 11
    turn = pct * steps
    cycle = presets.fastai.fit_one_cycle(epochs, 0.3, pct_start=pct, steps_per_epoch=11)
    same(cycle, lambda t: two_cosines(t, 0.3 / 25, 0.3, 0.3 / 1e5, turn, steps), steps + 1)
    flat = presets.fastai.fit_flat_cos(epochs, 0.3, pct_start=pct, steps_per_epoch=11)
    same(flat, lambda t: two_cosines(t, 0.3, 0.3, 0.3 / 1e5, turn, steps), steps + 1)
    both = presets.fastai.combined_cos(pct, 0.1, 0.3, 0.2, steps=steps)
    same(both, lambda t: two_cosines(t, 0.1, 0.3, 0.2, turn, steps), steps + 1)


def test_fit_sgdr_of_fastai():
    def by_hand(t, length=22):
        while t >= length and length < 88:
            t, length = t - length, 2 * length
        return 0.3 * half(t / length)

    same(presets.fastai.fit_sgdr(3, 2, 0.3, steps_per_epoch=11), by_hand)


def test_combine_scheds_of_fastai():
    ours = presets.fastai
    parts = [ours.SchedLin(0.0, 0.3, steps=20), ours.SchedNo(0.3, 0.1), ours.SchedPoly(0.2, 0.0, 2, steps=40)]
    combined = ours.combine_scheds([0.25, 0.25, 0.5], parts, steps=80)

    def by_hand(t):
        if t < 20:
            return 0.3 * t / 20
        return 0.3 if t < 40 else 0.2 * (1 - ((t - 40) / 40) ** 2)

    same(combined, by_hand, 81)
    with pytest.raises(StepsizeError, match="whole numbers of steps"):
        ours.combine_scheds([0.25, 0.25, 0.5], parts, steps=81)


# fairseq -----------------------------------------------------------------------------------------------------------


def fairseq_cosine(t, lr, warmup_updates, max_update, min_lr=0.0, lr_shrink=0.1, t_mult=1, warmup_init_lr=None):
    if t < warmup_updates:
        start = min_lr if warmup_init_lr is None else warmup_init_lr
        return start + (lr - start) * t / warmup_updates
    s, length, shrink = t - warmup_updates, max_update - warmup_updates, 1.0
    while s >= length:
        s, length, shrink = s - length, length * t_mult, shrink * lr_shrink
    return shrink * (min_lr + (lr - min_lr) * half(s / length))


@pytest.mark.parametrize(
    "options",
    [
        {"warmup_updates": 10, "max_update": 100},
        {"warmup_updates": 10, "max_update": 40, "min_lr": 0.03, "lr_shrink": 0.5, "t_mult": 2},
        {"warmup_updates": 10, "max_update": 40, "warmup_init_lr": 0.1, "lr_shrink": 1.0},
    ],
    ids=str,
)
def test_cosine_equals_fairseq(options):
    same(presets.fairseq.CosineLRSchedule(0.3, **options), lambda t: fairseq_cosine(t, 0.3, **options))


def test_the_others_of_fairseq():
    ours = presets.fairseq
    same(ours.InverseSquareRootSchedule(0.3, 10), lambda t: 0.3 * t / 10 if t < 10 else 0.3 * sqrt(10 / t))
    same(
        ours.PolynomialDecayLRSchedule(0.3, 10, 0.03, 2.0, 100),
        lambda t: 0.3 * t / 10 if t < 10 else 0.03 + 0.27 * max(1 - (t - 10) / 90, 0) ** 2,
    )
    same(
        ours.TriStageLRSchedule(0.3, 10, 50, 40),
        lambda t: 0.003 + 0.297 * t / 10 if t < 10 else 0.3 * exp(log(0.01) * min(max(t - 60, 0) / 40, 1)),
    )
    with pytest.raises(StepsizeError, match="write max_update=1000"):
        ours.CosineLRSchedule(0.3, 10)
