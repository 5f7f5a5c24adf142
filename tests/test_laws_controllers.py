"""Laws of controllers: pure machines with plain states, whose factor is finite and ≥ 0 whatever was seen."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stepsize import StepsizeError, infrared, seen
from strategies import controllers
from subjects import CONTROLLERS, FACTORS, ODD_PASSES, TOTAL, UNITS, close, excepted

NAN, INF = math.nan, math.inf
SAVES = {
    "json": lambda state: tuple(json.loads(json.dumps(state, allow_nan=False))),
    "pickle": lambda state: pickle.loads(pickle.dumps(state)),
}

ordinary = st.lists(st.floats(-1e3, 1e3) | st.integers(-3, 3), max_size=20)
anything = st.lists(
    st.floats() | st.sampled_from([NAN, INF, -INF, 0.0, -0.0, 1.0, 1e308, -1e308, 5e-324, 1e-200, 1e200]), max_size=20
)
some_controllers = controllers.map(lambda one: one.over(TOTAL, **UNITS)) | st.sampled_from(CONTROLLERS)
# a plateau may count a NaN as bad; others look at more than one number
followers = some_controllers.filter(
    lambda one: (
        one.needs in (("loss",), ("metric",))
        and not excepted(one, ODD_PASSES)
        and getattr(one, "nonfinite", "hold") == "hold"
    )
)
NUMBERS = [name for name in seen.field_names() if name not in ("loss_at", "progress")]

falls = st.lists(st.floats(1e-3, 10), min_size=2, max_size=15)  # decreases, all positive
changes = st.lists(st.floats(1e-3, 10) | st.floats(-10, -1e-3), min_size=2, max_size=15)


def saw(loss):
    """A record in which every quantity is as odd as the loss."""
    return seen(**dict.fromkeys(NUMBERS, loss), loss_at=lambda rate: loss - rate, progress=0.5)


def follow(controller, losses, save=lambda state: state):
    """The factors, states and reasons that these losses give."""
    state, told = controller.init(), []
    for loss in losses:
        factor, state, why = controller.step(save(state), saw(loss))
        told.append((factor, state, why))
    return told


def factors_of(controller, losses):
    return [factor for factor, _, _ in follow(controller, losses)]


def losses_from(decreases, start=100.0):
    return [start, *(start - np.cumsum(decreases)).tolist()]


def formula(losses, alpha, gamma, compounding=False, cap=INF):
    """factor = max(alpha, gamma·ΔJ_t/ΔJ_{t−1}), written down without looking at the library."""
    factors = [1.0, 1.0]
    for before, last, now in zip(losses, losses[1:], losses[2:], strict=False):
        answer = min(cap, max(alpha, gamma * (last - now) / (before - last)))
        factors.append(factors[-1] * answer if compounding else answer)
    return factors[: len(losses)]


@given(controller=some_controllers, losses=anything)
def test_same_losses_same_answers(controller, losses):
    assert follow(controller, losses) == follow(controller.replace(), losses)


@pytest.mark.parametrize("save", SAVES.values(), ids=SAVES)
@given(controller=some_controllers, losses=ordinary | anything)
def test_saved_and_continued_at_every_step_is_straight_through(save, controller, losses):
    assert follow(controller, losses, save) == follow(controller, losses)


@given(controller=some_controllers, losses=anything)
@example(infrared(0.0, 1.0, compounding=True), [10.0, 9.0, 10.0, 10.0 - 1e-10, -1e308])
@example(infrared(0.0, 1.0, compounding=True, guard=False), [1e-300, 0.0, 1e-300, -1e308, 0.0, 5e-324, -1e308])
def test_the_factor_is_finite_and_never_negative(controller, losses):
    for factor, _, why in follow(controller, losses):
        assert type(factor) in (int, float)
        assert math.isfinite(factor), why
        assert factor >= 0, why


@given(
    controller=followers,
    losses=ordinary,
    odd=st.sampled_from([NAN, INF, -INF]),
    place=st.integers(0, 20),
)
def test_a_loss_that_is_no_number_leaves_everything_as_it_was(controller, losses, odd, place):
    told = follow(controller, [*losses[:place], odd, *losses[place:]])
    factor, state, why = told.pop(min(place, len(losses)))
    assert told == follow(controller, losses)
    before = told[: min(place, len(losses))]
    assert state == (before[-1][1] if before else controller.init())
    assert factor == (before[-1][0] if before else 1.0)
    assert str(odd) in why


@pytest.mark.parametrize("compounding", [False, True])
@given(decreases=falls, alpha=st.floats(0, 2), gamma=st.floats(0.01, 3))
def test_infrared_is_its_formula_on_falling_losses(compounding, decreases, alpha, gamma):
    losses = losses_from(decreases)
    answers = factors_of(infrared(alpha, gamma, compounding=compounding), losses)
    for answer, expected in zip(answers, formula(losses, alpha, gamma, compounding), strict=True):
        assert close(answer, expected) or expected < 1e-300


@pytest.mark.parametrize("compounding", [False, True])
@given(decreases=changes, alpha=st.floats(0.1, 2), gamma=st.floats(0.01, 3))
def test_infrared_without_guard_is_its_formula_on_any_losses(compounding, decreases, alpha, gamma):
    losses = losses_from(decreases)
    answers = factors_of(infrared(alpha, gamma, compounding=compounding, guard=False), losses)
    for answer, expected in zip(answers, formula(losses, alpha, gamma, compounding), strict=True):
        assert close(answer, expected)


@given(decreases=falls, alpha=st.floats(0, 1), cap=st.floats(1, 3))
def test_infrared_never_exceeds_its_cap(decreases, alpha, cap):
    losses = losses_from(decreases)
    answers = factors_of(infrared(alpha, 2.0, cap=cap), losses)
    assert all(answer <= cap for answer in answers)
    for answer, expected in zip(answers, formula(losses, alpha, 2.0, cap=cap), strict=True):
        assert close(answer, expected)


@given(decreases=changes)
def test_infrared_answers_a_rise_with_alpha(decreases):
    losses = losses_from(decreases)
    answers = factors_of(infrared(0.7, 0.9), losses)
    for t in range(2, len(losses)):
        if losses[t] >= losses[t - 1]:
            assert answers[t] == 0.7


@pytest.mark.parametrize(
    ("controller", "losses", "expected"),
    [
        (infrared(0.5, 0.9), [8], [1]),
        (infrared(0.5, 0.9), [8, 4], [1, 1]),
        (infrared(0.5, 0.9), [8, 9], [1, 1]),
        (infrared(0.1, 0.9), [8, 4, 2], [1, 1, 0.45]),
        (infrared(0.5, 0.9), [8, 4, 2], [1, 1, 0.5]),
        (infrared(0.5, 0.9), [8, 6, 2], [1, 1, 1.8]),
        (infrared(0.5, 0.9, cap=1.5), [8, 6, 2], [1, 1, 1.5]),
        (infrared(0.5, 0.9), [8, 8, 2], [1, 1, 1]),  # no decrease before: no ratio
        (infrared(0.5, 0.9, compounding=True), [8, 6, 2, 2, 1], [1, 1, 1.8, 0.9, 0.9]),
        (infrared(0.5, 0.9), [8, 6, 7, 9], [1, 1, 0.5, 0.5]),  # two rises: still the floor
        (infrared(0.5, 0.9, guard=False), [8, 6, 7, 9], [1, 1, 0.5, 1.8]),  # the bare formula raises the rate
        (infrared(0.5, 0.9), [8, 6, NAN, 2], [1, 1, 1, 1.8]),
        (infrared(0.5, 0.9), [NAN, 8, INF, 6, 2], [1, 1, 1, 1, 1.8]),
        (infrared(0.5, 0.9, compounding=True), [8, 6, 2, -INF, -6], [1, 1, 1.8, 1.8, 1.8 * 1.8]),
    ],
    ids=str,
)
def test_infrared_by_hand(controller, losses, expected):
    answers = factors_of(controller, losses)
    assert all(close(a, b) for a, b in zip(answers, expected, strict=True)), answers


def test_a_controller_says_why_only_when_it_acts():
    reasons = [why for _, _, why in follow(infrared(0.5, 0.9), [8.0, 4.0, 2.0, 5.0, NAN])]
    assert [bool(why) for why in reasons] == [False, False, True, True, True]


@pytest.mark.parametrize("controller", CONTROLLERS, ids=str)
def test_a_missing_quantity_is_an_error_that_names_it(controller):
    def two_updates():  # what compares two updates may be missing at the first
        return controller.step(controller.step(controller.init(), seen())[1], seen())

    with pytest.raises(StepsizeError, match=f"{controller.word()} needs the {controller.needs[0]}"):
        two_updates()


@pytest.mark.parametrize("factor", [one for one in FACTORS if one.controllers], ids=str)
@pytest.mark.parametrize("t", [3, np.arange(3)], ids=["number", "array"])
def test_a_controller_asked_for_a_value_without_a_run_is_an_error(factor, t):
    with pytest.raises(StepsizeError, match="depends on the run"):
        factor.over(10, **UNITS)(t)


def test_a_controller_multiplies_with_a_schedule():
    strategy = (0.1 * infrared(0.5, 0.9)).factor
    assert strategy.with_control(7, (0.25,)) == 0.25
    assert [one.word() for one in strategy.controllers] == ["infrared"]
