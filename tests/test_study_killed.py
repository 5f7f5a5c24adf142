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

import pytest

from stepsize.lab.study.journal import FILE, Journal
from stepsize.lab.study.study import Study
from stepsize.lab.trials.outcome import Outcome
from studied import LONG, a_plan, a_workload, outcomes_of, place_of, uninterrupted

HERE = Path(__file__).parent
KILLS = 20
CLUSTER_KILLS = int(os.environ.get("STEPSIZE_KILLS", "5"))  # each costs seconds, in which a worker starts


def started(folder, *address):
    paths = os.pathsep.join(one for one in (str(HERE), *sys.path) if one)
    process = subprocess.Popen(
        [sys.executable, str(HERE / "studied.py"), str(folder), *address],
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
        assert study.train(plan.trials(), place_of("")) == outcomes_of(study, plan) == whole
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


def test_killed_workers_and_parents_of_a_cluster_end_as_if_nobody_had_died(tmp_path):
    pytest.importorskip("distributed")
    from test_places_cluster import Machines

    plan, draw = a_plan(**LONG), random.Random(3)
    whole, folder, place = uninterrupted(plan), tmp_path / "0", 0
    machines = Machines(tmp_path)
    try:
        for _ in range(CLUSTER_KILLS):
            parent = started(folder, machines.address)
            parent.stdout.readline()  # one lot has come
            time.sleep(draw.uniform(0.0, 0.4))
            killed = draw.choice([parent, *machines.workers])
            killed.kill()
            killed.wait()
            if killed is not parent:
                machines.workers[machines.workers.index(killed)] = machines.worker()
                parent.stdout.read()
                assert parent.wait(timeout=120) == 0
            parent.stdout.close()
            if sum(one.over for one in Journal(folder).outcomes.values()) == plan.runs:
                check(folder, plan, whole)
                place += 1
                folder = tmp_path / str(place)
        last = started(folder, machines.address)
        last.stdout.read()
        assert last.wait(timeout=120) == 0
        last.stdout.close()
        check(folder, plan, whole)
    finally:
        machines.end()
