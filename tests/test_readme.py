"""The quick start as a newcomer runs it: copied out of the README, and once more on the next day."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from commandline import run

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "README.zh-CN.md")


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)


def test_the_snippets_run_twice_in_a_row(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "start.py").write_text("\n".join(blocks("README.md", "python")), encoding="utf-8")
    twice = "import runpy\nfor _ in range(2): runpy.run_path('start.py')"
    subprocess.run([sys.executable, "-c", twice], cwd=tmp_path, check=True, capture_output=True, timeout=300)
    assert (tmp_path / "run.jsonl").exists()


def test_both_pages_have_the_same_snippets():
    ours, theirs = ([re.sub(r" *#.*", "", one) for one in blocks(page, "python")] for page in PAGES)
    assert ours == theirs
    assert blocks(PAGES[0], "sh")[1:] == blocks(PAGES[1], "sh")[1:]


def test_the_commands_run_twice_in_a_row(tmp_path):
    lines = [line for block in blocks("README.md", "sh") for line in block.splitlines() if line.startswith("stepsize ")]
    assert len(lines) == 2
    for line in lines * 2:
        words = shlex.split(line)[1:]
        few = ["--steps", "20", "--seeds", "2"] if words[0] == "compare" else []
        done = run(*words, *few, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_the_page_says_how_to_get_the_repository(page):
    assert "git clone" in (ROOT / page).read_text(encoding="utf-8")


def test_the_first_command_says_what_it_does_while_it_does_it(tmp_path):
    done = run("compare", "wine", "sgd() | 0.1", "adam() | 0.01", "--steps", "5", "--seeds", "2", cwd=tmp_path)
    trained = [line for line in done.stderr.splitlines() if line.startswith("trained ")]
    assert len(trained) == 2
    assert re.match(r"trained (\d+) of \1 runs", trained[-1])
    recipe = (ROOT / "Makefile").read_text()
    for target in ("demo: $(VENV)/.has-compare", "$(VENV)/.has-compare: "):
        assert "@echo" in recipe.partition(f"\n{target}")[2].partition("\n\n")[0]
