"""Many torch runs at once against plain torch loops, one thread, process time: `python bench/torch_studies.py`.

Each cell is the median over rounds of (time of 64 plain loops) ÷ (time of 64 candidates here), with the lowest and the
highest round: the same model, rates, batches and updates. "updates" is training alone. "compare" is what a comparison
does: losses on all three parts and the accuracy at both ends of as many updates as it has between two looks, on both
sides; only ours keeps norms of gradients too. Some loops are timed and stand for all. The sides alternate, as a busy
machine slows both. `speed` or `compare` for one of the tables.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from stepsize.adapters.torch import problem
from stepsize.adapters.torch.as_problem.tasks import TASKS
from stepsize.lab.runs.descend import descend_many
from stepsize.lab.workload import Workload
from stepsize.text import as_descent
from stepsize.update import advance

torch.set_num_threads(1)
ROUNDS, CANDIDATES = 3, 64
RATES = tuple(float(one) for one in np.geomspace(1e-4, 3e-2, CANDIDATES))
RULES = {
    "sgd(momentum=0.9)": lambda params, lr: torch.optim.SGD(params, lr, momentum=0.9),
    "adam()": torch.optim.Adam,
}
CASES = (  # task, rows of a batch, updates, loops that are timed
    ("digits-mlp", 32, 60, 16),
    ("digits-cnn", 32, 15, 16),
    ("topics-transformer", 1, 10, 16),
    ("topics-transformer", 4, 6, 16),
    ("topics-transformer", 32, 2, 16),
)
COMPARED = (  # task, looks after the first, loops that are timed
    ("digits-mlp", 3, 16),
    ("digits-cnn", 1, 8),
    ("topics-transformer", 1, 4),
)
ASKED = {"digits-mlp": 6.0, "digits-cnn": 1.0, "topics-transformer": 2.5}
BATCH, PLANNED = 32, 500  # of the comparisons


def batches(size: int, rows: int, steps: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.permutation(size)[:rows] for _ in range(steps)]


def plain(parts: tuple[problem, ...], rule: str, rows: int, steps: int, loops: int, every: int = 0) -> None:
    """One loop after another: some of the candidates."""
    lines = [torch.as_tensor(one) for one in batches(parts[0].size or 0, rows, steps)]
    for rate in RATES[:: CANDIDATES // loops]:
        loop(parts, RULES[rule], rate, lines, every)


def loop(
    parts: tuple[problem, ...], rule: Callable[..., Any], rate: float, lines: list[torch.Tensor], every: int = 0
) -> nn.Module:
    """A loop as anyone writes it, with looks at all data after so many updates; the module that it trained."""
    made, losses = parts[0], list[float]()
    module, data = made._built(0), made.many.data
    optimizer = rule(module.parameters(), rate)
    for t, line in enumerate(lines):
        if every and t % every == 0:
            look(parts, module)
        module.train()
        optimizer.zero_grad()
        loss = made.loss_fn(module(data[0][line]), data[1][line])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if every:
        look(parts, module)
    return module


def look(parts: tuple[problem, ...], module: nn.Module) -> list[float]:
    """The losses on all parts, and what is measured besides on the last."""
    module.eval()
    with torch.no_grad():
        found = []
        for part in parts:
            data, targets = part.many.data
            output = module(data)
            found.append(part.loss_fn(output, targets).item())
        return found + [float(measure(output, targets)) for measure in parts[-1].measures.values()]


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


def compared(parts: tuple[problem, ...], rule: str, steps: int, every: int) -> None:
    """The same with all records, as a comparison keeps them."""
    made, validation, test = parts
    descend_many(
        made,
        f"{rule} | 1",
        steps=steps,
        rates=RATES,
        batch_size=BATCH,
        measure_every=every,
        validation=validation,
        test=test,
    )


def seconds(job: Callable[[], None]) -> float:
    begun = time.process_time()
    job()
    return time.process_time() - begun


def ratio(others: Callable[[], None], ours: Callable[[], None], loops: int) -> str:
    """The time of the others ÷ ours: the median of the rounds, the lowest and the highest."""
    ours()
    rounds = [CANDIDATES / loops * seconds(others) / seconds(ours) for _ in range(ROUNDS)]
    return f"{statistics.median(rounds):.2f} ({min(rounds):.2f} to {max(rounds):.2f})"


def head(told: str) -> None:
    print(f"| 64 candidates, {told}, {ROUNDS} rounds, load {os.getloadavg()[0]:.1f} | times as fast as loops | asked |")
    print("|---|---|---|")


def speed() -> None:
    """Training alone."""
    head("updates")
    for task, rows, steps, loops in CASES:
        parts = TASKS[task]()
        for rule in RULES:
            found = ratio(
                partial(plain, parts, rule, rows, steps, loops), partial(stacked, parts[0], rule, rows, steps), loops
            )
            name = f"{task}, {rows} {'row' if rows == 1 else 'rows'}, `{rule}`"
            print(f"| {name} | {found} | {ASKED[task]:g} |", flush=True)
    print()


def compare() -> None:
    """Training and looks, as often as a comparison has them."""
    head("compare")
    for task, looks, loops in COMPARED:
        parts = TASKS[task]()
        every = Workload(task, *parts[:2], "", "", test=parts[2]).measure_every(PLANNED, BATCH)
        steps = looks * every
        found = ratio(
            partial(plain, parts, "adam()", BATCH, steps, loops, every),
            partial(compared, parts, "adam()", steps, every),
            loops,
        )
        print(f"| {task}, a look after {every} updates | {found} | {ASKED[task]:g} |", flush=True)
    print()


if __name__ == "__main__":
    for name, job in {"speed": speed, "compare": compare}.items():
        if name in sys.argv or not sys.argv[1:]:
            job()
