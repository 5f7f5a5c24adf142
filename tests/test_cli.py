"""The command line as a user meets it: exit codes, what goes to which stream, and one line for every mistake.

Most cases run in this process. Each command also runs as a real process, which must write the same bytes.
"""

import json
import os
import signal
import subprocess
import sys
import time
from html import unescape

import pytest

from commandline import Done, run, run_alone
from stepsize import parse
from stepsize.cli.start import quick_show
from stepsize.lab.study.journal import read_journal
from stepsize.vocabulary import WORDS

QUICK = ["--steps", "20", "--seeds", "2", "--rates", "1e-3:1:3"]


def last_line(done: Done) -> str:
    return done.stderr.strip().splitlines()[-1]


# --- real processes


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["list"],
        ["show", "0.1 * (warmup('5%') >> cosine())"],
        ["show", "0.1 * infrared()", "--at", "5", "--json"],
        ["show", "warmup('3ep') >> cosine()", "--steps-per-epoch", "20"],
        ["explain", "adam() | 3e-4 * (warmup(500) >> cosine())"],
        ["diff", "0.1 * cosine()", "0.1 * linear()"],
        ["compare", "wine", "sgd() | 0.1", *QUICK],
        ["compare", "wine", "sgd() | 0.1", "--json", *QUICK],
        ["diagnose", "{folder}/run.csv"],
        ["show", "cosine(0)"],
        ["explain", "cosin()"],
        ["diff", "cosine()", "sgd()"],
        ["compare", "digit"],
        ["diagnose", "nothing.csv"],
        ["shwo"],
    ],
    ids=" ".join,
)
def test_a_process_of_its_own_writes_the_same(words, tmp_path):
    rows = [f"{step},{2 / (step + 1)},0.1" for step in range(60)]
    (tmp_path / "run.csv").write_text("\n".join(["step,loss,lr", *rows]))
    words = [one.format(folder=tmp_path) for one in words]
    assert run_alone(*words) == run(*words)


# --- show


def test_show_draws_the_curve():
    done = run("show", "0.1 * (warmup('5%') >> cosine())")
    assert done.returncode == 0
    assert "step 999" in done.stdout
    assert any(0x2801 <= ord(one) <= 0x28FF for one in done.stdout)


def test_show_json_gives_the_exact_values():
    done = run("show", "0.1 * cosine()", "sgd() | 0.3", "--at", "0,1,999", "--json")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    expected = (0.1 * parse("cosine()")).over(1000)
    assert first == {"text": "0.1 * cosine()", "steps": 1000, "values": [[t, expected(t)] for t in (0, 1, 999)]}
    assert second["values"] == [[0, 0.3], [1, 0.3], [999, 0.3]]


def test_explain_and_diff_take_what_other_units_need():
    done = run("explain", "0.1 * warmup('2ep')", "--steps-per-epoch", "50")
    assert "Updates 0 to 99" in done.stdout, done.stderr
    done = run("diff", "0.1 * warmup('2ep')", "0.1 * warmup(100)", "--steps-per-epoch", "50", "--json")
    assert json.loads(done.stdout)["equal"] is True


def test_show_takes_what_other_units_need():
    done = run("show", "warmup('2ep') >> cosine()", "--steps-per-epoch", "50", "--at", "99,100", "--json")
    assert json.loads(done.stdout)["values"] == [[99, 1.0], [100, 1.0]]
    assert "no steps left" in run("show", "warmup('1e4samples') >> cosine()", "--batch-size", "10").stderr


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_show_saves_a_picture(tmp_path, ending):
    file = tmp_path / f"curve.{ending}"
    assert run("show", "cosine()", "linear()", f"--{ending}", str(file)).returncode == 0
    assert file.stat().st_size > 5000


def test_a_controller_is_drawn_as_one_and_said_so():
    done = run("show", "0.1 * infrared()", "--at", "5")
    assert "0.1" in done.stdout
    assert "depends on the run" in done.stderr


