"""What every optimizer made by `optimizer` is: a strategy, its schedule, and one state for both."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from torch.optim import Optimizer

from ..._errors import StepsizeError
from ..._seen import seen
from ...descents import descent
from .controlled import COMES_BETWEEN, check_finite
from .ranks import averaged
from .scheduler import Scheduler

_ASKED_FOR = {
    "loss": "step(loss=loss), or step(closure)",
    "loss_at": "step(loss=loss, loss_of=lambda: loss_fn(model(x), y)), or step(closure)",
    "grad_variance": "step(loss=loss, grad_variance=variance), with the variance that backward_halves returns",
}
_GIVEN = ("loss", "metric", "grad_norm", "grad_variance")  # a NaN there is the script's affair, not a controller's


class Wishes(NamedTuple):
    """How a strategy was asked for, which is also how a copy of it begins."""

    strategy: descent
    units: dict[str, Any]
    on_nonfinite: str
    on_change: str


class StrategySchedule(Scheduler):
    """The schedule of a strategy, whose controllers are shown the update that they decide."""

    _shown = seen.field_names()

    def show(self, given: dict[str, Any], loss_at: Callable[[float], Any] | None = None) -> None:
        """Let the controllers decide the coming update, of which this is all that will be known; write its rate."""
        if not self._needs.difference(COMES_BETWEEN):
            return
        given = {name: one for name, one in given.items() if name in self._needs and one is not None}
        self.check({*given, *self._now}, loss_at is not None)
        values = averaged(given, self.process_group)
        if self.on_nonfinite == "raise":
            check_finite({name: one for name, one in values.items() if name in _GIVEN}, self.last_epoch)
        self._now = {**self._now, **values}
        at = None if loss_at is None else self._on_all_ranks(loss_at)
        self._ask(seen(**self._now, loss_at=at), {*values, "loss_at"}, measured=True)
        self.write()

    def check(self, there: Collection[str], again: bool) -> None:
        """Refuse an update of which something is not there that only the script can tell."""
        missing = self._needs.intersection(_ASKED_FOR).difference(there, ("loss_at",) if again else ())
        for name in sorted(missing):
            raise StepsizeError(
                f"optimizer: a controller of {self.expression} needs the {name} of update {self.last_epoch}: write "
                f"{_ASKED_FOR[name]}"
            )

    def _on_all_ranks(self, loss_at: Callable[[float], Any]) -> Callable[[float], float]:
        return lambda rate: averaged({"loss": loss_at(rate)}, self.process_group)["loss"]


class Strategy(Optimizer):
    """What every optimizer made by `optimizer` is: a strategy and its `scheduler`."""

    strategy: descent
    scheduler: StrategySchedule

    def _begin(self, wishes: Wishes) -> None:
        """Take the strategy, from its beginning."""
        self._wishes, self.strategy = wishes, wishes.strategy
        lenient = "raise" if wishes.on_nonfinite == "raise" else "hold"
        self.scheduler = StrategySchedule(
            self, self.strategy.rate.factor, **wishes.units, on_change=wishes.on_change, on_nonfinite=lenient
        )

    def _memory(self) -> dict[str, Any]:
        """What the stages remember that torch's own state does not hold."""
        return {}

    def _recall(self, memory: dict[str, Any]) -> None:
        """The opposite of `_memory`."""

    def state_dict(self) -> dict[str, Any]:
        """torch's state, with the schedule's under "schedule" and that of clips with a memory under "clips"."""
        memory = self._memory()
        schedule = {"schedule": self.scheduler.state_dict()}
        return {**super().state_dict(), **schedule, **({"clips": memory} if memory else {})}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load torch's state and, where they are there, the schedule's and the clips'."""
        schedule = state_dict.get("schedule")
        if schedule is not None:
            self.scheduler.load_state_dict(schedule)  # first: where it is refused, nothing is loaded
        super().load_state_dict({key: one for key, one in state_dict.items() if key not in ("schedule", "clips")})
        if "clips" in state_dict:
            self._recall(state_dict["clips"])
        self.scheduler.write()

    def __getstate__(self) -> dict[str, Any]:
        ours = {"wishes": self._wishes, "schedule": self.scheduler.state_dict(), "memory": self._memory()}
        return {**super().__getstate__(), **ours}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        wishes, schedule, memory = (state.pop(key, None) for key in ("wishes", "schedule", "memory"))
        super().__setstate__(state)
        if wishes is not None:
            self._begin(wishes)
            self.scheduler.load_state_dict(schedule, on_change="keep")
            self._recall(memory)

    def _is_probe(self) -> bool:
        """torch.distributed.checkpoint steps at rate 0 to make an optimizer lay out its state: that is no update."""
        rates = [group["lr"] for group in self.param_groups]
        return all(type(one) is float and one == 0 for one in rates) and any(self.scheduler.get_last_lr())
