"""Clips on any torch optimizer: its gradients bounded before the step, or its update after it, whatever it computes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ...._errors import StepsizeError
from ....clipping.norm import clip_norm
from ....clipping.value import clip
from ....descents import Clip
from ..refusals import refuse_complex, refuse_own_scaler, refuse_parts
from .arithmetic import limit, multiply, scale_to, share_beyond, shortens, towards, unscale
from .closures import hookable, read_clips, with_closure
from .each import bounded, needs_length, reaches
from .measured import measured
from .memory import Remembering
from .norms import (
    Member,
    Snapshot,
    Space,
    by_space,
    local,
    members_of,
    settled,
    space_of,
    whole,
    wide,
)

ANSWERS = ("raise", "skip", "zero", "ignore")


def clip_update(optimizer: Optimizer, clips: Any, *, on_nonfinite: str = "raise") -> Clipping:
    """Bounds what every step of an optimizer does to its parameters.

    Formula: Δ = θ_before − θ_after; θ ← θ_before − clips(Δ), over all parameters of all groups together. Δ is the
    whole update: rate, momentum and weight decay included. Use it so that no step goes further than you allow, with
    any optimizer; use `clip_gradients` where only single huge gradients are to be tamed. What the optimizer
    remembers (momentum, second moments) is its own and is not bounded.

    `clips` is a text or value, or several, applied in order: "clip(0.01)", "clip_norm(1) | clip(0.01)",
    (clip_norm(1), clip(0.01)); with () only `on_nonfinite` acts. Parameters that a step moves within the bound are
    those of the step bit for bit; NaN stays NaN. `on_nonfinite` is asked about the gradients before the step: "raise"
    a StepsizeError that names the parameter; "skip" the step, so that neither parameters nor the optimizer's state
    change; "zero" the elements that are NaN or infinite; "ignore" them. The first two read one number back from the
    device, the others none. Where a GradScaler watches the gradients of a fused optimizer, its own answer (skip) holds.

    It keeps one copy of the parameters. Sharded parameters (DTensor: FSDP2) are clipped as the whole they are a part
    of, by clip and clip_norm. It acts until `.remove()`; a copy of the optimizer (deepcopy, pickle) is not clipped.

    >>> weight = torch.nn.Parameter(torch.zeros(2))
    >>> optimizer = torch.optim.SGD([weight], lr=1.0)
    >>> clipping = clip_update(optimizer, "clip(0.01)")
    >>> weight.grad = torch.tensor([0.005, -300.0])
    >>> optimizer.step()
    >>> weight.tolist()
    [-0.005, 0.01]
    """
    return UpdateClipping("clip_update", optimizer, clips, on_nonfinite)


def clip_gradients(optimizer: Optimizer, clips: Any, *, on_nonfinite: str = "raise") -> Clipping:
    """Bounds the gradients, in place, before every step of an optimizer.

    Formula: g ← clips(g), over all parameters of all groups together, at every `optimizer.step()`; with a closure,
    after every call of it. Use it where single batches give far too large gradients (clip_norm(1) for transformers);
    under Adam it changes little but the ratio between updates, so there bound the update with `clip_update`.

    `clips` and `on_nonfinite` are as for `clip_update`. With "ignore" and "zero" no number is read back from an
    accelerator. Where torch's clip_grad_norm_ turns every gradient into NaN because one element is, this raises,
    skips, or puts 0 in its place. Gradients that a GradScaler still has scaled (fused optimizers) are unscaled first.
    Sharded gradients (DTensor) are measured whole. It acts until `.remove()`; a copy of the optimizer is not clipped.

    >>> weight = torch.nn.Parameter(torch.zeros(2))
    >>> optimizer = torch.optim.SGD([weight], lr=1.0)
    >>> clipping = clip_gradients(optimizer, "clip_norm(1)")
    >>> weight.grad = torch.tensor([30.0, -40.0])
    >>> optimizer.step()
    >>> weight.tolist()
    [-0.6, 0.8]
    """
    return _GradientClipping("clip_gradients", optimizer, clips, on_nonfinite)


class Clipping:
    """Clips at work on an optimizer, until `remove()`; `skipped` counts the steps left out for their gradients."""

    def __init__(self, call: str, optimizer: Optimizer, clips: Any, on_nonfinite: str, hang: bool = True) -> None:
        self.clips = read_clips(call, clips)
        if on_nonfinite not in ANSWERS:
            raise StepsizeError(f"{call}: on_nonfinite must be one of {', '.join(ANSWERS)}, not {on_nonfinite!r}")
        optimizer = hookable(call, optimizer)
        self.call, self.on_nonfinite, self.skipped = call, on_nonfinite, 0
        self._taken: dict[Tensor, Tensor] = {}
        self._calls, self._paused = 0, False
        self.shares: list[Any] | None = None  # of elements that each clip limited, while somebody looks
        self._remembering = Remembering(call, self.clips)
        self.agreed: Callable[[str | None], str | None] = _alone  # what is wrong for one rank where all must decide
        self._approved = members_of(optimizer)
        refuse_complex(call, self._approved)
        self._optimizer = optimizer
        self._hooks: list[Any] = []
        if hang:
            self._hooks = [optimizer.register_step_pre_hook(self._before)]
            self._hooks.append(optimizer.register_step_post_hook(self._after))

    def remove(self) -> None:
        """Take the clips off; the next step is the optimizer's own."""
        for hook in self._hooks:
            hook.remove()
        self._forget()

    @property
    def left_out(self) -> bool:
        """Whether the step that is being made is left out for its gradients."""
        return bool(self._taken)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While a closure is called only for its loss, as a trial of another rate."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    def has_memory(self) -> bool:
        """Whether any of the clips depends on what it saw before."""
        return any(one.init({}) for one in self.clips)

    def remembers(self) -> bool:
        """Whether any of the clips has seen something that the next steps depend on."""
        return any(self._remembering.states)

    def state_dict(self) -> dict[str, Any]:
        """What the clips remember, for `torch.save`; to be saved beside the optimizer's state."""
        return self._remembering.state_dict()

    def check_state(self, state_dict: Any) -> None:
        """Refuse the state of other clips."""
        self._remembering.check(state_dict)

    def load_state_dict(self, state_dict: dict[str, Any] | None) -> None:
        """Continue where a state was taken, or with None begin anew; the state of other clips is refused."""
        self._remembering.load_state_dict(state_dict, next(one.param.device for one in members_of(self._optimizer)))

    def __repr__(self) -> str:
        return f"{self.call}({' | '.join(map(str, self.clips))}, on_nonfinite={self.on_nonfinite!r})"

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
        self._taken, self._calls = {}, 0
        self.shares = None if self.shares is None else []
        members = members_of(optimizer)
        if members is not self._approved:
            refuse_complex(self.call, members)
            self._approved = members
        changed = with_closure(args, kwargs, lambda closure: self._followed(optimizer, members, closure))
        with torch.no_grad():
            if changed is None:
                refuse_own_scaler(self.call, kwargs)
                self._on_gradients(optimizer, members)
            self._remember(members)
        return changed

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        for param, grad in self._taken.items():
            param.grad = grad if param.grad is None else param.grad
        if not self._taken:
            with torch.no_grad():
                self._on_update()
        self._taken = {}
        measured(optimizer).forget()

    def _followed(self, optimizer: Optimizer, members: list[Member], closure: Callable[[], Any]) -> Callable[[], Any]:
        """The closure, and after it the clips: only then there are gradients."""

        def closure_then_clips() -> Any:
            loss = closure()
            if self._paused:
                return loss
            self._calls += 1
            with torch.no_grad():
                self._on_gradients(optimizer, members)
            return loss

        return closure_then_clips

    def _on_gradients(self, optimizer: Optimizer, members: list[Member]) -> None:
        raise NotImplementedError

    def _remember(self, members: list[Member]) -> None:
        """Keep what is needed after the step."""

    def _on_update(self) -> None:
        """Act on what the step did."""

    def _forget(self) -> None:
        """Free what is kept between steps."""

    def _checked(self, optimizer: Optimizer, found: Gradients) -> None:
        """Do what on_nonfinite asks for."""
        if self._taken:
            self._take(found)
        if self._taken or self.on_nonfinite == "ignore" or getattr(optimizer, "found_inf", None) is not None:
            return
        if self.on_nonfinite == "zero":
            for grads in found.spaces.values():
                for grad in grads:
                    torch.nan_to_num_(grad, 0.0, 0.0, 0.0)
            return
        wrong = None
        if not math.isfinite(measured(optimizer).number(found.grads, found.spaces)):
            wrong = next((told for one, grad in found.pairs() if (told := _nonfinite(one, grad))), None)
        wrong = self.agreed(wrong)
        if wrong is not None:
            self._answer(found, wrong)

    def _answer(self, found: Gradients, wrong: str) -> None:
        if self.on_nonfinite == "raise":
            raise StepsizeError(
                f"{self.call}: {wrong}: write on_nonfinite='skip' to leave such a step out, or 'zero' to put 0 there"
            )
        if self._calls > 1:
            raise StepsizeError(
                f"{self.call}: {wrong} in call {self._calls} of the closure, too late to leave the step out: "
                "write on_nonfinite='zero'"
            )
        self.skipped += 1
        self._take(found)

    def _take(self, found: Gradients) -> None:
        """Without gradients an optimizer changes neither parameters nor its state; they are given back after."""
        self._taken |= {one.param: grad for one, grad in found.pairs()}
        for one in found.members:
            one.param.grad = None


