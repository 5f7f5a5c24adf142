"""The Chinese pages say the same as the English ones: the same snippets, the same headings in number."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(one.name for one in (DOCS / "zh").glob("*.md") if one.name != "index.md")
CHINESE = re.compile("[\u3400-\u9fff]")


def snippets(page):
    """Blocks of code without their comments, which are translated."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    return [(language, re.sub(r" *#.*", "", body)) for language, body in found]


def outline(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.findall(r"^#+(?= )", text, re.M)


def numbers(page):
    """What stands in tables: code and numbers, which no translation changes."""
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    return [sorted(re.findall(r"`[^`]*`", row)) if "`" in row else re.findall(r"\d+\.\d+", row) for row in rows]


def test_there_are_pages():
    assert {"start.md"} <= set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_both_pages_have_the_same_snippets_and_parts(name):
    ours, theirs = DOCS / "zh" / name, DOCS / name
    assert numbers(ours) == numbers(theirs)
    assert snippets(ours) == snippets(theirs)
    assert outline(ours) == outline(theirs)


@pytest.mark.parametrize("name", PAGES)
def test_every_part_is_in_chinese(name):
    text = (DOCS / "zh" / name).read_text(encoding="utf-8")
    for part in re.split(r"^#+ ", text, flags=re.M)[1:]:
        assert CHINESE.search(part), part[:60]
