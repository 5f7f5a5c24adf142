"""The rows of the tasks: scikit-learn's bundled sets, generated ones, and the texts that describe its data sets."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor

Part = tuple[Tensor, Tensor]  # inputs and targets, as many rows
Parts = tuple[Part, Part, Part]  # to train, to choose by, to judge by
SHARES = (0.6, 0.8)  # where the three parts are cut
ALPHABET = "\n abcdefghijklmnopqrstuvwxyz0.,-:()"  # every digit is 0; what is not here is one more symbol
SYMBOLS = len(ALPHABET) + 1


def split(inputs: object, targets: object, shares: tuple[float, float] = SHARES) -> Parts:
    """Three parts of shuffled rows."""
    x, y = torch.as_tensor(np.asarray(inputs)), torch.as_tensor(np.asarray(targets))
    rows = torch.as_tensor(np.random.default_rng(15).permutation(len(y)))
    cuts = [round(one * len(y)) for one in shares]
    first, second, third = rows.tensor_split(cuts)
    return (x[first], y[first]), (x[second], y[second]), (x[third], y[third])


def standardised(parts: Parts, targets: bool = False) -> Parts:
    """Inputs, and where asked targets, less the mean of the first part, over its deviation."""
    (x, y), *_ = parts
    mean, deviation = x.mean(0), x.std(0).clamp(min=1e-6)
    level, spread = (y.mean(0), y.std(0)) if targets else (0.0, 1.0)
    made = [
        ((one - mean).div(deviation).float(), ((told - level) / spread).float() if targets else told)
        for one, told in parts
    ]
    return made[0], made[1], made[2]


def digits() -> Parts:
    pixels, labels = datasets.load_digits(return_X_y=True)
    return split((pixels / 16).astype(np.float32), labels.astype(np.int64))


def images() -> Parts:
    """The pixels alone, which are their own targets."""
    pixels = (datasets.load_digits().data / 16).astype(np.float32)
    return split(pixels, pixels)


def diabetes() -> Parts:
    inputs, targets = datasets.load_diabetes(return_X_y=True)
    return standardised(split(inputs, targets[:, None]), targets=True)


def cancer() -> Parts:
    inputs, labels = datasets.load_breast_cancer(return_X_y=True)
    return standardised(split(inputs, labels.astype(np.int64)))


def wine() -> Parts:
    """The data set is small, so that parts of a fifth would hold 36 rows: they hold three tenths each."""
    inputs, labels = datasets.load_wine(return_X_y=True)
    return standardised(split(inputs, labels.astype(np.int64), (0.4, 0.7)))


def least_squares(columns: int = 30, rows: int = 900, condition: float = 1000.0) -> Parts:
    """Noisy least squares whose second moments span a factor of `condition`."""
    random = np.random.default_rng(1)
    turned, _ = np.linalg.qr(random.standard_normal((columns, columns)))
    scales = np.geomspace(1, condition**-0.5, columns)
    inputs = random.standard_normal((rows, columns)) * scales @ turned
    weights = turned.T @ (random.standard_normal(columns) / scales**0.5)
    targets = inputs @ weights + 0.5 * random.standard_normal(rows)
    return split(inputs.astype(np.float32), targets.astype(np.float32)[:, None])


def friedman() -> Parts:
    """Friedman's first function of ten inputs, five of which matter, with noise."""
    inputs, targets = datasets.make_friedman1(n_samples=1000, noise=1.0, random_state=2)
    return standardised(split(inputs, targets[:, None]), targets=True)


