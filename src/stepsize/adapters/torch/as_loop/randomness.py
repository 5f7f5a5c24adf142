"""Random numbers of a run: the generators that its code draws from, exchanged for the caller's while it draws."""

from __future__ import annotations

import functools
import random
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...._errors import StepsizeError
from .legacy import Legacy, Snapshot

States = dict[str, Any]
DEEPEST, WIDEST = 6, 64  # how far generators of the user's are sought in what holds data


class Stream:
    """A stream of random numbers: what every generator holds while the code of one part of a run draws.

    `own` are the generators that this code brings besides the global ones of torch, Python and NumPy. Inside `drawn`
    they all hold the stream's states; outside they hold the caller's.
    """

    def __init__(self, seed: int) -> None:
        self.own: list[Any] = []
        self.states: States = {}
        self._is_over = False
        with self.drawn():
            for one in _global().values():
                _seed(one, seed)
            if torch.cuda.is_available() and not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
                torch.cuda.manual_seed_all(seed)  # for when it begins

    @contextmanager
    def drawn(self, after: Stream | None = None) -> Iterator[None]:
        """The generators hold this stream's states, and the caller's again afterwards.

        `after` is the stream inside whose `drawn` this one begins, and which draws no more there: an exchange less.
        """
        before: States = {}
        if after is None:
            before = self.now()
        else:
            after.states, after._is_over = after.now(), True
        self._put(self.states)
        try:
            yield
        finally:
            if not self._is_over:
                self.states = self.now()
            self._is_over = False
            if after is None:
                for name in self._sources().keys() - before.keys():  # CUDA has begun meanwhile
                    _seed(self._sources()[name], torch.initial_seed())
                self._put(before)

    def adopt(self, own: list[Any], seed: int | None) -> None:
        """Take generators of the user's into the stream, from a seed or (None) as they are."""
        callers = [_state(one) for one in own]
        for one in own if seed is not None else ():
            _seed(one, seed or 0)
        self.own = [*self.own, *own]
        self.states = {name: _state(one) for name, one in self._sources().items()} | self.states
        for one, state in zip(own, callers, strict=True):
            _put(one, state)

    def now(self) -> States:
        """What the generators hold, inside `drawn`."""
        return {name: _state(one) for name, one in self._sources().items()}

    def go_to(self, states: States) -> None:
        """Let the generators hold these states, inside `drawn`; those of other generators are refused."""
        missing = [name for name in states if name not in self._sources()]
        if missing or any(name not in states for name in self._sources() if name.startswith("own")):
            raise StepsizeError(
                "training: the saved state has other random generators than this run: continue on as many CUDA "
                "devices, with the data that it was begun with"
            )
        self._put(states)

    def _put(self, states: States) -> None:
        sources = self._sources()
        for name, state in states.items():
            _put(sources[name], state)

    def _sources(self) -> dict[str, Any]:
        return _global() | {f"own {i}": one for i, one in enumerate(self.own)}


def found_in(*holders: Any) -> list[Any]:
    """The random generators that objects hold: in their attributes, lists, dictionaries and closures."""
    found, seen, queue = list[Any](), set(_everyones()), [(one, 0) for one in holders]
    while queue:
        one, depth = queue.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)):
            found.append(one)
        elif depth < DEEPEST:
            queue += [(inner, depth + 1) for inner in _inside(one)]
    return found


def _inside(one: Any) -> list[Any]:
    if isinstance(one, (Tensor, np.ndarray, nn.Module, str, bytes, int, float, type, types.ModuleType)):
        return []
    if isinstance(one, (list, tuple)):
        return list(one[:WIDEST])
    if isinstance(one, dict):
        return list(one.values())[:WIDEST]
    if isinstance(one, functools.partial):
        return [one.func, *one.args, *one.keywords.values()]
    if isinstance(one, types.MethodType):
        return [one.__self__]
    if isinstance(one, types.FunctionType):
        return [cell.cell_contents for cell in one.__closure__ or () if cell != types.CellType()]
    return list(getattr(one, "__dict__", {}).values())


def as_plain(states: States) -> States:
    """The states as tensors and plain Python, which `torch.load(…, weights_only=True)` reads."""
    return {name: _plain(one) for name, one in states.items()}


def of_plain(states: States) -> States:
    """The opposite of `as_plain`."""
    return {name: _unplain(one) for name, one in states.items()}


def _plain(one: Any) -> Any:
    if isinstance(one, Snapshot):
        return {"words": one.words.hex(), "has_gauss": one.has_gauss, "gauss": one.gauss}
    if isinstance(one, dict):
        return {str(key): _plain(inner) for key, inner in one.items()}
    if isinstance(one, np.ndarray):
        return {"array": one.tolist(), "dtype": str(one.dtype)}
    if isinstance(one, np.generic):
        return one.item()
    return one


def _unplain(one: Any) -> Any:
    if isinstance(one, dict) and one.keys() == {"array", "dtype"}:
        return np.array(one["array"], dtype=one["dtype"])
    if isinstance(one, dict) and "words" in one:
        return Snapshot(bytes.fromhex(one["words"]), one["has_gauss"], one["gauss"])
    return {key: _unplain(inner) for key, inner in one.items()} if isinstance(one, dict) else one


def _global() -> dict[str, Any]:
    found = {"torch": torch.default_generator, "python": random, "numpy": _NUMPY}
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        found |= {f"cuda {i}": one for i, one in enumerate(torch.cuda.default_generators)}
    return found


def _everyones() -> list[int]:
    """The global generators by their ids, whatever name they are held by."""
    behind: list[Any] = [random.random, np.random.rand]
    return [id(one) for one in (*_global().values(), *(one.__self__ for one in behind))]


def _state(one: Any) -> Any:
    if isinstance(one, torch.Generator):
        return one.get_state()
    if isinstance(one, np.random.Generator):
        return one.bit_generator.state
    return one.getstate() if hasattr(one, "getstate") else one.get_state(legacy=False)


def _put(one: Any, state: Any) -> None:
    if isinstance(one, np.random.Generator):
        one.bit_generator.state = state
    elif hasattr(one, "setstate"):
        one.setstate(state)
    else:
        one.set_state(state)


def _seed(one: Any, seed: int) -> None:
    if isinstance(one, torch.Generator):
        one.manual_seed(seed)
    elif isinstance(one, np.random.Generator):
        kind: Callable[[int], Any] = type(one.bit_generator)
        one.bit_generator.state = kind(seed).state
    else:
        one.seed(seed if hasattr(one, "getstate") else seed % 2**32)


_NUMPY = Legacy()
