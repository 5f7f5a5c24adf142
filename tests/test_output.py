"""What every command writes where nobody can read it: one line or nothing, a fitting exit code, never a traceback."""

import contextlib
import json
import math
import os
import subprocess
import sys

import pytest

from commandline import run
from stepsize.cli import commands
from stepsize.cli.output import print_json
from stepsize.lab.compare import compare
from stepsize.lab.study.study import Study
from studied import a_plan, a_workload

QUICK = ["--steps", "5", "--seeds", "2", "--rates", "1e-2:1e-1:2"]
COMMANDS = {
    "show": ["show", "0.1 * infrared() * (warmup('5%') >> cosine())"],
    "show --json": ["show", "0.1 * cosine()", "--json"],
    "show --svg": ["show", "cosine()", "--svg", "curve.svg"],
    "explain": ["explain", "adam() | 3e-4 * (warmup(50) >> cosine())"],
    "diff": ["diff", "0.1 * cosine()", "0.1 * linear()"],
    "list": ["list"],
    "diagnose": ["diagnose", "run.csv"],
    "compare": ["compare", "wine", "sgd() | 0.1", *QUICK],
    "tune": ["tune", "wine", "sgd() | 0.1", "--steps", "20", "--budget", "1"],
    "find": ["find", "wine", "sgd() | 0.1", "--steps", "60"],
    "study show": ["study", "show", "runs"],
    "scale": ["scale", "sgd() | 0.1", "--batch", "32:64"],
    "help": ["help", "cosine"],
    "report": ["report", "run.csv"],
    "--help": ["--help"],
}
SILENT = {"show --svg"}  # nothing is written to the output
PROGRESS = ("note: ", "trained ", "written to curve", "written: ")
CLOSED, FULL = ">&-", ">/dev/full"


def started(command, shell, folder, **environment):
    """`stepsize` with these words as a real process, its streams redirected as a shell does."""
    line = f'exec "$0" -m stepsize "$@" {shell}'
    call = ["sh", "-c", line, sys.executable, *COMMANDS[command]]
    return subprocess.Popen(
        call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder, env={**os.environ, **environment}
    )


def ended(job):
    out, said = job.communicate(timeout=120)
    assert b"Traceback" not in said
    assert b"Exception ignored" not in said
    return job.returncode, out, said.decode()


@pytest.fixture
def folder(tmp_path):
    rows = [f"{step},{2 / (step + 1)},0.1" for step in range(60)]
    (tmp_path / "run.csv").write_text("\n".join(["step,loss,lr", *rows]))
    with Study(a_workload(), tmp_path / "runs") as study:
        compare(study, a_plan(steps=3))
    return tmp_path


def test_every_command_is_here():
    endless = {"watch"}  # which serves until Ctrl-C; tests/test_watch.py has it
    assert set(commands.main.commands) - endless <= {words[0] for words in COMMANDS.values()}


@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_is_closed_or_full_is_one_line(command, folder):
    jobs = {shell: started(command, shell, folder) for shell in (CLOSED, FULL)}
    for shell, why in ((CLOSED, "it is closed"), (FULL, "No space left on device")):
        code, out, said = ended(jobs[shell])
        assert out == b""
        wrong = [line for line in said.splitlines() if not line.startswith(PROGRESS) and " to update " not in line]
        if command in SILENT:
            assert (code, wrong) == (0, [])
        else:
            assert (code, wrong) == (2, [f"error: the output cannot be written ({why}): send it elsewhere"])


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_has_gone_is_no_error(command, folder):
    job = started(command, "", folder)
    job.stdout.close()
    job.stdout = None
    code, _, said = ended(job)
    assert code == 0
    assert "error" not in said


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_depends_on_the_error_stream(command, folder):
    closed, full = (started(command, shell, folder) for shell in ("2>&-", "2>/dev/full"))
    code, out, _ = ended(closed)
    assert code == 0
    assert ended(full)[:2] == (0, out)


