"""Random numbers of each run's own, where many runs are one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Random numbers from a seed on the module's device; the caller's generators stay as they are."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def generators(device: torch.device) -> list[Tensor]:
    """The states of the generators that a pass may draw from."""
    states = [torch.default_generator.get_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


class drawn_in_order(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch says nothing of its __init__
    """While it is entered, every array of random numbers is drawn in the order of its places, whatever its layout.

    With one seed for each run it stands below vmap(…, randomness="different"), which gives every random function
    arrays whose first axis counts the runs: each run draws what it would draw alone, whatever runs are beside it. With
    one seed alone it draws for one run, or for all of them the same.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device, apart: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.device, self.apart = device, apart
        self.states = []
        for seed in seeds:
            with seeded(seed, device):
                self.states.append(generators(device))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **(kwargs or {}))
        first, *rest = args
        shape = first.shape if isinstance(first, Tensor) else first
        if self.apart and (not shape or shape[0] != len(self.states)):
            raise NotImplementedError(f"{func} draws numbers that belong to no run")
        drawn = []
        for i in range(len(self.states)):
            own = first if not self.apart else first[i] if isinstance(first, Tensor) else first[1:]
            drawn.append(self._drawn(i, func, own, rest, kwargs or {}))
        return (_stacked(drawn) if self.apart else drawn[0]) if not func._schema.is_mutable else first

    def _drawn(self, i: int, func: Any, own: Any, rest: list[Any], named: dict[str, Any]) -> Any:
        """What run `i` draws, from where it left off; it is left there."""
        _put(self.states[i], self.device)
        in_order = own.contiguous() if isinstance(own, Tensor) else own
        drawn = func(in_order, *rest, **named)
        if func._schema.is_mutable and in_order is not own:
            own.copy_(in_order)
        self.states[i] = generators(self.device)
        return drawn


def _stacked(drawn: list[Any]) -> Any:
    if isinstance(drawn[0], tuple):
        return tuple(torch.stack(one) for one in zip(*drawn, strict=True))
    return torch.stack(drawn)


def _put(states: list[Tensor], device: torch.device) -> None:
    """Let the generators go on from these states."""
    torch.default_generator.set_state(states[0])
    if len(states) > 1:
        torch.cuda.set_rng_state(states[1], device)
