"""`stepsize compare file.py:function`: problems of the user's own, and one line for every mistake in them."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from html import unescape

import pytest

import commandline
from stepsize import StepsizeError, problems
from stepsize.cli.bundled import workload
from stepsize.lab.compare import compare, prepare
from stepsize.lab.data.datasets import load
from stepsize.lab.environment import versions
from stepsize.lab.study.study import Study
from stepsize.lab.workload import Workload
from stepsize.report.charts import chart_data
from stepsize.report.figures import save_figures
from stepsize.report.numbers import summarise
from stepsize.report.page import command, page
from stepsize.report.table import print_table
from test_cli import QUICK

OWN = '''
"""A file of the user's."""
import numpy as np
from helper import SLOPE
from stepsize import problems


def line():
    """A straight line through points."""
    x = np.linspace(-1, 1, 40)
    return part(x[::2]), part(x[1::2])


def part(x, noise=0.1):
    return problems.least_squares(np.stack([x, np.ones_like(x)], axis=1), SLOPE * x + noise * np.sin(20 * x))


def alone():
    return line()[0]


def bowl():
    return problems.objective(lambda x: (float(x @ x), 2 * x), params=np.array([1.0, -1.0]))


def needs(data):
    return data


def fails():
    raise KeyError("no such column")


def leaves():
    sys_exit = __import__("sys").exit
    sys_exit("usage: model.py")


def loud():
    print("reading …")
    return line()


def nothing():
    pass


def three():
    return 1, 2, 3


def wrong():
    problem = line()[0]
    problem.loss = lambda params, rows=None: 3.0
    return problem


def mismatched():
    return line()[0], problems.least_squares([[1.0]], [1.0])


def bad_numbers():
    return problems.least_squares([[np.nan]], [1.0])


def late():
    import torch
    from stepsize.adapters.torch import problem

    labels = [0, 1, 0, 1, 7]
    return problem(torch.nn.Linear(1, 2), torch.nn.functional.cross_entropy, (np.zeros((5, 1)), labels))


number = 3
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.py").write_text(OWN)
    (tmp_path / "helper.py").write_text("SLOPE = 2.0\n")
    return tmp_path


@pytest.fixture(autouse=True)
def forget_helper():
    yield
    sys.modules.pop("helper", None)


def made(folder, function):
    return workload(f"{folder / 'model.py'}:{function}")


def journal_of(given, steps=12):
    with Study(given) as study:
        plan = prepare(given, ["sgd() | 0.1", "adam() | 0.01"], steps=steps, seeds=2, rates=(0.01, 1.0, 3))
        grown = compare(study, plan)
    return grown, study.outcomes(grown.trials()), versions(given.packages)


# --- what is taken


def test_a_pair_has_a_name_rows_and_what_its_docstring_says(folder):
    given = made(folder, "line")
    assert (given.name, given.rows) == ("model.py:line", (20, 20, 0))
    assert given.model == "A straight line through points, 2 parameters."
    assert given.validation is not None


def test_a_problem_alone_is_taken(folder):
    given = made(folder, "alone")
    assert given.validation is None
    assert given.model == "The problem that alone in model.py builds, 2 parameters."


