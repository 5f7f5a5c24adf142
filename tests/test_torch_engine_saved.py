"""A whole strategy in a torch loop: saved, loaded, copied, replaced."""

import copy
import io
import pickle

import numpy as np
import pytest
import torch

from looped import BATCH, CLIPPED, CONTROLLED, OTHERS, STEPS, X, Y, squares, trained
from resumed import resumed
from stepsize import StepsizeError, descend, problems
from stepsize.adapters.torch import clip_gradients, clip_update, optimizer
from stepsize.lab.runs.batches import Batches
from subjects import CLIPS


@pytest.mark.parametrize("strategy", [*CONTROLLED, *CLIPPED, *OTHERS])
def test_stop_save_load_continue_is_exact(strategy):
    straight, _ = trained(strategy)
    theta, made = trained(strategy, steps=13)
    again, fresh = resumed(theta, made, strategy, STEPS)
    theta, _ = trained(strategy, begin=13, made=fresh, theta=again)
    assert torch.equal(theta, straight)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
@pytest.mark.parametrize("strategy", [CONTROLLED[-1], CLIPPED[-1], *OTHERS])
def test_a_copy_goes_on_alone(copied, strategy):
    straight, _ = trained(strategy)
    theta, made = trained(strategy, steps=13)
    other, twin = copied((theta, made))
    theta, _ = trained(strategy, begin=13, made=made, theta=theta)
    other, _ = trained(strategy, begin=13, made=twin, theta=other)
    assert torch.equal(theta, straight)
    assert torch.equal(other, straight)


@pytest.mark.parametrize("one", [one for one in CLIPS if type(one).init is not type(one).__mro__[1].init], ids=str)
@pytest.mark.parametrize(("call", "text"), [(clip_gradients, "{} | sgd() | 0.05"), (clip_update, "sgd() | 0.05 | {}")])
def test_a_clip_with_a_memory_on_an_optimizer_of_torchs_goes_on_where_it_was_saved(one, call, text):
    run = descend(problems.least_squares(X, Y), text.format(one), steps=STEPS, batch_size=BATCH)
    theta = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    clipping = call(sgd := torch.optim.SGD([theta], lr=0.05), one)
    batches = Batches(len(X), BATCH, 0)
    for t in range(STEPS):
        if t == 13:
            buffer = io.BytesIO()
            torch.save(clipping.state_dict(), buffer)
            buffer.seek(0)
            theta = theta.detach().clone().requires_grad_()
            clipping = call(sgd := torch.optim.SGD([theta], lr=0.05), one)
            clipping.load_state_dict(torch.load(buffer, weights_only=True))
        sgd.zero_grad()
        squares(theta, torch.from_numpy(batches.next())).backward()
        sgd.step()
    np.testing.assert_allclose(theta.detach().numpy(), run.params, rtol=1e-9, atol=1e-12)


def test_the_memory_of_other_clips_is_refused():
    weight = torch.nn.Parameter(torch.ones(2))
    one, other = (clip_gradients(torch.optim.SGD([weight], lr=0.1), text) for text in ("zclip()", "percentile()"))
    with pytest.raises(StepsizeError, match=r"the state is that of zclip\(\), not of percentile\(\)"):
        other.load_state_dict(one.state_dict())


def test_the_step_of_a_checkpoint_that_lays_out_the_state_is_not_counted():
    from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

    module = torch.nn.Linear(2, 1)
    made = optimizer(module.parameters(), "adam() | clip_rms(1) | 0.1 * linear()", total_steps=10)
    get_optimizer_state_dict(module, made)
    assert (made.scheduler.last_epoch, made.param_groups[0]["lr"]) == (0, 0.1)


SAVED = ["zclip() | sgd() | 0.1", "zclip() | sgd() | clip_rms(1) | 0.1"]


@pytest.mark.parametrize("text", SAVED)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("zclip", "percentile"), "the state is that of"),
        (lambda text: text.replace("zclip() | ", ""), "the state is that of"),
        (lambda text: text, "the state is that of 1 parameter, not of 2 parameters"),
    ],
)
def test_a_refused_load_loads_nothing(text, change, said):
    weights = [torch.nn.Parameter(torch.ones(2)) for _ in range(3)]
    made = optimizer(weights[:1], text)
    weights[0].grad = torch.ones(2)
    made.step()
    other = optimizer(weights[1:] if "parameter" in said else weights[1:2], change(text))
    with pytest.raises(StepsizeError, match=said):
        other.load_state_dict(made.state_dict())
    assert (other.scheduler.last_epoch, len(other.state)) == (0, 0)


@pytest.mark.parametrize("text", [*SAVED, "sgd() | 0.1 | spam()"])
def test_going_back_to_the_beginning_forgets_what_clips_saw(text):
    ends = []
    weight = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    made = optimizer([weight], text.replace("zclip()", "percentile(50, history=3)"))
    begin = copy.deepcopy(made.state_dict())
    for _ in range(2):
        made.load_state_dict(begin)
        weight.data.zero_()
        for size in (1.0, 2.0, 9.0, 2.0):
            weight.grad = torch.full_like(weight, size)
            made.step()
        ends.append(weight.tolist())
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    "text", ["sgd() | 0.1 * polyak()", "sgd() | 0.1 * infrared()", "adam() | 0.1 * linear(0, 1, 9)"]
)
def test_a_checkpoint_of_a_fresh_optimizer_asks_no_controller_and_counts_nothing(text):
    from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

    module = torch.nn.Linear(2, 1)
    made = optimizer(module.parameters(), text)
    get_optimizer_state_dict(module, made)
    assert made.scheduler.last_epoch == 0
    for one in module.parameters():
        one.grad = torch.ones_like(one)
    made.step(loss=1.0)
    assert made.scheduler.last_epoch == 1


def test_another_expression_that_is_kept_is_shown_what_it_needs():
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    saved = optimizer([weight], "sgd() | clip_rms(9) | 0.1 * polyak()").state_dict()
    made = optimizer([weight], "sgd() | clip_rms(9) | 0.1 * constant()", on_change="keep")
    made.load_state_dict(saved)
    made.step(loss=1.0)
    assert made.param_groups[0]["lr"] == pytest.approx(0.05)  # half of the loss over the slope 2: 0.1 * 0.5
    native = optimizer([weight], "sgd() | 0.1 * constant()", on_change="keep")
    with pytest.raises(StepsizeError, match="never sees"):
        native.scheduler.load_state_dict(saved["schedule"])


def test_a_replaced_expression_is_written_at_once():
    weight = torch.nn.Parameter(torch.ones(2))
    saved = optimizer([weight], "sgd() | clip_rms(9) | 0.1 * constant()").state_dict()
    made = optimizer([weight], "sgd() | clip_rms(9) | 0.1 * constant(0.5)", on_change="replace")
    made.load_state_dict(saved)
    assert made.param_groups[0]["lr"] == pytest.approx(0.05)


def test_the_state_of_torchs_own_optimizer_is_refused():
    weight = torch.nn.Parameter(torch.ones(2))
    own = torch.optim.Adam([weight], lr=0.1)
    weight.grad = torch.ones(2)
    own.step()
    made = optimizer([weight], "adam() | stable() | 0.1")
    with pytest.raises(StepsizeError, match="the state is that of another optimizer, not of adam"):
        made.load_state_dict(own.state_dict())
    made.step()
