"""Controllers that follow the gradient, against the real peers and against their formulas written down once more."""

from __future__ import annotations

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize as s
from stepsize import StepsizeError, adgd, barzilai_borwein, descend, distance, gradient_noise, hypergradient, seen
from stepsize import problems as p
from subjects import CONTROLLERS, assert_close

NAN, INF = math.nan, math.inf
WORDS = ("barzilai_borwein", "adgd", "hypergradient", "distance", "gradient_noise")
OURS = [one for one in CONTROLLERS if one.word() in WORDS]
ONES = seen(
    step_norm=1.0,
    grad_change_norm=1.0,
    step_dot_grad_change=1.0,
    grad_norm=1.0,
    direction_norm=1.0,
    grad_dot_last_direction=1.0,
    distance=1.0,
    start_norm=1.0,
    grad_variance=1.0,
)
MEASURES = [name for name in seen.field_names() if getattr(ONES, name) is not None]
PAIRS = ("step_norm", "grad_change_norm", "step_dot_grad_change", "grad_dot_last_direction")
RNG = np.random.default_rng(7)
X = RNG.normal(size=(60, 8)) * np.geomspace(1, 0.2, 8)
TRUE = RNG.normal(size=8)
LINE = p.least_squares(X, X @ TRUE)  # a perfect fit exists
LIMIT = 1 / np.linalg.eigvalsh(X.T @ X / 60)[-1]  # fixed rates diverge above it
EVEN = RNG.normal(size=(400, 8))  # the same curvature in all directions, or nearly
NOISY = p.least_squares(EVEN, EVEN @ TRUE + RNG.normal(size=400))
NOISY_LIMIT = 1 / np.linalg.eigvalsh(EVEN.T @ EVEN / 400)[-1]
SMALLEST = float(np.linalg.lstsq(EVEN, NOISY.targets[:, 0], rcond=None)[1][0]) / 400

SPREAD = p.least_squares(X, X @ TRUE + RNG.normal(size=60))
SPREAD_SMALLEST = float(np.linalg.lstsq(X, SPREAD.targets[:, 0], rcond=None)[1][0]) / 60

anything = st.floats() | st.sampled_from([NAN, INF, -INF, 0.0, 1.0, 1e308, -1e308, 5e-324, -5e-324]) | st.floats(-9, 9)


def follow(controller, looks, save=lambda state: state):
    """What the controller answers to these records, the states, and why."""
    state, told = controller.init(), []
    for now in looks:
        factor, state, why = controller.step(save(state), now)
        told.append((factor, state, why))
    return told


def factors_of(controller, looks):
    return [factor for factor, _, _ in follow(controller, looks)]


class Traced:
    """A problem that writes down where it was asked, and what the gradient was there."""

    def __init__(self, problem):
        self.problem, self.size, self.x, self.g = problem, problem.size, [], []
        self.start, self.loss, self.unpack = problem.start, problem.loss, problem.unpack

    def loss_and_grad(self, params, rows=None):
        losses, grads = self.problem.loss_and_grad(params, rows)
        self.x.append(params["theta"][0].copy())
        self.g.append(grads["theta"][0].copy())
        return losses, grads


def trace(text, steps=40, problem=LINE, **options):
    """A run, the points it went through and their gradients."""
    traced = Traced(problem)
    run = descend(traced, text, steps=steps, **options)
    return run, np.array(traced.x), np.array(traced.g)


# Laws of all five, with every quantity that they look at


@st.composite
def records(draw):
    return seen(**{name: draw(anything) for name in MEASURES})


def plain(told):
    return [(factor, json.dumps(state, allow_nan=False), why) for factor, state, why in told]


def test_there_are_subjects_of_each():
    assert {one.word() for one in OURS} == set(WORDS)
    assert {name for one in OURS for name in one.needs} == set(MEASURES)


@given(controller=st.sampled_from(OURS), looks=st.lists(records(), max_size=30), first=st.booleans())
def test_answers_are_finite_whatever_is_seen_and_states_survive_json(controller, looks, first):
    if first and looks:
        looks[0] = looks[0].replace(**dict.fromkeys(PAIRS))
    told = follow(controller, looks)
    for factor, _, why in told:
        assert math.isfinite(factor), why
        assert factor >= 0, why
    saved = follow(controller, looks, lambda state: tuple(json.loads(json.dumps(state, allow_nan=False))))
    assert plain(saved) == plain(told)


