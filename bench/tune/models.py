"""The modules of the tasks, small enough that a whole run takes a second or so."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor, nn

from .data import SYMBOLS


def perceptron(*widths: int, between: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Linear layers of these widths with an activation between them."""
    layers: list[nn.Module] = []
    for first, second in pairwise(widths):
        layers += [nn.Linear(first, second), between()]
    return nn.Sequential(*layers[:-1])


def convolutions(normalised: bool) -> nn.Sequential:
    """Two convolutions with a stride and a linear layer, with BatchNorm or without."""

    def one(first: int, second: int, stride: int) -> list[nn.Module]:
        norm = [nn.BatchNorm2d(second)] if normalised else []
        return [nn.Conv2d(first, second, 3, stride=stride, padding=1), *norm, nn.ReLU()]

    return nn.Sequential(nn.Unflatten(1, (1, 8, 8)), *one(1, 6, 2), *one(6, 12, 2), nn.Flatten(), nn.Linear(48, 10))


def normalised_gelu() -> nn.Sequential:
    """A perceptron of the plane with LayerNorm and GELU."""
    inner = [layer for _ in range(2) for layer in (nn.Linear(24, 24), nn.LayerNorm(24), nn.GELU())]
    return nn.Sequential(nn.Linear(2, 24), nn.LayerNorm(24), nn.GELU(), *inner, nn.Linear(24, 3))


def with_dropout() -> nn.Sequential:
    return nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 3))


class Rows(nn.Module):
    """A GRU that reads an image row by row, and a linear layer on its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent, self.last = nn.GRU(8, 16, batch_first=True), nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.recurrent(x.unflatten(1, (8, 8)))[0][:, -1])
        return out


class Waves(nn.Module):
    """An LSTM that reads a wave, and a linear layer on the mean of its states."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent, self.last = nn.LSTM(1, 12, batch_first=True), nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.recurrent(x)[0].mean(1))
        return out


class Transformer(nn.Module):
    """One pre-norm block over characters, with attention to what came before."""

    def __init__(self, width: int = 24, length: int = 24) -> None:
        super().__init__()
        self.symbol = nn.Embedding(SYMBOLS, width)
        self.place = nn.Parameter(0.02 * torch.randn(length, width))
        self.before, self.after, self.end = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.inner = perceptron(width, 2 * width, width, between=nn.GELU)
        self.last = nn.Linear(width, SYMBOLS)

    def forward(self, x: Tensor) -> Tensor:
        h = self.symbol(x) + self.place
        q, k, v = (one.unflatten(-1, (2, -1)).transpose(-2, -3) for one in self.attend(self.before(h)).chunk(3, -1))
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        h = h + self.mix(seen.transpose(-2, -3).flatten(-2))
        h = h + self.inner(self.after(h))
        out: Tensor = self.last(self.end(h))
        return out


class Embedded(nn.Module):
    """Embeddings of a few symbols, joined, and a hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.symbol, self.inner = nn.Embedding(SYMBOLS, 10), perceptron(40, 48, SYMBOLS, between=nn.Tanh)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(self.symbol(x).flatten(1))
        return out


class Clouds(nn.Module):
    """A perceptron of every point, the mean over points, and a perceptron of that."""

    def __init__(self) -> None:
        super().__init__()
        self.point, self.whole = perceptron(2, 24, 24, between=nn.SiLU), perceptron(24, 24, 5, between=nn.SiLU)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.whole(self.point(x).mean(1))
        return out


class Residual(nn.Module):
    """A linear layer, two hidden layers that are added to what flows, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(40, 24), nn.Linear(24, 10)
        self.inner = nn.ModuleList(perceptron(24, 24, 24) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        for one in self.inner:
            h = h + one(h)
        out: Tensor = self.last(h)
        return out
