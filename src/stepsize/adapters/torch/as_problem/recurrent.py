"""Recurrent layers for many runs at once: vmap has no rule for torch's fused kernels, and one for each step of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor
from torch.overrides import TorchFunctionMode

Hidden = tuple[Tensor, ...]  # h, of an LSTM h and c
Cell = Callable[[Tensor, Hidden, Sequence[Tensor], bool], Hidden]


class step_by_step(TorchFunctionMode):
    """While it is entered, torch's fused RNN, GRU and LSTM are their formulas, one step of the sequence at a time.

    The numbers are those of the fused kernels to rounding, dropout between layers included. Packed sequences are
    refused.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        cell = CELLS.get(func)
        return func(*args, **(kwargs or {})) if cell is None else _sequence(cell, *args, **(kwargs or {}))


def _plain(squash: Callable[[Tensor], Tensor]) -> Cell:
    def cell(seen: Tensor, hidden: Hidden, own: Sequence[Tensor], biases: bool) -> Hidden:
        return (squash(seen + _recalled(hidden[0], own, biases)),)

    return cell


def _gru(seen: Tensor, hidden: Hidden, own: Sequence[Tensor], biases: bool) -> Hidden:
    reset, keep, fresh = seen.chunk(3, -1)
    reset_h, keep_h, fresh_h = _recalled(hidden[0], own, biases).chunk(3, -1)
    new = torch.tanh(fresh + torch.sigmoid(reset + reset_h) * fresh_h)
    return (new + torch.sigmoid(keep + keep_h) * (hidden[0] - new),)


def _lstm(seen: Tensor, hidden: Hidden, own: Sequence[Tensor], biases: bool) -> Hidden:
    take, forget, new, show = (seen + _recalled(hidden[0], own, biases)).chunk(4, -1)
    inner = torch.sigmoid(forget) * hidden[1] + torch.sigmoid(take) * torch.tanh(new)
    shown = torch.sigmoid(show) * torch.tanh(inner)
    projected = len(own) > (4 if biases else 2)
    return (F.linear(shown, own[-1]) if projected else shown), inner


def _recalled(h: Tensor, own: Sequence[Tensor], biases: bool) -> Tensor:
    return F.linear(h, own[1], own[3] if biases else None)


CELLS: dict[Any, Cell] = {
    torch.gru: _gru,
    torch.lstm: _lstm,
    torch.rnn_tanh: _plain(torch.tanh),
    torch.rnn_relu: _plain(torch.relu),
}


def _sequence(
    cell: Cell,
    x: Tensor,
    hidden: Tensor | Hidden,
    weights: Sequence[Tensor],
    biases: bool,
    layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, ...]:
    """What torch's function of the same arguments returns: the outputs, and the last hidden states."""
    if isinstance(weights, Tensor):
        raise NotImplementedError("packed sequences cannot be taken apart")
    states: Hidden = (hidden,) if isinstance(hidden, Tensor) else tuple(hidden)
    ways = 2 if bidirectional else 1
    each = len(weights) // (layers * ways)
    lines, last = list(x.unbind(1 if batch_first else 0)), []
    for layer in range(layers):
        outs = []
        for way in range(ways):
            place = layer * ways + way
            own = weights[place * each : (place + 1) * each]
            out, end = _one_way(cell, lines[::-1] if way else lines, tuple(one[place] for one in states), own, biases)
            outs.append(out[::-1] if way else out)
            last.append(end)
        lines = [torch.cat(both, -1) for both in zip(*outs, strict=True)] if ways > 1 else outs[0]
        if dropout and train and layer < layers - 1:
            lines = list(F.dropout(torch.stack(lines), dropout).unbind(0))
    ends = [torch.stack(one) for one in zip(*last, strict=True)]
    return torch.stack(lines, 1 if batch_first else 0), *ends


def _one_way(
    cell: Cell, lines: list[Tensor], hidden: Hidden, own: Sequence[Tensor], biases: bool
) -> tuple[list[Tensor], Hidden]:
    seen = F.linear(torch.stack(lines), own[0], own[2] if biases else None)
    out = []
    for one in seen.unbind(0):
        hidden = cell(one, hidden, own, biases)
        out.append(hidden[0])
    return out, hidden
