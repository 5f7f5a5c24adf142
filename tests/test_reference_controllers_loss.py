"""Controllers that follow the loss, against the real peers and against their formulas written down once more."""

from __future__ import annotations

import json
import math
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize as s
from stepsize import StepsizeError, armijo, bold_driver, descend, greedy, newbob, polyak, problems, seen, spike
from stepsize.lab.data.datasets import load
from subjects import CONTROLLERS, assert_close

NAN, INF = math.nan, math.inf
OURS = [one for one in CONTROLLERS if one.word() in ("newbob", "greedy", "bold_driver", "spike", "polyak", "armijo")]
RNG = np.random.default_rng(7)
X = RNG.normal(size=(60, 8)) * np.geomspace(1, 0.2, 8)
LINE = problems.least_squares(X, X @ RNG.normal(size=8))  # a perfect fit exists
LIMIT = 1 / np.linalg.eigvalsh(X.T @ X / 60)[-1]  # fixed rates diverge above it
_TABLE = load("digits")
DIGITS = _TABLE.problem()
UPPER_ROWS = problems.softmax(_TABLE.X_train[:, :20], _TABLE.y_train)  # of the picture: no perfect fit
SMALLEST = 0.8756  # loss of UPPER_ROWS after 5000 updates of a line search

anything = st.floats() | st.sampled_from([NAN, INF, -INF, 0.0, 1.0, 1e308, -1e308, 5e-324, -5e-324]) | st.floats(-9, 9)


def follow(controller, looks, save=lambda state: state):
    """What the controller answers to these records (or losses), the states, and why."""
    state, told = controller.init(), []
    for now in looks:
        now = now if isinstance(now, seen) else seen(loss=now, metric=now)
        factor, state, why = controller.step(save(state), now)
        told.append((factor, state, why))
    return told


def factors_of(controller, looks):
    return [factor for factor, _, _ in follow(controller, looks)]


def traces(count=1000, length=60):
    """Random walks of a loss, some falling, some rising, some with ties."""
    rng = random.Random(3)
    for _ in range(count):
        drift, noise, digits = rng.uniform(-0.1, 0.05), rng.choice([0.001, 0.1, 1]), rng.choice([1, 12])
        loss, losses = rng.uniform(1, 10), []
        for _ in range(length):
            loss += drift + rng.gauss(0, noise)
            losses.append(round(max(loss, rng.uniform(0, 0.5)), digits))
        yield rng, losses


# Laws of all six, with every quantity that they look at


@st.composite
def records(draw):
    trials = draw(st.lists(anything, min_size=1, max_size=4))
    return seen(
        loss=draw(anything),
        metric=draw(st.none() | anything),
        slope=draw(anything),
        rate=draw(anything),
        loss_at=lambda rate: trials[hash(rate) % len(trials)],
    )


def plain(told):
    """NaN equal to itself."""
    return [(factor, json.dumps(state, allow_nan=False), why) for factor, state, why in told]


def test_there_are_subjects_of_each():
    assert {one.word() for one in OURS} == {"newbob", "greedy", "bold_driver", "spike", "polyak", "armijo"}


@given(controller=st.sampled_from(OURS), looks=st.lists(records(), max_size=30))
def test_answers_are_finite_whatever_is_seen_and_states_survive_json(controller, looks):
    told = follow(controller, looks)
    for factor, _, why in told:
        assert math.isfinite(factor), why
        assert factor >= 0, why
    saved = follow(controller, looks, lambda state: tuple(json.loads(json.dumps(state, allow_nan=False))))
    assert plain(saved) == plain(told)


@given(
    controller=st.sampled_from([one for one in OURS if one.word() != "spike"]),
    looks=st.lists(records(), max_size=20),
    odd=st.sampled_from([NAN, INF, -INF]),
    place=st.integers(0, 20),
)
def test_what_is_not_finite_leaves_the_state_alone(controller, looks, odd, place):
    place = min(place, len(looks))
    blow = seen(loss=odd, metric=odd, slope=1.0, rate=0.1, loss_at=lambda rate: 0.0)
    told = follow(controller, [*looks[:place], blow, *looks[place:]])
    _, state, why = told.pop(place)
    assert plain(told) == plain(follow(controller, looks))
    assert state == (told[place - 1][1] if place else controller.init())
    assert str(odd) in why


