"""Logs as tools really write them: cells for nothing, steps that begin again, runs that died and went on."""

import json

import numpy as np
import pytest

from stepsize import StepsizeError
from stepsize.lab.records.record import read


def test_steps_that_begin_again_with_each_epoch_are_counted(tmp_path):
    rows = [f"{epoch},{step},{3 - epoch - step / 10}" for epoch in range(3) for step in range(5)]
    (tmp_path / "log.csv").write_text("epoch,step,loss\n" + "\n".join(rows) + "\n")
    one = read(tmp_path / "log.csv")
    assert one.steps.tolist() == list(range(15))
    assert one.losses[5] == 2.0


def test_parts_of_an_epoch_are_counted(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,loss\n" + "\n".join(f"{i / 50},{3 - i / 100}" for i in range(100)))
    assert len(read(tmp_path / "log.csv")) == 100


def test_a_resumed_run_that_repeats_some_steps_is_one_run(tmp_path):
    rows = [{"step": step, "loss": 100.0 - step} for step in (*range(60), *range(50, 100))]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert read(tmp_path / "log.jsonl").steps.tolist() == list(range(100))


def test_a_header_that_a_resumed_run_wrote_again_is_no_row(tmp_path):
    (tmp_path / "log.csv").write_text("step,loss\n0,3\n1,2\nstep,loss\n2,1\n")
    assert read(tmp_path / "log.csv").losses.tolist() == [3, 2, 1]


@pytest.mark.parametrize("nothing", ["", "nan", "NaN"])
def test_a_row_of_validation_has_no_loss_of_training(tmp_path, nothing):
    rows = "".join(f"{step},{3 - step},{nothing}\n{step},{nothing},{2 - step}\n" for step in range(3))
    (tmp_path / "log.csv").write_text("step,loss,val_loss\n" + rows)
    one = read(tmp_path / "log.csv")
    assert one.losses.tolist() == [3, 2, 1]
    assert np.array(one.validated).tolist() == [2, 1, 0]


def test_a_number_is_not_lost_to_a_row_of_its_step_that_has_none(tmp_path):
    (tmp_path / "log.csv").write_text("step,loss,lr\n0,3,0.1\n0,nan,0.2\n1,nan,0.1\n2,1,nan\n")
    one = read(tmp_path / "log.csv")
    assert one.losses[0] == 3
    assert np.isnan(one.losses[1])


@pytest.mark.parametrize("nothing", ["null", "None", "NA", "-"])
def test_words_for_nothing_are_empty_cells(tmp_path, nothing):
    (tmp_path / "log.csv").write_text(f"step,loss,grad_norm\n0,3,1\n1,2,{nothing}\n")
    assert np.isnan(read(tmp_path / "log.csv").grad_norms[1])


def test_what_is_no_number_is_told_with_what_to_write(tmp_path):
    (tmp_path / "log.csv").write_text("step,loss\n0,3\n1,soon\n")
    with pytest.raises(StepsizeError, match=r"row 2 has 'soon' under loss, .* leave the cell empty"):
        read(tmp_path / "log.csv")


def test_a_line_that_was_cut_off_in_the_middle_does_no_harm(tmp_path):
    rows = [json.dumps({"step": step, "loss": 1.0}) for step in range(40)]
    rows.insert(20, '{"step": 20, "lo')
    (tmp_path / "log.jsonl").write_text("\n".join(rows))
    assert len(read(tmp_path / "log.jsonl")) == 40


@pytest.mark.parametrize(("told", "kept"), [("clip_norm(1) | sgd() | 0.1 * cosine()", True), ("a fine run", False)])
def test_a_strategy_is_kept_where_it_is_one(tmp_path, told, kept):
    rows = [{"step": 0, "loss": 1.0, "planned_steps": 9, "strategy": told}, {"step": 1, "loss": 0.5}]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    one = read(tmp_path / "log.jsonl")
    assert (one.text, one.planned_steps) == (told if kept else None, 9)
