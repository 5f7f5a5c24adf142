"""What a whole strategy costs in torch, as ratios to torch's own optimizers measured side by side in one thread.

Each line is the median over rounds of the process time of some steps, ours over theirs, with the lowest and the highest
round and the bound that we hold ourselves to. Gradients are put back before each step, outside the time; every fourth
is ten times as long, so that clips have something to do. `python bench/torch_strategy.py` prints the table in some
minutes; with arguments only the lines whose text has one of them: `python bench/torch_strategy.py stable 1e7 memory`.
`python bench/torch_strategy.py compile` prints the lines of strategies with `compile=True`, and how many seconds the
compiler took (cold, where TORCHINDUCTOR_FORCE_DISABLE_CACHES=1 is set); further words choose among them, too.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch

from stepsize.adapters.torch import optimizer

ROUNDS = 7
ELEMENTS = {"1e4": 10_000, "1e6": 1_000_000, "1e7": 10_000_000}
TENSORS = (1, 100, 5_000)
IN_ROUND = {"1e4": 24, "1e6": 8, "1e7": 4}
Stepper = Callable[[], float]  # one step, and the seconds of it


def adam(params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.Adam(params, lr=1e-3, fused=True)


def adamw(params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(params, lr=1e-3, fused=True, weight_decay=0.1)


def foreach(params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.Adam(params, lr=1e-3, foreach=True)


def sgd(params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, lr=1e-3, fused=True)


def momentum(params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, lr=1e-3, momentum=0.9, fused=True)


# strategy, on_nonfinite, torch's optimizer, whether torch's clip_grad_norm_ goes before it, our bound
LINES = [
    ("adam() | 1e-3 | clip(0.01)", "ignore", adam, False, 1.15),
    ("adam() | 1e-3 | clip(0.01)", "raise", adam, False, None),
    ("clip_norm(1) | adam() | 1e-3 | clip(0.01)", "raise", adam, True, 1.15),
    ("zclip() | adam() | 1e-3", "raise", adam, True, 1.5),
    ("percentile() | adam() | 1e-3", "raise", adam, True, 1.5),
    ("adam() | stable() | 1e-3", "ignore", adam, False, 3.8),
    ("adam() | weight_decay(0.1) | stable() | 1e-3", "ignore", adamw, False, 3.8),
    ("adam() | trust() | 1e-3", "ignore", adam, False, 3.8),
    ("adam() | clip_rms() | 1e-3", "ignore", adam, False, 3.8),
    ("adagc() | adam() | 1e-3", "ignore", adam, False, 3.8),
    ("unitwise() | adam() | 1e-3", "ignore", adam, False, 3.8),
    ("sgd() | 1e-3 | clip(1e-4)", "ignore", sgd, False, 1.9),
    ("sgd(momentum=0.9) | 1e-3 | clip(1e-4)", "ignore", momentum, False, 2.2),
    ("adam() | 1e-3 | clip(1e-4)", "ignore", adam, False, 2.2),
    ("adamw(weight_decay=0.1) | 1e-3 | clip(1e-4)", "ignore", adamw, False, 2.2),
    ("adam() | 1e-3 | clip_norm(0.01)", "ignore", foreach, False, 2.5),
    ("adam() | clip(1) | 1e-3", "ignore", foreach, False, 2.5),
    ("spam() | adam() | 1e-3", "ignore", foreach, False, 2.5),
    ("rmsprop() | 1e-3 | clip(1e-4)", "ignore", foreach, False, 2.5),
    ("adam() | 1e-3 * polyak()", "ignore", foreach, False, 2.5),
    ("sgd() | 1e-3 * barzilai_borwein(high=1)", "ignore", foreach, False, 2.5),
]


# the same with `compile=True`: moved as rows, of which no number takes longer to compile
COMPILED_ROWS = [
    ("sgd() | 1e-3 | clip(1e-4)", sgd),
    ("sgd(momentum=0.9) | 1e-3 | clip(1e-4)", momentum),
    ("adam() | 1e-3 | clip(1e-4)", adam),
    ("adamw(weight_decay=0.1) | 1e-3 | clip(1e-4)", adamw),
    ("rmsprop() | 1e-3 | clip(1e-4)", foreach),
]
COMPILED_LISTS = [("adam() | unitwise() | 1e-3", adam)]  # on whole arrays; some seconds of the compiler for each tensor


def parameters(elements: int, tensors: int) -> list[torch.nn.Parameter]:
    random = torch.Generator().manual_seed(0)
    params = [torch.nn.Parameter(torch.randn(elements // tensors, generator=random)) for _ in range(tensors)]
    for one in params:
        one.grad = torch.randn(one.shape, generator=random)
    return params


def stepper(
    make: Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer], elements: int, tensors: int, clipped: bool
) -> Stepper:
    params = parameters(elements, tensors)
    kept = [one.grad.clone() for one in params]
    made, count = make(params), 0
    given = {"loss": 1.0} if "loss" in getattr(getattr(made, "strategy", None), "needs", ()) else {}

    def step() -> float:
        nonlocal count
        count += 1
        grads = [one.grad for one in params]
        torch._foreach_copy_(grads, kept)
        if count % 4 == 0:
            torch._foreach_mul_(grads, 10.0)
        start = time.process_time()
        if clipped:
            torch.nn.utils.clip_grad_norm_(params, 1.0)
        made.step(**given)
        return time.process_time() - start

    return step


def ratios(ours: Stepper, theirs: Stepper, steps: int) -> list[float]:
    for _ in range(3):
        ours(), theirs()
    return [sum(ours() for _ in range(steps)) / sum(theirs() for _ in range(steps)) for _ in range(ROUNDS)]


def wanted(*words: str) -> bool:
    asked = [one for one in sys.argv[1:] if one not in ("memory", "compile")]
    return not asked or any(one in " ".join(words) for one in asked)


def times() -> None:
    for text, answer, theirs, clipped, bound in LINES:
        for size, elements in ELEMENTS.items():
            for tensors in TENSORS:
                shape = f"{size} in {tensors}"
                if (not wanted(text) and not wanted(shape)) or (len(sys.argv) > 2 and not (wanted(text))):
                    continue
                ours = stepper(
                    lambda params, text=text, answer=answer: optimizer(params, text, on_nonfinite=answer),
                    elements,
                    tensors,
                    False,
                )
                told = f"{'clip_grad_norm_ + ' if clipped else ''}{theirs.__name__}"
                found = ratios(ours, stepper(theirs, elements, tensors, clipped), IN_ROUND[size])
                show(f"{text + ', ' + answer:<54} {shape:<12} / {told:<22}", found, bound)


def show(what: str, found: list[float], bound: float | None) -> None:
    middle = statistics.median(found)
    verdict = "" if bound is None else f"≤ {bound}{'' if middle <= bound else '  MISSED'}"
    spread = f"({min(found):.2f} to {max(found):.2f})"
    print(f"{what} {middle:6.2f}  {spread:<18} {verdict}", flush=True)


def compiled() -> None:
    for lines, counts in ((COMPILED_ROWS, TENSORS), (COMPILED_LISTS, (1, 20))):
        for text, theirs in lines:
            for size, elements in ELEMENTS.items():
                for tensors in counts:
                    if wanted(text, f"{size} in {tensors}"):
                        ours = stepper(
                            lambda params, text=text: optimizer(params, text, on_nonfinite="ignore", compile=True),
                            elements,
                            tensors,
                            False,
                        )
                        start = time.perf_counter()
                        ours()
                        took = f"compiled in {time.perf_counter() - start:.1f} s"
                        found = ratios(ours, stepper(theirs, elements, tensors, False), IN_ROUND[size])
                        show(
                            f"{text:<44} {size + ' in ' + str(tensors):<12} {took:<19} / {theirs.__name__:<9}",
                            found,
                            1.1,
                        )


def peak(text: str) -> float:
    """The peak memory of some steps, in a process of its own, in copies of the parameters."""
    script = f"""
import resource, torch
from torch_strategy import parameters, adam, adamw, foreach, sgd, momentum
from stepsize.adapters.torch import optimizer
torch.set_num_threads(1)
params = parameters(10_000_000, 100)
made = {text}
given = {{"loss": 1.0}} if "loss" in getattr(getattr(made, "strategy", None), "needs", ()) else {{}}
for _ in range(3):
    made.step(**given)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    here = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run([sys.executable, "-c", script], cwd=here, capture_output=True, text=True, check=True)
    return int(done.stdout) * 1024 / 40_000_000


def memory() -> None:
    for text, answer, theirs, _, _ in LINES:
        if wanted(text):
            peer = "sgd" if text.startswith("sgd() ") else "adam" if theirs is foreach else theirs.__name__
            more = peak(f"optimizer(params, {text!r}, on_nonfinite={answer!r})") - peak(f"{peer}(params)")
            print(f"memory, {text + ', ' + answer:<54} {more:6.2f} copies more than torch's fused", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if "compile" in sys.argv:
        compiled()
    elif sys.argv[1:2] != ["memory"]:
        times()
    if len(sys.argv) == 1 or "memory" in sys.argv:
        memory()
