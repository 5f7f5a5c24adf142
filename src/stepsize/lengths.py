"""Lengths: steps, shares of the run, epochs, samples, tokens; turned into steps once, by a horizon."""

from __future__ import annotations

from ._errors import LengthError, StepsizeError, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

Length: TypeAlias = "int | str"

_UNITS = ("%", "ep", "samples", "tok")
_HELP = 'write steps (500), a share ("5%"), epochs ("3ep"), samples ("1e6samples") or tokens ("2e9tok")'


def check_length(owner: str, field: str, length: object) -> Length:
    """Return a length as it is stored, or raise an error that says which forms there are.

    >>> check_length("cosine", "length", "5%")
    '5%'
    """
    if isinstance(length, str):
        split_length(owner, field, length)
        return length.strip()
    if isinstance(length, float) and not length.is_integer():
        raise LengthError(f"{owner}: {field} {length!r} is neither steps nor a share; {_HELP}")
    steps = number(owner, field, length, above=0)
    return int(steps)


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
            if unit == "%" and not 0 < amount <= 100:
                raise LengthError(f"{owner}: {field} must be a share above 0% and up to 100%, not {text!r}")
            if not 0 < amount < float("inf"):
                raise LengthError(f"{owner}: {field} must be longer than nothing, not {text!r}")
            return amount, unit
    raise LengthError(f"{owner}: {field} {text!r} is not a length; {_HELP}")


class Horizon:
    """What a run knows about its own length: the facts that turn every length into steps.

    `total_steps` are updates; `steps_per_epoch` updates; `batch_size` samples an update; `tokens_per_step` tokens
    an update. A unit that is asked for and not known is an error that names the missing fact.

    >>> Horizon(1000).steps("cosine", "length", "2.5%")
    25
    """

    __slots__ = ("batch_size", "steps_per_epoch", "tokens_per_step", "total_steps")

    def __init__(
        self,
        total_steps: int,
        steps_per_epoch: float | None = None,
        batch_size: float | None = None,
        tokens_per_step: float | None = None,
    ) -> None:
        total = number("over", "total_steps", total_steps, above=0)
        if total != int(total):
            raise StepsizeError(f"over: total_steps must be a whole number of steps, not {total_steps!r}")
        self.total_steps = int(total)
        self.steps_per_epoch = _optional("steps_per_epoch", steps_per_epoch)
        self.batch_size = _optional("batch_size", batch_size)
        self.tokens_per_step = _optional("tokens_per_step", tokens_per_step)

    def steps(self, owner: str, field: str, length: Length) -> int:
        """Turn a length into steps: rounded half up, at least one."""
        if isinstance(length, int):
            return length
        amount, unit = split_length(owner, field, length)
        if unit == "%":
            steps = amount * self.total_steps / 100
        elif unit == "ep":
            steps = amount * self._known(owner, field, length, "steps_per_epoch")
        elif unit == "samples":
            steps = amount / self._known(owner, field, length, "batch_size")
        else:
            steps = amount / self._known(owner, field, length, "tokens_per_step")
        return max(1, int(steps + 0.5))

    def _known(self, owner: str, field: str, length: str, fact: str) -> float:
        value: float | None = getattr(self, fact)
        if value is None:
            raise LengthError(f"{owner}: {field} {length!r} needs {fact}: write .over(total_steps, {fact}=…)")
        return value


def _optional(field: str, value: float | None) -> float | None:
    return None if value is None else number("over", field, value, above=0)
