"""Laws of clips and decay: nothing below the bound, never longer, the same in every array library."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stepsize import (
    StepsizeError,
    adagc,
    adam,
    clip,
    clip_norm,
    clip_rms,
    descend,
    descend_many,
    parse,
    percentile,
    rmsprop,
    seen,
    sgd,
    spam,
    stable,
    trust,
    unitwise,
    weight_decay,
    zclip,
)
from stepsize._space import namespace
from stepsize.descents import Clip, Transform, descent
from stepsize.measures import global_norm
from stepsize.problems import least_squares
from subjects import CLIPS as ALL_CLIPS
from subjects import EVERYTHING, LIBRARIES, SUBJECTS, adam_before, assert_close, assert_same, plain

pytestmark = pytest.mark.usefixtures("x64")

CLIPS = [*SUBJECTS["clip"], *SUBJECTS["clip_norm"], *SUBJECTS["clip_rms"]]  # one bound, nothing but what flows
TRANSFORMS = [*CLIPS, *SUBJECTS["unitwise"][1:], *SUBJECTS["trust"], *SUBJECTS["weight_decay"]]
REMEMBERING = [
    zclip(1, alpha=0.5, warm_up=2, max=None),
    zclip(2, warm_up=3),
    percentile(50, history=3),
    percentile(10, history=8),
    adagc(max=3, beta=0.5, warm_up=2),
    adagc(1, warm_up=4),
    spam(2, beta2=0.5, warm_up=2),
]
SHAPES = {"w": (2, 3), "b": (3,)}
RNG = np.random.default_rng(2)
RUNS = {
    name: RNG.normal(size=(5, *shape)) * 10.0 ** np.arange(-3, 2).reshape(5, *(1,) * len(shape))
    for name, shape in SHAPES.items()
}
PARAMS = {name: RNG.normal(size=one.shape) for name, one in RUNS.items()}


def flows(limit=1e6):
    element = st.floats(-limit, limit)
    return st.fixed_dictionaries({name: arrays(np.float64, shape, elements=element) for name, shape in SHAPES.items()})


def run(i, many):
    return {name: one[i] for name, one in many.items()}


def vector(flowing):
    return np.concatenate([plain(one).ravel() for one in flowing.values()])


def norm(flowing):
    return math.hypot(*vector(flowing))


@pytest.mark.parametrize("transform", CLIPS, ids=str)
@given(flowing=flows())
def test_identity_within_the_bound(transform, flowing):
    scale = 0.99 * transform.max / max(norm(flowing), transform.max)
    short = {name: one * scale for name, one in flowing.items()}
    limited, share = transform.apply(short, {})
    assert share == 0
    for name, one in short.items():
        assert_same(limited[name], one)


@pytest.mark.parametrize("transform", CLIPS, ids=str)
@given(flowing=flows())
def test_never_longer_never_another_sign(transform, flowing):
    limited, _ = transform.apply(flowing, {})
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


@pytest.mark.parametrize("transform", CLIPS, ids=str)
def test_an_element_at_the_bound_is_not_limited(transform):
    limited, share = transform.apply({"w": np.array([0.0, -transform.max])}, {})
    assert share == 0
    np.testing.assert_array_equal(limited["w"], [0.0, -transform.max])


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
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
@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
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
@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
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


# ---- clips that look at more than what flows: a sequence of gradients through each

STEPS = 9
STREAM = [
    {name: RNG.normal(size=one.shape) * (30 if t in (4, 7) else 1) for name, one in RUNS.items()} for t in range(STEPS)
]
NEW = [*REMEMBERING, *SUBJECTS["stable"]]


def put_all(put, arrays):
    return {name: put(one) for name, one in arrays.items()}


def about_of(grads):
    """The raw gradients, and a state of Adam that forgot how large they are."""
    rules = {name: {"squares": namespace(one).zeros_like(one) + 0.3, "count": 4} for name, one in grads.items()}
    return {"grads": grads, "rules": rules}


def passes(transform, stream, params, many=False):
    """What came out of each pass, the shares, and the states after each."""
    state = transform.init(params)
    told = []
    for flowing in stream:
        limited, share, state = transform.step(flowing, params, state, about_of(flowing), many)
        told.append((limited, share, state))
    return told


def leaves(state):
    return [plain(one) for one in jax.tree.leaves(state)]


def assert_states(ours, theirs, equal=assert_close):
    for one, other in zip(leaves(ours), leaves(theirs), strict=True):
        equal(np.asarray(one, dtype=float), np.asarray(other, dtype=float))


def spoilt(flowing, value, first=False):
    """The same gradient with one element that is no number."""
    broken = {name: one.copy() for name, one in flowing.items()}
    broken["w" if first else "b"].reshape(-1)[0] = value
    return broken


@pytest.mark.parametrize("transform", [*REMEMBERING, *SUBJECTS["stable"], *SUBJECTS["unitwise"]], ids=str)
@given(stream=st.lists(flows(), min_size=1, max_size=6))
def test_over_a_sequence_never_longer_never_another_sign(transform, stream):
    for flowing, (limited, share, _) in zip(stream, passes(transform, stream, run(0, PARAMS)), strict=True):
        before, after = vector(flowing), vector(limited)
        assert np.all(np.abs(after) <= np.abs(before) * (1 + 1e-15))
        assert np.all(before * after >= 0)
        assert 0 <= share <= 1
        if not isinstance(transform, stable):
            assert (share > 0) == np.any(after != before)


@pytest.mark.parametrize(
    "transform",
    [
        zclip(1, alpha=0.5, warm_up=2, max=None),
        percentile(50, history=3),
        adagc(max=3, warm_up=2),
        spam(2, beta2=0.5, warm_up=2),
        stable(),
    ],
    ids=str,
)
def test_a_spike_is_limited_and_an_ordinary_gradient_after_the_warm_up_is_not(transform):
    flowing = {name: one[0] for name, one in STREAM[0].items()}
    usual = [{name: scale * one for name, one in flowing.items()} for scale in (1.0, 1.1, 1.0, 0.9, 40.0, 0.8)]
    told = passes(transform, usual, run(0, PARAMS))
    assert told[4][1] > 0
    assert norm(told[4][0]) < 0.5 * norm(usual[4])
    if not isinstance(transform, stable):
        assert told[5][1] == 0
        assert_same(told[5][0]["w"], usual[5]["w"])


@pytest.mark.parametrize("transform", NEW, ids=str)
@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "jax"])  # traced below: eager JAX is slow
def test_many_at_once_over_a_sequence_is_a_loop(transform, library):
    """One run meets a NaN, one an infinity; the others do not notice."""
    put = LIBRARIES[library]
    stream = [{name: one.copy() for name, one in flowing.items()} for flowing in STREAM]
    stream[3]["w"][1, 0, 0], stream[5]["b"][2, 1] = math.nan, math.inf
    together = passes(transform, [put_all(put, one) for one in stream], put_all(put, PARAMS), many=True)
    equal = assert_same if library == "numpy" else assert_close
    for i in range(5):
        alone = passes(transform, [put_all(put, run(i, one)) for one in stream], put_all(put, run(i, PARAMS)))
        single = [{name: one[i : i + 1] for name, one in flowing.items()} for flowing in stream]
        params = {name: one[i : i + 1] for name, one in PARAMS.items()}
        of_one = passes(transform, [put_all(put, one) for one in single], put_all(put, params), many=True)
        for (a, a_share, _), (b, b_share, _), (c, c_share, _) in zip(together, alone, of_one, strict=True):
            for name, one in b.items():
                equal(plain(a[name])[i], plain(one))
                equal(plain(a[name])[i], plain(c[name])[0])
            assert_close(plain(a_share)[i], plain(b_share))
            assert_close(plain(a_share)[i], plain(c_share)[0])


@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "numpy"])
@pytest.mark.parametrize("transform", NEW, ids=str)
def test_every_library_gives_the_answers_of_numpy_over_a_sequence(transform, library):
    put = LIBRARIES[library]
    stream = [run(0, one) for one in STREAM]
    stream[6] = spoilt(stream[6], math.nan)
    expected = passes(transform, stream, run(0, PARAMS))
    found = passes(transform, [put_all(put, one) for one in stream], put_all(put, run(0, PARAMS)))
    for (ours, share, state), (theirs, their_share, their_state) in zip(found, expected, strict=True):
        assert_close(share, their_share)
        assert_states(state, their_state)
        for name, one in ours.items():
            assert type(one) is type(put(stream[0][name]))
            assert_close(one, theirs[name])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("transform", NEW, ids=str)
def test_over_a_sequence_shape_and_dtype_are_kept_and_inputs_left_alone(transform, library, dtype):
    for shape in ((), (3,), (2, 3)):
        arrays = [np.full(shape, size, dtype=dtype) for size in (1.0, 2.0, 1.5, 30.0)]
        stream = [{"w": LIBRARIES[library](one)} for one in arrays]
        for array, flowing, (limited, _, _) in zip(arrays, stream, passes(transform, stream, stream[0]), strict=True):
            assert limited["w"].dtype == flowing["w"].dtype
            assert tuple(limited["w"].shape) == shape
            assert_same(flowing["w"], array)


@pytest.mark.parametrize("library", ["numpy", "torch"])  # the others give the same answers, with a NaN among them
@pytest.mark.parametrize("transform", REMEMBERING, ids=str)
@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("many", [False, True])
def test_what_is_no_number_is_forgotten(transform, library, odd, many):
    """At the start, in the warm-up, at its end and after it: as if the broken gradients had not been there."""
    put = LIBRARIES[library]
    params = put_all(put, PARAMS if many else run(0, PARAMS))
    good = STREAM if many else [run(0, one) for one in STREAM]
    mixed, kept = [], []
    for t, flowing in enumerate(good):
        for first in (True, False) if t in (0, 1, 2, 3, 6) else ():
            mixed.append(put_all(put, spoilt(flowing, odd, first)))
        kept.append(len(mixed))
        mixed.append(put_all(put, flowing))
    found = passes(transform, mixed, params, many)
    expected = passes(transform, [put_all(put, one) for one in good], params, many)
    if many:  # the first run is the broken one, the others go on
        found = [(put_all(lambda one: plain(one)[:1], a), plain(b)[:1], None) for a, b, _ in found]
        expected = [(put_all(lambda one: plain(one)[:1], a), plain(b)[:1], None) for a, b, _ in expected]
    for at, (limited, share, state) in zip(kept, expected, strict=True):
        for name, one in limited.items():
            assert_same(found[at][0][name], one)
        assert_same(found[at][1], share)
        if not many:
            assert_states(found[at][2], state, assert_same)
            assert all(np.isfinite(one).all() for one in leaves(state))


@pytest.mark.parametrize("transform", [*REMEMBERING, *SUBJECTS["stable"], *SUBJECTS["unitwise"]], ids=str)
@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_a_broken_gradient_passes_as_it_is(transform, odd):
    """As clip_norm leaves it: an array whose norm is no number is not changed. spam limits infinity, as clip does."""
    stream = [run(0, one) for one in STREAM[:4]] + [spoilt(run(0, STREAM[4]), odd)]
    limited, _, _ = passes(transform, stream, run(0, PARAMS))[-1]
    if isinstance(transform, spam):
        assert np.isnan(limited["b"][0]) if math.isnan(odd) else abs(limited["b"][0]) < 10
    else:
        assert_same(limited["b"], stream[-1]["b"])


@pytest.mark.parametrize("transform", SUBJECTS["trust"], ids=str)
@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_trust_leaves_a_broken_array(transform, odd):
    changed, _ = transform.apply({"w": np.array([odd, 1.0])}, {"w": np.ones(2)})
    assert_same(changed["w"], np.array([odd, 1.0]))


@pytest.mark.parametrize(("library", "many"), [*((name, False) for name in LIBRARIES), ("numpy", True)])
@pytest.mark.parametrize(("dtype", "huge"), [("float32", 1e30), ("float64", 1e200)])
@pytest.mark.parametrize("transform", [REMEMBERING[i] for i in (0, 2, 4, 6)], ids=str)
def test_huge_gradients_do_not_overflow_what_is_remembered(transform, library, dtype, huge, many):
    def put(one):
        one = np.asarray(one, dtype=dtype)
        return LIBRARIES[library](one[None] if many else one)

    sizes = (huge, 0.5, huge, 1, huge, 2 * huge, 0.5 * huge, huge, 1, 1)
    stream = [{"w": put(np.array([3, -4, 1.0]) * size)} for size in sizes]
    for limited, share, state in passes(transform, stream, stream[0], many):
        assert np.isfinite(plain(limited["w"])).all()
        assert np.isfinite(plain(share)).all()
        assert all(np.isfinite(one).all() for one in leaves(state))


@pytest.mark.parametrize("many", [False, True])
def test_huge_rows_ratios_and_means_do_not_overflow(many):
    for dtype, huge in (("float32", 1e30), ("float64", 1e200)):
        vector = np.array([[3, -4], [0, 1]], dtype=dtype) * np.asarray(huge, dtype=dtype)
        flowing, params = ({"w": one[None] if many else one} for one in (vector, np.eye(2, dtype=dtype)))
        rows, _ = unitwise(0.5).apply(flowing, params, many)
        assert_close(rows["w"].reshape(2, 2), np.array([[0.3, -0.4], [0, 0.5]]), 1e-6)
        rms, share = clip_rms(1).apply(flowing, params, many)
        assert_close(np.sqrt(np.mean(np.float64(rms["w"]) ** 2)), 1, 1e-6)
        assert_close(share, 1)
        trusted, _ = trust().apply(flowing, params, many)
        assert_close(np.linalg.norm(np.float64(trusted["w"])), math.sqrt(2), 1e-6)


@pytest.mark.parametrize("transform", NEW, ids=str)
@pytest.mark.parametrize("many", [False, True])
def test_traced_once_and_as_untraced(transform, many):
    traces = []

    @jax.jit
    def traced(flowing, params, state):
        traces.append(1)
        return transform.step(flowing, params, state, about_of(flowing), many)

    params = PARAMS if many else run(0, PARAMS)
    stream = [one if many else run(0, one) for one in STREAM]
    stream[5] = spoilt(stream[5], math.nan)
    state = transform.step(stream[0], params, transform.init(params), about_of(stream[0]), many)[2]
    state = jax.tree.map(lambda one: np.asarray(one, dtype=float), state)
    untraced = state
    for flowing in stream[1:]:
        limited, share, state = traced(flowing, params, state)
        expected, expected_share, untraced = transform.step(flowing, params, untraced, about_of(flowing), many)
        assert_close(share, expected_share)
        assert_states(state, untraced)
        for name, one in expected.items():
            assert_close(limited[name], one)
    assert len(traces) == 1


X = RNG.normal(size=(24, 4))
LINE = least_squares(X, X @ np.arange(4.0), start=np.ones(4))


@pytest.mark.parametrize("transform", [*REMEMBERING, *SUBJECTS["unitwise"]], ids=str)
def test_runs_with_clips_that_remember_before_and_after(transform):
    strategy = transform | adam() | 0.1 | transform
    together = descend_many(LINE, strategy, rates=[0.01, 0.3, 1e160], seeds=[0, 1], steps=10, batch_size=6)
    alone = [descend(LINE, strategy.with_base(one), seed=seed, steps=10, batch_size=6)
             for seed in (0, 1) for one in (0.01, 0.3, 1e160)]  # fmt: skip
    for one, other in zip(together, alone, strict=True):
        assert_same(one.params, other.params)
        assert_same(one.clipped, other.clipped)


def test_all_clips_of_the_vocabulary_are_here():
    tested = {type(one) for one in (*TRANSFORMS, *NEW)}
    assert {type(one) for one in ALL_CLIPS} <= tested
    assert not isinstance(trust(), Clip)


# ---- what each does, by hand


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


# --- nothing, and bounds that no array holds

EMPTY = [one for one in EVERYTHING if isinstance(one, Transform)]


NOWHERE = [(shape, beside) for shape in [(0,), (0, 3), (3, 0)] for beside in ({}, {"v": (2,)})]


@pytest.mark.parametrize(
    ("shape", "beside", "library"),
    # eager JAX is slow: one of its cases
    [(*case, name) for name in LIBRARIES for case in (NOWHERE[2:3] if name == "jax" else NOWHERE)],
    ids=str,
)
def test_an_array_without_elements_is_never_limited(shape, beside, library):
    for transform in EMPTY:
        strategy = (
            adam_before(transform) | transform | 0.1 if isinstance(transform, stable) else transform | sgd() | 0.1
        )
        params = {name: LIBRARIES[library](np.zeros(one)) for name, one in {"w": shape, **beside}.items()}
        state = strategy.init(params)
        for _ in range(3):
            params, state, step = strategy.step(params, params, state, seen())
            assert plain(params["w"]).shape == shape
            assert step.clipped == 0


@pytest.mark.parametrize("transform", EMPTY, ids=str)
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
