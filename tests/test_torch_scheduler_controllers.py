"""The torch scheduler asks controllers: what they are shown, when, and what they answer."""

import math

import numpy as np
import pytest
import torch

from scheduled import ALONE, both, now, one_line, sgd, stepped
from stepsize import StepsizeError, descend, problems
from stepsize.adapters.torch import Scheduler
from subjects import assert_close

pytestmark = ALONE

X = np.random.default_rng(5).normal(size=(30, 4))
Y = X @ np.random.default_rng(6).normal(size=4)


def squares(theta):
    return ((torch.from_numpy(X) @ theta - torch.from_numpy(Y)) ** 2).mean()


@pytest.mark.parametrize(
    "text", ["0.1 * cosine() * infrared(0.5, 0.9)", "0.1 * (warmup(5) >> linear()) * plateau(0.5, 0)"]
)
def test_what_is_seen_before_the_update_decides_it_as_in_descend(text):
    run = descend(problems.least_squares(X, Y), f"sgd() | {text}", steps=40)
    theta = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([theta], lr=0.1)
    scheduler = Scheduler(optimizer, text, total_steps=40)
    rates = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = squares(theta)
        loss.backward()
        scheduler.see(loss=loss)
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert_close(rates, run.rates)
    assert_close(theta.detach(), run.params, rel=1e-9)
    assert len({round(one, 12) for one in rates}) > 5


@pytest.mark.parametrize("pass_twice", [False, True])
def test_what_was_seen_is_not_taken_twice(pass_twice):
    scheduler = Scheduler(sgd(), "plateau(0.5, 1)")
    for loss in (1.0, 1.0, 1.0):
        scheduler.see(loss=loss)
        scheduler.step(**({"loss": loss} if pass_twice else {}))
    assert now(scheduler.optimizer) == [0.05]  # at the second bad value in a row: each value counts once


def test_a_missing_quantity_is_told_at_the_first_step():
    scheduler = Scheduler(sgd(), "cosine(10) * infrared()")
    with pytest.raises(StepsizeError, match=r"needs the loss of update 0: write scheduler\.step\(loss=loss\)") as error:
        scheduler.step()
    assert one_line(error)
    assert scheduler.last_epoch == 0
    scheduler.step(loss=1.0)
    with pytest.raises(StepsizeError, match="update 1"):
        scheduler.step(grad_norm=1.0)
    scheduler.see(loss=0.5)
    scheduler.step()
    assert scheduler.last_epoch == 2


def test_a_bare_number_goes_to_what_is_needed():
    def answers(text, feed):
        scheduler = Scheduler(sgd(), text)
        for value in (4.0, 2.0, 1.5, 1.6):
            feed(scheduler, value)
        return scheduler.get_last_lr()

    loss = answers("infrared(0.1, 1)", lambda one, value: one.step(loss=value))
    assert answers("infrared(0.1, 1)", lambda one, value: one.step(value)) == loss
    assert answers("infrared(0.1, 1)", lambda one, value: one.step(torch.tensor([value]), None)) == loss
    assert answers("infrared(0.1, 1)", lambda one, value: one.step(99.0, loss=value)) == loss  # not needed: ignored
    metric = answers("plateau(0.5, 0, watch='metric')", lambda one, value: one.step(metric=value))
    assert answers("plateau(0.5, 0, watch='metric')", lambda one, value: one.step(value)) == metric == [0.05]


def test_a_bare_number_changes_no_rate_of_a_schedule():
    with pytest.warns(match="a number that nothing in cosine.9. looks at"):
        found = stray(Scheduler(sgd(), "cosine(9)"), (torch.tensor(3.0), "text", None, math.nan))
    assert stepped(Scheduler(sgd(), "cosine(9)"), 9) == [[one] for one in found]


def stray(scheduler, given):
    rates = []
    for i in range(9):
        rates.append(now(scheduler.optimizer)[0])
        scheduler.step(given[i % len(given)])
    return rates


def test_a_controller_of_two_quantities_is_asked_once_they_are_there():
    scheduler = Scheduler(sgd(), both())
    scheduler.see(loss=2.0)
    assert scheduler.why == ""
    scheduler.step(3.0)  # what is still needed
    assert_close(now(scheduler.optimizer), [0.6])
    scheduler.step(loss=2.0, grad_norm=2.0)
    assert_close(now(scheduler.optimizer), [0.4])
    assert scheduler.state_dict()["control"][0]["states"] == [[2]]
    with pytest.raises(StepsizeError, match="needs the grad_norm of update 2"):
        scheduler.step(loss=2.0)