@given(
    controller=st.sampled_from(OURS),
    looks=st.lists(records(), max_size=20),
    odd=st.sampled_from([NAN, INF, -INF]),
    place=st.integers(0, 20),
)
def test_what_is_not_finite_leaves_the_state_alone(controller, looks, odd, place):
    place = min(place, len(looks))
    blow = seen(**dict.fromkeys(MEASURES, odd))
    told = follow(controller, [*looks[:place], blow, *looks[place:]])
    _, state, why = told.pop(place)
    assert plain(told) == plain(follow(controller, looks))
    assert state == (told[place - 1][1] if place else controller.init())
    assert str(odd) in why


@given(controller=st.sampled_from(OURS), looks=st.lists(records(), max_size=10), odd=st.sampled_from([NAN, INF]))
def test_one_quantity_that_is_not_finite_is_survived(controller, looks, odd):
    for name in controller.needs:
        told = follow(controller, [*looks, ONES.replace(**{name: odd}), *[ONES] * 3])
        assert all(math.isfinite(factor) for factor, _, _ in told)
        assert not told[-1][2].startswith(("step", "gradient", "distance", "product"))


@pytest.mark.parametrize("controller", OURS, ids=str)
def test_a_missing_quantity_is_an_error_that_names_it(controller):
    _, state, _ = controller.step(controller.init(), ONES.replace(**dict.fromkeys(PAIRS)))
    controller.step(state, ONES)
    for name in controller.needs:
        with pytest.raises(StepsizeError, match=f"{controller.word()} needs the {name} at every update"):
            controller.step(state, ONES.replace(**{name: None}))


@pytest.mark.parametrize("base", [5e-5, 1e-2])
@pytest.mark.parametrize(
    ("controller", "now"),
    [
        (hypergradient(), ONES),
        (hypergradient(), ONES.replace(grad_dot_last_direction=-1.0)),
        (gradient_noise(), ONES.replace(grad_norm=2.0)),
    ],
    ids=["up", "down", "noise"],
)
def test_a_default_does_something_at_rates_people_use(controller, now, base):
    assert abs(math.log(base * factors_of(controller, [now] * 40)[-1] / base)) > 0.25


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("barzilai_borwein('middle')", "form must be 'long' or 'short', not 'middle'"),
        ("barzilai_borwein(low=0)", "low must be a number > 0"),
        ("barzilai_borwein(first=3, high=2)", "first must be a number .* ≤ 2, not 3"),
        ("adgd(-1)", "first must be a number"),
        ("adgd(low=2, high=1)", "high must be a number ≥ 2, not 1"),
        ("hypergradient(1)", "beta must be a number > 0 and < 1 for 'multiplicative', not 1"),
        ("hypergradient(0, 'additive')", "beta must be a number > 0, not 0"),
        ("hypergradient(high=0.5)", "high must be a number ≥ 1"),
        ("distance('prodigy')", "by must be 'dog' or 'dowg'"),
        ("distance(r_eps=0)", "r_eps must be a number > 0"),
        ("gradient_noise('10apples')", "memory"),
        ("gradient_noise(low=2)", "low must be a number ≥ 0 and ≤ 1"),
    ],
)
def test_what_cannot_be_is_refused(text, message):
    with pytest.raises(StepsizeError, match=message):
        s.parse(text)


# barzilai_borwein and adgd


def secants(x, g):
    """‖Δx‖², ⟨Δx, Δg⟩ and ‖Δg‖² of each update after the first."""
    dx, dg = np.diff(x, axis=0), np.diff(g, axis=0)
    return (dx * dx).sum(1), (dx * dg).sum(1), (dg * dg).sum(1)


@pytest.mark.parametrize("form", ["long", "short"])
def test_barzilai_borwein_is_its_formula_step_by_step(form):
    run, x, g = trace(f"sgd() | 1 * barzilai_borwein('{form}')", steps=30)
    xx, xg, gg = secants(x, g)
    assert_close(run.rates, [1e-4, *(xx / xg if form == "long" else xg / gg)], rel=1e-10)
    np.testing.assert_allclose(x[1:], x[:-1] - run.rates[:-1, None] * g[:-1], rtol=1e-12)
    assert len(set(run.rates)) == 30
    assert not any(run.why)


