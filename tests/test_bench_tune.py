"""The bench of choosing a rate: the judge counts right, a killed recording goes on, what is held apart stays hidden."""

import json
import math
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")
sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from bench.tune import clock, recording, results, run, table, tasks
from bench.tune.goals import missed
from bench.tune.judging import Pick, Ran, judged, summed

NAN = math.nan


def a_table(name="made_adamw_8"):
    """Two seeds, four rates two octaves apart: the third is the best, the last breaks with one seed and is bad else."""
    test = np.array([[2.0, 1.2, 1.0, NAN], [2.0, 1.6, 3.0, 9.0]])
    accuracy = np.array([[0.2, 0.8, 0.9, NAN], [0.2, 0.6, 0.5, 0.1]])
    test[1, 2], held = 1.4, np.stack([np.full((2, 4), 2.5), test])
    rates = 2.0 ** np.array([-10.0, -8.0, -6.0, -4.0])
    return table.Table(name, rates, held, test, np.array([3.0, 3.0]), 20, accuracy)


def asked(answers, seed):
    return [one for one in answers if one.seed == seed]


def row_of(*answers, seeds=(0, 1)):
    return judged(a_table(), partial(asked, answers), seeds)


def test_excess_is_the_mean_over_seeds_over_the_best_fixed_rate():
    row = row_of(Pick(0, 1, 4.0), Pick(1, 2, 2.0))
    assert row.excess == pytest.approx(100 * (1.2 + 1.4) / (1.0 + 1.4) - 100)
    assert row.points == pytest.approx(100 * ((0.9 + 0.5) / 2 - (0.8 + 0.5) / 2))
    assert (row.cost, row.most, row.runs, row.broken) == (3.0, 4.0, 2, 0)


def test_octaves_are_distances_and_their_sign_is_kept_apart():
    row = row_of(Pick(0, 1, 1.0), Pick(1, 3, 1.0))
    assert (row.octaves, row.signed) == (2.0, 0.0)
    assert row_of(Pick(0, 0, 1.0)).signed == -4.0


def test_a_run_diverged_where_it_is_not_finite_or_above_its_start():
    assert row_of(Pick(0, 3, 1.0)).broken == 1  # NaN
    assert row_of(Pick(1, 3, 1.0)).broken == 1  # 9 of 3
    assert row_of(Pick(0, 0, 1.0), Pick(1, 0, 1.0)).broken == 0
    row = row_of(Pick(0, 3, 1.0), Pick(1, 2, 1.0))
    assert (row.excess, row.broken, row.runs) == (1000.0, 1, 2)
    assert row.points == pytest.approx(100 * (0.7 - 0.25))  # what broke has no right answer


def test_a_run_without_a_rate_is_judged_by_the_seeds_that_it_has():
    row = row_of(Ran(1, 2.0, 2.8, 0.4, 1.0))
    assert row.excess == pytest.approx(100.0)
    assert row.points == pytest.approx(10.0)
    assert math.isnan(row.octaves)
    assert row_of(Ran(0, NAN, NAN, NAN, 1.0)).broken == 1
    assert row_of(seeds=(0, 1)) is None


def test_a_summary_tells_the_worst_and_the_second_worst():
    rows = [row_of(Pick(0, place, 1.0)) for place in (2, 1, 0, 3)]
    told = summed(rows)
    assert (told.worst, told.broken, told.over) == (1000.0, 1, 3)
    assert told.second == pytest.approx(100.0)
    assert told.median == pytest.approx(60.0)


def test_a_cell_that_misses_says_on_which_side():
    far, near = row_of(Pick(0, 0, 1.0), Pick(1, 0, 1.0)), row_of(Pick(0, 2, 1.0), Pick(1, 2, 1.0))
    assert "4.0 octaves below the best" in missed(a_table(), far, near)
    assert "the whole grid misses it too" in missed(a_table(), far, far)
    assert missed(a_table(), near, near) == ""


def test_what_is_written_is_read_again(tmp_path):
    table.write(tmp_path / "one.npz", a_table())
    (found,) = table.tables(tmp_path / "one.npz")
    for name in ("rates", "held", "test", "start", "accuracy"):
        np.testing.assert_array_equal(getattr(found, name), getattr(a_table(), name))
    assert (found.name, found.steps, found.best, found.kind, found.task) == ("made_adamw_8", 20, 2, "adamw", "made")


