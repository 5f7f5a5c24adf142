"""The phrases of `explain`, a table from word to phrase; braces hold fields and the numbers x and y at the ends."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    Phrase: TypeAlias = str | Callable[[Any], str]

_FROM_TO = " from {x} to {y}"
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
}

WATCHED = {
    "loss_at": "the loss at other rates",
    "grad_norm": "the gradient's norm",
    "grad_variance": "the gradient's variance",
    "direction_norm": "the direction's norm",
    "step_norm": "the last step",
    "grad_change_norm": "the gradient's change",
    "step_dot_grad_change": "how they agree",
    "grad_dot_last_direction": "how the gradient agrees with the last direction",
    "start_norm": "the starting point",
    "distance": "the distance from the start",
    "loss": "the loss",
    "metric": "the metric",
    "slope": "the slope",
    "progress": "the progress",
}

JOINED = {"plus": ("Plus", "the sum"), "minimum": ("Or", "the smallest"), "maximum": ("Or", "the largest")}


def pieces(f: Any) -> tuple[list[float], list[str]]:
    """The local times where the pieces of a curve meet, and a phrase for each piece."""
    if f.word() in _PIECES:
        return _PIECES[f.word()](f)
    length: object = f.fields().get("length")
    phrase = _phrase(f)
    if not isinstance(length, int) or f.word() in ("constant", "noise"):
        return [], [phrase]
    return [float(length)], [phrase, "stays at {x}" if f.word() != "formula" else "goes on" + _FROM_TO]


def _phrase(f: Any) -> str:
    from ..vocabulary import summary

    found = CURVES.get(f.word())
    if found is None:
        return f"follows {f.word()} ({summary(f.word()).rstrip('.')})".replace("{", "{{").replace("}", "}}") + _FROM_TO
    return found if isinstance(found, str) else found(f)


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


def _staged(f: Any) -> tuple[list[float], list[str]]:
    count = len(f.factors)
    if count > _LISTED:
        return [], [_phrase(f).replace("{count}", str(count))]
    bounds = f.at if f.at is not None else [i * f.length / count for i in range(1, count)] if count > 1 else []
    return [float(one) for one in bounds], ["stays at {x}"] * count


def _listed(f: Any) -> tuple[list[float], list[str]]:
    count = len(f.values)
    if count > _LISTED:
        return [float(count * f.every)], [_phrase(f).replace("{count}", str(count)), "stays at {x}"]
    return [float(i * f.every) for i in range(1, count)], ["stays at {x}"] * count


def _knotted(f: Any) -> tuple[list[float], list[str]]:
    line = "{moves} " + RISING[f.shape] + _FROM_TO
    return [float(when) for when, _ in f.knots[1:]], [line] * (len(f.knots) - 1) + ["stays at {x}"]


_PIECES: dict[str, Callable[[Any], tuple[list[float], list[str]]]] = {
    "stages": _staged,
    "table": _listed,
    "piecewise": _knotted,
}
