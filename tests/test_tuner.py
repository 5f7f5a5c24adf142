"""`Tuner`: a loop of the user's own is handed trials, is told when to stop, and gets a verdict."""

import math

import numpy as np
import pytest

import tuned_loops
from stepsize import StepsizeError, Tuner
from tuned_loops import STEPS, Loop, end, train

TEXT = "sgd() | 0.01 * cosine()"


def cosine(share):
    return (1 + math.cos(math.pi * share)) / 2


@pytest.mark.parametrize("budget", [1, 1.3, 2.2, 4, 9])
def test_a_loop_is_tuned_within_its_budget(budget):
    tuner = Tuner(TEXT, STEPS, budget=budget)
    done = train(tuner)
    verdict = tuner.verdict
    assert len({(rate, seed) for rate, seed, _ in done}) == len(done)  # no trial twice
    assert (verdict.rate, verdict.trial.seed) in {(rate, seed) for rate, seed, _ in done}
    assert sum(made for _, _, made in done) <= budget * STEPS
    assert verdict.cost <= budget
    assert math.isfinite(verdict.loss)
    assert verdict.rates[0] <= verdict.rate <= verdict.rates[1]


def test_the_rate_is_near_the_best_one():
    found = [end(2.0**x, cosine) for x in np.arange(-12, 2, 0.25)]
    assert max(found) > 1e10  # some diverge
    tuner = Tuner(TEXT, STEPS, budget=4)
    train(tuner)
    assert end(tuner.verdict.rate, cosine) == pytest.approx(tuner.verdict.loss)
    assert tuner.verdict.loss <= 1.05 * min(found)


def test_a_single_shot_that_diverges_is_not_the_verdict(monkeypatch):
    """The first rate diverges on a steeper problem; what is left goes to a lower one."""
    monkeypatch.setattr(tuned_loops, "ROWS", 4 * tuned_loops.ROWS)
    tuner = Tuner(TEXT, STEPS, budget=1)
    done = train(tuner)
    first, *others = (rate for rate, _, _ in done)
    assert all(one < first / 4 for one in others)
    assert tuner.verdict.rate == others[-1]
    assert all(made <= STEPS / 4 for _, _, made in done[:-1])


def test_reports_stop_a_trial_that_is_not_finite():
    tuner = Tuner(TEXT, STEPS, budget=4)
    for count, trial in enumerate(tuner):
        if count == 0:
            assert not trial.report(0, 1.0)
            assert not trial.report(1, 0.9)
            assert trial.report(2, math.nan)
            assert trial.report(3, 0.5)  # it stays stopped
            trial.finish(0.1)  # which changes nothing
        else:
            trial.finish(1.0)
    assert "stopped being finite after 3%" in "".join(tuner.verdict.trace)
    assert tuner.verdict.loss == 1.0


def test_healthy_loops_are_not_stopped_early():
    """Losses of batches jump about, reports are few or many, begin late, or are of a score: nobody is stopped."""
    noise = np.random.default_rng(0)
    for every, begin in ((1, 0), (1, 1), (7, 7), (30, 30)):
        tuner = Tuner(TEXT, STEPS, budget=1)
        for trial in tuner:
            for t in range(begin, STEPS + 1, every):
                assert not trial.report(t, (1 + 2 * noise.random()) * math.exp(-t / STEPS))
            trial.finish(0.5)
        assert len(tuner.verdict.trace) == 1
    tuner = Tuner(TEXT, STEPS, budget=1, maximise=True)
    for trial in tuner:
        for t in range(0, STEPS, 3):
            assert not trial.report(t, 0.1 + 0.05 * noise.standard_normal())
        trial.finish(0.4)
    assert tuner.verdict.loss == 0.4


def test_a_score_is_maximised():
    tuner = Tuner(TEXT, STEPS, budget=5, maximise=True)
    for trial in tuner:
        score = 0.9 - 0.05 * abs(math.log2(trial.strategy.rate.base) + 6)
        for t in range(0, STEPS, 5):
            if trial.report(t, 0.1 + score * t / STEPS):
                break
        trial.finish(0.1 + score)
    assert abs(math.log2(tuner.verdict.rate) + 6) <= 1
    assert tuner.verdict.loss == pytest.approx(1.0, abs=0.06)
    assert any("ended at 0.9" in line for line in tuner.verdict.trace)


