"""The phrases of `explain`, by the word of a class; braces hold fields and the numbers x and y at the ends.

A phrase is found through the class of a value: its own word, or that of the word it is built on, where the class is
the vocabulary's. A class from elsewhere is told by the first line of its documentation. Texts in the tables are said
in the language that is spoken where they are used; what a function answers is in it already.
"""

from __future__ import annotations

import math
from functools import singledispatch

from .._language import said
from ..schedules.boundaries import settled
from ..schedules.formulas import formula
from ..schedules.shapes import stages
from ..schedules.tables import piecewise, table
from .answers import bounds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    Phrase: TypeAlias = str | Callable[[Any], str]

_LISTED = 6  # longer lists are told by their ends

RISING = {
    "linear": "in a straight line",
    "cosine": "along half a cosine",
    "sqrt": "like a square root",
    "square": "like a square",
    "exponential": "exponentially",
    "log": "like a logarithm",
}
COOLING = {
    "linear": "in a straight line",
    "cosine": "along half a cosine",
    "mirrored-cosine": "along a mirrored cosine",
    "1-sqrt": "like 1 minus a square root",
    "square": "like 1 minus a square",
    "exponential": "exponentially",
}

STAGES: dict[str, Phrase] = {
    "clip": "Every element of the {what} is limited to ±{max}.",
    "clip_norm": "The {what} is shortened to norm {max} where it is longer.",
    "clip_rms": "Every array of the {what} is shortened to a root mean square of {max} where it has more.",
    "unitwise": lambda f: _filled(
        said(
            "Every unit of the {what}, counted along the {side} axis, is shortened to {max} times the norm of its "
            "parameters (taken as {floor} at least) where it is longer."
        ),
        side=said("last") if f.unit_axis else said("first"),
    ),
    "stable": (
        "Every array of the {what} is shortened by as much as the newest squares outgrew the rule's running mean of "
        "squares (memory {beta2})."
    ),
    "zclip": lambda f: (
        said(
            "The {what} is shortened where its norm is more than {z} times its deviation above its running mean "
            "(memory {alpha}), once {warm_up} norms were seen."
        )
        if f.max is None
        else said(
            "The {what} is shortened where its norm is more than {z} times its deviation above its running mean "
            "(memory {alpha}), once {warm_up} norms were seen, and always to norm {max} at most."
        )
    ),
    "percentile": "The {what} is shortened to percentile {p} of its last {history} norms where it is longer.",
    "adagc": lambda f: _filled(
        said(
            "Every array of the {what} is shortened to {ratio_times}the running mean of its own norms (memory {beta}) "
            "where it is longer; in the first {warm_up} updates the whole {what} is shortened to norm {max} instead."
        ),
        ratio_times="" if f.ratio == 1 else said("{ratio} times "),
    ),
    "spam": lambda f: _filled(
        said(
            "Every element of the {what} is limited to {root} times its own running size (memory {beta2}), once "
            "{warm_up} updates were seen."
        ),
        root=f"{math.sqrt(f.threshold):.4g}",
    ),
    "trust": lambda f: _filled(
        said("Every array of the {what} is made as long as {length}{bounds}."),
        length=said("its parameters") if f.coefficient == 1 else said("{coefficient} times its parameters"),
        bounds=bounds(
            f.low or None, f.high, said(", by a factor of ") if f.high is not None else said(", by a factor ")
        ),
    ),
    "weight_decay": "{amount} times the parameters is added to the {what}.",
    "sgd": lambda f: _sgd(f),
    "adagrad": "AdaGrad divides every element of the {what} by the root of the sum of all its squares.",
    "rmsprop": lambda f: _filled(
        said(
            "RMSProp divides every element of the {what} by the root of a running mean of its squares (memory "
            "{alpha}){centred}{summed}."
        ),
        centred=said(", around its own mean") if f.centered else "",
        summed=said(", and sums with momentum {momentum}") if f.momentum else "",
    ),
    "adam": (
        "Adam turns it into a direction: the running mean of the {what} (memory {beta1}) over the root of that of its "
        "squares (memory {beta2})."
    ),
}

