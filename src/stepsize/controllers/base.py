"""What every controller is: a pure machine from what was seen to a factor."""

from __future__ import annotations

from .._errors import StepsizeError
from .._named import Named as State
from ..schedules.base import Dialect, Factor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from ..observed import seen

__all__ = ["Controller", "State"]


class Controller(Factor):
    """A factor that depends on the run: `init() -> state`, `step(state, seen) -> (factor, state, why)`.

    States are named tuples of plain Python numbers (`class Memory(State)`), so stop-save-load-continue is exact, and
    JAX and torch see their leaves. A factor is finite and ≥ 0, whatever was seen; `why` is one short text when the
    controller acted, and empty when it did not. Controllers answer on the host, with branches and words:
    `traceable` is False, and a strategy that has one is not for `jax.jit`.
    """

    __slots__ = ()
    _lengths: ClassVar[tuple[str, ...]] = ()
    traceable = False
    sets_rate = False  # True: it answers the rate itself, not a factor around 1; what stands before it scales it
    searches = False  # True: and it begins its search at the rate that the text gives

    @property
    def needs(self) -> tuple[str, ...]:
        """The quantities of `seen` that it looks at, so that a missing one is an error before the first update."""
        return ()

    def init(self) -> State:
        """The state before the first update."""
        raise NotImplementedError

    def restore(self, saved: Any) -> State:
        """The state that was saved as lists or plain tuples (JSON, an older version): the type of `init()` again."""
        values, kind = [_tuples(one) for one in saved], type(self.init())
        fields = getattr(kind, "_fields", None)
        if fields is not None and len(values) != len(fields):
            raise StepsizeError(
                f"{self.word()}: a saved state has {len(fields)} entries ({', '.join(fields)}), not {len(values)}: "
                "load the state that this controller saved"
            )
        make: Any = kind  # a named tuple, or the plain one of a controller of somebody's own
        state: State = make(*values) if fields is not None else make(values)
        return state

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


def _tuples(saved: Any) -> Any:
    return tuple(_tuples(one) for one in saved) if isinstance(saved, (tuple, list)) else saved
