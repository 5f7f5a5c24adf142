"""What a recording says of a run, by hand and cut anywhere: every column in its field, each row whole or not there."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize import StepsizeError
from stepsize.course.log import line_of
from stepsize.lab.records.record import Decision, Record, read

HEAD = {
    "kind": "stepsize recording",
    "version": 2,
    "strategy": "warmup(2) >> cosine()",
    "planned_steps": 4,
    "groups": ["body", "head"],
    "optimizer": {"class": "AdamW", "betas": [0.9, 0.999], "amsgrad": False},
    "every": 1,
}
ROWS = [
    {"step": 0, "loss": 3.0, "lr": 0.1, "lr/body": 0.1, "lr/head": 0.01, "knob/betas.0/body": 0.9, "momentum": 0.5,
     "grad_norm": 2.0, "grad_norm/0": 1.5, "update_norm": 0.2, "weight_norm": 4.0, "update/0": 1e-3, "seconds": 0.5,
     "memory": 1e6, "clipped": 1.0},
    {"step": 0, "val_loss": 2.5, "metric/accuracy": 0.25},
    {"step": 1, "loss": "nan", "lr": 0.2, "lr/body": 0.2, "lr/head": 0.02, "knob/betas.0/body": 0.8, "momentum": 0.5,
     "grad_norm": "inf", "skipped": 1, "decisions": [{"kind": "skip", "group": "", "factor": 0.0, "why": "NaN"}]},
    {"step": 2, "decisions": [{"kind": "plateau", "group": "body", "factor": 0.5, "why": "not better for 2 values"}]},
    {"step": 2, "metric/accuracy": 0.75},
    {"step": 3, "loss": 1.0, "lr": 0.1, "lr/body": 0.1, "lr/head": 0.02, "knob/betas.0/body": 0.8, "momentum": 0.5},
]  # fmt: skip


def written(path, *rows):
    path.write_bytes(b"".join(map(line_of, rows)))
    return path


def test_every_column_comes_back_in_its_field(tmp_path):
    found = read(written(tmp_path / "run.jsonl", HEAD, *ROWS))
    nan = np.nan
    assert found == Record(
        steps=np.array([0, 1, 3]),
        losses=np.array([3.0, nan, 1.0]),
        rates=np.array([0.1, 0.2, 0.1]),
        grad_norms=np.array([2.0, np.inf, nan]),
        clipped=np.array([1.0, nan, nan]),
        skipped=np.array([0.0, 1.0, 0.0]),
        layers={"0": np.array([1.5, nan, nan])},
        layer_updates={"0": np.array([1e-3, nan, nan])},
        group_rates={"body": np.array([0.1, 0.2, 0.1]), "head": np.array([0.01, 0.02, 0.02])},
        knobs={"betas.0/body": np.array([0.9, 0.8, 0.8]), "momentum": np.array([0.5, 0.5, 0.5])},
        update_norms=np.array([0.2, nan, nan]),
        weight_norms=np.array([4.0, nan, nan]),
        seconds=np.array([0.5, nan, nan]),
        memory=np.array([1e6, nan, nan]),
        text="warmup(2) >> cosine()",
        planned_steps=4,
        measured_at=(0, 2),
        validated=np.array([2.5, nan]),
        metrics={"accuracy": np.array([0.25, 0.75])},
        decisions=(
            Decision(1, "skip", "NaN", "", 0.0),
            Decision(2, "plateau", "not better for 2 values", "body", 0.5),
        ),
        optimizer={"class": "AdamW", "betas": (0.9, 0.999), "amsgrad": False},
    )
    assert found.update_ratios[0] == pytest.approx(0.05)


def test_a_run_that_goes_on_has_made_what_it_rolled_back_only_once(tmp_path):
    again = {"step": 1, "loss": 7.0, "lr": 0.3}
    found = read(written(tmp_path / "run.jsonl", HEAD, *ROWS, HEAD | {"done": 1, "planned_steps": 9}, again))
    assert (found.steps.tolist(), found.losses.tolist()) == ([0, 1], [3.0, 7.0])
    assert (found.decisions, found.measured_at, found.planned_steps) == ((), (0,), 9)


def test_rows_of_an_older_recorder_before_the_head_are_there(tmp_path):
    old = {"step": 0, "loss": 4.0, "lr": 0.1, "grad_norm": 1.0, "planned_steps": 7, "strategy": "sgd() | 0.1"}
    head = {"kind": "stepsize recording", "version": 2, "done": 1}
    found = read(written(tmp_path / "run.jsonl", old, head, {"step": 1, "loss": 3.0, "lr": 0.1}))
    assert (found.losses.tolist(), found.planned_steps, found.text) == ([4.0, 3.0], 7, "sgd() | 0.1")


def test_an_old_recording_without_a_head_is_read(tmp_path):
    old = {"step": 0, "loss": 4.0, "lr": 0.1, "grad_norm": 1.0, "planned_steps": 7, "strategy": "sgd()|0.1"}
    found = read(written(tmp_path / "run.jsonl", old, {"step": 1, "loss": 3.0, "lr": 0.1, "grad_norm": 1.0}))
    assert (found.losses.tolist(), found.planned_steps, found.text) == ([4.0, 3.0], 7, "sgd() | 0.1")


def test_a_head_alone_is_a_run_that_has_just_begun(tmp_path):
    found = read(written(tmp_path / "run.jsonl", HEAD))
    assert (len(found), found.planned_steps, found.optimizer["class"]) == (0, 4, "AdamW")


@pytest.mark.parametrize("kind", ["stepsize recording", "stepsize run"])
def test_a_later_version_is_refused_in_one_line(tmp_path, kind):
    path = written(tmp_path / "run.jsonl", {"kind": kind, "version": 99}, *ROWS)
    with pytest.raises(StepsizeError, match=r"run\.jsonl is a record of version 99, .* up to version 2: update"):
        read(path)


@pytest.mark.parametrize(
    "row",
    [
        {"loss": 1.0},
        {"step": "1", "loss": 1.0},
        {"step": -1, "loss": 1.0},
        {"step": 1, "loss": "much"},
        {"step": 1, "loss": [1.0]},
        {"step": 1, "loss": 1.0, "decisions": [{"kind": "plateau"}]},
        {"step": 1, "loss": 1.0, "decisions": 3},
        HEAD | {"done": "x"},
        HEAD | {"optimizer": [1]},
    ],
)
def test_a_row_of_wrong_types_costs_that_row(tmp_path, row):
    path = written(tmp_path / "run.jsonl", HEAD, ROWS[0], row, ROWS[-1])
    with pytest.warns(UserWarning, match="line 3 is damaged or foreign and is left out"):
        found = read(path)
    assert found.losses.tolist() == [3.0, 1.0]


@given(st.data())
def test_cut_at_any_byte_it_is_what_the_whole_lines_say(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("cut")
    content = written(folder / "whole.jsonl", HEAD, *ROWS).read_bytes()
    cut = content[: data.draw(st.integers(content.index(b"\n"), len(content)))]
    (folder / "cut.jsonl").write_bytes(cut)
    whole = content[: len(cut) + 1].count(b"\n")  # a line that lacks its line break only is whole
    assert read(folder / "cut.jsonl") == read(written(folder / "lines.jsonl", *[HEAD, *ROWS][:whole]))


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["nan", "x", ""]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["kind", "why", "step"]), inner),
    max_leaves=4,
)
KIND = HEAD["kind"]
names = st.sampled_from(["kind", "version", "step", "loss", "lr", "decisions", "optimizer", "done", "val_loss", "lr/a"])


kinds = st.fixed_dictionaries({"kind": st.just(KIND)}, optional={"version": st.integers(1, 4), "done": junk})


@given(st.lists(st.dictionaries(names, junk) | kinds, max_size=4))
def test_any_rows_are_read_or_left_out(tmp_path_factory, rows):
    path = written(tmp_path_factory.mktemp("junk") / "run.jsonl", HEAD, *rows, ROWS[-1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        if any(type(row.get("version")) is int and row["version"] > 2 and row.get("kind") == KIND for row in rows):
            with pytest.raises(StepsizeError, match="is a record of version"):
                read(path)
        else:
            assert 3 in read(path).steps
