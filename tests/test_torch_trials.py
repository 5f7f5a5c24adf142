"""Trials of the staged engine: whatever a closure does with gradients, the update goes on with its own."""

import pytest
import torch

from stepsize.adapters.torch import optimizer


def trained(text, clears_in_place):
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    made = optimizer([weight], text)

    def closure():
        made.zero_grad(set_to_none=not clears_in_place)
        loss = (torch.tensor([1.0, 3.0]) * weight**2).sum()
        loss.backward()
        return loss

    told = []
    for _ in range(6):
        made.step(closure)
        told.append((weight.tolist(), weight.grad.tolist(), made.param_groups[0]["lr"]))
    return told


@pytest.mark.parametrize(
    "text", ["sgd() | 0.5 * (armijo() * adgd(0.9))", "rmsprop() | 0.5 * armijo() | stable()", "sgd() | 9 * armijo()"]
)
def test_a_closure_that_clears_gradients_in_place_changes_nothing(text):
    assert trained(text, True) == trained(text, False)
