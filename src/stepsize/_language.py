"""The language that the command line speaks: English is the text in the code, another is found in its catalogue."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

LANGUAGES = ("en", "zh")
_VARIABLES = ("STEPSIZE_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
_TRADITIONAL = ("tw", "hk", "mo", "hant")  # other characters than those of the catalogue

_catalogue: Mapping[str, str] = {}


def said(text: str) -> str:
    """A text in the language that is spoken, its fields in braces not filled yet.

    Where one English word is two in another language, what it is a word for stands behind it, and is not said.

    >>> said("update⟨of an axis⟩")
    'update'
    """
    return _catalogue.get(text) or text.partition("⟨")[0]


def say(text: str, /, **fields: object) -> str:
    """A text in the language that is spoken, with its fields.

    >>> say("after {count} updates", count=3)
    'after 3 updates'
    """
    if _catalogue:
        fields = {name: heard(one) for name, one in fields.items()}
    return said(text).format(**fields)


class Note(str):
    """A text that is English wherever it is kept, and that `heard` says in the language that is spoken.

    What files hold is written by one process and read by another, so no text in them may depend on a language.

    >>> found = Note("{count} rows were dropped", count=3)
    >>> found, heard(found), isinstance(found, str)
    ('3 rows were dropped', '3 rows were dropped', True)
    """

    text: str
    fields: dict[str, Any]

    def __new__(cls, text: str, /, **fields: object) -> Note:
        found = super().__new__(cls, text.format(**fields))
        found.text, found.fields = text, fields
        return found

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.text,), self.fields


def heard(text: Any) -> Any:
    """A `Note` in the language that is spoken; anything else as it is."""
    return say(text.text, **text.fields) if isinstance(text, Note) else text


def retold(text: str, templates: Iterable[str]) -> str:
    """A text that a file has kept, in the language that is spoken, where it has the form of one of these templates."""
    if not _catalogue:
        return text
    from re import DOTALL, escape, fullmatch
    from string import Formatter

    for template in templates:
        parts = Formatter().parse(template)
        form = "".join(escape(before) + (f"(?P<{name}>.+)" if name else "") for before, name, _, _ in parts)
        if found := fullmatch(form, text, DOTALL):
            again = {name: retold(part, templates) for name, part in found.groupdict().items()}
            return say(template, **again)
    return said(text)


def commas(parts: Iterable[str]) -> str:
    """Texts in a row, for a field of `say`.

    >>> commas(["a", "b", "c"]), listed(["a", "b", "c"]), listed(["a"])
    ('a, b, c', 'a, b and c', 'a')
    """
    texts = list(parts)
    if len(texts) < 2:
        return texts[0] if texts else ""
    return Note("{texts}, {last}", texts=commas(texts[:-1]), last=texts[-1])


def listed(parts: Iterable[str]) -> str:
    """Texts in a row, the last one joined by a word."""
    texts = list(parts)
    return Note("{texts} and {last}", texts=commas(texts[:-1]), last=texts[-1]) if texts[1:] else commas(texts)


def either(parts: Iterable[str]) -> str:
    """Texts of which one is to be taken.

    >>> either(["a", "b", "c"])
    'a or b or c'
    """
    first, *rest = parts
    return Note("{first} or {rest}", first=first, rest=either(rest)) if rest else first


def spoken() -> str:
    """The language that is spoken."""
    return "zh" if _catalogue else "en"


def speak(language: str) -> str:
    """Speak `en` or `zh` from now on; returns what was spoken. The library itself never calls it: a command does."""
    global _catalogue
    before = spoken()
    if language == "en":
        _catalogue = {}
    elif language != before:
        from .chinese import CATALOGUE

        _catalogue = CATALOGUE
    return before


def of_environment(environment: Mapping[str, str]) -> str:
    """The language that the first of the usual variables asks for that is set; English where we have none of it.

    `STEPSIZE_LANG` goes before `LANGUAGE`, `LC_ALL`, `LC_MESSAGES` and `LANG`, as in gettext.

    >>> of_environment({"LANG": "zh_CN.UTF-8"}), of_environment({"LANGUAGE": "de:zh", "LANG": "C"})
    ('zh', 'zh')
    >>> of_environment({"LC_ALL": "en_GB.UTF-8", "LANG": "zh_CN.UTF-8"}), of_environment({"LANG": "zh_TW.UTF-8"})
    ('en', 'en')
    """
    asked = next((environment[name] for name in _VARIABLES if environment.get(name)), "")
    return next((found for one in asked.split(":") if (found := _known(one))), "en")


def _known(locale: str) -> str:
    language, *rest = locale.lower().partition(".")[0].replace("-", "_").split("_")
    if language not in LANGUAGES or (language == "zh" and any(one in _TRADITIONAL for one in rest)):
        return ""
    return language