class scaled(both):
    """Looks at every loss, and at a metric where there is one."""

    __slots__ = ()

    @property
    def needs(self):
        return ("loss", "metric")

    def step(self, state, now):
        return now.loss * (1 if now.metric is None else now.metric), (state[0] + 1,), "asked"


def test_a_controller_of_the_loss_and_the_metric_is_asked_at_every_update():
    scheduler = Scheduler(sgd(), scaled())
    scheduler.see(metric=5.0)
    for here, factor in (({"loss": 2.0}, 10), ({"loss": 3.0}, 3), ({"loss": 3.0, "metric": 2.0}, 6)):
        scheduler.step(**here)
        assert_close(now(scheduler.optimizer), [0.1 * factor])
    assert scheduler.state_dict()["control"][0]["states"] == [[3]]


def test_a_metric_comes_between_the_updates():
    scheduler = Scheduler(sgd(), "infrared(0, 1) * plateau(0.5, 0, watch='metric')")
    with pytest.raises(StepsizeError, match="needs the loss"):
        scheduler.step(5.0)  # a bare number is the metric where a metric is awaited
    for t in range(9):
        scheduler.step(loss=1.0)
        if t % 3 == 2:
            scheduler.see(metric=1.0)
    assert scheduler.why.startswith("plateau")
    assert scheduler.state_dict()["control"][0]["factors"] == [1.0, 0.25]


def nine_steps(scheduler):
    for _ in range(9):
        scheduler.optimizer.step()
        scheduler.step()


def test_a_metric_that_never_comes_is_told_after_ten_epochs_once():
    quiet = Scheduler(sgd(), "plateau(watch='metric')", steps_per_epoch=3, done=100)
    for _ in range(3):
        quiet.step()
    quiet.see(metric=1.0)
    stepped(quiet, 20)
    scheduler = Scheduler(sgd(), "plateau(watch='metric')", steps_per_epoch=3)
    for _ in range(30):
        scheduler.step()
    with pytest.warns(UserWarning, match=r"waits for a metric and 30 updates brought none") as told:
        nine_steps(scheduler)  # of this file, which the warning names
    assert len(told) == 1
    assert told[0].filename == __file__
    assert scheduler.last_epoch == 39


def test_a_metric_that_never_comes_in_a_short_run_is_told_before_its_last_epoch():
    scheduler = Scheduler(sgd(), "plateau(watch='metric')", total_steps=12, steps_per_epoch=3)
    for _ in range(9):
        scheduler.step()
    with pytest.warns(UserWarning, match=r"waits for a metric and 9 updates brought none"):
        scheduler.step()


@pytest.mark.parametrize(("epochs", "every"), [(20, 5), (20, 10), (6, 5), (2, 1)])
def test_a_metric_that_comes_every_few_epochs_is_no_warning(epochs, every):
    scheduler = Scheduler(sgd(), "plateau(watch='metric')", total_steps=3 * epochs, steps_per_epoch=3)
    for epoch in range(epochs):
        stepped(scheduler, 3)
        if (epoch + 1) % every == 0:
            scheduler.see(metric=1.0)
    assert scheduler.last_epoch == 3 * epochs


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("feed", ["step", "see"])
def test_a_loss_that_is_not_finite_is_an_error_or_held(bad, feed):
    strict = Scheduler(sgd(), "infrared(0.5, 0.9)")
    for loss in (4.0, 2.0):
        strict.step(loss=loss)
    before = strict.state_dict()
    with pytest.raises(StepsizeError, match=f"the loss of update 2 is {bad}") as error:
        getattr(strict, feed)(loss=torch.tensor(bad))
    assert one_line(error)
    assert strict.state_dict() == before
    holding = Scheduler(sgd(), "infrared(0.5, 0.9)", on_nonfinite="hold")
    clean = Scheduler(sgd(), "infrared(0.5, 0.9)")
    for loss in (4.0, 2.0, bad, 1.5):
        holding.step(loss=loss)
        if math.isfinite(loss):
            clean.step(loss=loss)
    assert holding.get_last_lr() == clean.get_last_lr()
    assert holding.last_epoch == 4


@pytest.mark.parametrize("wrong", [torch.ones(2), "much", {"loss": 1}, [1.0, 2.0]])
def test_what_is_no_number_is_told(wrong):
    with pytest.raises(StepsizeError, match="loss must be a number or a tensor of one element") as error:
        Scheduler(sgd(), "infrared()").step(loss=wrong)
    assert one_line(error)


def test_updates_are_counted_not_batches():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, "linear(1, 0, 10)")
    for batch in range(12):
        optimizer.param_groups[0]["params"][0].sum().backward()
        if (batch + 1) % 4 == 0:
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    assert scheduler.last_epoch == 3
    assert_close(now(optimizer), [0.07])
