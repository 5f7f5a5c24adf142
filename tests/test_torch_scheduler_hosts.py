"""The torch scheduler where others call it: torch's sequence, the type of ReduceLROnPlateau, hosts."""

import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR, LinearLR, SequentialLR

import stepsize as s
from scheduled import ALONE, now, sgd, stepped, tensor
from stepsize.adapters.torch import PlateauScheduler, Scheduler
from subjects import assert_close

pytestmark = ALONE

# inside torch's sequence


@pytest.mark.parametrize("lr", [0.1, tensor(0.1)], ids=["number", "tensor"])
def test_a_part_of_torchs_sequence(lr):
    optimizer = sgd(lr)
    rising = LinearLR(optimizer, 0.1, total_iters=5)
    falling = Scheduler(optimizer, "cosine(10)")
    whole = SequentialLR(optimizer, [rising, falling], [5])
    found = [row[0] for row in stepped(whole, 20)]
    assert_close(found, [0.1 * (0.1 + 0.9 * t / 5) for t in range(5)] + [0.1 * s.cosine(10)(t) for t in range(15)])
    assert falling.last_epoch == 15
    assert whole.get_last_lr() == falling.get_last_lr()


@pytest.mark.parametrize("text", ["linear(1, 0, 10)", "linear(1, 0, 10) * infrared()"])
@pytest.mark.parametrize("steps_back", [1, 2])
def test_a_part_that_waits_tells_its_first_rate(text, steps_back):
    scheduler = Scheduler(sgd(), text)
    scheduler.last_epoch -= steps_back  # as SequentialLR does, and again where it is a part itself
    assert scheduler.get_last_lr() == [0.1]
    scheduler.step(0)  # how the torch of some years begins a part
    assert (scheduler.last_epoch, now(scheduler.optimizer)) == (0, [0.1])


def test_the_first_part_of_torchs_sequence_also_when_it_has_begun():
    for done in (0, 3):
        optimizer = sgd()
        first = Scheduler(optimizer, "warmup(5)", done=done)
        whole = SequentialLR(optimizer, [first, LambdaLR(optimizer, lambda t: 0.5)], [5 - done])
        assert_close(
            [row[0] for row in stepped(whole, 8 - done)], [0.1 * (t + 1) / 5 for t in range(done, 5)] + [0.05] * 3
        )


def test_a_plateau_scheduler_is_refused_by_torchs_sequence():
    optimizer = sgd()
    with pytest.raises(ValueError, match="ReduceLROnPlateau"):
        SequentialLR(optimizer, [PlateauScheduler(optimizer, "cosine(5)"), LinearLR(optimizer)], [5])


# under the type of ReduceLROnPlateau


def test_a_plateau_scheduler_counts_the_optimizers_steps_and_takes_metrics():
    optimizer = sgd()
    scheduler = PlateauScheduler(optimizer, "linear(1, 0, 100) * plateau(0.5, 0, watch='metric')")
    for t in range(1, 11):
        optimizer.step()
        assert scheduler.last_epoch == t
        if t % 5 == 0:
            scheduler.step(1.0)
    assert_close(now(optimizer), [0.1 * 0.9 * 0.5])
    assert scheduler.get_last_lr() == now(optimizer)


def test_a_plateau_scheduler_hands_the_number_to_a_controller_of_the_loss():
    scheduler = PlateauScheduler(sgd(), "plateau(0.5, 0)")
    for _ in range(2):
        scheduler.step(torch.tensor(1.0))
    assert now(scheduler.optimizer) == [0.05]


def test_a_plateau_scheduler_continues_where_it_stopped():
    def fed(scheduler, ts):
        for t in ts:
            scheduler.optimizer.step()
            if t % 3 == 0:
                scheduler.step(abs(5 - t))
        return now(scheduler.optimizer), scheduler.state_dict()

    text = "cosine(30) * plateau(0.5, 0, watch='metric')"
    straight = fed(PlateauScheduler(sgd(), text), range(20))
    scheduler = PlateauScheduler(sgd(), text)
    fed(scheduler, range(9))
    again = PlateauScheduler(sgd(), text)
    again.load_state_dict(scheduler.state_dict())
    assert fed(again, range(9, 20)) == straight


# hosts


def test_accelerate_adds_to_the_count_while_it_accumulates():
    scheduler = Scheduler(sgd(), "cosine(9)")
    assert scheduler._step_count == 1
    scheduler.step()
    scheduler._step_count += 1
    scheduler.step()
    assert (scheduler._step_count, scheduler.last_epoch) == (4, 2)
    assert not hasattr(scheduler, "total_steps")
    again = Scheduler(sgd(), "cosine(9)")
    again.load_state_dict(scheduler.state_dict())
    assert again._step_count == 4
