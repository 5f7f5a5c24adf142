"""A trial of a loop that is stopped at any step and continued has the numbers of one that never stopped."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import BatchSampler, RandomSampler, Sampler

import loops
from loops import Augmented, Shuffled, begun, loader, made, points, run, trial
from stepsize import StepsizeError
from stepsize.lab.trials.loop import MARK


class Lazy(Sampler):
    """An order that is drawn while it is used, from the global generators."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return self.rows

    def __iter__(self):
        left = list(range(self.rows))
        while left:
            yield left.pop((int(torch.randint(len(left), ())) + random.randrange(len(left))) % len(left))


TRAININGS = {
    "SGD": lambda: (made(optimizer=lambda m: torch.optim.SGD(m.parameters(), 1e-3, momentum=0.9)), "0.1 * cosine()"),
    "Adam": lambda: (made(optimizer=torch.optim.Adam), "0.01 * (warmup('1ep') >> cosine())"),
    "controller": lambda: (made(optimizer=torch.optim.SGD), "0.1 * infrared(0.9, 0.99)"),
    "metric": lambda: (
        made(optimizer=torch.optim.SGD),
        "0.5 * plateau(factor=0.5, patience=1, watch='metric')",
    ),
    "whole": lambda: (made(), "clip_norm(0.5) | adam() | 0.01 * cosine() | clip(0.01)"),
    "stages": lambda: (made(), "zclip() | sgd(momentum=0.9) | 0.1 * infrared(0.9, 0.99) | clip(0.01)"),
    "trials": lambda: (made(), "sgd() | 1.0 * armijo()"),
    "accumulated": lambda: (made(accumulate=3, autocast=torch.bfloat16), "adam() | 0.01"),
    "scaled": lambda: (made(autocast=torch.float16, scaler=True), "adam() | 0.01"),
    "own generators": lambda: (
        made(loader(Augmented(own=np.random.default_rng(1)), generator=torch.Generator())),
        "sgd() | 0.1",
    ),
    "own python generator": lambda: (made(loader(Augmented(own=random.Random(1)))), "sgd() | 0.1"),
    "function": lambda: (
        made(lambda seed: loader(Augmented(own=np.random.default_rng(seed)), batch=7, drop_last=True)),
        "sgd() | 0.1",
    ),
    "lazy order": lambda: (made(loader_of(Lazy(40))), "sgd() | 0.1"),
    "sampler": lambda: (
        made(loader_of(RandomSampler(range(40), replacement=True, generator=torch.Generator()))),
        "sgd() | 0.1",
    ),
    "arrays": lambda: (made(points(30)), "sgd() | 0.1"),
    "dataset": lambda: (made(Augmented()), "sgd() | 0.1"),
    "iterable": lambda: (made(torch.utils.data.DataLoader(Shuffled(False), 7)), "sgd() | 0.1"),
    "endless": lambda: (made(torch.utils.data.DataLoader(Shuffled(True), 7)), "sgd() | 0.1"),
}


def loader_of(order):
    return torch.utils.data.DataLoader(Augmented(), batch_sampler=BatchSampler(order, 6, drop_last=False))


def of(name):
    training, text = TRAININGS[name]()
    size = 8 if name in ("arrays", "dataset") else None
    rate = {"trials": 1.0, "metric": 0.5}.get(name, 0.1)
    return training, trial(text, rate=rate, steps=14, batch_size=size, measure_every=4)


@pytest.fixture(scope="module")
def straight():
    """The whole run of each training, once."""
    kept = {}

    def found(name):
        if name not in kept:
            kept[name] = run(*of(name))
        return kept[name]

    return found


@pytest.mark.parametrize("name", TRAININGS)
@settings(max_examples=4, deadline=None)
@given(stops=st.sets(st.integers(0, 14), min_size=1, max_size=2), data=st.data())
def test_stopped_at_any_step_is_straight_through(straight, name, stops, data):
    training, one = of(name)
    lot = begun(training, one)
    for stop in sorted(stops):
        while lot.done < stop:
            lot.update()
        kept = lot.saved(0)
        torch.rand(3), random.random(), np.random.rand()  # what happens meanwhile
        if data.draw(st.booleans()):
            training, one = of(name)  # another process
        lot = begun(training, one, saved=[kept])
        assert lot.done == stop
    while lot.goes_on():
        lot.update()
    loops.same(lot.runs()[0], straight(name))


