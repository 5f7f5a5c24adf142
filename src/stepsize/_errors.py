"""The errors a user meets: one line that names what, the bound, the value, and what to write instead."""

from __future__ import annotations

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


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
        super().__init__(f"column {column}: {message}")
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
    """Return `value` as a plain finite int or float within the bounds, or raise an error that names them."""
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
    bounds = " and ".join(f"{sign} {bound:g}" for sign, bound in signs if bound is not None)
    wanted = f"a number {bounds}".rstrip()
    raise StepsizeError(f"{owner}: {field} must be {wanted}, not {(value if plain is None else plain)!r}")


def whole(
    owner: str,
    field: str,
    value: object,
    *,
    low: float | None = None,
    high: float | None = None,
    below: float | None = None,
) -> int:
    """Return `value` as an int within the bounds, or raise an error; 3.0 is whole, 3.5 is not."""
    plain = number(owner, field, value, low=low, high=high, below=below)
    if plain != int(plain):
        raise StepsizeError(f"{owner}: {field} must be a whole number, not {plain!r}")
    return int(plain)


def flag(owner: str, field: str, value: object) -> bool:
    """Return `value` if it is True or False, or raise an error that says so."""
    if value is True or value is False:
        return bool(value)
    raise StepsizeError(f"{owner}: {field} must be True or False, not {value!r}")


def one_of(owner: str, field: str, value: object, options: Iterable[str]) -> str:
    """Return `value` if it is one of a few words, or raise an error that lists them."""
    words = tuple(options)
    if isinstance(value, str) and value in words:
        return value
    wanted = " or ".join(map(repr, words)) if len(words) < 3 else f"one of {', '.join(words)}"
    raise StepsizeError(f"{owner}: {field} must be {wanted}, not {value!r}")


def _plain(value: object) -> int | float | None:
    """Turn NumPy and other real scalars into a Python number; None for anything else."""
    if isinstance(value, (bool, str, bytes)):
        return None
    if type(value) is int:
        return value if abs(value) < 2**63 else float("inf")
    if type(value) is float:
        return value
    try:
        if hasattr(value, "__index__"):
            return _plain(int(value.__index__()))
        if hasattr(value, "__float__"):
            return float(value)
    except (TypeError, ValueError):
        pass
    return None
