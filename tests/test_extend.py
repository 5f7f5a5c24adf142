"""Laws of a changed horizon: what stays, what moves, and what every rule says about the new end."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import stepsize as s
from stepsize import StepsizeError, parse
from stepsize.schedules.extend import extend
from stepsize.schedules.questions import boundaries
from strategies import schedules
from subjects import SCHEDULES, UNITS, assert_close, close

WAS = 300
RULES = ("keep_share", "keep_step", "stretch_rest", "cooldown_now")
FROM_NOW = ("stretch_rest", "cooldown_now")

totals = st.integers(1, 2000)


def started(f):
    """In steps for the old run; examples whose lengths do not fit are skipped."""
    try:
        return f.over(WAS, **UNITS)
    except StepsizeError:
        assume(False)


def values(f, steps):
    return [f(t) for t in steps]


def by_rule(f, total, rule, at=100, was=WAS, **more):
    return extend(f, total, was=was, rule=rule, **({"at": at} if rule in FROM_NOW else {}), **more)


@given(f=schedules(3), times=st.integers(1, 9))
def test_keep_share_gives_every_old_update_so_many_times_later(f, times):
    f = started(f)
    longer = extend(f, WAS * times, was=WAS)
    assert values(longer, range(0, (WAS + 50) * times, times)) == values(f, range(WAS + 50))


@given(f=schedules(3), total=totals)
def test_keep_share_moves_every_boundary_in_proportion(f, total):
    f = started(f)
    before = [t for t, _ in boundaries(f, WAS + 1)]
    for moved, _ in boundaries(extend(f, total, was=WAS), total):
        assert any((t - 1) * total <= moved * WAS and moved <= -(-t * total // WAS) for t in before)


@given(parts=st.lists(st.integers(1, 100), min_size=1, max_size=6), total=totals)
def test_a_boundary_on_a_whole_step_arrives_at_the_first_step_not_before_it(parts, total):
    f = s.then(*(s.constant(i % 2, n) for i, n in enumerate(parts)), s.constant(0.5, 1000))
    at = [sum(parts[: i + 1]) for i in range(len(parts)) if sum(parts[: i + 1]) < WAS]
    wanted = {-(-t * total // WAS) for t in at}
    assert [t for t, _ in boundaries(extend(f, total, was=WAS), total)] == sorted(t for t in wanted if 0 < t < total)


@given(f=schedules(3), total=totals)
def test_keep_step_changes_nothing_before_the_old_end_and_then_holds(f, total):
    f = started(f)
    longer = extend(f, total, was=WAS, rule="keep_step")
    assert values(longer, range(min(total, WAS))) == values(f, range(min(total, WAS)))
    after = values(longer, range(WAS, total, 7))
    assert_close(after, [after[0]] * len(after), rel=1e-9) if after else None
    assert all(close(one, f(WAS - 1), 1e-9) or close(one, f(WAS), 1e-9) for one in after)


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("cosine(final=0.1)", 0.1),
        ("staircase(0.5, 100)", 0.25),
        ("sgdr(100)", parse("cosine(100)")(99)),
        ("exponential(0.99, every=1)", 0.99**299),
        ("warmup(10) >> constant()", 1.0),
    ],
)
def test_keep_step_holds_the_last_value(text, held):
    longer = extend(parse(text), 1000, was=WAS, rule="keep_step")
    for t in (300, 500, 999, 10**6):
        assert close(longer(t), held)


def test_keep_step_leaves_alone_what_rests_by_itself():
    plan = parse("0.1 * (warmup('10%') >> constant() >> linear(length='20%'))")
    assert extend(plan, 1000, was=WAS, rule="keep_step") == plan.over(WAS)


@given(f=schedules(3), at=st.integers(0, 500), length=st.integers(1, 500), final=st.floats(0, 1))
def test_cooldown_now_follows_and_then_falls_to_the_new_end(f, at, length, final):
    f = started(f)
    ended = extend(f, at + length, was=WAS, rule="cooldown_now", at=at, final=final, shape="1-sqrt")
    assert values(ended, range(at)) == values(f, range(at))
    fall = values(ended, range(at, at + length + 1))
    assert close(fall[0], f(at))
    assert all(b <= a * (1 + 1e-12) for a, b in pairwise(fall))
    assert close(fall[-1], final * f(at), 1e-9)
    assert ended(at + length + 999) == fall[-1]


@given(f=schedules(3), at=st.integers(0, 500), length=st.integers(1, 500))
def test_stretch_rest_changes_nothing_before_now_and_ends_with_the_run(f, at, length):
    f = started(f)
    bent = extend(f, at + length, was=WAS, rule="stretch_rest", at=at)
    assert values(bent, range(at)) == values(f, range(at))
    if at < WAS:
        assert close(bent(at), f(at))
        at_the_end = any(t == WAS for t, _ in boundaries(f, WAS + 1))
        assert "noise" in str(f) or at_the_end or close(bent(at + length), f(WAS), 1e-9)
    else:
        held = values(bent, range(at, at + length + 100))
        assert all(close(one, f(at - 1), 1e-9) or close(one, f(at), 1e-9) for one in held)


@given(f=schedules(3), at=st.integers(0, WAS - 1), times=st.integers(1, 9))
def test_stretch_rest_gives_every_update_that_was_left_so_many_times_later(f, at, times):
    f = started(f)
    slower = extend(f, at + (WAS - at) * times, was=WAS, rule="stretch_rest", at=at)
    assert_close([slower(at + (t - at) * times) for t in range(at, WAS)], values(f, range(at, WAS)))


@given(parts=st.lists(st.integers(1, 100), min_size=1, max_size=6), at=st.integers(1, WAS - 1), more=totals)
@example(parts=[24], at=1, more=351)  # 351 / 299, rounded to the nearest, would bring step 24 at update 29
@example(parts=[64], at=5, more=715)
def test_stretch_rest_moves_a_boundary_to_the_first_step_not_before_it(parts, at, more):
    f = s.then(*(s.constant(i % 2, n) for i, n in enumerate(parts)), s.linear(length=1000))
    left = [one for one in (sum(parts[: i + 1]) for i in range(len(parts))) if at < one < WAS]
    wanted = {at - (-(one - at) * more // (WAS - at)) for one in left}
    bent = extend(f, at + more, was=WAS, rule="stretch_rest", at=at)
    found = {t for t, _ in boundaries(bent, at + more) if t > at}
    assert found == {t for t in wanted if t < at + more}


@given(f=schedules(2), total=totals)
def test_stretch_rest_from_the_beginning_is_keep_share(f, total):
    f = started(f)
    assert extend(f, total, was=WAS, rule="stretch_rest", at=0) == extend(f, total, was=WAS)


@given(f=schedules(2), rules=st.lists(st.tuples(st.sampled_from(RULES), st.integers(1, 99)), min_size=2, max_size=4))
def test_extended_again_and_again_it_is_in_steps_and_can_be_written(f, rules):
    f, was, at = started(f), WAS, 0
    for rule, more in rules:
        at, total = at + more // 2, at + more
        f, before = by_rule(f, total, rule, at=at, was=was), f
        assert f.over(total) == f
        assert parse(str(f)) == f
        if rule in FROM_NOW:
            assert values(f, range(at)) == pytest.approx(values(before, range(at)), rel=1e-12)
        was = total


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("f", SCHEDULES, ids=str)
def test_a_rate_and_a_descent_are_extended_like_their_factor(f, rule):
    plain = by_rule(f, 1300, rule, was=1000)
    assert by_rule(0.3 * f, 1300, rule, was=1000) == s.rate(0.3, plain)
    strategy = s.clip_norm(1) | s.adam() | 0.3 * f | s.clip(0.1)
    assert by_rule(strategy, 1300, rule, was=1000) == strategy.with_rate(s.rate(0.3, plain))
    assert eval(repr(plain), {**vars(s), **{word: getattr(s, word) for word in s.__all__}}) == plain
    assert parse(str(plain)) == plain


@pytest.mark.parametrize("rule", ["keep_share", "keep_step", "stretch_rest"])
@given(f=schedules(2))
def test_the_same_horizon_changes_nothing(rule, f):
    f = started(f)
    assert by_rule(f, WAS, rule) == f


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "text",
    [
        "infrared() * cosine()",
        "0.1 * ((warmup(10) >> linear()) * infrared() * cosine())",
        "clamp(infrared() * cosine(), 0.1)",
        "infrared()",
        "infrared() + constant(0.5) * linear()",
    ],
)
def test_controllers_stay_and_what_stands_beside_them_is_extended(text, rule):
    f = parse(text)
    longer = by_rule(f, 600, rule)
    assert longer.controllers == f.controllers
    old, new = (getattr(one, "factor", one) if hasattr(one, "base") else one for one in (f.over(WAS), longer))
    for answer in (0.5, 1.0, 2.0):
        pairs = {
            "keep_share": [(0, 0), (50, 100), (299, 598)],
            "keep_step": [(0, 0), (299, 299)],
            "stretch_rest": [(0, 0), (99, 99), (100, 100), (140, 200), (300, 600)],
        }.get(rule)
        for before, after in pairs or [(0, 0), (99, 99)]:
            assert close(new.with_control(after, (answer,)), old.with_control(before, (answer,)))
    if rule == "cooldown_now":
        assert new.with_control(600, (1.7,)) == 0.0


def test_a_plan_is_extended_part_by_part():
    longer = extend(parse("plan(lr=0.1 * cosine(), body=plan(lr=linear()), decay=0.1)"), 200, was=100)
    assert longer == parse(
        "plan(lr=0.1 * stretch(cosine(100), 2.0), body=plan(lr=stretch(linear(length=100), 2.0)), decay=0.1)"
    )


def test_lengths_in_other_units_are_resolved_for_the_old_run():
    assert extend(parse("warmup('1ep') >> cosine()"), 200, was=100, steps_per_epoch=30) == parse(
        "stretch(warmup(30) >> cosine(70), 2.0)"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"rule": "keep"}, "rule must be one of keep_share, keep_step, stretch_rest, cooldown_now"),
        ({"rule": "cooldown_now"}, "write at="),
        ({"rule": "stretch_rest"}, "write at="),
        ({"rule": "stretch_rest", "at": 100}, "< 100, not 100"),
        ({"rule": "cooldown_now", "at": 100}, "< 100, not 100"),
        ({"rule": "cooldown_now", "at": 1000}, "before the end"),
        ({"rule": "cooldown_now", "at": -1}, "≥ 0"),
        ({"rule": "cooldown_now", "at": 5.5}, "whole number"),
        ({"rule": "cooldown_now", "at": 5, "shape": "round"}, "shape must be one of"),
        ({"at": 5}, "leave it out"),
        ({"was": 0}, "was must be"),
        ({"was": 2.5}, "was must be a whole number"),
        ({"total_steps": "100"}, "total_steps must be"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments, told):
    with pytest.raises(StepsizeError, match=told) as error:
        extend(**({"f": s.cosine(), "total_steps": 100, "was": 50} | arguments))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", ["cosine()", 0.1, s.adam()])
def test_only_what_has_a_rate_can_be_extended(wrong):
    with pytest.raises(StepsizeError, match="takes a factor, a rate or a descent"):
        extend(wrong, 100, was=50)
