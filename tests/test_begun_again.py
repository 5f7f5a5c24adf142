"""A resume that loads the optimizer and forgets the scheduler: one warning; every other way to begin is silent."""

import copy
import pickle

import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR

from scheduled import ALONE
from stepsize.adapters.torch import PlateauScheduler, Scheduler, optimizer

pytestmark = ALONE

TEXT = "warmup(10) >> cosine()"


def adam(**more):
    return torch.optim.AdamW([torch.nn.Parameter(torch.ones(2))], lr=0.1, **more)


def sgd(**more):
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1, momentum=0.9, **more)


def train(scheduler, updates, optimizer=None):
    optimizer = optimizer or scheduler.optimizer
    for _ in range(updates):
        for group in optimizer.param_groups:
            for one in group["params"]:
                one.grad = torch.ones_like(one)
        optimizer.step()
        scheduler.step()


def checkpoint(build=adam, updates=30):
    scheduler = Scheduler(build(), TEXT, 100)
    train(scheduler, updates)
    return scheduler.optimizer.state_dict(), scheduler.state_dict()


SAYS = r"has made 30 updates under a schedule, and this one begins at update 0.*Scheduler\(…, done=30\).*done=0"


@pytest.mark.parametrize("order", ["loaded, then built", "built, then loaded"])
@pytest.mark.parametrize("kind", [Scheduler, PlateauScheduler])
def test_a_scheduler_that_was_not_loaded_is_told_once(order, kind):
    made, new = checkpoint()[0], adam()
    if order == "built, then loaded":
        scheduler = kind(new, TEXT, 100)
    new.load_state_dict(made)
    if order == "loaded, then built":
        scheduler = kind(new, TEXT, 100)
    with pytest.warns(UserWarning, match=SAYS) as told:
        train(scheduler, 5)
    assert len(told) == 1


def test_an_optimizer_without_a_counter_tells_by_its_rate():
    made, new = checkpoint(sgd)[0], sgd()
    scheduler = Scheduler(new, TEXT, 100)
    new.load_state_dict(made)
    with pytest.warns(UserWarning, match=r"held 0\.0883 of 0\.1, and this one begins at update 0.*done=…") as told:
        train(scheduler, 5)
    assert len(told) == 1


def load_both(new, made):
    scheduler = Scheduler(new, TEXT, 100)
    new.load_state_dict(made[0])
    scheduler.load_state_dict(made[1])
    return scheduler


def scheduler_first(new, made):
    scheduler = Scheduler(new, TEXT, 100)
    scheduler.load_state_dict(made[1])
    new.load_state_dict(made[0])
    return scheduler


def optimizer_first(new, made):
    new.load_state_dict(made[0])
    scheduler = Scheduler(new, TEXT, 100)
    scheduler.load_state_dict(made[1])
    return scheduler


def begun(**more):
    def build(new, made):
        new.load_state_dict(made[0])
        return Scheduler(new, TEXT, 100, **more)

    return build


def stepped_up(new, made):
    scheduler = begun()(new, made)
    for _ in range(30):
        scheduler.step()
    return scheduler


def by_hand(new, made):
    scheduler = begun()(new, made)
    scheduler.last_epoch = 30
    return scheduler


def the_same_at_any_step(new, made):
    new.load_state_dict(made[0])
    return Scheduler(new, "0.05 * constant()")


def restarted(new, made):
    new.load_state_dict(made[0])
    scheduler = Scheduler(new, "linear()", 50, on_change="restart")
    scheduler.load_state_dict(made[1])
    return scheduler


HEALTHY = [
    load_both,
    scheduler_first,
    optimizer_first,
    begun(done=30),
    begun(done=0),
    begun(last_epoch=29),
    stepped_up,
    by_hand,
    the_same_at_any_step,
    restarted,
]


@pytest.mark.parametrize("kind", [adam, sgd])
@pytest.mark.parametrize("build", HEALTHY, ids=lambda one: one.__qualname__.partition(".")[0])
def test_every_other_way_to_go_on_is_silent(kind, build):
    train(build(kind(), checkpoint(kind)), 5)


@pytest.mark.parametrize("kind", [adam, sgd])
def test_a_second_schedule_on_an_optimizer_of_this_process_is_silent(kind):
    first = Scheduler(kind(), TEXT, 100)
    train(first, 30)
    second = Scheduler(first.optimizer, TEXT, 50)
    train(second, 5)
    second.optimizer.load_state_dict(copy.deepcopy(second.optimizer.state_dict()))
    train(second, 5)
    theirs = kind()
    train(LambdaLR(theirs, lambda t: 1 / (t + 1)), 5)
    train(Scheduler(theirs, TEXT, 50), 5)


def test_a_rate_that_nothing_moves_is_silent():
    made, new = checkpoint(sgd)[0], sgd()
    scheduler = Scheduler(new, "constant()")
    new.load_state_dict(made)
    train(scheduler, 5)


@pytest.mark.parametrize("count", [float("nan"), float("inf")])
def test_a_damaged_counter_is_silent(count):
    made, new = checkpoint()[0], adam()
    made["state"][0]["step"] = torch.tensor(count)
    made["param_groups"][0]["lr"] = 0.01  # the rate of its first update
    scheduler = Scheduler(new, TEXT, 100)
    new.load_state_dict(made)
    train(scheduler, 1)


@pytest.mark.parametrize("kind", [adam, sgd])
def test_an_optimizer_that_trained_without_a_schedule_is_silent(kind):
    old = kind()
    train(Scheduler(kind(), TEXT, 100), 10, old)
    new = kind()
    scheduler = Scheduler(new, TEXT, 100)
    new.load_state_dict(old.state_dict())
    train(scheduler, 5)
    train(Scheduler(old, TEXT, 100), 5)


@pytest.mark.parametrize("kind", [adam, sgd])
def test_going_back_to_the_start_is_silent(kind):
    scheduler = Scheduler(kind(), TEXT, 100)
    start = copy.deepcopy(scheduler.optimizer.state_dict())
    for _ in range(3):
        scheduler.optimizer.load_state_dict(start)
        train(scheduler, 3)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))], ids=["copy", "pickle"])
def test_a_copy_is_silent_and_an_epochs_scheduler_too(copied):
    scheduler = Scheduler(adam(), TEXT, 100)
    train(scheduler, 30)
    train(copied(scheduler), 5)
    each_epoch = Scheduler(adam(), TEXT, 100)
    for _ in range(3):
        for _ in range(8):
            each_epoch.optimizer.param_groups[0]["params"][0].grad = torch.ones(2)
            each_epoch.optimizer.step()
        each_epoch.step()


def test_a_whole_strategy_brings_its_schedule_with_it():
    def build():
        return optimizer([torch.nn.Parameter(torch.ones(2))], f"adam() | 0.1 * ({TEXT})", 100)

    def steps(made, count):
        for _ in range(count):
            made.param_groups[0]["params"][0].grad = torch.ones(2)
            made.step()

    old, new, lost = build(), build(), build()
    steps(old, 30)
    new.load_state_dict(copy.deepcopy(old.state_dict()))
    steps(new, 5)
    assert new.scheduler.last_epoch == 35
    lost.load_state_dict({key: one for key, one in old.state_dict().items() if key != "schedule"})
    with pytest.warns(UserWarning, match=r"^optimizer: the optimizer has made 30 updates under a schedule"):
        steps(lost, 5)
