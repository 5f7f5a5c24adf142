"""What controllers did with the rate, in one sentence each: no illness, but what a reader of the loss has to know."""

from __future__ import annotations

from ..records.record import Decision, Record
from .words import three_digits

NOT_THE_RATE = ("skip", "amp")  # told by the rule of updates left out


def changes(record: Record) -> list[Decision]:
    """The decisions that changed the rate by a known factor."""
    told = [one for one in record.decisions if one.kind not in NOT_THE_RATE and one.factor is not None]
    return [one for one in told if one.factor != 1 and (one.factor or 0) > 0]


def remarks(record: Record) -> tuple[str, ...]:
    """How often each controller changed the rate, from when to when, and to which part of it."""
    made = changes(record)
    whose = dict.fromkeys((one.kind, one.group) for one in made)
    return tuple(_remark(which, [one for one in made if (one.kind, one.group) == which]) for which in whose)


def when(made: list[Decision]) -> str:
    """What was done to the rate, how often and where."""
    did = "lowered" if all((one.factor or 0) < 1 for one in made) else "changed"
    if len(made) == 1:
        return f"{did} the rate at update {made[0].step}"
    return f"{did} the rate {len(made)} times, from update {made[0].step} to {made[-1].step}"


def _remark(which: tuple[str, str], made: list[Decision]) -> str:
    product = 1.0
    for one in made:
        product *= one.factor or 1.0
    group = f" (group {which[1]})" if which[1] else ""
    return f"{which[0]}{group} {when(made)}: to {three_digits(product)} times what it was."
