"""The journal of a comparison: what a full disk, a dead run and a foreign line cost, and its runs diagnosed."""

from __future__ import annotations

import dataclasses
import errno
import importlib.util
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from stepsize import StepsizeError, problems
from stepsize import text as texts
from stepsize.cli import commands
from stepsize.course import log
from stepsize.lab.compare import compare, prepare
from stepsize.lab.diagnosis import diagnose
from stepsize.lab.records.journal import FILE, Finished, Journal, read_journal
from stepsize.lab.records.lines import packed, unpacked
from stepsize.lab.records.record import Record
from stepsize.lab.records.thinned import thinned
from stepsize.lab.workload import Workload
from stepsize.report.numbers import Mean, summarise

STRATEGIES = ["sgd() | 0.1", "adam() | 0.01 * cosine()", "sgd() | 0.1 * infrared()"]
VERSIONS = {"stepsize": "1"}


def a_workload():
    x = np.linspace(-1, 1, 24)
    line = problems.least_squares(np.stack([x, np.ones_like(x)], axis=1), 2 * x + 0.1 * np.sin(20 * x))
    return Workload("line", line, line, "A line, 2 parameters.", "0" * 16)


def settings_of(strategies=STRATEGIES, steps=30, seeds=2, rates=(0.01, 1e12, 3)):
    return prepare(a_workload(), strategies, steps=steps, seeds=seeds, batch_size=4, rates=rates)


def journal_in(folder, **options):
    journal = Journal(settings_of(**options), VERSIONS, folder)
    compare(a_workload(), journal)
    return journal


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return journal_in(tmp_path_factory.mktemp("whole") / "r")


@pytest.fixture
def folder(made, tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / FILE).write_bytes((made.folder / FILE).read_bytes())
    return tmp_path / "r"


def lines_of(folder):
    return (folder / FILE).read_bytes().splitlines(keepends=True)


# --- read back, whole and cut


def test_what_was_compared_is_read_back_equal(made):
    again = read_journal(made.folder)
    assert (again.settings, again.versions, again.records) == (made.settings, VERSIONS, made.records)
    assert len(made.records) == made.settings.runs == (4 + 3 + 4) * 2
    assert any(one.diverged for one in made.records)


def test_cut_at_any_byte_it_is_read_to_the_last_whole_line(made, folder):
    content = (folder / FILE).read_bytes()
    ends = [i for i, byte in enumerate(content) if byte == 10]
    for cut in [*range(ends[-1] - 700, len(content) + 1, 13), *(end + 1 for end in ends), *ends[:5]]:
        (folder / FILE).write_bytes(content[:cut])
        assert read_journal(folder).records == made.records[: sum(end <= cut for end in ends) - 1]


def test_a_run_that_died_goes_on_and_ends_as_if_it_had_not(made, folder):
    before = sorted(lines_of(folder))
    (folder / FILE).write_bytes((folder / FILE).read_bytes()[:-300])
    compare(a_workload(), Journal(settings_of(), VERSIONS, folder))
    assert sorted(read_journal(folder).records, key=repr) == sorted(made.records, key=repr)
    assert set(before) <= set(lines_of(folder))


def test_every_text_is_parsed_once(monkeypatch):
    parsed = []
    parse = texts.parse
    monkeypatch.setattr(texts, "parse", lambda text: parsed.append(text) or parse(text))
    journal = Journal(settings_of(seeds=40, steps=2), VERSIONS)
    compare(a_workload(), journal)
    assert len(journal.records) == (4 + 3 + 4) * 40
    assert parsed == STRATEGIES


# --- a disk that is full


