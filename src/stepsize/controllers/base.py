"""What every controller is: a pure machine from what was seen to a factor."""

from __future__ import annotations

from .._errors import StepsizeError
from .._language import say
from .._named import Named as State
from .._value import field
from ..lengths import Length, check_length
from ..schedules.base import Dialect, Factor
from ..schedules.shapes import in_steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from ..observed import seen

__all__ = ["Controller", "Counting", "State"]


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

    @property
    def begins(self) -> int:
        """The update from which on it is asked; before that it answers 1."""
        return 0

    def init(self) -> State:
        """The state before the first update."""
        raise NotImplementedError

    def remark(self, state: State, now: seen) -> str:
        """What the user is warned of where the controller has come to this state by what it saw; mostly nothing."""
        return ""

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
            raise StepsizeError(
                say(
                    "{word} needs the {name} at every update: pass {how}",
                    word=self.word(),
                    name=name,
                    how=f"seen({name}=…)",
                )
            )
        return float(value)

    @property
    def controllers(self) -> tuple[Any, ...]:
        return (self,)

    def _formula(self, t: str, write: Dialect) -> str:
        return write.next_controller()

    @property
    def _endless(self) -> bool:
        return True


def _from_start(owner: str, name: str, value: object) -> Length:
    """A length, or 0 for the beginning of the run."""
    return 0 if type(value) is int and value == 0 else check_length(owner, name, value)


class Counting(Controller):
    """A controller that counts what comes: from update `after` on, so that it does not judge a warm-up.

    Before that it answers 1 and looks at nothing. `after` is 0 or a length, as long as the warm-up.
    """

    _lengths: ClassVar[tuple[str, ...]] = ("after",)
    after: Length = field(default=0, check=_from_start, kw_only=True)

    @property
    def begins(self) -> int:
        return in_steps(self, "after", self.after)

    def _formula(self, t: str, write: Dialect) -> str:
        for name in self._lengths:  # one that is not known in steps is an error before the run, not in it
            in_steps(self, name, getattr(self, name))
        return super()._formula(t, write)


def _tuples(saved: Any) -> Any:
    return tuple(_tuples(one) for one in saved) if isinstance(saved, (tuple, list)) else saved
