"""docs/schedules.md is what the schedules say about themselves, and every one of them has an entry and a picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepsize import StepsizeError, parse
from stepsize.telling.reference import EXAMPLES, STEPS, _draw, draw_curves, schedules_page, sections, words, write
from stepsize.vocabulary import WORDS, kind_of, look_up

DOCS = Path(__file__).parent.parent / "docs"


def test_the_committed_page_is_the_generated_one():
    assert (DOCS / "schedules.md").read_text(encoding="utf-8") == schedules_page(), (
        "run python -m stepsize.telling.reference"
    )


def test_every_schedule_has_an_entry_an_example_and_a_picture():
    wanted = {word for word in WORDS if kind_of(word) in ("schedule", "recipe", "combination")} - {"descent"}
    assert set(words()) == wanted == set(EXAMPLES)
    headings = [line[4:] for line in schedules_page().splitlines() if line.startswith("### ")]
    assert headings == words()
    assert {path.stem for path in (DOCS / "curves").iterdir()} == wanted


@pytest.mark.parametrize("word", words())
def test_every_documentation_has_its_parts_and_loses_nothing(word):
    documentation = look_up(word).__doc__
    told = sections(documentation)
    assert {"what", "formula", "ends"} <= set(told)
    said = "".join(" ".join(told.values()).split())
    written = "".join(documentation.partition(">>>")[0].split())
    for label in ("Formula:", "Formula,", "Source:"):
        written = written.replace(label, "", 1)
    assert sorted(said) == sorted(written)


@pytest.mark.parametrize("word", words())
def test_every_example_runs_and_uses_its_word(word):
    sign = {"then": ">>", "product": "*", "plus": "+", "rate": "*"}.get(word, f"{word}(")
    assert sign in EXAMPLES[word]
    value = parse(EXAMPLES[word])
    value.over(STEPS)(STEPS - 1)
    assert parse(str(value)) == value


def test_a_word_without_an_example_is_one_line(monkeypatch):
    monkeypatch.delitem(EXAMPLES, "cosine")
    with pytest.raises(StepsizeError, match="cosine has no example yet: add a row"):
        schedules_page()


def test_pictures_are_the_same_every_time(tmp_path):
    first, second = (_draw("plan", tmp_path / f"{i}.svg").read_bytes() for i in range(2))
    assert first == second
    assert len(first) < 20_000
    assert b"</svg>" in first


def test_writing_removes_pictures_of_words_that_are_gone(tmp_path, monkeypatch):
    monkeypatch.setattr("stepsize.telling.reference.words", lambda: ["cosine"])
    (tmp_path / "curves").mkdir()
    (tmp_path / "curves" / "gone.svg").write_text("<svg/>")
    write(tmp_path)
    assert [path.name for path in (tmp_path / "curves").iterdir()] == ["cosine.svg"]
    assert "### cosine" in (tmp_path / "schedules.md").read_text(encoding="utf-8")
    assert draw_curves(tmp_path / "more") == [tmp_path / "more" / "cosine.svg"]