def test_the_fingerprint_follows_the_file_and_the_start(folder):
    first = made(folder, "line").fingerprint
    assert first == made(folder, "line").fingerprint
    assert first != made(folder, "loud").fingerprint
    (folder / "model.py").write_text(OWN + "# a remark\n")
    second = made(folder, "line").fingerprint
    assert second != first
    (folder / "model.py").write_text(OWN.replace("[1.0, -1.0]", "[1.0, float(__import__('os').environ['WHERE'])]"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHERE", "1")
        here = made(folder, "bowl").fingerprint
        patch.setenv("WHERE", "2")
        assert made(folder, "bowl").fingerprint != here


def test_the_file_is_run_beside_its_folder_and_leaves_nothing(folder):
    path = list(sys.path)
    (folder / "json.py").write_text(OWN)
    given = workload(f"{folder / 'json.py'}:line")
    assert given.problem.size == 20
    assert sys.path == path
    assert sys.modules["json"] is json, "a file with the name of a module replaces it for nobody"
    assert not (folder / "__pycache__" / "model.cpython-311.pyc").exists()


# --- the reports


def test_a_page_of_ones_own_says_nothing_of_softmax_regression(folder):
    text = unescape(page(summarise(*journal_of(made(folder, "line")))))
    assert "oftmax regression" not in text
    assert "Least squares by" not in text
    assert "A straight line through points, 2 parameters." in text
    assert "all 20 rows at once" in text
    assert "validated on 20 rows that no step saw" in text
    assert "columns," not in text


def test_a_table_says_what_it_said(capsys):
    journal = journal_of(load("wine").workload())
    text = unescape(page(summarise(*journal)))
    assert "Classification of <em>cultivar</em> (3 classes)" in text
    assert "with batches of 32 of 106 rows and 14 columns" in text
    assert "Softmax regression by its mean cross-entropy, beginning at zero, with an intercept" in text
    print_table(summarise(*journal))
    assert (
        "wine: classification, 106 rows to train, 36 rows to choose by, 36 rows to judge by, 14 columns; 12 steps"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize("function", ["alone", "bowl"])
def test_without_a_validation_problem_the_training_loss_chooses(folder, function, tmp_path, capsys):
    journal = journal_of(made(folder, function))
    assert all(one is None for outcome in journal[1] for one in outcome.validation)
    summary = summarise(*journal)
    for row in summary.rows:
        settled = [one.train.value for one in row.bases if one.train is not None]
        assert row.train.value == min(settled)
    assert "training loss" in summary.verdict[0]
    text = unescape(page(summary))
    assert "because there is no validation problem" in text
    assert not [one for one in text.splitlines() if "alidation loss" in one and "script" not in one and "over" in one]
    assert 'data-chart="validation"' not in text
    assert chart_data(summary)["strategies"][0]["losses"]
    assert len(save_figures(summary, tmp_path)) == 4
    print_table(summary)
    shown = capsys.readouterr().out
    assert "validation" not in shown
    assert shown.splitlines()[2].count("training loss") == 2


def test_a_problem_without_rows_has_no_batches(folder):
    settings = prepare(made(folder, "bowl"), ["sgd() | 0.1"], steps=5, seeds=2)
    assert (settings.batch_size, settings.subject.rows_train) == (None, 0)
    text = page(summarise(*journal_of(made(folder, "bowl"))))
    assert "rows at once" not in text
    assert " 0 rows" not in text


def test_the_command_names_the_function(folder):
    settings = prepare(made(folder, "line"), ["sgd() | 0.1"], steps=5, seeds=2)
    assert command(settings).startswith("stepsize compare model.py:line \\")


def test_measuring_costs_about_what_training_costs_but_twenty_points_are_kept(folder):
    given = made(folder, "line")
    assert given.measure_every(500, None) == 10
    assert given.measure_every(500, 4) == 10
    large = replace(given, problem=_Sized(30_000), validation=_Sized(6_000))
    assert large.measure_every(1000, 32) == 50
    assert large.measure_every(100_000, 32) == 2000
    assert replace(large, validation=_Sized(None)).measure_every(10_000, 32) == 313
    assert replace(large, measurements=50).measure_every(1000, 32) == 20


class _Sized(problems.objective):
    def __init__(self, size):
        self.size = size


def test_versions_are_those_of_the_workload():
    assert list(versions(("torch",))) == ["python", "stepsize", "numpy", "torch"]
    assert "torch" not in versions(load("wine").workload().packages)


# --- mistakes


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("model.py:lin", "has no function lin: did you mean line?"),
        ("model.py:zzz", "has no function zzz: it has line, part, alone"),
        ("model.py:np", "must be a function, not module"),
        ("model.py:number", "must be a function, not int"),
        ("model.py:needs", "must take no arguments, not (data): give them defaults"),
        (
            "model.py:nothing",
            "(problem, one to choose by, one to judge by), not None: write return stepsize.adapters.torch.problem(",
        ),
        ("model.py:three", "not (int, int, int)"),
        ("model.py:fails", "raised KeyError: 'no such column' (model.py line {no such column})"),
        ("model.py:leaves", "raised SystemExit: usage: model.py (model.py line {usage})"),
        ("model.py:wrong", "one loss a run"),
        ("model.py:mismatched", "model.py:mismatched raised ValueError"),
        ("model.py:bad_numbers", "X has NaN or infinite values; fill or drop them first (model.py line {np.nan})"),
        ("model.py:late", "raised IndexError: Target 7 is out of bounds."),
        ("model.py", "needs the name of a function: write "),
        ("model.py:", ":line or "),
        ("modle.py:line", "did you mean "),
        ("none/model.py:line", "there is no file"),
        ("broken.py:line", "raised SyntaxError"),
        ("broken.py", ":FUNCTION"),
        ("early.py:line", "early.py:line raised ZeroDivisionError: division by zero (early.py line 2)"),
        ("misses.py:line", "imports no_such_package_at_all, which was not found"),
    ],
)
def test_a_mistake_is_one_line(folder, name, said):
    (folder / "broken.py").write_text("def line(:\n")
    (folder / "early.py").write_text("def line(): pass\n1 / 0\n")
    (folder / "misses.py").write_text("import no_such_package_at_all\n")
    with pytest.raises(StepsizeError) as error:
        workload(str(folder / name))
    for marked in re.findall(r"\{(.*)\}", said):
        said = said.replace(f"{{{marked}}}", str(OWN[: OWN.index(marked)].count("\n") + 1))
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert not [one for one in sys.modules if one.startswith("stepsize_file_broken")]


@pytest.mark.parametrize("options", [{"target": "y"}, {"task": "regression"}])
def test_options_of_tables_are_refused(folder, options):
    with pytest.raises(StepsizeError, match="leave --target and --task out"):
        workload(f"{folder / 'model.py'}:line", **options)


def test_a_name_that_is_nearly_a_task_is_guessed():
    with pytest.raises(StepsizeError, match="did you mean digits-mlp"):
        workload("digits-mpl")


@pytest.mark.parametrize("name", ["digits-mlp", "model.py:line"])
def test_without_torch_the_line_says_what_to_install_and_tables_still_work(folder, monkeypatch, name):
    for one in [one for one in sys.modules if one.startswith("stepsize.adapters.torch")]:
        monkeypatch.delitem(sys.modules, one)
    monkeypatch.setitem(sys.modules, "torch", None)
    (folder / "model.py").write_text("from stepsize.adapters.torch import Scheduler\n" + OWN)
    with pytest.raises(StepsizeError, match=r"needs torch: pip install torch$"):
        workload(name if "." not in name else str(folder / name))
    assert isinstance(workload("wine"), Workload)


# --- as a command


@pytest.fixture
def run(folder):
    """The command line in the folder: exit code, what it printed, what it said."""

    def call(*words):
        done = commandline.run(*words, cwd=folder)
        return done.returncode, done.stdout, done.stderr

    return call


def test_the_command_runs_a_file_and_goes_on_where_it_was(folder, run):
    words = ["compare", "model.py:line", "sgd() | 0.1", "--out", "r", *QUICK]
    code, out, said = run(*words)
    assert code == 0, said
    assert "A straight line through points, 2 parameters." in out
    before = (folder / "r" / "journal.jsonl").read_bytes()
    lines = before.splitlines(keepends=True)
    (folder / "r" / "journal.jsonl").write_bytes(b"".join(lines[:-3]))
    assert run(*words)[:2] == (0, out)
    assert sorted((folder / "r" / "journal.jsonl").read_bytes().splitlines()) == sorted(before.splitlines())
    (folder / "model.py").write_text(OWN.replace("noise=0.1", "noise=0.2"))
    code, _, said = run(*words)
    assert code == 0
    assert "r also holds 8 runs of another problem (the file, the data or the start differ)" in said


def test_what_a_file_prints_is_not_in_the_table(run):
    _, out, said = run("compare", "model.py:loud", "sgd() | 0.1", "--json", *QUICK)
    assert [json.loads(line).get("name") for line in out.splitlines()] == ["sgd() | 0.1", None]
    assert "reading" in said


def test_json_has_no_validation_losses_where_there_were_none(run):
    row = json.loads(run("compare", "model.py:alone", "sgd() | 0.1", "--json", *QUICK)[1].splitlines()[0])
    assert row["validation"] is row["given_validation"] is row["bases"][0]["validation"] is None
    assert row["train"]["n"] == 2


def test_a_torch_model_of_ones_own(folder, run):
    (folder / "net.py").write_text(
        "import torch\n"
        "from stepsize.adapters.torch import problem\n"
        "def net():\n"
        "    x = torch.linspace(-1, 1, 40)[:, None]\n"
        "    make = lambda: torch.nn.Sequential(torch.nn.Linear(1, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))\n"
        "    loss = torch.nn.functional.mse_loss\n"
        "    return problem(make, loss, (x[::2], x[::2] ** 2)), problem(make, loss, (x[1::2], x[1::2] ** 2))\n"
    )
    words = ["compare", "net.py:net", "adam() | 0.01", *QUICK]
    code, _, said = run(*words, "--out", "r")
    assert code == 0, said
    rows = [json.loads(line) for line in (folder / "r" / "journal.jsonl").read_text().splitlines()]
    assert "torch 2" in rows[-1]["environment"]
    assert rows[1]["model"] == "The problem that net in net.py builds, 13 parameters."
    (folder / "net.py").write_text((folder / "net.py").read_text().replace("x[::2] ** 2)", "x[::3] ** 2)"))
    code, _, said = run(*words)
    assert code == 2
    assert said.startswith("error: problem: all parts of data must have equally many rows, not inputs 20, targets 14")
    assert said.endswith("(net.py line 7)\n")
