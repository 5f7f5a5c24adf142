"""The torch scheduler's speed, as ratios to torch's own schedulers in one run and one thread: part of `make bench`."""

import gc
import statistics
import time
import warnings

import torch
from speed import ROUNDS, line, ratio
from torch.optim import lr_scheduler as theirs

from stepsize import parse
from stepsize.adapters.torch import Scheduler

warnings.filterwarnings("ignore", "Scheduler: step")  # nothing trains here
TOTAL = 1_000_000
TEXT = "warmup(100) >> cosine()"


def optimizer(groups: int) -> torch.optim.Optimizer:
    made = torch.optim.SGD(
        [{"params": [torch.nn.Parameter(torch.ones(2))]} for _ in range(groups)],
        lr=0.1,
        momentum=0.9,
        weight_decay=0.01,
    )
    made.step()
    return made


def sequential(under: torch.optim.Optimizer) -> theirs.LRScheduler:
    rising = theirs.LinearLR(under, 0.01, 1.0, total_iters=100)
    scheduler = theirs.SequentialLR(under, [rising, theirs.CosineAnnealingLR(under, TOTAL - 100)], [100])
    under.step()
    return scheduler


def onecycle(under: torch.optim.Optimizer) -> theirs.LRScheduler:
    scheduler = theirs.OneCycleLR(under, 0.1, TOTAL)
    under.step()
    return scheduler


def stepping(scheduler: theirs.LRScheduler, steps: int):
    def run() -> None:
        step = scheduler.step
        for _ in range(steps):
            step()

    return run


def seeing(scheduler: theirs.LRScheduler, steps: int):
    def run() -> None:
        step = scheduler.step
        for _ in range(steps):
            step(1.0)

    return run


class ByHand:
    """Three numbers written into every group out of a table: the least that any scheduler of them can do."""

    def __init__(self, under: torch.optim.Optimizer) -> None:
        self.under, self.done, self.values = under, 0, [0.5] * 1024

    def step(self) -> None:
        self.done += 1
        value = self.values[self.done % 1024]
        for group in self.under.param_groups:
            group["lr"] = 0.1 * value
            group["momentum"] = 0.9 * value
            group["weight_decay"] = 0.01 * value


def controlled(scheduler: theirs.LRScheduler, steps: int):
    losses = [2 * 0.9997**i + 0.1 * (i * 7919 % 1000) / 1000 for i in range(steps)]

    def run() -> None:
        step = scheduler.step
        for loss in losses:
            step(loss=loss)

    return run


def extended(changes: int) -> Scheduler:
    """A scheduler whose run was made longer so many times."""
    scheduler = Scheduler(optimizer(1), TEXT, total_steps=1000)
    for _ in range(changes):
        scheduler.step()
        scheduler.extend(scheduler.course.total_steps + 10)
    return scheduler


def extending() -> None:
    found = ratio(stepping(extended(1000), 20_480), stepping(extended(1), 20_480))
    line("Scheduler.step after 1000 extensions / after one", found, "limit 1.5")
    found = ratio(lambda: extended(1000), lambda: extended(100))
    line("1000 extensions of a run / 100 of them", found, "10 where a late one costs what the first does")


def building() -> None:
    times = []
    under = optimizer(1)
    parse(TEXT)
    for _ in range(200):
        start = time.process_time()
        Scheduler(under, TEXT, total_steps=TOTAL)
        times.append((time.process_time() - start) * 1e3)
    found = (statistics.median(times), min(times), max(times))
    line("building a Scheduler for a million steps, in ms", found, "limit 1")


if __name__ == "__main__":
    torch.set_num_threads(1)
    gc.disable()
    print(f"{'what':<66} {'median':>8}  (lowest to highest of {ROUNDS} rounds)")
    for groups in (1, 10, 100):
        steps = 20_480 // groups + 1024
        for name, build in (("SequentialLR", sequential), ("OneCycleLR", onecycle)):
            ours = stepping(Scheduler(optimizer(groups), TEXT, total_steps=TOTAL), steps)
            found = ratio(ours, stepping(build(optimizer(groups)), steps))
            line(f"Scheduler.step / {name}.step, {groups} groups", found, "limit 0.2")
        three = {"lr": TEXT, "momentum": "linear(1, 0.9)", "weight_decay": "linear(1, 0)"}
        ours = stepping(Scheduler(optimizer(groups), three, total_steps=TOTAL), steps)
        found = ratio(ours, stepping(ByHand(optimizer(groups)), steps))
        line(f"Scheduler.step of three numbers / written by hand, {groups} groups", found, "limit 3")
        scheduler = Scheduler(optimizer(groups), "plateau()")
        theirs_too = theirs.ReduceLROnPlateau(optimizer(groups))
        found = ratio(seeing(scheduler, steps), seeing(theirs_too, steps))
        line(f"Scheduler.step(loss) with plateau / ReduceLROnPlateau, {groups} groups", found, "")
        for word in ("infrared()", "spike()"):
            ours = controlled(Scheduler(optimizer(groups), word), steps)
            found = ratio(ours, seeing(theirs_too, steps))
            line(f"Scheduler.step(loss) with {word} / ReduceLROnPlateau, {groups} groups", found, "")
    extending()
    building()