@pytest.mark.parametrize("more", [{}, {"persistent_workers": True, "prefetch_factor": 3}])
def test_workers_come_back(more):
    one = trial(steps=9, measure_every=6)
    straight = run(made(loader(workers=2, **more)), one)
    training = made(loader(workers=2, **more))
    lot = begun(training, one)
    for _ in range(7):
        lot.update()
    lot = begun(training, one, saved=[lot.saved(0)])
    while lot.goes_on():
        lot.update()
    loops.same(lot.runs()[0], straight)
    loops.same(run(training, one), straight)


def test_a_state_that_is_kept_is_not_that_of_later():
    lot = begun(made())
    for _ in range(7):
        lot.update()
    first, middle = lot.saved(0), lot.runs()[0]
    lot.update()
    loops.same(begun(made(), saved=[first]).runs()[0], middle)


def test_the_scale_of_a_scaler_goes_on():
    lot = begun(made(autocast=torch.float16, scaler=True))
    scaler = lot.going.stepping.scaler
    scaler.load_state_dict(scaler.state_dict() | {"scale": 512.0})
    lot.update()
    kept = lot.going.stepping.scaler.state_dict()
    again = begun(made(autocast=torch.float16, scaler=True), saved=[lot.saved(0)])
    assert again.going.stepping.scaler.state_dict() == kept
    assert (kept["scale"], kept["_growth_tracker"]) == (512.0, 1)


def test_buffers_that_a_module_does_not_save_come_back():
    class Counting(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(6, 2)
            self.register_buffer("seen", torch.zeros(()), persistent=False)

        def forward(self, x):
            self.seen += self.training
            return self.layer(x) / (1 + self.seen)

    straight, lot = run(made(module=Counting)), begun(made(module=Counting))
    for _ in range(5):
        lot.update()
    again = begun(made(module=Counting), saved=[lot.saved(0)])
    while again.goes_on():
        again.update()
    loops.same(again.runs()[0], straight)


def test_a_run_that_is_over_stays_over():
    one = trial("sgd() | 1e39", rate=1e39)
    lot = begun(made(), one)
    lot.update()
    again = begun(made(), one, saved=[lot.saved(0)])
    assert not again.goes_on()
    assert again.runs()[0].diverged
    lot = begun(made(), trial(steps=2))
    while lot.goes_on():
        lot.update()
    assert not begun(made(), trial(steps=2), saved=[lot.saved(0)]).goes_on()


def test_it_is_read_without_running_code():
    lot = begun(made())
    lot.update()
    told = lot.going.saved()
    assert torch.load(io.BytesIO(told), weights_only=True)["batches"]["passed"] == 1


@pytest.mark.parametrize("harm", ["cut", "flipped", "foreign", "empty", "header"])
def test_damaged_bytes_are_one_line(harm):
    lot = begun(made())
    lot.update()
    kept = lot.saved(0)
    middle = len(kept) // 2
    harmed = {
        "cut": kept[:middle],
        "flipped": kept[:middle] + bytes([kept[middle] ^ 1]) + kept[middle + 1 :],
        "foreign": b"PK" + bytes(100),
        "empty": b"",
        "header": MARK + bytes(40),
    }[harm]
    with pytest.raises(StepsizeError, match=r"^loop: the saved state of mine \(trial \w+\) is damaged: begin") as told:
        begun(made(), saved=[harmed])
    assert "\n" not in str(told.value)


def test_the_state_of_another_trial_or_training_is_refused():
    lot = begun(made())
    lot.update()
    kept = lot.saved(0)
    with pytest.raises(StepsizeError, match="saved state is that of trial"):
        begun(made(), trial(seed=4), saved=[kept])
    other = made(module=lambda: torch.nn.Linear(6, 2))
    with pytest.raises(StepsizeError, match=r"of another module: its \S+ is"):
        begun(other, saved=[kept])
    few = made(loader(Augmented(rows=8)))
    for _ in range(3):
        lot.update()
    with pytest.raises(StepsizeError, match="has 1 batches, fewer than the saved run had used"):
        begun(few, saved=[lot.saved(0)])
    with pytest.raises(StepsizeError, match="damaged, or that of another training"):
        made().begin(trial().strategy, seed=3, steps=24, saved=b"nothing")
