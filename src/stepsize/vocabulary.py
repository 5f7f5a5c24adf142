"""The closed vocabulary: every word of a text and the module that defines it, imported when the word is used."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

WORDS: dict[str, str] = {
    "constant": "schedules.shapes",
    "warmup": "schedules.shapes",
    "linear": "schedules.shapes",
    "cosine": "schedules.shapes",
    "exponential": "schedules.shapes",
    "staircase": "schedules.shapes",
    "stages": "schedules.shapes",
    "polynomial": "schedules.decays",
    "inverse_time": "schedules.decays",
    "power_law": "schedules.decays",
    "rex": "schedules.decays",
    "tanh_decay": "schedules.decays",
    "anneal": "schedules.decays",
    "saturation": "schedules.saturation",
    "rectification": "schedules.saturation",
    "piecewise": "schedules.tables",
    "table": "schedules.tables",
    "noise": "schedules.tables",
    "formula": "schedules.formulas",
    "multistep": "schedules.recipes",
    "natural_exponential": "schedules.recipes",
    "inverse_sqrt": "schedules.recipes",
    "noam": "schedules.recipes",
    "wsd": "schedules.recipes",
    "wsds": "schedules.recipes",
    "sgdr": "schedules.recipes",
    "onecycle": "schedules.recipes",
    "onecycle_momentum": "schedules.recipes",
    "cyclic": "schedules.recipes",
    "untuned_linear": "schedules.recipes",
    "untuned_exponential": "schedules.recipes",
    "range_test": "schedules.recipes",
    "chebyshev": "schedules.recipes",
    "then": "schedules.combine",
    "product": "schedules.combine",
    "plus": "schedules.arithmetic",
    "minimum": "schedules.arithmetic",
    "maximum": "schedules.arithmetic",
    "clamp": "schedules.combine",
    "repeat": "schedules.time",
    "stretch": "schedules.time",
    "shift": "schedules.time",
    "warp": "schedules.warp",
    "reverse": "schedules.time",
    "cooldown": "schedules.cooldown",
    "rate": "schedules.rate",
    "plan": "schedules.plan",
    "descent": "descents",
    "infrared": "controllers.infrared",
    "plateau": "controllers.plateau",
    "robust_infrared": "controllers.robust_infrared",
    "newbob": "controllers.newbob",
    "greedy": "controllers.greedy",
    "bold_driver": "controllers.bold_driver",
    "spike": "controllers.spike",
    "polyak": "controllers.polyak",
    "armijo": "controllers.armijo",
    "barzilai_borwein": "controllers.barzilai_borwein",
    "adgd": "controllers.adgd",
    "hypergradient": "controllers.hypergradient",
    "distance": "controllers.distance",
    "gradient_noise": "controllers.gradient_noise",
    "sgd": "rules.sgd",
    "adagrad": "rules.adagrad",
    "rmsprop": "rules.rmsprop",
    "adam": "rules.adam",
    "adamw": "rules.adam",
    "clip": "clipping.value",
    "clip_norm": "clipping.norm",
    "clip_rms": "clipping.rms",
    "unitwise": "clipping.unitwise",
    "stable": "clipping.stable",
    "zclip": "clipping.zclip",
    "percentile": "clipping.percentile",
    "adagc": "clipping.adagc",
    "spam": "clipping.spam",
    "trust": "clipping.trust",
    "weight_decay": "clipping.decay",
}

KINDS: dict[str, str] = {
    "schedules": "schedule",
    "schedules.recipes": "recipe",
    "schedules.combine": "combination",
    "schedules.arithmetic": "combination",
    "schedules.time": "combination",
    "schedules.warp": "combination",
    "schedules.cooldown": "combination",
    "schedules.rate": "combination",
    "schedules.plan": "combination",
    "descents": "combination",
    "controllers": "controller",
    "rules": "rule",
    "clipping": "clip",
    "clipping.trust": "transform",  # it lengthens as often as it shortens
    "clipping.decay": "transform",
}


_FOUND: dict[str, Callable[..., Any]] = {}


def look_up(word: str) -> Callable[..., Any]:
    """The class or recipe that a word stands for; KeyError for a word that is not in the vocabulary.

    >>> look_up("cosine")(10)
    cosine(10)
    """
    if word not in _FOUND:
        _FOUND[word] = getattr(import_module(f"{__package__}.{WORDS[word]}"), word)
    return _FOUND[word]


def kind_of(word: str) -> str:
    """What a word is: schedule, recipe, combination, controller, rule, clip or transform.

    >>> kind_of("adam")
    'rule'
    """
    module = WORDS[word]
    return KINDS.get(module) or KINDS[module.partition(".")[0]]


def summary(word: str) -> str:
    """The first sentence of a word's documentation.

    >>> summary("cosine")
    'Half a cosine from 1 down to `final`: slow, fast, slow.'
    """
    return (look_up(word).__doc__ or "").strip().partition("\n")[0]
