"""Sinks of a Recorder: functions get rows, one that raises is left out and the run goes on."""

import json

import pytest
import torch

from stepsize import StepsizeError
from stepsize.adapters import sinks
from stepsize.adapters.torch import Recorder


def recorded(path, *listed, updates=4):
    weight = torch.nn.Parameter(torch.ones(1))
    made = torch.optim.SGD([weight], lr=0.5)
    with Recorder(made, path, sinks=listed) as recorder:
        for _ in range(updates):
            weight.grad = torch.ones(1)
            made.step()
            recorder.step(1.0)


class Whole:
    """A sink of a user's own."""

    def __init__(self):
        self.got = []

    def begin(self, head):
        self.got.append(head["kind"])

    def row(self, row):
        self.got.append(row["step"])

    def close(self):
        self.got.append("closed")


def test_a_function_gets_the_rows_of_the_file(tmp_path):
    rows = []
    recorded(tmp_path / "run.jsonl", rows.append)
    assert rows == [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()][1:]


def test_an_object_gets_the_head_the_rows_and_the_end(tmp_path):
    sink = Whole()
    recorded(tmp_path / "run.jsonl", sink)
    assert sink.got == ["stepsize recording", 0, 1, 2, 3, "closed"]


def test_one_that_raises_is_left_out_with_one_warning_and_the_others_go_on(tmp_path):
    calls, rows = [], []

    def breaks(row):
        calls.append(row)
        if row["step"] == 1:
            raise ConnectionError("the server\nis away")

    with pytest.warns(UserWarning, match=r"sink Function\(breaks\) is left out from update 1 on: ConnectionError: the"):
        recorded(tmp_path / "run.jsonl", breaks, rows.append)
    assert (len(calls), len(rows)) == (2, 4)
    assert len((tmp_path / "run.jsonl").read_text().splitlines()) == 5


def test_a_sink_that_cannot_be_closed_is_told(tmp_path):
    class Stuck(Whole):
        def close(self):
            raise OSError("no space")

    with pytest.warns(UserWarning, match=r"could not be closed: OSError: no space"):
        recorded(tmp_path / "run.jsonl", Stuck())


def test_a_function_cannot_change_what_the_file_holds(tmp_path):
    def changes(row):
        row.clear()

    rows = []
    recorded(tmp_path / "run.jsonl", changes, rows.append)
    assert [row["step"] for row in rows] == [0, 1, 2, 3]


@pytest.mark.parametrize("wrong", ["tensorboard", 3, sinks.TensorBoard, None])
def test_what_is_no_sink_is_said(tmp_path, wrong):
    with pytest.raises(StepsizeError, match=r"is no sink: list values of stepsize\.adapters\.sinks, such as"):
        recorded(tmp_path / "run.jsonl", wrong)
    assert not (tmp_path / "run.jsonl").exists()


def test_rows_of_decisions_are_told_in_words():
    row = {
        "step": 1,
        "decisions": [{"kind": "skip", "group": "", "why": "NaN"}, {"kind": "plateau", "group": "head", "why": "x"}],
    }
    assert sinks.base.sentences(row) == "skip: NaN; plateau (head): x"
    assert sinks.base.numbers(row | {"loss": 2}) == {"loss": 2.0}
