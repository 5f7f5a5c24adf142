"""Our docstrings on the site: plain text with examples becomes reStructuredText, with a picture where there is one."""

from __future__ import annotations

import re
from typing import Any

from answers import drawn
from sphinx.application import Sphinx

from stepsize.telling.reference import EXAMPLES

LABELS = ("Formula", "When to use", "When not", "Source", "Sources")
_LABEL = re.compile(rf"^({'|'.join(LABELS)})(:|,)", re.M)


def told(app: Sphinx, what: str, name: str, one: object, options: Any, lines: list[str]) -> None:
    """Change the lines of a docstring in place."""
    if what == "data" and lines[:1] == (type(one).__doc__ or "").splitlines()[:1]:
        lines.clear()  # a tuple says what tuples are; the page says what this one is
    text, example, session = "\n".join(lines).partition(">>>")
    first, _, rest = text.partition("\n\n")
    rest = re.sub(r"\s+(Sources?:\s)", r"\n\n\1", rest)
    rest = re.sub(r"(?<=\.)\s+(When not:\s)", r"\n\n\1", rest)
    parts = [_plain(first), "", *_pictures(name), _labelled(_plain(rest))]
    lines[:] = "\n".join([*parts, *_sessions(example + session)]).splitlines()


def called(app: Sphinx, what: str, name: str, one: object, options: Any, takes: str, gives: str) -> Any:
    """What a call takes, without the addresses of functions; nobody calls a protocol."""
    if getattr(one, "_is_protocol", False):
        return "", None
    return (re.sub(r"=<[^<>]*(<[^<>]*>)?[^<>]*>", "=…", takes), gives) if takes else None


def _plain(text: str) -> str:
    """Prose in which only what stands in backquotes means anything."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if i % 2 else re.sub(r"([*|_\\])", r"\\\1", part) for i, part in enumerate(parts))


def _labelled(text: str) -> str:
    """The first words of a paragraph that say what it is, set off."""
    return _LABEL.sub(r"**\1**\2", text)


def _sessions(text: str) -> list[str]:
    """Examples as they are, and the prose between them."""
    lines, inside = text.splitlines(), False
    for i, line in enumerate(lines):
        inside = line.lstrip().startswith(">>>") or (inside and bool(line.strip()))
        lines[i] = line if inside else _plain(line)
    return lines


def _pictures(name: str) -> list[str]:
    """The curve of a schedule, as docs/schedules.md shows it, or what a controller or a clip does."""
    package, _, word = name.rpartition(".")
    if package != "stepsize":
        return []
    if word in EXAMPLES:
        return [
            "",
            f".. image:: /curves/{word}.svg",
            f"   :alt: {word}",
            "   :class: drawn",
            "",
            f"`{EXAMPLES[word]}`",
            "",
        ]
    svg = drawn(word)
    return ["", ".. raw:: html", "", f'   <div class="drawn">{svg}</div>', ""] if svg else []
