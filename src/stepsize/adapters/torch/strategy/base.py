"""What every optimizer made by `optimizer` is: a strategy, its schedule, and one state for both."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor
from torch.optim import Optimizer

from ...._errors import StepsizeError
from ....descents import descent
from .schedule import StrategySchedule


class Wishes(NamedTuple):
    """How a strategy was asked for, which is also how a copy of it begins."""

    strategy: descent
    units: dict[str, Any]
    on_nonfinite: str
    on_change: str


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

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, whose rate is scheduled at once."""
        super().add_param_group(param_group)
        if hasattr(self, "scheduler"):
            self.scheduler.write()

    def _memory(self) -> dict[str, Any]:
        """What the stages remember that torch's own state does not hold."""
        return {}

    def _check_memory(self, memory: dict[str, Any]) -> None:
        """Refuse the memory of other stages."""

    def _recall(self, memory: dict[str, Any]) -> None:
        """The opposite of `_memory`; an empty one begins anew."""

    def state_dict(self) -> dict[str, Any]:
        """torch's state, with the schedule's under "schedule" and what the stages remember under "stages"."""
        memory = self._memory()
        schedule = {"schedule": self.scheduler.state_dict()}
        return {**super().state_dict(), **schedule, **({"stages": memory} if memory else {})}

    def load_state_dict(self, state_dict: dict[str, Any], on_change: str | None = None) -> None:
        """Load torch's state and, where they are there, the schedule's and the stages'; refused, nothing is loaded.

        `on_change` ("error", "keep" or "replace") says whose rates go on where the state's differ, for this load.
        """
        schedule, memory = state_dict.get("schedule"), state_dict.get("stages", {})
        self._check_groups(state_dict.get("param_groups", []))
        if schedule is not None or memory:
            self._check_memory(memory)
        if schedule is not None:
            self.scheduler.load_state_dict(schedule, on_change)
        super().load_state_dict({key: one for key, one in state_dict.items() if key not in ("schedule", "stages")})
        self._recall(memory)
        self.scheduler.write()

    def _check_groups(self, saved: list[dict[str, Any]]) -> None:
        found, own = ([len(group["params"]) for group in groups] for groups in (saved, self.param_groups))
        if found != own:
            raise StepsizeError(
                f"optimizer: the state is that of {_counted(found)}, not of {_counted(own)}: load the state of an "
                "optimizer of the same parameters"
            )

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
            self._recall(memory or {})

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__} of {self.strategy}, {self.scheduler.last_epoch} updates done\n{super().__repr__()}"
        )

    def _is_probe(self) -> bool:
        """torch.distributed.checkpoint makes an optimizer lay out its state by a step: that is no update.

        It sets every rate to 0 and every gradient to zeros, and where there is a state already it makes no such step.
        """
        rates = [group["lr"] for group in self.param_groups]
        if any(one.device.type != "cpu" if isinstance(one, Tensor) else False for one in rates) or any(rates):
            return False
        if not any(self.scheduler.get_last_lr()) and self.scheduler.last_epoch > 0:
            return False
        grads = [one.grad for group in self.param_groups for one in group["params"] if one.grad is not None]
        return bool(grads) and not any(bool(one.any()) for one in grads)


def _counted(sizes: list[int]) -> str:
    return " + ".join(map(str, sizes)) + (" parameters" if sizes != [1] else " parameter") if sizes else "no parameters"
