"""`plateau` against torch, Keras and optax: the same factor after every value, and what no peer defines."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import random
import warnings
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import ReduceLROnPlateau

from stepsize import StepsizeError, from_json, parse, plateau, seen, to_json
from stepsize.telling.explain import explain

BASE = 0.3
TRACES = 1000
NAN, INF = math.nan, math.inf


def follow(rule, values):
    """The factor after every value, as loss or as metric."""
    state, factors = rule.init(), []
    for value in values:
        factor, state, _ = rule.step(state, seen(**{rule.watch: value}))
        json.dumps(state, allow_nan=False)
        factors.append(factor)
    return factors


def trace(draw, odd=()):
    """A noisy fall or rise that flattens: coarse numbers, so that equal and nearly equal values occur."""
    level, slope, flat = draw.choice([8.0, 1.0, -2.0]), draw.choice([0.9, 0.97, 1.02]), draw.randint(3, 40)
    values = []
    for i in range(60):
        value = level * slope ** min(i, flat) + draw.choice([0.0, 0.5]) * draw.gauss(0, 1)
        values.append(draw.choice(odd) if odd and draw.random() < 0.15 else round(value * 64) / 64)
    return values


def traces(odd=()):
    draw = random.Random(7)
    return [(draw, trace(draw, odd)) for _ in range(TRACES)]


def settings(draw):
    """What all three have."""
    return {
        "factor": draw.choice([0.1, 0.5, 0.9, 0.3]),
        "patience": draw.randint(1, 5),
        "cooldown": draw.choice([0, 0, 1, 2, 5]),
        "floor": draw.choice([0.0, 0.0, 0.01, 0.3, 1.0]),
    }


def margins(draw):
    """A relative margin, or an absolute one."""
    return draw.choice([(0.0, 0.0), (1e-4, 0.0), (0.125, 0.0), (0.0, 1 / 64), (0.0, 0.5)])


# --- torch


def by_torch(rule, values, base=BASE):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)
    scheduler = ReduceLROnPlateau(
        optimizer,
        mode=rule.mode,
        factor=rule.factor,
        patience=rule.patience,
        threshold=rule.absolute or rule.threshold,
        threshold_mode="abs" if rule.absolute else "rel",
        cooldown=rule.cooldown,
        min_lr=rule.floor * base,
        eps=rule.eps * base,
    )
    factors = []
    for value in values:
        scheduler.step(value)
        factors.append(optimizer.param_groups[0]["lr"] / base)
    return factors


def like_torch(draw, **more):
    threshold, absolute = margins(draw)
    return plateau(
        **settings(draw) | {"patience": draw.randint(0, 4)},
        threshold=threshold,
        absolute=absolute,
        mode=draw.choice(["min", "max"]),
        eps=draw.choice([0.0, 1e-8, 0.02]),
        watch=draw.choice(["loss", "metric"]),
        **more,
    )


def test_a_thousand_traces_give_torchs_rate():
    lowered = 0
    for draw, values in traces():
        rule = like_torch(draw)
        ours = follow(rule, values)
        assert ours == pytest.approx(by_torch(rule, values), rel=1e-12), (rule, values)
        lowered += len(set(ours)) - 1
    assert lowered > TRACES  # the traces do plateau


def test_a_thousand_traces_with_nan_give_torchs_rate_where_nan_counts_as_bad():
    for draw, values in traces(odd=(NAN,)):
        rule = like_torch(draw, nonfinite="bad")
        assert follow(rule, values) == pytest.approx(by_torch(rule, values), rel=1e-12), (rule, values)


def test_torch_lowers_for_nan_and_ours_holds_unless_told():
    values = [1.0] + [NAN] * 9
    assert by_torch(plateau(patience=2), values)[-1] == pytest.approx(1e-3)
    assert follow(plateau(patience=2, nonfinite="bad"), values)[-1] == pytest.approx(1e-3)
    assert follow(plateau(patience=2), values) == [1.0] * 10


def test_torch_takes_minus_infinity_as_its_best_for_ever_and_ours_never():
    values = [1.0, -INF] + [0.9**i for i in range(20)]
    assert by_torch(plateau(patience=2), values)[-1] < 1e-5
    for nonfinite in ("hold", "bad"):
        assert follow(plateau(patience=2, nonfinite=nonfinite), values) == [1.0] * 22


def test_below_zero_a_relative_margin_never_waits_as_in_torch_and_optax():
    values = [-2.0] * 30
    assert follow(plateau(patience=2), values) == by_torch(plateau(patience=2), values) == [1.0] * 30
    assert by_optax(plateau(patience=2, by="optax"), values) == [1.0] * 30
    assert follow(plateau(patience=2, threshold=0, absolute=1e-4), values)[-1] < 1e-5


# --- optax


def by_optax(rule, values):
    import jax

    with jax.enable_x64(True):
        told = (rule.patience, rule.cooldown, rule.average, rule.floor)
        return np.asarray(_compiled(rule.factor, rule.threshold, rule.absolute)(np.asarray(values), *told)).tolist()


@cache
def _compiled(factor, rtol, atol):
    """optax over a whole trace; what optax checks in Python is fixed, so that few functions are compiled."""
    import jax
    import jax.numpy as jnp
    from optax.contrib import reduce_on_plateau

    def run(values, patience, cooldown, average, floor):
        made = reduce_on_plateau(factor, patience, rtol, atol, cooldown, average, floor)
        step = lambda state, value: (made.update(jnp.ones(1), state, value=value)[1],) * 2  # noqa: E731
        return jax.lax.scan(step, made.init(jnp.zeros(1)), values)[1].scale

    return jax.jit(run)


def like_optax(draw, **more):
    """Margins that no two means differ by: a compiler may round (1 − rtol)·best − atol once or twice."""
    margin = draw.choice([(0.1, 1e-4, 0.0), (0.5, 0.0937, 0.0), (0.9, 0.0, 0.2931), (0.3, 0.0937, 0.2931)])
    factor, threshold, absolute = margin
    return plateau(
        **settings(draw) | {"factor": factor},
        threshold=threshold,
        absolute=absolute,
        average=draw.choice([1, 1, 2, 3, 5]),
        by="optax",
        **more,
    )


def test_a_thousand_traces_give_optaxs_scale():
    lowered = 0
    for draw, values in traces():
        rule = like_optax(draw)
        ours = follow(rule, values)
        assert ours == pytest.approx(by_optax(rule, values), rel=1e-12), (rule, values)
        lowered += len(set(ours)) - 1
    assert lowered > TRACES


def test_a_thousand_traces_with_nan_give_optaxs_scale_where_nan_counts_as_bad():
    for draw, values in traces(odd=(NAN,)):
        rule = like_optax(draw, nonfinite="bad")
        assert follow(rule, values) == pytest.approx(by_optax(rule, values), rel=1e-12), (rule, values)


def test_optaxs_patience_of_0_lowers_at_every_good_value_and_is_refused():
    values = [8.0, 4.0, 2.0, 2.0, 2.0]
    allowed = SimpleNamespace(factor=0.5, patience=0, threshold=1e-4, absolute=0.0, cooldown=0, average=1, floor=0.0)
    assert by_optax(allowed, values) == [0.5, 0.25, 0.125, 0.125, 0.125]
    with pytest.raises(StepsizeError, match="patience must be a number ≥ 1, not 0"):
        plateau(patience=0, by="optax")


def test_optaxs_patience_is_torchs_plus_one():
    for draw, values in traces()[:100]:
        rule = like_optax(draw)
        assert follow(rule, values) == follow(rule.replace(by="torch", patience=rule.patience - 1), values)


# --- Keras


def by_keras_rule(rule, values, base=BASE):
    """Keras's rule as its documentation and its source of 2026 (3.15) state it, written down here from scratch."""
    rate, best, waited, resting = base, None, 0, 0
    rates = []
    for value in values:
        if resting:
            resting, waited = resting - 1, 0
        margin = rule.absolute if rule.mode == "min" else -rule.absolute
        if best is None or (value + margin < best if rule.mode == "min" else value + margin > best):
            best, waited = value, 0
        elif not resting:
            waited += 1
            if waited >= rule.patience and rate > rule.floor * base:
                rate = max(rate * rule.factor, rule.floor * base)
                resting, waited = rule.cooldown, 0
        rates.append(rate / base)
    return rates


