"""Rates carried over: laws of the rules, what is said outside their range, the command, and the table in the docs."""

import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commandline import run
from stepsize import StepsizeError, parse
from stepsize.transfer import LAWS, scaled
from stepsize.transfer.laws import CHANGES, DEFAULTS, KINDS, law_of, names
from stepsize.transfer.measured import MISSES, said_of

SIZES = st.integers(1, 10**6)
RULES = [(one.what, one.name) for one in LAWS]
STRATEGY = {"sgd": "sgd(momentum=0.9) | 0.1 * cosine()", "adam": "adam() | 0.001 * (warmup('5%') >> cosine())"}


def by(what, name, old, new, rate=0.1):
    noise = {"noise_scale": 700.0} if name == "noise" else {}
    return scaled(rate, **{what: (old, new)}, rule=name, optimizer="sgd", **noise)


@pytest.mark.parametrize(("what", "name"), RULES)
@given(a=SIZES, b=SIZES, c=SIZES)
def test_laws_compose_and_equal_sizes_change_nothing(what, name, a, b, c):
    assert by(what, name, a, a).rate == 0.1
    there = by(what, name, a, b).rate
    assert by(what, name, b, c, there).rate == pytest.approx(by(what, name, a, c).rate, rel=1e-9)
    assert by(what, name, b, a, there).rate == pytest.approx(0.1, rel=1e-9)


@pytest.mark.parametrize(
    ("what", "rule", "factor"),
    [
        ("batch", "linear", 4),
        ("batch", "sqrt", 2),
        ("batch", "none", 1),
        ("steps", "sqrt", 0.5),
        ("steps", "third", 4 ** (-1 / 3)),
        ("steps", "none", 1),
        ("width", "inverse", 0.25),
        ("depth", "sqrt", 0.5),
    ],
)
def test_each_rule_by_hand(what, rule, factor):
    assert by(what, rule, 64, 256).rate == pytest.approx(0.1 * factor)


def test_the_noise_scale_bends_the_linear_rule():
    small, large = (
        scaled(0.1, batch=pair, optimizer="sgd", noise_scale=1e6).rate for pair in ((8, 16), (10**9, 10**10))
    )
    assert small == pytest.approx(0.2, rel=1e-4)
    assert large == pytest.approx(0.1, rel=2e-3)
    assert scaled(0.1, batch=(100, 300), optimizer="sgd", noise_scale=300).rate == pytest.approx(
        0.1 * (1 + 3) / (1 + 1)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", CHANGES)
def test_the_optimizer_is_seen_from_a_strategy_and_decides_the_rule(what, kind):
    found = scaled(STRATEGY[kind], **{what: (16, 64)})
    base = parse(STRATEGY[kind]).rate.base
    law = law_of(what, DEFAULTS[what, kind])
    assert found.steps[0].law == law
    assert found.rate == pytest.approx(base * law.factor(16, 64))
    assert parse(found.text).with_base(base) == parse(STRATEGY[kind])
    assert parse(found.text).rate.base == pytest.approx(found.rate, rel=1e-3)


def test_several_sizes_multiply():
    whole = scaled(STRATEGY["adam"], batch=(16, 64), width=(32, 64), depth=(4, 8))
    parts = [scaled(STRATEGY["adam"], **one) for one in ({"batch": (16, 64)}, {"width": (32, 64)}, {"depth": (4, 8)})]
    assert whole.rate == pytest.approx(0.001 * math.prod(one.rate / 0.001 for one in parts))
    assert [one.law.what for one in whole.steps] == ["batch", "width", "depth"]


def test_inside_its_range_nothing_is_said():
    for healthy in (
        scaled(STRATEGY["sgd"], batch=(256, 8192)),
        scaled(STRATEGY["adam"], batch=(8, 256)),
        scaled("rmsprop() | 0.01", batch=(8, 16)),
        scaled(STRATEGY["sgd"], steps=(500, 1000)),
        scaled(STRATEGY["adam"], width=(64, 256), depth=(2, 8)),
        scaled("0.1", batch=(32, 64), rule="linear"),
        scaled(STRATEGY["sgd"], batch=(32, 64), noise_scale=100, rule="linear"),
        scaled(STRATEGY["adam"], batch=(32, 64), rule="none"),
        scaled(0.1, depth=(2, 4), rule="sqrt"),
    ):
        assert not [line for one in healthy.steps for line in one.outside]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"batch": (8, 512)}, "differ by a factor of 64, and what is known ends at 32"),
        ({"batch": (8, 16), "rule": "sqrt"}, "the rule is one for adam, not for sgd"),
        ({"batch": (8, 64), "rule": "linear", "noise_scale": 50}, "a batch of 64 is above the noise scale of 50"),
        ({"batch": (64, 8), "rule": "linear", "noise_scale": 50}, "a batch of 64 is above the noise scale of 50"),
        ({"batch": (512, 8)}, "differ by a factor of 64, and what is known ends at 32"),
        ({"depth": (2, 4)}, "the rule is one for adam"),
    ],
)
def test_outside_its_range_it_says_so_and_answers(how, said):
    found = scaled(STRATEGY["sgd"], **how)
    assert any(said in line for line in found.steps[0].outside)
    assert found.rate > 0
    assert "Outside its range: " in str(found)