def test_show_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['stepsize', 'show', \"adam() | 0.1 * (warmup('5%') >> cosine())\", '--json'];"
        "from stepsize.cli.start import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'matplotlib', 'click', 'rich', 'torch', 'jax', 'sklearn', 'polars', 'typing_extensions'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_import_stepsize_loads_no_framework():
    code = "import sys, stepsize; assert not {'numpy', 'torch', 'jax', 'click', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "words",
    [
        ["cosine()"],
        ["cosine()", "linear()", "--steps", "50"],
        ["cosine()", "--at", "0,1", "--json"],
        ["--json", "sgd() | 0.1", "--steps", "7"],
    ],
)
def test_the_quick_way_and_click_agree(words):
    from stepsize.cli import commands

    context = commands.show.make_context("show", list(words))
    by_click = dict(context.params)
    by_click["texts"] = by_click.pop("expressions")
    assert quick_show(["show", *words]) == by_click


@pytest.mark.parametrize(
    "words", [["--help"], ["cosine()", "--steps", "0"], ["cosine()", "--at"], ["x", "--nonsense"], []]
)
def test_the_quick_way_leaves_the_unusual_to_click(words):
    assert quick_show(["show", *words]) is None


# --- list and help


def test_list_names_every_word_with_a_sentence():
    lines = [json.loads(line) for line in run("list", "--json").stdout.splitlines()]
    assert [line["word"] for line in lines] == list(WORDS)
    assert all(len(line["summary"]) > 15 and line["summary"].endswith(".") for line in lines)
    table = run("list").stdout
    assert all(word in table for word in WORDS)


@pytest.mark.parametrize("command", [[], ["show"], ["compare"], ["explain"], ["diff"], ["list"], ["diagnose"]])
def test_help_shows_an_example_and_the_exit_codes(command):
    done = run(*command, "--help")
    assert done.returncode == 0
    assert "stepsize" in done.stdout
    assert "130" in done.stdout


# --- explain and diff


def test_explain_says_what_happens_when():
    done = run("explain", "adam() | 3e-4 * (warmup(500) >> cosine())", "--steps", "10000")
    assert "Updates 0 to 499: the rate rises in a straight line from 6e-07 to 0.0003." in done.stdout
    sentences = json.loads(run("explain", "cosine()", "--json").stdout)["sentences"]
    assert any("half a cosine" in one for one in sentences)


def test_diff_says_where_two_expressions_differ(tmp_path):
    picture = tmp_path / "both.png"
    done = run("diff", "0.1 * cosine()", "0.1 * linear()", "--png", str(picture))
    assert "differ at 998 of 1000 updates" in done.stdout
    assert picture.stat().st_size > 5000
    assert json.loads(run("diff", "cosine()", "anneal(shape='cosine')", "--json").stdout)["equal"] is True


