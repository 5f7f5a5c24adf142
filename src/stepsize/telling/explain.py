"""What an expression does, in plain words: one sentence a stage and a phase, with the numbers that will be used."""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import singledispatch
from itertools import islice

from .._errors import StepsizeError, number
from ..controllers.base import Controller
from ..descents import Stage, descent
from ..schedules.arithmetic import maximum, minimum, plus
from ..schedules.base import Factor
from ..schedules.boundaries import Clock, plain, settled, short
from ..schedules.combine import clamp, product, then
from ..schedules.cooldown import cooldown
from ..schedules.plan import plan
from ..schedules.questions import inside, quiet
from ..schedules.rate import rate
from ..schedules.shapes import warmup
from ..schedules.time import repeat, reverse, shift, stretch
from ..schedules.warp import told_pace, warp
from ..text import parse
from .phrases import CONTROLLERS, COOLING, JOINED, STAGES, WATCHED, about, found, pieces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_COUNTED = 1000  # more cycles than these are counted by their number alone


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
        raise StepsizeError(f"explain: steps must be a whole number of updates, not {steps!r}")
    if isinstance(value, descent):
        return _descent(value, int(steps), units)
    if isinstance(value, Stage):
        return [_stage(value, "gradient")]
    if isinstance(value, (rate, Factor)):
        return _curve(value, int(steps), units)
    if isinstance(value, plan):
        return [f"{name}: {line}" for name, part in value.parts for line in _part(part, int(steps), units)]
    raise StepsizeError(f"explain takes a text or a value such as 0.1 * cosine(), not {value!r}")


def _part(part: Any, steps: int, units: dict[str, Any]) -> list[str]:
    return explain(part, steps, **units) if callable(part) else [f"{say(part)} at every update."]


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
    return lines if flowing == "update" else [*lines, f"There is no rate yet: write {whole} | 0.01."]


def _stage(stage: Any, flowing: str) -> str:
    template = found(STAGES, stage)
    if template is None:
        return f"{stage}, on the {flowing}" + (f": {_lower(about(stage))}" if about(stage) else "") + "."
    text = template if isinstance(template, str) else template(stage)
    return text.format(what=flowing, **_fields(stage))


def _fields(value: Any) -> dict[str, str]:
    """The fields in words; `every` also as a pace."""
    fields = value.fields()
    every = fields.get("every", 1)
    return {name: say(one) for name, one in fields.items()} | {
        "pace": "every update" if every == 1 else f"every {every} updates"
    }


def _curve(value: Any, steps: int, units: dict[str, Any]) -> list[str]:
    """The phases of a rate or a factor, and what happens after the run."""
    value = value.over(steps, **units)
    noun, base, factor = ("rate", value.base, value.factor) if isinstance(value, rate) else ("factor", 1.0, value)
    lines: list[str] = []
    Scene(lines, noun, plain(), 0, steps, base).tell(factor)
    return [*lines, _after(factor, base, steps)]


def _after(factor: Any, base: float, steps: int) -> str:
    """What happens when the run goes on."""
    if any(one.sets_rate for one in factor.controllers):
        return _after_set(factor, base, steps)
    calm = quiet(factor)
    rest, note = settled(calm), " while the controllers answer 1" if factor.controllers else ""
    if rest is None and _silent(calm):
        return f"Nothing says where it ends: update {steps} would have {say(base * calm(steps))}{note}."
    if rest is None:
        return f"It never ends: update {steps} would have {say(base * calm(steps))}{note}."
    if rest > steps:
        return f"The run ends first: at update {rest} it would come to rest at {say(base * calm(rest))}{note}."
    return f"After the end it holds {say(base * calm(steps))}{note}."


def _after_set(factor: Any, base: float, steps: int) -> str:
    """The same where a controller sets the rate: what is left in front of it, where that is one number."""
    parts = factor.parts if isinstance(factor, product) else (factor,)
    setters = [one for one in factor.controllers if one.sets_rate]
    schedules = [part for part in parts if part not in setters]
    plain = all(one in parts for one in setters)
    searched = schedules and any(one.searches for one in setters)
    calm = quiet(factor)
    rest, share = settled(calm), base * calm(steps)
    others = " while the other controllers answer 1" * (setters != list(factor.controllers))
    if plain and rest is not None and rest <= steps and (share == 0 or not searched):
        return f"After the end it {'holds 0' if share == 0 else f'is {_times(share, setters)}'}{others}."
    names = " and ".join(str(one) for one in setters)
    return f"It never ends: {names} {'go' if len(setters) > 1 else 'goes'} on setting it."


