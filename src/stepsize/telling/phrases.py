"""The phrases of `explain`, by the word of a class; braces hold fields and the numbers x and y at the ends.

A phrase is found through the class of a value: its own word, or that of the word it is built on, where the class is
the vocabulary's. A class from elsewhere is told by the first line of its documentation.
"""

from __future__ import annotations

import math
from functools import singledispatch

from ..schedules.boundaries import settled
from ..schedules.formulas import formula
from ..schedules.shapes import stages
from ..schedules.tables import piecewise, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    Phrase: TypeAlias = str | Callable[[Any], str]

_FROM_TO = " from {x} to {y}"
_GOES_ON = "goes on" + _FROM_TO
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
    "unitwise": lambda f: (
        f"Every unit of the {{what}}, counted along the {'last' if f.unit_axis else 'first'} axis, is shortened to "
        "{max} times the norm of its parameters (taken as {floor} at least) where it is longer."
    ),
    "stable": (
        "Every array of the {what} is shortened by as much as the newest squares outgrew the rule's running mean of "
        "squares (memory {beta2})."
    ),
    "zclip": lambda f: (
        "The {what} is shortened where its norm is more than {z} times its deviation above its running mean (memory "
        "{alpha}), once {warm_up} norms were seen" + ("." if f.max is None else ", and always to norm {max} at most.")
    ),
    "percentile": "The {what} is shortened to percentile {p} of its last {history} norms where it is longer.",
    "adagc": lambda f: (
        f"Every array of the {{what}} is shortened to {'' if f.ratio == 1 else '{ratio} times '}the running mean of "
        "its own norms (memory {beta}) where it is longer; in the first {warm_up} updates the whole {what} is "
        "shortened to norm {max} instead."
    ),
    "spam": lambda f: (
        f"Every element of the {{what}} is limited to {math.sqrt(f.threshold):.4g} times its own running size (memory "
        "{beta2}), once {warm_up} updates were seen."
    ),
    "trust": lambda f: (
        "Every array of the {what} is made as long as "
        + ("its parameters" if f.coefficient == 1 else "{coefficient} times its parameters")
        + _bounds(f.low or None, f.high, ", by a factor " + "of " * (f.high is not None))
        + "."
    ),
    "weight_decay": "{amount} times the parameters is added to the {what}.",
    "sgd": lambda f: _sgd(f),
    "adagrad": "AdaGrad divides every element of the {what} by the root of the sum of all its squares.",
    "rmsprop": lambda f: (
        "RMSProp divides every element of the {what} by the root of a running mean of its squares (memory {alpha})"
        + (", around its own mean" if f.centered else "")
        + (", and sums with momentum {momentum}" if f.momentum else "")
        + "."
    ),
    "adam": (
        "Adam turns it into a direction: the running mean of the {what} (memory {beta1}) over the root of that of its "
        "squares (memory {beta2})."
    ),
}

CURVES: dict[str, Phrase] = {
    "constant": "stays at {x}",
    "warmup": lambda f: "{moves} " + RISING[f.shape] + _FROM_TO,
    "linear": "{moves} in a straight line" + _FROM_TO,
    "cosine": "{moves} along half a cosine" + _FROM_TO,
    "exponential": lambda f: "{moves} by a constant ratio" + (", times {gamma} {pace}," if f.every else "") + _FROM_TO,
    "staircase": "is multiplied by {gamma} {pace}," + _FROM_TO,
    "polynomial": lambda f: (
        "{moves} as what is left to the power {power}" + (" (k {k})" if f.k != 1 else "") + _FROM_TO
    ),
    "inverse_time": lambda f: (
        "{moves} like one over a straight line" + (", a new value {pace}," if f.staircase else "") + _FROM_TO
    ),
    "power_law": "{moves} like time to the power {exponent}" + _FROM_TO,
    "rex": "{moves} slowly at first and steeply at the end" + _FROM_TO,
    "tanh_decay": "{moves} along a hyperbolic tangent" + _FROM_TO,
    "anneal": lambda f: "{moves} " + COOLING[f.shape] + _FROM_TO,
    "saturation": "{moves} quickly at first, then ever more slowly towards {base}," + _FROM_TO,
    "rectification": "{moves} by RAdam's rectification for beta2 {beta2}" + _FROM_TO,
    "noise": "is drawn anew {pace}, at most {amplitude} times {base} away from {base}",
    "formula": "follows {text}" + _FROM_TO,
    "opaque": "follows the Python function {name}" + _FROM_TO,
    "stages": "takes {count} values in turn," + _FROM_TO,
    "table": "takes {count} values in turn," + _FROM_TO,
}

