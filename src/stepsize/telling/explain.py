"""What an expression does, in plain words: one sentence a stage and a phase, with the numbers that will be used."""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import singledispatch
from itertools import islice

from .._errors import StepsizeError, number
from .._language import commas, said, say
from ..controllers.base import Controller
from ..descents import Stage, descent
from ..schedules.arithmetic import maximum, minimum, plus
from ..schedules.base import Factor
from ..schedules.boundaries import Clock, plain, short
from ..schedules.combine import clamp, product, then
from ..schedules.cooldown import cooldown
from ..schedules.plan import plan
from ..schedules.questions import quiet
from ..schedules.rate import rate
from ..schedules.shapes import warmup
from ..schedules.time import repeat, reverse, shift, stretch
from ..schedules.warp import told_pace, warp
from ..text import parse
from .answers import CONTROLLERS, WATCHED, listed
from .ends import after, four, times
from .phrases import COOLING, JOINED, STAGES, about, found, pieces, stays

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_COUNTED = 1000  # more cycles than these are counted by their number alone
_FLOWING = {"gradient": "gradient", "direction": "direction", "update": "update"}
_NOUNS = {"rate": "the rate", "factor": "the factor"}


def explain(text_or_value: Any, steps: int, **units: Any) -> list[str]:
    """What happens when, in plain words: one sentence for each stage, each phase of the rate, and the end.

    `text_or_value` is a text or any value of the vocabulary, `steps` the updates of the run, ≥ 1; further units as
    in `.over`. Numbers have four digits. A curve goes "to" the value that it has at its end. Where factors are
    multiplied, each is told by itself.

    >>> print("\\n".join(explain("clip_norm(1) | sgd() | 3e-4 * (warmup(500) >> cosine()) | clip(0.01)", 10_000)))
    The gradient is shortened to norm 1 where it is longer.
    SGD goes straight against the gradient.
    Updates 0 to 499: the rate rises in a straight line from 6e-07 to 0.0003.
    Updates 500 to 9999: it falls along half a cosine from 0.0003 to 0.
    After the end it holds 0.
    Every element of the update is limited to ±0.01.
    """
    value = parse(text_or_value) if isinstance(text_or_value, str) else text_or_value
    if number("explain", "steps", steps, low=1) != int(steps):
        raise StepsizeError(say("explain: steps must be a whole number of updates, not {steps!r}", steps=steps))
    if isinstance(value, descent):
        return _descent(value, int(steps), units)
    if isinstance(value, Stage):
        return [_stage(value, "gradient")]
    if isinstance(value, (rate, Factor)):
        return _curve(value, int(steps), units)
    if isinstance(value, plan):
        return [
            say("{name}: {line}", name=name, line=line)
            for name, part in value.parts
            for line in _part(part, int(steps), units)
        ]
    raise StepsizeError(say("explain takes a text or a value such as 0.1 * cosine(), not {value!r}", value=value))


def _part(part: Any, steps: int, units: dict[str, Any]) -> list[str]:
    return explain(part, steps, **units) if callable(part) else [say("{value} at every update.", value=four(part))]


def _descent(whole: descent, steps: int, units: dict[str, Any]) -> list[str]:
    """Stage by stage, in the order the gradient flows."""
    lines, flowing = [], "gradient"
    for stage in whole.stages:
        if isinstance(stage, rate):
            lines += _curve(stage, steps, units)
            flowing = "update"
            continue
        lines.append(_stage(stage, flowing))
        flowing = flowing if hasattr(stage, "apply") else "direction"
    return (
        lines if flowing == "update" else [*lines, say("There is no rate yet: write {text}.", text=f"{whole} | 0.01")]
    )


def _stage(stage: Any, flowing: str) -> str:
    template, what = found(STAGES, stage), said(_FLOWING[flowing])
    if template is None and about(stage):
        return say("{stage}, on the {what}: {about}.", stage=stage, what=what, about=_lower(about(stage)))
    if template is None:
        return say("{stage}, on the {what}.", stage=stage, what=what)
    text = said(template) if isinstance(template, str) else template(stage)
    return str(text.format(what=what, **_fields(stage)))


