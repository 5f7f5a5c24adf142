"""Clips on torch optimizers: what the core's clips make of an update, whatever optimizer made it, and nothing else."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from stepsize import StepsizeError, clip, clip_norm, parse
from stepsize.adapters.torch.clips import arithmetic, closures, norms
from stepsize.adapters.torch.clips.hung import clip_gradients, clip_update
from stepsize.adapters.torch.clips.norms import grad_norm
from stepsize.descents import Clip
from subjects import CLIPS

BOTH = [clip_update, clip_gradients]
SHAPES = [(3, 4), (4,), (), (5, 2), (2, 3, 2)]
OPTIMIZERS = {
    "SGD": lambda params, **more: torch.optim.SGD(params, lr=0.5, **more),
    "SGD momentum": lambda params, **more: torch.optim.SGD(
        params, lr=0.5, momentum=0.9, nesterov=True, weight_decay=0.1, **more
    ),
    "Adam": lambda params, **more: torch.optim.Adam(params, lr=0.1, weight_decay=0.1, **more),
    "AdamW": lambda params, **more: torch.optim.AdamW(params, lr=0.1, weight_decay=0.1, amsgrad=True, **more),
    "RMSprop": lambda params, **more: torch.optim.RMSprop(params, lr=0.1, momentum=0.5, **more),
    "Adagrad": lambda params, **more: torch.optim.Adagrad(params, lr=0.5, **more),
    "Adadelta": lambda params, **more: torch.optim.Adadelta(params, lr=100.0, **more),
    "NAdam": lambda params, **more: torch.optim.NAdam(params, lr=0.1, **more),
    "RAdam": lambda params, **more: torch.optim.RAdam(params, lr=0.1, **more),
    "Adamax": lambda params, **more: torch.optim.Adamax(params, lr=0.1, **more),
    "ASGD": lambda params, **more: torch.optim.ASGD(params, lr=0.1, **more),
    "Rprop": lambda params, **more: torch.optim.Rprop(params, lr=0.1, **more),
    "Adafactor": lambda params, **more: torch.optim.Adafactor(params, lr=0.1, **more),
}
FUSED = ["SGD", "SGD momentum", "Adam", "AdamW", "Adagrad"]
NAMED = ["clip(0.01)", "clip_norm(0.05)", "clip_norm(0.2) | clip(0.01)", "clip(0.01) | clip_norm(0.02)"]

FORGETFUL = [one for one in CLIPS if type(one).step is Clip.step]


class twin_clip(clip):
    """The same clip by another name: it must take the way that any clip takes."""


class twin_clip_norm(clip_norm):
    """The same for the norm."""


@pytest.fixture(params=["host", "device", "pieces"])
def way(request, monkeypatch):
    """As on a processor; as on an accelerator, where no number is read back; and in pieces of five elements."""
    if request.param == "device":
        monkeypatch.setattr(norms, "reads_free", lambda device: False)
        monkeypatch.setattr(arithmetic, "reads_free", lambda device: False)
    if request.param == "pieces":
        monkeypatch.setattr(norms, "_SMALL", 5)
        monkeypatch.setattr(norms, "_LARGE", 7)
        monkeypatch.setattr(norms, "_FEW", 2)
        monkeypatch.setattr(norms, "_ROW", 3)
    return request.param


def tensors(seed=0, dtype=torch.float64, shapes=SHAPES, scale=1.0):
    random = torch.Generator().manual_seed(seed)
    return [(torch.randn(shape, generator=random, dtype=torch.float64) * scale).to(dtype) for shape in shapes]


def parameters(seed=0, **how):
    params = [torch.nn.Parameter(one) for one in tensors(seed, **how)]
    give_gradients(params, seed + 1)
    return params


def give_gradients(params, seed, scale=1.0):
    for param, grad in zip(params, tensors(seed, shapes=[one.shape for one in params], scale=scale), strict=True):
        param.grad = grad.to(param.dtype)


def values(params):
    return [one.detach().clone() for one in params]


def as_read(clips):
    return closures.read_clips("test", clips)


def free_step(optimizer):
    """Where the optimizer would go without clips: a copy of it has none."""
    free = copy.deepcopy(optimizer)
    originals = [one for group in optimizer.param_groups for one in group["params"]]
    copies = [one for group in free.param_groups for one in group["params"]]
    for original, one in zip(originals, copies, strict=True):
        one.grad = None if original.grad is None else original.grad.clone()
    free.step()
    return values(copies)


def bounded(old, free, clips):
    """What the core's clips allow."""
    return [
        before - limited
        for before, limited in zip(
            old, limited_by(clips, [a - b for a, b in zip(old, free, strict=True)], old), strict=True
        )
    ]


