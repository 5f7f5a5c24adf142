"""What `stepsize diagnose` says of torch runs that a `Recorder` wrote down: small networks of the usual kinds.

Eight pairs of network and rule at two or three good rates, 300 updates: 51 healthy runs with three seeds; and three
runs each at a thousandth, at 30 and at 300 times the lowest of these rates. `python bench/diagnosis_torch.py` prints
how many got a finding, how even the layers of the healthy ones were, and what the other rates cost: the loss over the
last 30 updates over that of the healthy runs. Four minutes on one core.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from stepsize.adapters.torch import Recorder, optimizer
from stepsize.lab.diagnosis import diagnose
from stepsize.lab.records.record import Record, read

STEPS, SEEDS, OFF = 300, 3, (0.001, 30, 300)
X, Y = load_digits(return_X_y=True)
IMAGES, DIGITS = torch.tensor(X / 16, dtype=torch.float32).view(-1, 1, 8, 8), torch.tensor(Y)
NEXT = torch.softmax(3 * torch.randn(20, 20, generator=torch.Generator().manual_seed(0)), -1)  # of 20 letters
Batch = tuple[Tensor, Tensor]


class Letters(nn.Module):
    """A transformer of three layers that predicts the next of 20 letters."""

    def __init__(self, norm_first: bool) -> None:
        super().__init__()
        self.letter, self.place, self.head = nn.Embedding(20, 32), nn.Embedding(16, 32), nn.Linear(32, 20)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True, norm_first=norm_first)
        self.body = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)

    def forward(self, letters: Tensor) -> Tensor:
        length = letters.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        inside = self.letter(letters) + self.place(torch.arange(length))
        return self.head(self.body(inside, mask=mask, is_causal=True)).flatten(0, 1)


class Attention(nn.Module):
    """One head with separate projections, from weights as small as GPT's."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.second = nn.LayerNorm(32), nn.LayerNorm(32)
        self.query, self.key, self.value, self.out = (nn.Linear(32, 32, bias=False) for _ in range(4))
        self.wide, self.narrow = nn.Linear(32, 64), nn.Linear(64, 32)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        mixed = nn.functional.scaled_dot_product_attention(self.query(y), self.key(y), self.value(y), is_causal=True)
        x = x + self.out(mixed)
        return x + self.narrow(nn.functional.gelu(self.wide(self.second(x))))


class Separate(nn.Module):
    """The transformer with separate projections for queries, keys and values."""

    def __init__(self) -> None:
        super().__init__()
        self.letter, self.place, self.head = nn.Embedding(20, 32), nn.Embedding(16, 32), nn.Linear(32, 20)
        self.body = nn.Sequential(*[Attention() for _ in range(3)])
        for one in self.modules():
            if isinstance(one, (nn.Linear, nn.Embedding)):
                nn.init.normal_(one.weight, std=0.02)

    def forward(self, letters: Tensor) -> Tensor:
        return self.head(self.body(self.letter(letters) + self.place(torch.arange(letters.shape[1])))).flatten(0, 1)


def letters() -> Batch:
    text = torch.randint(0, 20, (16, 1))
    for _ in range(16):
        text = torch.cat([text, torch.multinomial(NEXT[text[:, -1]], 1)], 1)
    return text[:, :-1], text[:, 1:].flatten()


def images() -> Batch:
    rows = torch.randint(0, 1400, (32,))
    return IMAGES[rows], DIGITS[rows]


def convolutional() -> nn.Module:
    widths = [(1, 16), (16, 16), (16, 32), (32, 32)]
    blocks = [(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()) for a, b in widths]
    return nn.Sequential(*[one for block in blocks for one in block], nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 10))


def dense(activation: Callable[[], nn.Module]) -> nn.Module:
    hidden = [one for _ in range(3) for one in (nn.Linear(64, 64), activation())]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(64, 10))


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[], Batch], str, tuple[float, ...]]] = {
    "transformer, norm first": (lambda: Letters(True), letters, "adamw()", (3e-4, 1e-3, 3e-3)),
    "transformer, norm last": (lambda: Letters(False), letters, "adamw()", (3e-4, 1e-3)),
    "transformer, separate q, k, v": (Separate, letters, "adamw()", (1e-3, 3e-3)),
    "convolutions, SGD": (convolutional, images, "sgd(momentum=0.9)", (0.01, 0.1)),
    "convolutions, Adam": (convolutional, images, "adam()", (1e-3, 1e-2)),
    "dense ReLU, Adam": (lambda: dense(nn.ReLU), images, "adam()", (1e-3, 3e-3)),
    "dense tanh, SGD": (lambda: dense(nn.Tanh), images, "sgd(momentum=0.9)", (0.01, 0.1)),
    "dense GELU, Adam": (lambda: dense(nn.GELU), images, "adam()", (1e-3, 3e-3)),
}


def recorded(name: str, rate: float, seed: int, folder: Path) -> Record:
    make, batch, rule, _ = CASES[name]
    torch.manual_seed(seed)
    model = make()
    made = optimizer(model.parameters(), f"clip_norm(5) | {rule} | {rate} * (warmup('10%') >> cosine())", STEPS)
    path = folder / "run.jsonl"
    path.unlink(missing_ok=True)
    with Recorder(made, path, model, total_steps=STEPS) as recorder:
        for _ in range(STEPS):
            inputs, targets = batch()
            made.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), targets)
            loss.backward()
            made.step()
            recorder.step(loss)
    return read(path)


def evenness(record: Record) -> float:
    assert record.layers is not None
    norms = [float(np.nanmedian(one)) for one in record.layers.values()]
    return min(norms) / max(norms)


def share(one: float) -> str:
    return f"{one:.2f}" if one >= 0.01 else f"{one:.1g}"


def last(records: list[Record]) -> float:
    """The mean loss over the last 30 updates."""
    return float(np.mean([record.losses[-30:].mean() for record in records]))


def found(records: list[Record]) -> str:
    told = [[one.illness for one in diagnose(record).findings] for record in records]
    named = sorted({what for one in told for what in one})
    return f"{sum(bool(one) for one in told)} of {len(told)}" + (f" ({', '.join(named)})" if named else "")


def main() -> None:
    torch.set_num_threads(1)
    off = [f"{times:g} × the lowest rate: over healthy | found" for times in OFF]
    print(" | ".join(["| network and rule", "false alarms", "weakest over strongest layer", *off]), "|")
    print("|---" * (3 + 2 * len(off)) + "|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, (_, _, _, rates) in CASES.items():
            runs = [recorded(name, rate, seed, folder) for seed in range(SEEDS) for rate in rates]
            even = [evenness(one) for one in runs]
            cells = [name, found(runs), f"{share(min(even))} to {share(max(even))}"]
            for times in OFF:
                ill = [recorded(name, times * min(rates), seed, folder) for seed in range(SEEDS)]
                cells += [f"{last(ill) / last(runs):.3g}", found(ill)]
            print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
