"""What controllers did with the rate, in one sentence each: no illness, but what a reader of the loss has to know."""

from __future__ import annotations

from ..._language import Note
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
    first, last = made[0].step, made[-1].step
    lower = all((one.factor or 0) < 1 for one in made)
    if len(made) == 1 and lower:
        return Note("lowered the rate at update {step}", step=first)
    if len(made) == 1:
        return Note("changed the rate at update {step}", step=first)
    if lower:
        return Note(
            "lowered the rate {count} times, from update {first} to {last}", count=len(made), first=first, last=last
        )
    return Note(
        "changed the rate {count} times, from update {first} to {last}", count=len(made), first=first, last=last
    )


def _remark(which: tuple[str, str], made: list[Decision]) -> str:
    product = 1.0
    for one in made:
        product *= one.factor or 1.0
    return Note(
        "{kind}{group} {changed}: to {product} times what it was.",
        kind=which[0],
        group=Note(" (group {name})", name=which[1]) if which[1] else "",
        changed=when(made),
        product=three_digits(product),
    )
