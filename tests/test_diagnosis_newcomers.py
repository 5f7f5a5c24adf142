"""What a diagnosis says of the runs that people make by mistake, and that it is silent of those made well."""

from dataclasses import replace

import numpy as np
import pytest

from stepsize.lab.diagnosis import diagnose
from stepsize.lab.diagnosis.plan import is_controlled, planned_peak, rates_at
from stepsize.lab.records.record import Decision
from test_diagnosis import names, record

RANDOM = np.random.default_rng(11)
ROWS = 600
T = np.arange(ROWS)
NOISE = 0.05 * RANDOM.standard_normal(ROWS)
FALLING = 2.3 * np.exp(-T / 120) + 0.2 + NOISE
COSINE = 0.1 * (1 + np.cos(np.pi * T / ROWS)) / 2


def only(told):
    (finding,) = told.findings
    return finding


# --- a cosine in the wrong unit


def past_its_end(length, warm=0, floor=0.0):
    up = np.arange(warm) / max(warm, 1)
    down = (1 + np.cos(np.pi * np.arange(ROWS - warm) / length)) / 2
    return 0.1 * (floor + (1 - floor) * np.r_[up, down])


@pytest.mark.parametrize(("length", "warm", "floor"), [(20, 0, 0.0), (5, 1, 0.0), (100, 10, 0.0), (37, 0, 0.05)])
def test_a_cosine_that_is_stepped_past_its_end_is_told(length, warm, floor):
    finding = only(diagnose(record(FALLING, rates=past_its_end(length, warm, floor))))
    assert (finding.illness, finding.step) == ("schedule ended early", length + warm)
    assert f"comes back up, to 0.1 at update {2 * length + warm}" in finding.says
    assert "T_max" in finding.advice


def triangles(half):
    place = T % (2 * half)
    return 0.1 * np.minimum(place, 2 * half - place) / half + 1e-4


