"""The engine "loop": the numbers of a training are those of the loop that its user writes by hand, bit for bit."""

from __future__ import annotations

import random
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import loops
from loops import Augmented, by_hand, loader, made, net, points, run, trial
from stepsize import descend, parse
from stepsize.adapters.torch import optimizer, problem, training
from stepsize.lab.trials.outcome import Outcome


def epochs(of, seed=3, count=10):
    """The batches of a DataLoader, as a seed draws them without a model beside it."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    return [batch for _ in range(count) for batch in of]


def rates_of(text, steps=24):
    rate = parse(text).over(steps)
    return rate(np.arange(steps)).tolist()


@pytest.mark.parametrize("kind", [torch.optim.SGD, partial(torch.optim.SGD, momentum=0.9), torch.optim.AdamW])
def test_a_loop_is_the_loop_by_hand(kind):
    got = run(made(optimizer=kind), trial("0.1 * cosine()"))
    losses, module = by_hand(net, epochs(loader()), kind, rates_of("0.1 * cosine()"))
    assert got.losses.tolist() == losses
    assert got.rates.tolist() == rates_of("0.1 * cosine()")
    for name, one in module.state_dict().items():
        assert torch.equal(got.params[name], one), name


def test_accumulation_and_autocast_are_those_of_the_loop_by_hand():
    given = {"accumulate": 3, "autocast": torch.bfloat16}
    got = run(made(optimizer=torch.optim.SGD, **given), trial("0.1"))
    losses, module = by_hand(net, epochs(loader(), count=20), torch.optim.SGD, [0.1] * 24, **given)
    assert got.losses.tolist() == losses
    assert all(torch.equal(got.params[name], one) for name, one in module.state_dict().items())
    assert losses != by_hand(net, epochs(loader(), count=20), torch.optim.SGD, [0.1] * 24, accumulate=3)[0]


@pytest.mark.parametrize("text", ["adam() | 0.01 * cosine()", "clip_norm(0.5) | sgd() | 0.1 | clip(0.01)"])
def test_a_whole_strategy_is_the_optimizer_by_hand(text):
    got = run(made(), trial(text, rate=0.01))
    left = iter(epochs(loader()))
    torch.manual_seed(3)
    module = net()
    mine = optimizer(module.parameters(), parse(text).with_base(0.01), total_steps=24)
    losses = []
    for _ in range(24):
        x, y = next(left)
        mine.zero_grad()
        loss = F.cross_entropy(module(x), y)
        loss.backward()
        mine.step()
        losses.append(loss.item())
    assert got.losses.tolist() == losses
    assert all(torch.equal(got.params[name], one) for name, one in module.state_dict().items())
    assert (got.clipped.max() > 0) == ("clip" in text)


def test_arrays_are_drawn_as_descend_draws_them():
    x, y = points(30)
    module = lambda: net(dropout=0.0, normed=False).double()  # noqa: E731
    got = run(training(module, F.cross_entropy, (x, y)), trial("sgd() | 0.1", batch_size=8))
    told = descend(
        problem(module, F.cross_entropy, (x, y)), "sgd() | 0.1", steps=24, batch_size=8, seed=3, measure_every=5
    )
    np.testing.assert_allclose(got.losses, told.losses, rtol=1e-12)
    np.testing.assert_allclose(got.grad_norms, told.grad_norms, rtol=1e-12)


def test_controllers_decide_the_update_that_they_see_as_in_descend():
    x, y = points(30)
    module = lambda: net(dropout=0.0, normed=False).double()  # noqa: E731
    text = "0.1 * infrared(0.9, 0.99)"
    whole = training(module, F.cross_entropy, (x, y))
    told = descend(problem(module, F.cross_entropy, (x, y)), f"sgd() | {text}", steps=24, batch_size=8, seed=3)
    assert len(set(told.rates)) > 5
    for got in (
        run(whole, trial(f"sgd() | {text}", batch_size=8)),
        run(training(module, F.cross_entropy, (x, y), optimizer=torch.optim.SGD), trial(text, batch_size=8)),
    ):
        np.testing.assert_allclose(got.rates, told.rates, rtol=1e-9)
        assert [bool(one) for one in got.why] == [bool(one) for one in told.why]


def test_a_controller_that_tries_rates_evaluates_the_same_batch():
    got = run(made(), trial("sgd() | 1.0 * armijo()", rate=1.0))
    assert got.extra_losses.sum() > 0
    assert np.isfinite(got.losses).all()


def test_a_controller_of_a_metric_sees_the_validation():
    text = "0.5 * plateau(factor=0.5, patience=1, watch='metric')"
    for got in (
        run(made(optimizer=torch.optim.SGD), trial(text, rate=0.5, steps=40, measure_every=2)),
        run(made(), trial(f"sgd() | {text}", rate=0.5, steps=40, measure_every=2)),
    ):
        assert got.rates[-1] < 0.5
        assert any(got.why) or got.rates.min() < 0.5


def test_groups_keep_the_proportions_of_their_rates():
    def two(module):
        return torch.optim.SGD(
            [{"params": module[0].parameters()}, {"params": module[4].parameters(), "lr": 1e-3}], 1e-2
        )

    lot = loops.begun(made(optimizer=two), trial("0.1 * cosine()", steps=4))
    lot.update()
    assert [one["lr"] for one in lot.going.stepping.optimizer.param_groups] == pytest.approx(
        [one * rates_of("0.1 * cosine()", 4)[1] for one in (1, 0.1)]
    )


def test_the_record_is_whole():
    got = run(made(), trial(measure_every=10))
    record = got.record
    assert record.measured_at == (0, 10, 20, 24)
    assert record.measured[0] == record.losses[0]
    assert record.measured[1:].tolist() == [record.losses[a:b].mean() for a, b in ((0, 10), (10, 20), (20, 24))]
    assert len(record.validated) == len(record.tested) == len(record.metrics["accuracy"]) == 4
    assert record.validated[-1] < record.validated[0]
    assert (record.text, record.base, record.seed, record.planned_steps) == ("sgd(momentum=0.9) | 0.1", 0.1, 3, 24)
    assert not got.diverged
    told = Outcome.of_run(trial(measure_every=10), got)
    assert Outcome.of(told.as_dict()) == told
    assert told.over


def test_the_validation_is_the_mean_over_all_rows():
    x, y = points(25, 1)
    for given in (
        (x, y),
        DataLoader(TensorDataset(x, y), batch_size=8),
        lambda seed: DataLoader(TensorDataset(x, y), 7),
    ):
        lot = loops.begun(made(validation=given))
        module = lot.going.model.module.eval()
        with torch.no_grad():
            wanted = F.cross_entropy(module(x), y).item()
        assert lot.runs()[0].validated[0] == pytest.approx(wanted, rel=1e-6)


def test_looks_change_no_number_of_the_training():
    often, seldom = run(made(), trial(measure_every=1)), run(made(), trial(measure_every=24))
    assert often.losses.tolist() == seldom.losses.tolist()
    assert often.validated[0] == seldom.validated[0]


def test_a_module_is_copied_and_keeps_its_weights_and_mode():
    torch.manual_seed(0)
    module = net().eval()
    before = {name: one.clone() for name, one in module.state_dict().items()}
    a, b = run(made(module=module), trial(seed=1)), run(made(module=module), trial(seed=2))
    assert all(torch.equal(one, before[name]) for name, one in module.state_dict().items())
    assert not module.training
    assert not np.array_equal(a.losses, b.losses)


def test_a_seed_decides_everything_and_nothing_else_does():
    one = made(loader(workers=0, generator=torch.Generator()))
    loops.same(run(one), run(one))
    assert not np.array_equal(run(one).losses, run(one, trial(seed=4)).losses)
    other = made(loader(Augmented(own=np.random.default_rng(5)), generator=torch.Generator().manual_seed(9)))
    loops.same(run(other), run(other))


def test_the_callers_generators_stay_as_they_are():
    own, order = np.random.default_rng(5), torch.Generator().manual_seed(9)
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    np.random.randn()  # half of a pair is kept

    def states():
        numpy = np.random.get_state(legacy=False)
        torchs = (torch.get_rng_state().tolist(), order.get_state().tolist())
        return *torchs, random.getstate(), numpy["state"]["key"].tolist(), numpy["gauss"], own.bit_generator.state

    before = states()
    training = made(loader(Augmented(own=own), generator=order))
    lot = loops.begun(training)
    assert states() == before
    lot.update()
    assert states() == before
    again = loops.begun(training, saved=[lot.saved(0)])
    assert states() == before
    again.update()
    again.runs()
    training.start(7)
    training.try_out()
    assert states() == before


def test_a_run_that_stops_being_finite_is_over_with_its_step():
    class Breaking(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.calls = nn.Linear(6, 2), 0

        def forward(self, x):
            self.calls += self.training
            return self.layer(x) * (float("nan") if self.calls == 8 else 1.0)

    got = run(made(module=Breaking), trial(measure_every=5))
    assert (got.steps, got.diverged, got.measured_at) == (7, True, (0, 5, 7))
    assert np.isnan(got.measured[-1])
    assert np.isnan(got.validated[-1])
    assert Outcome.of_run(trial(), got).over
    huge = run(made(module=lambda: net(normed=False)), trial("sgd() | 1e39", rate=1e39))
    assert (huge.steps, huge.diverged) == (0, True)


def test_a_scaler_leaves_updates_out_which_are_none():
    given = {"autocast": torch.float16, "scaler": True}
    got = run(made(**given), trial("sgd() | 0.1 * cosine()"))
    assert got.steps == 24
    assert got.rates.tolist() == rates_of("0.1 * cosine()")

    class Overflowing(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 2)

        def forward(self, x):
            return self.layer(x) * 1e36  # gradients that overflow with a scale of 2^16

    for own in (None, torch.optim.SGD):
        lot = loops.begun(
            made(module=Overflowing, optimizer=own, scaler=True),
            trial("1e-38" if own else "sgd() | 1e-38", rate=1e-38),
        )
        lot.update()
        assert lot.done == 1
        batches, scale = lot.going.batches, lot.going.stepping.scaler.get_scale()
        assert 5 * batches.epoch + batches.passed == 1 + np.log2(2**16 / scale) > 1
        assert lot.going.stepping.schedule.last_epoch == 1


def test_epochs_are_known():
    got = run(made(optimizer=torch.optim.SGD), trial("0.1 * multistep('2ep')", steps=24))
    changed = int(np.flatnonzero(np.diff(got.rates))[0]) + 1
    assert changed == 10  # 5 batches an epoch
    got = run(made(accumulate=2), trial("sgd() | 0.1 * (warmup('2ep') >> constant())"))
    assert int(np.argmax(got.rates == 0.1)) <= 5


def test_dictionaries_come_through_forward():
    x, y = points()

    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return len(y)

        def __getitem__(self, i):
            return {"input": x[i], "label": y[i]}

    one = training(
        net,
        None,
        loader(Rows()),
        validation=Rows(),
        forward=lambda module, b: F.cross_entropy(module(b["input"]), b["label"]),
    )
    got = run(one)
    assert got.validated[-1] < got.validated[0]
