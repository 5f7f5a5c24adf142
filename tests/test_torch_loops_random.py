"""Random numbers of a loop: a stream goes on where it was, whoever draws in between, and the caller's stay theirs."""

from __future__ import annotations

import functools
import io
import random

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader

import loops
from loops import Augmented, begun, made, run, trial
from stepsize.adapters.torch.as_loop.legacy import Legacy, Snapshot
from stepsize.adapters.torch.as_loop.randomness import Stream, as_plain, found_in, of_plain
from stepsize.adapters.torch.as_loop.stepping import Again

DRAWS = st.lists(st.sampled_from(["uniform", "normal", "many", "seed"]), max_size=6)


def draw(what):
    if what == "seed":
        np.random.seed(5)
        return 0.0
    return {"uniform": np.random.rand, "normal": np.random.randn, "many": lambda: np.random.rand(700).sum()}[what]()


def place(told):
    return int(told["state"]["pos"]).to_bytes(4, "little")


def numbers(own=None):
    """What each global generator says next, and one of the user's."""
    told = [torch.rand(()).item(), random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn()]
    return [*told, *([] if own is None else [own.random()])]


@settings(max_examples=60, deadline=None)
@given(DRAWS, DRAWS, DRAWS)
@example(["normal"], ["normal"], [])
def test_a_snapshot_of_numpy_is_its_state(before, between, after):
    kept = Legacy()
    np.random.seed(1)
    for one in before:
        draw(one)
    first, told = kept.getstate(), np.random.get_state(legacy=False)
    wanted = [draw(one) for one in after]
    for one in between:
        draw(one)
    between_them, truth = kept.getstate(), np.random.get_state(legacy=False)
    assert (between_them.has_gauss, between_them.words[-4:]) == (truth["has_gauss"], place(truth))
    kept.setstate(first)
    now = np.random.get_state(legacy=False)
    assert now["has_gauss"] == told["has_gauss"]
    assert now["gauss"] == told["gauss"] or not told["has_gauss"]
    assert now["state"]["pos"] == told["state"]["pos"]
    np.testing.assert_array_equal(now["state"]["key"], told["state"]["key"])
    assert [draw(one) for one in after] == wanted


def test_another_generator_behind_numpy_is_kept_as_numpy_tells_it():
    before = np.random.get_bit_generator()
    try:
        np.random.set_bit_generator(np.random.PCG64(3))
        kept = Legacy()
        state = kept.getstate()
        wanted = np.random.rand(3).tolist()
        kept.setstate(state)
        assert np.random.rand(3).tolist() == wanted
        assert not isinstance(state, Snapshot)
        assert of_plain(as_plain({"numpy": state})) == {"numpy": state}
    finally:
        np.random.set_bit_generator(before)


def test_a_stream_goes_on_where_it_was():
    own = np.random.default_rng(9)
    one, other = Stream(4), Stream(4)
    one.adopt([own], 4)
    other.adopt([own], 4)
    with one.drawn():
        straight = [numbers(own), numbers(own)]
    before = own.bit_generator.state
    with other.drawn():
        first = numbers(own)
    numbers(own)
    with other.drawn():
        assert [first, numbers(own)] == straight
    own.bit_generator.state = before


def test_a_stream_after_another_takes_an_exchange_less():
    data, model, alone = Stream(1), Stream(1), Stream(1)
    torch.manual_seed(8)
    before = torch.get_rng_state()
    with data.drawn():
        first = numbers()
        with model.drawn(after=data):
            assert numbers() == first
    assert torch.equal(torch.get_rng_state(), before)
    with alone.drawn():
        assert numbers() == first
        second = numbers()
    for one in (data, model):
        with one.drawn():
            assert numbers() == second
    with pytest.raises(KeyError), data.drawn(), model.drawn(after=data):
        raise KeyError("the user's code")
    assert torch.equal(torch.get_rng_state(), before)


def test_states_are_read_without_running_code():
    stream = Stream(3)
    stream.adopt([np.random.default_rng(1), np.random.RandomState(1), random.Random(1), torch.Generator()], 3)
    with stream.drawn():
        np.random.randn()
    into = io.BytesIO()
    torch.save(as_plain(stream.states), into)
    into.seek(0)
    again = Stream(0)
    again.adopt(stream.own, 0)
    again.states = of_plain(torch.load(into, weights_only=True))
    with stream.drawn():
        wanted = [*numbers(stream.own[0]), stream.own[1].rand(), stream.own[2].random()]
    with again.drawn():
        assert [*numbers(stream.own[0]), stream.own[1].rand(), stream.own[2].random()] == wanted


