"""Where a comparison's files are: read from wherever a worker stands, written beside one another."""

from __future__ import annotations

import pytest

from commandline import run
from stepsize import StepsizeError
from stepsize.cli import compare
from stepsize.cli.places import recipe_for
from stepsize.lab.data.sources import placed

SHORT = ["--steps", "3", "--seeds", "2", "--rates", "0.1"]
FUNCTION = """
from stepsize import problems
def line():
    return problems.least_squares([[1.0], [2.0], [3.0]], [2.0, 4.0, 6.5])
"""


@pytest.mark.parametrize("options", [["sub/line.py:line"], ["sub/table.csv", "--target", "y"]])
def test_a_worker_in_another_folder_makes_the_same_problem(tmp_path, monkeypatch, options):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "line.py").write_text(FUNCTION)
    (tmp_path / "sub" / "table.csv").write_text("a,y\n" + "".join(f"{i * i % 7},{i % 2}\n" for i in range(60)))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    made = []

    def asked(given, data, target, task, *_):
        recipe = recipe_for(data, target, task)
        monkeypatch.chdir(elsewhere)
        made.append((given.fingerprint, recipe.made().fingerprint))
        raise StepsizeError("no place")

    monkeypatch.setattr(compare, "place_for", asked)
    monkeypatch.chdir(tmp_path)
    assert "no place" in run("compare", *options[:1], "sgd() | 0.1", *options[1:], *SHORT).stderr
    ((here, there),) = made
    assert here == there


def test_a_name_stays_a_name_even_where_a_file_has_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wine").write_text("")
    assert placed("wine") == "wine"
    assert placed("digits-mlp") == "digits-mlp"


def test_files_may_lie_in_the_folder_that_is_made_and_each_has_a_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = run("compare", "wine", "sgd() | 0.1", *SHORT, "--out", "study", "--csv", "study/t.csv", "--latex", "t.tex")
    assert told.returncode == 0
    assert told.stderr.splitlines()[-3:-1][0].startswith("written to study: index.html")
    assert told.stderr.splitlines()[-2:] == ["written to study/t.csv", "written to t.tex"]
    assert (tmp_path / "study" / "t.csv").read_text().startswith("strategy,")


def test_each_step_of_the_way_is_told_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = run("compare", "wine", "sgd() | 0.1", *SHORT, "--out", "study").stderr.splitlines()
    assert [line.partition(",")[0] for line in told if line.startswith("trained")] == ["trained 2 of 2 runs"]


def test_a_strategy_under_two_names_is_said():
    told = run("compare", "wine", "A=sgd() | 0.1", "sgd() | 0.10", "B=sgd(momentum=0) | 0.1", *SHORT)
    notes = [line for line in told.stderr.splitlines() if "given already" in line]
    assert [line.partition(" is a strategy")[0] for line in notes] == ["note: sgd() | 0.10", "note: B"]
    assert "given already" not in run("compare", "wine", "my  A=sgd() | 0.1", "sgd( )|0.2", *SHORT).stderr
