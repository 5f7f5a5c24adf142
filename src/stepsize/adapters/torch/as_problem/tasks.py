"""Bundled torch tasks: small models on data that come with the machine, each trained in seconds on one core."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from numpy.typing import NDArray
from torch import Tensor, nn

from ...._errors import StepsizeError
from ...._language import say
from ....problems import Floats
from .problem import problem

Parts: TypeAlias = tuple[problem, problem, problem]  # to train, to choose by, to judge by
Whole: TypeAlias = NDArray[np.int64]

ALPHABET = "\n abcdefghijklmnopqrstuvwxyz0.,-_*=()\"'"  # every digit is 0; what is not here is one more symbol
CONTEXT = 32
TRAINING_WINDOWS, HELD_OUT_WINDOWS = 768, 192
HELD_OUT = 0.1


def digits_mlp() -> Parts:
    """Handwritten digits by a perceptron of 64, 64 and 10 units with ReLU.

    4,810 parameters, mean cross-entropy, on the 1,797 images of 8 × 8 pixels that scikit-learn brings (UCI, Alpaydin
    and Kaynak 1998); a fifth is held out to choose by and a fifth to judge by, in equal shares of the digits. A seed
    decides the starting weights.

    >>> [part.size for part in digits_mlp()]
    [1077, 360, 360]
    """
    return _on_digits(lambda: nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)))


def digits_cnn() -> Parts:
    """Handwritten digits by a small convolutional net.

    3,818 parameters: two convolutions of 3 × 3 with 8 and 16 channels and ReLU, the second with stride 2, then one
    linear layer; data, loss and split as in `digits_mlp`.

    >>> sum(one.numel() for one in digits_cnn()[0].start(0).values())
    3818
    """
    return _on_digits(
        lambda: nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)),
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(256, 10),
        )
    )


def topics_transformer() -> Parts:
    """The next character of Python's help texts by a causal transformer.

    Two pre-norm blocks of width 32 with 2 heads, context 32, about 29,000 parameters, mean cross-entropy over all
    characters. The text is the standard library's `pydoc_data.topics`, topics in the order of their names, in lower
    case, every line once (topics repeat each other), runs of spaces as one; what is not in a small alphabet is one
    symbol. The last tenth is held out, half of its windows to choose by and half to judge by; windows do not
    overlap. The text depends on the version of Python: its hash is in `description("topics-transformer")`, and
    numbers of different texts do not compare.

    >>> [part.size for part in topics_transformer()]
    [768, 96, 96]
    """
    (train, held), model = _windows(), lambda: Characters(len(ALPHABET) + 1)
    first, second, third = (problem(model, _per_character, _shifted(one)) for one in (train, held[::2], held[1::2]))
    return first, second, third


TASKS: dict[str, Callable[[], Parts]] = {
    "digits-cnn": digits_cnn,
    "digits-mlp": digits_mlp,
    "topics-transformer": topics_transformer,
}


def description(name: str) -> str:
    """What a task trains on what, in one sentence; for the text with its version and its hash."""
    first = (TASKS[name].__doc__ or "").splitlines()[0]
    if name != "topics-transformer":
        return first
    text, python = _text(), ".".join(platform.python_version_tuple()[:2])
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{first[:-1]} (Python {python}, {len(text):,} characters, sha256 {digest}…)."


class Characters(nn.Module):
    """A causal transformer over characters: embeddings, pre-norm blocks, and a linear layer to the next one."""

    def __init__(self, symbols: int, width: int = 32, heads: int = 2, blocks: int = 2) -> None:
        super().__init__()
        self.symbol = nn.Embedding(symbols, width)
        self.place = nn.Parameter(0.02 * torch.randn(CONTEXT, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(blocks)))
        self.last = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, symbols))

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the next symbol, (rows, places, symbols), for symbols (rows, places)."""
        scores: Tensor = self.last(self.blocks(self.symbol(x) + self.place))
        return scores


class Block(nn.Module):
    """Attention to what came before, then a perceptron of four times the width, each added to what flows."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attended, self.mixed = nn.LayerNorm(width), nn.Linear(width, width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The same shape as `x`, (rows, places, width)."""
        parts = self.queries_keys_values(self.attended(x)).chunk(3, -1)
        q, k, v = (one.unflatten(-1, (self.heads, -1)).transpose(-2, -3) for one in parts)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.mixed(seen.transpose(-2, -3).flatten(-2))
        out: Tensor = x + self.perceptron(x)
        return out


def _per_character(output: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(output.flatten(0, 1), target.flatten())


def _on_digits(model: Callable[[], nn.Module]) -> Parts:
    first, second, third = (problem(model, F.cross_entropy, part) for part in _digits())
    return first, second, third


@lru_cache(maxsize=1)
def _digits() -> list[tuple[Floats, Whole]]:
    """Pixels from 0 to 1 and digits, of the three parts."""
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError:
        raise StepsizeError(say("the digits need scikit-learn: pip install 'stepsize[compare]'")) from None
    X, y = load_digits(return_X_y=True)
    train, held = train_test_split(np.arange(len(y)), test_size=720, random_state=0, stratify=y)
    choosing, judging = train_test_split(held, test_size=360, random_state=0, stratify=y[held])
    return [(X[rows] / 16, y[rows].astype(np.int64)) for rows in (train, choosing, judging)]


@lru_cache(maxsize=1)
def _text() -> str:
    from pydoc_data.topics import topics

    whole = "\n".join(topics[name] for name in sorted(topics)).lower()
    lines = dict.fromkeys(" ".join(line.split()) for line in whole.split("\n"))
    return "\n".join(lines)


def _windows() -> tuple[Whole, Whole]:
    """Windows of one character more than the context, spread evenly over the training and the held-out text."""
    places = {symbol: i for i, symbol in enumerate(ALPHABET)} | dict.fromkeys("123456789", ALPHABET.index("0"))
    symbols = np.array([places.get(one, len(ALPHABET)) for one in _text()], dtype=np.int64)
    cut = round((1 - HELD_OUT) * len(symbols))
    return _spread(symbols[:cut], TRAINING_WINDOWS), _spread(symbols[cut:], HELD_OUT_WINDOWS)


def _spread(symbols: Whole, count: int) -> Whole:
    starts = np.linspace(0, len(symbols) - CONTEXT - 1, count).astype(int)
    return symbols[starts[:, None] + np.arange(CONTEXT + 1)]


def _shifted(windows: Whole) -> tuple[Whole, Whole]:
    """Every character but the last, and the one that follows each."""
    return windows[:, :-1], windows[:, 1:]
