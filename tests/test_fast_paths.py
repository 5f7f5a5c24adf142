"""The page of fast paths names tests that exist: a path without a test of both ways is no row."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "fast-paths.md"


def rows():
    return [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]


def test_every_row_names_tests_that_exist():
    written = "\n".join(one.read_text(encoding="utf-8") for one in HERE.glob("test_*.py"))
    known = set(re.findall(r"^def (test_\w+)\(", written, re.MULTILINE))
    assert len(rows()) >= 8
    for row in rows():
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert set(named) <= known, set(named) - known