def limited_by(clips, flowing, params):
    """The core's clips, one after the other; an empty array is not theirs to see."""
    there = {str(i): one for i, one in enumerate(flowing) if one.numel()}
    for one in as_read(clips):
        there, _ = one.apply(there, {name: params[int(name)] for name in there})
    return [there.get(str(i), one) for i, one in enumerate(flowing)]


def assert_near(found, expected, rel=1e-12, absolute=1e-14):
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.detach(), other.detach(), rtol=rel, atol=absolute)


def assert_bits(found, expected):
    """Equal bit for bit: −0 is not 0, and every NaN counts."""
    for one, other in zip(found, expected, strict=True):
        one, other = one.detach(), other.detach()
        assert one.dtype == other.dtype
        whole = {2: torch.int16, 4: torch.int32, 8: torch.int64}[one.element_size()]
        assert torch.equal(one.contiguous().view(whole), other.contiguous().view(whole))


def norm_of(arrays):
    return math.hypot(*(float(one) for array in arrays for one in array.detach().double().flatten()))


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
@pytest.mark.parametrize("one", [*FORGETFUL, twin_clip(0.01), twin_clip_norm(0.05)], ids=repr)
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


# Gradients that are not finite.


def test_known_difference_one_nan_and_torchs_clip_grad_norm():
    """With one NaN torch's clip_grad_norm_ makes every gradient NaN; here it is what was asked for."""
    params = parameters()
    params[0].grad[0, 0] = math.nan
    torch.nn.utils.clip_grad_norm_(params, 1.0)
    assert all(one.grad.isnan().all() for one in params)

    params = parameters()
    params[0].grad[0, 0] = math.nan
    optimizer = torch.optim.SGD(params, lr=0.0)
    clip_gradients(optimizer, "clip_norm(1)", on_nonfinite="zero")
    optimizer.step()
    assert params[0].grad[0, 0] == 0
    assert norm_of([one.grad for one in params]) == pytest.approx(1)


@pytest.mark.parametrize("odd", [math.nan, math.inf])
@pytest.mark.parametrize("attach", BOTH)
def test_raise_names_the_parameter_before_anything_changes(attach, odd, way):
    params = parameters()
    optimizer = OPTIMIZERS["AdamW"](params)
    attach(optimizer, "clip(0.01)")
    optimizer.step()
    old, state = values(params), copy.deepcopy(optimizer.state_dict())
    give_gradients(params, 7)
    params[4].grad[1, 2, 0] = odd
    grads = [one.grad.clone() for one in params]
    place = r"1 of 12 elements of the gradient of parameter 4 of group 0, shape \(2, 3, 2\).*'skip'.*'zero'"
    with pytest.raises(StepsizeError, match=place):
        optimizer.step()
    assert_bits(params, old)
    assert_bits([one.grad for one in params], grads)
    torch.testing.assert_close(optimizer.state_dict(), state, rtol=0, atol=0)
    optimizer = OPTIMIZERS["AdamW"]([(f"layer.{i}", one) for i, one in enumerate(params)])
    attach(optimizer, "clip(0.01)")
    with pytest.raises(StepsizeError, match=r"gradient of layer\.4 "):
        optimizer.step()


@pytest.mark.parametrize("attach", BOTH)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_skip_changes_neither_parameters_nor_state(name, attach):
    params = parameters()
    optimizer = OPTIMIZERS[name](params)
    clipping = attach(optimizer, "clip(0.01)", on_nonfinite="skip")
    for seed in range(2):
        give_gradients(params, seed)
        optimizer.step()
    old, state = values(params), copy.deepcopy(optimizer.state_dict())
    assert clipping.skipped == 0
    give_gradients(params, 7)
    params[0].grad[1, 1] = -math.inf
    grads = [one.grad for one in params]
    optimizer.step()
    assert_bits(params, old)
    torch.testing.assert_close(optimizer.state_dict(), state, rtol=0, atol=0)
    assert all(one.grad is grad for one, grad in zip(params, grads, strict=True)), "given back"
    assert clipping.skipped == 1
    give_gradients(params, 8)
    optimizer.step()
    assert not torch.equal(params[0], old[0])


