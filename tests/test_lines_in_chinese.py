"""Lines in Chinese are filled, none begins with a mark that ends a sentence, and none parts a name from its number."""

import re
from itertools import pairwise

import pytest
from rich.cells import cell_len

from commandline import run
from stepsize._language import speak
from stepsize.cli.commands import main
from stepsize.watch.terminal import _numbers

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


@pytest.mark.parametrize("cells", [24, 33, 60, 80])
def test_a_name_stays_on_the_line_of_its_number(cells):
    pairs = [("更新次数", "599（共 600）"), ("损失", "0.0043"), ("梯度范数", "0.1"), ("s an update", "0.0055")]
    lines = _numbers(pairs, cells).plain.split("\n")
    assert all(cell_len(line) <= cells for line in lines)
    assert [one for line in lines for one in line.split("   ")] == [" ".join(pair) for pair in pairs]


def test_the_first_sentences_of_a_comparison_have_no_gap_between_them(tmp_path):
    words = ("compare", "wine", "sgd() | 0.1", "--seeds", "2", "--steps", "4", "--rates", "0.1", "--out", str(tmp_path))
    try:
        assert run(*words, "--lang", "zh").returncode == 0
    finally:
        speak("en")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    lead = re.search('<p class="lead">(.*?)</p>', page, re.S)
    assert lead is not None
    assert CHINESE.search(lead[1])
    assert not re.search(rf"[{MARKS}]\s", lead[1].strip())
