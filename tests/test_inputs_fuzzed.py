"""Every file and text that the program reads, harmed: a value, a warning that names the line, or one StepsizeError.

STEPSIZE_FUZZ_SECONDS=60 tries each input for a minute instead of a fixed number of times.
"""

import json
import re
import sys
import warnings

import numpy as np
import pytest

from harmed import changed, harmed, tries
from stepsize import ParseError, StepsizeError, descend, from_json, parse, problems, to_json
from stepsize.cli import commands
from stepsize.lab.data.datasets import load
from stepsize.lab.data.python_file import of_function
from stepsize.lab.diagnosis import diagnose
from stepsize.lab.records.record import read
from stepsize.lab.study.journal import FILE, read_journal
from stepsize.lab.study.listing import courses, listed
from stepsize.lab.study.study import Study
from stepsize.report.numbers import summarise
from studied import a_workload
from test_fuzz_text import anything, mutated, scrambled
from test_fuzz_text import outcome as read_text
from test_journal import journal_in
from tiny_host import Descent, Tiny

LINE_SAID = re.compile(r"(?:lines?|rows?) \d+|holds \d+ of its \d+ rows")


def outcome(call, *given):
    """What a call gives, and the one line it refuses with; each warning names a line. Others go through."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found, refused = call(*given), None
        except StepsizeError as error:
            found, refused = None, str(error)
    assert refused is None or ("\n" not in refused and 0 < len(refused) <= 1000), refused[:300]
    for one in said:
        if one.category is RuntimeWarning and call is of_function:
            continue  # NumPy's, of a number in the user's own arithmetic
        assert LINE_SAID.search(str(one.message)), str(one.message)
    return found, refused


def test_expressions_as_text():
    for rng in tries("text", 300):
        text = rng.choice((mutated, scrambled, anything))(rng)
        found = read_text(text)
        assert not isinstance(found, ParseError) or 1 <= found.column <= len(text) + 1, text
        assert isinstance(found, ParseError) or parse(str(found)) == found


def test_expressions_as_json():
    texts = [
        "clip_norm(1) | adam() | 3e-4 * (warmup('2%') >> cosine()) * infrared(0.9, 0.99) | clip(0.01)",
        "piecewise((0, 1), ('30%', 0.5), ('100%', 0), shape='cosine')",
        "stages(1, 0.1, 0.01, at=(300, 600))",
        "sgd(momentum=0.9) | 0.1 * clamp(plateau(), 0.1, 1) * repeat(cosine(100), growth=2)",
    ]
    for rng in tries("expression JSON", 1500):
        told = json.loads(to_json(parse(rng.choice(texts))))
        if rng.random() < 0.3:
            content = harmed(rng, json.dumps(told).encode()).decode(errors="replace")
        else:
            content = json.dumps(changed(rng, told), default=str)
        found, _ = outcome(from_json, content)
        if found is not None:
            outcome(from_json, to_json(found))


# --- records and logs

TIME = np.arange(60)
LOSSES = (2.3 * np.exp(-TIME / 20) + 0.1).round(4).tolist()
ROWS = [{"step": t, "loss": LOSSES[t], "lr": 0.1 - t / 1000, "grad_norm": 1.5, "clipped": 0} for t in range(60)]
LOGS = {
    "CSV": "step,loss,lr,grad_norm\n" + "".join(f"{t},{LOSSES[t]},{0.1},{1 + t / 9}\n" for t in range(60)),
    "CSV with validation": "epoch;loss;val_loss\n" + "".join(f"{t};{LOSSES[t]};{LOSSES[t] + 1}\n" for t in range(60)),
    "JSON lines": "".join(json.dumps(row) + "\n" for row in ROWS),
    "recorder": "".join(
        json.dumps(row | ({"planned_steps": 60, "strategy": "sgd() | 0.1"} if row["step"] == 0 else {})) + "\n"
        for row in ROWS
    ),
    "trainer_state": json.dumps({"log_history": ROWS, "max_steps": 60}),
    "JSON list": json.dumps(ROWS, indent=1),
}


@pytest.mark.parametrize("kind", LOGS)
def test_logs_of_any_loop(tmp_path, kind):
    file = tmp_path / "log"
    for rng in tries(f"log: {kind}", 120):
        file.write_bytes(harmed(rng, LOGS[kind].encode()))
        found, refused = outcome(read, file)
        assert refused or str(diagnose(found))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "run.jsonl"
    line = problems.least_squares([[1.0], [2.0], [3.0]], [2.0, 4.0, 5.0])
    descend(line, "sgd() | 0.05 * cosine()", steps=40, details=True).save(path)
    return path.read_bytes()


def test_records_of_ours(tmp_path, saved):
    file, read_at_all = tmp_path / "run.jsonl", 0
    for rng in tries("record", 250):
        file.write_bytes(harmed(rng, saved))
        found, refused = outcome(read, file)
        read_at_all += refused is None
        assert refused or str(diagnose(found))
    assert read_at_all > 80


def test_rows_that_nobody_touched_are_all_there(tmp_path, saved):
    """One line harmed costs that line at most."""
    file, lines = tmp_path / "run.jsonl", saved.split(b"\n")
    for rng in tries("one line of a record", 300):
        place = rng.randrange(2, len(lines) - 1)
        worse = harmed(rng, lines[place]).replace(b"\n", b" ")
        file.write_bytes(b"\n".join([*lines[:place], worse, *lines[place + 1 :]]))
        found, refused = outcome(read, file)
        assert refused is None
        missing = set(range(40)) - set(found.steps.tolist())
        assert missing <= {place - 1, *_named(lines[place], worse)}


def _named(line, worse):
    """The step that a harmed line names now, which then stands twice."""
    try:
        return {json.loads(line)["step"], json.loads(worse)["step"]}
    except (ValueError, KeyError, TypeError):
        return set()


# --- the journal of a comparison


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    return journal_in(tmp_path_factory.mktemp("journal") / "r", strategies=["sgd() | 0.1"], seeds=3, steps=6)


def told(folder):
    """All that is read of a journal."""
    found = read_journal(folder)
    for one in found.outcomes.values():
        assert str(diagnose(one.record))
    for plan in courses(found):
        summarise(plan, found.outcomes.values(), {})
    assert len(listed(found)) <= len(found.outcomes)
    return found


def test_journals(tmp_path, journal):
    content, read_at_all = (journal / FILE).read_bytes(), 0
    for rng in tries("journal", 400):
        (tmp_path / FILE).write_bytes(harmed(rng, content))
        _, refused = outcome(told, tmp_path)
        read_at_all += refused is None
    assert read_at_all > 150


def test_no_finished_run_is_lost_but_the_one_whose_line_is_harmed(tmp_path, journal):
    lines = (journal / FILE).read_bytes().split(b"\n")
    whole = list(read_journal(journal).outcomes)
    for rng in tries("one line of a journal", 400):
        place = rng.randrange(1, len(lines) - 1)
        worse = harmed(rng, lines[place])
        (tmp_path / FILE).write_bytes(b"\n".join([*lines[:place], worse, *lines[place + 1 :]]))
        found, refused = outcome(told, tmp_path)
        assert refused is None
        others = [one for i, one in enumerate(whole) if i != place - 3]
        assert set(others) <= set(found.outcomes)


def test_a_harmed_journal_is_never_begun_anew(tmp_path, journal):
    """A study that goes on in its folder keeps every byte of it, or refuses."""
    content = (journal / FILE).read_bytes()
    for rng in tries("a journal that goes on", 200):
        worse = harmed(rng, content)
        (tmp_path / FILE).write_bytes(worse)
        outcome(Study, a_workload(), tmp_path)
        if b"\n" in worse:
            assert (tmp_path / FILE).read_bytes() == worse


# --- states


def test_states_of_a_course(journal):
    def begun():
        return Tiny(Descent(), "0.1 * (warmup(3) >> cosine()) * plateau(patience=1) * infrared()", total_steps=30)

    one = begun()
    for t in range(12):
        one.step(loss=3.0 - t / 10, grad_norm=1.0)
    state = json.loads(json.dumps(one.state()))
    for rng in tries("course state", 700):
        new = begun()
        before = (new.state(), new.rates())
        _, refused = outcome(new.load, changed(rng, state), rng.choice(("error", "keep", "replace")))
        if refused:
            assert (new.state(), new.rates()) == before
        else:
            outcome(new.step)
            assert all(np.isfinite(new.rates()))


# --- tables, files of Python, the environment

TABLE = "area,rooms,town,sold,price\n" + "".join(
    f"{40 + i / 2},{i % 5},{'abc'[i % 3]},2024-01-{1 + i % 28:02d},{100 + 3 * i}\n" for i in range(40)
)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables(tmp_path, suffix):
    pl = pytest.importorskip("polars")
    file = tmp_path / f"table.{suffix}"
    content = TABLE.encode()
    if suffix == "parquet":
        pl.read_csv(content).write_parquet(file)
        content = file.read_bytes()
    for rng in tries(f"table: {suffix}", 60):
        file.write_bytes(harmed(rng, content))
        outcome(lambda: load(str(file)).workload())


@pytest.mark.parametrize("name", ["digit", "wines", "", "digits\n", "x" * 3000, "digits.csv", "/dev/null", "\0"])
def test_names_of_data_that_are_none(name):
    _, refused = outcome(load, name)
    assert refused is not None
    assert name != "digit" or "digits" in refused


PYTHON = b'''"""A bowl."""
import numpy as np
from stepsize import problems


def bowl():
    """A bowl."""
    return problems.least_squares(np.array([[1.0], [2.0]]), np.array([2.0, 4.0]))


def pair():
    """A bowl twice."""
    return bowl(), bowl()
'''
RETURNED = ("None", "3", "'text'", "(1, 2)", "(bowl(),)", "(bowl(), None)", "bowl", "1/0", "[]", "object()")


def test_functions_of_a_file(tmp_path):
    for place, rng in enumerate(tries("file.py:function", 60)):
        file = tmp_path / f"mine{place}.py"
        content = PYTHON
        if rng.random() < 0.5:
            content = content.replace(b"bowl(), bowl()", rng.choice(RETURNED).encode())
        else:
            content = harmed(rng, content)
        file.write_bytes(content)
        outcome(of_function, str(file), rng.choice(("bowl", "pair", "pair", "missing", "np", "")))


@pytest.mark.parametrize("name", ["COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM", "PYTHONIOENCODING"])
def test_variables_of_the_environment(monkeypatch, capsys, name):
    for value in ("", "0", "-1", "word", "1", "9" * 30):
        if name == "PYTHONIOENCODING":
            continue  # Python itself reads it, before us
        monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["stepsize", "show", "0.1 * cosine()"])
        assert commands.run() == 0
        assert capsys.readouterr().out
