"""What places cost and gain, as markdown: `python bench/places.py`.

Two jobs against one on the same descents (softmax regression on the digits, 32 runs a lot), wall times by turns, with
the workers started. Then trials that take a second each, whatever else the machine does: in two processes, and on a
cluster of two workers that is started here, against the ideal, which is half as many seconds as there are trials. At
last the same where one worker is killed in the middle. `--quick` takes fewer trials.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepsize.lab.data.sources import workload
from stepsize.lab.places.base import Place, Portion
from stepsize.lab.places.cluster import Cluster
from stepsize.lab.places.processes import Processes
from stepsize.lab.places.recipe import Recipe
from stepsize.lab.trials.stacked import Stacked
from stepsize.lab.trials.trial import Trial

STRATEGY = "sgd() | 0.1 * cosine()"
RUNS, STEPS, LOTS, ROUNDS = 32, 1000, 12, 3


@dataclass
class Descents:
    """Real descents: 32 rates side by side."""

    fingerprint: str = "descents"
    packages: tuple[str, ...] = ()
    name: str = "stacked"
    at_once: int = RUNS

    def __post_init__(self) -> None:
        self.problem = workload("digits").problem

    def engine(self) -> Any:
        return self

    def begin(self, trials: Sequence[Trial], saved: Sequence[bytes] = ()) -> Any:
        return Stacked(self.problem).begin(trials)


class Seconds(Descents):
    """Descents of one update that take a second."""

    def __post_init__(self) -> None:
        from stepsize import problems

        self.problem = problems.least_squares([[1.0], [2.0]], [2.0, 4.0])

    def begin(self, trials: Sequence[Trial], saved: Sequence[bytes] = ()) -> Any:
        time.sleep(1.0)
        return super().begin(trials, saved)


def of_descents(count: int, steps: int) -> list[Portion]:
    rates = [10 ** (-3 + 3 * i / RUNS) for i in range(RUNS)]
    lots = [
        tuple(Trial("sgd", STRATEGY, "descents", rate, seed, steps, 32, steps // 20) for rate in rates)
        for seed in range(count)
    ]
    return [Portion(one, until=steps) for one in lots]


def of_seconds(count: int) -> list[Portion]:
    return [Portion((Trial("sgd", "sgd() | 0.1", "descents", 0.1, i, 1),), until=1) for i in range(count)]


def seconds_of(place: Place, portions: list[Portion], at_third: Callable[[], None] = lambda: None) -> float:
    began = time.perf_counter()
    for count, (_, result) in enumerate(place.run(portions), start=1):
        assert result.outcomes, result
        if count == len(portions) // 3:
            at_third()
    return time.perf_counter() - began


def two_against_one(quick: bool) -> None:
    lots = of_descents(4 if quick else LOTS, STEPS)
    recipe, ratios = Recipe(Descents), []
    print(f"| {len(lots)} lots of {RUNS} descents, {STEPS} updates | one job, s | two jobs, s | ratio |")
    print("|---|---|---|---|")
    with Processes(recipe, "descents", 1) as one, Processes(recipe, "descents", 2) as two:
        for place in (one, two):
            seconds_of(place, of_descents(4, 50))  # starts the workers
        for turn in range(1 if quick else ROUNDS):
            alone, both = seconds_of(one, lots), seconds_of(two, lots)
            ratios.append(alone / both)
            print(f"| round {turn + 1}, load {os.getloadavg()[0]:.1f} | {alone:.2f} | {both:.2f} | {ratios[-1]:.2f} |")
    print(f"| median | | | {statistics.median(ratios):.2f} |\n")


@contextmanager
def two_workers() -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler of dask.distributed and two workers: its address, and the workers."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scheduler.json"
        dask = [sys.executable, "-m", "dask"]
        options: dict[str, Any] = {"cwd": folder, "stderr": subprocess.DEVNULL}
        begun = [subprocess.Popen([*dask, "scheduler", "--port", "0", "--scheduler-file", str(file)], **options)]
        worker = [*dask, "worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-nanny"]
        begun += [subprocess.Popen(worker, **options) for _ in range(2)]
        try:
            while not file.exists() or not file.read_text().strip().endswith("}"):
                time.sleep(0.05)
            yield json.loads(file.read_text())["address"], begun[1:]
        finally:
            for one in begun:
                one.kill()
                one.wait()


def of_a_second(quick: bool) -> None:
    count, recipe = 20 if quick else 100, Recipe(Seconds)
    print(f"| {count} trials of a second | s | ideal | overhead |")
    print("|---|---|---|---|")

    def row(name: str, seconds: float) -> None:
        print(f"| {name} | {seconds:.2f} | {count / 2:.0f} | {seconds / (count / 2) - 1:.1%} |", flush=True)

    def begun(make: Callable[[], Any]) -> tuple[Any, float]:
        """A place with two workers that have trained something, and how long that took."""
        began = time.perf_counter()
        place = make()
        joined: list[str] = []
        list(place.run(of_seconds(6), lambda event: joined.append(event.worker) if event.kind == "joined" else None))
        assert len(joined) == 2, joined
        return place, time.perf_counter() - began - 3.0

    place, start = begun(lambda: Processes(recipe, "descents", 2))
    with place:
        row(f"two processes (start {start:.1f} s)", seconds_of(place, of_seconds(count)))
    with two_workers() as (address, workers):
        place, start = begun(lambda: Cluster(recipe, "descents", address))
        with place:
            row(f"cluster of two workers (start {start:.1f} s)", seconds_of(place, of_seconds(count)))
            seconds = seconds_of(place, of_seconds(count), workers[0].kill)
    ideal = count // 3 / 2 + (count - count // 3)
    print(f"| the same, one killed after a third | {seconds:.2f} | {ideal:.0f} | {seconds / ideal - 1:.1%} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    two_against_one(given.quick)
    of_a_second(given.quick)
