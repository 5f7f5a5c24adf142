"""Two processes: what controllers see is averaged, so that every rank decides the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from stepsize import seen
from stepsize.adapters.torch import optimizer
from stepsize.controllers.infrared import infrared

STEPS = 30
LOSSES = [(3 + np.cumsum(np.random.default_rng(rank).normal(-0.02, 0.2, size=STEPS))).tolist() for rank in (0, 1)]

WHOLE = ["sgd() | 0.01 * robust_infrared()", "zclip() | sgd() | clip_rms(1) | 1 * polyak() * cosine()"]

SCRIPT = f"""
import json, math, sys
import torch
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor
from stepsize import StepsizeError
from stepsize.adapters.torch import Recorder, Scheduler, optimizer

rank, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
distributed.init_process_group("gloo", init_method=f"file://{{folder}}/meet", rank=rank, world_size=2)
LOSSES = {LOSSES!r}[rank]
found = {{}}

def sgd():
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1)

def fed(scheduler, feed):
    rates = []
    for t, loss in enumerate(LOSSES):
        feed(scheduler, t, loss)
        rates.append(scheduler.optimizer.param_groups[0]["lr"])
    return rates

text = "warmup(5) * infrared(0.1, 0.9)"
found["step"] = fed(Scheduler(sgd(), text), lambda one, t, loss: one.step(loss=loss))

def before(one, t, loss):
    one.see(loss=torch.tensor(loss, dtype=torch.float64))
    one.step()

found["see"] = fed(Scheduler(sgd(), text), before)
found["both"] = fed(
    Scheduler(sgd(), "infrared(0.1, 0.9) * plateau(0.5, 1, watch='metric')"),
    lambda one, t, loss: one.step(loss=loss, metric=1 + loss if t % 3 == 0 else None),
)
groups = [distributed.new_group([one]) for one in (0, 1)]
found["alone"] = fed(Scheduler(sgd(), text, process_group=groups[rank]), lambda one, t, loss: one.step(loss=loss))
found["pure"] = fed(Scheduler(sgd(), "warmup(5)"), lambda one, t, loss: one.step(loss=loss) if rank else one.step())

torchs = torch.optim.lr_scheduler.ReduceLROnPlateau(sgd(), factor=0.5, patience=0)
found["torch"] = fed(torchs, lambda one, t, loss: one.step(loss))

def broken(one, t, loss):
    one.step(loss=math.nan if t == 7 and rank == 1 else loss)

held = Scheduler(sgd(), text, on_nonfinite="hold")
found["hold"] = fed(held, broken)
strict = Scheduler(sgd(), text)
try:
    fed(strict, broken)
except StepsizeError as error:
    found["raise"] = [strict.last_epoch, str(error), strict.get_last_lr()]

mesh = init_device_mesh("cpu", (2,))
gradient = distribute_tensor(torch.tensor([3.0, 4.0]), mesh, [Shard(0)])
norm = torch.linalg.vector_norm(gradient)
one = Scheduler(sgd(), "infrared()")
one.step(loss=norm)
found["sharded"] = [one.state_dict()["control"][0]["states"][0][0], norm.to_local().item()]

stopped, again = Scheduler(sgd(), text), Scheduler(sgd(), text)
for loss in LOSSES[:10]:
    stopped.step(loss=loss)
again.load_state_dict(stopped.state_dict())
for loss in LOSSES[10:]:
    again.step(loss=loss)
found["resumed"] = again.get_last_lr()

torch.manual_seed(0)
x, y = torch.randn(12, 3, dtype=torch.float64), torch.randn(12, dtype=torch.float64)

def whole(strategy, rows, averaging):
    weight = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
    made = optimizer([weight], strategy, total_steps=20)
    loss_of = lambda: ((x[rows] @ weight - y[rows]) ** 2).mean()
    for _ in range(20):
        made.zero_grad()
        loss = loss_of()
        loss.backward()
        if averaging:
            distributed.all_reduce(weight.grad)
            weight.grad /= 2
        made.step(loss=loss, loss_of=loss_of)
    return weight.tolist()

halves = [slice(0, 6), slice(6, 12)]
for text in {WHOLE!r}:
    found[text] = whole(text, halves[rank], True)

recorded = sgd()
with Recorder(recorded, f"{{folder}}/run.jsonl") as recorder:
    for t in range(25):
        recorded.param_groups[0]["params"][0].grad = torch.ones(2)
        recorded.step()
        recorder.step(100 * rank + t)
