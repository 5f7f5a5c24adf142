"""A Tuner with a folder: killed and resumed, shared by processes, a loop that dies, a folder of something else."""

import os
import signal
import subprocess
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path

import pytest

from stepsize import StepsizeError, Tuner
from tuned_loops import STEPS, Loop, train

TEXT = "sgd() | 0.01 * cosine()"
CHILD = """
import sys, time
sys.path.insert(0, {tests!r})
from stepsize import Tuner
from tuned_loops import STEPS, train
tuner = Tuner({text!r}, STEPS, budget={budget}, folder={folder!r})
def slowly(trial, t):
    time.sleep({pause})
    if t == 1:
        print("begun", trial.strategy.rate.base, flush=True)
for one in train(tuner, slowly):
    print("ended", *one, flush=True)
print("verdict", tuner.verdict.text, tuner.verdict.cost, flush=True)
"""


def child(folder, budget=4, pause=0.0):
    text = CHILD.format(tests=str(Path(__file__).parent), text=TEXT, folder=str(folder), budget=budget, pause=pause)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def straight(budget=4):
    tuner = Tuner(TEXT, STEPS, budget=budget)
    return train(tuner), tuner.verdict


def test_a_larger_budget_goes_on_and_trains_nothing_twice(tmp_path):
    done = []
    for budget in (1.3, 2.2, 4, 4):
        with Tuner(TEXT, STEPS, budget=budget, folder=tmp_path / "t") as tuner:
            done += train(tuner)
    assert len({(rate, seed) for rate, seed, _ in done}) == len(done)
    assert tuner.verdict.cost <= 4
    assert tuner.verdict.loss == straight()[1].loss


def test_interrupted_and_resumed_is_straight_through(tmp_path):
    """An exception at any place costs the trial that it met, which is trained anew; the verdict is the same."""
    wanted = straight()[1]
    for place in (0, 1, 17, 55):
        folder, count = tmp_path / str(place), [0]

        def fail(trial, t, place=place, count=count):
            count[0] += 1
            if count[0] % 97 == place:
                raise KeyboardInterrupt

        for _ in range(20):
            with suppress(KeyboardInterrupt), Tuner(TEXT, STEPS, budget=4, folder=folder) as tuner:
                train(tuner, fail)
                break
        assert tuner.verdict == wanted


def test_killed_and_resumed_is_straight_through(tmp_path):
    process = child(tmp_path / "t", pause=0.01)
    lines = []
    while len([one for one in lines if one.startswith("begun")]) < 3:
        lines.append(process.stdout.readline())
    process.kill()
    process.communicate()
    with Tuner(TEXT, STEPS, budget=4, folder=tmp_path / "t") as tuner:
        train(tuner)
    assert tuner.verdict == straight()[1]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
@pytest.mark.usefixtures("ctrl_c")
def test_interrupts_are_no_deaths(tmp_path):
    for _ in range(4):
        process = child(tmp_path / "t", pause=0.02)
        assert "begun" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate()
    with Tuner(TEXT, STEPS, budget=4, folder=tmp_path / "t") as tuner:
        train(tuner)  # warnings are errors here
    assert tuner.verdict == straight()[1]


def test_a_loop_that_dies_at_one_trial_is_told_and_ends(tmp_path):
    class DiedError(Exception):
        pass

    def die(trial, t):
        if trial.strategy.rate.base > 0.3 and t > 5:
            raise DiedError

    deaths, warned = 0, []
    for _ in range(10):
        try:
            with warnings.catch_warnings(record=True) as warned, Tuner(TEXT, STEPS, budget=3, folder=tmp_path) as tuner:
                warnings.simplefilter("always")
                train(tuner, die)
        except DiedError:
            deaths += 1
            continue
        break
    assert "begun 3 times and died each time: it counts as diverged" in str(warned[0].message)
    assert deaths == 3
    assert tuner.verdict.rate < 0.3


def test_a_program_that_dies_of_an_error_counts(tmp_path):
    for _ in range(3):
        process = child(tmp_path / "t", pause="(t == 9) / 0")  # at the first trial
        process.communicate()
        assert process.returncode == 1
    with pytest.warns(UserWarning, match="begun 3 times"), Tuner(TEXT, STEPS, folder=tmp_path / "t") as tuner:
        train(tuner)
    assert "stopped being finite" in " ".join(tuner.verdict.trace)


def test_processes_share_the_work(tmp_path):
    both = [child(tmp_path / "t", pause=0.01) for _ in range(2)]
    told = [one.communicate(timeout=100)[0].splitlines() for one in both]
    rates = [[line.split()[1] for line in lines if line.startswith("ended")] for lines in told]
    assert not set(rates[0]) & set(rates[1])
    assert all(rates)
    verdicts = {line for lines in told for line in lines if line.startswith("verdict")}
    assert len(verdicts) == 1
    assert float(verdicts.pop().split()[-1]) <= 4


def test_a_folder_of_something_else_is_refused(tmp_path):
    with Tuner(TEXT, STEPS, budget=1, folder=tmp_path / "t", name="a") as tuner:
        train(tuner)
    kept = (tmp_path / "t" / "journal.jsonl").read_bytes()
    with pytest.raises(StepsizeError, match="holds runs of a, not of b: choose another folder"):
        Tuner(TEXT, STEPS, folder=tmp_path / "t", name="b")
    with pytest.raises(StepsizeError, match=r"over 60 steps, not of adam\(\) \| 0.1 over 60"):
        Tuner("adam() | 0.1", STEPS, folder=tmp_path / "t", name="a")
    with pytest.raises(StepsizeError, match=r"over 60 steps, not of .* over 50"):
        Tuner(TEXT, 50, folder=tmp_path / "t", name="a")
    assert (tmp_path / "t" / "journal.jsonl").read_bytes() == kept
    with Tuner(["adam() | 0.1", TEXT], STEPS, budget=2, folder=tmp_path / "t", name="a") as tuner:
        train(tuner)  # one more strategy beside the old one
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(StepsizeError, match="choose another"):
        Tuner(TEXT, STEPS, folder=tmp_path / "other")


def test_reports_are_cheap():
    """A loop may report at every update."""
    tuner = Tuner(TEXT, 100_000, budget=1)
    trial = next(iter(tuner))
    begin = time.perf_counter()
    for t in range(20_000):
        trial.report(t, 1.0 - t / 1e6)
    assert time.perf_counter() - begin < 2.0
    assert len(trial._handed.reports.slots) <= 42
    assert Loop().loss > 0
