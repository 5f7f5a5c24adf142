"""What is said of a text that cannot be read: loaded when an error needs it, never before."""

from __future__ import annotations

from importlib import import_module

from ._errors import shown
from ._language import said, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

NOT_PART = {
    "Compare": "a comparison",
    "BoolOp": "and, or",
    "Subscript": "a square bracket",
    "Attribute": "a dot",
    "IfExp": "if",
    "Lambda": "lambda",
    "Dict": "a brace",
    "Set": "a brace",
    "JoinedStr": "an f-string",
    "": "this",
}
"""Kinds of syntax that a text has not; the last is for all others."""


def operators() -> str:
    """What a text is made of, as messages end with it."""
    return say("a text combines words with |, >>, + and *")


def no_part(kind: str) -> str:
    """Of a kind of syntax that is Python's and not the language's."""
    what = said(NOT_PART.get(kind, NOT_PART[""]))
    return say("{what} is not part of the language: {operators}", what=what, operators=operators())


def no_operator() -> str:
    """Of an operator that is Python's and not the language's."""
    return say("this operator is not part of the language: {operators}", operators=operators())


def no_expression(line: str, python_says: str, most: int) -> str:
    """Of a line that is no Python expression; `most` are the levels that are read."""
    if line.rstrip().endswith(("|", "*", "+", ">>")):
        last = line.rstrip()[-1]
        return say("something is missing after {last}: {operators}", last=last, operators=operators())
    if line.count("'") % 2 or line.count('"') % 2:
        return say("a quote is not closed: write warmup('5%')")
    if any(unit in line and f"{unit}'" not in line and f'{unit}"' not in line for unit in ("%", "ep)", "tok)")):
        return say("a share or another unit stands in quotes: write warmup('5%') or warmup('3ep')")
    opened, closed = line.count("("), line.count(")")
    if opened != closed:
        return _unbalanced(opened - closed)
    if "nested" in python_says:
        return too_deep(most)
    why = python_says.partition(";")[0]
    return say("this is not an expression ({why}): {operators}", why=why, operators=operators())


def too_deep(most: int) -> str:
    """Of a text with more levels than are read."""
    return say("nested deeper than {most} levels", most=most)


def _unbalanced(open_ones: int) -> str:
    count = abs(open_ones)
    missing = ")" * min(count, 20)
    if open_ones > 0:
        if count == 1:
            return say("1 parenthesis not closed: add )")
        return say("{count} parentheses not closed: add {missing}", count=count, missing=missing)
    if count == 1:
        return say("1 parenthesis too many: remove )")
    return say("{count} parentheses too many: remove {extra}", count=count, extra=missing)


def by_name(word: Callable[..., Any], name: str, given: int, named: dict[str, Any], fields: tuple[str, ...]) -> str:
    """Of a call that Python refuses, with so many arguments by place."""
    lacks, there = _missing(word, given, named), ", ".join(fields) or "name=value"
    if lacks:
        return say("{word} needs {field}: write its fields by name, {fields}", word=name, field=lacks, fields=there)
    return say("{word} does not take these arguments: write its fields by name, {fields}", word=name, fields=there)


def _missing(word: Callable[..., Any], given: int, named: dict[str, Any]) -> str:
    """The first field without a default that was not given."""
    from inspect import Parameter, signature

    taken = [one for one in signature(word).parameters.values() if one.kind is not Parameter.VAR_POSITIONAL]
    left = [one for one in taken[given:] if one.kind is not Parameter.VAR_KEYWORD and one.name not in named]
    return next((one.name for one in left if one.default is Parameter.empty), "")


def do_not_combine(left: Any, right: Any) -> str:
    """Of two values with an operator between them that neither takes."""
    return say(
        "{left} and {right} do not combine this way: {operators}",
        left=shown(left),
        right=shown(right),
        operators=operators(),
    )


def unknown(word: str, known: list[str]) -> str:
    """Of a name that is no word."""
    if near := _similar(word, known):
        return say("unknown word {word}, did you mean {near!r}? All words: stepsize list", word=shown(word), near=near)
    return say("unknown word {word}. All words: stepsize list", word=shown(word))


def no_field(word: str, field: str, fields: tuple[str, ...]) -> str:
    """Of a name that is no field of a word."""
    given, there = shown(field), ", ".join(fields)
    if near := _similar(field, fields):
        return say(
            "{word} has no field {field}, did you mean {near!r}? (its fields are {fields})",
            word=word,
            field=given,
            near=near,
            fields=there,
        )
    if fields:
        return say("{word} has no field {field} (its fields are {fields})", word=word, field=given, fields=there)
    return say("{word} has no field {field} (it has none)", word=word, field=given)


def _similar(word: str, known: Iterable[str]) -> str:
    """The word that was meant; empty where none is near."""
    from difflib import get_close_matches

    meant = import_module("stepsize.suggest.spelling").ALSO_CALLED.get(word.lower())
    found = [meant] if meant in known else get_close_matches(word.lower(), [*known], n=1, cutoff=0.6)
    return found[0] if found else ""
