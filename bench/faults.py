"""What one fault leaves behind, strategy by strategy: `python bench/faults.py` prints the table of docs/faults.md.

A network of 64-32-10 on 1024 digits makes 360 updates; at update 120 something goes wrong. Each faulty run is compared
with the clean run of the same strategy, rate and seed: same start, same batches. The rates are a third of the best,
the best and three times the best, found by clean runs. `--strategies "zclip,torch"` (parts of names), `--faults`,
`--seeds 0-2`, `--rates 1` (the best only), `--steps`, `--loop`, `--dtype float32` and `--long` (a row for each rate).
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from faults_rows import OURS, PEERS, Strategy
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from stepsize import seen

Floats = NDArray[np.float64]
Params = dict[str, Any]
Finals = dict[float, list["Trace"]]  # by rate, one for each seed

ROWS, HIDDEN = 1024, 32
EVERY = 10  # updates between two looks at the loss on all data
AGAIN = 30  # updates after the beginning, at which the batch of 1000× comes
LAST = 5  # looks whose mean is the final loss
RECOVERED = 1.1  # times the clean run's loss: recovered
BROKEN = 2.0  # times the clean final loss: broken. One batch left out alone moves a run at a high rate by up to 1.4
TRAINS = 0.5  # times the loss at the start: a clean run that ends above does not train, and is left out
LOOPS = ("shown", "skip", "bare")


@dataclass(frozen=True)
class Fault:
    """What goes wrong, from update `begin` on: with the data of a batch, the loss that is seen, the gradient."""

    data: Callable[[int, Floats, Any], tuple[Floats, Any]] = lambda after, X, y: (X, y)
    loss: Callable[[int, float], float] = lambda after, loss: loss
    scale: Callable[[int, float], float] = lambda after, largest: 1.0
    labels: float = 0.0  # share of labels that are wrong, in the whole run
    over: int = 1  # updates after its beginning at which it is over
    only_loss: bool = False  # nothing is wrong but the loss that is told


def _nan_row(after: int, X: Floats, y: Any) -> tuple[Floats, Any]:
    if after != 0:
        return X, y
    X = X.copy()
    X[0] = np.nan
    return X, y


def _times(at: int) -> Callable[[int, Floats, Any], tuple[Floats, Any]]:
    return lambda after, X, y: (1000 * X, y) if after == at else (X, y)


def _nan_then_times(after: int, X: Floats, y: Any) -> tuple[Floats, Any]:
    return _times(AGAIN)(after, *_nan_row(after, X, y))


FAULTS = {
    "clean": Fault(),
    "NaN batch": Fault(data=_nan_row),
    "1000× batch": Fault(data=_times(AGAIN), over=AGAIN + 1),
    "NaN, then 1000×": Fault(data=_nan_then_times, over=AGAIN + 1),
    "1 % labels": Fault(labels=0.01),
    "loss + 10": Fault(loss=lambda after, loss: loss + 10 if after >= 0 else loss, only_loss=True),
    "10 NaN losses": Fault(loss=lambda after, loss: math.nan if 0 <= after < 10 else loss, over=10, only_loss=True),
    "gradient 1e30": Fault(scale=lambda after, largest: 1e30 / max(largest, 1e-30) if after == 0 else 1.0),
    "gradient 0": Fault(scale=lambda after, largest: 0.0 if 0 <= after < 50 else 1.0, over=50),
}


@dataclass(frozen=True)
class Task:
    """The digits, how many updates, when the fault begins, and how the loop treats a gradient that is not finite."""

    steps: int = 360
    loop: str = "shown"
    dtype: str = "float64"

    @property
    def begin(self) -> int:
        return self.steps // 3

    @cache  # noqa: B019
    def data(self, wrong: float = 0.0) -> tuple[Floats, NDArray[np.int_], Floats, NDArray[np.int_]]:
        """Rows to learn from, some labels of them wrong (the next digit), and those held out."""
        digits = load_digits()
        order = np.random.default_rng(12345).permutation(len(digits.target))
        X, y = (digits.data[order] / 16).astype(self.dtype), digits.target[order].copy()
        flipped = np.random.default_rng(77).permutation(ROWS)[: round(wrong * ROWS)]
        y[flipped] = (y[flipped] + 1) % 10
        return X[:ROWS], y[:ROWS], X[ROWS:], y[ROWS:]

    def start(self, seed: int) -> Params:
        random = np.random.default_rng([3, seed])
        wide = {
            "W1": random.standard_normal((64, HIDDEN)) * math.sqrt(2 / 64),
            "b1": np.zeros(HIDDEN),
            "W2": random.standard_normal((HIDDEN, 10)) * math.sqrt(1 / HIDDEN),
            "b2": np.zeros(10),
        }
        return {name: one.astype(self.dtype) for name, one in wide.items()}

    def batches(self, seed: int, batch: int | None) -> Iterator[NDArray[np.int_]]:
        """The rows of each update, every epoch in a new order."""
        random = np.random.default_rng([5, seed])
        order = np.arange(0)
        for _ in range(self.steps):
            if batch is None:
                yield np.arange(ROWS)
                continue
            order = order if len(order) else random.permutation(ROWS)
            yield order[:batch]
            order = order[batch:]


def loss_and_grads(params: Params, X: Floats, y: NDArray[np.int_], slopes: bool = True) -> tuple[float, Params]:
    """Cross entropy of the network, and its gradient."""
    active = np.maximum(X @ params["W1"] + params["b1"], 0)
    out = active @ params["W2"] + params["b2"]
    out = out - out.max(1, keepdims=True)
    powers, places = np.exp(out), np.arange(len(y))
    total = powers.sum(1)
    loss = float((np.log(total) - out[places, y]).mean())
    if not slopes:
        return loss, {}
    back = powers / total[:, None]
    back[places, y] -= 1
    back /= len(y)
    deep = (back @ params["W2"].T) * (active > 0)
    return loss, {"W1": X.T @ deep, "b1": deep.sum(0), "W2": active.T @ back, "b2": back.sum(0)}


@dataclass(frozen=True)
class Trace:
    """The held-out loss at the start and at every look from the fault on; whether some state ended not finite."""

    first: float
    looks: Floats
    poisoned: bool

    @property
    def final(self) -> float:
        return float(self.looks[-LAST:].mean())


def ours(strategy: Strategy, rate: float, fault: Fault, seed: int, task: Task) -> Trace:
    """One run of a strategy of this library in a loop as a user of NumPy writes it."""
    wanted = strategy.at(rate).over(task.steps)
    X, y, *held_out = task.data(fault.labels)
    params = task.start(seed)
    state, first, looks = wanted.init(params), loss_and_grads(params, *held_out, slopes=False)[0], []
    for t, rows in enumerate(task.batches(seed, strategy.batch)):
        after = t - task.begin
        part, marks = fault.data(after, X[rows], y[rows])
        loss, grads, variance = evaluate(params, part, marks, "grad_variance" in wanted.needs)
        factor = fault.scale(after, max(float(np.abs(one).max()) for one in grads.values()))
        grads = {name: one * one.dtype.type(factor) for name, one in grads.items()}
        now = seen(loss=fault.loss(after, loss), grad_variance=None if variance is None else variance * factor * factor)

        def loss_of(there: Params, part: Floats = part, marks: Any = marks, after: int = after) -> float:
            return fault.loss(after, loss_and_grads(there, part, marks, slopes=False)[0])

        whole = all(np.isfinite(one).all() for one in grads.values())
        if whole or task.loop != "skip":
            moved, later, _ = wanted.step(params, grads, state, now, loss_of=loss_of)
            if whole or task.loop == "bare":
                params, state = moved, later
            else:  # clips and controllers saw it; nothing moves
                state = state.replace(control=later.control, transforms=later.transforms)
        if after >= 0 and (t + 1) % EVERY == 0:
            looks.append(loss_and_grads(params, *held_out, slopes=False)[0])
    return Trace(first, np.array(looks), not _finite((state.control, state.transforms, state.rules)))


def evaluate(params: Params, X: Floats, y: NDArray[np.int_], halves: bool) -> tuple[float, Params, float | None]:
    """Loss and gradient of a batch; as two halves where the variance of the gradient is asked for."""
    if not halves:
        return *loss_and_grads(params, X, y), None
    half = len(y) // 2
    (loss, one), (more, other) = (loss_and_grads(params, X[part], y[part]) for part in (slice(half), slice(half, None)))
    apart = sum(float(((one[name] - other[name]) ** 2).sum()) for name in one)
    return (loss + more) / 2, {name: (one[name] + other[name]) / 2 for name in one}, apart / 4


def _finite(state: Any) -> bool:
    """Whether every number of a state is finite."""
    if isinstance(state, dict):
        return all(map(_finite, state.values()))
    if isinstance(state, tuple):
        return all(map(_finite, state))
    return state is None or bool(np.isfinite(state).all())


def trace(strategy: Strategy, rate: float, fault: Fault, seed: int, task: Task) -> Trace:
    with np.errstate(all="ignore"):
        if not strategy.peer:
            return ours(strategy, rate, fault, seed, task)
        import faults_torch

        return faults_torch.run(strategy, rate, fault, seed, task)


def clean_runs(strategy: Strategy, seeds: range, task: Task) -> tuple[float, Finals]:
    """The best rate of a grid by three, by the mean final loss, and the clean runs by rate; the best is interior."""
    found: dict[int, list[Trace]] = {}
    wanted = {-1, 0, 1}
    while wanted - set(found):
        for k in sorted(wanted - set(found)):
            found[k] = [trace(strategy, strategy.begin * 3.0**k, FAULTS["clean"], seed, task) for seed in seeds]
        best = min(found, key=lambda k: _mean([one.final for one in found[k]]))
        wanted = {best - 1, best, best + 1} if abs(best) < 6 else set()
    return strategy.begin * 3.0**best, {strategy.begin * 3.0**k: found[k] for k in (best - 1, best, best + 1)}


def _mean(losses: list[float]) -> float:
    return float(np.mean(losses)) if np.isfinite(losses).all() else math.inf


@dataclass(frozen=True)
class Cell:
    """One faulty run against its clean one."""

    ratio: float
    steps: float  # updates until recovered; infinite: never
    poisoned: bool

    @property
    def broken(self) -> bool:
        return not self.ratio <= BROKEN


def compared(faulty: Trace, clean: Trace, over: int) -> Cell:
    """Final loss over clean final loss; updates from the end of the fault until the last bad stretch was over."""
    ratios = faulty.looks / clean.looks
    smooth = np.array([np.median(ratios[max(0, i - 2) : i + 1]) for i in range(len(ratios))])
    bad = np.flatnonzero(~(smooth <= RECOVERED))
    steps = 0.0 if not len(bad) else math.inf if bad[-1] == len(ratios) - 1 else EVERY * (bad[-1] + 2.0) - over
    return Cell(faulty.final / clean.final, max(steps, 0.0), faulty.poisoned)


def written(cells: list[Cell]) -> str:
    """The worst of some runs; what is broken in how many of them."""
    if not cells:
        return "–"
    broken = sum(one.broken for one in cells)
    mark = " †" if any(one.poisoned for one in cells) else ""
    worst = max(one.ratio if math.isfinite(one.ratio) else math.inf for one in cells)
    if broken:
        return f"**{broken}/{len(cells)} broken, {'×' + f'{worst:.2g}' if worst < 1e4 else '∞'}**{mark}"
    steps = float(np.median([one.steps for one in cells]))
    return f"{worst:.2f} / {'never' if math.isinf(steps) else round(steps)}{mark}"


def rows(name: str, strategy: Strategy, asked: argparse.Namespace, task: Task) -> Iterator[str]:
    """The row of a strategy, or with --long one for each rate."""
    best, clean = clean_runs(strategy, asked.seeds, task)
    rates = {1: [best], 3: list(clean)}[asked.rates]
    cells: dict[float, dict[str, list[Cell]]] = {rate: {fault: [] for fault in asked.faults} for rate in rates}
    for rate in rates:
        for seed, reference in zip(asked.seeds, clean[rate], strict=True):
            if not reference.final < TRAINS * reference.first:
                continue
            for fault in asked.faults:
                what = FAULTS[fault]
                harmless = not strategy.watches and what.only_loss
                faulty = reference if harmless else trace(strategy, rate, what, seed, task)
                cells[rate][fault].append(compared(faulty, reference, what.over))
    for few in [[rate] for rate in rates] if asked.long else [rates]:
        loss = np.mean([one.final for one in clean[best]])
        told = f"{name}, {few[0]:.3g}" if asked.long else name
        merged = {fault: [one for rate in few for one in cells[rate][fault]] for fault in asked.faults}
        count = max(map(len, merged.values()))
        yield f"| {told} | {best:.2g}: {loss:.2g} | {' | '.join(map(written, merged.values()))} | {count} |"


def apart(task: Task) -> float:
    """How far the two loops are from each other where they do the same: relative, the most of all looks."""
    one, other = (
        trace(strategy, 0.1, FAULTS["clean"], 0, task).looks for strategy in (OURS["fixed"], PEERS["torch SGD"])
    )
    return float(np.abs(one / other - 1).max())


def chosen(names: list[str], parts: str) -> list[str]:
    return [one for one in names if not parts or any(part.strip() in one for part in parts.split(","))]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strategies", default="", help="parts of names, with commas between")
    parser.add_argument("--faults", default="", help="parts of names, with commas between")
    parser.add_argument("--seeds", default="0-2", help="first-last")
    parser.add_argument("--rates", type=int, default=3, choices=(1, 3))
    parser.add_argument("--steps", type=int, default=360)
    parser.add_argument("--loop", default="shown", choices=LOOPS)
    parser.add_argument("--dtype", default="float64", choices=("float64", "float32"))
    parser.add_argument("--long", action="store_true")
    asked = parser.parse_args()
    low, high = map(int, asked.seeds.split("-"))
    asked.seeds = range(low, high + 1)
    asked.faults = chosen([one for one in FAULTS if one != "clean"], asked.faults)
    asked.strategies = chosen([*OURS, *PEERS], asked.strategies)
    return asked


def main() -> None:
    asked, begun = options(), time.process_time()
    task = Task(asked.steps, asked.loop, asked.dtype)
    print(f"| strategy | best rate: loss | {' | '.join(asked.faults)} | n |")
    print("|---" * (len(asked.faults) + 3) + "|")
    for name in asked.strategies:
        try:
            for row in rows(name, {**OURS, **PEERS}[name], asked, task):
                print(row, flush=True)
        except ModuleNotFoundError as error:
            print(f"(left out: {name} needs {error.name})", flush=True)
    if {"fixed", "torch SGD"} <= set(asked.strategies):
        print(f"\nours and torch's plain SGD: clean losses apart by at most {apart(task):.1e} of themselves")
    print(f"\n{time.process_time() - begun:.0f} s of one core")


if __name__ == "__main__":
    main()
