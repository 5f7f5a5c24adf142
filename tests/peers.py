"""What the tests of presets against the libraries themselves share.

What a library does that a preset does not is a test of its own. The libraries that cannot be installed beside the
others are in test_presets_by_hand.py.
"""

import warnings

import numpy as np
import pytest
import torch

from stepsize import rate

BASE = 0.3
CLOSE = 1e-12


def library(name, package=None):
    """A module of an installed library, without its import-time warnings; the test is skipped without it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(package or name, exc_type=ImportError)


def rates(preset, steps, base=BASE):
    """Our rate of every update: a factor times the base, a rate as it is."""
    scale = 1.0 if isinstance(preset, rate) else base
    return np.array([scale * preset(t) for t in range(steps)])


def optimizer(base=BASE):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)


def used(built, scheduler, steps, step=lambda scheduler, t: scheduler.step()):
    """The rate that the optimizer holds when update t is made."""
    found = []
    for t in range(steps):
        found.append(float(built.param_groups[0]["lr"]))
        built.step()
        step(scheduler, t + 1)
    return np.array(found)


def same(ours, theirs, close=CLOSE):
    assert np.max(np.abs(ours - theirs)) < close
