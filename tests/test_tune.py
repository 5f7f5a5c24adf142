"""Tuning a workload: the verdict names what ran, a search goes on where it was, and bad input is one line."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from commandline import run
from stepsize import StepsizeError, parse
from stepsize.lab.choose.answer import Verdict
from stepsize.lab.compare import here
from stepsize.lab.study.study import Study
from stepsize.lab.tune import policy_for, so_far_of, tune, with_budget
from stepsize.report.tuned import tuned_page, verdict_of
from studied import a_workload

TEXTS = ("sgd(momentum=0.9) | 0.1 * cosine()", "mine=adam() | 0.01 * cosine()")


def a_policy(budget=4.0, texts=TEXTS, **how):
    return policy_for(a_workload(rows=60), texts, **{"steps": 100, "batch_size": 4, "budget": budget} | how)


def tuned(folder=None, budget=4.0, **how):
    with Study(a_workload(rows=60), folder) as study:
        return tune(study, a_policy(budget), **how)


@pytest.mark.parametrize("budget", [1, 1.3, 2.2, 4, 9])
def test_the_verdict_names_a_trial_that_ran_and_costs_what_was_allowed(budget):
    found = tuned(budget=budget)
    verdict = found.verdict
    assert verdict.trial.key in {one.trial.key for one in found.outcomes}
    assert parse(verdict.text) == found.outcome.trial.strategy
    spent = sum(one.made for one in found.outcomes) / 100
    assert verdict.cost == pytest.approx(spent)
    assert spent <= budget + 1e-9
    assert verdict.low <= verdict.loss <= verdict.high
    assert verdict.rates[0] <= verdict.rate <= verdict.rates[1]


def test_the_rate_is_nearly_as_good_as_that_of_a_grid():
    found = tuned(budget=6)
    workload, policy = a_workload(rows=60), a_policy()
    with Study(workload) as study:
        whole = [policy.trial(arm, 2.0**x, 0) for arm in range(2) for x in range(-12, 4)]
        ends = [one.validation[-1] for one in study.train(whole, here(workload)) if not one.diverged]
    assert found.verdict.loss <= 1.1 * min(ends)


def test_a_search_that_was_cut_off_ends_as_if_it_had_not_been(tmp_path):
    whole = tuned()
    with Study(a_workload(rows=60), tmp_path / "r") as study:
        policy = a_policy()
        for _ in range(3):  # some questions, then it dies
            asked = policy.ask(list(study.journal.outcomes.values()))
            study.train(
                [one.trial for one in asked.parts], here(study.workload), until=[one.until for one in asked.parts]
            )
    again = tuned(tmp_path / "r")
    assert again.verdict == whole.verdict
    assert {one.trial.key: one for one in again.outcomes} == {one.trial.key: one for one in whole.outcomes}


def test_more_budget_goes_on_and_is_never_worse_by_its_own_measure(tmp_path):
    first = tuned(tmp_path / "r", budget=2.2)
    before = (tmp_path / "r" / "journal.jsonl").read_bytes()
    more = tuned(tmp_path / "r", budget=6)
    assert (tmp_path / "r" / "journal.jsonl").read_bytes().startswith(before)
    assert more.verdict.loss <= first.verdict.loss or first.verdict.share < 1
    assert with_budget(a_policy(2.2), 6.0) == a_policy(6.0)


def test_an_interrupt_gives_the_verdict_so_far():
    count = [0]

    def stop(*_):
        count[0] += 1
        if count[0] == 4:
            raise KeyboardInterrupt

    with Study(a_workload(rows=60)) as study:
        found = tune(study, a_policy(), on_progress=stop)
    assert found.interrupted
    assert isinstance(found.verdict, Verdict)
    assert found.verdict == so_far_of(a_policy(), found.outcomes)


def test_a_time_is_a_budget_too():
    found = tuned(budget=1000.0, seconds=0.05)
    assert found.interrupted
    assert found.verdict.cost < 1000
    with pytest.raises(StepsizeError, match="seconds"):
        tuned(seconds=0)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"budget": 0.5}, "budget must be a number ≥ 1"),
        ({"steps": 0}, "steps must be a number ≥ 1"),
        ({"texts": ("sgd() | 0",)}, "base rate 0"),
        ({"texts": ("cosine()",)}, "cosine"),
    ],
)
def test_bad_input_is_one_line(how, said):
    with pytest.raises(StepsizeError, match=said):
        a_policy(**how)


def test_the_page_shows_the_answer_and_every_trial():
    found = tuned()
    page = tuned_page(found, replace(a_workload().subject, data="<b>"))
    assert "<b>" not in page.replace("<body>", "")
    assert page.count('<th scope="row">') == len(found.outcomes)
    assert found.verdict.text.split(" | ")[1].split(" ")[0] in page
    for line in verdict_of(found, validated=True):
        assert line in page
    assert "<svg" in page
    assert "http:" not in page.split("<svg")[0]
    assert "https:" not in page.split("<svg")[0]


def test_a_verdict_without_an_interval_is_told_too():
    found = tuned(budget=1)
    bare = replace(found, verdict=replace(found.verdict, low=None, high=None))
    assert verdict_of(bare, validated=True)[0] == f"Validation loss {found.verdict.loss:.4g}."
    nothing = replace(found, verdict=replace(found.verdict, loss=None, low=None, high=None))
    assert not verdict_of(nothing, validated=False)[0].startswith("Training loss")


def test_the_command_answers_and_goes_on(tmp_path):
    words = ["tune", "wine", "adam() | 0.01 * cosine()", "--steps", "60", "--out", "t"]
    done = run(*words, "--budget", "1.3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert parse(done.stdout.splitlines()[0])
    assert (tmp_path / "t" / "tune.html").is_file()
    more = run(*words, "--budget", "3", "--json", "--jobs", "2", cwd=tmp_path)
    told = json.loads(more.stdout)
    assert 1.3 < told["cost"] <= 3
    assert parse(told["text"]).rate.base == told["rate"]
    assert json.loads(run(*words, "--budget", "3", "--json", cwd=tmp_path).stdout)["text"] == told["text"]
    for budget in ("0", "x", "0.5", "2mon"):
        done = run("tune", "wine", "--budget", budget)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
