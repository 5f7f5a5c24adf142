"""A strategy on torch's own step: our clips and decay around it, our schedule after it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...._errors import StepsizeError
from ....clipping.decay import weight_decay
from ....clipping.value import clip
from ....descents import Clip, Transform, descent
from ....rules.adam import adam
from ..clips.closures import with_closure
from ..clips.hung import Clipping, GradientClipping, UpdateClipping
from ..clips.measured import measured
from ..clips.norms import members_of, settled
from .base import Strategy, Wishes
from .bounding import IN_TILES, Bounding
from .compiled import Compiled, one_pass
from .inert import Group, acting, farthest
from .kernels import KEPT, Moved, begin_late, lay_alike, listed, tell_autograd
from .native import native
from .parameters import group_of, refuse_own_decay
from .rows import One


class Hooked(Strategy):
    """A strategy whose update torch's own kernels compute."""

    _clips: list[Clipping]
    _at_work = False  # while torch's step is being made, and nothing leaves it out
    _in_one = _again = False  # whether this step is one compiled pass, and of the same parameters as the last
    _steps: Tensor | None = None  # torch's counts of those, in a row
    _tiled = False  # whether this step is made in tiles, of which these are gathered, within these clips
    _gathered: list[Moved]
    _active: tuple[Clip, ...]

    def _begin(self, wishes: Wishes) -> None:
        """Hang the stages around torch's step, in the order the gradient flows."""
        super()._begin(wishes)
        stages = native(wishes.strategy)
        # what a loaded expression may look at: the gradient's norm is gone when it has been clipped
        self.scheduler.shows(("loss", "metric") if stages.grads else ("loss", "metric", "grad_norm"))
        self._skipped, self._left_out, self._loss = False, 0, None
        self._decoupled = stages.decoupled
        rule = wishes.strategy.rule
        self._betas = (rule.beta1, rule.beta2) if isinstance(rule, adam) else None
        with self._own_hooks():
            self.register_step_pre_hook(_before)
            guard = GradientClipping("optimizer", self, stages.grads, wishes.on_nonfinite)
            self.register_step_pre_hook(_ready)
            self.register_step_post_hook(_after)
        kept = UpdateClipping("optimizer", self, stages.updates, "ignore", hang=False)
        self._bounding = Bounding(stages.name, kept)
        tiled = all(type(one) in IN_TILES for one in stages.updates)
        self._compiled = one_pass(_behind_clips(wishes.strategy), tiled) if wishes.compiled else None
        self._clips, self._guard = [guard, kept], guard
        guard.agreed = self._agreed

    def _init_group(self, group: dict[str, Any], *lists: list[Any]) -> Any:
        """torch lists what it is about to move; here is where our stages around its kernels come in."""
        if self._at_work and group is self.param_groups[0]:
            self._again = self._goes_on()
        if self._at_work and self._again:
            return (False, False) if self._bounding.name == "Adagrad" else False  # nothing is left for torch to list
        outcome = super()._init_group(group, *lists)  # type: ignore[misc]
        if group.get("fused") and (outcome is True or (isinstance(outcome, tuple) and outcome[0])):
            group["fused"] = False  # torch has no fused kernel for sparse gradients
        if self._at_work:
            self._around(group, lists)
        return outcome

    def _around(self, group: dict[str, Any], lists: tuple[list[Any], ...]) -> None:
        if group is self.param_groups[0]:
            self._plan()
        if group.get("fused") or self._in_one:
            tell_autograd(lists[0])
        if group.get("fused"):
            lay_alike(lists[0], lists[1])
        if self._tiled or self._in_one:
            self._gathered += listed(self._bounding.name, group, lists, self.state)
            for one in lists:
                one.clear()  # nothing is left for torch to move
            if group is self.param_groups[-1]:
                self._move(self._gathered)
                self._gathered = []
            return
        if self._decoupled and lists[0]:
            torch._foreach_mul_(lists[0], self._kept_share(group))
        if group.get("fused") and group.get("momentum"):
            begin_late(group, lists, self.state)

    def _move(self, moved: list[Moved]) -> None:
        """All that torch has listed, by us."""
        if self._in_one:
            assert self._compiled is not None
            self._move_in_one(self._compiled, moved)
        else:
            self._bounding.move(moved, self._active, [self._kept_share(one.group) for one in moved])

    def _move_in_one(self, compiled: Compiled, moved: list[Moved]) -> None:
        """One compiled pass; torch's memory under the rule's names."""
        kept, ones, keys = self._bounding.kept, list[One](), _KEYS[self._bounding.name]
        names = {} if compiled.by_row else kept.names
        places = [id(one) for one in self.param_groups]
        self._steps = _side_by_side([self.state[param] for one in moved if one.steps for param in one.params])
        for one in moved:
            for param, grad in zip(one.params, one.grads, strict=True):
                if not param.numel():
                    continue
                held = self.state[param]
                state = {key: held[name] for key, name in keys.items() if held.get(name) is not None}
                if one.first:
                    state["sum"].zero_()
                if self._bounding.name == "SGD":
                    state["count"] = int(not one.first)
                ones.append(One(names.get(param, ""), param, grad, state, held, places.index(id(one.group))))
        if names:  # a momentum that begins stands first or last in torch's lists, and the kernel is that of one order
            order = {name: i for i, name in enumerate(names.values())}
            ones.sort(key=lambda one: order[one.name])
        first = len(compiled.strategy.stages) - len(kept.clips)
        params = {one.name: one.param for one in ones}
        memory = () if compiled.by_row else tuple(kept.memory(i, params) for i in range(len(kept.clips)))
        before: list[Any] = [{} for one in compiled.strategy.stages[:first] if isinstance(one, Transform)]
        after = compiled.move(members_of(self), ones, self._told(), (*before, *memory)) if ones else ()
        for i, found in enumerate(after[len(before) :]):
            kept.learn(i, found)
        if self._steps is not None and (compiled.by_row or "count" not in keys):
            self._steps.add_(1)

    def _goes_on(self) -> bool:
        """The update at once, where the parameters of the last compiled pass move again."""
        compiled, kept = self._compiled, self._bounding.kept
        if compiled is None or kept.shares is not None or any(map(self._differs, self.param_groups)):
            return False
        if not compiled.again(members_of(self), self.state):
            return False
        compiled.once_more(self._told())
        tell_autograd(compiled.params)
        if self._steps is not None:
            self._steps.add_(1)
        return True

    def _told(self) -> list[tuple[float, float]]:
        """The rate and the decay of each group."""
        return [(float(one["lr"]), self._own_decay(one)) for one in self.param_groups]

    def _own_decay(self, group: dict[str, Any]) -> float:
        """The amount of the strategy's one decay."""
        return float(group.get(_OWN, self._decoupled) if self._decoupled else group["weight_decay"])

    def _differs(self, group: dict[str, Any]) -> bool:
        """Whether a group has something else than rate and decay of its own."""
        one = sum(isinstance(stage, weight_decay) for stage in self.strategy.stages) == 1
        free = (
            "params",
            "param_names",
            "lr",
            "initial_lr",
            "foreach",
            "fused",
            _OWN,
            *(("weight_decay",) if one else ()),
        )
        known = self.defaults
        return any(group[key] != known[key] for key in group if key in known and key not in free)

    def _goes_in_one(self) -> bool:
        """Whether this step is a compiled pass: nobody looks at shares, and no group has a rule of its own."""
        compiled, kept = self._compiled, self._bounding.kept
        if compiled is None:
            return False
        compiled.forget()
        if kept.shares is not None or any(map(self._differs, self.param_groups)):
            return False
        names = {} if compiled.by_row else kept.names
        return compiled.reaches(
            [
                One(names.get(param, ""), param, param.grad, {}, {}, 0)
                for group in self.param_groups
                for param in group["params"]
                if param.grad is not None and param.numel()
            ]
        )

    def _plan(self) -> None:
        """Before anything has moved: which clips of the update may act, and whether tiles or a copy serve them."""
        kept, self._gathered, self._tiled, self._active = self._bounding.kept, [], False, ()
        self._in_one = self._goes_in_one()
        if not kept.clips or self._in_one:
            return
        moving = [(one, [param for param in one["params"] if param.grad is not None]) for one in self.param_groups]
        far = self._farthest(moving) if any(type(one) is clip for one in kept.clips) else math.inf
        self._active = acting(kept.clips, far, [param for _, params in moving for param in params])
        if kept.shares is not None:
            kept.shares = [0.0 for _ in kept.clips]
        self._tiled = bool(self._active) and self._bounding.reaches(moving, self._active)
        if self._active and not self._tiled:
            kept.look(members_of(self))

    def _farthest(self, moving: list[tuple[dict[str, Any], list[Any]]]) -> float:
        """The most that any element can move in this step, as far as that is known beforehand."""
        least = max(one.max for one in self._bounding.kept.clips if type(one) is clip)
        grads = None
        if self._betas is None:
            grads = measured(self).known([param.grad for _, params in moving for param in params])
        elif any(tuple(map(float, one["betas"])) != self._betas for one, _ in moving):
            self._betas = (math.nan, math.nan)  # a memory made with other betas has no known bound
        known = [Group(one, params, self._decay_of(one), self._betas, grads) for one, params in moving]
        return max(farthest(one, least) for one in known)

    def _decay_of(self, group: dict[str, Any]) -> float:
        """The decay that is part of a group's update; before Adam's rule it is part of the gradient."""
        if self._betas is not None and not group["decoupled_weight_decay"]:
            return 0.0
        return float(group["weight_decay"]) + (group.get(_OWN, self._decoupled) if self._decoupled else 0.0)

    def _kept_share(self, group: dict[str, Any]) -> Any:
        """What decoupled decay leaves of the parameters, for optimizers that have none: θ ← θ − η·amount·θ before."""
        return 1 - group["lr"] * group.get(_OWN, self._decoupled) if self._decoupled else 1.0

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group; its `weight_decay` is that of the strategy, decoupled where the strategy's is."""
        param_group = group_of(param_group)
        if hasattr(self, "strategy"):
            refuse_own_decay(param_group, self.strategy)
        if getattr(self, "_decoupled", 0.0) and "weight_decay" in param_group:
            param_group = decoupled(param_group)
        super().add_param_group(param_group)

    def _kept(self) -> tuple[str, ...]:
        return KEPT[self._bounding.name]

    def _memory(self) -> dict[str, Any]:
        return {str(i): one.state_dict() for i, one in enumerate(self._clips) if one.remembers()}

    def _check_memory(self, memory: dict[str, Any]) -> None:
        own = [str(i) for i, one in enumerate(self._clips) if one.has_memory()]
        if not set(memory) <= set(own):
            raise StepsizeError(
                f"optimizer: the state is that of other stages, not of {self.strategy}: load the state of the same "
                "strategy"
            )
        for i, one in memory.items():
            self._clips[int(i)].check_state(one)

    def _recall(self, memory: dict[str, Any]) -> None:
        for i, one in enumerate(self._clips):
            one.load_state_dict(memory.get(str(i)))


