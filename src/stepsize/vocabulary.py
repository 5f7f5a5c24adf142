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
    "multistep": "schedules.recipes",
    "then": "schedules.combine",
    "product": "schedules.combine",
    "clamp": "schedules.combine",
    "rate": "schedules.rate",
    "descent": "descents",
    "infrared": "controllers.infrared",
    "sgd": "rules.sgd",
    "adagrad": "rules.adagrad",
    "rmsprop": "rules.rmsprop",
    "adam": "rules.adam",
    "adamw": "rules.adam",
    "clip": "clipping.value",
    "clip_norm": "clipping.norm",
    "weight_decay": "clipping.decay",
}

KINDS: dict[str, str] = {
    "schedules.shapes": "schedule",
    "schedules.recipes": "recipe",
    "schedules.combine": "combination",
    "schedules.rate": "combination",
    "controllers": "controller",
    "rules": "rule",
    "clipping": "clip",
    "descents": "combination",
}


def look_up(word: str) -> Callable[..., Any]:
    """The class or recipe that a word stands for; KeyError for a word that is not in the vocabulary.

    >>> look_up("cosine")(10)
    cosine(10)
    """
    module = import_module(f"{__package__}.{WORDS[word]}")
    return getattr(module, word)  # type: ignore[no-any-return]


def kind_of(word: str) -> str:
    """What a word is: schedule, recipe, combination, controller, rule or clip.

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
