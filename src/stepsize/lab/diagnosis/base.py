"""A finding, and the diagnosis that lists them: plain values, with their words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from ..records.record import Record

WIDTH = 100


@dataclass(frozen=True)
class Finding:
    """One illness of a run: what is wrong, the numbers that show it, and what to try.

    `illness` is its short name, `says` the sentence, `numbers` pairs of a name and a number, `advice` what to try.
    `step` is the update where it begins and `share` the part of the run it concerns, where that means something. `sure`
    is "certain" where the record states the fact, "likely" where a threshold decided.
    """

    illness: str
    says: str
    numbers: tuple[tuple[str, float], ...]
    advice: str
    step: int | None = None
    share: float | None = None
    sure: str = "likely"

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

    @property
    def verdict(self) -> str:
        """One sentence: how much was found, and of how many rules."""
        judged = len(self.healthy) + len(self.findings)
        if not self.findings and judged < len(self.not_judged):
            others = len(self.not_judged)
            return f"Too little to judge by: {_count(judged, 'rule')} found nothing wrong, {others} could not say."
        left = f", {len(self.not_judged)} not" if self.not_judged else ""
        found = _count(len(self.findings), "thing") if self.findings else "Nothing"
        return f"{found} found wrong ({_count(judged, 'rule')} judged{left})."

    def __str__(self) -> str:
        parts = [self.about, self.verdict]
        for place, one in enumerate(self.findings, start=1):
            head = f"{place}. {one.illness} ({one.sure})"
            parts.append("\n".join([head, _wrapped(one.says), _wrapped(f"Try: {one.advice}.")]))
        if self.remarks:
            parts.append("\n".join(_wrapped(one, "") for one in self.remarks))
        if self.not_judged:
            lines = [_wrapped(f"{', '.join(names)}: {reason}.", "  ") for names, reason in self.by_reason()]
            parts.append("\n".join(["Not judged:", *lines]))
        return "\n\n".join(parts)


def _wrapped(text: str, indent: str = "   ") -> str:
    return fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
