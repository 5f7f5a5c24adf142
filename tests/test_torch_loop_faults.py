"""What is wrong with the loop around a torch scheduler is told once; healthy loops are silent: warnings are errors."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import ExponentialLR, LambdaLR, LinearLR, SequentialLR

from scheduled import now, sgd, stepped, weight
from stepsize import StepsizeError
from stepsize.adapters.torch import PlateauScheduler, Scheduler, optimizer


def update(made):
    for group in made.param_groups:
        for one in group["params"]:
            one.grad = torch.ones_like(one)
    made.step()


# a number without a name


@pytest.mark.parametrize("text", ["plateau(0.5, patience=2)", "plateau(0.5, patience=2, watch='metric')"])
@pytest.mark.parametrize("first", [0, 1])
def test_the_number_of_the_epoch_is_no_loss(text, first):
    scheduler = Scheduler(sgd(), text)
    update(scheduler.optimizer)
    with pytest.raises(
        StepsizeError, match=r"may be an epoch or a metric.*write step\(\).*a metric has a name: step\("
    ):
        scheduler.step(first)
    assert (scheduler.last_epoch, now(scheduler.optimizer)) == (0, [0.1])


def test_a_count_that_begins_later_is_seen_at_its_second_number():
    scheduler = Scheduler(sgd(), "plateau(0.5, patience=2)")
    scheduler.optimizer.step()
    scheduler.step(45)
    scheduler.optimizer.step()
    with pytest.raises(StepsizeError, match=r"done=46\) begins at one"):
        scheduler.step(46)


@pytest.mark.parametrize("given", [{"epoch": 25}, {"epoch": 0.5}, {"epoch": 0}])
def test_an_epoch_by_name_is_not_swallowed(given):
    scheduler = Scheduler(sgd(), "multistep(10, 20, 30)")
    with pytest.raises(StepsizeError, match="step takes no epoch"):
        scheduler.step(**given)
    with pytest.raises(StepsizeError, match="step takes no epoch"):
        Scheduler(sgd(), "plateau(0.5, 1)").step(3.0, **given)
    with pytest.raises(StepsizeError, match=r"done=25\) begins at one"):
        scheduler.step(25)


def test_the_epoch_that_a_step_leads_to_is_understood():
    scheduler = Scheduler(sgd(), "linear(1, 0, 10)")
    for epoch in (1, 3, 5):
        update(scheduler.optimizer)
        scheduler.step(epoch)
        update(scheduler.optimizer)
        scheduler.step(epoch=scheduler.last_epoch + 1)
    assert now(scheduler.optimizer) == [pytest.approx(0.04)]


def test_a_number_that_nothing_looks_at_is_told_once():
    scheduler = Scheduler(sgd(), "cosine(9)")
    update(scheduler.optimizer)
    with pytest.warns(UserWarning, match=r"step\(0.25\) brings a number that nothing in cosine\(9\) looks at") as told:
        scheduler.step(0.25)
    assert len(told) == 1
    update(scheduler.optimizer)
    scheduler.step(0.5)
    assert scheduler.last_epoch == 2


def test_metrics_without_a_name_are_taken_as_ever():
    by_loss = Scheduler(sgd(), "plateau(0.5, 0)")
    for loss in (3, 1.0, torch.tensor(1.0), 1):  # whole numbers too, where they do not count
        update(by_loss.optimizer)
        by_loss.step(loss)
    assert now(by_loss.optimizer) == [0.1 * 0.25]
    by_metric = PlateauScheduler(sgd(), "plateau(0.5, 0, watch='metric')")
    for metric in (3, 3, 5):
        update(by_metric.optimizer)
        by_metric.step(metric)
    assert now(by_metric.optimizer) == [0.1 * 0.25]
    alone = PlateauScheduler(sgd(), "linear(1, 0, 10)")  # hosts hand it a metric whatever it does
    for epoch in range(3):
        update(alone.optimizer)
        alone.step(epoch)
    assert alone.last_epoch == 3


def test_epochs_for_a_plateau_scheduler_are_refused():
    scheduler = PlateauScheduler(sgd(), "plateau(0.5, 0, watch='metric')")
    update(scheduler.optimizer)
    scheduler.step(0)
    with pytest.raises(StepsizeError, match="may be an epoch or a metric"):
        scheduler.step(1)
    with pytest.raises(StepsizeError, match="takes no epoch"):
        scheduler.step(1.0, 3)


# updates


def test_steps_without_updates_are_told():
    scheduler = Scheduler(sgd(), "cosine()", total_steps=100)
    scheduler.step()
    with pytest.warns(UserWarning, match=r"step\(\) was called twice and this optimizer has made no update"):
        scheduler.step()
    for _ in range(9):
        scheduler.step()


def test_a_schedule_of_another_optimizer_than_the_one_that_trains_is_told():
    one = weight()
    trained, scheduled = (torch.optim.SGD([one], lr=0.1) for _ in range(2))
    scheduler = Scheduler(scheduled, "cosine(9)")
    update(trained)
    scheduler.step()
    update(trained)
    with pytest.warns(UserWarning, match="schedule the optimizer that trains"):
        scheduler.step()
    waiting = PlateauScheduler(scheduled, "plateau(0.5, 3, watch='metric')")
    update(trained)
    waiting.step(1.0)
    with pytest.warns(UserWarning, match="schedule the optimizer that trains"):
        waiting.step(1.0)


@pytest.mark.parametrize("updates", [1, 16])
def test_a_step_before_the_first_update_is_told(updates):
    scheduler = Scheduler(sgd(), "cosine(9)")
    scheduler.step()
    for _ in range(updates):
        update(scheduler.optimizer)
    with pytest.warns(UserWarning, match="the first value of the schedule was never used"):
        scheduler.step()


def test_updates_that_mixed_precision_left_out_are_no_fault():
    for hand_over in (True, False):
        one = weight()
        made = torch.optim.SGD([one], lr=0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
        scheduler = Scheduler(made, "cosine(9)")
        for size in (float("inf"), float("inf"), 1.0, 1.0):
            made.zero_grad()
            scaler.scale((one * size).sum()).backward()
            scaler.step(made)
            scheduler.step(skipped=scaler if hand_over else None)
            scaler.update()


ONCE_AN_EPOCH = [
    ({"total_steps": 48, "steps_per_epoch": 16}, 16),
    ({"total_steps": 48, "batch_size": 32}, 16),
    ({"total_steps": 48, "tokens_per_step": 1000}, 16),
    ({"total_steps": 1000, "steps_per_epoch": 10}, 10),
    ({"total_steps": 3 * 391}, 391),  # CIFAR-10 in batches of 128
    ({"total_steps": 10 * 46}, 46),
]
BY_PLAN = [
    ({"total_steps": 3}, 16),  # planned in epochs
    ({"total_steps": 100}, 50),  # so too, and 50 is a divisor of many a round number
    ({"total_steps": 48}, 16),  # may be either
    ({"total_steps": 90}, 391),
    ({"total_steps": 90, "steps_per_epoch": 1}, 391),
    ({}, 391),
    ({"total_steps": 1000, "steps_per_epoch": 10}, 1),
    ({"total_steps": 1000, "steps_per_epoch": 10}, 2),  # an optimizer that steps its groups one by one
]


def by_epochs(units, updates):
    scheduler = Scheduler(sgd(), "linear(1, 0.5, 1000)", **units)
    for _ in range(4):
        for _ in range(updates):
            update(scheduler.optimizer)
        scheduler.step()
    return scheduler.last_epoch


@pytest.mark.parametrize(("units", "updates"), ONCE_AN_EPOCH)
def test_a_plan_by_updates_that_is_stepped_by_epochs_is_told_once(units, updates):
    with pytest.warns(UserWarning, match=f"{updates} updates were made since the last step") as told:
        by_epochs(units, updates)
    assert len(told) == 1


@pytest.mark.parametrize(("units", "updates"), BY_PLAN)
def test_a_plan_by_epochs_is_right_and_what_may_be_one_is_not_accused(units, updates):
    assert by_epochs(units, updates) == 4


class Outer(torch.optim.Optimizer):
    """Steps an optimizer inside, on the same groups, by a call of another name, as SAM does."""

    def __init__(self, params):
        self.base_optimizer = torch.optim.SGD(params, lr=0.1)
        super().__init__(self.base_optimizer.param_groups, {})
        self.param_groups = self.base_optimizer.param_groups

    def second_step(self):
        self.base_optimizer.step()


def test_an_optimizer_around_another_makes_updates():
    one = weight()
    made = Outer([one])
    scheduler = Scheduler(made, "linear(1, 0, 10)", total_steps=10, steps_per_epoch=3)
    for _ in range(4):
        one.grad = torch.ones(2)
        made.second_step()
        scheduler.step()
    assert now(made) == [pytest.approx(0.06)]


@pytest.mark.filterwarnings("ignore", "error:Scheduler")
def test_a_compiled_step_is_not_compiled_again_and_not_accused():
    from torch._dynamo.testing import CompileCounter

    torch._dynamo.reset()
    counter, one = CompileCounter(), weight()
    made = torch.optim.SGD([one], lr=torch.tensor(0.1))
    scheduler = Scheduler(made, "linear(1, 0, 10)")
    step = torch.compile(made.step, backend=counter)
    one.grad = torch.ones(2)
    try:
        for _ in range(6):
            step()
            scheduler.step()
    finally:
        torch._dynamo.reset()
    assert counter.frame_count == 1
    assert now(made) == [pytest.approx(0.04)]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))], ids=["copy", "pickle"])
def test_a_copy_counts_the_updates_of_its_own_optimizer(copied):
    scheduler = Scheduler(sgd(), "linear(1, 0, 10)")
    twin = copied(scheduler)
    stepped(twin, 4)
    assert twin.last_epoch == 4
    again = copied(twin)
    again.step()
    with pytest.warns(UserWarning, match="no update"):
        again.step()


def test_everything_of_an_optimizer_can_be_pickled():
    made = sgd()
    Scheduler(made, "cosine(9)")
    kept = pickle.loads(pickle.dumps([*made._optimizer_step_pre_hooks.values()]))
    assert kept[0](made, (), {}) is None


# who writes the rate


def test_a_rate_set_by_hand_loses_to_an_initial_one_and_that_is_told():
    made = sgd()
    first = Scheduler(made, "cosine()", total_steps=100)
    made.param_groups[0]["lr"] = 0.02
    scheduler = Scheduler(made, "cosine()", total_steps=100)
    assert (now(made), first.last_epoch) == ([0.1], 0)
    with pytest.warns(
        UserWarning, match=r'group 0 was 0.02, but the schedule multiplies 0.1.*"0.02 \* …".*delete'
    ) as told:
        update(made)
    scheduler.step()
    assert len(told) == 1
    stepped(scheduler, 3)


def test_either_way_out_is_silent():
    for way in ("text", "delete"):
        made = sgd()
        first = Scheduler(made, "cosine()", total_steps=100)
        made.param_groups[0]["lr"] = 0.02
        if way == "delete":
            del made.param_groups[0]["initial_lr"]
        scheduler = Scheduler(made, "0.02 * linear(1, 0)" if way == "text" else "linear(1, 0)", total_steps=10)
        assert stepped(scheduler, 2) == [[0.02], [pytest.approx(0.018)]]
        assert first.last_epoch == 0


def test_a_second_stage_after_a_first_is_silent():
    made = sgd(0.1, 0.03)
    first = Scheduler(made, "linear(1, 0.2, 4)")
    stepped(first, 4)
    second = Scheduler(made, "linear(1, 0, 4)")
    assert stepped(second, 2) == [[0.1, 0.03], [pytest.approx(0.075), pytest.approx(0.0225)]]
    del first, second
    stepped(Scheduler(made, "linear(1, 0, 4)"), 2)


@pytest.mark.parametrize("order", ["optimizer first", "scheduler first", "built last"])
def test_a_resume_in_any_order_is_silent(order):
    def build(made):
        return Scheduler(made, "warmup(3) >> cosine()", total_steps=20)

    straight = build(sgd())
    stepped(straight, 6)
    saved = copy.deepcopy([straight.optimizer.state_dict(), straight.state_dict()])
    made = sgd()
    if order == "built last":
        made.load_state_dict(saved[0])
    again = build(made)
    if order == "optimizer first":
        made.load_state_dict(saved[0])
    again.load_state_dict(saved[1])
    if order == "scheduler first":
        made.load_state_dict(saved[0])
    assert stepped(again, 4) == stepped(straight, 4)


def test_a_restart_without_the_state_of_the_schedule_is_told():
    old = Scheduler(sgd(), "warmup(3) >> cosine()", total_steps=20)
    stepped(old, 6)
    made = sgd()
    made.load_state_dict(old.optimizer.state_dict())
    scheduler = Scheduler(made, "warmup(3) >> cosine()", total_steps=20)
    with pytest.warns(UserWarning, match="after a resume load the state"):
        update(made)
    scheduler.step()


def test_a_change_by_hand_in_the_middle_is_told_once():
    scheduler = Scheduler(sgd(), "linear(1, 0, 10)")
    stepped(scheduler, 5)
    scheduler.optimizer.param_groups[0]["lr"] = 0.02
    update(scheduler.optimizer)
    with pytest.warns(UserWarning, match=r'is 0.02 where the schedule had written 0.05.*"0.02 \* …"') as told:
        scheduler.step()
    assert len(told) == 1
    assert now(scheduler.optimizer) == [pytest.approx(0.04)]
    scheduler.optimizer.param_groups[0]["lr"] = 0.03
    update(scheduler.optimizer)
    scheduler.step()


@pytest.mark.parametrize("theirs_last", [True, False])
def test_a_second_schedule_on_the_same_optimizer_is_told(theirs_last):
    made = sgd()
    theirs, ours = ExponentialLR(made, 0.5), Scheduler(made, "linear(1, 0, 10)")
    both = [ours, theirs] if theirs_last else [theirs, ours]

    def train(updates):
        for _ in range(updates):
            update(made)
            for one in both:
                one.step()

    with pytest.warns(UserWarning, match="or leave the other schedule out") as told:
        train(5)
    assert len(told) == 1


def test_two_of_ours_on_different_numbers_are_silent():
    made = sgd()
    rate, decay = Scheduler(made, "linear(1, 0, 10)"), Scheduler(made, {"weight_decay": "linear(1, 0, 10)"})
    for _ in range(5):
        update(made)
        rate.step()
        decay.step()
    assert (now(made), now(made, "weight_decay")) == ([0.05], [0.005])


def test_a_warm_up_that_takes_itself_out_before_each_step_is_silent():
    """As pytorch_warmup's dampening does."""
    scheduler = Scheduler(sgd(), "linear(1, 0, 10)")
    group = scheduler.optimizer.param_groups[0]
    kept = group["lr"]
    for t in range(5):
        group["lr"] = kept * (t + 1) / 10
        update(scheduler.optimizer)
        group["lr"] = kept
        scheduler.step()
        kept = group["lr"]
    assert kept == 0.05


