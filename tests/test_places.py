"""Where lots are trained changes nothing of what comes of them, and a worker that dies costs time only."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

import placed
from placed import FINGERPRINT, portions, recipe, trial
from stepsize import StepsizeError
from stepsize.lab.places.base import Failed, Portion, Trained
from stepsize.lab.places.here import Here
from stepsize.lab.places.processes import Processes
from stepsize.lab.places.recipe import Recipe


def here(given, **options):
    return dict(Here(recipe(**options), FINGERPRINT).run(given))


@pytest.fixture(scope="module")
def two():
    """Two processes that stay for all tests that do them no harm."""
    with Processes(recipe(), FINGERPRINT, 2) as place:
        yield place


def ids(place):
    """The process ids of the workers."""
    return [one.process.pid for one in place.crew.workers.values() if not one.gone]


def test_processes_give_what_this_process_gives(two):
    given = portions(7)
    assert dict(two.run(given)) == here(given)
    assert all(isinstance(one, Trained) for one in here(given).values())


def test_a_portion_goes_on_elsewhere_from_what_was_saved(two):
    given = portions(3, until=4)
    halves = dict(two.run(given))
    assert all(one.outcomes[0].made == 4 and one.saved[0] for one in halves.values())
    rest = [Portion(one.trials, result.saved, until=10) for one, result in halves.items()]
    straight = here(portions(3))
    assert [here([one])[one] for one in rest] == [straight[Portion(one.trials, until=10)] for one in rest]
    assert all(one.saved == (None, None) for one in straight.values())


def test_workers_stay_for_the_next_run(two):
    joined = []
    list(two.run(portions(4), joined.append))
    list(two.run(portions(4), joined.append))
    assert [one.kind for one in joined].count("joined") <= 2
    assert len({one.worker for one in joined}) <= 2


def test_a_portion_is_taken_when_a_worker_is_free():
    taken = []

    def lazily():
        for one in portions(9):
            taken.append(one)
            yield one

    with Processes(recipe(), FINGERPRINT, 2) as place:
        for got, _ in enumerate(place.run(lazily()), start=1):
            assert len(taken) <= got + 2
    assert len(taken) == 9


def test_no_portions_start_no_worker():
    events = []
    assert list(Processes(recipe(), FINGERPRINT, 2).run([], events.append)) == []
    assert events == []


@pytest.mark.parametrize("seed", range(3))
def test_a_worker_killed_in_the_middle_of_its_work_loses_nothing(seed):
    """At a random update of a random portion, twice; the portion runs again from its beginning."""
    given, chance, events = portions(10, steps=20), random.Random(seed), []
    moments = {portion: chance.uniform(0.0, 0.15) for portion in chance.sample(given, 2)}

    def kill_in_a_while(event):
        events.append(event)
        if event.kind == "started" and event.portion in moments:
            process = place.crew.workers[event.worker].process
            threading.Timer(moments.pop(event.portion), process.kill).start()

    with Processes(recipe(0.02), FINGERPRINT, 2) as place:
        got = list(place.run(given, kill_in_a_while))
    lost = [one.portion for one in events if one.kind == "lost"]
    assert len(lost) == 2
    assert None not in lost
    assert len(got) == len(given)
    assert dict(got) == here(given)


def test_a_worker_killed_at_any_time_loses_nothing():
    given, chance = portions(10, steps=20), random.Random(7)
    over = threading.Event()

    def kill():
        for _ in range(3):
            if over.wait(chance.uniform(0.05, 0.5)):
                return
            for one in chance.sample(found := ids(place), min(1, len(found))):
                os.kill(one, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    with Processes(recipe(0.01), FINGERPRINT, 2) as place:
        killer.start()
        got = list(place.run(given))
        over.set()
        killer.join()
    assert len(got) == len(given)
    assert dict(got) == here(given)


def test_a_portion_that_workers_die_of_is_given_up_and_the_others_go_on():
    given, events = portions(6), []
    with Processes(recipe(at={0.02: "dies"}), FINGERPRINT, 2) as place:
        got = dict(place.run(given, events.append))
    failed = [one for one in given if isinstance(got[one], Failed)]
    assert [one.trials[0].rate for one in failed] == [0.02]
    assert got[failed[0]].reason.startswith("3 workers died of it, the last: process")
    assert "SIGKILL" in got[failed[0]].reason
    assert [one.kind for one in events].count("lost") == 3
    assert {one: got[one] for one in given if one not in failed} == here([one for one in given if one not in failed])


@pytest.mark.parametrize("what", ["fails", "exits"])
def test_a_function_of_the_user_that_fails_is_one_line(what):
    given, asked = portions(4), recipe(at={0.03: what})
    with Processes(asked, FINGERPRINT, 2) as place:
        got = dict(place.run(given))
    assert got == dict(Here(asked, FINGERPRINT).run(given))
    [reason] = [one.reason for one in got.values() if isinstance(one, Failed)]
    said = {"fails": "ValueError: the data have a hole (placed.py line", "exits": "SystemExit: enough (placed.py line"}
    assert reason.startswith(said[what])
    assert "\n" not in reason


def test_what_a_worker_prints_is_an_event_and_never_our_output(capfd):
    events = []
    with Processes(recipe(at={0.01: "prints"}), FINGERPRINT, 1) as place:
        list(place.run(portions(1, steps=1), events.append))
    assert "hello from the user" in [one.text for one in events if one.kind == "said"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("place", [Here, lambda *given: Processes(*given, 1)])
def test_every_place_computes_on_one_thread(place, alone, monkeypatch):
    """Sums depend on how many threads share them; with what scikit-learn brings, and without."""
    if alone:
        monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    torch.set_num_threads(2)
    try:
        [(_, result)] = place(recipe(at={0.01: "counts"}), FINGERPRINT).run(portions(1))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert result.reason.startswith("ValueError: 1 threads (placed.py line")


REFUSED = [
    (Recipe(placed.no_bowl), r"^RuntimeError: there is no bowl \(placed.py line \d+\)$"),
    (recipe(fingerprint="bowl-2"), r"^the data or the file make another problem here \(bowl-2\) than the study's"),
]


@pytest.mark.parametrize(("asked", "told"), REFUSED)
@pytest.mark.parametrize("place", [Here, lambda *given: Processes(*given, 2)])
def test_a_worker_that_cannot_train_this_problem_is_refused_in_one_line(asked, told, place):
    with pytest.raises(StepsizeError, match=told) as error:
        list(place(asked, FINGERPRINT).run(portions(2)))
    assert "\n" not in str(error.value)


def test_a_trial_of_another_problem_is_refused():
    [result] = here([Portion((trial(0.1, problem="bowl-7"),))]).values()
    assert result == Failed("mine is a trial of another problem, bowl-7, not bowl-1")


def test_workers_that_die_while_they_start_are_given_up():
    with pytest.raises(
        StepsizeError, match=r"^\d workers died before they could begin, the last: .* ended with code 7"
    ):
        list(Processes(Recipe(placed.dead_bowl), FINGERPRINT, 2).run(portions(2)))


def test_where_no_more_can_be_started_those_that_are_there_go_on(tmp_path, monkeypatch):
    """As where the file of the problem is changed in the middle of a study, and a worker dies afterwards."""
    monkeypatch.setenv("BOWL", str(tmp_path / "changed"))
    events, got = [], []

    def refused():
        return [one.text for one in events if one.kind == "refused"]

    def until_then():
        yield from (one for one in portions(1000, steps=5) if not refused())

    with Processes(Recipe(placed.changing_bowl, (0.02,)), FINGERPRINT, 2) as place:
        for one in place.run(until_then(), events.append):
            got.append(one)
            if len(got) == 2:
                (tmp_path / "changed").touch()
                os.kill(ids(place)[0], signal.SIGKILL)
    assert dict(got) == here([one for one, _ in got])
    assert len(refused()) == 1
    assert refused()[0].startswith("the data or the file make another problem here (bowl-2)")


def test_a_recipe_that_cannot_be_sent_is_one_line():
    with pytest.raises(StepsizeError, match=r"cannot be sent to other processes .*: build the problem in a function"):
        Processes(Recipe(placed.bowl, (threading.Lock(),)), FINGERPRINT, 2)


@pytest.mark.parametrize("jobs", [0, 1.5, "2", None])
def test_jobs_that_are_no_number_are_refused(jobs):
    with pytest.raises(StepsizeError, match="processes: jobs must be"):
        Processes(recipe(), FINGERPRINT, jobs)


WRONG = [({"trials": ()}, "trials"), ({"saved": (b"",) * 3}, "saved"), ({"until": 0}, "until")]


@pytest.mark.parametrize(("fields", "told"), WRONG)
def test_a_portion_that_is_none_is_refused(fields, told):
    with pytest.raises(StepsizeError, match=f"Portion: {told} must"):
        Portion(**{"trials": (trial(0.1), trial(0.2))} | fields)


SCRIPT = """
import sys
import placed
from stepsize.lab.places import dispatch
from stepsize.lab.places.base import Failed
from stepsize.lab.places.here import Here
from stepsize.lab.places.processes import Processes
jobs, seconds = int(sys.argv[1]), float(sys.argv[2])
given = placed.portions(8, steps=100)[::-1]
asked = placed.recipe(seconds)
place = Processes(asked, placed.FINGERPRINT, jobs) if jobs else Here(asked, placed.FINGERPRINT)
def tell(event):
    if event.kind == "started":
        print("started", flush=True)
