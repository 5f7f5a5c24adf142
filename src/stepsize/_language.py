"""The language that the command line speaks: English is the text in the code, another is found in its catalogue."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

LANGUAGES = ("en", "zh")
_VARIABLES = ("STEPSIZE_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
_TRADITIONAL = ("tw", "hk", "mo", "hant")  # other characters than those of the catalogue

ROWS = {"commas": "{texts}, {last}", "and": "{texts} and {last}", "or": "{texts} or {last}"}
DEEPEST = 4  # forms of a kept text inside one another

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


class _Row(Note):
    """Texts one behind another, each joined to those before it by the same text; of any length, as a list is."""

    def __new__(cls, text: str, parts: Iterable[str]) -> _Row:
        texts = tuple(parts)
        found = str.__new__(cls, _joined(text, texts))
        found.text, found.fields = text, {"parts": texts}
        return found

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.text,), self.fields


def heard(text: Any) -> Any:
    """A `Note` in the language that is spoken; anything else as it is."""
    if isinstance(text, _Row):
        return _joined(said(text.text), map(heard, text.fields["parts"]))
    return say(text.text, **text.fields) if isinstance(text, Note) else text


def _joined(text: str, parts: Iterable[str]) -> str:
    return text.removeprefix("{texts}").removesuffix("{last}").join(parts)


def retold(text: str, templates: Iterable[str], depth: int = DEEPEST) -> str:
    """A text that a file has kept, in the language that is spoken, where it has the form of one of these templates.

    A field may have one of these forms, too. Whatever a file holds, this takes a time in proportion to its length.
    """
    if not _catalogue:
        return text
    for template in templates if depth else ():
        if found := _fields_of(text, template):
            again = {name: retold(part, templates, depth - 1) for name, part in found.items()}
            return say(template, **again)
    return _catalogue.get(text, text)


def _fields_of(text: str, template: str) -> dict[str, str]:
    """What stands in the fields of a template, the first as long as it can be; nothing where the text has another form.

    >>> _fields_of("a, b, 3 rows", "{names}, {count} rows"), _fields_of("a, b, 3 lines", "{names}, {count} rows")
    ({'names': 'a, b', 'count': '3'}, {})
    """
    from string import Formatter

    parts = list(Formatter().parse(template))
    names = [name for _, name, _, _ in parts if name]
    first, *between = [before for before, *_ in parts]
    last = between.pop() if len(parts) > len(names) > 0 else ""
    if not (names and text.startswith(first) and text.endswith(last)):
        return {}
    found, end = {}, len(text) - len(last)
    while between:  # from the end: what stands before a field is looked for as far behind as it can be
        at = text.rfind(before := between.pop(), len(first) + 1, end - 1)
        if at < 0:
            return {}
        found[names.pop()], end = text[at + len(before) : end], at
    return {names[0]: text[len(first) : end], **found} if end > len(first) else {}


def commas(parts: Iterable[str], more: int = 0) -> str:
    """Texts in a row, and how many more there are, for a field of `say`.

    >>> commas(["a", "b", "c"]), commas(["a", "b"], more=7), listed(["a", "b", "c"]), listed(["a"])
    ('a, b, c', 'a, b and 7 more', 'a, b and c', 'a')
    """
    row = _row(ROWS["commas"], parts)
    return Note("{texts} and {count} more", texts=row, count=more) if more > 0 else row


def listed(parts: Iterable[str]) -> str:
    """Texts in a row, the last one joined by a word."""
    texts = list(parts)
    return _row(ROWS["and"], [commas(texts[:-1]), texts[-1]]) if texts[1:] else commas(texts)


def either(parts: Iterable[str]) -> str:
    """Texts of which one is to be taken.

    >>> either(["a", "b", "c"])
    'a or b or c'
    """
    return _row(ROWS["or"], parts)


def _row(text: str, parts: Iterable[str]) -> str:
    texts = list(parts)
    return _Row(text, texts) if texts[1:] else next(iter(texts), "")


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
