"""Small torch runs that go wrong in ways that people know, written down by a Recorder while they go on.

`python tests/ill_runs.py FOLDER [SECONDS]` makes all of them, with a rest of SECONDS after each update, so that
`stepsize watch FOLDER` shows them live.
"""

import math
import sys
import time
from pathlib import Path

import torch
from torch import nn

from stepsize.adapters.torch import Recorder, Scheduler, optimizer


def digits(seed, rows=512, noise=0.0):
    """Two halves of a made problem of ten classes, to train on and to validate with."""
    made = torch.Generator().manual_seed(seed)
    centres = torch.randn(10, 20, generator=made)
    labels = torch.randint(0, 10, (2 * rows,), generator=made)
    inputs = centres[labels] + (1.0 + noise) * torch.randn(2 * rows, 20, generator=made)
    return (inputs[:rows], labels[:rows]), (inputs[rows:], labels[rows:])


def net(seed, width=64):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(20, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))


def look(model, data):
    with torch.no_grad():
        outputs = model(data[0])
        return nn.functional.cross_entropy(outputs, data[1]), (outputs.argmax(1) == data[1]).float().mean()


def train(path, model, made, data, *, steps, batch=32, every=25, after=None, spoil=None, rest=0.0, seed=0):
    """The loop: `spoil` alters a batch, `after` is what happens after each update."""
    (inputs, labels), held_back = data
    order = torch.Generator().manual_seed(seed)
    with Recorder(made, path, model, total_steps=steps) as recorder:
        for step in range(steps):
            rows = torch.randint(0, len(inputs), (batch,), generator=order)
            batch_inputs = inputs[rows] if spoil is None else spoil(step, inputs[rows])
            made.zero_grad()
            loss = nn.functional.cross_entropy(model(batch_inputs), labels[rows])
            loss.backward()
            made.step()
            recorder.step(loss)
            if step % every == every - 1:
                validation, accuracy = look(model, held_back)
                recorder.validation(validation, accuracy=accuracy)
            if after is not None:
                after(step, loss)
            time.sleep(rest)


def spike(path, rest=0.0):
    """Four batches whose inputs are of the wrong sign and far too large."""
    model = net(0)
    made = optimizer(model.parameters(), "sgd(momentum=0.9) | 0.05 * (warmup(50) >> cosine())", total_steps=800)
    spoil = lambda step, inputs: -5 * inputs if 400 <= step < 404 else inputs  # noqa: E731
    train(path, model, made, digits(0, rows=4096), steps=800, spoil=spoil, rest=rest)


def nan_batch(path, rest=0.0):
    """A batch with a NaN in it: the update is left out, and the run goes on."""
    model = net(1)
    made = optimizer(
        model.parameters(),
        "clip_norm(1) | adam() | 0.003 * (warmup(50) >> cosine())",
        total_steps=600,
        on_nonfinite="skip",
    )
    spoil = lambda step, inputs: inputs * math.nan if step in (200, 430) else inputs  # noqa: E731
    train(path, model, made, digits(1, rows=4096), steps=600, spoil=spoil, rest=rest)


def plateau(path, rest=0.0):
    """Two groups, whose plateau lowers the rate each time the loss gets no better."""
    model = net(2)
    groups = [
        {"params": model[:2].parameters(), "lr": 0.1, "name": "body"},
        {"params": model[2:].parameters(), "lr": 0.2, "name": "head"},
    ]
    made = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    scheduler = Scheduler(made, "plateau(factor=0.5, patience=60)", total_steps=800)
    train(
        path,
        model,
        made,
        digits(2, rows=4096, noise=0.5),
        steps=800,
        after=lambda _, loss: scheduler.step(loss=loss),
        rest=rest,
    )


def wrong_unit(path, rest=0.0):
    """A cosine of 20 epochs that is stepped at every batch: the rate is gone after 20 updates."""
    model = net(3)
    made = torch.optim.AdamW(model.parameters(), lr=0.002)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(made, T_max=20)
    floor = lambda: scheduler.step() if scheduler.last_epoch < 20 else None  # noqa: E731
    train(path, model, made, digits(3, rows=4096), steps=400, after=lambda *_: floor(), rest=rest)


def overfitting(path, rest=0.0):
    """A wide net on 64 rows: the validation loss rises while the training loss falls."""
    model = net(4, width=256)
    made = torch.optim.AdamW(model.parameters(), lr=0.002)
    train(path, model, made, digits(4, rows=64, noise=1.5), steps=600, batch=16, rest=rest)


RUNS = {one.__name__: one for one in (spike, nan_batch, plateau, wrong_unit, overfitting)}


def make(folder, rest=0.0, names=tuple(RUNS)):
    """Make the runs; returns their files by name."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f"{name}.jsonl" for name in names}
    for name, file in files.items():
        file.unlink(missing_ok=True)
        RUNS[name](file, rest)
    return files


if __name__ == "__main__":
    make(Path(sys.argv[1]), float((sys.argv[2:] or ["0"])[0]))
