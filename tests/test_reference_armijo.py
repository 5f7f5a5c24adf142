"""`armijo` beside the line search of Vaswani et al."""

from __future__ import annotations

import numpy as np
import pytest

import stepsize as s
from followed import DIGITS, INF, LINE, NAN, factors_of, follow
from stepsize import armijo, descend, seen
from subjects import assert_close


def sls(problem, batches, rate, c, shrink, per_epoch, high, tries):
    """The line search of Vaswani et al. on plain SGD, written down without looking at the library."""
    theta, rates, first = problem.start(0)["theta"], [], True
    for rows in batches:

        def loss_of(x, rows=rows):
            return float(problem.loss({"theta": x[None]}, rows)[0])

        loss, grads = problem.loss_and_grad({"theta": theta[None]}, rows)
        g = grads["theta"][0]
        rate = rate if first else min(rate * 2 ** (1 / per_epoch), high)
        first = False
        for _ in range(tries):
            if loss_of(theta - rate * g) <= loss[0] - c * rate * np.sum(g * g):
                break
            rate *= shrink
        else:
            raise AssertionError("no rate was accepted")
        theta = theta - rate * g
        rates.append(rate)
    return theta, rates


@pytest.mark.parametrize("problem", [LINE, DIGITS], ids=["least_squares", "softmax"])
def test_armijo_is_the_line_search_of_vaswani(problem):
    batch, steps = 20, 60
    strategy = s.sgd() | 1 * armijo(0.1, 0.9, tries=100, doubling="1ep", high=10)
    run = descend(problem, strategy, steps=steps, batch_size=batch)
    rng, left, batches = np.random.default_rng(0), np.empty(0, dtype=int), []
    for _ in range(steps):
        while len(left) < batch:
            left = np.concatenate([left, rng.permutation(problem.size)])
        batches.append(left[None, :batch])
        left = left[batch:]
    theta, rates = sls(problem, batches, 1.0, 0.1, 0.9, max(1, int(problem.size / batch + 0.5)), 10, 100)
    assert_close(run.rates, rates, 1e-9)
    assert_close(run.params.reshape(-1), theta.reshape(-1), 1e-8)


@pytest.mark.parametrize("c", [0.01, 0.5, 0.9])
@pytest.mark.parametrize("problem", [LINE, DIGITS], ids=["least_squares", "softmax"])
@pytest.mark.parametrize("base", [1e-6, 1.0, 1e9])
def test_every_step_of_armijo_keeps_its_promise(problem, c, base):
    tries = 40
    run = descend(problem, s.sgd() | base * armijo(c, tries=tries, doubling=1, low=1e-15, high=1e9), steps=60)
    losses = [*run.losses, run.loss]
    for loss, after, rate, norm in zip(losses, losses[1:], run.rates, run.grad_norms, strict=False):
        assert after <= loss - c * rate * norm**2 + 1e-12 * loss
    assert max(run.extra_losses) <= tries
    assert run.loss < 0.9 * run.losses[0]


@pytest.mark.parametrize("base", [5e-5, 1e-2, 1e2])
def test_armijo_answers_relative_to_the_rate(base):
    trials = []

    def loss_at(rate):
        trials.append(rate)
        return 1 - rate + rate**2  # accepted with c = 0.1 up to rate 0.9

    now = seen(loss=1.0, slope=1.0, rate=base, loss_at=loss_at)
    ((factor, state, _),) = follow(armijo(tries=20), [now])
    assert trials == [base * 0.5**i for i in range(len(trials))]
    assert factor * base == trials[-1] <= 0.9
    assert len(trials) == 1 or 2 * trials[-1] > 0.9
    assert state == (factor, 1)


def test_armijo_begins_at_the_last_accepted_and_grows():
    easy = seen(loss=1.0, slope=1.0, rate=1.0, loss_at=lambda rate: 1 - rate)
    assert_close(factors_of(armijo(doubling=2, high=3), [easy] * 6), [1, 2**0.5, 2, 2**1.5, 3, 3])
    assert factors_of(armijo(doubling=None), [easy] * 3) == [1, 1, 1]
    hard = easy.replace(loss_at=lambda rate: 1 - rate if rate < 0.3 else 9)
    told = follow(armijo(doubling=1), [easy, hard, hard])
    assert [factor for factor, _, _ in told] == [1, 0.25, 0.25]
    assert [why for _, _, why in told] == ["", "4 tries: factor 0.25", "2 tries: factor 0.25"]


@pytest.mark.parametrize("bad", [NAN, INF, -INF, 1.0])
def test_armijo_takes_no_step_that_it_saw_fail(bad):
    cliff = seen(loss=1.0, slope=1.0, rate=1.0, loss_at=lambda rate: bad if rate > 0.03 else 1 - rate)
    told = follow(armijo(tries=3), [cliff] * 4)
    assert_close([factor for factor, _, _ in told], [0, 0, 1 / 64, 1 / 64 * 2**0.1])
    assert [state for _, state, _ in told[:3]] == [(1 / 8, 0), (1 / 64, 0), (1 / 64, 1)]
    assert told[0][2] == "none of 3 tries lowered loss 1 enough: no step"


def test_armijo_tries_nothing_where_there_is_no_way_down():
    def never(rate):
        raise AssertionError("asked")

    calm = seen(loss=1.0, slope=1.0, rate=1.0, loss_at=lambda rate: 1 - rate if rate < 0.6 else 2)
    odd = [{"slope": -1.0}, {"slope": 0.0}, {"slope": NAN}, {"rate": 0.0}, {"rate": INF}, {"loss": NAN}]
    told = follow(armijo(), [calm, *[calm.replace(loss_at=never, **one) for one in odd]])
    assert {factor for factor, _, _ in told} == {0.5}
    assert {state for _, state, _ in told} == {(0.5, 1)}


def test_armijo_goes_on_at_its_lowest_factor():
    wall = seen(loss=1.0, slope=1.0, rate=1.0, loss_at=lambda rate: 2.0)
    told = follow(armijo(tries=50, low=0.1), [wall] * 3)
    assert [(factor, state) for factor, state, _ in told] == [(0.0, (0.1, 0))] * 3


def test_armijo_searches_around_a_schedule():
    run = descend(LINE, s.sgd() | 10 * (armijo(doubling=None) * s.cosine()), steps=50)
    assert np.all(np.diff(run.rates) <= 0)
    assert run.loss < 1e-2 * run.losses[0]