class _GradientClipping(Clipping):
    def _on_gradients(self, optimizer: Optimizer, members: list[Member]) -> None:
        scaled = getattr(optimizer, "grad_scale", None) is not None
        if not self.clips and self.on_nonfinite == "ignore" and not self._taken and not scaled:
            return
        found = Gradients(members)
        if scaled:
            unscale(optimizer, found.spaces)
        self._checked(optimizer, found)
        if self._taken or not found.grads:
            return
        for i, one in enumerate(self.clips):
            if type(one) is clip:
                if self.shares is not None:
                    self.shares.append(share_beyond(found.grads, one.max))
                for grads in found.spaces.values():
                    limit(grads, one.max)
            elif type(one) is clip_norm:
                scale = scale_to(measured(optimizer).length(found.grads, found.spaces), one.max)
                if self.shares is not None:
                    self.shares.append(shortens(scale))
                for grads in found.spaces.values():
                    multiply(grads, scale)
            else:
                self._apply(i, found)

    def _apply(self, which: int, found: Gradients) -> None:
        """Any other clip: in place where that can be, else by its own definition."""
        one = self.clips[which]
        if not found.plain:
            _refuse_parts(self.call, one, found.pairs())
        there = [(member, grad) for member, grad in found.pairs() if grad.numel()]
        if not there:
            return
        params = {member.name(): member.param.detach() for member, _ in there}
        grads = [grad for _, grad in there]
        if reaches(one, list(params.values()), grads):
            length = measured(self._optimizer).number(found.grads, found.spaces) if needs_length(one) else 0.0
            state = self._remembering.state(which, params)
            share, after = bounded(one, list(params), list(params.values()), grads, length, state)
            self._remembering.learn(which, after)
        else:
            share = self._by_definition(which, params, grads)
        if self.shares is not None:
            self.shares.append(share)

    def _by_definition(self, which: int, params: dict[str, Tensor], grads: list[Tensor]) -> Any:
        own = dict(zip(params, map(wide, grads), strict=True))
        limited, share = self._remembering.through(which, own, {name: wide(one) for name, one in params.items()})
        for name, grad in zip(params, grads, strict=True):
            grad.copy_(limited[name])
        return share