def test_a_table_answers_as_a_study_does():
    from stepsize.lab.trials.trial import Trial

    made = a_table()
    trial = Trial("x", table.TEXTS["adamw"], made.name, 2.0**-4, 0, 20, measure_every=10)
    for broken in (NAN, math.inf):
        made.held[-1, 0, 3] = broken
        half, whole = made.outcome(trial, 10), made.outcome(trial, 20)
        assert (half.made, half.over, half.validation) == (10, False, (3.0, 2.5))
        assert math.isnan(whole.record.validated[-1])


# recording


def a_cell(seeds=3):
    random = torch.Generator().manual_seed(0)
    inputs = torch.randn(60, 2, generator=random)
    parts = [(inputs[i::3], (inputs[i::3, 0] > 0).long()) for i in range(3)]
    made = tasks.Task("tiny", partial(torch.nn.Linear, 2, 2), *parts, tasks.of_classes, True, 20)
    return tasks.Cell(made, "sgdm", 8, seeds)


def test_a_recording_that_was_killed_goes_on(tmp_path):
    cell, told = a_cell(), []

    def kill(progress):
        told.append(progress.done)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        recording.record(cell, tmp_path / "killed", on_progress=kill)
    assert 0 < told[0] < 37 * 3
    assert not (tmp_path / "killed" / f"{cell.name}.npz").exists()
    assert recording.recorded(tmp_path / "killed", [cell]) == []

    more = []
    recording.record(cell, tmp_path / "killed", on_progress=lambda one: more.append(one.done))
    assert min(more) > told[0]  # what was trained is not trained again
    recording.record(cell, tmp_path / "straight")
    (found,), (straight,) = (recording.recorded(tmp_path / name, [cell]) for name in ("killed", "straight"))
    for name in ("rates", "held", "test", "start", "accuracy"):
        np.testing.assert_array_equal(getattr(found[1], name), getattr(straight[1], name))
    assert found[1].held.shape == (20, 3, 37)
    assert found[1].test.min() < 0.3 < found[1].test.max()


def test_two_may_record_a_cell_at_once(tmp_path, monkeypatch):
    """The second one ends while the first writes: it used to take the first one's file away."""
    cell, write, others = a_cell(seeds=1), recording.write, []

    def slow(path, made):
        if not others:
            others.append(path)
            monkeypatch.setattr(recording.os, "getpid", lambda: 1)
            recording.record(cell, tmp_path)
        write(path, made)

    monkeypatch.setattr(recording, "write", slow)
    assert recording.record(cell, tmp_path).exists()
    assert [one.name for one in tmp_path.glob("*.npz")] == [f"{cell.name}.npz"]


def test_a_run_that_broke_has_no_end():
    from stepsize.lab.records.record import Record
    from stepsize.lab.trials.outcome import Outcome

    cell, found = a_cell(seeds=1), []
    for rate, made in ((0.1, 20), (0.2, 10)):
        trial = recording.trials(cell, "tiny", [rate])[0]
        at, losses = (0, made), np.array([1.0, 0.5])
        columns = {"measured_at": at, "measured": losses, "validated": losses, "tested": losses}
        record = Record(np.arange(made), np.zeros(made), **columns, metrics={"accuracy": losses})
        found.append(Outcome(trial, record))
    told = recording.condensed(cell, found)
    np.testing.assert_array_equal(told.test, [[0.5, NAN]])
    np.testing.assert_array_equal(told.accuracy, [[0.5, NAN]])
    np.testing.assert_array_equal(told.held[[9, 19], 0], [[NAN, 0.5], [0.5, NAN]])


def test_range_tests_are_recorded_once_and_found(tmp_path):
    cell = a_cell(seeds=1)
    recording.record(cell, tmp_path)
    path = recording.sweep(cell, tmp_path)
    before = path.stat().st_mtime_ns
    assert recording.sweep(cell, tmp_path).stat().st_mtime_ns == before
    ((_, found),) = recording.recorded(tmp_path, [cell])
    rates, losses = found.sweeps["0.3_0"]
    assert losses.shape == (len(rates), 1)


# the tasks


def test_the_tasks_are_what_the_page_says():
    names = {one.task.name: one.task for one in tasks.CELLS}
    assert len(tasks.CELLS) >= 30
    assert 3 * sum(one.apart for one in names.values()) == len(names)
    assert len({one.name for one in tasks.CELLS}) == len(tasks.CELLS)
    assert {len(one) for one in tasks.RATES.values()} == {37}
    for one in tasks.CELLS:
        assert one.task.steps % tasks.LOOKS == 0
        assert one.seeds >= 3


