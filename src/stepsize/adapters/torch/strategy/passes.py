"""A strategy stage by stage in passes over tiles: the numbers of `descend`, without a copy of the parameters.

All that a stage wants to know of whole arrays is a few lengths. A pass over tiles, of which nothing is kept, measures
them for one stage; the next pass uses them for the one behind it. The last pass writes: the rule's memory, then the
parameters. So an update that breaks off has moved nothing. Elementwise stages and rules are their own text on a tile;
Adam's direction is what torch's fused kernel makes of zeros.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
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
from ..clips.norms import Lengths, Member, lengths, reads_free
from ..clips.numbers import BY_LENGTH
from ..clips.tiles import Room, cut, is_dense, joined, parted, put, row, spread, tiles
from .kernels import Moved, adam_of_torch

_RULES: tuple[type[Rule], ...] = (sgd, adagrad, rmsprop, adam)
_POINTWISE = (clip, weight_decay, spam)
_FLOATS = (torch.float32, torch.float64)
_RATE = "rate"
_OF_DIRECTIONS = ("slope", "direction_norm")  # which take one more pass
TOLD = frozenset(("loss", "metric", "grad_norm", "grad_variance", *_OF_DIRECTIONS))  # what controllers can be shown


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
    """Parameters of one group that have come as far: what the passes hold of them, in tiles."""

    def __init__(self, members: Mapping[str, Member], states: Mapping[Tensor, Any], count: int | None) -> None:
        self.names, self.count = list(members), count
        params = [one.param for one in members.values()]
        self.group = next(iter(members.values())).group
        self.own = [states[one] for one in params]
        self.sizes = [one.numel() for one in params]
        self.tiles = tiles(self.sizes)
        self.whole = [row(one.detach()) for one in params]
        self.whole_grads = [row(one.grad, one) for one in params]  # type: ignore[arg-type]
        self.params, self.grads = cut(self.whole, self.tiles), cut(self.whole_grads, self.tiles)
        self.states = {key: cut(self._rows(key, params), self.tiles) for key in _arrays_of(self.own[0])}
        self.rooms = params  # how memory lies
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

    def __init__(
        self,
        strategy: descent,
        sets: list[Set],
        states: tuple[Any, ...],
        looking: bool,
        room: Room,
        length: Callable[[], float],  # of all gradients together, measured once a step
    ) -> None:
        before, between, after = strategy.split()
        self.rule = strategy.rule
        self.stages: list[Any] = [*before, self.rule, *between, _RATE, *after]
        self.sets, self.states, self.looking = sets, list(states), looking
        places = [i for i, one in enumerate(self.stages) if one is not self.rule and one is not _RATE]
        self._which = {place: i for i, place in enumerate(places)}  # among the transforms, as their states are kept
        self._scalings: dict[int, list[Scaling]] = {}
        self._beyond: dict[int, float] = {}
        self._measured = 0  # the stages for which nothing is left to be measured
        self._comes: list[float] | None = None  # lengths of what comes out of the last of them, where they are known
        self._sizes = [size for one in sets for size in one.sizes]
        self._room, self._length = room, length
        self._kept: dict[tuple[int, int], list[list[Tensor]]] = {}

    def noticed(self, needs: frozenset[str], proportions: list[float]) -> dict[str, float]:
        """What controllers look at of the directions, each set's in its proportion; nothing has moved yet."""
        if needs.isdisjoint(_OF_DIRECTIONS):
            return {}
        place, slope, found = self.stages.index(_RATE), 0.0, list[float]()
        self._measure(place)
        for one, share in zip(self.sets, proportions, strict=True):
            told = Lengths(len(one.sizes))
            for n, tile in enumerate(one.tiles):
                direction, raw = self._flow(one, n, place), joined(one.grads[n])
                slope += share * float(torch.mul(direction, raw, out=self._room.like(raw, "product")).sum())
                if "direction_norm" in needs:
                    told.add([i for i, _, _ in tile], parted(direction, one.params[n]))
            found += [share * length for length in told.read()]
        known = {"slope": slope, "direction_norm": math.hypot(*found)}
        return {name: one for name, one in known.items() if name in needs}

    def _measure(self, until: int) -> None:
        """The passes for the stages up to there."""
        for place in range(self._measured, until):
            stage = self.stages[place]
            self._comes = self._scale(place, stage, self._comes) if type(stage) in SCALES else None
        self._measured = until

    def run(self) -> None:
        """Measure what has to be measured, then move."""
        self._measure(len(self.stages))
        for one in self.sets:
            for tile in range(len(one.tiles)):
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

    def _scale(self, place: int, stage: Any, known: list[float] | None) -> list[float] | None:
        """What a stage that scales multiplies by; how long what comes out of it is, where the next one asks that."""
        if isinstance(stage, stable):
            found = self._ratios(stage)
        elif place == 0 and isinstance(stage, BY_LENGTH):
            found = [self._length(), *[0.0] * (len(self._sizes) - 1)]  # of which only the whole is asked
        else:
            found = self._lengths(place) if known is None else known
        names = [name for one in self.sets for name in one.names]
        theirs = [length for one in self.sets for length in lengths(one.whole)] if isinstance(stage, trust) else None
        which = self._which[place]
        whole = scaling(stage, Arrays(found, self._sizes, names, theirs), self.states[which])
        self.states[which] = whole.state
        counts, self._scalings[place] = [len(one.sizes) for one in self.sets], []
        start = 0
        for count in counts:
            part = slice(start, start + count)
            self._scalings[place].append(Scaling(whole.factors[part], whole.limits[part], {}))
            start += count
        goes_on = isinstance(self._after(place), BY_LENGTH if place == 0 else SCALES) and not isinstance(stage, stable)
        return [factor * length for factor, length in zip(whole.factors, found, strict=True)] if goes_on else None

    def _after(self, place: int) -> Any:
        return self.stages[place + 1] if place + 1 < len(self.stages) else None

    def _sound(self) -> bool:
        """Whether the gradient that came is finite: what a memory may take in."""
        return math.isfinite(self._length())

    def _lengths(self, place: int) -> list[float]:
        """How long each array is that comes to a stage."""
        if place == 0:
            return [length for one in self.sets for length in lengths(one.whole_grads)]
        found: list[float] = []
        for one in self.sets:
            told = Lengths(len(one.sizes))
            for n, tile in enumerate(one.tiles):
                told.add([i for i, _, _ in tile], parted(self._flow(one, n, place), one.params[n]))
            found += told.read()
        return found

    def _ratios(self, stage: stable) -> list[float]:
        """How long the gradients are in units of the root of the rule's second moment, with this gradient in it."""
        found: list[float] = []
        for one in self.sets:
            told = Lengths(len(one.sizes))
            for n, tile in enumerate(one.tiles):
                places, sizes = [i for i, _, _ in tile], [stop - start for _, start, stop in tile]
                squares, raw = self._second_moment(one, n), joined(one.grads[n])
                least = stage.eps * stage.eps  # as the text has it, without its root
                quick = least > 1e-30 and told.add_squares(
                    places, squares.clamp_(min=least).reciprocal_().mul_(raw).mul_(raw), sizes
                )
                if not quick:
                    root = self._second_moment(one, n).sqrt_().clamp_(min=stage.eps)
                    told.add(places, parted(raw / root, one.params[n]))
            found += told.read()
        return found

    def _second_moment(self, one: Set, tile: int) -> Tensor:
        """The mean of squares in a tile after the rule, corrected for its start."""
        made: Any = self.rule
        keeps = made.beta2 if isinstance(made, adam) else made.alpha
        flowing, held = self._flow(one, tile, self.stages.index(made)), joined(one.states["squares"][tile])
        weight = 1.0 if one.count is None else 1 - keeps ** (one.count + 1)
        squares = torch.mul(held, keeps / weight, out=self._room.like(held, "squares"))
        return squares.addcmul_(flowing, flowing, value=(1 - keeps) / weight)

    def _write(self, one: Set, tile: int) -> None:
        """The last pass over a tile."""
        pieces = one.params[tile]
        far = self._straight(one, tile)
        if far is not None:
            self._by_kernel(one, tile, pieces, self._flow(one, tile, self.stages.index(self.rule), last=True), far)
            return
        update = self._flow(one, tile, len(self.stages), last=True)
        if len(pieces) == 1:
            pieces[0].sub_(update)
        else:
            torch._foreach_sub_(pieces, parted(update, pieces))

    def _straight(self, one: Set, tile: int) -> tuple[float, float] | None:
        """Rate and decay with which torch's kernel does all that is behind the rule; None where it cannot."""
        if not self._has_kernel(one):
            return None
        far, pull = 1.0, 0.0
        for place in range(self.stages.index(self.rule) + 1, len(self.stages)):
            stage = self.stages[place]
            if isinstance(stage, weight_decay):
                pull += float(one.group.get("weight_decay", stage.amount))
                continue
            if type(stage) in SCALES:
                own = {self._scalings[place][self.sets.index(one)].factors[i] for i, _, _ in one.tiles[tile]}
                factor = own.pop() if len(own) == 1 else math.nan
            else:
                factor = float(one.rate) if stage is _RATE else math.nan
            far, pull = far * factor, pull * factor
        return None if math.isnan(far) or (pull and not far) else (far, pull / far if far else 0.0)

    def _flow(self, one: Set, tile: int, until: int, last: bool = False) -> Tensor:
        """What comes to a stage in one tile."""
        flowing = joined(one.grads[tile])
        ours = False  # whether it may be written into
        for place, stage in enumerate(self.stages[:until]):
            if stage is self.rule:
                flowing = self._directed(one, tile, flowing, last)
                ours = self._has_kernel(one)
                continue
            if stage is _RATE:
                flowing = flowing.mul_(one.rate) if ours else flowing * one.rate
            elif isinstance(stage, clip):
                flowing = self._clip(stage, flowing, place, ours, last)
            elif isinstance(stage, weight_decay):
                amount = float(one.group.get("weight_decay", stage.amount))
                flowing = torch.add(flowing, joined(one.params[tile]), alpha=amount)
            elif isinstance(stage, spam):
                flowing = self._spam(one, tile, flowing, place, last)
            else:
                factor = spread(self._scalings[place][self.sets.index(one)].factors, one.tiles[tile], flowing)
                if not isinstance(factor, float) or factor != 1:
                    flowing = flowing.mul_(factor) if ours else flowing * factor
                else:
                    continue
            ours = True
        return flowing

    def _clip(self, stage: clip, flowing: Tensor, place: int, ours: bool, last: bool) -> Tensor:
        if last and self.looking:
            self._beyond[place] = self._beyond.get(place, 0.0) + float((flowing.abs() > stage.max).sum())
        most = min(stage.max, torch.finfo(flowing.dtype).max)
        return flowing.clamp_(-most, most) if ours else flowing.clamp(-most, most)

    def _spam(self, one: Set, tile: int, flowing: Tensor, place: int, last: bool) -> Tensor:
        stage, state = self.stages[place], self.states[self._which[place]]
        kept = self._roots(one, place)[tile]
        root, ready = joined(kept), torch.tensor(float(state["count"]) >= stage.warm_up)
        limited, beyond = stage._limit(flowing, root, ready)
        if last:
            self._beyond[place] = self._beyond.get(place, 0.0) + float(beyond.sum())
            put(kept, stage._learn(limited, root, torch.tensor(self._sound())))
        return limited  # type: ignore[no-any-return]

    def _has_kernel(self, one: Set) -> bool:
        return isinstance(self.rule, adam) and self.rule.eps > 0 and self.rule.eps_root == 0 and one.count is not None

    def _roots(self, one: Set, place: int) -> list[list[Tensor]]:
        """The memory of `spam`, which is written in place."""
        key = place, self.sets.index(one)
        if key not in self._kept:
            roots = self.states[self._which[place]]["roots"]
            for name, own in zip(one.names, one.rooms, strict=True):
                if roots[name].stride() != own.stride():
                    roots[name] = torch.empty_like(own).copy_(roots[name])
            self._kept[key] = cut([row(roots[name]) for name in one.names], one.tiles)
        return self._kept[key]

    def _directed(self, one: Set, tile: int, flowing: Tensor, last: bool) -> Tensor:
        """The direction in a tile; the last pass writes the rule's state."""
        if self._has_kernel(one):
            direction = self._room.like(flowing, "direction").zero_()
            # what the kernel makes of zeros with a rate of -1
            self._by_kernel(one, tile, parted(direction, one.params[tile]), flowing, (-1.0, 0.0), last)
            return direction
        held = {key: rows[tile] for key, rows in one.states.items()}
        state: dict[str, Any] = {key: joined(pieces) for key, pieces in held.items()}
        if one.count is not None:
            state["count"] = one.count
        direction, after = self.rule.update(flowing, state, flowing)  # these rules do not look at the parameters
        if last:
            for key, pieces in held.items():
                put(pieces, after[key])
        return direction  # type: ignore[no-any-return]

    def _by_kernel(
        self,
        one: Set,
        tile: int,
        params: list[Tensor],
        flowing: Tensor,
        far: tuple[float, float],
        last: bool = True,
    ) -> None:
        """torch's kernel moves these by rate and decay."""
        means, squares = (one.states[key][tile] for key in ("mean", "squares"))
        if not last:
            means, squares = self._room.copies(means, "means"), self._room.copies(squares, "squares")
        made: Any = self.rule
        group = {"lr": far[0], "betas": (made.beta1, made.beta2), "eps": made.eps, "weight_decay": far[1]}
        group |= {"amsgrad": False, "maximize": False, "decoupled_weight_decay": True}
        steps: list[Any] = [one.step] * len(params)
        adam_of_torch(Moved(group, params, parted(flowing, params), (means, squares), steps))


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