class UpdateClipping(Clipping):
    _snapshot: Snapshot | None = None
    _looked = False

    def _on_gradients(self, optimizer: Optimizer, members: list[Member]) -> None:
        if self._taken or self.on_nonfinite != "ignore":
            self._checked(optimizer, Gradients(members))

    def _remember(self, members: list[Member]) -> None:
        if self.clips and not self._taken:
            self.look(members)

    def look(self, members: list[Member]) -> None:
        """Keep the parameters as they are before the step."""
        moving = [one for one in members if one.param.requires_grad or one.param.grad is not None]
        for one in self.clips:
            _refuse_parts(self.call, one, [(member, member.param) for member in moving])
        self._snapshot = self._snapshot or Snapshot()
        self._snapshot.take(moving)
        self._looked = True

    @property
    def names(self) -> dict[Tensor, str]:
        """What the clips call each parameter."""
        return {one.param: one.name() for one in members_of(self._optimizer)}

    def memory(self, which: int, params: dict[str, Tensor]) -> Any:
        """What one of the clips remembers of these parameters."""
        return self._remembering.state(which, {name: wide(one.detach()) for name, one in params.items()})

    def learn(self, which: int, after: Any) -> None:
        """Take in what one of the clips saw."""
        self._remembering.learn(which, after)

    def bound(self) -> None:
        """Hold the parameters near where they were when `look` kept them, if it did."""
        if self._looked:
            with torch.no_grad():
                self._on_update()

    def _on_update(self) -> None:
        snapshot = self._snapshot
        if snapshot is None or not self._looked:
            return
        self._looked = False
        for i, one in enumerate(self.clips):
            if type(one) is clip:
                if self.shares is not None:
                    self.shares.append(share_beyond((batch.new() - batch.old for batch in snapshot.batches()), one.max))
                for batch in snapshot.batches():
                    batch.write(torch.clamp(new := batch.new(), batch.old - one.max, batch.old + one.max, out=new))
            elif type(one) is clip_norm:
                scale = scale_to(snapshot.length(), one.max)
                if self.shares is not None:
                    self.shares.append(shortens(scale))
                for batch in snapshot.batches() if scale is not None else ():
                    batch.write(towards(batch.old, batch.new(), scale))
            else:
                self._apply(i, snapshot)

    def _apply(self, which: int, snapshot: Snapshot) -> None:
        """Any clip, by its own definition; elements that it leaves alone keep the bits that the step gave them."""
        members = [member for member in snapshot.members if member.param.numel()]
        if not members:
            return
        olds = {member.name(): wide(snapshot.old(member.param)) for member in members}
        news = {member.name(): wide(member.param.detach()) for member in members}
        updates = {name: old - news[name] for name, old in olds.items()}
        limited, share = self._remembering.through(which, updates, olds)
        if self.shares is not None:
            self.shares.append(share)
        for member in members:
            name = member.name()
            kept = limited[name] == updates[name]
            member.param.detach().copy_(torch.where(kept, news[name], olds[name] - limited[name]))

    def _forget(self) -> None:
        self._snapshot = None


