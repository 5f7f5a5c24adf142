"""What a whole strategy costs in torch, as ratios to torch's own foreach Adam measured side by side in one thread.

Each line is the median over rounds of process times of a step with 10M parameters, with the lowest and the highest
round: where torch's kernels compute the strategy, and where the engine does it stage by stage. Trial losses of a
controller are the model's affair and not in here. `python bench/torch_strategy.py` prints the table, in half a minute.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable

import torch
from speed import line, ratio

from stepsize.adapters.torch import optimizer

SIZES = [500_000] * 20
STRATEGIES = [
    "adam() | 1e-3",
    "clip_norm(1e9) | adam() | 1e-3",
    "zclip(max=None) | adam() | 1e-3",
    "adam() | stable() | 1e-3",
    "adam() | trust() | weight_decay(0.01) | 1e-3",
    "adam() | 1e-3 * polyak()",
    "sgd() | 1e-3 * barzilai_borwein(high=1)",
]


def stepper(make: Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer]) -> Callable[[], None]:
    random = torch.Generator().manual_seed(0)
    params = [torch.nn.Parameter(torch.randn(size, generator=random)) for size in SIZES]
    for one in params:
        one.grad = torch.randn(one.shape, generator=random)
    made = make(params)
    given = {"loss": 1.0} if "loss" in getattr(getattr(made, "strategy", None), "needs", ()) else {}

    def steps() -> None:
        made.step(**given)

    return steps


if __name__ == "__main__":
    torch.set_num_threads(1)
    for text in STRATEGIES:
        ours = stepper(lambda params, text=text: optimizer(params, text, on_nonfinite="ignore"))
        theirs = stepper(lambda params: torch.optim.Adam(params, lr=1e-3, foreach=True))
        kind = type(optimizer([torch.nn.Parameter(torch.ones(1))], text)).__name__
        line(f"{text} ({kind}) / Adam foreach", ratio(ours, theirs), "")
