"""Policies that choose a rate, on recorded runs: `python bench/choose.py TABLE.npz` prints the table, as markdown.

The table has whole runs of every rate of a grid, for several tasks, batch sizes and seeds (keys `CELL/cos_rates`,
`cos_held`, `cos_at`, `cos_test`, `T` and those of range tests, `sweepSHARE_ORDER_r` and `_l`). A policy asks, the
table answers with the losses up to where it asked, until there is a verdict. Selection sees the held-out part alone;
excess is the mean over seeds of the test loss of the trial that the verdict names, over that of the best fixed rate,
less one. A cell counts 1000 % at most. Three tasks of seven are reported apart. They are not clean: the shapes of the
posterior were measured on all of them, and four constants (`basin.MOST`, `tune.DOUBT`, `prior.HABIT`, when a run is
lost) were chosen by looking at all cells and at 28 others. What judges must be other data.
`--budgets 1.3,4`, `--policies tune,climb`, `--together 1,4` (how many trials tune and race ask for at a time),
`--seeds 3`, `--cells PATTERN`, `--optuna` (needs that package).
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import fnmatch
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stepsize.course.range_test import find
from stepsize.lab.choose.answer import Verdict
from stepsize.lab.choose.climb import Climb
from stepsize.lab.choose.grid import Grid
from stepsize.lab.choose.halving import Halving
from stepsize.lab.choose.policy import Policy
from stepsize.lab.choose.race import Race
from stepsize.lab.choose.scattered import Scattered
from stepsize.lab.choose.tune import Tune
from stepsize.lab.records.record import Record
from stepsize.lab.trials.outcome import Outcome
from stepsize.lab.trials.trial import Trial

TEXTS = {"adamw": "adamw(weight_decay=0.01) | 0.001", "sgdm": "sgd(momentum=0.9) | 0.1"}  # the usual defaults
RANGES = {"adamw": (np.log2(1e-5), 0.0), "sgdm": (np.log2(1e-4), np.log2(3.0))}  # where searches draw
APART = ("char_lm", "diabetes", "digits_cnn")  # tasks that are reported apart
BUDGETS = (1.3, 1.6, 2.2, 3.3, 4.0, 5.0, 9.0, 17.0)


@dataclass
class Cell:
    """One task with one optimizer and batch size: every rate, every seed, whole."""

    name: str
    rates: np.ndarray  # rising
    held: np.ndarray  # looks × seeds × rates
    test: np.ndarray  # seeds × rates
    start: np.ndarray  # held-out loss before training, by seed
    steps: int
    sweeps: dict[str, tuple[np.ndarray, np.ndarray]]

    @property
    def kind(self) -> str:
        return "adamw" if "adamw" in self.name else "sgdm"

    @property
    def task(self) -> str:
        return re.sub(r"_(adamw|sgdm)_\d+$", "", self.name)

    @property
    def octaves(self) -> float:
        return float(np.median(np.diff(np.log2(self.rates))))

    def place(self, rate: float) -> int:
        return int(np.abs(np.log2(self.rates) - np.log2(rate)).argmin())

    def outcome(self, trial: Trial, until: int) -> Outcome:
        """What a trial did until it paused, or stopped being finite."""
        at = np.arange(1, len(self.held) + 1) * trial.measure_every
        losses = self.held[:, trial.seed, self.place(trial.rate)]
        broken = np.flatnonzero(~np.isfinite(losses))
        end = min(until, int(at[broken[0]])) if len(broken) else until
        looks = [0, *at[at <= end].tolist()]
        values = np.array([self.start[trial.seed], *np.where(np.isfinite(losses), losses, np.nan)[at <= end]])
        made = np.arange(end)
        record = Record(made, np.zeros(end), measured_at=tuple(looks), measured=values, validated=values)
        return Outcome(trial, record)


def cells(path: str) -> list[Cell]:
    table = np.load(path)
    names = sorted({key.rsplit("/", 1)[0] for key in table.files if key.endswith("/cos_held")})
    return [_cell(table, name) for name in names]


def _cell(table: np.lib.npyio.NpzFile, name: str) -> Cell:
    held, rates = np.asarray(table[f"{name}/cos_held"], float), table[f"{name}/cos_rates"]
    start = table[f"{name}/l0"] if f"{name}/l0" in table.files else held[0][:, 0]  # the lowest rate has not moved yet
    prefix = f"{name}/sweep"
    sweeps = {
        key[len(prefix) : -2]: (table[key], table[key[:-1] + "l"])
        for key in table.files
        if key.startswith(prefix) and key.endswith("_r")
    }
    test = np.asarray(table[f"{name}/cos_test"], float)
    return Cell(name, rates, held, test, np.asarray(start, float), int(table[f"{name}/T"]), sweeps)


def setting(cell: Cell, seed: int, budget: float) -> dict[str, object]:
    """What every policy is given: the seeds in turn, beginning with this one."""
    count = len(cell.test)
    return {
        "strategies": (TEXTS[cell.kind],),
        "problem": cell.name,
        "steps": cell.steps,
        "budget": budget,
        "seeds": tuple((seed + i) % count for i in range(count)),
        "measure_every": cell.steps // len(cell.held),
        "octaves": cell.octaves,
    }


def run(policy: Policy, cell: Cell) -> tuple[Verdict, float]:
    """Ask until there is a verdict; the verdict and what its trials cost, in runs."""
    made: dict[str, Outcome] = {}
    while not isinstance(answer := policy.ask(list(made.values())), Verdict):
        for part in answer.parts:
            found = cell.outcome(part.trial, part.until)
            before = made.get(part.trial.key)
            assert before is None or before.made < part.until, "asked twice"
            made[part.trial.key] = found
    cost = sum(one.made for one in made.values()) / cell.steps
    assert cost <= policy.budget + 1e-6, f"{cost} runs of {policy.budget}"
    return answer, cost


Picks = list[tuple[int, int, float]]  # seed, place of the rate, cost


def ours(kind: type[Policy], **extra: object) -> Callable[[Cell, int, float], Picks]:
    def picks(cell: Cell, seed: int, budget: float) -> Picks:
        told = setting(cell, seed, budget)
        more = {key: value(cell) if callable(value) else value for key, value in extra.items()}
        answer, cost = run(kind(**told, **more), cell)
        return [(answer.trial.seed, cell.place(answer.trial.rate), cost)]

    return picks


def random_search(cell: Cell, seed: int, budget: float) -> Picks:
    low, high = RANGES[cell.kind]
    found: Picks = []
    for draw in range(3):
        told = setting(cell, seed, budget)
        answer, cost = run(Scattered(**told, low=low, high=high, draw=10 * seed + draw), cell)
        found.append((answer.trial.seed, cell.place(answer.trial.rate), cost))
    return found


def default_grid(cell: Cell, seed: int, budget: float) -> Picks:
    """Whole runs a factor of four apart, around the usual default, upwards first."""
    middle = np.log2(float(TEXTS[cell.kind].split("|")[1]))
    offsets = [0, *(sign * i * 2 for i in range(1, 9) for sign in (1, -1))][: int(budget)]
    places = sorted({cell.place(2 ** (middle + one)) for one in offsets})
    losses = np.where(np.isfinite(cell.held[-1, seed, places]), cell.held[-1, seed, places], np.inf)
    return [(seed, places[int(losses.argmin())], float(len(places)))]


def everything(cell: Cell, seed: int, budget: float) -> Picks:
    losses = np.where(np.isfinite(cell.held[-1, seed]), cell.held[-1, seed], np.inf)
    return [(seed, int(losses.argmin()), float(len(cell.rates)))]


def range_test(rule: str) -> Callable[[Cell, int, float], Picks]:
    """The sweep of a tenth of the steps at 1.1 runs, of three tenths from 1.3 on; only up to two runs."""

    def picks(cell: Cell, seed: int, budget: float) -> Picks:
        share = 0.3 if budget >= 1.3 else 0.1
        if f"{share}_0" not in cell.sweeps or budget >= 2:
            return []
        rates, losses = cell.sweeps[f"{share}_0"]
        found = find(rates, losses[:, seed])
        rate = found.rates.get(rule)
        return [(seed, cell.place(rate if rate else 1e-5), 1 + share)]

    return picks


def tpe(cell: Cell, seed: int, budget: float) -> Picks:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    low, high = RANGES[cell.kind]
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))

    def objective(trial: "optuna.Trial") -> float:
        loss = cell.held[-1, seed, cell.place(trial.suggest_float("rate", 2**low, 2**high, log=True))]
        return float(loss) if np.isfinite(loss) else 1e30

    study.optimize(objective, n_trials=int(budget))
    return [(seed, cell.place(study.best_params["rate"]), float(int(budget)))]


POLICIES: dict[str, Callable[[Cell, int, float], Picks]] = {
    "tune": ours(Tune),
    "race": ours(Race),
    "climb": ours(Climb),
    "halving": ours(Halving),
    "grid around the prior": ours(Grid),
    "grid around the default": default_grid,
    "random": random_search,
    "valley": range_test("valley"),
    "steepest": range_test("steepest"),
    "minimum / 10": range_test("minimum / 10"),
    "slide": range_test("slide"),
}
WIDE: dict[str, type[Policy]] = {"tune": Tune, "race": Race}


@dataclass
class Row:
    """How a policy did in one cell."""

    excess: float  # %
    broken: int
    cost: float
    most: float


def judged(cell: Cell, picks: Picks) -> Row:
    means = cell.test.mean(axis=0)
    best = means[np.isfinite(means)].min()
    losses = np.array([cell.test[seed, place] for seed, place, _ in picks])
    broken = int(sum(not np.isfinite(cell.held[-1, seed, place]) for seed, place, _ in picks))
    excess = 100 * (losses.mean() / best - 1) if np.isfinite(losses).all() else np.inf
    costs = [cost for *_, cost in picks]
    return Row(min(excess, 1000.0), broken, float(np.mean(costs)), max(costs))


HEAD = "| budget | policy | tasks | cells | median | mean | worst | second | > 10 % | diverged | cost | most |"


def line(budget: float, name: str, tasks: str, rows: list[Row]) -> str:
    excess = np.sort([one.excess for one in rows])[::-1]
    told = [np.median(excess), excess.mean(), excess[0], excess[min(1, len(excess) - 1)]]
    shown = " | ".join(f"{one:.1f}" for one in told)
    cost, most = np.mean([one.cost for one in rows]), max(one.most for one in rows)
    over, broken = int((excess > 10).sum()), sum(one.broken for one in rows)
    return f"| {budget:g} | {name} | {tasks} | {len(rows)} | {shown} | {over} | {broken} | {cost:.2f} | {most:.2f} |"


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("table", nargs="+")
    ask.add_argument("--budgets", default=",".join(map(str, BUDGETS)))
    ask.add_argument("--policies", default=",".join(POLICIES))
    ask.add_argument("--cells", default="*")
    ask.add_argument("--seeds", type=int, default=99, help="the most seeds of a cell")
    ask.add_argument("--together", default="1", help="how many trials at a time tune and race ask for")
    ask.add_argument("--optuna", action="store_true")
    ask.add_argument("--list", action="store_true", help="every cell, worst first")
    told = ask.parse_args()
    found = [one for path in told.table for one in cells(path) if fnmatch.fnmatch(one.name, told.cells)]
    policies = {name: POLICIES[name] for name in told.policies.split(",")}
    for width in map(int, told.together.split(",")):
        if width > 1:
            wide = {name: kind for name, kind in WIDE.items() if name in policies}
            policies |= {f"{name}, {width} together": ours(kind, together=width) for name, kind in wide.items()}
    if told.optuna:
        policies["Optuna, TPE"] = tpe
    print(HEAD, "|" + " --- |" * 12, sep="\n")
    for budget in map(float, told.budgets.split(",")):
        for name, policy in {**policies, "whole grid": everything}.items():
            rows = {}
            for cell in found:
                picks = [one for seed in range(min(told.seeds, len(cell.test))) for one in policy(cell, seed, budget)]
                if picks:
                    rows[cell.name, cell.task in APART] = judged(cell, picks)
            for tasks, held in (("all", None), ("others", False), ("apart", True)):
                mine = [row for (_, out), row in rows.items() if held is None or out is held]
                if mine:
                    print(line(budget, name, tasks, mine), flush=True)
            if told.list:
                for (cell_name, _), row in sorted(rows.items(), key=lambda item: -item[1].excess)[:6]:
                    print(f"  {cell_name} {row.excess:.0f}")


if __name__ == "__main__":
    main()
