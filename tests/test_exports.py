"""Exports: CSV, LaTeX and frames hold the numbers of the comparison, escaped, and are never half-written."""

import csv
import errno
import io
import re
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import summaries
from stepsize import StepsizeError
from stepsize.lab.records.record import Record
from stepsize.lab.trials.outcome import Outcome
from stepsize.lab.trials.trial import Trial
from stepsize.report.exports import cells, frame, table_csv, table_latex, write
from stepsize.report.exports.latex import escaped, number


def read(text):
    header, *rows = csv.reader(io.StringIO(text))
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_the_csv_has_every_strategy_with_all_digits():
    given = summaries.summary(3, [summaries.AWKWARD, "two\nlines"])
    rows = read(table_csv(given))
    assert [one["strategy"] for one in rows] == [summaries.AWKWARD, "two\nlines", "strategy 2"]
    assert float(rows[2]["validation_loss"]) == given.rows[2].validation.value
    assert float(rows[2]["validation_loss_spread"]) == given.rows[2].validation.spread
    assert (rows[1]["best_rate"], rows[1]["validation_loss"], rows[1]["diverged_runs"]) == ("", "", "6")
    assert (rows[0]["at_edge"], rows[0]["good_rates_low"], rows[0]["runs"]) == ("true", "0.01", "6")


def test_the_csv_of_nothing_finished_is_its_header():
    assert table_csv(summaries.unfinished()).count("\r\n") == 1


def test_without_a_validation_problem_there_are_no_such_columns():
    given = summaries.summary(2)
    given = replace(given, settings=replace(given.settings, subject=replace(given.settings.subject, validated=False)))
    assert not [name for name in cells.header(given) if "validation" in name]
    assert "training loss" in table_latex(given)


def test_the_latex_is_balanced_and_every_row_has_every_column():
    text = table_latex(summaries.summary(5, [summaries.AWKWARD, "lost", summaries.LONG]))
    bare = re.sub(r"\\[\\{}$&#%_]", lambda found: "" if found.group() != r"\\" else found.group(), text)
    assert bare.count("{") == bare.count("}")
    depth = 0
    for one in bare:
        depth += {"{": 1, "}": -1}.get(one, 0)
        assert depth >= 0
    opened = re.findall(r"\\(begin|end)\{(\w+)\}", text)
    assert opened == [("begin", "table"), ("begin", "tabular"), ("end", "tabular"), ("end", "table")]
    assert [text.count(f"\\{rule}rule") for rule in ("top", "mid", "bottom")] == [1, 1, 1]
    lines = [line for line in bare.splitlines() if line.endswith("\\\\")]
    assert len(lines) == 6
    assert len({line.count("&") for line in lines}) == 1
    assert bare.count("$") % 2 == 0
    assert not re.search(r"(?<!\\)[#%_]", re.sub(r"\$[^$]*\$", "", text))


def test_the_latex_says_n_and_has_the_lowest_loss_in_bold():
    given = summaries.summary(4)
    text = table_latex(given)
    assert "$n = 2$ seeds" in text
    bold = [line for line in text.splitlines() if "mathbf" in line]
    assert len(bold) == 1
    assert bold[0].strip().startswith("strategy 0 & $0.01$")
    assert r"$\mathbf{0.5 \pm 0.01}$" in bold[0]
    assert f"strategy 1 & {'-- & -- & -- & --'} & 6/6" in text


def test_the_part_that_judges_its_measures_and_the_worst_seed_are_columns():
    given = summaries.judged(summaries.summary(3))
    first, lost, _ = read(table_csv(given))
    assert (first["test_loss"], first["worst_seed_loss"], first["accuracy"]) == ("0.9", "0.95", "0.9")
    assert (first["runs"], first["metric_runs"], first["metric_runs_spread"]) == ("6", "1", "0")
    assert (lost["test_loss"], lost["accuracy"]) == ("", "")
    bold = [line for line in table_latex(given).splitlines() if "mathbf" in line]
    assert len(bold) == 1
    assert bold[0].strip().startswith("strategy 2")
    assert r"$\mathbf{0.88 \pm 0.02}$ & $0.95$ & $0.9 \pm 0.01$" in bold[0]


