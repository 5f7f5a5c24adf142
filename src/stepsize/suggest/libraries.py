"""Names of other libraries: what they are here. Schedules come from the presets, the rest is a few lines below."""

from __future__ import annotations

import re
from importlib import import_module
from inspect import signature

from .._errors import StepsizeError
from .._language import said, say
from ..vocabulary import look_up
from .optimizers import RULES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

FIRST = ("torch", "keras", "optax", "transformers", "timm")
MOST = 10_000_000  # numbers beyond it are not tried
LISTING = ("get_chebyshev_schedule",)  # it lists as many values as it has steps
MOST_LISTED = 1000
HOST_ONLY = ("optimizer", "params", "parameters", "last_epoch", "verbose", "monitor", "name", "foreach", "fused")
_WAVE = re.compile(r"formula\('(?:([\d.e-]+) \+ )?[\d.e-]+ \* \(1 \+ cos\(pi \* t / (\d+)\)\)'\)")


def _plateau(
    mode: str = "min",
    factor: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
    threshold_mode: str = "rel",
    cooldown: int = 0,
    min_lr: float = 0.0,
) -> Any:
    """torch's ReduceLROnPlateau; a minimum above 0 is a rate, which a factor does not know."""
    if min_lr:
        raise StepsizeError("min_lr is a rate; here floor is a share of the base rate")
    margin = {"threshold": threshold} if threshold_mode == "rel" else {"threshold": 0.0, "absolute": threshold}
    return look_up("plateau")(factor, patience, mode=mode, cooldown=cooldown, **margin)


def _chain(*stages: Any) -> Any:
    whole = stages[0]
    for one in stages[1:]:
        whole = whole | one
    return whole


def _clipped(word: str) -> Callable[..., Any]:
    def clip(limit: Any = None, **named: Any) -> Any:
        (value,) = named.values() if limit is None else (limit,)
        return look_up(word)(value)

    return clip


NAMES: Mapping[str, tuple[str, Callable[..., Any], str]] = {
    "Adam": ("torch", RULES["adam"], "adam() | 0.001"),
    "AdamW": ("torch", RULES["adamw"], "adamw(weight_decay=0.01) | 0.001"),
    "SGD": ("torch", RULES["sgd"], "sgd(momentum=0.9) | 0.1"),
    "RMSprop": ("torch", RULES["rmsprop"], "rmsprop() | 0.001"),
    "Adagrad": ("torch", RULES["adagrad"], "adagrad() | 0.01"),
    "ReduceLROnPlateau": ("torch", _plateau, "plateau(0.1, patience=10)"),
    "clip_grad_norm_": ("torch", _clipped("clip_norm"), "clip_norm(1)"),
    "clip_grad_value_": ("torch", _clipped("clip"), "clip(1)"),
    "clip_by_global_norm": ("optax", _clipped("clip_norm"), "clip_norm(1)"),
    "chain": ("optax", _chain, "clip_norm(1) | adam() | 0.001"),
}
"""Name: its library, what makes it of the arguments, and an example of what to write."""


FUNCTIONS = ("LambdaLR", "MultiplicativeLR", "LearningRateScheduler")
RULELESS = [
    "Adadelta",
    "Adafactor",
    "Adamax",
    "ASGD",
    "FTRL",
    "Ftrl",
    "LAMB",
    "LBFGS",
    "Lamb",
    "Lars",
    "Lion",
    "Muon",
    "NAdam",
    "Nadam",
    "RAdam",
    "Rprop",
    "Shampoo",
    "Sophia",
    "SparseAdam",
    "adadelta",
    "adafactor",
    "lamb",
    "lion",
    "muon",
    "nadam",
    "radam",
]


WITHOUT_ARGUMENTS = (*FUNCTIONS, *RULELESS)


class UnfitError(Exception):
    """A name that is known, with arguments that do not fit; `says` is what to write."""

    def __init__(self, says: str) -> None:
        super().__init__(says)
        self.says = says


def is_known(name: str) -> bool:
    """Whether a name is one of another library; the presets are looked through only where no short list has it."""
    return name in NAMES or name in WITHOUT_ARGUMENTS or bool(_presets(name))


