"""`greedy` beside the GreedyLR of transformers."""

from __future__ import annotations

import pytest

from followed import NAN, factors_of, follow, traces
from peers import library
from stepsize import greedy, seen
from subjects import assert_close


def huggingface(losses, rate, **options):
    """The rates after each step of transformers' GreedyLR."""
    import torch

    GreedyLR = library("transformers.optimization").GreedyLR

    optimizer = torch.optim.SGD([torch.zeros(1)], lr=rate)
    scheduler, told = GreedyLR(optimizer, **options), []
    for loss in losses:
        scheduler.step(loss)
        told.append(scheduler.get_last_lr()[0])
    return told


def test_greedy_is_transformers_on_a_thousand_traces():
    fell = rose = restarted = 0
    for rng, losses in traces():
        shared = {
            "factor": rng.uniform(0.3, 0.95),
            "patience": rng.randint(0, 4),
            "threshold": rng.choice([0, 1e-6, 0.01]),
            "threshold_mode": rng.choice(["abs", "rel"]),
            "cooldown": rng.randint(0, 3),
            "warmup": rng.randint(0, 3),
            "mode": rng.choice(["min", "max"]),
        }
        low, high, window, restart = rng.uniform(0.1, 1), rng.uniform(1, 9), rng.choice([1, 1, 2, 7]), rng.randint(1, 5)
        if window > 1:  # their mean is a running sum: no ties that rounding would decide
            losses = [one + rng.uniform(0, 0.01) for one in losses]
        theirs = huggingface(
            losses,
            1.0,
            **shared,
            min_lr=low,
            max_lr=high,
            eps=0,
            smooth=window > 1,
            window_size=window,
            reset_start=restart,
        )
        ours = follow(greedy(**shared, low=low, high=high, window=window, restart=restart), losses)
        assert_close([factor for factor, _, _ in ours], theirs)
        fell, rose = fell + (min(theirs) < 1), rose + (max(theirs) > 1)
        restarted += any("beginning" in why for _, _, why in ours)
    assert fell > 500
    assert rose > 300
    assert restarted > 100


def test_greedy_falls_at_small_rates_where_transformers_cannot():
    worse, better = [1 + i for i in range(300)], [300 - i for i in range(300)]
    for losses in (worse, [NAN] * 300):
        assert set(huggingface(losses, 5e-5)) == {5e-5}  # its smallest rate is 0.001
    assert huggingface(better, 5e-5)[-1] > 1e-4  # upwards it moves
    assert 5e-5 * factors_of(greedy(), worse)[-1] < 2e-5
    assert 5e-5 * factors_of(greedy(), better)[-1] > 1e-4
    assert huggingface(worse, 1e-2)[-1] < 3e-3


def test_greedy_changes_tiny_rates_too():
    losses = [1.0] * 30
    assert set(huggingface(losses, 1e-7, min_lr=0)) == {1e-7}  # changes below 1e-8 are dropped
    assert factors_of(greedy(), losses)[-1] < 1


def test_greedy_does_not_count_nan_as_bad():
    losses = [1.0, *[NAN] * 9]
    assert huggingface(losses, 1.0, patience=2, min_lr=0)[-1] == pytest.approx(0.95**3)
    told = follow(greedy(patience=2), losses)
    assert told[-1][:2] == told[0][:2]
    assert told[-1][2] == "loss nan: held at 1"


def test_greedy_recovers_from_one_nan_in_the_window():
    losses = [9.0, NAN, *[8.0 - i / 4 for i in range(30)]]
    stuck = huggingface(losses, 1.0, patience=2, smooth=True, window_size=3, min_lr=0, max_lr=10)
    assert max(stuck) == 1.0  # their running sum stays NaN, and NaN is never better
    assert factors_of(greedy(patience=2, window=3), losses)[-1] > 1


def test_greedy_of_a_negative_best_asks_for_more_not_less():
    losses = [-1.0, *[-1.0 - 1e-9 * i for i in range(9)]]
    options = {"patience": 0, "threshold": 0.1, "threshold_mode": "rel"}
    assert huggingface(losses, 0.1, **options)[-1] > 0.1  # −1·(1 − 0.1) is above −1, so nothing new is new
    assert factors_of(greedy(**options), losses)[-1] < 1


def test_greedy_ignores_a_metric_it_was_not_told_to_watch():
    looks = [seen(loss=1.0, metric=9.0 - i) for i in range(5)]
    assert factors_of(greedy(patience=1, watch="loss"), looks)[-1] < 1
    assert factors_of(greedy(patience=1, watch="metric"), looks)[-1] > 1