def test_a_schedule_that_nobody_steps_leaves_the_rate_to_others():
    scheduler = Scheduler(sgd(), "linear(1, 0, 10)")
    for rate in (1e-5, 1e-4, 1e-3):  # a search for a rate, before training
        scheduler.optimizer.param_groups[0]["lr"] = rate
        update(scheduler.optimizer)
    scheduler.write()
    assert stepped(scheduler, 2)[0] == [0.1]


def test_torchs_sequence_is_silent():
    made = sgd()
    parts = [LinearLR(made, 0.1, total_iters=3), Scheduler(made, "cosine(5)"), LambdaLR(made, lambda t: 0.5)]
    stepped(SequentialLR(made, parts, [3, 8]), 12)
    assert now(made) == [0.05]


def test_an_optimizer_that_steps_its_groups_one_by_one_keeps_its_bases():
    """As DeepSpeed's ZeRO does."""
    made = sgd(0.1, 0.03)
    scheduler = Scheduler(made, "linear(1, 0, 10)")
    for _ in range(3):
        whole = made.param_groups
        for group in whole:
            made.param_groups = [group]
            made.step()
        made.param_groups = whole
        scheduler.step()
    assert scheduler.base_lrs == [0.1, 0.03]
    assert now(made) == [pytest.approx(0.07), pytest.approx(0.021)]


