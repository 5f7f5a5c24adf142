"""The rules against torch.optim and optax: equal where conventions agree, a named test for each difference."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from torch.optim import SGD, Adagrad, Adam, AdamW, RMSprop

from stepsize import parse, seen

pytestmark = pytest.mark.usefixtures("x64")

STEPS = 40
SHAPES = {"matrix": (3, 4), "vector": (5,), "scalar": ()}
CONSTANT, CHANGING = "0.1", "0.1 * (warmup(5) >> cosine(40))"
CLOSE, FAR = 1e-12, 1e-6  # relative to the largest parameter: rounding, and more than rounding


def random_problem(seed=0):
    """Parameters, and gradients whose elements span five orders of magnitude; one row is zero at first."""
    rng = np.random.default_rng(seed)
    start = {name: np.asarray(rng.normal(size=shape)) for name, shape in SHAPES.items()}
    sizes = {name: 10 ** rng.uniform(-3, 2, size=shape) for name, shape in SHAPES.items()}
    grads = [{name: np.asarray(sizes[name] * rng.normal(size=SHAPES[name])) for name in SHAPES} for _ in range(STEPS)]
    for grad in grads[:5]:
        grad["matrix"][0] = 0.0
    return start, grads


def single(*grads, start=1.0):
    """One parameter and the gradients it meets."""
    return {"x": np.array([start])}, [{"x": np.array([grad])} for grad in grads]


def row(arrays):
    return np.concatenate([np.ravel(np.asarray(arrays[name])) for name in sorted(arrays)])


def by_stepsize(text, problem):
    """All parameters after each update, one row for each."""
    params, grads = problem
    strategy = parse(text)
    state, rows = strategy.init(params), []
    for grad in grads:
        params, state, _ = strategy.step(params, grad, state, seen())
        rows.append(row(params))
    return np.array(rows)


def by_torch(build, rate, problem):
    params = {name: torch.tensor(one) for name, one in problem[0].items()}
    optimizer, rows = build(list(params.values())), []
    for t, grads in enumerate(problem[1]):
        optimizer.param_groups[0]["lr"] = parse(rate)(t)
        for name, param in params.items():
            param.grad = torch.tensor(grads[name])
        optimizer.step()
        rows.append(row(params))
    return np.array(rows)


def by_optax(build, rate, problem):
    rates = jnp.asarray(parse(rate)(np.arange(len(problem[1]))))
    params = {name: jnp.asarray(one) for name, one in problem[0].items()}
    transform = build(lambda t: rates[t])
    state, update, rows = transform.init(params), jax.jit(transform.update), []
    for grads in problem[1]:
        updates, state = update({name: jnp.asarray(one) for name, one in grads.items()}, state, params)
        params = optax.apply_updates(params, updates)
        rows.append(row(params))
    return np.array(rows)


def distance(ours, theirs):
    """The largest difference after any update, relative to the largest parameter then."""
    return np.max(np.max(np.abs(ours - theirs), axis=1) / np.max(np.abs(theirs), axis=1))


def coupled(amount, build):
    """Optax's way to say the weight_decay argument of torch's SGD and Adam."""
    return lambda rate: optax.chain(optax.add_decayed_weights(amount), build(rate))


def clipped(limit, build):
    return lambda rate: optax.chain(optax.clip(limit), build(rate))


MOMENTUM_OPTAX = partial(optax.rmsprop, decay=0.99, eps_in_sqrt=False, momentum=0.9)
EQUAL = [  # stepsize, torch, optax; None where that library cannot say it
    ("sgd()", SGD, optax.sgd),
    ("sgd(momentum=0.9)", partial(SGD, momentum=0.9), partial(optax.sgd, momentum=0.9)),
    ("sgd(momentum=0.9, dampening=0.5)", partial(SGD, momentum=0.9, dampening=0.5), None),
    (
        "sgd(momentum=0.8, nesterov=True)",
        partial(SGD, momentum=0.8, nesterov=True),
        partial(optax.sgd, momentum=0.8, nesterov=True),
    ),
    ("adagrad()", Adagrad, None),
    ("adagrad(initial=0.1, eps=1e-3)", partial(Adagrad, initial_accumulator_value=0.1, eps=1e-3), None),
    ("adagrad(initial=0.1, eps=1e-7, eps_in_root=True)", None, optax.adagrad),
    ("rmsprop()", RMSprop, partial(optax.rmsprop, decay=0.99, eps_in_sqrt=False)),
    (
        "rmsprop(alpha=0.9, eps=1e-4)",
        partial(RMSprop, alpha=0.9, eps=1e-4),
        partial(optax.rmsprop, eps=1e-4, eps_in_sqrt=False),
    ),
    ("rmsprop(alpha=0.9, eps_in_root=True)", None, optax.rmsprop),
    (
        "rmsprop(centered=True)",
        partial(RMSprop, centered=True),
        partial(optax.rmsprop, decay=0.99, eps_in_sqrt=False, centered=True),
    ),
    ("rmsprop(alpha=0.9, eps_in_root=True, centered=True)", None, partial(optax.rmsprop, centered=True)),
    ("rmsprop(momentum=0.9)", partial(RMSprop, momentum=0.9), MOMENTUM_OPTAX),
    (
        "rmsprop(momentum=0.9, centered=True)",
        partial(RMSprop, momentum=0.9, centered=True),
        partial(MOMENTUM_OPTAX, centered=True),
    ),
    ("adam()", Adam, optax.adam),
    (
        "adam(beta1=0.8, beta2=0.95, eps=1e-3)",
        partial(Adam, betas=(0.8, 0.95), eps=1e-3),
        partial(optax.adam, b1=0.8, b2=0.95, eps=1e-3),
    ),
    ("adamw()", AdamW, partial(optax.adamw, weight_decay=0.01)),
    ("adamw(weight_decay=0.3)", partial(AdamW, weight_decay=0.3), partial(optax.adamw, weight_decay=0.3)),
    ("weight_decay(1e-4) | sgd()", partial(SGD, weight_decay=1e-4), coupled(1e-4, optax.sgd)),
    (
        "weight_decay(0.1) | sgd(momentum=0.9)",
        partial(SGD, momentum=0.9, weight_decay=0.1),
        coupled(0.1, partial(optax.sgd, momentum=0.9)),
    ),
    ("weight_decay(0.1) | adam()", partial(Adam, weight_decay=0.1), coupled(0.1, optax.adam)),
    ("clip(0.5) | adam()", None, clipped(0.5, optax.adam)),
    ("clip(0.5) | weight_decay(0.1) | sgd()", None, clipped(0.5, coupled(0.1, optax.sgd))),
]


@pytest.mark.parametrize("rate", [CONSTANT, CHANGING])
@pytest.mark.parametrize(("text", "build"), [(text, torch_) for text, torch_, _ in EQUAL if torch_])
def test_equals_torch(text, build, rate):
    for seed in range(3):
        problem = random_problem(seed)
        ours = by_stepsize(f"{text} | {rate}", problem)
        assert distance(ours, by_torch(build, rate, problem)) < CLOSE


@pytest.mark.parametrize("rate", [CONSTANT, CHANGING])
@pytest.mark.parametrize(("text", "build"), [(text, optax_) for text, _, optax_ in EQUAL if optax_])
def test_equals_optax(text, build, rate):
    if text.startswith("rmsprop(momentum") and rate == CHANGING:
        rate = "0.03"  # they differ when the rate changes: test_rmsprop_momentum_remembers_directions
    problem = random_problem()
    assert distance(by_stepsize(f"{text} | {rate}", problem), by_optax(build, rate, problem)) < CLOSE


# A default that follows torch where optax differs, and the text that says what optax does.
DIFFERENT = {
    "adagrad_starts_its_sum_at_0_and_optax_at_a_tenth": (
        ("adagrad()", Adagrad),
        (partial(optax.adagrad, eps=0.0), "adagrad(initial=0.1, eps=0)"),
    ),
    "adagrad_adds_eps_to_the_root_and_optax_inside": (
        ("adagrad(eps=1e-7)", partial(Adagrad, eps=1e-7)),
        (partial(optax.adagrad, initial_accumulator_value=0.0), "adagrad(eps=1e-7, eps_in_root=True)"),
    ),
    "rmsprop_keeps_0.99_of_its_mean_and_optax_0.9": (
        ("rmsprop()", RMSprop),
        (partial(optax.rmsprop, eps_in_sqrt=False), "rmsprop(alpha=0.9)"),
    ),
    "rmsprop_adds_eps_to_the_root_and_optax_inside": (
        ("rmsprop()", RMSprop),
        (partial(optax.rmsprop, decay=0.99), "rmsprop(eps_in_root=True)"),
    ),
    "centred_rmsprop_adds_eps_to_the_root_and_optax_inside": (
        ("rmsprop(centered=True)", partial(RMSprop, centered=True)),
        (partial(optax.rmsprop, decay=0.99, centered=True), "rmsprop(centered=True, eps_in_root=True)"),
    ),
    "rmsprop_starts_its_mean_at_0_and_optax_where_told": (
        ("rmsprop()", RMSprop),
        (partial(optax.rmsprop, decay=0.99, eps_in_sqrt=False, initial_scale=0.5), "rmsprop(initial=0.5)"),
    ),
    "rmsprop_has_no_bias_correction_and_optax_when_told_is_adam_without_momentum": (
        ("rmsprop()", RMSprop),
        (partial(optax.rmsprop, eps_in_sqrt=False, bias_correction=True), "adam(beta1=0, beta2=0.9)"),
    ),
    "adam_takes_an_eps_inside_the_root_only_from_optax": (
        ("adam()", Adam),
        (partial(optax.adam, eps_root=1e-5), "adam(eps_root=1e-5)"),
    ),
    "adamw_decays_by_a_hundredth_and_optax_by_1e-4": (
        ("adamw()", AdamW),
        (optax.adamw, "adamw(weight_decay=1e-4)"),
    ),
}


@pytest.mark.parametrize("difference", DIFFERENT)
def test_default_is_torch_and_a_parameter_gives_optax(difference):
    (default, torch_), (optax_, as_optax) = DIFFERENT[difference]
    problem = random_problem()
    ours, theirs = by_stepsize(f"{default} | 0.1", problem), by_optax(optax_, "0.1", problem)
    assert distance(ours, by_torch(torch_, "0.1", problem)) < CLOSE
    assert distance(ours, theirs) > FAR
    assert distance(by_stepsize(f"{as_optax} | 0.1", problem), theirs) < CLOSE


def test_adagrad_eps_is_1e_10_as_in_torch_and_1e_7_in_optax():
    """Seen on a gradient as small as eps; the sum starts at 0 everywhere."""
    problem = single(1e-7, start=0.0)
    assert by_stepsize("adagrad() | 1", problem)[-1, 0] == pytest.approx(-1e-7 / (1e-7 + 1e-10), rel=CLOSE)
    assert by_torch(Adagrad, "1", problem)[-1, 0] == pytest.approx(-1e-7 / (1e-7 + 1e-10), rel=CLOSE)
    theirs = by_optax(partial(optax.adagrad, initial_accumulator_value=0.0), "1", problem)
    assert theirs[-1, 0] == pytest.approx(-1e-7 / np.sqrt(1e-14 + 1e-7), rel=CLOSE)


def test_sgd_dampens_from_the_second_gradient_as_torch_and_optax_never():
    """torch starts its sum with the whole first gradient; optax has no dampening, so it keeps the whole second too."""
    problem = single(1.0, 1.0, start=0.0)
    ours = by_stepsize("sgd(momentum=0.9, dampening=0.5) | 1", problem)[:, 0]
    torch_ = by_torch(partial(SGD, momentum=0.9, dampening=0.5), "1", problem)[:, 0]
    optax_ = by_optax(partial(optax.sgd, momentum=0.9), "1", problem)[:, 0]
    assert ours == pytest.approx([-1.0, -2.4], rel=CLOSE)
    assert torch_ == pytest.approx([-1.0, -2.4], rel=CLOSE)
    assert optax_ == pytest.approx([-1.0, -2.9], rel=CLOSE)


def test_rmsprop_momentum_remembers_directions_as_torch_and_optax_remembers_updates():
    """No parameter gives optax's: after a change of rate, the remembered sum m moves by momentum·(η_old − η_new)·m."""
    problem = single(1.0, 2.0, 4.0, start=0.0)
    rate = "0.1 * stages(1, 0.1, at=(2,))"
    ours = by_stepsize(f"rmsprop(momentum=0.9) | {rate}", problem)[:, 0]
    theirs = by_optax(MOMENTUM_OPTAX, rate, problem)[:, 0]
    assert ours == pytest.approx(by_torch(partial(RMSprop, momentum=0.9), rate, problem)[:, 0], rel=CLOSE)
    assert ours[:2] == pytest.approx(theirs[:2], rel=CLOSE)
    remembered = (ours[0] - ours[1]) / 0.1
    assert ours[2] - theirs[2] == pytest.approx(0.9 * (0.1 - 0.01) * remembered, rel=1e-10)


