"""`stepsize tune EXPR -- COMMAND`: scripts that report, misbehave, die, are interrupted, and run by hand."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import stepsize
from stepsize import StepsizeError, Tuner
from stepsize.cli.tune_script import tune_script
from stepsize.lab.tuner import script as module
from tuned_loops import STEPS, train

TEXT = "sgd() | 0.01 * cosine()"
HEAD = f"""
import sys, time, math
sys.path.insert(0, {str(Path(__file__).parent)!r})
import stepsize
from tuned_loops import Loop
trial = stepsize.trial("sgd() | 0.02 * cosine()", steps=30)
loop = Loop(trial.seed)
"""
GOOD = """
for t in range(trial.steps):
    if trial.report(t, loop.loss):
        break
    loop.update(trial.rate(t))
trial.finish(loop.loss)
"""


@pytest.fixture
def tuned(tmp_path, capfd):
    """Tune the text of a script; the exit code, and what was printed."""

    def run(body, head=HEAD, **given):
        path = tmp_path / "train.py"
        path.write_text(head + body, encoding="utf-8")
        settings = {"steps": STEPS, "budget": 4, "seconds": None, "out": None, "jobs": 1}
        command = given.pop("command", [sys.executable, str(path)])
        texts = given.pop("texts", [TEXT])
        code = tune_script(texts, command, **settings | {"maximise": False, "as_json": False} | given)
        return code, *capfd.readouterr()

    return run


def test_a_script_is_tuned_as_a_loop_is(tuned):
    tuner = Tuner(TEXT, STEPS, budget=4)
    train(tuner)
    code, out, err = tuned(GOOD)
    assert code == 0
    assert out.splitlines()[0] == tuner.verdict.text
    assert f"Loss {tuner.verdict.loss:.4g};" in out
    assert "stopped after" in err


def test_by_hand_it_trains_with_its_own(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(HEAD + GOOD + "print(trial.strategy, trial.seed, loop.made)", encoding="utf-8")
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "sgd() | 0.02 * cosine(30) 0 30"
    assert done.stderr == ""


def test_a_trial_by_hand_checks_what_it_is_given():
    here = stepsize.trial(TEXT, steps=10, seed=3)
    assert (here.seed, here.steps, here.rate(0), here.report(0, 1.0), here.finish(1.0)) == (3, 10, 0.01, False, None)
    for wrong in ({}, {"strategy": TEXT}, {"steps": 10}):
        with pytest.raises(StepsizeError, match="needs a strategy and steps of its own"):
            stepsize.trial(**wrong)
    with pytest.raises(StepsizeError, match="steps must be"):
        stepsize.trial(TEXT, steps=0)
    with pytest.raises(StepsizeError, match="loss must be a number"):
        here.report(0, "low")


def test_a_journal_goes_on_and_names_no_other_strategy(tuned, tmp_path):
    out = tmp_path / "out"
    code, first, _ = tuned(GOOD, out=out, budget=2.2)
    assert code == 0
    lines = (out / "journal.jsonl").read_text().splitlines()
    code, again, err = tuned(GOOD, out=out, budget=2.2)
    assert (code, again) == (0, first)
    assert "training" not in err
    assert (out / "journal.jsonl").read_text().splitlines() == lines
    code, _, err = tuned(GOOD, out=out, budget=4)
    assert code == 0
    assert "training" in err
    with pytest.raises(StepsizeError, match=r"not of adam\(\) \| 0.1 over 60: choose another folder"):
        tuned(GOOD, out=out, texts=["adam() | 0.1"])
    with pytest.raises(StepsizeError, match=r"holds runs of .*train.py, not of .*--data x"):
        tuned(GOOD, out=out, command=[sys.executable, str(tmp_path / "train.py"), "--data", "x"])


def test_several_scripts_at_once(tuned, tmp_path):
    mark = "\nopen(sys.argv[0] + f'.{time.time()}', 'w').close()\n"
    slow = GOOD.replace("    loop.update", "    time.sleep(0.005)\n    loop.update")
    code, out, _ = tuned(mark + slow, jobs=3)
    assert code == 0
    cost = float(out.split("Cost: ")[1].split()[0])
    assert cost <= 4
    assert len(list(tmp_path.glob("train.py.*"))) == int(out.split(", in ")[1].split()[0])


def test_json_and_a_score(tuned):
    body = GOOD.replace("loop.loss", "-loop.loss")
    code, out, _ = tuned(body, as_json=True, maximise=True)
    assert code == 0
    told = json.loads(out)
    assert told["loss"] < 0
    assert told["rate"] > 0.1
    code, out, _ = tuned(body, maximise=True, budget=2)
    assert "Score -0." in out


def test_a_script_that_goes_on_is_ended(tuned, monkeypatch):
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.3)
    stubborn = "for t in range(trial.steps):\n    trial.report(t, loop.loss)\n    loop.update(trial.rate(t))\n"
    stubborn += "    while t == trial.steps - 1 and trial.report(t, loop.loss): time.sleep(0.01)\n"
    code, out, err = tuned(stubborn + "trial.finish(loop.loss)\n", budget=6)
    assert code == 0
    assert "it went on for 0.3 s after it was told to stop, and was ended" in err
    assert out.startswith("sgd()")


def test_a_script_that_dies_counts_as_diverged_and_says_its_last_lines(tuned):
    dies = "    if trial.rate(0) > 0.2:\n        print('out of memory')\n        sys.exit(3)\n"
    code, out, err = tuned(GOOD.replace("    loop.update", dies + "    loop.update"))
    assert code == 0
    assert "it ended with exit code 3 after step 0 and counts as diverged: out of memory" in err
    assert 0.05 < float(out.split(" ")[2]) <= 0.2


@pytest.mark.parametrize(
    ("head", "body", "message"),
    [
        (HEAD, "", "ended without a report: it printed nothing"),
        (HEAD, "import nonsense", "exit code 1 before its first report: .*No module named 'nonsense'"),
        ("", "print('hi')", "ended and never asked for a trial"),
        (HEAD, "trial.report(0, math.nan)", "the loss is nan before the first update"),
        (HEAD, "trial.report(0, 1.0)\ntrial.report(99, 1.0)", "step must be at most the 60"),
        (HEAD, "trial.report(5, 1.0)", "ended after 5 of 60 steps without an end: say trial.finish"),
    ],
)
def test_a_script_that_cannot_be_tuned(tuned, head, body, message):
    with pytest.raises(StepsizeError, match=message) as said:
        tuned(body, head=head)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"texts": []}, "write stepsize tune"),
        ({"command": []}, "write stepsize tune"),
        ({"command": ["no-such-program"]}, "no-such-program cannot be started"),
        ({"budget": 0.5}, "budget must be a number ≥ 1"),
        ({"texts": ["0.1 * cosine()"]}, "a rate without a rule"),
    ],
)
def test_a_call_that_cannot_be(tuned, given, message):
    with pytest.raises(StepsizeError, match=message):
        tuned(GOOD, **given)


def test_when_the_time_is_over_there_is_a_verdict(tuned):
    slow = GOOD.replace("    loop.update", "    time.sleep(0.01)\n    loop.update")
    begin = time.monotonic()
    code, out, _ = tuned(slow, seconds=4.0, budget=1000)
    assert time.monotonic() - begin < 15
    assert code in (0, 130)
    assert code == 130 or out.startswith("sgd()")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_gives_the_verdict_so_far_and_ends_the_scripts(tmp_path):
    path, beats = tmp_path / "train.py", tmp_path / "beats"
    slow = GOOD.replace(
        "    loop.update", f"    open({str(beats)!r}, 'a').write('x')\n    time.sleep(0.01)\n    loop.update"
    )
    path.write_text(HEAD + slow, encoding="utf-8")
    call = (
        "import sys\nfrom stepsize.cli.tune_script import tune_script\n"
        f"sys.exit(tune_script([{TEXT!r}], [sys.executable, {str(path)!r}], steps={STEPS}, budget=9, seconds=None, "
        "out=None, jobs=1, maximise=False, as_json=False))"
    )
    process = subprocess.Popen([sys.executable, "-c", call], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = ""
    while "ended at" not in said:
        said += process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out.startswith("sgd() | ")
    assert "interrupted: this is the verdict so far" in err
    count = beats.stat().st_size
    time.sleep(0.3)
    assert beats.stat().st_size == count


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot ask whether a process is alive")
def test_scripts_whose_parent_was_killed_stop(tmp_path):
    path, beats = tmp_path / "train.py", tmp_path / "beats"
    slow = GOOD.replace(
        "    loop.update", f"    open({str(beats)!r}, 'a').write('x')\n    time.sleep(0.01)\n    loop.update"
    )
    path.write_text(HEAD + slow.replace("trial.steps", "100000").replace("report(t", "report(t % 61 if t < 61 else 60"))
    call = (
        "import sys\nfrom pathlib import Path\nfrom stepsize.cli.tune_script import tune_script\n"
        f"tune_script([{TEXT!r}], [sys.executable, {str(path)!r}], steps={STEPS}, budget=9, seconds=None, "
        f"out=Path({str(tmp_path / 'out')!r}), jobs=1, maximise=False, as_json=False)"
    )
    process = subprocess.Popen([sys.executable, "-c", call], stderr=subprocess.DEVNULL)
    while not beats.exists():
        time.sleep(0.01)
    process.kill()
    process.wait()
    still = [beats.stat().st_size]
    for _ in range(60):
        time.sleep(0.5)
        still.append(beats.stat().st_size)
        if still[-1] == still[-2]:
            break
    assert still[-1] == still[-2]