def test_a_rate_alone_is_that_of_the_optimizer_that_its_rule_is_for():
    kinds = {rule: scaled(0.1, batch=(8, 16), rule=rule).steps[0].kind for rule in ("linear", "sqrt", "none")}
    assert kinds == {"linear": "sgd", "sqrt": "adam", "none": "sgd"}


def test_equal_sizes_leave_every_digit_of_a_rate():
    assert scaled("sgd() | 0.1234567", batch=(8, 8)).text == "sgd() | 0.1234567"
    assert scaled("sgd() | 0.1234567", batch=(8, 16)).text == "sgd() | 0.2469"


def test_controllers_are_named():
    assert "controllers decide" in str(scaled("sgd() | 0.1 * plateau()", batch=(8, 16)))


@pytest.mark.parametrize(
    ("strategy", "how", "said"),
    [
        (0.1, {}, "say what changes"),
        (0.1, {"batch": (8, 16)}, "a rate alone does not say its optimizer"),
        (0, {"batch": (8, 16)}, "rate must be a number > 0"),
        (float("nan"), {"batch": (8, 16)}, "rate must be a number > 0"),
        ("sgd() | 0", {"batch": (8, 16)}, "base rate 0"),
        (0.1, {"batch": (0, 16), "rule": "sqrt"}, "batch must be a number ≥ 1"),
        (0.1, {"batch": (8.5, 16), "rule": "sqrt"}, "batch must be a whole number"),
        (0.1, {"batch": (8,), "rule": "sqrt"}, "batch must be two numbers"),
        (0.1, {"batch": (8, 16), "rule": "cube"}, "rule for batch must be one of linear, sqrt, noise, none"),
        (0.1, {"batch": (8, 16), "rule": "noise"}, "needs the gradient-noise scale"),
        (0.1, {"batch": (8, 16), "steps": (8, 16), "rule": "sqrt"}, "a rule is for one size"),
        ("adam() | 0.1", {"batch": (8, 16), "noise_scale": 5}, "a noise scale is for the batch of SGD"),
        (0.1, {"batch": (8, 16), "optimizer": "lion"}, "optimizer must be 'sgd' or 'adam'"),
        (1e308, {"batch": (1, 10**6), "rule": "linear"}, "the new rate must be"),
    ],
)
def test_bad_input_is_one_line(strategy, how, said):
    with pytest.raises(StepsizeError, match=said) as error:
        scaled(strategy, **how)
    assert "\n" not in str(error.value)


def test_the_command_prints_rule_source_range_and_how_far_it_was_off():
    done = run("scale", STRATEGY["adam"], "--batch", "256:4096")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert parse(lines[0]).rate.base == 0.004
    assert [line.split(" ")[0] for line in lines[1:]] == ["Rule", "Source:", "It", "Verified"]
    assert said_of(law_of("batch", "sqrt"), "adam") in lines[-1]
    told = json.loads(run("scale", "0.1", "--batch", "256:4096", "--rule", "linear", "--json").stdout)
    assert told["rate"] == pytest.approx(1.6)
    assert told["changes"][0]["source"] == law_of("batch", "linear").source


@pytest.mark.parametrize(
    "words",
    [
        ["0.1"],
        [],
        ["0.1", "--batch", "256"],
        ["0.1", "--batch", "256:x"],
        ["0.1", "--batch", "0:4"],
        ["0.1", "--batch", "1:2:3"],
        ["-0.1", "--batch", "1:2"],
        ["abc", "--batch", "1:2"],
        ["adam()", "--batch", "1:2"],
        ["0.1", "--steps", "1:1e400", "--rule", "sqrt"],
        ["0.1", "--batch", "1:2", "--optimizer", "lion"],
    ],
)
def test_what_cannot_be_scaled_is_one_line(words):
    done = run("scale", *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: ")


def test_every_law_says_where_it_comes_from_and_holds():
    for one in LAWS:
        assert one.source
        assert one.holds
        assert one.most > 1
    assert {what for what, _ in DEFAULTS} == set(CHANGES)
    assert all(name in names(what) for (what, _), name in DEFAULTS.items())


def test_the_table_of_the_docs_is_that_of_the_code():
    page = (Path(__file__).parents[1] / "docs" / "transfer.md").read_text(encoding="utf-8")
    row = re.compile(r"^\| (\w+) \| (\w+) \| (\w+) \| (\d+) \| ([\d.]+) \| ([+−][\d.]+) \| ([+−][\d.]+) \|$", re.M)
    told = {(what, kind, rule): tuple(map(_number, rest)) for what, kind, rule, *rest in row.findall(page)}
    assert told == {key: (one.pairs, one.mean, one.signed, one.worst) for key, one in MISSES.items()}
    assert {(what, kind) for what, kind, _ in MISSES} == {(what, kind) for what in CHANGES for kind in KINDS}


def _number(text):
    return float(text.replace("−", "-"))
