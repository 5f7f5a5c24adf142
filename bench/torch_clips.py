"""What clips cost on torch optimizers, as ratios measured side by side in one run and one thread.

Each line is the median over rounds of (process time of a step with the clip) / (process time of the same step without
it), with the lowest and the highest round. `python bench/torch_clips.py` prints the table, in about a minute.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterable

import torch
from speed import ROUNDS, line, ratio
from torch import Tensor

from stepsize.adapters.torch.clips.hung import clip_gradients, clip_update

LARGE = [500_000] * 20
SMALL = [1_000] * 1_000
STEPS = 2

OPTIMIZERS: dict[str, tuple[Callable[..., torch.optim.Optimizer], dict[str, object]]] = {
    "SGD": (torch.optim.SGD, {"foreach": True}),
    "SGD momentum": (torch.optim.SGD, {"momentum": 0.9, "foreach": True}),
    "Adam": (torch.optim.Adam, {"foreach": True}),
    "AdamW": (torch.optim.AdamW, {"foreach": True}),
    "AdamW fused": (torch.optim.AdamW, {"fused": True}),
}
GOALS = {"Adam": "goal 1.5", "AdamW": "goal 1.5", "SGD momentum": "goal 1.5"}  # SGD and fused kernels: memory decides


def stepper(name: str, sizes: list[int], attach: Callable[[torch.optim.Optimizer], object]) -> Callable[[], None]:
    """Some steps of a fresh optimizer, with gradients of length 1 for each element."""
    kind, options = OPTIMIZERS[name]
    random = torch.Generator().manual_seed(0)
    params = [torch.nn.Parameter(torch.randn(size, generator=random)) for size in sizes]
    for one in params:
        one.grad = torch.randn(one.shape, generator=random)
    optimizer = kind(params, lr=1e-3, **options)
    attach(optimizer)

    def steps() -> None:
        for _ in range(STEPS):
            optimizer.step()

    return steps


def updates(names: Iterable[str], sizes: list[int], shape: str) -> None:
    far = 1e-3 * sum(sizes) ** 0.5  # about the length of the first update of Adam
    for name in names:
        for what, clips in (
            ("clip, within", "clip(1e3)"),
            ("clip, beyond", "clip(1e-4)"),
            ("clip_norm, within", f"clip_norm({1e6 * far})"),
            ("clip_norm, beyond", f"clip_norm({far / 1e3})"),
        ):
            ours = stepper(name, sizes, lambda one, clips=clips: clip_update(one, clips))
            found = ratio(ours, stepper(name, sizes, lambda one: None))
            line(f"update, {shape}, {name}, {what}", found, GOALS.get(name, ""))


def gradients(sizes: list[int], shape: str) -> None:
    """Against torch's own function for it, on the same gradients, both without the step."""
    for what, bound in (("within", 1e9), ("beyond", 1.0)):
        params = [torch.nn.Parameter(torch.zeros(size)) for size in sizes]
        for one in params:
            one.grad = torch.randn(one.shape)
        kept = [one.grad.clone() for one in params]
        for answer in ("raise", "ignore"):
            optimizer = Still(params)
            clip_gradients(optimizer, f"clip_norm({bound})", on_nonfinite=answer)

            def fresh(params: list[Tensor] = params, kept: list[Tensor] = kept) -> None:
                torch._foreach_copy_([one.grad for one in params], kept)

            def ours(optimizer: Still = optimizer, fresh: Callable[[], None] = fresh) -> None:
                for _ in range(STEPS):
                    fresh()
                    optimizer.step()

            def other(params: list[Tensor] = params, bound: float = bound, fresh: Callable[[], None] = fresh) -> None:
                for _ in range(STEPS):
                    fresh()
                    torch.nn.utils.clip_grad_norm_(params, bound)

            line(f"gradients, {shape}, clip_norm {what}, {answer} / clip_grad_norm_", ratio(ours, other), "goal 1")


class Still(torch.optim.Optimizer):
    """An optimizer that does nothing, so that only its hooks are timed."""

    def __init__(self, params: list[Tensor]) -> None:
        super().__init__(params, {})

    def step(self, closure: object = None) -> None:
        return None


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(f"{'what':<66} {'median':>8}  (lowest to highest of {ROUNDS} rounds)")
    updates(OPTIMIZERS, LARGE, "20 × 500k")
    updates(("SGD momentum", "AdamW"), SMALL, "1000 × 1k")
    gradients(LARGE, "20 × 500k")
    gradients(SMALL, "1000 × 1k")
