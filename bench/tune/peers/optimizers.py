"""Optimizers that need no rate: whole real runs, by their own packages, as their authors say that they are used.

Prodigy           rate 1, a cosine without a warmup
D-Adaptation      rate 1 and the schedule that the problem has anyway: warmup of 5 %, then a cosine
Schedule-Free     the default rate, no schedule, a warmup of 5 %; BatchNorm's averages are taken again at the end
DoG               no schedule; the average of the iterates is judged; reps_rel 1e-4 with BatchNorm, 1e-6 else
Mechanic          rate 1 around the cell's optimizer, with the cell's schedule
robust_infrared   of stepsize, on the default rate, with a linear decay over the last 40 %

Weight decay and momentum are those of the cell. An optimizer of Adam's kind runs in the cells of AdamW, one of SGD's
kind in those of SGD: another rule would change what is compared. A run costs 1; robust_infrared evaluates some batches
again, which counts a third of an update each. A loss that is not finite ends a run, and it counts as diverged.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..judging import Answers, Ran
from ..kept import Kept
from ..table import TEXTS
from .peer import FOLDER, Peer

KEPT = Kept(FOLDER / "optimizers.jsonl")
DECAY = {"adamw": 0.01, "sgdm": 0.0}
AGAIN = "robust_infrared"  # evaluates batches again, for less than a fifth of a run


@dataclass
class Way:
    """How a model is trained by an optimizer: an update, and the model that is judged in the end."""

    update: Callable[[Any, Callable[[], Any]], None]  # takes the loss, and how to evaluate the batch again
    judged: Callable[[], Any]
    cost: Callable[[int], float] = float  # in updates, of so many updates


def _stepped(optimizer: Any, model: Any, schedule: Any = None, after: Callable[[], None] | None = None) -> Way:
    def update(loss: Any, _: Any) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()
        if after is not None:
            after()

    return Way(update, lambda: model)


def _with_usual_schedule(optimizer: Any, model: Any, steps: int) -> Way:
    import torch

    from .loops import usual_schedule

    return _stepped(optimizer, model, torch.optim.lr_scheduler.LambdaLR(optimizer, usual_schedule(steps)))


def prodigy(cell: Any, model: Any, batches: Any) -> Way:
    import prodigyopt
    import torch

    optimizer = prodigyopt.Prodigy(model.parameters(), weight_decay=DECAY[cell.optimizer])
    return _stepped(optimizer, model, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=cell.task.steps))


def adapted_adam(cell: Any, model: Any, batches: Any) -> Way:
    import dadaptation

    optimizer = dadaptation.DAdaptAdam(model.parameters(), weight_decay=DECAY["adamw"], decouple=True)
    return _with_usual_schedule(optimizer, model, cell.task.steps)


def adapted_sgd(cell: Any, model: Any, batches: Any) -> Way:
    import dadaptation

    return _with_usual_schedule(dadaptation.DAdaptSGD(model.parameters(), momentum=0.9), model, cell.task.steps)


def schedule_free(cell: Any, model: Any, batches: Any) -> Way:
    import schedulefree
    import torch

    kind = {"adamw": schedulefree.AdamWScheduleFree, "sgdm": schedulefree.SGDScheduleFree}[cell.optimizer]
    warm = max(1, cell.task.steps // 20)
    optimizer = kind(model.parameters(), warmup_steps=warm, weight_decay=DECAY[cell.optimizer])
    optimizer.train()

    def judged() -> Any:
        optimizer.eval()
        model.train()
        with torch.no_grad():
            for inputs, _ in itertools.islice(batches, 50 if _normalised(model) else 0):
                model(inputs)
        return model

    way = _stepped(optimizer, model)
    way.judged = judged
    return way


def dog(cell: Any, model: Any, batches: Any) -> Way:
    from dog import DoG, PolynomialDecayAverager

    optimizer = DoG(model.parameters(), reps_rel=1e-4 if _normalised(model) else 1e-6)
    average = PolynomialDecayAverager(model)
    way = _stepped(optimizer, model, after=average.step)
    way.judged = lambda: average.averaged_model
    return way


def mechanic(cell: Any, model: Any, batches: Any) -> Way:
    import torch
    from mechanic_pytorch import mechanize

    told = {"weight_decay": DECAY["adamw"]} if cell.optimizer == "adamw" else {"momentum": 0.9}
    base = {"adamw": torch.optim.AdamW, "sgdm": torch.optim.SGD}[cell.optimizer]
    return _with_usual_schedule(mechanize(base)(model.parameters(), lr=1.0, **told), model, cell.task.steps)


def infrared(cell: Any, model: Any, batches: Any) -> Way:
    import torch

    from stepsize.adapters.torch import optimizer as strategy

    decay = "robust_infrared(beta=0.9) * (constant(length='60%') >> linear())"
    base = TEXTS[cell.optimizer].split(" * ")[0]  # without the schedule
    made = strategy(model.parameters(), f"{base} * {decay}", cell.task.steps)
    again = [0]

    def update(loss: Any, loss_of: Callable[[], Any]) -> None:
        def counted() -> Any:
            again[0] += 1
            with torch.no_grad():
                return loss_of()

        made.zero_grad()
        loss.backward()
        made.step(loss=loss, loss_of=counted)

    return Way(update, lambda: model, lambda updates: updates + again[0] / 3)


def _normalised(model: Any) -> bool:
    return any("BatchNorm" in type(one).__name__ for one in model.modules())


OPTIMIZERS: dict[str, tuple[str, Callable[[Any, Any, Any], Way], tuple[str, ...]]] = {
    "Prodigy": ("prodigyopt", prodigy, ("adamw",)),
    "D-Adaptation, Adam": ("dadaptation", adapted_adam, ("adamw",)),
    "D-Adaptation, SGD": ("dadaptation", adapted_sgd, ("sgdm",)),
    "Schedule-Free": ("schedulefree", schedule_free, ("adamw", "sgdm")),
    "DoG": ("dog-optimizer", dog, ("sgdm",)),
    "Mechanic": ("mechanic-pytorch", mechanic, ("adamw", "sgdm")),
    AGAIN: ("stepsize", infrared, ("adamw", "sgdm")),
}


def trained(name: str, cell: Any, seed: int) -> dict[str, Any]:
    """A whole run: losses and accuracy at its end (none: not finite), its cost in runs, the updates and the seconds."""
    from .loops import Batches, ended, module, updates

    begun = time.process_time()
    model, batches = module(cell, seed), Batches(cell, seed).endless()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        way = OPTIMIZERS[name][1](cell, model, batches)
        made = updates(cell, model, batches, way.update)
        broken = made < cell.task.steps
        found = {"validation": None, "test": None} if broken else ended(cell, way.judged())
    seconds = round(time.process_time() - begun, 3)
    return {**found, "cost": way.cost(made) / cell.task.steps, "updates": made, "seconds": seconds}


def record(cell: Any, seed: int, name: str, version: str) -> None:
    """Make the run that is not kept yet."""
    if cell.optimizer in OPTIMIZERS[name][2] and KEPT.get(name, cell.name, seed) is None:
        KEPT.put(name, cell.name, seed, **trained(name, cell, seed), version=version)


def _largest(name: str) -> float:
    return 1.2 if name == AGAIN else 1.0


def _ran(name: str, cell: Any, table: Any, seed: int, budget: float) -> Answers:
    found = KEPT.get(name, cell.name, seed)
    if found is None or budget < _largest(name):
        return []
    losses = (math.nan if found.get(key) is None else found[key] for key in ("validation", "test", "accuracy"))
    return [Ran(seed, *losses, cost=found["cost"])]


PEERS = tuple(
    Peer(name, "optimizer", package, partial(_ran, name), optimizers=kinds, largest=_largest(name), kept=KEPT)
    for name, (package, _, kinds) in OPTIMIZERS.items()
)