@pytest.mark.parametrize("attach", BOTH)
def test_zero_puts_zero_where_an_element_is_not_finite(attach, way):
    params, clean = parameters(), parameters()
    for i, odd in enumerate((math.nan, math.inf, -math.inf)):
        params[0].grad[i, 1] = odd
        clean[0].grad[i, 1] = 0.0
    found = []
    for several in (params, clean):
        optimizer = OPTIMIZERS["AdamW"](several)
        attach(optimizer, "clip_norm(0.1)", on_nonfinite="zero")
        optimizer.step()
        found.append(several)
    assert_bits(*found)


@pytest.mark.parametrize("attach", BOTH)
def test_gradients_of_1e30_are_finite(attach):
    params = parameters(dtype=torch.float32)
    optimizer = torch.optim.SGD(params, lr=1.0)
    attach(optimizer, "clip(0.01)")
    give_gradients(params, 1, scale=1e30)
    optimizer.step()
    assert all(one.isfinite().all() for one in params)


# What it costs: no number is read back, one copy is kept.


class Reads(TorchDispatchMode):
    """Counts what waits for an accelerator: a number read back into Python."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        waits = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.equal.default)
        self.count += func in waits or func is torch.ops.aten.nonzero.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("answer", "reads"), [("ignore", 0), ("zero", 0), ("raise", 1), ("skip", 1)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("attach", BOTH)
def test_how_many_numbers_are_read_back(attach, dtype, answer, reads, monkeypatch):
    monkeypatch.setattr(norms, "reads_free", lambda device: False)
    monkeypatch.setattr(arithmetic, "reads_free", lambda device: False)
    params = parameters(dtype=dtype)
    optimizer = torch.optim.SGD(params, lr=0.1)
    several = ("clip_norm(1) | clip(0.01)", twin_clip_norm(1), twin_clip(0.1))
    attach(optimizer, several, on_nonfinite=answer)
    optimizer.step()
    with Reads() as mode:
        optimizer.step()
    assert mode.count == reads


def test_one_copy_is_kept_between_steps():
    params = parameters()
    optimizer = OPTIMIZERS["Adam"](params)
    clipping = clip_update(optimizer, "clip_norm(1) | clip(0.01)")
    kept = []
    for _ in range(2):
        optimizer.step()
        kept.append({one.data_ptr(): one.numel() for one in clipping._snapshot._buffers.values()})
    assert kept[0] == kept[1]
    assert sum(kept[0].values()) == sum(one.numel() for one in params)
    clipping.remove()
    assert clipping._snapshot is None


# Optimizers as people use them.


@pytest.mark.parametrize("attach", BOTH)
def test_all_groups_together_and_groups_added_later(attach, way):
    params = parameters()
    optimizer = torch.optim.SGD([{"params": params[:2], "lr": 1.0}, {"params": params[2:4], "lr": 1.0}], lr=0.5)
    attach(optimizer, "clip_norm(0.1)")
    optimizer.step()
    old = values(params)
    optimizer.add_param_group({"params": params[4:], "lr": 1.0})
    give_gradients(params, 5)
    optimizer.step()
    moved = [one.detach() - before for one, before in zip(params, old, strict=True)]
    assert norm_of(moved) == pytest.approx(0.1)
    assert all(one.abs().max() > 0 for one in moved if one.numel())


@pytest.mark.parametrize("attach", BOTH)
def test_parameters_without_gradient_stay(attach, way):
    params = parameters()
    params[0].grad = None
    params[1].requires_grad_(False).grad = None
    optimizer = OPTIMIZERS["AdamW"](params)
    attach(optimizer, "clip_norm(0.1) | clip(0.01)")
    old = values(params)
    optimizer.step()
    assert_bits(params[:2], old[:2])
    assert params[0].grad is None
    assert not torch.equal(params[4], old[4])


@pytest.mark.parametrize("attach", BOTH)
@pytest.mark.parametrize("clips", [*NAMED, twin_clip_norm(0.1)], ids=str)
def test_parameters_without_elements(clips, attach, way):
    params = parameters(shapes=[(2, 0), (3,), (0,)])
    optimizer = torch.optim.SGD(params, lr=1.0)
    attach(optimizer, clips)
    old = values(params)
    optimizer.step()
    assert 0 < norm_of([params[1] - old[1]]) <= 0.2
    empty = torch.optim.SGD(params[:1], lr=1.0)
    attach(empty, "clip_norm(1) | clip(1)")
    empty.step()


def test_dense_memory_is_worked_on_as_one_row():
    image = torch.zeros(4, 3, 5, 5).to(memory_format=torch.channels_last)
    for dense in (image, torch.zeros(3, 4).t(), torch.zeros(()), torch.zeros(2, 2)):
        row = norms.flat(dense)
        assert row.dim() == 1
        assert row.is_contiguous()
        assert row.data_ptr() == dense.data_ptr()


def test_layouts_of_memory(way):
    shapes = [(4, 3, 5, 5), (6, 8), (7,), (3, 2)]
    grads = tensors(1, shapes=shapes)
    found = []
    for odd in (False, True):
        params = [torch.nn.Parameter(one) for one in tensors(0, shapes=shapes)]
        if odd:
            params[0] = torch.nn.Parameter(params[0].detach().to(memory_format=torch.channels_last))
            params[1] = torch.nn.Parameter(params[1].detach().t().contiguous().t())
            params[2] = torch.nn.Parameter(torch.stack([params[2].detach()] * 2, dim=1)[:, 0])
            params[3] = torch.nn.Parameter(torch.zeros(3, 9, dtype=torch.float64)[:, ::5].copy_(params[3].detach()))
            assert not any(one.is_contiguous() for one in params)
        for param, grad in zip(params, grads, strict=True):
            param.grad = torch.empty_like(param).copy_(grad)
        optimizer = OPTIMIZERS["SGD momentum"](params)
        clip_update(optimizer, ("clip(0.3) | clip_norm(2)", twin_clip(0.2)))
        clip_gradients(optimizer, "clip_norm(8) | clip(1)")
        optimizer.step()
        optimizer.step()
        found.append(params)
    assert_near(*found)


def closure_of(weight, calls):
    """A narrow valley, in which every call is counted."""

    def closure():
        weight.grad = None
        loss = (torch.tensor([1.0, 50.0], dtype=torch.float64) * weight**2).sum()
        loss.backward()
        calls.append(weight.grad.clone())
        return loss

    return closure


@pytest.mark.parametrize("named", [False, True])
def test_with_a_closure_the_gradients_are_clipped_after_it(named):
    weight = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    optimizer = torch.optim.SGD([weight], lr=0.01)
    clip_gradients(optimizer, "clip_norm(1)")
    calls = []
    closure = closure_of(weight, calls)
    loss = optimizer.step(closure=closure) if named else optimizer.step(closure)
    assert loss.item() == 51
    assert len(calls) == 1
    assert norm_of(calls) > 1
    assert norm_of([weight.grad]) == pytest.approx(1)
    assert norm_of([weight - 1]) == pytest.approx(0.01)


def test_lbfgs_sees_clipped_gradients_and_is_bounded():
    weight = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    optimizer = torch.optim.LBFGS([weight], lr=1.0, max_iter=4)
    clip_gradients(optimizer, "clip(3)")
    clip_update(optimizer, "clip_norm(0.25)")
    calls = []
    for _ in range(3):
        old = weight.detach().clone()
        optimizer.step(closure_of(weight, calls))
        assert norm_of([weight - old]) <= 0.25 * (1 + 1e-12)
        assert weight.grad.abs().max() <= 3
    assert len(calls) > 3


@pytest.mark.parametrize("attach", BOTH)
def test_a_closure_with_nan_skips_the_step_or_says_that_it_is_too_late(attach):
    weight = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    broken = [True]

    def closure():
        weight.grad = torch.full_like(weight, math.nan if broken[0] else 1.0)
        return weight.sum()

    optimizer = torch.optim.Adam([weight], lr=0.1)
    clipping = attach(optimizer, "clip(0.01)", on_nonfinite="skip")
    optimizer.step(closure)
    assert weight.tolist() == [1, 1]
    assert not optimizer.state
    assert weight.grad.isnan().all()
    assert clipping.skipped == 1
    broken[0] = False
    optimizer.step(closure)
    assert weight.tolist() != [1, 1]

    lbfgs = torch.optim.LBFGS([weight], lr=0.1)
    attach(lbfgs, "clip(0.01)", on_nonfinite="skip")
    broken[0] = True
    old = weight.tolist()
    lbfgs.step(closure)
    assert weight.tolist() == old

    def breaks_later():
        loss = closure()
        broken[0] = True
        return loss

    broken[0] = False
    with pytest.raises(StepsizeError, match=r"in call 2 of the closure.*'zero'"):
        lbfgs.step(breaks_later)


class TwoCalls(torch.optim.Optimizer):
    """As SAM does: two calls of the closure in one step, the second gradient counts."""

    def step(self, closure):
        for _ in range(2):
            with torch.enable_grad():
                closure()
        for group in self.param_groups:
            for one in group["params"]:
                if one.grad is not None:
                    one.data -= one.grad


@pytest.mark.parametrize("again", [True, False])
def test_a_step_that_is_left_out_stays_left_out(again):
    weight = torch.nn.Parameter(torch.ones(2 if again else 1))
    optimizer = TwoCalls([weight], {})
    grads = [torch.tensor([math.nan, 1.0]), torch.tensor([1.0, 1.0])] if again else [torch.tensor([math.nan]), None]
    clipping = clip_gradients(optimizer, "clip(1)", on_nonfinite="skip")

    def closure():
        weight.grad = grads.pop(0)

    optimizer.step(closure)
    assert not grads
    assert weight.eq(1).all()
    assert weight.grad is not None
    assert clipping.skipped == 1


def test_a_step_that_broke_off_does_not_reach_the_next_one():
    weight = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    clip_update(optimizer, "clip(1)", on_nonfinite="skip")

    def breaks(optimizer, args, kwargs):
        raise KeyboardInterrupt

    broken = optimizer.register_step_pre_hook(breaks)
    weight.grad = torch.full((2,), math.nan)
    with pytest.raises(KeyboardInterrupt):
        optimizer.step()
    broken.remove()
    weight.grad = torch.full((2,), 3.0)
    optimizer.step()
    assert weight.tolist() == [-1, -1]


@pytest.mark.parametrize("attach", BOTH)
def test_remove_gives_the_optimizer_back(attach):
    params = parameters()
    optimizer = torch.optim.SGD(params, lr=0.5)
    clipping = attach(optimizer, "clip(0.01)")
    assert repr(clipping) == f"{attach.__name__}(clip(0.01), on_nonfinite='raise')"
    optimizer.step()
    clipping.remove()
    clipping.remove()
    give_gradients(params, 3)
    old, grads = values(params), tensors(3)
    optimizer.step()
    assert_near(params, [before - 0.5 * grad for before, grad in zip(old, grads, strict=True)])
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks


def test_what_happens_between_steps_is_not_the_steps_doing(way):
    """Parameters loaded, swapped or edited between two steps are where the next one starts."""
    params = parameters()
    optimizer = OPTIMIZERS["Adam"](params)
    clip_update(optimizer, "clip(0.01) | clip_norm(0.05)")

    def loaded():
        module = torch.nn.Module()
        module.weight = params[0]
        module.load_state_dict({"weight": torch.ones(3, 4, dtype=torch.float64)})

    def edited():
        params[4].data += 100.0

    def swapped():
        params[1].data = torch.full((4,), 7.0, dtype=torch.float64)

    def turned():
        params[0].data = params[0].data.t().contiguous().t()

    memory = torch.ones(3, 9, dtype=torch.float64)

    def packed():
        params[0].data = memory.view(-1)[:12].view(3, 4)

    def spread():
        params[0].data = memory[:, :8:2]

    for seed, change in enumerate((loaded, edited, swapped, turned, packed, spread, lambda: None)):
        optimizer.step()
        change()
        give_gradients(params, seed)
        old, free = values(params), free_step(optimizer)
        optimizer.step()
        assert_near(params, bounded(old, free, "clip(0.01) | clip_norm(0.05)"))


@pytest.mark.parametrize("attach", BOTH)
def test_a_copy_of_the_optimizer_works_and_is_not_clipped(attach):
    for copied in (copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))):
        weight = torch.nn.Parameter(torch.zeros(2))
        optimizer = torch.optim.SGD([weight], lr=1.0)
        attach(optimizer, "clip(0.01)")
        weight.grad = torch.ones(2)
        optimizer.step()
        other = copied(optimizer)
        theirs = other.param_groups[0]["params"][0]
        theirs.grad = torch.ones(2)
        other.step()
        assert theirs.tolist() == pytest.approx([-1.01, -1.01])
        optimizer.step()
        assert weight.tolist() == pytest.approx([-0.02, -0.02])
        assert optimizer.state_dict()["param_groups"] == other.state_dict()["param_groups"]


def test_two_clippings_are_a_pipe():
    found = []
    for several in (["clip_norm(0.2) | clip(0.01)"], ["clip_norm(0.2)", "clip(0.01)"]):
        params = parameters()
        optimizer = torch.optim.SGD(params, lr=1.0)
        for one in several:
            clip_update(optimizer, one)
        optimizer.step()
        found.append(params)
    assert_near(*found)


def test_a_schedule_and_a_compiled_forward_do_not_matter():
    layer = torch.nn.Linear(3, 1)
    forward = torch.compile(layer, backend="eager")
    optimizer = torch.optim.AdamW(layer.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 0.5)
    clip_update(optimizer, "clip(0.001)")
    for _ in range(2):
        old = values(layer.parameters())
        forward(torch.ones(2, 3)).sum().backward()
        optimizer.step()
        scheduler.step()
        for one, before in zip(layer.parameters(), old, strict=True):
            assert (one - before).abs().max().item() == pytest.approx(0.001, rel=1e-3)


# Sparse, complex, scaled.


@pytest.mark.parametrize("clips", ["clip(0.5)", "clip_norm(1)"])
@pytest.mark.parametrize("answer", ["raise", "zero"])
def test_sparse_gradients_are_clipped_by_their_entries(clips, answer, way):
    found = []
    for sparse in (True, False):
        table = torch.nn.Embedding(5, 2, sparse=sparse, dtype=torch.float64)
        table.weight.data.fill_(1.0)
        optimizer = torch.optim.SGD(table.parameters(), lr=1.0)
        clip_gradients(optimizer, clips, on_nonfinite=answer)
        (table(torch.tensor([0, 3, 3])) * torch.tensor([1.0, 2.0])).sum().backward()
        assert table.weight.grad.is_sparse is sparse
        optimizer.step()
        found.append([table.weight])
    assert_near(*found)


def test_sparse_gradients_and_other_clips():
    table = torch.nn.Embedding(5, 2, sparse=True)
    optimizer = torch.optim.SparseAdam(list(table.parameters()), lr=1.0)
    clip_update(optimizer, (clip(0.01), twin_clip_norm(10)))
    old = values(table.parameters())
    table(torch.tensor([1, 2])).sum().backward()
    optimizer.step()
    assert (table.weight - old[0]).abs().max().item() == pytest.approx(0.01, rel=1e-4)
    clip_gradients(optimizer, twin_clip(1))
    with pytest.raises(StepsizeError, match=r"is sparse, which twin_clip\(1\) cannot bound: write clip"):
        optimizer.step()


@pytest.mark.parametrize("attach", BOTH)
def test_complex_parameters_are_refused(attach):
    whole = torch.nn.Parameter(torch.zeros(2, dtype=torch.complex64))
    with pytest.raises(StepsizeError, match=r"parameter 0 of group 0, shape \(2,\) is complex.*view_as_real"):
        attach(torch.optim.Adam([whole]), "clip(1)")
    weight = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.Adam([weight])
    attach(optimizer, "clip(1)")
    optimizer.add_param_group({"params": [whole]})
    with pytest.raises(StepsizeError, match="parameter 0 of group 1"):
        optimizer.step()
    whole.grad = torch.tensor([3j, 4 + 0j])
    assert float(grad_norm([whole])) == pytest.approx(5)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("unscaled", [False, True])
@pytest.mark.parametrize("attach", BOTH)
def test_scaled_gradients_are_clipped_unscaled(attach, unscaled, fused, way):
    found = []
    for scaled in (False, True):
        weight = torch.nn.Parameter(torch.arange(4.0))
        optimizer = torch.optim.SGD([weight], lr=1.0, momentum=0.5, fused=fused)
        attach(optimizer, "clip_norm(3) | clip(2)")
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, enabled=scaled)
        for _ in range(3):
            optimizer.zero_grad()
            scaler.scale((weight**2).sum()).backward()
            if unscaled:
                scaler.unscale_(optimizer)
            scaler.step(optimizer)
            scaler.update()
        found.append([weight])
    assert_near(*found, rel=1e-6)


@pytest.mark.parametrize("answer", ["raise", "skip", "zero", "ignore"])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("attach", BOTH)
def test_an_overflow_of_the_scaler_is_the_scalers_to_skip(attach, fused, answer):
    weight = torch.nn.Parameter(torch.ones(4))
    optimizer = torch.optim.Adam([weight], lr=0.1, fused=fused)
    attach(optimizer, "clip_norm(3)", on_nonfinite=answer)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    scaler.scale((weight * 8).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert weight.tolist() == [1] * 4
    assert scaler.get_scale() == 2.0**126
    assert not hasattr(optimizer, "grad_scale")


class Unscaling(torch.optim.SGD):
    _step_supports_amp_scaling = True

    def step(self, closure=None, grad_scaler=None):
        return super().step(closure)


def test_an_optimizer_that_unscales_by_itself_is_refused():
    weight = torch.nn.Parameter(torch.ones(4))
    optimizer = Unscaling([weight], lr=0.1)
    clip_gradients(optimizer, "clip_norm(3)")
    scaler = torch.amp.GradScaler("cpu")
    scaler.scale(weight.sum()).backward()
    with (
        pytest.warns(FutureWarning, match="GradScaler"),
        pytest.raises(StepsizeError, match=r"grad_scaler=GradScaler.*unscale_\(optimizer\)"),
    ):
        scaler.step(optimizer)


# What may be written.


def test_what_clips_may_be():
    written = "clip_norm(1) | clip(0.01)"
    expected = (clip_norm(1), clip(0.01))
    assert as_read(written) == expected
    assert as_read(parse(written)) == expected
    assert as_read(["clip_norm(1)", clip(0.01)]) == expected
    assert as_read(clip(1)) == (clip(1),)


@pytest.mark.parametrize("attach", BOTH)
def test_no_clips_only_look_at_the_gradients(attach):
    params, free = parameters(), parameters()
    optimizer, other = (OPTIMIZERS["Adam"](one) for one in (params, free))
    clipping = attach(optimizer, (), on_nonfinite="skip")
    optimizer.step()
    other.step()
    assert_bits(params, free)
    params[0].grad[0, 0] = math.nan
    optimizer.step()
    assert clipping.skipped == 1
    assert_bits(params, free)


@pytest.mark.parametrize("attach", BOTH)
@pytest.mark.parametrize(
    "wrong", [0.1, "0.1", None, (clip(1), None), "sgd() | 0.1 | clip(1)", "weight_decay(0.1)", "cosine()", clip]
)
def test_what_is_no_clip_is_refused(attach, wrong):
    with pytest.raises(StepsizeError, match=r'takes clips, not .*: write "clip\(0\.01\)" or') as caught:
        attach(torch.optim.SGD(parameters(), lr=1.0), wrong)
    assert "\n" not in str(caught.value)
    with pytest.raises(StepsizeError):
        attach(torch.optim.SGD(parameters(), lr=1.0), "clip(-1)")


@pytest.mark.parametrize("attach", BOTH)
def test_other_wrong_arguments(attach):
    with pytest.raises(StepsizeError, match=r"works on a torch\.optim\.Optimizer, not Linear"):
        attach(torch.nn.Linear(2, 2), "clip(1)")
    with pytest.raises(StepsizeError, match="on_nonfinite must be one of raise, skip, zero, ignore, not 'warn'"):
        attach(torch.optim.SGD(parameters(), lr=1.0), "clip(1)", on_nonfinite="warn")


class Wrapper(torch.optim.Optimizer):
    """As accelerate's: an Optimizer by name, with the one that steps inside."""

    def __init__(self, optimizer):
        self.optimizer = optimizer


