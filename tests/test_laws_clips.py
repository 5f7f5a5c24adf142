"""Laws of clips and decay: nothing below the bound, never longer, the same in every array library."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowing import PARAMS, RUNS, flows, norm, run, vector
from stepsize import clip, clip_norm, weight_decay
from subjects import BY_LENGTH, CLIPS, FORGETFUL, LIBRARIES, assert_close, assert_same, excepted, plain

pytestmark = pytest.mark.usefixtures("x64")

PLAIN = [one for one in FORGETFUL if one in CLIPS]
BOUNDED = [one for one in PLAIN if one.field_names() == ("max",)]  # one bound, nothing but what flows


@pytest.mark.parametrize("transform", [one for one in BOUNDED if not excepted(one, BY_LENGTH)], ids=str)
@given(flowing=flows())
def test_identity_within_the_bound(transform, flowing):
    scale = 0.99 * transform.max / max(norm(flowing), transform.max)
    short = {name: one * scale for name, one in flowing.items()}
    limited, share = transform.apply(short, {})
    assert share == 0
    for name, one in short.items():
        assert_same(limited[name], one)


@pytest.mark.parametrize("transform", PLAIN, ids=str)
@given(flowing=flows())
def test_what_was_limited_is_within_the_bound(transform, flowing):
    params = run(0, PARAMS)
    within, _ = transform.apply(flowing, params)
    short = {name: one * 0.99 for name, one in within.items()}
    limited, share = transform.apply(short, params)
    assert share == 0
    for name, one in short.items():
        assert_same(limited[name], one)


@pytest.mark.parametrize("transform", PLAIN, ids=str)
@given(flowing=flows())
def test_never_longer_never_another_sign(transform, flowing):
    limited, _ = transform.apply(flowing, run(0, PARAMS))
    before, after = vector(flowing), vector(limited)
    assert np.all(np.abs(after) <= np.abs(before) * (1 + 1e-15))
    assert np.all(before * after >= 0)


@given(flowing=flows(), bound=st.floats(1e-6, 1e3))
def test_clip_bounds_every_element_and_changes_only_those_beyond(flowing, bound):
    limited, share = clip(bound).apply(flowing, {})
    before, after = vector(flowing), vector(limited)
    np.testing.assert_array_equal(after, np.sign(before) * np.minimum(np.abs(before), bound))
    assert math.isclose(share, np.mean(np.abs(before) > bound))


@given(flowing=flows(), bound=st.floats(1e-6, 1e3))
def test_clip_norm_bounds_the_length_and_keeps_the_direction(flowing, bound):
    limited, share = clip_norm(bound).apply(flowing, {})
    length, after = norm(flowing), norm(limited)
    assert after <= bound * (1 + 1e-12)
    assert_close(vector(limited), vector(flowing) * min(1, bound / length if length else 1))
    if not math.isclose(length, bound):
        assert share == (length > bound)


@pytest.mark.parametrize("transform", BOUNDED, ids=str)
def test_an_element_at_the_bound_is_not_limited(transform):
    limited, share = transform.apply({"w": np.array([0.0, -transform.max])}, {})
    assert share == 0
    np.testing.assert_array_equal(limited["w"], [0.0, -transform.max])


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("transform", FORGETFUL, ids=str)
def test_many_at_once_is_a_loop(transform, library):
    put = LIBRARIES[library]
    together, shares = transform.apply(
        {name: put(one) for name, one in RUNS.items()}, {name: put(one) for name, one in PARAMS.items()}, True
    )
    shares = np.broadcast_to(plain(shares), 5)
    for i in range(5):
        flowing = {name: put(one) for name, one in run(i, RUNS).items()}
        limited, share = transform.apply(flowing, {name: put(one) for name, one in run(i, PARAMS).items()})
        for name, one in limited.items():
            assert_close(one, plain(together[name])[i])
        assert_close(shares[i], share)


@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "numpy"])
@pytest.mark.parametrize("transform", FORGETFUL, ids=str)
def test_every_library_gives_the_answer_of_numpy(transform, library):
    put = LIBRARIES[library]
    for i in range(5):
        params = run(i, PARAMS)
        expected, expected_share = transform.apply(run(i, RUNS), params)
        flowing = {name: put(one) for name, one in run(i, RUNS).items()}
        limited, share = transform.apply(flowing, {name: put(one) for name, one in params.items()})
        assert_close(share, expected_share)
        for name, one in limited.items():
            assert type(one) is type(flowing[name])
            assert_close(one, expected[name])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("transform", FORGETFUL, ids=str)
def test_shape_and_dtype_are_kept_and_inputs_left_alone(transform, library, dtype):
    for shape in ((), (3,), (2, 3)):
        array = np.full(shape, 7.0, dtype=dtype)
        flowing = {"w": LIBRARIES[library](array)}
        limited, _ = transform.apply(flowing, {"w": LIBRARIES[library](array)})
        assert limited["w"].dtype == flowing["w"].dtype
        assert tuple(limited["w"].shape) == shape
        assert_same(flowing["w"], array)


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize(("dtype", "huge"), [("float32", 1e30), ("float64", 1e200)])
@pytest.mark.parametrize("library", LIBRARIES)
def test_huge_elements_do_not_overflow(library, dtype, huge, many):
    vector = np.array([3, -4, 0], dtype=dtype) * np.asarray(huge, dtype=dtype)
    flowing = {"w": LIBRARIES[library](vector[None] if many else vector)}
    rel = 1e-6 if dtype == "float32" else 1e-12
    for transform, expected in ((clip_norm(1), [0.6, -0.8, 0]), (clip(1), [1, -1, 0])):
        limited, share = transform.apply(flowing, {}, many)
        assert_close(plain(limited["w"]).ravel(), np.array(expected, dtype=dtype), rel)
        assert plain(share).ravel() == pytest.approx(1 if transform == clip_norm(1) else 2 / 3)


@pytest.mark.parametrize(("dtype", "tiny"), [("float32", 1e-30), ("float64", 1e-200)])
def test_tiny_elements_do_not_vanish(dtype, tiny):
    vector = np.array([3, -4, 0], dtype=dtype) * np.asarray(tiny, dtype=dtype)
    limited, share = clip_norm(tiny).apply({"w": vector}, {})
    assert share == 1
    np.testing.assert_allclose(limited["w"], vector / 5, rtol=1e-5)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_clip_norm_changes_nothing_where_the_norm_is_no_number(odd, library):
    array = np.array([odd, 30.0])
    limited, share = clip_norm(1).apply({"w": LIBRARIES[library](array)}, {})
    assert_same(limited["w"], array)
    assert float(share) == 0


@pytest.mark.parametrize("library", LIBRARIES)
def test_clip_leaves_nan_and_bounds_infinity(library):
    limited, share = clip(1).apply({"w": LIBRARIES[library](np.array([math.nan, math.inf, -math.inf, 0.5]))}, {})
    assert_same(limited["w"], np.array([math.nan, 1.0, -1.0, 0.5]))
    assert float(share) == 0.5


def test_one_broken_run_of_many_leaves_the_others():
    limited, share = clip_norm(1).apply({"w": np.array([[math.nan, 3.0], [3.0, 4.0]])}, {}, True)
    np.testing.assert_array_equal(limited["w"][0], [math.nan, 3.0])
    assert_close(limited["w"][1], [0.6, 0.8])
    assert share.tolist() == [0, 1]


@given(flowing=flows(), amount=st.floats(0, 1))
def test_weight_decay_adds_its_share_of_the_parameters(flowing, amount):
    params = run(0, PARAMS)
    pulled, share = weight_decay(amount).apply(flowing, params)
    assert share == 0
    for name, one in flowing.items():
        assert_same(pulled[name], one + amount * params[name])
