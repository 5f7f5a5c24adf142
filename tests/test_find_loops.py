"""The range test of torch problems and of trainings of the user's: any engine, any text, and nothing is moved."""

import math
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from loops import Augmented, points
from stepsize import StepsizeError
from stepsize.adapters.torch import problem, training
from stepsize.lab.finding import find_rate
from stepsize.lab.trials.loop import Loop
from stepsize.lab.trials.trial import Trial
from stepsize.lab.workload import Workload


def net():
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 2))


def of(given):
    return Workload("mine", given, None, "a test", "mine")


def augmented(**more):
    return training(net, F.cross_entropy, DataLoader(Augmented(), 10, shuffle=True), **more)


@pytest.mark.parametrize(
    ("text", "rest", "more"),
    [
        (
            "clip_norm(1) | adam() | 3e-4 * (warmup('1ep') >> cosine()) | clip(0.1)",
            "clip_norm(1) | adam() | {} | clip(0.1)",
            {},
        ),
        ("sgd(momentum=0.9) | 0.1 * infrared(0.9, 0.99)", "sgd(momentum=0.9) | {}", {}),
        ("0.1 * cosine()", "{}", {"optimizer": torch.optim.AdamW}),
        (None, "{}", {"optimizer": torch.optim.AdamW}),
        (None, "sgd(momentum=0.9) | {}", {"autocast": torch.bfloat16, "accumulate": 2}),
    ],
)
def test_a_training_is_swept_with_its_own_rule_clips_and_batches(text, rest, more):
    told = find_rate(of(augmented(**more)), text, steps=200, seed=3)
    by_hand = rest.format("1e-07 * exponential(1e8, 59)")
    lot = Loop(augmented(**more)).begin([Trial("mine", by_hand, "mine", 1e-7, 3, 60)])
    while lot.goes_on():
        lot.update()
    losses = lot.runs()[0].losses
    assert told.losses[: len(losses)].tolist() == losses.tolist()
    assert np.isnan(told.losses[len(losses) :]).all()
    assert "on mine, batches of its loader: 60 updates" in str(told)


def test_the_callers_random_numbers_and_the_loader_stay_where_they_are():
    loader = DataLoader(Augmented(own=np.random.default_rng(4)), 10, shuffle=True, generator=torch.Generator())
    given = training(net(), F.cross_entropy, loader)
    weights = [one.clone() for one in given.module.state_dict().values()]

    def held():
        own = loader.generator.get_state().tolist(), repr(loader.dataset.own.bit_generator.state)
        return torch.get_rng_state().tolist(), random.getstate(), repr(np.random.get_state()), own

    before = held()
    first, again = find_rate(of(given)), find_rate(of(given))
    assert held() == before
    assert first.losses.tobytes() == again.losses.tobytes()
    assert all(torch.equal(*both) for both in zip(weights, given.module.state_dict().values(), strict=True))


def test_a_training_that_is_interrupted_leaves_everything_too():
    state = torch.get_rng_state().tolist()

    def stop(done):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_rate(of(augmented()), on_update=stop)
    assert torch.get_rng_state().tolist() == state


def test_a_training_that_breaks_is_no_error():
    calls = []

    def forward(module, batch):
        calls.append(1)
        return F.cross_entropy(module(batch[0]), batch[1]) * (math.nan if len(calls) > 30 else 1)

    told = find_rate(of(training(net, None, DataLoader(Augmented(), 10), forward=forward)))
    assert np.isnan(told.losses).any()
    assert str(told)


def test_a_torch_problem_is_swept():
    told = find_rate(of(problem(nn.Linear(6, 2), F.cross_entropy, points(60))), "adam() | 1e-3", batch_size=10)
    assert told.found.low <= told.rate <= told.found.high
    assert "adam() | rate on mine, batch 10: 150 updates" in str(told)


def test_a_text_that_does_not_fit_is_one_line():
    with pytest.raises(StepsizeError, match="is its rate alone"):
        find_rate(of(augmented(optimizer=torch.optim.SGD)), "sgd() | 0.1")
    with pytest.raises(StepsizeError, match="rule"):
        find_rate(of(augmented()), "0.1")