class StrategySGD(Hooked, torch.optim.SGD):
    """torch's SGD inside a strategy."""


class StrategyAdagrad(Hooked, torch.optim.Adagrad):
    """torch's Adagrad inside a strategy."""


class StrategyRMSprop(Hooked, torch.optim.RMSprop):
    """torch's RMSprop inside a strategy."""


class StrategyAdam(Hooked, torch.optim.Adam):
    """torch's Adam inside a strategy."""


class StrategyAdamW(Hooked, torch.optim.AdamW):
    """torch's AdamW inside a strategy."""


_OWN = "decoupled_weight_decay_of_strategy"
_KEYS = {  # what torch calls the memory of a rule
    "SGD": {"sum": "momentum_buffer"},
    "Adagrad": {"squares": "sum"},
    "RMSprop": {"squares": "square_avg", "mean": "grad_avg", "sum": "momentum_buffer"},
    "Adam": {"count": "step", "mean": "exp_avg", "squares": "exp_avg_sq"},
    "AdamW": {"count": "step", "mean": "exp_avg", "squares": "exp_avg_sq"},
}
CLASSES: dict[str, Any] = {
    "SGD": StrategySGD,
    "Adagrad": StrategyAdagrad,
    "RMSprop": StrategyRMSprop,
    "Adam": StrategyAdam,
    "AdamW": StrategyAdamW,
}


