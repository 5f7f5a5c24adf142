"""The clips after the rate around torch's own kernels: left out where they cannot act, else in tiles, without a copy.

A tile of the parameters is moved by torch's fused kernel while what it was lies in the cache beside it, and is bounded
before the next one is touched. A clip that needs the length of the whole update measures it in a pass of its own, on
copies of tiles. What neither way reaches keeps a copy of the parameters, as `clip_update` does.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ....clipping.adagc import adagc
from ....clipping.rms import clip_rms
from ....clipping.value import clip
from ....descents import Clip
from ..clips.factors import Arrays, Scaling, scaling
from ..clips.hung import UpdateClipping
from ..clips.norms import lengths, reads_free
from ..clips.numbers import BY_LENGTH
from ..clips.tiles import Room, Tile, cut, is_dense, joined, parted, put, row, spread, tiles
from .kernels import Moved, kernel

IN_TILES = (clip, *BY_LENGTH, clip_rms, adagc)
_FLOATS = (torch.float32, torch.float64)


class Bounding:
    """The steps of one optimizer within its clips."""

    def __init__(self, name: str, kept: UpdateClipping) -> None:
        self.name = name  # of torch's optimizer
        self.kept = kept  # the clips, their memory, and the copy for what tiles cannot do
        self._room = Room()
        self._scalings: dict[int, list[Scaling]] = {}
        self._shares: list[float] = []
        self._count = 1
        self._kernel = kernel(name)

    def reaches(self, moving: list[tuple[dict[str, Any], list[Tensor]]], active: tuple[Clip, ...]) -> bool:
        """Whether these clips can be had in tiles of these parameters of each group."""
        if self._kernel is None or not all(type(one) in IN_TILES for one in active):
            return False
        return all(_is_plain(group) and all(map(_fits, params)) for group, params in moving)

    def move(self, moved: list[Moved], active: tuple[Clip, ...], decays: list[float]) -> None:
        """One step of all these within the clips."""
        every = [_Rows(one, decay) for one, decay in zip(moved, decays, strict=True)]
        if not every:
            return
        for one in every:
            if one.moved.steps:
                torch._foreach_add_(one.moved.steps, 1)
        order = [i for i, one in enumerate(self.kept.clips) if any(one is other for other in active)]
        self._scalings, self._shares = {}, [0.0 for _ in self.kept.clips]
        self._count = max(sum(sum(one.sizes) for one in every), 1)
        for i in order:
            if type(self.kept.clips[i]) is not clip:
                self._scalings[i] = self._measured(i, every, [one for one in order if one < i])
        only = all(type(self.kept.clips[i]) is clip for i in order)
        for place, one in enumerate(every):
            for tile in range(len(one.tiles)):
                if only and self.name == "SGD" and one.decay == 1 and one.moved.group["lr"] > 0:
                    self._directed(one, tile, order, place)
                else:
                    (self._limited if only else self._bounded)(one, tile, order, place)
        if self.kept.shares is not None:
            self.kept.shares = self._shares

    def _directed(self, one: _Rows, tile: int, order: list[int], place: int) -> None:
        """A tile of SGD, whose gradient is bounded instead of the update: elements within keep their bits."""
        group, pieces, grad = one.moved.group, one.params[tile], joined(one.grads[tile])
        rate, sign = float(group["lr"]), -1.0 if group["maximize"] else 1.0
        most = min(self.kept.clips[i].max for i in order)  # type: ignore[attr-defined]
        if group["weight_decay"]:
            grad = torch.add(grad, joined(pieces), alpha=group["weight_decay"] * sign)
        if group["momentum"]:
            held = one.states[0][tile]
            momentum = joined(held)
            if one.moved.first:
                momentum.copy_(grad)
            else:
                momentum.mul_(group["momentum"]).add_(grad, alpha=1 - group["dampening"])
            put(held, momentum)
            grad = torch.add(grad, momentum, alpha=group["momentum"]) if group["nesterov"] else momentum
        if self.kept.shares is not None:
            for i in order:
                bound = self.kept.clips[i].max / rate  # type: ignore[attr-defined]
                self._shares[i] += float((grad.abs() > bound).sum()) / self._count
        limited = torch.clamp(grad, -most / rate, most / rate, out=self._room.like(grad, "least"))
        if len(pieces) == 1:
            pieces[0].add_(limited, alpha=-rate * sign)
        else:
            torch._foreach_add_(pieces, parted(limited, pieces), alpha=-rate * sign)

    def _limited(self, one: _Rows, tile: int, order: list[int], place: int) -> None:
        """A tile moved, and every element held near where it was."""
        pieces, old, new = self._moved(one, tile)
        for i in order:
            most = self.kept.clips[i].max  # type: ignore[attr-defined]
            if self.kept.shares is not None:
                self._shares[i] += float(((new - old).abs() > most).sum()) / self._count
            least = torch.sub(old, most, out=self._room.like(old, "least"))
            torch.clamp(new, least, torch.add(old, most, out=self._room.like(old, "most")), out=new)
        put(pieces, new)

    def _bounded(self, one: _Rows, tile: int, order: list[int], place: int) -> None:
        """A tile moved, and its update within all clips; elements that they leave alone keep the kernel's bits."""
        pieces, old, new = self._moved(one, tile)
        update = limited = old - new
        for i in order:
            limited = self._through(i, limited, one.tiles[tile], place)
        put(pieces, torch.where(limited == update, new, old - limited))

    def _measured(self, which: int, every: list[_Rows], before: list[int]) -> list[Scaling]:
        """A pass over copies: how long the update is when it comes to this clip, and what that makes the clip do."""
        found: list[float] = []
        for place, one in enumerate(every):
            parts: list[list[float]] = [[] for _ in one.sizes]
            for n, tile in enumerate(one.tiles):
                update = self._tried(one, n)
                for i in before:
                    update = self._through(i, update, tile, place, looking=False)
                for (i, _, _), length in zip(tile, lengths(parted(update, one.params[n])), strict=True):
                    parts[i].append(length)
            found += [math.hypot(*some) for some in parts]
        names = {self.kept.names[param]: param for one in every for param in one.moved.params}
        sizes = [size for one in every for size in one.sizes]
        whole = scaling(self.kept.clips[which], Arrays(found, sizes, list(names)), self.kept.memory(which, names))
        self.kept.learn(which, whole.state)
        self._shares[which] = whole.share(sizes)
        return _split(whole, [len(one.sizes) for one in every])

    def _through(self, which: int, update: Tensor, tile: Tile, place: int, looking: bool = True) -> Tensor:
        """The update of a tile behind one of the clips."""
        one = self.kept.clips[which]
        if not isinstance(one, clip):
            return update * spread(self._scalings[which][place].factors, tile, update)
        if looking and self.kept.shares is not None:
            self._shares[which] += float((update.abs() > one.max).sum()) / self._count
        return update.clamp(-one.max, one.max)

    def _moved(self, one: _Rows, tile: int) -> tuple[list[Tensor], Tensor, Tensor]:
        """The pieces of a tile moved by torch's kernel; what they were, and what they are."""
        pieces = one.params[tile]
        old = self._room.copy(pieces[0], "old") if len(pieces) == 1 else joined(pieces)
        if one.decay != 1:
            torch._foreach_mul_(pieces, one.decay)
        self._run(one.at(tile, pieces))
        return pieces, old, joined(pieces)

    def _tried(self, one: _Rows, tile: int) -> Tensor:
        """The update of a tile, on copies."""
        pieces = one.params[tile]
        copies = [piece * one.decay if one.decay != 1 else piece.clone() for piece in pieces]
        own = one.at(tile, copies)
        self._run(own._replace(states=tuple([piece.clone() for piece in some] for some in own.states)))
        return joined(pieces) - joined(copies)

    def _run(self, moved: Moved) -> None:
        assert self._kernel is not None
        self._kernel(moved)


