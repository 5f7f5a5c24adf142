"""The peers of bench/faults.py: torch's own optimizers, clip and plateau, and the zclip package, in a torch loop."""

import math
from typing import Any

import numpy as np
import torch
from faults import EVERY, Fault, Task, Trace
from faults_rows import DECAY, Strategy
from torch import Tensor

EPOCH = 32  # updates


class Network(torch.nn.Module):
    def __init__(self, params: dict[str, Any]) -> None:
        super().__init__()
        for name, one in params.items():
            self.register_parameter(name, torch.nn.Parameter(torch.tensor(one)))

    def forward(self, X: Tensor, y: Tensor) -> Tensor:
        active = torch.relu(X @ self.W1 + self.b1)
        return torch.nn.functional.cross_entropy(active @ self.W2 + self.b2, y)


class Guard:
    """What a peer does between backward and step, and after it."""

    def __init__(self, kind: str, model: Network, optimizer: torch.optim.Optimizer) -> None:
        self.kind, self.model, self.clip, self.losses = kind, model, None, []
        reduce = torch.optim.lr_scheduler.ReduceLROnPlateau
        self.plateau = (
            reduce(optimizer, patience=2 if kind == "plateau of means" else 10) if "plateau" in kind else None
        )
        if kind.startswith("zclip"):
            from zclip import ZClip

            self.clip = ZClip(max_grad_norm=None) if kind == "zclip without cap" else ZClip()
        if kind == "ours":
            from stepsize.adapters.torch import clip_gradients

            self.clip = clip_gradients(optimizer, "clip_norm(1)", on_nonfinite="skip")

    def before(self) -> None:
        if self.kind == "clip_grad_norm_":
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        elif self.kind.startswith("zclip"):
            self.clip.step(self.model)

    def after(self, loss: float) -> None:
        if self.kind == "plateau of losses":
            self.plateau.step(loss)
        elif self.kind == "plateau of means":
            self.losses.append(loss)
            if len(self.losses) == EPOCH:
                self.plateau.step(sum(self.losses) / EPOCH)
                self.losses = []

    def poisoned(self) -> bool:
        if self.kind.startswith("zclip"):
            return not math.isfinite(self.clip.mean)
        return False


def run(strategy: Strategy, rate: float, fault: Fault, seed: int, task: Task) -> Trace:
    """One run in a loop as the documentation of torch writes it; mixed precision leaves updates out in the same way."""
    X, y, *held_out = task.data(fault.labels)
    model = Network(task.start(seed))
    params = list(model.parameters())
    if strategy.text.startswith("adam"):
        optimizer: torch.optim.Optimizer = torch.optim.Adam(params, lr=rate)
    else:
        optimizer = torch.optim.SGD(params, lr=rate, momentum=0.9)
    guard = Guard(strategy.peer, model, optimizer)
    everything = tuple(map(torch.tensor, held_out))
    first, looks = float(model(*everything).detach()), []
    decays = [DECAY.over(task.steps)(t) for t in range(task.steps)]
    for t, rows in enumerate(task.batches(seed, strategy.batch)):
        after = t - task.begin
        part, marks = fault.data(after, X[rows], y[rows])
        optimizer.zero_grad()
        loss = model(torch.tensor(part), torch.tensor(marks))
        loss.backward()
        factor = fault.scale(after, max(float(one.grad.abs().max()) for one in params))
        for one in params:
            one.grad.mul_(factor)
        whole = all(bool(one.grad.isfinite().all()) for one in params)
        if whole or task.loop != "skip":
            guard.before()
            if guard.plateau is None:
                optimizer.param_groups[0]["lr"] = rate * decays[t]
            if whole or task.loop == "bare" or strategy.peer == "ours":  # ours leaves it out itself
                optimizer.step()
            guard.after(fault.loss(after, float(loss.detach())))
        if after >= 0 and (t + 1) % EVERY == 0:
            with torch.no_grad():
                looks.append(float(model(*everything)))
    state = [one for slots in optimizer.state.values() for one in slots.values() if isinstance(one, Tensor)]
    return Trace(first, np.array(looks), guard.poisoned() or not all(bool(one.isfinite().all()) for one in state))
