"""A whole strategy as a torch optimizer: the numbers of `descend`, and everything that torch's optimizers can do."""

import copy
import json
import pickle

import numpy as np
import pytest
import torch

from resumed import resumed
from stepsize import StepsizeError, descend, problems
from stepsize.adapters.torch import Scheduler, optimizer
from stepsize.adapters.torch.strategy.native import beyond
from stepsize.adapters.torch.strategy.staged import StrategyEngine
from stepsize.text import parse

RNG = np.random.default_rng(3)
X = RNG.normal(size=(40, 5))
Y = X @ RNG.normal(size=5) + 0.1 * RNG.normal(size=40)
STEPS = 40

STRATEGIES = [
    "sgd() | 0.1 * cosine()",
    "sgd(momentum=0.9, nesterov=True) | 0.05 * (warmup(5) >> linear())",
    "sgd(momentum=0.5, dampening=0.5) | 0.05",
    "adagrad() | 0.1",
    "adagrad(initial=0.1, eps=1e-7) | 0.1",
    "rmsprop(centered=True, momentum=0.5) | 0.01 * exponential(0.5)",
    "adam() | 0.05 * cosine() | clip(0.01)",
    "clip_norm(1) | adam(beta1=0.8) | 0.03 * (warmup('10%') >> cosine()) | clip(0.02)",
    "clip(0.5) | weight_decay(0.1) | sgd() | 0.1",
    "sgd(momentum=0.9) | weight_decay(0.1) | 0.05",
    "adamw(weight_decay=0.1) | 0.01 * stages(1, 0.1)",
    "rmsprop() | weight_decay(0.05) | 0.01 | clip_norm(0.05)",
    "adam() | 0.05 | clip_norm(0.1) | clip(0.03)",
    "sgd() | 0.1 * cosine() * infrared(0.5, 0.9)",
    "adam() | 0.1 * plateau(patience=2, factor=0.5) | clip(0.05)",
]


def squares(theta):
    return ((torch.from_numpy(X) @ theta - torch.from_numpy(Y)) ** 2).mean()


