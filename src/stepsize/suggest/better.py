"""The error of a text, with the line to write instead where one is found."""

from __future__ import annotations

import re
from functools import reduce
from operator import rshift

from .._errors import ParseError, StepsizeError
from ..schedules.base import Factor
from ..text import _LONGEST_TOLD, _OPERATORS, _tree, read
from .libraries import example, library_of, plainest
from .reading import Lenient
from .spelling import foreign, spellings, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_ADVICE = re.compile(rf"(?:[:;] write |: {re.escape(_OPERATORS)}).*", re.S)
_OWN = re.compile(r": write (.+)$", re.S)
_SYNTAX = re.compile(r"this is not an expression \(.*\)")


def better(error: ParseError, text: str, words: dict[str, Callable[..., Any]]) -> ParseError:
    """The same error, or one that shows the line to write, with what the user wrote in its right places."""
    own = _own_line(error, words)
    said = ""
    for spelled in spellings(text):
        reader = Lenient(spelled, words)
        line = _line(reader, spelled, words)
        if line and own and read(own, words) == read(line, words):
            return error  # the word itself says what to write, and more plainly
        if line and line != text.strip():
            return ParseError(_told(error, text, reader, line), error.column)
        said = said or reader.unfit or (f"{reader.foreign} {example(reader.foreign)}" if reader.foreign else "")
    if said:
        return ParseError(said, error.column)
    return _of_character(error, text, words)


def _own_line(error: ParseError, words: dict[str, Callable[..., Any]]) -> str:
    """The line that an error shows by itself, if the language reads it; else nothing."""
    found = _OWN.search(error.message)
    try:
        return str(read(found[1], words)) and found[1] if found else ""
    except StepsizeError:
        return ""


def _line(reader: Lenient, text: str, words: dict[str, Callable[..., Any]]) -> str:
    """The line that a text was meant to be, if the language reads it; else nothing."""
    try:
        value = reader.read(_tree(text), 0)
        if isinstance(value, tuple) and all(isinstance(one, Factor) for one in value):  # [warmup(9), cosine()]
            value = reduce(rshift, value)
        elif isinstance(value, tuple) and len(value) == 2:  # adam(), 0.001
            value = value[0] | value[1]
        line = str(value)
        read(line, words)
    except Exception:  # whatever such a text runs into: then the first error is told as it is
        return ""
    return line if len(line) <= _LONGEST_TOLD and line.isprintable() else ""


def _told(error: ParseError, text: str, reader: Lenient, line: str) -> str:
    """What is wrong, and the line."""
    if reader.foreign:
        plain = plainest(line)
        again = f" (past its end it swings back up: {line})" if plain != line else ""
        return f"{reader.foreign} is a name of {library_of(reader.foreign)}: write {plain}{again}"
    if character := foreign(text):
        return f"{_typed(character)}: write {line}"
    if "^" in text:
        return f"^ is no operator of the language: write {line}"
    said = _SYNTAX.sub("this cannot be read", _ADVICE.sub("", error.message)).rstrip(".")
    return f"{said}{', ' if ': add ' in said or ': remove ' in said else ': '}write {line}"


def _typed(character: str) -> str:
    return f"{character} is typed as {typed(character) or 'nothing'} here"


def _of_character(error: ParseError, text: str, words: dict[str, Callable[..., Any]]) -> ParseError:
    """The error, with a word on the characters of another keyboard and on what is wrong besides."""
    character = foreign(text)
    if not character:
        return error
    try:
        read(typed(text), words)
    except ParseError as besides:
        return ParseError(f"{_typed(character)}; besides, {besides.message}", error.column)
    return error
