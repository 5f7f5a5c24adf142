"""The boundaries that a picture shows: those of the whole list, and no more work than what is shown."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize as s
from stepsize import StepsizeError, parse
from stepsize.report.terminal import draw
from stepsize.schedules.questions import boundaries, outline
from stepsize.telling.explain import explain
from strategies import schedules
from subjects import SCHEDULES, TOTAL
from test_questions import resolved

HARD = [
    "repeat(linear(1, 0, 2))",
    "staircase(0.5, 1)",
    "reverse(staircase(0.5, 1, 10000000))",
    "warmup(500000) >> repeat(warmup(1) >> linear(1, 0, 1))",
    "repeat(linear(1, 0, 2)) * repeat(linear(1, 0, 3)) + staircase(0.9, 1)",
    "repeat(repeat(repeat(warmup(1) >> linear(1, 0, 1)), 4), 100)",
    "shift(stretch(repeat(linear(1, 0, 2)), 1.1), -900000)",
]


@pytest.mark.parametrize("f", SCHEDULES, ids=str)
def test_a_short_outline_is_the_whole_list(f):
    assert outline(f, TOTAL, most=10**6) == boundaries(f, TOTAL)


@given(f=schedules(3), most=st.integers(1, 12), columns=st.integers(1, 40))
def test_a_long_outline_is_the_first_ones_and_one_a_column(f, most, columns):
    f = resolved(f)
    whole, found = boundaries(f, 300), outline(f, 300, most, columns)
    if len(whole) <= most:
        assert found == whole
        return
    assert len(found) > most
    listed = [one for one in found if one in whole]
    assert listed[: most + 1] == whole[: most + 1]
    assert {t for t, _ in found} <= {t for t, _ in whole}
    assert {t * columns // 300 for t, _ in found} == {t * columns // 300 for t, _ in whole}


@pytest.mark.parametrize("text", HARD)
def test_ten_million_updates_are_outlined_and_drawn_at_once(text):
    f = parse(text).over(10_000_000)
    started = time.process_time()
    found = outline(f, 10_000_000)
    picture = draw([(text, f, found)], 10_000_000)
    assert time.process_time() - started < 1.5
    assert len(found) < 5000
    assert "… and more than 992 more" in picture
    assert picture.splitlines()[-11].count("┴") > 1


@pytest.mark.parametrize("text", HARD[:2])
def test_ten_million_updates_are_told_at_once(text):
    started = time.process_time()
    told = explain(text, 10_000_000)
    assert time.process_time() - started < 1.5
    assert len(told) < 8


def test_a_repeat_with_a_length_rests_there_and_begins_no_more_cycles():
    f = s.repeat(s.linear(length=10), length=25)
    assert [f(t) for t in (24, 25, 40)] == [f(24)] * 3
    assert [t for t, _ in boundaries(f, 100)] == [10, 20]
    assert s.schedules.questions.settled(f) == 24
    assert explain(f, 100)[-1] == "After the end it holds 0.6."


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"f": s.infrared()}, {"f": 3}])
def test_what_cannot_be_outlined_is_one_line(wrong):
    with pytest.raises(StepsizeError):
        outline(**({"f": s.cosine(), "steps": 10} | wrong))