try:
    for portion, result in place.run(given, tell):
        print("got", result.outcomes[0].made, result.saved[0] is None, flush=True)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("jobs", [0, 2])
@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_gives_back_what_there_is_and_ends_the_workers(jobs):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SCRIPT, str(jobs), "0.02"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, start_new_session=True, **pipes) as one:
        for _ in range(max(1, jobs)):
            assert one.stdout.readline() == "started\n"
        time.sleep(0.3)
        children = Path(f"/proc/{one.pid}/task/{one.pid}/children").read_text().split()
        os.killpg(one.pid, signal.SIGINT)  # as a terminal does
        said, errors = one.communicate(timeout=20)
    lines = said.splitlines()
    assert errors == ""
    assert len(children) == jobs
    assert lines.pop() == "interrupted"
    assert len(lines) == max(1, jobs)
    for line in lines:
        word, made, over = line.split()
        assert (word, over) == ("got", "False")
        assert 0 < int(made) < 100
    assert not [one for one in children if Path(f"/proc/{one}").exists()]


def test_workers_end_with_their_parent():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", SCRIPT, "2", "9"], stdout=subprocess.PIPE, env=environment) as one:
        assert one.stdout.readline() == b"started\n"
        children = Path(f"/proc/{one.pid}/task/{one.pid}/children").read_text().split()
        one.kill()
    until = time.monotonic() + 10
    while [one for one in children if Path(f"/proc/{one}").exists()]:
        assert time.monotonic() < until
        time.sleep(0.05)