def numpy_barzilai_borwein(x, steps, first=1e-4):
    """The method on LINE from its own equations alone."""
    rates, last = [], None
    for _ in range(steps):
        g = 2 * X.T @ (X @ (x - TRUE)) / 60
        rate = first if last is None else float((x - last[0]) @ (x - last[0]) / ((x - last[0]) @ (g - last[1])))
        last, x = (x, g), x - rate * g
        rates.append(rate)
    return rates


def test_barzilai_borwein_is_a_whole_run_in_numpy():
    run = descend(LINE, "sgd() | 1 * barzilai_borwein()", steps=15)  # rounding grows with the steps
    assert_close(run.rates, numpy_barzilai_borwein(np.zeros(8), 15), rel=1e-6)


def test_barzilai_borwein_stays_between_the_inverse_curvatures():
    curvatures = np.linalg.eigvalsh(X.T @ X / 30)  # of the loss
    for form in ("long", "short"):
        rates = descend(LINE, f"sgd() | 1 * barzilai_borwein('{form}')", steps=30).rates[1:]
        assert (rates > 1 / curvatures[-1] * (1 - 1e-9)).all()
        assert (rates < 1 / curvatures[0] * (1 + 1e-9)).all()


def look(moved, change, curve):
    return seen(step_norm=moved, grad_change_norm=change, step_dot_grad_change=curve)


@pytest.mark.parametrize(
    ("controller", "looks", "expected"),
    [
        (barzilai_borwein(first=0.1), [(None, None, None), (2, 4, 8), (2, 4, -8), (2, 4, 0)], [0.1, 0.5, 0.5, 0.5]),
        (barzilai_borwein(first=0.1), [(None, None, None), (2, 4, 4), (0, 0, 0), (NAN, 1, 1)], [0.1, 1, 1, 1]),
        (barzilai_borwein("short", first=0.1), [(None, None, None), (2, 4, 4), (2, 4, 8)], [0.1, 0.25, 0.5]),
        (barzilai_borwein(first=1, high=2, low=0.1), [(9, 1, 1), (1, 90, 80), (1, 1, 1)], [2, 0.1, 1]),
        (adgd(0.1), [(None, None), (2, 4), (2, 1), (2, 1), (2, 0)], [0.1, 0.25, 0.25 * 3.5**0.5]),
        (adgd(0.1), [(None, None), (2, 0), (2, 0), (0, 0), (0, 9)], [0.1, 0.1, 0.1 * 2**0.5, 0.1 * 2**0.5]),
        (adgd(1, low=0.5, high=3), [(None, None), (9, 1), (1, 9), (1, 9), (NAN, 1)], [1, 3, 0.5, 0.5, 0.5]),
    ],
    ids=str,
)
def test_secant_rates_by_hand(controller, looks, expected):
    looks = [look(*one) if len(one) == 3 else look(*one, None) for one in looks]
    answers = factors_of(controller, looks)[: len(expected)]
    assert answers == pytest.approx(expected, rel=1e-12)


def test_barzilai_borwein_of_steps_whose_squares_vanish():
    assert factors_of(barzilai_borwein(), [look(1e-165, 1e-160, 1e-322)]) == [pytest.approx(1e-8, rel=0.02)]
    assert factors_of(barzilai_borwein("short"), [look(1e-160, 1e-165, 1e-322)]) == [pytest.approx(1e8, rel=0.02)]


def test_adgd_is_its_formula_step_by_step():
    run, x, g = trace("sgd() | 1 * adgd()", steps=60)
    xx, _, gg = secants(x, g)
    rates, theta = [1e-4], INF
    for local in np.sqrt(xx / gg) / 2:
        rates.append(min(math.sqrt(1 + theta) * rates[-1], local))
        theta = rates[-1] / rates[-2]
    assert_close(run.rates, rates, rel=1e-9)
    grew = sum(b == pytest.approx(a) for a, b in zip(np.sqrt(xx / gg) / 2, rates[1:], strict=True))
    assert 5 < grew < 55  # both sides of the minimum were met


def test_adgd_is_at_least_half_the_inverse_of_the_largest_curvature():
    rates = descend(LINE, "sgd() | 1 * adgd()", steps=60).rates
    assert rates[1:].min() >= LIMIT / 4 * (1 - 1e-9)  # L is 2/LIMIT


