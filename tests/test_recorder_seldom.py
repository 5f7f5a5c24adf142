"""A loop that hands over the loss of every k-th update: every update counts, and a row stands at its own."""

import json

import pytest
import torch

from stepsize.adapters.torch import Recorder, clip_gradients
from stepsize.lab.records.record import read


def rows_of(path, place, there, *, updates=24, **options):
    """Rows of a loop whose gradient of update u is u + 1, which hands the losses 10·u of these updates over."""
    one = torch.nn.Parameter(torch.zeros(1))
    made = torch.optim.SGD([one], lr=0.1)
    with Recorder(made, path, **options) as recorder:
        for u in range(updates):

            def closure(u=u):
                made.zero_grad()
                if place == "closure" and u in there:
                    recorder.step(10.0 * u)
                ((u + 1) * one).sum().backward()
                return one

            if place == "closure":
                made.step(closure)
                continue
            closure()
            if place == "before" and u in there:
                recorder.step(10.0 * u)
            made.step()
            if place == "after zero_grad":
                made.zero_grad()
            if place.startswith("after") and u in there:
                recorder.step(10.0 * u)
    return [row for line in path.read_text().splitlines() if "loss" in (row := json.loads(line))]


@pytest.mark.parametrize("place", ["after", "after zero_grad", "before", "closure"])
@pytest.mark.parametrize("there", [range(0, 24, 5), range(4, 24, 5), [0, 1, 2, 9, 23]])
def test_a_row_stands_at_its_own_update(place, there, tmp_path):
    rows = rows_of(tmp_path / "run.jsonl", place, there)
    assert [row["step"] for row in rows] == list(there)
    assert [row["loss"] for row in rows] == [10.0 * u for u in there]
    assert [row["grad_norm"] for row in rows] == [u + 1 for u in there]
    assert read(tmp_path / "run.jsonl").steps.tolist() == list(there)


@pytest.mark.parametrize("place", ["after", "before", "closure"])
def test_what_is_due_waits_for_the_next_loss(place, tmp_path):
    rows = rows_of(tmp_path / "run.jsonl", place, range(3, 24, 4), every=8, layers_every=16)
    assert [row["step"] for row in rows] == [3, 11, 19]  # the first losses from updates 0, 8 and 16 on
    assert ["update_norm" in row for row in rows] == [True, False, True]


def test_a_run_that_goes_on_counts_from_where_it_was(tmp_path):
    rows = rows_of(tmp_path / "run.jsonl", "after", range(4, 24, 5), done=100)
    assert [row["step"] for row in rows] == [104, 109, 114, 119]


def test_a_look_at_other_data_stands_after_the_updates_made(tmp_path):
    one = torch.nn.Parameter(torch.zeros(1))
    made = torch.optim.SGD([one], lr=0.1)
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        for u in range(12):
            one.grad = torch.ones(1)
            made.step()
            if u % 4 == 0:
                recorder.step(1.0)
            if u in (6, 8):
                recorder.validation(2.0)
    record = read(tmp_path / "run.jsonl")
    assert (record.steps.tolist(), record.measured_at) == ([0, 4, 8], (7, 9))


def test_a_decision_stands_at_its_update_though_that_has_no_row(tmp_path):
    one = torch.nn.Parameter(torch.zeros(1))
    made = torch.optim.SGD([one], lr=0.1)
    clip_gradients(made, "clip_norm(1)", on_nonfinite="skip")
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        for u in range(12):
            one.grad = torch.full((1,), float("nan") if u in (6, 11) else 0.5)
            made.step()
            if u % 5 == 0:
                recorder.step(1.0)
    record = read(tmp_path / "run.jsonl")
    assert record.steps.tolist() == [0, 5, 10]
    assert [(one.step, one.kind) for one in record.decisions] == [(6, "skip"), (11, "skip")]


def test_an_update_that_mixed_precision_left_out_does_not_count(tmp_path):
    one = torch.nn.Parameter(torch.ones(1))
    made = torch.optim.SGD([one], lr=0.1, fused=True)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    with Recorder(made, tmp_path / "run.jsonl", scaler=scaler) as recorder:
        for u in range(12):
            made.zero_grad()
            scaler.scale((one * (float("inf") if u == 3 else 1.0)).sum()).backward()
            scaler.step(made)
            scaler.update()
            if u % 5 == 0:
                recorder.step(float(u))
    record = read(tmp_path / "run.jsonl")
    assert (record.steps.tolist(), record.losses.tolist()) == ([0, 4, 9], [0.0, 5.0, 10.0])
