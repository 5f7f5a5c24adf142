"""Torch models trained side by side: every kind of model ends where the plain torch loop of each run ends."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from stepsize import StepsizeError, descend, descend_many
from stepsize.adapters.torch import problem
from stepsize.adapters.torch.as_problem.masks import drawn_in_order, seeded
from stepsize.adapters.torch.as_problem.runs import MASKS, Runs
from stepsize.text import as_descent
from stepsize.update import advance

RATES = (0.003, 0.01, 0.03, 0.1)
STEPS, BATCH = 8, 6
ROUNDING = {torch.float64: 1e-9, torch.float32: 2e-4}


class Sentences(nn.Module):
    """Embeddings, a recurrent net, and a linear layer on its last state."""

    def __init__(self, kind, **how):
        super().__init__()
        self.symbol = nn.Embedding(7, 5)
        self.net = kind(5, 6, batch_first=True, **how)
        self.last = nn.Linear(6 * (2 if how.get("bidirectional") else 1), 3)
        if how.get("proj_size"):
            self.last = nn.Linear(how["proj_size"], 3)

    def forward(self, x):
        return self.last(self.net(self.symbol(x))[0][:, -1])


class Attending(nn.Module):
    """Torch's own encoder layer over embedded symbols."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.symbol = nn.Embedding(7, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, dropout, batch_first=True)
        self.last = nn.Linear(8, 3)

    def forward(self, x):
        return self.last(self.layer(self.symbol(x)).mean(1))


