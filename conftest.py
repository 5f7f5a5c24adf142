"""Every snippet of the documents and docstrings is run: Python as doctests and blocks, shell lines as commands."""

import os
import shlex
import sys
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.evaluators.doctest import NUMBER
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT / "tests"))
from commandline import run  # noqa: E402


def run_shell(example) -> None:
    """Run each `stepsize …` line; a `make …` line must name a target of the Makefile (they are run by CI itself)."""
    for line in example.parsed.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if not words:
            continue
        if words[0] == "make":
            assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text(), f"no target {words[1]} in the Makefile"
        elif words[0] == "stepsize":
            done = run(*words[1:], cwd=example.namespace["folder"])
            assert done.returncode == 0, done.stderr
        else:
            raise AssertionError(f"a snippet may run stepsize or make, not {words[0]}")


_folders: dict[Path, Path] = {}


@pytest.fixture
def folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder for what a document's snippets write and read: each document has one, empty at its beginning."""
    document = request.node.path
    if document not in _folders:
        _folders[document] = tmp_path_factory.mktemp(document.stem)
    monkeypatch.chdir(_folders[document])
    return _folders[document]


@pytest.fixture(autouse=True, scope="session")
def quiet_environment() -> None:
    """One thread a process: two tests at a time share two cores."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


_documents = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser("sh", run_shell), SkipParser()],
    patterns=["*.md"],
    excludes=["CHANGELOG.md"],
    fixtures=["folder"],
)
_docstrings = Sybil(parsers=[DocTestParser(optionflags=NUMBER)], patterns=["*.py"], path=str(ROOT / "src"))
pytest_collect_file = (_documents + _docstrings).pytest()
