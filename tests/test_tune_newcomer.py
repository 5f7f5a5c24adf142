"""What somebody meets who tunes for the first time: the last step, what was not tried, mistakes, a page for scripts."""

import re
import shlex
import sys

import numpy as np
import pytest

from stepsize import StepsizeError, Tuner, parse
from stepsize.cli import typed
from stepsize.cli.output import so_far
from stepsize.cli.progress import following
from stepsize.cli.tune_script import tune_script
from stepsize.lab.choose.answer import Asked, Part
from stepsize.lab.choose.said import sentences
from stepsize.lab.trials.trial import Trial
from stepsize.lab.tuner import script as module
from test_cli import run

TEXT = "sgd() | 0.1 * cosine()"
OTHER = "adam() | 0.01 * cosine()"
ASKS = "import stepsize\ntrial = stepsize.trial('sgd() | 0.1 * cosine()', steps=20)\n"
GOOD = """
w = 1.0
for t in range(trial.steps):
    if trial.report(t, w * w):
        break
    w -= trial.rate(t) * 2 * w
trial.finish(w * w)
"""


def tuned(strategy=TEXT, budget=4, loss=lambda w: w * w, **given):
    """A tuner over a parabola, after its loop."""
    tuner = Tuner(strategy, 40, budget=budget, **given)
    for trial in tuner:
        w = 1.0
        for t in range(trial.steps):
            if trial.report(t, loss(w)):
                break
            w -= trial.rate(t) * 2 * w
        trial.finish(loss(w))
    return tuner


@pytest.fixture
def scripted(tmp_path, capfd):
    """Tune the text of a script; the exit code, and what was printed."""

    def tune(body, **given):
        path = tmp_path / "train.py"
        path.write_text(ASKS + body, encoding="utf-8")
        settings = {"steps": 20, "budget": 2, "seconds": None, "out": None, "jobs": 1, "maximise": False}
        texts = given.pop("texts", [TEXT])
        code = tune_script(texts, [sys.executable, str(path)], **settings | {"as_json": False} | given)
        return code, *capfd.readouterr()

    return tune


def test_a_script_that_reports_its_last_step_goes_on_to_its_end(scripted, monkeypatch):
    monkeypatch.setattr(module, "GRACE_SECONDS", 5.0)
    last = GOOD.replace("trial.finish", "trial.report(trial.steps, w * w)\ntrial.finish")
    code, out, err = scripted(last, seconds=30)
    assert code == 0
    assert scripted(GOOD, seconds=30)[1] == out
    assert "2 of 2 runs spent" not in err  # a time is the budget here
    rising = "for t in (0, 20, 25):\n    trial.report(t, 1.0)\n"
    with pytest.raises(StepsizeError, match="at most the 20 of the trial, not 25"):
        scripted(rising, seconds=30)


def test_what_a_script_is_said_to_do_and_to_cost(scripted):
    _, _, err = scripted(GOOD)
    ended = [line for line in err.splitlines() if "runs spent" in line]
    assert re.search(r": ended at \S+; 1 of 2 runs spent, best so far sgd\(\) \| \S+ \* cosine\(\)$", ended[0])
    assert "2 of 2 runs spent" in ended[-1]


def test_a_script_with_a_folder_has_a_page_too(scripted, tmp_path):
    _, _, err = scripted(GOOD, out=tmp_path / "losses")
    told = (
        f"written to {tmp_path / 'losses'}: tune.html (open it in a browser), journal.jsonl, scripts; the same command"
    )
    assert told in err
    assert {"tune.html", "journal.jsonl", "scripts"} <= {one.name for one in (tmp_path / "losses").iterdir()}
    page = (tmp_path / "losses" / "tune.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "last loss" in page
    code, out, _ = scripted(GOOD.replace("w * w)", "-w * w)"), out=tmp_path / "scores", maximise=True)
    page = (tmp_path / "scores" / "tune.html").read_text(encoding="utf-8")
    assert code == 0
    assert "last score" in page
    assert out.splitlines()[1].startswith("Score -")
    shown = re.findall(r"<td[^>]*>(-\S+)</td>", page)
    assert len(shown) == page.count('<th scope="row">') > 1
    assert page.count('<tr class="lowest">') == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "raise OSError('no such data')",
            r"first report: File .*train.py\", line 3, in <module> \| OSError: no",
        ),
        (
            "print('trained')",
            r"without a report: trained; write trial.report\(step, loss\) in its loop",
        ),
        ("trial.report(0, '1')", r"first report: File .*train.py\".* \| .*loss must be a number, not '1'$"),
    ],
)
def test_a_script_that_fails_is_one_line_without_a_traceback(scripted, body, said):
    with pytest.raises(StepsizeError, match=said) as told:
        scripted(body)
    assert "Traceback" not in str(told.value)


