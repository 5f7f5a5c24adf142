"""Tensors in tiles that stay in a processor's cache, so that several passes cost the memory of one."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from . import norms
from .norms import flat, joined

Tile = tuple[tuple[int, int, int], ...]  # which tensor, from which of its elements to which: one slice or many wholes


def tiles(sizes: list[int]) -> tuple[Tile, ...]:
    """Tensors of these sizes in tiles; empty ones are in none."""
    return _tiles(tuple(sizes), norms._SMALL)


@lru_cache(32)
def _tiles(sizes: tuple[int, ...], most: int) -> tuple[Tile, ...]:
    found: list[Tile] = []
    few: list[tuple[int, int, int]] = []
    held = 0
    for i, size in enumerate(sizes):
        if size >= most:
            found += [((i, start, min(start + most, size)),) for start in range(0, size, most)]
        elif size:
            if held + size > most:
                found.append(tuple(few))
                few, held = [], 0
            few.append((i, 0, size))
            held += size
    return (*found, tuple(few)) if few else tuple(found)


def row(tensor: Tensor, like: Tensor | None = None) -> Tensor:
    """The same memory as one row; a copy laid out as `like` where the two lie differently."""
    if tensor.dim() == 1 and tensor.is_contiguous():
        return tensor
    if like is not None and tensor.stride() != like.stride():
        tensor = torch.empty_like(like).copy_(tensor)
    return flat(tensor)


def cut(rows: list[Tensor], into: tuple[Tile, ...]) -> list[list[Tensor]]:
    """The pieces of every tile."""
    found: list[list[Tensor]] = []
    slices: list[Tensor] = []
    for tile in into:
        if len(tile) > 1:
            found.append([rows[i] for i, _, _ in tile])
            continue
        i, start, stop = tile[0]
        if start == 0:
            whole = stop == rows[i].numel()
            slices = [] if whole else list(torch.split(rows[i], stop))
        found.append([slices[start // norms._SMALL] if slices else rows[i]])
    return found


def put(pieces: list[Tensor], values: Tensor) -> None:
    """Write a row of values into the pieces of a tile."""
    if len(pieces) == 1:
        if values is not pieces[0]:
            pieces[0].copy_(values)
    else:
        torch._foreach_copy_(pieces, parted(values, pieces))


def parted(values: Tensor, pieces: list[Tensor]) -> list[Tensor]:
    """A row as the pieces of a tile."""
    return [values] if len(pieces) == 1 else list(torch.split(values, [one.numel() for one in pieces]))


def spread(factors: list[float], tile: Tile, values: Tensor) -> Tensor | float:
    """One number for each tensor as what multiplies a tile: a number where it is one, else a row."""
    own = [factors[i] for i, _, _ in tile]
    if len(set(own)) == 1:
        return own[0]
    sizes = torch.tensor([stop - start for _, start, stop in tile])
    return torch.tensor(own, dtype=values.dtype).repeat_interleave(sizes)


class Room:
    """Memory to work in, which is the same at every tile: new memory costs more than a pass over it."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, torch.dtype], Tensor] = {}

    def like(self, row: Tensor, use: str) -> Tensor:
        """Room for a row, whatever is in it."""
        count, held = row.numel(), self._held.get((use, row.dtype))
        if held is None or held.numel() < count:
            held = self._held[use, row.dtype] = torch.empty(max(count, min(norms._SMALL, 8 * count)), dtype=row.dtype)
        return held[:count]

    def copy(self, row: Tensor, use: str) -> Tensor:
        """A row there."""
        return self.like(row, use).copy_(row)

    def copies(self, pieces: list[Tensor], use: str) -> list[Tensor]:
        """Pieces of a tile there, one behind the other."""
        return [self.copy(pieces[0], use)] if len(pieces) == 1 else parted(torch.cat(pieces), pieces)


def is_dense(tensor: Tensor) -> bool:
    """Whether its memory is one row without gaps."""
    return tensor.is_contiguous() or flat(tensor).dim() == 1


__all__ = ["Room", "Tile", "cut", "is_dense", "joined", "parted", "put", "row", "spread", "tiles"]
