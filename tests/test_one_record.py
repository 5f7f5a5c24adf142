"""One run, one shape: whoever wrote a record down, it is read back equal, and cut anywhere it is read to the cut."""

from __future__ import annotations

import dataclasses
import json
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize import StepsizeError, descend, problems
from stepsize.course.log import line_of
from stepsize.lab.records.lines import PACKED, packed, unpacked
from stepsize.lab.records.record import SERIES, Record, read
from stepsize.lab.records.thinned import thinned

LINE = problems.least_squares([[1.0], [2.0], [3.0]], [2.0, 4.0, 5.0])
numbers = st.floats() | st.sampled_from([0.0, -0.0, 1e-300, 0.1])
words = st.text(max_size=6) | st.sampled_from(["}", '"}\n'])


@st.composite
def records(draw):
    """Any record of at least one row."""
    count = draw(st.integers(1, 6))
    steps = np.cumsum(draw(st.lists(st.integers(1, 9), min_size=count, max_size=count)))
    column = st.lists(numbers, min_size=count, max_size=count).map(np.array)
    points = draw(st.lists(st.integers(0, 99), max_size=4).map(tuple))
    measured = st.lists(numbers, min_size=len(points), max_size=len(points)).map(lambda one: np.array(one, dtype=float))
    return Record(
        steps=steps,
        losses=draw(column),
        **{name: draw(st.none() | column) for name in SERIES.values() if name != "losses"},
        why=draw(st.none() | st.lists(words, min_size=count, max_size=count).map(tuple)),
        layers=draw(st.none() | st.dictionaries(words, column, max_size=3)),
        text=draw(st.none() | words),
        base=draw(st.none() | st.floats(allow_nan=False)),
        seed=draw(st.none() | st.integers(0, 2**40)),
        planned_steps=draw(st.none() | st.integers(1, 10**6)),
        diverged=draw(st.none() | st.booleans()),
        measured_at=points,
        measured=draw(st.none() | measured),
        validated=draw(st.none() | measured),
    )


def read_in_peace(file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return read(file)


@given(records(), st.data())
def test_a_record_is_read_back_equal_and_to_the_last_whole_line(tmp_path_factory, record, data):
    file = tmp_path_factory.mktemp("record") / "run.jsonl"
    record.save(file)
    assert read(file) == record
    content = file.read_bytes()
    cut = content[: data.draw(st.integers(content.index(b"\n"), len(content)))]
    file.write_bytes(cut)
    rows = next(count for count in range(len(record), -1, -1) if cut.startswith(content_of(content, count)))
    found = read_in_peace(file)
    assert len(found) == rows
    if rows > 0:
        assert found == record.until(rows)


def content_of(content, rows):
    """The file up to this row, but for the last line break."""
    return b"\n".join(content.split(b"\n")[: rows + 1])


@given(records())
def test_a_packed_record_is_one_line_and_unpacked_the_same(record):
    kept = {name: None for name in ("why", "layers", *SERIES.values()) if name not in PACKED}
    record = dataclasses.replace(record, **kept)
    line = line_of(packed(record))
    assert line.count(b"\n") == 1
    assert unpacked(json.loads(line)) == record


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("steps", "many"),
        ("steps", 10**15),
        ("steps", [0, 0, 1]),
        ("losses", [1.0]),
        ("losses", ["soon", 1.0, 1.0]),
        ("rates", None),
        ("base", True),
        ("seed", 1.5),
        ("text", 3),
        ("diverged", "no"),
        ("measured", [1.0]),
        ("measured_at", [0.5]),
    ],
)
def test_a_packed_record_of_wrong_types_is_none(field, wrong):
    told = packed(descend(LINE, "sgd() | 0.01", steps=3).record)
    unpacked(json.loads(line_of(told)))
    if (field, wrong) == ("rates", None):
        del told["losses"]
    else:
        told[field] = wrong
    with pytest.raises(ValueError, match="no record of a run"):
        unpacked(json.loads(line_of(told)))


def test_a_run_holds_its_record_and_tells_it():
    run = descend(LINE, "sgd() | 0.01 * infrared()", steps=5, seed=3, measure_every=2, validation=LINE, details=True)
    record = run.record
    assert [one.name for one in dataclasses.fields(run)] == ["record", "params"]
    for name in ("losses", "rates", "grad_norms", "clipped", "measured", "validated", "slopes", "end_slopes"):
        assert getattr(run, name) is getattr(record, name)
    assert run.layer_norms is record.layers
    assert (run.text, run.base, run.seed, run.planned_steps, run.steps) == (record.text, 0.01, 3, 5, 5)
    assert (run.why, run.measured_at, run.diverged) == (record.why, (0, 2, 4, 5), False)
    assert run.extra_losses.tolist() == [0] * 5
    assert run.extra_losses.dtype == int


def test_a_seed_and_the_further_evaluations_are_in_the_file(tmp_path):
    run = descend(LINE, "sgd() | 1 * armijo()", steps=5, seed=7)
    assert run.extra_losses.sum() > 0
    run.save(tmp_path / "run.jsonl")
    back = read(tmp_path / "run.jsonl")
    assert (back.seed, back.extra_losses.tolist()) == (7, run.extra_losses.tolist())


