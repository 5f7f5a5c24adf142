"""Templates of pages: every text that is put into one is escaped, and said in the language that is spoken."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from .._errors import StepsizeError
from .._language import heard, said, say, spoken

HTML_LANGUAGES = {"en": "en", "zh": "zh-Hans"}
_SAID = re.compile(r"""\bsay\("((?:[^"\\]|\\.)*)\"""")  # the texts of a script; each stands in double quotes


def rendered(name: str, **fields: Any) -> str:
    """A template of ours, filled.

    In it `say("text with {field}", field=…)` is a text of the page, and `lang` the language for the `html` element. As
    all that stands in a template a text is HTML; its fields are escaped, unless they are HTML as a macro makes it.
    """
    page: str = _template(name).render(lang=HTML_LANGUAGES[spoken()], **fields)
    return page


def markup(html: str) -> Any:
    """A text that is HTML already."""
    _template("page.html.jinja")  # which tells what to install
    from markupsafe import Markup

    return Markup(html)


def _say(text: str, /, **fields: object) -> Any:
    """A text of a page with its fields, as HTML."""
    return markup(said(text)).format(**{name: heard(one) for name, one in fields.items()})


def asset(path: str) -> str:
    """A file of this package's assets."""
    return (files(__package__) / "assets" / path).read_text(encoding="utf-8")


def script(names: Sequence[str]) -> str:
    """The modules of a page, in their order, as one script whose names are its own.

    Its first line holds the texts that the modules `say`, in the language that is spoken; nothing in English.
    """
    modules = "\n".join(asset(f"{name}.js") for name in names)
    words = {text: said(text) for text in texts(modules)} if spoken() != "en" else {}
    return f'"use strict";\n(() => {{\nconst words = {script_safe(words)};\n{modules}}})();'


def texts(source: str) -> list[str]:
    """The texts that a script says.

    >>> texts('button.title = say("as it was"); tell(say("{n} rows", { n: 3 }));')
    ['as it was', '{n} rows']
    """
    return [json.loads(f'"{found}"') for found in _SAID.findall(source)]


def script_safe(value: Any) -> str:
    """JSON that cannot end its script element: every `<` is written as an escape."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def four_digits(value: float | None) -> str:
    """A number in four digits, without the zeros of an exponent.

    >>> four_digits(0.00003162), four_digits(100.0), four_digits(None)
    ('3.162e-5', '100', '–')
    """
    if value is None:
        return "–"
    digits, letter, power = f"{value:.4g}".partition("e")
    return f"{digits}e{int(power)}" if letter else digits


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "–"


@cache
def _template(name: str) -> Any:
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError:
        raise StepsizeError(say("pages need extra packages: pip install 'stepsize[compare]'")) from None
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters.update(
        four_digits=four_digits, percent=_percent, count=lambda n: f"{n:,}", whole=lambda n: f"{n:.4g}"
    )
    environment.globals.update(say=_say, heard=heard)
    return environment.from_string(asset(name))
