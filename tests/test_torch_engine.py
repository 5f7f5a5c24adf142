"""Everything that `descend` runs, in a torch loop: the same numbers, in groups, precisions and left-out updates."""

import math

import numpy as np
import pytest
import torch

from looped import BATCH, CLIPPED, CONTROLLED, OTHERS, STEPS, X, Y, trained
from stepsize import StepsizeError, descend, problems
from stepsize.adapters.torch import Scheduler, Strategy, optimizer
from stepsize.adapters.torch.strategy.staged import StrategyEngine


@pytest.mark.parametrize("strategy", [*CONTROLLED, *CLIPPED, *OTHERS])
def test_a_torch_loop_gives_the_numbers_of_descend(strategy):
    run = descend(problems.least_squares(X, Y), strategy, steps=STEPS, batch_size=BATCH)
    assert run.steps == STEPS
    theta, made = trained(strategy)
    np.testing.assert_allclose(theta.detach().numpy(), run.params, rtol=1e-7, atol=1e-10)
    assert made.scheduler.last_epoch == STEPS


@pytest.mark.parametrize("strategy", [*CONTROLLED, *CLIPPED[:8], *OTHERS])
def test_a_closure_gives_the_same_numbers(strategy):
    assert torch.equal(trained(strategy)[0], trained(strategy, way="closure")[0])


def test_groups_keep_their_own_rates_and_decays():
    first, second, third = (torch.nn.Parameter(torch.ones(2, dtype=torch.float64)) for _ in range(3))
    made = optimizer(
        [{"params": [first]}, {"params": [second], "lr": 0.01, "weight_decay": 0.0}],
        "sgd() | clip_rms(10) | weight_decay(0.5) | 0.1 * linear()",
        total_steps=10,
    )
    assert isinstance(made, StrategyEngine)
    for _ in range(2):
        for one in (first, second):
            one.grad = torch.ones_like(one)
        made.step()
    kept = (1 - 0.1 * 0.5) * 1 - 0.1
    assert first.tolist() == pytest.approx([kept - 0.09 * (1 + 0.5 * kept)] * 2)
    assert second.tolist() == pytest.approx([1 - 0.01 - 0.009] * 2)
    made.add_param_group({"params": [third], "weight_decay": 0.0})
    made.scheduler.write()
    third.grad = torch.ones_like(third)
    made.step()
    assert third.tolist() == pytest.approx([1 - 0.1 * 0.8] * 2)


def test_parameters_without_a_gradient_stay_with_their_memory():
    """The second parameter takes part in every second update only; for the first nothing changes."""
    text = "spam(2, warm_up=1) | sgd(momentum=0.9) | clip_rms(10) | 0.1 * barzilai_borwein(high=1)"
    results = []
    for both in (False, True):
        first, second = (torch.nn.Parameter(torch.tensor([1.0, 2.0], dtype=torch.float64)) for _ in range(2))
        made = optimizer([first, second], text)
        for t in range(6):
            made.zero_grad()
            loss = (first**2).sum() + (0 * (second**2).sum() if both and t % 2 else 0)
            loss.backward()
            made.step(loss=loss)
        results.append(first.tolist())
        assert second.tolist() == [1.0, 2.0]
    assert results[0] == pytest.approx(results[1])


def test_a_left_out_update_moves_nothing():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "zclip() | adam() | clip_rms(1) | 0.1 * spike()", on_nonfinite="skip")
    weight.grad = torch.tensor([1.0, float("nan")])
    made.step(loss=1.0)
    assert (made.scheduler.last_epoch, weight.tolist()) == (0, [1.0, 1.0])
    weight.grad = torch.tensor([1.0, 1.0])
    made.step(loss=1.0)
    assert made.scheduler.last_epoch == 1
    assert weight.tolist() != [1.0, 1.0]
    assert all(math.isfinite(float(one)) for state in made.state_dict()["stages"]["states"] for one in state.values())


def test_mixed_precision_leaves_an_update_out():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "sgd() | clip_rms(0.5) | 0.1 * linear()", total_steps=10)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for gradient in (float("inf"), 100.0):
        made.zero_grad()
        scaler.scale((weight * gradient).sum()).backward()
        scaler.step(made)
        scaler.update()
    assert made.scheduler.last_epoch == 1
    assert weight.tolist() == pytest.approx([0.95] * 2)


def test_a_metric_is_seen_between_the_updates():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "sgd() | clip_rms(9) | 0.1 * plateau(0.5, 0, watch='metric')")
    for metric in (1.0, 2.0):
        made.scheduler.see(metric=metric)
        weight.grad = torch.ones(2)
        made.step()
    assert made.param_groups[0]["lr"] == pytest.approx(0.05)


def test_a_rule_of_ones_own_is_computed():
    from stepsize.descents import Rule

    class signs(Rule):
        __slots__ = ()

        def init(self, param):
            return {}

        def update(self, grad, state, param):
            return grad.sign(), state

    weight = torch.nn.Parameter(torch.tensor([1.0, -1.0]))
    made = optimizer([weight], signs() | 0.5)
    weight.grad = torch.tensor([7.0, -0.1])
    made.step()
    assert weight.tolist() == [0.5, -0.5]
    assert isinstance(made, Strategy)