def test_adagrad_has_no_lr_decay_because_torchs_is_a_schedule():
    """torch's lr_decay divides the rate of update t by 1 + lr_decay·t; the same rates give the same parameters."""
    problem = random_problem()
    theirs = by_torch(partial(Adagrad, lr_decay=0.5), "0.1", problem)
    factors = ", ".join(repr(1 / (1 + 0.5 * t)) for t in range(STEPS))
    ours = by_stepsize(f"adagrad() | 0.1 * stages({factors}, length={STEPS})", problem)
    assert distance(ours, theirs) < CLOSE
    assert distance(by_stepsize("adagrad() | 0.1", problem), theirs) > FAR


def test_decay_before_the_rule_is_torchs_adam_and_after_it_torchs_adamw():
    problem = random_problem()
    before = by_stepsize("weight_decay(0.1) | adam() | 0.1", problem)
    after = by_stepsize("adam() | weight_decay(0.1) | 0.1", problem)
    assert distance(before, by_torch(partial(Adam, weight_decay=0.1), "0.1", problem)) < CLOSE
    assert distance(after, by_torch(partial(AdamW, weight_decay=0.1), "0.1", problem)) < CLOSE
    assert distance(before, after) > FAR


@pytest.mark.parametrize(
    ("text", "torch_", "optax_"),
    [
        ("adagrad(eps=0)", partial(Adagrad, eps=0.0), None),
        ("rmsprop(eps=0)", partial(RMSprop, eps=0.0), partial(optax.rmsprop, eps=0.0)),
        ("adam(eps=0)", partial(Adam, eps=0.0), partial(optax.adam, eps=0.0)),
    ],
)
def test_nothing_divided_by_nothing_is_no_move_where_torch_and_optax_give_nan(text, torch_, optax_):
    """A gradient of 0 from the start with eps 0; of the peers only optax's adagrad also stays."""
    problem = single(0.0, 0.0, start=3.0)
    assert by_stepsize(f"{text} | 0.1", problem)[:, 0].tolist() == [3.0, 3.0]
    assert np.isnan(by_torch(torch_, "0.1", problem)).all()
    if optax_ is None:
        assert by_optax(partial(optax.adagrad, initial_accumulator_value=0.0, eps=0.0), "0.1", problem)[-1, 0] == 3.0
    else:
        assert np.isnan(by_optax(optax_, "0.1", problem)).all()


