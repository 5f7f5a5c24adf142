"""Clips on torch optimizers whose parameters several processes share."""

from __future__ import annotations

import subprocess
import sys

RANKS = """
import os, sys
import torch
import torch._dynamo  # DTensor imports it, in both processes at once if nobody did before
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from stepsize import StepsizeError, clip
from stepsize.adapters.torch.clips.hung import clip_gradients, clip_update
from stepsize.adapters.torch.clips.norms import grad_norm

class twin_clip(clip): ...

torch.set_num_threads(1)
rank = 0 if os.fork() else 1  # one import for both
distributed.init_process_group("gloo", rank=rank, world_size=2, init_method=f"file://{sys.argv[1]}/meeting")
mesh = init_device_mesh("cpu", (2,))

def part(whole, placement):
    return whole if placement is None else distribute_tensor(whole, mesh, [placement])

def run(placements, clips, attach, answer="raise", odd=None):
    random = torch.Generator().manual_seed(0)
    params, grads = [], []
    for shape, placement in zip([(5, 3), (3,), (2, 2), (1, 4)], placements):
        params.append(torch.nn.Parameter(part(torch.randn(shape, generator=random), placement)))
        grads.append(torch.randn(shape, generator=random))
    if odd is not None:
        grads[0][0, 0] = odd  # the first process has it
    optimizer = torch.optim.SGD(params, lr=0.5, momentum=0.9)
    attach(optimizer, clips, on_nonfinite=answer)
    for _ in range(2):
        for param, grad, placement in zip(params, grads, placements):
            param.grad = part(grad.clone(), placement)
        length = grad_norm(params).item()
        optimizer.step()
    whole = [one.full_tensor() if hasattr(one, "full_tensor") else one for one in params]
    return [length, *[one.detach() for one in whole]]

placements = [Shard(0), None, Replicate(), Shard(1)]
for attach in (clip_update, clip_gradients):
    for clips in ("clip_norm(0.3)", "clip_norm(0.5) | clip(0.02)"):
        for one, other in zip(run(placements, clips, attach), run([None] * 4, clips, attach), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)
    for clips, odd, why in (
        ("clip(1)", float("nan"), "1 of 15 elements of the gradient of parameter 0"),
        (twin_clip(1), None, "parameter 0 of group 0, shape (5, 3) is sharded (a DTensor), which twin_clip(1) cannot"),
    ):
        try:
            run(placements, clips, attach, odd=odd)
        except StepsizeError as error:
            assert why in str(error), error
        else:
            raise AssertionError("not raised")
    skipped = run(placements, "clip(1)", attach, "skip", float("nan"))
    begun = torch.randn((5, 3), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(skipped[1], begun, rtol=0, atol=0)

weight = part(torch.zeros(4), Shard(0))
weight.grad = part(torch.tensor([3e30, 0.0, 4e30, 0.0]), Shard(0))
assert abs(grad_norm([weight]).item() / 5e30 - 1) < 1e-6
naive = torch.linalg.vector_norm(weight.grad / 1e30).item()  # known difference: what torch reads is this rank's part
assert abs(naive - (3, 4)[rank]) < 1e-5, naive
summed = part(torch.zeros(2), Replicate())
summed.grad = DTensor.from_local(torch.tensor([3.0, 4.0]) / 2, mesh, [Partial()])
assert abs(grad_norm([summed]).item() - 5) < 1e-6
optimizer = torch.optim.SGD([torch.nn.Parameter(summed)], lr=1.0)
optimizer.param_groups[0]["params"][0].grad = summed.grad
clip_gradients(optimizer, "clip_norm(1)")
optimizer.step()
torch.testing.assert_close(summed.full_tensor(), torch.tensor([-0.6, -0.8]))
distributed.destroy_process_group()
if rank == 1:
    os._exit(0)
_, status = os.wait()
assert status == 0, "the other process failed"
print("agreed")
"""


def test_two_processes_that_share_the_parameters(tmp_path):
    command = [sys.executable, "-c", RANKS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "agreed\n", done.stderr