def spirals(rows: int = 900, wrong: float = 0.05) -> Parts:
    """Three interlaced arms in the plane; some labels are wrong."""
    random = np.random.default_rng(3)
    labels = random.integers(3, size=rows)
    far = random.uniform(0.1, 1, rows)
    angle = 9 * far + labels * 2 * np.pi / 3 + 0.2 * random.standard_normal(rows)
    points = 2 * far[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    told = np.where(random.uniform(size=rows) < wrong, random.integers(3, size=rows), labels)
    return split(points.astype(np.float32), told)


def counts(rows: int = 800) -> Parts:
    """Counts whose expectation is the exponential of a smooth function of eight inputs."""
    random = np.random.default_rng(4)
    inputs = random.standard_normal((rows, 8))
    log_mean = 0.8 + 0.5 * inputs[:, 0] - 0.4 * np.abs(inputs[:, 1]) + 0.4 * np.sin(2 * inputs[:, 2] + inputs[:, 3])
    return split(inputs.astype(np.float32), random.poisson(np.exp(log_mean)).astype(np.float32)[:, None])


def labels_of_many() -> Parts:
    """Words of documents, each with several of ten labels."""
    words, labels = datasets.make_multilabel_classification(
        n_samples=1000, n_features=40, n_classes=10, n_labels=3, random_state=5
    )
    return standardised(split(words.astype(np.float32), labels.astype(np.float32)))


def waves(rows: int = 900, length: int = 16) -> Parts:
    """Noisy waves of four forms, each of its own phase, pitch and height, as (rows, length, 1)."""
    random = np.random.default_rng(6)
    labels = random.integers(4, size=rows)
    turns = np.arange(length) / length * random.uniform(1.5, 3, rows)[:, None] + random.uniform(size=rows)[:, None]
    forms = np.stack(
        [
            np.sin(2 * np.pi * turns),
            np.sign(np.sin(2 * np.pi * turns)),
            2 * (turns % 1) - 1,
            4 * np.abs(turns % 1 - 0.5) - 1,
        ]
    )
    shown = forms[labels, np.arange(rows)] * random.uniform(0.7, 1.3, rows)[:, None]
    noisy = shown + 0.15 * random.standard_normal(shown.shape)
    return split(noisy.astype(np.float32)[:, :, None], labels)


def clouds(rows: int = 900, points: int = 12) -> Parts:
    """Sets of points in the plane, drawn from one of five forms, turned at random, as (rows, points, 2)."""
    random = np.random.default_rng(7)
    labels = random.integers(5, size=rows)
    plain = random.standard_normal((rows, points, 2))
    ring = plain / np.linalg.norm(plain, axis=2, keepdims=True)
    square = random.uniform(-1.2, 1.2, (rows, points, 2))
    line = plain * np.array([1.2, 0.1])
    pair = 0.4 * plain + np.array([1.0, 0.0]) * random.choice([-1, 1], (rows, points, 1))
    chosen = np.stack([0.8 * plain, ring, square, line, pair])[labels, np.arange(rows)]
    angle = random.uniform(0, 2 * np.pi, rows)
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 1).reshape(rows, 2, 2)
    moved = chosen @ turn + 0.1 * random.standard_normal(chosen.shape)
    return split(moved.astype(np.float32), labels)


@lru_cache(maxsize=1)
def text() -> np.ndarray:
    """The texts that describe scikit-learn's data sets, as numbers of symbols."""
    found = sorted((one for one in files("sklearn.datasets.descr").iterdir() if one.name.endswith(".rst")), key=str)
    whole = "\n".join(one.read_text(encoding="utf-8") for one in found).lower()
    lines = [" ".join(line.split()) for line in whole.split("\n")]
    joined = "\n".join(line for line in lines if line)
    places = {symbol: i for i, symbol in enumerate(ALPHABET)} | dict.fromkeys("123456789", ALPHABET.index("0"))
    return np.array([places.get(one, len(ALPHABET)) for one in joined], dtype=np.int64)


def next_symbols(length: int = 24, rows: int = 900) -> Parts:
    """Windows of text, and the same one symbol further: the rows of the three parts come from three stretches."""
    return _stretches(length, rows, lambda windows: (windows[:, :-1], windows[:, 1:]))


def symbol_after(length: int = 4, rows: int = 3000) -> Parts:
    """A few symbols, and the one that follows them."""
    return _stretches(length, rows, lambda windows: (windows[:, :-1], windows[:, -1]))


def _stretches(length: int, rows: int, cut: object) -> Parts:
    cuts = [round(one * len(text())) for one in SHARES]
    made = []
    for stretch, share in zip(np.split(text(), cuts), (0.6, 0.2, 0.2), strict=True):
        starts = np.linspace(0, len(stretch) - length - 1, round(share * rows)).astype(int)
        inputs, targets = cut(stretch[starts[:, None] + np.arange(length + 1)])  # type: ignore[operator]
        made.append((torch.tensor(inputs), torch.tensor(targets)))
    return made[0], made[1], made[2]