def trained(strategy, steps=STEPS, closure=False, begin=0, made=None, theta=None, total=STEPS, **options):
    """The parameters after a plain torch loop."""
    theta = torch.zeros(5, dtype=torch.float64, requires_grad=True) if theta is None else theta
    made = optimizer([theta], strategy, total_steps=total, **options) if made is None else made

    def closed():
        made.zero_grad()
        loss = squares(theta)
        loss.backward()
        return loss

    for _ in range(begin, steps):
        if closure:
            made.step(closed)
        else:
            made.step(loss=closed())
    return theta, made


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("options", [{}, {"foreach": True}, {"fused": False, "foreach": False}], ids=str)
def test_a_torch_loop_gives_the_numbers_of_descend(strategy, options):
    theta, _ = trained(strategy, **options)
    run = descend(problems.least_squares(X, Y), strategy, steps=STEPS)
    np.testing.assert_allclose(theta.detach().numpy(), run.params, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("strategy", [STRATEGIES[0], STRATEGIES[7], STRATEGIES[-2], STRATEGIES[-1]])
def test_a_closure_gives_the_same_numbers(strategy):
    assert torch.equal(trained(strategy)[0], trained(strategy, closure=True)[0])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_stop_save_load_continue_is_exact(strategy):
    straight, _ = trained(strategy)
    theta, made = trained(strategy, steps=17)
    again, fresh = resumed(theta, made, strategy, STEPS)
    theta, _ = trained(strategy, begin=17, made=fresh, theta=again)
    assert torch.equal(theta, straight)
    json.dumps(fresh.state_dict()["schedule"])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
@pytest.mark.parametrize("strategy", [STRATEGIES[7], STRATEGIES[9], STRATEGIES[-2]])
def test_a_copy_goes_on_alone_with_clips_and_schedule(copied, strategy):
    straight, _ = trained(strategy)
    theta, made = trained(strategy, steps=17)
    other, twin = copied((theta, made))
    theta, _ = trained(strategy, begin=17, made=made, theta=theta)
    assert torch.equal(theta, straight)
    other, _ = trained(strategy, begin=17, made=twin, theta=other)
    assert torch.equal(other, straight)


def test_it_is_torchs_own_optimizer():
    for text, kind in [
        ("sgd() | 0.1", torch.optim.SGD),
        ("adagrad() | 0.1", torch.optim.Adagrad),
        ("rmsprop() | 0.1", torch.optim.RMSprop),
        ("adam() | 0.1", torch.optim.Adam),
        ("adamw() | 0.1", torch.optim.AdamW),
    ]:
        made = optimizer([torch.nn.Parameter(torch.ones(2))], text)
        assert isinstance(made, kind)
        assert isinstance(made, torch.optim.Optimizer)
        assert made.defaults["lr"] == 0.1


def test_it_is_fused_where_torch_has_that_and_can_be_told():
    weight = torch.nn.Parameter(torch.ones(2))
    assert optimizer([weight], "adam() | 0.1").defaults["fused"] is True
    assert optimizer([weight], "adam() | 0.1", foreach=True).defaults["foreach"] is True
    assert optimizer([weight], "adam() | 0.1", foreach=True).defaults["fused"] is None


def test_fused_where_torch_has_none_is_an_error():
    with pytest.raises(StepsizeError, match="no fused RMSprop: leave fused out"):
        optimizer([torch.nn.Parameter(torch.ones(2))], "rmsprop() | 0.1", fused=True)


def test_groups_keep_their_own_rates_and_later_ones_are_scheduled():
    first, second, third = (torch.nn.Parameter(torch.ones(2)) for _ in range(3))
    made = optimizer(
        [{"params": (one for one in [first])}, {"params": [second], "lr": 0.01}],
        "sgd() | 0.1 * linear()",
        total_steps=10,
    )
    assert [group["lr"] for group in made.param_groups] == [0.1, 0.01]
    for _ in range(5):
        made.step()
    assert [group["lr"] for group in made.param_groups] == pytest.approx([0.05, 0.005])
    made.add_param_group({"params": [third]})
    made.scheduler.write()
    assert made.param_groups[2]["lr"] == pytest.approx(0.05)


def test_named_parameters_are_taken():
    module = torch.nn.Linear(3, 2)
    made = optimizer(module.named_parameters(), "adam() | 0.1")
    assert made.param_groups[0]["param_names"] == ["weight", "bias"]


@pytest.mark.parametrize(("fused", "answer"), [(False, 0.95), (True, 0.95)])
def test_an_update_that_mixed_precision_leaves_out_is_not_counted(fused, answer):
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "sgd() | weight_decay(0.1) | 0.1 * linear() | clip(0.05)", total_steps=10, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for gradient in (float("inf"), 100.0):
        made.zero_grad()
        scaler.scale((weight * gradient).sum()).backward()
        scaler.step(made)
        scaler.update()
    assert made.scheduler.last_epoch == 1
    assert weight.tolist() == pytest.approx([answer] * 2)


def test_a_left_out_gradient_leaves_everything_as_it_was():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "adam() | 0.1 * linear()", total_steps=10, on_nonfinite="skip")
    weight.grad = torch.tensor([1.0, float("nan")])
    made.step()
    assert made.scheduler.last_epoch == 0
    assert weight.tolist() == [1.0, 1.0]
    assert not made.state_dict()["state"]
    weight.grad = torch.tensor([1.0, 1.0])
    made.step()
    assert made.scheduler.last_epoch == 1


@pytest.mark.parametrize("strategy", ["sgd() | weight_decay(0.1) | 0.5", "rmsprop() | weight_decay(0.1) | 0.05"])
def test_decay_waits_for_the_closures_gradient(strategy):
    assert torch.equal(trained(strategy)[0], trained(strategy, closure=True)[0])