class _Rows:
    """What moves of a group, in tiles."""

    def __init__(self, moved: Moved, decay: float) -> None:
        self.moved, self.decay = moved, decay
        self.sizes = [one.numel() for one in moved.params]
        self.tiles = tiles(self.sizes)
        self.params = cut([row(one.detach()) for one in moved.params], self.tiles)
        self.grads = cut([row(*both) for both in zip(moved.grads, moved.params, strict=True)], self.tiles)
        self.states = tuple(cut(list(map(row, some)), self.tiles) for some in moved.states)

    def at(self, tile: int, pieces: list[Tensor]) -> Moved:
        """What torch's kernel is handed for a tile."""
        steps = [self.moved.steps[i] for i, _, _ in self.tiles[tile]] if self.moved.steps else []
        states = tuple(some[tile] for some in self.states)
        return self.moved._replace(params=pieces, grads=self.grads[tile], states=states, steps=steps)


def _fits(param: Tensor) -> bool:
    grad = param.grad
    plain = type(grad) is Tensor and param.dtype in _FLOATS and grad.dtype == param.dtype and not grad.is_sparse
    return plain and reads_free(param.device) and is_dense(param)


def _is_plain(group: dict[str, Any]) -> bool:
    return bool(group["fused"]) and not group.get("differentiable")


def _split(whole: Scaling, counts: list[int]) -> list[Scaling]:
    found, start = [], 0
    for count in counts:
        stop = start + count
        found.append(Scaling(whole.factors[start:stop], whole.limits[start:stop], {}))
        start = stop
    return found
