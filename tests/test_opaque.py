"""A schedule that is a Python function: it runs as any other does, and says that it cannot be written down."""

from __future__ import annotations

import copy
import json
import math
import pickle
import weakref
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import stepsize as s
from stepsize import ParseError, StepsizeError
from stepsize.schedules.opaque import opaque
from stepsize.schedules.questions import highest
from stepsize.telling.explain import explain


def decay(t):
    return 1 / (1 + t)


def power(exponent, t):
    return 0.9 ** (t * exponent)


LISTED = [1.0, 0.5, 0.25, 0.125]
EXPRESSIONS = {
    "alone": (lambda f: f, lambda t: decay(t)),
    "product": (lambda f: f * s.linear(1, 0, 20), lambda t: decay(t) * max(1 - t / 20, 0)),
    "first": (lambda f: f.replace(length=5) >> s.constant(0.3), lambda t: decay(t) if t < 5 else 0.3),
    "then": (lambda f: s.warmup(4) >> f, lambda t: (t + 1) / 4 if t < 4 else decay(t - 4)),
    "clamp": (lambda f: s.clamp(f, 0.1, 0.4), lambda t: min(max(decay(t), 0.1), 0.4)),
    "plus": (lambda f: f + s.constant(1), lambda t: decay(t) + 1),
    "maximum": (lambda f: s.maximum(f, s.constant(0.2)), lambda t: max(decay(t), 0.2)),
    "repeat": (lambda f: s.repeat(f.replace(length=5)), lambda t: decay(t % 5)),
    "stretch": (lambda f: s.stretch(f, 2), lambda t: decay(t / 2)),
    "shift": (lambda f: s.shift(f, -3), lambda t: decay(max(t - 3, 0))),
    "cooldown": (lambda f: s.cooldown(f, 10, at=10), lambda t: decay(t) if t < 10 else decay(10) * max(2 - t / 10, 0)),
    "held": (lambda f: f.replace(length=7), lambda t: decay(min(t, 7))),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_it_combines_like_any_schedule(name):
    build, expected = EXPRESSIONS[name]
    f = build(opaque(decay)).over(40)
    values = [f(t) for t in range(60)]
    assert values == pytest.approx([expected(t) for t in range(60)], rel=1e-12, abs=1e-15)
    np.testing.assert_array_equal(f(np.arange(60)), values)
    np.testing.assert_array_equal(f(np.arange(60).reshape(3, 20)), np.reshape(values, (3, 20)))
    np.testing.assert_array_equal(f(torch.arange(60)).numpy(), values)
    assert (0.1 * f)(7) == 0.1 * values[7]


@given(values=st.lists(st.floats(0, 2), min_size=1, max_size=30), t=st.integers(0, 40))
def test_it_is_the_table_of_its_values(values, t):
    f = opaque(lambda t: values[min(t, len(values) - 1)])
    assert f(t) == s.table(*values)(t)


def test_the_function_is_given_ints_where_steps_are_whole():
    given_ = []
    f = opaque(lambda t: given_.append(t) or LISTED[min(int(t), 3)])
    f(2), f(2.0), f(np.array([1, 3])), f(1.5)
    assert given_ == [2, 2, 1, 3, 1.5]
    assert [type(one) for one in given_] == [int] * 4 + [float]


def test_no_branch_is_asked_that_is_not_taken():
    f = s.constant(1, 3) >> opaque(lambda t: [0.5, 0.25][t], length=2) >> s.constant(0.1)
    np.testing.assert_array_equal(f(np.arange(7)), [1, 1, 1, 0.5, 0.25, 0.1, 0.1])


def test_a_number_costs_one_call():
    calls = []
    f = (0.5 * opaque(lambda t: calls.append(t) or 1.0)).factor * s.cosine(10)
    for t in range(10):
        f(t)
    assert calls == list(range(10))


BROKEN = [
    (lambda t: -0.1, "must return a finite number ≥ 0, not -0.1 at step 3"),
    (lambda t: math.nan, "not nan at step 3"),
    (lambda t: math.inf, "not inf at step 3"),
    (lambda t: None, "failed at step 3: TypeError"),
    (lambda t: [1.0][t], "failed at step 3: IndexError: list index out of range"),
    (lambda t: t.nothing, "failed at step 3: AttributeError"),
    (lambda t: 1 / (t - 3), "failed at step 3: ZeroDivisionError"),
    (lambda t: (_ for _ in ()).throw(KeyError("two\nlines")), "failed at step 3: KeyError"),
]


@pytest.mark.parametrize(("function", "message"), BROKEN, ids=[message for _, message in BROKEN])
def test_what_goes_wrong_inside_is_one_line_that_names_the_step(function, message):
    for t in (3, np.array([3])):
        with pytest.raises(StepsizeError, match=r"opaque\('broken'\).*" + message) as error:
            (s.constant(0.5) * opaque(function, name="broken"))(t)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", [3, "decay", None, s.cosine(), s.rate(0.1)])
def test_only_a_function_is_taken(wrong):
    with pytest.raises(StepsizeError, match="opaque takes a Python function"):
        opaque(wrong)


@pytest.mark.parametrize("name", ["", 3, "two\nlines"])
def test_a_name_is_one_line(name):
    with pytest.raises(StepsizeError, match="name must be a text of one line"):
        opaque(decay, name)


def test_it_prints_its_name():
    class Halving:
        def __call__(self, t):
            return 0.5**t

    assert str(opaque(decay)) == repr(opaque(decay)) == "opaque('decay')"
    assert str(opaque(lambda t: 1.0)) == "opaque('lambda')"
    assert str(opaque(partial(power, 2))) == "opaque('power')"
    assert str(opaque(Halving())) == "opaque('Halving')"
    assert str(0.1 * opaque(decay, "mine", 10)) == "0.1 * opaque('mine', length=10)"


def test_it_is_equal_to_itself_and_frozen():
    f = opaque(decay)
    assert f == opaque(decay)
    assert hash(f) == hash(opaque(decay))
    assert f != opaque(lambda t: decay(t), name="decay")
    assert f.replace(length=3) == opaque(decay, length=3)
    assert weakref.ref(f)() is f
    with pytest.raises(AttributeError, match="frozen"):
        f.name = "other"


def test_a_function_of_a_module_pickles_and_a_lambda_says_why_not():
    f = s.warmup(3) >> opaque(decay)
    assert pickle.loads(pickle.dumps(f)) == f
    bound = opaque(partial(power, 2))
    assert pickle.loads(pickle.dumps(bound))(3) == bound(3)
    for held in (opaque(lambda t: 1.0), 0.1 * (s.warmup(3) >> opaque(lambda t: 1.0, name="mine"))):
        with pytest.raises(StepsizeError, match=r"opaque.* cannot be written down .*formula.*table"):
            pickle.dumps(held)
        assert copy.deepcopy(held) == copy.copy(held) == held


@pytest.mark.parametrize(
    "write",
    [
        lambda: s.parse("0.1 * opaque('mine')"),
        lambda: s.parse("opaque"),
        lambda: s.to_json(0.1 * opaque(decay, name="mine")),
        lambda: s.from_json(json.dumps({"word": "rate", "base": 0.1, "factor": {"word": "opaque", "name": "mine"}})),
    ],
)
def test_it_cannot_be_written_down_or_read_back(write):
    with pytest.raises(StepsizeError, match=r"cannot be written down or read back: write formula.* or table") as error:
        write()
    assert "\n" not in str(error.value)
    with pytest.raises(ParseError, match="column 7"):
        s.parse("0.1 * opaque('mine')")


def test_it_is_no_word():
    assert "opaque" not in s.__all__


def test_a_compiler_cannot_trace_it_and_is_told_what_can():
    f = s.constant(0.5) * opaque(decay, name="mine")
    with pytest.raises(StepsizeError, match=r"opaque\('mine'\) calls Python and cannot be traced: write table"):
        jax.jit(f)(jnp.arange(3))
    np.testing.assert_allclose(f(jnp.arange(3)), [0.5, 0.25, 0.5 / 3], rtol=1e-6)


def test_it_answers_questions_and_is_told_in_words():
    f = s.warmup(4) >> opaque(decay)
    assert highest(f, 20) == (3, 1.0)
    assert explain(0.1 * f, 9) == [
        "Updates 0 to 3: the rate rises in a straight line from 0.025 to 0.1.",
        "Updates 4 to 8: it follows the Python function decay from 0.1 to 0.02.",
        "It never ends: update 9 would have 0.01667.",
    ]
    assert explain(opaque(decay, length=3), 9)[1] == "Updates 3 to 8: it stays at 0.25."


def test_it_multiplies_with_a_controller():
    strategy = 0.1 * opaque(decay) * s.plateau()
    assert strategy.factor.with_control(1, (0.5,)) == 0.25
    assert strategy.over(10) == strategy
