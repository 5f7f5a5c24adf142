"""What the tests of a whole strategy in a torch loop share: the data, the strategies, a loop over batches."""

import numpy as np
import torch

from stepsize.adapters.torch import backward_halves, optimizer
from stepsize.lab.runs.batches import Batches
from subjects import CLIPS, CONTROLLERS, TRANSFORMS, adam_before, wants_a_rule

RNG = np.random.default_rng(5)
X = RNG.normal(size=(48, 5)) * [1.0, 0.7, 1.5, 0.3, 1.0]
Y = X @ RNG.normal(size=5) + 0.3 * RNG.normal(size=48)
TX, TY = torch.from_numpy(X), torch.from_numpy(Y)
STEPS, BATCH = 30, 8
CONTROLLED = [
    f"{rule} | {base} * {one}"
    for one in CONTROLLERS
    if "metric" not in one.needs and getattr(one, "guard", True)  # without its guard it blows up here
    for rule, base in (("sgd(momentum=0.5)", 0.02), ("adam()", 1.0))
]
CLIPPED = [
    text
    for one in TRANSFORMS
    for text in (
        f"{one} | adam() | 0.05",
        f"{adam_before(one)} | {one} | 0.05",
        f"{adam_before(one)} | 0.05 | {one}",
        f"clip_norm(2) | sgd(momentum=0.9) | {one} | weight_decay(0.01) | 0.02 * cosine() | clip_norm(0.1)",
    )
    if not (wants_a_rule(one) and not text.startswith("adam(")) and not (one not in CLIPS and text.endswith(str(one)))
]
OTHERS = [
    "rmsprop(eps_in_root=True, initial=1) | 0.01",
    "weight_decay(0.1) | clip(0.5) | sgd() | 0.05",
    "weight_decay(0.1) | adam() | weight_decay(0.1) | 0.05 * (warmup(5) >> cosine())",
    "clip_norm(1) | sgd() | 0.05 * distance() * cosine()",
    "zclip(warm_up=3) | adam() | stable() | 0.05 * spike() | clip(0.02)",
]


def squares(theta, rows):
    return ((TX[rows] @ theta - TY[rows]) ** 2).mean()


def trained(strategy, steps=STEPS, begin=0, made=None, theta=None, way="loss", **options):
    """The parameters after a torch loop over the batches that `descend` draws."""
    theta = torch.zeros(5, dtype=torch.float64, requires_grad=True) if theta is None else theta
    made = optimizer([theta], strategy, total_steps=STEPS, **options) if made is None else made
    batches = Batches(len(X), BATCH, 0)
    for t in range(steps):
        rows = torch.from_numpy(batches.next())
        if t < begin:
            continue
        made.zero_grad()

        def closure(rows=rows):
            made.zero_grad(set_to_none=False)
            loss = squares(theta, rows)
            loss.backward()
            return loss

        if "grad_variance" in made.strategy.needs:
            half = BATCH // 2
            loss, variance = backward_halves(squares(theta, rows[:half]), squares(theta, rows[half:]), theta)
            made.step(loss=loss, grad_variance=variance)
        elif way == "closure":
            made.step(closure)
        else:
            made.step(loss=closure(), loss_of=lambda rows=rows: squares(theta, rows))
    return theta, made