found["recorded"] = recorder.done
distributed.destroy_process_group()
open(f"{{folder}}/rank{{rank}}.json", "w").write(json.dumps(found))
"""


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What each of two ranks found in one run of the script."""
    folder = tmp_path_factory.mktemp("ranks")
    script = folder / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [sys.executable, script, str(rank), folder], stderr=subprocess.PIPE, text=True, env=environment
        )
        for rank in (0, 1)
    ]
    try:
        said = [one.communicate(timeout=120)[1] for one in running]
    finally:
        for one in running:
            one.kill()
    assert [one.returncode for one in running] == [0, 0], said
    found = [json.loads(Path(folder, f"rank{rank}.json").read_text()) for rank in (0, 1)]
    rows = map(json.loads, Path(folder, "run.jsonl").read_text().splitlines()[1:])  # the first is the head
    found[0]["record"] = [row["loss"] for row in rows]
    return found


def alone(losses, rule=infrared(0.1, 0.9), warm=5):  # noqa: B008  (frozen)
    """The rates of one process that sees these losses."""
    state, rates = rule.init(), []
    for t, loss in enumerate(losses, 1):
        factor, state, _ = rule.step(state, seen(loss=loss))
        rates.append(0.1 * min((t + 1) / warm, 1) * factor)
    return rates


MEAN = [(a + b) / 2 for a, b in zip(*LOSSES, strict=True)]


def test_rank_0_alone_writes_the_record(ranks):
    assert ranks[0]["record"] == list(range(25))
    assert (ranks[0]["recorded"], ranks[1]["recorded"]) == (25, 25)


@pytest.mark.parametrize("how", ["step", "see", "both", "hold"])
def test_both_ranks_use_the_same_rates(ranks, how):
    assert ranks[0][how] == ranks[1][how]
    assert len(set(ranks[0][how])) > 5


@pytest.mark.parametrize("how", ["step", "see"])
def test_the_rates_are_those_of_the_mean(ranks, how):
    np.testing.assert_allclose(ranks[0][how], alone(MEAN), rtol=1e-12)
    assert ranks[0]["step"] != pytest.approx(alone(LOSSES[0]))


def test_torchs_plateau_decides_on_each_rank_for_itself(ranks):
    """Known difference: torch's own scheduler sees the local loss, and the ranks part without a word."""
    assert ranks[0]["torch"] != ranks[1]["torch"]


def test_a_process_group_bounds_the_mean(ranks):
    for rank in (0, 1):
        np.testing.assert_allclose(ranks[rank]["alone"], alone(LOSSES[rank]), rtol=1e-12)


def test_a_schedule_does_not_talk(ranks):
    assert ranks[0]["pure"] == ranks[1]["pure"]  # though only one rank passed a loss


def test_a_nan_on_one_rank_is_one_decision(ranks):
    without = alone([loss for t, loss in enumerate(MEAN) if t != 7], warm=1)
    held = [one for t, one in enumerate(ranks[0]["hold"]) if t != 7]
    np.testing.assert_allclose(held[5:], without[5:], rtol=1e-12)
    assert ranks[0]["raise"] == ranks[1]["raise"]
    assert ranks[0]["raise"][0] == 7
    assert "the loss of update 7 is nan" in ranks[0]["raise"][1]


def test_a_sharded_tensor_is_read_whole(ranks):
    for rank, local in ((0, 3.0), (1, 4.0)):
        assert ranks[rank]["sharded"] == [5.0, local]


def test_a_resumed_run_goes_on_with_both(ranks):
    for one in ranks:
        assert one["resumed"] == [one["step"][-1]]


@pytest.mark.parametrize("text", WHOLE)
def test_a_strategy_on_two_halves_of_the_data_is_that_on_all_of_it(ranks, text):
    """Slopes are those of the averaged gradient, trial losses are averaged: both ranks go where one process goes."""
    assert ranks[0][text] == ranks[1][text]
    torch.manual_seed(0)
    x, y = torch.randn(12, 3, dtype=torch.float64), torch.randn(12, dtype=torch.float64)
    weight = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
    made = optimizer([weight], text, total_steps=20)
    for _ in range(20):
        made.zero_grad()
        loss = ((x @ weight - y) ** 2).mean()
        loss.backward()
        made.step(loss=loss, loss_of=lambda: ((x @ weight - y) ** 2).mean())
    np.testing.assert_allclose(ranks[0][text], weight.detach().numpy(), rtol=1e-9)