@pytest.mark.parametrize("rule", ["sgd()", "adagrad()", "rmsprop()", "adam()"])
def test_a_group_without_decay_keeps_out_of_the_strategys(rule):
    decayed, free, late = (torch.nn.Parameter(torch.ones(1)) for _ in range(3))
    made = optimizer(
        [{"params": [decayed]}, {"params": [free], "weight_decay": 0.0}], f"{rule} | weight_decay(0.5) | 0.1"
    )
    made.add_param_group({"params": [late], "weight_decay": 0.0})
    for one in (decayed, free, late):
        one.grad = torch.zeros(1)
    made.step()
    assert [one.item() for one in (decayed, free, late)] == pytest.approx([0.95, 1.0, 1.0])


def test_a_left_out_update_moves_neither_controllers_nor_decay():
    weight = torch.nn.Parameter(torch.ones(2))
    text = "sgd() | weight_decay(0.1) | 0.1 * plateau(0.5, 0)"
    made = optimizer([weight], text, on_nonfinite="skip")
    for loss in (1.0, 2.0):
        weight.grad = torch.full((2,), float("nan"))
        made.step(loss=torch.tensor(loss))
    weight.grad = torch.full((2,), float("nan"))
    made.step(loss=torch.tensor(float("nan")))
    assert (made.scheduler.last_epoch, made.param_groups[0]["lr"], weight.tolist()) == (0, 0.1, [1.0, 1.0])


def test_a_sparse_gradient_is_taken():
    table = torch.nn.Embedding(4, 2, sparse=True)
    made = optimizer(table.parameters(), "sgd() | 0.1")
    before = table.weight.detach().clone()
    table(torch.tensor([1])).sum().backward()
    made.step()
    assert torch.allclose(before - table.weight, torch.tensor([[0.0, 0.0], [0.1, 0.1], [0.0, 0.0], [0.0, 0.0]]))


def test_a_second_schedule_of_the_rate_is_refused():
    made = optimizer([torch.nn.Parameter(torch.ones(2))], "sgd(momentum=0.9) | 0.1 * linear()", total_steps=10)
    with pytest.raises(StepsizeError, match="has the schedule linear"):
        Scheduler(made, "constant()")
    Scheduler(made, {"momentum": "linear(1, 0.5, 10)"})


def test_the_step_of_a_checkpoint_that_lays_out_the_state_is_not_counted():
    from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

    module = torch.nn.Linear(2, 1)
    made = optimizer(module.parameters(), "sgd() | 0.1 * linear()", total_steps=10)
    get_optimizer_state_dict(module, made)
    assert (made.scheduler.last_epoch, made.param_groups[0]["lr"]) == (0, 0.1)


def test_a_refused_load_loads_nothing():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "adam() | 0.1 * linear()", total_steps=10)
    weight.grad = torch.ones(2)
    made.step()
    other = optimizer([torch.nn.Parameter(torch.ones(2))], "adam() | 0.1 * cosine()", total_steps=10)
    with pytest.raises(StepsizeError, match="the state was saved under"):
        other.load_state_dict(made.state_dict())
    assert not other.state_dict()["state"]


def test_a_load_may_choose_whose_rates_go_on():
    weight = torch.nn.Parameter(torch.ones(1))
    state = optimizer([weight], "sgd() | 0.1 * cosine()", total_steps=9).state_dict()
    other = optimizer([weight], "sgd() | 0.2 * cosine()", total_steps=9)
    with pytest.raises(StepsizeError, match=r'^optimizer: .* load_state_dict\(state, on_change="keep"\)'):
        other.load_state_dict(state)
    other.load_state_dict(state, on_change="keep")
    assert other.param_groups[0]["lr"] == 0.1


