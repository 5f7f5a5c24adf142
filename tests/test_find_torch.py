"""The range test of a torch loop: afterwards everything is as it was, bit for bit, however the sweep ended."""

import copy
import random
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, Sampler, TensorDataset

from stepsize import StepsizeError
from stepsize.adapters.torch import Scheduler, clip_gradients, find_rate, optimizer
from stepsize.adapters.torch.strategy.base import Strategy
from stepsize.adapters.torch.updates import updates_of
from stepsize.course.swept import rising


class Net(nn.Module):
    """BatchNorm, dropout, a frozen layer, a part in evaluation mode, a counter and a tensor that is no buffer."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.drop = nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.2)
        self.frozen, self.still, self.last = nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)
        for one in self.frozen.parameters():
            one.requires_grad_(False)
        self.calls, self.mean, self.history = 0, torch.zeros(8), []

    def forward(self, x):
        self.calls += 1
        hidden = self.drop(torch.relu(self.norm(self.first(x))))
        self.mean.mul_(0.9).add_(0.1 * hidden.detach().mean(0))
        self.history.append(self.calls)
        return self.last(self.still(self.frozen(hidden)))


def data(rows=60):
    made = torch.Generator().manual_seed(1)
    x = torch.randn(rows, 6, generator=made)
    return x, (x.sum(1) > 0).long()


def net(seed=0):
    torch.manual_seed(seed)
    made = Net()
    made.still.eval()
    return made


def everything(model, made, loader=None, scaler=None, schedulers=()):
    """All that a training holds, as plain values that compare exactly, with the identity of every tensor."""
    tensors = [*model.parameters(), *model.buffers(), model.mean]
    return {
        "tensors": [(id(one), one.detach().numpy().tobytes(), one.requires_grad) for one in tensors],
        "grads": [None if one.grad is None else (id(one.grad), one.grad.numpy().tobytes()) for one in tensors],
        "modes": [one.training for one in model.modules()],
        "plain": (model.calls, list(model.history)),
        "groups": [{k: repr(v) for k, v in one.items() if k != "params"} for one in made.param_groups],
        "state": {
            i: {k: v.numpy().tobytes() if isinstance(v, torch.Tensor) else repr(v) for k, v in made.state[one].items()}
            for i, one in enumerate(tensors)
            if one in made.state
        },
        "hooks": [list(getattr(made, f"_optimizer_step_{when}_hooks")) for when in ("pre", "post")],
        "random": (torch.get_rng_state().tolist(), random.getstate(), repr(np.random.get_state())),
        "loader": None if loader is None else loader.generator.get_state().tolist(),
        "scaler": None if scaler is None else (scaler.state_dict(), repr(vars(scaler))),
        "schedulers": [repr(one.state_dict()) for one in schedulers],
    }


def loss_of(model, batch):
    x, y = batch
    return F.cross_entropy(model(x), y)


def train(model, made, batches, scheduler=None, **given):
    for batch in batches:
        made.zero_grad()
        loss = loss_of(model, batch)
        loss.backward()
        made.step(**({"loss": loss} if isinstance(made, Strategy) else {}))
        if scheduler is not None:
            scheduler.step(**given)


ENGINE = "zclip(warm_up=3) | adam() | clip_rms() | 1e-3 * cosine() | clip(0.01)"
MAKE = {
    "sgd": lambda model: torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9),
    "adam": lambda model: torch.optim.Adam(model.parameters(), lr=torch.tensor(0.01), amsgrad=True),
    "groups": lambda model: torch.optim.AdamW(
        [{"params": model.first.parameters(), "lr": 0.01}, {"params": model.last.parameters(), "lr": 0.001}]
    ),
    "native": lambda model: optimizer(model.parameters(), "clip_norm(1) | adam() | 1e-3 * cosine()", total_steps=100),
    "engine": lambda model: optimizer(model.parameters(), ENGINE, total_steps=100),
    "watching": lambda model: optimizer(model.parameters(), "adam() | 1e-3 * spike()", total_steps=100),
    "clipped": lambda model: clipped(torch.optim.SGD(model.parameters(), lr=0.05)),
}


def clipped(made):
    made.clipping = clip_gradients(made, "percentile(90) | clip_norm(1)", on_nonfinite="ignore")
    return made


def loader(workers=0, **more):
    return DataLoader(
        TensorDataset(*data()),
        10,
        shuffle=True,
        generator=torch.Generator().manual_seed(2),
        num_workers=workers,
        multiprocessing_context="forkserver" if workers else None,  # JAX must not be there when a worker begins
        **more,
    )


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("kind", MAKE)
def test_everything_is_as_it_was(kind, trained):
    model = net()
    made, batches = MAKE[kind](model), loader()
    if trained:
        train(model, made, batches)
    before = everything(model, made, batches)
    told = find_rate(model, made, F.cross_entropy, batches, updates=40)
    assert everything(model, made, batches) == before
    assert np.isfinite(told.losses[:12]).all()
    assert len(set(told.losses[np.isfinite(told.losses)].tolist())) > 12


@pytest.mark.parametrize("kind", MAKE)
def test_training_goes_on_as_if_there_had_been_no_sweep(kind):
    ends = []
    for sweeps in (False, True):
        model = net()
        made, batches = MAKE[kind](model), loader()
        train(model, made, batches)
        if sweeps:
            find_rate(model, made, F.cross_entropy, batches, updates=30)
        train(model, made, batches)
        ends.append(everything(model, made, batches))
    for name in ("modes", "random", "loader", "plain"):
        assert ends[0][name] == ends[1][name], name
    for name in ("tensors", "grads"):
        assert [one and one[1:] for one in ends[0][name]] == [one and one[1:] for one in ends[1][name]], name
    assert ends[0]["state"] == ends[1]["state"]


@given(updates=st.integers(12, 40), high=st.sampled_from([1.0, 1e3, 1e30]), seed=st.integers(0, 5))
def test_everything_is_as_it_was_after_any_number_of_updates_and_a_divergence(updates, high, seed):
    model = net()
    made = MAKE["sgd"](model)
    before = everything(model, made)
    batches = [data(20), data(30)]
    told = find_rate(model, made, F.cross_entropy, batches, updates=updates, high=high, seed=seed)
    again = find_rate(model, made, F.cross_entropy, batches, updates=updates, high=high, seed=seed)
    assert everything(model, made) == before
    assert told.losses.tobytes() == again.losses.tobytes()


class StopError(Exception):
    pass


@pytest.mark.parametrize("error", [StopError, KeyboardInterrupt, StepsizeError])
@pytest.mark.parametrize("kind", ["sgd", "native", "engine"])
@pytest.mark.parametrize("at", [0, 7])
def test_everything_is_as_it_was_after_an_error_or_an_interrupt(error, kind, at):
    model = net()
    made, batches = MAKE[kind](model), loader()
    train(model, made, batches)
    before, calls = everything(model, made, batches), []

    def forward(model, batch):
        loss = loss_of(model, batch)
        calls.append(1)
        if len(calls) > at:
            raise error("here")
        return loss

    with pytest.raises((StepsizeError, KeyboardInterrupt), match="here"):  # the user's error in one line
        find_rate(model, made, batches=batches, forward=forward, updates=20)
    assert everything(model, made, batches) == before


@pytest.mark.parametrize("trained", [False, True])
def test_clips_on_the_optimizer_remember_what_they_remembered(trained):
    model = net()
    made = torch.optim.SGD(model.parameters(), lr=0.05)
    clips = clip_gradients(made, "percentile(90) | zclip(warm_up=3)", on_nonfinite="skip")
    if trained:
        train(model, made, loader())
    before, skipped = repr(clips.state_dict()), clips.skipped
    find_rate(model, made, F.cross_entropy, loader(), updates=40, high=1e30)
    assert (repr(clips.state_dict()), clips.skipped) == (before, skipped)
    train(model, made, loader())
    assert repr(clips.state_dict()) != before, "they remember something"


@pytest.mark.parametrize("trained", [0, 1, 6])
def test_what_a_scheduler_of_ours_has_noticed_so_far_is_put_back(trained):
    model = net()
    made = torch.optim.SGD(model.parameters(), lr=0.05)
    scheduler = Scheduler(made, "warmup(5) >> cosine()", total_steps=40)
    train(model, made, list(loader())[:trained], scheduler)

    def noticed():
        watch = {name: one for name, one in vars(scheduler._watch).items() if name != "updates"}
        return watch, dict(vars(scheduler._others)), updates_of(made).made, scheduler.course

    before = noticed()
    find_rate(model, made, F.cross_entropy, loader(), updates=20)
    assert noticed() == before
    assert "step" not in vars(scheduler)


@pytest.mark.parametrize("which", ["ours", "torch", "both groups", "spike"])
def test_an_attached_scheduler_stands_still_and_says_nothing(which):
    def run(sweeps):
        model = net()
        made, batches = MAKE["groups"](model), loader()
        scheduler = {
            "ours": lambda: Scheduler(made, "warmup(5) >> cosine()", total_steps=40),
            "torch": lambda: torch.optim.lr_scheduler.CosineAnnealingLR(made, 40),
            "both groups": lambda: Scheduler(made, {"lr": "cosine()", "betas.0": "linear(0.8, 0.9)"}, total_steps=40),
            "spike": lambda: Scheduler(made, "cosine() * spike()", total_steps=40),
        }[which]()
        given = {"loss": 1.0} if which == "spike" else {}
        train(model, made, batches, scheduler, **given)
        before = everything(model, made, batches, schedulers=[scheduler])
        if sweeps:
            schedulers = scheduler if which == "torch" else ()
            find_rate(model, made, F.cross_entropy, batches, updates=20, schedulers=schedulers)
            assert everything(model, made, batches, schedulers=[scheduler]) == before
        train(model, made, batches, scheduler, **given)
        return [one["lr"] for one in made.param_groups], scheduler.last_epoch, model.last.weight.tolist()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(True) == run(False)


def test_a_scheduler_that_the_loop_steps_stands_still():
    model = net()
    made = MAKE["sgd"](model)
    scheduler = torch.optim.lr_scheduler.StepLR(made, 2)
    rates, batches = [], loader()
    train(model, made, batches, scheduler)
    before, live = everything(model, made, batches, schedulers=[scheduler]), iter(loader())

    def update():
        made.zero_grad()
        loss = loss_of(model, next(live))
        loss.backward()
        rates.append(made.param_groups[0]["lr"])
        made.step()
        scheduler.step()
        return loss

    # a loader of 6 batches ends; what `update` takes from an iterator of its own is its own affair
    with pytest.raises(StopIteration):
        find_rate(model, made, update=update, schedulers=[scheduler], updates=20)
    assert everything(model, made, batches, schedulers=[scheduler]) == before
    assert rates == pytest.approx(rising(1e-7, 10, 20)[:6])


@pytest.mark.parametrize("answer", ["nan", "error"])
def test_an_update_of_ones_own_that_breaks_ends_the_sweep(answer):
    model = net()
    made = MAKE["engine" if answer == "error" else "sgd"](model)
    before = everything(model, made)

    def update():
        made.zero_grad()
        loss = loss_of(model, data()) * (float("nan") if len(model.history) > 15 else 1)
        loss.backward()
        made.step()
        return loss

    told = find_rate(model, made, update=update, updates=30)
    assert everything(model, made) == before
    assert np.isfinite(told.losses).sum() == 15
    assert told.rate is None or told.rate > 0


def test_groups_keep_their_proportions():
    model, seen = net(), []
    made = MAKE["groups"](model)
    made.register_step_post_hook(lambda one, *_: seen.append([group["lr"] for group in one.param_groups]))
    find_rate(model, made, F.cross_entropy, [data()], low=1e-4, high=1.0, updates=13)
    rates = rising(1e-4, 1, 13)
    assert [one[0] for one in seen] == pytest.approx(rates)
    assert [one[1] for one in seen] == pytest.approx(rates / 10)


def test_an_iterator_of_ones_own_stays_where_it_is():
    batches = loader(workers=1, persistent_workers=True)
    model = net()
    made = MAKE["sgd"](model)
    mine = iter(batches)
    first = next(mine)[0]
    find_rate(model, made, F.cross_entropy, batches, updates=14)
    rest = [first, *(one[0] for one in mine)]
    with_none = [one[0] for one in loader(workers=1, persistent_workers=True)]
    assert [one.tolist() for one in rest] == [one.tolist() for one in with_none]


def test_a_sampler_that_counts_epochs_and_generators_inside_data_are_put_back():
    class Noisy(TensorDataset):
        def __getitem__(self, i):
            x, y = super().__getitem__(i)
            return x + 0.01 * float(self.own.normal()), y

    class Counting(Sampler):
        epoch = 7

        def __iter__(self):
            self.epoch += 1
            return iter(torch.randperm(60, generator=torch.Generator().manual_seed(self.epoch)).tolist())

    rows, sampler = Noisy(*data()), Counting()
    rows.own = np.random.default_rng(5)
    model = net()
    find_rate(model, MAKE["sgd"](model), F.cross_entropy, DataLoader(rows, 10, sampler=sampler), updates=20)
    assert sampler.epoch == 7
    assert rows.own.normal() == np.random.default_rng(5).normal()


def test_a_schedule_that_ends_before_the_sweep_is_no_error():
    model = net()
    made = MAKE["sgd"](model)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(made, 0.1, total_steps=10)
    before = everything(model, made, schedulers=[scheduler])

    def update():
        made.zero_grad()
        loss = loss_of(model, data())
        loss.backward()
        made.step()
        scheduler.step()  # which refuses an eleventh step
        return loss

    find_rate(model, made, update=update, schedulers=scheduler, updates=20)
    assert everything(model, made, schedulers=[scheduler]) == before


def test_a_scaler_is_put_back_and_what_it_leaves_out_is_made_again():
    model = net().to(torch.float32)
    made, scaler = MAKE["sgd"](model), torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=3)
    steps = []
    made.register_step_post_hook(lambda *_: steps.append(1))
    before = everything(model, made, scaler=scaler)
    told = find_rate(model, made, F.cross_entropy, [data()], scaler=scaler, autocast=torch.bfloat16, updates=20)
    assert len(steps) == np.isfinite(told.losses).sum() >= 12
    assert everything(model, made, scaler=scaler) == before


def test_a_model_in_evaluation_mode_is_trained_and_put_back():
    model = net().eval()
    made = MAKE["sgd"](model)
    before = everything(model, made)
    model_modes = []

    def forward(model, batch):
        model_modes.append((model.training, model.norm.training))
        return loss_of(model, batch)

    with torch.no_grad():
        find_rate(model, made, batches=[data()], forward=forward, updates=12)
    assert set(model_modes) == {(True, True)}
    assert everything(model, made) == before


def test_parts_that_are_in_evaluation_mode_on_purpose_stay_so():
    model, modes = net(), []
    find_rate(
        model,
        MAKE["sgd"](model),
        batches=[data()],
        forward=lambda model, batch: modes.append(model.still.training) or loss_of(model, batch),
        updates=12,
    )
    assert set(modes) == {False}


def test_accumulated_batches_are_one_update():
    x, y = data(40)
    losses = []
    for batches, count in (([(x, y)], 1), ([(x[:20], y[:20]), (x[20:], y[20:])], 2)):
        torch.manual_seed(0)
        model = nn.Linear(6, 2)
        made = torch.optim.SGD(model.parameters(), lr=0.1)
        losses.append(find_rate(model, made, F.cross_entropy, batches, accumulate=count, updates=20).losses)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_one_that_was_never_trained_has_no_state_and_no_gradients_afterwards():
    model = net()
    made = MAKE["adam"](model)
    find_rate(model, made, F.cross_entropy, [data()], updates=12)
    assert not made.state
    assert all(one.grad is None for one in model.parameters())
    assert made.param_groups[0]["lr"].item() == pytest.approx(0.01)


def test_the_sweep_is_that_of_torch_lr_finder():
    """Its semantics: lr·(end/lr)^(i/(n − 1)), zero_grad, loss, backward, step, and the raw loss of each batch."""
    torch.manual_seed(0)
    model = nn.Linear(6, 2)
    theirs, batch = copy.deepcopy(model), data()
    found = find_rate(
        model, torch.optim.SGD(model.parameters(), lr=0.1), F.cross_entropy, [batch], low=1e-3, high=10, updates=30
    )
    made, losses = torch.optim.SGD(theirs.parameters(), lr=1e-3), []
    for i in range(30):
        made.param_groups[0]["lr"] = 1e-3 * (10 / 1e-3) ** (i / 29)
        made.zero_grad()
        loss = F.cross_entropy(theirs(batch[0]), batch[1])
        loss.backward()
        made.step()
        losses.append(loss.item())
    assert found.losses == pytest.approx(losses, rel=1e-6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"batches": None}, "batches must be a DataLoader or a list of batches, not NoneType"),
        ({"batches": torch.zeros(3, 6)}, "not Tensor"),
        ({"batches": iter([data()])}, "not an iterator"),
        ({"batches": []}, "batches gave no batch: give at least one"),
        ({"batches": [data()[0]]}, "a batch must be (inputs, …, targets)"),
        ({"loss_fn": None}, "give loss_fn, or forward(model, batch)"),
        ({"loss_fn": lambda output, targets: output}, "loss_fn must return one real number"),
        ({"loss_fn": lambda output, targets: 1 / 0}, "ZeroDivisionError"),
        ({"update": lambda: 1.0}, "leave the rest out"),
        ({"update": lambda: None, "batches": None, "loss_fn": None}, "update must return the loss"),
        ({"optimizer": "sgd"}, "optimizer must be"),
        ({"model": "net"}, "model must be"),
        ({"updates": 5}, "updates must be"),
        ({"low": -1}, "low must be"),
        ({"accumulate": 0}, "accumulate must be"),
    ],
)
def test_what_cannot_be_swept_is_one_line_and_changes_nothing(words, said):
    model = net()
    made = MAKE["sgd"](model)
    before = everything(model, made)
    given = {"model": model, "optimizer": made, "loss_fn": F.cross_entropy, "batches": [data()]} | words
    with pytest.raises(StepsizeError) as error:
        find_rate(**given)
    assert said in str(error.value)
    assert str(error.value).startswith(("find_rate: ", "find: "))
    assert str(error.value).count("find_rate: ") <= 1
    assert "\n" not in str(error.value)
    assert everything(model, made) == before
