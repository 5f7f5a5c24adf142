"""Trainings for the tests of the engine "loop": small modules, data that draw random numbers, and the loop by hand."""

from __future__ import annotations

import multiprocessing
import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

from stepsize.adapters.torch import training
from stepsize.lab.trials.loop import Loop
from stepsize.lab.trials.trial import Trial

COLUMNS = ("losses", "rates", "grad_norms", "clipped", "extra_losses", "measured", "validated", "tested")


def points(rows=40, seed=0):
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 6, generator=random)
    return x, (x.sum(1) > 0).long()


class Augmented(Dataset):
    """Examples that change whenever they are asked for, by the global generators of torch, Python and NumPy."""

    def __init__(self, rows=40, own=None):
        self.x, self.y = points(rows)
        self.own = own

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        moved = self.x[i] + 0.1 * torch.randn(6) + 0.1 * random.random() + 0.1 * np.random.rand()
        if self.own is not None:
            moved = moved + 0.1 * float(self.own.random())
        return moved, self.y[i]


class Shuffled(IterableDataset):
    """Rows through a buffer that the global generator of torch shuffles; without an end it goes round and round."""

    def __init__(self, endless):
        self.x, self.y = points(30)
        self.endless = endless

    def __iter__(self):
        kept, turn = [], 0
        while turn == 0 or self.endless:
            turn += 1
            for one in zip(self.x, self.y, strict=True):
                kept.append(one)
                if len(kept) == 8:
                    yield kept.pop(int(torch.randint(8, ())))
        yield from kept


def net(dropout=0.2, normed=True):
    return nn.Sequential(
        nn.Linear(6, 8), nn.BatchNorm1d(8) if normed else nn.Identity(), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 2)
    )


def loader(data=None, workers=0, batch=8, **others):
    """Workers begin in a process without JAX, which warns where it is forked."""
    data = Augmented() if data is None else data
    if workers:
        multiprocessing.set_forkserver_preload(["stepsize.adapters.torch"])
        others = {"multiprocessing_context": "forkserver", **others}
    return DataLoader(data, batch_size=batch, shuffle=True, num_workers=workers, **others)


def made(data=None, module=net, **others):
    """A training with a validation and a test."""
    return training(
        module,
        F.cross_entropy,
        loader() if data is None else data,
        **{"validation": points(20, 1), "test": points(20, 2), "metrics": {"accuracy": accuracy}} | others,
    )


def accuracy(output, targets):
    return (output.argmax(1) == targets).float().mean()


def trial(text="sgd(momentum=0.9) | 0.1", rate=0.1, seed=3, steps=24, batch_size=None, measure_every=5):
    return Trial("mine", text, "data-1", rate, seed, steps, batch_size, measure_every)


def begun(training, one=None, saved=()):
    return Loop(training).begin([one or trial()], saved)


def run(training, one=None):
    """The whole run of a trial."""
    lot = begun(training, one)
    while lot.goes_on():
        lot.update()
    return lot.runs()[0]


def same(a, b):
    """Whether two runs have the same numbers, bit for bit, and the same words."""
    assert a.record == b.record
    assert a.params.keys() == b.params.keys()
    for name, one in a.params.items():
        assert torch.equal(one, b.params[name]), name


def by_hand(build, batches, optimizer_of, rates, loss_fn=F.cross_entropy, seed=3, accumulate=1, autocast=None):
    """The loop that a user writes: losses and the module at the end; the model's numbers are drawn from the seed."""
    torch.manual_seed(seed)
    module = build()
    optimizer, losses, left = optimizer_of(module.parameters()), [], iter(batches)
    for rate in rates:
        optimizer.zero_grad()
        total = 0.0
        for _ in range(accumulate):
            x, y = next(left)
            with torch.autocast("cpu", autocast or torch.bfloat16, enabled=autocast is not None):
                loss = loss_fn(module(x), y)
            (loss / accumulate).backward()
            total += loss.item()
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        losses.append(total / accumulate)
    return losses, module
