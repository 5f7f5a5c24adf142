"""docs/choose.md: every controller, clip and transform has a row, and every row can be copied and runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from stepsize import descend, parse, problems, seen
from stepsize.quantities import needs_of
from stepsize.telling.explain import explain
from stepsize.vocabulary import WORDS, kind_of

PAGE = (Path(__file__).parent.parent / "docs" / "choose.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## By need\n")[2].partition("\n## ")[0]
ROWS = [line for line in SECTION.splitlines() if line.startswith("| ") and "`" in line]
TEXTS = [re.search(r"`([^`]+)`", row)[1].replace("\\|", "|") for row in ROWS]
LINE = problems.least_squares([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 3.0, 5.0])


def test_every_controller_clip_and_transform_has_a_row():
    wanted = {word for word in WORDS if kind_of(word) in ("controller", "clip", "transform")}
    assert wanted <= {word for text in TEXTS for word in re.findall(r"\w+", text)}
    assert all(row.count("|") - row.count("\\|") == 5 for row in ROWS)


@pytest.mark.parametrize("text", [*TEXTS, re.search(r"^`(sgd.+)`\.$", SECTION, re.MULTILINE)[1]])
def test_every_row_runs_and_can_be_told(text):
    strategy = parse(text)
    assert str(parse(str(strategy))) == str(strategy)
    assert explain(text, 50)
    if not {"metric", "grad_variance"} & needs_of(strategy.rate.controllers):
        assert descend(LINE, text, steps=50).loss < 35 / 3  # where it begins
        return
    params, strategy = {"w": np.ones(2)}, strategy.over(50)
    told = seen(loss=1.0, metric=1.0, grad_variance=0.5)
    assert (strategy.step(params, params, strategy.init(params), told)[0]["w"] < 1).all()
