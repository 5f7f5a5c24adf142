"""Processes that are killed in the middle of a study: what is finished stays, and the end is as if nobody had died."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from stepsize.lab.study.journal import FILE, Journal
from stepsize.lab.study.study import Study
from stepsize.lab.trials.outcome import Outcome
from studied import LONG, a_plan, a_workload, outcomes_of, uninterrupted

HERE = Path(__file__).parent
KILLS = 20


def started(folder):
    paths = os.pathsep.join(one for one in (str(HERE), *sys.path) if one)
    process = subprocess.Popen(
        [sys.executable, str(HERE / "studied.py"), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_killed_at_twenty_moments_two_processes_end_as_one_that_lived(tmp_path):
    plan = a_plan(**LONG)
    whole = uninterrupted(plan)
    draw = random.Random(7)
    kills, folder, place = 0, tmp_path / "0", 0
    while kills < KILLS:
        pair = [started(folder), started(folder)]
        time.sleep(draw.uniform(0.02, 0.6))
        for process in draw.sample(pair, draw.choice((1, 2))):
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
        for process in pair:
            if process.poll() is None and draw.random() < 0.5:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
            process.wait(timeout=60)
            process.stdout.close()
        if all(one.over for one in Journal(folder).outcomes.values()) and len(Journal(folder).outcomes) == plan.runs:
            check(folder, plan, whole)
            place += 1
            folder = tmp_path / str(place)
    last = started(folder)
    last.stdout.read()
    assert last.wait() == 0
    last.stdout.close()
    check(folder, plan, whole)


def check(folder, plan, whole):
    with Study(a_workload(), folder) as study:
        assert outcomes_of(study, plan) == whole
    assert not list((folder / "paused").glob("*")), "the states of trials that are over are gone"


def test_two_processes_train_no_trial_twice(tmp_path):
    pair = [started(tmp_path / "r"), started(tmp_path / "r")]
    told = [process.stdout.read() for process in pair]
    assert [process.wait() for process in pair] == [0, 0]
    for process in pair:
        process.stdout.close()
    plan = a_plan(**LONG)
    lines = (tmp_path / "r" / FILE).read_bytes().splitlines()
    rows = [json.loads(line) for line in lines if line.startswith(b'{"kind": "trial"')]
    ends = [one.trial.key for one in map(Outcome.of, rows) if one.over]
    assert sorted(ends) == sorted(one.key for one in plan.trials())
    assert all(f"{plan.runs} {plan.runs}" in one for one in told), "both wait for what the other trains"
    check(tmp_path / "r", plan, uninterrupted(plan))
