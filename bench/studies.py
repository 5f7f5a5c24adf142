"""What studies cost beside other ways to train the same runs, as markdown: `python bench/studies.py`.

`demo` is the processor time of `stepsize compare digits`, with `--before COMMIT` by turns with that commit. `others`
are the 520 runs of the same comparison by plain torch loops, scikit-learn and jitted JAX, scaled from some of them.
Without a word: both.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import argparse
import io
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROUNDS = 3
STEPS, EVERY, BATCH, SEEDS = 500, 10, 32, 5
RUNS, STRATEGIES = 520, 8
SOME = np.geomspace(1e-4, 1.0, 13)  # rates of the runs that stand for all of a strategy


def spread(found: list[float], form: str) -> str:
    """The median of the rounds, the lowest and the highest."""
    return f"{statistics.median(found):{form}} ({min(found):{form}} to {max(found):{form}})"


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


# --- the comparison of `make demo`


def demo(before: str) -> None:
    """Processor time of the whole command, by turns."""
    with tempfile.TemporaryDirectory() as folder:
        trees = {"now": HERE.parent / "src"}
        if before:
            packed = subprocess.run(["git", "archive", before, "src"], cwd=HERE.parent, capture_output=True, check=True)
            with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as tar:
                tar.extractall(folder, filter="data")
            trees = {before: Path(folder) / "src"} | trees
        print(f"| stepsize compare digits, s of processor time, {ROUNDS} rounds, {load()} | user | system | both |")
        print("|---|---|---|---|")
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in trees}
        for _ in range(ROUNDS):
            for name, source in trees.items():
                spent[name].append(command(source))
    for name, found in spent.items():
        user, system = zip(*found, strict=True)
        cells = [spread(list(one), ".1f") for one in (user, system, [sum(pair) for pair in found])]
        print(f"| {name} | {' | '.join(cells)} |")
    if before:
        ratios = [sum(b) / sum(a) for a, b in zip(*spent.values(), strict=True)]
        print(f"| now ÷ {before} | | | {spread(ratios, '.2f')} |", flush=True)
    print()


def command(source: Path) -> tuple[float, float]:
    environment = {name: one for name, one in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": str(source), "MPLBACKEND": "agg"}
    asked = [sys.executable, "-m", "stepsize", "compare", "digits", "--out", "out"]
    begun = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(asked, cwd=folder, env=environment, check=True, capture_output=True)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime - begun.ru_utime, ended.ru_stime - begun.ru_stime


# --- the same 520 runs by others


@lru_cache(maxsize=1)
def digits() -> Any:
    from stepsize.lab.data.datasets import load

    return load("digits")


def arrays(kind: Any) -> list[tuple[Any, Any]]:
    """Pixels with a column of ones, and digits, of the three parts."""
    data = digits()
    pairs = [(getattr(data, f"X_{part}"), getattr(data, f"y_{part}")) for part in ("train", "validation", "test")]
    return [(X.astype(kind), y.astype(np.int64)) for X, y in pairs]


def lines(seed: int) -> np.ndarray:
    random, size = np.random.default_rng(seed), len(digits().X_train)
    return np.stack([random.permutation(size)[:BATCH] for _ in range(STEPS)])


def ours() -> float:
    """The whole study with its journal, seconds for 520 runs."""
    from stepsize.lab.compare import compare, prepare
    from stepsize.lab.study.study import Study

    workload = digits().workload()
    plan = prepare(workload, steps=STEPS, batch_size=BATCH, seeds=SEEDS)
    assert len(list(plan.trials())) == RUNS
    with tempfile.TemporaryDirectory() as folder, Study(workload, Path(folder)) as study:
        return timed(lambda: compare(study, plan))


def timed(job: Callable[[], object]) -> float:
    begun = time.process_time()
    job()
    return time.process_time() - begun


def by_torch(looks: bool) -> float:
    """Two loops for each strategy that torch has."""
    import torch

    torch.set_num_threads(1)
    optim = torch.optim
    parts = [(torch.from_numpy(X), torch.from_numpy(y)) for X, y in arrays(np.float32)]
    made: dict[str, Callable[..., Any]] = {"AdaGrad": optim.Adagrad, "RMSProp": optim.RMSprop, "Adam": optim.Adam}
    factors: dict[str, Callable[[int], float]] = {
        "exponential": lambda t: 0.1 ** (t / STEPS),
        "staged": lambda t: 0.1 ** (3 * t // STEPS),
    }

    def run(name: str, rate: float) -> None:
        X, y = parts[0]
        model = torch.nn.Linear(X.shape[1], 10, bias=False)
        torch.nn.init.zeros_(model.weight)
        optimizer = made.get(name, optim.SGD)(model.parameters(), lr=rate)
        schedule = optim.lr_scheduler.LambdaLR(optimizer, factors[name]) if name in factors else None
        for t, line in enumerate(torch.from_numpy(lines(0))):
            if looks and t % EVERY == 0:
                look(model)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(X[line]), y[line])
            loss.backward()
            losses.append(loss.item())
            if name == "clipped":
                torch.nn.utils.clip_grad_value_(model.parameters(), 0.01 / rate)
            optimizer.step()
            if schedule is not None:
                schedule.step()
        if looks:
            look(model)

    def look(model: Any) -> None:
        with torch.no_grad():
            for X, y in parts:
                scores = model(X)
                losses.append(torch.nn.functional.cross_entropy(scores, y).item())
            losses.append((scores.argmax(1) == y).float().mean().item())

    losses: list[float] = []
    names = ("fixed", *factors, "clipped", *made)
    run("fixed", 0.1)
    pairs = [(name, rate) for name in names for rate in (0.001, 0.1)]
    return timed(lambda: [run(*one) for one in pairs]) * RUNS / len(pairs)


def by_scikit_learn(looks: bool) -> float:
    """SGDClassifier at constant rates, as many rows as 500 updates of 32 see: one `fit`, or pieces between looks."""
    from sklearn.linear_model import SGDClassifier

    parts = arrays(np.float64)
    X, y = parts[0]
    order = lines(0).reshape(-1, EVERY * BATCH)
    epochs = round(STEPS * BATCH / len(X))

    def run(rate: float) -> None:
        options: dict[str, Any] = {"loss": "log_loss", "penalty": None, "fit_intercept": False}
        options |= {"learning_rate": "constant", "eta0": rate, "max_iter": epochs, "tol": None}
        one = SGDClassifier(**options)
        if not looks:
            one.fit(X, y)
            return
        for rows in order:
            one.partial_fit(X[rows], y[rows], classes=np.arange(10))
            for data, classes in parts:
                found = one.predict_proba(data)
                np.log(np.maximum(found[np.arange(len(classes)), classes], 1e-300)).mean()
            (found.argmax(1) == classes).mean()

    return timed(lambda: [run(one) for one in SOME[::4]]) * RUNS / len(SOME[::4])


def by_jax() -> tuple[float, float]:
    """All runs of a strategy as one compiled scan: seconds for 520 runs, and for compiling eight strategies."""
    import jax
    import jax.numpy as jnp

    parts = [(jnp.asarray(X), jnp.asarray(y)) for X, y in arrays(np.float32)]
    X, y = parts[0]
    shape = X.shape[1], 10

    def loss(weights: Any, X: Any, y: Any) -> Any:
        return -jnp.take_along_axis(jax.nn.log_softmax(X @ weights), y[:, None], axis=1).mean()

    def adagrad(g: Any, s: Any, rate: Any, t: Any) -> Any:
        s = s.at[0].add(g * g)
        return rate * g / (jnp.sqrt(s[0]) + 1e-8), s

    def rmsprop(g: Any, s: Any, rate: Any, t: Any) -> Any:
        s = s.at[0].set(0.9 * s[0] + 0.1 * g * g)
        return rate * g / (jnp.sqrt(s[0]) + 1e-8), s

    def adam(g: Any, s: Any, rate: Any, t: Any) -> Any:
        s = jnp.stack([0.9 * s[0] + 0.1 * g, 0.999 * s[1] + 0.001 * g * g])
        return rate * (s[0] / (1 - 0.9 ** (t + 1))) / (jnp.sqrt(s[1] / (1 - 0.999 ** (t + 1))) + 1e-8), s

    rules: dict[str, Callable[..., Any]] = {
        "fixed": lambda g, s, rate, t: (rate * g, s),
        "exponential": lambda g, s, rate, t: (rate * 0.1 ** (t / STEPS) * g, s),
        "staged": lambda g, s, rate, t: (rate * 0.1 ** (3 * t // STEPS) * g, s),
        "clipped": lambda g, s, rate, t: (jnp.clip(rate * g, -0.01, 0.01), s),
        "AdaGrad": adagrad,
        "RMSProp": rmsprop,
        "Adam": adam,
    }

    def look(weights: Any) -> Any:
        scores = parts[-1][0] @ weights
        return jnp.stack([*(loss(weights, *one) for one in parts), (scores.argmax(1) == parts[-1][1]).mean()])

    def whole(rule: Callable[..., Any]) -> Callable[..., Any]:
        def update(carry: Any, line: Any) -> Any:
            weights, state, rate, t = carry
            value, slope = jax.value_and_grad(loss)(weights, X[line], y[line])
            change, state = rule(slope, state, rate, t)
            return (weights - change, state, rate, t + 1), value

        def between(carry: Any, some: Any) -> Any:
            seen = look(carry[0])
            carry, values = jax.lax.scan(update, carry, some)
            return carry, (seen, values)

        def one(rate: Any, order: Any) -> Any:
            begun = jnp.zeros(shape), jnp.zeros((2, *shape)), rate, jnp.array(0)
            carry, told = jax.lax.scan(between, begun, order.reshape(-1, EVERY, BATCH))
            return told, look(carry[0])

        return jax.vmap(jax.vmap(one, (0, None)), (None, 0))

    given = jnp.asarray(SOME, jnp.float32), jnp.stack([lines(seed) for seed in range(SEEDS)])
    running = compiling = 0.0
    for rule in rules.values():
        begun = time.process_time()
        compiled = jax.jit(whole(rule)).lower(*given).compile()
        compiling += time.process_time() - begun
        running += timed(lambda compiled=compiled: jax.block_until_ready(compiled(*given)))
    return running * STRATEGIES / len(rules), compiling * STRATEGIES / len(rules)


def others() -> None:
    """The table of the 520 runs."""
    ways: dict[str, list[float]] = {}
    mine: list[float] = []

    def note(name: str, seconds: float) -> None:
        ways.setdefault(name, []).append(seconds)

    for _ in range(ROUNDS):
        mine.append(ours())
        note("plain torch loops, measured alike", by_torch(True))
        note("plain torch loops, not measured", by_torch(False))
        note("SGDClassifier, measured alike", by_scikit_learn(True))
        note("SGDClassifier, not measured", by_scikit_learn(False))
        running, compiling = by_jax()
        note("JAX, vmap and scan, compiled before", running)
        note("JAX with compiling", running + compiling)
    print(f"| 520 runs of softmax regression, {ROUNDS} rounds, {load()} | processor time, s | a study ÷ this |")
    print("|---|---|---|")
    print(f"| a study here, with its journal | {spread(mine, '.1f')} | |")
    for name, found in ways.items():
        ratios = [a / b for a, b in zip(mine, found, strict=True)]
        print(f"| {name} | {spread(found, '.1f')} | {spread(ratios, '.2f')} |", flush=True)
    print()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", help="demo, others")
    parser.add_argument("--before", default="", metavar="COMMIT")
    given = parser.parse_args()
    for name, job in {"demo": lambda: demo(given.before), "others": others}.items():
        if name in given.what or not given.what:
            job()
