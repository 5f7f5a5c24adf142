"""Many torch runs at once against plain torch loops, one thread, process time: `python bench/torch_studies.py`.

Each line is the median over rounds of (time of 64 plain loops) ÷ (time of 64 candidates here), with the lowest and the
highest round: the same model, rates, batches and updates; with records also the loss on all rows to train on at both
ends, on both sides. 16 loops are timed and counted four times. The sides alternate, so that a busy machine slows both.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
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
from stepsize.text import as_descent
from stepsize.update import advance

torch.set_num_threads(1)
ROUNDS, CANDIDATES, LOOPS = 3, 64, 16
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


def batches(size: int, rows: int, steps: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.permutation(size)[:rows] for _ in range(steps)]


def plain(made: problem, rule: str, rows: int, steps: int, looks: bool = False) -> None:
    """One loop after another: every fourth of the candidates."""
    lines = [torch.as_tensor(one) for one in batches(made.size or 0, rows, steps)]
    for rate in RATES[:: CANDIDATES // LOOPS]:
        loop(made, RULES[rule], rate, lines, looks)


def loop(
    made: problem, rule: Callable[..., Any], rate: float, lines: list[torch.Tensor], looks: bool = False
) -> nn.Module:
    """A loop as anyone writes it, and the module that it trained."""
    module, data = made._built(0), tuple(made.many.data)
    optimizer = rule(module.parameters(), rate)
    if looks:
        look(made, module, data)
    module.train()
    for line in lines:
        optimizer.zero_grad()
        made.loss_fn(module(data[0][line]), data[1][line]).backward()
        optimizer.step()
    if looks:
        look(made, module, data)
    return module


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
    rounds = [CANDIDATES / LOOPS * seconds(other) / seconds(ours) for _ in range(ROUNDS)]
    return f"{statistics.median(rounds):.2f} ({min(rounds):.2f} to {max(rounds):.2f})"


def speed() -> None:
    """The table of the candidates against the loops."""
    print(f"| 64 candidates, times as fast as 64 loops, {ROUNDS} rounds, load {os.getloadavg()[0]:.1f} |", end="")
    print(" updates | with records | asked |\n|---|---|---|---|")
    for task, rows, steps, asked in CASES:
        made = TASKS[task]()[0]
        for rule in RULES:
            case = made, rule, rows, steps
            bare = ratio(partial(plain, *case), partial(stacked, *case))
            kept = ""
            if rule == "adam()" or task != "topics-transformer":  # a look takes that one seconds
                kept = ratio(partial(plain, *case, looks=True), partial(study, *case))
            name = f"{task}, {rows} {'row' if rows == 1 else 'rows'}, {steps} updates, `{rule}`"
            print(f"| {name} | {bare} | {kept} | {asked:g} |", flush=True)
    print()


if __name__ == "__main__":
    speed()