def no_space(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_is_full_at_the_start_does_not_block_a_later_run(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(StepsizeError, match=r"cannot be written: No space left"):
            Journal(settings_of(), VERSIONS, tmp_path / "r")
    assert len(journal_in(tmp_path / "r").records) == 22


@pytest.mark.parametrize("left", [0, 1, 12, 19, 300])
def test_half_a_head_does_not_block_a_later_run(made, tmp_path, left):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / FILE).write_bytes(lines_of(made.folder)[0][:left])
    (tmp_path / "r" / f".{FILE}.77.part").write_bytes(b"{")  # killed before it was put in its place
    assert journal_in(tmp_path / "r").records == made.records


@pytest.mark.parametrize("content", [b"dear diary", b"\n", b'{"kind": "settlers"', b"{}\n"])
def test_a_file_of_somebody_else_is_never_begun_anew(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(StepsizeError, match="is not a journal of stepsize compare"):
        Journal(settings_of(), VERSIONS, tmp_path)
    assert (tmp_path / FILE).read_bytes() == content


def test_a_disk_that_fills_up_is_one_line_and_tears_no_row(folder, made, monkeypatch):
    (folder / FILE).write_bytes(b"".join(lines_of(folder)[:9]))
    journal = Journal(settings_of(), VERSIONS, folder)
    full = [5000]  # bytes

    def put(self, rest):
        if not full[0]:
            no_space()
        count = self._file.write(rest[: full[0]])
        full[0] -= count
        return count

    with monkeypatch.context() as patch:
        patch.setattr(log.Log, "_put", put)
        with pytest.raises(StepsizeError) as error:
            compare(a_workload(), journal)
    assert str(error.value) == f"{folder / FILE} cannot be written: No space left on device"
    assert (folder / FILE).read_bytes().endswith(b"\n")
    kept = len(read_journal(folder).records)
    assert 8 < kept < 22
    again = Journal(settings_of(), VERSIONS, folder)
    assert len(again.records) == kept
    compare(a_workload(), again)
    assert sorted(again.records, key=repr) == sorted(made.records, key=repr)


# --- damaged and foreign lines


def changed(line, **fields):
    row = json.loads(line)
    for name, one in fields.items():
        (row if name in row else row["record"])[name] = one
    return json.dumps(row).encode() + b"\n"


FOREIGN = {
    "a rate that is not in the grid": {"base": 0.5},
    "a seed too many": {"seed": 7},
    "a strategy that is none": {"strategy": 3},
    "a strategy below the first": {"strategy": -1},
    "a strategy by its name": {"strategy": "sgd() | 0.1"},
    "another text": {"text": "sgd() | 0.2"},
    "more updates than asked for": {"steps": 31},
    "columns of different lengths": {"losses": [1.0, 2.0]},
    "a word for a number": {"losses": ["much"] * 30},
    "measured elsewhere": {"measured_at": list(range(1, 32))},
    "no rates": {"rates": None},
    "nobody said whether it diverged": {"diverged": None},
    "another kind": {"kind": "note"},
    "a number for what was said": {"said": 3},
    "no record": {"record": 3},
    "not validated": {"validated": None},
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_line_makes_no_finished_strategy_vanish(made, folder, name):
    rows = lines_of(folder)
    (folder / FILE).write_bytes(b"".join([*rows[:5], changed(rows[5], **FOREIGN[name]), *rows[5:]]))
    with pytest.warns(UserWarning, match=r"journal\.jsonl: line 6 is damaged or foreign and is left out$"):
        found = read_journal(folder)
    assert found.records == made.records
    assert summarise(found).rows == summarise(made).rows
    assert len(summarise(found).rows) == 3


@pytest.mark.parametrize("line", [b"\xff\xfe\n", b"[]\n", b"a note\n", b'{"kind": "run"}\n'])
def test_a_damaged_line_costs_that_run_which_is_trained_again(made, folder, line):
    rows = lines_of(folder)
    (folder / FILE).write_bytes(b"".join([*rows[:5], line, *rows[6:]]))
    with pytest.warns(UserWarning, match="line 6 is damaged"):
        journal = Journal(settings_of(), VERSIONS, folder)
    assert len(journal.records) == 21
    compare(a_workload(), journal)
    assert sorted(journal.records, key=repr) == sorted(made.records, key=repr)


@pytest.mark.parametrize(
    "field", [{"steps": "30"}, {"seeds": 2}, {"strategies": 3}, {"batch_size": 1.5}, {"version": 9}]
)
def test_settings_of_wrong_types_are_one_line(folder, field):
    rows = lines_of(folder)
    (folder / FILE).write_bytes(json.dumps(json.loads(rows[0]) | field).encode() + b"\n")
    with pytest.raises(StepsizeError, match=r"was written by another version of stepsize: choose another folder$"):
        read_journal(folder)


def test_a_journal_of_before_is_refused_in_one_clear_line(folder):
    head = json.loads(lines_of(folder)[0])
    del head["version"]
    (folder / FILE).write_text(json.dumps(head) + "\n")
    with pytest.raises(StepsizeError, match="is of an older stepsize, which did not keep the losses of each update"):
        read_journal(folder)


# --- numbers of it


def test_a_diverged_run_counts_in_no_mean(made):
    """Also where its last losses are finite: it ended above where it began."""
    runs = [one for one in made.records if one.strategy == 0 and one.base == 0.01]
    high = dataclasses.replace(runs[0].record, diverged=True)
    records = [dataclasses.replace(one, record=high) if one is runs[0] else one for one in made.records]
    journal = Journal(made.settings, VERSIONS)
    journal.records = records
    at_base = {one.base: one for one in summarise(journal).rows[0].bases}
    assert (at_base[0.01].train, at_base[0.01].validation) == (None, None)
    assert (at_base[0.01].diverged, at_base[0.01].runs) == (1, 2)
    whole = {one.base: one for one in summarise(made).rows[0].bases}
    assert whole[0.01].train == Mean.of([one.train[-1] for one in runs])
    assert at_base[0.1] == whole[0.1]


def test_runs_are_numbered_whatever_is_finished(made):
    settings = made.settings
    numbers = [
        settings.number(i, base, seed)
        for i, one in enumerate(settings.strategies)
        for base in one.bases
        for seed in (0, 1)
    ]
    assert numbers == list(range(1, 23))


# --- diagnosis


@pytest.fixture(scope="module")
def bench_runs():
    """Runs made to be ill and healthy ones, of bench/diagnosis.py."""
    pytest.importorskip("sklearn")
    spec = importlib.util.spec_from_file_location(
        "bench_diagnosis", Path(__file__).parent.parent / "bench/diagnosis.py"
    )
    bench = importlib.util.module_from_spec(spec)
    sys.modules["bench_diagnosis"] = bench  # dataclasses look their module up
    spec.loader.exec_module(bench)
    ill = list(bench.ill(seeds=(0,), steps=200))[::7]
    healthy = [dataclasses.replace(one, seeds=one.seeds[:1], steps=200) for one in list(bench.healthy())[::20]]
    yield [run for case in [*ill, *healthy] for run in case.runs()]
    del sys.modules["bench_diagnosis"]


def without_details(record):
    return dataclasses.replace(record, **dict.fromkeys(("why", "slopes", "end_slopes", "layers", "extra_losses")))


def test_from_the_journal_a_run_has_the_findings_that_it_has_in_memory(bench_runs):
    ill = 0
    for run in bench_runs:
        wanted = diagnose(without_details(run.record))
        found = diagnose(unpacked(json.loads(log.line_of(packed(thinned(run.record))))))
        assert str(found) == str(wanted)
        ill += bool(wanted.findings)
    assert ill >= 10
    assert len(bench_runs) - ill >= 5


LONG = 9000
TIME = np.arange(LONG)
NOISE = 0.05 * np.random.default_rng(4).standard_normal(LONG)
FALLING = 2.3 * np.exp(-TIME / 1500) + 0.2 + NOISE
COSINE = 0.1 * (1 + np.cos(np.pi * TIME / LONG)) / 2
LONG_RUNS = {
    "healthy": (FALLING, COSINE),
    "falls to the end": (2.3 - TIME / LONG + NOISE, COSINE),
    "plateaued": (2.3 * np.exp(-TIME / 300) + 0.2 + NOISE, np.full(LONG, 0.1)),
    "not learning": (2.3 + NOISE, COSINE),
    "diverged": (np.r_[FALLING[:8000], 0.2 * 1.02 ** np.arange(1000.0)], COSINE),
    "schedule ended early": (FALLING, np.where(TIME < 4000, 0.1, 0.0)),
    "schedule ended late": (FALLING, 0.1 * (1 - TIME / 15000)),
}


@pytest.mark.parametrize("name", LONG_RUNS)
def test_what_is_left_of_a_long_run_has_the_findings_of_the_whole(name):
    losses, rates = LONG_RUNS[name]
    record = Record(
        TIME, losses, rates, grad_norms=1 + np.abs(NOISE), clipped=np.zeros(LONG), measured_at=(0, 4500, LONG)
    )
    left = thinned(record)
    assert 1500 < len(left) <= 2002
    whole = [one.illness for one in diagnose(record).findings]
    assert [one.illness for one in diagnose(left).findings] == whole
    assert whole == [name] * (name not in ("healthy", "falls to the end"))


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """The command line in this process: exit code, what it printed, what it said."""
    monkeypatch.chdir(folder.parent)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["stepsize", *words])
        code, (out, said) = commands.run(), capsys.readouterr()
        return code, out, said

    return call


def test_a_journal_is_diagnosed_run_by_run(made, run):
    code, out, said = run("diagnose", "r/journal.jsonl")
    assert (code, said) == (0, "")
    assert out.startswith("line: 22 of 22 runs; one of them whole: --run N\n")
    rows = [line.split(maxsplit=5) for line in out.splitlines() if line[:6].strip().isdecimal()]
    assert [int(row[0]) for row in rows] == list(range(1, 23))
    assert [row[1:3] for row in rows[:2]] == [["0.01", "0"], ["0.01", "1"]]
    by_number = {made.settings.number(one.strategy, one.base, one.seed): one for one in made.records}
    for row in rows:
        found = diagnose(by_number[int(row[0])].record).findings
        assert row[5] == (", ".join(one.illness for one in found) or "–")
    assert any("diverged" in row[5] for row in rows)
    assert run("diagnose", "r")[1] == out  # the folder


def test_one_run_is_told_whole_also_one_that_diverged(made, run):
    broken = next(one for one in made.records if one.diverged and one.record.made < 30)
    number = made.settings.number(broken.strategy, broken.base, broken.seed)
    code, out, _ = run("diagnose", "r", "--run", str(number))
    assert code == 0
    assert out.startswith(f"run {number} of r/journal.jsonl: sgd() | ")
    assert str(diagnose(broken.record)) in out
    assert f"at update {broken.record.made} of 30, where the run was ended" in " ".join(out.split())
    told = json.loads(run("diagnose", "r", "--run", str(number), "--json")[1])
    assert (told["run"], told["base"], told["updates"], told["loss"]) == (number, broken.base, broken.record.made, None)
    assert told["findings"][0]["illness"] == "diverged"


def test_the_runs_of_one_strategy_and_as_json(run):
    told = [json.loads(line) for line in run("diagnose", "r", "--strategy", STRATEGIES[1], "--json")[1].splitlines()]
    assert [one["run"] for one in told] == list(range(9, 15))
    assert {one["text"] for one in told} == {STRATEGIES[1]}
    assert [one["about"] for one in told[:2]] == [f"{STRATEGIES[1]}: 30 rows, updates 0 to 29"] * 2
    assert told[2]["about"].startswith(f"{STRATEGIES[1]} at base rate 1e+05: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["r", "--run", "99"], "has no finished run 99 (of 22)"),
        (["r", "--run", "1", "--strategy", STRATEGIES[1]], "has no finished run 1 (of 22) of strategy adam()"),
        (["r", "--strategy", "sgd() | 0.12"], "has no strategy 'sgd() | 0.12': did you mean sgd() | 0.1?"),
        (["r", "--strategy", "zzz"], "write one of sgd() | 0.1, adam()"),
        (["log.csv", "--run", "1"], "log.csv holds one run: leave --run and --strategy out"),
        (["."], "is a folder"),
    ],
)
def test_a_mistake_is_one_line(folder, run, words, said):
    (folder.parent / "log.csv").write_text("loss\n3\n2\n")
    code, out, told = run("diagnose", *words)
    assert (code, out, told.count("\n")) == (2, "", 1)
    assert said in told


def test_what_is_left_out_is_a_note(folder, run):
    with (folder / FILE).open("ab") as file:
        file.write(b"a note of mine\n")
    code, _, said = run("diagnose", "r")
    assert (code, said) == (0, "note: r/journal.jsonl: line 24 is damaged or foreign and is left out\n")


def test_a_run_without_validation_or_rows_is_a_line_too(tmp_path):
    bowl = problems.objective(lambda x: (float(x @ x), 2 * x), params=np.array([1.0, -1.0]))
    given = Workload("bowl", bowl, None, "A bowl, 2 parameters.", "1" * 16)
    journal = Journal(prepare(given, ["sgd() | 0.1"], steps=9, seeds=2, rates=(0.1, 9.0, 2)), {}, tmp_path / "b")
    compare(given, journal)
    assert read_journal(tmp_path / "b").records == journal.records
    assert all(one.record.validated is None and isinstance(one, Finished) for one in journal.records)
