"""Clips of nothing, and bounds that no array holds."""

from __future__ import annotations

import numpy as np
import pytest

from flowing import REMEMBERING
from stepsize import StepsizeError, adagc, clip, clip_norm, clip_rms, parse, seen, sgd, zclip
from stepsize.measures import global_norm
from subjects import LIBRARIES, TRANSFORMS, adam_before, assert_same, plain, wants_a_rule

pytestmark = pytest.mark.usefixtures("x64")


NOWHERE = [(shape, beside) for shape in [(0,), (0, 3), (3, 0)] for beside in ({}, {"v": (2,)})]


@pytest.mark.parametrize(
    ("shape", "beside", "library"),
    # eager JAX is slow: one of its cases
    [(*case, name) for name in LIBRARIES for case in (NOWHERE[2:3] if name == "jax" else NOWHERE)],
    ids=str,
)
def test_an_array_without_elements_is_never_limited(shape, beside, library):
    for transform in TRANSFORMS:
        strategy = adam_before(transform) | transform | 0.1 if wants_a_rule(transform) else transform | sgd() | 0.1
        params = {name: LIBRARIES[library](np.zeros(one)) for name, one in {"w": shape, **beside}.items()}
        state = strategy.init(params)
        for _ in range(3):
            params, state, step = strategy.step(params, params, state, seen())
            assert plain(params["w"]).shape == shape
            assert step.clipped == 0


@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
def test_no_arrays_are_no_update(transform):
    strategy = adam_before(transform) | transform | 0.1
    state = strategy.init({})
    assert strategy.step({}, {}, state, seen())[0] == {}
    assert strategy.step({}, {}, state, seen())[1].transforms == state.transforms


def test_the_norm_of_nothing_is_0():
    assert global_norm({}, False) == 0
    assert clip_norm(1).apply({}, {}) == ({}, 0.0)
    assert plain(global_norm({"w": np.zeros((4, 0))}, many=True)).tolist() == [0.0] * 4
    assert global_norm({"w": np.zeros(0), "b": np.array([3.0, 4.0])}, False) == 5
    limited, share = clip_norm(1).apply({"w": np.zeros((2, 0))}, {}, many=True)
    assert limited["w"].shape == (2, 0)
    assert share.tolist() == [0, 0]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("dtype", "bound"), [("float32", 1e39), ("float32", 1e300), ("float64", 1.7e308)])
def test_a_bound_beyond_the_numbers_of_an_array_limits_nothing(library, dtype, bound):
    array = LIBRARIES[library](np.array([3.0, -1e38], dtype=dtype))
    for transform in (clip(bound), clip_norm(bound), clip_rms(bound), zclip(max=bound), adagc(max=bound)):
        limited, share, _ = transform.step({"w": array}, {"w": array}, transform.init({"w": array}), {})
        assert_same(limited["w"], array)
        assert float(share) == 0


def test_a_bound_that_half_precision_cannot_hold_limits_nothing():
    array = np.array([3.0, -6e4], dtype=np.float16)
    for transform in (clip(1e5), clip_norm(1e5), clip_rms(1e5)):
        assert_same(transform.apply({"w": array}, {})[0]["w"], array)


@pytest.mark.parametrize("transform", REMEMBERING, ids=str)
def test_what_remembers_and_stands_alone_is_told_its_place(transform):
    text = f"{transform} | sgd() | 0.1"
    with pytest.raises(StepsizeError, match="remembers what it saw: it works in a descent") as error:
        transform.apply({"w": np.ones(2)}, {})
    assert text in str(error.value)
    assert str(parse(text)) == text