def test_lines_that_are_no_traceback_stay():
    lines = ["epoch 1", 'File "x" is written', "^ here"]
    assert module._without_trace(lines) == lines


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tune", "wine", TEXT, "--", "python", "x.py"], "a script has its own data: leave 'wine' out"),
        (["tune", TEXT, "--batch-size", "8", "--", "python", "x.py"], "--batch-size is for DATA"),
        (["tune", TEXT, "--target", "y", "--", "python", "x.py"], "--target is for DATA"),
        (["tune", TEXT, "--cluster", "tcp://a:1", "--", "python", "x.py"], "--cluster is for DATA"),
        (["tune", "--steps", "10", "--", "python", "x.py"], "no strategy stands before --: write stepsize tune"),
        (["tune", TEXT, "python", "x.py"], "-- stands before the command that trains"),
        (["find", TEXT, "--", "python", "x.py"], "find runs no script: write stepsize tune"),
        (["find", "wine", TEXT, OTHER], "find takes one strategy"),
        (["find", "wine", TEXT, "--share", "half"], "'half' is not a number, such as 0.3"),
        (["find", "wine", TEXT, "--low", "30%"], "'30%' is not a number, such as 0.001"),
        (["scale", TEXT, "--batch", "8:16", "--noise-scale", "many"], "'many' is not a number"),
    ],
)
def test_what_was_mistyped_is_one_line_that_says_what_to_write(words, said, tmp_path):
    done = run(*words, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr


def test_a_script_in_the_place_of_data_is_told_where_it_belongs():
    said = typed.by_command("compare: train.py needs the name of a function: write train.py:go", ["tune", "train.py"])
    assert said.endswith('a script that trains is tuned by stepsize tune "adam() | 1e-3" -- python train.py')
    later = ["tune", "--steps", "40", "my folder/train.py:"]
    said = typed.by_command("compare: my folder/train.py needs the name of a function: write it", later)
    assert said.endswith("-- python 'my folder/train.py'")
    assert "script" not in typed.by_command("compare: train.py is empty", ["tune", "train.py"])


def test_what_is_an_expression_behind_a_double_minus_stays_one():
    assert typed.apart(["compare", "wine", "--", TEXT]) == (["compare", "wine", "--", TEXT], ())
    assert typed.apart(["find", "--", "-0.1"]) == (["find", "--", "-0.1"], ())


def test_a_share_may_be_written_in_percent():
    def rates(share):
        done = run("find", "wine", "sgd() | 0.1", "--steps", "100", "--share", share, "--json")
        return done.stdout, done.returncode

    assert rates("60%") == rates("0.6")
    assert rates("0.6")[1] == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": None}, "name must be a text that tells problems apart, not None"),
        ({"name": " "}, "name must be a text"),
        ({"strategy": None}, "'None' is no strategy: write"),
        ({"strategy": 3}, "3 is a rate without a rule"),
        ({"strategy": []}, "strategy must be at least one"),
        ({"folder": 3}, "folder must be the path of a folder, not 3"),
        ({"prior": 3}, "prior must be the path of a folder, not 3"),
        ({"save": 1, "load": 2}, "save and load must be functions"),
    ],
)
def test_what_a_tuner_cannot_take_is_one_line(given, said):
    with pytest.raises(StepsizeError, match=said):
        Tuner(**{"strategy": TEXT, "steps": 40} | given)


def test_a_tuner_takes_the_value_of_a_strategy():
    assert tuned(parse(TEXT)).verdict == tuned(TEXT).verdict
    assert tuned([parse(TEXT), OTHER]).verdict == tuned([TEXT, OTHER]).verdict


@pytest.mark.parametrize("loss", [np.ones(2), np.ones((1, 2))])
def test_a_loss_is_one_number(loss):
    trial = next(iter(Tuner(TEXT, 40)))
    with pytest.raises(StepsizeError, match="loss must be one number"):
        trial.finish(loss)
    assert tuned(loss=lambda w: np.array([w * w])).verdict == tuned().verdict


def test_a_verdict_prints_as_the_command_does():
    verdict = tuned().verdict
    lines = str(verdict).splitlines()
    assert lines == [verdict.text, *sentences(verdict, "loss"), *(f"- {one}" for one in verdict.unknown)]
    scored = tuned(loss=lambda w: -w * w, maximise=True).verdict
    assert scored.maximise
    assert str(scored).splitlines()[1] == f"Score {scored.loss:.4g}."
    assert not verdict.maximise


def test_one_is_not_several_and_names_keep_their_letters():
    alone = tuned(budget=1).verdict
    told = sentences(alone, "loss", {"rmse": 1.0, "R2": 0.5, "accuracy": 1.0, "valAUC": 1.0})
    assert told[-1] == "Cost: 1 whole run of 40 updates, in 1 trial."
    assert [line.split()[0] for line in told[1:5]] == ["RMSE", "R2", "Accuracy", "ValAUC"]
    assert not any("of the others" in line for line in alone.unknown)
    assert "in 4 trials" in sentences(tuned().verdict, "loss")[-1]


