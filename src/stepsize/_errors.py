"""The errors a user meets: one line that names what, the bound, the value, and what to write instead."""

from __future__ import annotations

import math

from ._language import commas, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

FARTHEST = 2**53  # of steps and all that is counted: up to here every whole number is a float of its own
_SHORT = 2**31  # arrays of 32 bits beside larger whole numbers overflow, so these become floats
_SHOWN = 100  # characters of a value in a message


LONGEST = 1000  # characters of a message; no sentence of ours is as long, so what is longer quotes a user's text
QUOTED = 160  # characters that are left of each quoted piece then


class StepsizeError(ValueError):
    """Something the user wrote cannot be done; the message is one line and says what to write instead.

    Whatever text of the user's it quotes, the message has at most 1,000 characters.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(shortened(str(message)))


def shortened(message: str) -> str:
    """The message itself up to 1,000 characters; a longer one without the middle of what it quotes.

    >>> len(shortened(f"a sentence about {'x' * 200_000!r}: write another"))
    191
    """
    if len(message) <= LONGEST:
        return message
    import re  # here, for the quick start of the command line

    quoted = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|“[^”]*”""", re.DOTALL)
    return _cut(quoted.sub(lambda found: _cut(found[0], QUOTED), message), LONGEST)


def _cut(text: str, most: int) -> str:
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"


class ParseError(StepsizeError):
    """A text is not an expression of the vocabulary; `column` counts from 1."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(say("column {column}: {message}", column=column, message=message))
        self.message = shortened(message)
        self.column = column

    def __reduce__(self) -> tuple[object, ...]:
        return ParseError, (self.message, self.column)


class LengthError(StepsizeError):
    """A length is not known in steps, or does not fit into the run."""


def number(
    owner: str,
    field: str,
    value: object,
    *,
    above: float | None = None,
    low: float | None = None,
    high: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value` as a plain finite int or float within the bounds, or raise an error that names them.

    An int of 2^31 or more comes back as a float, since that is what every computation makes of it.

    >>> number("rate", "base", 1), number("rate", "base", 10**30)
    (1, 1e+30)
    """
    plain = _bounded(owner, field, value, above, low, high, below)
    return plain if -_SHORT < plain < _SHORT else float(plain)


def _bounded(
    owner: str,
    field: str,
    value: object,
    above: float | None,
    low: float | None,
    high: float | None,
    below: float | None,
) -> int | float:
    plain = _plain(value)
    if (
        plain is not None
        and math.isfinite(plain)
        and (above is None or plain > above)
        and (low is None or plain >= low)
        and (high is None or plain <= high)
        and (below is None or plain < below)
    ):
        return plain
    signs = ((">", above), ("≥", low), ("≤", high), ("<", below))
    wanted = _number_within([f"{sign} {bound:g}" for sign, bound in signs if bound is not None])
    raise _must_be(owner, field, wanted, _said(value, plain))


def _number_within(bounds: list[str]) -> str:
    if not bounds:
        return say("a number")
    if len(bounds) == 1:
        return say("a number {bound}", bound=bounds[0])
    return say("a number {low} and {high}", low=bounds[0], high=bounds[1])


def _must_be(owner: str, field: str, wanted: str, value: str) -> StepsizeError:
    told = say("{owner}: {field} must be {wanted}, not {value}", owner=owner, field=field, wanted=wanted, value=value)
    return StepsizeError(told)


def whole(
    owner: str,
    field: str,
    value: object,
    *,
    low: float | None = None,
    high: float | None = None,
    below: float | None = None,
) -> int:
    """Return `value` as an int within the bounds and 2^53, or raise an error; 3.0 is whole, 3.5 is not."""
    plain = _bounded(owner, field, value, None, low, high, below)
    if plain != int(plain):
        raise _must_be(owner, field, say("a whole number"), repr(plain))
    if abs(plain) > FARTHEST:
        raise _must_be(owner, field, say("a whole number up to 2^53, {most}", most=FARTHEST), shown(plain))
    return int(plain)


def flag(owner: str, field: str, value: object) -> bool:
    """Return `value` if it is True or False, or raise an error that says so."""
    if value is True or value is False:
        return bool(value)
    raise _must_be(owner, field, say("True or False"), shown(value))


def one_of(owner: str, field: str, value: object, options: Iterable[str]) -> str:
    """Return `value` if it is one of a few words, or raise an error that lists them."""
    words = tuple(options)
    if isinstance(value, str) and value in words:
        return value
    raise _must_be(owner, field, _one_of(words), shown(value))


def _one_of(words: tuple[str, ...]) -> str:
    if len(words) == 2:
        return say("{first!r} or {last!r}", first=words[0], last=words[1])
    return repr(words[0]) if len(words) == 1 else say("one of {words}", words=commas(words))


def shown(value: object) -> str:
    """A value as a message shows it: one short line, whatever it is.

    >>> shown(0.1), shown(10**5000), shown("x" * 1000)[-4:]
    ('0.1', 'a whole number of 5001 digits', 'xxx…')
    """
    if type(value) is int and abs(value) >= 10**30:
        return say("a whole number of {digits} digits", digits=_digits(value))
    try:
        text = " ".join(repr(value).split())
    except Exception:
        return say("a {kind}", kind=type(value).__name__)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def printable(text: str) -> str:
    r"""The text as one line, without what would steer a terminal.

    >>> printable("a\nb\x1b[31m é")
    'a\\nb\\x1b[31m é'
    """
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _digits(value: int) -> int:
    """How many decimal digits, without writing them: Python refuses to write more than a few thousand."""
    return int(math.log10(abs(value))) + 1


def _said(value: object, plain: float | None) -> str:
    """The number that was understood, or what was written where none was."""
    return shown(value if plain is None or (math.isinf(plain) and type(value) is not float) else plain)


def _plain(value: object) -> int | float | None:
    """Turn NumPy and other real scalars into a Python number, too large ones into infinity; None for anything else."""
    kind = type(value)
    if kind is float:
        return value  # type: ignore[return-value]
    if isinstance(value, (bool, str, bytes, complex)) or kind.__name__ in ("bool_", "bool", "complex64"):
        return None
    try:
        if hasattr(value, "__index__"):
            whole = int(value.__index__())
            float(whole)  # an error where no float holds it
            return whole
        if hasattr(value, "__float__"):
            return float(value)
    except OverflowError:
        return math.inf
    except (TypeError, ValueError):
        pass
    return None
