"""A schedule extended again and again: the values of every change in turn, in a text that grows by a knot a change."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import stepsize as s
from calls import calls_of
from stepsize import StepsizeError, parse
from stepsize.schedules.extend import extend
from stepsize.schedules.questions import boundaries, settled
from strategies import schedules
from subjects import SCHEDULES, TOTAL, UNITS, close

FROM_NOW = ("stretch_rest", "cooldown_now")
BENDING = ("keep_share", "keep_step", "stretch_rest")


def changed(f, rule, total, was, at):
    return extend(f, total, was=was, rule=rule, **({"at": at} if rule in FROM_NOW else {}))


def by_hand(before, f, rule, total, was, at):
    """The value at any time, exact, of one change of the horizon; `before` is that of `f`, the schedule till then."""
    rest = settled(f)
    if rule == "stretch_rest" and at > 0 and total != was and (at >= was or (rest is not None and rest <= at)):
        rule, was = "keep_step", max(was, at)
    if rule == "stretch_rest":
        return lambda t: before(t if t < at else at + (t - at) * Fraction(was - at, total - at))
    if rule == "keep_share":
        return lambda t: before(t * Fraction(was, total))
    if rule == "keep_step":
        stays = total <= was or (rest is not None and rest <= was)
        return before if stays else lambda t: before(min(t, Fraction(was - 1)))
    return lambda t: before(t) if t < at else before(Fraction(at)) * max(0.0, 1 - float(Fraction(t - at, total - at)))


changes = st.lists(
    st.tuples(st.sampled_from([*BENDING, "stretch_rest", "cooldown_now"]), st.integers(0, 200), st.integers(1, 300)),
    min_size=2,
    max_size=5,
)


def agree(f, was, rows):
    """Every change in turn, by the library and by hand, at every update and past the end."""
    value, ends = lambda t, f=f: f(float(t)), {was}
    for rule, back, more in rows:
        at = max(was - back, 0)
        value, f = by_hand(value, f, rule, at + more, was, at), changed(f, rule, at + more, was, at)
        was = at + more
        ends |= {at, was}
    asked = sorted({*range(0, was + 50, was // 60 + 1), *(t + i for t in ends for i in (-1, 0, 1) if t + i >= 0)})
    wanted = [value(Fraction(t)) for t in asked]
    for values in (np.array([f(t) for t in asked]), f(np.array(asked))):
        inside = sum(t <= was for t in asked)  # past the end a squeezed curve has run through thousands of steps
        np.testing.assert_allclose(values[:inside], wanted[:inside], 1e-12, 1e-12 * max(wanted))
        np.testing.assert_allclose(values[inside:], wanted[inside:], 1e-9, 1e-9 * max(wanted))
    assert parse(str(f)) == f
    assert f.over(was) == f


@pytest.mark.parametrize("f", SCHEDULES, ids=str)
@settings(max_examples=12)
@given(rows=changes)
def test_extended_up_to_five_times_it_has_the_values_of_every_change_in_turn(f, rows):
    agree(f, TOTAL, rows)


@given(f=schedules(3), rows=changes)
def test_any_schedule_extended_again_has_the_values_of_every_change_in_turn(f, rows):
    try:
        f = f.over(300, **UNITS)
    except StepsizeError:
        assume(False)
    agree(f, 300, rows)


TEXTS = [
    "warmup(10) >> cosine(90)",
    "staircase(0.5, 30) * linear(1, 0, 100)",
    "repeat(cosine(25), growth=1.5)",
    "stretch(warmup(5) >> rex(45), 2)",
    "(warmup(10) >> cosine(90)) * infrared()",
    "0.1 * (warmup(10) >> cosine(90))",
]


@pytest.mark.parametrize("rules", [("stretch_rest",), ("keep_share",), ("keep_step",), BENDING], ids=str)
@pytest.mark.parametrize("text", TEXTS)
def test_two_hundred_changes_cost_a_knot_each(text, rules):
    assert calls_of(lambda: two_hundred_changes(text, rules)) < 2_000_000


def two_hundred_changes(text, rules):
    f = parse(text).over(100)
    first, was = len(str(f)), 100
    for i in range(200):
        at = was - 7
        f, was = changed(f, rules[i % len(rules)], was + 10, was, at), was + 10
        assert len(str(f)) <= 2 * first + 100 + 60 * (i + 1)
    assert str(f).count("warp") <= 1
    assert parse(str(f)) == f
    if not f.controllers:
        f(was)
        boundaries(f, was)


@pytest.mark.parametrize("text", TEXTS[:4])
def test_cool_downs_in_between_keep_the_text_short(text):
    f, was = parse(text).over(100), 100
    for i in range(40):
        rule = ("cooldown_now", *BENDING)[i % 4]
        f, was = changed(f, rule, was + 10, was, was - 7), was + 10
        assert len(str(f)) <= 2 * len(text) + 200 + 150 * i


def test_keep_share_again_is_no_third_stretch():
    f = s.warmup(10) >> s.cosine(90)
    for was, total in [(100, 200), (200, 300), (300, 700)]:
        f = extend(f, total, was=was)
    assert f == s.stretch(s.stretch(s.warmup(10) >> s.cosine(90), 2.0), 3.5)
    assert extend(f, 200, was=700) == s.stretch(s.warmup(10) >> s.cosine(90), 2.0)


def test_a_stretch_by_anothers_hand_is_stretched_on_and_not_piled_up():
    f = s.stretch(s.staircase(0.5, 100), 3)
    for was, total in [(1000, 1100), (1100, 1300), (1300, 2000)]:
        f = extend(f, total, was=was)
    assert f == s.stretch(s.stretch(s.staircase(0.5, 100), 3), 2.0)


def test_stretch_rest_is_written_once_with_a_knot_a_change():
    f = s.warmup(10) >> s.cosine(90)
    f = extend(f, 150, was=100, rule="stretch_rest", at=50)
    assert str(f) == "warp(warmup(10) >> cosine(90), (50, 50), (150, 100))"
    f = extend(f, 300, was=150, rule="stretch_rest", at=100)
    assert str(f) == "warp(warmup(10) >> cosine(90), (50, 50), (100, 75), (300, 100))"
    f = extend(f, 300, was=300, rule="stretch_rest", at=200)
    assert str(f) == "warp(warmup(10) >> cosine(90), (50, 50), (100, 75), (300, 100))"
    f = extend(f, 340, was=300, rule="keep_step")
    assert str(f) == "warp(warmup(10) >> cosine(90), (50, 50), (100, 75), (300, 100))"  # it rests there


def test_a_hold_in_a_hold_is_one():
    f = s.repeat(s.cosine(30))
    f = extend(f, 150, was=100, rule="keep_step")
    f = extend(f, 200, was=80, rule="keep_step")
    assert str(f) == "warp(repeat(cosine(30)), (79, 79), (80, 79))"
    assert [f(t) for t in (78, 79, 500)] == [s.repeat(s.cosine(30))(t) for t in (78, 79, 79)]


# --- the word that it is written with


def test_time_goes_along_the_lines():
    f = s.warp(s.linear(0, 100, 100), (10, 20), (20, 20), (40, 30))
    assert [f(t) for t in (0, 5, 10, 15, 20, 30, 40, 50)] == pytest.approx([0, 10, 20, 20, 20, 25, 30, 35])
    assert s.schedules.questions.length(f) == 180
    assert settled(f) == 180
    assert boundaries(f, 200) == [
        (10, "time stands still"),
        (20, "time runs 2 times as long"),
        (180, "linear(0, 100, 100) ends"),
    ]


@pytest.mark.parametrize("f", [s.warp(s.staircase(0.5, 7), (3, 3), (50, 22)), s.warp(s.cosine(40), (9, 5), (10, 5))])
def test_it_rests_from_the_first_step_of_its_last_value(f):
    rest = settled(f)
    if rest is not None:
        assert f(rest) == f(10**6)
        assert f(rest - 1) != f(rest)
    assert [t for t, _ in boundaries(f, 100) if f(t) != f(t - 1)] or rest is not None


@pytest.mark.parametrize("pace", [3, 7, 0.3, 1.1, 49])
def test_a_whole_step_inside_is_met_exactly(pace):
    f = s.warp(s.staircase(0.5, 1), (1000 * pace, 1000)) if pace >= 1 else s.warp(s.staircase(0.5, 1), (300, 1000))
    by = Fraction(pace).limit_denominator(10) if pace >= 1 else Fraction(3, 10)
    f = s.warp(s.staircase(0.5, 1), (float(1000 * by), 1000))
    for t in range(200):
        assert f(t) == 0.5 ** int(t / by)


@pytest.mark.parametrize(
    "knots",
    [(), ((5, 5), (5, 6)), ((5, 5), (4, 6)), ((5, 5), (6, 4)), ((0, 0),), ((-1, 0),), ((5,),), (5, 5), ((1, 1e300),)],
)
def test_knots_that_are_none_are_one_line(knots):
    with pytest.raises(StepsizeError, match="warp: ") as error:
        s.warp(s.cosine(10), *knots)
    assert "\n" not in str(error.value)


def test_a_controller_cannot_be_bent():
    with pytest.raises(StepsizeError, match="warp takes a schedule"):
        s.warp(s.infrared(), (5, 5))


@pytest.mark.parametrize("text", ["warp(cosine(), (50, 50), (150, 100))", "warp(exponential(0.9, every=1), (5, 9))"])
def test_what_takes_what_is_left_is_given_the_steps_inside(text):
    f = parse(text).over(150)
    assert f.over(150) == f
    assert close(f(0), 1)
    if "cosine" in text:
        assert f == parse("warp(cosine(100), (50, 50), (150, 100))")
