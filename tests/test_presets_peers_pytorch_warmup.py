"""The presets against pytorch_warmup itself, where it is installed: every update, past the end included."""

import numpy as np
import pytest
import torch

from peers import BASE, library, rates, same
from stepsize import presets


@pytest.mark.parametrize("name", presets.pytorch_warmup.__all__)
def test_equals_pytorch_warmup_at_every_step(name):
    theirs = library("pytorch_warmup")
    adam = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=BASE, betas=(0.9, 0.99))
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, 100)
    options = {"warmup_period": 10} if name in ("LinearWarmup", "ExponentialWarmup") else {}
    warmup, found = getattr(theirs, name)(adam, **options), []
    for _ in range(250):
        found.append(float(adam.param_groups[0]["lr"]))
        adam.step()
        with warmup.dampening():
            decay.step()
    preset = getattr(presets.pytorch_warmup, name)(**(options or {"beta2": 0.99}))
    same(rates(preset * presets.torch.CosineAnnealingLR(100), 250), np.array(found))


def test_untuned_warmups_cut_off_where_the_recipes_round():
    from stepsize import untuned_exponential, untuned_linear

    assert presets.pytorch_warmup.UntunedLinearWarmup(0.999).length == 1999
    assert untuned_linear(0.999).length == 2000
    assert presets.pytorch_warmup.UntunedExponentialWarmup(0.999).timescale == 999
    assert untuned_exponential(0.999).timescale == 1000