def test_centred_rmsprop_takes_a_variance_rounded_below_zero_as_zero_where_torch_and_optax_give_nan():
    """Constant gradients: the variance vanishes, and rounding makes some of these hundred negative."""
    always = {"x": np.linspace(0.1, 0.9, 100)}
    problem = ({"x": np.zeros(100)}, [always] * 400)
    assert np.isfinite(by_stepsize("rmsprop(alpha=0.9, centered=True) | 1e-9", problem)).all()
    assert np.isnan(by_torch(partial(RMSprop, alpha=0.9, centered=True), "1e-9", problem)).any()
    assert np.isnan(by_optax(partial(optax.rmsprop, eps_in_sqrt=False, centered=True), "1e-9", problem)).any()


@pytest.mark.parametrize(
    ("text", "run", "build", "option"),
    [
        ("adam()", by_torch, Adam, "amsgrad"),
        ("adam()", by_optax, optax.adam, "nesterov"),
        ("rmsprop(momentum=0.9)", by_optax, MOMENTUM_OPTAX, "nesterov"),
    ],
    ids=["torch_amsgrad", "optax_nesterov_adam", "optax_nesterov_rmsprop"],
)
def test_no_parameter_gives_this_variant_of_theirs(text, run, build, option):
    problem = random_problem()
    ours = by_stepsize(f"{text} | 0.1", problem)
    assert distance(ours, run(partial(build, **{option: False}), "0.1", problem)) < CLOSE
    assert distance(ours, run(partial(build, **{option: True}), "0.1", problem)) > FAR
