"""What the tests of presets against the libraries themselves share.

What a library does that a preset does not is a test of its own. The libraries that cannot be installed beside the
others are in test_presets_by_hand.py.
"""

import importlib
import importlib.util
import sys
import warnings

import numpy as np
import pytest
import torch

from stepsize import rate

BASE = 0.3
CLOSE = 1e-12


def library(name):
    """A module of a library, without its import-time warnings; where the library is missing, the test is skipped."""
    whole = name.partition(".")[0]
    if whole not in sys.modules and importlib.util.find_spec(whole) is None:
        pytest.skip(f"{whole} is not installed: make test-peers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


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
