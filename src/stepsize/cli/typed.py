"""What was typed in the shell, where it cannot be meant: a text that the shell took apart, a command that is none."""

from __future__ import annotations

import os
import shlex
import sys

from .._errors import StepsizeError
from .._language import said, say, spoken
from .start import is_negative

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_MEANT = {
    **dict.fromkeys(("plot", "draw", "curve", "graph", "view", "print", "eval", "parse"), "show"),
    **dict.fromkeys(("train", "run", "bench", "benchmark", "test", "demo"), "compare"),
    **dict.fromkeys(("search", "sweep", "optimize", "optimise", "suggest", "hpo"), "tune"),
    **dict.fromkeys(("lr_find", "lr-find", "finder", "range-test", "range_test"), "find"),
    **dict.fromkeys(("rescale", "transfer", "convert"), "scale"),
    **dict.fromkeys(("words", "vocabulary", "vocab", "ls"), "list"),
    **dict.fromkeys(("check", "doctor", "log", "analyse", "analyze"), "diagnose"),
    **dict.fromkeys(("page", "html", "picture"), "report"),
    **dict.fromkeys(("live", "follow", "tail", "serve", "dashboard", "monitor"), "watch"),
    **dict.fromkeys(("describe", "tell", "why"), "explain"),
    "version": "--version",
}
_EXAMPLES = {
    "show": '"0.1 * cosine()"',
    "explain": '"0.1 * cosine()"',
    "diff": '"0.1 * cosine()" "0.1 * linear()"',
    "compare": "digits",
    "diagnose": "run.csv",
    "tune": "digits",
    "find": "digits",
    "scale": '"adam() | 1e-3" --batch 256:4096',
    "report": "run.jsonl",
    "watch": "run.jsonl",
}
_RATE = 'the rate stands in the expression, "0.1 * cosine()" or "sgd() | 0.1"'
_EPOCHS = "write --steps, the number of updates: epochs times the batches of one"
_NO_OPTIONS = {
    **dict.fromkeys(("--lr", "--learning-rate", "--rate", "--base"), _RATE),
    **dict.fromkeys(("--epochs", "--max-epochs", "--num-epochs"), _EPOCHS),
}
SHIELD = "\u2060"  # stands before a text that begins with a minus, so that click does not take it for an option


def shielded(words: Sequence[str]) -> list[str]:
    """The words for click, where an expression that begins with a minus is no option."""
    before = ("--json", *words)  # of any other option a word may be the value
    return [
        SHIELD + word if is_negative(word) and (last == "--json" or not last.startswith("--")) else word
        for last, word in zip(before, words, strict=False)
    ]


