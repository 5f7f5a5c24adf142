"""Inputs at the edge, each with the line that it gets: pipes, absurd counts, bytes that are no text, endless words."""

import copy
import json
import os
import pickle

import numpy as np
import pytest

from stepsize import ParseError, StepsizeError, descend, parse, problems
from stepsize.cli import commands
from stepsize.course.log import Log
from stepsize.lab.diagnosis import diagnose
from stepsize.lab.records.record import read
from stepsize.lab.study.journal import FILE, Journal, read_journal
from test_journal import changed, journal_in, lines_of

# --- messages


@pytest.mark.parametrize(
    "word", ["x" * 200_000, "it's " * 40_000, '"' * 200_000, "\\" * 200_001, "é\n" * 100_000], ids=range(5)
)
def test_a_message_quotes_the_ends_of_a_long_text(word):
    told = str(StepsizeError(f"log.csv: row 2 has {word!r} under loss, which is not a number: leave it empty"))
    assert len(told) <= 1000
    assert told.startswith("log.csv: row 2 has ")
    assert told.endswith("under loss, which is not a number: leave it empty")


def test_a_message_of_ordinary_length_is_left_alone():
    told = "x must be a number ≥ 0, not 'a word': see torch's own page and Keras's " + "word " * 150
    assert str(StepsizeError(told)) == told


def test_errors_of_long_texts_are_copied_and_pickled():
    with pytest.raises(ParseError) as error:
        parse("cosine(" + "x" * 50_000 + ")")
    assert len(str(error.value)) < 400
    for again in (copy.copy(error.value), pickle.loads(pickle.dumps(error.value))):
        assert (str(again), again.column, again.message) == (str(error.value), 8, error.value.message)


# --- pipes and devices


@pytest.fixture
def pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@pytest.mark.parametrize("name", ["pipe", "/dev/zero", ".", "missing"])
def test_what_is_no_file_is_said_and_not_waited_for(pipe, monkeypatch, capsys, name):
    monkeypatch.chdir(pipe.parent)
    monkeypatch.setattr("sys.argv", ["stepsize", "diagnose", name])
    assert commands.run() == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_pipe_in_the_place_of_a_journal(tmp_path):
    os.mkfifo(tmp_path / FILE)
    with pytest.raises(StepsizeError, match=r"holds no study: name the --out folder"):
        read_journal(tmp_path)
    with pytest.raises(StepsizeError, match=r"is not a journal of stepsize:"):
        Journal(tmp_path)


def test_a_pipe_in_the_place_of_a_record_to_go_on_with(pipe):
    with pytest.raises(OSError, match="it is a pipe, not a file"):
        Log(pipe)


# --- logs


def test_bytes_that_are_no_text_cost_their_line_of_a_csv(tmp_path):
    rows = [b"step,loss", *(b"%d,%d" % (t, 50 - t) for t in range(50))]
    rows[20] = b"19,3\xff"
    rows[31] = b"\0\0,5"
    (tmp_path / "log.csv").write_bytes(b"\n".join(rows))
    with pytest.warns(UserWarning, match=r"log\.csv: lines 21, 32 are damaged or foreign and are left out$"):
        found = read(tmp_path / "log.csv")
    assert found.steps.tolist() == [t for t in range(50) if t not in (19, 30)]


@pytest.mark.parametrize(
    "content", [b"\x1f\x8b\x08" + bytes(range(256)) * 9, b"\x93NUMPY\x01\x00" + bytes(range(256)) * 9]
)
def test_what_is_no_text_at_all_is_refused(tmp_path, content):
    (tmp_path / "log.csv").write_bytes(content)
    with pytest.raises(StepsizeError, match="is not a text file"):
        read(tmp_path / "log.csv")


@pytest.mark.parametrize("planned", [10**400, "9" * 5000, 2**60, -1, 1.5, [9]], ids=range(6))
def test_a_count_that_is_none_is_not_believed(tmp_path, planned):
    rows = [{"step": t, "loss": 2.0 - t / 40, "lr": 0.1 - t / 400, "planned_steps": planned} for t in range(40)]
    content = "\n".join(json.dumps(row) for row in rows)
    (tmp_path / "log.jsonl").write_text(content)
    found = read(tmp_path / "log.jsonl")
    assert found.planned_steps is None
    assert str(diagnose(found))


