"""Earlier tunes as a prior: where it is moved, how wide it is, what is refused, and that policies stay pure."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commandline import run
from stepsize import StepsizeError, Tuner, parse
from stepsize.lab.choose.prior import WIDTH, Earlier, prior_of
from stepsize.lab.earlier import earlier
from stepsize.lab.study.study import Study
from stepsize.lab.tune import policy_for, tune
from studied import a_workload
from tuned_loops import STEPS, train

ADAM, SGD = parse("adam() | 0.001"), parse("sgd(momentum=0.9) | 0.1")
PLACES = st.lists(st.floats(-12, 0), min_size=1, max_size=20)


def tuned(folder, texts, budget=3.0, **how):
    with Study(a_workload(rows=60), folder) as study:
        return tune(study, policy_for(study.workload, texts, steps=60, batch_size=4, budget=budget, **how))


@given(PLACES)
def test_the_middle_lies_between_what_was_found_and_what_was_believed(places):
    before, after = prior_of(ADAM), prior_of(ADAM, [Earlier("adam", tuple(places))])
    low, high = sorted([before.centre, float(np.mean(places))])
    assert low - 1e-9 <= after.centre <= high + 1e-9
    assert after.width > 0
    assert (after.written, after.guess) == (before.written, WIDTH)


def test_few_are_wide_many_that_agree_are_narrow_and_many_that_do_not_are_wide():
    def width(*places):
        return prior_of(ADAM, [Earlier("adam", places)]).width

    assert prior_of(ADAM).width == WIDTH
    assert width(*[-6.5] * 20) < width(*[-6.5] * 3) < width(-6.5) < WIDTH
    assert width(*[-9.0, -4.0] * 10) > 2
    assert width(-10.0) > width(-6.5)


def test_another_family_changes_nothing_and_momentum_is_brought_along():
    assert prior_of(ADAM, [Earlier("sgd", (-1.0,))]) == prior_of(ADAM)
    known = [Earlier("sgd", (-2.0,) * 4)]
    plain, heavy = (prior_of(parse(f"sgd(momentum={m}) | 0.1"), known) for m in (0, 0.9))
    assert plain.centre - heavy.centre == pytest.approx(math.log2(10))
    rms = prior_of(parse("rmsprop() | 0.1"), [Earlier("adam", (-3.0,))])
    assert rms.centre == prior_of(parse("adam() | 0.1"), [Earlier("adam", (-3.0,))]).centre
    other = prior_of(parse("adagrad() | 0.1"), [Earlier("adagrad", (-1.0,))])
    assert other.centre == pytest.approx((math.log2(0.1) - 1.0) / 2)


def test_a_journal_becomes_the_best_finished_rate_of_each_family(tmp_path):
    texts = {"sgd": "sgd(momentum=0.9) | 0.1 * cosine()", "adam": "adam() | 0.01 * cosine()"}
    found = {family: tuned(tmp_path / "one", [text]) for family, text in texts.items()}
    known = {one.family: one.places for one in earlier([tmp_path / "one"], [ADAM, SGD])}
    for family in ("adam", "sgd"):
        mine = [one for one in found[family].outcomes if one.made == 60]
        best = min(mine, key=lambda one: one.validation[-1])
        assert known[family] == (math.log2(best.trial.rate),)
    assert earlier([tmp_path], [ADAM]) == (Earlier("adam", known["adam"]),)
    twice = earlier([tmp_path / "one", tmp_path / "one"], [ADAM])
    assert twice == (Earlier("adam", known["adam"] * 2),)


def test_the_first_question_begins_at_the_prior_and_a_killed_tune_goes_on_the_same(tmp_path):
    known = (Earlier("sgd", (-10.0,) * 8),)
    text = ["sgd(momentum=0.9) | 0.1 * cosine()"]
    policy = policy_for(a_workload(rows=60), text, steps=60, batch_size=4, earlier=known)
    assert (
        policy.ask([]).parts[0].trial.rate
        < 0.25 * policy_for(a_workload(rows=60), text, steps=60, batch_size=4).ask([]).parts[0].trial.rate
    )
    whole = tuned(None, text, earlier=known)
    tuned(tmp_path / "r", text, 1.3, earlier=known)
    assert tuned(tmp_path / "r", text, earlier=known).verdict.cost <= 3
    assert tuned(None, text, earlier=known).verdict == whole.verdict


def test_what_is_no_prior_is_one_line(tmp_path):
    tuned(tmp_path / "mine", ["adam() | 0.01 * cosine()"], 1.3)
    (tmp_path / "empty").mkdir()
    for folder, said in (("none", "holds no journal"), ("empty", "holds no journal")):
        with pytest.raises(StepsizeError, match=said):
            earlier([tmp_path / folder], [ADAM])
    with pytest.raises(StepsizeError, match="holds no finished trial of sgd"):
        earlier([tmp_path / "mine"], [SGD])
    for folder in ("mine", "."):
        with pytest.raises(StepsizeError, match="is the folder of this tune"):
            earlier([tmp_path / folder], [ADAM], tmp_path / "mine")
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_tuner_takes_a_prior_too(tmp_path):
    train(Tuner("sgd() | 0.01 * cosine()", STEPS, budget=4, folder=tmp_path / "one"))
    plain = next(iter(Tuner("sgd() | 0.01 * cosine()", STEPS, budget=2)))
    known = next(iter(Tuner("sgd() | 0.01 * cosine()", STEPS, budget=2, prior=tmp_path / "one")))
    assert known.rate(0) != plain.rate(0)
    with pytest.raises(StepsizeError, match="holds no finished trial of adam"):
        Tuner("adam() | 0.01", STEPS, prior=[tmp_path / "one"])


def test_the_command_takes_several_and_says_of_which_rule_there_is_nothing(tmp_path):
    words = ["--steps", "60", "--budget", "1.3"]
    assert run("tune", "wine", "adam() | 0.01 * cosine()", *words, "--out", "a", cwd=tmp_path).returncode == 0
    done = run("tune", "diabetes", *words, "--prior", "a", "--prior", "a", cwd=tmp_path)
    assert done.returncode == 0
    assert "note: --prior holds no finished trial of sgd" in done.stderr
    done = run("tune", "diabetes", "sgd() | 0.1", *words, "--prior", "a", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "holds no finished trial of sgd" in done.stderr
