"""Pages under zh/: the words around the text in Chinese, the Chinese part of the menu first, lines without gaps."""

from __future__ import annotations

import re
from gettext import translation
from pathlib import Path
from typing import Any

import sphinx
from docutils import nodes
from sphinx.application import Sphinx

FOLDER = "zh/"
_CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef“”]")
OF_FURO = {
    "On this page": "本页内容",
    "Back to top": "回到顶部",
    "Skip to content": "跳到正文",
    "Toggle site navigation sidebar": "打开或关闭目录",
    "Toggle table of contents sidebar": "打开或关闭本页目录",
    "Toggle Light / Dark / Auto color theme": "切换浅色、深色",
    "Home": "首页",
    "Next": "下一页",
    "Previous": "上一页",
    "Search": "搜索",
}
"""What the theme says and Sphinx has no Chinese for, or another word."""


def in_chinese(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Give a Chinese page Chinese words around its text."""
    if not page.startswith(FOLDER):
        return
    of_sphinx = translation("sphinx", Path(sphinx.__file__).parent / "locale", ["zh_CN"]).gettext

    def said(text: str, **fields: Any) -> str:
        found = OF_FURO.get(text) or of_sphinx(text)
        return found % fields if fields else found

    context.update({"_": said, "gettext": said, "language": "zh-CN"})
    blocks = re.split(r'(?=<p class="caption")', context["furo_navigation_tree"])
    context["furo_navigation_tree"] = "".join(sorted(blocks, key=lambda one: "中文" not in one and "caption" in one))


def without_gaps(app: Sphinx, doctree: nodes.document) -> None:
    """Where a line of the source ends between two Chinese characters, a browser would show a space, and the search too.

    What a line break parts becomes one text again, so that the search finds a word across it.
    """
    if not app.env.docname.startswith(FOLDER):
        return
    for parent in doctree.findall(nodes.TextElement):
        if not isinstance(parent, nodes.FixedTextElement | nodes.literal):
            parent[:] = _joined(parent.children)


def _joined(children: list[nodes.Node]) -> list[nodes.Node]:
    found: list[nodes.Node] = []
    breaks = False  # a line ended behind a Chinese character
    for one in children:
        if breaks and not _CHINESE.match(one.astext()):
            found.append(nodes.Text("\n"))
        elif breaks and isinstance(one, nodes.Text) and isinstance(found[-1], nodes.Text):
            one = nodes.Text(found.pop() + one)
        breaks = one == "\n" and bool(found) and bool(_CHINESE.match(found[-1].astext()[-1:]))
        if not breaks:
            found.append(one)
    return found