def test_equal_means_every_number_and_every_word():
    record = descend(LINE, "sgd() | 0.01", steps=4).record
    assert record == dataclasses.replace(record, losses=record.losses.copy(), source="elsewhere")
    assert hash(record) == hash(dataclasses.replace(record, source="elsewhere"))
    assert record != dataclasses.replace(record, rates=record.rates + 1e-12)
    assert record != dataclasses.replace(record, rates=None)
    assert record != dataclasses.replace(record, diverged=None)
    layered = dataclasses.replace(record, layers={"a": record.losses, "b": record.losses})
    assert layered != dataclasses.replace(layered, layers={"b": record.losses, "a": record.losses})
    assert record != 3


def test_a_file_that_was_saved_without_seed_and_with_nulls_is_read(tmp_path):
    file, record, lines = saved(tmp_path)
    head, *rows = (json.loads(line) for line in lines)
    head["columns"].remove("extra_losses")
    rows[2]["grad_norm"] = None
    plain = [{key: one for key, one in row.items() if key not in ("seed", "extra_losses")} for row in (head, *rows)]
    file.write_text("".join(json.dumps(row) + "\n" for row in plain))
    norms = record.grad_norms.copy()
    norms[2] = np.nan
    assert read(file) == dataclasses.replace(record, seed=None, extra_losses=None, grad_norms=norms)


# --- damage


def saved(tmp_path, steps=6):
    file = tmp_path / "run.jsonl"
    record = descend(LINE, "sgd() | 0.01", steps=steps).record
    record.save(file)
    return file, record, file.read_bytes().splitlines()


@pytest.mark.parametrize(
    "line",
    [b"\xff", b'{"step": "x"}', b'{"step": 2}', b"3", b'{"kind": "note"}', b'{"step": 1, "loss": 1, "rate": []}'],
)
def test_a_damaged_row_costs_that_row_and_is_said(tmp_path, line):
    file, record, lines = saved(tmp_path)
    file.write_bytes(b"\n".join([*lines[:3], line, *lines[4:]]) + b"\n")
    with pytest.warns(UserWarning, match=r"run\.jsonl: line 4 is damaged or foreign and is left out$"):
        found = read(file)
    assert found == record.at(np.arange(6) != 2)


def test_a_row_of_an_update_that_was_there_is_foreign(tmp_path):
    file, record, lines = saved(tmp_path)
    file.write_bytes(b"\n".join([*lines[:4], lines[2], *lines[4:]]) + b"\n")
    with pytest.warns(UserWarning, match="line 5 is damaged or foreign"):
        assert read(file) == record


def test_a_file_that_was_cut_off_has_the_rows_up_to_there_and_says_so(tmp_path):
    file, record, lines = saved(tmp_path)
    file.write_bytes(b"\n".join(lines[:-2]) + b'\n{"step": 4, "lo')
    with pytest.warns(UserWarning, match=r"holds 4 of its 6 rows: it was cut off$"):
        assert read(file) == record.until(4)


def test_a_log_with_a_byte_that_is_no_text_loses_that_line(tmp_path):
    file = tmp_path / "log.jsonl"
    rows = [json.dumps({"step": step, "loss": 1.0}).encode() for step in range(5)]
    rows[2] = rows[2].replace(b"loss", b"lo\xffs")
    file.write_bytes(b"\n".join(rows))
    with pytest.warns(UserWarning, match="line 3 is damaged"):
        assert read(file).steps.tolist() == [0, 1, 3, 4]


def test_a_pipe_or_a_device_is_refused_in_one_line(tmp_path):
    os = pytest.importorskip("os")
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes with a name here")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StepsizeError, match="is no ordinary file: write the log into one and name that"):
        read(tmp_path / "pipe")


# --- what a journal keeps


def test_a_short_run_keeps_every_update_in_nine_digits():
    record = descend(LINE, "sgd() | 0.01 * cosine()", steps=50, measure_every=7).record
    kept = thinned(record)
    assert kept.steps.tolist() == list(range(50))
    for name in PACKED:
        np.testing.assert_allclose(getattr(kept, name), getattr(record, name), rtol=1e-8)
        assert name == "rates" or all(float(f"{one:.9g}") == one for one in getattr(kept, name))
    assert kept.measured is record.measured
    assert kept.rates.tolist() == record.rates.tolist()
    assert (kept.why, kept.extra_losses) == (None, None)


def test_a_long_run_keeps_evenly_spaced_updates_the_last_and_the_measured_ones():
    record = descend(LINE, "sgd() | 0.001", steps=101, measure_every=25).record
    assert thinned(record, most=11).steps.tolist() == sorted({*range(0, 101, 10), 25, 75})
    unmeasured = dataclasses.replace(record, measured_at=None, measured=None)
    assert thinned(unmeasured.until(99), most=11).steps.tolist() == [*range(0, 99, 9), 98]
    broken = descend(LINE, "sgd() | 1e9", steps=500, measure_every=25).record
    assert thinned(broken, most=5).steps[-1] == broken.steps[-1] < 499


def test_no_row_is_kept_where_there_is_none():
    empty = descend(LINE, "sgd() | 0.1", steps=3).record.until(0)
    assert len(thinned(empty)) == 0
    assert unpacked(packed(thinned(empty))) == thinned(empty)
