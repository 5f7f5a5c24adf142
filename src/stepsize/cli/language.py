"""`--lang` and the locale: which language a command speaks."""

from __future__ import annotations

import os
import sys

from .._language import LANGUAGES, of_environment, say, speak
from .output import fail


def listen(arguments: list[str]) -> bool:
    """Speak what `--lang` or the environment asks for; `--lang` is taken out of the arguments of the process.

    English is kept for JSON, and where the output has no characters for another language. False, and one line said,
    where `--lang` names no language.
    """
    words, asked = taken(arguments[1:])
    if asked is not None and asked not in LANGUAGES:
        fail(f"--lang takes {' or '.join(LANGUAGES)}, not {asked!r}")  # whoever asks for another reads English
        return False
    arguments[1:] = words
    language = asked or of_environment(os.environ)
    speak(language if _can_be_written(language) else "en")
    if not speaks(words):
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
    """Whether what these words ask for is for people: JSON is the same in every language.

    >>> speaks(["explain", "cosine()"]), speaks(["explain", "cosine()", "--json"])
    (True, False)
    """
    return "--json" not in (words[: words.index("--")] if "--" in words else words)


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
