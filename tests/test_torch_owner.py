"""Who owns the rate: of two that would write it the second is refused, wherever it comes from."""

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR

from stepsize import StepsizeError
from stepsize.adapters.torch import Scheduler, optimizer

STRATEGIES = ["sgd() | 0.1 * cosine()", "adam() | 0.1 * plateau(0.5, 1)", "sgd() | clip(1) | 0.1"]


def parameter():
    weight = torch.nn.Parameter(torch.ones(3))
    weight.grad = torch.ones(3)
    return weight


@pytest.mark.parametrize("text", STRATEGIES)
@pytest.mark.parametrize(
    "build",
    [lambda one: CosineAnnealingLR(one, 9), lambda one: LambdaLR(one, lambda t: 0.5**t)],
    ids=["cosine", "lambda"],
)
def test_a_torch_scheduler_on_a_strategy_is_refused_at_the_first_update(text, build):
    weight = parameter()
    made = optimizer([weight], text, total_steps=10)
    build(made)
    with pytest.raises(StepsizeError, match="a torch scheduler was built on this optimizer") as error:
        made.step(loss=1.0)
    assert "\n" not in str(error.value)
    assert weight.tolist() == [1, 1, 1]


def test_our_scheduler_may_turn_another_number_of_a_strategy():
    weight = parameter()
    made = optimizer([weight], "sgd(momentum=0.9) | 0.1 * cosine()", total_steps=10)
    scheduler = Scheduler(made, {"momentum": "linear(1, 0, 4)"})
    for _ in range(4):
        made.step()
        scheduler.step()
    assert made.param_groups[0]["momentum"] == 0
    with pytest.raises(StepsizeError, match="has the schedule"):
        Scheduler(made, "cosine(9)")