@pytest.mark.parametrize("controller", OURS, ids=str)
def test_a_missing_quantity_is_an_error_that_names_it(controller):
    everything = seen(loss=1.0, slope=1.0, rate=1.0, loss_at=lambda rate: 0.0)
    controller.step(controller.init(), everything)
    for name in controller.needs:
        with pytest.raises(StepsizeError, match=f"{controller.word()} needs the {name[:4]}"):
            controller.step(controller.init(), everything.replace(**{name: None}))


@pytest.mark.parametrize("controller", [newbob(watch="metric"), greedy(watch="metric", patience=0)], ids=str)
def test_updates_without_a_metric_change_nothing(controller):
    looks = [seen(metric=one) for one in (3.0, 2.0, 2.0, 2.5, 1.0, 7.0)]
    thinned = follow(controller, [now for one in looks for now in (one, seen(), seen(loss=NAN))])
    assert thinned[::3] == follow(controller, looks)
    assert all(
        (factor, why) == (thinned[i // 3 * 3][0], "") or i % 3 == 0 for i, (factor, _, why) in enumerate(thinned)
    )


@pytest.mark.parametrize("base", [5e-5, 1e-2])
@pytest.mark.parametrize(
    ("controller", "losses", "grows"),
    [
        (newbob(), [1.0] * 9, False),
        (greedy(), [1.0] * 40, False),
        (greedy(), [1 - i / 99 for i in range(40)], True),
        (bold_driver(), [1.0, 2.0], False),
        (spike(), [*[1.0, 1.01] * 9, 2.0], False),
    ],
    ids=str,
)
def test_a_default_does_something_at_rates_people_use(controller, losses, grows, base):
    factors = factors_of(controller, losses)
    assert base * factors[-1] > base if grows else base * factors[-1] < 0.96 * base


# newbob


def speechbrain_newbob(values, factor, threshold, patient):
    """NewBobScheduler, written down without looking at the library; the values after each call."""
    value, left, last, told = 1.0, patient, None, []
    for one in values:
        if last is not None:
            improvement = 0 if last == 0 else (last - one) / last
            if improvement < threshold:
                if left == 0:
                    value, left = value * factor, patient
                else:
                    left -= 1
        last = one
        told.append(value)
    return told


def test_newbob_is_speechbrains_on_a_thousand_traces():
    acted = 0
    for rng, losses in traces():
        factor, threshold, patient = rng.uniform(0.1, 0.9), rng.choice([0, 0.0025, 0.05, -0.01]), rng.randint(0, 3)
        expected = speechbrain_newbob(losses, factor, threshold, patient)
        assert factors_of(newbob(factor, threshold, patient=patient), losses) == expected
        acted += 0 < expected[-1] < 1
    assert acted > 900


def test_newbob_relative_to_the_new_value_is_returnns():
    for rng, losses in traces(200):
        losses, value, expected = [one + 0.1 for one in losses], 1.0, [1.0]  # it does not define a zero
        for last, new in pairwise(losses):
            value *= 0.7 if (new - last) / abs(new) > -0.01 else 1.0
            expected.append(value)
        assert factors_of(newbob(0.7, 0.01, relative_to="new"), losses) == expected
        assert rng.random() < 1


def test_newbob_of_a_negative_loss_is_not_speechbrains():
    falling = [-1.0, -2.0, -4.0]  # every value better than the last
    assert speechbrain_newbob(falling, 0.5, 0.0025, 0) == [1.0, 0.5, 0.25]  # it divides by the value with its sign
    assert factors_of(newbob(), falling) == [1.0, 1.0, 1.0]


def test_newbob_compares_with_the_last_value_not_the_best():
    assert factors_of(newbob(), [4, 9, 8, 7, 6, 5]) == [1, 0.5, 0.5, 0.5, 0.5, 0.5]


def test_newbob_counts_bad_looks_that_are_not_in_a_row():
    assert factors_of(newbob(patient=1), [4, 5, 3, 2, 3]) == [1, 1, 1, 1, 0.5]


def test_newbob_of_a_score_wants_more():
    assert factors_of(newbob(mode="max", low=0.3), [1, 2, 2, 3, 2, 1, 0]) == [1, 1, 0.5, 0.5, 0.3, 0.3, 0.3]
    assert factors_of(newbob(), [0.0, 0.0]) == [1, 0.5]


def test_newbob_every_looks_at_means():
    losses = [5, 3, 4, 1, 2, 9, 9, 0, 0]  # means 4, 4, 3
    assert factors_of(newbob(every=3), losses) == [1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5]
    assert factors_of(newbob(every=3), [*losses[:5], NAN, *losses[5:]])[:7] == [1, 1, 1, 1, 1, 1, 0.5]
    with pytest.raises(StepsizeError, match="length in steps"):
        newbob(every="1ep").step(newbob().init(), seen(loss=1.0))


def test_newbob_every_epoch_survives_mini_batches_and_every_update_does_not():
    run, hasty = (
        descend(DIGITS, f"sgd() | 0.1 * newbob(every='{every}')", steps=420, batch_size=32)
        for every in ("1ep", "1samples")
    )
    assert hasty.rates[99] < 1e-9 < 0.02 < run.rates[99]
    assert run.loss < 0.5 * hasty.loss


# greedy


def huggingface(losses, rate, **options):
    """The rates after each step of transformers' GreedyLR."""
    import torch

    GreedyLR = pytest.importorskip("transformers.optimization").GreedyLR  # in the extra `hosts`

    optimizer = torch.optim.SGD([torch.zeros(1)], lr=rate)
    scheduler, told = GreedyLR(optimizer, **options), []
    for loss in losses:
        scheduler.step(loss)
        told.append(scheduler.get_last_lr()[0])
    return told


def test_greedy_is_transformers_on_a_thousand_traces():
    fell = rose = restarted = 0
    for rng, losses in traces():
        shared = {
            "factor": rng.uniform(0.3, 0.95),
            "patience": rng.randint(0, 4),
            "threshold": rng.choice([0, 1e-6, 0.01]),
            "threshold_mode": rng.choice(["abs", "rel"]),
            "cooldown": rng.randint(0, 3),
            "warmup": rng.randint(0, 3),
            "mode": rng.choice(["min", "max"]),
        }
        low, high, window, restart = rng.uniform(0.1, 1), rng.uniform(1, 9), rng.choice([1, 1, 2, 7]), rng.randint(1, 5)
        if window > 1:  # their mean is a running sum: no ties that rounding would decide
            losses = [one + rng.uniform(0, 0.01) for one in losses]
        theirs = huggingface(
            losses,
            1.0,
            **shared,
            min_lr=low,
            max_lr=high,
            eps=0,
            smooth=window > 1,
            window_size=window,
            reset_start=restart,
        )
        ours = follow(greedy(**shared, low=low, high=high, window=window, restart=restart), losses)
        assert_close([factor for factor, _, _ in ours], theirs)
        fell, rose = fell + (min(theirs) < 1), rose + (max(theirs) > 1)
        restarted += any("beginning" in why for _, _, why in ours)
    assert fell > 500
    assert rose > 300
    assert restarted > 100


def test_greedy_falls_at_small_rates_where_transformers_cannot():
    worse, better = [1 + i for i in range(300)], [300 - i for i in range(300)]
    for losses in (worse, [NAN] * 300):
        assert set(huggingface(losses, 5e-5)) == {5e-5}  # its smallest rate is 0.001
    assert huggingface(better, 5e-5)[-1] > 1e-4  # upwards it moves
    assert 5e-5 * factors_of(greedy(), worse)[-1] < 2e-5
    assert 5e-5 * factors_of(greedy(), better)[-1] > 1e-4
    assert huggingface(worse, 1e-2)[-1] < 3e-3


def test_greedy_changes_tiny_rates_too():
    losses = [1.0] * 30
    assert set(huggingface(losses, 1e-7, min_lr=0)) == {1e-7}  # changes below 1e-8 are dropped
    assert factors_of(greedy(), losses)[-1] < 1


def test_greedy_does_not_count_nan_as_bad():
    losses = [1.0, *[NAN] * 9]
    assert huggingface(losses, 1.0, patience=2, min_lr=0)[-1] == pytest.approx(0.95**3)
    told = follow(greedy(patience=2), losses)
    assert told[-1][:2] == told[0][:2]
    assert told[-1][2] == "loss nan: held at 1"


def test_greedy_recovers_from_one_nan_in_the_window():
    losses = [9.0, NAN, *[8.0 - i / 4 for i in range(30)]]
    stuck = huggingface(losses, 1.0, patience=2, smooth=True, window_size=3, min_lr=0, max_lr=10)
    assert max(stuck) == 1.0  # their running sum stays NaN, and NaN is never better
    assert factors_of(greedy(patience=2, window=3), losses)[-1] > 1


def test_greedy_of_a_negative_best_asks_for_more_not_less():
    losses = [-1.0, *[-1.0 - 1e-9 * i for i in range(9)]]
    options = {"patience": 0, "threshold": 0.1, "threshold_mode": "rel"}
    assert huggingface(losses, 0.1, **options)[-1] > 0.1  # −1·(1 − 0.1) is above −1, so nothing new is new
    assert factors_of(greedy(**options), losses)[-1] < 1


def test_greedy_ignores_a_metric_it_was_not_told_to_watch():
    looks = [seen(loss=1.0, metric=9.0 - i) for i in range(5)]
    assert factors_of(greedy(patience=1, watch="loss"), looks)[-1] < 1
    assert factors_of(greedy(patience=1, watch="metric"), looks)[-1] > 1


# bold_driver


def test_bold_driver_is_its_formula_on_a_thousand_traces():
    for rng, losses in traces():
        grow, shrink, tolerance = rng.uniform(1.01, 1.5), rng.uniform(0.3, 0.9), rng.choice([0, 0.04, 0.2])
        factor, expected = 1.0, [1.0]
        for last, new in pairwise(losses):
            if new < last:
                factor = min(factor * grow, 7.0)
            elif new > last + tolerance * last:
                factor = max(factor * shrink, 0.02)
            expected.append(factor)
        told = factors_of(bold_driver(grow, shrink, tolerance=tolerance, low=0.02, high=7), losses)
        assert told == expected


def test_bold_driver_tolerates_a_small_rise_of_a_negative_loss_too():
    assert factors_of(bold_driver(tolerance=0.04), [-10.0, -9.7, -9.0]) == [1, 1, 0.5]
    assert factors_of(bold_driver(), [2.0, 2.0, 1.0]) == [1, 1, 1.05]


def test_bold_driver_keeps_its_bounds_for_ever():
    assert factors_of(bold_driver(), range(2000, 0, -1))[-1] == 1e6
    assert factors_of(bold_driver(), range(200))[-1] == 1e-6


def test_bold_driver_collapses_on_mini_batches():
    run = descend(DIGITS, "sgd() | 0.1 * bold_driver()", steps=420, batch_size=32)
    assert run.rates[-1] < 1e-5


# spike

QUIET = [1.0, 1.2, 0.9, 1.1, 1.05] * 4


def test_spike_backs_off_and_comes_back_in_the_stated_time():
    told = factors_of(spike(0.5, recovery=8), [*QUIET, 50.0, *QUIET])
    assert told[:20] == [1.0] * 20
    assert_close(told[20:30], [0.5 ** (max(8 - i, 0) / 8) for i in range(10)])


def test_spikes_add_up_down_to_low():
    told = factors_of(spike(0.5, recovery=4, low=0.1), [*QUIET, *[50.0] * 6, *[1.0] * 40])
    assert_close(told[20:26], [0.5, 0.25, 0.125, 0.1, 0.1, 0.1])
    assert told[25 + 14] == 1.0  # ⌈4·log(0.1)/log(0.5)⌉ = 14


@pytest.mark.parametrize("odd", [NAN, INF, -INF])
@pytest.mark.parametrize("before", [[], QUIET], ids=["at once", "later"])
def test_ten_odd_losses_back_off_and_recover(odd, before):
    rule = spike(recovery=5)
    told = follow(rule, [*before, *[odd] * 10, *QUIET, *QUIET])
    nth = len(before)
    assert told[nth][0] == 0.5
    assert str(odd) in told[nth][2]
    assert told[nth + 9][0] == 0.01
    assert told[-1][0] == 1.0
    assert told[-1][1].losses == tuple((before + QUIET + QUIET)[-100:])  # none of them in the statistics


def test_a_spike_is_kept_out_of_the_statistics():
    quiet, loud = follow(spike(), QUIET), follow(spike(), [*QUIET, 1e9, 1e9])
    assert loud[-1][1][2:] == quiet[-1][1][2:]
    assert loud[-1][0] == 0.25


def test_a_level_that_stays_is_accepted():
    rule = spike(recovery=5, accept=6)
    told = follow(rule, [*QUIET, *[100 + one for one in QUIET * 3]])
    backed_off = [why for _, _, why in told if "above" in why and "level" not in why]
    assert len(backed_off) == 5
    assert sum("a new level" in why for _, _, why in told) == 1
    assert told[-1][0] == 1.0
    again = follow(rule, [*QUIET, *[100 + one for one in QUIET * 3], 200.0])
    assert again[-1][0] == 0.5  # the new level has its own spikes


def test_a_level_that_stays_costs_one_recovery_and_not_one_for_each_loss():
    told = factors_of(spike(), [*QUIET, *[10 + one for one in QUIET * 10]])
    assert told[len(QUIET) + 18] == 0.01
    assert told[len(QUIET) + 19] == 0.5
    assert told[len(QUIET) + 19 + 100] == 1.0


def test_spikes_that_come_singly_are_no_level():
    told = follow(spike(recovery=1, accept=3), [*QUIET, *[50.0, 50.0, 1.0] * 8])
    assert not any("level" in why for _, _, why in told)


@given(shift=st.integers(-50, 50), scale=st.sampled_from([0.25, 1, 2, 1024]))
def test_spike_without_tolerance_does_not_see_units(shift, scale):
    losses = [*QUIET, 50.0, *QUIET, 9.0, 9.0, 1.0]
    rule = spike(tolerance=0, recovery=3)
    rounded = [round(16 * one) / 16 for one in losses]  # exact in binary, so that a shift is exact
    assert factors_of(rule, [scale * (one + shift) for one in rounded]) == factors_of(rule, rounded)


def test_spike_is_quiet_on_a_healthy_run():
    run = descend(DIGITS, "sgd() | 0.1 * spike()", steps=1000, batch_size=32)
    assert sum(bool(why) for why in run.why) <= 2
    small = descend(DIGITS, "sgd() | 0.1 * spike()", steps=1000, batch_size=8)
    assert sum(bool(why) for why in small.why) <= 5
    falling = factors_of(spike(), [10 * 0.99**i for i in range(500)])
    assert set(falling) == {1.0}


def test_spike_of_a_constant_loss_needs_a_real_rise():
    assert set(factors_of(spike(), [2.0] * 20 + [2.0 + 1e-15, 2.01])) == {1.0}
    assert factors_of(spike(), [2.0] * 20 + [2.03])[-1] == 0.5


# polyak


def optax_polyak(problem, steps, **options):
    """The losses and the last point of optax's Polyak SGD."""
    import jax.numpy as jnp
    import optax

    solver, theta, losses = optax.polyak_sgd(**options), problem.start(0)["theta"], []
    state = solver.init(jnp.asarray(theta))
    for _ in range(steps):
        loss, grads = problem.loss_and_grad({"theta": theta[None]})
        losses.append(float(loss[0]))
        update, state = solver.update(jnp.asarray(grads["theta"][0]), state, jnp.asarray(theta), value=losses[-1])
        theta = theta + np.asarray(update)
    return losses, theta


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("problem", [LINE, UPPER_ROWS], ids=["least_squares", "softmax"])
@pytest.mark.parametrize("f_star", [0.0, -0.3])
def test_polyak_is_optax_polyak_sgd(problem, f_star):
    run = descend(problem, s.sgd() | 1 * polyak(f_star, high=9), steps=20)
    losses, theta = optax_polyak(problem, 20, max_learning_rate=9.0, f_min=f_star)
    assert_close(run.losses, losses, 1e-7)
    assert_close(run.params.reshape(-1), theta.reshape(-1), 1e-6)
    assert len(set(run.rates.tolist())) > 5


@pytest.mark.usefixtures("x64")
def test_half_of_polyak_is_half_the_rate_and_of_optax_double():
    loss, grads = LINE.loss_and_grad({"theta": LINE.start(0)["theta"][None]})
    rate, grad = loss[0] / np.sum(grads["theta"] ** 2), grads["theta"][0]
    run = descend(LINE, s.sgd() | 0.5 * polyak(high=1e9), steps=1)
    _, theta = optax_polyak(
        LINE, 1, scaling=0.5, max_learning_rate=1e9
    )  # it divides by the norm of the scaled gradient
    assert_close(run.params, -0.5 * rate * grad, 1e-9)
    assert_close(theta, -2 * rate * grad, 1e-9)


@pytest.mark.usefixtures("x64")
def test_polyak_below_f_star_stands_still_where_optax_goes_uphill():
    (before, after), _ = optax_polyak(LINE, 2, f_min=50.0)
    assert after > before
    run = descend(LINE, s.sgd() | 1 * polyak(50.0), steps=2)
    assert run.losses[0] == run.loss


def test_polyak_with_a_momentum_takes_the_tangent_to_f_star():
    for _ in range(100):
        loss, slope, f_star = (float(one) for one in RNG.uniform(0.1, 5, 3))
        (rate,) = factors_of(polyak(f_star - 5, high=1e9), [seen(loss=loss, slope=slope)])
        assert loss - rate * slope == pytest.approx(f_star - 5)


def test_polyak_of_a_scaled_gradient_is_polyak_in_that_metric():
    scale = np.geomspace(0.2, 1, 8)  # u = g/scale² is the gradient in the coordinates z = scale·x, pulled back

    class scaled(s.sgd):
        def update(self, grad, state, param):
            direction, state = super().update(grad, state, param)
            return direction / scale**2, state

    there = problems.least_squares(X / scale, LINE.targets[:, 0])
    one = descend(LINE, scaled() | 1 * polyak(high=1e9), steps=12)
    other = descend(there, s.sgd() | 1 * polyak(high=1e9), steps=12)
    assert_close(one.losses, other.losses, 1e-9)
    assert_close(one.rates, other.rates, 1e-9)
    assert_close(one.params * scale, other.params, 1e-9)


@given(seed=st.integers(0, 99), c=st.floats(0.5, 3))
def test_polyak_never_leads_away_from_a_minimiser_of_a_convex_loss(seed, c):
    rng = np.random.default_rng(seed)
    A, best = rng.normal(size=(12, 4)), rng.normal(size=4)
    run = descend(problems.least_squares(A, A @ best), s.sgd() | 1 * polyak(c=c, high=1e9), steps=9)
    begin = np.linalg.norm(best)
    assert np.linalg.norm(run.params - best) <= begin * (1 + 1e-12)


def test_polyak_by_hand():
    looks = [seen(loss=loss, slope=slope) for loss, slope in [(4, 8), (4, 1), (4, 0), (4, -1), (0, 1), (4, 80)]]
    assert factors_of(polyak(), looks) == [0.5, 1, 0, 0, 0, 0.05]
    assert "not above f_star" in follow(polyak(), looks)[4][2]
    assert factors_of(polyak(2, c=0.5, low=0.1, high=10), looks) == [0.5, 4, 0.1, 0.1, 0.1, 0.1]
    odd = [seen(loss=NAN, slope=1.0), looks[0], seen(loss=1.0, slope=INF), seen(loss=-INF, slope=1.0)]
    assert factors_of(polyak(low=0.25), odd) == [0.25, 0.5, 0.5, 0.5]
    assert factors_of(polyak(), [seen(loss=1e300, slope=5e-324)]) == [1.0]


def test_polyak_doubles_at_most_once_in_its_time():
    looks = [seen(loss=1.0, slope=1000.0), *[seen(loss=1.0, slope=1e-3)] * 20]
    told = factors_of(polyak(high=100, doubling=10), looks)
    assert told[0] == 1e-3
    assert_close(told, [1e-3 * 2 ** (i / 10) for i in range(21)])
    assert factors_of(polyak(high=100), looks)[1] == 100
    zero = factors_of(polyak(high=100, doubling=1), [looks[0], seen(loss=0.0, slope=1.0), *looks[1:]])
    assert zero[:4] == [1e-3, 0, 2e-3, 4e-3]  # a zero in between is not what doubles


# armijo


def sls(problem, batches, rate, c, shrink, per_epoch, high, tries):
    """The line search of Vaswani et al. on plain SGD, written down without looking at the library."""
    theta, rates, first = problem.start(0)["theta"], [], True
    for rows in batches:

        def loss_of(x, rows=rows):
            return float(problem.loss({"theta": x[None]}, rows)[0])

        loss, grads = problem.loss_and_grad({"theta": theta[None]}, rows)
        g = grads["theta"][0]
        rate = rate if first else min(rate * 2 ** (1 / per_epoch), high)
        first = False
        for _ in range(tries):
            if loss_of(theta - rate * g) <= loss[0] - c * rate * np.sum(g * g):
                break
            rate *= shrink
        else:
            raise AssertionError("no rate was accepted")
        theta = theta - rate * g
        rates.append(rate)
    return theta, rates


@pytest.mark.parametrize("problem", [LINE, DIGITS], ids=["least_squares", "softmax"])
def test_armijo_is_the_line_search_of_vaswani(problem):
    batch, steps = 20, 60
    strategy = s.sgd() | 1 * armijo(0.1, 0.9, tries=100, doubling="1ep", high=10)
    run = descend(problem, strategy, steps=steps, batch_size=batch)
    rng, left, batches = np.random.default_rng(0), np.empty(0, dtype=int), []
    for _ in range(steps):
        while len(left) < batch:
            left = np.concatenate([left, rng.permutation(problem.size)])
        batches.append(left[None, :batch])
        left = left[batch:]
    theta, rates = sls(problem, batches, 1.0, 0.1, 0.9, max(1, int(problem.size / batch + 0.5)), 10, 100)
    assert_close(run.rates, rates, 1e-9)
    assert_close(run.params.reshape(-1), theta.reshape(-1), 1e-8)


@pytest.mark.parametrize("c", [0.01, 0.5, 0.9])
@pytest.mark.parametrize("problem", [LINE, DIGITS], ids=["least_squares", "softmax"])
@pytest.mark.parametrize("base", [1e-6, 1.0, 1e9])
def test_every_step_of_armijo_keeps_its_promise(problem, c, base):
    tries = 40
    run = descend(problem, s.sgd() | base * armijo(c, tries=tries, doubling=1, low=1e-15, high=1e9), steps=60)
    losses = [*run.losses, run.loss]
    for loss, after, rate, norm in zip(losses, losses[1:], run.rates, run.grad_norms, strict=False):
        assert after <= loss - c * rate * norm**2 + 1e-12 * loss
    assert max(run.extra_losses) <= tries
    assert run.loss < 0.9 * run.losses[0]


@pytest.mark.parametrize("base", [5e-5, 1e-2, 1e2])
def test_armijo_answers_relative_to_the_rate(base):
    trials = []

    def loss_at(rate):
        trials.append(rate)
        return 1 - rate + rate**2  # accepted with c = 0.1 up to rate 0.9

    now = seen(loss=1.0, slope=1.0, rate=base, loss_at=loss_at)
    ((factor, state, _),) = follow(armijo(tries=20), [now])
    assert trials == [base * 0.5**i for i in range(len(trials))]
    assert factor * base == trials[-1] <= 0.9
    assert len(trials) == 1 or 2 * trials[-1] > 0.9
    assert state == (factor, 1)


def test_armijo_begins_at_the_last_accepted_and_grows():
    easy = seen(loss=1.0, slope=1.0, rate=1.0, loss_at=lambda rate: 1 - rate)
    assert_close(factors_of(armijo(doubling=2, high=3), [easy] * 6), [1, 2**0.5, 2, 2**1.5, 3, 3])
    assert factors_of(armijo(doubling=None), [easy] * 3) == [1, 1, 1]
    hard = easy.replace(loss_at=lambda rate: 1 - rate if rate < 0.3 else 9)
    told = follow(armijo(doubling=1), [easy, hard, hard])
    assert [factor for factor, _, _ in told] == [1, 0.25, 0.25]
    assert [why for _, _, why in told] == ["", "4 tries: factor 0.25", "2 tries: factor 0.25"]


@pytest.mark.parametrize("bad", [NAN, INF, -INF, 1.0])
def test_armijo_takes_no_step_that_it_saw_fail(bad):
    cliff = seen(loss=1.0, slope=1.0, rate=1.0, loss_at=lambda rate: bad if rate > 0.03 else 1 - rate)
    told = follow(armijo(tries=3), [cliff] * 4)
    assert_close([factor for factor, _, _ in told], [0, 0, 1 / 64, 1 / 64 * 2**0.1])
    assert [state for _, state, _ in told[:3]] == [(1 / 8, 0), (1 / 64, 0), (1 / 64, 1)]
    assert told[0][2] == "none of 3 tries lowered loss 1 enough: no step"


def test_armijo_tries_nothing_where_there_is_no_way_down():
    def never(rate):
        raise AssertionError("asked")

    calm = seen(loss=1.0, slope=1.0, rate=1.0, loss_at=lambda rate: 1 - rate if rate < 0.6 else 2)
    odd = [{"slope": -1.0}, {"slope": 0.0}, {"slope": NAN}, {"rate": 0.0}, {"rate": INF}, {"loss": NAN}]
    told = follow(armijo(), [calm, *[calm.replace(loss_at=never, **one) for one in odd]])
    assert {factor for factor, _, _ in told} == {0.5}
    assert {state for _, state, _ in told} == {(0.5, 1)}


def test_armijo_goes_on_at_its_lowest_factor():
    wall = seen(loss=1.0, slope=1.0, rate=1.0, loss_at=lambda rate: 2.0)
    told = follow(armijo(tries=50, low=0.1), [wall] * 3)
    assert [(factor, state) for factor, state, _ in told] == [(0.0, (0.1, 0))] * 3


def test_armijo_searches_around_a_schedule():
    run = descend(LINE, s.sgd() | 10 * (armijo(doubling=None) * s.cosine()), steps=50)
    assert np.all(np.diff(run.rates) <= 0)
    assert run.loss < 1e-2 * run.losses[0]


# All that claim it: no divergence where the fixed rate, ten times too high, diverges

TENFOLD = {"least_squares": (LINE, 10 * LIMIT, 0.0), "softmax": (UPPER_ROWS, 30.0, SMALLEST)}
CLAIMS = {
    "armijo": lambda base, f_star: s.sgd() | base * armijo(),
    "armijo with momentum": lambda base, f_star: s.sgd(momentum=0.9) | base * armijo(),
    "armijo with a clip": lambda base, f_star: s.sgd() | base * armijo() | s.clip_norm(1),
    "polyak": lambda base, f_star: s.sgd() | 1 * polyak(f_star, high=base),
    "bold_driver": lambda base, f_star: s.sgd() | base * bold_driver(),
}


@pytest.mark.parametrize("name", TENFOLD)
def test_the_fixed_rate_diverges(name):
    problem, base, _ = TENFOLD[name]
    assert descend(problem, s.sgd() | base, steps=300).diverged
    assert not descend(problem, s.sgd() | base / 10, steps=300).diverged


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("name", TENFOLD)
def test_ten_times_too_high_is_no_harm(name, claim):
    problem, base, f_star = TENFOLD[name]
    run = descend(problem, CLAIMS[claim](base, f_star), steps=300)
    assert not run.diverged
    assert run.loss - f_star < 0.2 * (run.losses[0] - f_star)


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_thousandth_of_the_good_rate_is_found_too(claim):
    base = 1e-3 * LIMIT
    slow = descend(LINE, s.sgd() | base, steps=300)
    run = descend(LINE, CLAIMS[claim](1e9 if claim == "polyak" else base, 0.0), steps=300)
    assert run.loss < 0.1 * slow.loss


def test_bold_driver_pays_for_a_base_that_is_too_high_with_its_first_updates():
    run = descend(LINE, CLAIMS["bold_driver"](10 * LIMIT, 0.0), steps=300)
    assert max(run.losses) > 100 * run.losses[0]  # a step that raised the loss is not taken back
    assert max(descend(LINE, CLAIMS["armijo"](10 * LIMIT, 0.0), steps=300).losses) == run.losses[0]
