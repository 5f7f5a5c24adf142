"""Every decision of a scheduler is kept until it is read, with its place and the update that it acts on."""

import copy

import torch

from stepsize.adapters.torch import Scheduler
from stepsize.adapters.torch.heard import _MOST


def made(expression, **options):
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "name": name} for name in ("body", "head")]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    return optimizer, Scheduler(optimizer, expression, **options)


def stepped(optimizer, scheduler, losses):
    for loss in losses:
        optimizer.step()
        scheduler.step(loss=loss)


def test_a_later_one_writes_over_none():
    optimizer, scheduler = made("bold_driver()")
    stepped(optimizer, scheduler, [3.0, 2.0, 1.0, 4.0])
    assert len(scheduler.decisions) == 3
    assert scheduler.why == scheduler.decisions[-1].told
    assert [one.step for one in scheduler.decisions] == [2, 3, 4]


def test_each_names_its_group_and_its_factor():
    optimizer, scheduler = made({"head": "plateau(0.5, patience=1)", "body": "plateau(0.1, patience=2)"})
    stepped(optimizer, scheduler, [1.0] * 5)
    found = [(one.step, one.kind, one.group, one.factor) for one in scheduler.decisions]
    assert found == [(3, "plateau", "head", 0.5), (4, "plateau", "body", 0.1), (5, "plateau", "head", 0.5)]


def test_what_is_seen_before_an_update_acts_on_it():
    optimizer, scheduler = made("plateau(0.5, patience=0, watch='metric')")
    stepped(optimizer, scheduler, [None, None])
    scheduler.see(metric=1.0)
    scheduler.see(metric=1.0)
    assert [one.step for one in scheduler.decisions] == [2]


def test_a_schedule_decides_nothing_and_a_copy_keeps_what_was_decided():
    optimizer, scheduler = made("cosine()", total_steps=4)
    stepped(optimizer, scheduler, [None] * 3)
    assert scheduler.decisions == ()
    optimizer, scheduler = made("plateau(0.5, patience=0)")
    stepped(optimizer, scheduler, [1.0, 1.0])
    assert copy.deepcopy(scheduler).decisions == scheduler.decisions != ()


def test_they_fill_no_memory():
    optimizer, scheduler = made("bold_driver(grow=1.0001)")
    stepped(optimizer, scheduler, [1.0 / (1 + i) for i in range(_MOST + 50)])
    assert len(scheduler.decisions) == _MOST
    assert scheduler.decisions[-1].step == _MOST + 50
