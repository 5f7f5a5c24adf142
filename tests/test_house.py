"""The house: public names are sorted, complete and documented, and one list of them agrees with the other."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import stepsize
from stepsize import presets
from stepsize.vocabulary import WORDS, kind_of, look_up, summary

SOURCE = Path(stepsize.__file__).parent
ENDS = re.compile(
    r"after the end|never ends|after .* holds|holds? (its|that|the|1|`)|the same|at the end|after the (list|last)",
    re.I,
)


def test_public_names_are_sorted_and_there():
    assert stepsize.__all__ == sorted(set(stepsize.__all__))
    for name in stepsize.__all__:
        assert getattr(stepsize, name) is not None
    with pytest.raises(AttributeError, match="no 'nonsense'"):
        stepsize.nonsense  # noqa: B018


def test_type_checkers_see_the_same_names():
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    guarded = next(one for one in tree.body if isinstance(one, ast.If))
    seen = {
        alias.asname or alias.name for one in guarded.body if isinstance(one, ast.ImportFrom) for alias in one.names
    }
    assert seen - {"Any"} == set(stepsize.__all__)


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_documented_whole(word):
    text = inspect.cleandoc(look_up(word).__doc__)
    assert len(summary(word)) <= 80
    assert text.splitlines()[1] == ""
    assert "Formula" in text
    assert re.search(r"\bUse\s", text) or "When to use" in text or word in ("descent", "rectification")
    assert ">>> " in text
    if kind_of(word) in ("schedule", "recipe"):
        assert ENDS.search(" ".join(text.split())), "say what happens at the end"


@pytest.mark.parametrize("name", [one for one in stepsize.__all__ if one not in WORDS and one != "problems"])
def test_every_other_public_name_is_documented(name):
    assert inspect.getdoc(getattr(stepsize, name))


def test_modules_stay_short():
    long = {
        str(file.relative_to(SOURCE)): count
        for file in SOURCE.rglob("*.py")
        if (count := len(file.read_text().splitlines())) > 400
    }
    assert not long


def test_files_of_tests_stay_short():
    counts = {file.name: len(file.read_text().splitlines()) for file in Path(__file__).parent.glob("*.py")}
    assert not {name: count for name, count in counts.items() if count > 600}


def test_presets_are_listed():
    assert {file.stem for file in (SOURCE / "presets").glob("[a-z]*.py")} == set(presets.__all__)
