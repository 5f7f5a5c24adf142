"""The page and the picture of runs: what is drawn, what is marked, and that no name or number breaks them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commandline import run
from stepsize import StepsizeError, descend, problems
from stepsize.lab.diagnosis import Diagnosis, Finding
from stepsize.lab.records.decimated import decimated, window
from stepsize.lab.records.record import Decision, Record, read
from stepsize.report.runs.facts import facts
from stepsize.report.runs.figure import save_runs
from stepsize.report.runs.marks import MOST, marks_of
from stepsize.report.runs.page import run_page
from stepsize.report.runs.payload import log_axes, payload
from stepsize.report.runs.seen import Seen
from stepsize.report.runs.series import lines_of

HOSTILE = "</script><img src=x onerror=alert(1)>'\"&$\\run"


def record(rows=100, **columns):
    steps = np.arange(rows)
    return Record(**{"steps": steps, "losses": np.exp(-steps / 50), "rates": np.full(rows, 0.1)} | columns)


def whole():
    """A record with every field that is drawn."""
    rows = np.arange(100)
    some = np.where(rows % 10 == 0, 0.5, np.nan)
    return record(
        losses=np.where(rows == 40, np.nan, 2.0 - rows / 100),
        group_rates={"body": np.full(100, 0.1), HOSTILE: np.full(100, 0.2)},
        knobs={"momentum": np.linspace(0.9, 0.95, 100)},
        grad_norms=np.ones(100),
        layers={"first": some},
        update_norms=some,
        weight_norms=np.full(100, 10.0),
        layer_updates={"first": some},
        clipped=np.zeros(100),
        skipped=(rows == 40).astype(float),
        seconds=np.full(100, 0.01),
        memory=np.full(100, 1e9),
        measured_at=(50, 100),
        validated=np.array([1.5, 1.7]),
        metrics={"accuracy": np.array([0.5, 0.6])},
        decisions=(Decision(40, "skip", "not finite"), Decision(60, "plateau", HOSTILE, "body", 0.5)),
        planned_steps=100,
        text="adam() | 0.1",
        optimizer={"class": "AdamW", "weight_decay": 0.01, "fused": None},
    )


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])


@given(st.lists(st.floats(-1e6, 1e6) | st.just(np.nan), min_size=1, max_size=300), st.integers(1, 20))
def test_what_is_left_of_a_series_keeps_its_ends_and_its_extremes(values, parts):
    column = np.array(values)
    steps, (kept,) = decimated(np.arange(len(values)), [column], parts)
    assert len(steps) == len(kept) <= 2 * parts or len(values) <= 2 * parts
    assert (np.diff(steps) > 0).all()
    assert (steps[0], steps[-1]) == (0, len(values) - 1)
    if np.isfinite(column).any():
        assert (np.nanmin(kept), np.nanmax(kept)) == (np.nanmin(column), np.nanmax(column))
    assert set(kept[~np.isnan(kept)]) <= set(values)


def test_one_spike_in_a_million_rows_is_drawn_where_it_is():
    losses = np.ones(1_000_000)
    losses[123_456] = 50.0
    drawn = payload([Seen("run", record(1_000_000, losses=losses, rates=None))])
    line = drawn["lines"][0]
    steps = drawn["tables"][line["table"]]
    assert len(steps) <= 2000
    assert abs(steps[line["values"].index(50.0)] - 123_456) <= 1000


def test_a_window_has_all_its_rows_and_one_beyond_each_end():
    drawn = payload([Seen("run", record(10_000))], low=5000, high=5400)
    assert drawn["tables"][0][0] == 4999
    assert drawn["tables"][0][-1] == 5400
    assert len(drawn["tables"][0]) == 402
    assert window(np.arange(3), 100, 200) == slice(2, 4)


def test_every_field_has_its_chart():
    panels = {}
    for line in lines_of(whole()):
        panels.setdefault(line.panel, []).append(line.name)
    assert panels == {
        "loss": ["training", "validation"],
        "metrics": ["accuracy"],
        "rate": ["body", HOSTILE],
        "knobs": ["momentum"],
        "norm": ["gradient"],
        "layers": ["first"],
        "update": ["all weights", "first"],
        "clipped": ["clipped", "skipped"],
        "seconds": ["seconds"],
        "memory": ["memory"],
    }
    assert [line.panel for line in lines_of(record())] == ["loss", "rate"]


def test_what_is_logged_at_intervals_is_drawn_from_number_to_number():
    line = next(line for line in lines_of(whole()) if line.panel == "layers")
    assert line.steps.tolist() == list(range(0, 100, 10))
    assert line.looks


def test_marks_tell_decisions_and_losses_that_are_no_numbers():
    marks = marks_of(whole())
    assert [(mark.step, mark.kind, mark.group, mark.factor) for mark in marks] == [
        (40, "not finite", "", None),
        (40, "skip", "", None),
        (60, "plateau", "body", 0.5),
    ]


def test_an_update_that_was_left_out_is_a_mark_where_no_decision_says_so():
    skipped = np.zeros(100)
    skipped[7] = 1
    assert [(mark.step, mark.kind) for mark in marks_of(record(skipped=skipped))] == [(7, "skip")]


def test_the_reasons_of_a_run_are_marks():
    random = np.random.default_rng(0)
    made = problems.least_squares(random.normal(size=(64, 4)), random.normal(size=64))
    found = descend(made, "sgd() | 0.1 * plateau(patience=5)", steps=300, batch_size=8).record
    marks = marks_of(found)
    assert marks
    assert all(mark.kind == "plateau" and "not better" in mark.why for mark in marks)


def test_decisions_that_lie_close_together_are_one_mark():
    near = tuple(Decision(step, "clip_norm", f"length {step}") for step in (*range(1000, 1050), 5000))
    first, second = marks_of(record(10_000, decisions=near))
    assert (first.step, first.last, first.count, first.why) == (1000, 1049, 50, "length 1000")
    assert (second.step, second.count) == (5000, 1)
    many = tuple(Decision(step, "clip_norm", "") for step in range(0, 100_000, 10))
    assert len(marks_of(record(100_000, decisions=many))) <= MOST
    assert sum(mark.count for mark in marks_of(record(100_000, decisions=many))) == 10_000


def test_a_log_axis_needs_numbers_above_zero():
    assert log_axes([Seen("run", record())])["loss"]
    assert not log_axes([Seen("run", record(losses=-np.ones(100)))])["loss"]


def test_the_numbers_are_those_of_the_record():
    told = facts(whole())
    assert told["Updates"] == "100 of 100"
    assert told["Loss, lowest"] == "1.01 at 99"
    assert told["Losses that are not finite"] == "1"
    assert told["Validation loss, lowest"] == "1.5 at 50"
    assert told["Update ratio, median"] == "0.05"
    assert told["Updates left out"] == "1"
    assert facts(record(0))["Updates"] == "0"


def test_a_page_is_one_file_that_asks_the_network_for_nothing():
    page = run_page([Seen.of("run.jsonl", whole())])
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", page)
    assert "connect-src" not in page
    data = data_of(page)
    assert [line["name"] for line in data["lines"] if line["panel"] == "loss"] == ["training", "validation"]
    assert data["live"] is None
    assert "adam() | 0.1" in page
    assert "AdamW: weight_decay 0.01<" in page


def test_names_and_reasons_are_text_whatever_stands_in_them():
    page = run_page([Seen.of(HOSTILE, whole()), Seen.of("b", whole())])
    assert "<img" not in page
    assert page.count("</script>") == 3
    data = data_of(page)
    assert data["runs"][0]["name"] == HOSTILE
    assert data["runs"][0]["marks"][-1]["why"] == HOSTILE


def test_findings_stand_beside_the_chart_and_at_their_update():
    finding = Finding("spikes", "It <spiked>.", (), "less", step=60, sure="certain")
    diagnosis = Diagnosis((finding,), ("a",), (), "about")
    page = run_page([Seen("a", record(), diagnosis), Seen("b", record(), diagnosis)])
    assert page.count('data-step="60">at update 60</button>') == 2
    assert "It &lt;spiked&gt;." in page
    places = [run["findings"] for run in data_of(page)["runs"]]
    assert places == [[{"place": place, "illness": "spikes", "step": 60}] for place in (1, 2)]  # one number each
    assert re.findall(r'aria-hidden="true">(\d)</span>', page) == ["1", "2"]


def test_one_name_has_one_look_in_all_runs():
    others = record(group_rates={"head": np.full(100, 0.2), "body": np.full(100, 0.1)})
    lines = payload([Seen("a", whole()), Seen("b", others)])["lines"]
    dashes = {(line["run"], line["name"]): line["dash"] for line in lines if line["panel"] == "rate"}
    assert dashes[0, "body"] == dashes[1, "body"] == []
    assert dashes[1, "head"] not in ([], dashes[0, HOSTILE])


def test_a_run_without_a_row_has_a_page():
    page = run_page([Seen.of("empty", record(0))])
    assert data_of(page)["lines"] == []
    assert run_page([Seen("all NaN", record(losses=np.full(100, np.nan), rates=None))])


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_picture_is_drawn_of_any_runs(tmp_path, ending):
    both = [Seen.of(HOSTILE, whole()), Seen.of("$b_{", record())]
    for runs in (both, both[:1], [Seen.of("empty", record(0))]):
        path = save_runs(runs, tmp_path / f"a.{ending}")
        first = path.read_bytes()
        save_runs(runs, path)
        assert path.read_bytes() == first
        assert len(first) > 1000


@pytest.fixture
def logs(tmp_path):
    whole().save(tmp_path / "run.jsonl")
    lines = "".join(f"{step},{2 - step / 100},0.1\n" for step in range(100))
    (tmp_path / "theirs.csv").write_text(f"step,loss,lr\n{lines}")
    (tmp_path / "no-loss.csv").write_text("step,accuracy\n1,2\n")
    (tmp_path / "future.jsonl").write_text('{"kind": "stepsize recording", "version": 99}\n{"step": 0, "loss": 1}\n')
    return tmp_path


def test_the_command_writes_a_page(logs):
    done = run("report", "run.jsonl", "theirs.csv", cwd=logs)
    assert done.returncode == 0, done.stderr
    assert "run.jsonl: " in done.stdout
    page = (logs / "report.html").read_text()
    assert [one["name"] for one in data_of(page)["runs"]] == ["run.jsonl", "theirs.csv"]
    assert data_of(page)["runs"][1]["rows"] == len(read(logs / "theirs.csv"))


def test_a_picture_alone_writes_no_page(logs):
    done = run("report", "run.jsonl", "--png", "a.png", "--svg", "a.svg", cwd=logs)
    assert done.returncode == 0, done.stderr
    assert not (logs / "report.html").exists()
    assert (logs / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (logs / "a.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run.json"], "there is no file run.json: did you mean run.jsonl?"),
        (["."], ". is a folder: name"),
        (["no-loss.csv"], "no column for the loss, only 'step', 'accuracy'"),
        (["future.jsonl"], "99"),
        (["run.jsonl", "--png", "a.jpg"], "--png a.jpg must end in .png: write a.png"),
        (["run.jsonl", "--out", "."], "--out . is a folder: name the file, such as report.html"),
        (["run.jsonl", "--out", "nowhere/a.html"], "nowhere/a.html cannot be written"),
        ([], "Missing argument 'RUN...': write stepsize report run.jsonl"),
    ],
)
def test_what_cannot_be_reported_is_one_line(logs, words, said):
    done = run("report", *words, cwd=logs)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_study_is_told_where_its_page_is(logs):
    assert (
        run("compare", "wine", "sgd() | 0.1", "--steps", "5", "--seeds", "2", "--out", "study", cwd=logs).returncode
        == 0
    )
    for path in ("study", "study/journal.jsonl"):
        done = run("report", path, cwd=logs)
        assert done.returncode == 2
        assert "write stepsize study show study" in done.stderr


def test_the_endings_of_paths_tell_runs_apart(logs):
    for name in ("a", "b"):
        (logs / name).mkdir()
        whole().save(logs / name / "run.jsonl")
    assert run("report", "a/run.jsonl", "b/run.jsonl", cwd=logs).returncode == 0
    names = [one["name"] for one in data_of((logs / "report.html").read_text())["runs"]]
    assert names == ["a/run.jsonl", "b/run.jsonl"]


def test_the_documented_lines_run(tmp_path, monkeypatch):
    told = (Path(__file__).parents[1] / "docs" / "watch.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    exec(re.search(r"```python\n(.*?)```", told, re.S)[1], {})
    lines = re.findall(r"^stepsize (report .*)$", told, re.M)
    assert len(lines) == 2
    for line in lines:
        done = run(*line.split(), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert {"report.html", "both.html", "both.png"} <= {file.name for file in tmp_path.iterdir()}


def test_a_file_that_is_no_picture_is_refused(tmp_path):
    with pytest.raises(StepsizeError, match=r"must end in \.png, \.svg or \.pdf"):
        save_runs([Seen.of("a", record())], tmp_path / "a.gif")


def test_runs_of_one_log_lie_over_each_other_or_one_is_named(tmp_path):
    log = tmp_path / "sweep.csv"
    rows = [f"{run},{step},{1 / (step + k)}" for k, run in ((1, "low"), (2, "high")) for step in range(60)]
    log.write_text("\n".join(["run,it,train/ce", *rows]))
    both = run("report", str(log), "--loss", "train/ce", "--step", "it", "--out", str(tmp_path / "both.html"))
    assert both.returncode == 0, both.stderr
    assert [line.partition(": ")[2].partition(":")[0] for line in both.stdout.splitlines()] == ["low", "high"]
    only = ("--loss", "train/ce", "--step", "it", "--run", "low")
    one = run("report", str(log), *only, "--out", str(tmp_path / "one.html"))
    assert len(one.stdout.splitlines()) == 1
    said = run("report", str(log), "--loss", "ce", "--out", str(tmp_path / "none.html")).stderr
    assert "train/ce" in said
    assert not (tmp_path / "none.html").exists()


def test_a_name_steers_no_terminal(tmp_path):
    hostile = tmp_path / "a\x1b[31m\nb.csv"
    hostile.write_text("step,loss\n" + "".join(f"{step},{2 - step / 100}\n" for step in range(50)))
    said = run("report", str(hostile), "--out", str(tmp_path / "one.html")).stdout
    assert said.startswith("a\\x1b[31m\\nb.csv: ")
    assert len(said.splitlines()) == 1
    told = run("diagnose", str(hostile)).stdout
    assert "\x1b" not in told
    assert "a\\x1b[31m\\nb.csv: 50 rows" in told.splitlines()[0]