def test_a_strategy_that_was_not_tried_or_not_to_its_end_is_told():
    assert f"{OTHER} was not tried." in tuned([TEXT, OTHER], budget=1).verdict.unknown
    for budget in (3, 9):
        verdict = tuned([TEXT, OTHER], budget=budget).verdict
        for text in (TEXT, OTHER):
            rule = text.partition(" |")[0]
            whole = any(line.startswith(rule) and "ended at" in line for line in verdict.trace)
            short = re.compile(re.escape(text) + r" was tried at \d+ rates?, for \d+% of a run at most\.")
            assert whole != any(short.fullmatch(line) for line in verdict.unknown)
    assert not any("tried at" in line or "not tried" in line for line in tuned().verdict.unknown)


def test_where_no_rate_trains_the_verdict_says_so():
    rising = Tuner(TEXT, 40, budget=2)
    for trial in rising:
        for t in range(trial.steps):
            trial.report(t, 1 + t / 1000)
        trial.finish(1.04)
    assert "the loss rose above its start" in rising.verdict.unknown[0]
    lost = Tuner(TEXT, 40, budget=2)
    for trial in lost:
        trial.report(0, 1.0)
        assert trial.report(10, float("nan"))
    assert lost.verdict.unknown[0] == "Every rate that was tried diverged."
    assert not any(line.startswith("Rates from") for line in str(lost.verdict).splitlines())
    assert not any("start" in line or "diverged" in line for line in tuned().verdict.unknown)
    ends = Tuner(TEXT, 40, budget=2)
    for trial in ends:
        trial.finish(1.0)  # nothing is known of its start
    assert not any("start" in line for line in ends.verdict.unknown)


def test_what_is_trained_next_names_each_strategy_once():
    def part(text, rate, until):
        return Part(Trial(text, text, "p", rate, 0, 100), until)

    asked = Asked((part(TEXT, 0.011, 5), part(TEXT, 0.18, 5), part(OTHER, 0.5, 5), part(TEXT, 1.0, 10)), "why")
    sgd, adam = f"{TEXT} at 0.011, 0.18 to update 5", f"{OTHER} at 0.5 to update 5"
    assert following(asked) == f"{sgd}, {adam}, {TEXT} at 1 to update 10"


def test_other_runs_of_a_folder_are_neither_counted_nor_drawn(scripted, tmp_path):
    words = ["tune", "wine", TEXT, "--budget", "1", "--out", "t", "--steps"]
    run(*words, "30", cwd=tmp_path)
    assert "in 1 trial." in run(*words, "60", cwd=tmp_path).stdout
    assert (tmp_path / "t" / "tune.html").read_text(encoding="utf-8").count('<th scope="row">') == 1
    scripted(GOOD, out=tmp_path / "s", texts=[TEXT, OTHER])
    scripted(GOOD, out=tmp_path / "s", budget=1)
    assert (tmp_path / "s" / "tune.html").read_text(encoding="utf-8").count('<th scope="row">') == 1


def test_an_interrupted_search_says_how_it_goes_on_where_it_can(monkeypatch, tmp_path):
    typed_words = ["stepsize", "tune", "wine", "adam() | 0.1 * warmup('5%')", "sgd() | 0.1", "--out", "t"]
    monkeypatch.setattr(sys, "argv", typed_words)
    told = so_far(tmp_path)
    assert told.endswith("""repeat: stepsize tune wine "adam() | 0.1 * warmup('5%')" 'sgd() | 0.1' --out t""")
    assert shlex.split(told.partition("repeat: ")[2]) == typed_words
    monkeypatch.setattr(sys, "argv", ["stepsize", "tune", "it's $HOME"])
    assert shlex.split(so_far(tmp_path).partition("repeat: ")[2]) == ["stepsize", "tune", "it's $HOME"]
    assert "repeat" not in so_far(None)
    assert "write --out DIR" in so_far(None)


def test_the_page_says_what_a_larger_budget_does_and_marks_what_was_chosen(scripted, tmp_path):
    scripted(GOOD, out=tmp_path / "s")
    page = (tmp_path / "s" / "tune.html").read_text(encoding="utf-8")
    assert "A larger budget tries other rates." in page
    assert "It goes on from there" not in page
    run("tune", "wine", TEXT, "--budget", "1", "--out", "t", "--steps", "30", cwd=tmp_path)
    page = (tmp_path / "t" / "tune.html").read_text(encoding="utf-8")
    assert "It goes on from there" in page


def test_metrics_on_the_test_data_are_told_as_such():
    """Beside a validation loss, of which they are no part."""
    verdict = tuned().verdict
    (told,) = (line for line in sentences(verdict, "loss", {"accuracy": 0.5}, tested=True) if "ccuracy" in line)
    assert told == "Accuracy 0.5 on the test data, at the last look of that trial."
    (told,) = (line for line in sentences(verdict, "loss", {"accuracy": 0.5}) if "ccuracy" in line)
    assert told == "Accuracy 0.5 at the last look of that trial."


def test_the_accuracy_of_a_bundled_set_is_of_its_test_data():
    told = run("tune", "wine", "adam() | 0.01", "--steps", "20", "--budget", "1").stdout
    assert re.search(r"^Accuracy \S+ on the test data, at the last look of that trial\.$", told, re.M)
