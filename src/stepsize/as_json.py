"""From values to JSON and back: every value is an object with its word and its fields."""

from __future__ import annotations

import json

from ._errors import StepsizeError, shown
from ._value import Value
from .schedules.opaque import opaque, unwritten
from .vocabulary import WORDS, look_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_DEEPEST = 120  # of JSON, which takes two for a combination that is one level of a text


def to_json(value: Value) -> str:
    """Write a value as JSON; `from_json(to_json(x)) == x`.

    Use it where a config file or a checkpoint wants structure; where a text is enough, `str(x)` is shorter.

    >>> from stepsize import cosine
    >>> to_json(0.1 * cosine())
    '{"word": "rate", "base": 0.1, "factor": {"word": "cosine"}}'
    """
    return json.dumps(_plain(value), allow_nan=False)


def from_json(text: str) -> Any:
    """Read a value from JSON, checking every field; errors are of the same kind as those of `parse`.

    >>> from_json('{"word": "rate", "base": 0.1, "factor": {"word": "cosine"}}')
    0.1 * cosine()
    """
    try:
        plain = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except StepsizeError:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise StepsizeError(f"this is not JSON: {error}") from None
    if not isinstance(plain, dict):
        raise StepsizeError('the JSON of a value is an object such as {"word": "cosine"}')
    return _value(plain, 0)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different: of two values under one name, none is the one that was meant."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice = next(name for i, (name, _) in enumerate(pairs) if name in dict(pairs[:i]))
        raise StepsizeError(f"the JSON has {shown(twice)} twice in one object: leave one of them out")
    return fields


def _no_number(word: str) -> Any:
    raise StepsizeError(f"the JSON has {word}, which is no number: every number of a value is finite")


def _plain(value: Any) -> Any:
    if isinstance(value, opaque):
        raise StepsizeError(unwritten(str(value)))
    if isinstance(value, Value):
        fields = {name: one for name, one in value.fields().items() if not _is_default(value, name, one)}
        return {"word": value.word()} | {name: _plain(one) for name, one in fields.items()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


def _is_default(value: Value, name: str, one: Any) -> bool:
    return name in value._defaults and value._defaults[name] == one


def _value(plain: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise StepsizeError(f"the JSON is nested deeper than {_DEEPEST} levels")
    if isinstance(plain, list):
        return tuple(_value(one, depth + 1) for one in plain)
    if not isinstance(plain, dict):
        return plain
    word = plain.get("word")
    if word == "opaque":
        raise StepsizeError(unwritten())
    if not isinstance(word, str) or word not in WORDS:
        raise StepsizeError(f'the JSON names no word of the vocabulary: "word" is {shown(word)}, see stepsize list')
    cls = look_up(word)
    if not isinstance(cls, type):
        raise StepsizeError(f"{word} is a recipe: the JSON of its result names the words it is made of")
    fields = {name: _value(one, depth + 1) for name, one in plain.items() if name != "word"}
    if word == "plan":  # its fields are the user's own names
        return cls(**fields)
    unknown = set(fields) - set(cls.field_names())  # type: ignore[attr-defined]
    if unknown:
        raise StepsizeError(f"{word} has no field {shown(min(unknown))}: {', '.join(cls.field_names())}")  # type: ignore[attr-defined]
    fields = dict(cls._defaults) | ({cls._starred: ()} if cls._starred else {}) | fields  # type: ignore[attr-defined]
    missing = set(cls.field_names()) - set(fields)  # type: ignore[attr-defined]
    if missing:
        raise StepsizeError(f"{word} needs the field {min(missing)!r}")
    try:
        return cls._make(fields)  # type: ignore[attr-defined]
    except (TypeError, OverflowError):
        raise StepsizeError(f"{word} does not take these fields: {shown(plain)}") from None
