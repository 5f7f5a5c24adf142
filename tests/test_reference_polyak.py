"""`polyak` beside optax, and its promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize as s
from followed import INF, LINE, NAN, RNG, UPPER_ROWS, X, factors_of, follow
from stepsize import descend, polyak, problems, seen
from subjects import assert_close


def optax_polyak(problem, steps, **options):
    """The losses and the last point of optax's Polyak SGD."""
    import jax.numpy as jnp
    import optax

    solver, theta, losses = optax.polyak_sgd(**options), problem.start(0)["theta"], []
    state = solver.init(jnp.asarray(theta))
    for _ in range(steps):
        loss, grads = problem.loss_and_grad({"theta": theta[None]})
        losses.append(float(loss[0]))
        update, state = solver.update(jnp.asarray(grads["theta"][0]), state, jnp.asarray(theta), value=losses[-1])
        theta = theta + np.asarray(update)
    return losses, theta


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("problem", [LINE, UPPER_ROWS], ids=["least_squares", "softmax"])
@pytest.mark.parametrize("f_star", [0.0, -0.3])
def test_polyak_is_optax_polyak_sgd(problem, f_star):
    run = descend(problem, s.sgd() | 1 * polyak(f_star, high=9), steps=20)
    losses, theta = optax_polyak(problem, 20, max_learning_rate=9.0, f_min=f_star)
    assert_close(run.losses, losses, 1e-7)
    assert_close(run.params.reshape(-1), theta.reshape(-1), 1e-6)
    assert len(set(run.rates.tolist())) > 5


@pytest.mark.usefixtures("x64")
def test_half_of_polyak_is_half_the_rate_and_of_optax_double():
    loss, grads = LINE.loss_and_grad({"theta": LINE.start(0)["theta"][None]})
    rate, grad = loss[0] / np.sum(grads["theta"] ** 2), grads["theta"][0]
    run = descend(LINE, s.sgd() | 0.5 * polyak(high=1e9), steps=1)
    _, theta = optax_polyak(
        LINE, 1, scaling=0.5, max_learning_rate=1e9
    )  # it divides by the norm of the scaled gradient
    assert_close(run.params, -0.5 * rate * grad, 1e-9)
    assert_close(theta, -2 * rate * grad, 1e-9)


@pytest.mark.usefixtures("x64")
def test_polyak_below_f_star_stands_still_where_optax_goes_uphill():
    (before, after), _ = optax_polyak(LINE, 2, f_min=50.0)
    assert after > before
    run = descend(LINE, s.sgd() | 1 * polyak(50.0), steps=2)
    assert run.losses[0] == run.loss


def test_polyak_with_a_momentum_takes_the_tangent_to_f_star():
    for _ in range(100):
        loss, slope, f_star = (float(one) for one in RNG.uniform(0.1, 5, 3))
        (rate,) = factors_of(polyak(f_star - 5, high=1e9), [seen(loss=loss, slope=slope)])
        assert loss - rate * slope == pytest.approx(f_star - 5)


def test_polyak_of_a_scaled_gradient_is_polyak_in_that_metric():
    scale = np.geomspace(0.2, 1, 8)  # u = g/scale² is the gradient in the coordinates z = scale·x, pulled back

    class scaled(s.sgd):
        def update(self, grad, state, param):
            direction, state = super().update(grad, state, param)
            return direction / scale**2, state

    there = problems.least_squares(X / scale, LINE.targets[:, 0])
    one = descend(LINE, scaled() | 1 * polyak(high=1e9), steps=12)
    other = descend(there, s.sgd() | 1 * polyak(high=1e9), steps=12)
    assert_close(one.losses, other.losses, 1e-9)
    assert_close(one.rates, other.rates, 1e-9)
    assert_close(one.params * scale, other.params, 1e-9)


@given(seed=st.integers(0, 99), c=st.floats(0.5, 3))
def test_polyak_never_leads_away_from_a_minimiser_of_a_convex_loss(seed, c):
    rng = np.random.default_rng(seed)
    A, best = rng.normal(size=(12, 4)), rng.normal(size=4)
    run = descend(problems.least_squares(A, A @ best), s.sgd() | 1 * polyak(c=c, high=1e9), steps=9)
    begin = np.linalg.norm(best)
    assert np.linalg.norm(run.params - best) <= begin * (1 + 1e-12)


def test_polyak_by_hand():
    looks = [seen(loss=loss, slope=slope) for loss, slope in [(4, 8), (4, 1), (4, 0), (4, -1), (0, 1), (4, 80)]]
    assert factors_of(polyak(), looks) == [0.5, 1, 0, 0, 0, 0.05]
    assert "not above f_star" in follow(polyak(), looks)[4][2]
    assert factors_of(polyak(2, c=0.5, low=0.1, high=10), looks) == [0.5, 4, 0.1, 0.1, 0.1, 0.1]
    odd = [seen(loss=NAN, slope=1.0), looks[0], seen(loss=1.0, slope=INF), seen(loss=-INF, slope=1.0)]
    assert factors_of(polyak(low=0.25), odd) == [0.25, 0.5, 0.5, 0.5]
    assert factors_of(polyak(), [seen(loss=1e300, slope=5e-324)]) == [1.0]


def test_polyak_doubles_at_most_once_in_its_time():
    looks = [seen(loss=1.0, slope=1000.0), *[seen(loss=1.0, slope=1e-3)] * 20]
    told = factors_of(polyak(high=100, doubling=10), looks)
    assert told[0] == 1e-3
    assert_close(told, [1e-3 * 2 ** (i / 10) for i in range(21)])
    assert factors_of(polyak(high=100), looks)[1] == 100
    zero = factors_of(polyak(high=100, doubling=1), [looks[0], seen(loss=0.0, slope=1.0), *looks[1:]])
    assert zero[:4] == [1e-3, 0, 2e-3, 4e-3]  # a zero in between is not what doubles
