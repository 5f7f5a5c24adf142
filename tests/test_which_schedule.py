"""docs/which-schedule.md: each expression of its first table is read, and its command compares what its table shows."""

import re
import shlex
from pathlib import Path

import pytest

from stepsize import parse
from stepsize.telling.explain import explain

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "which-schedule.md").read_text(encoding="utf-8")
ADVICE = re.findall(r"^\|[^|`]+\| `([^`]+)` \|", PAGE.partition("\n## ")[0], re.M)


def compared():
    """The named strategies of the command that made the numbers."""
    command = re.search(r"^```text\n(stepsize compare digits-mlp.*?)^```", PAGE, re.M | re.S)[1].replace("\\\n", " ")
    words = [word for word in shlex.split(command) if "=sgd" in word]
    return dict(word.split("=", 1) for word in words)


@pytest.mark.parametrize("text", ADVICE)
def test_what_the_page_says_to_write_is_read_and_explained(text):
    assert explain(f"0.1 * ({text})", 500)


def test_the_page_answers_the_four_that_people_ask_for():
    last = {re.match(r"\w+", text.rpartition(">> ")[2])[0] for text in ADVICE}
    assert last >= {"cosine", "wsd", "multistep", "plateau"}


def test_the_table_has_a_row_for_each_strategy_of_the_command():
    rows = re.findall(r"^\| `(\w+)`: `([^`]+)` \|", PAGE, re.M)
    assert {name: f"sgd(momentum=0.9) | 0.1 * {text}" for name, text in rows if text != "1"} == {
        name: text for name, text in compared().items() if name != "fixed"
    }
    assert all(parse(text) for text in compared().values())