def test_a_group_that_comes_late_is_scheduled_from_its_first_update_on():
    scheduler = Scheduler(sgd(), "cosine(100)")
    stepped(scheduler, 70)
    late = torch.nn.Parameter(torch.zeros(1))
    scheduler.optimizer.add_param_group({"params": [late], "lr": 1e-4, "momentum": 0.0, "weight_decay": 0.0})
    late.grad = torch.ones(1)
    factor = scheduler.get_last_lr()[0] / 0.1
    scheduler.optimizer.step()
    assert late.item() == pytest.approx(-1e-4 * factor)
    scheduler.step()
    assert now(scheduler.optimizer)[1] == pytest.approx(1e-3 * now(scheduler.optimizer)[0])


def test_a_late_group_does_not_call_back_a_schedule_that_is_over():
    made = sgd()
    first = Scheduler(made, "linear(1, 0.5, 4)")
    stepped(first, 4)
    theirs = LambdaLR(made, lambda t: 0.1)
    made.add_param_group({"params": [weight()], "lr": 0.03})
    update(made)
    assert now(made) == [pytest.approx(0.01), pytest.approx(0.015)]
    assert theirs.last_epoch == 0


@pytest.mark.parametrize("text", ["adam() | 0.01 * linear(1, 0)", "sgd() | 0.01 * plateau(0.5, 30) * linear(1, 0)"])
def test_a_strategy_tells_of_another_writer_once(text):
    one = weight()
    made = optimizer([one], text, total_steps=50)
    for _ in range(3):
        one.grad = torch.ones(2)
        made.step(loss=1.0)
    made.param_groups[0]["lr"] = 0.02
    with pytest.warns(UserWarning, match="optimizer: lr of group 0 is 0.02 where the schedule had written"):
        made.step(loss=1.0)
    for _ in range(2):
        made.param_groups[0]["lr"] = 0.02
        made.step(loss=1.0)
    assert made.scheduler.last_epoch == 6