CURVES: dict[str, Phrase] = {
    "constant": "stays at {x}",
    "warmup": lambda f: _moving(RISING[f.shape]),
    "linear": lambda f: _moving(RISING["linear"]),
    "cosine": lambda f: _moving(RISING["cosine"]),
    "exponential": lambda f: (
        said("{moves} by a constant ratio, times {gamma} {pace}, from {x} to {y}")
        if f.every
        else said("{moves} by a constant ratio from {x} to {y}")
    ),
    "staircase": "is multiplied by {gamma} {pace}, from {x} to {y}",
    "polynomial": lambda f: (
        said("{moves} as what is left to the power {power} (k {k}) from {x} to {y}")
        if f.k != 1
        else said("{moves} as what is left to the power {power} from {x} to {y}")
    ),
    "inverse_time": lambda f: (
        said("{moves} like one over a straight line, a new value {pace}, from {x} to {y}")
        if f.staircase
        else said("{moves} like one over a straight line from {x} to {y}")
    ),
    "power_law": "{moves} like time to the power {exponent} from {x} to {y}",
    "rex": "{moves} slowly at first and steeply at the end from {x} to {y}",
    "tanh_decay": "{moves} along a hyperbolic tangent from {x} to {y}",
    "anneal": lambda f: _moving(COOLING[f.shape]),
    "saturation": "{moves} quickly at first, then ever more slowly towards {base}, from {x} to {y}",
    "rectification": "{moves} by RAdam's rectification for beta2 {beta2} from {x} to {y}",
    "noise": "is drawn anew {pace}, at most {amplitude} times {base} away from {base}",
    "formula": "follows {text} from {x} to {y}",
    "opaque": "follows the Python function {name} from {x} to {y}",
    "stages": "takes {count} values in turn, from {x} to {y}",
    "table": "takes {count} values in turn, from {x} to {y}",
}

JOINED = {
    "plus": ("Plus", "is the sum of what follows"),
    "minimum": ("Or", "is the smallest of what follows"),
    "maximum": ("Or", "is the largest of what follows"),
}


def found(phrases: dict[str, Any], value: Any) -> Any:
    """The phrase for a value, by the nearest class of this package that it is or is built on; None where none is."""
    for kind in type(value).__mro__:
        if kind.__name__ in phrases and kind.__module__.startswith("stepsize."):
            return phrases[kind.__name__]
    return None


def about(value: Any) -> str:
    """The first sentence of the documentation of a value's class, without its full stop."""
    return " ".join((type(value).__doc__ or "").strip().partition("\n\n")[0].split()).rstrip(".")


@singledispatch
def pieces(f: Any) -> tuple[list[float], list[str]]:
    """The local times where the pieces of a curve meet, and a phrase for each piece, in the language spoken."""
    length: object = f.fields().get("length")
    rest = settled(f) if isinstance(length, int) else None
    if not isinstance(length, int) or rest == 0 or (found(CURVES, f) and rest is None):
        return [], [_phrase(f)]
    return [float(length)], [_phrase(f), stays() if rest is not None and rest <= length else _goes_on()]


def stays() -> str:
    """The phrase of a piece that does not move."""
    return said("stays at {x}")


def _goes_on() -> str:
    return said("goes on from {x} to {y}")


def _moving(how: str) -> str:
    return _filled(said("{moves} {how} from {x} to {y}"), how=said(how))


def _filled(text: str, **fields: str) -> str:
    """A text with some of its fields; those that are not given stay in braces, and so do those inside what is given."""
    for name, value in fields.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _phrase(f: Any) -> str:
    phrase = found(CURVES, f)
    if phrase is None:
        own = (f"{f.word()} ({about(f)})" if about(f) else f.word()).replace("{", "{{").replace("}", "}}")
        return _filled(said("follows {own} from {x} to {y}"), own=own)
    return said(phrase) if isinstance(phrase, str) else str(phrase(f))


def _sgd(f: Any) -> str:
    if not f.momentum:
        return said("SGD goes straight against the {what}.")
    return _filled(
        said("SGD sums up the {what}s with momentum {momentum}{dampened}{ahead}."),
        dampened=said(", new ones dampened by {dampening}") if f.dampening else "",
        ahead=said(", looking one step ahead (Nesterov)") if f.nesterov else "",
    )


@pieces.register
def _formula(f: formula) -> tuple[list[float], list[str]]:
    return ([float(f.length)], [_phrase(f), _goes_on()]) if isinstance(f.length, int) else ([], [_phrase(f)])


@pieces.register
def _staged(f: stages) -> tuple[list[float], list[str]]:
    count = len(f.factors)
    if count > _LISTED:
        return [], [_phrase(f).replace("{count}", str(count))]
    return f._bounds(), [stays()] * count


@pieces.register
def _listed(f: table) -> tuple[list[float], list[str]]:
    count, every = len(f.values), int(f.every)
    if count > _LISTED:
        return [float(count * every)], [_phrase(f).replace("{count}", str(count)), stays()]
    return [float(i * every) for i in range(1, count)], [stays()] * count


@pieces.register
def _knotted(f: piecewise) -> tuple[list[float], list[str]]:
    line = _moving(RISING[f.shape])
    return [float(when) for when, _ in f.knots[1:]], [line] * (len(f.knots) - 1) + [stays()]
