"""How many runs and rows one call of a torch problem takes: what was asked for, what memory allows, what is fastest."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from stepsize import StepsizeError
from stepsize.adapters.torch import problem
from stepsize.adapters.torch.as_problem.ways import Ways


class Clock:
    """A clock that calls move on, by what each way is said to cost."""

    def __init__(self, costs):
        self.costs, self.now, self.calls = costs, 0.0, []

    def __call__(self):
        return self.now

    def call(self, way):
        self.calls.append(way)
        self.now += self.costs[way]


def best(costs):
    clock = Clock(costs)
    return Ways(clock).best("shape", costs, clock.call), clock


@pytest.mark.parametrize(
    ("costs", "chosen"),
    [
        ({(1, 32): 1.0}, (1, 32)),
        ({(1, 32): 1.0, (8, 32): 2.0, (32, 32): 6.0, (128, 32): 30.0}, (32, 32)),
        ({(1, 32): 1.0, (8, 32): 7.8, (32, 32): 40.0}, (1, 32)),  # two per cent are noise
        ({(1, 32): 1.0, (8, 32): 7.2, (32, 32): 40.0}, (8, 32)),
        ({(1, 900): 9.0, (1, 300): 2.0, (16, 300): 50.0}, (1, 300)),  # of one run and row
    ],
)
def test_the_cheapest_run_and_row_wins(costs, chosen):
    assert best(costs)[0] == chosen


def test_what_grows_much_dearer_is_not_followed_further():
    costs = {(1, 32): 1.0, (8, 32): 4.0, (32, 32): 60.0, (128, 32): 1.0}
    chosen, clock = best(costs)
    assert chosen == (8, 32)
    assert (128, 32) not in clock.calls


def test_a_shape_is_measured_once_and_can_be_told():
    ways, clock = Ways(), Clock({(1, 4): 1.0, (8, 4): 1.0})
    ways.clock = clock
    first = ways.best("a", clock.costs, clock.call)
    calls = len(clock.calls)
    assert ways.best("a", clock.costs, clock.call) == first == (8, 4)
    assert len(clock.calls) == calls
    told = Ways(clock)
    told.chosen.update(ways.chosen)
    assert told.best("a", clock.costs, clock.call) == first
    assert len(clock.calls) == calls


class Seen(nn.Linear):
    """Notes the rows of every forward pass."""

    def __init__(self, columns=5):
        super().__init__(columns, 3)
        self.rows = []

    def forward(self, x):
        self.rows.append(len(x))
        return super().forward(x)


def seen(rows=900, columns=5, **how):
    random = np.random.default_rng(0)
    torch.manual_seed(0)  # the module begins the same, whatever was tested before
    made = problem(
        Seen(columns), F.cross_entropy, (random.normal(size=(rows, columns)), random.integers(0, 3, rows)), **how
    )
    params = {name: torch.stack([one] * 6) for name, one in made.start(0).items()}
    made.module.rows.clear()
    return made, params, made.module.rows


def test_all_losses_in_pieces_of_runs_and_rows_are_the_losses():
    made, params, _ = seen(vmap="measured")
    expected = made.loss(params)
    for way in ((1, 900), (2, 256), (4, 64), (6, 900), (16, 7)):
        made.many.ways.chosen = dict.fromkeys(made.many.ways.chosen, way)
        torch.testing.assert_close(made.loss(params), expected)
        assert made.metrics(params)["accuracy"].shape == (6,)


def test_rows_at_once_is_kept_to():
    made, params, rows = seen(rows_at_once=300)
    made.loss(params)
    assert set(rows) <= {300, 2}  # and the trial of two rows
    norm = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 3))
    made = problem(norm, F.cross_entropy, (np.random.default_rng(0).normal(size=(900, 5)), np.arange(900) % 3))
    assert not made.many.limits.free, "rows that see each other are never taken apart"
    params = {name: torch.stack([one] * 6) for name, one in made.start(0).items()}
    loss = F.cross_entropy(made.module.eval()(made.many.data[0]), made.many.data[1])
    torch.testing.assert_close(made.loss(params), loss.detach().expand(6))


def test_the_rule_takes_small_training_passes_together_and_losses_one_by_one():
    made, params, rows = seen()
    line = np.arange(8)[None]
    for one in (made.loss_and_grad, made.loss):
        one(params, line)
        rows.clear()
        one(params, line)
        assert rows == ([8] if one == made.loss_and_grad else [8] * 6)
    assert made.many.ways.chosen == {}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_run_has_the_same_numbers_in_any_company(dtype):
    random = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 3)).to(dtype)
    made = problem(net, F.cross_entropy, (random.normal(size=(90, 5)), random.integers(0, 3, 90)))
    runs = 0.1 * torch.arange(9)[:, None]
    params = {name: torch.stack([one] * 9) + runs.reshape(9, *[1] * one.ndim) for name, one in made.start(0).items()}
    line = np.arange(8)[None]
    losses, grads = made.loss_and_grad(params, line)
    for part in (slice(0, 1), slice(3, 5), slice(4, 9)):
        some, slopes = made.loss_and_grad({name: one[part] for name, one in params.items()}, line)
        assert torch.equal(some, losses[part])
        assert all(torch.equal(slopes[name], grads[name][part]) for name in slopes)


@pytest.mark.parametrize(("vmap", "calls"), [(True, 1), (False, 6)])
def test_what_was_asked_for_is_not_measured(vmap, calls):
    made, params, rows = seen(vmap=vmap)
    line = np.arange(8)[None]
    made.loss_and_grad(params, line)
    rows.clear()
    made.loss_and_grad(params, line)
    assert rows == [8] * calls
    assert made.many.ways.chosen == {}


def test_memory_bounds_how_many_runs_are_one_call():
    random = np.random.default_rng(0)
    wide = problem(
        nn.Linear(2000, 2000, bias=False), F.cross_entropy, (random.normal(size=(300, 2000)), np.arange(300)), vmap=True
    )
    params = {name: torch.stack([one] * 4) for name, one in wide.start(0).items()}
    taken, kept = [], wide.passes.together
    wide.passes.together = lambda own, *rest: taken.append(len(own["weight"])) or kept(own, *rest)
    wide.loss_and_grad(params, np.arange(250)[None])
    assert taken == [2, 2, 2]  # the trial of two runs, then two at a time: 8e6 operations a row, 250 rows, 4e9 at most


# --- metrics


def test_metrics_of_classes_of_real_targets_and_of_the_users_own():
    random = np.random.default_rng(0)
    X, y = random.normal(size=(40, 5)), random.integers(0, 3, 40)
    made = problem(nn.Linear(5, 3), F.cross_entropy, (X, y))
    params = {name: torch.stack([one, one + 0.5, -one]) for name, one in made.start(0).items()}
    found = made.metrics(params)
    assert list(found) == ["accuracy"]
    for i in range(3):
        scores = X.astype(np.float32) @ params["weight"][i].numpy().T + params["bias"][i].numpy()
        assert found["accuracy"][i].item() == pytest.approx((scores.argmax(1) == y).mean())
    real = problem(nn.Linear(5, 1), F.mse_loss, (X, X[:, :1] * 3 + random.normal(size=(40, 1))))
    params = {name: torch.stack([one, one + 0.5]) for name, one in real.start(0).items()}
    found = real.metrics(params)
    for i in range(2):
        output = X @ params["weight"][i].double().numpy().T + params["bias"][i].double().numpy()
        targets = real.data[-1].numpy()
        missed = ((output - targets) ** 2).mean()
        assert found["rmse"][i].item() == pytest.approx(missed**0.5, rel=1e-5)
        assert found["r2"][i].item() == pytest.approx(1 - missed / targets.var(), rel=1e-4)
    own = problem(nn.Linear(5, 1), F.mse_loss, (X, X[:, :1]), metrics={"largest": lambda out, y: (out - y).abs().max()})
    found = own.metrics({name: one[None] for name, one in own.start(0).items()}, np.arange(4)[None])
    assert list(found) == ["largest"]
    assert found["largest"].shape == (1,)


def test_accuracy_of_scores_along_the_second_and_the_last_axis():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(12, 4, 5)), random.integers(0, 3, (12, 4))

    def flat(out, y):
        return F.cross_entropy(out.flatten(0, 1), y.flatten())

    last = problem(nn.Linear(5, 3), flat, (x, y))
    second = problem(nn.Sequential(nn.Linear(5, 3), Turned()), F.cross_entropy, (x, y))
    start = last.start(0)
    a = last.metrics({name: one[None] for name, one in start.items()})
    b = second.metrics({f"0.{name}": one[None] for name, one in start.items()})
    assert torch.equal(a["accuracy"], b["accuracy"])
    assert 0 < a["accuracy"].item() < 1


class Turned(nn.Module):
    def forward(self, x):
        return x.transpose(1, 2)


def test_targets_that_call_for_nothing_get_no_metrics():
    X = np.random.default_rng(0).normal(size=(20, 5))
    yes = (X[:, :1] > 0).astype(float)
    assert problem(nn.Linear(5, 1), F.binary_cross_entropy_with_logits, (X, yes)).metrics({}) == {}


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"a": 3}, "functions of (output, targets) by name, not 'a': 3"),
        ({"each": lambda out, y: out.sum(1)}, "the metric each must be one number over all rows"),
        ({"bad": lambda out, y: out.nothing}, "the metric bad raised AttributeError"),
    ],
)
def test_metrics_that_are_none_are_one_line(metrics, said):
    with pytest.raises(StepsizeError) as error:
        problem(nn.Linear(5, 1), F.mse_loss, (np.zeros((4, 5)), np.zeros((4, 1))), metrics=metrics)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("how", [{}, {"rows_at_once": 70}, {"vmap": True}, {"vmap": False}])
def test_loss_and_metrics_of_one_pass_are_those_of_two(how):
    made, params, rows = seen(**how)
    losses, metrics = made.loss_and_metrics(params)
    digit = 1e-6 if how.get("vmap") else 0.0  # under vmap the means of all runs are taken at once: another last digit
    torch.testing.assert_close(losses, made.loss(params), rtol=digit, atol=0.0)
    assert list(metrics) == ["accuracy"]
    assert torch.equal(metrics["accuracy"], made.metrics(params)["accuracy"])
    rows.clear()
    made.loss_and_metrics(params)
    if not how:
        assert sum(rows) == 6 * 900, "every row is passed once a run"
