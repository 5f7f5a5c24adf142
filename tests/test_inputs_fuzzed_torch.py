"""States that torch loops load, and a record that goes on, harmed: a value or one StepsizeError, never half of either.

STEPSIZE_FUZZ_SECONDS=60 tries each input for a minute instead of a fixed number of times.
"""

import copy
import json

import numpy as np
import pytest
import torch

from harmed import changed, harmed, tries
from stepsize.adapters.torch import Recorder, Scheduler, clip_gradients, optimizer
from stepsize.lab.records.record import read
from test_inputs_fuzzed import outcome


def weight():
    return torch.nn.Parameter(torch.ones(3))


def stepped(made, param, count, scheduler=None):
    for t in range(count):
        param.grad = torch.full((3,), 0.5 - t / 40)
        made.step()
        if scheduler is not None:
            scheduler.step(loss=3.0 - t / 10)


def same(a, b):
    """Whether two states are equal, tensors and NaN included."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(one, b[key]) for key, one in a.items())
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.shape == b.shape and torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))
    return bool(a == b) or (a != a and b != b)


def test_states_of_a_scheduler():
    def begun():
        param = weight()
        made = torch.optim.SGD([param], lr=0.1, momentum=0.9)
        text = "0.1 * (warmup(3) >> cosine()) * plateau(patience=1)"
        return param, made, Scheduler(made, text, total_steps=30)

    param, made, one = begun()
    stepped(made, param, 8, one)
    state = one.state_dict()
    for rng in tries("scheduler state", 300):
        _, made, new = begun()
        before, rate = copy.deepcopy(new.state_dict()), made.param_groups[0]["lr"]
        _, refused = outcome(new.load_state_dict, changed(rng, state), rng.choice(("error", "keep", "replace")))
        if refused:
            assert same(new.state_dict(), before)
            assert made.param_groups[0]["lr"] == rate
        else:
            assert np.isfinite(made.param_groups[0]["lr"])


@pytest.mark.parametrize("text", ["adam() | 0.01 * cosine()", "zclip() | sgd(momentum=0.9) | 0.1 * plateau()"])
def test_states_of_a_strategy(text):
    def begun():
        param = weight()
        return param, optimizer([param], text, total_steps=30)

    param, one = begun()
    for t in range(6):
        param.grad = torch.full((3,), 0.5)
        one.step(loss=2.0 - t / 10) if "plateau" in text else one.step()
    state = one.state_dict()
    for rng in tries(f"strategy state: {text}", 200):
        _, new = begun()
        before = copy.deepcopy(new.state_dict())
        _, refused = outcome(new.load_state_dict, changed(rng, state))
        if refused:
            assert same(new.state_dict(), before)


def test_states_of_clips():
    def begun():
        param = weight()
        made = torch.optim.SGD([param], lr=0.1)
        return param, made, clip_gradients(made, "zclip() | percentile() | adagc()")

    param, made, one = begun()
    stepped(made, param, 6)
    state = one.state_dict()
    for rng in tries("state of clips", 250):
        _, _, new = begun()
        before = copy.deepcopy(new.state_dict())
        _, refused = outcome(new.load_state_dict, changed(rng, state))
        assert not refused or same(new.state_dict(), before)


def test_records_that_go_on(tmp_path):
    """What was whole stays, and the new rows are there."""
    rows = [{"step": t, "loss": 2 - t / 10, "lr": 0.5, "grad_norm": 1.0} for t in range(8)]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path = tmp_path / "run.jsonl"
    for rng in tries("recorder file", 150):
        path.write_bytes(worse := harmed(rng, content))
        param = weight()
        made = torch.optim.SGD([param], lr=0.5)
        with Recorder(made, path, done=8) as recorder:
            for loss in (1.5, 1.25):
                param.grad = torch.ones(3)
                made.step()
                recorder.step(loss)
        assert path.read_bytes().startswith(worse)
        assert [json.loads(line)["step"] for line in path.read_bytes().split(b"\n")[-3:-1]] == [8, 9]
        outcome(read, path)
