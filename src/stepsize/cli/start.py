"""Where the command starts: a plain `show` goes straight to its few imports, everything else to click."""

from __future__ import annotations

import os
import sys

from .._language import of_environment, speak
from .output import CANNOT, INTERRUPTED, lost, prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


MOST_STEPS = 10_000_000
DEFAULT_STEPS = 1000
UNITS = {"steps_per_epoch": None, "batch_size": None, "tokens_per_step": None}


def main() -> None:
    """Run the command line of `stepsize`."""
    prepare()
    try:
        heard = _hears()
        options = quick_show(sys.argv[1:])
        if not heard:
            code = CANNOT
        elif options is None:
            from .commands import run

            code = run()
        else:
            from .show import show

            code = show(**options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except OSError as error:
        code = lost(error)
    finally:
        speak("en")
    sys.exit(code)


def _hears() -> bool:
    """Choose the language; False, and one line said, where `--lang` is written wrongly. English loads nothing here."""
    if not any(word.startswith("--lang") for word in sys.argv[1:]) and of_environment(os.environ) == "en":
        return True
    from .language import listen

    return listen(sys.argv)


def is_negative(word: str) -> bool:
    """Whether a word that begins with a minus is an expression, and no option.

    >>> is_negative("-0.1 * cosine()"), is_negative("-h"), is_negative("--steps")
    (True, False, False)
    """
    return word[:1] == "-" and (word[1:2].isdigit() or word[1:2] == "." or (word[1:2] != "-" and "(" in word))


def quick_show(arguments: list[str]) -> dict[str, Any] | None:
    """The options of a plain `show` without click's help, or None where anything is unusual.

    Importing click alone takes longer than the whole of `show` may; a test holds that both ways agree.
    """
    if arguments[:1] != ["show"] or len(arguments) < 2:
        return None
    options: dict[str, Any] = {
        "texts": (),
        "steps": None,
        "at": None,
        "as_json": False,
        "png": None,
        "svg": None,
        **UNITS,
    }
    rest = iter(arguments[1:])
    for one in rest:
        if one == "--json":
            options["as_json"] = True
        elif one in ("--steps", "--at"):
            value = next(rest, "")
            if one == "--steps" and not (is_count(value) and 0 < int(value) <= MOST_STEPS):
                return None
            if not value or value.startswith("-"):
                return None
            options[one[2:]] = int(value) if one == "--steps" else value
        elif one.startswith("-") and not is_negative(one):
            return None
        else:
            options["texts"] += (one,)
    return options if options["texts"] else None


def is_count(value: str) -> bool:
    """Whether a text is a whole number of fewer than twenty digits: Python reads no endless ones."""
    return value.isascii() and value.isdigit() and len(value) < 20