CONTROLLERS: dict[str, Callable[[Any], str]] = {
    "infrared": lambda f: (
        f"{f.gamma:.4g} times its last decrease over the one before, at least {f.alpha:.4g}"
        + (f" and at most {f.cap:.4g}" if f.cap is not None else "")
        + (", multiplied up from update to update" if f.compounding else "")
    ),
    "plateau": lambda f: _plateau(f),
    "newbob": lambda f: _newbob(f),
    "greedy": lambda f: _greedy(f),
    "bold_driver": lambda f: (
        f"1 at first, times {f.grow:.4g} where it fell, times {f.shrink:.4g} where it rose"
        + (f" by more than a share of {f.tolerance:.4g}" if f.tolerance else "")
        + _bounds(f.low, f.high)
    ),
    "spike": lambda f: (
        f"1, but {f.back_off:.4g} at a loss more than {f.k:.4g} times their deviation above the median of the "
        f"last {f.window} or one that is no number, and back at 1 in {f.recovery} updates" + _bounds(f.low, None)
    ),
    "polyak": lambda f: (
        f"what the loss has left above {f.f_star:.4g} over {'' if f.c == 1 else f'{f.c:.4g} times '}the slope"
        + _bounds(f.low or None, f.high)
        + (f", doubling in {_count(f.doubling, 'update')} at most" if f.doubling is not None else "")
    ),
    "armijo": lambda f: (
        "1 at first, then the last one"
        + (f" (doubling in {_count(f.doubling, 'update')})" if f.doubling is not None else "")
        + f", times {f.shrink:.4g} until the loss of the same batch falls by at least {f.c:.4g} of what the slope "
        + f"promises{_bounds(f.low, f.high)}; 0 where {_count(f.tries, 'try')} did not find one"
    ),
    "barzilai_borwein": lambda f: (
        f"the inverse of the curvature that the last step met (its {f.form} form){_bounds(f.low, f.high)}; "
        f"{f.first:.4g} at first"
    ),
    "adgd": lambda f: (
        f"half the last step over the gradient's change, growing no faster than is safe{_bounds(f.low, f.high)}; "
        f"{f.first:.4g} at first"
    ),
    "hypergradient": lambda f: (
        "1 at first, then "
        + (
            f"up where they agree and down where not, by a share of {f.beta:.4g} at most each update"
            if f.form == "multiplicative"
            else f"{f.beta:.4g} times their product more at every update"
        )
        + _bounds(f.low, f.high)
    ),
    "distance": lambda f: (
        "the largest distance so far over the root of the sum of the squares of all gradient norms"
        if f.by == "dog"
        else "the largest distance so far, squared, over the root of the sum of the squares of all gradient norms, "
        "each times the distance it was met at"
    ),
    "gradient_noise": lambda f: (
        f"the share of signal in the gradient over the last {_count(f.memory, 'update').removeprefix('1 ')}, 1 without "
        "noise" + _bounds(f.low or None, None)
    ),
    "robust_infrared": lambda f: (
        (f"as far as the loss left above {f.floor:.4g} allows, and " if f.floor is not None else "")
        + "no further than the loss still falls nearly as promised"
    ),
}

WATCHED = {
    "loss_at": "the loss at other rates",
    "grad_norm": "the gradient's norm",
    "grad_variance": "the gradient's variance",
    "direction_norm": "the direction's norm",
    "step_norm": "the last step",
    "grad_change_norm": "the gradient's change",
    "step_dot_grad_change": "how they agree",
    "grad_dot_last_direction": "how the last direction agrees with the gradient",
    "start_norm": "the starting point",
    "distance": "the distance from the start",
    "loss": "the loss",
    "metric": "the metric",
    "slope": "the slope",
    "progress": "the progress",
}

JOINED = {"plus": ("Plus", "the sum"), "minimum": ("Or", "the smallest"), "maximum": ("Or", "the largest")}


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
    """The local times where the pieces of a curve meet, and a phrase for each piece."""
    length: object = f.fields().get("length")
    rest = settled(f) if isinstance(length, int) else None
    if not isinstance(length, int) or rest == 0 or (found(CURVES, f) and rest is None):
        return [], [_phrase(f)]
    return [float(length)], [_phrase(f), "stays at {x}" if rest is not None and rest <= length else _GOES_ON]


