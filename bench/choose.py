"""Policies that choose a rate, on recorded runs: `python bench/choose.py TABLE.npz` prints the table, as markdown.

The table has whole runs of every rate of a grid, for several tasks, batch sizes and seeds (bench/tune/table.py says how
it is written). A policy asks, the table answers with the losses up to where it asked, until there is a verdict. What
judges it stands in bench/tune/judging.py; `python -m bench.tune page` judges on cells of its own.
Three tasks of seven are reported apart. They are not clean: the shapes of the posterior were measured on all of them,
and four constants (`basin.MOST`, `tune.DOUBT`, `prior.HABIT`, when a run is lost) were chosen by looking at all cells
and at 28 others. What judges must be other data.
`--budgets 1.3,4`, `--policies tune,climb`, `--seeds 3`, `--cells PATTERN`, `--optuna` (needs that package).
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import fnmatch
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from bench.tune.judging import HEAD, Chooser, Pick, judged, line
from bench.tune.ours import GRID, POLICIES, RANGES, Picks, everything
from bench.tune.table import Table, tables

APART = ("char_lm", "diabetes", "digits_cnn")  # tasks that are reported apart
BUDGETS = (1.3, 1.6, 2.2, 3.3, 4.0, 5.0, 9.0, 17.0)


def tpe(cell: Table, seed: int, budget: float) -> Picks:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    low, high = RANGES[cell.kind]
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))

    def objective(trial: "optuna.Trial") -> float:
        loss = cell.held[-1, seed, cell.place(trial.suggest_float("rate", 2**low, 2**high, log=True))]
        return float(loss) if np.isfinite(loss) else 1e30

    study.optimize(objective, n_trials=int(budget))
    return [Pick(seed, cell.place(study.best_params["rate"]), float(int(budget)))]


def asked(policy: Chooser, cell: Table, budget: float, seed: int) -> Picks:
    return list(policy(cell, seed, budget))


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("table", nargs="+")
    ask.add_argument("--budgets", default=",".join(map(str, BUDGETS)))
    ask.add_argument("--policies", default=",".join(POLICIES))
    ask.add_argument("--cells", default="*")
    ask.add_argument("--seeds", type=int, default=99, help="the most seeds of a cell")
    ask.add_argument("--optuna", action="store_true")
    ask.add_argument("--list", action="store_true", help="every cell, worst first")
    told = ask.parse_args()
    found = [one for one in tables(*told.table) if fnmatch.fnmatch(one.name, told.cells)]
    policies: dict[str, Chooser] = {name: POLICIES[name] for name in told.policies.split(",")}
    if told.optuna:
        policies["Optuna, TPE"] = tpe
    print(HEAD, "|" + " --- |" * 12, sep="\n")
    for budget in map(float, told.budgets.split(",")):
        for name, policy in {**policies, GRID: everything}.items():
            rows = {}
            for cell in found:
                row = judged(cell, partial(asked, policy, cell, budget), range(min(told.seeds, cell.seeds)))
                if row:
                    rows[cell.name, cell.task in APART] = row
            for tasks, held in (("all", None), ("others", False), ("apart", True)):
                mine = [row for (_, out), row in rows.items() if held is None or out is held]
                if mine:
                    print(line(budget, name, tasks, mine), flush=True)
            if told.list:
                for (cell_name, _), row in sorted(rows.items(), key=lambda item: -item[1].excess)[:6]:
                    print(f"  {cell_name} {row.excess:.0f}")


if __name__ == "__main__":
    main()
