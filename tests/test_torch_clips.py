"""Clips on torch optimizers: what the core's clips make of an update, whatever optimizer made it, and nothing else."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clipped import (
    BOTH,
    NAMED,
    OPTIMIZERS,
    as_read,
    assert_bits,
    assert_near,
    bounded,
    free_step,
    give_gradients,
    limited_by,
    norm_of,
    parameters,
    tensors,
    twin_clip,
    twin_clip_norm,
    values,
)
from stepsize import StepsizeError, clip, clip_norm
from stepsize.adapters.torch.clips.hung import clip_gradients, clip_update
from stepsize.adapters.torch.clips.norms import grad_norm
from subjects import CLIPS, FORGETFUL

PLAIN = [one for one in FORGETFUL if one in CLIPS]
FUSED = ["SGD", "SGD momentum", "Adam", "AdamW", "Adagrad"]


# The law: the same as the core's clips, for every optimizer.


@pytest.mark.parametrize("clips", NAMED)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_update_is_what_the_clips_make_of_it(name, clips, way):
    params = parameters()
    optimizer = OPTIMIZERS[name](params)
    clip_update(optimizer, clips)
    beyond = False
    for seed in range(4):
        give_gradients(params, seed)
        old, free = values(params), free_step(optimizer)
        optimizer.step()
        assert_near(params, bounded(old, free, clips))
        beyond |= any(not torch.equal(one, other) for one, other in zip(params, free, strict=True))
    assert beyond


@pytest.mark.parametrize("attach", [clip_gradients, clip_update])
def test_the_clip_that_looks_into_the_rule_is_refused_where_it_cannot(attach):
    with pytest.raises(StepsizeError, match="looks into the rule, which this optimizer keeps to itself"):
        attach(torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=1.0), "stable()")


@pytest.mark.parametrize("attach", BOTH)
@pytest.mark.parametrize("one", [*PLAIN, twin_clip(0.01), twin_clip_norm(0.05)], ids=repr)
def test_any_clip_of_the_core_works(one, attach, way):
    params = parameters()
    optimizer = torch.optim.SGD(params, lr=1.0)
    attach(optimizer, one)
    give_gradients(params, 3, scale=5.0)
    old, free = values(params), free_step(optimizer)
    optimizer.step()
    if attach is clip_update:
        expected = bounded(old, free, one)
    else:
        grads = limited_by(one, tensors(3, scale=5.0), old)
        expected = [before - grad for before, grad in zip(old, grads, strict=True)]
    assert_near(params, expected)


@pytest.mark.parametrize("clips", NAMED)
def test_the_short_way_equals_the_general_one(clips, way):
    found = []
    for several in (
        as_read(clips),
        tuple({clip: twin_clip, clip_norm: twin_clip_norm}[type(one)](one.max) for one in as_read(clips)),
    ):
        params = parameters()
        optimizer = OPTIMIZERS["AdamW"](params)
        clip_update(optimizer, several)
        for seed in range(3):
            give_gradients(params, seed)
            optimizer.step()
        found.append(params)
    assert_near(*found)


@pytest.mark.parametrize("clips", NAMED)
def test_gradients_are_what_the_clips_make_of_them(clips, way):
    params = parameters()
    optimizer = torch.optim.SGD(params, lr=0.0)
    clip_gradients(optimizer, clips)
    grads = [one.grad for one in params]
    expected = limited_by(clips, values(grads), values(params))
    optimizer.step()
    assert_near(grads, expected)
    assert all(one.grad is grad for one, grad in zip(params, grads, strict=True)), "in place"


@pytest.mark.parametrize("clips", NAMED)
@pytest.mark.parametrize("name", FUSED)
def test_foreach_single_and_fused_agree(name, clips):
    found = []
    for how in ({"foreach": False}, {"foreach": True}, {"fused": True}):
        params = parameters()
        optimizer = OPTIMIZERS[name](params, **how)
        clip_update(optimizer, clips)
        clip_gradients(optimizer, "clip_norm(1)")
        for seed in range(4):
            give_gradients(params, seed)
            optimizer.step()
        found.append(params)
    assert_near(found[0], found[1], 1e-9)
    assert_near(found[0], found[2], 1e-9)


# The law: nothing happens within the bound, bit for bit.


@pytest.mark.parametrize(
    "clips", ["clip(1e3)", "clip_norm(1e4)", "clip_norm(1e4) | clip(1e3)", twin_clip(1e3)], ids=str
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_within_the_bound_the_step_is_the_optimizers_own(dtype, clips, way):
    params, free = parameters(dtype=dtype), parameters(dtype=dtype)
    for one in (params, free):
        one[1].data = torch.tensor([-0.0, 0.0, 1e-8, -0.0], dtype=dtype)
        one[1].grad = torch.tensor([0.0, -0.0, 1e-8, 1.0], dtype=dtype)
    ours, other = (torch.optim.SGD(one, lr=0.5, momentum=0.9) for one in (params, free))
    clip_update(ours, clips)
    clip_gradients(ours, clips)
    for _ in range(3):
        ours.step()
        other.step()
    assert_bits(params, free)
    assert_bits([one.grad for one in params], [one.grad for one in free])


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("clips", ["clip_norm(1)", "clip_norm(1e9)"])
def test_a_length_that_is_no_number_leaves_the_step_alone(clips, odd, way):
    params, free = parameters(), parameters()
    for one in (params, free):
        one[0].grad[1, 2] = odd
    ours, other = (torch.optim.SGD(one, lr=0.5) for one in (params, free))
    clip_update(ours, clips, on_nonfinite="ignore")
    clip_gradients(ours, clips, on_nonfinite="ignore")
    ours.step()
    other.step()
    assert_bits(params, free)


def test_clip_leaves_nan_and_bounds_infinity(way):
    for attach in BOTH:
        weight = torch.nn.Parameter(torch.zeros(4))
        optimizer = torch.optim.SGD([weight], lr=1.0)
        attach(optimizer, clip(1), on_nonfinite="ignore")
        weight.grad = torch.tensor([math.nan, math.inf, -math.inf, 0.5])
        optimizer.step()
        torch.testing.assert_close(weight.detach(), torch.tensor([math.nan, -1.0, 1.0, -0.5]), equal_nan=True)


# The law: never beyond the bound.

NUMBERS = st.floats(-1e6, 1e6, width=32)


class Leap(torch.optim.Optimizer):
    """An optimizer that goes anywhere."""

    def __init__(self, weight, goal):
        super().__init__([weight], {})
        self.goal = goal

    def step(self, closure=None):
        self.param_groups[0]["params"][0].data.copy_(self.goal)


@given(old=st.lists(NUMBERS, min_size=9, max_size=9), goal=st.lists(NUMBERS, min_size=9, max_size=9))
def test_wherever_a_step_leads_within_the_bound_it_is_left_there(old, goal):
    for clips in (clip(1e7), clip_norm(1e7), twin_clip(1e7)):
        for dtype in (torch.float32, torch.bfloat16):
            weight = torch.nn.Parameter(torch.tensor([*old, 1.0], dtype=dtype))
            optimizer = Leap(weight, torch.tensor([*goal, 1e-9], dtype=dtype))
            clip_update(optimizer, clips)
            optimizer.step()
            assert_bits([weight], [optimizer.goal])


@given(
    old=st.lists(NUMBERS, min_size=1, max_size=12),
    moved=st.lists(NUMBERS, min_size=12, max_size=12),
    bound=st.floats(1e-6, 1e3),
    dtype=st.sampled_from([torch.float64, torch.float32, torch.bfloat16]),
)
def test_never_beyond_the_bound(old, moved, bound, dtype):
    for clips in (clip(bound), clip_norm(bound)):
        weight = torch.nn.Parameter(torch.tensor(old, dtype=dtype))
        before = weight.detach().double()
        optimizer = torch.optim.SGD([weight], lr=1.0)
        clip_update(optimizer, clips)
        weight.grad = torch.tensor(moved[: len(old)], dtype=dtype)
        optimizer.step()
        update = weight.detach().double() - before
        rounding = torch.finfo(dtype).eps * (before.abs() + bound)
        if clips == clip(bound):
            assert (update.abs() <= bound + rounding).all()
        else:
            assert update.norm() <= bound * (1 + 1e-6) + rounding.norm()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
@pytest.mark.parametrize("attach", BOTH)
def test_bounds_that_the_type_cannot_hold(attach, dtype, way):
    for clips, expected in (
        ("clip(1e300) | clip_norm(1e300)", [-4.0, 4.0]),
        ("clip(1e-300) | clip_norm(1e-300)", [0, 0]),
    ):
        weight = torch.nn.Parameter(torch.zeros(2, dtype=dtype))
        optimizer = torch.optim.SGD([weight], lr=1.0)
        attach(optimizer, clips)
        weight.grad = torch.tensor([4.0, -4.0], dtype=dtype)
        optimizer.step()
        assert weight.tolist() == pytest.approx(expected, rel=0, abs=1e-200)


@given(grads=st.lists(NUMBERS, min_size=1, max_size=12), bound=st.floats(1e-6, 1e3))
def test_gradients_never_beyond_the_bound(grads, bound):
    for clips in (clip(bound), clip_norm(bound)):
        weight = torch.nn.Parameter(torch.zeros(len(grads)))
        optimizer = torch.optim.SGD([weight], lr=0.0)
        clip_gradients(optimizer, clips)
        weight.grad = torch.tensor(grads)
        optimizer.step()
        most = weight.grad.abs().max() if clips == clip(bound) else norm_of([weight.grad])
        assert most <= bound * (1 + 1e-6)


@pytest.mark.parametrize("attach", BOTH)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_norm_of_half_precision_is_taken_in_float32(dtype, attach, way):
    weight = torch.nn.Parameter(torch.zeros(5000, dtype=dtype))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    attach(optimizer, "clip_norm(1)")
    weight.grad = torch.full_like(weight, 6.0)
    optimizer.step()
    assert norm_of([weight]) == pytest.approx(1, rel=2e-3)


@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_huge_and_tiny_elements_have_a_length(size, way):
    params = [torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))]
    params[0].grad = torch.tensor([3.0, 4.0]) * size
    params[1].grad = torch.tensor([12.0], dtype=torch.float64) * size
    assert float(grad_norm(params)) == pytest.approx(13 * size, rel=1e-6)
    optimizer = torch.optim.SGD(params, lr=1.0)
    clip_gradients(optimizer, clip_norm(size))
    optimizer.step()
    assert norm_of([one.grad for one in params]) == pytest.approx(size, rel=1e-6)
    assert norm_of(params) == pytest.approx(size, rel=1e-6)


def test_huge_elements_of_float64_have_a_length(way):
    weight = torch.zeros(2, dtype=torch.float64)
    weight.grad = torch.tensor([3e200, 4e200], dtype=torch.float64)
    assert float(grad_norm(weight)) == pytest.approx(5e200)
    assert float(grad_norm([])) == 0
    assert float(grad_norm([torch.zeros(3)])) == 0


def test_known_difference_the_length_of_many_equal_elements():
    """torch adds ten million float32 squares in one row: its length is 0.8 % short, so its bound is 0.8 % long."""
    weight = torch.zeros(10_000_000)
    weight.grad = torch.full_like(weight, 0.1)
    right = 0.1 * math.sqrt(weight.numel())
    assert abs(float(torch.linalg.vector_norm(weight.grad)) / right - 1) > 1e-3
    assert float(grad_norm([weight])) == pytest.approx(right, rel=1e-6)
