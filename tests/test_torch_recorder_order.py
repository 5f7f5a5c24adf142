"""Every loss in the line of its own update, wherever the loop hands it over; and updates that were left out."""

import json

import pytest
import torch

from stepsize.adapters.torch import Recorder, clip_gradients, clip_update, optimizer
from stepsize.lab.records.record import read


def lines(path):
    """The lines of updates, without the head and what was decided between."""
    return [row for line in path.read_text().splitlines() if "loss" in (row := json.loads(line))]


def loop(path, place, *, updates=5, accumulation=1, zero="first", **options):
    """Rows of a loop whose gradient of update u is u + 1 and whose loss is 10·(u + 1), at the place of the call."""
    one = torch.nn.Parameter(torch.zeros(1))
    made = torch.optim.SGD([one], lr=0.1)
    clip_update(made, "clip(0.25)")
    with Recorder(made, path, **options) as recorder:
        for u in range(updates):
            if zero == "first":
                made.zero_grad()

            def closure(u=u):
                recorder.step(10.0 * (u + 1))
                made.zero_grad()
                ((u + 1) * one).sum().backward()

            if place == "closure":
                made.step(closure)
                continue
            for i in range(accumulation):
                loss = 10.0 * (u + 1) + i
                if place == "before the backward":
                    recorder.step(loss)
                ((u + 1) * one).sum().backward()
                if place == "before the step":
                    recorder.step(loss)
                if i + 1 < accumulation and place == "after":
                    recorder.step(loss)
            made.step()
            if place == "after":
                recorder.step(loss)
            if zero == "last":
                made.zero_grad()
            if place == "after zero_grad":
                recorder.step(loss)
    return lines(path)


@pytest.mark.parametrize("zero", ["first", "last"])
@pytest.mark.parametrize("place", ["closure", "before the backward", "before the step", "after", "after zero_grad"])
@pytest.mark.parametrize("every", [1, 2])
def test_each_loss_is_in_the_line_of_its_update(place, zero, every, tmp_path):
    rows = loop(tmp_path / "run.jsonl", place, zero=zero, every=every)
    there = list(range(0, 5, every))
    assert [row["step"] for row in rows] == there
    assert [row["loss"] for row in rows] == [10.0 * (u + 1) for u in there]
    assert [row["grad_norm"] for row in rows] == [u + 1 for u in there]
    assert [row["clipped"] for row in rows] == [float(0.1 * (u + 1) > 0.25) for u in there]


def test_the_losses_of_accumulation(tmp_path):
    before = loop(tmp_path / "a.jsonl", "before the backward", accumulation=3, zero="last")
    assert [row["loss"] for row in before] == [10.0 * (u + 1) + 1 for u in range(5)]  # their mean
    after = loop(tmp_path / "b.jsonl", "after", accumulation=3)
    assert [row["loss"] for row in after] == [10.0 * (u + 1) + 2 for u in range(5)]  # that of the last


def test_a_nan_is_told_at_its_own_update_inside_a_closure(tmp_path):
    one = torch.nn.Parameter(torch.ones(1))
    made = torch.optim.SGD([one], lr=0.1)
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        for u in range(30):

            def closure(u=u):
                loss = (one * (float("nan") if u == 20 else 1)).sum()
                recorder.step(loss)
                made.zero_grad()
                loss.backward()
                return loss

            made.step(closure)
    assert len(read(tmp_path / "run.jsonl")) == 30
    assert next(row["step"] for row in lines(tmp_path / "run.jsonl") if row["loss"] == "nan") == 20


def test_a_full_disk_before_the_update_does_not_break_the_step():
    one = torch.nn.Parameter(torch.ones(1))
    made = torch.optim.SGD([one], lr=0.1)
    recorder = Recorder(made, "/dev/full", done=3)
    recorder.step(1.0)
    one.grad = torch.ones(1)
    with pytest.warns(UserWarning, match="ends at update 3, it cannot be written"):
        made.step()
    recorder.step(1.0)
    made.step()
    recorder.close()


@pytest.mark.parametrize("text", ["clip_norm(1) | adam() | 0.1", "zclip() | adam() | stable() | 0.1"])
@pytest.mark.parametrize("first", [True, False])
def test_updates_left_out_are_counted_written_and_told_once(text, first, tmp_path):
    one = torch.nn.Parameter(torch.ones(2))
    made = optimizer([("head.weight", one)], text, on_nonfinite="skip")
    told = pytest.warns(
        UserWarning, match="10 updates in a row were left out: 1 of 2 elements of the gradient of head.we"
    )
    with Recorder(made, tmp_path / "run.jsonl") as recorder, told as found:
        for u in range(45):
            loss = (one * torch.tensor([1.0, float("nan") if u % 20 > 6 else 1.0])).sum()
            made.zero_grad()
            if first:
                recorder.step(u)
            loss.backward()
            made.step()
            if not first:
                recorder.step(u)
    left_out = [u for u in range(45) if u % 20 > 6]
    assert made.skipped == len(left_out)
    assert [row["step"] for row in lines(tmp_path / "run.jsonl") if row.get("skipped") == 1] == left_out
    assert [row["loss"] for row in lines(tmp_path / "run.jsonl")] == list(range(45))
    assert len(found) == 1
    assert len(read(tmp_path / "run.jsonl")) == 45


def test_a_few_updates_left_out_are_counted_without_a_word():
    one = torch.nn.Parameter(torch.ones(2))
    made = torch.optim.SGD([one], lr=0.1)
    clipping = clip_gradients(made, "clip_norm(1)", on_nonfinite="skip")
    for u in range(60):
        one.grad = torch.full((2,), float("nan") if u % 10 else 1.0)  # nine in a row, again and again
        made.step()
    assert clipping.skipped == 54
