"""A budget in trials, --resume, and the bad input of tune and find: one line each, under the name that was typed."""

import json

import pytest

from chosen import ADAM, POLICIES, SGD, Hill, a_policy
from commandline import run
from stepsize import StepsizeError, Tuner
from stepsize.cli.budget import Budget, BudgetKind
from stepsize.lab.choose.answer import Asked
from stepsize.lab.choose.budget import runs_and_trials
from stepsize.lab.choose.tune import Tune
from stepsize.lab.study.study import Study
from stepsize.lab.tune import check_starts, policy_for, tune
from stepsize.lab.tuner.walk import Walk
from studied import a_workload
from tuned_loops import STEPS, train

ODD = """
import numpy as np
from stepsize import problems

class Broken:
    size = None
    def start(self, seed): return {"w": np.ones(2)}
    def loss(self, params, rows=None): return np.full(len(params["w"]), np.nan)
    def loss_and_grad(self, params, rows=None): return self.loss(params), {"w": np.ones_like(params["w"])}
    def unpack(self, params): return params

def broken(): return Broken()

def alone():
    x = np.linspace(-1, 1, 60)
    return problems.least_squares(np.stack([x, x**2], 1), 2 * x + 0.1 * np.sin(20 * x))

def raises(): raise RuntimeError("boom")

def a_number(): return 3
"""


@pytest.mark.parametrize("trials", [1, 2, 3, 7])
@pytest.mark.parametrize("kind", [*POLICIES, Walk], ids=lambda one: one.__name__)
@pytest.mark.parametrize("hill", [Hill(), Hill(best=-12.0, edge=1.5, breaks=0.1), Hill(best=-1.0)])
def test_no_more_trials_are_begun_than_paid_for_and_one_is_finished(kind, trials, hill):
    policy, made = a_policy(kind, float(trials), (ADAM, SGD), trials=trials), {}
    while isinstance(answer := policy.ask(list(made.values())), Asked):
        made |= {part.trial.key: hill.outcome(part.trial, part.until) for part in answer.parts}
        assert len(made) <= trials
    assert answer.trial.key in made
    if any(not one.diverged for one in made.values()):
        assert any(one.over for one in made.values())


def test_more_trials_go_on_from_fewer_and_no_limit_is_as_before(tmp_path):
    def tuned(trials, folder=None):
        with Study(a_workload(rows=60), folder) as study:
            policy = policy_for(study.workload, [ADAM], steps=60, batch_size=4, budget=trials, trials=trials)
            return tune(study, policy)

    tuned(2, tmp_path / "r")
    again = tuned(5, tmp_path / "r")
    assert len(again.outcomes) <= 5
    assert tuned(5, tmp_path / "r").verdict == again.verdict
    assert a_policy(Tune, 4.0, trials=1000).ask([]) == a_policy(Tune, 4.0).ask([])


def test_a_tuner_counts_trials():
    tuner = Tuner("sgd() | 0.01 * cosine()", STEPS, budget="3trials")
    assert len(train(tuner)) <= 3
    assert runs_and_trials("Tuner", " 3 trials ") == (3.0, 3)
    assert runs_and_trials("Tuner", 2.5) == (2.5, None)


@pytest.mark.parametrize(
    "budget", ["0trials", "trials", "3", "-3trials", "1.5trials", "9" * 5000 + "trials", 0.5, None]
)
def test_a_budget_that_is_none_is_one_line(budget):
    with pytest.raises(StepsizeError, match="Tuner: budget"):
        Tuner("sgd() | 0.01", STEPS, budget=budget)
    with pytest.raises(StepsizeError, match="at least 1 trial"):
        a_policy(Tune, 4.0, trials=0)


