"""skorch builds a scheduler itself and hands it `last_epoch`: by epoch, by batch, with a metric, and continued."""

import numpy as np
import pytest
import torch

from stepsize import parse
from stepsize.adapters.torch import PlateauScheduler, Scheduler

skorch = pytest.importorskip("skorch")
from skorch.callbacks import LRScheduler  # noqa: E402

ROWS = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")


def net(epochs, **options):
    return skorch.NeuralNetRegressor(
        torch.nn.Linear(3, 1),
        max_epochs=epochs,
        lr=0.1,
        batch_size=16,
        train_split=None,
        verbose=0,
        callbacks=[("rate", LRScheduler(**options))],
    )


def rates(fitted):
    return fitted.history[:, "event_lr"]


def fit(one, how="fit"):
    return getattr(one, how)(ROWS, ROWS.sum(1, keepdims=True))


def test_by_epoch_and_continued():
    one = fit(net(5, policy=Scheduler, expression="cosine()", total_steps=10))
    wanted = parse("0.1 * cosine(10)")
    assert rates(one) == [wanted(t) for t in range(5)]
    assert rates(fit(one, "partial_fit")) == pytest.approx([wanted(t) for t in range(10)], rel=1e-12)


def test_by_batch():
    one = fit(net(5, policy=Scheduler, expression="cosine()", total_steps=20, step_every="batch"))
    assert one.history[-1, "batches", -1, "event_lr"] == pytest.approx(parse("0.1 * cosine(20)")(19), rel=1e-12)
    assert one.optimizer_.param_groups[0]["lr"] == 0


def test_a_plateau_gets_what_monitor_names():
    one = fit(
        net(6, policy=PlateauScheduler, monitor=lambda net: 1.0, expression="plateau(0.5, patience=1, watch='metric')")
    )
    assert rates(one)[0] == 0.1 > rates(one)[-1]
