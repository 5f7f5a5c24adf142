"""What looks wrong in a schedule before a run: a length in another unit than was meant, a decay that does not come."""

from __future__ import annotations

from bisect import bisect_left

from .._errors import StepsizeError
from .._language import said, say
from .arithmetic import plus
from .boundaries import outline, settled, short
from .combine import Several as Together
from .combine import clamp, product, then
from .questions import inside, quiet
from .rate import rate
from .shapes import constant, exponential, linear, stages, warmup
from .tables import table
from .time import repeat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .base import Factor

_EARLY = 0.05  # changes that are all over within this share of the run
_LITTLE = 0.35  # of the highest factor: what is left after them, if it looks like a mistake
_DEAD = 1e-4  # of the highest factor: nothing moves any more
_HARDLY = 0.25  # of the planned fall: less of it within the run, and it did not come
_SHORTEST = 100  # steps of a run, below which shares mean little
_EPOCHS = 1000  # a number up to this may count epochs where nobody said how many there are
_LOOKS = 128


def doubts(f: Factor | rate, steps: int, *, steps_per_epoch: float | None = None, **units: Any) -> list[str]:
    """What looks wrong in a schedule for a run of so many steps, a line each with what to write; mostly nothing.

    Told are a warm-up that outlasts the run, changes that are all over in its first 5 % (milestones in epochs where
    steps are counted), a factor below 1/10000 of its highest from the first half on, a decay that does not come,
    cycles of a few steps that look like epochs, and a warm-up that is added where it was to come before. Use it before
    a run; none of this is an error, for each can be meant. `f` is a factor or a rate, controllers in it answer 1;
    `steps` are the updates of the run, `steps_per_epoch` and the other units those of `over`.

    >>> from stepsize import cosine, multistep, warmup
    >>> print(*doubts(multistep(30, 60, 90), 9000, steps_per_epoch=100))
    every change is over at step 90 of 9000, and 0.001 of the highest factor is left for the rest: if 30, 60, 90 are \
epochs, write multistep('30ep', '60ep', '90ep') with steps_per_epoch=100
    >>> doubts(warmup("5%") >> cosine(), 9000)
    []
    """
    written = f.factor if isinstance(f, rate) else f
    factor = quiet(written).over(steps, steps_per_epoch=steps_per_epoch, **units)
    try:
        look = _Look(written, factor, int(steps), steps_per_epoch)
    except StepsizeError:  # a function or formula of somebody's own that is not defined at every step
        return []
    found = next(filter(None, (find(look) for find in _ONE_OF)), "")
    return [*([found] if found else []), *_sums(look)]


def begins_at_zero(f: Factor | rate) -> str:
    """What to say of a schedule in steps whose first update alone has the factor 0; empty for every other.

    >>> from stepsize import linear, warmup
    >>> begins_at_zero(linear(0, 1, 100))
    'the first update is made at 0: warmup(100) in place of linear(0, 1, 100) begins above it'
    >>> begins_at_zero(warmup(100))
    ''
    """
    factor = quiet(f.factor if isinstance(f, rate) else f)
    if factor(0) != 0 or not factor(1) > 0:
        return ""
    rises = [one for one, _, begin in _placed(factor, factor) if isinstance(one, linear) and begin == one.start == 0]
    instead = [f": warmup({one.length}) in place of {one} begins above it" for one in rises if one.end == 1]
    return "the first update is made at 0" + "".join(instead[:1])


def rises(factor: Factor) -> list[tuple[Factor, int]]:
    """The warm-ups of a schedule in steps, each with the step at which it is over.

    >>> from stepsize import cosine, warmup
    >>> rises(warmup(10) >> cosine(90))
    [(warmup(10), 10)]
    """
    found = [(one, begin) for _, one, begin in _placed(factor, factor)]
    return [(one, begin + length) for one, begin in found if (length := _length_of_rise(one)) is not None]


