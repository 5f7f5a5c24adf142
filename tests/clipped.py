"""What the tests of clips on torch optimizers share: optimizers, gradients, the step that is bounded."""

from __future__ import annotations

import copy
import math

import torch

from stepsize import clip, clip_norm
from stepsize.adapters.torch.clips import closures
from stepsize.adapters.torch.clips.hung import clip_gradients, clip_update

BOTH = [clip_update, clip_gradients]
SHAPES = [(3, 4), (4,), (), (5, 2), (2, 3, 2)]
OPTIMIZERS = {
    "SGD": lambda params, **more: torch.optim.SGD(params, lr=0.5, **more),
    "SGD momentum": lambda params, **more: torch.optim.SGD(
        params, lr=0.5, momentum=0.9, nesterov=True, weight_decay=0.1, **more
    ),
    "Adam": lambda params, **more: torch.optim.Adam(params, lr=0.1, weight_decay=0.1, **more),
    "AdamW": lambda params, **more: torch.optim.AdamW(params, lr=0.1, weight_decay=0.1, amsgrad=True, **more),
    "RMSprop": lambda params, **more: torch.optim.RMSprop(params, lr=0.1, momentum=0.5, **more),
    "Adagrad": lambda params, **more: torch.optim.Adagrad(params, lr=0.5, **more),
    "Adadelta": lambda params, **more: torch.optim.Adadelta(params, lr=100.0, **more),
    "NAdam": lambda params, **more: torch.optim.NAdam(params, lr=0.1, **more),
    "RAdam": lambda params, **more: torch.optim.RAdam(params, lr=0.1, **more),
    "Adamax": lambda params, **more: torch.optim.Adamax(params, lr=0.1, **more),
    "ASGD": lambda params, **more: torch.optim.ASGD(params, lr=0.1, **more),
    "Rprop": lambda params, **more: torch.optim.Rprop(params, lr=0.1, **more),
    "Adafactor": lambda params, **more: torch.optim.Adafactor(params, lr=0.1, **more),
}
NAMED = ["clip(0.01)", "clip_norm(0.05)", "clip_norm(0.2) | clip(0.01)", "clip(0.01) | clip_norm(0.02)"]


class twin_clip(clip):
    """The same clip by another name: it must take the way that any clip takes."""


class twin_clip_norm(clip_norm):
    """The same for the norm."""


def tensors(seed=0, dtype=torch.float64, shapes=SHAPES, scale=1.0):
    random = torch.Generator().manual_seed(seed)
    return [(torch.randn(shape, generator=random, dtype=torch.float64) * scale).to(dtype) for shape in shapes]


def parameters(seed=0, **how):
    params = [torch.nn.Parameter(one) for one in tensors(seed, **how)]
    give_gradients(params, seed + 1)
    return params


def give_gradients(params, seed, scale=1.0):
    for param, grad in zip(params, tensors(seed, shapes=[one.shape for one in params], scale=scale), strict=True):
        param.grad = grad.to(param.dtype)


def values(params):
    return [one.detach().clone() for one in params]


def as_read(clips):
    return closures.read_clips("test", clips)


def free_step(optimizer):
    """Where the optimizer would go without clips: a copy of it has none."""
    free = copy.deepcopy(optimizer)
    originals = [one for group in optimizer.param_groups for one in group["params"]]
    copies = [one for group in free.param_groups for one in group["params"]]
    for original, one in zip(originals, copies, strict=True):
        one.grad = None if original.grad is None else original.grad.clone()
    free.step()
    return values(copies)


def bounded(old, free, clips):
    """What the core's clips allow."""
    return [
        before - limited
        for before, limited in zip(
            old, limited_by(clips, [a - b for a, b in zip(old, free, strict=True)], old), strict=True
        )
    ]


def limited_by(clips, flowing, params):
    """The core's clips, one after the other; an empty array is not theirs to see."""
    there = {str(i): one for i, one in enumerate(flowing) if one.numel()}
    for one in as_read(clips):
        there, _ = one.apply(there, {name: params[int(name)] for name in there})
    return [there.get(str(i), one) for i, one in enumerate(flowing)]


def assert_near(found, expected, rel=1e-12, absolute=1e-14):
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.detach(), other.detach(), rtol=rel, atol=absolute)


def assert_bits(found, expected):
    """Equal bit for bit: −0 is not 0, and every NaN counts."""
    for one, other in zip(found, expected, strict=True):
        one, other = one.detach(), other.detach()
        assert one.dtype == other.dtype
        whole = {2: torch.int16, 4: torch.int32, 8: torch.int64}[one.element_size()]
        assert torch.equal(one.contiguous().view(whole), other.contiguous().view(whole))


def norm_of(arrays):
    return math.hypot(*(float(one) for array in arrays for one in array.detach().double().flatten()))