def test_secants_of_mini_batches_fail_as_documented():
    fixed = best_fixed(NOISY, NOISY_LIMIT, 300, 8) - SMALLEST
    for text in ("barzilai_borwein()", "barzilai_borwein('short')", "adgd()"):
        run = descend(NOISY, f"sgd() | 1 * {text}", steps=300, batch_size=8)
        assert run.loss - SMALLEST > 20 * fixed
        if text != "barzilai_borwein()":  # that one jumps about, the others give up
            assert np.median(run.rates) < 1e-6


@pytest.mark.parametrize("word", ["barzilai_borwein", "adgd"])
def test_a_first_rate_of_any_size_serves(word):
    for first in (1e-8, 1e-4, LIMIT / 2):
        run = descend(LINE, f"sgd() | 1 * {word}(first={first})", steps=120)
        assert run.loss < 1e-12


# hypergradient


def sgd_hd(rate, beta, momentum, steps):
    """SGD-HD on LINE as its authors' program does it, written down without looking at the library."""
    x, v, u, rates = np.zeros(8), np.zeros(8), np.zeros(8), []
    for _ in range(steps):
        g = 2 * X.T @ (X @ x - X @ TRUE) / 60
        rate = rate + beta * float(g @ u)
        v = momentum * v + g
        u = v
        x = x - rate * u
        rates.append(rate)
    return rates


@pytest.mark.parametrize("momentum", [0, 0.9])
@pytest.mark.parametrize(("rate", "beta"), [(0.01, 1e-4), (0.05, 1e-3)])
def test_hypergradient_additive_is_the_authors_program(rate, beta, momentum):
    text = f"sgd({momentum=}) | {rate} * hypergradient({beta / rate!r}, 'additive')"
    run = descend(LINE, text, steps=50)
    assert_close(run.rates, sgd_hd(rate, beta, momentum, 50), rel=1e-9)
    assert np.ptp(run.rates) > 0.003 * rate


@pytest.mark.parametrize("rule", ["sgd()", "sgd(momentum=0.9)", "adam()"])
def test_hypergradient_multiplicative_is_its_formula(rule):
    run, x, g = trace(f"{rule} | 0.01 * hypergradient(0.1)", steps=50)
    u = (x[:-1] - x[1:]) / run.rates[:-1, None]
    cosines = [float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a, b in zip(g[1:], u, strict=True)]
    assert_close(run.rates, 0.01 * np.cumprod([1, *(1 + 0.1 * np.array(cosines))]), rel=1e-8)
    assert np.prod(cosines) < 0.995


def test_hypergradient_normalises_by_the_norm_of_the_last_direction():
    looks = [
        seen(grad_norm=1.0, direction_norm=9.0),
        seen(grad_norm=2.0, direction_norm=4.0, grad_dot_last_direction=9.0),
        seen(grad_norm=5.0, direction_norm=1.0, grad_dot_last_direction=-10.0),
    ]
    assert factors_of(hypergradient(0.5), looks) == [1, 1.25, 0.9375]


def test_hypergradient_does_not_depend_on_the_scale_of_loss_or_rate():
    tripled = p.least_squares(X * 3, X @ TRUE)  # nine times the curvature
    here = descend(LINE, "sgd() | 0.009 * hypergradient()", steps=100).rates
    there = descend(tripled, "sgd() | 0.001 * hypergradient()", steps=100).rates
    assert_close(here, 9 * there, rel=1e-9)


def test_hypergradient_keeps_within_its_bounds():
    down, up = ONES.replace(grad_dot_last_direction=-1.0), ONES
    assert factors_of(hypergradient(0.5, low=0.2), [up.replace(grad_dot_last_direction=None), *[down] * 9])[-1] == 0.2
    assert factors_of(hypergradient(0.5, high=4), [up] * 9)[-1] == 4
    additive = hypergradient(1e308, "additive", low=0.2, high=7)
    assert factors_of(additive, [up, up.replace(grad_dot_last_direction=1e308), down]) == [1, 7, 0.2]


