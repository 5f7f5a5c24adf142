"""Studies: folders that grow, trials that pause, lines that are damaged, disks that are full, folders that merge."""

from __future__ import annotations

import errno
import json
import os
import signal
import warnings
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsize import StepsizeError
from stepsize.course import log
from stepsize.lab.compare import compare, here, prepare, split_name
from stepsize.lab.places import here as places
from stepsize.lab.places.base import Portion
from stepsize.lab.places.interrupts import Interrupts
from stepsize.lab.places.recipe import Recipe
from stepsize.lab.study.claims import Claims
from stepsize.lab.study.journal import FILE, Journal, read_journal
from stepsize.lab.study.listing import courses, listed
from stepsize.lab.study.merge import merge
from stepsize.lab.study.plan import Plan
from stepsize.lab.study.study import Study
from stepsize.lab.study.wanted import packed
from stepsize.lab.trials.outcome import Outcome
from stepsize.lab.trials.trial import Trial
from studied import RATES, STRATEGIES, a_plan, a_workload, outcomes_of, uninterrupted


@pytest.fixture(scope="module")
def whole():
    return uninterrupted(a_plan())


@pytest.fixture
def trained(monkeypatch):
    """The keys of the trials that are trained, each time that one is begun."""
    found = []
    train = places.Trainer.train

    def counted(self, portion, *rest):
        found.extend(one.key for one in portion.trials)
        return train(self, portion, *rest)

    monkeypatch.setattr(places.Trainer, "train", counted)
    return found


def study_in(folder, plan=None, workload=None):
    with Study(workload or a_workload(), folder) as study:
        compare(study, plan or a_plan())
    return study


# --- trials


def test_a_trial_is_known_by_its_work_and_not_by_its_spelling():
    one = Trial("a", "adam() | 0.01 * cosine()", "p", 0.1, seed=0, steps=10)
    same = Trial("b", "adam()  |  0.5*cosine()", "p", 0.1, seed=0, steps=10)
    assert one.key == same.key
    for change in (
        {"rate": 0.2},
        {"seed": 1},
        {"steps": 11},
        {"problem": "q"},
        {"batch_size": 3},
        {"text": "adam() | 1"},
    ):
        assert Trial(**{**one.as_dict(), **change}).key != one.key
    assert Trial.of(json.loads(json.dumps(one.as_dict()))) == one


@pytest.mark.parametrize(
    "change", [{"seed": -1}, {"seed": 1.0}, {"steps": 0}, {"rate": 0.0}, {"rate": float("nan")}, {"batch_size": 0}]
)
def test_a_trial_that_cannot_be_is_refused_by_name(change):
    given = {"name": "a", "text": "sgd() | 1", "problem": "p", "rate": 0.1, "seed": 0, "steps": 10} | change
    with pytest.raises(StepsizeError, match=next(iter(change))):
        Trial(**given)


# --- growing


def test_a_folder_grows_and_finished_work_is_never_done_again(tmp_path, trained, whole):
    folder = tmp_path / "r"
    study_in(folder, a_plan(STRATEGIES[:1]))
    study_in(folder, a_plan(STRATEGIES[:2]))
    study_in(folder, a_plan(STRATEGIES, rates=(0.01, 1e12, 2)))
    study_in(folder, a_plan(STRATEGIES, seeds=3))
    study_in(folder, a_plan(steps=10))
    again = study_in(folder)
    assert outcomes_of(again, a_plan()) == whole
    assert len(trained) == len(set(trained))
    assert set(trained) == {
        one.key for plan in (a_plan(seeds=3), a_plan(rates=(0.01, 1e12, 2)), a_plan(steps=10)) for one in plan.trials()
    }


def test_the_report_has_all_that_was_asked_for(tmp_path):
    folder = tmp_path / "r"
    study_in(folder, a_plan(STRATEGIES[:1]))
    with Study(a_workload(), folder) as study:
        grown = compare(study, a_plan(STRATEGIES[1:], rates=[0.5, 0.7], seeds=3))
    assert [one.name for one in grown.strategies] == ["sgd() | 0.1", "mine", "sgd() | 0.1 * infrared()"]
    assert grown.strategies[1].bases == (0.01, 0.5, 0.7)
    assert grown.strategies[0].seeds == (0, 1)
    assert grown.reference == 1
    assert Plan.of(json.loads(json.dumps(grown.as_dict())), grown.subject) == grown