def test_a_step_that_no_float_holds_is_one_line(tmp_path):
    rows = [{"step": t if t != 7 else 10**400, "loss": 2.0} for t in range(40)]
    (tmp_path / "log.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    with pytest.raises(StepsizeError, match="row 8 has '1000"):
        read(tmp_path / "log.jsonl")


@pytest.mark.parametrize("step", [10**6, 0, -5])
def test_a_row_out_of_place_costs_no_other(tmp_path, step):
    line = problems.least_squares([[1.0], [2.0]], [2.0, 4.0])
    descend(line, "sgd() | 0.05", steps=30).save(tmp_path / "run.jsonl")
    rows = (tmp_path / "run.jsonl").read_text().splitlines()
    rows[11] = json.dumps(json.loads(rows[11]) | {"step": step})
    (tmp_path / "run.jsonl").write_text("\n".join(rows) + "\n")
    with pytest.warns(UserWarning, match="line 12 is damaged or foreign and is left out"):
        found = read(tmp_path / "run.jsonl")
    assert found.steps.tolist() == [t for t in range(30) if t != 10]


# --- journals


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    return journal_in(tmp_path_factory.mktemp("journal") / "r", strategies=["sgd() | 0.1"], seeds=2, steps=6)


ABSURD = {
    "a share that no float holds": {"clipped": 10**400},
    "more updates than memory": {"steps": [0, 2**53], "losses": [1.0, 1.0], "rates": 0.1, "grad_norms": 1.0},
    "more rows than memory": {"steps": 2**53},
    "fewer rows than none": {"steps": -3},
    "measured nowhere": {"measured_at": [], "measured": [], "validated": [], "tested": []},
}


@pytest.mark.parametrize("name", ABSURD)
def test_an_absurd_line_costs_that_line(journal, tmp_path, name):
    rows = lines_of(journal)
    row = json.loads(rows[4])
    fields = dict(ABSURD[name])
    if name == "more updates than memory":  # with every other column of that length
        row["record"]["clipped"] = 0.0
    (tmp_path / FILE).write_bytes(b"".join([*rows[:4], changed(json.dumps(row), **fields), *rows[4:]]))
    with pytest.warns(UserWarning, match=r"line 5 is damaged or foreign and is left out$"):
        found = read_journal(tmp_path)
    assert found.outcomes == read_journal(journal).outcomes


@pytest.mark.parametrize(
    "field",
    [
        {"reference": 5},
        {"reference": -1},
        {"measure_every": 0},
        {"steps": -1},
        {"strategies": [{"name": "a", "text": "sgd() | 0.1", "base": 10**400, "grids": []}]},
        {"strategies": [{"name": "a", "text": "sgd() | 0.1", "base": 1, "grids": [{"bases": [1], "seeds": ["1"]}]}]},
        {"strategies": [{"name": "a", "text": "sgd( | 0.1", "base": 1, "grids": [{"bases": [1], "seeds": [1]}]}]},
    ],
    ids=range(7),
)
def test_a_plan_that_contradicts_itself_costs_its_line(journal, tmp_path, field):
    rows = lines_of(journal)
    rows[2] = json.dumps(json.loads(rows[2]) | field).encode() + b"\n"
    (tmp_path / FILE).write_bytes(b"".join(rows))
    with pytest.warns(UserWarning, match=r"line 3 is damaged or foreign and is left out$"):
        found = read_journal(tmp_path)
    assert (found.plans, len(found.outcomes)) == ([], len(rows) - 3)


def test_an_empty_record_of_a_policy_has_a_diagnosis():
    from stepsize.lab.records.record import Record

    told = diagnose(Record(np.arange(0), np.zeros(0), skipped=np.zeros(0), policy=("reward", "kl")))
    assert "policy" in str(told)
