"""What a diagnosis makes of hard cases: a moment's NaN, a loss that never fell, one that was lost again, odd layers."""

from dataclasses import replace

import numpy as np
import pytest

from stepsize.lab.diagnosis import diagnose
from test_diagnosis import names, record

RANDOM = np.random.default_rng(4)
NOISE = 0.05 * RANDOM.standard_normal(300)
FALLING = 2.3 * np.exp(-np.arange(300) / 60) + 0.2 + NOISE
COSINE = 0.1 * (1 + np.cos(np.pi * np.arange(300) / 300)) / 2


def test_a_loss_that_was_not_finite_for_a_moment_is_a_remark():
    losses = FALLING.copy()
    losses[[120, 121]] = np.nan, np.inf
    told = diagnose(record(losses, rates=COSINE))
    assert not told.findings
    assert told.healthy == diagnose(record(FALLING, rates=COSINE)).healthy
    assert "not finite in 2 of 300 rows, first at update 120, and the run went on" in told.remarks[0]


@pytest.mark.parametrize("broken", [slice(297, None), slice(100, 150)])
def test_losses_that_stay_broken_or_break_often_are_a_run_that_diverged(broken):
    losses = FALLING.copy()
    losses[broken] = np.nan
    assert diagnose(record(losses)).findings[0].illness == "diverged"


def test_a_break_that_nothing_led_up_to_is_one_of_the_data_first():
    losses = FALLING.copy()
    losses[200:] = np.nan
    (finding,) = diagnose(record(losses)).findings
    assert finding.advice.startswith("look at the batch of that update, for nothing led up to it")
    rising = FALLING.copy()
    rising[150:200] += 1.2 ** np.arange(50)
    rising[200:] = np.nan
    assert "look at the batch of that update, for" not in diagnose(record(rising)).findings[0].advice


@pytest.mark.parametrize("rates", [COSINE, np.full(300, 0.1), None])
@pytest.mark.parametrize("losses", [2.3 + NOISE, np.full(300, 2.3)])
def test_a_loss_that_never_fell_is_told_under_any_schedule(losses, rates):
    columns = {} if rates is None else {"rates": rates}
    (finding,) = diagnose(record(losses, **columns)).findings
    assert finding.illness == "not learning"
    assert "a rate 10 times higher and one 10 times lower" in finding.advice


@pytest.mark.parametrize("losses", [FALLING, np.zeros(300), 0.4 + 2 * np.exp(-np.arange(300)) + NOISE])
def test_a_loss_that_fell_or_has_nothing_to_fall_is_not_told(losses):
    assert "not learning" in diagnose(record(losses, rates=COSINE)).healthy


def test_a_run_that_lost_what_it_had_gained_diverged_and_is_no_plateau():
    losses = np.r_[np.linspace(2.3, 0.3, 200), np.linspace(0.3, 2.28, 100)] + NOISE
    (finding,) = diagnose(record(losses, rates=np.full(300, 0.1))).findings
    assert finding.illness == "diverged"
    assert finding.step == pytest.approx(200, abs=15)
    assert "it lost most of what it had gained" in finding.says
    half_back = np.r_[np.linspace(2.3, 0.3, 200), np.linspace(0.3, 0.9, 100)] + NOISE
    assert "diverged" in diagnose(record(half_back)).healthy


def test_a_loss_that_never_came_back_down_to_its_start_diverged():
    losses = np.r_[2.28, 30 + 10 * RANDOM.random(299)]
    assert diagnose(record(losses)).findings[0].illness == "diverged"


@pytest.mark.parametrize("first", [[2.28, 30.1, 23.0, 33.2, 39.5, 12.9], [3.4, 17.0, 36.3, 21.6, 9.1]])
def test_the_numbers_of_an_early_rise_are_those_of_the_record(first):
    losses = np.r_[first, FALLING[len(first) :]]
    (finding,) = diagnose(record(losses)).findings
    assert finding.illness == "rate too large"
    numbers = dict(finding.numbers)
    assert numbers["loss at the start"] == losses[0]
    assert numbers["highest early loss"] == losses[finding.step] == max(first)


def layered(**layers):
    norms = {name: np.full(300, one) for name, one in layers.items()}
    return replace(record(FALLING, grad_norms=np.ones(300)), layers=norms)


def test_layers_in_the_middle_may_be_weak_and_the_first_may_not():
    attention = layered(embedding=0.2, query=1e-3, key=1e-3, value=0.2, mlp=0.4, head=1.0)
    assert "vanishing gradients" in diagnose(attention).healthy
    faded = layered(first=1e-6, second=1e-4, third=1e-2, fourth=1.0)
    (finding,) = diagnose(faded).findings
    assert "the gradient of “first” is 1e+06 times shorter than that of “fourth”" in finding.says


@pytest.mark.parametrize(
    "rates",
    [
        np.full(300, 0.1),  # held, and stopped early
        0.1 / np.sqrt(1 + np.arange(300) / 40),
        0.04 + 0.6 * COSINE,
        0.1 * 0.4 ** (np.arange(300) / 300),
    ],
)
def test_a_rate_that_is_held_or_flattens_out_is_not_on_its_way_down(rates):
    one = record(FALLING, rates=rates)
    assert "schedule ended late" in diagnose(one).healthy
    going_on = diagnose(replace(one, planned_steps=1000))  # it may come down yet
    assert "schedule ended late" in dict(going_on.not_judged)
    assert any("ends at update 299 of 1000: the run is still going on" in said for said in going_on.remarks)


def test_a_clip_that_always_acts_and_a_run_that_learned_nothing_ask_for_the_same():
    told = diagnose(record(2.3 + NOISE, clipped=np.ones(300), rates=np.full(300, 0.1)))
    assert names(told) == {"always clipped", "not learning"}
    assert told.findings[0].advice.startswith("a looser clip or a higher rate: ")


@pytest.mark.parametrize(
    ("text", "ill"),
    [
        ("clip_norm(1) | sgd() | 0.1", True),
        ("clip_norm(1) | adam() | 0.1", False),
        ("zclip() | rmsprop() | weight_decay(0.1) | 0.1", False),
        ("clip_norm(1) | adagrad() | 0.1", False),
        ("adam() | 0.1 | clip(0.01)", True),
        ("adam() | clip_rms(0.1) | 0.1", True),
        (None, True),
    ],
)
def test_a_clip_before_a_rule_that_does_not_mind_lengths_may_always_act(text, ill):
    told = diagnose(replace(record(FALLING, clipped=np.ones(300)), text=text))
    assert ("always clipped" in names(told)) is ill
    assert any("shortens no update" in one for one in told.remarks) is not ill


@pytest.mark.parametrize(("clipped", "said"), [(1.0, "A clip acted there."), (0.0, "clip_norm(…) before the rule")])
def test_a_spike_that_a_clip_held_needs_no_clip(clipped, said):
    norms = RANDOM.lognormal(0, 0.3, 300)
    norms[100] *= 40
    acts = np.zeros(300)
    acts[100] = clipped
    (finding,) = diagnose(record(FALLING, grad_norms=norms, clipped=acts)).findings
    assert finding.illness == "exploding gradients"
    assert said in finding.says + finding.advice


def test_a_few_rows_are_too_little_to_judge_by():
    told = diagnose(record(np.linspace(3, 1, 12)))
    assert told.verdict == "Too little to judge by: 2 rules found nothing wrong, 21 could not say."
