"""The documentation as a site: `make site` builds it into out/site, which opens from disk and needs no network.

Sphinx, because its search works on pages opened from disk and can be taught Chinese, and because it shows what a word
takes as it is loaded. Zensical was tried: its search needs a script from the network where pages are opened from disk,
and it finds no Chinese word inside a sentence.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import stepsize

sys.path.insert(0, str(Path(__file__).parent))
from words import EnglishAndChinese

project, author, copyright = "stepsize", "the stepsize developers", "the stepsize developers"
version = release = stepsize.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["cnn.py"]
root_doc = "index"
html_theme = "furo"
html_title = f"stepsize {version}"
html_show_sphinx = False
html_copy_source = False
html_show_search_summary = False  # fetches pages, which a browser refuses where they are opened from disk
pygments_style, pygments_dark_style = "default", "github-dark"

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_block"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {"members": False}
add_module_names = False
default_role = "code"
suppress_warnings = ["myst.xref_missing"]  # anchors of a page's own; the test of the site follows every link


def plain(line: str) -> str:
    """A line of prose in which only what stands in backquotes means anything."""
    parts = re.split(r"(`[^`]*`)", line)
    return "".join(one if i % 2 else re.sub(r"([*|_\\])", r"\\\1", one) for i, one in enumerate(parts))


def tell(app: Sphinx, what: str, name: str, one: object, options: Any, lines: list[str]) -> None:
    """Our docstrings are plain text with examples, not reStructuredText."""
    inside = False
    for i, line in enumerate(lines):
        inside = line.lstrip().startswith(">>>") or (inside and bool(line.strip()))
        lines[i] = line if inside else plain(line)


def setup(app: Sphinx) -> None:
    """What Sphinx calls."""
    app.add_search_language(EnglishAndChinese)
    app.connect("autodoc-process-docstring", tell)
