"""`--lang` and the locale: which language a command speaks, where it can speak it whole."""

from __future__ import annotations

import os
import sys

from .._language import LANGUAGES, of_environment, say, speak
from .output import fail, note

SPEAKING = (
    "show",
    "explain",
    "diff",
    "diagnose",
    "report",
    "watch",
    "help",
)  # the commands that are whole in every language, besides the help of all


def listen(arguments: list[str]) -> bool:
    """Speak what `--lang` or the environment asks for; `--lang` is taken out of the arguments of the process.

    English is kept for a command that cannot answer whole in another language, for JSON, and where the output has no
    characters for it. False, and one line said, where `--lang` names no language.
    """
    words, asked = taken(arguments[1:])
    if asked is not None and asked not in LANGUAGES:
        fail(f"--lang takes {' or '.join(LANGUAGES)}, not {asked!r}")
        return False
    arguments[1:] = words
    language = asked or of_environment(os.environ)
    speak(language if _can_be_written(language) else "en")
    if not speaks(words):
        if asked == "zh" and "--json" not in words:
            note(say("stepsize {command} speaks English only as yet", command=words[0]))
        speak("en")
    return True


def taken(words: list[str]) -> tuple[list[str], str | None]:
    """The words without `--lang`, and what it names (empty where nothing follows); behind `--` nothing is ours.

    >>> taken(["explain", "--lang", "zh", "cosine()"]), taken(["--lang=en", "list"])
    ((['explain', 'cosine()'], 'zh'), (['list'], 'en'))
    """
    end = words.index("--") if "--" in words else len(words)
    ours, asked = iter(words[:end]), None
    kept = []
    for word in ours:
        if word == "--lang":
            asked = next(ours, "")
        elif word.startswith("--lang="):
            asked = word.partition("=")[2]
        else:
            kept.append(word)
    return kept + words[end:], asked


def speaks(words: list[str]) -> bool:
    """Whether what these words ask for can be told in every language.

    >>> speaks(["explain", "cosine()"]), speaks(["tune", "digits"]), speaks(["tune", "--help"])
    (True, False, True)
    """
    ours = words[: words.index("--")] if "--" in words else words
    if "--json" in ours:
        return False
    return not ours or "--help" in ours or "-h" in ours or ours[0] in SPEAKING


def _can_be_written(language: str) -> bool:
    if language == "en":
        return True
    before = speak(language)
    try:
        say("the rate").encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    finally:
        speak(before)
    return True
