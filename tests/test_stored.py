"""Stored values: everything comes back as it was, and a file that is cut, changed or foreign is one line of error."""

from __future__ import annotations

import hashlib
import json
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from stepsize import StepsizeError
from stepsize.controllers.robust_infrared import robust_infrared
from stepsize.controllers.spike import Level
from stepsize.lab.runs.descend import SideBySide
from stepsize.lab.trials.stored import MAGIC, from_bytes, to_bytes
from stepsize.problems import least_squares

DTYPES = ["?", "i1", "<i4", ">i8", "u2", "<f2", "<f4", ">f8", "g", "<c16", "S5", "<U3", "M8[ns]", "m8[s]"]
LINE = least_squares([[1.0, 2.0], [2.0, 1.0], [0.5, 1.0]], [2.0, 4.0, 1.0])
NUMBERS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats()
    | st.text()
    | st.sampled_from([-0.0, 5e-324])
)
ARRAYS = npst.arrays(npst.scalar_dtypes(), npst.array_shapes(min_dims=0, min_side=0, max_side=4))
VALUES = st.recursive(
    NUMBERS | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=3)
        | st.tuples(inner, inner, inner).map(lambda three: Level(*three))
    ),
    max_leaves=12,
)


def assert_same(one, other):
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        one, other = tuple(one.values()), tuple(other.values())
    if isinstance(one, (tuple, list)):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    elif isinstance(one, (np.ndarray, np.generic)):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        if one.dtype.char not in "gG":  # whose unused bytes may be anything
            assert one.tobytes() == other.tobytes()
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, float):
        assert (math.isnan(one) and math.isnan(other)) or (one, math.copysign(1, one)) == (
            other,
            math.copysign(1, other),
        )
    else:
        assert one == other


def sealed(told, chunks=b""):
    """A file whose digest is right, whatever stands in it."""
    text = json.dumps(told).encode()
    body = len(text).to_bytes(8, "little") + text + chunks
    return MAGIC + hashlib.sha256(body).digest() + body


@given(VALUES)
def test_what_is_stored_comes_back_as_it_was(value):
    assert_same(from_bytes(to_bytes(value)), value)


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_every_dtype_come_back_and_can_be_written(dtype):
    one = np.arange(6).reshape(2, 3).astype(dtype)
    back = from_bytes(to_bytes((one, one.T, one[:, ::2], one[:0], one[0, 0])))
    for a, b in zip(back, (one, one.T, one[:, ::2], one[:0], one[0, 0]), strict=True):
        assert_same(a, b)
    back[0][:] = back[0][0, 0]


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float64", "int64", "bool", "complex64"])
def test_tensors_of_every_dtype_come_back(name):
    dtype = getattr(torch, name)
    one = torch.tensor([[0.0, -1.5], [float("inf"), 3.0]]) if dtype.is_floating_point else torch.eye(2)
    one = one.to(dtype)
    for given_one in (one, one.T, one[0, 0], one[:0]):
        back = from_bytes(to_bytes({"w": given_one}))["w"]
        assert (back.dtype, back.shape) == (dtype, given_one.shape)
        assert torch.equal(back, given_one)


@pytest.mark.parametrize("bits", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_a_generator_goes_on_where_it_was(bits):
    random = np.random.Generator(getattr(np.random, bits)(7))
    random.integers(5, size=3, dtype=np.int32)
    again = from_bytes(to_bytes([random]))[0]
    assert again.permutation(50).tolist() == random.permutation(50).tolist()
    assert again.normal() == random.normal()


def test_named_tuples_of_stepsize_are_what_they_were_and_others_are_tuples():
    state = robust_infrared().init()
    assert type(from_bytes(to_bytes(state))) is type(state)

    class Own(Level):
        pass

    assert_same(from_bytes(to_bytes(Own(1, 2, (3.0,)))), (1, 2, (3.0,)))


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {3}}, np.array([None]), np.zeros(2, "i4,f8"), 1j, b"bytes"])
def test_what_cannot_be_stored_is_refused_in_one_line(value):
    with pytest.raises(StepsizeError, match="cannot be stored") as error:
        to_bytes(value)
    assert "\n" not in str(error.value)


# --- files that are damaged or foreign


def paused():
    made = SideBySide(LINE, "adam() | 0.1 * spike()", [(0.1, 0)], steps=5, batch_size=2)
    made.update()
    made.update()
    return made.saved(0)


PAUSED = paused()


@settings(max_examples=300)
@given(st.integers(0, len(PAUSED) - 1))
def test_a_file_that_is_cut_off_is_one_line_of_error(end):
    with pytest.raises(StepsizeError, match=r"^stored state: .*begin this trial anew") as error:
        from_bytes(PAUSED[:end])
    assert "\n" not in str(error.value)


