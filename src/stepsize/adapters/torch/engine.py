"""A strategy that torch's own optimizers cannot compute: every stage by the engine of `descend`, on the tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ..._errors import StepsizeError
from ...clipping.decay import weight_decay
from ...descents import Array, Arrays, State, Transform, descent
from ...noticing import Memory, at_start, measure, remember
from .clips import clip_gradients
from .norms import Member, as_sharded, members_of
from .remembering import merged, on_device
from .strategy import Strategy, Wishes

_KEPT = "stepsize."  # begins the names of what is kept for the next update, beside the rule's own state


class StrategyEngine(Strategy):
    """A strategy computed stage by stage, out of place, on the tensors of its parameters.

    The arrays are named by the places of the parameters. Where a group's rate is not the strategy's, its directions
    are taken in that proportion, so that slopes and trial steps are those of the whole update.
    """

    def __init__(self, params: Any, wishes: Wishes) -> None:
        Optimizer.__init__(self, params, {"lr": float(wishes.strategy.rate.base)})
        self._begin(wishes)

    def _begin(self, wishes: Wishes) -> None:
        super()._begin(wishes)
        self.register_step_post_hook(_count)
        self._guard = clip_gradients(self, (), on_nonfinite=wishes.on_nonfinite)
        self._states: tuple[Any, ...] = tuple({} for part in self.strategy.split() for _ in part)  # of the transforms
        self._lay_out()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group; its `weight_decay` is used in place of the strategy's."""
        super().add_param_group(param_group)
        if hasattr(self, "_carried"):
            self._lay_out()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load torch's state, the schedule's and the stages'; torch replaces the groups."""
        super().load_state_dict(state_dict)
        self._lay_out()

    def _lay_out(self) -> None:
        """Name the parameters, and give groups with a decay of their own what they asked for."""
        self._members = {str(i): one for i, one in enumerate(members_of(self))}
        amounts = {
            name: float(one.group["weight_decay"]) for name, one in self._members.items() if "weight_decay" in one.group
        }
        self._carried = _with_own_decay(self.strategy, amounts) if amounts else self.strategy

    @torch.no_grad()
    def step(
        self,
        closure: Callable[[], Any] | None = None,
        *,
        loss: Any = None,
        loss_of: Callable[[], Any] | None = None,
        grad_variance: Any = None,
    ) -> Any:
        """One update; returns the closure's loss.

        `loss` is the loss of the batch, `loss_of()` evaluates it again where the parameters then are (without a
        gradient; left out, the closure is used), `grad_variance` is what `backward_halves` measured.
        """
        if closure is None:
            told = {"loss": loss, "grad_variance": grad_variance}
            self.scheduler.check([name for name, one in told.items() if one is not None], loss_of is not None)
            outcome = None
        else:
            with torch.enable_grad():
                outcome = closure()
        moving = {name: one for name, one in self._members.items() if one.param.grad is not None}
        self._left_out = self._guard.left_out or self._is_probe()
        if self._left_out:
            self._state(moving)
        elif moving:
            _refuse(moving)
            again = loss_of or (None if closure is None else _without_gradients(closure, moving))
            self._update(moving, {"loss": outcome if loss is None else loss, "grad_variance": grad_variance}, again)
        return outcome

    def _update(self, moving: Mapping[str, Member], given: dict[str, Any], again: Callable[[], Any] | None) -> None:
        needs, state = self.strategy.needs, self._state(moving)
        own = "loss_at" in needs  # a trial step writes into the parameters
        params = {name: _copied(one.param) if own else one.param.detach() for name, one in moving.items()}
        grads: Arrays = {name: one.param.grad for name, one in moving.items()}
        directions, after, _ = self._carried.direct(params, grads, state)
        at = {"params": params, "grads": grads, "directions": self._in_proportion(moving, directions)}
        memory = remember(needs, at, state.memory)
        if needs:
            told = given | self._noticed(at, state.memory)
            self.scheduler.show(told, self._trial(moving, at, after, again) if own and again else None)
        update = {name: one.group["lr"] * directions[name] for name, one in moving.items()}
        update, after, _ = self._carried.bound(params, update, grads, after)
        for name, one in moving.items():
            one.param.copy_(params[name] - update[name])
            self.state[one.param] = dict(after.rules[name])
        self._states = tuple(merged(old, new) for old, new in zip(self._states, after.transforms, strict=True))
        self._keep(memory, moving)

    def _state(self, moving: Mapping[str, Member]) -> State:
        """What the engine remembers of these parameters; those that are new begin."""
        if any(one.param not in self.state for one in self._members.values()):
            self._start()
        rules = {name: _parted(self.state[one.param])[0] for name, one in moving.items()}
        kept = {name: _parted(self.state[one.param])[1] for name, one in moving.items()}
        kinds = {kind for one in kept.values() for kind in one}
        memory = {
            kind: {name: one.get(kind, self._no_past(kind, moving[name])) for name, one in kept.items()}
            for kind in kinds
        }
        return State(rules, (), self.scheduler.last_epoch, self._states, memory)

    def _start(self) -> None:
        every = {name: one.param.detach() for name, one in self._members.items()}
        begun = tuple(one.init(every) for part in self._carried.split() for one in part)
        self._states = tuple(merged(*both) for both in zip(begun, self._states, strict=True))
        start = at_start(self.strategy.needs, every)
        for name, one in self._members.items():
            if one.param not in self.state:
                kept = {_KEPT + kind: arrays[name] for kind, arrays in start.items()}
                self.state[one.param] = {**self.strategy.rule.init(every[name]), **kept}

    def _no_past(self, kind: str, one: Member) -> Array:
        """For a parameter that did not move in the last update: it stood where it is, its gradient was what it is."""
        past = {"params": one.param.detach(), "start": one.param.detach(), "grads": one.param.grad}
        return past.get(kind, torch.zeros_like(one.param))

    def _keep(self, memory: Memory, moving: Mapping[str, Member]) -> None:
        for kind, arrays in memory.items():
            for name, one in moving.items():
                self.state[one.param][_KEPT + kind] = arrays[name]

    def _in_proportion(self, moving: Mapping[str, Member], directions: Arrays) -> Arrays:
        """Directions that the strategy's rate leads as far along as its own rate leads each group."""
        base, found = self.strategy.rate.base, {}
        for name, one in moving.items():
            own = self.scheduler._bases[one.place[0], "lr"]
            found[name] = directions[name] if own == base or base == 0 else own / base * directions[name]
        return found

    def _noticed(self, at: Memory, memory: Memory) -> dict[str, Any]:
        """The quantities of this update that its arrays and its schedule tell."""
        needs, schedule = self.strategy.needs, self.scheduler
        known: dict[str, Any] = measure(needs, at, memory)
        if "rate" in needs:
            known["rate"] = self.strategy.rate.base * schedule._parts[0].without_control(schedule.last_epoch)
        if "progress" in needs:
            known["progress"] = schedule.last_epoch / (schedule.units["total_steps"] or 1)
        return known

    def _trial(
        self, moving: Mapping[str, Member], at: Memory, after: State, again: Callable[[], Any]
    ) -> Callable[[float], float]:
        """From a rate to the loss of the batch where it leads; the parameters come back as they were."""

        def loss_of(there: Arrays) -> float:
            try:
                for name, one in moving.items():
                    one.param.copy_(there[name])
                return float(again())
            finally:
                for name, one in moving.items():
                    one.param.copy_(at["params"][name])

        return self._carried.trial(at, after, loss_of)

    def _memory(self) -> dict[str, Any]:
        return {"states": list(self._states)} if any(self._states) else {}

    def _recall(self, memory: dict[str, Any]) -> None:
        device = next(iter(self._members.values())).param.device
        if memory:
            self._states = tuple(on_device(one, device) for one in memory["states"])


