"""The whole table of `robust_infrared` against the best constant rates, as markdown: `python bench/infrared.py`.

The rule makes T updates from six starting rates, 1e-3 to 10 times the best constant, times a decay that it knows
nothing of. Constants get equal gradient evaluations (a further loss counts 1/3): as many updates as the rule's cost
allows, on a grid by √2 whose best point is interior, chosen with the seeds that are shown (which flatters them).
`--tasks "Q0,S,M b8"`, `--seeds 100-109`, `--decays lin40,none,lin100`, `--beta` to give the rule another momentum.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from stepsize import adamw, constant, descend_many, descent, linear, problems, robust_infrared, sgd
from stepsize.problems import Floats, Params, Problem, Rows

STARTS = (1e-3, 1e-2, 0.1, 1.0, 3.0, 10.0)
DECAYS = {"lin40": constant(length="60%") >> linear(), "none": constant(), "lin100": linear()}
RUINED = 10  # times the best constant's loss
HEAD = (
    "| task (steps) | best constant (η) | best constant + same decay (η) | A: mean / best constant, starts 1e-3 … 10 | "
    "B: mean / (constant + same decay) | worst run / best constant | ended above start | ruined | cost | n |"
)


class Bowl:
    """½ Σ λ x² in 20 dimensions, λ from 1 to 100, from x ~ N(0, 1); rows are ways in which a batch can be noisy.

    `slope_noise` tilts the loss of a batch by ⟨ξ, x⟩; `loss_noise` multiplies every evaluation by 1 + its share of a
    normal number; `offset` lifts every batch. The loss on all rows is without the three.
    """

    def __init__(self, slope_noise: float = 0.0, loss_noise: float = 0.0, offset: float = 0.0) -> None:
        self.curvatures = np.logspace(0, 2, 20)
        self.tilts = slope_noise * np.random.default_rng(7).standard_normal((16384, 20))
        self.size: int | None = len(self.tilts)
        self.loss_noise, self.offset = loss_noise, offset
        self.random = np.random.default_rng(991)

    def start(self, seed: int) -> Params:
        return {"x": np.random.default_rng([3, seed]).standard_normal(20)}

    def unpack(self, params: Params) -> Floats:
        return params["x"]

    def loss(self, params: Params, rows: Rows | None = None) -> Floats:
        return self.loss_and_grad(params, rows)[0]

    def loss_and_grad(self, params: Params, rows: Rows | None = None) -> tuple[Floats, Params]:
        x = params["x"]
        losses, grad = 0.5 * (x * x * self.curvatures).sum(1), x * self.curvatures
        if rows is None:
            return losses, {"x": grad}
        tilt = np.repeat(self.tilts[rows[:, 0]], len(x) // len(rows), axis=0)
        losses = losses + (tilt * x).sum(1) + self.offset
        noise = 1 + self.loss_noise * self.random.standard_normal(len(x)) if self.loss_noise else 1.0
        return losses * noise, {"x": grad + tilt}


class Network:
    """Digits through one hidden layer of 64 ReLUs, cross entropy."""

    def __init__(self, X: Floats, y: NDArray[np.int_], hidden: int = 64) -> None:
        self.X, self.y, self.hidden = X, y, hidden
        self.size: int | None = len(y)

    def start(self, seed: int) -> Params:
        random, (inputs, hidden) = np.random.default_rng([3, seed]), (self.X.shape[1], self.hidden)
        return {
            "W1": random.standard_normal((inputs, hidden)) * math.sqrt(2 / inputs),
            "b1": np.zeros(hidden),
            "W2": random.standard_normal((hidden, 10)) * math.sqrt(1 / hidden),
            "b2": np.zeros(10),
        }

    def unpack(self, params: Params) -> Params:
        return params

    def _forward(self, params: Params, rows: Rows | None) -> tuple[Floats, Floats, Floats, NDArray[np.int_]]:
        """Inputs, hidden values, shifted outputs (runs, rows, 10) and the labels."""
        runs = len(params["W1"])
        X, y = (self.X[None], self.y[None]) if rows is None else (self.X[rows], self.y[rows])
        X, y = (np.repeat(one, runs // len(one), axis=0) for one in (X, y))
        active = np.maximum(X @ params["W1"] + params["b1"][:, None], 0)
        out = active @ params["W2"] + params["b2"][:, None]
        return X, active, out - out.max(2, keepdims=True), y

    def loss(self, params: Params, rows: Rows | None = None) -> Floats:
        _, _, out, y = self._forward(params, rows)
        return _cross_entropy(out, np.exp(out).sum(2), y)

    def loss_and_grad(self, params: Params, rows: Rows | None = None) -> tuple[Floats, Params]:
        X, active, out, y = self._forward(params, rows)
        powers = np.exp(out)
        total = powers.sum(2)
        back = (powers / total[..., None] - np.eye(10)[y]) / y.shape[1]
        deep = (back @ params["W2"].swapaxes(1, 2)) * (active > 0)
        grads = {"W1": X.swapaxes(1, 2) @ deep, "b1": deep.sum(1)}
        return _cross_entropy(out, total, y), {**grads, "W2": active.swapaxes(1, 2) @ back, "b2": back.sum(1)}


def _cross_entropy(out: Floats, total: Floats, y: NDArray[np.int_]) -> Floats:
    return (np.log(total) - np.take_along_axis(out, y[..., None], 2)[..., 0]).mean(1)


def digits(hidden: bool, wrong: float = 0.0, rows: int | None = 1400) -> Problem:
    """1400 digits in [0, 1], or `rows` (None: all); `wrong` is the share of labels drawn anew."""
    data = load_digits()
    chosen = np.random.default_rng(12345).permutation(len(data.target))[:rows]
    X, y = data.data[chosen] / 16, data.target[chosen].copy()
    if wrong:
        random = np.random.default_rng(77)
        drawn = random.random(len(y)) < wrong
        y[drawn] = random.integers(0, 10, drawn.sum())
    return Network(X, y) if hidden else problems.softmax(np.hstack([X, np.ones((len(y), 1))]), y)


@dataclass(frozen=True)
class Task:
    """A problem, a rule with its momentum, updates, and where the search for the best constant begins."""

    problem: Callable[[], Problem]
    begin: float
    steps: int = 1000
    batch_size: int | None = 32  # None: all rows
    beta: float = 0.0
    adam: bool = False

    def strategy(self) -> descent:
        return (adamw(beta1=self.beta) if self.adam else sgd(momentum=self.beta)) | 1.0


def bowl(begin: float, beta: float = 0.0, steps: int = 300, **noise: float) -> Task:
    return Task(lambda: Bowl(**noise), begin, steps, 1, beta)


def soft(begin: float, **how: float | None) -> Task:
    return Task(lambda: digits(False), begin, **how)  # type: ignore[arg-type]


def deep(begin: float, **how: float | None) -> Task:
    return Task(lambda: digits(True), begin, **how)  # type: ignore[arg-type]


TASKS = {
    "Q0": bowl(0.0196),
    "Q1": bowl(0.0196, loss_noise=0.01),
    "Q10": bowl(0.0196, loss_noise=0.1),
    "G1": bowl(0.0084, slope_noise=1.0),
    "G10": bowl(0.0021, slope_noise=10.0),
    "G1m": bowl(0.00074, 0.9, slope_noise=1.0),
    "Q0m": bowl(0.014, 0.9),
    "S": soft(8.0),
    "M": deep(1.0),
    "Mm": deep(0.177, beta=0.9),
    "M b8": deep(0.35, batch_size=8),
    "Mm b8": deep(0.05, batch_size=8, beta=0.9),
    "S b8": soft(4.0, batch_size=8),
    "S β.5": soft(4.0, beta=0.5),
    "M β.5": deep(0.7, beta=0.5),
    "M β.95": deep(0.088, beta=0.95),
    "Q0 β.5": bowl(0.028, 0.5),
    "G1 β.95": bowl(0.0004, 0.95, slope_noise=1.0),
    "AdamW": deep(0.006, beta=0.9, adam=True),
    "G1 + 100": bowl(0.0084, slope_noise=1.0, offset=100.0),
    "S label noise .2": Task(lambda: digits(False, 0.2), 0.5),
    "M label noise .1": Task(lambda: digits(True, 0.1), 0.35),
    "M label noise .2": Task(lambda: digits(True, 0.2), 0.35),
    "M label noise .4": Task(lambda: digits(True, 0.4), 0.35),
    **{f"S all {steps}": Task(lambda: digits(False, rows=None), 8.0, steps) for steps in (100, 300, 500)},
    "Mm full": deep(0.177, steps=300, batch_size=None, beta=0.9),
    "Mm full label noise .2": Task(lambda: digits(True, 0.2), 0.177, 300, None, 0.9),
    "G1 3000": bowl(0.0015, steps=3000, slope_noise=1.0),
    "S 3000": soft(8.0, steps=3000),
    "M 3000": deep(1.0, steps=3000),
    "Mm 3000": deep(0.177, steps=3000, beta=0.9),
    "AdamW 3000": deep(0.006, steps=3000, beta=0.9, adam=True),
}


def ends(
    task: Task, decay: str, rates: list[float], seeds: range, steps: int, rule: robust_infrared | None = None
) -> tuple[Floats, ...]:
    """The last losses (seeds, rates), the first ones, and the gradient evaluations an update."""
    factor = DECAYS[decay] if rule is None else rule * DECAYS[decay]
    strategy = task.strategy().with_rate(1.0 * factor)
    runs = descend_many(task.problem(), strategy, steps=steps, rates=rates, seeds=seeds, batch_size=task.batch_size)
    last = np.array([one.loss if math.isfinite(one.loss) else 1e30 for one in runs])
    cost = np.array([1 + one.extra_losses.sum() / 3 / max(1, one.steps) for one in runs])
    shape = (len(seeds), len(rates))
    return last.reshape(shape), np.array([one.measured[0] for one in runs]).reshape(shape), cost.reshape(shape)


def best_constant(task: Task, decay: str, seeds: range, steps: int) -> tuple[float, float]:
    """The constant rate with the lowest mean loss, and that loss."""
    found: dict[int, float] = {}
    wanted = set(range(-4, 5))
    while wanted - set(found):
        new = sorted(wanted - set(found))
        losses = ends(task, decay, [task.begin * 2 ** (k / 2) for k in new], seeds, steps)[0]
        found |= dict(zip(new, losses.mean(0).tolist(), strict=True))
        best = min(found, key=found.__getitem__)
        wanted = set(range(best - 2, best + 3)) if abs(best) <= 16 else set()
    return task.begin * 2 ** (best / 2), found[best]


def short(value: float) -> str:
    return f"{value:.2f}" if 0.005 <= value < 100 else f"{value:.0e}"


def line(name: str, task: Task, decay: str, seeds: range, beta: float | None) -> str:
    """One row of the table."""
    middle, _ = best_constant(task, "none", seeds, round(1.17 * task.steps))
    rule = robust_infrared(task.beta if beta is None else beta)
    last, first, cost = ends(task, decay, [middle * one for one in STARTS], seeds, task.steps, rule)
    steps = math.ceil(round(float(cost.mean()), 2) * task.steps)
    rate, loss = best_constant(task, "none", seeds, steps)
    same_rate, same = best_constant(task, decay, seeds, steps)
    a, b = last.mean(0) / loss, last.mean(0) / same
    cells = (
        f"{name} ({task.steps})",
        f"{loss:.3g} ({rate:.3g})",
        f"{same:.3g} ({same_rate:.3g})",
        " ".join(map(short, a)),
        f"{short(b.min())}–{short(b.max())}",
        short((last / loss).max()),
        (last > first).sum(),
        (last > RUINED * loss).sum(),
        f"{cost.mean():.2f} (most {cost.max():.2f})",
        last.size,
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = ",".join(name for name in TASKS if "full" not in name and "all" not in name)  # the full batch takes minutes
    options.add_argument("--tasks", default=usual, help=f"names with commas between, of {', '.join(TASKS)}")
    options.add_argument("--seeds", default="100-109", help="first-last")
    options.add_argument("--decays", default="lin40", help="of " + ", ".join(DECAYS))
    options.add_argument("--beta", type=float, default=None, help="the rule's momentum is told to be this")
    asked = options.parse_args()
    first, last = map(int, asked.seeds.split("-"))
    begun = time.time()
    for decay in asked.decays.split(","):
        print(f"\n### {'robust_infrared alone' if decay == 'none' else f'robust_infrared × {decay}'}\n")
        print(HEAD + "\n" + "|---" * (HEAD.count("|") - 1) + "|")
        for name in asked.tasks.split(","):
            print(line(name, TASKS[name], decay, range(first, last + 1), asked.beta), flush=True)
    print(f"\n{time.time() - begun:.0f} s")


if __name__ == "__main__":
    main()