# --- mistakes


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "cosin()"], "did you mean 'cosine'"),
        (["show", "cosine("], "add )"),
        (["show", "cosine(0)"], "length"),
        (["show", "adam() > 0.1"], "a comparison is not part"),
        (["show", "0.1 * warmup('5%)"], "a quote is not closed"),
        (["explain", "clip_norm()"], "clip_norm needs max"),
        (["show", "warmup('120%')"], "100%"),
        (["show", "0.1 * warmup(100) >> cosine()"], "0.1 * (warmup(100) >> cosine())"),
        (["show", "sgd() | -0.1"], "≥ 0"),
        (["show", "sgd() | nan"], "nan"),
        (["show", "sgd()"], "| 0.01"),
        (["show", "clip(1) | 0.1"], "sgd()"),
        (["show", "cosine()", "--steps", "0"], "steps"),
        (["show", "cosine()", "--steps", "many"], "many"),
        (["show", "cosine()", "--at", "a"], "--at"),
        (["show", "warmup('3ep') >> cosine()"], "steps_per_epoch"),
        (["show", "warmup(2000) >> cosine()"], "no steps left"),
        (["show", "cosine()", "--png", "/no/such/folder/x.png"], "cannot be written"),
        (["show", "cosine()", "--png", f"{__file__}/x.png"], "x.png cannot be written: Not a directory"),
        (["show", "0.1 * cosine() * (0.2 * linear())"], "write 0.1 * cosine() * linear()"),
        (["show"], "EXPR"),
        (["shwo"], "shwo"),
        (["explain", "cosine(", "--steps", "10"], "add )"),
        (["diff", "cosine()", "sgd()"], "| 0.01"),
        (["diff", "cosine()", "infrared()"], "infrared"),
        (["compare"], "DATA"),
        (["compare", "digit"], "digits"),
        (["compare", "nothing.csv", "--target", "y"], "nothing.csv"),
        (["compare", "iris"], "digits-mlp, topics-transformer); write one of these names"),  # digits is not near
        (["compare", "digits", "cosine()"], "cosine()"),
        (["compare", "digits", "sgd() | 0"], "base rate 0"),
        (["compare", "digits", "--rates", "1:0.1:3"], "LOW < HIGH"),
        (["compare", "digits", "--rates", "abc"], "LOW:HIGH:N"),
        (["compare", "digits", "--seeds", "1"], "2"),
        (["compare", "digits", "--task", "guess"], "regression"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_two(words, said):
    done = run(*words)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert said in done.stderr
    assert done.stdout == ""


# --- compare


def test_compare_prints_a_row_for_each_strategy():
    done = run("compare", "wine", *QUICK)
    assert done.returncode == 0, done.stderr
    for name in ("fixed", "exponential", "staged", "clipped", "infrared", "AdaGrad", "RMSProp", "Adam"):
        assert name in done.stdout
    assert "±" in done.stdout
    assert "n = 2 seeds" in done.stdout


def test_compare_json_is_one_object_a_strategy_and_repeats_exactly():
    words = ["compare", "diabetes", "sgd() | 0.1", "adam() | 0.01 * cosine()", "--json", *QUICK]
    first, second = run(*words), run_alone(*words)
    *rows, last = [json.loads(line) for line in first.stdout.splitlines()]
    assert list(last) == ["verdict"]
    assert [row["text"] for row in rows] == ["sgd() | 0.1", "adam() | 0.01 * cosine()"]
    assert rows[0]["validation"]["n"] == 2
    assert first.stdout == second.stdout


def test_nobody_joins_who_was_not_asked_for():
    done = run("compare", "wine", "adam() | 0.01", "--json", *QUICK)
    assert [json.loads(line).get("name") for line in done.stdout.splitlines()] == ["adam() | 0.01", None]


def test_the_verdict_is_the_same_in_terminal_page_and_json(tmp_path):
    words = ["compare", "wine", "plain=sgd() | 0.1", "adam() | 0.01", "--reference", "plain", *QUICK]
    told = run(*words, "--out", "r", cwd=tmp_path).stdout
    said = json.loads(run(*words, "--json").stdout.splitlines()[-1])["verdict"]
    page = unescape((tmp_path / "r" / "index.html").read_text())
    assert len(said) >= 3
    for line in said:
        assert line in told.splitlines()
        assert line in page


def test_exports_are_written_beside_the_table(tmp_path):
    words = ["--csv", "t.csv", "--latex", "t.tex", "--svg", "t.svg", "--pdf", "t.pdf"]
    done = run("compare", "wine", "mine=sgd() | 0.1", *words, *QUICK, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {one.name for one in tmp_path.iterdir()} == {"t.csv", "t.tex", "t.svg", "t.pdf"}
    assert (tmp_path / "t.csv").read_text().splitlines()[1].startswith("mine,sgd() | 0.1,")
    assert "mine" in (tmp_path / "t.tex").read_text()
    done = run("compare", "wine", "--svg", "t.png", *QUICK, cwd=tmp_path)
    assert (done.returncode, "t.png must end in .svg: write t.svg" in last_line(done)) == (2, True)
    done = run("compare", "wine", "--csv", "no/t.csv", *QUICK, cwd=tmp_path)
    assert (done.returncode, "there is no folder no" in last_line(done)) == (2, True)


def test_several_jobs_give_the_same_table(tmp_path):
    words = ["compare", "wine", "sgd() | 0.1", "adam() | 0.01", *QUICK]
    done = run(*words, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout == run(*words).stdout


def test_out_gets_page_pictures_and_journal(tmp_path):
    done = run("compare", "wine", "sgd() | 0.1", "--out", "report", *QUICK, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = {one.name for one in (tmp_path / "report").iterdir()}
    assert {"index.html", "journal.jsonl", "loss.png", "rates.png", "basins.png"} <= names
    lines = [json.loads(one) for one in (tmp_path / "report" / "journal.jsonl").read_text().splitlines()]
    assert [one["kind"] for one in lines[:3]] == ["study", "problem", "plan"]
    assert len(lines) == 3 + 4 * 2  # three rates of the grid and its own, two seeds


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    done = run("compare", "wine", "sgd() | 0.1", "--out", "mine", *QUICK, cwd=tmp_path)
    assert done.returncode == 2
    assert "was not made by stepsize" in last_line(done)
    assert [one.name for one in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_a_folder_grows_and_is_shown_and_merged(tmp_path):
    words = ["compare", "wine", "sgd() | 0.1", *QUICK, "--out"]
    assert run(*words, "a", cwd=tmp_path).returncode == 0
    before = (tmp_path / "a" / "journal.jsonl").read_bytes()
    done = run("compare", "wine", "more=sgd() | 0.2", *QUICK, "--out", "a", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a" / "journal.jsonl").read_bytes().startswith(before)
    assert "sgd() | 0.1" in done.stdout
    assert "more" in done.stdout
    assert run(*words, "b", "--seeds", "3", cwd=tmp_path).returncode == 0
    done = run("study", "merge", "a", "b", cwd=tmp_path)
    assert (done.returncode, last_line(done)) == (0, "b: 4 trials came into a, 8 known already")
    shown = run("study", "show", "a", cwd=tmp_path)
    assert shown.stdout.startswith("a/journal.jsonl: 14 trials, of 1 problem\n")
    assert "wine, 20 steps, batch 32, with python " in shown.stdout
    rows = [json.loads(line) for line in run("study", "show", "a", "--json", cwd=tmp_path).stdout.splitlines()]
    assert len(rows) == 14  # below its own rate a strategy is the same whatever that rate is
    assert {row["seed"] for row in rows} == {0, 1, 2}
    for words in (["study", "show", "c"], ["study", "merge", "a", "c"], ["study", "merge", "a"]):
        done = run(*words, cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_an_interrupt_keeps_finished_runs_and_the_same_command_goes_on(tmp_path):
    three = ["sgd() | 0.1", "sgd(momentum=0.9) | 0.1", "adam() | 0.01"]
    words = ["compare", "digits", *three, "--steps", "1500", "--seeds", "3", "--rates", "1e-3:1:4", "--out", "r"]
    command = [sys.executable, "-m", "stepsize", *words]
    job = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    journal = tmp_path / "r" / "journal.jsonl"
    for _ in range(600):
        if journal.exists() and len(journal.read_text().splitlines()) > 3:
            break
        time.sleep(0.05)
    os.kill(job.pid, signal.SIGINT)
    _, said = job.communicate(timeout=60)
    assert job.returncode == 130, said
    assert "to continue, repeat: stepsize compare digits" in said
    kept = journal.read_text()
    assert run_alone(*words, cwd=tmp_path).returncode == 0
    assert journal.read_text().startswith(kept)
    found = read_journal(tmp_path / "r")
    keys = {one.key for plan in found.plans for one in plan.trials()}
    assert {key for (key, _), one in found.outcomes.items() if one.over} == keys
    assert len(keys) == 3 * 3 * 4  # their own rates are of the grid


def test_compare_reads_a_file_of_ones_own(tmp_path):
    rows = ["size,colour,price"] + [
        f"{i % 17},{'red' if i % 3 else 'blue'},{3 * (i % 17) + i % 5}.5" for i in range(80)
    ]
    (tmp_path / "houses.csv").write_text("\n".join(rows))
    done = run("compare", "houses.csv", "sgd() | 0.1", "--target", "price", *QUICK, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "regression" in done.stdout


def test_a_script_without_a_command_is_one_line():
    done = run("tune", "adam() | 0.1", "--")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        last_line(done) == "error: no command stands behind --: write the one that trains, such as -- python train.py"
    )


@pytest.mark.parametrize("command", ["tune", "compare", "find"])
def test_without_the_extra_packages_a_command_says_what_to_install(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    done = run(command, "wine", "sgd() | 0.1")
    assert done.returncode == 2
    assert done.stderr == "error: data sets need extra packages: pip install 'stepsize[compare]'\n"
