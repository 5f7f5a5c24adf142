"""A whole strategy in a torch loop: what is refused, and in which words."""

import math

import pytest
import torch

from stepsize import StepsizeError
from stepsize.adapters.torch import Scheduler, backward_halves, optimizer


def test_a_nonfinite_gradient_is_an_error_that_names_the_parameter():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([("the.weight", weight)], "sgd() | clip_rms(1) | 0.1")
    weight.grad = torch.tensor([1.0, float("nan")])
    with pytest.raises(StepsizeError, match=r"1 of 2 elements of the gradient of the\.weight"):
        made.step()
    assert weight.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("text", "given", "said"),
    [
        ("sgd() | 0.1 * polyak()", {}, r"needs the loss of update 0: write step\(loss=loss\), or step\(closure\)"),
        ("sgd() | 0.1 * armijo()", {"loss": 1.0}, r"needs the loss_at of update 0: write step\(loss=loss, loss_of="),
        ("sgd() | 0.1 * gradient_noise()", {"loss": 1.0}, "with the variance that backward_halves returns"),
    ],
)
def test_what_only_the_script_can_tell_is_asked_for_before_anything_moves(text, given, said):
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], text)
    weight.grad = torch.ones(2)
    with pytest.raises(StepsizeError, match=said) as caught:
        made.step(**given)
    assert "\n" not in str(caught.value)
    assert (weight.tolist(), made.scheduler.last_epoch) == ([1.0, 1.0], 0)


def test_a_loss_that_is_not_finite_is_an_error_or_held():
    weight = torch.nn.Parameter(torch.ones(2))
    for on_nonfinite in ("raise", "skip"):
        made = optimizer([weight], "sgd() | clip_rms(1) | 0.1 * spike()", on_nonfinite=on_nonfinite)
        weight.grad = torch.zeros(2)
        if on_nonfinite == "raise":
            with pytest.raises(StepsizeError, match="the loss of update 0 is nan"):
                made.step(loss=float("nan"))
        else:
            made.step(loss=float("nan"))
            assert made.scheduler.last_epoch == 1


def test_what_the_engine_cannot_do_is_said_in_one_line():
    weight = torch.nn.Parameter(torch.ones(2))
    with pytest.raises(StepsizeError, match=r"clip\(1\) stands between rule and rate, so torch's kernels cannot"):
        optimizer([weight], "adam() | clip(1) | 0.1", fused=True)
    with pytest.raises(StepsizeError, match=r"a group has a weight_decay and .* has none: write one"):
        optimizer([{"params": [weight], "weight_decay": 0.1}], "adam() | clip(1) | 0.1")
    table = torch.nn.Embedding(4, 2, sparse=True)
    made = optimizer(table.parameters(), "adam() | clip(1) | 0.1")
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(StepsizeError, match="is sparse, which this strategy cannot compute with"):
        made.step()
    with pytest.raises(StepsizeError, match="has the schedule"):
        Scheduler(made, "constant()")


@pytest.mark.parametrize(
    ("first", "params", "said"),
    [
        (torch.ones(3), [torch.nn.Parameter(torch.ones(3))], "a tensor of one element"),
        (torch.ones(()), [torch.nn.Parameter(torch.ones(3))], "with a graph"),
        (torch.ones(()), [], "at least 1 tensor"),
    ],
)
def test_halves_that_are_none_are_refused(first, params, said):
    with pytest.raises(StepsizeError, match=said):
        backward_halves(first, first, params)


def test_parameters_on_two_devices_are_refused():
    here, there = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2, device="meta"))
    made = optimizer([here, there], "sgd() | clip_rms(1) | 0.1", on_nonfinite="ignore")
    here.grad, there.grad = torch.ones(2), torch.ones(2, device="meta")
    with pytest.raises(StepsizeError, match="parameters lie on cpu and meta"):
        made.step()


def test_a_closure_without_a_loss_is_said():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "sgd() | 0.1 * polyak()")
    weight.grad = torch.ones(2)
    with pytest.raises(StepsizeError, match="needs the loss of update 0"):
        made.step(lambda: None)
    assert weight.tolist() == [1.0, 1.0]


def test_what_a_group_asks_for_and_cannot_have_is_refused_whole():
    first, second = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    with pytest.raises(StepsizeError, match="a group has 'betas' of its own"):
        optimizer([{"params": [first], "betas": (0.5, 0.9)}], "adam() | clip(1) | 0.1")
    made = optimizer([first], "adam() | clip(1) | 0.1")
    with pytest.raises(StepsizeError, match="write one weight_decay into the strategy"):
        made.add_param_group({"params": [second], "weight_decay": 0.1})
    assert len(made.param_groups) == 1
    half = optimizer([torch.nn.Parameter(torch.ones(2, dtype=torch.float16))], "adam() | clip(1) | 0.1")
    half.param_groups[0]["params"][0].grad = torch.ones(2, dtype=torch.float16)
    with pytest.raises(StepsizeError, match="is in float16, whose squares overflow"):
        half.step()


@pytest.mark.parametrize(
    "text", ["sgd() | weight_decay(0.5) | 0.1 * infrared()", "sgd() | clip_rms(9) | 0.1 * infrared()"]
)
def test_the_loss_comes_with_the_step_and_with_nothing_else(text):
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], text)
    weight.grad = torch.ones(2)
    with pytest.raises(StepsizeError, match=r"write step\(loss=loss\)"):
        made.scheduler.see(loss=1.0)
    with pytest.raises((StepsizeError, TypeError), match="los"):
        made.step(los=1.0)
    assert (weight.tolist(), made.scheduler.last_epoch) == ([1.0, 1.0], 0)
    made.step(loss=1.0, grad_variance=0.1, loss_of=lambda: 1.0)
    assert made.scheduler.last_epoch == 1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda one: optimizer([one], "sgd() | 0.1", on_nonfinite="bogus"), "optimizer: on_nonfinite must be one of"),
        (lambda one: optimizer(one, "sgd() | 0.1"), r"write \[tensor\]"),
    ],
)
def test_wrong_arguments_are_said_in_one_line(call, said):
    with pytest.raises(StepsizeError, match=said):
        call(torch.nn.Parameter(torch.ones(2)))


def test_it_says_what_it_is():
    made = optimizer([torch.nn.Parameter(torch.ones(2))], "adam() | clip(1) | 0.1")
    assert repr(made).startswith("StrategyEngine of adam() | clip(1) | 0.1, 0 updates done\n")


@pytest.mark.parametrize("text", ["clip_norm(1) | adam() | 0.1", "adam() | stable() | 0.1"])
def test_an_error_speaks_of_the_call_that_was_written(text):
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], text)
    weight.grad = torch.tensor([math.nan, 1.0])
    with pytest.raises(StepsizeError, match=r"^optimizer: 1 of 2 elements .*on_nonfinite='skip'"):
        made.step()


def test_complex_parameters_are_refused_in_the_name_of_what_was_written():
    with pytest.raises(StepsizeError, match=r"^optimizer: .*is complex"):
        optimizer([torch.nn.Parameter(torch.ones(2, dtype=torch.complex64))], "adam() | 0.1")