@settings(max_examples=300)
@given(st.integers(0, 8 * len(PAUSED) - 1))
def test_a_file_with_a_flipped_bit_is_one_line_of_error(place):
    changed = bytearray(PAUSED)
    changed[place // 8] ^= 1 << place % 8
    with pytest.raises(StepsizeError, match=r"^stored state: .*begin this trial anew"):
        from_bytes(bytes(changed))


@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 100, pickle.dumps({"a": 1}), b"PK\x03\x04", b'{"trial": 1}', PAUSED + b"x", PAUSED * 2]
)
def test_a_foreign_file_is_one_line_of_error(data):
    with pytest.raises(StepsizeError, match=r"^stored state: .*begin this trial anew"):
        from_bytes(data)


def test_another_version_is_told_apart():
    with pytest.raises(StepsizeError, match="another version of stepsize"):
        from_bytes(PAUSED.replace(MAGIC, MAGIC.replace(b"1", b"2"), 1))


HOSTILE = [
    [],
    {},
    {"object": 1},
    {"tuple": 3},
    {"dict": [["a"]]},
    {"dict": [[1, 2]]},
    {"array": ["O", [1], 0]},
    {"array": ["<f8", [10**15], 0]},
    {"array": ["<f8", [-1], 0]},
    {"array": ["<f8", [2], 10**30]},
    {"array": ["V8", [1], 0]},
    {"array": ["no dtype", [1], 0]},
    {"array": [["<f8"], [1], 0]},
    {"array": ["<f8", [True], 0]},
    {"array": ["S0", [10**18], 0]},
    {"array": ["<f8", [0, 10**30], 0]},
    {"scalar": ["<f8", [], 3]},
    {"tensor": ["float64", [3], ["|u1", [8], 0]]},
    {"tensor": ["load", [1], ["|u1", [8], 0]]},
    {"generator": {"dict": [["bit_generator", "seed"]]}},
    {"generator": {"dict": [["bit_generator", "PCG64"], ["state", 3]]}},
    {"named": "os:system", "tuple": ["true"]},
    {"named": "stepsize.text:parse", "tuple": ["1"]},
    {"named": "stepsize.controllers.spike:Level", "tuple": [1, 2, 3, 4]},
    {"named": 3, "tuple": []},
    {"tuple": [1], "list": [2]},
]


@pytest.mark.parametrize("told", HOSTILE, ids=str)
def test_a_file_with_a_right_digest_that_holds_something_else_is_one_line_of_error(told):
    with pytest.raises(StepsizeError, match=r"^stored state: this is no stored state"):
        from_bytes(sealed(told, b"12345678"))


def test_a_deep_file_is_one_line_of_error():
    text = b'{"tuple":[' * 100_000 + b"]}" * 100_000
    body = len(text).to_bytes(8, "little") + text
    with pytest.raises(StepsizeError, match="this is no stored state"):
        from_bytes(MAGIC + hashlib.sha256(body).digest() + body)


@settings(max_examples=200)
@given(VALUES)
def test_a_run_does_not_begin_from_something_else(value):
    with pytest.raises(StepsizeError) as error:
        SideBySide(LINE, "adam() | 0.1 * spike()", [(0.1, 0)], steps=5, batch_size=2, saved=[to_bytes(value)])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("done", 3),
        ("done", -1),
        ("done", [2]),
        ("done", 10**30),
        ("arrays", ()),
        ("arrays", ({"theta": np.ones((1, 3))}, {}, {}, (), {})),
        ("arrays", ({"theta": np.ones((2, 2))}, {}, {}, (), {})),
        ("arrays", ({"theta": np.ones((1, 2), np.float32)}, {}, {}, (), {})),
        ("control", 3),
        ("control", ((),)),
        ("random", None),
        ("random", (1, 2)),
        ("random", (np.random.default_rng(0), np.array([0.5]))),
        ("random", (np.random.default_rng(0), np.array([3]))),
        ("metric", "low"),
        ("ledger", {}),
        ("ledger", None),
    ],
)
def test_a_saved_state_with_a_part_of_something_else_is_one_line_of_error(name, value):
    saved = to_bytes({**from_bytes(PAUSED), name: value})
    with pytest.raises(StepsizeError, match="saved state: it does not fit this problem and strategy") as error:
        SideBySide(LINE, "adam() | 0.1 * spike()", [(0.1, 0)], steps=5, batch_size=2, saved=[saved])
    assert "\n" not in str(error.value)