def test_products_and_variances_that_cannot_be_are_taken_for_the_nearest_that_can():
    first, beyond = ONES.replace(grad_dot_last_direction=None), ONES.replace(grad_dot_last_direction=1.5)
    assert factors_of(hypergradient(0.5), [first, beyond]) == [1, 1.5]  # a cosine above 1 is rounding
    assert factors_of(gradient_noise(1), [seen(grad_norm=1.0, grad_variance=-3.0)]) == [1]
    below = [seen(grad_norm=1.0, grad_variance=-3.0), seen(grad_norm=1.0, grad_variance=0.5)]
    assert factors_of(gradient_noise(2), below) == [1, pytest.approx(2 / 3)]


def test_hypergradient_goes_to_the_rate_of_a_line_search():
    bowl = p.objective(lambda x: (float(x @ x), 2 * x), params=np.array([1.0, -1.0]))
    for base in (1e-3, 0.9):
        rates = descend(bowl, f"sgd() | {base} * hypergradient(0.1)", steps=70).rates
        assert rates.min() < 0.56
        assert rates.max() > 0.45  # an exact search finds 1/2


def test_hypergradient_falls_in_noise_which_is_right_for_even_curvature_only():
    above = {}
    for name, rows, floor in (("even", NOISY, SMALLEST), ("spread", SPREAD, SPREAD_SMALLEST)):
        limit = NOISY_LIMIT if name == "even" else LIMIT
        for more in ("", " * hypergradient(0.1)"):
            run = descend(rows, f"sgd() | {limit / 30}{more}", steps=1500, batch_size=8)
            above[name, bool(more)] = run.loss - floor
            assert not more or run.rates[-1] < 0.2 * run.rates[0]
    assert above["even", True] < 0.1 * above["even", False]
    assert above["spread", True] > 10 * above["spread", False]


# distance


def optax_rates(make, x, g):
    """What optax multiplies these gradients by, at these points, in float64."""
    with jax.enable_x64(True):
        tool = make()
        state, told = tool.init(jnp.asarray(x[0])), []
        for here, grad in zip(x, g, strict=True):
            update, state = tool.update(jnp.asarray(grad), state, jnp.asarray(here))
            told.append(float(-update @ grad / (grad @ grad)))
    return told


SHIFTED = p.least_squares(X, X @ TRUE, start=np.arange(8.0))


@pytest.mark.parametrize("problem", [LINE, SHIFTED], ids=["zeros", "shifted"])
@pytest.mark.parametrize("batch_size", [None, 6])
def test_distance_is_optax_dog(problem, batch_size):
    for r_eps, eps in ((1e-6, 1e-8), (1e-3, 0.5)):
        run, x, g = trace(f"sgd() | 1 * distance(r_eps={r_eps}, eps={eps})", 100, problem, batch_size=batch_size)
        theirs = optax_rates(lambda: optax.contrib.dog(1.0, ("heuristic", r_eps), eps=eps), x, g)  # noqa: B023
        np.testing.assert_allclose(run.rates, theirs, rtol=1e-10)
    assert run.rates.max() > 10 * run.rates[0]


@pytest.mark.parametrize("batch_size", [None, 6])
def test_distance_by_dowg_is_optax_dowg_without_its_eps(batch_size):
    run, x, g = trace("sgd() | 1 * distance('dowg', r_eps=1e-3)", 100, SHIFTED, batch_size=batch_size)
    first = (1e-3 * (1 + np.linalg.norm(np.arange(8.0)))) ** 2
    theirs = optax_rates(lambda: optax.contrib.dowg(1.0, init_estim_sq_dist=first, eps=0.0), x, g)
    np.testing.assert_allclose(run.rates, theirs, rtol=1e-10)
    assert run.rates.max() > 10 * run.rates[0]


def test_distance_by_dowg_is_not_optax_dowg_with_its_defaults():
    run, x, g = trace("sgd() | 1 * distance('dowg')", 3)
    theirs = optax_rates(optax.contrib.dowg, x, g)  # starts at a distance of √1e-4 whatever x_0, eps outside the root
    steep = np.linalg.norm(g[0])
    assert theirs[0] == pytest.approx(1e-4 / (1e-2 * steep + 1e-4), rel=1e-9)
    assert run.rates[0] == pytest.approx(1e-6 / steep, rel=1e-12)


def test_distance_is_not_optax_after_a_nan():
    x, g = np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [NAN], [1.0]])
    theirs = optax_rates(lambda: optax.contrib.dog(1.0), x, g)
    assert math.isnan(theirs[2])  # their sum stays NaN
    looks = [seen(distance=a[0], start_norm=0.0, grad_norm=abs(b[0])) for a, b in zip(x, g, strict=True)]
    first, held, last = factors_of(distance(), looks)
    assert first == held == pytest.approx(1e-6)
    assert last == pytest.approx(2 / math.sqrt(2))


