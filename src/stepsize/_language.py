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
    """A text in the language that is spoken, its fields in braces not filled yet."""
    return _catalogue.get(text, text)


def say(text: str, /, **fields: object) -> str:
    """A text in the language that is spoken, with its fields.

    >>> say("after {count} updates", count=3)
    'after 3 updates'
    """
    return said(text).format(**fields)


class Later(str):
    """A text that is said when it is shown: it is English as it stands, and `now` says it in the language spoken then.

    So a value keeps it, JSON and files have its English, and a page, a picture or a terminal says it.
    """

    _text: str
    _fields: Mapping[str, object]

    def now(self) -> str:
        """The text in the language that is spoken, and with it those of its fields that wait."""
        return say(self._text, **{name: now(one) for name, one in self._fields.items()})


def later(text: str, /, **fields: object) -> Later:
    """A text to be said `now`, later.

    >>> wrong = later("after {count} updates", count=3)
    >>> wrong == "after 3 updates", now(wrong), now("no text of ours")
    (True, 'after 3 updates', 'no text of ours')
    """
    made = Later(text.format(**fields))
    made._text, made._fields = text, fields
    return made


def now(value: Any) -> Any:
    """What waits to be said, said; anything else as it is."""
    return value.now() if isinstance(value, Later) else value


def listed(names: Iterable[str]) -> str:
    """Names one after another, parted as a language does it, to be said `now`, later.

    >>> listed(["warm-up", "hold", "decay"])
    'warm-up, hold, decay'
    """
    first, *others = names
    for one in others:
        first = later("{first}, {next}", first=first, next=one)
    return first


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
