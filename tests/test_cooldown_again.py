"""Cool-downs one after the other, as one word: the values of the nested ones, in a text that grows by a few numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize as s
from calls import calls_of
from scheduled import ALONE
from stepsize import StepsizeError, parse
from stepsize.schedules.extend import extend
from stepsize.schedules.questions import boundaries, length, settled
from stepsize.telling.explain import explain

SHAPES = ("linear", "cosine", "mirrored-cosine", "1-sqrt", "square", "exponential")
FALLS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 60), st.sampled_from(SHAPES), st.sampled_from([0.0, 0.1, 0.5, 1.0])),
    min_size=1,
    max_size=5,
)
INSIDE = [
    s.constant(),
    s.warmup(10) >> s.cosine(90),
    s.repeat(s.linear(1, 0.2, 7)),
    s.staircase(0.5, 30),
    s.warp(s.rex(50), (20, 20), (120, 50)),
]


def nested(f, falls):
    """Every fall around what was there before, as it is meant."""
    at = 0
    for more, steps, shape, final in falls:
        at += more
        f = s.cooldown(f, steps, at=at, shape=shape, final=final)
    return f, at


@pytest.mark.parametrize("f", INSIDE, ids=str)
@given(falls=FALLS)
def test_one_after_the_other_it_has_the_values_of_the_nested_ones(f, falls):
    wanted, last = nested(f, falls)
    at, found = 0, f
    for more, steps, shape, final in falls:
        at += more
        found = extend(found, at + steps, was=1000, rule="cooldown_now", at=at, shape=shape, final=final)
    steps = np.arange(last + 70)
    assert [found(int(t)) for t in steps] == [wanted(int(t)) for t in steps]
    np.testing.assert_allclose(found(steps), wanted(steps), 1e-13, 1e-15)
    assert parse(str(found)) == found
    assert found.over(500) == found
    assert str(found).count("cooldown") == 1
    assert settled(found) == settled(wanted)
    assert length(found) == length(wanted)


@pytest.mark.parametrize("library", ["torch", "jax.numpy"])
def test_other_arrays_have_the_same_values(library):
    xp = pytest.importorskip(library)
    f = s.cooldown(s.cosine(100), (30, 20, 40), at=(20, 40.5, 50), shape=("linear", "cosine", "1-sqrt"), final=0.1)
    steps = np.arange(120.0)
    found = np.asarray([float(one) for one in f(xp.asarray(steps))])
    np.testing.assert_allclose(found, f(steps), 1e-6 if library == "jax.numpy" else 1e-14, 1e-7)


def test_by_hand():
    f = s.cooldown(s.constant(), 10, at=(10, 15), final=(0.0, 0.5))
    assert [f(t) for t in (0, 10, 12, 14, 15, 20, 25, 99)] == pytest.approx([1, 1, 0.8, 0.6, 0.5, 0.375, 0.25, 0.25])
    assert boundaries(f, 100) == [
        (10, "the cool-down begins"),
        (15, "cool-down 2 begins"),
        (25, "the cool-down ends"),
    ]
    f = s.cooldown(s.constant(), (2, 4), at=(10, 15))
    assert [label for _, label in boundaries(f, 100)] == [
        "the cool-down begins",
        "the cool-down ends",
        "cool-down 2 begins",
        "the cool-down ends",
    ]
    assert f.at == (10, 15)
    assert str(s.cooldown(s.constant(), (4, 4), at=(10, 15))) == "cooldown(constant(), 4, at=(10, 15))"
    assert s.cooldown(s.constant(), (4,), at=(10,)) == s.cooldown(s.constant(), 4, at=10)


def test_it_is_told():
    told = explain(s.cooldown(s.constant(), 10, at=(10, 15), shape=("linear", "cosine")), 100)
    assert sum("cools down" in line for line in told) == 2
    assert any("from 1.0 to 0.5" in line or "from 1 to 0.5" in line for line in told)


def test_lengths_in_other_units_are_told_by_the_run():
    f = s.cooldown(s.constant(), ("10%", "20ep"), at=("50%", "60%"))
    assert f.over(1000, steps_per_epoch=5) == s.cooldown(s.constant(), 100, at=(500, 600))


def test_one_that_had_not_begun_is_left_out():
    f = s.cooldown(s.cosine(100), 30, at=70)
    assert extend(f, 60, was=100, rule="cooldown_now", at=40) == s.cooldown(s.cosine(100), 20, at=40)


def test_also_where_time_was_bent_since():
    f = s.warmup(10) >> s.cosine(90)
    f = extend(f, 150, was=100, rule="cooldown_now", at=50)
    f = extend(f, 200, was=150, rule="stretch_rest", at=75)
    f = extend(f, 140, was=200, rule="cooldown_now", at=100)
    assert str(f) == (
        "warp(cooldown(warmup(10) >> cosine(90), (100, 40), at=(50, 90)), (75, 75), (100, 90), (140, 130))"
    )
    here = s.cosine(90)(40)
    wanted = [here, here * 0.75, here * 0.6, here * 0.3, 0.0, 0.0]
    assert [f(t) for t in (50, 75, 100, 120, 140, 200)] == pytest.approx(wanted, abs=1e-15)
    assert settled(f) == 140


def test_a_steep_shape_begins_at_its_value_within_a_step_too():
    f = s.cooldown(s.constant(), 88, at=11)
    f = extend(f, 140, was=99, rule="stretch_rest", at=15)
    f = extend(f, 114, was=140, rule="cooldown_now", at=61, shape="1-sqrt", final=0.5)
    before = f(61)
    for was, total in [(114, 126), (126, 151), (151, 99)]:
        f = extend(f, total, was=was)
    at = 61 * 99 / 114
    assert f(at) == pytest.approx(before, rel=1e-12)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"at": ()}, "at must rise"),
        ({"at": (5, 5)}, "at must rise"),
        ({"at": (5, 3)}, "at must rise"),
        ({"at": (-1, 3)}, "at must be a number"),
        ({"at": (1, float("nan"))}, "at must be a number"),
        ({"at": (1, 2), "length": (1, 2, 3)}, "length is one for all or 2"),
        ({"at": (1, 2), "shape": ("linear",)}, "shape is one for all or 2"),
        ({"at": (1, 2), "final": (0, 0, 1)}, "final is one for all or 2"),
        ({"at": (1, 2), "final": (0, 2)}, "final must be"),
        ({"at": 5, "length": (1, 2)}, "length"),
    ],
)
def test_what_is_no_row_of_cool_downs_is_one_line(fields, told):
    with pytest.raises(StepsizeError, match=r"^cooldown: ") as error:
        s.cooldown(s.constant(), **{"length": 10, **fields})
    assert told in str(error.value)
    assert "\n" not in str(error.value)


TEXTS = ["warmup(10) >> cosine(90)", "(warmup(10) >> cosine(90)) * infrared()", "infrared()"]
ROWS = [("cooldown_now",), ("cooldown_now", "stretch_rest"), ("keep_step", "cooldown_now", "stretch_rest")]


@pytest.mark.parametrize("rules", ROWS, ids=str)
@pytest.mark.parametrize("text", TEXTS)
def test_three_hundred_changes_are_one_cool_down_that_parses(text, rules):
    assert calls_of(lambda: three_hundred_changes(text, rules)) < 4_000_000


def three_hundred_changes(text, rules):
    f, was, at = parse(text).over(100), 100, 50
    for i in range(300):
        rule, at = rules[i % len(rules)], at + 2
        more = {} if rule == "keep_step" else {"at": at}
        f, was = extend(f, at + 90 + i % 7, was=was, rule=rule, **more), at + 90 + i % 7
    assert str(f).count("cooldown") <= 1
    assert len(str(f)) <= 100 + 80 * 300
    assert parse(str(f)) == f


@ALONE
def test_a_thousand_changes_of_a_course_are_a_hundred_bytes_each():
    torch = pytest.importorskip("torch")
    from stepsize.adapters.torch import Scheduler

    def after(count, change):
        under = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1)
        under.step()
        scheduler = Scheduler(under, "warmup(10) >> cosine()", total_steps=100)
        for _ in range(count):
            scheduler.step()
            change(scheduler)
        return scheduler

    for change in (lambda x: x.cooldown(50), lambda x: x.extend(x.course.total_steps + 10)):
        made = []
        assert calls_of(lambda change=change, made=made: made.append(after(1000, change))) < 11_000_000
        (scheduler,) = made
        state = scheduler.state_dict()
        assert len(json.dumps(state)) < 120 * 1000
        other = after(0, change)
        assert calls_of(lambda other=other, state=state: other.load_state_dict(state)) < 3_500_000
        assert other.rates_at(500) == scheduler.rates_at(500)
        assert other.get_last_lr() == scheduler.get_last_lr()
        assert parse(scheduler.expression) == parse(other.expression)
