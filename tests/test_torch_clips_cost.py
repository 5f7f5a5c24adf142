"""What clips on torch optimizers cost: no number is read back, one copy is kept."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from clipped import BOTH, OPTIMIZERS, parameters, twin_clip, twin_clip_norm
from stepsize.adapters.torch.clips import arithmetic, norms
from stepsize.adapters.torch.clips.hung import clip_update


class Reads(TorchDispatchMode):
    """Counts what waits for an accelerator: a number read back into Python."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        waits = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.equal.default)
        self.count += func in waits or func is torch.ops.aten.nonzero.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("answer", "reads"), [("ignore", 0), ("zero", 0), ("raise", 1), ("skip", 1)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("attach", BOTH)
def test_how_many_numbers_are_read_back(attach, dtype, answer, reads, monkeypatch):
    monkeypatch.setattr(norms, "reads_free", lambda device: False)
    monkeypatch.setattr(arithmetic, "reads_free", lambda device: False)
    params = parameters(dtype=dtype)
    optimizer = torch.optim.SGD(params, lr=0.1)
    several = ("clip_norm(1) | clip(0.01)", twin_clip_norm(1), twin_clip(0.1))
    attach(optimizer, several, on_nonfinite=answer)
    optimizer.step()
    with Reads() as mode:
        optimizer.step()
    assert mode.count == reads


def test_one_copy_is_kept_between_steps():
    params = parameters()
    optimizer = OPTIMIZERS["Adam"](params)
    clipping = clip_update(optimizer, "clip_norm(1) | clip(0.01)")
    kept = []
    for _ in range(2):
        optimizer.step()
        kept.append({one.data_ptr(): one.numel() for one in clipping._snapshot._buffers.values()})
    assert kept[0] == kept[1]
    assert sum(kept[0].values()) == sum(one.numel() for one in params)
    clipping.remove()
    assert clipping._snapshot is None
