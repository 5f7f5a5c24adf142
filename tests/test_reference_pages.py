"""The reference of the site has every public name once, and its menu every page."""

import importlib
import re
from collections import Counter
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
REFERENCE = DOCS / "reference"
ENTRY = re.compile(r"^\.\. auto(?:class|function|module|data):: (\S+)$", re.M)


def documented():
    return Counter(name for page in REFERENCE.glob("*.md") for name in ENTRY.findall(page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("package", ["stepsize", "stepsize.adapters.torch", "stepsize.presets"])
def test_every_public_name_has_one_entry(package):
    public = {f"{package}.{name}" for name in importlib.import_module(package).__all__}
    entries = {name: count for name, count in documented().items() if name.rpartition(".")[0] == package}
    assert entries == dict.fromkeys(public, 1)


def test_every_entry_is_there_to_be_loaded():
    for name in documented():
        module, _, word = name.rpartition(".")
        assert hasattr(importlib.import_module(module), word), name


def listed(page):
    """The pages that the menu of a page leads to."""
    blocks = re.findall(r"^```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    return [(page.parent / line).relative_to(DOCS) for line in lines if line and not line.startswith(":")]


def test_every_page_is_in_the_menu():
    names = [one for index in DOCS.rglob("index.md") for one in listed(index)]
    pages = [one.relative_to(DOCS).with_suffix("") for one in DOCS.rglob("*.md") if one != DOCS / "index.md"]
    assert sorted(names) == sorted(pages)
