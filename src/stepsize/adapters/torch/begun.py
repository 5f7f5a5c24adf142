"""A run that begins again by mistake: the optimizer was resumed, and its schedule was not."""

from __future__ import annotations

import warnings
import weakref
from math import inf, isclose
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.optim import Optimizer

from ..._errors import StepsizeError, whole

if TYPE_CHECKING:
    from .scheduler import Scheduler

_LATER = (1, 10, 100, 1000)  # where to look whether a schedule moves at all

# the schedule that was begun first on an optimizer in this process, which alone can be a run begun again
_first: weakref.WeakKeyDictionary[Optimizer, weakref.ref[Scheduler]] = weakref.WeakKeyDictionary()


def begins_at(name: str, done: object, last_epoch: object) -> int | None:
    """The updates made before, as torch counts them or as we do; None where nobody says."""
    if last_epoch is None or last_epoch == -1:
        return None if done is None else whole(name, "done", done, low=0)
    if done is not None:
        raise StepsizeError(f"{name}: done={done!r} and last_epoch={last_epoch!r} say the same: leave last_epoch out")
    return whole(name, "last_epoch", last_epoch, low=-1) + 1


def watch(scheduler: Scheduler) -> bool:
    """Look whether the optimizer comes from a run under a schedule: now, which it returns, and when a state is loaded.

    Whoever says where the schedule begins, by `done` or by a state, is left alone; so is every later schedule on the
    same optimizer, which a script begins on purpose.
    """
    optimizer = scheduler.optimizer
    if optimizer in _first or hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return False
    _first[optimizer] = weakref.ref(scheduler)
    if hasattr(optimizer, "_optimizer_load_state_dict_post_hooks"):  # a wrapper may lack them
        optimizer.register_load_state_dict_post_hook(_loaded)
    return _was_scheduled(optimizer) and _wait(optimizer, _updates_made(optimizer), "")


def _loaded(optimizer: Optimizer) -> None:
    """A state was loaded: the counter tells the updates, or else a rate that a schedule had moved tells of some."""
    scheduler = _first[optimizer]()
    if scheduler is None or not _was_scheduled(optimizer):
        return
    first = scheduler.get_last_lr()
    moved = [
        f"{float(group['lr']):.3g} of {float(group['initial_lr']):.3g}"
        for group, rate in zip(optimizer.param_groups, first, strict=True)
        if "initial_lr" in group and not isclose(float(group["lr"]), rate, rel_tol=1e-6)
    ]
    _wait(optimizer, _updates_made(optimizer), moved[0] if moved else "")


def _wait(optimizer: Optimizer, made: int, moved: str) -> bool:
    """Judge at the next update, when every state that is to be loaded is there; whether there is something to judge."""
    if not (made or moved) or not hasattr(optimizer, "_optimizer_step_pre_hooks"):
        return False
    waiting = [made]

    def at_next_update(owner: Optimizer, *_: Any) -> None:
        if waiting:
            _judge(owner, waiting.pop(), moved)

    optimizer.register_step_pre_hook(at_next_update)
    return True


def _judge(optimizer: Optimizer, made: int, moved: str) -> None:
    """Warn where the schedule begins at 0 though nobody said so, and would not be there what it is here."""
    held = _first.get(optimizer)
    scheduler = None if held is None else held()
    if scheduler is None or scheduler._chosen or scheduler.last_epoch != 0:
        return
    parts, name = scheduler.course.parts, scheduler.course.host.name
    later = (made,) if made else _LATER
    if all(part.without_control(0) == part.without_control(t) for part in parts for t in later):
        return
    past = f"has made {made} updates under a schedule" if made else f"comes from a schedule that held {moved}"
    warnings.warn(
        f"{name}: the optimizer {past}, and this one begins at update 0: load the scheduler's state too, or write "
        f"{name}(…, done={made or '…'}) to go on there, done=0 to begin on purpose",
        stacklevel=4,
    )


def _was_scheduled(optimizer: Optimizer) -> bool:
    return any("initial_lr" in group for group in optimizer.param_groups)


def _updates_made(optimizer: Optimizer) -> int:
    """The updates that the optimizer's own counter tells; 0 where it has none."""
    for held in optimizer.state.values():
        count = held.get("step") if isinstance(held, dict) else None
        if isinstance(count, (int, float)) or (isinstance(count, Tensor) and count.numel() == 1):
            made = float(count)
            return int(made) if 0 < made < inf else 0  # a damaged one tells nothing
    return 0
