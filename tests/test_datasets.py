"""Data sets: every bad input has its one line, and all that is learned is learned from the training part."""

from __future__ import annotations

import sys

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_diabetes, load_wine

from stepsize import StepsizeError
from stepsize.lab.compare import compare, prepare
from stepsize.lab.data import tables
from stepsize.lab.data.datasets import BUNDLED, Dataset, load
from stepsize.lab.study.study import Study
from stepsize.report.numbers import summarise

GIB = 2**30


def written(tmp_path, text, name="data.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def table(rows=12, **columns):
    """A CSV of `rows` rows: a column is one cell for all rows, a list of the first cells, or a function of the row."""
    columns = {"a": lambda i: i * 0.5, "y": lambda i: i % 2} | columns
    lines = [",".join(columns)]
    for i in range(rows):
        lines.append(",".join(str(_cell(one, i)) for one in columns.values()))
    return "\n".join(lines) + "\n"


def _cell(column, i):
    if callable(column):
        return column(i)
    if isinstance(column, list):
        return column[i] if i < len(column) else i * 0.25
    return column


def parquet(tmp_path, **columns):
    path = tmp_path / "data.parquet"
    pl.DataFrame({"a": [i * 0.5 for i in range(12)], "y": [i % 2 for i in range(12)]} | columns).write_parquet(path)
    return str(path)


BAD_FILES = {
    "empty": ("", {}, ["data.csv", "is empty", "column names"]),
    "blank": ("\n \n", {}, ["data.csv", "is empty"]),
    "no rows": ("a,y\n", {}, ["data.csv", "at least 1 row", "not 0"]),
    "no target": (table(), {"target": None}, ["--target COLUMN", "'a', 'y'"]),
    "many columns": (
        ",".join(f"c{i}" for i in range(30)) + "\n" + ",".join("1" * 30) + "\n",
        {"target": None},
        ["'c7' and 22 more"],
    ),
    "spelling of the target": (table(), {"target": "Y "}, ["not 'Y '", "did you mean 'y'?", "'a', 'y'"]),
    "unknown target": (table(), {"target": "price"}, ["not 'price'", "its columns are 'a', 'y'"]),
    "one class": (table(y="red"), {}, ["'y'", "2 to 1000 classes", "not 1 ('red')", "choose another"]),
    "one number": (table(y="2.5"), {}, ["'y'", "at least 2 different values", "2.5"]),
    "target all missing": (table(y=""), {}, ["'y'", "only missing", "choose another"]),
    "text among numbers": (table(a=["1", "2", "x1"]), {}, ["'a'", "92%", "'x1' in data row 3", "leave it empty"]),
    "text in the target": (table(y=["1", "?!"]), {}, ["'y'", "'?!' in data row 2", "--task classification"]),
    "regression on text": (
        table(y=["3", "red", *["blue"] * 10]),
        {"task": "regression"},
        ["'y'", "'red' in data row 2", "--task classification"],
    ),
    "classification of real numbers": (
        table(60, y=lambda i: i + 0.5),
        {"task": "classification"},
        ["'y'", "at most 50", "not 60", "--task regression"],
    ),
    "too many classes": (table(1001, y=lambda i: f"id{i}"), {}, ["'y'", "2 to 1000 classes", "not 1001"]),
    "only the target": ("y\n" + "1\n0\n" * 6, {}, ["at least 1 column", "add columns"]),
    "constant features": (table(a=7), {}, ["at least 1 column that varies", "'a'"]),
    "constant text": (table(a="same"), {}, ["at least 1 column that varies", "'a'"]),
    "few rows": (table(9), {}, ["data.csv", "at least 10 rows", "not 9"]),
    "few rows with a target": (table(12, y=["1", "", "", ""]), {}, ["at least 10 rows", "not 9"]),
    "no training part": (table(), {"validation_share": 0.75}, ["validation_share", "≤ 0.917", "12 rows", "0.75"]),
    "share above one": (table(), {"validation_share": 1.5}, ["validation_share", "< 1", "1.5"]),
    "negative seed": (table(), {"split_seed": -1}, ["split_seed", "≥ 0", "-1"]),
    "half a seed": (table(), {"split_seed": 0.5}, ["split_seed", "whole number", "0.5"]),
    "duplicate names": ("a,b, a ,y\n1,2,3,0\n", {}, ["data.csv", "'a' 2 times", "rename or drop"]),
    "no names": ("1,2,0\n3,4,1\n", {}, ["first line", "'1', '2', '0'", "add a line of names"]),
    "infinite": (table(a=["1", "inf"]), {}, ["'a'", "1e+100", "inf in data row 2"]),
    "infinite target": (table(y=["1.5", "2", "-inf"]), {}, ["'y'", "-inf in data row 3"]),
    "beyond squares": (table(a=["1e200"]), {}, ["'a'", "1e+200 in data row 1"]),
    "not UTF-8": ("a,y\nкофе,1\n".encode("cp1251"), {}, ["data.csv", "UTF-8", "0xea", "save it as UTF-8"]),
    "ragged": ("a,y\n1,2,3\n", {}, ["line 2 of data.csv", "at most 2 cells", "not 3", "correct the line"]),
    "unknown task": (table(), {"task": "ranking"}, ["classification or regression", "'ranking'"]),
}


@pytest.mark.parametrize(("text", "options", "parts"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_csv_is_an_error_of_one_line(tmp_path, text, options, parts):
    assert_refused(parts, written(tmp_path, text), **({"target": "y"} | options))


BAD_NAMES = {
    "misspelt set": ("digit", {}, ["'digit'", "did you mean digits?", "path of a .csv or .parquet file"]),
    "no such file": ("nowhere/prices.csv", {}, ["'nowhere/prices.csv'", "wine", "path of a .csv"]),
    "endless name": ("x" * 5000, {}, ["neither a file"]),
    "target of a bundled set": ("digits", {"target": "digit"}, ["digits needs no --target", "leave it out"]),
    "regression on names": ("wine", {"task": "regression"}, ["'cultivar'", "'class_0' in data row 1"]),
    "classes of a measure": ("diabetes", {"task": "classification"}, ["'progression'", "at most 50", "not 214"]),
}


@pytest.mark.parametrize(("data", "options", "parts"), BAD_NAMES.values(), ids=BAD_NAMES)
def test_a_bad_name_is_an_error_of_one_line(data, options, parts):
    assert_refused(parts, data, **options)


def assert_refused(parts, data, **options):
    with pytest.raises(StepsizeError) as caught:
        load(data, **options)
    message = str(caught.value)
    assert message.startswith("compare")
    assert "\n" not in message
    assert len(message) < 320
    assert [part for part in parts if part not in message] == [], message


def test_other_kinds_of_file(tmp_path):
    assert_refused([".txt or .parquet", "data.xlsx"], written(tmp_path, "a", "data.xlsx"), target="y")
    assert_refused([".txt or .parquet"], str(tmp_path), target="y")
    assert_refused(["data.parquet", "is empty"], written(tmp_path, "", "data.parquet"), target="y")
    assert_refused(["cannot be read", "write the file again"], written(tmp_path, "a,y\n", "data.parquet"), target="y")
    whole = (tmp_path / parquet(tmp_path)).read_bytes()
    assert_refused(["cannot be read"], written(tmp_path, whole[: len(whole) // 2], "data.parquet"), target="y")


def test_bad_columns_of_parquet(tmp_path):
    assert_refused(["'b'", "not List"], parquet(tmp_path, b=[[1, 2]] * 12), target="y")
    assert_refused(["'b'", "inf in data row 1"], parquet(tmp_path, b=[float("inf")] * 12), target="y")
    assert_refused(["'y'", "only missing"], parquet(tmp_path, y=[float("nan")] * 12), target="y")
    empty = parquet(tmp_path)
    pl.read_parquet(empty).clear().write_parquet(empty)
    assert_refused(["at least 1 row"], empty, target="y")


def test_a_file_beyond_the_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "available_memory", lambda: 100)
    assert_refused(["GiB (12 rows × 2 columns × 8", "9.31e-08 GiB", "a sample"], parquet(tmp_path), target="y")
    assert_refused(["4 × the size of the file", "a sample"], written(tmp_path, table()), target="y")
    monkeypatch.setattr(tables, "available_memory", lambda: None)
    assert load(parquet(tmp_path), target="y").columns == 2


def test_available_memory_is_plausible():
    free = tables.available_memory()
    assert free is None or GIB / 64 < free < 2**50


@pytest.mark.parametrize("package", ["polars", "sklearn"])
def test_missing_extras_say_what_to_install(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(StepsizeError, match=r"pip install 'stepsize\[compare\]'"):
        load("digits")


SHAPES = {
    "breast_cancer": ("classification", 2, 31, 341, 114),
    "diabetes": ("regression", 0, 11, 264, 89),
    "digits": ("classification", 10, 65, 1077, 360),
    "wine": ("classification", 3, 14, 106, 36),
}


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_sets(name):
    made = load(name)
    task, classes, columns, train, held = SHAPES[name]
    assert (made.name, made.task, len(made.classes), made.columns) == (name, task, classes, columns)
    assert made.X_train.shape == (train, columns)
    assert made.X_validation.shape == (held, columns)
    assert made.problem().size == train
    assert made.validation().size == made.test().size == held
    assert_standardised(made)


def assert_standardised(made: Dataset):
    body = made.X_train[:, :-1]
    np.testing.assert_array_equal(made.X_train[:, -1], 1.0)
    np.testing.assert_array_equal(made.X_validation[:, -1], 1.0)
    np.testing.assert_allclose(body.mean(axis=0), 0.0, atol=1e-9)
    spread = body.std(axis=0)
    np.testing.assert_allclose(spread[spread > 0], 1.0)
    if made.task == "regression":
        np.testing.assert_allclose([made.y_train.mean(), made.y_train.std()], [0.0, 1.0], atol=1e-9)


def test_constant_pixels_are_zeros_in_both_parts():
    made = load("digits")
    constant = made.X_train.std(axis=0)[:-1] == 0
    assert constant.sum() >= 3
    assert not made.X_train[:, :-1][:, constant].any()
    assert not made.X_validation[:, :-1][:, constant].any()
    assert "became zeros: 'pixel_0_0'" in made.notes[0]
    assert made.classes == tuple("0123456789")


def test_labels_keep_their_order_and_their_shares():
    made = load("breast_cancer")
    assert made.classes == ("malignant", "benign")
    assert abs(made.y_train.mean() - made.y_validation.mean()) < 0.01


def wine_frame():
    bunch = load_wine()
    frame = pl.DataFrame(dict(zip(bunch.feature_names, bunch.data.T, strict=True)))
    rows = pl.int_range(len(bunch.data))
    return frame.with_columns(
        alcohol=pl.when(rows % 10 == 3).then(None).otherwise(pl.col("alcohol")),
        region=pl.Series([["north", "south", None][i % 3] for i in range(len(bunch.data))]),
        estate=pl.Series([f"estate {i % 40}" for i in range(len(bunch.data))]),
        organic=rows % 2 == 0,
        picked=pl.date(2020, 1, 1) + pl.duration(days=rows),
        grape=pl.Series([["barbera", "grignolino", "barolo"][i] for i in bunch.target]),
    )


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_wine_with_gaps_text_booleans_and_dates(tmp_path, suffix):
    path = tmp_path / f"wine.{suffix}"
    frame = wine_frame()
    frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    made = load(str(path), target="grape")
    assert (made.name, made.task, made.target) == (f"wine.{suffix}", "classification", "grape")
    assert made.classes == ("barbera", "barolo", "grignolino")
    assert made.columns == 13 + 2 + 1 + 3 + 20 + 1  # numbers, boolean and date; gaps; region; estate; ones
    assert made.X_train.shape == (106, made.columns)
    assert np.isfinite(made.X_validation).all()
    told = "\n".join(made.notes)
    assert "training median and marked: 'alcohol (18)'" in told
    assert "missing included: 'region', 'estate'" in told
    assert "Rare values share one column: 'estate (" in told
    assert made.problem().loss({"theta": np.zeros((1, made.columns, 3))}) == pytest.approx(np.log(3))


def test_both_formats_give_the_same_numbers(tmp_path):
    frame = wine_frame()
    frame.write_csv(tmp_path / "wine.csv")
    frame.write_parquet(tmp_path / "wine.parquet")
    one, other = (load(str(tmp_path / f"wine.{suffix}"), target="grape") for suffix in ("csv", "parquet"))
    np.testing.assert_allclose(one.X_train, other.X_train, atol=1e-12)
    np.testing.assert_array_equal(one.y_train, other.y_train)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_diabetes_with_missing_targets(tmp_path, suffix):
    bunch = load_diabetes()
    frame = pl.DataFrame(dict(zip(bunch.feature_names, bunch.data.T, strict=True)))
    target = [None if i < 12 else float(value) for i, value in enumerate(bunch.target)]
    frame = frame.with_columns(y=pl.Series(target))
    path = tmp_path / f"diabetes.{suffix}"
    frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    made = load(str(path), target="y")
    assert (made.task, made.classes, made.X_train.shape) == ("regression", (), (258, 11))
    assert made.notes == ("12 rows were dropped because the target 'y' is missing there.",)
    assert_standardised(made)
    assert made.problem().loss({"theta": np.zeros((1, 11))}) == pytest.approx(1.0)


TASKS = {
    "few whole numbers": (lambda i: i % 20, "classification", 20),
    "many whole numbers": (lambda i: i % 21, "regression", 0),
    "real numbers": (lambda i: (i % 3) / 2, "regression", 0),
    "text": (lambda i: "ab"[i % 2], "classification", 2),
    "booleans": (lambda i: "true" if i % 2 else "false", "classification", 2),
    "numbers with spaces and gaps": (lambda i: ["NA", " 1", "2 "][i % 3], "classification", 2),
}


@pytest.mark.parametrize(("target", "task", "classes"), TASKS.values(), ids=TASKS)
def test_the_task_follows_from_the_target(tmp_path, target, task, classes):
    made = load(written(tmp_path, table(84, y=target)), target="y")
    assert (made.task, len(made.classes)) == (task, classes)


def test_the_task_can_be_chosen(tmp_path):
    data = written(tmp_path, table(40, y=lambda i: [1, 2, 2.5, 10][i % 4]))
    assert load(data, target="y").classes == ()
    assert load(data, target="y", task="classification").classes == ("1", "2", "2.5", "10")
    data = written(tmp_path, table(40, y=lambda i: "true" if i % 2 else "false"))
    assert load(data, target="y", task="regression").task == "regression"
    data = written(tmp_path, table(40, y=lambda i: "x" if i == 5 else i % 2))
    assert load(data, target="y", task="classification").classes == ("0", "1", "x")


def test_a_class_with_one_row_is_noted(tmp_path):
    made = load(written(tmp_path, table(20, y=lambda i: "rare" if i == 7 else "ab"[i % 2])), target="y")
    assert made.classes == ("a", "b", "rare")
    assert made.notes[0].endswith("only one row each of the classes 'rare'.")
    assert made.validation().loss({"theta": np.zeros((1, 2, 3))}) == pytest.approx(np.log(3))


def test_columns_of_no_use_are_dropped_and_named(tmp_path):
    frame = {"": lambda i: i, "who": lambda i: f"person {i}", "same": "x", "fixed": 3, "a": lambda i: i * 0.5}
    made = load(written(tmp_path, table(60, **frame)), target="y")
    assert made.columns == 3  # fixed, a and ones
    told = "\n".join(made.notes)
    for part in ("without a name", "dropped: 'same'", "as names do, was dropped: 'who'", "became zeros: 'fixed'"):
        assert part in told


def test_values_seen_only_in_validation_are_no_trouble(tmp_path):
    data = written(
        tmp_path, table(30, kind=lambda i: "odd" if i == 4 else "uv"[i % 2], gap=lambda i: "" if i == 9 else i)
    )
    for seed in range(12):
        assert np.isfinite(load(data, target="y", split_seed=seed).X_validation).all()


def test_the_split_repeats_and_follows_its_seed():
    one, again, other = load("wine"), load("wine"), load("wine", split_seed=1)
    np.testing.assert_array_equal(one.X_train, again.X_train)
    np.testing.assert_array_equal(one.y_validation, again.y_validation)
    assert not np.array_equal(one.X_train, other.X_train)
    assert len(load("wine", validation_share=0.5).y_validation) == 89


def test_all_is_fitted_on_the_training_part_only(tmp_path):
    """Changing one row moves the training data only where the row belongs to them: 10 of 24 rows do not."""
    options = {"target": "y", "task": "regression"}
    before = load(written(tmp_path, _one_odd_row(None)), **options)
    silent = 0
    for row in range(24):
        after = load(written(tmp_path, _one_odd_row(row)), **options)
        same = after.X_train.shape == before.X_train.shape and np.array_equal(after.X_train, before.X_train)
        assert same == np.array_equal(after.y_train, before.y_train)
        held = ((after.X_validation, before.X_validation), (after.X_test, before.X_test))
        assert not same or not all(np.array_equal(one, other) for one, other in held)
        silent += same
    assert silent == len(before.y_validation) + len(before.y_test) == 10


def _one_odd_row(row):
    return table(
        24,
        a=lambda i: 999.0 if i == row else i % 7,
        kind=lambda i: "new" if i == row else "uv"[i % 2],
        gap=lambda i: "" if i in (row, 1, 2, 3, 4, 5, 6, 7, 8) else i,
        y=lambda i: 500.0 if i == row else i / 2,
    )


@pytest.mark.parametrize(("name", "folded"), [("wine", True), ("digits", False)])
def test_where_rows_are_few_both_held_out_parts_judge(name, folded):
    given = load(name).workload()
    plan = prepare(given, ["sgd() | 0.1"], steps=5, seeds=3, rates=[0.1, 1.0])
    with Study(given) as study:
        compare(study, plan)
    found = summarise(plan, study.outcomes(plan.trials()), {})
    assert (given.folded, found.judgement.halves) == (folded, folded)
    ends = {one.trial.seed: one for one in study.outcomes(plan.trials()) if one.trial.rate == found.rows[0].best_base}
    one_part = {seed: one.test[-1] for seed, one in ends.items()}
    assert (found.judgement.strategies[0].losses == one_part) is not folded
