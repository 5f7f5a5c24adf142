"""The presets against megatron itself, where it is installed: every update, past the end included."""

import numpy as np
import pytest

from peers import library, optimizer, rates, same
from stepsize import presets

MEGATRON = [
    *((0.01, 0.3, low, 10, 100, style) for low in (0.0, 0.03) for style in ("constant", "linear", "cosine")),
    (0.0, 0.3, 0.03, 0, 100, "cosine"),
    (0.0, 0.3, 0.03, 0, 100, "inverse-square-root"),
    (0.0, 0.3, 0.12, 10, 100, "inverse-square-root"),
    (0.0, 0.3, 0.0, 10, 100, "inverse-square-root"),
    *((0.0, 0.3, 0.03, 10, 100, "WSD", 20, style) for style in ("linear", "cosine", "exponential", "minus_sqrt")),
    (0.0, 0.3, 0.03, 10, 100, "WSD", 95, "linear"),
]


@pytest.mark.parametrize("values", MEGATRON, ids=str)
def test_equals_megatron_at_every_step(values):
    theirs = library("megatron.core.optimizer_param_scheduler")
    init, top, low, warm, decay, style, *wsd = values
    more = dict(zip(("wsd_decay_steps", "lr_wsd_decay_style"), wsd, strict=False))
    built = optimizer()
    scheduler = theirs.OptimizerParamScheduler(
        built, init, top, low, warm, decay, style, 0.01, 0.1, 50, "cosine", **more
    )
    found, decays = [], []
    for _ in range(160):
        found.append(built.param_groups[0]["lr"])
        decays.append(built.param_groups[0]["weight_decay"])
        scheduler.step(1)
    same(rates(presets.megatron.OptimizerParamScheduler(*values), 160), np.array(found))
    same(rates(presets.megatron.get_wd(0.01, 0.1, 50, "cosine"), 160), np.array(decays))


@pytest.mark.parametrize(("start", "end", "style"), [(0.1, 0.1, "constant"), (0.0, 0.1, "linear"), (0, 0, "linear")])
def test_the_weight_decay_of_megatron(start, end, style):
    theirs = library("megatron.core.optimizer_param_scheduler")
    built, found = optimizer(), []
    scheduler = theirs.OptimizerParamScheduler(built, 0, 0.3, 0, 10, 100, "cosine", start, end, 50, style)
    for _ in range(100):
        found.append(built.param_groups[0]["weight_decay"])
        scheduler.step(1)
    same(rates(presets.megatron.get_wd(start, end, 50, style), 100), np.array(found))
