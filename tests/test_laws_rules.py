"""Laws of rules: the same directions in every array library, many at once as one by one, inputs left alone."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from subjects import LIBRARIES, RULES, assert_close, assert_same, plain

pytestmark = pytest.mark.usefixtures("x64")

SHAPES = ((), (3,), (2, 3))
GRADS = np.random.default_rng(1).normal(size=(6, 2, 3)) * [1.0, 1e-3, 30.0]
GRADS[:, 0, 0] = 0.0  # an element that never has a gradient
NEAR_0 = {"eps", "eps_root", "initial"}  # what keeps a rule from dividing by nothing


def directions(rule, grads, param):
    """The direction of each update, and the last state."""
    state, told = rule.init(param), []
    for grad in grads:
        direction, state = rule.update(grad, state, param)
        told.append(direction)
    return told, state


def arrays_in(state):
    return {name: one for name, one in state.items() if hasattr(one, "shape")}


def on(library, grads, dtype="float64"):
    return [LIBRARIES[library](grad.astype(dtype)) for grad in grads]


@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "numpy"])
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_every_library_gives_the_directions_of_numpy(rule, library):
    expected, _ = directions(rule, GRADS, np.zeros((2, 3)))
    grads = on(library, GRADS)
    told, _ = directions(rule, grads, grads[0])
    for one, other in zip(told, expected, strict=True):
        assert type(one) is type(grads[0])
        assert_close(one, other)


@pytest.mark.parametrize(
    "rule", [rule.replace(**dict.fromkeys(NEAR_0 & {*rule.fields()}, 0.0)) for rule in RULES], ids=str
)
def test_a_rule_that_does_not_mind_the_length_of_its_gradients_says_so(rule):
    grads = GRADS[:, :1, 1:] * 1e3
    same = all(
        np.allclose(*both) for both in zip(*(directions(rule, k * grads, grads[0])[0] for k in (1, 8)), strict=True)
    )
    assert same is rule.scale_free


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_rule_that_averages_squares_keeps_them_under_that_name(rule):
    grads = np.full((4000, 1), 3.0)
    _, state = directions(rule, grads, grads[0])
    average = float(state.get("squares", [0.0])[0])
    if "count" in state:  # then its start at 0 is corrected
        average /= 1 - getattr(rule, "beta2", 0.0) ** state["count"]
    assert bool(abs(average - 9.0) < 1e-6) is rule.averages_squares


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_shape_and_dtype_are_kept(rule, library, dtype):
    for shape in SHAPES:
        grads = on(library, np.ones((2, *shape)), dtype)
        told, state = directions(rule, grads, grads[0])
        for one in (*told, *arrays_in(state).values()):
            assert one.dtype == grads[0].dtype
            assert tuple(one.shape) == shape


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_many_at_once_is_a_loop(rule):
    runs = np.stack([GRADS, -3 * GRADS, 1e-5 * GRADS], axis=1)  # updates, runs, shape
    together, _ = directions(rule, runs, runs[0])
    for i in range(runs.shape[1]):
        alone, _ = directions(rule, runs[:, i], runs[0, i])
        for one, other in zip(alone, together, strict=True):
            assert_same(one, other[i])


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_an_update_changes_none_of_its_inputs(rule, library):
    param, first, second = on(library, GRADS[:3])
    _, state = rule.update(first, rule.init(param), param)
    kept = [plain(one).copy() for one in (second, param)]
    kept_state = copy.deepcopy({name: plain(one).copy() for name, one in state.items()})
    rule.update(second, state, param)
    for one, before in zip((second, param), kept, strict=True):
        assert_same(one, before)
    assert state.keys() == kept_state.keys()
    for name, before in kept_state.items():
        assert_same(state[name], before)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_descends_on_a_quadratic(rule):
    curvature, x = np.array([1.0, 0.3, 3.0]), np.array([0.5, -0.5, 0.2])
    state, before = rule.init(x), 0.5 * np.sum(curvature * x * x)
    for _ in range(1000):
        direction, state = rule.update(curvature * x, state, x)
        x = x - 0.01 * direction
    assert 0.5 * np.sum(curvature * x * x) < 0.1 * before


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_no_gradient_no_move(rule):
    told, _ = directions(rule, np.zeros((3, 2)), np.ones(2))
    np.testing.assert_array_equal(told, np.zeros((3, 2)))