def _fields(value: Any) -> dict[str, str]:
    """The fields in words; `every` also as a pace."""
    fields = value.fields()
    every = fields.get("every", 1)
    pace = said("every update") if every == 1 else say("every {count} updates", count=every)
    return {name: four(one) for name, one in fields.items()} | {"pace": pace}


def _curve(value: Any, steps: int, units: dict[str, Any]) -> list[str]:
    """The phases of a rate or a factor, and what happens after the run."""
    value = value.over(steps, **units)
    noun, base, factor = ("rate", value.base, value.factor) if isinstance(value, rate) else ("factor", 1.0, value)
    lines = Lines()
    Scene(lines, noun, plain(), 0, steps, base).tell(factor)
    return [*lines, after(factor, base, steps)]


class Lines(list[str]):
    """The sentences so far, and whether one of them has named what is told."""

    named = False


class Scene:
    """Where the telling is: the updates low … high − 1, the time of the part that is told, the number in front."""

    __slots__ = ("base", "clock", "high", "lines", "low", "noun", "prefix")

    def __init__(
        self, lines: Lines, noun: str, clock: Clock, low: int, high: int, base: float, prefix: str = ""
    ) -> None:
        self.lines, self.noun, self.clock, self.low, self.high = lines, noun, clock, low, high
        self.base, self.prefix = base, prefix

    def at(self, clock: Clock, low: int, high: int) -> Scene:
        """The same story for a part with its own time and its own updates."""
        return Scene(self.lines, self.noun, clock, low, high, self.base, self.prefix)

    def beside(self, prefix: str, base: float) -> Scene:
        """The same updates, for one of several parts that act together."""
        return Scene(self.lines, self.noun, self.clock, self.low, self.high, base, prefix)

    def say(self, phrase: str, low: int | None = None, high: int | None = None) -> None:
        """One sentence: which updates, what, and what it does."""
        subject = said("a factor that") if self.prefix else said("it") if self.lines.named else said(_NOUNS[self.noun])
        self.lines.named = self.lines.named or not self.prefix
        self.lines.append(
            say("{when}: {subject} {phrase}.", when=self._when(*self._span(low, high)), subject=subject, phrase=phrase)
        )

    def stay(self, value: str, low: int | None = None, high: int | None = None) -> None:
        """The sentence of a value that does not move; a single update has it."""
        first, end = self._span(low, high)
        self.say(stays().format(x=value) if end - first > 1 else say("is {x}", x=value), first, end)

    def _span(self, low: int | None, high: int | None) -> tuple[int, int]:
        return self.low if low is None else low, self.high if high is None else high

    def _when(self, low: int, high: int) -> str:
        if self.prefix and high - low > 1:
            return say("{prefix}, updates {first} to {last}", prefix=self.prefix, first=low, last=high - 1)
        if self.prefix:
            return say("{prefix}, update {step}", prefix=self.prefix, step=low)
        if high - low > 1:
            return say("Updates {first} to {last}", first=low, last=high - 1)
        return say("Update {step}", step=low)

    def tell(self, f: Any) -> None:
        """All sentences about one factor."""
        if isinstance(f, Controller):
            if f.sets_rate:
                self.say(say("is {x}", x=times(self.base, [f])))
            else:
                self.say(say("is {x}, before what follows", x=four(self.base)))
            self.watch(f, self.base)
        else:
            tell(f, self)

    def tell_curve(self, f: Any) -> None:
        """A curve, piece by piece."""
        bounds, templates = pieces(f)
        ends = [*bounds, None]
        for i, low, high in self.clock.regions(bounds, self.low, self.high):
            x, y = (self.base * f(one) for one in self._ends_of(f, low, high, ends[i]))
            if high - low == 1 or templates[i] == stays() or (x == y and "{moves}" in templates[i]):
                self.stay(four(x), low, high)
                continue
            moves = said("rises") if y > x else said("falls")
            ends_here = {"base": four(self.base), "moves": moves, "x": four(x), "y": four(y)}
            self.say(templates[i].format(**(_fields(f) | ends_here)), low, high)

    def _ends_of(self, f: Any, low: int, high: int, bound: float | None) -> tuple[float, float]:
        """The local times a piece goes from and to: to its bound where the next update reaches it."""
        local = self.clock.local
        last = local(high - 1)
        step = last - local(high - 2) if high - low > 1 else 1.0
        reached = bound is not None and last < bound <= last + step * (1 + 1e-9)
        return local(low), bound if reached and bound is not None and not isinstance(f, warmup) else last

    def watch(self, controller: Any, start: float) -> None:
        """What a controller watches and answers; `start` is the rate of the first update without it."""
        watched = [
            said(WATCHED[name]) if name in WATCHED else name.replace("_", " ")
            for name in controller.needs
            if name != "rate"
        ]
        needs = listed(watched) if watched else said("the run")
        phrase = found(CONTROLLERS, controller)
        answer = phrase(controller) if phrase else _lower(about(controller)) or said("as it was made to")
        if controller.sets_rate:
            self.lines.append(
                say(
                    "{controller} watches {needs}, and sets the rate itself{begins}: {answer}.",
                    controller=controller,
                    needs=needs,
                    begins=say(", searching from {x}", x=four(start)) if controller.searches else "",
                    answer=answer,
                )
            )
        else:
            self.lines.append(
                say(
                    "Times {controller}, which watches {needs}{since}: {answer}.",
                    controller=controller,
                    needs=needs,
                    since=say(" from update {step} on", step=controller.begins) if controller.begins else "",
                    answer=answer,
                )
            )


