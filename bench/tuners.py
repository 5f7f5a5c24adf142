"""64 runs of a perceptron by plain loops, Optuna, Ray Tune and a study here, as markdown: `python bench/tuners.py`.

Each way runs in a process of its own, by turns. The wall time counts from the start of the work, imports and data done.
The processor time is that of the process and of all that it started. `pip install psutil optuna 'ray[tune]'` for all of
it; what is not installed is left out. A number as argument is that of rounds, 3 without.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROUNDS, RUNS, UPDATES, BATCH = 3, 64, 500, 32
RATES = tuple(float(one) for one in np.geomspace(1e-4, 3e-2, RUNS))


def spread(found: list[float], form: str) -> str:
    """The median of the rounds, the lowest and the highest."""
    return f"{statistics.median(found):{form}} ({min(found):{form}} to {max(found):{form}})"


@lru_cache(maxsize=1)
def perceptron() -> Any:
    import torch

    from stepsize.adapters.torch.as_problem.tasks import TASKS

    torch.set_num_threads(1)
    return TASKS["digits-mlp"]()


def trained(rate: float) -> float:
    """One torch loop, as a trial of a tuner has it: the validation loss at its end."""
    import torch
    from torch_studies import RULES, batches, loop

    parts = perceptron()
    train, validation = parts[:2]
    order = [torch.as_tensor(one) for one in batches(train.size, BATCH, UPDATES)]
    module = loop(parts, RULES["adam()"], rate, order)
    module.eval()
    with torch.no_grad():
        return float(validation.loss_fn(module(validation.many.data[0]), validation.many.data[1]))


def with_loops(folder: str) -> list[float]:
    return [trained(rate) for rate in RATES]


def with_optuna(folder: str) -> list[float]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.GridSampler({"rate": RATES}))
    study.optimize(lambda trial: trained(trial.suggest_float("rate", 1e-5, 1.0, log=True)), n_trials=RUNS)
    return [one.value for one in study.trials]


def with_ray(folder: str) -> list[float]:
    import ray
    from ray import tune

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")

    def one(config: dict[str, float]) -> dict[str, float]:
        from tuners import trained

        return {"loss": trained(config["rate"])}

    tuner = tune.Tuner(
        one,
        param_space={"rate": tune.grid_search(list(RATES))},
        tune_config=tune.TuneConfig(max_concurrent_trials=2, reuse_actors=True),
        run_config=tune.RunConfig(storage_path=folder, verbose=0),
    )
    return [found.metrics["loss"] for found in tuner.fit()]


def with_study(folder: str, jobs: int = 1) -> list[float]:
    from stepsize.cli.bundled import workload
    from stepsize.lab.compare import here
    from stepsize.lab.places.processes import Processes
    from stepsize.lab.places.recipe import Recipe
    from stepsize.lab.study.study import Study, chosen_loss
    from stepsize.lab.trials.trial import Trial

    given = workload("digits-mlp", target=None, task=None)
    told = given.fingerprint
    trials = [Trial("Adam", "adam() | 0.001", told, rate, 0, UPDATES, BATCH, UPDATES) for rate in RATES]
    recipe = Recipe(workload, ("digits-mlp",), {"target": None, "task": None})
    place = here(given) if jobs == 1 else Processes(recipe, told, jobs)
    with Study(given, Path(folder)) as study:
        study.train(trials, place)
        place.close()
        return [chosen_loss(one) for one in study.outcomes(trials)]


WAYS: dict[str, tuple[str, Callable[[str], list[float]]]] = {
    "loops": ("plain torch loops, one after another", with_loops),
    "optuna": ("Optuna, grid sampler, in memory", with_optuna),
    "ray": ("Ray Tune, two workers", with_ray),
    "study": ("a study here", with_study),
    "jobs": ("a study here, two jobs", lambda folder: with_study(folder, jobs=2)),
}


def work(way: str) -> None:
    """In a process of its own: do the 64 runs, and tell the time since the start of the work."""
    perceptron()
    trained(1e-3) if way in ("loops", "optuna") else None
    before, begun = time.process_time(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        losses = WAYS[way][1](folder)
        wall = time.perf_counter() - begun
    assert len(losses) == RUNS
    print("told", json.dumps({"wall": wall, "before": before, "best": min(losses)}), flush=True)
    sys.stdin.read()  # until the processor time of all processes was read


def watched(way: str) -> dict[str, float]:
    """The wall time, and the processor time of the process and all that it started, as it was last seen."""
    paths = os.pathsep.join([str(HERE), str(HERE.parent / "src"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": paths, "RAY_AUTH_MODE": "disabled"}
    command = [sys.executable, str(HERE / "tuners.py"), "work", way]
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.DEVNULL, text=True, cwd=HERE
        )
        seen, text = seen_until_told(process, out), read(out)
        process.communicate()
    told = json.loads(next(line for line in text.splitlines() if line.startswith("told ")).removeprefix("told "))
    return {"wall": told["wall"], "spent": sum(seen.values()) - told["before"], "best": told["best"]}


def read(out: IO[str]) -> str:
    return os.pread(out.fileno(), 1_000_000, 0).decode()


def seen_until_told(process: subprocess.Popen[str], out: IO[str]) -> dict[tuple[int, float], float]:
    """The processor time of each process, as it was last seen before the work was over."""
    import psutil

    seen: dict[tuple[int, float], float] = {}
    root, ended = psutil.Process(process.pid), False
    while not ended:
        ended = "told {" in read(out) or process.poll() is not None
        for one in [root, *root.children(recursive=True)] if process.poll() is None else []:
            try:
                spent = one.cpu_times()
                seen[one.pid, one.create_time()] = spent.user + spent.system
            except psutil.Error:
                continue
        time.sleep(0.1)
    return seen


def tuners(times: int) -> None:
    """The table of the 64 runs."""
    there = [way for way in WAYS if way not in ("optuna", "ray") or find_spec(way) is not None]
    found: dict[str, list[dict[str, float]]] = {way: [] for way in there}
    for _ in range(times):
        for way in there:
            found[way].append(watched(way))
    head = f"64 runs of {UPDATES} updates, {times} rounds, load {os.getloadavg()[0]:.1f}"
    print(f"| {head} | wall, s | processor time, s | a study ÷ this | lowest loss |\n|---|---|---|---|---|")
    for way, rounds in found.items():
        wall, spent, best = ([one[name] for one in rounds] for name in ("wall", "spent", "best"))
        ratios = [one["spent"] / other for one, other in zip(found["study"], spent, strict=True)]
        cells = spread(wall, ".1f"), spread(spent, ".1f"), spread(ratios, ".2f"), f"{best[0]:.3f}"
        print(f"| {WAYS[way][0]} | {' | '.join(cells)} |", flush=True)
    print()


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(sys.argv[2])
    else:
        tuners(int(sys.argv[1]) if sys.argv[1:] else ROUNDS)
