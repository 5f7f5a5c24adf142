"""Reasons that a file holds in English, said in the language that is spoken: each is read by the text it is made of."""

from __future__ import annotations

import re
from functools import cache

from ..._language import commas, heard, said, say, spoken

REASONS: dict[str, tuple[str, ...]] = {  # by the word that gives them; those that others begin like stand last
    "plateau": (
        "{watch} not better than {best} for 1 value: factor {factor}",
        "{watch} not better than {best} for {count} values: factor {factor}",
        "{watch} not finite for 1 value: factor {factor}",
        "{watch} not finite for {count} values: factor {factor}",
        "{seen}: counted as bad",
    ),
    "greedy": (
        "{watch} {mean}: {count} new bests in a row, factor {factor}",
        "{watch} {mean}: {count} looks without a new best ({best}), from the beginning: factor 1",
        "{watch} {mean}: {count} looks without a new best ({best}), factor {factor}",
    ),
    "newbob": ("{watch} {last} → {mean}, better by {better} < {threshold}: factor {factor}",),
    "bold_driver": ("loss fell {last} → {loss}: factor {factor}", "loss rose {last} → {loss}: factor {factor}"),
    "infrared": (
        "loss fell {fall}, before {before}: no ratio, factor 1",
        "loss fell {fall}, before {before}: floor {factor}",
        "loss fell {fall}, before {before}: cap {factor}",
        "loss fell {fall}, before {before}: factor {factor}",
        "loss rose {rise}: floor {factor}",
    ),
    "spike": (
        "loss {loss} above {limit}: factor {factor}",
        "{count} losses above {limit} in a row: a new level, factor {factor}",
        "{seen}: factor {factor}",
    ),
    "polyak": (
        "slope {slope}, no way down: held at {held}",
        "slope {slope}, no way down: {rate}",
        "loss {loss} not above f_star: {rate}",
        "growing to {rate}",
    ),
    "armijo": (
        "{count} tries: factor {factor}",
        "none of {count} tries lowered loss {loss} enough: no step",
    ),
    "barzilai_borwein": ("curvature {curvature}, not above 0: held at {held}",),
    "adgd": ("nothing moved: held at {held}",),
    "hypergradient": ("highest factor {factor}", "lowest factor {factor}"),
    "gradient_noise": ("signal {share}: lowest {low}",),
    "robust_infrared": (
        "edge found at {rate}",
        "rate {rate}: held",
        "loss not finite: smaller step",
        "loss would rise: lowest point of the parabola",
        "loss would rise: half a step",
        "the batches differ after all",
        "the same batch at every update: each loss is a check",
        "{seen}: no step",
    ),
    "amp": (
        "loss scale {last} → {scale}: updates with infinite gradients were left out",
        "loss scale {last} → {scale}",
        "mixed precision left an update out, whose gradients were infinite",
    ),
    "skip": (
        "elements of the gradient are NaN or infinite: the update was left out",
        "{bad} of {all} elements of the gradient of {parameter} are NaN or infinite: the update was left out",
    ),
    "clip": (
        "{clip}: limited all elements of a gradient of length {norm}",
        "{clip}: limited all elements",
        "{clip}: limited {share} of the elements of a gradient of length {norm}",
        "{clip}: limited {share} of the elements",
    ),
    "parameter": ("parameter {index} of group {group}, shape {shape}",),  # of a reason to skip, where it has no name
    "": ("highest rate {rate}", "lowest rate {rate}", "{seen}: held at {held}"),
}
QUANTITIES = {  # how a reason calls them, and the text that is said
    "loss": "the loss",
    "loss change": "change of the loss",
    "metric": "the metric",
    "slope": "the slope",
    "rate": "the rate",
    "step": "length of the step",
    "change": "change of the gradient",
    "product": "product",
    "gradient": "gradient",
    "direction": "direction",
    "variance": "variance",
    "distance": "distance",
    "start": "the starting point",
}

_FIELDS = {  # what may stand in a field that holds no number
    "watch": "loss|metric",
    "seen": r"[a-z ]+ \S+(?:, [a-z ]+ \S+)*",
    "clip": "[^:]+",
    "parameter": ".+",
    "shape": r"\(.*\)",
}


def said_again(why: str) -> str:
    """A reason in the language that is spoken; one that nobody of ours gives stays as it is.

    >>> said_again("loss rose 1 → 2: factor 0.5")
    'loss rose 1 → 2: factor 0.5'
    """
    if spoken() == "en":
        return str(why)
    told = _said_again(why)
    if told is None and ": " in why:  # of another setting than the rate, whose name stands before it
        name, _, line = why.partition(": ")
        rest = _said_again(line)
        told = None if rest is None else say("{name}: {line}", name=name, line=rest)
    return heard(why) if told is None else told


def _said_again(why: str, word: str | None = None) -> str | None:
    for text, form in _forms(word):
        if found := form.fullmatch(why):
            return said(text).format(**{name: _said_field(name, one) for name, one in found.groupdict().items()})
    return None


def _said_field(name: str, told: str) -> str:
    """What a field holds: numbers stay, and words are said."""
    if name == "watch":
        return said(QUANTITIES.get(told, told))
    if name == "parameter":
        return _said_again(told, name) or told
    if name != "seen":
        return told
    pairs = [one.rpartition(" ") for one in told.split(", ")]
    seen: str = heard(commas(f"{said(QUANTITIES.get(word, word))} {number}" for word, _, number in pairs))
    return seen


@cache
def _forms(word: str | None) -> list[tuple[str, re.Pattern[str]]]:
    """What a word may give, or any of them."""
    found = REASONS.values() if word is None else [REASONS[word]]
    return [(text, _form(text)) for texts in found for text in texts]


def _form(text: str) -> re.Pattern[str]:
    """What reads the fields of a text again."""
    parts = re.split(r"\{(\w+)\}", text)
    of_field = [f"(?P<{name}>{_FIELDS.get(name, '[^ ,:]+')})" for name in parts[1::2]]
    return re.compile("".join(re.escape(part) + one for part, one in zip(parts[::2], [*of_field, ""], strict=True)))