def test_generators_are_found_where_data_hold_them():
    class Transform:
        def __init__(self, own):
            self.own = own

        def __call__(self, x):
            return x + self.own.random()

    def moving(own, x):
        return x + own.random()

    def made_by(own):
        return lambda rows: (rows, own.random())

    a, b, c, d, e = (np.random.default_rng(i) for i in range(5))
    data = Augmented(own=a)
    data.transforms = [Transform(b), functools.partial(moving, c), {"last": Transform(d).__call__}]
    given = DataLoader(data, collate_fn=made_by(e), generator=torch.Generator())
    found = found_in(given)
    assert {id(one) for one in (a, b, c, d, e, given.generator)} == {id(one) for one in found}
    data.transforms = [np.random.mtrand._rand, random.random.__self__, torch.default_generator]
    assert [one for one in found_in(data) if one is not a] == []


def test_trials_of_one_seed_see_the_same_batches_whatever_the_model_draws():
    seen = []

    class Watching(nn.Module):
        def __init__(self, draws):
            super().__init__()
            self.layer, self.draws = nn.Linear(6, 2), draws

        def forward(self, x):
            if self.training:
                seen.append(x.sum().item())
                torch.rand(self.draws), random.random(), np.random.rand(self.draws)
            return self.layer(x)

    run(made(module=lambda: Watching(1)), trial(steps=8))
    first, seen[:] = list(seen), []
    run(made(module=lambda: Watching(7)), trial("adam() | 0.1", steps=8))
    assert seen == first
    assert len(set(seen)) == 8


def test_a_scaler_that_only_leaves_out_ends_the_trial():
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 2)

        def forward(self, x):
            return self.layer(x) * float("nan")

    lot = begun(made(module=Broken, scaler=True, validation=None, test=None, metrics=None))
    lot.update()
    assert not lot.goes_on()
    assert (lot.runs()[0].steps, lot.runs()[0].diverged) == (0, True)
    assert 5 * lot.going.batches.epoch + lot.going.batches.passed == 64


def test_two_trials_in_turn_are_each_as_alone():
    given = made(loops.loader(Augmented(own=np.random.default_rng(1)), generator=torch.Generator()))
    alone = [run(given, trial(seed=seed)) for seed in (1, 2)]
    lots = [begun(given, trial(seed=seed)) for seed in (1, 2)]
    while any(one.goes_on() for one in lots):
        for one in lots:
            one.update()
    for one, wanted in zip(lots, alone, strict=True):
        loops.same(one.runs()[0], wanted)


def test_a_loader_begins_at_the_seed_of_the_trial_wherever_its_generator_stood():
    def order(seed, stood):
        rows = torch.utils.data.TensorDataset(torch.arange(40.0)[:, None].expand(40, 6), torch.zeros(40).long())
        given = made(loops.loader(rows, generator=torch.Generator().manual_seed(stood)))
        batches = begun(given, trial(seed=seed)).going.batches
        with batches.stream.drawn():
            return [one[0][:, 0].tolist() for one in batches.next(3)]

    assert order(3, stood=1) == order(3, stood=2)
    assert order(3, stood=1) != order(4, stood=1)


def test_batches_evaluated_again_leave_everything_as_it_was():
    going = begun(made()).going
    model, stream = going.model, going.stream
    with going.batches.stream.drawn():
        batches = going.batches.next(2)
    buffers = {name: one.clone() for name, one in model.module.named_buffers()}
    with stream.drawn():
        again = Again(model, batches, stream)
        wanted = [model.loss(one).item() for one in batches]  # with dropout, and moves running statistics
        for name, one in model.module.named_buffers():
            assert not torch.equal(one, buffers[name])
            one.copy_(buffers[name])
        torch.rand(1)
        after = torch.get_rng_state()
        assert again.loss() == again.loss() == pytest.approx(sum(wanted) / 2)
        assert torch.equal(torch.get_rng_state(), after)
    assert again.count == 2
    assert all(torch.equal(one, buffers[name]) for name, one in model.module.named_buffers())


def test_every_look_sees_the_same_numbers():
    going = begun(made(validation=Augmented(), metrics=None)).going
    assert going.look() == going.look()
    other = begun(made(validation=Augmented(), metrics=None), trial(seed=4)).going
    assert going.look() != other.look()
