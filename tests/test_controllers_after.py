"""A controller that counts begins at `after`: in a Scheduler, in descend, saved and resumed, in text and in words."""

import json

import numpy as np
import pytest
import torch

from stepsize import StepsizeError, descend, from_json, parse, problems, seen, to_json
from stepsize.adapters.torch import Scheduler
from stepsize.course.course import begin_course
from stepsize.quantities import consult
from stepsize.telling.explain import explain

COUNTING = ["plateau(0.5, 1{})", "newbob(0.5{})", "greedy(0.5, 1{})", "spike(recovery=2{})", "bold_driver({})"]
LOSSES = {"spike": [1.0, 1.1] * 5 + [50.0] * 10}


def written(word, **more):
    told = ", ".join(f"{name}={one!r}" for name, one in more.items())
    return word.format(f", {told}" if told and "({" not in word else told)


def sgd():
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=1.0)


def trained(expression, losses, **units):
    scheduler = Scheduler(sgd(), expression, **units)
    used = []
    for loss in losses:
        scheduler.optimizer.step()
        scheduler.step(loss=loss)
        used.append(scheduler.get_last_lr()[0])
    return used, scheduler


@pytest.mark.parametrize("word", COUNTING)
def test_nothing_before_it_is_looked_at(word):
    losses = LOSSES.get(word.partition("(")[0], [2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0, 6.0])
    now, _ = trained(written(word), losses)
    later, _ = trained(written(word, after=40), [9.0, 8.0] * 20 + losses)
    assert later[:40] == [1.0] * 40
    assert later[40:] == now
    assert min(now) < 1


@pytest.mark.parametrize("word", COUNTING)
def test_a_descent_waits_as_a_scheduler_does(word):
    losses = LOSSES.get(word.partition("(")[0], [2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0, 6.0])
    losses = [9.0, 1.0] * 10 + losses
    rule = parse(written(word, after=20))
    states, factors = (rule.init(),), []
    for done, loss in enumerate(losses):
        (factor,), states, _ = consult((rule,), states, seen(loss=loss), done)
        factors.append(factor)
    assert factors == trained(str(rule), losses)[0]
    assert factors[:20] == [1.0] * 20


def test_descend_itself():
    bowl = problems.least_squares(np.eye(2), np.ones(2))
    at_once = descend(bowl, "sgd() | 9 * bold_driver()", steps=20)
    late = descend(bowl, "sgd() | 9 * bold_driver(after='50%')", steps=20)
    assert late.rates[:10].tolist() == [9.0] * 10
    assert late.rates[-1] < 9.0 > at_once.rates[2]


def test_a_warm_up_is_not_judged():
    plan = "warmup('5ep') * plateau(0.1, patience=1, watch='metric'{})"
    ends = {}
    for more in ("", ", after='5ep'"):
        scheduler = Scheduler(sgd(), plan.format(more), total_steps=80, steps_per_epoch=10)
        for _ in range(5):
            for _ in range(10):
                scheduler.optimizer.step()
                scheduler.step()
            scheduler.see(metric=1.0)
        ends[more] = scheduler.get_last_lr()[0]
        if more:
            for _ in range(2):
                for _ in range(10):
                    scheduler.optimizer.step()
                    scheduler.step()
                scheduler.see(metric=1.0)
            assert scheduler.get_last_lr() == [pytest.approx(0.1)]  # the first metric counted is the one of epoch 5
    assert ends[""] < 0.02
    assert ends[", after='5ep'"] == 1.0


@pytest.mark.parametrize("cut", [3, 20, 23])
def test_stopped_and_resumed_it_is_as_straight_through(cut):
    plan, losses = "warmup(20) * plateau(0.5, 1, after=20)", [1.0] * 30
    straight, _ = trained(plan, losses)
    used, scheduler = trained(plan, losses[:cut])
    state = json.loads(json.dumps(scheduler.state_dict()))
    again = Scheduler(sgd(), plan)
    again.load_state_dict(state)
    for loss in losses[cut:]:
        again.optimizer.step()
        again.step(loss=loss)
        used.append(again.get_last_lr()[0])
    assert used == straight
    assert min(straight[20:]) < 0.1


@pytest.mark.parametrize("word", COUNTING)
@pytest.mark.parametrize("after", [1, 500, "5ep", "10%"])
def test_it_is_written_and_read_back(word, after):
    rule = parse(written(word, after=after))
    assert rule.after == after
    assert parse(str(rule)) == rule == from_json(to_json(rule))
    assert rule.over(1000, steps_per_epoch=100).begins == {1: 1, 500: 500, "5ep": 500, "10%": 100}[after]
    assert parse(written(word)).begins == 0
    assert "after" not in str(parse(written(word)))


def test_it_is_told_in_words():
    lines = explain("0.1 * warmup('5ep') * plateau(0.5, 2, after='5ep')", 100, steps_per_epoch=10)
    assert lines[2] == (
        "Times plateau(0.5, 2, after=50), which watches the loss from update 50 on: 1 at first, times 0.5 at every 3 "
        "values in a row without a new lowest one."
    )


@pytest.mark.parametrize("wrong", ["-1", "0.5", "'x'", "True"])
def test_what_is_no_length_is_an_error(wrong):
    with pytest.raises(StepsizeError, match="plateau: after"):
        parse(f"plateau(after={wrong})")


def test_a_length_that_is_not_known_is_an_error_before_the_run():
    with pytest.raises(StepsizeError, match="5ep"):
        begin_course("plateau(after='5ep')", Scheduler._host, Scheduler(sgd(), "constant()")._knobs, total_steps=100)
    with pytest.raises(StepsizeError, match="total_steps"):
        Scheduler(sgd(), "plateau(after='5%')")
