"""The record of a torch run: what was written is what was done, whatever made the update."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from stepsize import StepsizeError, descend, problems
from stepsize.adapters.torch import Recorder, Scheduler, clip_gradients, optimizer
from stepsize.lab.records.record import read

X = np.random.default_rng(1).normal(size=(30, 4))
Y = X @ np.arange(4.0)
TX, TY = torch.from_numpy(X), torch.from_numpy(Y)


def lines(path):
    """The lines of updates, without the head and what was decided between."""
    return [row for line in path.read_text().splitlines() if "loss" in (row := json.loads(line))]


def head(path):
    return json.loads(path.read_text().splitlines()[0])


def squares(theta):
    return ((TX @ theta - TY) ** 2).mean()


@pytest.mark.parametrize("closure", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "clip_norm(0.5) | sgd(momentum=0.9) | 0.05 * linear()",
        "sgd() | clip_rms(0.1) | 0.05 * cosine()",
        "clip(0.5) | sgd() | 0.05 | clip(0.02)",
        "zclip(warm_up=3) | sgd(momentum=0.9) | 0.05 | clip_norm(0.1)",
        "clip_norm(9) | adam() | stable() | 0.05 | clip_rms(0.01)",
        "sgd() | 0.1 * infrared(0.5, 0.9)",
        "sgd() | 1 * polyak(high=0.2)",
    ],
)
def test_the_record_of_a_strategy_is_that_of_descend(text, closure, tmp_path):
    model = torch.nn.Module()
    theta = model.theta = torch.nn.Parameter(torch.zeros(4, dtype=torch.float64))
    made = optimizer([theta], text, total_steps=12)
    with Recorder(made, tmp_path / "run.jsonl", model, total_steps=12) as recorder:
        for _ in range(12):

            def backward():
                made.zero_grad()
                loss = squares(theta)
                loss.backward()
                return loss

            if closure:
                loss = made.step(backward)
            else:
                loss = backward()
                made.step(loss=loss)
            recorder.step(loss)
    rows = lines(tmp_path / "run.jsonl")
    run = descend(problems.least_squares(X, Y), text, steps=12)
    assert [row["step"] for row in rows] == list(range(12))
    np.testing.assert_allclose([row["loss"] for row in rows], run.losses, rtol=1e-9)
    np.testing.assert_allclose([row["lr"] for row in rows], run.rates, rtol=1e-9)
    np.testing.assert_allclose([row["grad_norm"] for row in rows], run.grad_norms, rtol=1e-9)
    if "clip" in text:
        np.testing.assert_allclose([row["clipped"] for row in rows], run.record.clipped, rtol=1e-9)
        assert any(run.record.clipped)
    else:
        assert "clipped" not in rows[0]
    assert head(tmp_path / "run.jsonl")["planned_steps"] == 12
    assert "planned_steps" not in rows[0]


def trained(made, scheduler, recorder, weight, steps, loss=None):
    for _ in range(steps):
        made.zero_grad()
        found = (weight**2).sum()
        found.backward()
        made.step()
        scheduler.step()
        recorder.step(found if loss is None else loss)


def test_a_stopped_run_goes_on_in_its_file_and_no_file_is_overwritten(tmp_path):
    weight, path = torch.nn.Parameter(torch.ones(2)), tmp_path / "run.jsonl"
    made = torch.optim.SGD([weight], lr=0.1)
    scheduler = Scheduler(made, "linear()", total_steps=10)
    with Recorder(made, path, every=2) as recorder:
        trained(made, scheduler, recorder, weight, 5)
    with pytest.raises(StepsizeError, match=r"is there already: name another file, or go on with done="):
        Recorder(made, path)
    with Recorder(made, path, every=2, done=5) as recorder:
        trained(made, scheduler, recorder, weight, 5)
    assert [row["step"] for row in lines(path)] == [0, 2, 4, 6, 8]
    assert [row["lr"] for row in lines(path)] == pytest.approx([0.1, 0.08, 0.06, 0.04, 0.02])
    made.step()  # closed: nothing more is written
    assert len(lines(path)) == 5


def test_numbers_that_are_none_have_names(tmp_path):
    weight, path = torch.nn.Parameter(torch.ones(2)), tmp_path / "run.jsonl"
    made = torch.optim.SGD([weight], lr=0.1)
    with Recorder(made, path) as recorder:
        for loss in (math.nan, math.inf):
            weight.grad = torch.tensor([loss, 1.0])
            made.step()
            recorder.step(loss)
    assert [(row["loss"], row["grad_norm"]) for row in lines(path)] == [("nan", "nan"), ("inf", "inf")]


@pytest.mark.parametrize("fused", [False, True])
def test_an_update_left_out_by_mixed_precision_has_no_line(fused, tmp_path):
    weight, path = torch.nn.Parameter(torch.ones(2)), tmp_path / "run.jsonl"
    made = torch.optim.Adam([weight], lr=0.1, fused=fused)  # a fused one unscales inside its step
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    with Recorder(made, path) as recorder:
        for gradient in (math.inf, 3.0):
            made.zero_grad()
            scaler.scale((weight * gradient).sum()).backward()
            scaler.step(made)
            scaler.update()
            recorder.step(gradient)
    assert [(row["step"], row["loss"]) for row in lines(path)] == [(0, 3.0)]
    assert lines(path)[0]["grad_norm"] == pytest.approx(3 * math.sqrt(2))


def test_a_line_that_was_cut_off_is_ended_before_the_next(tmp_path):
    weight, path = torch.nn.Parameter(torch.ones(1)), tmp_path / "run.jsonl"
    path.write_text('{"step": 0, "loss": 2.0, "lr": 0.1}\n{"step": 1, "lo')
    made = torch.optim.SGD([weight], lr=0.1)
    with Recorder(made, path, done=1) as recorder:
        for _ in range(30):
            weight.grad = torch.ones(1)
            made.step()
            recorder.step(1.0)
    assert read(path).losses.tolist() == [2.0] + [1.0] * 30


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")
def test_a_full_disk_ends_the_record_and_not_the_run():
    weight = torch.nn.Parameter(torch.ones(1))
    made = torch.optim.SGD([weight], lr=0.1)
    recorder = Recorder(made, "/dev/full", done=3)
    weight.grad = torch.ones(1)
    made.step()
    with pytest.warns(UserWarning, match="Recorder: /dev/full ends at update 3, it cannot be written: No space left"):
        recorder.step(1.0)
    made.step()
    recorder.step(1.0)
    recorder.close()


def test_a_strategy_tells_its_text_and_its_length(tmp_path):
    path, text = tmp_path / "run.jsonl", "clip_norm(1) | sgd() | 0.1 * cosine()"
    weight = torch.nn.Parameter(torch.ones(1))
    made = optimizer([weight], text, total_steps=40)
    with Recorder(made, path) as recorder:
        for _ in range(2):
            weight.grad = torch.ones(1)
            made.step()
            recorder.step(1.0)
    first, (row, other) = head(path), lines(path)
    assert (first["planned_steps"], first["strategy"]) == (40, text)
    assert "strategy" not in row
    assert "strategy" not in other
    assert (read(path).planned_steps, read(path).text) == (40, text)


def test_a_path_that_is_none_is_said():
    with pytest.raises(StepsizeError, match="path must name a file to write, not None"):
        Recorder(torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1), None)


def test_the_gradient_is_that_from_before_the_clip(tmp_path):
    weight, path = torch.nn.Parameter(torch.zeros(2)), tmp_path / "run.jsonl"
    made = torch.optim.SGD([weight], lr=0.1)
    clip_gradients(made, "clip_norm(1)")
    with Recorder(made, path) as recorder:
        weight.grad = torch.tensor([30.0, 40.0])
        made.step()
        recorder.step(1.0)
    assert lines(path)[0]["grad_norm"] == 50
    assert weight.tolist() == pytest.approx([-0.06, -0.08])


def test_clips_are_counted_only_while_somebody_looks(tmp_path):
    weight = torch.nn.Parameter(torch.ones(1))
    made = torch.optim.SGD([weight], lr=0.1)
    clipping = clip_gradients(made, "clip_norm(1)")
    with Recorder(made, tmp_path / "run.jsonl", every=2) as recorder:
        for step, size in enumerate((30.0, 0.5, 0.5, 0.5, 2.0)):
            weight.grad = torch.full((1,), size)
            made.step()
            assert clipping.shares == ([float(size > 1)] if step % 2 == 0 else None)
            recorder.step(1.0)
    assert [row["clipped"] for row in lines(tmp_path / "run.jsonl")] == [1.0, 0.0, 1.0]
    assert clipping.shares is None


def test_a_folder_that_is_none_is_said_in_one_line(tmp_path):
    with pytest.raises(StepsizeError, match="cannot be written: No such file"):
        Recorder(torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1), tmp_path / "none" / "run.jsonl")


def test_the_record_is_read_by_diagnose_with_its_layers(tmp_path):
    from stepsize.lab.diagnosis import diagnose
    from stepsize.lab.records.record import read

    torch.manual_seed(0)
    deep = [layer for _ in range(8) for layer in (torch.nn.Linear(8, 8), torch.nn.Sigmoid())]
    model = torch.nn.ModuleDict({"net": torch.nn.Sequential(torch.nn.Linear(4, 8), *deep, torch.nn.Linear(8, 1))})
    made = torch.optim.SGD(model.parameters(), lr=0.001)
    with Recorder(made, tmp_path / "run.jsonl", model, total_steps=100) as recorder:
        for _ in range(100):
            made.zero_grad()
            loss = torch.nn.functional.mse_loss(model["net"](TX.float())[:, 0], TY.float())
            loss.backward()
            made.step()
            recorder.step(loss)
    record = read(tmp_path / "run.jsonl")
    assert (len(record), record.planned_steps, len(record.layers)) == (100, 100, 10)
    found = {one.illness: one for one in diagnose(record).findings}
    assert "the gradient of “net.0” is" in found["vanishing gradients"].says
    assert "times shorter than that of “net.17”" in found["vanishing gradients"].says


def test_a_layer_is_a_module_with_a_matrix(tmp_path):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.LayerNorm(3), torch.nn.Linear(3, 1))
    made = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(made, tmp_path / "run.jsonl", model) as recorder:
        loss = model(TX.float()).square().mean()
        loss.backward()
        norms = [math.hypot(one.weight.grad.norm().item(), one.bias.grad.norm().item()) for one in (model[0], model[2])]
        made.step()
        recorder.step(loss)
    row = lines(tmp_path / "run.jsonl")[0]
    assert {key for key in row if "/" in key} == {"grad_norm/0", "grad_norm/2", "update/0", "update/2"}
    assert [row["grad_norm/0"], row["grad_norm/2"]] == pytest.approx(norms, rel=1e-6)


def test_a_model_that_is_none_is_said(tmp_path):
    with pytest.raises(StepsizeError, match=r"model must be a torch\.nn\.Module, not bool"):
        Recorder(torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1), tmp_path / "run.jsonl", True)