def library_of(name: str) -> str:
    """The library that is told for a name."""
    if name in NAMES:
        return NAMES[name][0]
    if name in FUNCTIONS:
        return "keras" if name == "LearningRateScheduler" else "torch"
    found = _presets(name)
    return found[0][0] if found else said("other libraries")


def made(name: str, arguments: tuple[Any, ...], named: dict[str, Any], base: float | None) -> Any:
    """The value that another library's name stands for with these arguments; else `UnfitError` with an example.

    `base` is the base rate of the text, which makes a factor of a minimum that the library takes as a rate.
    """
    if name in FUNCTIONS:
        raise UnfitError(
            say("{name} takes a function of Python: write it out, formula('1 / (1 + 0.1 * t)')", name=name)
        )
    if name in RULELESS:
        rules = "sgd, adagrad, rmsprop, adam, adamw"
        told = say(
            "{name} is no rule here, which are {rules}: keep it, and give it a Scheduler", name=name, rules=rules
        )
        raise UnfitError(told)
    makers = [NAMES[name][1]] if name in NAMES else [maker for _, maker in _presets(name)]
    if _moderate((*arguments, *named.values()), MOST_LISTED if name in LISTING else MOST):
        for maker in makers:
            try:
                return _of_base(name, maker, base, arguments, named)
            except UnfitError:
                raise
            except Exception:  # whatever a library's own function would say of such arguments
                continue
    raise UnfitError(example(name))


def _of_base(name: str, maker: Callable[..., Any], base: float | None, arguments: Any, named: dict[str, Any]) -> Any:
    """What a preset makes; where that depends on the base rate, the one of the text is needed."""
    if "base_lr" in named or "base_lr" not in signature(maker).parameters:
        return maker(*arguments, **named)
    if base is not None:
        return maker(*arguments, **named, base_lr=base)
    value = maker(*arguments, **named, base_lr=1.0)
    if value != maker(*arguments, **named, base_lr=2.0):
        raise UnfitError(
            say(
                "{name} takes a minimum that is a rate, here it is a share: write the base too, 0.1 * {name}(…)",
                name=name,
            )
        )
    return value


def _moderate(values: Any, most: int) -> bool:
    """Whether all numbers are such that making the preset takes no time."""
    for one in values:
        if isinstance(one, dict):
            one = (*one, *one.values())
        if isinstance(one, (tuple, list)):
            if not _moderate(one, most):
                return False
        elif isinstance(one, int) and not 0 <= one <= most:
            return False
    return True


def example(name: str) -> str:
    """What a name is and what to write, such as the first example of the preset's documentation."""
    if name in NAMES:
        library, _, line = NAMES[name]
        return say("{name} is a name of {library}: write {line}", name=name, library=library, line=line)
    library, maker = _presets(name)[0]
    lines = (maker.__doc__ or "").splitlines()
    call = next(i for i, one in enumerate(lines) if one.strip().startswith(f">>> {name}("))
    asked, answer = lines[call].strip()[4:], lines[call + 1].strip()
    if not asked.endswith(")"):  # a question to the value, which shows no expression
        return say(
            "{name} is a name of {library}: in Python, presets.{library}.{name}(…) prints the expression to write",
            name=name,
            library=library,
        )
    return say(
        "{name} is a name of {library}: for {asked} write {line}",
        name=name,
        library=library,
        asked=asked,
        line=plainest(answer),
    )


def plainest(text: str) -> str:
    """A cosine that swings back after its end as the cosine that everybody means.

    >>> plainest("0.1 * formula('0.5 * (1 + cos(pi * t / 100))')")
    '0.1 * cosine(100)'
    """
    return _WAVE.sub(lambda found: f"cosine({found[2]}{f', final={float(found[1]):.15g}' if found[1] else ''})", text)


def _presets(name: str) -> list[tuple[str, Callable[..., Any]]]:
    """The presets of a name, with their libraries, the best known library first."""
    presets = import_module("stepsize.presets")
    found = []
    for library in (*FIRST, *(one for one in presets.__all__ if one not in FIRST)):
        module = getattr(presets, library)
        if name in module.__all__:
            found.append((library, getattr(module, name)))
    return found