@singledispatch
def tell(f: Any, scene: Scene) -> None:
    """All sentences about one factor: of a combination by its own function below, of anything else as a curve.

    A combination that is not known here is told as one curve too, and then each controller inside it.
    """
    scene.tell_curve(quiet(f))
    for one in f.controllers:
        scene.watch(one, scene.base)


@tell.register
def _multiplied(f: product, scene: Scene) -> None:
    """A product: one schedule carries the number in front; of several, each is told by itself; then controllers.

    Where a controller sets the rate, that comes first, and schedules scale it.
    """
    others = [part for part in f.parts if not isinstance(part, Controller)]
    setters = [part for part in f.parts if isinstance(part, Controller) and part.sets_rate]
    if setters:
        follows = ""
        if len(f.parts) > len(setters):
            searched = any(one.searches for one in setters)
            follows = (
                said(", times what follows, over its highest value so far")
                if searched
                else said(", times what follows")
            )
        scene.say(say("is {x}", x=times(scene.base, setters) + follows))
        for part in others:
            scene.beside(said("Times"), 1.0).tell(part)
    elif len(others) == 1:
        scene.tell(others[0])
    else:
        if not others:
            scene.say(say("is {x}, before what follows", x=four(scene.base)))
        elif scene.base == 1:
            scene.say(said("is the product of what follows"))
        else:
            scene.say(say("is {x} times the product of what follows", x=four(scene.base)))
        for part in others:
            scene.beside(said("Times"), 1.0).tell(part)
    start = math.prod([scene.base, *(part(scene.clock.local(scene.low)) for part in others if not part.controllers)])
    for part in f.parts:
        if isinstance(part, Controller):
            scene.watch(part, start)


@tell.register(plus)
@tell.register(minimum)
@tell.register(maximum)
def _joined(f: Any, scene: Scene) -> None:
    """A sum or an extreme: each part by itself; one alone is told as the whole."""
    if len(f.parts) == 1:
        scene.tell(f.parts[0])
        return
    word, joint = found(JOINED, f)
    scene.say(said(joint))
    for part in f.parts:
        scene.beside(said(word), scene.base).tell(part)


@tell.register
def _in_turn(f: then, scene: Scene) -> None:
    starts = f._starts()
    for i, low, high in scene.clock.regions(starts[1:], scene.low, scene.high):
        own = scene.clock.then(lambda t, start=starts[i]: t - start)  # type: ignore[misc]
        scene.at(own, low, high).tell(f.parts[i])


@tell.register
def _clamped(f: clamp, scene: Scene) -> None:
    scene.tell(f.factor)
    if f.low is not None:
        scene.lines.append(say("What is below {bound} becomes {bound}.", bound=four(scene.base * f.low)))
    if f.high is not None:
        scene.lines.append(say("What is above {bound} becomes {bound}.", bound=four(scene.base * f.high)))