def test_a_strategy_that_leaves_updates_out_or_has_groups_of_its_own_is_silent():
    one, two = weight(), weight()
    made = optimizer(
        [{"params": [one], "lr": 0.02}, {"params": [two]}], "sgd() | 0.01 * linear(1, 0)", 50, 10, on_nonfinite="skip"
    )
    for size in (float("nan"), 1.0, float("nan"), float("nan"), float("nan"), 1.0):
        one.grad, two.grad = torch.full((2,), size), torch.ones(2)
        made.step()
    assert (made.skipped, made.scheduler.last_epoch) == (4, 2)


@pytest.mark.parametrize("metrics", [(40, 52, 60, 61), (9, 7, 3, 3, 4), (5, 6, 7, 8), (2, 3, 4)])
@pytest.mark.parametrize("kind", [Scheduler, PlateauScheduler])
def test_a_whole_metric_is_no_epoch(kind, metrics):
    """The number of right answers may rise by one from one evaluation to the next."""
    made = sgd()
    scheduler = kind(made, "plateau(0.5, 9, watch='metric', mode='max')")
    for one in metrics:
        update(made)
        scheduler.step(one)


@pytest.mark.parametrize("first", [0, 1])
def test_epochs_handed_to_a_plateau_scheduler_are_told_by_the_second(first):
    made = sgd()
    scheduler = PlateauScheduler(made, "plateau(0.5, 2, watch='metric')")
    update(made)
    scheduler.step(first)
    update(made)
    with pytest.raises(StepsizeError, match=rf"step\({first + 1}\) may be an epoch or a metric"):
        scheduler.step(first + 1)


