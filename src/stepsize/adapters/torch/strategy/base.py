"""What every optimizer made by `optimizer` is: a strategy, its schedule, and one state for both."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from ...._errors import StepsizeError
from ....course.course import Course
from ....course.host import COMES_BETWEEN
from ....descents import descent
from ..clips.clipping import Clipping
from ..ranks import averaged
from .loading import check_state, damaged
from .schedule import StrategySchedule


class Wishes(NamedTuple):
    """How a strategy was asked for, which is also how a copy of it begins."""

    strategy: descent
    units: dict[str, Any]
    on_nonfinite: str
    on_change: str
    compiled: bool = False


class Strategy(Optimizer):
    """What every optimizer made by `optimizer` is: a strategy and its `scheduler`."""

    strategy: descent
    scheduler: StrategySchedule
    _guard: Clipping  # looks at the gradients as they came

    def _begin(self, wishes: Wishes) -> None:
        """Take the strategy, from its beginning."""
        _follow_no_further(type(self))
        self._wishes, self.strategy = wishes, wishes.strategy
        lenient = "raise" if wishes.on_nonfinite == "raise" else "hold"
        self.scheduler = StrategySchedule(
            self, self.strategy.rate.factor, **wishes.units, on_change=wishes.on_change, on_nonfinite=lenient
        )

    @contextmanager
    def _own_hooks(self) -> Iterator[None]:
        """What is hung here acts last before the update and first after it, whatever a script hangs besides."""
        self._ours: list[Any] = []
        before = list(self._optimizer_step_pre_hooks)
        yield
        self._ours = [key for key in self._optimizer_step_pre_hooks if key not in before]

    def register_step_pre_hook(self, hook: Any) -> Any:
        """As torch's: the hook sees the gradients as they came, and what it makes of them is checked and clipped."""
        handle = super().register_step_pre_hook(hook)
        hooks: Any = self._optimizer_step_pre_hooks  # in the order in which they are called
        for key in getattr(self, "_ours", ()):
            hooks.move_to_end(key)
        return handle

    def _agreed(self, wrong: str | None) -> str | None:
        """What is wrong with a gradient on any rank, where controllers make all ranks meet in every update."""
        if not self.scheduler.needs.difference(COMES_BETWEEN):
            return wrong
        share = averaged({"wrong": float(wrong is not None)}, self.scheduler.process_group)["wrong"]
        return wrong or ("elements of the gradient are NaN or infinite on another rank" if share > 0 else None)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, whose rate is scheduled at once."""
        super().add_param_group(param_group)
        if hasattr(self, "scheduler"):
            self.scheduler.write()

    @property
    def skipped(self) -> int:
        """The updates left out for gradients that are not finite, under on_nonfinite="skip"."""
        return self._guard.skipped

    def _memory(self) -> dict[str, Any]:
        """What the stages remember that torch's own state does not hold."""
        return {}

    def _check_memory(self, memory: dict[str, Any]) -> None:
        """Refuse the memory of other stages."""

    def _recall(self, memory: dict[str, Any]) -> None:
        """The opposite of `_memory`; an empty one begins anew."""

    def _kept(self) -> Collection[str]:
        """What the rule keeps of every parameter that has moved."""
        return ()

    def state_dict(self) -> dict[str, Any]:
        """torch's state, with the schedule's under "schedule" and what the stages remember under "stages"."""
        memory = self._memory()
        schedule = {"schedule": self.scheduler.state_dict()}
        return {**super().state_dict(), **schedule, **({"stages": memory} if memory else {})}

    def load_state_dict(self, state_dict: dict[str, Any], on_change: str | None = None) -> None:
        """Load torch's state and, where they are there, the schedule's and the stages'; refused, nothing is loaded.

        `on_change`, as in `Scheduler`, says whose rates go on where the state's differ, for this load.
        """
        if not isinstance(state_dict, dict):
            raise StepsizeError(f"optimizer: a state is what state_dict() gave, not {type(state_dict).__name__}")
        schedule, memory = state_dict.get("schedule"), state_dict.get("stages", {})
        check_state(state_dict, self, self._kept())
        if not isinstance(memory, dict):
            raise damaged(f"its stages are {type(memory).__name__}")
        if schedule is not None or memory:
            self._check_memory(memory)
        before = self.scheduler.course, self.state, self.param_groups, self._memory()
        try:
            if schedule is not None:
                self.scheduler.load_state_dict(schedule, on_change)
            super().load_state_dict({key: one for key, one in state_dict.items() if key not in ("schedule", "stages")})
            self._recall(memory)
            self.scheduler.write()
        except Exception as error:
            self._undo(*before)
            if isinstance(error, StepsizeError):
                raise
            raise damaged(f"{type(error).__name__}: {error}") from None

    def _undo(self, course: Course, state: Any, groups: Any, memory: dict[str, Any]) -> None:
        """A load that broke off has loaded nothing."""
        self.state, self.param_groups = state, groups
        self.scheduler.course = course
        self._recall(memory)

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


def _follow_no_further(kind: Any) -> None:
    """A compiled training loop calls the step as it is: traced, it would ask its controllers and write memory twice."""
    as_it_is = kind.step  # with the hooks that torch has put around it
    if hasattr(as_it_is, _AS_IT_IS):
        return
    untraced = torch.compiler.disable(as_it_is)  # type: ignore[no-untyped-call]

    @wraps(as_it_is)
    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        return (untraced if torch.compiler.is_compiling() else as_it_is)(self, *args, **kwargs)

    setattr(step, _AS_IT_IS, True)
    kind.step = step


_AS_IT_IS = "_stepsize_as_it_is"
