"""The torch scheduler writes rates that are tensors: in place, unshared, without reading back."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import stepsize as s
from scheduled import ALONE, now, sgd, stepped, tensor, weight
from stepsize.adapters.torch import Scheduler
from subjects import assert_close

pytestmark = ALONE


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensor_rates_are_filled_in_place(dtype):
    mine, theirs = tensor(0.1, dtype), torch.tensor([0.2], dtype=dtype)
    optimizer = sgd(mine, theirs)
    bases = [float(mine), float(theirs)]
    scheduler = Scheduler(optimizer, "cosine(7)")
    for t in range(10):
        assert optimizer.param_groups[0]["lr"] is mine
        assert optimizer.param_groups[1]["lr"] is theirs
        f = s.cosine(7)(t)
        assert [float(mine), float(theirs)] == [float(tensor(base * f, dtype)) for base in bases]
        assert scheduler.get_last_lr() == [base * f for base in bases]
        assert all(type(one) is float for one in scheduler.get_last_lr() + scheduler.base_lrs)
        scheduler.step()


def test_groups_that_share_a_tensor_are_parted():
    shared = tensor(0.1)
    optimizer = torch.optim.SGD([{"params": [weight()]}, {"params": [weight()]}], lr=shared)
    assert optimizer.param_groups[0]["lr"] is optimizer.param_groups[1]["lr"]
    Scheduler(optimizer, {0: "constant(0.5)"})
    assert now(optimizer) == [0.05, 0.1]
    assert float(optimizer.defaults["lr"]) == 0.1


def test_groups_that_come_later_share_no_tensor_either():
    optimizer = torch.optim.SGD([weight()], lr=tensor(0.1))
    scheduler = Scheduler(optimizer, "linear(1, 0, 10)")
    for _ in range(2):
        optimizer.add_param_group({"params": [weight()]})
    stepped(scheduler, 5)
    optimizer.add_param_group({"params": [weight()]})  # begins at the default, which nobody may have filled
    scheduler.step()
    held = [group["lr"] for group in optimizer.param_groups] + [optimizer.defaults["lr"]]
    assert len({id(one) for one in held}) == 5
    assert_close(now(optimizer), [0.1 * 0.4] * 4)
    assert scheduler.base_lrs == [0.1] * 4


def test_groups_that_share_a_tensor_in_a_checkpoint_are_parted_again():
    saved = torch.optim.SGD([{"params": [weight()]}, {"params": [weight()]}], lr=tensor(0.1)).state_dict()
    for expression, wanted in (
        ({0: "constant(0.5)", 1: "constant(0.25)"}, [0.05, 0.05]),
        ("constant(0.5)", [0.05, 0.1]),
    ):
        optimizer = sgd(tensor(0.1), tensor(0.2))
        scheduler = Scheduler(optimizer, expression)
        optimizer.load_state_dict(saved)
        scheduler.step()
        assert now(optimizer) == wanted


class Reads(TorchDispatchMode):
    """Counts what makes the host wait for the device: a tensor read back as a number."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("text", "reads"), [("warmup(5) >> cosine()", 0), ("cosine() * infrared()", 10)])
def test_a_schedule_reads_no_tensor_back(text, reads):
    scheduler = Scheduler(sgd(tensor(0.1), tensor(0.2)), {"lr": text, "momentum": "linear(0.5, 1)"}, total_steps=10)
    plain = Scheduler(sgd(tensor(0.1), tensor(0.2)), "cosine()", total_steps=10)
    loss = torch.tensor(2.0)
    with pytest.warns(match="nothing in cosine.10. looks at"):
        plain.step(loss)
    with Reads() as found:
        for _ in range(10):
            plain.step(loss, grad_norm=loss)
            scheduler.step(loss=loss, metric=loss, grad_norm=loss)
            scheduler.get_last_lr()
    assert found.count == reads


def compiled_graphs(lr):
    from torch._dynamo.testing import CompileCounter

    torch._dynamo.reset()
    counter = CompileCounter()
    one = weight()
    optimizer = torch.optim.SGD([one], lr=lr)
    scheduler = Scheduler(optimizer, "warmup(3) >> cosine()", total_steps=10)
    one.grad = torch.ones(2)
    step = torch.compile(optimizer.step, backend=counter)
    try:
        for _ in range(6):
            step()
            scheduler.step()
    finally:
        torch._dynamo.reset()
    return counter.frame_count, one.detach().clone()


@pytest.mark.filterwarnings("ignore")
def test_a_compiled_step_is_not_compiled_again():
    graphs, reached = compiled_graphs(torch.tensor(0.1))
    assert graphs == 1
    again, expected = compiled_graphs(0.1)
    assert again > 1  # a rate that is a plain number is compiled in
    torch.testing.assert_close(reached, expected)
