"""Logs of odd shapes: wide lists, plans of one part, values named by a key, damaged neighbours, logs far down."""

import json
import warnings

import pytest

from stepsize import StepsizeError
from stepsize.lab.records.record import read

FALLING = [2 / (1 + i) for i in range(20)]


def lines(file, rows):
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.mark.parametrize(("width", "groups"), [(3, ["0", "1", "2"]), (64, list(map(str, range(64)))), (65, None)])
def test_a_list_of_rates_is_one_of_groups_up_to_a_width(tmp_path, width, groups):
    one = read(lines(tmp_path / "log.jsonl", [{"step": i, "loss": FALLING[i], "lr": [0.1] * width} for i in range(9)]))
    assert one.rates.tolist() == [0.1] * 9
    assert (one.group_rates and list(one.group_rates)) == groups


def test_a_plan_is_none_where_the_steps_begin_again(tmp_path):
    """Each part had a plan of its own; of the whole nobody knows it."""
    rows = [
        {"step": i, "loss": loss, "planned_steps": 10}
        for i, loss in zip([*range(10), *range(10)], FALLING, strict=True)
    ]
    with pytest.warns(UserWarning, match="step begins again at line 11: taken as one run that goes on"):
        one = read(lines(tmp_path / "log.jsonl", rows))
    assert (len(one), one.planned_steps) == (20, None)
    assert read(lines(tmp_path / "log.jsonl", rows[:10])).planned_steps == 10


def test_values_that_a_key_names_are_read_without_a_step(tmp_path):
    file = tmp_path / "log.csv"
    file.write_text("metric,value,note\n" + "".join(f"loss,{loss},loss=9\nlr,0.1,loss=9\n" for loss in FALLING))
    assert read(file).losses.tolist() == FALLING


def test_a_damaged_file_beside_the_metrics_of_mlflow_costs_no_other(tmp_path):
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "loss").write_text("".join(f"1700000000000 {loss} {i}\n" for i, loss in enumerate(FALLING)))
    (folder / "damaged").write_bytes(b"\x1f\x8b is not what gzip packs")
    assert read(folder).losses.tolist() == FALLING


def test_a_folder_is_looked_through_to_a_depth(tmp_path):
    for depth in (3, 4):
        folder = tmp_path.joinpath(*map(str, range(depth)))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"at-{depth}.csv").write_text("step,loss\n0,2.5\n1,1.5\n")
    with pytest.raises(StepsizeError, match=r"name one file of those that can be read, 0/1/2/at-3\.csv$"):
        read(tmp_path)


def test_a_loss_of_other_data_is_not_that_of_training(tmp_path):
    file = lines(tmp_path / "log.jsonl", [{"val_loss": 9.0, "step": i, "loss": FALLING[i]} for i in range(20)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(file).losses.tolist() == FALLING
    with pytest.raises(StepsizeError, match="no column for the loss"):
        read(lines(tmp_path / "other.jsonl", [{"val_loss": 9.0, "step": i} for i in range(20)]))
