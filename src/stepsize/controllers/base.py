"""What every controller is: a pure machine from what was seen to a factor."""

from __future__ import annotations

from ..schedules.base import Dialect, Factor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from ..observed import seen

State: TypeAlias = "tuple[Any, ...]"


class Controller(Factor):
    """A factor that depends on the run: `init() -> state`, `step(state, seen) -> (factor, state, why)`.

    States are tuples of plain Python numbers, so stop-save-load-continue is exact. A factor is finite and ≥ 0,
    whatever was seen; `why` is one short text when the controller acted, and empty when it did not.
    """

    __slots__ = ()
    _lengths: tuple[str, ...] = ()
    sets_rate = False  # True: it answers the rate itself, not a factor around 1; what stands before it scales it
    searches = False  # True: and it begins its search at the rate that the text gives

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

    @property
    def controllers(self) -> tuple[Any, ...]:
        return (self,)

    def _formula(self, t: str, write: Dialect) -> str:
        return write.next_controller()

    @property
    def _endless(self) -> bool:
        return True