@pytest.mark.parametrize("attach", BOTH)
def test_the_optimizer_inside_a_wrapper_is_clipped(attach):
    weight = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    attach(Wrapper(optimizer), "clip(0.01)")
    weight.grad = torch.ones(2)
    optimizer.step()
    assert weight.tolist() == pytest.approx([-0.01, -0.01])


# Several processes.

RANKS = """
import os, sys
import torch
import torch._dynamo  # DTensor imports it, in both processes at once if nobody did before
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from stepsize import StepsizeError, clip
from stepsize.adapters.torch.clips.hung import clip_gradients, clip_update
from stepsize.adapters.torch.clips.norms import grad_norm

class twin_clip(clip): ...

torch.set_num_threads(1)
rank = 0 if os.fork() else 1  # one import for both
distributed.init_process_group("gloo", rank=rank, world_size=2, init_method=f"file://{sys.argv[1]}/meeting")
mesh = init_device_mesh("cpu", (2,))

def part(whole, placement):
    return whole if placement is None else distribute_tensor(whole, mesh, [placement])

def run(placements, clips, attach, answer="raise", odd=None):
    random = torch.Generator().manual_seed(0)
    params, grads = [], []
    for shape, placement in zip([(5, 3), (3,), (2, 2), (1, 4)], placements):
        params.append(torch.nn.Parameter(part(torch.randn(shape, generator=random), placement)))
        grads.append(torch.randn(shape, generator=random))
    if odd is not None:
        grads[0][0, 0] = odd  # the first process has it
    optimizer = torch.optim.SGD(params, lr=0.5, momentum=0.9)
    attach(optimizer, clips, on_nonfinite=answer)
    for _ in range(2):
        for param, grad, placement in zip(params, grads, placements):
            param.grad = part(grad.clone(), placement)
        length = grad_norm(params).item()
        optimizer.step()
    whole = [one.full_tensor() if hasattr(one, "full_tensor") else one for one in params]
    return [length, *[one.detach() for one in whole]]

placements = [Shard(0), None, Replicate(), Shard(1)]
for attach in (clip_update, clip_gradients):
    for clips in ("clip_norm(0.3)", "clip_norm(0.5) | clip(0.02)"):
        for one, other in zip(run(placements, clips, attach), run([None] * 4, clips, attach), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)
    for clips, odd, why in (
        ("clip(1)", float("nan"), "1 of 15 elements of the gradient of parameter 0"),
        (twin_clip(1), None, "parameter 0 of group 0, shape (5, 3) is sharded (a DTensor), which twin_clip(1) cannot"),
    ):
        try:
            run(placements, clips, attach, odd=odd)
        except StepsizeError as error:
            assert why in str(error), error
        else:
            raise AssertionError("not raised")
    skipped = run(placements, "clip(1)", attach, "skip", float("nan"))
    begun = torch.randn((5, 3), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(skipped[1], begun, rtol=0, atol=0)

weight = part(torch.zeros(4), Shard(0))
weight.grad = part(torch.tensor([3e30, 0.0, 4e30, 0.0]), Shard(0))
assert abs(grad_norm([weight]).item() / 5e30 - 1) < 1e-6
naive = torch.linalg.vector_norm(weight.grad / 1e30).item()  # known difference: what torch reads is this rank's part
assert abs(naive - (3, 4)[rank]) < 1e-5, naive
summed = part(torch.zeros(2), Replicate())
summed.grad = DTensor.from_local(torch.tensor([3.0, 4.0]) / 2, mesh, [Partial()])
assert abs(grad_norm([summed]).item() - 5) < 1e-6
optimizer = torch.optim.SGD([torch.nn.Parameter(summed)], lr=1.0)
optimizer.param_groups[0]["params"][0].grad = summed.grad
clip_gradients(optimizer, "clip_norm(1)")
optimizer.step()
torch.testing.assert_close(summed.full_tensor(), torch.tensor([-0.6, -0.8]))
distributed.destroy_process_group()
if rank == 1:
    os._exit(0)
_, status = os.wait()
assert status == 0, "the other process failed"
print("agreed")
"""


def test_two_processes_that_share_the_parameters(tmp_path):
    command = [sys.executable, "-c", RANKS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "agreed\n", done.stderr
