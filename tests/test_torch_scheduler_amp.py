"""The torch scheduler and mixed precision: updates that the scaler leaves out."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scheduled import ALONE, now, one_line, sgd
from stepsize import StepsizeError
from stepsize.adapters.torch import Scheduler
from subjects import assert_close

pytestmark = ALONE


class Mixed:
    """A loop with a GradScaler, in which some gradients are infinite; counts what the optimizer really did."""

    def __init__(self, growth_interval=2, init_scale=1024.0, before=True):
        self.optimizer, self.before, self.made = sgd(), before, 0
        self.scaler = torch.amp.GradScaler("cpu", init_scale=init_scale, growth_interval=growth_interval)
        self.scheduler = Scheduler(self.optimizer, "linear(1, 0, 100)")
        self.optimizer.register_step_post_hook(self._count)

    def _count(self, *_):
        self.made += 1

    def batch(self, broken):
        (one,) = self.optimizer.param_groups[0]["params"]
        self.optimizer.zero_grad()
        self.scaler.scale(one.sum()).backward()
        if broken:
            one.grad[0] = math.inf
        self.scaler.step(self.optimizer)
        if self.before:
            self.scheduler.step(skipped=self.scaler)
        self.scaler.update()
        if not self.before:
            self.scheduler.step(skipped=self.scaler)

    def continued(self):
        """A new process: everything built anew and loaded."""
        new = Mixed(before=self.before)
        new.scheduler.load_state_dict(self.scheduler.state_dict())
        new.scaler.load_state_dict(self.scaler.state_dict())
        new.optimizer.load_state_dict(self.optimizer.state_dict())
        new.made = self.made
        return new


@pytest.mark.parametrize("before", [True, False], ids=["before update()", "after update()"])
@given(
    broken=st.lists(st.booleans(), min_size=1, max_size=12),
    interval=st.integers(1, 3),
    stop=st.integers(0, 12),
)
def test_an_update_that_the_scaler_left_out_does_not_count(before, broken, interval, stop):
    loop = Mixed(interval, before=before)
    for i, one in enumerate(broken):
        loop = loop.continued() if i == stop else loop
        loop.batch(one)
        assert loop.scheduler.last_epoch == loop.made
    assert_close(now(loop.optimizer), [0.1 * (1 - loop.made / 100)])


def test_a_scaler_that_has_been_at_work_before_the_scheduler_came():
    loop = Mixed(growth_interval=100, before=False)
    for one in (True, True, False):
        loop.batch(one)
    loop.scheduler, loop.made = Scheduler(loop.optimizer, "linear(1, 0, 100)"), 0
    loop.batch(False)  # the scale is lower than it began: no sign of a skip
    assert loop.scheduler.last_epoch == 1


@pytest.mark.parametrize(
    ("skipped", "counts"),
    [
        (True, False),
        (False, True),
        (None, True),
        (torch.tensor(True), False),
        (torch.tensor([0.0]), True),
        (np.bool_(True), False),
        (1, False),
        (torch.amp.GradScaler("cpu", enabled=False), True),
    ],
    ids=["True", "False", "None", "tensor", "tensor of one", "NumPy", "1", "a disabled scaler"],
)
def test_whether_an_update_was_skipped_can_be_said(skipped, counts):
    scheduler = Scheduler(sgd(), "plateau(0.5, 0)")
    for _ in range(3):
        scheduler.step(loss=1.0, skipped=skipped)
    assert scheduler.last_epoch == 3 * counts
    assert now(scheduler.optimizer) == [0.025 if counts else 0.1]  # and a controller sees nothing of it


def test_what_was_seen_of_a_skipped_update_does_not_stand_for_the_next():
    scheduler = Scheduler(sgd(), "infrared()")
    scheduler.see(loss=1.0)
    scheduler.step(skipped=True)
    with pytest.raises(StepsizeError, match="needs the loss"):
        scheduler.step()


def test_an_object_that_says_nothing_is_no_answer():
    with pytest.raises(StepsizeError, match="skipped must be True, False or a torch GradScaler") as error:
        Scheduler(sgd(), "cosine(9)").step(skipped=object())
    assert one_line(error)
