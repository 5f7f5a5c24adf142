"""What every controller is: a pure machine from what was seen to a factor."""

from __future__ import annotations

from .._errors import StepsizeError
from ..schedules.base import Dialect, Factor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, TypeAlias

    from ..observed import seen

State: TypeAlias = "tuple[Any, ...]"


class Controller(Factor):
    """A factor that depends on the run: `init() -> state`, `step(state, seen) -> (factor, state, why)`.

    States are tuples of plain Python numbers, so stop-save-load-continue is exact. A factor is finite and ≥ 0,
    whatever was seen; `why` is one short text when the controller acted, and empty when it did not.
    """

    __slots__ = ()
    _lengths: ClassVar[tuple[str, ...]] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """The quantities of `seen` that it looks at, so that a missing one is an error before the first update."""
        return ()

    def init(self) -> State:
        """The state before the first update."""
        raise NotImplementedError

    def step(self, state: State, now: seen) -> tuple[float, State, str]:
        """The factor of this update, the next state, and why."""
        raise NotImplementedError

    def given(self, now: seen, name: str) -> float:
        """A quantity that it cannot do without, as a plain float, or an error that names it."""
        value = getattr(now, name)
        if value is None:
            raise StepsizeError(f"{self.word()} needs the {name} at every update: pass seen({name}=…)")
        return float(value)

    @property
    def controllers(self) -> tuple[Any, ...]:
        return (self,)

    def _formula(self, t: str, write: Dialect) -> str:
        return write.next_controller()

    @property
    def _endless(self) -> bool:
        return True
