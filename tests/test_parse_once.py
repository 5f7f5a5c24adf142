"""A run reads its text once, and hands the value on; a comparison likewise (test_journal)."""

from collections import Counter

from stepsize import descend, problems, text

LINE = problems.least_squares([[1.0], [2.0], [3.0]], [2.0, 4.0, 5.0])


def test_a_run_reads_its_text_once(monkeypatch):
    told, parse = Counter(), text.parse
    monkeypatch.setattr(text, "parse", lambda one: told.update([one]) or parse(one))
    descend(LINE, "adam() | 0.01 * cosine()", steps=2)
    assert told == {"adam() | 0.01 * cosine()": 1}