def _alone(wrong: str | None) -> str | None:
    return wrong


def _refuse_parts(call: str, one: Clip, found: Iterable[tuple[Member, Tensor]]) -> None:
    """Only clip and clip_norm know how to bound a tensor of which a part is there."""
    if type(one) not in (clip, clip_norm):
        refuse_parts(call, f"{one} cannot bound", found, "clip or clip_norm")


class Gradients:
    """The gradients that are there; entries of sparse ones and sums over processes are added up for good."""

    def __init__(self, members: list[Member]) -> None:
        self.members: list[Member] = []
        self.grads: list[Tensor] = []
        self.plain = True  # whether every one is a whole tensor
        for one in members:
            grad = one[0].grad
            if grad is None:
                continue
            if type(grad) is not Tensor or grad.layout is not torch.strided:
                self.plain = False
                final = settled(grad)
                if final is not grad:
                    one.param.grad = grad = final
            self.members.append(one)
            self.grads.append(grad)
        self._spaces: dict[Space, list[Tensor]] | None = None

    @property
    def spaces(self) -> dict[Space, list[Tensor]]:
        """Their local parts, by what they share."""
        if self._spaces is None:
            self._spaces = by_space(self.grads)
        return self._spaces

    def pairs(self) -> Iterator[tuple[Member, Tensor]]:
        """Each with what it is the gradient of."""
        return zip(self.members, self.grads, strict=True)


def _nonfinite(member: Member, grad: Tensor) -> str:
    """What is wrong with a gradient; nothing where it is finite in every process."""
    bad = int(whole((~local(grad).isfinite()).sum(), space_of(grad), "sum").item())
    told = f"{bad} of {grad.numel()} elements of the gradient of {member.name()} are NaN or infinite"
    return told if bad else ""
