"""A strategy that torch's own optimizers cannot compute: every stage by the engine of `descend`, on the tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.optim import Optimizer

from ...._errors import StepsizeError
from ....clipping.decay import weight_decay
from ....descents import Array, Arrays, State, Transform
from ....quantities import Memory, at_start
from ....update import advance
from ..clips.hung import GradientClipping
from ..clips.measured import measured
from ..clips.memory import merged, on_device, unlike
from ..clips.norms import Member, members_of
from ..clips.tiles import Room
from .base import Strategy, Wishes
from .compiled import BEFORE, Compiled, one_pass, own
from .decays import with_own_decay
from .kernels import tell_autograd
from .loading import damaged
from .parameters import check_group, group_of, refuse_moving
from .passes import TOLD, Passes, fits, reaches, sets_of
from .rows import One
from .trials import Trials, copied, gradient_of

_KEPT = "stepsize."  # begins the names of what is kept for the next update, beside the rule's own state


class StrategyEngine(Strategy):
    """A strategy computed stage by stage, out of place, on the tensors of its parameters.

    The arrays are named by the places of the parameters. Where a group's rate is not the strategy's, its directions
    are taken in that proportion, so that slopes and trial steps are those of the whole update.
    """

    def __init__(self, params: Any, wishes: Wishes) -> None:
        self.strategy = wishes.strategy
        Optimizer.__init__(self, params, {"lr": float(wishes.strategy.rate.base)})
        self._begin(wishes)

    def _begin(self, wishes: Wishes) -> None:
        super()._begin(wishes)
        self.register_step_post_hook(_count)
        self._in_passes, self._room = reaches(self.strategy), Room()
        self._compiled = one_pass(self.strategy, self._in_passes) if wishes.compiled else None
        with self._own_hooks():
            self._guard = GradientClipping("optimizer", self, (), wishes.on_nonfinite)
        self._guard.agreed = self._agreed
        self._states: tuple[Any, ...] = tuple({} for _ in self._transforms())
        self._left_out = False
        self.shares: list[Any] | None = None  # of elements that clips limited, while somebody looks
        self._lay_out()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group; its `weight_decay` is used in place of the strategy's."""
        param_group = group_of(param_group)
        check_group(param_group, getattr(self, "strategy", None))
        super().add_param_group(param_group)
        if hasattr(self, "_carried"):
            self._lay_out()

    def _lay_out(self) -> None:
        """Name the parameters by their places."""
        self._members = {str(i): one for i, one in enumerate(members_of(self))}
        self._amounts: dict[str, float] = {}
        with_own = any("weight_decay" in group for group in self.param_groups)
        self._carried = with_own_decay(self.strategy, self._amounts) if with_own else self.strategy

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

        `loss` is the loss of the batch, without the scale of a GradScaler; `loss_of()` evaluates it again where the
        parameters then are, as often as a controller asks (without a gradient; left out, the closure is used);
        `grad_variance` is what `backward_halves` measured. What is missing is an error before anything moves. Where
        torch.distributed runs, every rank must call it alike.
        """
        self._left_out = self._is_probe()
        if closure is None and not self._left_out:
            told = {"loss": loss, "grad_variance": grad_variance}
            self.scheduler.check([name for name, one in told.items() if one is not None], loss_of is not None)
        outcome = None
        if closure is not None:
            with torch.enable_grad():
                outcome = closure()
        moving = {name: one for name, one in self._members.items() if one.param.grad is not None and one.param.numel()}
        self._left_out = self._left_out or self._guard.left_out
        if self._left_out:
            self._state(moving)
        elif moving:
            given = {"loss": outcome if loss is None else loss, "grad_variance": grad_variance}
            if "grad_norm" in self.scheduler.needs:
                given["grad_norm"] = self._grad_norm()
            if self._compiled is not None and self._pass_compiled(self._compiled, moving, given):
                return outcome
            if self._in_passes and self.scheduler.needs <= TOLD and fits(moving):
                self._pass(moving, given)
            else:
                refuse_moving(moving)
                self._update(moving, given, Trials(self, moving, loss_of, closure))
        return outcome

    def _grad_norm(self) -> float:
        """The length of all gradients together, measured once a step, whoever asks."""
        return measured(self).number([one.param.grad for one in self._members.values() if one.param.grad is not None])

    def _pass(self, moving: Mapping[str, Member], given: dict[str, Any]) -> None:
        """The update in passes over tiles."""
        new = {name: one for name, one in moving.items() if one.param not in self.state}
        if new:
            self._start(new)
        sets = sets_of(moving, self.state)
        passes = Passes(self.strategy, sets, self._states, self.shares is not None, self._room, self._grad_norm)
        if self.scheduler.needs:
            first = [next(name for name, one in moving.items() if one.group is part.group) for part in sets]
            proportions = [float(self._in_proportion({name: moving[name]}, {name: 1.0})[name]) for name in first]
            self.scheduler.show(given | passes.noticed(self.scheduler.needs, proportions))
        for part in sets:
            part.rate = part.group["lr"]
        tell_autograd([one.param for one in moving.values()])
        passes.run()
        if self.shares is not None:
            self.shares = [passes.share()]
        self._states = tuple(merged(old, now) for old, now in zip(self._states, passes.states, strict=True))

    def _pass_compiled(self, compiled: Compiled, moving: Mapping[str, Member], given: dict[str, Any]) -> bool:
        """The update in one compiled pass; False where it has to go the ordinary way."""
        if self.shares is not None or not self.scheduler.needs <= BEFORE:
            compiled.forget()
            return False
        members = members_of(self)
        again = compiled.again(members, self.state)
        ones = [] if again else self._ones(moving)
        if not again and not compiled.reaches(ones):
            return False
        if self.scheduler.needs:
            self.scheduler.show(given)
        amount = next((float(one.amount) for one in self.strategy.stages if isinstance(one, weight_decay)), 0.0)
        numbers = [(float(one["lr"]), float(one.get("weight_decay", amount))) for one in self.param_groups]
        tell_autograd([one.param for one in moving.values()])
        if again:
            compiled.once_more(numbers)
        else:
            self._states = compiled.move(members, ones, numbers, self._states)
        if compiled.by_row:
            for one in moving.values():
                state = self.state[one.param]
                if "count" in state:
                    state["count"] += 1
        return True

    def _ones(self, moving: Mapping[str, Member]) -> list[One]:
        """What moves, with memory of its own."""
        new = {name: one for name, one in moving.items() if one.param not in self.state}
        if new:
            self._start(new)
        found: list[One] = []
        for name, one in moving.items():
            state = self.state[one.param]
            found.append(One(name, one.param, gradient_of(one), state, state, one.place[0]))
        own(found)
        return found

    def _update(self, moving: Mapping[str, Member], given: dict[str, Any], trials: Trials) -> None:
        needs, state = self.scheduler.needs, self._state(moving)
        tries = trials.begin() if "loss_at" in needs else False
        params = {name: copied(one.param) if tries else one.param.detach() for name, one in moving.items()}
        grads: Arrays = {name: one.param.grad for name, one in moving.items()}
        self._amounts.update((name, one.group["weight_decay"]) for name, one in moving.items() if _decays(one))

        def decide(noticed: dict[str, Any], at: Memory, after: State) -> tuple[dict[str, Any], tuple[Any, ...], str]:
            if needs:
                self.scheduler.show(noticed, trials.at(self._carried, at, after) if tries else None)
            return {name: one.group["lr"] for name, one in moving.items()}, (), ""

        made = advance(
            self._carried.parts,
            params,
            grads,
            state,
            needs,
            given | self._told_by_schedule(needs),
            decide,
            shown=lambda directions: self._in_proportion(moving, directions),
            move=lambda params, update: _put(moving, params, update),
        )
        if self.shares is not None:
            self.shares = [made.step.clipped]
        for name, one in moving.items():
            self.state[one.param] = dict(made.state.rules[name])
        self._states = tuple(merged(*both) for both in zip(self._states, made.state.transforms, strict=True))
        self._keep(made.state.memory, moving)

    def _state(self, moving: Mapping[str, Member]) -> State:
        """What the engine remembers of these parameters; those that are new begin."""
        new = {name: one for name, one in moving.items() if one.param not in self.state}
        if new:
            self._start(new)
        rules = {name: _parted(self.state[one.param])[0] for name, one in moving.items()}
        kept = {name: _parted(self.state[one.param])[1] for name, one in moving.items()}
        kinds = {kind for one in kept.values() for kind in one}
        memory = {
            kind: {name: one.get(kind, self._no_past(kind, moving[name])) for name, one in kept.items()}
            for kind in kinds
        }
        return State(rules, (), self.scheduler.last_epoch, self._states, memory)

    def _start(self, new: Mapping[str, Member]) -> None:
        params = {name: one.param.detach() for name, one in new.items()}
        begun = tuple(one.init(params) for one in self._transforms())
        self._states = tuple(merged(*both) for both in zip(begun, self._states, strict=True))
        start = at_start(self.scheduler.needs, params)
        for name, one in new.items():
            kept = {_KEPT + kind: arrays[name] for kind, arrays in start.items()}
            self.state[one.param] = {**self.strategy.rule.init(params[name]), **kept}

    def _transforms(self) -> tuple[Transform, ...]:
        return tuple(one for part in self.strategy.split() for one in part)

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
            own = self.scheduler.course.bases[one.place[0], "lr"]
            found[name] = directions[name] if own == base or base == 0 else own / base * directions[name]
        return found

    def _told_by_schedule(self, needs: frozenset[str]) -> dict[str, Any]:
        """The quantities of this update that its schedule tells."""
        schedule, known = self.scheduler, dict[str, Any]()
        if "rate" in needs:
            known["rate"] = self.strategy.rate.base * schedule.course.parts[0].without_control(schedule.last_epoch)
        if "progress" in needs:
            known["progress"] = schedule.last_epoch / (schedule.units["total_steps"] or 1)
        return known

    def _memory(self) -> dict[str, Any]:
        return {"stages": self._stages(), "states": list(self._states)}

    def _stages(self) -> list[str]:
        """What the memory belongs to: the rule by its word, the stages that remember as they are written."""
        return [self.strategy.rule.word(), *(str(one) if one.init({}) else one.word() for one in self._transforms())]

    def _kept(self) -> tuple[str, ...]:
        return tuple(self.strategy.rule.init(next(iter(self._members.values())).param.detach()))

    def _check_memory(self, memory: dict[str, Any]) -> None:
        found, states = memory.get("stages"), memory.get("states")
        if found != self._stages():
            told = " | ".join(map(str, found)) if isinstance(found, (list, tuple)) and found else "another optimizer"
            raise StepsizeError(
                f"optimizer: the state is that of {told}, not of {' | '.join(self._stages())}: load the state of the "
                "same strategy"
            )
        transforms = self._transforms()
        if not isinstance(states, (list, tuple)) or len(states) != len(transforms):
            raise damaged(f"its stages have not {len(transforms)} states")
        params = {name: one.param.detach() for name, one in self._members.items()}
        for one, kept in zip(transforms, states, strict=True):
            wrong = kept != {} and unlike(kept, one.init(params), str(one))
            if wrong:
                raise damaged(wrong)

    def load_state_dict(self, state_dict: dict[str, Any], on_change: str | None = None) -> None:
        """Load a state of the same strategy; that of another optimizer, torch's own too, is refused."""
        kept = state_dict.get("state") if isinstance(state_dict, dict) else None
        if isinstance(kept, dict) and kept and "stages" not in state_dict:
            self._check_memory({})
        super().load_state_dict(state_dict, on_change)

    def _recall(self, memory: dict[str, Any]) -> None:
        self._lay_out()  # torch has put other groups in place
        begun = {name: one.param.detach() for name, one in self._members.items() if one.param in self.state}
        self._states = tuple(one.init(begun) if begun else {} for one in self._transforms())
        if memory:
            device = next(one.param.device for one in self._members.values())
            saved = [on_device(one, device) for one in memory["states"]]
            self._states = tuple(merged(*both) for both in zip(self._states, saved, strict=True))


def _count(made: Any, args: Any, kwargs: Any) -> None:
    """Last of all: the update is done, the schedule moves on."""
    if not made._left_out:
        made.scheduler.step()


def _decays(one: Member) -> bool:
    return "weight_decay" in one.group


def _parted(kept: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rule's state, and what is kept of the last update by kind."""
    rule = {key: one for key, one in kept.items() if not key.startswith(_KEPT)}
    return rule, {key.removeprefix(_KEPT): one for key, one in kept.items() if key.startswith(_KEPT)}


def _put(moving: Mapping[str, Member], params: Arrays, update: Arrays) -> Arrays:
    """Move the parameters, one by one: no second copy of all."""
    for name, one in moving.items():
        one.param.copy_(params[name] - update[name])
    return params