@pytest.mark.parametrize(
    ("params", "options", "said"),
    [
        (torch.nn.Linear(2, 1), {}, r"write model.parameters\(\)"),
        (None, {}, r"write model.parameters\(\)"),
        ("weights", {}, r"write model.parameters\(\)"),
        ([], {}, "there are no parameters"),
        ([torch.nn.Parameter(torch.ones(1))], {"total_step": 9}, "no option 'total_step': write total_steps"),
        ([torch.nn.Parameter(torch.ones(1))], {"total_steps": 0}, "^optimizer: total_steps must be"),
    ],
)
def test_what_is_no_argument_is_said_in_one_line(params, options, said):
    with pytest.raises(StepsizeError, match=said):
        optimizer(params, "sgd() | 0.1", **options)


def test_what_the_gradients_norm_decides(monkeypatch):
    from stepsize.controllers.infrared import infrared

    monkeypatch.setattr(infrared, "needs", ("loss", "grad_norm"))
    seen = []
    step = infrared.step
    monkeypatch.setattr(infrared, "step", lambda self, state, now: (seen.append(now), step(self, state, now))[1])
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "sgd() | 0.1 * infrared()")
    weight.grad = torch.tensor([3.0, 4.0])
    made.step(loss=1.0)
    assert (seen[0].loss, seen[0].grad_norm) == (1.0, 5.0)


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ("0.1 * cosine()", "write sgd()"),
        ("sgd()", "a rule without a rate"),
        ("sgd() | 0.1 * cosine()", r"write optimizer\(…, total_steps"),
    ],
)
def test_what_cannot_be_built_is_said_in_one_line(strategy, said):
    with pytest.raises(StepsizeError, match=said) as caught:
        optimizer([torch.nn.Parameter(torch.ones(2))], strategy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("strategy", "reason"),
    [
        ("rmsprop(eps_in_root=True) | 0.1", "rmsprop has no eps_in_root"),
        ("adam(eps_root=0.1) | 0.1", "no eps_root"),
        ("adagrad(eps_in_root=True) | 0.1", "no eps_in_root"),
        ("adam() | clip(1) | 0.1", "stands between rule and rate"),
        ("weight_decay(0.1) | clip(1) | sgd() | 0.1", "weight_decay"),
        ("weight_decay(0.1) | adam() | weight_decay(0.1) | 0.1", "no L2 term"),
        ("sgd() | 0.1 * polyak()", "looks at the slope"),
        ("trust() | sgd() | 0.1", "only clips"),
    ],
)
def test_what_torch_cannot_compute_is_computed_by_the_engine(strategy, reason):
    assert reason in beyond(parse(strategy))
    assert type(optimizer([torch.nn.Parameter(torch.ones(2))], strategy)) is StrategyEngine


@pytest.mark.parametrize("strategy", ["sgd() | 0.1", "adam() | 0.1 * polyak()", "adam() | 0.1 | clip(1)"])
def test_a_groups_decay_needs_one_in_the_strategy(strategy):
    weights = [torch.nn.Parameter(torch.ones(2)) for _ in range(3)]
    with pytest.raises(StepsizeError, match="write one weight_decay into the strategy"):
        optimizer([{"params": weights[:1], "weight_decay": 0.1}], strategy)
    made = optimizer([{"params": weights[:1], "weight_decay": 0.0}], strategy)
    with pytest.raises(StepsizeError, match="write one weight_decay into the strategy"):
        made.add_param_group({"params": weights[1:2], "weight_decay": 0.1})
    made.add_param_group({"params": weights[2:], "weight_decay": 0.0})
    assert len(made.param_groups) == 2


def test_a_missing_loss_is_said_before_anything_moves():
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], "sgd() | 0.1 * infrared()")
    weight.grad = torch.ones(2)
    with pytest.raises(StepsizeError, match=r"write step\(loss=loss\), or step\(closure\)"):
        made.step()
    assert weight.tolist() == [1.0, 1.0]
