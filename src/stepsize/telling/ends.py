"""What `explain` says of the time after the run, and of what controllers that set the rate are multiplied by."""

from __future__ import annotations

from functools import reduce

from .._language import said, say
from ..schedules.base import Factor
from ..schedules.boundaries import settled
from ..schedules.combine import product
from ..schedules.questions import inside, quiet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def after(factor: Any, base: float, steps: int) -> str:
    """What happens when the run goes on."""
    if any(one.sets_rate for one in factor.controllers):
        return _after_set(factor, base, steps)
    calm = quiet(factor)
    rest, note = settled(calm), said(" while the controllers answer 1") if factor.controllers else ""
    if rest is not None and rest > steps:
        return say(
            "The run ends first: at update {step} it would come to rest at {value}{note}.",
            step=rest,
            value=four(base * calm(rest)),
            note=note,
        )
    value = four(base * calm(steps))
    if rest is not None:
        return say("After the end it holds {value}{note}.", value=value, note=note)
    if _silent(calm):
        return say(
            "Nothing says where it ends: update {step} would have {value}{note}.", step=steps, value=value, note=note
        )
    return say("It never ends: update {step} would have {value}{note}.", step=steps, value=value, note=note)


def _after_set(factor: Any, base: float, steps: int) -> str:
    """The same where a controller sets the rate: what is left in front of it, where that is one number."""
    parts = factor.parts if isinstance(factor, product) else (factor,)
    setters = [one for one in factor.controllers if one.sets_rate]
    schedules = [part for part in parts if part not in setters]
    plain = all(one in parts for one in setters)
    searched = schedules and any(one.searches for one in setters)
    calm = quiet(factor)
    rest, share = settled(calm), base * calm(steps)
    note = said(" while the other controllers answer 1") if setters != list(factor.controllers) else ""
    if plain and rest is not None and rest <= steps and (share == 0 or not searched):
        if share == 0:
            return say("After the end it holds {value}{note}.", value=0, note=note)
        return say("After the end it is {value}{note}.", value=times(share, setters), note=note)
    if len(setters) == 1:
        return say("It never ends: {controller} goes on setting it.", controller=setters[0])
    names = reduce(lambda a, b: say("{first} and {last}", first=a, last=b), map(str, setters))
    return say("It never ends: {controllers} go on setting it.", controllers=names)


def times(share: float, setters: list[Any]) -> str:
    """A number in front of what the controllers set; none where it is 1, or only where a search begins."""
    begins = any(one.searches for one in setters)
    front = [] if share == 1 or begins else [four(share)]
    told = [*front, *(say("what {controller} sets", controller=one) for one in setters)]
    return reduce(lambda a, b: say("{first} times {last}", first=a, last=b), told)


def _silent(f: Any) -> bool:
    """Whether it, or a part of it, does not say if it ever comes to rest."""
    parts = [part for _, one in inside(f) for part in (one if isinstance(one, tuple) else (one,))]
    return type(f)._rest is Factor._rest or any(_silent(part) for part in parts)


def four(value: Any) -> str:
    """A number with four digits, a count or a text as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
