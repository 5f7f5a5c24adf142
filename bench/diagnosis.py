"""How often the diagnosis is right, as markdown: `python bench/diagnosis.py`.

Runs made to have each illness, and healthy ones: real training, several seeds. For each rule: how many of the runs
made for it it finds, and in how many healthy runs it speaks up. `--show NAME` prints the diagnoses of one group.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

from stepsize import descend_many, problems
from stepsize.lab.diagnosis import SYMPTOMS, diagnose
from stepsize.lab.records.record import Record
from stepsize.lab.runs.run import Run
from stepsize.problems import Floats, Params, Problem, Rows

STEPS = 400
SEEDS = (0, 1, 2)  # those that the thresholds were set on
OTHER_SEEDS = (10, 11)
ACTIVE = {
    "relu": (lambda z: np.maximum(z, 0), lambda a: a > 0),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-np.clip(z, -700, 700))), lambda a: a * (1 - a)),
    "linear": (lambda z: z, lambda a: np.ones_like(a)),
}


class Network:
    """Dense layers with one activation, cross entropy; `gain` scales the random start (1: He or Glorot)."""

    def __init__(self, X: Floats, y: Floats, widths: tuple[int, ...], active: str = "relu", gain: float = 1.0) -> None:
        self.X, self.y, self.active, self.gain = X, y.astype(int), active, gain
        self.widths = (X.shape[1], *widths, int(self.y.max()) + 1)
        self.size: int | None = len(y)

    def start(self, seed: int) -> Params:
        random, params = np.random.default_rng([3, seed]), {}
        for i, (into, out) in enumerate(zip(self.widths, self.widths[1:], strict=False), start=1):
            scale = self.gain * ((2 if self.active == "relu" else 1) / into) ** 0.5
            params[f"layer{i}.weight"] = random.standard_normal((into, out)) * scale
            params[f"layer{i}.bias"] = np.zeros(out)
        return params

    def unpack(self, params: Params) -> Params:
        return params

    def loss(self, params: Params, rows: Rows | None = None) -> Floats:
        return self.loss_and_grad(params, rows)[0]

    def loss_and_grad(self, params: Params, rows: Rows | None = None) -> tuple[Floats, Params]:
        last, (act, slope) = len(self.widths) - 1, ACTIVE[self.active]
        X, y = (self.X[None], self.y[None]) if rows is None else (self.X[rows], self.y[rows])
        runs = len(params["layer1.bias"])
        X, y = (np.repeat(one, runs // len(one), axis=0) for one in (X, y))
        values = [X]
        for i in range(1, last + 1):
            z = values[-1] @ params[f"layer{i}.weight"] + params[f"layer{i}.bias"][:, None]
            values.append(act(z) if i < last else z - z.max(2, keepdims=True))
        powers = np.exp(values[-1])
        total, grads = powers.sum(2), {}
        losses = (np.log(total) - np.take_along_axis(values[-1], y[..., None], 2)[..., 0]).mean(1)
        back = (powers / total[..., None] - np.eye(self.widths[-1])[y]) / y.shape[1]
        for i in range(last, 0, -1):
            grads[f"layer{i}.weight"] = values[i - 1].swapaxes(1, 2) @ back
            grads[f"layer{i}.bias"] = back.sum(1)
            if i > 1:
                back = (back @ params[f"layer{i}.weight"].swapaxes(1, 2)) * slope(values[i - 1])
        return losses, {name: grads[name] for name in params}


@dataclass(frozen=True)
class Case:
    """One run to make: for which rules (any of them counts), on what, with which strategy."""

    group: str
    wanted: tuple[str, ...]
    task: str
    strategy: str
    batch_size: int | None = 32
    seeds: tuple[int, ...] = (0,)
    steps: int = STEPS

    def runs(self) -> list[Run]:
        """One run for each seed."""
        return descend_many(
            task(self.task), self.strategy, steps=self.steps, batch_size=self.batch_size, seeds=self.seeds, details=True
        )


@cache
def task(name: str) -> Problem:
    """A problem by its name."""
    data = load_digits()
    chosen = np.random.default_rng(12345).permutation(len(data.target))[:600]
    X, y = data.data[chosen] / 16, data.target[chosen]
    random = np.random.default_rng(5)
    table = random.standard_normal((400, 8))
    answers = table @ random.standard_normal(8) + 0.5 * random.standard_normal(400)
    if name == "outliers":  # one row in 400 is a thousand times too large
        table = table.copy()
        answers = answers.copy()
        answers[7] *= 3000
    made = {
        "softmax": lambda: problems.softmax(np.hstack([X, np.ones((len(y), 1))]), y),
        "regression": lambda: problems.least_squares(table, answers, start=3 * np.ones(8)),
        "outliers": lambda: problems.least_squares(table, answers, start=3 * np.ones(8)),
        "network": lambda: Network(X, y, (32,)),
        "deep": lambda: Network(X, y, (32, 32, 32)),
        "sigmoid": lambda: Network(X, y, (24,) * 7, "sigmoid"),
        "shrinking": lambda: Network(X, y, (24,) * 6, "linear", 0.2),
        "blown": lambda: Network(X, y, (32,) * 6, "relu", 2.5),
        "bowl": lambda: _bowl(np.logspace(0, 2, 10)),
        "narrow": lambda: _bowl(np.array([1.0, 3.0, 10.0])),
        "wine": lambda: problems.softmax(*_bundled(load_wine)),
        "cancer": lambda: problems.logistic(*_bundled(load_breast_cancer)),
        "diabetes": lambda: problems.least_squares(*_bundled(load_diabetes, regression=True)),
        "wine network": lambda: Network(*_bundled(load_wine), (16, 16)),
        "cancer network": lambda: Network(*_bundled(load_breast_cancer), (24,), "sigmoid"),
    }
    return made[name]()


def _bundled(load: Callable[..., tuple[Floats, Floats]], regression: bool = False) -> tuple[Floats, Floats]:
    """Standardised columns and a one; for regression standardised answers too."""
    X, y = load(return_X_y=True)
    X = (X - X.mean(0)) / X.std(0)
    return np.hstack([X, np.ones((len(y), 1))]), (y - y.mean()) / y.std() if regression else y


def _bowl(curvatures: Floats) -> Problem:
    return problems.objective(
        lambda x: (0.5 * float(curvatures @ (x * x)), curvatures * x), params=np.ones(len(curvatures))
    )


GOOD = {  # good base rates, by task and rule, from a grid by 2
    ("softmax", "sgd()"): 2.0,
    ("softmax", "sgd(momentum=0.9)"): 0.25,
    ("softmax", "adam()"): 0.03,
    ("network", "sgd()"): 0.4,
    ("network", "sgd(momentum=0.9)"): 0.05,
    ("network", "adam()"): 0.01,
    ("deep", "sgd()"): 0.2,
    ("deep", "sgd(momentum=0.9)"): 0.03,
    ("deep", "adam()"): 0.004,
    ("regression", "sgd()"): 0.03,
    ("regression", "sgd(momentum=0.9)"): 0.004,
    ("regression", "adam()"): 0.1,
}
ELSEWHERE = (  # good rates from a grid by 2, with seed 20
    ("wine", "sgd()", 0.5),
    ("wine", "adam()", 0.03),
    ("cancer", "sgd()", 0.5),
    ("cancer", "adam()", 0.03),
    ("diabetes", "sgd()", 0.02),
    ("diabetes", "rmsprop()", 0.008),
    ("wine network", "sgd(momentum=0.9)", 0.03),
    ("cancer network", "adam()", 0.01),
)
SMALL = ("rate too small", "not learning")
SCHEDULES = ("cosine()", "(warmup('5%') >> cosine())", "(constant(length='60%') >> linear())")


def healthy() -> Iterator[Case]:
    """Good rates × schedules × rules × seeds × batch sizes, and convex problems without noise."""
    for (name, rule), rate in GOOD.items():
        for schedule in SCHEDULES:
            for batch in (16, 64):
                far = rate if batch == 64 else rate / 2
                yield Case("healthy", (), name, f"{rule} | {far:g} * {schedule}", batch, SEEDS)
    for name in ("softmax", "network"):
        for schedule in SCHEDULES:
            yield Case("healthy", (), name, f"sgd() | {0.5 if name == 'network' else 3} * {schedule}", None)
    for rate in (0.005, 0.01):
        yield Case("healthy", (), "bowl", f"sgd() | {rate}", None)
    for rate in (0.05, 0.1):
        yield Case("healthy", (), "narrow", f"sgd() | {rate}", None)


def seeds_of(name: str, seeds: tuple[int, ...]) -> tuple[int, ...]:
    """One seed where nothing is drawn, so that no run is counted twice."""
    return seeds[:1] if name in ("bowl", "narrow") else seeds


def ill(seeds: tuple[int, ...] = SEEDS, steps: int = STEPS) -> Iterator[Case]:
    """Runs made to have each illness; `steps` of most of them, twice as many to reach a plateau."""
    for (name, rule), rate in GOOD.items():
        if name != "deep":
            for times in (300, 1000):
                far = f"{rate / times:.3g}"
                yield Case("too small", SMALL, name, f"{rule} | {far}", 64, seeds, steps)
                yield Case("too small", SMALL, name, f"{rule} | {far} * cosine()", 64, seeds, steps)
    for name, rule, rates in (
        ("softmax", "sgd()", (200, 600)),
        ("network", "sgd()", (5, 12)),
        ("network", "sgd(momentum=0.9)", (1, 2)),
        ("network", "adam()", (0.3, 1)),
        ("deep", "sgd()", (2, 4)),
        ("deep", "adam()", (0.1, 0.3)),
        ("softmax", "adam()", (3, 10)),
    ):
        for rate in rates:
            yield Case("too large", ("rate too large", "diverged"), name, f"{rule} | {rate}", 32, seeds, steps)
    for name, strategy in (
        ("regression", "sgd() | 3"),
        ("regression", "sgd(momentum=0.9) | 3"),
        ("bowl", "sgd() | 0.021"),
        ("narrow", "sgd() | 0.25"),
        ("blown", "sgd() | 1"),
    ):
        batch = 32 if name in ("regression", "blown") else None
        yield Case("diverged", ("diverged",), name, strategy, batch, seeds_of(name, seeds), steps)
    for name, strategy in (
        ("bowl", "sgd() | 0.0199"),
        ("bowl", "sgd() | 0.01995"),
        ("narrow", "sgd() | 0.199"),
        ("narrow", "sgd(momentum=0.95) | 0.19"),
        ("bowl", "sgd(momentum=0.97) | 0.01"),
        ("network", "sgd() | 1.5"),
    ):
        yield Case("oscillating", ("oscillating",), name, strategy, None, seeds_of(name, seeds), steps)
    for name, strategy, batch in (
        ("regression", "sgd() | 0.05", 8),
        ("regression", "sgd() | 0.02", 16),
        ("regression", "adam() | 0.1", 16),
        ("regression", "sgd(momentum=0.9) | 0.005", 8),
    ):
        yield Case("plateaued", ("plateaued",), name, strategy, batch, seeds, 2 * steps)
    for strategy in ("sgd() | 0.001", "adam() | 0.05 * cosine()", "sgd(momentum=0.9) | 0.0002 * cosine()"):
        yield Case("spikes", ("exploding gradients", "diverged"), "outliers", strategy, 8, seeds, steps)
    for name, strategy in (
        ("sigmoid", "sgd() | 0.5"),
        ("sigmoid", "adam() | 0.001 * cosine()"),
        ("shrinking", "sgd() | 0.1"),
        ("shrinking", "sgd(momentum=0.9) | 0.1 * cosine()"),
    ):
        yield Case("vanishing", ("vanishing gradients",), name, strategy, 32, seeds, steps)
    for name, strategy in (
        ("network", "clip_norm(0.01) | sgd() | 0.5 * cosine()"),
        ("network", "clip_norm(0.02) | sgd(momentum=0.9) | 0.05 * cosine()"),
        ("softmax", "clip_norm(0.05) | sgd() | 2"),
        ("regression", "sgd() | 0.03 | clip(0.0001)"),
        ("deep", "clip_norm(0.05) | sgd(momentum=0.9) | 0.5 * cosine()"),
    ):
        yield Case("clipping", ("always clipped",), name, strategy, 32, seeds, steps)
    for (name, rule), rate in GOOD.items():
        if name in ("network", "regression"):
            for schedule in (
                f"cosine({steps // 2})",
                f"(warmup(20) >> linear(length={steps // 3}))",
                "exponential(0.96, every=1)",
            ):
                yield Case(
                    "ended early", ("schedule ended early",), name, f"{rule} | {rate} * {schedule}", 64, seeds, steps
                )
            for schedule in (
                f"cosine({2 * steps})",
                f"(warmup(20) >> linear(length={2 * steps}))",
                f"cosine({5 * steps})",
            ):
                yield Case(
                    "ended late", ("schedule ended late",), name, f"{rule} | {rate} * {schedule}", 64, seeds, steps
                )
    for strategy in (
        "sgd() | 0.4 * plateau(patience=1, factor=0.1)",
        "adam() | 0.01 * plateau(patience=1, factor=0.3)",
    ):
        yield Case("held at its floor", ("schedule ended early",), "network", strategy, 16, seeds, steps)


def healthy_elsewhere() -> Iterator[Case]:
    """Data, rules and lengths that no threshold was set on."""
    for name, rule, rate in ELSEWHERE:
        for schedule in SCHEDULES:
            for batch in (16, 48):
                yield Case("healthy", (), name, f"{rule} | {rate:g} * {schedule}", batch, OTHER_SEEDS, 250)


NAMES = [rule.illness for rule in SYMPTOMS]
Counts = tuple[dict[str, tuple[int, int]], dict[str, int], list[int]]


def counts(cases: list[Case]) -> tuple[Counts, Counts]:
    """For whole records and for what an ordinary log holds of them: found and made by group, false alarms by rule, and
    how many healthy runs there were."""
    told: tuple[Counts, Counts] = (({}, dict.fromkeys(NAMES, 0), [0]), ({}, dict.fromkeys(NAMES, 0), [0]))
    for case in cases:
        for run in case.runs():
            for (found, alarms, well), details in zip(told, (True, False), strict=True):
                names = {one.illness for one in diagnose(seen(run.record, details)).findings}
                if case.wanted:
                    hit, made = found.get(case.group, (0, 0))
                    found[case.group] = (hit + bool(names & set(case.wanted)), made + 1)
                else:
                    well[0] += 1
                    for name in names:
                        alarms[name] += 1
    return told


def seen(record: Record, details: bool) -> Record:
    """The record, or what an ordinary log would hold of it: loss, rate, gradient norm and clipping."""
    if details:
        return record
    plain = dict.fromkeys(("slopes", "end_slopes", "layers", "measured_at", "measured", "text", "diverged"))
    return replace(record, **plain)


def lines(made: list[tuple[str, Counts, Counts]]) -> Iterator[str]:
    """The tables; a count for whole records, and one for what an ordinary log holds of them."""
    yield (
        "| runs made to be | counts as found | " + " | ".join(f"{name}: found | as a log" for name, _, _ in made) + " |"
    )
    yield "|---|---|" + "---|---|" * len(made)
    wanted = {case.group: case.wanted for case in ill()}
    for group, names in wanted.items():
        cells = [f"{one[0][group][0]} of {one[0][group][1]}" for _, *both in made for one in both]
        yield f"| {group} | {' or '.join(names)} | {' | '.join(cells)} |"
    yield ""
    heads = " | ".join(f"{name}: false alarms | as a log" for name, _, _ in made)
    yield f"| rule | {heads} |"
    yield "|---|" + "---|---|" * len(made)
    for rule in SYMPTOMS:
        cells = [f"{one[1][rule.illness]} of {one[2][0]}" for _, *both in made for one in both]
        yield f"| {rule.illness} | {' | '.join(cells)} |"


def off() -> Iterator[str]:
    """The table of rates that are off by a known factor: in how many runs the rule that should speak does."""
    low, high = set(SMALL), {"rate too large", "diverged", "oscillating"}
    yield "| rate over the good one | runs | too small, not learning | too large, oscillating, diverged | none |"
    yield "|---|---|---|---|---|"
    for times in (0.001, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100):
        told = []
        for (name, rule), rate in GOOD.items():
            case = Case("off", (), name, f"{rule} | {rate * times:.4g} * cosine()", 64, OTHER_SEEDS)
            told += [{one.illness for one in run.diagnose().findings} for run in case.runs()]
        small, large = (sum(bool(names & which) for names in told) for which in (low, high))
        yield f"| {times:g} | {len(told)} | {small} | {large} | {sum(not names & (low | high) for names in told)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", metavar="GROUP", help="print the diagnosis of the first run of each case of a group")
    parser.add_argument("--wrong", action="store_true", help="name the runs of the first set that are judged wrongly")
    asked = parser.parse_args()
    first, other = [*ill(), *healthy()], [*ill(seeds=OTHER_SEEDS, steps=300), *healthy_elsewhere()]
    if asked.show or asked.wrong:
        for case in first:
            if asked.show and case.group != asked.show:
                continue
            for seed, run in zip(case.seeds, case.runs(), strict=True):
                told = run.diagnose()
                names = {one.illness for one in told.findings}
                if asked.show or (names if not case.wanted else not names & set(case.wanted)):
                    print(case.group, case.task, case.batch_size, seed, names, case.strategy)
                    print(told if asked.show else "")
    else:
        both = (("set on", first), ("held out", other))
        print("\n".join([*lines([(name, *counts(cases)) for name, cases in both]), "", *off()]))


if __name__ == "__main__":
    main()
