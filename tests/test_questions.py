"""What a schedule answers about itself, against asking it at every single step."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import stepsize as s
from stepsize import StepsizeError, parse
from stepsize.schedules.questions import (
    area,
    boundaries,
    diff,
    equal,
    first_below,
    highest,
    last,
    length,
    settled,
)
from strategies import gamma, schedules
from subjects import SCHEDULES, TOTAL, UNITS, close

MANY = 2500  # more than plain Python answers by itself

flat_leaves = st.one_of(
    st.builds(s.constant, st.floats(0, 2), st.integers(1, 60)),
    st.builds(s.staircase, gamma, st.integers(1, 40), st.integers(1, 120)),
    st.builds(lambda a, b, c, n: s.stages(a, b, c, length=n), *[st.floats(0, 2)] * 3, st.integers(3, 120)),
    st.builds(lambda values, n: s.table(*values, every=n), st.lists(st.floats(0, 2), min_size=1), st.integers(1, 20)),
)


def bent(inner):
    """One factor of `inner` in any combinator that takes one."""
    return st.one_of(
        st.builds(s.repeat, inner, st.integers(1, 5), growth=st.sampled_from([1, 1.5, 2]), height=st.floats(0.5, 1)),
        st.builds(s.repeat, inner, growth=st.sampled_from([1, 1.3])),
        st.builds(s.stretch, inner, st.sampled_from([0.3, 0.5, 1.1, 2, 3.7])),
        st.builds(s.shift, inner, st.integers(-30, 30)),
        st.builds(s.reverse, inner),
        st.builds(s.warp, inner, st.just((20, 20)), st.tuples(st.integers(21, 90), st.integers(20, 200))),
        st.builds(s.clamp, inner, st.just(0.2)),
    )


def trees(leaves, depth=3):
    """Combinations of leaves that bring their own length."""
    if depth == 0:
        return leaves
    inner = trees(leaves, depth - 1)
    several = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        leaves,
        several.map(lambda parts: s.then(*parts)),
        several.map(lambda parts: s.product(*parts)),
        several.map(lambda parts: s.plus(*parts)),
        bent(inner),
    )


def resolved(f, steps=TOTAL):
    try:
        f = f.over(steps, **UNITS)
        f(0)
    except StepsizeError:
        assume(False)
    return f


def brute(f, steps):
    return [f(t) for t in range(steps)]


def agrees(f, steps):
    values = brute(f, steps)
    where, top = highest(f, steps)
    assert close(top, max(values))
    assert top == f(where)
    assert all(value <= top * (1 + 1e-12) for value in values[:where])
    assert last(f, steps) == values[-1]
    assert close(area(f, steps), math.fsum(values), rel=1e-11)
    assert equal(f, f, steps)


@pytest.mark.parametrize("f", SCHEDULES, ids=str)
def test_answers_are_those_of_every_step(f):
    agrees(f, 300)
    agrees(f, MANY)


@given(f=schedules(3), steps=st.integers(1, 400))
def test_random_schedules_answer_like_every_step(f, steps):
    agrees(resolved(f), steps)


@given(f=schedules(2), x=st.floats(0, 1.5))
def test_first_below_is_the_first(f, x):
    f = resolved(f)
    for steps in (200, MANY):
        expected = next((t for t, value in enumerate(brute(f, steps)) if value < x), None)
        found = first_below(f, x, steps)
        if found != expected:  # the array and the number may round differently at x itself
            assert found is None or close(f(found), x)
            assert expected is None or close(f(expected), x)


@given(f=schedules(2), g=schedules(2))
def test_differences_are_those_of_every_step(f, g):
    f, g = resolved(f), resolved(g)
    for steps in (150, MANY):
        ours, theirs = np.array(brute(f, steps)), np.array(brute(g, steps))
        gaps = np.abs(ours - theirs)
        allowed = 1e-9 * max(ours.max(), theirs.max())
        told = diff(f, g, steps, tolerance=1e-9)
        assert close(told.largest, gaps.max(), rel=1e-9) or abs(told.largest - gaps.max()) <= allowed
        assert told.values == (f(told.at), g(told.at))
        inside = np.zeros(steps, dtype=bool)
        for start, stop in told.ranges:
            assert start <= stop
            inside[start : stop + 1] = True
        sure = np.abs(gaps - allowed) > 0.01 * allowed
        np.testing.assert_array_equal(inside[sure], (gaps > allowed)[sure])
        assert equal(f, g, steps, tolerance=1e-9) is not bool(told.ranges)


@given(f=trees(flat_leaves))
def test_what_is_made_of_steps_changes_only_at_boundaries(f):
    f = resolved(f)
    values = brute(f, 500)
    changes = {t for t in range(1, 500) if not close(values[t], values[t - 1])}
    assert changes <= {t for t, _ in boundaries(f, 500)}


@given(f=trees(flat_leaves) | schedules(3))
def test_boundaries_rise_and_are_inside_the_run(f):
    f = resolved(f)
    steps = [t for t, _ in boundaries(f, 300)]
    assert steps == sorted(set(steps))
    assert all(0 < t < 300 for t in steps)
    assert [one for one in boundaries(f, 5000) if one[0] < 300] == boundaries(f, 300)


@given(f=trees(flat_leaves) | schedules(3))
def test_what_has_settled_keeps_its_value(f):
    f = resolved(f)
    step = settled(f)
    assume(step is not None)
    for later in (step + 1, step + 17, 10 * step + 5, 10**9):
        assert close(f(later), f(step), rel=1e-9) or abs(f(later) - f(step)) < 1e-9, later


BOUNDARIES = [
    ("warmup(50) >> cosine()", [(50, "cosine(950) begins")]),
    ("warmup(50) * cosine(800)", [(50, "warmup(50) ends"), (800, "cosine(800) ends")]),
    ("cosine(100) * stages(1, 0.5, at=(100,))", [(100, "cosine(100) ends; stage 2 of 2 begins, factor 0.5")]),
    ("repeat(cosine(300), growth=2)", [(300, "cycle 2 begins"), (900, "cycle 3 begins")]),
    ("cooldown(constant(), 200)", [(800, "the cool-down begins")]),
    ("cooldown(sgdr(400), 100, at=500)", [(400, "cycle 2 begins"), (500, "the cool-down begins"), (600, None)]),
    ("shift(linear(length=10), -90)", [(90, "linear(length=10) begins"), (100, "linear(length=10) ends")]),
    ("stretch(stages(1, 0.1, at=(100,)), 2.5)", [(250, "stage 2 of 2 begins, factor 0.1")]),
    ("reverse(stages(1, 0.1, length=1000))", [(500, "stage 1 of 2 begins, factor 1")]),
    ("piecewise((0, 0), (300, 1), (600, 0.1))", [(300, "piece 2 begins, towards 0.1"), (600, None)]),
    ("staircase(0.5, 400)", [(400, "stage 2 begins"), (800, "stage 3 begins")]),
    ("table(1, 0.5, every=600)", [(600, "value 2 of 2, factor 0.5")]),
    ("constant() + exponential(0.9, every=1)", []),
]


@pytest.mark.parametrize(("text", "expected"), BOUNDARIES, ids=[text for text, _ in BOUNDARIES])
def test_boundaries_have_names(text, expected):
    found = boundaries(parse(text), TOTAL)
    assert [t for t, _ in found] == [t for t, _ in expected]
    assert all(label == wanted for (_, label), (_, wanted) in zip(found, expected, strict=True) if wanted)
    assert boundaries(0.1 * parse(text), TOTAL) == found


def test_lengths():
    assert length(parse("0.1 * (warmup(10) >> cosine(90))")) == 100
    assert length(parse("infrared() * cosine(90)")) == 90
    assert length(parse("sgdr(10)")) is None
    assert length(parse("cosine()").over(70)) == 70


def test_one_schedule_in_two_words_is_equal_and_two_are_told_apart():
    assert equal(parse("wsd(100, 200, shape='linear')"), parse("warmup(100) >> constant() >> linear(length=200)"), 1000)
    told = diff(parse("stages(1, 0.5, at=(300,))"), parse("constant()"), 1000)
    assert told.ranges == ((300, 999),)
    assert str(told).endswith(
        "differ at 700 of 1000 updates: 300 to 999. The largest difference is 0.5, at update 300: 0.5 against 1."
    )
    assert str(diff(parse("linear()"), parse("polynomial()"), 9)) == (
        "linear() and polynomial() are the same at all 9 updates."
    )


def test_many_ranges_are_counted_not_listed():
    told = diff(parse("repeat(table(1, 0.5))"), parse("constant()"), 100)
    assert len(told.ranges) == 50
    assert "1, 3, 5 and 47 more ranges" in str(told)
    assert eval(repr(told), {"Difference": type(told)}) == told


@pytest.mark.parametrize(
    "ask",
    [
        lambda f: highest(f, 10),
        lambda f: last(f, 10),
        lambda f: area(f, 10),
        lambda f: boundaries(f, 10),
        lambda f: first_below(f, 0.5, 10),
        lambda f: diff(f, s.cosine(), 10),
    ],
)
def test_what_no_number_of_steps_answers_is_one_line(ask):
    for wrong in (parse("0.1 * infrared() * cosine()"), "cosine()", parse("sgd() | 0.1")):
        with pytest.raises(StepsizeError) as error:
            ask(wrong)
        assert "\n" not in str(error.value)


def test_steps_must_be_whole_and_positive():
    for wrong in (0, -3, 2.5, "10", math.nan):
        with pytest.raises(StepsizeError, match="steps must be"):
            highest(s.cosine(), wrong)


def test_a_formula_without_a_value_is_an_error_in_long_runs_too():
    with pytest.raises(StepsizeError, match="finite"):
        area(parse("formula('1 - t / 2000')"), 5000)
