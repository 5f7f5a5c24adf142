"""What `from_torch` refuses, and what opaque leaves can do."""

from __future__ import annotations

import pickle
import warnings
from functools import partial

import pytest
import torch
from torch.optim import lr_scheduler as lrs

from stepsize import StepsizeError
from stepsize.adapters.torch import from_torch
from stepsize.adapters.torch.scheduler import Scheduler
from told import BUILD, chained, inverse, optimizer, out

pytestmark = pytest.mark.filterwarnings("ignore:The epoch parameter", "ignore:Detected call")


class Mine(lrs.StepLR):
    pass


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (partial(Mine, step_size=3), "Mine is none of ChainedScheduler, .*, SequentialLR, StepLR: write its factor as"),
        (chained(BUILD["step"], partial(Mine, step_size=3)), "Mine is none of"),
        (lambda optimizer: optimizer, "SGD is none of"),
        (lambda optimizer: None, "NoneType is none of"),
        (lambda optimizer: Scheduler(optimizer, "staircase(0.1, 3)"), "Scheduler is none of"),
    ],
)
def test_what_is_not_known_is_an_error_that_names_it(build, message):
    with pytest.raises(StepsizeError, match=message) as error:
        out(build)
    assert "\n" not in str(error.value)


def test_a_group_added_later_is_an_error():
    scheduler = lrs.StepLR(optimizer(), 3)
    scheduler.optimizer.add_param_group({"params": [torch.zeros(1, requires_grad=True)]})
    with pytest.raises(StepsizeError, match="StepLR was built for 2 groups and the optimizer has 3: build the"):
        from_torch(scheduler)


def test_a_replayed_chain_answers_in_any_order_and_does_not_keep_the_model():
    made = out(chained(BUILD["lambda"], BUILD["exponential"]))
    later = made(50)
    assert made(3) == out(chained(BUILD["lambda"], BUILD["exponential"]))(3)
    assert made(50) == later
    assert made(torch.arange(5)).tolist() == [made(t) for t in range(5)]
    assert pickle.loads(pickle.dumps(made))(70) == made(70)
    with pytest.raises(StepsizeError, match="cannot be written down"):
        pickle.dumps(out(chained(partial(lrs.LambdaLR, lr_lambda=lambda t: 1.0), BUILD["exponential"])))


def test_functions_of_a_module_pickle():
    for build in (BUILD["multiplicative"], BUILD["lambda"]):
        made = out(build)
        assert pickle.loads(pickle.dumps(made))(9) == made(9)
    swing = out(partial(lrs.CyclicLR, base_lr=0.1, max_lr=0.2, step_size_up=3, scale_fn=inverse), bases=(0.3,))
    assert pickle.loads(pickle.dumps(swing["lr"]))(9) == swing["lr"](9)


def test_nothing_is_warned_about():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = out(chained(BUILD["lambda"], BUILD["exponential"]))
        made(10)


def test_lambdas_get_whole_steps():
    given_ = []
    made = out(partial(lrs.LambdaLR, lr_lambda=lambda t: given_.append(t) or [1.0, 0.5, 0.25][min(t, 2)]))
    assert made(2) == 0.25
    assert all(type(one) is int for one in given_)
