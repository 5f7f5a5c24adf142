"""Folders that grow: what was asked for once and never finished, and names that change, take nothing from the rest."""

from __future__ import annotations

import pytest

from commandline import run
from stepsize.lab.compare import compare, here
from stepsize.lab.study.listing import courses
from stepsize.lab.study.study import Study
from stepsize.report.numbers import summarise
from stepsize.report.page import page
from stepsize.report.table import caption
from studied import a_plan, a_workload, uninterrupted


def summary_of(study, plan):
    return summarise(plan, study.outcomes(plan.trials()), {})


def test_more_than_was_ever_finished_takes_nothing_from_what_is(tmp_path):
    few, many = a_plan(["A=sgd() | 0.1"], seeds=2), a_plan(["A=sgd() | 0.1"], seeds=30)
    with Study(a_workload(), tmp_path / "study") as study:
        study.ask(many)  # and then somebody stopped it
        grown = compare(study, few)
        summary = summary_of(study, grown)
        (shown,) = courses(study.journal)
    assert len(grown.seeds) == len(shown.seeds) == 30
    assert [row.name for row in summary.rows] == ["A"]
    assert summary.rows[0].seeds == len(summary.settings.seeds) == 2
    assert summary.unfinished == ()
    assert summary.rows == summary_of(study, few).rows
    assert summary.verdict


def test_a_strategy_none_of_whose_parts_is_finished_is_left_out_by_name():
    plan = a_plan(["A=sgd() | 0.1", "B=adam() | 0.01"])
    with Study(a_workload()) as study:
        compare(study, a_plan(["A=sgd() | 0.1"]))
        summary = summary_of(study, plan)
    assert [row.name for row in summary.rows] == ["A"]
    assert summary.unfinished == ("B",)


def test_a_name_that_goes_to_another_strategy_is_left_to_it(tmp_path):
    with Study(a_workload(), tmp_path / "study") as study:
        compare(study, a_plan(["A=sgd() | 0.1", "B=adam() | 0.01"]))
        compare(study, a_plan(["A=sgd() | 0.1 * cosine()"]))
        grown = compare(study, a_plan(["A=sgd() | 0.1 * linear(1, 0.1)", "B=adam() | 0.01"]))
        summary = summary_of(study, grown)
    assert {row.name: row.text for row in summary.rows} == {
        "sgd() | 0.1": "sgd() | 0.1",
        "B": "adam() | 0.01",
        "sgd() | 0.1 * cosine()": "sgd() | 0.1 * cosine()",
        "A": "sgd() | 0.1 * linear(1, 0.1)",
    }
    assert grown.referred.text == "sgd() | 0.1 * linear(1, 0.1)"
    (shown,) = courses(study.journal)
    assert [one.name for one in shown.strategies] == [one.name for one in grown.strategies]


def test_a_name_is_kept_where_nobody_else_takes_it(tmp_path):
    with Study(a_workload(), tmp_path / "study") as study:
        study.ask(a_plan(["A=sgd() | 0.1", "B=adam() | 0.01"]))
        grown = study.ask(a_plan(["C=sgd() | 0.1 * cosine()"]))
        renamed = study.ask(a_plan(["Z=sgd() | 0.1"]))
    assert [one.name for one in grown.strategies] == ["A", "B", "C"]
    assert [one.name for one in renamed.strategies] == ["Z", "B", "C"]


def test_the_rate_of_the_table_is_the_rate_of_the_verdict(tmp_path):
    """Some rates have more seeds than others: the rate is chosen over the seeds that all have."""
    with Study(a_workload(), tmp_path / "study") as study:
        compare(study, a_plan(["A=adam() | 0.01"], seeds=2, rates=[0.01, 0.03, 0.1]))
        grown = compare(study, a_plan(["A=adam() | 0.01"], seeds=4, rates=[0.01]))
        summary = summary_of(study, grown)
    (row,), (judged,) = summary.rows, summary.judgement.strategies
    assert (row.best_base,) == judged.rates
    assert row.best_base > 0.01
    assert row.seeds == row.tested.n == 2


def test_how_many_seeds_there_are_is_said_of_those_that_are_shown(tmp_path):
    with Study(a_workload(), tmp_path / "study") as study:
        compare(study, a_plan(["A=sgd() | 0.1"], seeds=4))
        grown = compare(study, a_plan(["B=adam() | 0.01"], seeds=2))
        summary = summary_of(study, grown)
    assert summary.seeds == "2 to 4"
    assert "n = 2 to 4 seeds" in caption(summary)[0]
    assert "n = 2 to 4 seeds" in page(summary)


def test_a_trial_that_two_strategies_ask_for_is_counted_once(tmp_path):
    folder = tmp_path / "study"
    with Study(a_workload(), folder) as study:
        compare(study, a_plan(["A=sgd() | 0.1", "B=sgd() | 0.2"], rates=[0.1, 0.2]))
    assert "4 trials of 4 asked for" in run("study", "show", str(folder)).stdout


@pytest.mark.parametrize("stop", [11, 12, 13, 14])
def test_a_run_that_is_stopped_where_its_loss_overflows_ends_as_straight_through(stop):
    plan = a_plan(steps=40)
    whole = uninterrupted(plan)
    lost = [one.made for one in whole if one.diverged and one.made < plan.steps]
    assert 13 in lost
    with Study(a_workload()) as study:
        paused = study.train(plan.trials(), here(study.workload), until=stop)
        assert [one.over for one in paused] == [one.made < stop for one in whole]
        assert study.train(plan.trials(), here(study.workload)) == whole