class _Look:
    """A schedule as it is written and in steps, and its values at some steps of the run, the last one included."""

    __slots__ = ("at", "factor", "high", "highest", "per_epoch", "steps", "values", "written")

    def __init__(self, written: Factor, factor: Factor, steps: int, per_epoch: float | None) -> None:
        self.written, self.factor, self.steps, self.per_epoch = written, factor, steps, per_epoch
        marks = [t for t, _ in outline(factor, steps, _LOOKS, _LOOKS)][: 2 * _LOOKS]
        spread = [i * (steps - 1) // _LOOKS for i in range(_LOOKS + 1)]
        doubled = [1 << i for i in range(steps.bit_length())]
        self.at = sorted({t for t in (*spread, *doubled, *marks, *(t - 1 for t in marks)) if 0 <= t < steps})
        self.values = [float(factor(t)) for t in self.at]
        self.high = max(self.values)
        self.highest = self.values.index(self.high)

    def since(self, holds: Any) -> int | None:
        """The step from which `holds` is true of every value to the end; None where it is not true of the last."""
        count = len(self.at)
        i = next((i for i in range(count, 0, -1) if not holds(self.values[i - 1])), 0)
        if i == count:
            return None
        low = self.at[i - 1] + 1 if i else 0
        return low + bisect_left(range(low, self.at[i]), True, key=lambda t: holds(self.factor(t)))

    @property
    def longest_epochs(self) -> float:
        """The largest number that may count epochs; 0 where steps are epochs."""
        if self.per_epoch is None:
            return _EPOCHS
        return self.steps / self.per_epoch if self.per_epoch >= 2 else 0


def _outlasts(look: _Look) -> str:
    for part, end in rises(look.factor):
        if end > look.steps:
            return say(
                "{part} is not over when the run ends, at step {step} with a factor of {last:.3g}: write a shorter "
                "one, such as {shorter}",
                part=short(part),
                step=look.steps,
                last=look.values[-1],
                shorter=f"{_named(part)}'5%')",
            )
    return ""


def _over_early(look: _Look) -> str:
    last = look.values[-1]
    since = look.since(lambda value: abs(value - last) <= 1e-9 * look.high)
    if not since or since > _EARLY * look.steps or look.steps < _SHORTEST:
        return ""
    if not last < min(1, _LITTLE * look.high) or _is_frozen(look.factor) or not _numbers(look.written):
        return ""
    return say(
        "every change is over at step {since} of {steps}, and {left:.3g} of the highest factor is left for the rest: "
        "{instead}",
        since=since,
        steps=look.steps,
        left=last / look.high,
        instead=_instead(look),
    )


def _part_over_early(look: _Look) -> str:
    """The same of one part of a product, where a long warm-up beside it hides that it is over."""
    if not isinstance(look.factor, product) or not isinstance(look.written, product):
        return ""
    pairs = zip(look.written.parts, look.factor.parts, strict=True)
    told = (_over_early(_Look(one, other, look.steps, look.per_epoch)) for one, other in pairs)
    return next(filter(None, told), "")


def _dead(look: _Look) -> str:
    since = look.since(lambda value: value < _DEAD * look.high)
    if since is None or since > look.steps / 2 or look.steps < _SHORTEST:
        return ""
    if _is_frozen(look.factor) or not _numbers(look.written):
        return ""
    return say(
        "from step {since} of {steps} on the factor is below 1/10000 of its highest: {instead}",
        since=since,
        steps=look.steps,
        instead=_instead(look),
    )


def _falls_once(look: _Look) -> str:
    """A ratio for one step, which as a length is over with it: torch's gamma is a ratio each step."""
    for written, one, _ in _placed(look.written, look.factor):
        if isinstance(one, exponential) and one.every is None and one.length == 1 and look.steps >= _SHORTEST:
            instead = f"exponential({one.gamma!r}, every=1)"
            return say(
                "{part} is over after 1 step and holds: for a ratio each step write {instead}",
                part=short(written),
                instead=instead,
            )
    return ""


def _does_not_come(look: _Look) -> str:
    last, rest = look.values[-1], settled(look.factor)
    if rest is not None:
        final = look.factor(rest)
        lost = look.high - final
        if rest <= look.steps or final >= look.high / 2 or look.high - last >= _HARDLY * lost:
            return ""
        when = say("it would be over at step {step}", step=rest)
    else:
        after = look.values[look.highest :]
        later = [look.steps * 4**i for i in range(1, 7)]
        if any(abs(one - last) > 1e-9 * look.high for one in after) or _falls_at(look.factor, later, last) is None:
            return ""
        when = say("at step {step} it would have begun", step=_falls_at(look.factor, later, last))
    return say(
        "the decay does not come: the run ends at step {steps} with {left:.3g} of the highest factor, {when}: lengths "
        "count steps; leave the length out, or write a share ('30%') or epochs ('30ep')",
        steps=look.steps,
        left=last / look.high,
        when=when,
    )


def _falls_at(factor: Factor, steps: list[int], last: float) -> int | None:
    return next((t for t in steps if factor(t) < 0.9 * last), None)


def _short_cycles(look: _Look) -> str:
    for _, one, _ in _placed(look.written, look.factor):
        if not isinstance(one, repeat) or one.times is not None or one.growth != 1 or look.per_epoch is None:
            continue
        cycle = one._inner_steps()
        if cycle <= look.longest_epochs and cycle * 4 <= look.per_epoch and cycle * 100 <= look.steps:
            return say(
                "it has {count} cycles of {cycle} steps: {instead}",
                count=look.steps // cycle,
                cycle=cycle,
                instead=_instead(look),
            )
    return ""


def _sums(look: _Look) -> Iterator[str]:
    for written, one, begin in _placed(look.written, look.factor):
        if not isinstance(one, plus) or not isinstance(written, plus):
            continue
        local = [t - begin for t in look.at if t >= begin]
        tops = [max(map(part, local), default=0.0) for part in one.parts]
        top = max(map(one, local), default=0.0)
        up = [i for i, part in enumerate(one.parts) if _length_of_rise(part) is not None and tops[i] >= 0.95]
        if not up or len(one.parts) < 2 or top < 1.2 * max(tops) or max(tops) > 1.0001:
            continue
        others = [str(part) for i, part in enumerate(written.parts) if i != up[0]]
        rise, rest = str(written.parts[up[0]]), " + ".join(others)
        yield say(
            "the sum {sum} rises to {top:.3g}: write {rise} >> {rest} for one after the other, {rise} * {rest} for "
            "both at once",
            sum=short(written),
            top=top,
            rise=rise,
            rest=rest,
        )


def _placed(written: Factor, factor: Factor, begin: int = 0) -> Iterator[tuple[Factor, Factor, int]]:
    """Every part whose time is that of the run but for its beginning: as written, in steps, the step it begins at."""
    yield written, factor, begin
    if isinstance(factor, Together) and isinstance(written, Together):
        starts = factor._starts() if isinstance(factor, then) else [0] * len(factor.parts)
        for one, other, start in zip(written.parts, factor.parts, starts, strict=True):
            yield from _placed(one, other, begin + start)
    elif isinstance(factor, clamp) and isinstance(written, clamp):
        yield from _placed(written.factor, factor.factor, begin)


def _length_of_rise(part: Factor) -> int | None:
    """The steps of a warm-up, or of a straight line that is one; None for every other part."""
    line = isinstance(part, linear) and part.start < part.end / 2 and part.end == 1
    length = part.length if isinstance(part, warmup) or line else None  # type: ignore[attr-defined]
    return length if isinstance(length, int) else None


def _is_frozen(factor: Factor) -> bool:
    """Whether somebody wrote a factor of 0 for a part of the run: groups that are to stand still."""
    listed = {stages: "factors", table: "values"}.get(type(factor))
    if listed is not None:
        return 0 in getattr(factor, listed)
    return (isinstance(factor, constant) and factor.factor == 0) or any(map(_is_frozen, _parts(factor)))


def _parts(factor: Factor) -> list[Factor]:
    return [part for _, one in inside(factor) for part in (one if isinstance(one, tuple) else (one,))]


def _numbers(factor: Factor) -> list[int]:
    """The lengths that are written as bare numbers, in the order of the text."""
    if _is_controller(factor):
        return []
    own = [factor.fields().get(name) for name in factor._lengths]
    several = [when for one in own for when in (one if isinstance(one, tuple) else (one,))]
    times = [when[0] if isinstance(when, tuple) else when for when in several]  # of a knot, the first of two
    return [n for n in times if isinstance(n, int) and n] + [n for part in _parts(factor) for n in _numbers(part)]


def _is_controller(factor: Factor) -> bool:
    return bool(factor.controllers) and factor.controllers[0] is factor


def _instead(look: _Look) -> str:
    """What to write: the same in epochs where the numbers may be epochs, else which units there are."""
    counted = sorted({n for n in _numbers(look.written) if n <= look.longest_epochs})
    if not counted:
        return said("lengths count steps: leave them out, or write shares ('30%') or epochs ('30ep')")
    updates = "…" if look.per_epoch is None else f"{look.per_epoch:g}"
    told = ", ".join(map(str, counted[:4])) + (", …" if len(counted) > 4 else "")
    text = _in_epochs(look.written, look.longest_epochs)
    if len(counted) == 1:
        return say(
            "if {count} is in epochs, write {text} with steps_per_epoch={updates}",
            count=told,
            text=text,
            updates=updates,
        )
    return say(
        "if {counts} are epochs, write {text} with steps_per_epoch={updates}", counts=told, text=text, updates=updates
    )


def _in_epochs(factor: Factor, most: float) -> str:
    """The text with every bare length up to `most` in epochs; a longer one filled the run and is left out."""
    told: dict[str, str] = {}
    text = str(_counted(factor, most, told))
    for long, brief in told.items():
        text = text.replace(long, brief)
    return text


def _counted(factor: Factor, most: float, told: dict[str, str]) -> Factor:
    changes: dict[str, Any] = {}
    for name in () if _is_controller(factor) else factor._lengths:
        given = factor.fields().get(name)
        if isinstance(given, tuple):
            changes[name] = tuple(_epochs(one, most) for one in given)
        elif isinstance(given, int):
            changes[name] = f"{given}ep" if given <= most else (None if name in factor._defaults else given)
    for name, one in inside(factor):
        parts = tuple(_counted(part, most, told) for part in (one if isinstance(one, tuple) else (one,)))
        changes[name] = parts if isinstance(one, tuple) else parts[0]
    new = factor.replace(**changes)
    if isinstance(new, stages) and new.at:
        told[str(new)] = _brief(new)
    return new


def _epochs(one: Any, most: float) -> Any:
    if isinstance(one, tuple):  # a knot
        return (_epochs(one[0], most), *one[1:])
    return f"{one}ep" if isinstance(one, int) and 0 < one <= most else one


def _brief(staged: stages) -> str:
    """Stages whose factors are powers as the recipe that makes them."""
    factors = [float(f"{one:.12g}") for one in staged.factors]
    gamma = factors[1]
    if any(abs(one - gamma**i) > 1e-9 * gamma**i for i, one in enumerate(factors)):
        return str(staged.replace(factors=tuple(factors)))
    at = ", ".join(map(repr, staged.at or ()))
    return f"multistep({at})" if gamma == 0.1 else f"multistep({at}, gamma={gamma:g})"


def _named(part: Factor) -> str:
    """The beginning of a call that makes a shorter one."""
    return "warmup(" if isinstance(part, warmup) else f"linear({part.start:g}, {part.end:g}, "  # type: ignore[attr-defined]


_ONE_OF = (
    _outlasts,
    _falls_once,
    _dead,
    _over_early,
    _part_over_early,
    _does_not_come,
    _short_cycles,
)  # the first is told