def _times(share: float, setters: list[Any]) -> str:
    """A number in front of what the controllers set; none where it is 1, or only where a search begins."""
    begins = any(one.searches for one in setters)
    front = [] if share == 1 or begins else [say(share)]
    return " times ".join([*front, *(f"what {one} sets" for one in setters)])


def _silent(f: Any) -> bool:
    """Whether it, or a part of it, does not say if it ever comes to rest."""
    parts = [part for _, one in inside(f) for part in (one if isinstance(one, tuple) else (one,))]
    return type(f)._rest is Factor._rest or any(_silent(part) for part in parts)


class Scene:
    """Where the telling is: the updates low … high − 1, the time of the part that is told, the number in front."""

    __slots__ = ("base", "clock", "high", "lines", "low", "noun", "prefix")

    def __init__(
        self, lines: list[str], noun: str, clock: Clock, low: int, high: int, base: float, prefix: str = ""
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
        first, end = self.low if low is None else low, self.high if high is None else high
        updates = f"pdates {first} to {end - 1}" if end - first > 1 else f"pdate {first}"
        when = f"{self.prefix}, u{updates}" if self.prefix else f"U{updates}"
        named = any(f": the {self.noun} " in one for one in self.lines)
        subject = "a factor that" if self.prefix else "it" if named else f"the {self.noun}"
        self.lines.append(f"{when}: {subject} {phrase if end - first > 1 else phrase.replace('stays at', 'is')}.")

    def tell(self, f: Any) -> None:
        """All sentences about one factor."""
        if isinstance(f, Controller):
            self.say(f"is {_times(self.base, [f])}" if f.sets_rate else f"is {say(self.base)}, before what follows")
            self.watch(f, self.base)
        else:
            tell(f, self)

    def tell_curve(self, f: Any) -> None:
        """A curve, piece by piece."""
        bounds, templates = pieces(f)
        ends = [*bounds, None]
        for i, low, high in self.clock.regions(bounds, self.low, self.high):
            x, y = (self.base * f(one) for one in self._ends_of(f, low, high, ends[i]))
            still = high - low == 1 or (x == y and "{moves}" in templates[i])
            template = "stays at {x}" if still else templates[i]
            ends_here = {"base": say(self.base), "moves": "rises" if y > x else "falls", "x": say(x), "y": say(y)}
            self.say(template.format(**(_fields(f) | ends_here)), low, high)

    def _ends_of(self, f: Any, low: int, high: int, bound: float | None) -> tuple[float, float]:
        """The local times a piece goes from and to: to its bound where the next update reaches it."""
        local = self.clock.local
        last = local(high - 1)
        step = last - local(high - 2) if high - low > 1 else 1.0
        reached = bound is not None and last < bound <= last + step * (1 + 1e-9)
        return local(low), bound if reached and bound is not None and not isinstance(f, warmup) else last

    def watch(self, controller: Any, start: float) -> None:
        """What a controller watches and answers; `start` is the rate of the first update without it."""
        told = [WATCHED.get(name, name.replace("_", " ")) for name in controller.needs if name != "rate"]
        needs = " and ".join([one for one in (", ".join(told[:-1]), *told[-1:]) if one]) or "the run"
        phrase = found(CONTROLLERS, controller)
        answer = phrase(controller) if phrase else _lower(about(controller)) or "as it was made to"
        if controller.sets_rate:
            begins = f", searching from {say(start)}" if controller.searches else ""
            self.lines.append(f"{controller} watches {needs}, and sets the rate itself{begins}: {answer}.")
        else:
            since = f" from update {controller.begins} on" if controller.begins else ""
            self.lines.append(f"Times {controller}, which watches {needs}{since}: {answer}.")


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
        highest = ", over its highest value so far" if any(one.searches for one in setters) else ""
        follows = f", times what follows{highest}" if len(f.parts) > len(setters) else ""
        scene.say(f"is {_times(scene.base, setters)}{follows}")
        for part in others:
            scene.beside("Times", 1.0).tell(part)
    elif len(others) == 1:
        scene.tell(others[0])
    else:
        front = f"{say(scene.base)} times " if scene.base != 1 else ""
        scene.say(f"is {front}the product of what follows" if others else f"is {say(scene.base)}, before what follows")
        for part in others:
            scene.beside("Times", 1.0).tell(part)
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
    scene.say(f"is {joint} of what follows")
    for part in f.parts:
        scene.beside(word, scene.base).tell(part)


@tell.register
def _in_turn(f: then, scene: Scene) -> None:
    starts = f._starts()
    for i, low, high in scene.clock.regions(starts[1:], scene.low, scene.high):
        own = scene.clock.then(lambda t, start=starts[i]: t - start)  # type: ignore[misc]
        scene.at(own, low, high).tell(f.parts[i])


@tell.register
def _clamped(f: clamp, scene: Scene) -> None:
    scene.tell(f.factor)
    for side, bound in (("below", f.low), ("above", f.high)):
        if bound is not None:
            scene.lines.append(f"What is {side} {say(scene.base * bound)} becomes {say(scene.base * bound)}.")


@tell.register
def _stretched(f: stretch, scene: Scene) -> None:
    scene.lines.append(f"The time of {short(f.factor)} runs {say(f.by)} times as long.")
    scene.at(scene.clock.then(lambda t: t / f.by), scene.low, scene.high).tell(f.factor)


@tell.register
def _warped(f: warp, scene: Scene) -> None:
    begins, _, paces = f._lines()
    told = [f"from update {say(begin)} on it {told_pace(pace)}" for begin, pace in zip(begins, paces, strict=True)]
    scene.lines.append(f"The time of {short(f.factor)}: {', '.join(told)}.")
    scene.at(scene.clock.then(f._local), scene.low, scene.high).tell(f.factor)


@tell.register
def _shifted(f: shift, scene: Scene) -> None:
    if f.steps >= 0:
        scene.lines.append(f"{short(f.factor)} begins at its update {f.steps}.")
        scene.at(scene.clock.then(lambda t: t + f.steps), scene.low, scene.high).tell(f.factor)
        return
    for waited, low, high in scene.clock.regions([float(-f.steps)], scene.low, scene.high):
        if waited:
            scene.at(scene.clock.then(lambda t: t + f.steps), low, high).tell(f.factor)
        else:
            scene.say(f"waits at {say(scene.base * f.factor(0))}", low, high)


@tell.register
def _reversed(f: reverse, scene: Scene) -> None:
    local = scene.clock.local
    for done, low, high in scene.clock.regions([float(f._inner_steps())], scene.low, scene.high):
        x, y = (say(scene.base * f(local(t))) for t in (low, high - 1))
        scene.say(f"stays at {x}" if done else f"runs backwards through {short(f.factor)} from {x} to {y}", low, high)


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
            scene.say(f"cools down {COOLING[shapes[fall]]} from {say(x)} to {say(y)}", low, high)
        else:
            scene.say(f"stays at {say(x)}", low, high)


@tell.register
def _repeated(f: repeat, scene: Scene) -> None:
    begins = f._cycle_begins(scene.clock.top(scene.low, scene.high))
    regions = list(islice(scene.clock.regions(begins[1:], scene.low, scene.high), _COUNTED))
    count = len(regions)
    if count == _COUNTED:  # each of them begins at an update of its own
        count = bisect_right(begins[1:], scene.clock.local(scene.high - 1)) - regions[0][0] + 1
    changes = [f"{say(f.growth)} times as long"] * (f.growth != 1) + [f"{say(f.height)} times as high"] * (
        f.height != 1
    )
    each = f", each {' and '.join(changes)} as the one before" if changes else ""
    scene.say(f"repeats {short(f.factor)} in {count} cycle{'s' * (count > 1)}{each}")
    inner, first = f._inner_steps(), begins[1] if len(begins) > 1 else None
    i, low, high = regions[0]
    if i == 0:
        scale = 1.0 if first is None else inner / first
        scene.at(scene.clock.then(lambda t: t * scale), low, high).tell(f.factor)
    if len(regions) > 1:
        later = [str(one) for _, one, _ in regions[1:6]] + ["…"] * (len(regions) > 6)
        scene.say(f"begins again at updates {', '.join(later)}", regions[1][1])


def say(value: Any) -> str:
    """A number with four digits, a count or a text as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
