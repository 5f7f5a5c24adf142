"""Laws of schedules: closed formulas of t, the same on every kind of number, with lengths that fit the run."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import jax
import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import stepsize as s
from stepsize import LengthError, StepsizeError, parse
from strategies import bound, endless_leaves, open_leaves, schedules, sized
from subjects import FACTORS, LIBRARIES, SCHEDULES, TOTAL, UNITS, assert_close, close, plain

pytestmark = pytest.mark.usefixtures("x64")

FAR = (TOTAL, TOTAL + 1, 10 * TOTAL, 10**6, 10**9, 10**15)
STEPS = np.array([*range(0, TOTAL + 50, 3), *FAR])
LONG_AFTER = (0, 1, 100, 10**6, 10**12)

# schedule, its length, its formula before the end, its value after the end
SHAPES = [
    (s.constant(0.5, 10), 10, lambda t: 0.5, 0.5),
    (s.warmup(10), 10, lambda t: (t + 1) / 10, 1.0),
    (s.linear(1, 0, 10), 10, lambda t: 1 - t / 10, 0.0),
    (s.linear(0.2, 0.8, 10), 10, lambda t: 0.2 + 0.6 * t / 10, 0.8),
    (s.cosine(10), 10, lambda t: (1 + math.cos(math.pi * t / 10)) / 2, 0.0),
    (s.cosine(10, final=0.1), 10, lambda t: 0.1 + 0.9 * (1 + math.cos(math.pi * t / 10)) / 2, 0.1),
    (s.exponential(0.1, 10), 10, lambda t: 0.1 ** (t / 10), 0.1),
    (s.exponential(3, 10), 10, lambda t: 3 ** (t / 10), 3.0),
    (s.exponential(0.5, 10, every=2), 10, lambda t: 0.5 ** (t / 2), 0.5**5),
    (s.staircase(0.5, 4, 10), 10, lambda t: 0.5 ** math.floor(t / 4), 0.5**2),
    (s.staircase(0.5, 5, 10), 10, lambda t: 0.5 ** math.floor(t / 5), 0.5),
    (s.stages(1, 0.1, 0.01, length=10), 10, lambda t: (1, 0.1, 0.01)[math.floor(3 * t / 10)], 0.01),
    (s.stages(1, 0.3, 0.2, at=(3, 7)), 7, lambda t: 1 if t < 3 else 0.3, 0.2),
    (s.multistep(3, 7, gamma=0.5), 7, lambda t: 1 if t < 3 else 0.5, 0.25),
    (s.warmup(4) >> s.linear(1, 0.1, 6), 10, lambda t: (t + 1) / 4 if t < 4 else 1 - 0.9 * (t - 4) / 6, 0.1),
    (s.warmup(4) * s.linear(1, 0.1, 10), 10, lambda t: min(1, (t + 1) / 4) * (1 - 0.9 * t / 10), 0.1),
    (s.clamp(s.linear(1, 0, 10), 0.25, 0.75), 10, lambda t: min(0.75, max(0.25, 1 - t / 10)), 0.25),
]
ENDLESS = [
    (s.constant(0.5), lambda t: 0.5),
    (s.exponential(0.99, every=2), lambda t: 0.99 ** (t / 2)),
    (s.staircase(0.9, 4), lambda t: 0.9 ** (t // 4)),
    (s.stages(0.7), lambda t: 0.7),
]


def evaluated(schedule, steps=STEPS):
    return np.array([schedule(int(t)) for t in steps])


def resolved(factor):
    """In steps; examples whose lengths do not fit into the run are skipped."""
    try:
        return factor.over(TOTAL, **UNITS)
    except StepsizeError:
        assume(False)


def test_the_vocabulary_has_enough_subjects():
    assert len(SCHEDULES) > 30


@pytest.mark.parametrize(("schedule", "length", "formula", "after"), SHAPES, ids=[str(row[0]) for row in SHAPES])
def test_first_values_last_value_and_value_after_the_end_are_as_documented(schedule, length, formula, after):
    for t in range(length):
        assert close(schedule(t), formula(t)), t
    for late in LONG_AFTER:
        assert close(schedule(length + late), after), late


@pytest.mark.parametrize(("schedule", "formula"), ENDLESS, ids=[str(row[0]) for row in ENDLESS])
def test_endless_schedules_go_on(schedule, formula):
    for t in (*range(20), 500, 10_000):
        assert close(schedule(t), formula(t)), t


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_total_finite_and_never_negative(schedule):
    for t in (*range(0, TOTAL + 20), 0.5, TOTAL - 0.5, *FAR, 1e15):
        value = schedule(t)
        assert type(value) is float
        assert math.isfinite(value), t
        assert value >= 0, t


@given(schedule=schedules(), t=st.integers(0, 3 * TOTAL) | st.sampled_from(FAR))
def test_random_schedules_are_total_and_finite(schedule, t):
    value = resolved(schedule)(t)
    assert math.isfinite(value)
    assert value >= 0


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize("t", [-1, -0.5, math.nan])
def test_a_step_before_the_start_is_an_error(schedule, t):
    with pytest.raises(StepsizeError, match="≥ 0"):
        schedule(t)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_random_access_is_sequential_access(schedule):
    order = np.random.default_rng(0).permutation(len(STEPS))
    backwards = evaluated(schedule.replace(), STEPS[order])
    np.testing.assert_array_equal(backwards, evaluated(schedule)[order])


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning:array_api_strict")
@pytest.mark.parametrize("dtype", ["int64", "float64"])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_numbers_arrays_tensors_and_traced_arrays_agree(schedule, dtype):
    expected, steps = evaluated(schedule), STEPS.astype(dtype)
    for library, put in LIBRARIES.items():
        values = plain((jax.jit(schedule) if library == "jax" else schedule)(put(steps)))
        assert values.dtype == np.float64, library
        assert_close(values, expected)


@given(schedule=schedules(3))
def test_random_schedules_agree_on_numbers_arrays_and_tensors(schedule):
    schedule = resolved(schedule)
    steps = STEPS[::20]
    expected = evaluated(schedule, steps)
    assert_close(schedule(steps), expected)
    assert_close(schedule(torch.tensor(steps)), expected)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_an_array_keeps_its_shape(schedule):
    for steps in (np.arange(6).reshape(2, 3), np.array(5), np.arange(0)):
        for put in LIBRARIES.values():
            assert tuple(schedule(put(steps)).shape) == steps.shape


@pytest.mark.parametrize("text", ["stages(1, 0.1, length=4)", "clamp(warmup(3) >> cosine(5), 0.1)"])
def test_the_first_tensor_of_a_fresh_process_has_its_value(text):
    program = f"import torch, stepsize; print(stepsize.parse({text!r})(torch.arange(2)).tolist())"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == [s.parse(text)(0), s.parse(text)(1)]


@given(a=schedules(2), b=schedules(2), t=st.integers(0, 2 * TOTAL))
def test_a_product_is_the_product_of_its_parts(a, b, t):
    a, b = resolved(a), resolved(b)
    assert close((a * b)(t), a(t) * b(t))


@given(factor=schedules(2), base=st.floats(0, 1e6), t=st.integers(0, 2 * TOTAL))
def test_a_rate_is_base_times_factor(factor, base, t):
    factor = resolved(factor)
    assert (base * factor)(t) == base * factor(t)
    np.testing.assert_array_equal((base * factor)(STEPS), base * factor(STEPS))


@given(factor=schedules(2), low=bound, more=bound, t=st.integers(0, 2 * TOTAL))
def test_a_clamp_stays_within_its_bounds_and_changes_nothing_inside(factor, low, more, t):
    factor = resolved(factor)
    value = s.clamp(factor, low, low + more)(t)
    assert value == min(max(factor(t), low), low + more)
    assert low <= value <= low + more


@given(parts=st.lists(sized(1), min_size=2, max_size=4), t=st.integers(0, 2 * TOTAL))
def test_each_part_of_a_sequence_begins_where_the_one_before_ends(parts, t):
    parts = [resolved(one) for one in parts]
    starts = [0]
    for one in parts:
        starts.append(starts[-1] + one._steps())
    whole = s.then(*parts)
    for now in {t, *starts, *(one - 1 for one in starts[1:])}:
        i = max(k for k in range(len(parts)) if starts[k] <= now)
        assert close(whole(now), parts[i](now - starts[i])), now


@given(schedule=schedules())
def test_over_twice_is_over_once_and_leaves_no_share(schedule):
    once = resolved(schedule)
    assert once.over(TOTAL, **UNITS) == once
    assert once.over(7 * TOTAL) == once
    assert not any(unit in str(once) for unit in ("%", "ep'", "samples", "tok"))


@pytest.mark.parametrize("factor", FACTORS, ids=str)
def test_over_resolves_every_subject_once(factor):
    once = factor.over(TOTAL, **UNITS)
    assert once.over(TOTAL, **UNITS) == once
    assert (0.1 * factor).over(TOTAL, **UNITS) == 0.1 * once
    assert not any(unit in str(once) for unit in ("%", "ep'", "samples", "tok"))


@given(before=st.lists(sized(1), min_size=1, max_size=3), last=open_leaves)
def test_the_last_part_of_a_sequence_takes_exactly_what_is_left(before, last):
    whole = resolved(s.then(*before, last))
    assert sum(one._steps() for one in whole.parts) == TOTAL


@given(
    before=st.lists(sized(1), max_size=2),
    inner=open_leaves | endless_leaves,
    after=st.lists(sized(1), min_size=1, max_size=2),
)
def test_an_inner_part_without_length_takes_exactly_what_is_left(before, inner, after):
    whole = resolved(s.then(*before, inner, *after))
    assert sum(one._steps() for one in whole.parts) == TOTAL


@pytest.mark.parametrize("total", [1, 2, 3, 7, 99, 100, 101, 1000, 10**6])
@pytest.mark.parametrize(
    "text",
    [
        "warmup('2%') >> cosine()",
        "warmup('10%') >> constant() >> linear(length='20%')",
        "constant(0.5, '33%') >> (warmup('1%') * cosine())",
        "(warmup(5) * cosine()) >> constant(0.5, '97%')",
    ],
)
def test_a_sequence_fills_the_run_or_says_that_it_does_not_fit(text, total):
    try:
        whole = s.parse(text).over(total)
    except LengthError:
        assert total < 200
    else:
        assert sum(one._steps() for one in whole.parts) == total


@pytest.mark.parametrize(
    "text",
    [
        "cosine()",
        "linear()",
        "exponential(0.1)",
        "warmup('5%')",
        "stages(1, 0.1)",
        "stages(1, 0.1, at=('30%',))",
        "staircase(0.1, '30%')",
        "exponential(0.1, every='1ep')",
        "warmup(5) >> cosine()",
        "constant() >> cosine(5)",
        "warmup(5) * cosine()",
        "clamp(cosine(), 0.1)",
        "0.1 * cosine()",
    ],
)
@pytest.mark.parametrize("t", [3, np.arange(3)], ids=["number", "array"])
def test_an_unresolved_expression_asked_for_a_value_is_a_length_error(text, t):
    expression = s.parse(text)
    with pytest.raises(LengthError, match="steps"):
        expression(t)
    assert np.all(expression.over(TOTAL, **UNITS)(t) > 0)


@pytest.mark.parametrize("text", ["warmup('1ep')", "warmup('8samples')", "warmup('8tok')", "cosine() >> linear()"])
def test_a_length_that_the_run_does_not_know_is_a_length_error(text):
    with pytest.raises(LengthError):
        s.parse(text).over(TOTAL)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_evaluating_changes_neither_what_is_given_nor_a_later_answer(schedule):
    asked, never_asked = parse(str(schedule)), parse(str(schedule))  # with no part in common
    steps = np.array([0.0, 3.0, 400.0]), torch.tensor([2.0, 7.0], dtype=torch.float64), np.array(5.0)
    kept = [plain(one).copy() for one in steps]
    asked(10**9), asked.over(5, **UNITS)
    for one in steps:
        asked(one)
    for one, before in zip(steps, kept, strict=True):
        np.testing.assert_array_equal(plain(one), before)
    assert [asked(t) for t in range(30)] == [never_asked(t) for t in range(30)]


def test_a_bare_number_is_never_a_share():
    for wrong in (0.05, 0, -5, "5", "0%", "101%", "-1ep", math.nan, math.inf, True):
        with pytest.raises(StepsizeError):
            s.warmup(wrong)
