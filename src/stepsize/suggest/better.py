"""The error of a text, with the line to write instead where one is found."""

from __future__ import annotations

import re
from functools import reduce
from operator import rshift

from .._errors import ParseError, StepsizeError
from .._language import said, say
from ..schedules.base import Factor
from ..text import _LONGEST_TOLD, _tree, read
from ..unread import operators
from .libraries import example, library_of, plainest
from .reading import Lenient
from .spelling import foreign, spellings, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def better(error: ParseError, text: str, words: dict[str, Callable[..., Any]]) -> ParseError:
    """The same error, or one that shows the line to write, with what the user wrote in its right places."""
    own = _own_line(error, words)
    told = ""
    for spelled in spellings(text):
        reader = Lenient(spelled, words)
        line = _line(reader, spelled, words)
        if line and own and read(own, words) == read(line, words):
            return error  # the word itself says what to write, and more plainly
        if line and line != text.strip():
            return ParseError(_told(error, text, reader, line), error.column)
        told = told or reader.unfit or (example(reader.foreign) if reader.foreign else "")
    if told:
        return ParseError(told, error.column)
    return _of_character(error, text, words)


def _own_line(error: ParseError, words: dict[str, Callable[..., Any]]) -> str:
    """The line that an error shows by itself, if the language reads it; else nothing."""
    line = error.message.partition(said(": write "))[2]
    try:
        return line if line and str(read(line, words)) else ""
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
        return _of_library(reader.foreign, line)
    if character := foreign(text):
        return say("{problem}: write {line}", problem=_typed(character), line=line)
    if "^" in text:
        return say("^ is no operator of the language: write {line}", line=line)
    problem = _without_advice(error.message)
    if said(": add ") in problem or said(": remove ") in problem:
        return say("{problem}, write {line}", problem=problem, line=line)
    return say("{problem}: write {line}", problem=problem, line=line)


def _of_library(name: str, line: str) -> str:
    """That a name is another library's, and the line; a curve that goes on otherwise here, too."""
    library, plain = library_of(name), plainest(line)
    if plain == line:
        return say("{name} is a name of {library}: write {line}", name=name, library=library, line=line)
    return say(
        "{name} is a name of {library}: write {plain} (past its end it swings back up: {line})",
        name=name,
        library=library,
        plain=plain,
        line=line,
    )


def _without_advice(message: str) -> str:
    """What is wrong, without what the message says to write."""
    endings = (said(": write "), said("; write "), say(": {operators}", operators=operators()))
    told = re.sub(f"(?:{'|'.join(map(re.escape, endings))}).*", "", message, flags=re.S)
    syntax = re.escape(said("this is not an expression")) + ".*"
    return re.sub(syntax, said("this cannot be read"), told, flags=re.S).rstrip(".")


def _typed(character: str) -> str:
    key = typed(character)
    if not key:
        return say("{character} is typed as nothing here", character=character)
    return say("{character} is typed as {key} here", character=character, key=key)


def _of_character(error: ParseError, text: str, words: dict[str, Callable[..., Any]]) -> ParseError:
    """The error, with a word on the characters of another keyboard and on what is wrong besides."""
    character = foreign(text)
    if not character:
        return error
    try:
        read(typed(text), words)
    except ParseError as besides:
        told = say("{problem}; besides, {other}", problem=_typed(character), other=besides.message)
        return ParseError(told, error.column)
    return error