def test_what_latex_would_read_is_escaped():
    assert escaped(r"a\b{c}") == r"a\textbackslash{}b\{c\}"
    assert escaped("x\x00\n y") == "x y"
    assert (number(1e-7), number(-0.5), number(2.5e20, 2)) == (r"1 \times 10^{-7}", "-0.5", r"2.5 \times 10^{20}")


def test_an_export_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = write("old", tmp_path / "table.csv")
    assert path.read_text() == "old"

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StepsizeError, match="No space left on device"):
        write("new", path)
    assert (path.read_text(), [one.name for one in tmp_path.iterdir()]) == ("old", ["table.csv"])
    with pytest.raises(StepsizeError, match="cannot be written"):
        write("new", tmp_path / "none" / "table.csv")


def outcome(name="Adam", seed=0, metrics=True, ended=0.25, batch_size=8):
    record = Record(
        steps=np.arange(10),
        losses=np.linspace(2, 1, 10),
        rates=np.linspace(0.1, 0, 10),
        measured_at=(0, 5, 10),
        measured=np.array([2.0, 1.0, ended]),
        validated=np.array([2.5, 1.5, ended]),
        diverged=not np.isfinite(ended),
        metrics={"accuracy": np.array([0.1, 0.5, 0.9]), "train": np.array([1.0, 2.0, 3.0])} if metrics else None,
    )
    trial = Trial(name, "adam() | 0.1", "toy-1", 0.1, seed, 10, batch_size, measure_every=5)
    return Outcome(trial, record, 0.125, 3, "halved", "numpy 2")


def test_a_frame_has_a_row_for_each_trial():
    given = [outcome(), outcome("Adam", seed=1, metrics=False, ended=np.nan, batch_size=None)]
    found = frame(given)
    assert isinstance(found, pl.DataFrame)
    first, second = found.to_dicts()
    assert (first["trial"], first["name"], first["rate"], first["seed"]) == (given[0].trial.key, "Adam", 0.1, 0)
    assert (first["train"], first["validation"], first["test"]) == (0.25, 0.25, None)
    assert (first["accuracy"], first["metric_train"]) == (0.9, 3.0)
    assert (first["made"], first["steps"], first["batch_size"], first["measure_every"]) == (10, 10, 8, 5)
    assert (first["clipped"], first["acted"], first["said"]) == (0.125, 3, "halved")
    assert (first["problem"], first["environment"]) == ("toy-1", "numpy 2")
    assert (second["train"], second["accuracy"], second["diverged"], second["batch_size"]) == (None, None, True, None)


def test_a_frame_of_looks_has_a_row_for_each_look():
    found = frame([outcome(), outcome(seed=1)], looks=True)
    assert found["step"].to_list() == [0, 5, 10] * 2
    assert found["train"].to_list() == [2.0, 1.0, 0.25] * 2
    assert found["accuracy"].to_list() == [0.1, 0.5, 0.9] * 2
    assert found["rate"].to_list()[:3] == [*outcome().rates]
    trials = frame([outcome(), outcome(seed=1)])
    assert trials.join(found, on="trial", suffix="_at").height == 6


def test_what_is_not_finite_is_null_in_a_frame():
    found = outcome()
    wild = replace(found.record, metrics={"accuracy": np.array([0.1, np.nan, np.inf])}, rates=np.full(10, np.inf))
    looks = frame([replace(found, record=wild)], looks=True)
    assert looks["accuracy"].to_list() == [0.1, None, None]
    assert looks["rate"].to_list() == [None] * 3


def test_a_frame_of_nothing_has_its_columns():
    assert (frame([]).height, frame([], looks=True).height) == (0, 0)
    assert frame([]).schema == frame([outcome(metrics=False)]).schema
    assert frame([], looks=True).schema == frame([outcome(metrics=False)], looks=True).schema


def test_pandas_where_it_is_installed():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    found = frame([outcome()], library="pandas")
    assert isinstance(found, pandas.DataFrame)
    assert found.loc[0, "accuracy"] == 0.9
    assert list(found.columns) == frame([outcome()]).columns


def test_a_library_that_is_not_there_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(StepsizeError, match="needs pandas: pip install pandas"):
        frame([outcome()], library="pandas")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(StepsizeError, match="needs polars"):
        frame([outcome()])
    with pytest.raises(StepsizeError, match='"polars" or "pandas", not \'numpy\''):
        frame([outcome()], library="numpy")
