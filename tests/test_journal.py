"""The journal of a comparison: foreign lines, what diverged runs count for, and its runs diagnosed."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
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
from stepsize.lab.records.lines import packed, unpacked
from stepsize.lab.records.record import Record
from stepsize.lab.records.thinned import thinned
from stepsize.lab.study.journal import FILE, read_journal
from stepsize.lab.study.listing import listed
from stepsize.lab.study.study import Study
from stepsize.lab.workload import Workload
from stepsize.report.numbers import Mean, summarise
from studied import a_plan, a_workload

PLAIN = ["sgd() | 0.1", "adam() | 0.01 * cosine()", "sgd() | 0.1 * infrared()"]


def journal_in(folder, strategies=PLAIN, **options):
    """A folder of a whole comparison."""
    with Study(a_workload(), folder) as study:
        compare(study, a_plan(strategies, **options))
    return folder


def summary_of(journal):
    (plan,) = journal.plans
    return summarise(plan, journal.outcomes.values(), {})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return journal_in(tmp_path_factory.mktemp("whole") / "r")


@pytest.fixture
def folder(made, tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / FILE).write_bytes((made / FILE).read_bytes())
    return tmp_path / "r"


def lines_of(folder):
    return (folder / FILE).read_bytes().splitlines(keepends=True)


def test_cut_at_any_byte_it_is_read_to_the_last_whole_line(made, folder):
    content = (folder / FILE).read_bytes()
    whole = list(read_journal(made).outcomes.values())
    assert len(whole) == (4 + 3 + 4) * 2
    ends = [i for i, byte in enumerate(content) if byte == 10]
    for cut in [*range(ends[-1] - 700, len(content) + 1, 13), *(end + 1 for end in ends[2:]), *ends[3:7]]:
        (folder / FILE).write_bytes(content[:cut])
        assert list(read_journal(folder).outcomes.values()) == whole[: sum(end < cut for end in ends) - 3]


def test_every_text_is_parsed_once(monkeypatch):
    parsed = []
    parse = texts.parse
    monkeypatch.setattr(texts, "parse", lambda text: parsed.append(text) or parse(text))
    with Study(a_workload()) as study:
        compare(study, a_plan(PLAIN, seeds=40, steps=2))
    assert len(study.journal.outcomes) == (4 + 3 + 4) * 40
    assert len(parsed) <= 3 * len(PLAIN)  # once for the plan, once for its line, once for the trials


# --- damaged and foreign lines


def changed(line, **fields):
    row = json.loads(line)
    for part in (row, row["trial"], row["record"]):
        part.update({name: one for name, one in fields.items() if name in part})
    return json.dumps(row).encode() + b"\n"


FOREIGN = {
    "a seed below zero": {"seed": -7},
    "a rate that is none": {"rate": 0},
    "a word for a rate": {"rate": "high"},
    "a text that is no strategy": {"text": "sgd("},
    "more updates than asked for": {"steps": 3},
    "a name that is a number": {"name": 3},
    "columns of different lengths": {"losses": [1.0, 2.0]},
    "a word for a number": {"losses": ["much"] * 30},
    "another kind": {"kind": "note"},
    "a number for what was said": {"said": 3},
    "a word for a count": {"acted": "often"},
    "no record": {"record": 3},
    "not measured": {"measured": None},
    "measured nowhere": {"measured_at": [], "measured": [], "validated": [], "tested": []},
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_line_makes_no_finished_strategy_vanish(made, folder, name):
    rows = lines_of(folder)
    (folder / FILE).write_bytes(b"".join([*rows[:5], changed(rows[5], **FOREIGN[name]), *rows[5:]]))
    with pytest.warns(UserWarning, match=r"journal\.jsonl: line 6 is damaged or foreign and is left out$"):
        found = read_journal(folder)
    whole = read_journal(made)
    assert found.outcomes == whole.outcomes
    assert summary_of(found).rows == summary_of(whole).rows
    assert len(summary_of(found).rows) == 3


@pytest.mark.parametrize(
    "field", [{"steps": "30"}, {"steps": 0}, {"strategies": 3}, {"batch_size": 1.5}, {"reference": 9}, {"problem": "x"}]
)
def test_a_plan_that_cannot_be_costs_its_line(made, folder, field):
    rows = lines_of(folder)
    assert rows[2].startswith(b'{"kind": "plan"')
    rows[2] = json.dumps(json.loads(rows[2]) | field).encode() + b"\n"
    (folder / FILE).write_bytes(b"".join(rows))
    with pytest.warns(UserWarning, match="line 3 is damaged"):
        found = read_journal(folder)
    assert (found.plans, found.outcomes) == ([], read_journal(made).outcomes)


def test_another_version_is_one_line(folder):
    rows = lines_of(folder)
    (folder / FILE).write_bytes(b"".join([b'{"kind": "study", "version": 9}\n', *rows[1:]]))
    with pytest.raises(StepsizeError, match=r"was written by another version of stepsize: choose another folder$"):
        read_journal(folder)


# --- numbers of it


def test_a_diverged_run_counts_in_no_mean(made):
    """Also where its last losses are finite: it ended above where it began."""
    journal = read_journal(made)
    whole = {one.base: one for one in summary_of(journal).rows[0].bases}
    place, one = next((place, one) for place, one in journal.outcomes.items() if one.trial.rate == 0.01)
    runs = [other for other in journal.outcomes.values() if other.trial.rate == 0.01 and other.trial.text == PLAIN[0]]
    journal.outcomes[place] = dataclasses.replace(one, record=dataclasses.replace(one.record, diverged=True))
    at_base = {one.base: one for one in summary_of(journal).rows[0].bases}
    assert (at_base[0.01].train, at_base[0.01].validation, at_base[0.01].tested) == (None, None, None)
    assert (at_base[0.01].diverged, at_base[0.01].runs) == (1, 2)
    assert whole[0.01].train == Mean.of([one.train[-1] for one in runs])
    assert whole[0.01].tested == Mean.of([one.test[-1] for one in runs])
    assert at_base[0.1] == whole[0.1]


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
    assert out.startswith("line: 22 of 22 runs of 30 steps; one of them whole: --run N\n")
    rows = [line.split(maxsplit=5) for line in out.splitlines() if line[:6].strip().isdecimal()]
    assert [int(row[0]) for row in rows] == list(range(1, 23))
    assert [row[1:3] for row in rows[:2]] == [["0.01", "0"], ["0.01", "1"]]
    by_number = {one.number: one.outcome for one in listed(read_journal(made))}
    for row in rows:
        found = diagnose(by_number[int(row[0])].record).findings
        assert row[5] == (", ".join(one.illness for one in found) or "–")
    assert any("diverged" in row[5] for row in rows)
    assert run("diagnose", "r")[1] == out  # the folder


def test_the_end_of_the_list_counts_what_was_found_by_strategy(made, run):
    out = run("diagnose", "r")[1].splitlines()
    [head] = [i for i, line in enumerate(out) if line == "How many runs of each strategy have it:"]
    every = list(listed(read_journal(made)))
    names = [entrant.name for entrant in every[0].plan.strategies]
    assert len(out[head + 1 :]) == len(names)
    for i, (name, line) in enumerate(zip(names, out[head + 1 :], strict=True)):
        found = [[one.illness for one in diagnose(a.outcome.record).findings] for a in every if a.strategy == i]
        assert line.startswith(f"  {name}, {len(found)} runs: ")
        for illness in {one for some in found for one in some}:
            assert f"{illness} {sum(illness in some for some in found)}" in line
        assert (f"nothing found {found.count([])}" in line) == ([] in found)
    assert "How many runs" not in run("diagnose", "r", "--strategy", PLAIN[1])[1]  # one alone needs none


def test_one_run_is_told_whole_also_one_that_diverged(made, run):
    every = [(one.number, one.outcome) for one in listed(read_journal(made))]
    number, broken = next((n, one) for n, one in every if one.diverged and one.made < 30)
    code, out, _ = run("diagnose", "r", "--run", str(number))
    assert code == 0
    assert out.startswith(f"run {number} of r/journal.jsonl: sgd() | ")
    assert str(diagnose(broken.record)) in out
    assert f"at update {broken.made} of 30, where the run was ended" in " ".join(out.split())
    told = json.loads(run("diagnose", "r", "--run", str(number), "--json")[1])
    assert (told["run"], told["base"], told["updates"], told["loss"]) == (number, broken.trial.rate, broken.made, None)
    assert told["findings"][0]["illness"] == "diverged"


def test_the_runs_of_one_strategy_and_as_json(run):
    told = [json.loads(line) for line in run("diagnose", "r", "--strategy", PLAIN[1], "--json")[1].splitlines()]
    assert [one["run"] for one in told] == list(range(9, 15))
    assert {one["text"] for one in told} == {PLAIN[1]}
    assert [one["about"] for one in told[:2]] == [f"{PLAIN[1]}: 30 rows, updates 0 to 29"] * 2
    assert told[2]["about"].startswith(f"{PLAIN[1]} at base rate 1e+05: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["r", "--run", "99"], "has no run 99 yet (of 22)"),
        (["r", "--run", "1", "--strategy", PLAIN[1]], "has no run 1 yet (of 22) of strategy adam()"),
        (["r", "--strategy", "sgd() | 0.12"], "has no strategy 'sgd() | 0.12': did you mean sgd() | 0.1?"),
        (["r", "--strategy", "zzz"], "write one of sgd() | 0.1, adam()"),
        (["log.csv", "--run", "1"], "log.csv holds one run: leave --run out"),
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
    assert (code, said) == (0, "note: r/journal.jsonl: line 26 is damaged or foreign and is left out\n")


def test_a_run_without_validation_or_rows_is_a_line_too(tmp_path):
    bowl = problems.objective(lambda x: (float(x @ x), 2 * x), params=np.array([1.0, -1.0]))
    given = Workload("bowl", bowl, None, "A bowl, 2 parameters.", "1" * 16)
    plan = prepare(given, ["sgd() | 0.1"], steps=9, seeds=2, rates=(0.1, 9.0, 2))
    with Study(given, tmp_path / "b") as study:
        compare(study, plan)
    found = read_journal(tmp_path / "b")
    assert found.outcomes == study.journal.outcomes
    assert all(one.record.validated is None is one.record.tested for one in found.outcomes.values())
    assert len(found.outcomes) == plan.runs == 4