def _side_by_side(states: list[dict[str, Any]]) -> Tensor | None:
    """torch's counts as places of one row, so that all are counted at once."""
    if not states:
        return None
    found = torch.stack([one["step"] for one in states]).float()
    for one, count in zip(states, found.unbind(), strict=True):
        one["step"] = count
    return found


def _behind_clips(strategy: descent) -> descent:
    """The strategy without the clips of the gradient, which are hung before the step."""
    before = strategy.stages[: strategy.stages.index(strategy.rule)]
    return descent(*(one for one in strategy.stages if one not in before or isinstance(one, weight_decay)))


def decoupled(group: dict[str, Any]) -> dict[str, Any]:
    """A group whose weight decay is to be decoupled, under a name that torch's own step does not read."""
    return {**group, _OWN: float(group["weight_decay"]), "weight_decay": 0.0}


def _before(made: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """First of all: what the call brings besides torch's arguments, and whether a GradScaler leaves the update out."""
    made._loss = kwargs.pop("loss", None)
    for name in ("loss_of", "grad_variance"):
        kwargs.pop(name, None)
    unknown = set(kwargs).difference(("closure", "grad_scaler"))
    if unknown:
        raise StepsizeError(
            f"optimizer: step has no argument {min(unknown)}: write step(loss=loss, loss_of=…, grad_variance=…), or "
            "step(closure)"
        )
    made._at_work = False
    found = getattr(made, "found_inf", None)
    made._skipped = found is not None and float(found) > 0
    made._left_out = sum(one.skipped for one in made._clips)
    if with_closure(args, kwargs, lambda closure: closure) is None and not made._skipped and not made._is_probe():
        made.scheduler.check(_told(made._loss), again=False)


def _ready(made: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """When the gradients are there and clipped: let the controllers decide this update, then decay."""

    def wrap(closure: Callable[[], Any]) -> Callable[[], Any]:
        def closure_then_decision() -> Any:
            loss = closure()
            _decide(made, loss if made._loss is None else made._loss)
            return loss

        return closure_then_decision

    changed = with_closure(args, kwargs, wrap)
    if changed is None:
        _decide(made, made._loss)
    return changed


def _decide(made: Any, loss: Any) -> None:
    made._at_work = not _is_left_out(made) and not made._is_probe()
    if not made._at_work:
        return
    norm = None
    if "grad_norm" in made.scheduler.needs:
        grads = [one.grad for group in made.param_groups for one in group["params"] if one.grad is not None]
        norm = measured(made).number(list(map(settled, grads)))
    made.scheduler.show({"loss": loss, "grad_norm": norm})


def _told(loss: Any) -> tuple[str, ...]:
    return () if loss is None else ("loss",)


def _is_left_out(made: Any) -> bool:
    return bool(made._skipped or sum(one.skipped for one in made._clips) > made._left_out)


def _after(made: Any, args: Any, kwargs: Any) -> None:
    """Last of all: the update is done, the schedule moves on."""
    made._loss, made._at_work = None, False  # with the loss goes its graph
    made._bounding.kept.bound()
    measured(made).forget()
    if not _is_left_out(made) and not made._is_probe():
        made.scheduler.step()