def by_keras(rule, values, base=BASE):
    """Keras itself, around the one thing that it asks of a model: an optimizer with a rate."""
    os.environ.setdefault("KERAS_BACKEND", "numpy")  # its own default is TensorFlow; no array is made here
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras

    callback = keras.callbacks.ReduceLROnPlateau(
        "loss",
        factor=rule.factor,
        patience=rule.patience,
        mode=rule.mode,
        min_delta=rule.absolute,
        cooldown=rule.cooldown,
        min_lr=rule.floor * base,
    )
    model = SimpleNamespace(optimizer=SimpleNamespace(learning_rate=base), metrics=[])
    callback.set_model(model)
    callback.on_train_begin()
    factors = []
    for i, value in enumerate(values):
        callback.on_epoch_end(i, {"loss": value})
        factors.append(model.optimizer.learning_rate / base)
    return factors


def like_keras(draw):
    return plateau(
        **settings(draw) | {"patience": draw.randint(0, 4)},
        threshold=0,
        absolute=draw.choice([0.0, 1 / 64, 0.5]),
        mode=draw.choice(["min", "max"]),
        by="keras",
    )


@pytest.mark.parametrize(
    "reference",
    [
        by_keras_rule,
        pytest.param(
            by_keras,
            marks=pytest.mark.skipif(
                importlib.util.find_spec("keras") is None, reason="keras is not installed: make test-peers"
            ),
        ),
    ],
)
def test_a_thousand_traces_give_keras_rate(reference):
    lowered = 0
    for draw, values in traces():
        rule = like_keras(draw)
        ours = follow(rule, values)
        assert ours == pytest.approx(reference(rule, values), rel=1e-12), (rule, values)
        lowered += len(set(ours)) - 1
    assert lowered > TRACES