def _phrase(f: Any) -> str:
    phrase = found(CURVES, f)
    if phrase is None:
        told = f"follows {f.word()}" + (f" ({about(f)})" if about(f) else "")
        return told.replace("{", "{{").replace("}", "}}") + _FROM_TO
    return phrase if isinstance(phrase, str) else str(phrase(f))


def _sgd(f: Any) -> str:
    if not f.momentum:
        return "SGD goes straight against the {what}."
    dampened = ", new ones dampened by {dampening}" if f.dampening else ""
    ahead = ", looking one step ahead (Nesterov)" if f.nesterov else ""
    return f"SGD sums up the {{what}}s with momentum {{momentum}}{dampened}{ahead}."


def _plateau(f: Any) -> str:
    plural = "s" * (f.limit > 1)
    compared = f"value{plural}" if f.average == 1 else f"mean{plural} of {f.average} values"
    several = f"{f.limit} {compared} in a row" if plural else compared
    best = "lowest" if f.mode == "min" else "highest"
    return (
        f"1 at first, times {f.factor:.4g} at every {several} without a new {best} one"
        + (f", with a pause of {f.cooldown} after each" if f.cooldown else "")
        + (f", never below {f.floor:.4g}" if f.floor else "")
    )


def _newbob(f: Any) -> str:
    value = "value" if f.every == 1 else f"mean of {f.every} values"
    better = "lower" if f.mode == "min" else "higher"
    by = f" by a share of {f.threshold:.4g}" if f.threshold else ""
    turn = f"{_ordinal(f.patient + 1)} " if f.patient else ""
    return f"1 at first, times {f.factor:.4g} at every {turn}{value} not {better} than the one before{by}" + _bounds(
        f.low or None, None
    )


def _greedy(f: Any) -> str:
    n, means = f.patience + 1, "" if f.window == 1 else f" (means of {f.window})"
    ups, downs = (
        (f"{n} new {{}} values in a row", f"{n} others in a row")
        if n > 1
        else ("each new {} value", "each that is not")
    )
    best = "lowest" if f.mode == "min" else "highest"
    pauses = [f"{k} after a {what}" for what, k in (("rise", f.warmup), ("fall", f.cooldown)) if k]
    return (
        f"1 at first, divided by {f.factor:.4g} after {ups.format(best)}{means}, times {f.factor:.4g} after {downs}"
        + _bounds(f.low, f.high)
        + (f", with a pause of {' and '.join(pauses)}" if pauses else "")
        + (f"; from 1 again after {_count(f.restart, 'fall')} to {f.low:.4g}" if f.restart is not None else "")
    )


def _bounds(low: float | None, high: float | None, lead: str = ", ") -> str:
    """The bounds that there are, as the end of a phrase."""
    if high is None and low is not None:
        return f"{lead}never below {low:.4g}"
    told = [f"at {side} {one:.4g}" for side, one in (("least", low), ("most", high)) if one is not None]
    return lead + " and ".join(told) if told else ""


def _count(n: int, noun: str) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{n} {noun if n == 1 else plural}"


def _ordinal(n: int) -> str:
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


@pieces.register
def _formula(f: formula) -> tuple[list[float], list[str]]:
    return ([float(f.length)], [_phrase(f), _GOES_ON]) if isinstance(f.length, int) else ([], [_phrase(f)])


@pieces.register
def _staged(f: stages) -> tuple[list[float], list[str]]:
    count = len(f.factors)
    if count > _LISTED:
        return [], [_phrase(f).replace("{count}", str(count))]
    return f._bounds(), ["stays at {x}"] * count


@pieces.register
def _listed(f: table) -> tuple[list[float], list[str]]:
    count, every = len(f.values), int(f.every)
    if count > _LISTED:
        return [float(count * every)], [_phrase(f).replace("{count}", str(count)), "stays at {x}"]
    return [float(i * every) for i in range(1, count)], ["stays at {x}"] * count


@pieces.register
def _knotted(f: piecewise) -> tuple[list[float], list[str]]:
    line = "{moves} " + RISING[f.shape] + _FROM_TO
    return [float(when) for when, _ in f.knots[1:]], [line] * (len(f.knots) - 1) + ["stays at {x}"]
