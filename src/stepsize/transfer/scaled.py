"""A rate or a strategy carried over to other sizes, with what speaks for it and against it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from .._errors import StepsizeError, number, one_of, whole
from .._language import Note, say
from ..descents import descent
from ..schedules.rate import rate
from ..text import as_strategy
from .laws import CHANGES, DEFAULTS, KINDS, Law, law_of, names
from .measured import said_of

DIGITS = 4  # of a new rate in a text: more than any rule knows


@dataclass(frozen=True)
class Step:
    """One size that changes: from what to what, by which law, and where that leaves its range."""

    old: int
    new: int
    law: Law
    kind: str
    outside: tuple[str, ...]

    @property
    def factor(self) -> float:
        """What the rate is multiplied with."""
        return self.law.factor(self.old, self.new)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The rule, its source, where it holds, how well it did here, and whether this is outside."""
        law, kind = self.law, "Adam" if self.kind == "adam" else "SGD"
        return (
            say(
                "Rule {name}, {what} {old} to {new}: {formula}, a factor of {factor:.4g}.",
                name=law.name,
                what=law.what,
                old=self.old,
                new=self.new,
                formula=law.formula,
                factor=self.factor,
            ),
            say("Source: {source}.", source=law.source),
            say("It holds for: {holds}.", holds=law.holds),
            say("Verified here for {kind}: {told}.", kind=kind, told=said_of(law, self.kind)),
            *(say("Outside its range: {reason}.", reason=one) for one in self.outside),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        told = {"what": self.law.what, "old": self.old, "new": self.new, "rule": self.law.name, "factor": self.factor}
        more = {"formula": self.law.formula, "source": self.law.source, "holds": self.law.holds}
        return told | more | {"verified": said_of(self.law, self.kind), "outside": list(self.outside)}


@dataclass(frozen=True)
class Scaled:
    """A strategy at a rate that was carried over: the text to paste, the rate before and after, and each step."""

    text: str
    before: float
    rate: float
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return "\n".join([self.text, *(line for one in self.steps for line in one.sentences)])

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        steps = [one.as_dict() for one in self.steps]
        return {"text": self.text, "before": self.before, "rate": self.rate, "changes": steps}


def scaled(
    strategy: str | float | descent | rate,
    *,
    batch: Sequence[int] | None = None,
    steps: Sequence[int] | None = None,
    width: Sequence[int] | None = None,
    depth: Sequence[int] | None = None,
    rule: str | None = None,
    optimizer: str | None = None,
    noise_scale: float | None = None,
) -> Scaled:
    """Carry the rate of a strategy over to another batch size, length, width or depth, by a published rule.

    Formula: rate·Π factor(old, new), each factor that of a `Law`: (new/old)^p, or (1 + N/old)/(1 + N/new) where the
    gradient-noise scale N is known. Use it as the guess that a search begins with, or where no search can be paid for.
    When not: in place of `stepsize tune`, for every rule is off by an octave as a rule.

    `strategy` is a rate above 0 or any strategy; `batch`, `steps`, `width` and `depth` are pairs (old, new) of whole
    numbers ≥ 1, one pair at least. `rule` is one of `names(what)`, and only where one size changes; left out, it is
    linear for the batch of SGD, sqrt for that of Adam, inverse for the width of Adam, sqrt for depth, and none for
    steps and the width of SGD. `optimizer`, "sgd" or "adam", is seen from a strategy; a rate alone needs it, or a
    rule. `noise_scale` is in rows. Anything else is a StepsizeError. Outside its range a law still answers, and
    `outside` of the step says so. A text has four digits; `rate` has all. Lengths in steps stay as they are written.
    Source: of each law in `LAWS`; how well each did here is in docs/transfer.md.

    >>> found = scaled("adam() | 0.001 * cosine()", batch=(256, 4096))
    >>> found.text, found.steps[0].law.name, found.steps[0].outside
    ('adam() | 0.004 * cosine()', 'sqrt', ())
    >>> scaled(0.1, batch=(256, 512), optimizer="sgd").rate
    0.2
    """
    given = as_strategy(repr(number("scale", "rate", strategy, above=0)) if _is_number(strategy) else strategy)
    far = given if isinstance(given, rate) else given.rate
    if not far.base > 0:
        raise StepsizeError(
            say("scale: {strategy} has base rate 0, which nothing scales: give it one above 0", strategy=given)
        )
    sizes = zip(CHANGES, (batch, steps, width, depth), strict=True)
    changes = {name: _pair(name, pair) for name, pair in sizes if pair is not None}
    if not changes:
        raise StepsizeError(say("scale: say what changes: write --batch 256:4096, --steps, --width or --depth"))
    kind = _kind(given, optimizer, rule)
    laws = _laws(tuple(changes), rule, kind, noise_scale)
    found = tuple(
        Step(old, new, law, kind, tuple(_outside(law, old, new, kind, optimizer, given, noise_scale)))
        for (old, new), law in zip(changes.values(), laws, strict=True)
    )
    new = far.base * math.prod(one.factor for one in found)
    if not (math.isfinite(new) and new > 0):
        raise StepsizeError(
            say("scale: the new rate must be a number above 0, not {rate:g}: look at rate and sizes", rate=new)
        )
    shown = far.base if new == far.base else float(f"{new:.{DIGITS}g}")
    return Scaled(str(given.with_base(shown)), float(far.base), float(new), found)


def _and(one: str, other: str) -> str:
    return say("{one} and {other}", one=one, other=other)


def _is_number(given: object) -> bool:
    return not isinstance(given, (str, descent, rate))


def _pair(name: str, pair: Sequence[int]) -> tuple[int, int]:
    if isinstance(pair, str) or len(pair) != 2:
        raise StepsizeError(
            say(
                "scale: {name} must be two numbers, old and new, not {pair!r}: write {name}=(256, 4096)",
                name=name,
                pair=pair,
            )
        )
    return whole("scale", name, pair[0], low=1), whole("scale", name, pair[1], low=1)


def _kind(given: descent | rate, optimizer: str | None, rule: str | None) -> str:
    """Whether the step grows with the gradient, as that of SGD, or has the length of the rate, as Adam's."""
    if optimizer is not None:
        return one_of("scale", "optimizer", optimizer, KINDS)
    if isinstance(given, descent):
        return "adam" if given.rule.scale_free else "sgd"
    if rule is None:
        raise StepsizeError(
            say("scale: a rate alone does not say its optimizer: write --optimizer sgd or adam, or a --rule")
        )
    return "adam" if rule in ("sqrt", "inverse") else "sgd"


def _laws(changes: Sequence[str], rule: str | None, kind: str, noise: float | None) -> list[Law]:
    if rule is not None and len(changes) > 1:
        raise StepsizeError(
            say("scale: a rule is for one size, not for {sizes}: scale them one by one", sizes=reduce(_and, changes))
        )
    found = [law_of(what, _name(what, rule, kind, noise)) for what in changes]
    if noise is None:
        return found
    if "batch" not in changes or found[changes.index("batch")].name not in ("linear", "noise"):
        raise StepsizeError(
            say("scale: a noise scale is for the batch of SGD, by the rule linear or noise: leave it out")
        )
    known = number("scale", "noise_scale", noise, above=0)
    return [replace(law, noise=float(known)) if law.name == "noise" else law for law in found]


def _name(what: str, rule: str | None, kind: str, noise: float | None) -> str:
    if rule is None:
        return "noise" if what == "batch" and kind == "sgd" and noise is not None else DEFAULTS[what, kind]
    found = one_of("scale", f"rule for {what}", rule, names(what))
    if found == "noise" and noise is None:
        raise StepsizeError(
            say("scale: the rule noise needs the gradient-noise scale in rows: write --noise-scale 500")
        )
    return found


def _outside(
    law: Law, old: int, new: int, kind: str, optimizer: str | None, given: descent | rate, noise: float | None
) -> Iterator[str]:
    """Why this is outside what its source and the measurements here speak of."""
    if law.name != "none" and kind not in law.kinds:
        rule = str(given.rule) if isinstance(given, descent) and optimizer is None else kind
        yield Note("the rule is one for {kinds}, not for {rule}", kinds=" and ".join(law.kinds), rule=rule)
    ratio = max(old / new, new / old)
    if ratio > law.most:
        yield Note(
            "the sizes differ by a factor of {ratio:.3g}, and what is known ends at {most:g}",
            ratio=ratio,
            most=law.most,
        )
    if law.name == "linear" and noise is not None and max(old, new) > noise:
        yield Note(
            "a batch of {batch} is above the noise scale of {noise:g}, where the rule noise bends",
            batch=max(old, new),
            noise=noise,
        )
    if (given if isinstance(given, rate) else given.rate).controllers:
        yield Note("controllers decide the rate while it trains, and only where they begin is scaled")
