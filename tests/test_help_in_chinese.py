"""The help in Chinese fills its lines, and no line begins with a mark that ends a sentence."""

import re
from itertools import pairwise

import pytest
from rich.cells import cell_len

from commandline import run
from stepsize.cli.commands import main

MARKS = "，。；：！？、）”》"
CHINESE = re.compile("[\u3400-\u9fff]")


def lines(command, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    done = run(*command, "--help", "--lang", "zh")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("command", [[], *([name] for name in main.commands)], ids=lambda one: one[-1] if one else "")
def test_lines_are_filled_and_none_begins_with_a_mark(command, width, monkeypatch):
    found = lines(command, monkeypatch, width)
    assert all(cell_len(line) <= width for line in found)
    cells = [cell for line in found for cell in re.split(r"│|\s{2,}", line)]
    assert not [cell for cell in cells if cell.strip()[:1] and cell.strip()[0] in MARKS]
    text = [line.strip() for line in found if not line.startswith(("│", "╭", "╰"))]
    for one, after in pairwise(text):
        if CHINESE.search(one) and CHINESE.match(after):  # the first character of the next line had no room
            assert one[-1] in "。：" or cell_len(one) > width - 8, one