def test_a_plateau_above_the_basin_does_not_lead_upwards():
    """From 0.2 on nothing is learned, a little less nothing at each step up."""
    tuner = Tuner(TEXT, STEPS, budget=4)
    for trial in tuner:
        x = math.log2(trial.strategy.rate.base)
        trial.finish(2.3 - 0.01 * x if x > -2.5 else 0.5 + 0.05 * abs(x + 6))
    assert tuner.verdict.loss < 0.7


def test_several_strategies_compete():
    tuner = Tuner([TEXT, "adam() | 1e-3 * cosine()"], STEPS, budget=4)
    rules = set()
    for trial in tuner:
        rules.add(type(trial.strategy.rule).__name__)
        trial.finish(1.0 if "adam" in trial.text else 2.0)
    assert rules == {"sgd", "adam"}
    assert tuner.verdict.text.startswith("adam()")


def test_trials_that_are_saved_pause_and_go_on(tmp_path):
    """With save and load the numbers of a paused trial are those of one that never stopped."""
    loops, begun, made = {}, [], 0

    def save(path):
        with path.open("wb") as file:
            np.savez(file, w=loops["now"].w, made=loops["now"].made)

    tuner = Tuner(TEXT, STEPS, budget=3, seeds=1, folder=tmp_path / "t", save=save, load=np.load)
    for trial in tuner:
        loop = loops["now"] = Loop(trial.seed, trial.state)
        assert loop.made == trial.start
        begun.append((trial.text, trial.start))
        for t in range(trial.start, trial.steps):
            if trial.report(t, loop.loss):
                break
            loop.update(trial.rate(t))
            made += 1
        trial.finish(loop.loss)
    tuner.close()
    assert len(set(begun)) == len(begun)
    assert any(start > 0 for _, start in begun)
    assert made <= 3 * STEPS
    assert end(tuner.verdict.rate, cosine) == pytest.approx(tuner.verdict.loss, rel=1e-12)


def test_batches_and_controllers():
    tuner = Tuner("sgd() | 0.01 * (warmup('10%') >> cosine()) * plateau()", 100, budget=1)
    trial = next(iter(tuner))
    assert "warmup(10)" in str(trial.schedule)
    with pytest.raises(StepsizeError, match=r"has controllers.* Scheduler\(optimizer, trial.schedule\)"):
        trial.rate(0)


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ([(0, math.nan)], "the loss is nan before the first update"),
        ([(5, 1.0), (4, 1.0)], "step 4 comes after step 5"),
        ([(STEPS + 1, 1.0)], f"step must be at most the {STEPS}"),
        ([(-1, 1.0)], "step must be a number ≥ 0"),
        ([(1, "low")], "loss must be a number"),
    ],
)
def test_reports_that_cannot_be(calls, message):
    trial = next(iter(Tuner(TEXT, STEPS)))
    *before, last = calls
    for call in before:
        trial.report(*call)
    with pytest.raises(StepsizeError, match=message):
        trial.report(*last)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"budget": 0.5}, "budget must be a number ≥ 1"),
        ({"steps": 0}, "steps must be a number ≥ 1"),
        ({"strategy": "0.1 * cosine()"}, "a rate without a rule: write sgd"),
        ({"strategy": "sgd() | 0.0"}, "base rate 0"),
        ({"save": print}, "save and load belong together"),
        ({"maximise": 1}, "maximise must be True or False"),
    ],
)
def test_a_tuner_that_cannot_be(given, message):
    with pytest.raises(StepsizeError, match=message):
        Tuner(**{"strategy": TEXT, "steps": STEPS} | given)


def test_a_loop_that_forgets_the_end_is_told():
    trials = iter(Tuner(TEXT, STEPS))
    next(trials).report(1, 1.0)
    with pytest.raises(StepsizeError, match=r"was left after 1 of 60 steps without an end: .*trial.finish\(loss\)"):
        next(trials)


def test_without_a_judged_trial_there_is_no_verdict():
    with pytest.raises(StepsizeError, match="there is no verdict yet"):
        _ = Tuner(TEXT, STEPS).verdict


def test_the_last_report_is_the_end_where_it_is_at_the_end():
    tuner = Tuner(TEXT, STEPS, budget=1)
    for trial in tuner:
        for t in range(STEPS + 1):
            assert not trial.report(t, 2.0 - t / STEPS)
    assert tuner.verdict.share == 1
    assert tuner.verdict.loss == pytest.approx(1.0, abs=0.02)