def test_the_command_counts_trials_and_resumes_what_is_there(tmp_path):
    words = ["tune", "wine", "adam() | 0.01 * cosine()", "--steps", "40", "--json"]
    done = run(*words, "--budget", "2trials", "--out", "t", cwd=tmp_path)
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["trace"]) == 2
    again = run(*words, "--budget", "2trials", "--out", "t", "--resume", cwd=tmp_path)
    assert json.loads(again.stdout)["text"] == json.loads(done.stdout)["text"]
    assert json.loads(again.stdout)["asked"] == []
    (tmp_path / "empty").mkdir()
    for more in (["--resume"], ["--resume", "--out", "none"], ["--resume", "--out", "empty"]):
        done = run(*words, *more, cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "error: tune: " in done.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("command", ["tune", "find"])
@pytest.mark.parametrize(
    ("data", "more", "said"),
    [
        ("nonsense", [], "is neither a file nor a bundled set"),
        ("odd.py:nonsense", [], "has no function nonsense"),
        ("odd.py:raises", [], "raised RuntimeError: boom"),
        ("odd.py:a_number", [], "must return a problem"),
        ("odd.py:", [], "needs the name of a function"),
        ("empty.csv", ["--target", "y"], "is empty"),
        ("short.csv", ["--target", "y"], "must have at least"),
        ("short.csv", [], "a file needs a target"),
        ("short.csv", ["--target", "z"], "target must be a column of the file"),
        ("wine", ["--target", "y"], "needs no --target"),
        ("odd.py:alone", ["--target", "y"], "brings its own targets"),
    ],
)
def test_a_message_speaks_under_the_name_that_was_typed(tmp_path, command, data, more, said):
    (tmp_path / "odd.py").write_text(ODD)
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "short.csv").write_text("x,y\n1,2\n2,3\n")
    done = run(command, data, *more, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"error: {command}: ")
    assert said in done.stderr
    assert "compare" not in done.stderr


def test_a_loss_that_is_not_finite_at_the_start_is_one_line(tmp_path):
    (tmp_path / "odd.py").write_text(ODD)
    for _ in range(2):
        done = run("tune", "odd.py:broken", "--steps", "40", "--out", "r", cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].startswith(
            "error: tune: the loss of odd.py:broken is not finite before the first update, at any rate"
        )
    assert "Cannot tell" in run("find", "odd.py:broken", cwd=tmp_path).stdout


def test_without_validation_data_the_training_loss_decides_and_a_note_says_so(tmp_path):
    (tmp_path / "odd.py").write_text(ODD)
    words = ["--steps", "40", "--budget", "1.3", "--out", "r"]
    done = run("tune", "odd.py:alone", "sgd() | 0.1", *words, cwd=tmp_path)
    assert done.returncode == 0
    assert "note: there is no validation problem, so the training loss decides" in done.stderr
    assert "Training loss" in done.stdout
    other = run("tune", "wine", "sgd() | 0.1", *words, cwd=tmp_path)
    assert other.returncode == 0
    assert "of another problem" in other.stderr
    assert "validation problem" not in other.stderr


@pytest.mark.parametrize("budget", ["0", "0.99", "-1", "nan", "inf", "0s", "1001", "0trials", "x"])
def test_a_budget_below_one_is_one_line(budget):
    done = run("tune", "wine", f"--budget={budget}")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "--budget" in done.stderr


def test_only_a_start_that_is_never_finite_is_refused():
    trial = a_policy().trial(0, 0.1, 0)
    fine, dies = Hill().outcome(trial, 50), Hill(best=-60.0, edge=3.0, breaks=0.05).outcome(trial, 50)
    broken = Hill(best=-60.0, edge=3.0, breaks=0.0).outcome(trial, 50)
    assert broken.validation == (None,)
    for healthy in ([], [fine], [dies], [dies, fine], [fine, broken]):
        check_starts(healthy, "mine")
    with pytest.raises(StepsizeError, match="the loss of mine is not finite before the first update"):
        check_starts([broken], "mine")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("4", Budget(4.0)),
        ("4 runs", Budget(4.0)),
        ("1run", Budget(1.0)),
        ("12trials", Budget(12.0, trials=12)),
        ("1 trial", Budget(1.0, trials=1)),
        ("90s", Budget(1000.0, 90.0)),
        ("20 mins", Budget(1000.0, 1200.0)),
        ("2hours", Budget(1000.0, 7200.0)),
    ],
)
def test_a_budget_is_read_as_people_write_it(written, meant):
    assert BudgetKind().convert(written, None, None) == meant


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tune", "adam() | 0.1", "wine"], 'tune: DATA comes first: write stepsize tune digits "adam() | 0.1"'),
        (["find", "sgd() | 0.1"], 'find: DATA comes first: write stepsize find digits "sgd() | 0.1"'),
        (["tune", "--", "python", "x.py"], "tune: no strategy stands before --"),
        (["sweep", "wine"], "write stepsize tune"),
        (["tune"], "write stepsize tune digits"),
    ],
)
def test_what_stands_in_the_wrong_place_is_told_how_to_be_written(words, said):
    done = run(*words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr
