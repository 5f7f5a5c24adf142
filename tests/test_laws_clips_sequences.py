"""Laws of clips that look at more than what flows: a sequence of gradients through each."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowing import LINE, LOOKING, PARAMS, REMEMBERING, STREAM, about_of, flows, norm, passes, run, vector
from stepsize import adam, clip_rms, descend, descend_many, trust, unitwise
from subjects import (
    BROKEN_PASSES,
    CLIPS,
    LIBRARIES,
    SILENT,
    SUBJECTS,
    assert_close,
    assert_same,
    excepted,
    plain,
    wants_a_rule,
)

pytestmark = pytest.mark.usefixtures("x64")

# eager JAX is slow: without the clips that spend the whole sequence in their warm-up
EAGER = [
    (one, library)
    for library in LIBRARIES
    for one in LOOKING
    if library != "jax" or getattr(one, "warm_up", getattr(one, "history", 0)) < len(STREAM)
]


def put_all(put, arrays):
    return {name: put(one) for name, one in arrays.items()}


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


@pytest.mark.parametrize("transform", CLIPS, ids=str)
@given(stream=st.lists(flows(), min_size=1, max_size=6))
def test_over_a_sequence_never_longer_never_another_sign(transform, stream):
    for flowing, (limited, share, _) in zip(stream, passes(transform, stream, run(0, PARAMS)), strict=True):
        before, after = vector(flowing), vector(limited)
        assert np.all(np.abs(after) <= np.abs(before) * (1 + 1e-15))
        assert np.all(before * after >= 0)
        assert 0 <= share <= 1
        if not excepted(transform, SILENT):
            assert (share > 0) == np.any(after != before)


def told_of_a_spike(transform):
    """Ordinary gradients, one 40 times as long, and an ordinary one: what came in, and what the clip made of it."""
    flowing = {name: one[0] for name, one in STREAM[0].items()}
    usual = [{name: scale * one for name, one in flowing.items()} for scale in (1.0, 1.1, 1.0, 0.9, 40.0, 0.8)]
    return usual, passes(transform, usual, run(0, PARAMS))


@pytest.mark.parametrize("word", sorted({one.word() for one in LOOKING}))
def test_a_spike_is_limited_and_an_ordinary_gradient_after_the_warm_up_is_not(word):
    """By one subject of the word at least: others are still in their warm-up, or limit one in two."""
    limiting = []
    for transform in SUBJECTS[word]:
        usual, told = told_of_a_spike(transform)
        limited = told[4][1] > 0 and norm(told[4][0]) < 0.5 * norm(usual[4])
        quiet = told[5][1] == 0 and np.array_equal(told[5][0]["w"], usual[5]["w"])
        limiting.append(limited and (quiet or excepted(transform, SILENT)))
    assert any(limiting)


@pytest.mark.parametrize("transform", LOOKING, ids=str)
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


@pytest.mark.parametrize(("transform", "library"), [case for case in EAGER if case[1] != "numpy"], ids=str)
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
@pytest.mark.parametrize(("transform", "library"), EAGER, ids=str)
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


@pytest.mark.parametrize("transform", CLIPS, ids=str)
@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_a_broken_gradient_passes_as_it_is(transform, odd):
    """As clip_norm leaves it: an array whose norm is no number is not changed. clip and spam limit infinity."""
    stream = [run(0, one) for one in STREAM[:4]] + [spoilt(run(0, STREAM[4]), odd)]
    limited, share, _ = passes(transform, stream, run(0, PARAMS))[-1]
    if excepted(transform, BROKEN_PASSES) and share > 0:
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
@pytest.mark.parametrize("transform", REMEMBERING, ids=str)
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


@pytest.mark.parametrize("transform", LOOKING, ids=str)
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


@pytest.mark.parametrize("transform", [one for one in CLIPS if not wants_a_rule(one)], ids=str)
def test_runs_with_clips_that_remember_before_and_after(transform):
    strategy = transform | adam() | 0.1 | transform
    together = descend_many(LINE, strategy, rates=[0.01, 0.3, 1e160], seeds=[0, 1], steps=10, batch_size=6)
    alone = [descend(LINE, strategy.with_base(one), seed=seed, steps=10, batch_size=6)
             for seed in (0, 1) for one in (0.01, 0.3, 1e160)]  # fmt: skip
    for one, other in zip(together, alone, strict=True):
        assert_same(one.params, other.params)
        assert_same(one.clipped, other.clipped)