def test_a_cooldown_of_1_is_none_in_keras_and_one_value_in_torch():
    values = [1.0] * 7
    rule = plateau(0.5, 1, cooldown=1, threshold=0, by="keras")
    assert (
        follow(rule, values) == follow(rule.replace(cooldown=0), values) == [1, 0.5, 0.25, 0.125, 2**-4, 2**-5, 2**-6]
    )
    assert follow(rule.replace(by="optax"), values) == [1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]


def test_patience_is_counted_in_three_ways():
    values = [1.0] * 6
    told = {by: follow(plateau(0.5, 2, by=by), values) for by in ("torch", "keras", "optax")}
    assert told["torch"] == [1, 1, 1, 0.5, 0.5, 0.5]
    assert told["keras"] == told["optax"] == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert follow(plateau(0.5, 0, by="keras"), values) == follow(plateau(0.5, 1, by="keras"), values)


# --- what no peer defines

modes, counts = st.sampled_from(["min", "max"]), st.integers(0, 3)
rules = st.builds(
    plateau,
    st.floats(0, 0.99),
    st.integers(1, 3),
    threshold=st.floats(0, 0.99),
    absolute=st.sampled_from([0.0, 0.1, 1e308]),
    mode=modes,
    cooldown=counts,
    floor=st.floats(0, 1),
    eps=st.sampled_from([0.0, 0.1]),
    average=st.integers(1, 4),
    watch=st.sampled_from(["loss", "metric"]),
    by=st.sampled_from(["torch", "keras", "optax"]),
)
odd = st.sampled_from([NAN, INF, -INF])
anything = st.lists(st.floats() | odd | st.sampled_from([1.0, 1e308, -1e308, 5e-324]), max_size=30)
ordinary = st.lists(st.floats(-100, 100) | st.integers(-3, 3), max_size=30)


@given(rule=rules, values=ordinary, odd=odd, place=st.integers(0, 30))
def test_a_value_that_is_no_number_changes_nothing(rule, values, odd, place):
    state = rule.init()
    for i, value in enumerate([*values[:place], odd, *values[place:]]):
        if i == min(place, len(values)):
            factor, after, why = rule.step(state, seen(**{rule.watch: odd}))
            assert after == state
            assert str(odd) in why
            assert factor == state[3]
        else:
            _, state, _ = rule.step(state, seen(**{rule.watch: value}))
    assert state == [rule.init(), *_states(rule, values)][-1]


def _states(rule, values):
    state = rule.init()
    for value in values:
        _, state, _ = rule.step(state, seen(**{rule.watch: value}))
        yield state


@given(rule=rules, nonfinite=st.sampled_from(["hold", "bad"]), values=anything)
def test_the_factor_falls_within_its_bounds_and_the_state_is_plain(rule, nonfinite, values):
    rule = rule.replace(nonfinite=nonfinite)
    factors = follow(rule, values)
    assert factors == sorted(factors, reverse=True)
    assert all(rule.floor <= one <= 1 for one in factors)
    for state in _states(rule, values):
        back = tuple(json.loads(json.dumps(state, allow_nan=False)))
        assert back == state
        assert all(type(one) in (int, float, type(None)) for one in state)


@given(rule=rules, values=ordinary)
def test_after_any_bad_stretch_an_improvement_is_seen_again(rule, values):
    """Nothing odd is remembered: what follows NaN and infinities is counted as without them."""
    rule = rule.replace(nonfinite="bad", average=1, by="torch", absolute=0.0, cooldown=0)
    *_, state = _states(rule, [1.0, NAN, INF, -INF, NAN])
    best = 1e300 if rule.mode == "max" else -1e300
    _, state, why = rule.step(state, seen(**{rule.watch: best}))
    assert (state[0], state[1], why) == (best, 0, "")


