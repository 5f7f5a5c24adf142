"""Many torch runs at once against plain torch loops, one thread, process time: `python bench/torch_studies.py`.

Each line is the median over rounds of (time of 64 plain loops) ÷ (time of 64 candidates here), with the lowest and the
highest round: the same model, rates, batches and updates; with records also the loss on all rows at both ends, on both
sides. The sides alternate, so that a busy machine slows both. `growth` prints how time and memory grow with the
candidates and the parameters, each point in a process of its own; with `--write` it goes to docs/torch-growth.json.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import nn

from stepsize.adapters.torch import problem
from stepsize.adapters.torch.as_problem.tasks import TASKS
from stepsize.lab.runs.descend import descend_many
from stepsize.text import as_descent
from stepsize.update import advance

torch.set_num_threads(1)
ROUNDS, CANDIDATES = 3, 64
RATES = tuple(float(one) for one in np.geomspace(1e-4, 3e-2, CANDIDATES))
RULES = {
    "sgd(momentum=0.9)": lambda params, lr: torch.optim.SGD(params, lr, momentum=0.9),
    "adam()": torch.optim.Adam,
}
CASES = (  # task, rows of a batch, updates, what is asked
    ("digits-mlp", 32, 60, 6.0),
    ("digits-cnn", 32, 15, 1.0),
    ("topics-transformer", 1, 10, 2.5),
    ("topics-transformer", 4, 6, 2.5),
    ("topics-transformer", 32, 2, 2.5),
)
GROWING = (1, 4, 16, 64, 256, 1024, 4096)
WIDTHS = (8, 57, 242, 930, 3090)  # hidden units twice: from a thousand to ten million parameters
AT_EACH_WIDTH = 4


def batches(size: int, rows: int, steps: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.permutation(size)[:rows] for _ in range(steps)]


def plain(made: problem, rule: str, rows: int, steps: int, looks: bool = False) -> None:
    """One loop after another, as anyone writes it."""
    data = tuple(made.many.data)
    lines = [torch.as_tensor(one) for one in batches(len(data[0]), rows, steps)]
    for rate in RATES:
        module = made._built(0)
        optimizer = RULES[rule](module.parameters(), rate)
        if looks:
            look(made, module, data)
        module.train()
        for line in lines:
            optimizer.zero_grad()
            made.loss_fn(module(data[0][line]), data[1][line]).backward()
            optimizer.step()
        if looks:
            look(made, module, data)


def look(made: problem, module: nn.Module, data: tuple[torch.Tensor, ...]) -> None:
    module.eval()
    with torch.no_grad():
        made.loss_fn(module(data[0]), data[1])


def stacked(made: problem, rule: str, rows: int, steps: int, rates: tuple[float, ...] = RATES) -> None:
    """The update of all candidates at once, without the records of a study."""
    strategy = as_descent(f"{rule} | 1")
    params = {name: torch.stack([one] * len(rates)) for name, one in made.start(0).items()}
    state, base = strategy.init(params), torch.tensor(rates)

    def decide(*_: object) -> tuple[torch.Tensor, tuple[()], str]:
        return base, (), ""

    for line in batches(made.size or 0, rows, steps):
        _, grads = made.loss_and_grad(params, line[None])
        params, state, _, _ = advance(strategy.parts, params, grads, state, (), {}, decide, many=True)


def study(made: problem, rule: str, rows: int, steps: int) -> None:
    """The same with all records, as `descend_many` keeps them."""
    descend_many(made, f"{rule} | 1", steps=steps, rates=RATES, batch_size=rows)


def seconds(job: Callable[[], None]) -> float:
    begun = time.process_time()
    job()
    return time.process_time() - begun


def ratio(other: Callable[[], None], ours: Callable[[], None]) -> str:
    """The time of the other ÷ ours: the median of the rounds, the lowest and the highest."""
    ours()
    rounds = [seconds(other) / seconds(ours) for _ in range(ROUNDS)]
    return f"{statistics.median(rounds):.2f} ({min(rounds):.2f} to {max(rounds):.2f})"


def speed() -> None:
    """The table of the candidates against the loops."""
    print(f"{'64 candidates against 64 plain torch loops':<46} {'updates':>20} {'with records':>20}  asked")
    for task, rows, steps, asked in CASES:
        made = TASKS[task]()[0]
        for rule in RULES:
            case = made, rule, rows, steps
            told = [ratio(partial(plain, *case), partial(stacked, *case))]
            if task != "topics-transformer":  # all its rows cost more than all its updates
                told.append(ratio(partial(plain, *case, looks=True), partial(study, *case)))
            name = f"{task}, {rows} {'row' if rows == 1 else 'rows'}, {rule}"
            print(name.ljust(46), *(one.rjust(20) for one in told), f" {asked:g}", flush=True)


def perceptron(width: int) -> problem:
    """64 inputs, two hidden layers of equal width, ten classes."""
    random = np.random.default_rng(0)
    data = random.normal(size=(512, 64)).astype(np.float32), random.integers(0, 10, 512)
    layers = (nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))
    return problem(lambda: nn.Sequential(*layers), F.cross_entropy, data)


def point(candidates: int, width: int) -> dict[str, float]:
    """The cost of an update, and the memory beyond what is there before the first."""
    made = perceptron(width)
    numbers = sum(one.numel() for one in made.start(0).values())
    steps, rates = max(3, min(50, int(2e7 / (numbers * candidates)))), (1e-3,) * candidates
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stacked(made, "adam()", 32, 2, rates)
    spent = min(seconds(lambda: stacked(made, "adam()", 32, steps, rates)) for _ in range(2))
    spent -= min(seconds(lambda: stacked(made, "adam()", 32, 0, rates)) for _ in range(2))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "candidates": candidates,
        "parameters": numbers,
        "update_ms": 1e3 * spent / steps,
        "update_us_per_candidate": 1e6 * spent / steps / candidates,
        "memory_mb": (after - before) / 1024,
    }


def growth(write: bool) -> None:
    """How an update of Adam at 32 rows grows with the candidates, and with the parameters of four candidates."""
    points = [(one, 57) for one in GROWING] + [(AT_EACH_WIDTH, one) for one in WIDTHS]
    rows = []
    for candidates, width in points:
        told = subprocess.run(
            [sys.executable, __file__, "point", str(candidates), str(width)], capture_output=True, text=True, check=True
        ).stdout
        rows.append(json.loads(told))
        print(" ".join(f"{name} {value:,.6g}" for name, value in rows[-1].items()), flush=True)
    if write:
        named = {"rule": "adam()", "batch_size": 32, "torch": torch.__version__, "threads": 1, "points": rows}
        path = Path(__file__).parent.parent / "docs" / "torch-growth.json"
        path.write_text(json.dumps(named, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    words = [one for one in sys.argv[1:] if not one.startswith("-")]
    if words[:1] == ["point"]:
        print(json.dumps(point(int(words[1]), int(words[2]))))
    else:
        if "growth" not in words:
            speed()
        if "speed" not in words:
            growth("--write" in sys.argv)