@pytest.mark.parametrize("controller", [distance(eps=0), distance("dowg")], ids=str)
def test_distance_without_any_gradient_is_zero(controller):
    zero = seen(distance=0.0, start_norm=3.0, grad_norm=0.0)
    assert factors_of(controller, [zero, zero]) == [0, 0]
    assert factors_of(controller, [zero, zero.replace(grad_norm=2.0)]) == [0, pytest.approx(4e-6 / 2)]
    assert factors_of(distance(), [zero])[0] == pytest.approx(4e-6 / 1e-4)


def test_distance_remembers_the_farthest_point():
    looks = [seen(distance=far, start_norm=0.0, grad_norm=1.0) for far in (0.0, 5.0, 1.0)]
    assert factors_of(distance(), looks) == pytest.approx([1e-6, 5 / 2**0.5, 5 / 3**0.5])


@pytest.mark.parametrize("by", ["dog", "dowg"])
def test_distance_comes_near_the_smallest_loss_without_any_rate(by):
    assert descend(LINE, f"sgd() | 1 * distance('{by}')", steps=500).loss < 1e-10
    last, decayed = (
        descend(NOISY, f"sgd() | 1 * distance('{by}'){more}", steps=1500, batch_size=8) for more in ("", " * cosine()")
    )
    above = last.measured - SMALLEST
    assert above[-1] < 0.02 * above[0]
    assert decayed.loss - SMALLEST < 0.2 * above[-1]  # the last iterate, not an average, is what noise hurts


def best_fixed(problem, limit, steps, batch_size=None, seed=0):
    """The loss that the best of many fixed rates reaches."""
    runs = s.descend_many(
        problem,
        "sgd() | 1",
        steps=steps,
        rates=limit * np.geomspace(0.003, 0.99, 25),
        batch_size=batch_size,
        seeds=[seed],
    )
    return min(one.loss for one in runs if not one.diverged)


# gradient_noise


@given(
    memory=st.integers(1, 30),
    low=st.floats(0, 1),
    numbers=st.lists(st.tuples(st.floats(0.01, 10), st.floats(0, 50)), min_size=1, max_size=40),
)
def test_gradient_noise_is_its_formula_with_corrected_means(memory, low, numbers):
    def mean(values):  # bias-corrected, which the answer does not need
        weights = (1 - 1 / memory) ** np.arange(len(values))[::-1]
        return float(np.sum(weights * values) / np.sum(weights))

    told = factors_of(gradient_noise(memory, low=low), [seen(grad_norm=a, grad_variance=b) for a, b in numbers])
    for t, answer in enumerate(told):
        noise = mean(np.array([b for _, b in numbers[: t + 1]]))
        signal = max(mean(np.array([a * a - b for a, b in numbers[: t + 1]])), 0)
        expected = max(signal / (signal + noise), low) if signal + noise > 0 else low
        assert answer == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_gradient_noise_measures_the_share_of_signal():
    theta, batch = np.full(8, 0.5), 8
    frozen = p.least_squares(EVEN, NOISY.targets[:, 0], start=theta)
    run = descend(frozen, "sgd() | 0 * gradient_noise(2000, low=0)", steps=1500, batch_size=batch)  # stays at the start
    residual = EVEN @ theta - NOISY.targets[:, 0]
    each = 2 * EVEN * residual[:, None]
    mean, trace_of = each.mean(0), each.var(0, ddof=1).sum()
    share = mean @ mean / (mean @ mean + trace_of / batch * (1 - batch / 400))
    assert run.rates.tolist() == [0.0] * 1500
    assert follow_noise(frozen, 1500, batch) == pytest.approx(share, rel=0.06)


def follow_noise(problem, steps, batch):
    """The last answer where the parameters hardly move."""
    return (
        float(descend(problem, "sgd() | 1e-12 * gradient_noise(2000, low=0)", steps=steps, batch_size=batch).rates[-1])
        * 1e12
    )


