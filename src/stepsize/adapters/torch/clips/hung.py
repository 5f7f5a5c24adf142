"""Clips on any torch optimizer: its gradients bounded before the step, or its update after it, whatever it computes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ...._errors import StepsizeError
from ....clipping.norm import clip_norm
from ....clipping.value import clip
from ....descents import Clip
from .arithmetic import limit, multiply, scale_to, share_beyond, shortens, towards, unscale
from .clipping import ANSWERS as ANSWERS
from .clipping import Clipping as Clipping
from .clipping import Gradients
from .each import bounded, needs_length, reaches
from .measured import measured
from .norms import Member, as_sharded, members_of, wide
from .snapshot import Snapshot


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
    return GradientClipping("clip_gradients", optimizer, clips, on_nonfinite)


class GradientClipping(Clipping):
    """Clips of the gradient, before the step."""

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
    """Clips of what a step does, which its hooks hang around a step; a strategy of ours calls `look` and `bound`."""

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


def refuse_parts(call: str, what: str, found: Iterable[tuple[Member, Tensor]], instead: str) -> None:
    """Refuse tensors of which only a part is there, which `what` cannot treat as the whole."""
    for member, tensor in found:
        kind = "sparse" if tensor.is_sparse else "sharded (a DTensor)" if as_sharded(tensor) is not None else ""
        if kind:
            raise StepsizeError(f"{call}: {member.name()} is {kind}, which {what}: write {instead}")


def _refuse_parts(call: str, one: Clip, found: Iterable[tuple[Member, Tensor]]) -> None:
    """Only clip and clip_norm know how to bound a tensor of which a part is there."""
    if type(one) not in (clip, clip_norm):
        refuse_parts(call, f"{one} cannot bound", found, "clip or clip_norm")
