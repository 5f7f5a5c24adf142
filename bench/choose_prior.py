"""What a prior from earlier tunes is worth, on recorded runs: `python bench/choose_prior.py TABLE.npz`, as markdown.

Each task of the table is left out once. The cells of all other tasks are tuned (`Tune`, 4 runs, the first seed); the
best finished rate of each is a place, as `--prior DIR` reads it from a journal. Then the cells of the left task are
tuned with the prior that these places make, and with the built-in one. `--same` takes the places of the same task at
another batch size instead. `--few 1,3` also takes so many of the places, drawn at random twice. Excess and columns are
those of bench/choose.py.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
from functools import lru_cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from bench.tune.judging import HEAD, Pick, Row, judged, line
from bench.tune.ours import run, setting
from bench.tune.table import Table, tables

from stepsize.lab.choose.prior import Earlier
from stepsize.lab.choose.tune import Tune
from stepsize.lab.earlier import best_places
from stepsize.lab.trials.outcome import Outcome

BUDGETS = (1.3, 2.2, 4.0)
OF_EARLIER = 4.0  # runs
DRAWS = 2


def outcomes(policy: Tune, cell: Table) -> list[Outcome]:
    """What a tune of a cell trained."""
    made: dict[str, Outcome] = {}
    while hasattr(answer := policy.ask(list(made.values())), "parts"):
        made |= {part.trial.key: cell.outcome(part.trial, part.until) for part in answer.parts}
    return list(made.values())


@lru_cache(maxsize=1000)
def place(cell: int) -> tuple[str, float] | None:
    """The family and the place that a tune of this cell leaves in its journal; None where nothing was finished."""
    found = best_places(outcomes(Tune(**setting(TABLE[cell], 0, OF_EARLIER)), TABLE[cell]))
    return found[0] if found else None


def others(cell: Table) -> list[float]:
    """The places of this cell's family on all other tasks."""
    alike = [i for i, one in enumerate(TABLE) if one.kind == cell.kind and one.name != cell.name]
    near = [i for i in alike if (TABLE[i].task == cell.task) is SAME[0]]
    return [found[1] for i in near if (found := place(i)) is not None]


def tuned(cell: Table, budget: float, priors: list[list[float]]) -> Row:
    """How tunes with each of these sets of places did, with every seed."""
    family = {"adamw": "adam", "sgdm": "sgd"}[cell.kind]

    def picks(seed: int) -> list[Pick]:
        found = []
        for places in priors:
            known = (Earlier(family, tuple(sorted(places))),) if places else ()
            answer, cost = run(Tune(**setting(cell, seed, budget), earlier=known), cell)
            found.append(Pick(answer.trial.seed, cell.place(answer.trial.rate), cost))
        return found

    row = judged(cell, picks, range(cell.seeds))
    assert row is not None
    return row


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("table", nargs="+")
    ask.add_argument("--budgets", default=",".join(map(str, BUDGETS)))
    ask.add_argument("--few", default="")
    ask.add_argument("--same", action="store_true")
    told = ask.parse_args()
    SAME[0] = told.same
    TABLE.extend(one for path in told.table for one in tables(path))
    draw = np.random.default_rng(0)
    for kind in ("adamw", "sgdm"):
        found = sorted(x for i, one in enumerate(TABLE) if one.kind == kind and (x := place(i)) is not None)
        print(f"{kind}: {', '.join(f'{x:+.1f}' for _, x in found)}")
    print(HEAD, "|" + " --- |" * 12, sep="\n")
    for budget in map(float, told.budgets.split(",")):
        before = [tuned(one, budget, [[]]) for one in TABLE]
        print(line(budget, "built-in", "all", before), flush=True)
        for few in (int(one) for one in told.few.split(",") if one):
            rows = []
            for one in TABLE:
                there = others(one)
                some = [draw.choice(there, min(few, len(there)), replace=False).tolist() for _ in range(DRAWS)]
                rows.append(tuned(one, budget, some))
            print(line(budget, f"{few} earlier", "all", rows), flush=True)
        rows = [tuned(one, budget, [others(one)]) for one in TABLE]
        print(line(budget, "all others", "all", rows), flush=True)
        for task in sorted({one.task for one in TABLE}):
            mine = [i for i, one in enumerate(TABLE) if one.task == task]
            was, now = (np.mean([some[i].excess for i in mine]) for some in (before, rows))
            print(f"  {task}: {was:.1f} → {now:.1f} (mean of {len(mine)} cells)", flush=True)


TABLE: list[Table] = []
SAME = [False]

if __name__ == "__main__":
    main()
