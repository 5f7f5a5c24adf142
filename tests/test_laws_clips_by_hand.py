"""What each clip does, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowing import PARAMS, RNG, STREAM, flows, passes, run
from stepsize import (
    StepsizeError,
    adagc,
    adam,
    clip_norm,
    clip_rms,
    parse,
    percentile,
    rmsprop,
    seen,
    spam,
    stable,
    trust,
    unitwise,
    zclip,
)
from stepsize.descents import descent
from subjects import LIBRARIES, assert_close, assert_same, plain

pytestmark = pytest.mark.usefixtures("x64")


@given(flowing=flows(), bound=st.floats(1e-3, 1e3))
def test_clip_rms_bounds_every_array_and_keeps_its_direction(flowing, bound):
    limited, share = clip_rms(bound).apply(flowing, {})
    for name, one in flowing.items():
        size = math.hypot(*one.ravel()) / math.sqrt(one.size)
        assert_close(limited[name], one * min(1, bound / size if size else 1))
    assert math.isclose(share, sum(one.size for name, one in flowing.items() if np.any(limited[name] != one)) / 9)


@given(flowing=flows(), bound=st.floats(1e-3, 10), unit_axis=st.sampled_from([0, -1]))
def test_unitwise_bounds_every_row_by_its_parameters(flowing, bound, unit_axis):
    params = run(3, PARAMS)
    limited, _ = unitwise(bound, unit_axis=unit_axis).apply(flowing, params)
    grad, weight, found = (one["w"] if unit_axis == 0 else one["w"].T for one in (flowing, params, limited))
    for row, of, after in zip(grad, weight, found, strict=True):
        length, most = math.hypot(*row), bound * max(math.hypot(*of), 1e-3)
        assert_close(after, row * min(1, most / length if length else 1))
    length, most = math.hypot(*flowing["b"]), bound * max(math.hypot(*params["b"]), 1e-3)
    assert_close(limited["b"], flowing["b"] * min(1, most / length if length else 1))


@pytest.mark.parametrize("unit_axis", [0, -1])
@pytest.mark.parametrize("library", LIBRARIES)
def test_unitwise_of_a_convolution_is_that_of_its_units(unit_axis, library):
    put = LIBRARIES[library]
    grad, weight = RNG.normal(size=(2, 4, 3, 2, 5)), RNG.normal(size=(2, 4, 3, 2, 5))
    many, _ = unitwise(0.1, unit_axis=unit_axis).apply({"k": put(grad)}, {"k": put(weight)}, True)
    for i in range(2):
        g, w = (np.moveaxis(one[i], unit_axis, 0) for one in (grad, weight))
        found = np.moveaxis(plain(many["k"])[i], unit_axis, 0)
        for unit in range(len(g)):
            expected = 0.1 * np.linalg.norm(w[unit]) / np.linalg.norm(g[unit])
            assert_close(found[unit], g[unit] * min(1, expected))


@given(flowing=flows(), params=flows())
def test_trust_makes_each_array_as_long_as_its_parameters(flowing, params):
    changed, share = trust(0.5).apply(flowing, params)
    assert share == 0
    for name, one in flowing.items():
        length, own = math.hypot(*one.ravel()), math.hypot(*params[name].ravel())
        if own == 0 or length < 1e-31 * own:
            assert_same(changed[name], one)
        elif own > 1e-200 and length > 1e-29 * own:
            assert_close(math.hypot(*changed[name].ravel()), 0.5 * own, 1e-9)


def test_the_bounds_of_trust():
    params = {"w": np.array([3.0, 4.0])}
    for length, expected in ((1.0, 2.0), (10.0, 0.5), (100.0, 0.1)):
        changed, _ = trust(low=0.1, high=2).apply({"w": np.array([0.0, length])}, params)
        assert changed["w"].tolist() == [0.0, pytest.approx(length * expected)]


def test_stable_is_silent_while_nothing_changes_and_after_the_rate_the_same():
    between, after = adam() | stable() | 0.1, adam() | 0.1 | stable()
    params, grads = run(0, PARAMS), run(0, STREAM[0])
    one, other = (between, between.init(params), params), (after, after.init(params), params)
    for scale in (*[1.0] * 20, 50.0, 1.0):  # equal gradients: the ratio is 1 but for rounding
        now = {name: scale * grad for name, grad in grads.items()}
        told = []
        for strategy, state, place in (one, other):
            place, state, step = strategy.step(place, now, state, seen())
            told.append((strategy, state, place))
            assert step.clipped == (scale > 1)
        one, other = told
        for name in params:
            assert_close(one[2][name], other[2][name])


@pytest.mark.parametrize(
    "text",
    [
        "sgd() | stable()",
        "stable() | adam()",
        "sgd() | 0.1 | stable()",
        "adagrad() | stable()",
        "clip(1) | stable() | adam()",
    ],
)
def test_stable_needs_a_second_moment_before_it(text):
    with pytest.raises(StepsizeError, match=r"second moment before it \(adam, rmsprop\): write adam\(\) \| stable"):
        parse(text)


def test_stable_remembers_as_long_as_its_rule():
    with pytest.raises(
        StepsizeError, match=r"stable: beta2 is 0.999, that of adam\(beta2=0.9\) 0.9: write stable\(beta2=0"
    ):
        parse("adam(beta2=0.9) | stable() | 0.1")
    parse("adam(beta2=0.9) | stable(beta2=0.9) | 0.1")
    parse("rmsprop(alpha=0.9) | 0.1 | stable(beta2=0.5)")


def test_stable_alone_says_what_it_needs():
    with pytest.raises(StepsizeError, match="second moment"):
        stable().apply({"w": np.ones(2)}, {})


def test_stable_after_rmsprop_takes_its_second_moment_as_it_is():
    strategy, params = rmsprop(alpha=0.9) | stable() | 1, {"w": np.zeros(1)}
    moved, _, step = strategy.step(params, {"w": np.array([2.0])}, strategy.init(params), seen())
    assert step.clipped == 1
    assert_close(moved["w"], -np.array([1.0]), 1e-7)  # 2/√0.4 divided by itself


def test_gradients_of_zero_in_the_warm_up_hold_nothing_at_zero():
    zero, one = {"w": np.zeros(3)}, {"w": np.array([0.1, 0.2, 0.2])}
    for transform in (zclip(warm_up=2), percentile(history=3), adagc(warm_up=2), spam(warm_up=2)):
        told = passes(transform, [zero, zero, zero, one], zero)
        assert_same(told[-1][0]["w"], one["w"])
        assert told[-1][1] == 0


def test_gradients_of_zero_do_not_shrink_the_bound_of_adagc():
    zero, one = {"w": np.zeros(3)}, {"w": np.array([0.1, 0.2, 0.2])}
    limited, share, _ = passes(adagc(warm_up=2), [one, zero, one, *[zero] * 50, one], zero)[-1]
    assert share == 0
    assert_same(limited["w"], one["w"])


def test_gradients_of_zero_do_not_open_the_bound_of_percentile():
    """A bound of 0 limits nothing: half of a history of zeros would let every gradient through."""
    zero, one, huge = {"w": np.zeros(3)}, {"w": np.array([0.1, 0.2, 0.2])}, {"w": np.array([1e3, 2e3, 2e3])}
    limited, share, _ = passes(percentile(history=10), [one, one, *[zero] * 50, huge], zero)[-1]
    assert share == 1
    assert_close(limited["w"], one["w"])


def test_percentile_counts_the_gradient_itself():
    told = passes(percentile(50, history=3), [{"w": np.array([float(n)])} for n in (4, 2, 10, 6)], {"w": np.zeros(1)})
    assert [float(limited["w"][0]) for limited, _, _ in told] == [4, 2, 4, 6]
    assert [float(one) for one in told[-1][2]["norms"]] == [2, 10, 6]


def test_adagc_in_the_warm_up_is_clip_norm():
    stream = [run(0, one) for one in STREAM[:4]]
    for flowing, (limited, _, _) in zip(stream, passes(adagc(max=0.7, warm_up=4), stream, run(0, PARAMS)), strict=True):
        expected, _ = clip_norm(0.7).apply(flowing, {})
        for name, one in expected.items():
            assert_close(limited[name], one)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: unitwise(unit_axis=1), "unit_axis must be 0"),
        (lambda: trust(low=2, high=1), "high must be at least low"),
        (lambda: zclip(warm_up=1), "zclip: warm_up must be a number ≥ 2"),
        (lambda: percentile(0), "percentile: p must be a number > 0"),
        (lambda: adagc(0.5), "adagc: ratio must be a number ≥ 1"),
        (lambda: spam(beta2=1), "spam: beta2 must be a number ≥ 0 and < 1"),
        (lambda: stable(eps=0), "stable: eps must be a number > 0"),
    ],
)
def test_a_bound_that_cannot_be(make, message):
    with pytest.raises(StepsizeError, match=message):
        make()


def test_a_transform_that_lengthens_is_refused_after_the_rate():
    with pytest.raises(StepsizeError, match="only a clip may follow"):
        descent(adam(), (adam() | 0.1).rate, trust())
