"""What a Recorder costs a training step: processor time, with and without by turns in one run, on one thread.

    python bench/recorder.py            the table of docs/record.md

Two copies of a model are trained side by side, one step of each in turn, the one with a Recorder and the other without.
The cost is the median of the differences, apart for updates with and without the costly columns, each weighed by how
often it comes: so a disturbance of the machine falls out.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from stepsize.adapters.torch import Recorder

Loop = Callable[[Recorder | None], None]


def transformer() -> tuple[torch.nn.Module, torch.Tensor]:
    layer = torch.nn.TransformerEncoderLayer(384, 6, 1536, dropout=0.0, batch_first=True)
    return torch.nn.TransformerEncoder(layer, 6, enable_nested_tensor=False), torch.randn(8, 64, 384)


def dense() -> tuple[torch.nn.Module, torch.Tensor]:
    layers = [one for _ in range(10) for one in (torch.nn.Linear(1000, 1000), torch.nn.ReLU())]
    return torch.nn.Sequential(*layers), torch.randn(128, 1000)


def small() -> tuple[torch.nn.Module, torch.Tensor]:
    return torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)), torch.randn(64, 64)


MODELS = {
    "transformer, 10.6 million parameters, 512 tokens": (transformer, 60),
    "dense, 10.0 million parameters, 128 rows": (dense, 120),
    "dense, 4,810 parameters, 64 rows": (small, 3000),
}


def loop_of(made: tuple[torch.nn.Module, torch.Tensor], losses: int) -> tuple[Loop, Any, torch.nn.Module]:
    model, x = made
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def step(recorder: Recorder | None) -> None:
        optimizer.zero_grad()
        for part in x.chunk(losses):
            loss = (model(part) - 1).square().mean() / losses  # as of targets: gradients of usual length
            loss.backward()
            if recorder is not None and losses > 1:
                recorder.step(loss)
        optimizer.step()
        if recorder is not None and losses == 1:
            recorder.step(loss)

    return step, optimizer, model


def cost(name: str, losses: int, pairs: int, **options: Any) -> tuple[float, float]:
    """The processor time of a step without a Recorder, in milliseconds, and what one adds, as a share."""
    make = MODELS[name][0]
    torch.manual_seed(0)
    (bare, _, _), (step, optimizer, model) = (loop_of(make(), losses) for _ in range(2))
    for _ in range(3):
        bare(None)
        step(None)
    without: list[float] = []
    added: dict[str, list[float]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        Recorder(optimizer, Path(folder) / "run.jsonl", model, **{"layers_every": 10, **options}) as recorder,
    ):
        usual = recorder._interval(options.get("layers_every"))
        for i in range(pairs):
            times = [0.0, 0.0]
            for recorded in (0, 1) if i % 2 else (1, 0):
                begin = time.process_time()
                step(recorder) if recorded else bare(None)
                times[recorded] = time.process_time() - begin
            kind = "idle" if i % recorder.every else "costly" if i % recorder.layers_every == 0 else "plain"
            added.setdefault(kind, []).append(times[1] - times[0])
            without.append(times[0])
    middle = {kind: statistics.median(some) for kind, some in added.items()}
    shares = {"costly": 1 / usual, "plain": 1 / recorder.every - 1 / usual, "idle": 1 - 1 / recorder.every}
    alone = statistics.median(without)
    return alone * 1e3, sum(shares[kind] * one for kind, one in middle.items()) / alone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=float, default=1.0, help="times the usual number of pairs of steps")
    parser.add_argument("--only", default="", help="rows whose name has this in it")
    told = parser.parse_args()
    torch.set_num_threads(1)
    print("| model | losses a step | rows | step, ms | Recorder |\n|---|---|---|---|---|")
    for name, (_, pairs) in MODELS.items():
        for losses, options, rows in (
            (1, {}, "each update"),
            (2, {}, "each update"),
            (1, {"every": 10}, "every tenth"),
        ):
            if told.only in f"{name} {rows}":
                ms, share = cost(name, losses, max(int(pairs * told.pairs), 1), **options)
                print(f"| {name} | {losses} | {rows} | {ms:.3g} | {share:+.1%} |", flush=True)


if __name__ == "__main__":
    main()
