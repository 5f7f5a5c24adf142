"""Clips on torch optimizers: gradients that are not finite."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from clipped import BOTH, OPTIMIZERS, assert_bits, give_gradients, norm_of, parameters, values
from stepsize import StepsizeError
from stepsize.adapters.torch.clips.hung import clip_gradients


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
