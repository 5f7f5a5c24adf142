"""How skorch builds and steps a scheduler, written down here, so that it is tested where skorch is not installed."""

import pytest
from torch.optim.lr_scheduler import ReduceLROnPlateau

from scheduled import sgd
from stepsize import parse
from stepsize.adapters.torch import PlateauScheduler, Scheduler


def built(policy, optimizer, epochs_before, **options):
    """It counts the epochs of its history, −1 for none, unless it was told."""
    if policy is not ReduceLROnPlateau and "last_epoch" not in options:
        options["last_epoch"] = epochs_before - 1
    return policy(optimizer, **options)


@pytest.mark.parametrize("before", [0, 1, 7])
def test_a_policy_begins_after_the_epochs_of_the_history(before):
    scheduler = built(Scheduler, sgd(0.1), before, expression="cosine()", total_steps=10)
    assert scheduler.get_last_lr() == [parse("0.1 * cosine(10)")(before)]


def test_a_plateau_is_known_as_one_and_shown_its_metric():
    scheduler = built(PlateauScheduler, sgd(0.1), 0, expression="plateau(0.5, patience=1, watch='metric')")
    assert isinstance(scheduler, ReduceLROnPlateau)
    for _ in range(5):
        for _ in range(4):
            scheduler.optimizer.step()
        scheduler.step(1.0)
    assert scheduler.get_last_lr()[0] < 0.1
