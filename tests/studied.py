"""A small study that trains in a moment; as a script it trains it in the folder that it is given, as one of several."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from stepsize import problems
from stepsize.lab.compare import compare, here, prepare
from stepsize.lab.study import study as studies
from stepsize.lab.study.study import Study
from stepsize.lab.workload import Workload

STRATEGIES = ["sgd() | 0.1", "mine=adam() | 0.01 * cosine()", "sgd() | 0.1 * infrared()"]
RATES = (0.01, 1e12, 3)


def a_workload(rows=24, fingerprint="0" * 16):
    x = np.linspace(-1, 1, rows)
    X, y = np.stack([x, np.ones_like(x)], axis=1), 2 * x + 0.1 * np.sin(20 * x)
    line, held, judge = (problems.least_squares(X[i::3], y[i::3]) for i in range(3))
    return Workload("line", line, held, "A line, 2 parameters.", fingerprint, test=judge)


def a_plan(strategies=STRATEGIES, steps=30, seeds=2, rates=RATES, **options):
    return prepare(a_workload(), strategies, steps=steps, seeds=seeds, batch_size=4, rates=rates, **options)


def outcomes_of(study, plan):
    """What came of a plan, in its order; every trial once."""
    found = study.outcomes(plan.trials())
    assert [one.trial.key for one in found] == [one.key for one in plan.trials()]
    return found


def uninterrupted(plan):
    with Study(a_workload()) as study:
        compare(study, plan)
        return outcomes_of(study, plan)


LONG = {"steps": 1500, "seeds": 3}  # a second or two of training


def place_of(address):
    """This process, or the cluster at an address."""
    if not address:
        return here(a_workload())
    from stepsize.lab.places.cluster import Cluster
    from stepsize.lab.places.recipe import Recipe

    return Cluster(Recipe(a_workload), a_workload().fingerprint, address)


if __name__ == "__main__":
    import studied  # so that a worker finds its functions by this name

    studies.KEEP_EVERY_SECONDS = 0.1
    with Study(a_workload(), Path(sys.argv[1])) as one:
        print("ready", flush=True)
        place = studied.place_of(sys.argv[2] if len(sys.argv) > 2 else "")
        compare(one, a_plan(**LONG), place, on_progress=lambda far: print(far.done, far.total, flush=True))
