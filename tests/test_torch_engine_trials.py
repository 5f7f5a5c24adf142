"""A whole strategy in a torch loop: slopes, halves of a batch and trial steps."""

import copy

import numpy as np
import pytest
import torch

from looped import BATCH, STEPS, X, Y, squares, trained
from stepsize import StepsizeError, descend, problems
from stepsize.adapters.torch import backward_halves, optimizer


def test_slopes_and_trial_steps_are_those_of_all_groups_together(monkeypatch):
    """With rates 0.1 and 0.2 the slope weighs the second group's part twice, and loss_at moves both."""
    from stepsize.controllers.armijo import armijo

    shown = []
    step = armijo.step
    monkeypatch.setattr(armijo, "step", lambda self, state, now: (shown.append(now), step(self, state, now))[1])
    first, second = (torch.nn.Parameter(torch.tensor([one], dtype=torch.float64)) for one in (3.0, 4.0))
    made = optimizer([{"params": [first]}, {"params": [second], "lr": 0.2}], "sgd() | 0.1 * armijo()")

    def loss():
        return (first**2 + second**2).sum() / 2

    found = loss()
    found.backward()
    tried = []
    made.step(loss=found, loss_of=lambda: tried.append((first.item(), second.item())) or loss())
    assert shown[0].slope == pytest.approx(9 + 2 * 16)
    far = made.scheduler.course.parts[0].factors[0] * 0.1
    assert (first.item(), second.item()) == pytest.approx((3 - far * 3, 4 - 2 * far * 4))
    assert tried[-1] == pytest.approx((first.item(), second.item()))


@pytest.mark.parametrize("share", [0.5, 0.25])
def test_backward_halves_is_the_gradient_of_the_whole_batch(share):
    rows, cut = torch.arange(8), int(8 * share)
    theta = torch.ones(5, dtype=torch.float64, requires_grad=True)
    loss, variance = backward_halves(squares(theta, rows[:cut]), squares(theta, rows[cut:]), [theta], share=share)
    halves = theta.grad
    theta.grad = None
    whole = squares(theta, rows)
    whole.backward()
    assert torch.allclose(halves, theta.grad)
    assert loss.item() == pytest.approx(whole.item())
    parts = [torch.autograd.grad(squares(theta, part), theta)[0] for part in (rows[:cut], rows[cut:])]
    assert variance.item() == pytest.approx(share * (1 - share) * ((parts[0] - parts[1]) ** 2).sum().item())


def exploding(way, **options):
    weight = torch.nn.Parameter(torch.tensor([1.5, 0.5], dtype=torch.float64))
    made = optimizer([weight], "sgd() | 10 * armijo(shrink=0.1)", **options)

    def closure():
        made.zero_grad()
        loss = (weight**2).sum().exp()
        loss.backward()
        return loss

    if way == "closure":
        made.step(closure)
    else:
        made.step(loss=closure(), loss_of=lambda: (weight**2).sum().exp())
    return weight


@pytest.mark.parametrize("on_nonfinite", ["raise", "skip"])
def test_a_trial_that_overflows_is_a_trial_that_failed(on_nonfinite):
    """The gradients of a trial are nobody's; only those of the update are judged."""
    weights = [exploding(way, on_nonfinite=on_nonfinite) for way in ("loss_of", "closure")]
    assert torch.equal(*weights)
    assert 0 < (weights[0] ** 2).sum() < 2.5


def test_a_closure_leaves_the_gradient_of_the_update():
    weight = torch.nn.Parameter(torch.tensor([3.0], dtype=torch.float64))
    made = optimizer([weight], "sgd() | 0.1 * armijo()")

    def closure():
        made.zero_grad()
        loss = (weight**2).sum()
        loss.backward()
        return loss

    made.step(closure)
    assert weight.grad.tolist() == [6.0]
    assert weight.item() != 3


def test_what_raises_in_a_trial_leaves_everything_as_it_was():
    weight = torch.nn.Parameter(torch.tensor([3.0, 1.0]))
    made = optimizer([weight], "zclip() | sgd(momentum=0.9) | 1.0 * plateau(0.5, 0) * armijo()")
    weight.grad = 2 * weight.detach()
    before = copy.deepcopy(made.state_dict()["schedule"])
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            made.step(loss=10.0, loss_of=lambda: 1 / 0)
    assert (weight.tolist(), weight.grad.tolist()) == ([3.0, 1.0], [6.0, 2.0])
    after = made.state_dict()["schedule"]
    assert (after["control"], after["last_epoch"]) == (before["control"], before["last_epoch"])
    assert not any(made.state[weight].get("momentum", torch.zeros(1)).tolist())


@pytest.mark.parametrize("answer", [None, torch.ones(3)])
def test_a_trial_that_is_no_number_is_said(answer):
    weight = torch.nn.Parameter(torch.tensor([3.0, 1.0]))
    made = optimizer([weight], "sgd() | 1.0 * armijo()")
    weight.grad = 2 * weight.detach()
    with pytest.raises(StepsizeError, match="loss_of must be a number or a tensor of one element"):
        made.step(loss=10.0, loss_of=lambda: answer)
    assert weight.tolist() == [3.0, 1.0]


def test_trials_inside_an_autocast_see_the_weights_that_they_try():
    layer, row, tried = torch.nn.Linear(4, 1, bias=False), torch.ones(2, 4), []
    made = optimizer(layer.parameters(), "sgd() | 1.0 * armijo()")

    def loss_of():
        tried.append(((layer(row).float() - 3) ** 2).mean())
        return tried[-1]

    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_of()
        loss.backward()
        made.step(loss=loss, loss_of=loss_of)
        after = loss_of()
    assert len({one.item() for one in tried[1:-1]}) == len(tried) - 2 > 1
    assert after.item() == pytest.approx(tried[-2].item())


def test_a_clip_after_the_rate_that_looks_at_the_rule_sees_the_same_in_trials_and_in_the_update():
    strategy = "adam(beta2=0.9) | 0.05 * armijo() | stable(beta2=0.9)"
    theta, made = trained(strategy)
    run = descend(problems.least_squares(X, Y), strategy, steps=STEPS, batch_size=BATCH)
    np.testing.assert_allclose(theta.detach().numpy(), run.params, rtol=1e-7)
    assert made.scheduler.last_epoch == STEPS


def test_a_slope_that_is_not_finite_is_no_error_of_the_script():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "sgd() | clip_rms(1) | 1.0 * polyak(high=1)")
    weight.grad = torch.full((2,), 3e38)  # finite, but not its square
    made.step(loss=1.0)
    assert torch.isfinite(weight).all()
