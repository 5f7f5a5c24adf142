"""The range test of a workload: what it does to any text, that it repeats itself, and what it says of each loss."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize import StepsizeError, problems
from stepsize.cli.bundled import workload
from stepsize.cli.find import find_command
from stepsize.course.range_test import NOT_ALONE, find
from stepsize.course.swept import HIGH, LOW, rising, swept
from stepsize.lab.finding import find_rate, updates_of
from stepsize.lab.runs.descend import descend
from stepsize.lab.workload import Workload

RATES = rising(1e-5, 10, 150)
RULES = ["minimum / 10", "slide", "steepest", "valley"]


def of(problem, name="mine"):
    return Workload(name, problem, None, "a test", name)


def line(rows=64, noise=0.1, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 4))
    return problems.least_squares(X, X @ np.array([1.0, -2.0, 0.5, 3.0]) + noise * random.normal(size=rows))


def told_of(loss):
    """What is told of a loss that is a function of the rate."""
    return swept(RATES, lambda t: loss(t, float(RATES[t])), "a loss", "tune")


def falling(rate):
    return 1 + 1 / (1 + (rate / 0.01) ** 2) + (rate / 1) ** 2


@pytest.mark.parametrize(
    "text",
    [
        "sgd(momentum=0.9) | 0.1",
        "clip_norm(1) | adam() | 3e-4 * (warmup(5) >> cosine()) | clip(0.01)",
        "adam() | weight_decay(0.01) | trust() | 1e-3 * (warmup('3ep') >> cosine())",
        "sgd() | 0.1 * infrared(0.9, 0.99)",
        "sgd() | 0.1 * plateau(0.5, 3, watch='metric')",
        "rmsprop() | 1 * robust_infrared()",
    ],
)
def test_any_text_is_swept_with_its_own_rule_and_clips(text):
    told = find_rate(of(line()), text, steps=200, batch_size=16)
    by_hand = descend(
        line(),
        # the rate of the text, whatever it was, replaced by the sweep
        " | ".join(
            "1e-07 * exponential(1e8, 59)" if one.strip()[0].isdigit() else one.strip() for one in text.split(" | ")
        ),
        steps=60,
        batch_size=16,
    )
    made = len(by_hand.record)
    assert told.losses[:made].tolist() == by_hand.losses.tolist()
    assert np.isnan(told.losses[made:]).all()
    assert told.rates[:made] == pytest.approx(by_hand.rates, rel=1e-9)
    assert (told.rates[0], told.rates[-1]) == pytest.approx((LOW, HIGH))


def test_same_seed_same_numbers_and_another_seed_others():
    first, again, other = (find_rate(of(line()), seed=seed, batch_size=8) for seed in (3, 3, 4))
    assert first.losses.tolist() == again.losses.tolist()
    assert str(first) == str(again)
    assert first.losses.tolist() != other.losses.tolist()


def test_the_best_rate_of_a_quadratic_lies_within_what_is_left_open():
    told = find_rate(of(line(noise=0.0)), "sgd() | 0.1", batch_size=None)
    best = min(
        (descend(line(noise=0.0), f"sgd() | {2.0**x}", steps=500).loss, 2.0**x) for x in np.arange(-12.0, 2.0, 0.5)
    )[1]
    assert told.found.low <= best <= told.found.high
    assert sorted(told.found.rates) == RULES


@pytest.mark.parametrize("batch", [8, 32, None])
def test_an_answer_is_an_interval_of_the_sweep_and_is_not_to_be_trusted_alone(batch):
    told = find_rate(of(line(), "line"), "adam() | 1e-3 * cosine()", batch_size=batch)
    assert LOW <= told.found.low <= told.rate <= told.found.high <= HIGH
    said = str(told)
    assert all(name in said for name in RULES)
    assert NOT_ALONE in said
    assert 'Do instead: stepsize tune line "adam() | 0.001 * cosine()" --steps 500' in said
    assert f"batch {batch or 'all'}" in said


def test_a_flat_loss_cannot_be_told():
    told = told_of(lambda t, rate: 2.0)
    assert told.rate is None
    assert str(told).splitlines()[1] == "Cannot tell: the loss does not fall by more than its noise."


def test_a_loss_that_never_falls_cannot_be_told():
    told = told_of(lambda t, rate: 1 + rate)
    assert (told.rate, told.found.rates) == (None, {})
    assert "Cannot tell" in str(told)
    assert "Do instead" in str(told)


@pytest.mark.parametrize("updates", [50, 100, 400])
def test_noise_alone_is_hardly_ever_taken_for_a_descent_and_a_descent_is_nearly_always_seen(updates):
    rates = rising(1e-5, 10, updates)

    def share(course, noise):
        draws = (course + noise * np.random.default_rng(seed).normal(size=updates) for seed in range(200))
        return np.mean([find(rates, one).rate is not None for one in draws])

    assert share(10.0, 0.3) <= 0.04
    assert share(falling(rates), 0.1) == 1
    assert share(falling(rates), 0.3) >= 0.97


@given(seed=st.integers(0, 10_000), size=st.floats(0.01, 100))
def test_noise_of_any_size_is_no_error(seed, size):
    random = np.random.default_rng(seed)
    told = told_of(lambda t, rate: 10 + size * random.normal())
    assert told.rate is None or told.found.low < told.rate < told.found.high
    assert str(told)


def test_a_descent_under_noise_is_told_where_it_is():
    random = np.random.default_rng(0)
    told = told_of(lambda t, rate: falling(rate) + 0.05 * random.normal())
    assert 0.03 < told.found.noise < 0.08
    assert told.found.low < 0.1 < told.found.high


def test_a_sweep_that_diverges_at_once_cannot_be_told():
    told = told_of(lambda t, rate: 10.0**t)
    assert "Cannot tell: the loss rose to 4 times its lowest within 1 updates" in str(told)
    assert "Sweep from a rate below 1e-05" in str(told)


@given(at=st.integers(0, 149), bad=st.sampled_from([math.nan, math.inf, -math.inf]))
def test_a_loss_that_breaks_ends_the_sweep_and_is_never_an_error(at, bad):
    asked = []

    def loss(t, rate):
        asked.append(t)
        return bad if t == at else falling(rate)

    told = told_of(loss)
    assert asked == list(range(at + 1))
    assert told.found.until <= at
    assert all(one <= RATES[-1] for one in told.found.rates.values())
    assert str(told)
    assert (told.rate is None) == (find(RATES, told.losses).rate is None)
    if at < 12:
        assert f"Cannot tell: only {at} losses were finite" in str(told)
        assert "Sweep from a rate below 1e-05" in str(told)


def test_a_loss_that_still_falls_at_the_end_asks_for_more():
    assert "The loss still falls at the end: sweep to a rate above 10." in str(told_of(lambda t, r: 1 / (1 + r)))
    assert "still falls" not in str(told_of(lambda t, r: falling(r)))


def test_a_problem_that_diverges_is_no_error():
    told = find_rate(of(line()), "sgd(momentum=0.9) | 0.1", high=1e12, batch_size=8)
    assert np.isnan(told.losses).any()
    assert told.found.until < len(told.rates)
    assert told.rate < 1


def test_nothing_is_told_of_rates_below_the_sweep():
    told = find_rate(workload("diabetes"), "adam() | 1e-3")  # whose noise is as large as half of the descent
    assert told.found.low >= LOW


def test_a_problem_whose_loss_is_not_finite_at_the_start_cannot_be_told():
    told = find_rate(of(problems.objective(lambda x: (math.nan, x), params=[1.0])))
    assert "Cannot tell: only 0 losses were finite" in str(told)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"low": 0.0}, "find: low must be a number > 0, not 0.0"),
        ({"low": math.nan}, "find: low must be"),
        ({"high": 1e-8}, "find: high must be above low, 1e-07, not 1e-08"),
        ({"share": 0.0}, "find: share must be"),
        ({"share": 1.5}, "find: share must be"),
        ({"steps": 0}, "find: steps must be"),
        ({"text": "cosine()"}, "cosine()"),
        ({"text": "0.1 * cosine()"}, "rule"),
    ],
)
def test_what_cannot_be_swept_is_one_line(words, said):
    with pytest.raises(StepsizeError) as error:
        find_rate(of(line()), **words)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_sweep_takes_a_share_of_the_run():
    assert [updates_of(*one) for one in ((500, 0.3), (2000, 0.1), (10, 1.0), (80, 1))] == [150, 200, 50, 80]
    assert len(find_rate(of(line()), steps=400, share=0.5).rates) == 200


def test_the_command_prints_draws_and_writes_json(tmp_path, capsys):
    png, svg = tmp_path / "sweep.png", tmp_path / "sweep.svg"
    assert find_command("wine", "adam() | 1e-3", png=png, svg=svg) == 0
    said = capsys.readouterr()
    assert "steepest" in said.out
    assert NOT_ALONE in said.out
    assert f"written: {png}" in said.err
    drawn = svg.read_bytes()
    assert png.stat().st_size > 10_000
    assert find_command("wine", "adam() | 1e-3", svg=svg, as_json=True) == 0
    assert svg.read_bytes() == drawn, "the same numbers give the same bytes"
    import json

    told = json.loads(capsys.readouterr().out)
    assert sorted(told["rules"]) == RULES
    assert told["low"] <= told["rate"] <= told["high"]
    assert len(told["losses"]) == len(told["rates"]) == 150
    assert told["why"] == NOT_ALONE


def test_a_sweep_that_cannot_tell_is_drawn_too(tmp_path):
    from stepsize.report.finding import save_sweep

    for loss in (lambda t, rate: 1.0, lambda t, rate: math.nan, lambda t, rate: -(10.0**t) if t < 99 else math.nan):
        assert save_sweep(told_of(loss), tmp_path / "x.svg").stat().st_size > 1000


@pytest.mark.parametrize(
    ("words", "said"),
    [({"png": "x.svg"}, "x.svg"), ({"svg": "nowhere/x.svg"}, "there is no folder nowhere: make it first")],
)
def test_a_picture_that_cannot_be_written_is_said_before_anything_is_trained(words, said, monkeypatch):
    monkeypatch.setattr("stepsize.cli.find.workload", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(StepsizeError, match=said):
        find_command("wine", "adam() | 1e-3", **words)
