"""Small networks that train side by side in NumPy, at any rates and batches, and the records of their runs.

For `bench/diagnosis_families.py`: what a strategy cannot write (a resume that loses the schedule, a batch that is
spoilt, a log that is smoothed or rounded) is made here by hand.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from stepsize.lab.records.record import Record
from stepsize.problems import Floats

Params = list[Floats]
ACTIVE: dict[str, tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]] = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "softplus": (lambda z: np.logaddexp(0, z), lambda z: 1 / (1 + np.exp(-np.clip(z, -500, 500)))),
}


@dataclass(frozen=True)
class Net:
    """Dense layers on a table; `kind` is "classes" (cross entropy), "squares", or "doubts" (logistic, one output)."""

    X: Floats
    y: Floats
    widths: tuple[int, ...] = (32,)
    active: str = "relu"
    kind: str = "classes"

    def start(self, seeds: Iterable[int]) -> Params:
        outputs = int(self.y.max()) + 1 if self.kind == "classes" else 1
        sizes = (self.X.shape[1], *self.widths, outputs)
        made: list[list[Floats]] = []
        for seed in seeds:
            random = np.random.default_rng([9, seed])
            gain = 2 if self.active == "relu" else 1
            one: list[Floats] = []
            for into, out in pairwise(sizes):
                one += [random.standard_normal((into, out)) * (gain / into) ** 0.5, np.zeros(out)]
            made.append(one)
        return [np.stack(parts) for parts in zip(*made, strict=True)]

    def evaluate(self, params: Params, rows: Floats, factor: float = 1.0) -> tuple[Floats, Params]:
        """Losses and gradients of every run on its own rows, whose inputs are multiplied by the factor."""
        X, y = self.X[rows] * factor, self.y[rows]
        act, slope = ACTIVE[self.active]
        values, before = [X], []
        layers = len(params) // 2
        for i in range(layers):
            z = values[-1] @ params[2 * i] + params[2 * i + 1][:, None]
            before.append(z)
            values.append(act(z) if i < layers - 1 else z)
        losses, back = self._loss(values[-1], y)
        grads: Params = [np.empty(0)] * len(params)
        for i in reversed(range(layers)):
            grads[2 * i], grads[2 * i + 1] = values[i].swapaxes(1, 2) @ back, back.sum(1)
            if i:
                back = (back @ params[2 * i].swapaxes(1, 2)) * slope(before[i - 1])
        return losses, grads

    def _loss(self, out: Floats, y: Floats) -> tuple[Floats, Floats]:
        count = y.shape[1]
        if self.kind == "squares":
            off = out[..., 0] - y
            return (off**2).mean(1), (2 * off / count)[..., None]
        if self.kind == "doubts":
            z = out[..., 0]
            return (np.logaddexp(0, z) - y * z).mean(1), ((1 / (1 + np.exp(-np.clip(z, -500, 500))) - y) / count)[
                ..., None
            ]
        out = out - out.max(2, keepdims=True)
        powers = np.exp(out)
        total = powers.sum(2, keepdims=True)
        right = np.take_along_axis(out, y[..., None].astype(int), 2)[..., 0]
        hot = np.eye(out.shape[2])[y.astype(int)]
        return (np.log(total[..., 0]) - right).mean(1), (powers / total - hot) / count


def length(parts: Params) -> Floats:
    """The length of all parts together, run by run."""
    return np.sqrt(sum((one.reshape(len(one), -1) ** 2).sum(1) for one in parts))


class Rule:
    """SGD, momentum, Adam, AdamW or RMSProp; `step` is the update over the rate."""

    def __init__(self, name: str) -> None:
        self.name, self.first, self.second, self.count = name, [], [], 0

    def step(self, params: Params, grads: Params) -> Params:
        if not self.first:
            self.first, self.second = [np.zeros_like(one) for one in grads], [np.zeros_like(one) for one in grads]
        self.count += 1
        if self.name == "sgd":
            return [-one for one in grads]
        if self.name == "momentum":
            self.first = [0.9 * m + g for m, g in zip(self.first, grads, strict=True)]
            return [-one for one in self.first]
        slow = 0.9 if self.name == "rmsprop" else 0.999
        self.second = [slow * v + (1 - slow) * g * g for v, g in zip(self.second, grads, strict=True)]
        if self.name == "rmsprop":
            return [-g / (np.sqrt(v) + 1e-8) for g, v in zip(grads, self.second, strict=True)]
        self.first = [0.9 * m + 0.1 * g for m, g in zip(self.first, grads, strict=True)]
        one, two = 1 - 0.9**self.count, 1 - slow**self.count
        moved = [-(m / one) / (np.sqrt(v / two) + 1e-8) for m, v in zip(self.first, self.second, strict=True)]
        return moved if self.name == "adam" else [d - 0.01 * p for d, p in zip(moved, params, strict=True)]


def train(
    net: Net,
    rule: str,
    rates: Floats,
    batch: int | None,
    seeds: Iterable[int],
    *,
    clip: float | None = None,
    held_out: Net | None = None,
    look_every: int = 0,
    details: bool = False,
    start: Params | None = None,
) -> list[Record]:
    """A run for each seed at these rates; `batch` None is all rows, `held_out` is looked at every so many updates."""
    seeds = list(seeds)
    params, moves = net.start(seeds) if start is None else start, Rule(rule)
    random = [np.random.default_rng([4, seed]) for seed in seeds]
    whole = np.tile(np.arange(len(net.y)), (len(seeds), 1))
    columns: dict[str, list[Floats]] = {name: [] for name in ("loss", "norm", "clipped", "slope", "end")}
    looks: list[tuple[int, Floats]] = []
    with np.errstate(all="ignore"):
        for t, rate in enumerate(rates):
            rows = whole if batch is None else np.stack([one.integers(0, len(net.y), batch) for one in random])
            if held_out is not None and t % look_every == 0:
                looks.append((t, _on_all(held_out, params)))
            losses, grads = net.evaluate(params, rows)
            norm = length(grads)
            cut = np.ones(len(seeds)) if clip is None else np.minimum(1, clip / np.maximum(norm, 1e-300))
            step = moves.step(params, [g * _like(cut, g) for g in grads])
            moved = [rate * d for d in step]
            for name, one in zip(("loss", "norm", "clipped"), (losses, norm, (cut < 1) * 1.0), strict=True):
                columns[name].append(one)
            params = [p + d for p, d in zip(params, moved, strict=True)]
            if details:
                columns["slope"].append(-_along(grads, moved))
                columns["end"].append(-_along(net.evaluate(params, rows)[1], moved))
        if held_out is not None:
            looks.append((len(rates), _on_all(held_out, params)))
    made = {name: np.array(one).T for name, one in columns.items() if one}
    places = tuple(at for at, _ in looks) or None
    return [
        Record(
            steps=np.arange(len(rates)),
            losses=made["loss"][i],
            rates=np.array(rates, dtype=float),
            grad_norms=made["norm"][i],
            clipped=None if clip is None else made["clipped"][i],
            slopes=made["slope"][i] if details else None,
            end_slopes=made["end"][i] if details else None,
            measured_at=places,
            validated=np.array([one[i] for _, one in looks]) if looks else None,
        )
        for i in range(len(seeds))
    ]


def _on_all(net: Net, params: Params) -> Floats:
    return net.evaluate(params, np.tile(np.arange(len(net.y)), (len(params[0]), 1)))[0]


def _like(factor: Floats, part: Floats) -> Floats:
    return factor.reshape((-1,) + (1,) * (part.ndim - 1))


def _along(grads: Params, moved: Params) -> Floats:
    return np.asarray(sum((g * d).reshape(len(g), -1).sum(1) for g, d in zip(grads, moved, strict=True)))


# --- logs as people write them


def rounded(record: Record, digits: int) -> Record:
    return replace(record, losses=np.round(record.losses, digits))


def smoothed(record: Record, kept: float) -> Record:
    """An exponential average, as TensorBoard and progress bars show it."""
    found = record.losses.copy()
    for i in range(1, len(found)):
        found[i] = kept * found[i - 1] + (1 - kept) * found[i]
    return replace(record, losses=found)


def thinned(record: Record, every: int) -> Record:
    """Every so many rows only."""
    return record.at(np.arange(len(record)) % every == 0)


def averaged(record: Record, every: int) -> Record:
    """The mean of so many losses at the last of their updates, as transformers and Keras log them."""
    count = len(record) // every
    means = record.losses[: count * every].reshape(count, every).mean(1)
    last = np.arange(len(record)) % every == every - 1
    return replace(record.at(last), losses=means)


# --- rates


def cosine(steps: int, peak: float, warm: float = 0.0, end: float = 0.0) -> Floats:
    up, t = round(warm * steps), np.arange(steps)
    down = end + (1 - end) * (1 + np.cos(np.pi * (t - up) / max(steps - up, 1))) / 2
    return peak * np.where(t < up, (t + 1) / max(up, 1), down)


def linear(steps: int, peak: float, held: float = 0.0) -> Floats:
    t, flat = np.arange(steps), held * steps
    return peak * np.where(t < flat, 1.0, (steps - t) / max(steps - flat, 1))


def restarts(steps: int, peak: float, cycles: int, fall: float = 1.0) -> Floats:
    one = steps // cycles
    return np.concatenate([cosine(one, peak * fall**i) for i in range(cycles)])