@pytest.mark.parametrize("task", {one.task.name: one.task for one in tasks.CELLS}.values(), ids=lambda one: one.name)
def test_a_task_has_a_loss_above_0_and_gradients(task):
    torch.manual_seed(0)
    model = task.model()
    outputs = model(task.train[0][:8])
    loss = task.loss(outputs, task.train[1][:8])
    loss.backward()
    assert float(loss.detach()) > 0
    assert all(one.grad is not None and one.grad.isfinite().all() for one in model.parameters())
    if task.accuracy:
        assert 0 <= float(recording.right(outputs, task.train[1][:8])) <= 1


# what is shown


@pytest.fixture
def made(tmp_path):
    """A cell that is shown and one that is held apart, with made tables."""
    shown, hidden = (next(one for one in tasks.CELLS if one.task.apart is apart) for apart in (False, True))
    x = np.log2(np.array(tasks.RATES["adamw"]))
    for cell, best in ((shown, -6.0), (hidden, -9.0)):
        end = 0.2 + 0.05 * np.minimum((x - best) ** 2, 20)
        held = np.stack([1.5 - (1.5 - end) * i / 20 for i in range(1, 21)])[:, None].repeat(2, axis=1)
        one = table.Table(cell.name, 2**x, held, held[-1] * [[1.0], [1.01]], np.array([1.5, 1.5]), cell.task.steps)
        table.write(tmp_path / f"{cell.name}.npz", one)
    return tmp_path, shown, hidden


def test_what_is_held_apart_is_printed_only_where_it_is_asked_for(made, capsys):
    out, _, _ = made
    given = ["judge", "--out", str(out), "--choosers", "tune", "--budgets", "2.2"]
    run.main(given)
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line.split(" | ")[2:4] for line in lines] == [["all", "1"]]
    run.main([*given, "--apart"])
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line.split(" | ")[2:4] for line in lines] == [["all", "2"], ["apart", "1"]]


def test_the_page_names_what_is_held_apart_only_where_it_is_asked_for(made):
    out, shown, hidden = made
    page = out / "page.md"
    run.main(["page", "--out", str(out), "--page", str(page), "--cells", f"{shown.name}"])
    assert shown.name in page.read_text()
    assert (out / "tune-bench.svg").read_text().startswith("<?xml")
    both = f"[{shown.name[0]}{hidden.name[0]}]*_adamw_*"
    told = [one for one in tasks.CELLS if one.name in (shown.name, hidden.name)]
    assert hidden.name not in page.read_text()
    for flags, there in (([], False), (["--apart"], True)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(run, "CELLS", told)
            run.main(["page", "--out", str(out), "--page", str(page), "--cells", both, *flags])
        assert (hidden.name in page.read_text()) is there
        assert ("held apart:" in page.read_text()) is there


def test_a_row_is_judged_once_until_the_table_changes(made):
    out, shown, _ = made
    count = []

    def chooser(cell, found, seed, budget):
        count.append(seed)
        return [Pick(seed, 5, 1.0)]

    entry = results.Entry("mine", "ours", chooser, kept=True)
    cells = recording.recorded(out, [shown])
    first = results.results(cells, [entry], [4.0], out)
    assert count == [0, 1]
    assert repr(results.results(cells, [entry], [4.0], out)) == repr(first)
    assert count == [0, 1]
    cells[0][1].test[:] *= 2
    results.results(cells, [entry], [4.0], out)
    assert count == [0, 1, 0, 1]


def test_the_clock_times_a_tuning_against_a_run(tmp_path):
    from stepsize.lab.data.datasets import load

    found = clock.measured(load("wine").workload(), 40, 32, rounds=1)
    assert all(second > 0 for both in found.values() for spent in both for second in spent)
    assert clock.table(tmp_path) == ""
    (tmp_path / clock.FILE).write_text(json.dumps({"date": "2026-11-27", "cases": {"wine": found}}))
    assert "| wine |" in clock.table(tmp_path)
    assert "median of 1 round (" in clock.table(tmp_path)
    twice = {side: 2 * spent for side, spent in found.items()}
    (tmp_path / clock.FILE).write_text(json.dumps({"date": "2026-11-27", "cases": {"wine": twice}}))
    assert "median of 2 rounds (" in clock.table(tmp_path)