def apart(words: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The words for stepsize, and those of the command behind `--` that trains.

    >>> apart(["tune", "adam() | 0.1", "--", "python", "train.py"])
    (['tune', 'adam() | 0.1'], ('python', 'train.py'))
    """
    if "--" not in words or words[0] not in ("tune", "find", "compare"):
        return list(words), ()
    place = list(words).index("--")
    if words[0] != "tune":
        if place + 1 == len(words) or is_negative(words[place + 1]) or _is_read(words[place + 1]):
            return list(words), ()
        told = say(
            '{command} runs no script: write stepsize tune "adam() | 1e-3" -- {script}',
            command=words[0],
            script=" ".join(words[place + 1 :]),
        )
        raise StepsizeError(told)
    if place == 1:
        told = say('tune: no strategy stands before --: write stepsize tune "adam() | 1e-3" -- python train.py')
        raise StepsizeError(told)
    if place + 1 == len(words):
        told = say("no command stands behind --: write the one that trains, such as -- python train.py")
        raise StepsizeError(told)
    return list(words[:place]), tuple(words[place + 1 :])


def by_command(told: str, words: Sequence[str]) -> str:
    """A message of what reads data, which speaks as `compare`, under the name of the command that was typed.

    >>> by_command("compare: x.csv is empty", ["find", "x.csv"]), by_command("sgd: no", ["find"])
    ('find: x.csv is empty', 'sgd: no')
    """
    owner = "compare: "  # in every language
    script, needed, _ = told.removeprefix(owner).partition(said(" needs the name of a function"))
    if words[:1] == ["tune"] and needed:
        told = say(
            '{problem}; a script that trains is tuned by stepsize tune "adam() | 1e-3" -- python {script}',
            problem=told,
            script=shlex.quote(script),
        )
    if not told.startswith(owner):
        return told
    read_by = words[0] if words and words[0] in ("compare", "find", "tune") else "compare"
    return say("{name}: {line}", name=read_by, line=told.removeprefix(owner))


def data_first(command: str, data: str, others: Sequence[str] = ()) -> None:
    """An error where a strategy stands in the place of the data."""
    if command == "tune" and _is_read(data) and any(one.split("/")[-1].startswith("python") for one in others):
        told = say(
            'tune: -- stands before the command that trains: write stepsize tune "{text}" -- python …', text=data
        )
        raise StepsizeError(told)
    if command == "tune" and any(one.endswith(".py") for one in others) and not os.path.exists(data):
        line = shlex.join([data, *others])
        told = say(
            'tune: a strategy and -- stand before a command: write stepsize tune "adam() | 1e-3" -- {line}', line=line
        )
        raise StepsizeError(told)
    if not data.isidentifier() and not os.path.exists(data) and _is_read(data):
        told = say('{command}: DATA comes first: write stepsize {command} digits "{text}"', command=command, text=data)
        raise StepsizeError(told)


def whole(command: str, words: Sequence[str]) -> str:
    """What to say of a text that came in pieces, because it had no quotes, or of a file; empty where it is neither."""
    if len(words) == 1 and os.path.isfile(words[0]) and not _is_read(words[0]):
        return say("{path} is a file and no expression: write stepsize diagnose {path}", path=words[0])
    if len(words) < 2:
        return ""
    if any(os.path.exists(word) and not _is_read(word) for word in words):
        return say(
            'the shell put file names in place of *: quote the expression, stepsize {command} "0.1 * cosine()"',
            command=command,
        )
    text = " ".join(words)
    if not _is_read(text):
        return ""
    return say('the shell took the expression apart: write stepsize {command} "{text}"', command=command, text=text)


def in_its_words(clicks: str) -> str:
    """A message of click in the language that is spoken."""
    if spoken() == "en":
        return clicks
    from .refused import refused

    return refused(clicks)


def meant(clicks: str) -> str:
    """A better message than click's own, where what was typed is understood; else empty."""
    words = sys.argv[1:]
    if clicks.startswith("No such command") and words:
        return _command(words)
    if clicks.startswith("Missing argument") and words[0] == "tune" and "--" in words:
        return say('no strategy stands before --: write stepsize tune "adam() | 1e-3" -- python train.py')
    if clicks.startswith("Got unexpected extra argument"):
        texts = [word for word in words[1:] if not word.startswith("--")]
        if words[0] in ("find", "scale") and _is_read(texts[-1]):
            return say("{command} takes one strategy, not {text!r} as well", command=words[0], text=texts[-1])
        if words[0] == "list":
            word = texts[0].partition("(")[0]
            return say("list takes no word: write stepsize list, or stepsize help {word}", word=word)
        return whole(words[0], texts) if words[0] in _EXAMPLES else ""
    for option, instead in _NO_OPTIONS.items():
        if clicks.startswith(f"No such option '{option}'"):
            return say("No such option '{option}': {instead}", option=option, instead=said(instead))
    if clicks.startswith("Missing argument") and words[0] in _EXAMPLES:
        line = f"stepsize {words[0]} {_EXAMPLES[words[0]]}"
        return say("{problem}: write {line}", problem=in_its_words(clicks).rstrip(".。"), line=line)
    return ""


def _command(words: list[str]) -> str:
    """What a word that is no command was meant to be."""
    first = words[0]
    if first.lower() in _MEANT:
        command = _MEANT[first.lower()]
        return say("No such command {word!r}: write stepsize {command}", word=first, command=command)
    if os.path.exists(first):
        return say("No such command {word!r}: write stepsize diagnose {word}, or stepsize compare {word}", word=first)
    if _is_read(first) and (not first.isidentifier()):
        return say('No command before the expression: write stepsize show "{text}"', text=first)
    return ""


def _is_read(text: str) -> bool:
    from ..suggest.reading import is_read  # of what loads only where something was mistyped

    return is_read(text)