def _count(made: Any, args: Any, kwargs: Any) -> None:
    """Last of all: the update is done, the schedule moves on."""
    if not made._left_out:
        made.scheduler.step()


class _OwnDecay(Transform):
    """The strategy's weight decay, with amounts of their own for the parameters of some groups."""

    __slots__ = ("amount", "amounts")
    amount: float
    amounts: dict[str, float]

    def __init__(self, amount: float, amounts: dict[str, float]) -> None:
        self._store(amount=amount, amounts=amounts)

    def apply(self, flowing: Arrays, params: Arrays, many: bool = False) -> tuple[Arrays, Array]:
        amounts = {name: self.amounts.get(name, self.amount) for name in flowing}
        return {name: array + amounts[name] * params[name] for name, array in flowing.items()}, 0.0


def _with_own_decay(strategy: descent, amounts: dict[str, float]) -> descent:
    decays = [one for one in strategy.stages if isinstance(one, weight_decay)]
    if len(decays) != 1 and any(amounts.values()):
        raise StepsizeError(
            f"optimizer: a group has a weight_decay and {strategy} has {len(decays) or 'none'}: write one weight_decay "
            "into the strategy, for the groups to change"
        )
    stages = (_OwnDecay(one.amount, amounts) if isinstance(one, weight_decay) else one for one in strategy.stages)
    return descent(*stages)


def _parted(kept: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rule's state, and what is kept of the last update by kind."""
    rule = {key: one for key, one in kept.items() if not key.startswith(_KEPT)}
    return rule, {key.removeprefix(_KEPT): one for key, one in kept.items() if key.startswith(_KEPT)}


def _copied(tensor: Tensor) -> Tensor:
    return tensor.detach().clone()


def _gradient(one: Member) -> Tensor:
    assert one.param.grad is not None  # those that have none do not move
    return one.param.grad


def _without_gradients(closure: Callable[[], Any], moving: Mapping[str, Member]) -> Callable[[], Any]:
    """The closure as an evaluation: the gradients that it leaves are put away."""
    grads = {name: _copied(_gradient(one)) for name, one in moving.items()}  # a closure may clear them in place
    for name, one in moving.items():
        one.param.grad = grads[name]

    def evaluate() -> Any:
        for one in moving.values():
            one.param.grad = None
        try:
            with torch.enable_grad():
                return closure()
        finally:
            for name, one in moving.items():
                one.param.grad = grads[name]

    return evaluate


def _refuse(moving: Mapping[str, Member]) -> None:
    """Gradients and parameters that the engine cannot compute with."""
    devices = {one.param.device for one in moving.values()}
    if len(devices) > 1:
        raise StepsizeError(
            f"optimizer: parameters lie on {' and '.join(sorted(map(str, devices)))}, of which torch's own optimizers "
            "can do a step but not this strategy: put them on one device"
        )
    for one in moving.values():
        for tensor in (one.param, _gradient(one)):
            what = "sparse" if tensor.is_sparse else "sharded (a DTensor)" if as_sharded(tensor) is not None else ""
            if what:
                raise StepsizeError(
                    f"optimizer: {one.name()} is {what}, which this strategy cannot compute with: write one that "
                    "torch's optimizers compute, as sgd() | 0.1 or clip_norm(1) | adam() | 0.001"
                )