@pytest.mark.parametrize("whole", [torch.tensor, np.int64, np.array])
def test_an_epoch_in_an_array_is_one(whole):
    scheduler = Scheduler(sgd(), "plateau(0.5, patience=2)")
    update(scheduler.optimizer)
    with pytest.raises(StepsizeError, match=r"step\(1\) may be an epoch.*done=1"):
        scheduler.step(whole(1))


def test_a_tuple_entry_set_by_hand_is_told():
    made = torch.optim.AdamW([torch.nn.Parameter(torch.ones(2))], lr=0.1)
    scheduler = Scheduler(made, {"betas.0": "linear(1, 0.9, 10)"})
    stepped(scheduler, 3)
    made.param_groups[0]["betas"] = (0.5, 0.9)
    update(made)
    with pytest.warns(UserWarning, match=r"betas\.0 of group 0 is 0\.5"):
        scheduler.step()


@pytest.mark.parametrize("base", [float("nan"), float("inf")])
def test_a_base_that_is_no_number_is_refused(base):
    made = sgd()
    made.param_groups[0]["lr"] = base
    with pytest.raises(StepsizeError, match="lr of group 0 must be a number"):
        Scheduler(made, "cosine()", total_steps=9)


def test_a_rate_of_numpys_is_a_rate():
    made = sgd()
    made.param_groups[0]["lr"] = np.float32(0.5)
    assert Scheduler(made, "cosine()", total_steps=9).get_last_lr() == [0.5]


def test_no_expression_is_said():
    with pytest.raises(StepsizeError, match="there is no expression: write one"):
        Scheduler(sgd(), None)
