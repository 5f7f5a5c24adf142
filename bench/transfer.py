"""How well rules carry a rate over: `python bench/transfer.py` prints the tables of docs/transfer.md, as markdown.

Small tasks in NumPy: handwritten digits by softmax regression and by perceptrons with ReLU, and the noisy answers of a
random network (a regression). Each is trained at every rate of a grid an octave apart, three seeds, stacked, with a
cosine to 0, by SGD with a momentum of 0.9 and by Adam. The best rate is that of the lowest mean log of the validation
loss, refined by a parabola through its neighbours; one at the end of its grid is left out. Then every pair of two sizes
says how far a rule misses, in octaves of the rate. Batches are compared at equal epochs and at equal updates; widths
and depths keep one rate for all arrays and the usual start (He), without the rest of µP. Residual blocks are
h + relu(hW + b), with and without a factor of 1/√depth.
`--seeds 3`, `--only batch,steps,width,depth`, `--json FILE` keeps the best rates, `--table FILE` reads them.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import itertools
import json
import time
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from stepsize.lab.compare import compare, prepare
from stepsize.lab.study.study import Study
from stepsize.lab.workload import Workload, fingerprint
from stepsize.transfer import LAWS, Law

TEXTS = {"sgd": "sgd(momentum=0.9) | {rate} * cosine()", "adam": "adam() | {rate} * cosine()"}
GRIDS = {"sgd": range(-12, 3), "adam": range(-15, 1)}  # powers of two
BATCHES = (8, 16, 32, 64, 128, 256)
STEPS = (64, 128, 256, 512, 1024, 2048)
WIDTHS = (16, 32, 64, 128, 256)
DEPTHS = (1, 2, 4, 8, 16)
SEEN = 16_384  # rows in a run, where batches are compared at equal epochs
UPDATES = 300


class Net:
    """A perceptron or a residual net for many runs at once; classes by cross-entropy, else numbers by squares."""

    def __init__(self, X, y, classes, widths, *, blocks=0, branch=1.0):
        self.X, self.y, self.classes, self.size = X, y, classes, len(X)
        self.blocks, self.branch = blocks, branch
        self.shape = [X.shape[1], *widths, max(classes, 1)]

    def start(self, seed):
        draw = np.random.default_rng((7, seed))
        params, last = {}, len(self.shape) - 2
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise(self.shape)):
            gain = 1.0 if i == last else 2.0
            params[f"w{i}"] = draw.standard_normal((fan_in, fan_out)) * np.sqrt(gain / fan_in)
            params[f"b{i}"] = np.zeros((1, fan_out))
        width = self.shape[1]
        for i in range(self.blocks):
            params[f"rw{i}"] = draw.standard_normal((width, width)) * np.sqrt(2 / width)
            params[f"rb{i}"] = np.zeros((1, width))
        return params

    def unpack(self, params):
        return params

    def loss(self, params, rows=None):
        runs, X, y = self._data(params, rows)
        return self._judged(self._forward(params, X)[-1], y, runs)[0]

    def loss_and_grad(self, params, rows=None):
        runs, X, y = self._data(params, rows)
        saved = self._forward(params, X)
        losses, flow = self._judged(saved[-1], y, runs)
        grads, last = {}, len(self.shape) - 2
        layers = [(f"w{i}", f"b{i}", False) for i in range(last)]
        layers[1:1] = [(f"rw{i}", f"rb{i}", True) for i in range(self.blocks)]
        layers.append((f"w{last}", f"b{last}", None))
        for i in range(len(layers) - 1, -1, -1):
            weight, bias, residual = layers[i]
            before, after = saved[i], saved[i + 1]
            slope = flow
            if residual is not None:
                slope = flow * ((after - before if residual else after) > 0)
                slope = slope * self.branch if residual else slope
            grads[weight] = before.swapaxes(-1, -2) @ slope
            grads[bias] = slope.sum(axis=-2, keepdims=True)
            if i:
                through = slope @ params[weight].swapaxes(-1, -2)
                flow = flow + through if residual else through
        return losses, grads

    def _data(self, params, rows):
        runs = len(params["w0"])
        if rows is None:
            return runs, np.broadcast_to(self.X, (runs, *self.X.shape)), np.broadcast_to(self.y, (runs, len(self.y)))
        rows = np.repeat(rows, runs // len(rows), axis=0)
        return runs, self.X[rows], self.y[rows]

    def _forward(self, params, X):
        saved, last = [X], len(self.shape) - 2
        for i in range(last):
            saved.append(np.maximum(saved[-1] @ params[f"w{i}"] + params[f"b{i}"], 0))
            for j in range(self.blocks if i == 0 else 0):
                h = saved[-1]
                saved.append(h + self.branch * np.maximum(h @ params[f"rw{j}"] + params[f"rb{j}"], 0))
        saved.append(saved[-1] @ params[f"w{last}"] + params[f"b{last}"])
        return saved

    def _judged(self, z, y, runs):
        count = z.shape[-2]
        if not self.classes:
            off = z[..., 0] - y
            return (off * off).mean(axis=-1), (2 / count * off)[..., None]
        z = z - z.max(axis=-1, keepdims=True)
        p = np.exp(z)
        total = p.sum(axis=-1, keepdims=True)
        own = np.take_along_axis(z - np.log(total), y[..., None].astype(int), -1)
        p /= total
        np.put_along_axis(p, y[..., None].astype(int), np.take_along_axis(p, y[..., None].astype(int), -1) - 1, -1)
        return -own[..., 0].mean(axis=-1), p / count


def digits():
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    return X[order] / 16, y[order].astype(float), 10


def teacher():
    draw = np.random.default_rng(1)
    X = draw.standard_normal((2400, 16))
    hidden = np.maximum(X @ draw.standard_normal((16, 12)) / 4, 0)
    y = hidden @ draw.standard_normal(12)
    y = (y - y.mean()) / y.std() + 0.3 * draw.standard_normal(len(X))
    return X, y, 0


def workload(data, name, **shape):
    X, y, classes = data()
    held = len(X) // 4
    made = partial(Net, classes=classes, **shape)
    train, chosen = made(X[held:], y[held:]), made(X[:held], y[:held])
    return Workload(name, train, chosen, name, fingerprint([name.encode()], train), measurements=1)


TASKS = {
    "digits, softmax regression": partial(workload, digits, widths=[]),
    "digits, perceptron": partial(workload, digits, widths=[32, 32]),
    "teacher, perceptron": partial(workload, teacher, widths=[32, 32]),
}


def best_rate(task, kind, steps, batch, seeds):
    """The power of two of the best rate; None at the end of the grid."""
    grid = GRIDS[kind]
    rates = [2.0**x for x in grid]
    text = TEXTS[kind].format(rate=rates[0])
    plan = prepare(task, [text], steps=steps, batch_size=batch, seeds=seeds, rates=rates)
    with Study(task) as study, np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compare(study, plan)
        found = study.outcomes(plan.trials())
    ends = {(one.trial.rate, one.trial.seed): one.validation[-1] for one in found if not one.diverged}
    seen = [[ends.get((rate, seed)) for seed in range(seeds)] for rate in rates]
    losses = [np.inf if any(x is None or not x > 0 for x in row) else np.mean(np.log(row)) for row in seen]
    place = int(np.argmin(losses))
    if place in (0, len(losses) - 1):
        return None
    low, here, high = losses[place - 1 : place + 2]
    bend = low - 2 * here + high
    return grid[place] + (0.5 * (low - high) / bend if np.isfinite(bend) and bend > 0 else 0.0)


def settings(only) -> Iterator[tuple[str, str, str, list[tuple[int, object, int, int]]]]:
    """What changes, how, the task, and (size, task, steps, batch) for each size."""
    for name, make in TASKS.items():
        if "batch" in only:
            yield "batch", "equal epochs", name, [(b, make(name), SEEN // b, b) for b in BATCHES]
            yield "batch", "equal updates", name, [(b, make(name), UPDATES, b) for b in BATCHES]
        if "steps" in only:
            yield "steps", "cosine", name, [(t, make(name), t, 32) for t in STEPS]
    for name, data in (("digits", digits), ("teacher", teacher)):
        if "width" in only:
            nets = [(w, workload(data, f"{name} {w}", widths=[w, w])) for w in WIDTHS]
            yield "width", "one rate for all arrays", name, [(w, net, UPDATES, 32) for w, net in nets]
        for how, branch in (("plain branches", lambda _: 1.0), ("branches / √depth", lambda n: n**-0.5)):
            if "depth" in only:
                nets = [
                    (n, workload(data, f"{name} {n} {how}", widths=[24], blocks=n, branch=branch(n))) for n in DEPTHS
                ]
                yield "depth", how, name, [(n, net, UPDATES, 32) for n, net in nets]


def errors(sizes: dict[int, float], law: Law) -> list[float]:
    """How far a law misses from every size to every larger one, in octaves; positive where it is too high."""
    pairs = itertools.combinations(sorted(sizes), 2)
    return [sizes[a] + np.log2(law.factor(a, b)) - sizes[b] for a, b in pairs]


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seeds", type=int, default=3, help="2 or more")
    ask.add_argument("--only", default="batch,steps,width,depth")
    ask.add_argument("--json", type=Path)
    ask.add_argument("--table", type=Path, help="the table of best rates that --json has kept")
    told = ask.parse_args()
    if told.seeds < 2:
        ask.error(f"--seeds must be 2 or more, not {told.seeds}")
    if told.table:
        kept = json.loads(told.table.read_text())
        table([one | {"best": {int(n): x for n, x in one["best"].items()}} for one in kept])
        return
    begin, found = time.process_time(), []
    for what, how, name, sizes in settings(told.only.split(",")):
        for kind in TEXTS:
            best = {size: best_rate(task, kind, steps, batch, told.seeds) for size, task, steps, batch in sizes}
            found.append({"what": what, "how": how, "task": name, "optimizer": kind, "best": best})
            shown = ", ".join(f"{size}: {'end' if x is None else f'2^{x:.1f}'}" for size, x in best.items())
            print(f"- {what}, {how}, {name}, {kind}: {shown}", flush=True)
    if told.json:
        told.json.write_text(json.dumps(found))
    table(found)
    print(f"\n{time.process_time() - begin:.0f} s of processor time, NumPy {np.__version__}, {told.seeds} seeds.")


def table(found: list[dict]) -> None:
    """The misses of every rule, from the best rates."""
    print("\n| change | how | optimizer | rule | pairs | mean miss | signed | worst |", f"|{'---|' * 8}", sep="\n")
    for what, how, kind in dict.fromkeys((one["what"], one["how"], one["optimizer"]) for one in found):
        mine = [one["best"] for one in found if (one["what"], one["how"], one["optimizer"]) == (what, how, kind)]
        for law in (one for one in LAWS if one.what == what and one.name != "noise"):
            off = [x for sizes in mine for x in errors({n: x for n, x in sizes.items() if x is not None}, law)]
            told_off = f"{np.mean(np.abs(off)):.2f} | {np.mean(off):+.2f} | {max(off, key=abs):+.1f}"
            print(f"| {what} | {how} | {kind} | {law.name} | {len(off)} | {told_off} |")


if __name__ == "__main__":
    main()
