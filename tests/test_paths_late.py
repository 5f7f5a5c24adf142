"""A change late in a long bent time: what is found from the last knots alone is what the whole path gives."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import stepsize as s
from stepsize import parse
from stepsize.schedules.extend import extend
from stepsize.schedules.paths import along, along_from, exact, step_at, written

steps = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30)), min_size=2, max_size=12)


def path(rows):
    found, t, step = [], 0, 0
    for more, on in rows:
        t, step = t + more, step + on
        found.append((Fraction(t), Fraction(step)))
    return found


@given(rows=steps, at=st.integers(1, 200), more=st.integers(1, 200), left=st.integers(1, 200))
def test_behind_a_knot_it_is_the_whole_path(rows, at, more, left):
    before = path(rows)
    reached = sum(t <= at for t, _ in before)
    assume(reached >= 2)
    change = [(at, at), (at + more, at + left)]
    whole, kept = along(change, before), reached - 2
    found = along_from(change, before[kept + 1 :], before[kept])
    assert whole[-len(found) :] == found
    for t in (at - 1, at, at + 1, at + more, at + more + 7):
        inner = t if t < at else at + (t - at) * Fraction(left, more)
        assert step_at(whole, t) == step_at(before, inner)


@example(rows=[(5, 10), (5, 10), (0, -10)])  # the second is taken back: its knot is gone
@given(rows=st.lists(st.tuples(st.integers(0, 20), st.integers(-9, 40)), min_size=1, max_size=30))
def test_every_change_of_many_keeps_the_knots_of_those_before(rows):
    f, at, was = s.warmup(10) >> s.cosine(990), 0, 1000
    for more, longer in rows:
        at, before = at + more, f
        f, was = extend(f, was + longer, was=was, rule="stretch_rest", at=at), was + longer
        if isinstance(before, s.warp):
            entire = along([(at, at), (was, was - longer)], [(exact(t), exact(step)) for t, step in before.knots])
            assert f.knots == tuple((written(t), written(step)) for t, step in entire)
        assert [f(t) for t in range(at)] == pytest.approx([before(t) for t in range(at)], rel=1e-12)
        fresh = parse(str(f))
        assert fresh == f
        if isinstance(f, s.warp):
            assert fresh._lines() == f._lines()  # drawn on from those before, or all at once
        assert [fresh(t) for t in (at, was - 1, was)] == [f(t) for t in (at, was - 1, was)]
