"""A strategy stage by stage in passes over tiles: the numbers of `descend`, without a copy of the parameters.

All that a stage wants to know of whole arrays is a few lengths. A pass over tiles, of which nothing is kept, measures
them for one stage; the next pass uses them for the one behind it. The last pass writes: the rule's memory, then the
parameters. So an update that breaks off has moved nothing. Elementwise stages and rules are their own text on a tile;
Adam's direction is what torch's fused kernel makes of zeros.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ....clipping.decay import weight_decay
from ....clipping.spam import spam
from ....clipping.stable import stable
from ....clipping.trust import trust
from ....clipping.value import clip
from ....descents import Rule, descent
from ....rules.adagrad import adagrad
from ....rules.adam import adam
from ....rules.rmsprop import rmsprop
from ....rules.sgd import sgd
from ..clips.factors import SCALES, Arrays, Scaling, scaling
from ..clips.norms import Member, lengths, reads_free
from ..clips.tiles import Tile, cut, is_dense, joined, parted, put, row, spread, tiles
from .kernels import Moved, kernel

_RULES: tuple[type[Rule], ...] = (sgd, adagrad, rmsprop, adam)
_POINTWISE = (clip, weight_decay, spam)
_FLOATS = (torch.float32, torch.float64)
_RATE = "rate"
TOLD = frozenset(("loss", "metric", "grad_norm", "grad_variance"))  # known before anything is computed


def reaches(strategy: descent) -> bool:
    """Whether all stages of a strategy can be had in passes, and its controllers decide before the first of them."""
    stages = [one for part in strategy.split() for one in part]
    known = all(type(one) in (*SCALES, *_POINTWISE) for one in stages)
    return known and type(strategy.rule) in _RULES and strategy.needs <= TOLD


def fits(members: Mapping[str, Member]) -> bool:
    """Whether these parameters and their gradients can be cut into tiles."""
    for one in members.values():
        param, grad = one.param, one.param.grad
        if type(grad) is not Tensor or grad.layout is not torch.strided or param.dtype not in _FLOATS:
            return False
        if grad.dtype is not param.dtype or not (reads_free(param.device) and is_dense(param)):
            return False
    return True


class Set:
    """Parameters of one group that have come as far: what the passes hold of them, as rows."""

    def __init__(self, members: Mapping[str, Member], states: Mapping[Tensor, Any], count: int | None) -> None:
        self.names, self.count = list(members), count
        params = [one.param for one in members.values()]
        self.group = next(iter(members.values())).group
        self.own = [states[one] for one in params]
        self.sizes = [one.numel() for one in params]
        self.params = [row(one.detach()) for one in params]
        self.grads = [row(one.grad, one) for one in params]  # type: ignore[arg-type]
        self.states = {key: self._rows(key, params) for key in _arrays_of(self.own[0])}
        self.rate: Any = 0.0
        self.step = None if count is None else torch.tensor(float(count + 1))

    def _rows(self, key: str, params: list[Tensor]) -> list[Tensor]:
        """The memory of one kind, which is written in place: laid out as the parameters, none shared."""
        for own, param in zip(self.own, params, strict=True):
            held = own[key]
            if not self.count or held.stride() != param.stride():
                own[key] = torch.empty_like(param).copy_(held)
        return [row(own[key]) for own in self.own]

    def counted(self) -> None:
        """The update is done."""
        if self.count is not None:
            for one in self.own:
                one["count"] = self.count + 1


class Passes:
    """One update of a strategy."""

    def __init__(self, strategy: descent, sets: list[Set], states: tuple[Any, ...], looking: bool) -> None:
        before, between, after = strategy.split()
        self.rule = strategy.rule
        self.stages: list[Any] = [*before, self.rule, *between, _RATE, *after]
        self.sets, self.states, self.looking = sets, list(states), looking
        places = [i for i, one in enumerate(self.stages) if one is not self.rule and one is not _RATE]
        self._which = {place: i for i, place in enumerate(places)}  # among the transforms, as their states are kept
        self._scalings: dict[int, list[Scaling]] = {}
        self._beyond: dict[int, float] = {}
        self._sizes = [size for one in sets for size in one.sizes]

    def run(self) -> None:
        """Measure what has to be measured, then move."""
        known: list[float] | None = None  # lengths of what comes out of the stage before
        for place, stage in enumerate(self.stages):
            if type(stage) in SCALES:
                known = self._scale(place, stage, known)
            else:
                known = None
        for one in self.sets:
            for tile in tiles(one.sizes):
                self._write(one, tile)
            one.counted()
        for place, stage in enumerate(self.stages):
            if isinstance(stage, spam):
                state = self.states[self._which[place]]
                self.states[self._which[place]] = {**state, "count": float(state["count"]) + self._sound()}

    def share(self) -> float:
        """The largest share of elements that a clip limited."""
        shares = [self._beyond.get(place, 0.0) / max(sum(self._sizes), 1) for place in range(len(self.stages))]
        for scalings in self._scalings.values():
            limits = [yes for one in scalings for yes in one.limits]
            shares.append(Scaling([], limits, {}).share(self._sizes))
        return max(shares)

    def _scale(self, place: int, stage: Any, known: list[float] | None) -> list[float]:
        """What a stage that scales multiplies by; how long what comes out of it is."""
        if isinstance(stage, stable):
            found = self._lengths(place, of_ratio=True)
        else:
            found = self._lengths(place) if known is None else known
        names = [name for one in self.sets for name in one.names]
        theirs = [length for one in self.sets for length in lengths(one.params)] if isinstance(stage, trust) else None
        which = self._which[place]
        whole = scaling(stage, Arrays(found, self._sizes, names, theirs), self.states[which])
        self.states[which] = whole.state
        counts, self._scalings[place] = [len(one.sizes) for one in self.sets], []
        start = 0
        for count in counts:
            part = slice(start, start + count)
            self._scalings[place].append(Scaling(whole.factors[part], whole.limits[part], {}))
            start += count
        if isinstance(stage, stable):
            return self._lengths(place + 1) if type(self._after(place)) in SCALES else []
        return [factor * length for factor, length in zip(whole.factors, found, strict=True)]

    def _after(self, place: int) -> Any:
        return self.stages[place + 1] if place + 1 < len(self.stages) else None

    def _sound(self) -> bool:
        """Whether the gradient that came is finite: what a memory may take in."""
        if not hasattr(self, "_finite"):
            self._finite = all(math.isfinite(one) for one in self._lengths(0))
        return self._finite

    def _lengths(self, place: int, of_ratio: bool = False) -> list[float]:
        """How long each array is that comes to a stage, or for `stable` the gradient in units of the rule's root."""
        if place == 0:
            return [length for one in self.sets for length in lengths(one.grads)]
        found: list[float] = []
        for one in self.sets:
            parts: list[list[float]] = [[] for _ in one.sizes]
            for tile in tiles(one.sizes):
                flowing, rule = self._flow(one, tile, place)
                if of_ratio:
                    flowing = joined(cut(one.grads, tile)).abs() / self.stages[place]._root(rule)
                pieces = parted(flowing, cut(one.params, tile))
                for (i, _, _), length in zip(tile, lengths(pieces), strict=True):
                    parts[i].append(length)
            found += [math.hypot(*some) for some in parts]
        return found

    def _write(self, one: Set, tile: Tile) -> None:
        """The last pass over a tile."""
        update, _ = self._flow(one, tile, len(self.stages), last=True)
        pieces = cut(one.params, tile)
        if len(pieces) == 1:
            pieces[0].sub_(update)
        else:
            torch._foreach_sub_(pieces, parted(update, pieces))

    def _flow(self, one: Set, tile: Tile, until: int, last: bool = False) -> tuple[Tensor, dict[str, Any]]:
        """What comes to a stage in one tile, and the rule's state where it came by the rule."""
        flowing, rule = joined(cut(one.grads, tile)), dict[str, Any]()
        for place, stage in enumerate(self.stages[:until]):
            if stage is self.rule:
                flowing, rule = self._directed(one, tile, flowing, place, last)
            elif stage is _RATE:
                flowing = flowing * one.rate
            elif isinstance(stage, clip):
                if last and self.looking:
                    self._beyond[place] = self._beyond.get(place, 0.0) + float((flowing.abs() > stage.max).sum())
                flowing = flowing.clamp(-stage.max, stage.max) if stage.max <= torch.finfo(flowing.dtype).max else flowing
            elif isinstance(stage, weight_decay):
                amount = one.group.get("weight_decay", stage.amount)
                flowing = torch.add(flowing, joined(cut(one.params, tile)), alpha=float(amount))
            elif isinstance(stage, spam):
                flowing = self._spam(one, tile, flowing, place, last)
            else:
                factor = spread(self._scalings[place][self.sets.index(one)].factors, tile, flowing)
                flowing = flowing if isinstance(factor, float) and factor == 1 else flowing * factor
        return flowing, rule

    def _spam(self, one: Set, tile: Tile, flowing: Tensor, place: int, last: bool) -> Tensor:
        stage, state = self.stages[place], self.states[self._which[place]]
        kept = cut([row(state["roots"][name]) for name in one.names], tile)
        root, ready = joined(kept), torch.tensor(float(state["count"]) >= stage.warm_up)
        limited, beyond = stage._limit(flowing, root, ready)
        if last:
            self._beyond[place] = self._beyond.get(place, 0.0) + float(beyond.sum())
            put(kept, stage._learn(limited, root, torch.tensor(self._sound())))
        return limited  # type: ignore[no-any-return]

    def _directed(
        self, one: Set, tile: Tile, flowing: Tensor, place: int, last: bool
    ) -> tuple[Tensor, dict[str, Any]]:
        """The direction in a tile and the rule's state after it, which the last pass writes."""
        if isinstance(self.rule, adam) and self.rule.eps > 0 and self.rule.eps_root == 0 and one.count is not None:
            return self._by_kernel(one, tile, flowing, last)
        held = {key: cut(rows, tile) for key, rows in one.states.items()}
        state: dict[str, Any] = {key: joined(pieces) for key, pieces in held.items()}
        if one.count is not None:
            state["count"] = one.count
        params = joined(cut(one.params, tile)) if type(self.rule) not in _RULES else flowing
        direction, after = self.rule.update(flowing, state, params)
        if last:
            for key, pieces in held.items():
                put(pieces, after[key])
        return direction, after

    def _by_kernel(self, one: Set, tile: Tile, flowing: Tensor, last: bool) -> tuple[Tensor, dict[str, Any]]:
        """Adam's direction is what its kernel makes of zeros with a rate of −1."""
        direction = torch.zeros_like(flowing)
        params = cut(one.params, tile)
        means, squares = (cut(one.states[key], tile) for key in ("mean", "squares"))
        if not last:
            means, squares = ([piece.clone() for piece in some] for some in (means, squares))
        made: Any = self.rule
        group = {"lr": -1.0, "betas": (made.beta1, made.beta2), "eps": made.eps, "weight_decay": 0.0}
        group |= {"amsgrad": False, "maximize": False, "decoupled_weight_decay": False}
        assert one.step is not None
        steps = [one.step] * len(params)
        moved = Moved(group, parted(direction, params), parted(flowing, params), (means, squares), steps)
        kernel("Adam")(moved)  # type: ignore[misc]
        assert one.count is not None
        return direction, {"squares": joined(squares), "count": one.count + 1}


def _arrays_of(state: dict[str, Any]) -> list[str]:
    """The arrays of the rule; what is kept for controllers has a dot in its name."""
    return [key for key, one in state.items() if isinstance(one, Tensor) and "." not in key]


def sets_of(members: Mapping[str, Member], states: Mapping[Tensor, Any]) -> list[Set]:
    """Parameters by what they share: the group, the type, and the updates that they have behind them."""
    parts: dict[Any, dict[str, Member]] = {}
    for name, one in members.items():
        key = (one.place[0], one.param.dtype, states[one.param].get("count"))
        parts.setdefault(key, {})[name] = one
    return [Set(some, states, count) for (_, _, count), some in parts.items()]
