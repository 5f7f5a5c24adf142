"""The error of a word that was called in Python with another library's arguments: what a text is told, is told here."""

from __future__ import annotations

from .._errors import ParseError, shown
from .._language import said, say
from .._value import without_parentheses
from ..schedules.base import Factor
from ..stage import Rule, Transform
from ..text import parse
from ..vocabulary import WORDS, look_up
from .reading import is_read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def instead(word: type, given: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    """What to write for a call that Python refuses; empty where only Python's own words fit.

    >>> from stepsize import adam
    >>> instead(adam, (), {"lr": 0.1})
    'the rate comes after the rule: write adam() | 0.1'
    """
    name = word.__name__
    if not named and not any(isinstance(one, float) for one in given):
        return ""  # whole numbers in places that are none: nobody knows what they were
    if name not in WORDS or look_up(name) is not word:
        return ""
    arguments = [*map(shown, given), *(f"{key}={shown(one)}" for key, one in named.items())]
    try:
        parse(f"{name}({', '.join(arguments)})")
    except ParseError as error:
        return error.message if is_read(error.message.rpartition(said(": write "))[2]) else ""
    return ""


def no_strategy(given: object) -> str:
    """What is said of a value that is not yet a strategy: what it is, and the strategy that it can be a part of."""
    if isinstance(given, Factor):
        whole = f"sgd() | 0.1 * {given._grouped()}"
        return say("{given} is a schedule without a rule and a rate: write {whole}", given=given, whole=whole)
    if isinstance(given, Rule):
        return say("{given} is a rule without a rate: write {given} | 0.1", given=given)
    if isinstance(given, Transform):
        return say("{given} has no rule and no rate behind it: write {given} | sgd() | 0.1", given=given)
    if isinstance(given, type) and given.__name__ in WORDS:
        return without_parentheses(given.__name__)
    return say("a strategy is a rule and a rate, such as sgd() | 0.1, not {given}", given=shown(given))