@pytest.mark.parametrize(
    "rates",
    [
        COSINE,
        past_its_end(ROWS // 2),  # one cosine and the way back: not enough to be sure
        0.1 * (1 + np.cos(np.pi * (T % 100) / 100)) / 2,  # restarts that jump
        0.1 * (1 - np.cos(np.pi * T / 50)) / 2,  # cycles that begin at their floor
        triangles(50),
        np.r_[triangles(50)[50:], triangles(50)[:50]],
        0.05 + 0.04 * np.cos(np.pi * T / 50),  # waves that stay high
    ],
)
def test_cycles_that_are_meant_are_not(rates):
    assert "schedule ended early" not in names(diagnose(record(FALLING, rates=rates)))


def test_a_schedule_of_few_updates_is_told_with_its_unit():
    rates = 0.003 * 0.5 ** (T // 5)
    finding = only(diagnose(record(FALLING, rates=rates)))
    assert (finding.illness, finding.step) == ("schedule ended early", 40)
    assert "look at its unit" in finding.advice
    gone = only(diagnose(record(FALLING, rates=np.where(T < 20, 0.002, 0.0))))
    assert "the rate is 0, after 0.002 at its highest; the run does not move there" in gone.says


# --- a plateau


def plateaued(*steps, kind="plateau", factor=0.1):
    rates = 0.1 * np.prod([np.where(step <= T, factor, 1.0) for step in steps], axis=0)
    told = tuple(Decision(step, kind, "loss not better", factor=factor) for step in steps)
    return replace(record(FALLING, rates=rates), decisions=told)


def test_a_plateau_that_fires_too_soon_is_told_as_one():
    for one in (plateaued(20, 26, 38), replace(plateaued(20, 26, 38), text="plateau(patience=5)", decisions=())):
        finding = only(diagnose(one))
        assert finding.illness == "schedule ended early"
        assert finding.says.startswith("The controller holds the rate at its floor: from update 38 on")
        assert finding.advice.startswith("more patience")
    assert "plateau lowered the rate 3 times, from update 20 to 38." in only(diagnose(plateaued(20, 26, 38))).says


def test_what_a_plateau_did_well_is_a_remark():
    told = diagnose(plateaued(300, 450, factor=0.5))
    assert not told.findings
    assert told.remarks == ("plateau lowered the rate 2 times, from update 300 to 450: to 0.25 times what it was.",)
    assert diagnose(plateaued(450, factor=0.5)).remarks == (
        "plateau lowered the rate at update 450: to 0.5 times what it was.",
    )
    others = (Decision(300, "greedy", "", "head", 2.0), Decision(400, "skip", "", "", 0.5))
    (said,) = diagnose(replace(plateaued(300), decisions=others)).remarks
    assert said == "greedy (group head) changed the rate at update 300: to 2 times what it was."


# --- a batch that is no number


def broken(at=200, norms=1.0, **columns):
    losses, lengths = FALLING.copy(), norms * (1 + 0.1 * RANDOM.random(ROWS))
    losses[at:] = lengths[at:] = np.nan
    return record(losses, grad_norms=lengths, **columns)


def test_a_break_that_nothing_led_up_to_is_one_of_the_batch_in_a_warm_up_too():
    warming = np.minimum(T / 400, 1) * 0.005
    finding = only(diagnose(broken(rates=warming)))
    assert (finding.illness, finding.step) == ("diverged", 200)
    assert finding.advice.startswith("look at the batch of that update, for nothing led up to it")
    led_up = only(diagnose(broken(norms=np.where(T < 195, 1.0, 2.0 ** (T - 190)), rates=warming)))
    assert led_up.advice.startswith("a lower peak")
    unknown = only(diagnose(replace(broken(rates=warming), grad_norms=None)))
    assert unknown.advice.startswith("a lower peak")


def test_a_look_after_the_break_is_not_said_to_be_missing():
    looks = {"measured_at": (300, 600), "validated": np.array([np.nan, np.nan])}
    told = diagnose(replace(broken(), **looks))
    assert "So is the validation loss" in told.findings[0].says
    assert dict(told.not_judged)["overfitting"] == "the record has no validation loss before its loss was no number"


def test_updates_left_out_are_named_with_their_reason():
    losses, gone = FALLING.copy(), np.zeros(ROWS)
    losses[[200, 430]], gone[[200, 430, 500]] = np.nan, 1.0
    told = diagnose(record(losses, rates=COSINE, skipped=gone))
    assert not told.findings
    assert told.remarks[0].startswith("3 of 600 updates were left out, at 200, 430 and 500, for the gradient was not")
    assert "The loss was no number in 2 of them" in told.remarks[0]


# --- a spike


def test_a_spike_that_training_feels_too_is_no_broken_validation():
    losses = np.where(T < 237, 0.008, 0.15) * np.exp(0.2 * RANDOM.standard_normal(ROWS)) + 0.3 * np.exp(-T / 10)
    losses[237] = 1e4
    norms = np.exp(0.2 * RANDOM.standard_normal(ROWS))
    norms[237] = 1e5
    at = np.arange(25, ROWS + 1, 25)  # the look at 250 comes so soon that most rows before it are from before
    looks = {"measured_at": tuple(at.tolist()), "validated": np.where(at < 237, 0.008, 0.16) + 0.3 * np.exp(-at / 10)}
    told = diagnose(replace(record(losses, rates=COSINE, grad_norms=norms), **looks))
    assert "exploding gradients" in names(told)
    assert "validation jumped" not in names(told)
    (spike,) = (one for one in told.findings if one.illness == "exploding gradients")
    assert "one gradient, at update 237, is more than 10 times as long as its neighbours; it is" in spike.says


def test_a_few_looks_that_begin_near_their_lowest_do_not_jump():
    at = tuple(range(75, 601, 75))
    calm = replace(record(FALLING, rates=COSINE), measured_at=at)
    few = np.array([0.722, 0.716, 0.713, 0.746, 0.752, 0.758, 0.76, 0.76])  # a first look that came late
    assert "validation jumped" not in names(diagnose(replace(calm, validated=few)))
    assert "validation jumped" in names(diagnose(replace(calm, validated=np.where(few > 0.72, few + 0.3, few))))


# --- layers of a run that has learned


def layered(losses, first):
    seen = np.where(T % 10 == 0, 1.0, np.nan)
    layers = {name: seen * one for name, one in (("query", first), ("mlp", first), ("head", np.ones(ROWS)))}
    return replace(record(losses, grad_norms=np.ones(ROWS), rates=COSINE), layers=layers)


def test_gradients_that_are_gone_because_all_is_learned_do_not_vanish():
    learned = 2.3 * np.exp(-T / 20) + 0.002
    fading = np.where(T < 40, 0.5, 1e-5)
    assert "vanishing gradients" in diagnose(layered(learned, fading)).healthy
    assert "vanishing gradients" in names(diagnose(layered(learned, np.full(ROWS, 1e-5))))
    assert "vanishing gradients" in names(diagnose(layered(1.5 + 0.8 * np.exp(-T / 20), fading)))


# --- the text of a Scheduler


def test_the_text_of_a_factor_is_understood():
    plain = replace(record(FALLING, rates=COSINE), planned_steps=1200)
    half = replace(plain, text="cosine()", rates=0.1 * (1 + np.cos(np.pi * T / 1200)) / 2)
    assert rates_at(half, [0, 600, 1200]) == pytest.approx([1, 0.5, 0])
    assert planned_peak(half) == pytest.approx(0.1, rel=0.01)
    assert planned_peak(replace(half, text="sgd() | 0.1 * cosine()")) == pytest.approx(0.1)
    assert planned_peak(replace(half, text="0.1 * cosine()")) == pytest.approx(0.1)
    assert planned_peak(replace(half, text="no such thing")) == 0.0
    assert is_controlled(replace(half, text="warmup(5) * plateau()"))
    assert not is_controlled(half)


@pytest.mark.parametrize("text", ["plateau()", "cosine()"])
def test_a_clip_before_adam_may_always_act_under_a_scheduler(text):
    one = replace(record(FALLING, rates=COSINE, clipped=np.ones(ROWS)), text=text, optimizer={"class": "AdamW"})
    assert "always clipped" not in names(diagnose(one))
    assert "always clipped" in names(diagnose(replace(one, optimizer={"class": "SGD"})))
