"""`stepsize list` and `stepsize help WORD`: the vocabulary, and one word of it whole."""

from __future__ import annotations

import inspect
import re

from .._errors import StepsizeError
from .._language import said, say, spoken
from ..text import parse
from ..vocabulary import WORDS, kind_of, look_up, summary
from .output import fail, print_json
from .show import told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KINDS = tuple(dict.fromkeys(map(kind_of, WORDS)))
TITLES = {kind: f"{kind}s" for kind in KINDS}


def list_words(kind: str | None, as_json: bool) -> int:
    """Print every word with its first sentence, or those of one kind."""
    words = [word for word in WORDS if kind in (None, kind_of(word))]
    if as_json:
        for word in words:
            print_json({"word": word, "kind": kind_of(word), "summary": summary(word)})
        return 0
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    longest, last = max(map(len, words)), ""
    for word in words:
        if kind_of(word) != last:
            last = kind_of(word)
            console.print(f"[dim]{said(TITLES[last])}[/]")
        console.print(f"  [bold]{word:<{longest}}[/]  {escape(said(summary(word)))}")
    print()
    print(say("Combine with * (times), + (plus), >> (then) and | (flows into); stepsize help WORD tells one whole."))
    return 0


def help_word(word: str) -> int:
    """Print how a word is called, what it is, and all that it says of itself."""
    call = re.fullmatch(r"\s*(\w+)\s*(\([^()]*\))?\s*", word)
    name = call.group(1) if call else ""
    if name not in WORDS:
        try:
            parse(f"{name}()" if call and not call.group(2) else word)
        except StepsizeError as error:
            return fail(told(error))
        return fail(say("{word} is no single word: write stepsize explain {word!r}", word=word))
    print(call_of(name))
    if spoken() == "en":
        print(f"{kind_of(name)}\n")
    else:
        print(f"{said(TITLES[kind_of(name)])}\n\n{said(summary(name))}\n")
        print(say("The whole documentation of the word is in English:"))
        print()
    print(inspect.getdoc(look_up(name)))
    return 0


def call_of(word: str) -> str:
    """How a word is called, with its defaults.

    >>> call_of("cosine")
    'cosine(length=None, *, final=0.0)'
    """
    signature = inspect.signature(look_up(word))
    bare: list[Any] = [one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()]
    return word + str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))