def test_single_precision_keeps_its_type():
    weight = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    made = optimizer([weight], "zclip() | adam() | clip_rms(1) | 0.1 * distance()")
    for _ in range(3):
        weight.grad = torch.ones_like(weight)
        made.step()
    assert weight.dtype == torch.bfloat16
    assert {one.dtype for one in made.state[weight].values() if torch.is_tensor(one)} == {torch.bfloat16}


@pytest.mark.parametrize("text", ["sgd() | {} * 0.1", "sgd() | clip_rms(10) | {} * 0.1"])
def test_a_later_group_is_scheduled_at_once_and_takes_part(text):
    first, second = (torch.nn.Parameter(torch.ones(2, dtype=torch.float64)) for _ in range(2))
    made = optimizer([first], text.format("linear()"), total_steps=10)
    for one in (first, second):
        one.grad = torch.ones_like(one)
    made.step()
    made.add_param_group({"params": [second]})
    made.step()
    assert second.tolist() == pytest.approx([1 - 0.09] * 2)


def test_a_later_group_leaves_the_memory_of_clips():
    first, second = (torch.nn.Parameter(torch.zeros(1, dtype=torch.float64)) for _ in range(2))
    made = optimizer([first], "percentile(50, history=3) | sgd() | clip_rms(1e9) | 1.0")
    for size in (1.0, 1.0, 1.0):
        first.grad = torch.tensor([size], dtype=torch.float64)
        made.step()
    made.add_param_group({"params": [second]})
    first.grad, second.grad = (torch.tensor([one], dtype=torch.float64) for one in (30.0, 40.0))
    made.step()
    assert second.item() == pytest.approx(-0.8)  # the median norm is still 1


def test_a_base_rate_of_zero_moves_nothing():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([{"params": [weight], "lr": 0.0}], "sgd() | clip_rms(1) | 0.0 * polyak()")
    weight.grad = torch.ones(2)
    made.step(loss=1.0)
    assert (weight.tolist(), made.scheduler.last_epoch) == ([1.0, 1.0], 1)


def test_how_far_the_run_is_can_be_seen(monkeypatch):
    from stepsize.controllers.infrared import infrared

    monkeypatch.setattr(infrared, "needs", ("loss", "progress", "slope"))
    shown = []
    step = infrared.step
    monkeypatch.setattr(
        infrared, "step", lambda self, state, now: (shown.append(now.progress), step(self, state, now))[1]
    )
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "sgd() | 0.1 * infrared()", total_steps=4)
    for _ in range(4):
        weight.grad = torch.ones(2)
        made.step(loss=1.0)
    assert shown == [0, 0.25, 0.5, 0.75]


def test_empty_and_scalar_parameters_are_taken():
    empty, scalar = torch.nn.Parameter(torch.zeros(0)), torch.nn.Parameter(torch.tensor(2.0))
    made = optimizer([empty, scalar], "adagc() | sgd() | unitwise() | 0.5")
    empty.grad, scalar.grad = torch.zeros(0), torch.tensor(1.0)
    made.step()
    assert scalar.item() < 2


def test_frozen_parameters_have_no_state():
    frozen, weight = (torch.nn.Parameter(torch.ones(2), requires_grad=one) for one in (False, True))
    made = optimizer([frozen, weight], "spam() | adam() | clip_rms(1) | 0.1 * distance()")
    weight.grad = torch.ones(2)
    made.step()
    assert list(made.state) == [weight]
    assert list(made.state_dict()["stages"]["states"][0]["roots"]) == ["1"]


def test_an_update_without_any_gradient_is_counted_as_torchs_is():
    weight = torch.nn.Parameter(torch.ones(2))
    for text in ("sgd() | 0.1 * infrared()", "sgd() | 0.1 * polyak()"):
        made = optimizer([weight], text)
        made.step(loss=1.0)
        assert made.scheduler.last_epoch == 1


def test_the_decay_of_a_group_can_be_scheduled():
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    made = optimizer([{"params": [weight], "weight_decay": 0.5}], "sgd() | clip_rms(9) | weight_decay(0.1) | 0.1")
    Scheduler(made, {"weight_decay": "constant(0)"})
    weight.grad = torch.zeros_like(weight)
    made.step()
    assert weight.item() == 1


def test_the_graph_of_the_loss_is_let_go():
    import weakref

    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "sgd() | 0.1 * infrared()")
    loss = (weight**2).sum()
    loss.backward()
    made.step(loss=loss)
    alive = weakref.ref(loss)
    del loss
    assert alive() is None


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("text", ["sgd() | 1.0", "sgd(momentum=0.9) | 1.0", "adam() | 1.0"])
def test_half_precision_moves_on_a_processor(text, dtype):
    """torch 2.13's fused SGD leaves whole blocks of half-precision elements where they are."""
    weight = torch.nn.Parameter(torch.ones(1000, dtype=dtype))
    made = optimizer([weight], text)
    weight.grad = torch.full_like(weight, 0.5)
    made.step()
    assert (weight != 1).all()
    if "sgd" in text:
        with pytest.raises(StepsizeError, match="no fused SGD that moves half-precision"):
            optimizer([weight], text, fused=True)
