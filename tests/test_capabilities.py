"""The capability matrix of the docs: every Yes of ours names a test that exists; and the two that only it shows."""

import ast
import re
from pathlib import Path

import pytest

from stepsize import cosine, linear, parse, plan

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "capabilities.md").read_text(encoding="utf-8")


def test_every_yes_links_to_a_test_that_exists():
    row = next(line for line in PAGE.splitlines() if line.startswith("| **stepsize**"))
    anchors = re.findall(r"\[Y\]\(#(\w+)\)", row)
    named = dict(re.findall(r'<a id="(\w+)"></a>\w+: `([^`]+)`', PAGE))
    assert len(anchors) >= 13
    assert set(anchors) == set(named)
    header = next(line for line in PAGE.splitlines() if line.startswith("| library"))
    assert [one.strip().lower() for one in header.split("|")[2:-1]] == anchors, "a Yes under another column"
    assert "Y" not in re.sub(r"\[Y\]\(#\w+\)", "", row), "a Yes without a link"
    for where in named.values():
        file, name = where.split("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert name in {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}, where


def test_a_plan_has_values_for_each_group():
    groups = plan(body=plan(lr=0.01 * cosine()), head=plan(lr=0.1)).over(100)
    assert groups(50)["body"] == pytest.approx({"lr": 0.005})
    assert groups(50)["head"] == {"lr": 0.1}
    assert parse(str(groups)) == groups


def test_a_plan_has_other_hyper_parameters():
    values = plan(lr=0.1 * cosine(100), momentum=linear(0.85, 0.95, 100), weight_decay=0.01)
    assert values(50) == pytest.approx({"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01})
