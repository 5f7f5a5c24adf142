"""What a study costs beside its training: as much for each trial, however many there are."""

from __future__ import annotations

from stepsize.lab.compare import compare, here
from stepsize.lab.study.study import Study
from stepsize.lab.trials.outcome import Outcome
from studied import a_plan, a_workload

RATES = [0.01 * k for k in range(1, 11)]


def asked_of_each(monkeypatch, seeds):
    """How often an outcome is asked whether it is over, for each trial of a study whose lots are of one trial."""
    asked = [0]
    over = Outcome.over.fget

    def counted(one):
        asked[0] += 1
        return over(one)

    monkeypatch.setattr(Outcome, "over", property(counted))
    workload = a_workload()
    object.__setattr__(workload.engine(), "at_once", 1)
    plan = a_plan(["sgd() | 0.1"], steps=1, seeds=seeds, rates=RATES)
    told = []
    with Study(workload) as study:
        compare(study, plan, on_progress=told.append)
    monkeypatch.undo()
    assert (told[-1].done, len(told)) == (plan.runs, plan.runs)
    return asked[0] / plan.runs


def test_each_trial_costs_as_much_in_a_large_study(monkeypatch):
    assert asked_of_each(monkeypatch, 12) <= 1.5 * asked_of_each(monkeypatch, 2)


def test_paused_trials_go_on_before_others_begin(tmp_path):
    plan = a_plan(["A=sgd() | 0.1"], seeds=3, rates=[0.01, 0.1])
    trials = list(plan.trials())
    begun = []
    with Study(a_workload(), tmp_path / "study") as study:
        study.train(trials[4:], here(study.workload), until=10)
        assert study.journal.kept_steps(study.environment) == {one.key: 10 for one in trials[4:]}
        assert study.journal.kept_steps("other versions") == {}
        study.train(
            trials,
            here(study.workload),
            on_event=lambda event: begun.append(event.portion.trials) if event.kind == "started" else None,
        )
    assert [len(one) for one in begun] == [2, 4]
    assert set(begun[0]) == set(trials[4:])
