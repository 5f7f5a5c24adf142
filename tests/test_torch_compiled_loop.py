"""`torch.compile` around the step of a strategy: some updates of each stage of the vocabulary, the same numbers."""

import warnings

import pytest
import torch

from looped import CLIPPED, CONTROLLED, OTHERS
from stepsize.adapters.torch import optimizer

AROUND_TORCH = ["adam() | 0.1 | clip(0.01)", "adam() | 0.1 | clip_norm(0.01)", "zclip() | sgd(momentum=0.9) | 0.1"]


def moved(text, compiled):
    """Where five updates lead, the loss evaluated again as often as a controller asks."""
    weight = torch.nn.Parameter(torch.tensor([[3.0, -2.0], [1.0, 0.5]], dtype=torch.float64))
    made = optimizer([weight], text, total_steps=20)

    def loss_of():
        return (weight**2).sum()

    def update(count):
        weight.grad = None
        loss = loss_of()
        loss.backward()
        weight.grad *= 1 + 3 * (count % 3)
        made.step(loss=loss, loss_of=loss_of, grad_variance=0.1)

    step = torch.compile(update, backend="eager") if compiled else update
    for count in range(5):
        step(count)
    assert made.scheduler.last_epoch == 5
    return weight.detach()


@pytest.mark.parametrize("text", [*CONTROLLED, *CLIPPED, *OTHERS, *AROUND_TORCH], ids=str)
def test_a_step_inside_a_compiled_function_is_the_step(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of torch's own, about what it does not compile
        assert torch.equal(moved(text, compiled=True), moved(text, compiled=False))


@pytest.mark.parametrize("text", ["zclip() | adam() | stable() | 0.1", *AROUND_TORCH])
def test_a_compiled_step_makes_each_update_once(text):
    found = []
    for compiled in (False, True):
        weight = torch.nn.Parameter(torch.arange(4.0))
        made = optimizer([weight], text)
        step = torch.compile(made.step, backend="eager") if compiled else made.step
        for count in range(1, 5):
            weight.grad = torch.full((4,), 0.1 * count)
            step()
        found.append(weight.detach().clone())
    assert torch.equal(*found)