class Counting(nn.Module):
    """A module that puts a new buffer in the place of the old one, and is scaled by it."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(9, 3)
        self.register_buffer("calls", torch.ones(()))

    def forward(self, x):
        if self.training:
            self.calls = self.calls * 1.1
        return self.layer(x) / self.calls


def cnn(norm):
    # no bias before a norm: its gradient is rounding alone, which Adam makes as long as any other
    return nn.Sequential(
        nn.Unflatten(1, (1, 3, 3)), nn.Conv2d(1, 4, 2, bias=False), norm(), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)
    )


KINDS = {
    "batchnorm-cnn": lambda: cnn(lambda: nn.BatchNorm2d(4)),
    "groupnorm-cnn": lambda: cnn(lambda: nn.GroupNorm(2, 4)),
    "dropout-mlp": lambda: nn.Sequential(nn.Linear(9, 8), nn.Tanh(), nn.Dropout(0.4), nn.Linear(8, 3)),
    "layernorm-mlp": lambda: nn.Sequential(nn.Linear(9, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3)),
    "buffer": Counting,
    "gru": lambda: Sentences(nn.GRU),
    "gru-both-ways": lambda: Sentences(nn.GRU, num_layers=2, bidirectional=True, dropout=0.3),
    "lstm": lambda: Sentences(nn.LSTM, num_layers=2),
    "lstm-projected": lambda: Sentences(nn.LSTM, proj_size=4, bias=False),
    "rnn": lambda: Sentences(nn.RNN, nonlinearity="relu"),
    "transformer": Attending,
    "transformer-dropout": lambda: Attending(0.2),
}
SYMBOLS = {"gru", "gru-both-ways", "lstm", "lstm-projected", "rnn", "transformer", "transformer-dropout"}
OPTIMIZERS = {
    "sgd(momentum=0.9)": lambda params, lr: torch.optim.SGD(params, lr, momentum=0.9),
    # a gradient of rounding alone, such as that of a bias before a softmax, must not become a step
    "adam(eps=0.001)": lambda params, lr: torch.optim.Adam(params, lr, eps=1e-3),
}


def data_of(kind):
    random = np.random.default_rng(0)
    inputs = random.integers(0, 7, (30, 4)) if kind in SYMBOLS else random.normal(size=(30, 9))
    return inputs, random.integers(0, 3, 30)


def made_of(kind, dtype=torch.float64, **how):
    return problem(lambda: KINDS[kind]().to(dtype), F.cross_entropy, data_of(kind), **how)


def stacked(made, seed, runs):
    """The start of one seed for many runs, and what they carry."""
    begun = made.start(seed), made.carried(seed)
    return ({name: torch.stack([one] * runs) for name, one in some.items()} for some in begun)


def batches(seed, steps=STEPS):
    random = np.random.default_rng(seed)
    return [random.permutation(30)[:BATCH] for _ in range(steps)]


def asked(made, params, rows, carried):
    """Loss, gradient and what is carried, whether or not the problem carries anything."""
    return made.loss_and_grad(params, rows, carried) if carried else (*made.loss_and_grad(params, rows), {})


def trained(made, rule, seed=0, rates=RATES, steps=STEPS):
    """A loop of `advance` over stacked tensors: parameters, what is carried, and the losses of every update."""
    strategy = as_descent(f"{rule} | 1")
    params, carried = stacked(made, seed, len(rates))
    state, losses = strategy.init(params), []
    base = torch.tensor(rates, dtype=made.like.dtype)
    for line in batches(seed, steps):
        loss, grads, carried = asked(made, params, line[None], carried)
        params, state, _, _ = advance(
            strategy.parts, params, grads, state, (), {}, lambda *_: (base, (), ""), many=True
        )
        losses.append(loss)
    return params, carried, torch.stack(losses)


def looped(made, kind, optimizer, rate, dtype, seed=0):
    """The plain torch loop, with the random numbers that the problem promises."""
    with seeded(0, torch.device("cpu")):
        torch.manual_seed(seed)
        module = KINDS[kind]().to(dtype)
    inputs, targets = (torch.as_tensor(one) for one in data_of(kind))
    inputs = inputs.to(dtype) if inputs.is_floating_point() else inputs
    stepper, losses = OPTIMIZERS[optimizer](module.parameters(), rate), []
    module.train()
    for line in batches(seed):
        stepper.zero_grad()
        with drawing(Runs({}, line, {}).seeds(0)[0], kind):
            loss = F.cross_entropy(module(inputs[line]), targets[line])
        loss.backward()
        stepper.step()
        losses.append(loss.item())
    module.eval()
    with torch.no_grad():
        output = module(inputs)
        return module, losses, F.cross_entropy(output, targets), (output.argmax(1) == targets).double().mean()


@contextlib.contextmanager
def drawing(seed, kind):
    """The random numbers of a seed; attention drops out of arrays that lie in no order, whose numbers do."""
    cpu = torch.device("cpu")
    in_order = drawn_in_order([seed], cpu, apart=False) if kind == "transformer-dropout" else contextlib.nullcontext()
    with seeded(seed, cpu), in_order:
        yield


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:LSTM with projections")  # torch's own, of the loop too
def test_every_run_is_the_plain_torch_loop(kind, optimizer, dtype):
    made, near = made_of(kind, dtype, vmap=True), ROUNDING[dtype]
    params, carried, losses = trained(made, optimizer)
    ends, accuracies = made.loss(params, None, carried), made.metrics(params, None, carried)["accuracy"]
    for i, rate in enumerate(RATES):
        module, expected, end, accuracy = looped(made, kind, optimizer, rate, dtype)
        torch.testing.assert_close(losses[:, i], torch.tensor(expected, dtype=dtype), rtol=near, atol=near)
        state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        for name, one in {**params, **carried}.items():
            assert one.dtype == state[name].dtype
            torch.testing.assert_close(one[i], state[name].detach(), rtol=near, atol=near)
        torch.testing.assert_close(ends[i], end, rtol=near, atol=near)
        assert accuracies[i].item() == pytest.approx(accuracy.item(), abs=1e-6)
    assert made.note == ""


@pytest.mark.parametrize("kind", KINDS)
def test_one_by_one_and_as_one_call_are_the_same(kind):
    (a, b, _), (c, d, _) = (trained(made_of(kind, vmap=how), "sgd()") for how in (True, False))
    for name, one in {**a, **b}.items():
        torch.testing.assert_close(one, {**c, **d}[name], rtol=1e-9, atol=1e-9)


def test_nothing_that_is_given_is_changed():
    made = made_of("batchnorm-cnn")
    params, carried = stacked(made, 0, 4)
    before = {name: one.clone() for name, one in {**params, **carried}.items()}
    made.loss_and_grad(params, batches(0)[0][None], carried)
    made.loss(params, None, carried)
    assert all(torch.equal(one, before[name]) for name, one in {**params, **carried}.items())
    again = made.carried(0)
    assert all(torch.equal(one, carried[name][0]) for name, one in again.items())


def test_several_groups_of_rows_carry_apart():
    made = made_of("batchnorm-cnn", vmap=True)
    params, carried = stacked(made, 0, 4)
    lines = np.stack(batches(0, 2))
    losses, grads, after = made.loss_and_grad(params, lines, carried)
    for i in range(4):
        one, kept = ({name: x[i : i + 1] for name, x in some.items()} for some in (params, carried))
        loss, grad, later = made.loss_and_grad(one, lines[i // 2][None], kept)
        torch.testing.assert_close(losses[i : i + 1], loss)
        for name in grad:
            torch.testing.assert_close(grads[name][i : i + 1], grad[name])
        for name in later:
            torch.testing.assert_close(after[name][i : i + 1], later[name])
    assert not torch.allclose(after["2.running_mean"][0], after["2.running_mean"][2])


def test_numpy_comes_back_as_numpy():
    made = made_of("batchnorm-cnn", torch.float32)
    params, carried = ({name: one.numpy() for name, one in some.items()} for some in stacked(made, 0, 4))
    losses, grads, after = made.loss_and_grad(params, batches(0)[0][None], carried)
    assert losses.dtype == np.float64
    assert all(isinstance(one, np.ndarray) and one.dtype == np.float64 for one in grads.values())
    assert after["2.num_batches_tracked"].tolist() == [1] * 4
    assert made.metrics(params, None, after)["accuracy"].dtype == np.float64


def test_what_a_run_carried_comes_back_with_its_parameters():
    made = made_of("batchnorm-cnn")
    params, carried, _ = trained(made, "adam()")
    module = KINDS["batchnorm-cnn"]().double()
    told = made.unpack(*({name: one[2] for name, one in some.items()} for some in (params, carried)))
    module.load_state_dict(told)
    assert int(module[2].num_batches_tracked) == STEPS
    inputs, targets = (torch.as_tensor(one) for one in data_of("batchnorm-cnn"))
    loss = F.cross_entropy(module.eval()(inputs), targets)
    torch.testing.assert_close(loss, made.loss(params, None, carried)[2])


def test_a_run_that_carries_something_is_told_to_pass_it():
    made = made_of("batchnorm-cnn")
    params, _ = stacked(made, 0, 2)
    for call in (made.loss, made.loss_and_grad, made.metrics):
        with pytest.raises(StepsizeError, match="begin with carried"):
            call(params)
    assert made_of("dropout-mlp").carried(0) == {}


# --- masks


def test_own_masks_differ_between_runs_and_depend_on_no_neighbour():
    made = made_of("dropout-mlp", masks="own", vmap=True)
    params, _ = stacked(made, 0, 4)
    carried = {MASKS: torch.stack([made.carried(0, run)[MASKS] for run in (0, 1, 2, 1)])}
    losses, grads, after = made.loss_and_grad(params, batches(0)[0][None], carried)
    assert losses[1] == losses[3]
    assert len(set(losses.tolist())) == 3
    for some in ([0], [2, 1], [3, 2, 0]):
        own, kept = ({name: one[some] for name, one in given.items()} for given in (params, carried))
        loss, grad, later = made.loss_and_grad(own, batches(0)[0][None], kept)
        torch.testing.assert_close(loss, losses[some], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(grad["0.weight"], grads["0.weight"][some], rtol=1e-9, atol=1e-12)
        assert torch.equal(later[MASKS], after[MASKS][some])
    alone = made_of("dropout-mlp", masks="own", vmap=False)
    torch.testing.assert_close(alone.loss_and_grad(params, batches(0)[0][None], carried)[0], losses)


@pytest.mark.parametrize("rows", [None, batches(0)[0][None]], ids=["all rows", "a batch"])
def test_own_masks_are_drawn_anew_for_each_update(rows):
    made = made_of("dropout-mlp", masks="own")
    params, carried = stacked(made, 0, 3)
    first, _, after = made.loss_and_grad(params, rows, carried)
    second = made.loss_and_grad(params, rows, after)[0]
    assert not torch.isclose(first, second).any()
    assert torch.equal(made.loss_and_grad(params, rows, carried)[0], first)


def test_the_same_masks_for_all_rates_unless_asked():
    losses = trained(made_of("dropout-mlp"), "sgd()", rates=(0.1, 0.1, 0.1))[2]
    assert torch.allclose(losses[:, 0], losses[:, 2])
    with pytest.raises(StepsizeError, match="masks must be"):
        made_of("dropout-mlp", masks="none")


# --- what cannot be stacked


class Branching(nn.Linear):
    def forward(self, x):
        out = super().forward(x)
        return out if out.sum() > 0 else 2 * out


def test_what_cannot_be_one_call_says_why():
    made = problem(Branching(9, 3), F.cross_entropy, data_of("mlp"))
    params, _ = stacked(made, 0, 4)
    assert made.note == ""
    assert made.loss_and_grad(params, batches(0)[0][None])[0].shape == (4,)
    assert "one by one" in made.note
    assert "data-dependent" in made.note
    averaged = cnn(lambda: nn.BatchNorm2d(4, momentum=None))
    made = problem(averaged, F.cross_entropy, data_of("cnn"))
    params, carried = stacked(made, 0, 4)
    after = made.loss_and_grad(params, batches(0)[0][None], carried)[2]
    assert after["2.num_batches_tracked"].tolist() == [1] * 4
    assert "one by one" in made.note


def test_what_a_run_ends_with_has_its_running_statistics():
    made = made_of("batchnorm-cnn", torch.float64)
    runs = descend_many(made, "sgd() | 0.1", steps=4, rates=[0.01, 0.3], seeds=[0, 1], batch_size=8)
    means = [run.params["2.running_mean"] for run in runs]
    assert all(run.params["2.num_batches_tracked"] == 4 for run in runs)
    assert not any(torch.equal(one, other) for i, one in enumerate(means) for other in means[:i])
    alone = descend(made, "sgd() | 0.3", steps=4, seed=1, batch_size=8).params
    for name, one in runs[3].params.items():
        torch.testing.assert_close(one, alone[name])
