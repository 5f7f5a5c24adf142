"""What a torch Recorder wrote is one record: read back equal, to the last whole line, whatever the disk did."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stepsize.adapters.torch import Recorder, optimizer
from stepsize.adapters.torch.recorder import spent
from stepsize.course import log
from stepsize.lab.records.record import Record
from stepsize.lab.records.record import read as read_all


def recorded(path, losses, gradients, done=0):
    """A run with these losses and gradients, of which the record that should be read is returned."""
    weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    made = torch.optim.SGD([weight], lr=0.5)
    with Recorder(made, path, done=done) as recorder:
        for loss, gradient in zip(losses, gradients, strict=True):
            weight.grad = torch.tensor([gradient], dtype=torch.float64)
            made.step()
            recorder.step(loss)
    count = len(losses)
    return Record(
        np.arange(done, done + count), np.array(losses), np.full(count, 0.5), grad_norms=np.abs(np.array(gradients))
    )


def read(path):
    """The record but for what a clock and the weights say, and what is said of the optimizer."""
    others = dict.fromkeys(("seconds", "update_norms", "weight_norms", "optimizer"))
    return replace(read_all(path), **others)


@pytest.fixture(autouse=True, scope="module")
def _stopped_clock():
    """The same bytes each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spent, "perf_counter", lambda: 0.0)
        yield


pairs = st.lists(st.tuples(st.floats(), st.floats(-1e6, 1e6)), min_size=1, max_size=6)


@given(pairs, st.data())
def test_it_is_read_back_equal_and_to_the_last_whole_line(tmp_path_factory, pairs, data):
    path = tmp_path_factory.mktemp("recorder") / "run.jsonl"
    wanted = recorded(path, *zip(*pairs, strict=True))
    assert read(path) == wanted
    content = path.read_bytes()
    first = content.index(b"\n", content.index(b"\n") + 1)  # the end of the first row, after the head
    cut = content[: data.draw(st.integers(first, len(content)))]
    path.write_bytes(cut)
    rows = content[: len(cut) + 1].count(b"\n") - 1  # a row that lacks its line break only is whole
    assert read(path) == wanted.until(rows)
    again = recorded(path, [1.0], [2.0], done=rows)  # the run goes on after its last whole line
    back = read(path)
    assert (back.until(rows), back.at(back.steps >= rows)) == (wanted.until(rows), again)


def disk_with(monkeypatch, room):
    """Room for so many bytes of each write; 0 is a full disk."""
    left = list(room)

    def put(self, rest):
        fits = left.pop(0) if left else len(rest)
        if not fits:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._file.write(rest[:fits])

    monkeypatch.setattr(log.Log, "_put", put)


def test_a_row_that_was_written_short_is_whole_where_space_comes_back(tmp_path, monkeypatch):
    path = tmp_path / "run.jsonl"
    disk_with(monkeypatch, [20, 1000, 9])
    assert recorded(path, [3.0, 2.0, 1.0], [1.0, 1.0, 1.0]) == read(path)
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()[1:]] == [0, 1, 2]


def test_a_disk_that_fills_up_in_a_row_ends_the_record_before_it(tmp_path, monkeypatch):
    path = tmp_path / "run.jsonl"
    disk_with(monkeypatch, [1000, 20, 0])
    with pytest.warns(UserWarning, match=r"run\.jsonl ends at update 1, it cannot be written: No space left"):
        recorded(path, [3.0, 2.0, 1.0], [1.0, 1.0, 1.0])
    assert path.read_bytes().endswith(b"}\n")
    assert read(path).steps.tolist() == [0]


def test_the_record_of_a_strategy_tells_what_descend_tells(tmp_path):
    weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    made = optimizer([weight], "clip(0.5) | sgd() | 0.5 * cosine()", total_steps=3)
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        for loss in (3.0, 2.0, 1.0):
            weight.grad = torch.ones(1, dtype=torch.float64)
            made.step()
            recorder.step(loss)
    back = read(tmp_path / "run.jsonl")
    assert (back.text, back.planned_steps) == ("clip(0.5) | sgd() | 0.5 * cosine()", 3)
    assert back.clipped.tolist() == [1.0, 1.0, 1.0]