def test_a_comparison_writes_its_files_whole_wherever_its_lines_go(folder):
    jobs = {}
    for name, shell in (("closed", ">&- 2>&-"), ("full", FULL), ("gone", "| true")):
        (folder / name).mkdir()
        jobs[name] = started("compare", f"--out report {shell}", folder / name)
    for name, job in jobs.items():
        ended(job)
        report = folder / name / "report"
        assert (report / "index.html").read_text().rstrip().endswith("</html>")
        assert {"loss.png", "rates.png", "basins.png", "overview.png"} < {one.name for one in report.iterdir()}
        assert all(json.loads(line)["kind"] for line in (report / "journal.jsonl").read_text().splitlines())


@pytest.mark.parametrize("shell", [CLOSED, FULL, "| true"])
def test_a_search_writes_its_page_wherever_its_lines_go(shell, folder):
    ended(started("tune", f"--out found {shell}", folder))
    script = "import stepsize; stepsize.trial().finish(1.0)"
    call = f'"$0" -m stepsize tune "sgd() | 0.1" --steps 5 --budget 1 --out own -- "$0" -c "{script}" {shell}'
    subprocess.run(["sh", "-c", call, sys.executable], capture_output=True, check=False, cwd=folder)
    for name in ("found", "own"):
        assert (folder / name / "tune.html").read_text().rstrip().endswith("</html>")


@pytest.mark.parametrize("shell", ["2>&-", "2>/dev/full", ">&- 2>&-", ">&- 2>/dev/full"])
def test_a_mistake_that_nobody_can_read_keeps_its_exit_code(shell, folder):
    call = ["sh", "-c", f'exec "$0" -m stepsize show "cosin()" {shell}', sys.executable]
    assert subprocess.run(call, capture_output=True, check=False).returncode == 2


def test_a_number_that_json_has_no_word_for_is_null(capsys):
    print_json({"loss": math.nan, "rates": (0.5, -math.inf), "by": {"seed": math.inf}, "said": "nan"})
    assert capsys.readouterr().out == '{"loss": null, "rates": [0.5, null], "by": {"seed": null}, "said": "nan"}\n'


@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in SILENT])
def test_a_terminal_without_unicode_gets_ascii(command, folder):
    ascii_, latin = (started(command, "", folder, PYTHONIOENCODING=one) for one in ("ascii", "latin-1"))
    code, out, _ = ended(ascii_)
    assert code == 0
    assert out.isascii()
    assert b"?" not in out.replace(b"(?????)", b"")  # a name in Chinese
    code, out, _ = ended(latin)
    assert code == 0
    out.decode("latin-1")


def test_json_loses_no_character_without_unicode(folder):
    def told(**environment):
        return json.loads(ended(started("show --json", "--at 0", folder, **environment))[1])

    assert told(PYTHONIOENCODING="ascii") == told()
    call = [sys.executable, "-m", "stepsize", "list", "--json"]
    lists = [
        subprocess.run(call, capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": one}).stdout
        for one in ("ascii", "utf-8")
    ]
    assert [json.loads(line) for line in lists[0].splitlines()] == [json.loads(line) for line in lists[1].splitlines()]


@pytest.mark.parametrize("columns", [24, 40])
def test_a_picture_fits_a_narrow_terminal(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = run("show", "cosine()").stdout.splitlines()
    assert len(lines) > 12
    assert max(map(len, lines)) == columns
    monkeypatch.setenv("COLUMNS", "200")
    assert max(map(len, run("show", "cosine()").stdout.splitlines())) == 80


def test_no_number_of_a_table_is_cut_in_a_narrow_terminal(folder):
    ours, theirs = os.openpty()
    call = [sys.executable, "-m", "stepsize", *COMMANDS["compare"]]
    narrow = {**os.environ, "COLUMNS": "20", "TERM": "dumb"}
    job = subprocess.Popen(call, stdout=theirs, stderr=subprocess.DEVNULL, env=narrow)
    os.close(theirs)
    told = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while part := os.read(ours, 65536):
            told += part
    os.close(ours)
    assert job.wait(timeout=120) == 0
    table = told.decode().partition("Losses:")[0]
    assert "±" in table
    assert "…" not in table


def test_a_word_of_a_language_that_the_terminal_lacks_is_told(folder):
    call = [sys.executable, "-m", "stepsize", "show", "余弦(10)"]
    done = subprocess.run(call, capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.isascii()
    assert len(done.stderr.splitlines()) == 1
