"""What a training cannot do, and what the user's code raises in it: one line each; healthy uses beside them pass."""

from __future__ import annotations

import warnings
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import loops
from loops import Augmented, Shuffled, begun, loader, made, net, points, run, trial
from stepsize import StepsizeError, parse
from stepsize.adapters.torch import optimizer, training
from stepsize.lab.trials.loop import Loop, Training


class Failing(Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, i):
        if i == 7:
            raise KeyError("no image 7")
        return torch.zeros(6), 0


class Empty(IterableDataset):
    def __iter__(self):
        return iter(())


class Endless(IterableDataset):
    def __iter__(self):
        while True:
            yield torch.zeros(6), 0


def first_update(given, one=None):
    lot = begun(given, one)
    lot.update()
    return lot


def adam(text):
    return trial(text, rate=0.01)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: training(3, F.cross_entropy, points()), "module must be a function without arguments that builds"),
        (lambda: training(net, None, points()), r"loss_fn must be a function of \(output, targets\), not None"),
        (lambda: made(autocast=torch.float64), "autocast must be torch.bfloat16 or torch.float16, not torch.float64"),
        (lambda: made(autocast="bfloat16"), "autocast must be torch.bfloat16 or torch.float16, not 'bfloat16'"),
        (lambda: made(accumulate=0), "accumulate must be a number ≥ 1, not 0"),
        (lambda: made(scaler=1), "scaler must be True or False, not 1"),
        (lambda: made(optimizer="sgd"), "optimizer must be a function, not 'sgd'"),
        (lambda: made(metrics={"accuracy": 3}), "metrics must be functions by name"),
        (lambda: made(validation=None, test=None), "metrics are measured on test or on validation: give one of them"),
        (lambda: made(forward=lambda module, batch: 0), "metrics take .output, targets., which forward keeps"),
        (lambda: made(7), "data must be a DataLoader, a function of the seed that builds one, a dataset, or"),
        (lambda: made(points()[:1]), "data must hold inputs and targets, not 1 array"),
        (lambda: made((points(8)[0], points(9)[1])), "all parts of data must have equally many rows"),
    ],
)
def test_what_cannot_be_a_training(build, said):
    with pytest.raises(StepsizeError, match=f"^training: {said}") as told:
        build()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("build", "text", "said"),
    [
        (lambda: made(module=lambda: 3), "sgd() | 0.1", "the function must build a torch.nn.Module, not int"),
        (lambda: made(module=nn.Flatten), "sgd() | 0.1", "the module must have parameters to train"),
        (lambda: made(module=lambda: nn.LazyLinear(2)), "sgd() | 0.1", "the module has lazy parameters: call it once"),
        (lambda: made(optimizer=lambda m: None), "0.1", "optimizer must build a torch.optim.Optimizer, not NoneType"),
        (
            lambda: made(optimizer=lambda m: torch.optim.SGD(m.weights)),
            "0.1",
            r"optimizer raised AttributeError: .* \(test_torch_loops_refused.py line \d+\)",
        ),
        (
            lambda: made(optimizer=lambda m: optimizer(m.parameters(), "sgd() | 0.1")),
            "0.1",
            "optimizer built a strategy of stepsize's, which has a schedule of its own: leave optimizer out",
        ),
        (lambda: made(), "0.1 * cosine()", r"0.1 \* cosine\(\) is a rate without a rule: write sgd\(\) \| 0.1"),
        (
            lambda: made(optimizer=torch.optim.SGD),
            "clip_norm(1) | sgd() | 0.1",
            r"the optimizer is yours, so a strategy is its rate alone: write 0.1, not clip_norm\(1\) \| sgd\(\) \| 0.1",
        ),
        (lambda: made(), "sgd() | 0.1 * gradient_noise()", "a controller of .* needs grad_variance, which a loop does"),
        (
            lambda: made(validation=None),
            "sgd() | 0.1 * plateau(watch='metric')",
            "a controller of .* watches a metric, which is the validation loss: give validation=…",
        ),
        (lambda: made(lambda seed: iter([])), "sgd() | 0.1", "the function for data must return a DataLoader"),
        (lambda: made(lambda: 3), "sgd() | 0.1", "building data raised TypeError: .*takes 0 positional arguments"),
        (lambda: made(TensorDataset(torch.zeros(0, 6), torch.zeros(0))), "sgd() | 0.1", "data has no rows"),
        (lambda: made(Endless(), validation=Empty()), "sgd() | 0.1", "validation gave no batch: it needs one at least"),
    ],
)
def test_what_no_trial_can_begin_with(build, text, said):
    with pytest.raises(StepsizeError, match=f"^training: {said}") as told:
        begun(build(), trial(text))
    assert "\n" not in str(told.value)


class Odd(nn.Module):
    """Returns what it is told to."""

    def __init__(self, of):
        super().__init__()
        self.layer, self.of = nn.Linear(6, 2), of

    def forward(self, x):
        return self.of(self.layer(x))


