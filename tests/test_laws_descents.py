"""Laws of descents: many runs are a loop, a run is its single steps, and the numbers are those of the formulas."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

from stepsize import descend, descend_many, parse, problems, seen, sgd
from stepsize.problems import least_squares, logistic, objective, softmax
from subjects import assert_close, assert_same

RNG = np.random.default_rng(3)
X = RNG.normal(size=(40, 3)) * [1.0, 2.0, 0.3]
Y = X @ [1.0, -2.0, 0.5] + 0.1 * RNG.normal(size=40)
PROBLEMS = {
    "least_squares": least_squares(X, Y),
    "logistic": logistic(X, (Y > 0).astype(float)),
    "softmax": softmax(X, np.digitize(Y, [-1, 1])),
}
LINE = PROBLEMS["least_squares"]

STRATEGIES = [
    "sgd() | 0.1",
    "sgd(momentum=0.9) | 0.1 * exponential(0.1)",
    "sgd() | 0.1 * infrared(0.5, 0.9)",
    "sgd() | 0.1 * (warmup('20%') >> cosine()) * infrared(0.9, 0.99, compounding=True) | clip(0.05)",
    "clip_norm(1) | adam() | weight_decay(0.1) | 0.1 * stages(1, 0.1) | clip(0.01)",
    "weight_decay(0.01) | rmsprop(centered=True, momentum=0.5) | 0.1 * staircase(0.5, '2ep')",
    "clip(0.5) | adagrad() | 0.1 | clip_norm(0.1)",
]
RATES = [0.01, 0.2, 3.0, 1e3, 1e150]  # from good to overflowing
SEEDS = [0, 1, 7]


def assert_runs_equal(one, other):
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            assert_same(a, b)
        else:
            assert a == b, field.name


def nameless(run):
    return dataclasses.replace(run, record=dataclasses.replace(run.record, text=""))


def batch_loss(problem, params):
    """Loss and gradient of one parameter set."""
    losses, grads = problem.loss_and_grad({name: one[None] for name, one in params.items()})
    return float(losses[0]), {name: one[0] for name, one in grads.items()}


def by_hand(problem, strategy, steps, save=lambda state: state):
    """The points, rates and reasons of a descent made of single pure steps."""
    strategy = parse(strategy).over(steps, steps_per_epoch=1, batch_size=problem.size)
    params = problem.start(0)
    points, told, state = [params], [], strategy.init(params)
    for _ in range(steps):
        loss, grads = batch_loss(problem, params)
        params, state, step = strategy.step(params, grads, save(state), seen(loss=loss))
        points.append(params)
        told.append(step)
    return points, told


@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_many_runs_are_a_loop_of_runs(strategy, batch_size):
    options = {"steps": 30, "batch_size": batch_size, "validation": least_squares(X[:9], Y[:9]), "measure_every": 10}
    together = descend_many(LINE, strategy, rates=RATES, seeds=SEEDS, **options)
    alone = [descend(LINE, parse(strategy).with_base(rate), seed=seed, **options) for seed in SEEDS for rate in RATES]
    for one, other in zip(together, alone, strict=True):
        assert_runs_equal(nameless(one), nameless(other))


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_many_runs_are_a_loop_of_runs_on_every_problem(problem):
    strategy = "sgd(momentum=0.9) | 0.1 * cosine() * infrared()"
    for batch_size in (None, 8):
        together = descend_many(problem, strategy, steps=20, seeds=SEEDS, batch_size=batch_size)
        for seed, run in zip(SEEDS, together, strict=True):
            assert_runs_equal(run, descend(problem, strategy, steps=20, seed=seed, batch_size=batch_size))


def test_the_subjects_of_the_loop_contain_runs_that_end_early():
    runs = descend_many(LINE, STRATEGIES[0], rates=RATES, steps=30)
    assert [run.steps for run in runs][:2] == [30, 30]
    assert runs[-1].steps < 30


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_same_seed_same_numbers_other_seed_other_batches(strategy):
    first, again, other = (descend(LINE, strategy, steps=20, batch_size=5, seed=seed) for seed in (4, 4, 5))
    assert_runs_equal(first, again)
    assert not np.array_equal(first.losses, other.losses)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_single_steps_by_hand_are_the_run(problem, strategy):
    points, told = by_hand(problem, strategy, 25)
    run = descend(problem, strategy, steps=25)
    assert run.steps == 25
    assert_same(run.params, points[-1]["theta"])
    assert run.rates.tolist() == [step.rate for step in told]
    assert run.clipped.tolist() == [step.clipped for step in told]
    assert run.why == tuple(step.why for step in told)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_saved_and_continued_at_every_step_is_straight_through(strategy):
    straight, _ = by_hand(LINE, strategy, 15)
    saved, _ = by_hand(LINE, strategy, 15, save=lambda state: pickle.loads(pickle.dumps(state)))
    assert_same(saved[-1]["theta"], straight[-1]["theta"])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_step_changes_none_of_its_inputs(strategy):
    strategy = parse(strategy).over(10, steps_per_epoch=1)
    params = {"w": np.ones((2, 2)), "b": np.ones(2)}
    grads = {"w": np.full((2, 2), 3.0), "b": np.full(2, -2.0)}
    state = strategy.init(params)
    for loss in (3.0, 2.0, 1.5):
        kept = pickle.dumps((params, grads, state))
        moved, after, _ = strategy.step(params, grads, state, seen(loss=loss))
        assert pickle.dumps((params, grads, state)) == kept
        assert moved.keys() == params.keys()
        assert after.done == state.done + 1
        params, state = moved, after


def test_gradient_descent_is_its_formula():
    theta, losses = np.zeros(3), []
    for _ in range(30):
        residual = X @ theta - Y
        losses.append(residual @ residual / 40)
        theta = theta - 0.05 * (2 * X.T @ residual / 40)
    run = descend(LINE, "sgd() | 0.05", steps=30)
    assert_close(run.params, theta)
    assert_close(run.losses, losses)


def test_momentum_is_its_formula():
    theta, total = np.zeros(3), np.zeros(3)
    for _ in range(30):
        total = 0.9 * total + 2 * X.T @ (X @ theta - Y) / 40
        theta = theta - 0.01 * total
    assert_close(descend(LINE, "sgd(momentum=0.9) | 0.01", steps=30).params, theta)


def test_infrared_in_a_run_is_its_formula():
    theta, losses, rates = np.zeros(3), [], []
    for t in range(20):
        residual = X @ theta - Y
        losses.append(residual @ residual / 40)
        falls = -np.diff(losses)
        rates.append(0.05 * (1.0 if t < 2 else max(0.9, 0.99 * falls[-1] / falls[-2])))
        theta = theta - rates[-1] * (2 * X.T @ residual / 40)
    assert np.all(falls > 0)
    run = descend(LINE, "sgd() | 0.05 * infrared(0.9, 0.99)", steps=20)
    assert_close(run.rates, rates, 1e-9)
    assert_close(run.params, theta, 1e-9)


def test_least_squares_is_its_formula():
    thetas = RNG.normal(size=(4, 3))
    losses, grads = LINE.loss_and_grad({"theta": thetas})
    for i, theta in enumerate(thetas):
        residual = X @ theta - Y
        assert_close(losses[i], np.sum(residual**2) / 40)
        assert_close(grads["theta"][i], 2 * X.T @ residual / 40)


@pytest.mark.parametrize("batched", [False, True], ids=["all rows", "batches"])
@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_gradients_are_the_slopes_of_the_loss(problem, batched):
    rows = np.array([[0, 3, 5, 7], [1, 3, 30, 39]]) if batched else None
    shape = problem.start(0)["theta"].shape
    theta = RNG.normal(size=(4, *shape))
    losses, grads = problem.loss_and_grad({"theta": theta}, rows)
    assert_same(losses, problem.loss({"theta": theta}, rows))
    for place in np.ndindex(shape):
        step = np.zeros(shape)
        step[place] = 1e-5
        up, down = (problem.loss({"theta": theta + sign * step}, rows) for sign in (1, -1))
        np.testing.assert_allclose(grads["theta"][:, *place], (up - down) / 2e-5, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_a_batch_of_all_rows_is_the_whole_loss(problem):
    theta = RNG.normal(size=(2, *problem.start(0)["theta"].shape))
    rows = np.arange(40)[::-1][None]
    assert_close(problem.loss({"theta": theta}, rows), problem.loss({"theta": theta}))


def test_every_row_is_drawn_once_an_epoch():
    seen_rows = []

    class spy(least_squares):
        def loss_and_grad(self, params, rows=None):
            seen_rows.append(rows)
            return super().loss_and_grad(params, rows)

    descend(spy(X, Y), "sgd() | 0.01", steps=12, batch_size=10)
    for epoch in range(3):
        drawn = np.concatenate([rows.ravel() for rows in seen_rows[4 * epoch : 4 * epoch + 4]])
        assert sorted(drawn) == list(range(40))


@pytest.mark.parametrize(
    ("share", "diverged"), [(0.9, False), (1.1, True), (1e3, True), (1e200, True)], ids=["below", "above", "far", "inf"]
)
def test_divergence_is_flagged_beyond_the_largest_stable_rate(share, diverged):
    largest = 1 / np.linalg.eigvalsh(X.T @ X / 40)[-1]
    run = descend(LINE, sgd() | share * largest, steps=200)
    assert run.diverged is diverged
    assert np.isfinite(run.params).all()
    assert np.isfinite(run.losses).all()
    assert len(run.losses) == len(run.rates) == len(run.grad_norms) == len(run.clipped) == len(run.why) == run.steps


@pytest.mark.parametrize("base", [0.1, 1e3, 1e150])
@pytest.mark.parametrize("rule", ["sgd()", "adam()", "sgd(momentum=0.9)"])
def test_a_clip_after_the_rate_bounds_each_move(rule, base):
    points, told = by_hand(LINE, f"{rule} | {base} | clip(0.01)", 20)
    moves = np.abs(np.diff([one["theta"] for one in points], axis=0))
    assert moves.max() <= 0.01 * (1 + 1e-12)
    assert told[0].clipped == np.mean(moves[0] > 0.01 * (1 - 1e-12))


def test_a_clip_before_the_rule_bounds_the_gradient_and_the_norm_is_recorded_before_it():
    run = descend(LINE, "clip_norm(0.5) | sgd() | 0.1", steps=1)
    gradient = -2 * X.T @ Y / 40
    assert_close(run.params, -0.1 * gradient * 0.5 / np.linalg.norm(gradient))
    assert_close(run.grad_norms[0], np.linalg.norm(gradient))
    assert run.clipped.tolist() == [1.0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1", lambda t: 0.1),
        ("0.1 * exponential(0.1)", lambda t: 0.1 * 0.1 ** (t / 40)),
        ("0.1 * exponential(0.99, every=1)", lambda t: 0.1 * 0.99**t),
        ("0.1 * stages(0.01, 0.001, 0.0001, 0.00001)", lambda t: 0.1 * 10.0 ** -(2 + t // 10)),
        ("0.1 * staircase(0.5, '25%')", lambda t: 0.1 * 0.5 ** (t // 10)),
        ("0.1 * staircase(0.5, '5ep')", lambda t: 0.1 * 0.5 ** (t // 20)),
        ("0.1 * multistep('50%', gamma=0.3)", lambda t: 0.1 * (1 if t < 20 else 0.3)),
        ("0.1 * (warmup('10%') >> linear())", lambda t: 0.1 * ((t + 1) / 4 if t < 4 else 1 - (t - 4) / 36)),
    ],
)
def test_the_rates_recorded_are_base_times_factor(text, expected):
    run = descend(LINE, f"sgd() | {text}", steps=40, batch_size=10)
    assert_close(run.rates, [expected(t) for t in range(40)])


@pytest.mark.parametrize("named", [False, True], ids=["array", "dictionary"])
def test_an_objective_is_called_with_what_it_was_given(named):
    def bowl(params):
        x = params["x"] if named else params
        return float(np.sum(x * x)), {"x": 2 * x} if named else 2 * x

    start = np.array([[1.0, -2.0]])
    run = descend(objective(bowl, {"x": start} if named else start), "sgd() | 0.25", steps=2)
    assert_same(run.params["x"] if named else run.params, start / 4)
    assert run.measured.tolist() == [5.0, 5.0 / 16]


def test_large_batches_in_pieces_are_the_whole(monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 3)), rng.integers(0, 4, 100)
    params, rows = {"theta": rng.normal(size=(6, 3, 4))}, rng.integers(0, 100, (2, 70))
    problem = softmax(X, y)
    for chosen in (None, rows):
        whole = problem.loss_and_grad(params, chosen)
        monkeypatch.setattr(problems, "PIECE", 13)
        losses, grads = problem.loss_and_grad(params, chosen)
        np.testing.assert_allclose(losses, whole[0], rtol=1e-13)
        np.testing.assert_allclose(problem.loss(params, chosen), whole[0], rtol=1e-13)
        np.testing.assert_allclose(grads["theta"], whole[1]["theta"], rtol=1e-12, atol=1e-15)
        monkeypatch.undo()
