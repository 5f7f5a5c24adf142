"""A comparison and a run read each text once, and hand the value on."""

from collections import Counter

import pytest

from stepsize import descend, problems, text
from stepsize.lab import compare as comparison
from stepsize.lab.records.journal import Journal
from stepsize.lab.workload import Workload

LINE = problems.least_squares([[1.0], [2.0], [3.0]], [2.0, 4.0, 5.0])
TEXTS = ["sgd() | 0.1", "adam() | 0.01 * cosine()"]


@pytest.fixture
def parsed(monkeypatch):
    told, parse = Counter(), text.parse
    monkeypatch.setattr(text, "parse", lambda one: told.update([one]) or parse(one))
    return told


def test_a_comparison_reads_each_text_once_to_plan_and_once_to_train(parsed, monkeypatch):
    monkeypatch.setattr(comparison, "RUNS_AT_ONCE", 3)  # a portion for each seed
    workload = Workload("line", LINE, None, "a line", "0")
    settings = comparison.plan(workload, TEXTS, steps=3, seeds=4, rates=(0.01, 1.0, 3))
    assert parsed == dict.fromkeys(TEXTS, 1)
    parsed.clear()
    comparison.compare(workload, Journal(settings, {}))
    assert parsed == dict.fromkeys(TEXTS, 1)


def test_a_run_reads_its_text_once(parsed):
    descend(LINE, TEXTS[1], steps=2)
    assert parsed == {TEXTS[1]: 1}