def test_another_writing_and_another_name_are_the_same_strategy(tmp_path, trained):
    study_in(tmp_path / "r", a_plan(["adam() | 0.01 * cosine()"]))
    with Study(a_workload(), tmp_path / "r") as study:
        grown = compare(study, a_plan(["Adam=adam()|0.01*cosine()"]))
    assert [(one.name, one.text) for one in grown.strategies] == [("Adam", "adam()|0.01*cosine()")]
    assert len(trained) == len(set(trained)) == grown.runs


# --- pausing


@pytest.mark.parametrize("folder", [None, "r"])
@pytest.mark.parametrize("stops", [(1,), (7, 8), (0 + 3, 29), (30,)])
def test_stopped_and_continued_is_straight_through(tmp_path, folder, stops, whole):
    with Study(a_workload(), folder and tmp_path / folder) as study:
        plan = a_plan()
        study.ask(plan)
        for stop in stops:
            for one in study.train(plan.trials(), here(study.workload), until=stop):
                assert one.made == stop or one.over
                assert one.measured_at[-1] == one.made
        study.train(plan.trials(), here(study.workload))
        assert outcomes_of(study, plan) == whole


def test_each_trial_may_have_an_end_of_its_own(whole):
    with Study(a_workload()) as study:
        trials = list(a_plan().trials())
        ends = [1 + i % 30 for i in range(len(trials))]
        for one, end in zip(study.train(trials, here(study.workload), until=ends), ends, strict=True):
            assert one.made == end or one.over
        study.train(trials, here(study.workload))
        assert outcomes_of(study, a_plan()) == whole


def test_a_trial_that_is_where_it_is_wanted_costs_nothing(tmp_path, trained):
    with Study(a_workload(), tmp_path / "r") as study:
        for _ in range(2):
            study.train(a_plan().trials(), here(study.workload), until=5)
        study.train(a_plan().trials(), here(study.workload), until=3)
    assert len(trained) == a_plan().runs


def test_a_damaged_state_costs_its_trial_and_nothing_else(tmp_path, whole):
    plan = a_plan()
    with Study(a_workload(), tmp_path / "r") as study:
        study.train(plan.trials(), here(study.workload), until=5)
    states = sorted((tmp_path / "r" / "paused").iterdir())
    states[0].write_bytes(states[0].read_bytes()[:-3])
    states[1].write_bytes(b"")
    states[2].unlink()
    with (
        Study(a_workload(), tmp_path / "r") as study,
        pytest.warns(UserWarning, match="damaged: its trial begins anew"),
    ):
        study.train(plan.trials(), here(study.workload))
    assert outcomes_of(study, plan) == whole
    assert not list((tmp_path / "r" / "paused").iterdir())


# --- what may be wrong with a folder


def test_a_damaged_or_foreign_line_costs_that_line_and_is_said(tmp_path, trained, whole):
    study_in(tmp_path / "r")
    path = tmp_path / "r" / FILE
    lines = path.read_bytes().splitlines(keepends=True)
    lines[5] = lines[5][:90] + b"\xff" + lines[5][91:]
    lines[6] = lines[6].replace(b'"seed": ', b'"seed": 0.')
    lines.insert(8, b'{"kind": "recipe", "sugar": 3}\n')
    lines.insert(9, b'{"kind": "trial", "trial": {}}\n')
    path.write_bytes(b"".join(lines))
    trained.clear()
    with pytest.warns(UserWarning, match="lines 6, 7, 9, 10 are damaged or foreign and are left out"):
        again = study_in(tmp_path / "r")
    assert len(trained) == 2
    assert outcomes_of(again, a_plan()) == whole


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_cut_or_changed_anywhere_the_rest_is_read(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("fuzz") / "r"
    content = made_once()
    at = data.draw(st.integers(0, len(content) - 1))
    change = data.draw(st.sampled_from(["cut", "byte"]))
    broken = content[:at] if change == "cut" else content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]
    folder.mkdir()
    (folder / FILE).write_bytes(broken)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if at < 40:  # of the head
            with suppress(StepsizeError):
                Journal(folder)
            return
        found = Journal(folder)
    kept = content[:at].count(b'\n{"kind": "trial"')
    assert len(found.outcomes) >= kept - 1


