"""How pictures are drawn: their style, and in which language their letters can be written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from .._errors import StepsizeError
from .._language import say, speak, spoken
from .palette import GREY_ON_EITHER

try:
    import matplotlib as mpl
    from matplotlib.font_manager import findSystemFonts, fontManager
except ImportError:
    raise StepsizeError(say("pictures need extra packages: pip install 'stepsize[compare]'")) from None

STYLE: dict[Any, Any] = {  # Any: matplotlib spells out every name that may be a key
    "figure.constrained_layout.wspace": 0.04,
    "svg.hashsalt": "stepsize",
    "pdf.fonttype": 42,
    "font.family": "DejaVu Sans",
    "text.color": "#1b1f24",
    "axes.labelcolor": "#59616b",
    "axes.edgecolor": "#9aa2ac",
    "xtick.color": "#59616b",
    "ytick.color": "#59616b",
}
ON_EITHER_PAGE: dict[Any, Any] = dict.fromkeys(
    ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), GREY_ON_EITHER
)
CHINESE_FONTS = (  # of Linux, Windows and macOS, as they name themselves
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Noto Sans CJK JP", "Droid Sans Fallback", "Microsoft YaHei", "SimHei", "DengXian",
    "PingFang SC", "Hiragino Sans GB", "Heiti SC", "STHeiti", "Arial Unicode MS",
)  # fmt: skip


@contextmanager
def drawing(more: Mapping[Any, Any] | None = None) -> Iterator[None]:
    """Draw in our style; where no font here has the letters of the language that is spoken, in English."""
    before, font = spoken(), None if spoken() == "en" else chinese_font()
    if font is None:
        speak("en")
    family = {} if font is None else {"font.family": [STYLE["font.family"], font]}
    try:
        with mpl.rc_context(STYLE | dict(more or {}) | family):
            yield
    finally:
        speak(before)


@cache
def chinese_font() -> str | None:
    """The first font of those that people have which writes Chinese; None where there is none.

    A file of several fonts names itself by its first one: matplotlib reads no other, and the letters are the same.
    Matplotlib keeps its list of fonts from its first start; those that were installed since are asked where that list
    has none.
    """
    return _listed() or _listed(_found_since())


def _listed(more: Iterable[str] = ()) -> str | None:
    for path in more:
        with suppress(Exception):  # what a file that is no font raises is the matter of whoever reads fonts
            fontManager.addfont(path)
    found = {one.name for one in fontManager.ttflist}
    return next((name for name in CHINESE_FONTS if name in found), None)


def _found_since() -> list[str]:
    """The files of fonts that matplotlib's list does not hold."""
    known = {one.fname for one in fontManager.ttflist}
    return sorted(set(findSystemFonts()) - known)