def test_gradient_noise_of_cut_values_would_take_noise_for_signal():
    rng = np.random.default_rng(1)
    looks = []
    for _ in range(3000):  # no signal at all: ‖g‖² is noise around its variance of 1
        halves = rng.normal(size=(2, 4)) / 2**0.5
        whole, apart = halves.mean(0), halves[0] - halves[1]
        looks.append(seen(grad_norm=float(np.linalg.norm(whole)), grad_variance=float(apart @ apart / 4)))
    cut = np.mean([max(one.grad_norm**2 - one.grad_variance, 0) for one in looks])
    assert cut / (cut + np.mean([one.grad_variance for one in looks])) > 0.2
    assert factors_of(gradient_noise(3000, low=0), looks)[-1] < 0.06


def test_gradient_noise_is_the_rate_that_lowers_the_expected_loss_most():
    rng, grad, sigma = np.random.default_rng(2), np.array([3.0, 4.0]), 5.0  # J = ‖x‖²/2: H = 1, ε_max = 1
    share = factors_of(gradient_noise(low=0), [seen(grad_norm=(25 + 2 * sigma**2) ** 0.5, grad_variance=2 * sigma**2)])
    drawn = grad + sigma * rng.normal(size=(200_000, 2))
    rates = np.linspace(0.05, 1, 96)
    losses = [float(((grad - rate * drawn) ** 2).sum(1).mean()) for rate in rates]
    assert share[0] == pytest.approx(1 / 3)
    assert rates[int(np.argmin(losses))] == pytest.approx(1 / 3, abs=0.02)


def test_gradient_noise_of_zeros_and_the_infinite_stays():
    looks = [(0.0, 0.0), (2.0, 1.0), (1e200, 1.0), (NAN, 1.0), (2.0, INF), (2.0, 1.0)]
    answers = factors_of(gradient_noise(5), [seen(grad_norm=a, grad_variance=b) for a, b in looks])
    assert answers == [1, *[pytest.approx(0.75)] * 5]


def test_gradient_noise_needs_its_length_in_steps():
    with pytest.raises(StepsizeError, match="length in steps"):
        gradient_noise("1ep").step(gradient_noise().init(), ONES)
    run = descend(NOISY, "sgd() | 0.1 * gradient_noise('1ep')", steps=5, batch_size=8)
    assert np.array_equal(run.rates, descend(NOISY, "sgd() | 0.1 * gradient_noise(50)", steps=5, batch_size=8).rates)
    with pytest.raises(StepsizeError, match="batches of at least 2 rows"):
        descend(NOISY, "sgd() | 0.1 * gradient_noise()", steps=5)


# What each improves, and at what cost


@pytest.mark.parametrize(
    ("text", "steps", "share"),
    [
        ("1 * barzilai_borwein()", 50, 1e-6),
        ("1 * barzilai_borwein('short')", 50, 1e-6),
        ("1 * adgd()", 50, 1.0),
    ],
)
def test_full_batch_rates_beat_the_best_fixed_rate(text, steps, share):
    assert descend(LINE, f"sgd() | {text}", steps=steps).loss < share * best_fixed(LINE, LIMIT, steps)


@pytest.mark.parametrize(
    ("factor", "share"),
    [("hypergradient()", 0.01), ("hypergradient(0.2)", 1e-15), ("hypergradient(1, 'additive')", 0.05)],
)
def test_hypergradient_mends_a_rate_that_is_far_too_low(factor, share):
    low = f"sgd() | {LIMIT / 100}"
    assert descend(LINE, f"{low} * {factor}", steps=200).loss < share * descend(LINE, low, steps=200).loss


def test_hypergradient_mends_a_rate_that_is_too_high():
    high = f"sgd() | {LIMIT * 1.05}"
    assert descend(LINE, high, steps=200).diverged
    assert descend(LINE, f"{high} * hypergradient()", steps=200).loss < 1e-6


@pytest.mark.parametrize(("batch_size", "steps"), [(8, 500), (32, 500), (8, 2000)])
def test_gradient_noise_goes_on_where_a_fixed_rate_stops_for_noise(batch_size, steps):
    fixed, ours = (
        [
            descend(NOISY, f"sgd() | {NOISY_LIMIT / 2}{more}", steps=steps, batch_size=batch_size, seed=i)
            for i in (0, 1, 2)
        ]
        for more in ("", " * gradient_noise()")
    )
    above = [np.mean([run.loss - SMALLEST for run in runs]) for runs in (fixed, ours)]
    assert above[1] < 0.05 * above[0]
