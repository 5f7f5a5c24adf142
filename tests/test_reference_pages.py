"""The reference of the site has every public name once, its menu every page, and its pictures are drawn."""

import ast
import importlib
import importlib.util
import inspect
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from stepsize import presets
from stepsize.telling.reference import EXAMPLES
from stepsize.vocabulary import WORDS, kind_of

DOCS = Path(__file__).parents[1] / "docs"
REFERENCE = DOCS / "reference"
ENTRY = re.compile(r"^\.\. auto(?:class|function|module|data):: ([\w.]+)(?:\(.*)?$", re.M)


def documented():
    return Counter(name for page in REFERENCE.glob("*.md") for name in ENTRY.findall(page.read_text(encoding="utf-8")))


PUBLIC = ("stepsize", "stepsize.presets", "stepsize.adapters.torch", "stepsize.adapters.sinks", "stepsize.transfer")
PUBLIC += ("stepsize.lab.judging", "stepsize.report.exports", "stepsize.controllers.base")


@pytest.mark.parametrize("package", PUBLIC)
def test_every_public_name_has_one_entry(package):
    public = {f"{package}.{name}" for name in importlib.import_module(package).__all__}
    entries = {name: count for name, count in documented().items() if name.rpartition(".")[0] == package}
    assert entries == dict.fromkeys(public, 1)


def entries():
    """What the reference shows, by its names; of a module also what it offers."""
    found = {}
    for name in documented():
        module, _, word = name.rpartition(".")
        if ".callbacks." in module:  # imports its host, which may not be there
            assert re.search(rf"^class {word}\b", Path(importlib.util.find_spec(module).origin).read_text(), re.M), name
            continue
        one = found[name] = getattr(importlib.import_module(module), word)
        if inspect.ismodule(one):
            found |= {f"{name}.{each}": getattr(one, each) for each in getattr(one, "__all__", ())}
    return found


def test_every_entry_is_there_to_be_loaded():
    found = entries()
    for library in presets.__all__:
        assert f"stepsize.presets.{library}.{getattr(presets, library).__all__[0]}" in found


def imported():
    """What the snippets of the pages import from stepsize, and where."""
    for page in [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]:
        for snippet in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
            typed = re.findall(r"^(?:>>>|\.\.\.) ?(.*)", snippet, re.M) if snippet.startswith(">>>") else [snippet]
            for one in ast.walk(ast.parse("\n".join(typed))):
                if isinstance(one, ast.ImportFrom) and (one.module or "").startswith("stepsize"):
                    yield from ((page.name, one.module, each.name) for each in one.names)


def test_what_the_pages_import_is_in_the_reference():
    shown, names = entries().values(), documented()
    found = list(imported())
    assert len(found) > 50
    for page, module, name in found:
        if ".callbacks." in module:
            assert f"{module}.{name}" in names, (page, name)
            continue
        one = getattr(importlib.import_module(module), name)
        if inspect.ismodule(one):
            assert any(f"{one.__name__}." in each or each == one.__name__ for each in names), (page, name)
        else:
            assert any(one is each for each in shown) or f"{module}.{name}" in names, (page, module, name)


@pytest.fixture(scope="module")
def answers():
    sys.path.insert(0, str(DOCS.parent / "site"))
    try:
        yield importlib.import_module("answers")
    finally:
        sys.path.pop(0)


def test_every_schedule_controller_and_clip_has_a_picture(answers):
    drawn = {*answers.LOSS_ALONE, *answers.ON_A_PROBLEM}
    assert drawn == {word for word in WORDS if kind_of(word) == "controller"}
    assert set(answers.CLIPS) == {word for word in WORDS if kind_of(word) == "clip"}
    assert {path.stem for path in (DOCS / "curves").iterdir()} == set(EXAMPLES)


def numbers(svg):
    """The heights of the last line of a picture."""
    points = re.findall(r'<polyline points="([^"]*)"', svg)[-1]
    return [float(point.partition(",")[2]) for point in points.split()]


def test_the_pictures_show_that_something_was_answered(answers):
    for word in (*answers.LOSS_ALONE, *answers.ON_A_PROBLEM):
        heights = numbers(answers.drawn(word))
        assert max(heights) - min(heights) > 20, word
    for word in answers.CLIPS:
        before, after = (re.findall(r'<polyline points="([^"]*)"', answers.drawn(word))[i] for i in (0, 1))
        assert before != after, word
    assert answers.drawn("trust") == answers.drawn("cosine") == ""


def listed(page):
    """The pages that the menu of a page leads to."""
    blocks = re.findall(r"^```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines() if line and not line.startswith(":")]
    return [(page.parent / re.sub(r"^.* <(.*)>$", r"\1", line)).relative_to(DOCS) for line in lines]


def test_every_page_is_in_the_menu():
    names = [one for index in DOCS.rglob("index.md") for one in listed(index)]
    pages = [one.relative_to(DOCS).with_suffix("") for one in DOCS.rglob("*.md") if one != DOCS / "index.md"]
    assert sorted(names) == sorted(pages)
