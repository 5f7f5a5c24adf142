"""What a tuning of four runs costs in time, against one whole run of the trial that it chose, on the same engine.

Both by turns, three rounds, each tuning in a new folder; the first round is preceded by one that does not count. Five
small torch tasks of the bench and two data sets in NumPy. `python -m bench.tune clock` prints the table and keeps it.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from stepsize.lab.study.study import Study
from stepsize.lab.trials.trial import Trial
from stepsize.lab.tune import policy_for, tune
from stepsize.lab.workload import Workload

RUNS, ROUNDS = 4.0, 3
TORCH, NUMPY = 5, ("digits", "wine")
TEXT = "adam() | 0.001 * (warmup('5%') >> cosine())"
FILE = "clock.json"
Spent = tuple[float, float]  # seconds of the processor, and of the wall


def cases() -> Iterator[tuple[str, Workload, int, int]]:
    """Name, workload, updates of a run and batch size: the smallest tasks that are not held apart, and data sets."""
    from stepsize.lab.data.datasets import load

    from .recording import workload
    from .tasks import CELLS

    tasks = {one.task.name: one for one in CELLS if not one.task.apart and one.optimizer == "adamw"}
    small = sorted(tasks.values(), key=lambda one: sum(part.numel() for part in one.task.model().parameters()))
    for one in small[:TORCH]:
        yield f"{one.task.name} (torch)", workload(one.task), one.task.steps, one.batch_size
    for name in NUMPY:
        yield f"{name} (NumPy)", load(name).workload(), 500, 32


def timed(work: Callable[[], Trial | None]) -> tuple[Spent, Trial | None]:
    process, wall = time.process_time(), time.perf_counter()
    made = work()
    return (time.process_time() - process, time.perf_counter() - wall), made


def tuned(workload: Workload, steps: int, batch_size: int) -> Trial:
    """A whole tuning, in a new folder; the trial that it chose."""
    policy = policy_for(workload, [TEXT], steps=steps, batch_size=batch_size, budget=RUNS)
    with tempfile.TemporaryDirectory() as folder, Study(workload, Path(folder)) as study:
        return tune(study, policy).verdict.trial


def one_run(workload: Workload, trial: Trial) -> None:
    """The same trial from its start to its end, on the engine of the workload, with no study around it."""
    lot = workload.engine().begin([trial])
    while lot.goes_on():
        lot.update()
    lot.runs()


def measured(workload: Workload, steps: int, batch_size: int, rounds: int = ROUNDS) -> dict[str, list[Spent]]:
    """The times of both, in each round."""
    found: dict[str, list[Spent]] = {"tune": [], "run": []}
    one_run(workload, tuned(workload, steps, batch_size))
    for _ in range(rounds):
        spent, trial = timed(lambda: tuned(workload, steps, batch_size))
        found["tune"].append(spent)
        assert trial is not None
        found["run"].append(timed(lambda trial=trial: one_run(workload, trial))[0])  # type: ignore[misc]
    return found


def clock(out: Path, rounds: int = ROUNDS) -> None:
    """Measure all cases, and keep what was measured."""
    told = {name: measured(workload, steps, size, rounds) for name, workload, steps, size in cases()}
    out.mkdir(parents=True, exist_ok=True)
    (out / FILE).write_text(json.dumps({"date": time.strftime("%Y-%m-%d"), "cases": told}))


def table(out: Path) -> str:
    """What was kept, as markdown; empty where nothing was."""
    if not (out / FILE).exists():
        return ""
    told = json.loads((out / FILE).read_text())
    count = max(len(both["run"]) for both in told["cases"].values())
    rounds = f"{count} round{'s' * (count > 1)}"
    lines = [
        f"A tuning of {RUNS:g} runs in a new folder, against one whole run of the trial that it chose, on the same",
        f"engine without a study; by turns, the median of {rounds} (lowest to highest). Measured on",
        f"{told['date']}.",
        "",
        "| | a run, s of the processor | tune, s of the processor | tune ÷ run, processor | tune ÷ run, wall |",
        "|---|---|---|---|---|",
    ]
    for name, both in told["cases"].items():
        run, whole = ([spent for spent, _ in both[side]] for side in ("run", "tune"))
        ratios = [[mine[i] / one[i] for one, mine in zip(both["run"], both["tune"], strict=True)] for i in (0, 1)]
        spent = f"{statistics.median(run):.2f} | {statistics.median(whole):.2f}"
        lines.append(f"| {name} | {spent} | {_spread(ratios[0])} | {_spread(ratios[1])} |")
    return "\n".join(lines)


def _spread(found: list[float]) -> str:
    return f"{statistics.median(found):.1f} ({min(found):.1f} to {max(found):.1f})"
