"""A finding, and the diagnosis that lists them: plain values, with their words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..._language import Note, commas, heard, say
from ..._lines import filled
from ..records.record import Record

WIDTH = 100
CERTAIN, LIKELY = Note("certain"), Note("likely")


@dataclass(frozen=True)
class Finding:
    """One illness of a run: what is wrong, the numbers that show it, and what to try.

    `illness` is its short name, `says` the sentence, `numbers` pairs of a name and a number, `advice` what to try.
    `step` is the update where it begins and `share` the part of the run it concerns, where that means something. `sure`
    is "certain" where the record states the fact, "likely" where a threshold decided. The texts are English; `heard()`
    says them in the language of the command line.
    """

    illness: str
    says: str
    numbers: tuple[tuple[str, float], ...]
    advice: str
    step: int | None = None
    share: float | None = None
    sure: str = LIKELY

    def now(self) -> Finding:
        """The same in the language that is spoken."""
        told = {name: heard(getattr(self, name)) for name in ("illness", "says", "advice", "sure")}
        return replace(self, **told)

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            "illness": self.illness,
            "says": self.says,
            "numbers": dict(self.numbers),
            "advice": self.advice,
            "step": self.step,
            "share": self.share,
            "sure": self.sure,
        }


@dataclass(frozen=True)
class Symptom:
    """One illness: its name, the columns that it needs, and the function that finds it.

    `needs` are fields of `Record`, `rows` how many of them with a finite loss. `loss` says whether the rule judges by
    the height of the loss; one that does not is asked also where the loss is no measure. `sees` names the field of
    `Views` with the rows that it looks at; "" are those with a finite loss.
    """

    illness: str
    needs: tuple[str, ...]
    find: Callable[[Record], Finding | None]
    rows: int = 20
    loss: bool = True
    sees: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """What was found in a run, in the order of importance, and what could not be judged.

    `healthy` are the names of the rules that found nothing; `not_judged` pairs of a name and the reason. `str()` is
    the text, `as_dict()` plain Python for JSON.
    """

    findings: tuple[Finding, ...]
    healthy: tuple[str, ...]
    not_judged: tuple[tuple[str, str], ...]
    about: str
    remarks: tuple[str, ...] = ()

    def now(self) -> Diagnosis:
        """The same in the language that is spoken."""
        return Diagnosis(
            tuple(one.now() for one in self.findings),
            tuple(map(heard, self.healthy)),
            tuple((heard(name), heard(reason)) for name, reason in self.not_judged),
            heard(self.about),
            tuple(map(heard, self.remarks)),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            "about": self.about,
            "findings": [one.as_dict() for one in self.findings],
            "healthy": list(self.healthy),
            "not_judged": dict(self.not_judged),
            "remarks": list(self.remarks),
        }

    def by_reason(self) -> list[tuple[list[str], str]]:
        """The rules that were not judged, together where the reason is one."""
        reasons: dict[str, list[str]] = {}
        for name, reason in self.not_judged:
            reasons.setdefault(reason, []).append(name)
        return [(names, reason) for reason, names in reasons.items()]

    def left_open(self) -> list[str]:
        """A sentence for each reason: the rules that were not judged, and why."""
        return [say("{names}: {reason}.", names=commas(names), reason=why) for names, why in self.by_reason()]

    @property
    def verdict(self) -> str:
        """One sentence: how much was found, and of how many rules."""
        judged = len(self.healthy) + len(self.findings)
        if not self.findings and judged < len(self.not_judged):
            others = len(self.not_judged)
            return say(
                "Too little to judge by: {rules} found nothing wrong, {others} could not say.",
                rules=_rules(judged),
                others=others,
            )
        left = say(", {count} not", count=len(self.not_judged)) if self.not_judged else ""
        if not self.findings:
            return say("Nothing found wrong ({rules} judged{left}).", rules=_rules(judged), left=left)
        if len(self.findings) == 1:
            return say("1 thing found wrong ({rules} judged{left}).", rules=_rules(judged), left=left)
        found = len(self.findings)
        return say("{count} things found wrong ({rules} judged{left}).", count=found, rules=_rules(judged), left=left)

    def __str__(self) -> str:
        told = self.now()
        parts = [told.about, told.verdict]
        for place, one in enumerate(told.findings, start=1):
            head = f"{place}. {one.illness}{in_brackets(one.sure)}"
            parts.append("\n".join([head, _wrapped(one.says), _wrapped("".join(to_try(one.advice)))]))
        if told.remarks:
            parts.append("\n".join(_wrapped(one, "") for one in told.remarks))
        if told.not_judged:
            parts.append("\n".join([say("Not judged:"), *(_wrapped(one, "  ") for one in told.left_open())]))
        return "\n\n".join(parts)


def in_brackets(sure: str) -> str:
    """How sure a finding is, behind its name."""
    return say(" ({sure})", sure=sure)


def to_try(advice: str) -> tuple[str, str]:
    """What to try, as a sentence of two parts."""
    return say("Try:"), say(" {advice}.", advice=advice)


def _wrapped(text: str, indent: str = "   ") -> str:
    return "\n".join(indent + line for line in filled(text, WIDTH - len(indent)))


def _rules(count: int) -> str:
    return say("1 rule") if count == 1 else say("{count} rules", count=count)
