"""Lengths: steps, shares of the run, epochs, samples, tokens; turned into steps once, by a horizon."""

from __future__ import annotations

from ._errors import FARTHEST, LengthError, StepsizeError, number, shown, whole
from ._language import said, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

Length: TypeAlias = "int | str"
"""A length: updates (`500`), or a text: `"5%"` of the run, `"3ep"`, `"1e6samples"`, `"2e9tok"`."""
Ramp: TypeAlias = "list[tuple[int, float]]"

_UNITS = ("%", "ep", "samples", "tok")
_EITHER = {"tok": "tokens_per_step, or batch_size and tokens_per_sample"}


class MissingFactError(LengthError):
    """A length is in a unit of which the run knows nothing; `facts` names what would tell.

    Where a user came through another door than `.over`, that door says with `at` what to write there.
    """

    def __init__(self, told: str, facts: str) -> None:
        instead = f".over(total_steps, {facts.partition(',')[0]}=…)"
        super().__init__(_needed(told, facts, instead))
        self.told, self.facts = told, facts

    @property
    def fact(self) -> str:
        """The name of the argument to write, the simplest where there are several ways."""
        return self.facts.partition(",")[0]

    def at(self, instead: str) -> LengthError:
        """The same said at another door, where `instead` is what to write."""
        return LengthError(_needed(self.told, self.facts, instead))

    def __reduce__(self) -> tuple[object, ...]:
        return MissingFactError, (self.told, self.facts)


def _needed(told: str, facts: str, instead: str) -> str:
    return say("{length} needs {facts}: write {instead}", length=told, facts=said(facts), instead=instead)


def check_length(owner: str, field: str, length: object) -> Length:
    """Return a length as it is stored, or raise an error that says which forms there are.

    >>> check_length("cosine", "length", "5%")
    '5%'
    """
    if isinstance(length, str):
        split_length(owner, field, length)
        return length.strip()
    if hasattr(length, "is_integer") and not length.is_integer():
        raise LengthError(_broken(owner, field, length))
    if isinstance(length, (int, float)) and not isinstance(length, bool) and length == 0:
        told = say("{owner}: {field} must be a number > 0, not {length!r}", owner=owner, field=field, length=length)
        raise StepsizeError(_left_out(owner, field, told))
    number(owner, field, length, above=0)
    return whole(owner, field, length)


def _broken(owner: str, field: str, length: object) -> str:
    """What is said of a broken number: a part of one is a share of the run, or was meant as a rate."""
    problem = say(
        "{owner}: {field} {length} is neither steps nor a share", owner=owner, field=field, length=shown(length)
    )
    if not isinstance(length, float) or not 0 < length < 1:
        return say("{problem}; {help}", problem=problem, help=_help())
    share = f"{100 * length:.10g}%"
    if field != "length":
        return say("{problem}: write '{share}' for a share of the run", problem=problem, share=share)
    return say(
        "{problem}: write {word}('{share}') for a share of the run, {rate!r} * {word}() for a rate",
        problem=problem,
        word=owner,
        share=share,
        rate=float(length),
    )


def _help() -> str:
    return say('write steps (500), a share ("5%"), epochs ("3ep"), samples ("1e6samples") or tokens ("2e9tok")')


def _left_out(owner: str, field: str, problem: str) -> str:
    """The same, and to leave out a part that lasts no time, as a configuration with 0 updates of warm-up has it."""
    return say("{problem}: leave {word}(…) out", problem=problem, word=owner) if field == "length" else problem


def split_length(owner: str, field: str, length: str) -> tuple[float, str]:
    """Split `"2e9tok"` into its number and unit, checking both.

    >>> split_length("cosine", "length", "2.5%")
    (2.5, '%')
    """
    text = length.strip()
    for unit in _UNITS:
        if text.endswith(unit):
            try:
                amount = float(text.removesuffix(unit))
            except ValueError:
                break
            if 0 < amount < float("inf") and (unit != "%" or amount <= 100):
                return amount, unit
            told = _beyond(owner, field, text, unit)
            raise LengthError(_left_out(owner, field, told) if amount == 0 else told)
    problem = say("{owner}: {field} {length} is not a length", owner=owner, field=field, length=shown(text))
    raise LengthError(say("{problem}; {help}", problem=problem, help=_help()))


def _beyond(owner: str, field: str, text: str, unit: str) -> str:
    length = shown(text)
    if unit == "%":
        return say(
            "{owner}: {field} must be a share above 0% up to 100%, not {length}",
            owner=owner,
            field=field,
            length=length,
        )
    return say("{owner}: {field} must be longer than nothing, not {length}", owner=owner, field=field, length=length)


