"""Problems of torch models: the laws that every problem keeps, and a clear line for what cannot be one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, Subset, TensorDataset

from stepsize import StepsizeError, descend, problems
from stepsize.adapters.torch import problem
from stepsize.lab.runs.descend import descend_many


def table(rows=24, columns=5, classes=3, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(rows, columns)), random.integers(0, classes, rows)


def mlp(dtype=torch.float64, dropout=0.0, columns=5, classes=3):
    torch.manual_seed(1)
    layers = [nn.Linear(columns, 7), nn.Tanh(), nn.Dropout(dropout), nn.Linear(7, classes)]
    return nn.Sequential(*layers).to(dtype)


def many(made, runs, spread=0.3, seed=0):
    """Different parameters for each of many runs."""
    random = np.random.default_rng(seed)
    start = {name: one.double().numpy() for name, one in made.start(0).items()}
    return {name: one + spread * random.normal(size=(runs, *one.shape)) for name, one in start.items()}


def drawn(made, groups, batch, seed=0):
    return np.random.default_rng(seed).integers(0, made.size, (groups, batch))


def one_of(params, i):
    return {name: one[i : i + 1] for name, one in params.items()}


class Tied(nn.Module):
    """A little language model whose last layer is its embedding."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(6, 4)
        self.register_buffer("shift", torch.arange(4.0))
        self.head = nn.Linear(4, 6, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens):
        return self.head(torch.tanh(self.embedding(tokens) + self.shift).mean(1))


class Branching(nn.Module):
    """A module whose way depends on its numbers, which vmap cannot follow."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 3)

    def forward(self, x):
        out = self.layer(x)
        return out if out.sum() > 0 else 2 * out


class Attending(nn.Module):
    """Attention as torch has it, for which vmap has no rule of its own on a CPU."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 12)

    def forward(self, x):
        q, k, v = self.layer(x).chunk(3, -1)
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).mean(1)


# --- laws


@settings(max_examples=15)
@given(runs=st.sampled_from([1, 2, 6]), groups=st.sampled_from([None, 1, 2]), vmap=st.sampled_from([None, True, False]))
def test_the_gradient_is_the_numerical_gradient(runs, groups, vmap):
    made = problem(mlp(), F.cross_entropy, table(), vmap=vmap)
    params = many(made, runs)
    rows = None if groups is None or runs % groups else drawn(made, groups, 8)
    grads = made.loss_and_grad(params, rows)[1]
    random, step = np.random.default_rng(3), 1e-5
    for name, one in params.items():
        way = random.normal(size=one.shape)
        up, down = (made.loss({**params, name: one + sign * step * way}, rows) for sign in (1, -1))
        slope = (grads[name] * way).reshape(runs, -1).sum(axis=1)
        np.testing.assert_allclose((up - down) / (2 * step), slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("batch_size", [None, 32])
def test_a_linear_layer_is_softmax_regression_run_for_run(batch_size):
    X, y = load_digits(return_X_y=True)
    X = X[:200] / 16
    layer = nn.Linear(64, 10, bias=False).double()
    nn.init.zeros_(layer.weight)
    how = {"steps": 40, "rates": [0.01, 0.1, 1.0], "seeds": (0, 3), "batch_size": batch_size, "measure_every": 10}
    ours, theirs = (
        descend_many(one, "sgd(momentum=0.9) | 0.1 * cosine() | clip(0.05)", **how)
        for one in (problem(layer, F.cross_entropy, (X, y[:200])), problems.softmax(X, y[:200]))
    )
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.losses, b.losses, rtol=1e-10)
        np.testing.assert_allclose(a.measured, b.measured, rtol=1e-10)
        np.testing.assert_allclose(a.params["weight"].numpy().T, b.params, rtol=1e-10, atol=1e-12)


TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("groups", [None, 1, 2, 6])
@pytest.mark.parametrize("vmap", [None, True, False])
def test_many_at_once_are_the_loop(dtype, groups, vmap):
    made, alone = (problem(mlp(dtype), F.cross_entropy, table(), vmap=one) for one in (vmap, False))
    params = many(made, 6)
    rows = None if groups is None else drawn(made, groups, 8)
    losses, grads = made.loss_and_grad(params, rows)
    rtol = TOLERANCE[dtype]
    for i in range(6):
        own = None if rows is None else rows[i * groups // 6][None]
        loss, grad = alone.loss_and_grad(one_of(params, i), own)
        np.testing.assert_allclose(losses[i], loss[0], rtol=rtol)
        np.testing.assert_allclose(made.loss(params, rows)[i], loss[0], rtol=rtol)
        for name in grads:
            np.testing.assert_allclose(grads[name][i], grad[name][0], rtol=rtol, atol=rtol)


@pytest.mark.parametrize("build", [mlp, lambda: mlp(torch.float32, dropout=0.5)])
def test_the_same_seed_gives_the_same_numbers(build):
    made = [problem(build, F.cross_entropy, table()) for _ in range(2)]
    runs = [descend(one, "adam() | 0.01", steps=12, batch_size=8, seed=5) for one in made]
    assert runs[0].losses.tolist() == runs[1].losses.tolist()
    assert all(torch.equal(one, runs[1].params[name]) for name, one in runs[0].params.items())


def test_a_function_builds_other_weights_for_other_seeds_and_a_module_the_same():
    built = problem(lambda: nn.Linear(5, 3), F.cross_entropy, table())
    assert not np.allclose(built.start(0)["weight"], built.start(1)["weight"])
    assert np.array_equal(built.start(1)["weight"], built.start(1)["weight"])
    torch.manual_seed(1)
    expected = nn.Linear(5, 3).weight.detach().numpy()
    assert np.array_equal(built.start(1)["weight"], expected)
    module = nn.Linear(5, 3)
    given_one = problem(module, F.cross_entropy, table())
    assert np.array_equal(given_one.start(7)["weight"], module.weight.detach().numpy())


def test_rows_choose_the_data():
    X, y = table()
    made = problem(mlp(), F.cross_entropy, (X, y))
    params, rows = many(made, 2), np.array([[3, 1, 1], [20, 4, 9]])
    losses = made.loss(params, rows)
    for i, line in enumerate(rows):
        assert np.isclose(losses[i], problem(mlp(), F.cross_entropy, (X[line], y[line])).loss(one_of(params, i))[0])
    assert not np.isclose(losses[0], made.loss(params, rows[::-1])[0])


@pytest.mark.parametrize("vmap", [True, False])
def test_dropout_is_decided_by_rows_and_parameters_not_by_the_company(vmap):
    made = problem(mlp(dropout=0.5), F.cross_entropy, table(), vmap=vmap)
    params, rows = many(made, 6), drawn(made, 2, 8)
    losses, grads = made.loss_and_grad(params, rows)
    again = made.loss_and_grad(params, rows)
    assert np.array_equal(losses, again[0])
    for i in range(6):
        loss, grad = made.loss_and_grad(one_of(params, i), rows[i // 3][None])
        np.testing.assert_allclose(loss[0], losses[i], rtol=1e-12)
        np.testing.assert_allclose(grad["0.weight"][0], grads["0.weight"][i], rtol=1e-12, atol=1e-14)


def test_dropout_draws_anew_for_other_rows_and_without_rows_for_other_parameters():
    made = problem(mlp(dropout=0.5), F.cross_entropy, table())
    same = {name: np.repeat(one[:1], 2, axis=0) for name, one in many(made, 1).items()}
    plain = problem(mlp(), F.cross_entropy, table())
    rows = np.array([[0, 1, 2, 3], [3, 2, 1, 0]])
    a, b = made.loss_and_grad(same, rows)[0]
    assert np.isclose(*plain.loss_and_grad(same, rows)[0])
    assert not np.isclose(a, b)
    a, b = made.loss_and_grad(same)[0]
    assert a == b
    moved = {name: one + 1e-9 for name, one in same.items()}
    assert not np.isclose(made.loss_and_grad(moved)[0][0], a, rtol=1e-4)
    assert np.isclose(made.loss(moved)[0], plain.loss(same)[0], rtol=1e-6), "no dropout where losses are measured"


@settings(max_examples=20)
@given(rows_at_once=st.integers(1, 30), vmap=st.sampled_from([None, True, False]))
def test_all_data_in_pieces_are_all_data(rows_at_once, vmap):
    whole, pieces = (problem(mlp(), F.cross_entropy, table(), rows_at_once=n, vmap=vmap) for n in (24, rows_at_once))
    params = many(whole, 3)
    np.testing.assert_allclose(pieces.loss(params), whole.loss(params), rtol=1e-12)
    (loss, grads), (loss_in_pieces, grads_in_pieces) = whole.loss_and_grad(params), pieces.loss_and_grad(params)
    np.testing.assert_allclose(loss_in_pieces, loss, rtol=1e-12)
    for name in grads:
        np.testing.assert_allclose(grads_in_pieces[name], grads[name], rtol=1e-10, atol=1e-15)


def test_memory_decides_how_many_rows_one_pass_sees():
    assert problem(mlp(), F.cross_entropy, table()).rows_at_once == 4096
    heavy = problem(nn.Linear(2000, 2000, bias=False), F.cross_entropy, (np.zeros((2, 2000)), np.zeros(2, dtype=int)))
    assert (heavy.found.flops, heavy.rows_at_once) == (8e6, 500)
    sizes = []

    class Watched(nn.Linear):
        def forward(self, x):
            sizes.append(len(x))
            return super().forward(x)

    made = problem(Watched(5, 3), F.cross_entropy, table(40), rows_at_once=15)
    sizes.clear()
    made.loss(many(made, 1))
    made.loss(many(made, 1), drawn(made, 1, 20))
    assert sizes == [15, 15, 10, 20]  # all data in pieces; a batch is one pass, as in any loop


# --- what a module may be


def test_tied_parameters_are_one_and_come_back_as_two():
    tokens = np.random.default_rng(0).integers(0, 6, (20, 3))
    made = problem(Tied, F.cross_entropy, (tokens, tokens[:, 0]))
    assert list(made.start(0)) == ["embedding.weight"]
    run = descend(made, "adam() | 0.05", steps=60)
    assert run.loss < 0.5 * run.measured[0]
    assert torch.equal(run.params["head.weight"], run.params["embedding.weight"])
    module = Tied()
    assert module.load_state_dict(run.params).missing_keys == []
    loss = F.cross_entropy(module(torch.tensor(tokens)), torch.tensor(tokens[:, 0])).item()
    assert np.isclose(loss, run.loss, rtol=1e-5)


def test_what_needs_no_gradient_stays_fixed():
    module = mlp()
    module[0].requires_grad_(False)
    made = problem(module, F.cross_entropy, table())
    assert sorted(made.start(0)) == ["3.bias", "3.weight"]
    run = descend(made, "sgd() | 0.1", steps=5)
    assert torch.equal(run.params["0.weight"], module[0].weight)
    assert not torch.equal(run.params["3.weight"], module[3].weight)


def test_the_users_module_and_random_numbers_are_left_alone():
    module = mlp(dropout=0.5).eval()
    torch.manual_seed(77)  # of which no function below knows
    before, state = {name: one.clone() for name, one in module.state_dict().items()}, torch.get_rng_state()
    descend(problem(module, F.cross_entropy, table()), "sgd() | 0.1", steps=3, batch_size=4)
    problem(lambda: mlp(dropout=0.5), F.cross_entropy, table()).start(3)
    assert all(torch.equal(one, before[name]) for name, one in module.state_dict().items())
    assert not module.training
    assert all(one.grad is None for one in module.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_what_torch_cannot_vmap_goes_one_by_one():
    made = problem(Branching, F.cross_entropy, table())
    params, rows = many(made, 6), drawn(made, 2, 8)
    losses = made.loss(params, rows)
    alone = [made.loss(one_of(params, i), rows[i // 3][None])[0] for i in range(6)]
    assert losses.tolist() == alone
    assert made.loss_and_grad(params, rows)[0].shape == (6,)
    with pytest.raises(StepsizeError, match="vmap=False"):
        problem(Branching, F.cross_entropy, table(), vmap=True).loss(params, rows)


def test_attention_is_the_loop_without_a_warning():
    data = np.random.default_rng(0).normal(size=(24, 6, 4)), table(classes=4)[1]
    made, alone = (problem(Attending, F.cross_entropy, data, vmap=one) for one in (None, False))
    params, rows = many(made, 6), drawn(made, 2, 8)
    (losses, grads), (expected, slopes) = made.loss_and_grad(params, rows), alone.loss_and_grad(params, rows)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    np.testing.assert_allclose(made.loss(params, rows), expected, rtol=1e-5)
    np.testing.assert_allclose(grads["layer.weight"], slopes["layer.weight"], rtol=1e-4, atol=1e-6)


def test_batches_norms_of_each_batch_work():
    module = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    torch.func.replace_all_batch_norm_modules_(module)
    made = problem(module, F.cross_entropy, table())
    params, rows = many(made, 4), drawn(made, 2, 8)
    np.testing.assert_allclose(made.loss(params, rows), made.loss_and_grad(params, rows)[0], rtol=1e-6)
    assert descend(made, "adam() | 0.01", steps=30, batch_size=8).loss < 1.2


def test_a_parameter_that_is_not_used_has_gradient_zero():
    class Spare(nn.Linear):
        def __init__(self):
            super().__init__(5, 3)
            self.spare = nn.Parameter(torch.ones(2))

    made = problem(Spare, F.cross_entropy, table())
    for runs in (1, 6):
        assert not made.loss_and_grad(many(made, runs))[1]["spare"].any()


def test_several_inputs_and_outputs_of_any_form():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(5, 1), nn.Linear(2, 1)

        def forward(self, x, z):
            return {"sum": self.a(x) + self.b(z), "a": self.a(x)}

    (X, _), (z, y) = table(), table(columns=2)
    made = problem(Two, lambda out, y: F.mse_loss(out["sum"][:, 0], y) + 0 * out["a"].mean(), (X, z, y.astype(float)))
    assert made.size == 24
    assert descend(made, "sgd() | 0.1", steps=20).loss < made.loss(many(made, 1, spread=0))[0]


# --- data


def test_all_forms_of_data_are_the_same_data():
    X, y = table()
    X = X.astype(np.float32)
    tensors = TensorDataset(torch.tensor(X), torch.tensor(y))
    forms = [(X, y), [X.astype(np.float64), y.astype(np.int32)], (torch.tensor(X), y.tolist()), tensors]
    forms += [
        Subset(tensors, range(24)),
        [(X), y.astype(np.uint16)],
        (X[::-1][::-1], y),
        _Listed(X, y),
        (X.astype(">f4"), y),
    ]
    X.flags.writeable = False
    forms.append((X, y))
    expected = None
    for data in forms:
        made = problem(mlp(torch.float32), F.cross_entropy, data)
        losses = made.loss(many(made, 2))
        expected = losses if expected is None else expected
        assert losses.tolist() == expected.tolist()


class _Listed:
    """A map-style dataset of the plainest kind."""

    def __init__(self, X, y):
        self.rows = list(zip(X, y, strict=True))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


class _Stream(IterableDataset):
    def __iter__(self):
        return iter([])


X, Y = table()
NAN = np.where(np.arange(24)[:, None] == 3, np.nan, X)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ((X, Y[:-1]), "equally many rows, not inputs 24, targets 23"),
        ((X, X, Y[:-1]), "input 1 24, input 2 24, targets 23"),
        ((X,), "inputs and targets, not 1 array"),
        (X, "not one ndarray"),
        (torch.tensor(X), "not one Tensor"),
        ({"x": X}, "not one dict"),
        ((NAN, Y), "inputs has NaN or infinite values; fill or drop"),
        ((torch.tensor(NAN), Y), "inputs has NaN"),
        ((X, np.where(Y == 1, np.inf, 0.0)), "targets has NaN or infinite"),
        ((X[:0], Y[:0]), "at least 1 row, not 0"),
        ((X, 3), "targets must have rows, not one number"),
        ((X, np.array(["a"] * 24)), "targets must hold numbers"),
        (7, "not int: write (inputs, targets)"),
        (_Stream(), "map-style dataset, not _Stream"),
        (DataLoader(TensorDataset(torch.tensor(X))), "map-style dataset, not DataLoader"),
        (_Listed([np.zeros(2), np.zeros(3)], [0, 1]), "examples of one shape"),
        (_Listed([{"a": 1.0}] * 2, [0, 1]), "must be tuples"),
        (_Listed([], []), "inputs and targets, not 0"),
    ],
)
def test_data_that_cannot_be_used_are_one_line(data, said):
    with pytest.raises(StepsizeError) as error:
        problem(mlp(), F.cross_entropy, data)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


# --- modules and losses that cannot be used


def _changing():
    _changing.width += 1
    return nn.Linear(5, _changing.width)


_changing.width = 2


@pytest.mark.parametrize(
    ("module", "loss_fn", "said"),
    [
        (7, F.cross_entropy, "module must be a torch.nn.Module, or a function"),
        (lambda: 7, F.cross_entropy, "must build a torch.nn.Module, not int"),
        (nn.Linear, F.cross_entropy, "building the module raised TypeError"),
        (nn.ReLU(), F.cross_entropy, "must have parameters to train"),
        (mlp().requires_grad_(False), F.cross_entropy, "must have parameters to train"),
        (nn.Linear(5, 3, dtype=torch.complex64), F.cross_entropy, "real numbers, not complex64 as weight"),
        (nn.LazyLinear(3), F.cross_entropy, "call it once on some rows"),
        (mlp(columns=4), F.cross_entropy, "the module raised RuntimeError"),
        (mlp(), "mse", "loss_fn must be a function of (output, targets), not 'mse'"),
        (mlp(), nn.Sequential(nn.Linear(3, 1)), "loss_fn has parameters of its own"),
        (mlp(), lambda out, y: F.cross_entropy(out, y, reduction="none"), "(2,) float64: end it with .mean()"),
        (mlp(), lambda out, y: 3.0, "one real number, the mean over the rows, not float"),
        (mlp(), lambda out, y: F.cross_entropy(out, y, reduction="sum"), 'reduction="mean"'),
        (mlp(), lambda out, y: F.mse_loss(out, y[0]), "loss_fn raised"),
        (mlp(), lambda out, y: y.double().mean(), "must depend on the parameters"),
    ],
)
@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_a_model_that_cannot_be_used_is_one_line(module, loss_fn, said):
    with pytest.raises(StepsizeError) as error:
        problem(module, loss_fn, (X, Y))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_function_must_build_the_same_shapes_for_every_seed():
    made = problem(_changing, F.cross_entropy, (X, Y))
    with pytest.raises(StepsizeError, match="same parameters for every seed"):
        made.start(1)


@pytest.mark.parametrize(
    ("option", "said"), [({"rows_at_once": 0}, "rows_at_once"), ({"vmap": "yes"}, "True or False")]
)
def test_options_are_checked(option, said):
    with pytest.raises(StepsizeError, match=said):
        problem(mlp(), F.cross_entropy, (X, Y), **option)


def test_no_thread_count_is_set():
    before = torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()
    descend(problem(mlp(), F.cross_entropy, (X, Y)), "sgd() | 0.1", steps=2)
    assert (torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()) == before