CONTENT: list[bytes] = []


def made_once():
    if not CONTENT:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            study_in(Path(folder) / "r", a_plan(STRATEGIES[:2], steps=3))
            CONTENT.append((Path(folder) / "r" / FILE).read_bytes())
    return CONTENT[0]


@pytest.mark.parametrize("content", [b"dear diary", b"\n", b'{"kind": "settlers"', b"{}\n"])
def test_a_file_of_somebody_else_is_never_begun_anew(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(StepsizeError, match="is not a journal of stepsize:"):
        Study(a_workload(), tmp_path)
    assert (tmp_path / FILE).read_bytes() == content


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StepsizeError, match="was not made by stepsize:"):
        Study(a_workload(), tmp_path)
    with pytest.raises(StepsizeError, match="is a file"):
        Study(a_workload(), tmp_path / "notes.txt")
    assert [one.name for one in tmp_path.iterdir()] == ["notes.txt"]


def test_a_journal_of_an_older_stepsize_is_one_line(tmp_path):
    (tmp_path / FILE).write_text('{"kind": "settings", "version": 2}\n')
    with pytest.raises(StepsizeError, match="is of an older stepsize"):
        Study(a_workload(), tmp_path)


@pytest.mark.parametrize("left", [0, 1, 12, 19])
def test_half_a_head_does_not_block_a_later_run(tmp_path, left, whole):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / FILE).write_bytes(b'{"kind": "study", "version": 3}'[:left])
    (tmp_path / "r" / f".{FILE}.77.part").write_bytes(b"{")
    assert outcomes_of(study_in(tmp_path / "r"), a_plan()) == whole


def test_other_versions_are_told_apart_and_not_refused(tmp_path, monkeypatch, trained, whole):
    study_in(tmp_path / "r", a_plan(STRATEGIES[:1]))
    from stepsize.lab import environment

    with monkeypatch.context() as patch:
        for module in ("stepsize.lab.study.study", "stepsize.lab.places.trainer"):
            patch.setattr(f"{module}.versions", lambda packages: {"python": "4", "numpy": "3"})
        other = study_in(tmp_path / "r", a_plan(STRATEGIES[:1]))
        assert other.strangers() == {environment.in_words(environment.versions(())): 8}
    assert len(trained) == 16
    again = study_in(tmp_path / "r")
    assert again.strangers() == {"python 4, numpy 3": 8}
    assert outcomes_of(again, a_plan()) == whole


def test_another_problem_in_the_same_folder_is_told_apart(tmp_path, trained):
    study_in(tmp_path / "r")
    other = a_workload(rows=30, fingerprint="1" * 16)
    plan = prepare(other, STRATEGIES, steps=30, seeds=2, batch_size=4, rates=RATES)
    with Study(other, tmp_path / "r") as study:
        grown = compare(study, plan)
    assert grown.runs == plan.runs
    assert len(trained) == len(set(trained)) == 2 * plan.runs
    assert len(courses(read_journal(tmp_path / "r"))) == 2


# --- a disk that is full