class Horizon:
    """What a run knows about its own length: the facts that turn every length into steps.

    `total_steps` are updates; `steps_per_epoch` updates; `batch_size` samples an update, or a ramp: a list of
    (step, batch size) from step 0 on; `tokens_per_sample` tokens a sample, or `tokens_per_step` tokens an update.
    A unit that is asked for and not known is an error that names the missing fact. `owner` begins the messages about
    these facts: what the user called.

    >>> Horizon(1000).steps("cosine", "length", "2.5%")
    25
    >>> Horizon(1000, batch_size=[(0, 10), (100, 20)]).steps("cosine", "length", "2000samples")
    150
    """

    __slots__ = ("ramp", "steps_per_epoch", "tokens_per_sample", "tokens_per_step", "total_steps")

    def __init__(
        self,
        total_steps: int,
        steps_per_epoch: float | None = None,
        batch_size: float | Ramp | None = None,
        tokens_per_step: float | None = None,
        tokens_per_sample: float | None = None,
        *,
        owner: str = "over",
    ) -> None:
        self.total_steps = whole(owner, "total_steps", total_steps, low=1)
        self.steps_per_epoch = _optional(owner, "steps_per_epoch", steps_per_epoch)
        self.ramp = _ramp(owner, batch_size)
        self.tokens_per_step = _optional(owner, "tokens_per_step", tokens_per_step)
        self.tokens_per_sample = _optional(owner, "tokens_per_sample", tokens_per_sample)

    def steps(self, owner: str, field: str, length: Length, at: int = 0, backward: bool = False) -> int:
        """Turn a length that begins (or, `backward`, ends) at a step into steps: rounded half up, at least one."""
        if isinstance(length, int):
            return length
        amount, unit = split_length(owner, field, length)
        if unit == "%":
            steps = amount * self.total_steps / 100
        elif unit == "ep":
            if self.steps_per_epoch is None:
                raise _unknown(owner, field, length, "steps_per_epoch")
            steps = amount * self.steps_per_epoch
        elif unit == "tok" and self.tokens_per_step is not None:
            steps = amount / self.tokens_per_step
        else:
            steps = self._by_samples(owner, field, length, amount, at, backward)
        if not steps <= FARTHEST:
            told = say(
                "{owner}: {field} {length} is {steps:.3g} steps of this run, more than 2^53",
                owner=owner,
                field=field,
                length=shown(length),
                steps=steps,
            )
            raise LengthError(told)
        return max(1, int(steps + 0.5))

    def _by_samples(self, owner: str, field: str, length: str, amount: float, at: int, backward: bool) -> float:
        """Steps from `at` on (or back) until so many samples or tokens went through, along the ramp."""
        if self.ramp is None:
            raise _unknown(owner, field, length, "batch_size" if length.endswith("samples") else _EITHER["tok"])
        if length.endswith("tok"):
            if self.tokens_per_sample is None:
                raise _unknown(owner, field, length, "tokens_per_sample")
            amount /= self.tokens_per_sample
        ends = [start for start, _ in self.ramp[1:]] + [1 << 62]
        pieces = [(start, end, size) for (start, size), end in zip(self.ramp, ends, strict=True)]
        steps = 0.0
        for start, end, size in reversed(pieces) if backward else pieces:
            here = max(0, min(at, end) - start if backward else end - max(at, start))
            if amount <= here * size:
                return steps + amount / size
            steps, amount = steps + here, amount - here * size
        return steps + amount / self.ramp[0][1]


def _ramp(owner: str, batch_size: float | Ramp | None) -> list[tuple[int, float]] | None:
    """A batch size as a ramp: the size that holds from each step on."""
    if batch_size is None:
        return None
    if not isinstance(batch_size, (list, tuple)):
        return [(0, number(owner, "batch_size", batch_size, above=0))]
    pairs = [one for one in batch_size if isinstance(one, (list, tuple)) and len(one) == 2]
    steps = [whole(owner, "batch_size", step, low=0) for step, _ in pairs]
    if len(pairs) != len(batch_size) or not steps or steps[0] != 0 or steps != sorted(set(steps)):
        told = say(
            "{owner}: a ramp of batch_size begins at step 0 and rises: [(0, 32), (1000, 64)], not {given}",
            owner=owner,
            given=batch_size,
        )
        raise StepsizeError(told)
    return [(step, number(owner, "batch_size", size, above=0)) for step, (_, size) in zip(steps, pairs, strict=True)]


def _unknown(owner: str, field: str, length: str, facts: str) -> MissingFactError:
    return MissingFactError(say("{owner}: {field} {length}", owner=owner, field=field, length=shown(length)), facts)


def _optional(owner: str, field: str, value: float | None) -> float | None:
    return None if value is None else number(owner, field, value, above=0)