def test_a_metric_is_looked_at_only_where_there_is_one():
    rule = plateau(0.5, 0, watch="metric")
    assert rule.needs == ("metric",)
    assert plateau().needs == ("loss",)
    state, factors = rule.init(), []
    for metric in (None, 1.0, None, 1.0, None, None, 0.5):
        factor, state, why = rule.step(state, seen(loss=9.0, metric=metric))
        factors.append((factor, bool(why)))
    assert factors == [(1, False)] * 3 + [(0.5, True)] + [(0.5, False)] * 3
    with pytest.raises(StepsizeError, match="needs the loss at every update"):
        plateau().step(plateau().init(), seen(metric=1.0))


def test_the_mean_of_several_values_is_one_value():
    rule = plateau(0.5, 1, by="optax")
    values = [4.0, 2.0, 3.0, 1.0, 2.0, 2.0, 1.0, 3.0]
    assert follow(rule.replace(average=2), values)[1::2] == follow(rule, [3.0, 2.0, 2.0, 2.0])
    big = plateau(average=2)
    assert list(_states(big, [1.7e308, 1.7e308]))[-1][0] == pytest.approx(1.7e308)


def test_it_says_why_when_it_acts():
    rule, state, said = plateau(0.5, 1, floor=0.5), plateau().init(), []
    for loss in (2.0, 2.0, NAN, 2.0, 2.0, 2.0, 2.0):
        _, state, why = rule.step(state, seen(loss=loss))
        said.append(why)
    told = "loss not better than 2 for 2 values: factor 0.5"
    assert said == ["", "", "loss nan: held at 1", told, "", "", ""]  # at its floor there is nothing left to do
    _, _, why = plateau(0.5, 0, nonfinite="bad").step(rule.init(), seen(loss=INF))
    assert why == "loss not finite for 1 value: factor 0.5"
    _, _, why = plateau(0.5, 1, nonfinite="bad").step(rule.init(), seen(loss=INF))
    assert why == "loss inf: counted as bad"


@given(rule=rules)
def test_every_choice_is_written_and_read_back(rule):
    assert parse(str(rule)) == rule == from_json(to_json(rule))
    assert rule.replace().needs == (rule.watch,)


@given(rule=rules, t=st.integers(0, 9))
def test_it_multiplies_with_a_schedule(rule, t):
    strategy = parse(f"0.1 * linear(1, 0, 10) * {rule}")
    assert strategy.controllers == (rule,)
    assert strategy.factor.with_control(t, (0.25,)) == pytest.approx(0.25 * (1 - t / 10))


WRONG = [
    ({"factor": 1}, "factor must be a number ≥ 0 and < 1, not 1"),
    ({"factor": -0.1}, "factor"),
    ({"patience": -1}, "patience must be a number ≥ 0"),
    ({"patience": 1.5}, "patience must be a whole number"),
    ({"threshold": 1}, "threshold must be a number ≥ 0 and < 1"),
    ({"absolute": INF}, "absolute"),
    ({"mode": "auto"}, "mode must be 'min' or 'max', not 'auto'"),
    ({"cooldown": -1}, "cooldown"),
    ({"floor": 2}, "floor must be a number ≥ 0 and ≤ 1, not 2"),
    ({"eps": -1}, "eps"),
    ({"average": 0}, "average"),
    ({"watch": "accuracy"}, "watch must be 'loss' or 'metric', not 'accuracy'"),
    ({"by": "timm"}, "by must be one of torch, keras, optax"),
    ({"nonfinite": True}, "nonfinite must be 'hold' or 'bad', not True"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG, ids=[str(one) for one, _ in WRONG])
def test_what_is_out_of_bounds_is_an_error_that_names_it(fields, message):
    with pytest.raises(StepsizeError, match="plateau: .*" + message):
        plateau(**fields)
    assert plateau(threshold=2, mode="max").threshold == 2


def test_it_can_be_told_in_words():
    lines = explain("sgd() | 0.1 * cosine() * plateau(0.5, 2, floor=0.01, watch='metric')", 100)
    assert lines[2] == (
        "Times plateau(0.5, 2, floor=0.01, watch='metric'), which watches the metric: 1 at first, times 0.5 at every 3 "
        "values in a row without a new lowest one, never below 0.01."
    )
    assert explain(plateau(by="keras", mode="max", average=5, cooldown=3), 10)[1] == (
        "Times plateau(mode='max', cooldown=3, average=5, by='keras'), which watches the loss: 1 at first, times 0.1 "
        "at every 10 means of 5 values in a row without a new highest one, with a pause of 3 after each."
    )
