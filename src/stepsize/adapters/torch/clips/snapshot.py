"""The parameters before a step, in one copy, and the pieces in which what the step did is worked on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from . import norms
from .norms import Member, Space, by_space, flat, joined, length, local, space_of, wide


def batches(tensors: list[Tensor]) -> list[list[Tensor]]:
    """Pieces of the tensors, to be worked on together: one slice of a large tensor, or many small ones whole."""
    most = norms._SMALL if tensors[0].device.type == "cpu" else norms._LARGE
    found: list[list[Tensor]] = []
    few: list[Tensor] = []
    held = 0
    for tensor in tensors:
        row, count = flat(tensor), tensor.numel()
        if row.dim() != 1 or count >= most:
            found += [[one] for one in torch.split(row, most)] if row.dim() == 1 else [[row]]
        elif count:
            if held + count > most:
                found.append(few)
                few, held = [], 0
            few.append(row)
            held += count
    return [*found, few] if few else found


class Batch:
    """Pieces of parameters, and what they were before the step."""

    __slots__ = ("old", "pieces")

    def __init__(self, pieces: list[Tensor], old: Tensor) -> None:
        self.pieces = pieces
        self.old = old.view(pieces[0].shape) if len(pieces) == 1 else old

    def keep(self) -> None:
        """Copy the pieces as they are now."""
        if len(self.pieces) == 1:
            self.old.copy_(self.pieces[0])
        else:
            torch.cat(self.pieces, out=self.old)

    def new(self) -> Tensor:
        """The pieces as one tensor."""
        return joined(self.pieces)

    def write(self, values: Tensor) -> None:
        """Put the values back into the parameters."""
        if len(self.pieces) > 1:
            torch._foreach_copy_(self.pieces, torch.split(values, [one.numel() for one in self.pieces]))
        elif values is not self.pieces[0]:
            self.pieces[0].copy_(values)


def _differences(some: list[Batch]) -> Iterator[list[Tensor]]:
    return ([wide(one.new()) - wide(one.old)] for one in some)


class Snapshot:
    """The parameters before the step, in one buffer for each space, and the pieces in which they are worked on.

    The pieces are views of the parameters; they are made anew when a parameter has moved to other memory.
    """

    def __init__(self) -> None:
        self.members: list[Member] = []
        self._seen: object = None
        self._buffers: dict[Space, Tensor] = {}
        self._batches: dict[Space, list[Batch]] = {}
        self._starts: dict[int, int] = {}

    def take(self, members: list[Member]) -> None:
        """Copy these parameters; where they lie is looked up only when it has changed."""
        self.members = members
        here = [local(one.param) for one in members]
        seen = [(one.data_ptr(), one.shape, one.stride(), one.dtype) for one in here]
        if seen != self._seen:
            self._lay_out()
            self._seen = seen
        for batch in self.batches():
            batch.keep()

    def batches(self) -> Iterator[Batch]:
        """All pieces with what they were."""
        for found in self._batches.values():
            yield from found

    def length(self) -> Tensor:
        """The length of what the step added; in half precision its elements are taken in float32."""
        return length({space: partial(_differences, found) for space, found in self._batches.items()})

    def old(self, param: Tensor) -> Tensor:
        """What a parameter was, in its shape."""
        start = self._starts[param.data_ptr()]
        kept = self._buffers[space_of(param)][start : start + param.numel()]
        dense = flat(param.detach()).is_contiguous()
        return kept.as_strided(param.shape, param.stride(), start) if dense else kept.view(param.shape)

    def _lay_out(self) -> None:
        buffers, self._buffers, self._batches, self._starts = self._buffers, {}, {}, {}
        for space, tensors in by_space(one.param.detach() for one in self.members).items():
            count, kept = sum(one.numel() for one in tensors), buffers.get(space)
            if kept is None or kept.numel() != count:
                kept = torch.empty(count, dtype=space.dtype, device=space.device)
            self._buffers[space] = kept
            self._batches[space] = self._spread(batches(tensors), kept)

    def _spread(self, pieces: list[list[Tensor]], kept: Tensor) -> list[Batch]:
        """Give every piece its place in the buffer; the pieces of one parameter follow each other."""
        found: list[Batch] = []
        start = 0
        for some in pieces:
            end = start
            for piece in some:
                self._starts.setdefault(piece.data_ptr(), end)
                end += piece.numel()
            found.append(Batch(some, kept[start:end]))
            start = end
        return found
