"""Clips on optimizers as people use them: groups, layouts, closures, copies, two clippings."""

from __future__ import annotations

import copy
import math
import pickle

import pytest
import torch

from clipped import (
    BOTH,
    NAMED,
    OPTIMIZERS,
    assert_bits,
    assert_near,
    bounded,
    free_step,
    give_gradients,
    norm_of,
    parameters,
    tensors,
    twin_clip,
    twin_clip_norm,
    values,
)
from stepsize import StepsizeError
from stepsize.adapters.torch.clips import norms
from stepsize.adapters.torch.clips.hung import clip_gradients, clip_update


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
