"""The robust infrared rate: its numbers, what its starting rate and a schedule do to it, and what cannot break it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from stepsize import (
    StepsizeError,
    adam,
    clip,
    clip_norm,
    constant,
    descend,
    descend_many,
    linear,
    parse,
    problems,
    seen,
    sgd,
)
from stepsize import robust_infrared as robust
from stepsize.controllers.robust_infrared import _Memory
from subjects import assert_close, assert_same

NAN, INF = math.nan, math.inf
WHERE = [0, 1, 2, 5, 10, 19, 20, 30, 40, 60, 80, 99]
# rates at these updates on `valley`: (beta, floor, start). The last is by the first, independent writing of the rule.
# So were the others until little progress earned less; with _EARNED_FROM = -1, _EARNED_WHOLE = 0 the rule gives those
RECORDED = {
    (0.0, 0.0, 1e-4): [
        0.00735125606358605, 0.00778779164935136, 0.00825026886100021, 0.00983619970076306,
        0.0158412979800759, 0.037352951994563, 0.0410882471940193, 0.0657885823890897,
        0.0868280915612327, 0.0346974216660643, 0.033372079167958, 0.13727935171742,
    ],
    (0.9, 0.0, 1.0): [
        0.00139673865208135, 0.00100259174212674, 0.000808360942718915, 0.000569726769579786,
        0.000471432220542185, 0.000784767729603221, 0.000863244502563543, 0.00162955018670791,
        0.0020922019379655, 0.00302124545254579, 0.00362139824020597, 0.00412912632960365,
    ],
    (0.5, None, 1e-4): [
        0.0103215968795778, 0.0108055747376582, 0.00912793542095403, 0.00809347974531487,
        0.00966839505148166, 0.0128159304474234, 0.013189835740905, 0.0167393770951229,
        0.0203713968222313, 0.024206954365811, 0.0243891201531567, 0.024393348842267,
    ],
}  # fmt: skip

X, Y = load_digits(return_X_y=True)
DIGITS = problems.softmax(np.hstack([X / 16, np.ones((len(X), 1))]), Y)
CLOSED = constant(length="60%") >> linear()
BEST = 8.0  # about the best constant rate on DIGITS at these lengths
anything = st.floats() | st.sampled_from([NAN, INF, -INF, 0.0, 1e200, -1e200, 1e308, 5e-324]) | st.floats(-9, 9)


class valley:
    """A crooked valley whose slope changes from update to update: loss, gradient, by hand."""

    def __init__(self, t):
        self.tilt = 0.3 * math.sin(7 * t)

    def loss(self, x, y):
        return 0.5 * x**2 + 15 * y**2 + math.log(math.cosh(x * y)) + self.tilt * y + 0.1

    def grad(self, x, y):
        bend = math.tanh(x * y)
        return np.array([x + bend * y, 30 * y + bend * x + self.tilt])


def on_valley(rule, beta, start, steps=100, schedule=lambda t: 1.0, save=lambda state: state):
    """Rates used, the rates at which the loss was asked, and the last state."""
    at, total, state = np.array([3.0, -2.0]), 0.0, rule.init()
    rates, asked = [], []
    for t in range(steps):
        here, tried = valley(t), []
        grad = here.grad(*at)
        total = beta * total + grad
        now = seen(
            loss=here.loss(*at),
            slope=float(grad @ total),
            direction_norm=float(np.hypot(*total)),
            rate=start * schedule(t),
            loss_at=lambda rate, at=at, u=total, tried=tried, here=here: (
                tried.append(rate) or here.loss(*(at - rate * u))
            ),
        )
        factor, state, _ = rule.step(save(state), now)
        rates.append(factor * now.rate)
        at = at - rates[-1] * total
        asked.append(tried)
    return rates, asked, state


@pytest.mark.parametrize(("case", "recorded"), RECORDED.items(), ids=str)
def test_it_is_the_rule_that_was_measured_number_for_number(case, recorded):
    beta, floor, start = case
    rates, _, _ = on_valley(robust(beta, floor), beta, start)
    assert_close([rates[t] for t in WHERE], recorded, rel=1e-9)


def test_any_start_within_twelve_decades_ends_alike_and_close_to_the_best_constant():
    starts = [BEST * one for one in (1e-8, 1e-5, 1e-3, 0.1, 1.0, 10.0, 1e4)]
    how = {"steps": 300, "batch_size": 32, "seeds": range(10)}
    runs = descend_many(DIGITS, sgd() | 1 * (robust() * CLOSED), rates=starts, **how)
    assert not any(one.diverged for one in runs)
    ends = np.array([one.loss for one in runs]).reshape(10, -1)
    assert (ends.max(1) < 1.25 * ends.min(1)).all()
    how["steps"] = round(300 * (1 + max(one.extra_losses.sum() for one in runs) / 3 / 300))  # as many evaluations
    constants = descend_many(DIGITS, sgd() | 1.0, rates=BEST * 2.0 ** np.arange(-2, 2.5, 0.5), **how)
    best = np.array([one.loss for one in constants]).reshape(10, -1).mean(0).min()
    assert (ends.mean(0) < 1.25 * best).all()


@pytest.mark.parametrize(
    "strategy", [sgd(momentum=0.9) | 1 * (robust(0.9) * CLOSED), adam() | 1 * (robust(0.9) * CLOSED)]
)
def test_momentum_and_adam_end_alike_from_any_start(strategy):
    runs = descend_many(DIGITS, strategy, rates=[1e-7, 1e-3, 10, 1e4], steps=200, batch_size=32)
    ends = [one.loss for one in runs]
    assert not any(one.diverged for one in runs)
    assert max(ends) < 1.25 * min(ends) < 0.3


def test_a_check_costs_a_sixth_of_a_gradient_an_update():
    run = descend(DIGITS, sgd() | 1 * robust(), steps=400, batch_size=32)
    assert 1.16 < 1 + run.extra_losses.sum() / 3 / 400 < 1.2
    assert set(run.extra_losses[20::2]) == {1}
    assert set(run.extra_losses[21::2]) == {0}


def test_a_loss_in_other_units_changes_the_rate_by_the_units():
    def four_times(x):
        return 4 * float(x @ x) ** 2, 16 * float(x @ x) * x

    def once(x):
        return float(x @ x) ** 2, 4 * float(x @ x) * x

    big, small = (
        descend(problems.objective(one, params=[1.0, 2.0]), sgd() | start * robust(), steps=60).rates
        for one, start in ((four_times, 0.25), (once, 1.0))
    )
    assert_close(4 * big, small, rel=1e-9)


def test_what_a_schedule_takes_off_multiplies_and_the_check_is_made_at_the_step_that_is_used():
    def falling(t):
        return 1.0 if t < 60 else 0.25

    plain, _, _ = on_valley(robust(), 0, 1e-2)
    rates, asked, _ = on_valley(robust(), 0, 1e-2, schedule=falling)
    assert rates[:60] == plain[:60]
    assert rates[61] == pytest.approx(plain[61] / 4, rel=0.2)  # no check, two other steps behind it
    checked = [(rate, tried[-1]) for rate, tried in zip(rates[61:], asked[61:], strict=True) if tried]
    assert len(checked) > 15
    assert all(rate <= tried for rate, tried in checked)
    assert sum(rate == tried for rate, tried in checked) > 10


def test_a_rising_schedule_moves_the_starting_rate_only():
    text = "sgd() | 1 * (robust_infrared() * (warmup(10) >> constant()))"
    with_warmup = descend(DIGITS, text, steps=60, batch_size=32)
    assert_close(with_warmup.rates, descend(DIGITS, sgd() | 0.1 * robust(), steps=60, batch_size=32).rates, rel=1e-9)


def test_a_rate_of_zero_is_waited_for_and_survived():
    rule, now = (
        robust(),
        seen(loss=1.0, slope=1.0, direction_norm=1.0, rate=0.0, loss_at=lambda rate: 1 - rate + rate**2),
    )
    assert rule.step(rule.init(), now) == (1.0, rule.init(), "")
    _, state, _ = rule.step(rule.init(), now.replace(rate=0.1))
    factor, after, _ = rule.step(state, now)
    assert (factor, after) == (state[2] / 0.1, state)


def test_clips_after_the_rate_are_in_what_it_asks():
    runs = descend_many(DIGITS, sgd() | 1 * robust() | clip(0.05), rates=[1e-4, 100.0], steps=100, batch_size=32)
    assert not any(one.diverged for one in runs)
    assert runs[0].loss == pytest.approx(runs[1].loss, rel=0.25)
    assert max(one.clipped.max() for one in runs) > 0


def test_where_the_trial_is_not_finite_shorter_ones_are_tried_then_no_step_is_made():
    rule, tried = robust(), []

    def cliff(rate):
        tried.append(rate)
        return NAN if rate > 0.01 else 1 - rate + 0.1 * rate**2

    now = seen(loss=1.0, slope=1.0, direction_norm=1.0, rate=0.1, loss_at=lambda rate: 1 - rate + rate**2)
    factor, state, _ = rule.step(rule.init(), now)
    assert factor * 0.1 > 0.1
    short, after, why = rule.step(state, now.replace(loss_at=cliff))
    assert short * 0.1 == pytest.approx(tried[-1])
    assert (len(tried), tried[-1], "smaller" in why) == (4, tried[0] / 64, True)
    assert after[2] < state[2] / 4
    none, after, why = rule.step(state, now.replace(loss_at=lambda rate: INF))
    assert (none, "smaller" in why) == (0.0, True)
    assert all(one is None or math.isfinite(one) for one in after)


@pytest.mark.parametrize(("beta", "expected"), [(0.0, 1 / (2 * 11)), (0.9, 0.5)])
def test_a_step_that_would_raise_the_loss_is_shorter(beta, expected):
    rule = robust(beta, None)
    bowl = seen(loss=1.0, slope=1.0, direction_norm=1.0, rate=0.1, loss_at=lambda rate: 1 - rate + rate**2)
    _, state, _ = rule.step(rule.init(), bowl)
    tried = []

    def wall(rate):
        tried.append(rate)
        return 9.0 if beta else 1 + 10 * rate

    factor, _, why = rule.step(state, bowl.replace(loss_at=wall))
    assert factor * 0.1 == pytest.approx(expected * tried[0])
    assert why.startswith("loss would rise")


@pytest.mark.parametrize("field", ["loss", "slope", "direction_norm"])
@pytest.mark.parametrize("odd", [NAN, INF, -INF, 1e200])
def test_what_is_not_finite_makes_no_step_and_leaves_the_memory(field, odd):
    rule = robust()
    now = seen(loss=1.0, slope=1.0, direction_norm=1.0, rate=0.1, loss_at=lambda rate: 1 - rate + rate**2)
    _, state, _ = rule.step(rule.init(), now)
    factor, after, why = rule.step(state, now.replace(**{field: odd}))
    assert (factor, after) == (0.0, state)
    assert str(odd) in why


def test_one_absurd_check_is_forgotten():
    rule, now = (
        robust(floor=None),
        seen(loss=1.0, slope=1.0, direction_norm=1.0, rate=0.1, loss_at=lambda rate: 1 - rate),
    )
    _, state, _ = rule.step(rule.init(), now)
    factor, after, _ = rule.step(state, now.replace(loss=1e-200, rate=1e-90, loss_at=lambda rate: 1e99))
    assert 0 <= factor < INF
    assert after[4:6] == state[4:6]


@given(
    rule=st.sampled_from([robust(), robust(0.9), robust(0.5, -2.0), robust(floor=None)]),
    looks=st.lists(
        st.tuples(anything, anything, anything, anything, st.lists(anything, min_size=1, max_size=4)), max_size=30
    ),
)
def test_whatever_is_seen_the_factor_and_the_memory_stay_finite(rule, looks):
    state = saved = rule.init()
    for loss, slope, norm, rate, trials in looks:
        now = seen(
            loss=loss, slope=slope, direction_norm=norm, rate=rate, loss_at=lambda r, of=trials: of[hash(r) % len(of)]
        )
        factor, state, why = rule.step(state, now)
        assert 0 <= factor < INF, why
        assert all(one is None or math.isfinite(one) for one in state), state
        again, saved, _ = rule.step(tuple(json.loads(json.dumps(saved, allow_nan=False))), now)
        assert (again, saved) == (factor, state)


class bowl:
    """½ Σ λ x², λ from 1 to 100, the whole batch at every update; `turn(t)` tilts it, as another batch would."""

    def __init__(self, steps, rule, start, turn=lambda t: 0.0, schedule=lambda t: 1.0):
        curvature, at, total = np.logspace(0, 2, 20), np.random.default_rng(5).standard_normal(20), np.zeros(20)
        self.state, self.calls, self.confirmed, self.said = rule.init(), [], [], []
        for t in range(steps):
            tilt = turn(t)

            def loss(x, tilt=tilt):
                return 0.5 * float(curvature @ x**2) + tilt * float(x.sum())

            grad = curvature * at + tilt
            total = rule.beta * total + grad
            asked = []
            now = seen(
                loss=loss(at),
                slope=float(grad @ total),
                direction_norm=float(np.linalg.norm(total)),
                rate=start * schedule(t),
                loss_at=lambda rate, at=at, u=total, loss=loss, asked=asked: asked.append(rate) or loss(at - rate * u),
            )
            factor, self.state, why = rule.step(tuple(json.loads(json.dumps(self.state))), now)
            self.said += [(t, why)] if "batch" in why else []
            at = at - factor * now.rate * total
            self.calls.append(len(asked))
            self.confirmed.append(_Memory(*self.state).same)
        self.loss = 0.5 * float(curvature @ at**2)


@pytest.mark.parametrize(("beta", "below"), [(0.5, 1e-12), (0.9, 1e-8)])
@pytest.mark.parametrize("start", [1e-6, 1e-2, 10.0])
def test_a_full_batch_with_momentum_is_noticed_and_costs_next_to_nothing(beta, below, start):
    run = bowl(250, robust(beta), start, schedule=lambda t: min(1.0, (250 - t) / 100))
    assert run.loss < below
    assert sum(run.calls[5:]) < 10
    assert min(run.confirmed[10:]) >= 3
    ((when, said),) = run.said
    assert when <= 10
    assert said == "the same batch at every update: each loss is a check"


def test_without_momentum_without_a_floor_or_with_batches_every_second_update_is_checked():
    tilts = np.random.default_rng(0).standard_normal(250)
    for rule, turn in ((robust(), None), (robust(0.9, None), None), (robust(0.9), lambda t: 10 * tilts[t])):
        run = bowl(120, rule, 1e-3, *([turn] if turn else []))
        assert set(run.calls[20:60:2]) == {1}
        assert max(run.confirmed) < 3


def test_a_batch_that_changes_after_all_is_noticed_at_the_next_check_and_harms_nothing():
    tilts = np.random.default_rng(0).standard_normal(400)
    run = bowl(400, robust(0.9), 1e-3, lambda t: 10.0 * tilts[t] * (t >= 70))
    assert min(run.confirmed[10:129]) >= 3
    assert max(run.confirmed[129:]) < 3
    assert sum(run.calls[130:]) == 135
    assert run.said[-1] == (129, "the batches differ after all")
    assert run.loss < 100.0


def test_little_progress_earns_no_heat():
    def left(last):
        memory = _Memory(*robust().init())
        memory.first, memory.mean, memory.weight = 1.0, last, 1.0
        return memory.progress()

    assert [left(math.exp(-w)) for w in (0.0, 0.9, 1.0)] == [0.0, 0.0, 0.0]
    assert left(math.exp(-1.25)) == pytest.approx(1.25 / 2)
    assert left(math.exp(-1.5)) == pytest.approx(1.5)
    assert left(math.exp(-6)) == pytest.approx(6.0)


def watched_on_digits(strategy, change, steps=120):
    """The rates of a run in which `change(t, gradient)` stands between the problem and the strategy."""
    random, rates = np.random.default_rng(0), []
    params = {"theta": DIGITS.start(0)["theta"]}
    state = strategy.init(params)
    for t in range(steps):
        rows = random.integers(0, len(X), (1, 32))
        loss, grads = DIGITS.loss_and_grad({"theta": params["theta"][None]}, rows)
        grads = {"theta": change(t, grads["theta"][0])}

        def loss_of(there, rows=rows):
            return DIGITS.loss({"theta": there["theta"][None]}, rows)[0]

        params, state, step = strategy.step(params, grads, state, seen(loss=float(loss[0])), loss_of=loss_of)
        rates.append(step.rate)
    return np.array(rates)


CLIPPED = clip_norm(1) | sgd() | 1 * robust()


def test_a_gradient_of_1e30_behind_a_clip_is_forgotten_within_40_updates():
    clean, broken = (
        watched_on_digits(CLIPPED, lambda t, g, at=at: g * (1e30 if t == at else 1.0)) for at in (None, 50)
    )
    assert broken[50] < 1e-9 * clean[50]
    assert (broken[90:] > clean[90:] / 2).all()


def test_gradients_of_zero_hold_the_rate():
    rates = watched_on_digits(CLIPPED, lambda t, g: g * (not 50 <= t < 100))
    assert len(set(rates[50:100])) == 1
    assert rates[50] == pytest.approx(rates[49], rel=0.2)
    assert (rates[100:] < 2 * rates[49]).all()


@pytest.mark.parametrize("beta", [0.0, 0.9])
def test_stopped_saved_and_continued_is_straight_through(beta):
    rule = robust(beta)
    straight = on_valley(rule, beta, 1.0)
    assert_same(on_valley(rule, beta, 1.0, save=lambda state: tuple(json.loads(json.dumps(state))))[0], straight[0])
    halfway = {"at": 0}

    def once(state):
        halfway["at"] += 1
        return tuple(json.loads(json.dumps(state, allow_nan=False))) if halfway["at"] == 37 else state

    assert on_valley(rule, beta, 1.0, save=once)[2] == straight[2]


def test_it_says_what_it_needs_and_what_it_cannot_be():
    whole = seen(loss=1.0, slope=1.0, direction_norm=1.0, rate=1.0, loss_at=lambda rate: 1.0)
    for name in robust.needs:
        with pytest.raises(StepsizeError, match=f"robust_infrared needs the {name}"):
            robust().step(robust().init(), whole.replace(**{name: None}))
    for wrong in ({"beta": 1.0}, {"beta": -0.1}, {"floor": INF}, {"floor": "0"}, {"beta": None}):
        with pytest.raises(StepsizeError, match=f"robust_infrared: {next(iter(wrong))} must be"):
            robust(**wrong)
    assert parse("sgd() | 0.1 * robust_infrared(0.9, floor=None)") == sgd() | 0.1 * robust(0.9, None)
