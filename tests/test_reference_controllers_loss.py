"""What the controllers that look at the loss have in common, and what all that claim it keep: no divergence."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize as s
from followed import INF, LINE, NAN, UPPER_ROWS, X, factors_of, follow
from stepsize import StepsizeError, armijo, bold_driver, descend, greedy, newbob, polyak, seen, spike
from subjects import CONTROLLERS, ODD_PASSES, excepted

OURS = [one for one in CONTROLLERS if one.word() in ("newbob", "greedy", "bold_driver", "spike", "polyak", "armijo")]
LIMIT = 1 / np.linalg.eigvalsh(X.T @ X / 60)[-1]  # fixed rates diverge above it
SMALLEST = 0.8756  # loss of UPPER_ROWS after 5000 updates of a line search
anything = st.floats() | st.sampled_from([NAN, INF, -INF, 0.0, 1.0, 1e308, -1e308, 5e-324, -5e-324]) | st.floats(-9, 9)


# Laws of all six, with every quantity that they look at


@st.composite
def records(draw):
    trials = draw(st.lists(anything, min_size=1, max_size=4))
    return seen(
        loss=draw(anything),
        metric=draw(st.none() | anything),
        slope=draw(anything),
        rate=draw(anything),
        loss_at=lambda rate: trials[hash(rate) % len(trials)],
    )


def plain(told):
    """NaN equal to itself."""
    return [(factor, json.dumps(state, allow_nan=False), why) for factor, state, why in told]


@given(controller=st.sampled_from(OURS), looks=st.lists(records(), max_size=30))
def test_answers_are_finite_whatever_is_seen_and_states_survive_json(controller, looks):
    told = follow(controller, looks)
    for factor, _, why in told:
        assert math.isfinite(factor), why
        assert factor >= 0, why
    saved = follow(controller, looks, lambda state: tuple(json.loads(json.dumps(state, allow_nan=False))))
    assert plain(saved) == plain(told)


@given(
    controller=st.sampled_from([one for one in OURS if not excepted(one, ODD_PASSES)]),
    looks=st.lists(records(), max_size=20),
    odd=st.sampled_from([NAN, INF, -INF]),
    place=st.integers(0, 20),
)
def test_what_is_not_finite_leaves_the_state_alone(controller, looks, odd, place):
    place = min(place, len(looks))
    blow = seen(loss=odd, metric=odd, slope=1.0, rate=0.1, loss_at=lambda rate: 0.0)
    told = follow(controller, [*looks[:place], blow, *looks[place:]])
    _, state, why = told.pop(place)
    assert plain(told) == plain(follow(controller, looks))
    assert state == (told[place - 1][1] if place else controller.init())
    assert str(odd) in why


@pytest.mark.parametrize("controller", OURS, ids=str)
def test_a_missing_quantity_is_an_error_that_names_it(controller):
    everything = seen(loss=1.0, slope=1.0, rate=1.0, loss_at=lambda rate: 0.0)
    controller.step(controller.init(), everything)
    for name in controller.needs:
        with pytest.raises(StepsizeError, match=f"{controller.word()} needs the {name[:4]}"):
            controller.step(controller.init(), everything.replace(**{name: None}))


@pytest.mark.parametrize("controller", [newbob(watch="metric"), greedy(watch="metric", patience=0)], ids=str)
def test_updates_without_a_metric_change_nothing(controller):
    looks = [seen(metric=one) for one in (3.0, 2.0, 2.0, 2.5, 1.0, 7.0)]
    thinned = follow(controller, [now for one in looks for now in (one, seen(), seen(loss=NAN))])
    assert thinned[::3] == follow(controller, looks)
    assert all(
        (factor, why) == (thinned[i // 3 * 3][0], "") or i % 3 == 0 for i, (factor, _, why) in enumerate(thinned)
    )


@pytest.mark.parametrize("base", [5e-5, 1e-2])
@pytest.mark.parametrize(
    ("controller", "losses", "grows"),
    [
        (newbob(), [1.0] * 9, False),
        (greedy(), [1.0] * 40, False),
        (greedy(), [1 - i / 99 for i in range(40)], True),
        (bold_driver(), [1.0, 2.0], False),
        (spike(), [*[1.0, 1.01] * 9, 2.0], False),
    ],
    ids=str,
)
def test_a_default_does_something_at_rates_people_use(controller, losses, grows, base):
    factors = factors_of(controller, losses)
    assert base * factors[-1] > base if grows else base * factors[-1] < 0.96 * base


# All that claim it: no divergence where the fixed rate, ten times too high, diverges

TENFOLD = {"least_squares": (LINE, 10 * LIMIT, 0.0), "softmax": (UPPER_ROWS, 30.0, SMALLEST)}
CLAIMS = {
    "armijo": lambda base, f_star: s.sgd() | base * armijo(),
    "armijo with momentum": lambda base, f_star: s.sgd(momentum=0.9) | base * armijo(),
    "armijo with a clip": lambda base, f_star: s.sgd() | base * armijo() | s.clip_norm(1),
    "polyak": lambda base, f_star: s.sgd() | 1 * polyak(f_star, high=base),
    "bold_driver": lambda base, f_star: s.sgd() | base * bold_driver(),
}


@pytest.mark.parametrize("name", TENFOLD)
def test_the_fixed_rate_diverges(name):
    problem, base, _ = TENFOLD[name]
    assert descend(problem, s.sgd() | base, steps=300).diverged
    assert not descend(problem, s.sgd() | base / 10, steps=300).diverged


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("name", TENFOLD)
def test_ten_times_too_high_is_no_harm(name, claim):
    problem, base, f_star = TENFOLD[name]
    run = descend(problem, CLAIMS[claim](base, f_star), steps=300)
    assert not run.diverged
    assert run.loss - f_star < 0.2 * (run.losses[0] - f_star)


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_thousandth_of_the_good_rate_is_found_too(claim):
    base = 1e-3 * LIMIT
    slow = descend(LINE, s.sgd() | base, steps=300)
    run = descend(LINE, CLAIMS[claim](1e9 if claim == "polyak" else base, 0.0), steps=300)
    assert run.loss < 0.1 * slow.loss


def test_bold_driver_pays_for_a_base_that_is_too_high_with_its_first_updates():
    run = descend(LINE, CLAIMS["bold_driver"](10 * LIMIT, 0.0), steps=300)
    assert max(run.losses) > 100 * run.losses[0]  # a step that raised the loss is not taken back
    assert max(descend(LINE, CLAIMS["armijo"](10 * LIMIT, 0.0), steps=300).losses) == run.losses[0]