def raising(x):
    raise RuntimeError("shapes do not fit\nin two lines")


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (
            lambda: made(module=lambda: Odd(raising), validation=None, test=None, metrics=None),
            r"the module raised RuntimeError: shapes do not fit; given \(8, 6\) float32 "
            r"\(test_torch_loops_refused.py line \d+\)$",
        ),
        (
            lambda: training(net, lambda a, b: F.cross_entropy(a, b, reduction="none"), loader()),
            r"loss_fn must return one real number, the mean over the rows, not \(8,\) float32: end it with .mean\(\)",
        ),
        (
            lambda: training(net, None, loader(), forward=lambda module, batch: 3.0),
            "forward must return one real number, the mean over the rows, not float",
        ),
        (
            lambda: training(net, lambda a, b: b.float().mean(), loader()),
            "the loss must depend on the parameters of the module, not on the data alone",
        ),
        (
            lambda: training(net, F.cross_entropy, loader(points()[0])),
            r"a batch must be \(inputs, …, targets\), not \(8, 6\) float32: write forward=lambda module, batch: …",
        ),
        (
            lambda: training(net, F.cross_entropy, DataLoader(Failing(), 40)),
            r"batch 0 of epoch 0 raised KeyError: 'no image 7' \(test_torch_loops_refused.py line \d+\)$",
        ),
        (lambda: training(net, F.cross_entropy, DataLoader(Empty(), 4)), "data gave no batch in epoch 0"),
        (
            lambda: training(net, F.cross_entropy, loader(), optimizer=torch.optim.LBFGS),
            "optimizer.step raised TypeError: .*closure",
        ),
    ],
)
def test_what_fails_in_the_first_update(build, said):
    one = trial("0.1" if "optimizer" in said else "sgd() | 0.1")
    with pytest.raises(StepsizeError, match=f"^training: {said}") as told:
        first_update(build(), one)
    assert "\n" not in str(told.value)


def test_what_a_worker_raises_is_its_last_line():
    given = training(net, F.cross_entropy, loader(Failing(), batch=40, workers=1))
    with pytest.raises(StepsizeError, match=r"batch 0 of epoch 0 raised KeyError: 'no image 7'.*in a worker"):
        first_update(given)


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (lambda a, b: a, "metric accuracy must return one number, not Tensor"),
        (lambda a, b: a.nothing, r"metric accuracy raised AttributeError: .*; given \(20, 2\) float32, \(20,\) int64"),
    ],
)
def test_metrics_that_are_none(metric, said):
    with pytest.raises(StepsizeError, match=f"^training: {said}"):
        begun(made(metrics={"accuracy": metric}))


def test_a_validation_without_an_end_is_said(monkeypatch):
    monkeypatch.setattr("stepsize.adapters.torch.as_loop.looking.MOST_BATCHES", 50)
    with pytest.raises(StepsizeError, match="validation has not ended after 50 batches: give one that ends"):
        begun(made(validation=Endless()))


def test_lengths_that_the_data_do_not_tell():
    endless = made(DataLoader(Shuffled(True), 7))
    with pytest.raises(StepsizeError, match=r"steps \(500\) or a share \(\"5%\"\), as the data do not tell it"):
        begun(endless, trial("sgd() | 0.1 * multistep('3ep')"))
    assert first_update(endless, trial("sgd() | 0.1 * multistep('50%')")).done == 1


def test_the_loader_decides_the_batch():
    with pytest.raises(StepsizeError, match="the loader of data makes batches of 8, not of batch_size=32: leave"):
        begun(made(), trial(batch_size=32))
    assert first_update(made(), trial(batch_size=8)).done == 1
    with pytest.raises(StepsizeError, match="batch_size must be ≤ 40, the rows of data, not 41"):
        begun(made(points()), trial(batch_size=41))
    assert made().own_batches
    assert not made(points()).own_batches


def test_a_lot_is_one_trial():
    with pytest.raises(StepsizeError, match="a lot is one trial, not 2"):
        Loop(made()).begin([trial(), trial(seed=4)])


def test_a_strategy_is_checked_before_training():
    made(optimizer=torch.optim.SGD).check(parse("0.1 * cosine()"), steps=10)
    with pytest.raises(StepsizeError, match="the optimizer is yours"):
        made(optimizer=torch.optim.SGD).check(parse("sgd() | 0.1"), steps=10)
    with pytest.raises(StepsizeError, match="is a rate without a rule"):
        made().check(parse("0.1"), steps=10)
    assert made().whole_strategies
    assert not made(optimizer=torch.optim.SGD).whole_strategies
    assert isinstance(made(), Training)


@pytest.mark.parametrize(
    "build",
    [
        lambda: made(),
        lambda: made(optimizer=torch.optim.Adam, accumulate=2, autocast=torch.bfloat16),
        lambda: made(optimizer=partial(torch.optim.SGD, momentum=0.9), scaler=True, autocast=torch.float16),
        lambda: made(loader(Augmented(), workers=1, persistent_workers=True)),
        lambda: made(DataLoader(Shuffled(True), 7), validation=lambda seed: DataLoader(Shuffled(False), 7)),
        lambda: made(DataLoader(Shuffled(True), 7), optimizer=torch.optim.SGD),
        lambda: made(points(), test=None),
    ],
)
def test_healthy_trainings_are_silent(build):
    given = build()
    text = "sgd() | 0.1 * cosine()" if given.whole_strategies else "0.1 * cosine()"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        given.try_out()
        assert run(given, trial(text, steps=6, measure_every=2)).steps == 6


def test_notes_say_how_it_is_trained():
    assert made().notes == ("trained by a loop, one run at a time",)
    assert made(autocast=torch.bfloat16, accumulate=4).notes[1:] == ("autocast to bfloat16", "4 batches an update")
    assert made().sizes == {"data": 40, "validation": 20, "test": 20}
    assert repr(made()) == "<training of 40 rows>"
    assert repr(made(lambda seed: loader())) == "<training of rows that a loader brings>"
    assert loops.made().start(3)["0.weight"].shape == (8, 6)
