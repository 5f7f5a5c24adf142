"""A cluster trains what this process trains, and a worker or a scheduler that goes costs time and one line."""

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import placed
from placed import FINGERPRINT, portions, recipe
from stepsize import StepsizeError
from stepsize.lab.places import cluster, remote
from stepsize.lab.places.base import Failed
from stepsize.lab.places.cluster import Cluster
from stepsize.lab.places.here import Here
from stepsize.lab.places.recipe import Recipe

pytest.importorskip("distributed")


class Machines:
    """A scheduler and its workers, each a process of this machine."""

    def __init__(self, folder):
        self.folder, self.began = folder, []
        self.environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
        self.file = folder / "scheduler.json"
        self.scheduler = self.start("scheduler", "--port", "0", "--scheduler-file", str(self.file), "--no-show")
        self.workers = [self.worker(), self.worker()]
        while not self.file.exists() or not self.file.read_text().strip().endswith("}"):
            time.sleep(0.05)
        self.address = json.loads(self.file.read_text())["address"]

    def start(self, *words):
        command = [sys.executable, "-m", "dask", *words, "--no-dashboard"]
        one = subprocess.Popen(command, env=self.environment, cwd=self.folder, stderr=subprocess.DEVNULL)
        self.began.append(one)
        return one

    def worker(self, *words):
        return self.start("worker", "--scheduler-file", str(self.file), "--nthreads", "1", "--no-nanny", *words)

    def end(self):
        for one in self.began:
            one.kill()
            one.wait()


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    found = Machines(tmp_path_factory.mktemp("cluster"))
    yield found
    found.end()


def here(given, **options):
    return dict(Here(recipe(**options), FINGERPRINT).run(given))


def test_a_cluster_gives_what_this_process_gives(machines):
    given, events = portions(7), []
    with Cluster(recipe(0.02), FINGERPRINT, machines.address) as place:
        assert dict(place.run(given, events.append)) == here(given)
        halves = [placed.Portion(one.trials, until=4) for one in given]
        assert dict(place.run(halves)) == here(halves)  # the workers stay for the next run
    assert {"joined", "started", "finished"} <= {one.kind for one in events}


def test_what_a_user_function_raises_is_one_line_of_its_portion(machines):
    given, asked = portions(4), recipe(at={0.02: "fails"})
    with Cluster(asked, FINGERPRINT, machines.address) as place:
        got = dict(place.run(given))
    assert got == dict(Here(asked, FINGERPRINT).run(given))
    assert [one.trials[0].rate for one in given if isinstance(got[one], Failed)] == [0.02]


REFUSED = [
    (Recipe(placed.no_bowl), r"^tcp://\S+: RuntimeError: there is no bowl \(placed.py line \d+\)$"),
    (recipe(fingerprint="bowl-2"), r"^tcp://\S+: the data or the file make another problem here \(bowl-2\)"),
]


@pytest.mark.parametrize(("asked", "told"), REFUSED)
def test_workers_that_cannot_train_this_problem_are_refused_in_one_line(machines, asked, told):
    with pytest.raises(StepsizeError, match=told) as error:
        list(Cluster(asked, FINGERPRINT, machines.address).run(portions(2)))
    assert "\n" not in str(error.value)


def test_workers_of_other_versions_are_refused_in_one_line(machines, monkeypatch):
    real = cluster.versions(())
    monkeypatch.setattr(cluster, "versions", lambda packages: real | {"numpy": "1.2.3"})
    with pytest.raises(StepsizeError, match=r"^tcp://\S+: numpy is \S+ there and 1.2.3 here, and numbers depend on it"):
        list(Cluster(recipe(), FINGERPRINT, machines.address).run(portions(2)))


def test_only_versions_that_both_know_are_compared():
    remote.check_same({"numpy": "2.1", "torch": "2.13"}, {"numpy": "2.1", "jax": "0.5"})
    with pytest.raises(StepsizeError, match=r"torch is 2.12 there and 2.13 here, .*: install torch 2.13 there"):
        remote.check_same({"numpy": "2.1", "torch": "2.13"}, {"numpy": "2.1", "torch": "2.12"})


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_gives_back_what_there_is(machines):
    given, got = portions(8, steps=200), []
    with Cluster(recipe(0.02), FINGERPRINT, machines.address) as place:
        started = threading.Event()
        threading.Thread(
            target=lambda: (started.wait(20), time.sleep(0.3), os.kill(os.getpid(), signal.SIGINT)), daemon=True
        ).start()
        running = place.run(given, lambda event: started.set() if event.kind == "started" else None)
        with pytest.raises(KeyboardInterrupt):
            got.extend(result for _, result in running)
    assert got
    assert all(one.saved[0] and 0 < one.outcomes[0].made < 200 for one in got)


def test_a_killed_worker_loses_nothing_and_another_may_join(machines):
    given, events = portions(12), []
    with Cluster(recipe(0.05), FINGERPRINT, machines.address) as place:
        got = []
        for one in place.run(given, events.append):
            got.append(one)
            if len(got) == 2:
                machines.workers.pop(0).kill()
                machines.workers.append(machines.worker())
    assert len(got) == len(given)
    assert dict(got) == here(given)
    assert [one.kind for one in events].count("lost") == 1


def test_a_portion_that_workers_die_of_is_given_up(machines):
    with Cluster(recipe(at={0.02: "dies"}), FINGERPRINT, machines.address) as place:
        machines.workers += [machines.worker(), machines.worker()]
        got = dict(place.run(portions(4)))
    failed = [one for one, result in got.items() if isinstance(result, Failed)]
    assert [one.trials[0].rate for one in failed] == [0.02]
    assert got[failed[0]].reason.startswith("3 workers died of it, the last: tcp://")


@pytest.fixture
def impatient(monkeypatch):
    """Wait for connections as little as a busy machine allows."""
    monkeypatch.setattr(cluster, "TO_CONNECT", 1.5)
    monkeypatch.setattr(cluster, "TO_STOP", 0.5)


@pytest.fixture
def web_server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"tcp://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "", "other://127.0.0.1:1"])
def test_a_cluster_that_is_not_there_is_one_line_within_seconds(address, impatient, capfd):
    before = time.monotonic()
    with pytest.raises(StepsizeError, match=r"^there is no cluster at"):
        list(Cluster(recipe(), FINGERPRINT, address).run(portions(1)))
    assert time.monotonic() - before < 8
    assert capfd.readouterr() == ("", "")


def test_something_else_at_the_address_is_one_line(web_server, impatient):
    with pytest.raises(StepsizeError, match=r"^there is no cluster at"):
        list(Cluster(recipe(), FINGERPRINT, web_server).run(portions(1)))


def test_a_scheduler_that_goes_in_the_middle_is_one_line(machines, impatient, capfd):  # the last one
    got = []
    with (
        Cluster(recipe(0.1), FINGERPRINT, machines.address) as place,
        pytest.raises(StepsizeError, match=r"^the cluster at tcp://\S+ has closed: finished work is kept$"),
    ):
        got.extend((one, machines.scheduler.kill()) for one in place.run(portions(8)))
    assert got
    assert capfd.readouterr() == ("", "")
