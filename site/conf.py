"""The documentation as a site: `make site` builds it into out/site, which opens from disk and needs no network.

Sphinx, because its search works on pages opened from disk and can be taught Chinese, and because it shows what a word
takes as it is loaded. Zensical was tried: its search needs a script from the network where pages are opened from disk,
and it finds no Chinese word inside a sentence.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.application import Sphinx

import stepsize

sys.path.insert(0, str(Path(__file__).parent))
from chinese_pages import in_chinese, without_gaps
from docstrings import called, told
from words import EnglishAndChinese, with_keywords

project, author, copyright = "stepsize", "the stepsize developers", "the stepsize developers"
version = release = stepsize.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["cnn.py"]
root_doc = "index"
html_theme = "furo"
html_title = f"stepsize {version}"
html_logo = html_favicon = "static/mark.svg"
html_static_path = ["static"]
html_css_files = ["style.css"]
html_js_files = ["copy.js"]
html_search_scorer = str(Path(__file__).parent / "scorer.js")  # Sphinx looks for it where it was called
html_show_sphinx = False
html_copy_source = False
html_use_index = html_domain_indices = False  # the search finds what they list
html_show_search_summary = False  # fetches pages, which a browser refuses where they are opened from disk
pygments_style, pygments_dark_style = "default", "github-dark"

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_block"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_mock_imports = ["accelerate", "keras", "lightning", "pytorch_lightning", "transformers"]  # whom callbacks serve
add_module_names = False
default_role = "code"
suppress_warnings = ["myst.xref_missing"]  # anchors of a page's own; the test of the site follows every link


def setup(app: Sphinx) -> None:
    """What Sphinx calls."""
    app.add_search_language(EnglishAndChinese)
    app.connect("doctree-read", with_keywords)
    app.connect("doctree-read", without_gaps)
    app.connect("autodoc-process-docstring", told)
    app.connect("autodoc-process-signature", called)
    app.connect("html-page-context", in_chinese, priority=900)  # after the theme has made the menu
