"""What the command writes: one place for streams that are closed, full, narrow, without a reader, or not UTF-8."""

from __future__ import annotations

import codecs
import errno
import os
import sys

from .._errors import printable
from .._language import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, TextIO

DONE, CANNOT, INTERRUPTED = 0, 2, 130
EXIT_CODES = "Exit codes: 0 done · 2 something you wrote cannot be done · 130 interrupted."
_LONGEST = 2000  # characters of a line on the standard error

_PLAIN = {
    "±": "+-",
    "×": "x",
    "÷": "/",
    "·": "*",
    "−": "-",
    "–": "-",
    "—": "-",
    "…": "...",
    "≥": ">=",
    "≤": "<=",
    "≠": "!=",
    "→": "->",
    "“": '"',
    "”": '"',
    "²": "^2",
    "√": "sqrt ",
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "Δ": "Delta",
    "ε": "eps",
    "η": "eta",
    "θ": "theta",
    "μ": "mu",
    "π": "pi",
    "ρ": "rho",
    "Σ": "Sum",
    "φ": "phi",
    "∇": "grad ",
    "∞": "inf",
    "‖": "||",
    "⟨": "<",
    "⟩": ">",
    "⌈": "ceil(",
    "⌉": ")",
    "⌊": "floor(",
    "⌋": ")",
    "←": "<-",
    "ᵀ": "^T",
    "ᵢ": "_i",
    "ⁿ": "^n",
    "⁻": "^-",
    "¹": "1",
    "½": "1/2",
    "⅓": "1/3",
    "₀": "_0",
    "₁": "_1",
    "₂": "_2",
    "₊": "+",
    "ä": "ae",
    "ü": "ue",
    "─": "-",
    "━": "=",
    "┴": "+",
    "┤": "|",
    "│": "|",
    "└": "+",
    "╭": "+",
    "╮": "+",
    "╰": "+",
    "╯": "+",
}
_UPPER, _LOWER = 0x01 | 0x08 | 0x02 | 0x10, 0x04 | 0x20 | 0x40 | 0x80
_DOTS = " '.:"  # a Braille cell with no dots, dots in its upper half, in its lower half, in both


def prepare() -> None:
    """Make both streams ready before anything is written.

    What the encoding of a terminal lacks is spelled in ASCII. A stream that was closed gets a file under its number:
    else the next file that is opened would get that number, and with it what is written to the stream.
    """
    codecs.register_error("stepsize", _spelled)
    if sys.stdout is None:
        sys.stdout = _opened(1, os.O_RDONLY)  # writing to it fails as writing to a full disk does, and is said
    if sys.stderr is None:
        sys.stderr = _opened(2, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="stepsize")


def _opened(number: int, how: int) -> TextIO:
    null = os.open(os.devnull, how)
    if null != number:
        os.dup2(null, number)
        os.close(null)
    return open(number, "w", encoding="utf-8", closefd=False)


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """What stands in ASCII for what cannot be encoded: ± as +-, a Braille cell as one of four characters, else ?."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(one) or _dots(ord(one)) for one in error.object[error.start : error.end]), error.end


def _dots(code: int) -> str:
    if not 0x2800 <= code <= 0x28FF:
        return "?"
    return _DOTS[bool(code & _UPPER) + 2 * bool(code & _LOWER)]


def so_far(out: Path | None) -> str:
    """What to say of a search that was interrupted: how it goes on, where it can."""
    if out is None:
        return say(
            "interrupted: this is the verdict so far, and nothing is kept: write --out DIR, and the same command goes "
            "on"
        )
    return say("interrupted: this is the verdict so far; to go on, repeat: {command}", command=as_typed())


def as_typed() -> str:
    """The command that is running, to paste; a text with single quotes stands in double ones, as people write it."""
    import shlex

    words = (f'"{one}"' if "'" in one and not set(one) & set('"$`\\!') else shlex.quote(one) for one in sys.argv[1:])
    return " ".join(["stepsize", *words])


def tell(line: str) -> None:
    """Write one line to the standard error, whatever is quoted in it; where that is closed or full, nothing happens."""
    if len(line) > _LONGEST:
        line = f"{line[: _LONGEST // 2]} … {line[-_LONGEST // 2 :]}"
    try:
        print(printable(line), file=sys.stderr, flush=True)
    except OSError:
        _mute(sys.stderr)


def fail(message: str) -> int:
    """One line on standard error, and the exit code for something that cannot be done."""
    tell(say("error: {message}", message=message))
    return CANNOT


def note(message: str) -> None:
    """One line on standard error beside the answer; a `Note` in the language that is spoken."""
    tell(say("note: {message}", message=message))


def print_json(line: dict[str, Any]) -> None:
    """One JSON object a line; where the output is not UTF-8, in ASCII, so that no character is lost.

    A number that JSON has no word for is null.
    """
    import json

    unicode = (sys.stdout.encoding or "ascii").lower().replace("-", "").startswith("utf")
    try:
        text = json.dumps(line, ensure_ascii=not unicode, allow_nan=False)
    except ValueError:
        from ..course.log import finite_only

        text = json.dumps(finite_only(line), ensure_ascii=not unicode)
    print(text)


def lost(error: OSError) -> int:
    """The end of a command whose file or output cannot be read or written; a reader that has gone is no error."""
    if isinstance(error, BrokenPipeError):
        code = DONE
    elif error.filename is not None:
        why, file = _why(error), error.filename
        code = fail(say("{file} cannot be read or written ({why}): choose another", file=file, why=why))
    elif error.errno == errno.EBADF:
        code = fail(say("the output cannot be written (it is closed): send it elsewhere"))
    else:
        code = fail(say("the output cannot be written ({why}): send it elsewhere", why=_why(error)))
    _mute(sys.stdout)
    return code


def _why(error: OSError) -> str:
    from .._reasons import reason

    return reason(error)


def _mute(stream: Any) -> None:
    """Let a stream that cannot be written end in silence: Python flushes it once more at its exit."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
    except (OSError, ValueError):  # a stream without a file of its own
        pass


def columns(most: int) -> int:
    """How many columns a line may have: those of the terminal or of COLUMNS, at most `most`; `most` for a file."""
    told = os.environ.get("COLUMNS", "")
    if told.isascii() and told.isdigit() and 0 < len(told) < 6 and int(told):
        return min(int(told), most)
    try:
        return min(os.get_terminal_size(sys.stdout.fileno()).columns or most, most)
    except (OSError, ValueError):
        return most
