"""The fast step of a torch scheduler: values out of tables are those that a course writes one by one."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduled import ALONE
from stepsize.adapters.torch import Scheduler
from stepsize.course import rows

pytestmark = ALONE

SCHEDULES = ["warmup(3) >> cosine(20)", "linear(1, 0.5, 30)", "constant(0.7)", "0.02 * exponential(0.9, every=1)"]
FIELDS = ["lr", "weight_decay", "betas.0", "eps"]


def adam(groups, tensors):
    made = [
        {"params": [torch.nn.Parameter(torch.ones(2))], "lr": rate, "name": f"g{i}"} for i, rate in enumerate(groups)
    ]
    if tensors:
        made = [{**one, "lr": torch.tensor(one["lr"], dtype=torch.float64)} for one in made]
    return torch.optim.Adam(made, weight_decay=0.01)


def held(optimizer):
    return [
        [float(group["lr"]), group["weight_decay"], *group["betas"], group["eps"]] for group in optimizer.param_groups
    ]


@settings(max_examples=40)
@given(
    groups=st.lists(st.sampled_from([0.1, 0.1, 0.03]), min_size=1, max_size=4),
    parts=st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(SCHEDULES[:3]), min_size=1),
    tensors=st.booleans(),
    start=st.sampled_from([0, 1, 1015, 2030, 4090]),
)
def test_a_step_out_of_tables_writes_what_the_course_says(groups, parts, tensors, start):
    fast = Scheduler(adam(groups, tensors), parts, done=start)
    slow = Scheduler(adam(groups, tensors), parts, done=start)
    course = slow.course
    for _ in range(25):
        fast.step()
        course = course.made()
        rows.write(course, slow._rows, slow._knobs)
        assert held(fast.optimizer) == held(slow.optimizer)
        assert fast.course == course
    assert all(isinstance(one["lr"], torch.Tensor) == tensors for one in fast.optimizer.param_groups)


@pytest.mark.parametrize("parts", [{"lr": SCHEDULES[0]}, {"lr": SCHEDULES[0], "weight_decay": SCHEDULES[1]}], ids=len)
def test_a_number_that_became_a_tensor_is_filled_in_place(parts):
    scheduler = Scheduler(adam([0.1], tensors=False), parts)
    scheduler.step()
    (group,) = scheduler.optimizer.param_groups
    group["lr"] = tensor = torch.tensor(0.5, dtype=torch.float64)
    scheduler.step()
    assert group["lr"] is tensor
    assert float(tensor) == scheduler.get_last_lr()[0]


def test_a_group_that_comes_between_two_blocks_is_scheduled_from_the_next_step():
    scheduler = Scheduler(adam([0.1], tensors=False), {"lr": SCHEDULES[0], "weight_decay": SCHEDULES[1]})
    for _ in range(5):
        scheduler.step()
    scheduler.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.4})
    scheduler.step()
    first, second = scheduler.optimizer.param_groups
    assert second["lr"] == pytest.approx(4 * first["lr"])
    assert second["weight_decay"] == first["weight_decay"]