@tell.register
def _stretched(f: stretch, scene: Scene) -> None:
    scene.lines.append(say("The time of {part} runs {by} times as long.", part=short(f.factor), by=four(f.by)))
    scene.at(scene.clock.then(lambda t: t / f.by), scene.low, scene.high).tell(f.factor)


@tell.register
def _warped(f: warp, scene: Scene) -> None:
    begins, _, paces = f._lines()
    told = [
        say("from update {step} on it {pace}", step=four(begin), pace=told_pace(pace))
        for begin, pace in zip(begins, paces, strict=True)
    ]
    scene.lines.append(say("The time of {part}: {told}.", part=short(f.factor), told=commas(told)))
    scene.at(scene.clock.then(f._local), scene.low, scene.high).tell(f.factor)


@tell.register
def _shifted(f: shift, scene: Scene) -> None:
    if f.steps >= 0:
        scene.lines.append(say("{part} begins at its update {step}.", part=short(f.factor), step=f.steps))
        scene.at(scene.clock.then(lambda t: t + f.steps), scene.low, scene.high).tell(f.factor)
        return
    for waited, low, high in scene.clock.regions([float(-f.steps)], scene.low, scene.high):
        if waited:
            scene.at(scene.clock.then(lambda t: t + f.steps), low, high).tell(f.factor)
        else:
            scene.say(say("waits at {x}", x=four(scene.base * f.factor(0))), low, high)


@tell.register
def _reversed(f: reverse, scene: Scene) -> None:
    local = scene.clock.local
    for done, low, high in scene.clock.regions([float(f._inner_steps())], scene.low, scene.high):
        x, y = (four(scene.base * f(local(t))) for t in (low, high - 1))
        if done:
            scene.stay(x, low, high)
        else:
            backwards = say("runs backwards through {part} from {x} to {y}", part=short(f.factor), x=x, y=y)
            scene.say(backwards, low, high)


@tell.register
def _cooled(f: cooldown, scene: Scene) -> None:
    local, (bounds, falls), shapes = scene.clock.local, f._bounds(), f._falls()[2]
    for i, low, high in scene.clock.regions(bounds, scene.low, scene.high):
        x, fall = scene.base * f(local(low)), falls[i - 1]
        if i == 0:
            scene.at(scene.clock, low, high).tell(f.factor)
        elif fall is not None:
            end = bounds[i] if i < len(bounds) else math.inf
            y = scene.base * f(end if local(high - 1) + 1 >= end else local(high - 1))
            how = said(COOLING[shapes[fall]])
            scene.say(say("cools down {how} from {x} to {y}", how=how, x=four(x), y=four(y)), low, high)
        else:
            scene.stay(four(x), low, high)


@tell.register
def _repeated(f: repeat, scene: Scene) -> None:
    begins = f._cycle_begins(scene.clock.top(scene.low, scene.high))
    regions = list(islice(scene.clock.regions(begins[1:], scene.low, scene.high), _COUNTED))
    count = len(regions)
    if count == _COUNTED:  # each of them begins at an update of its own
        count = bisect_right(begins[1:], scene.clock.local(scene.high - 1)) - regions[0][0] + 1
    scene.say(_cycles(f, count))
    inner, first = f._inner_steps(), begins[1] if len(begins) > 1 else None
    i, low, high = regions[0]
    if i == 0:
        scale = 1.0 if first is None else inner / first
        scene.at(scene.clock.then(lambda t: t * scale), low, high).tell(f.factor)
    if len(regions) > 1:
        later = [str(one) for _, one, _ in regions[1:6]] + ["…"] * (len(regions) > 6)
        scene.say(say("begins again at updates {updates}", updates=commas(later)), regions[1][1])


def _cycles(f: repeat, count: int) -> str:
    """How often it is repeated, and what changes from one time to the next."""
    changes = [say("{count} times as long", count=four(f.growth))] if f.growth != 1 else []
    changes += [say("{count} times as high", count=four(f.height))] if f.height != 1 else []
    each = say(", each {changes} as the one before", changes=listed(changes)) if changes else ""
    if count == 1:
        return say("repeats {part} in 1 cycle{each}", part=short(f.factor), each=each)
    return say("repeats {part} in {count} cycles{each}", part=short(f.factor), count=count, each=each)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