def no_space(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("room", [0, 20, 300, 1000, 2500, 9000, 20000, 50000])
def test_a_disk_that_fills_up_is_one_line_and_the_work_goes_on_where_it_was(tmp_path, monkeypatch, room, whole):
    left = [room]

    def put(self, rest):
        if not left[0]:
            no_space()
        count = self._file.write(rest[: left[0]])
        left[0] -= count
        return count

    with monkeypatch.context() as patch:
        patch.setattr(log.Log, "_put", put)
        with pytest.raises(StepsizeError, match=r"journal.jsonl cannot be written: No space left"):
            study_in(tmp_path / "r")
    path = tmp_path / "r" / FILE
    assert not path.exists() or path.read_bytes()[-1:] in (b"", b"\n")
    before = path.read_bytes() if path.exists() else b""
    assert outcomes_of(study_in(tmp_path / "r"), a_plan()) == whole
    assert path.read_bytes().startswith(before)


@pytest.mark.parametrize("fails", [1, 2, 5, 11])
def test_a_disk_without_room_for_states_or_claims_keeps_the_journal(tmp_path, monkeypatch, fails, whole):
    count = [0]
    put = log.put

    def failing(path, parts):
        count[0] += 1
        if count[0] == fails:
            raise log.unwritable(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        put(path, parts)

    with monkeypatch.context() as patch:
        patch.setattr(log, "put", failing)
        study = Study(a_workload(), tmp_path / "r")
        with pytest.raises(StepsizeError, match="cannot be written: No space left"):
            study.train(a_plan().trials(), here(study.workload), until=7)
        study.close()
    assert outcomes_of(study_in(tmp_path / "r"), a_plan()) == whole


@pytest.mark.usefixtures("ctrl_c")
def test_an_error_in_the_middle_leaves_no_handler_of_interrupts_behind():
    def fails(_):
        raise StepsizeError("stop")

    with Study(a_workload()) as study:
        with pytest.raises(StepsizeError, match="stop") as kept:
            compare(study, a_plan(), on_progress=fails)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, kept
    left = places.Here(Recipe(a_workload), a_workload().fingerprint).run([Portion((next(a_plan().trials()),), until=3)])
    next(left)  # and is given up
    with Interrupts() as ours:
        os.kill(os.getpid(), signal.SIGINT)
        assert ours.came()
    left.close()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# --- which of two outcomes counts


def test_the_furthest_outcome_of_a_trial_counts_whatever_the_order_of_the_lines(tmp_path, whole):
    with Study(a_workload(), tmp_path / "r") as study:
        study.train(a_plan().trials(), here(study.workload), until=5)
        study.train(a_plan().trials(), here(study.workload))
    path = tmp_path / "r" / FILE
    head, *lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([head, *reversed(lines)]))
    found = Journal(tmp_path / "r")
    assert [found.outcomes[one.trial.key, one.environment] for one in whole] == whole


@pytest.mark.parametrize("change", [{"seed": 7}, {"base": 0.5}, {"planned_steps": 31}])
def test_a_record_of_another_trial_is_no_outcome(whole, change):
    told = json.loads(log.line_of(whole[0].as_dict()))
    assert Outcome.of(told) == whole[0]
    with pytest.raises(ValueError, match="no outcome of that trial"):
        Outcome.of(told | {"record": told["record"] | change})


def test_merging_takes_the_further_one_of_a_trial_that_both_hold(tmp_path, whole):
    for name, until in (("a", 5), ("b", None)):
        with Study(a_workload(), tmp_path / name) as study:
            study.train(a_plan().trials(), here(study.workload), until=until)
    held = sum(one.over for one in Journal(tmp_path / "a").outcomes.values())
    assert merge(tmp_path / "a", tmp_path / "b").came == len(whole) - held > 0
    assert all(one.over for one in Journal(tmp_path / "a").outcomes.values())
    assert merge(tmp_path / "b", tmp_path / "a").came == 0


def test_half_written_states_of_the_dead_are_cleared_away(tmp_path):
    with Study(a_workload(), tmp_path / "r") as study:
        study.train(a_plan().trials(), here(study.workload), until=5)
        paused = tmp_path / "r" / "paused"
        (paused / ".0123456789abcdef-01234567.3.77.part").write_bytes(b"half")
        before = {one.name for one in paused.iterdir() if not one.name.startswith(".")}
        study.train(a_plan().trials(), here(study.workload), until=5)
    assert {one.name for one in paused.iterdir()} == before


def test_a_worker_of_other_versions_is_one_line_and_nothing_is_written(tmp_path, monkeypatch):
    with Study(a_workload(), tmp_path / "r") as study:
        with monkeypatch.context() as patch:
            patch.setattr("stepsize.lab.places.trainer.versions", lambda packages: {"python": "4"})
            with pytest.raises(StepsizeError, match="a worker has python 4, and this process python 3"):
                study.train(a_plan().trials(), here(study.workload))
        assert not study.journal.outcomes
        study.train(a_plan().trials(), here(study.workload))


# --- claims


def test_what_one_trains_no_other_takes(tmp_path):
    one, other = Claims(tmp_path), Claims(tmp_path)
    assert one.take(["a", "b"], list) == ["a", "b"]
    assert other.take(["a", "c"], list) == ["c"]
    assert one.elsewhere() == {"c"}
    one.give_back(["a"])
    assert other.take(["a", "b"], list) == ["a"]
    one.close()
    assert other.take(["b"], list) == ["b"]
    other.close()
    assert [path.name for path in (tmp_path / "claims").iterdir()] == [".lock"]


# --- merging and listing


def test_two_folders_are_one_after_merging(tmp_path, trained, whole):
    study_in(tmp_path / "a", a_plan(STRATEGIES[:2]))
    plan = a_plan(STRATEGIES[1:])
    study_in(tmp_path / "b", plan)
    with Study(a_workload(), tmp_path / "b") as study:
        study.train(a_plan(steps=20).trials(), here(study.workload), until=9)
    before = (tmp_path / "b" / FILE).read_bytes()
    done = merge(tmp_path / "a", tmp_path / "b")
    assert (done.came, done.known) == (8 + 22, 6)
    assert (tmp_path / "b" / FILE).read_bytes() == before
    trained.clear()
    again = study_in(tmp_path / "a")
    assert outcomes_of(again, a_plan()) == whole
    assert not trained
    with Study(a_workload(), tmp_path / "a") as study:
        study.train(a_plan(steps=20).trials(), here(study.workload))
        assert outcomes_of(study, a_plan(steps=20)) == uninterrupted(a_plan(steps=20))
    assert merge(tmp_path / "a", tmp_path / "b").came == 0
    with pytest.raises(StepsizeError, match="merged with itself"):
        merge(tmp_path / "a", tmp_path / "a")
    with pytest.raises(StepsizeError, match="holds no study"):
        merge(tmp_path / "a", tmp_path / "c")


def test_runs_have_numbers_whatever_is_trained(tmp_path):
    study_in(tmp_path / "r", a_plan(STRATEGIES[:1]))
    with Study(a_workload(), tmp_path / "r") as study:
        study.ask(a_plan())
    found = listed(read_journal(tmp_path / "r"))
    assert [one.number for one in found] == list(range(1, 9))
    assert [one.outcome.trial.rate for one in found[:3]] == [0.01, 0.01, 0.1]


def test_lots_are_whole_seeds_where_they_fit():
    assert list(packed([["a"], ["b"], ["c"]], 2)) == [["a", "b"], ["c"]]
    assert list(packed([[]], 2)) == []


# --- plans


@pytest.mark.parametrize(
    ("given", "name", "text"),
    [
        ("Adam=adam() | 0.01", "Adam", "adam() | 0.01"),
        ("my best = sgd() | 0.1", "my best", "sgd() | 0.1"),
        ("sgd(momentum=0.9) | 0.1", "sgd(momentum=0.9) | 0.1", "sgd(momentum=0.9) | 0.1"),
        ("0.1 * plateau(watch='metric')", "0.1 * plateau(watch='metric')", "0.1 * plateau(watch='metric')"),
        ("0.1 * formula('t == 3')", "0.1 * formula('t == 3')", "0.1 * formula('t == 3')"),
    ],
)
def test_a_name_stands_before_the_text(given, name, text):
    assert split_name(given) == (name, text)


def test_the_reference_is_named_or_none():
    assert a_plan().reference == 0
    assert a_plan(STRATEGIES[1:]).reference == 0
    assert a_plan(reference="mine").reference == 1
    assert a_plan(reference="adam() | 0.01 * cosine()").reference == 1
    assert a_plan(reference="none").reference is None
    with pytest.raises(StepsizeError, match="did you mean 'mine'"):
        a_plan(reference="mien")


@pytest.mark.parametrize("rates", [(1.0, 0.1, 3), (0.1, 0.1, 3), [], [0.1, -1.0], [0.0], [float("nan")]])
def test_a_rate_range_that_is_empty_or_reversed_is_refused(rates):
    with pytest.raises(StepsizeError, match="rates"):
        a_plan(rates=rates)


def test_two_strategies_of_one_name_are_refused():
    with pytest.raises(StepsizeError, match="two strategies are called 'a'"):
        a_plan(["a=sgd() | 0.1", "a=sgd() | 0.2"])
