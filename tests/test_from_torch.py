"""`from_torch` against the schedulers themselves: every class, every group, every step, past the end too."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch.optim import lr_scheduler as lrs
from torch.optim.swa_utils import SWALR

from told import CASES, ONECYCLES, SINGLE, assert_same, by_group, sequential, told

pytestmark = pytest.mark.filterwarnings("ignore:The epoch parameter", "ignore:Detected call")


@pytest.mark.parametrize(
    ("name", "kind", "options"), CASES, ids=[f"{name} {told(options)}" for name, _, options in CASES]
)
def test_every_class_alone(name, kind, options):
    assert_same(lambda optimizer: kind(optimizer, **options))


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
@pytest.mark.parametrize("options", ONECYCLES, ids=str)
def test_onecycle_with_its_momentum(options, kind):
    steps = options.get("total_steps", 100)
    made = assert_same(lambda optimizer: lrs.OneCycleLR(optimizer, **{"max_lr": 0.1} | options), steps, kind=kind)
    fields = set(by_group(made, 2)[0])
    momentum = {torch.optim.SGD: "momentum", torch.optim.AdamW: "betas.0"}[kind]
    assert fields == ({"lr", momentum} if options.get("cycle_momentum", True) else {"lr"})


@pytest.mark.parametrize("options", SINGLE["CyclicLR"][1], ids=told)
def test_cyclic_moves_the_first_beta_of_adam(options):
    made = assert_same(lambda optimizer: lrs.CyclicLR(optimizer, **options), kind=torch.optim.Adam)
    assert ("betas.0" in by_group(made, 2)[0]) == options.get("cycle_momentum", True)


@pytest.mark.parametrize(
    "build",
    [
        partial(lrs.CosineAnnealingLR, T_max=50, eta_min=0.02),
        partial(lrs.CosineAnnealingWarmRestarts, T_0=20, eta_min=0.02),
        partial(SWALR, swa_lr=0.05),
        partial(SWALR, swa_lr=0.05, anneal_strategy="linear"),
        partial(SWALR, swa_lr=0.05, anneal_epochs=0),
        partial(lrs.LinearLR, total_iters=10),
        sequential(
            partial(lrs.LinearLR, total_iters=10),
            partial(lrs.CosineAnnealingLR, T_max=5, eta_min=0.02),
            milestones=[10],
        ),
    ],
)
def test_a_base_rate_of_zero(build):
    assert_same(build, bases=(0.0, 0.3))


@pytest.mark.parametrize("name", SINGLE)
def test_rates_that_are_tensors(name):
    kind, rows = SINGLE[name]
    assert_same(lambda optimizer: kind(optimizer, **rows[0]), tensors=True)


def test_a_onecycle_whose_rates_are_tensors():
    assert_same(lambda optimizer: lrs.OneCycleLR(optimizer, 0.1, 50), 50, tensors=True)
