"""The clips against torch.nn.utils and optax: equal where conventions agree, a named test for each difference."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch

from stepsize import clip, clip_norm, parse, seen

pytestmark = pytest.mark.usefixtures("x64")

CLOSE = 1e-12
SHAPES = {"matrix": (3, 4), "scalar": (), "vector": (5,)}


def random_grads(seed, size=1.0):
    rng = np.random.default_rng(seed)
    return {name: size * np.asarray(rng.normal(size=shape)) for name, shape in SHAPES.items()}


def by_torch(limit, function, grads):
    """The gradients after one of torch's functions changed them in place."""
    params = {name: torch.zeros(one.shape, dtype=torch.float64, requires_grad=True) for name, one in grads.items()}
    for name, param in params.items():
        param.grad = torch.tensor(grads[name])
    function(params.values(), limit)
    return {name: param.grad.numpy() for name, param in params.items()}


def by_optax(transform, grads):
    arrays = {name: jnp.asarray(one) for name, one in grads.items()}
    changed, _ = transform.update(arrays, transform.init(arrays), arrays)
    return {name: np.asarray(one) for name, one in changed.items()}


def norm_of(grads):
    return np.sqrt(sum(np.sum(one * one) for one in grads.values()))


def assert_same(ours, theirs, rel=CLOSE):
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=rel, atol=0, strict=True)


SIZES = [1e-9, 0.1, 1.0, 1e5]  # of the gradients: from far below the limit 1 to far beyond


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("limit", [0.5, 1.0])
def test_clip_equals_torch_and_optax(limit, size):
    grads = random_grads(0, size)
    ours, _ = clip(limit).apply(grads, {})
    assert_same(ours, by_torch(limit, torch.nn.utils.clip_grad_value_, grads))
    assert_same(ours, by_optax(optax.clip(limit), grads))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("limit", [0.5, 1.0])
def test_clip_norm_equals_optax(limit, size):
    grads = random_grads(1, size)
    ours, _ = clip_norm(limit).apply(grads, {})
    assert_same(ours, by_optax(optax.clip_by_global_norm(limit), grads))


@pytest.mark.parametrize("size", SIZES)
def test_clip_norm_reaches_its_limit_and_torchs_stays_short_by_1e_6_of_the_norm(size):
    """torch divides by ‖g‖ + 1e-6: shorter than the limit by the share 1e-6/(‖g‖ + 1e-6)."""
    grads = random_grads(1, size)
    norm = norm_of(grads)
    ours, share = clip_norm(1.0).apply(grads, {})
    theirs = by_torch(1.0, torch.nn.utils.clip_grad_norm_, grads)
    if norm > 1:
        assert share == 1
        assert norm_of(ours) == pytest.approx(1.0, rel=CLOSE)
        assert 1 - norm_of(theirs) == pytest.approx(1e-6 / (norm + 1e-6), rel=1e-3, abs=1e-15)
        theirs = {name: one * (norm + 1e-6) / norm for name, one in theirs.items()}
    assert_same(ours, theirs)


def test_clip_norm_leaves_a_gradient_just_within_its_limit_alone_and_torch_shortens_it():
    grads = {"vector": np.array([1 - 5e-7])}
    assert clip_norm(1.0).apply(grads, {})[0]["vector"] == grads["vector"]
    assert by_optax(optax.clip_by_global_norm(1.0), grads)["vector"] == grads["vector"]
    theirs = by_torch(1.0, torch.nn.utils.clip_grad_norm_, grads)["vector"]
    assert theirs == pytest.approx(grads["vector"] / (1 + 5e-7), rel=CLOSE)
    assert theirs < grads["vector"]


def test_clip_norm_changes_nothing_at_a_nan_and_torch_and_optax_make_every_element_nan():
    grads = random_grads(2)
    grads["matrix"][1, 2] = np.nan
    ours, share = clip_norm(1.0).apply(grads, {})
    assert share == 0
    assert_same(ours, grads)
    for theirs in (
        by_torch(1.0, torch.nn.utils.clip_grad_norm_, grads),
        by_optax(optax.clip_by_global_norm(1.0), grads),
    ):
        assert all(np.isnan(one).all() for one in theirs.values())


def test_clip_norm_changes_nothing_at_an_infinity_and_torch_and_optax_leave_a_nan_among_zeros():
    grads = {"vector": np.array([1.0, np.inf, -2.0])}
    ours, share = clip_norm(1.0).apply(grads, {})
    assert share == 0
    assert_same(ours, grads)
    for theirs in (
        by_torch(1.0, torch.nn.utils.clip_grad_norm_, grads),
        by_optax(optax.clip_by_global_norm(1.0), grads),
    ):
        np.testing.assert_array_equal(theirs["vector"], [0.0, np.nan, 0.0])


def test_clip_norm_keeps_the_direction_of_a_huge_gradient_and_torch_and_optax_lose_it():
    """The squares overflow: their norm is infinite and nothing is left, ours is scaled first."""
    grads = {"vector": np.array([3e200, 4e200])}
    ours, _ = clip_norm(1.0).apply(grads, {})
    assert ours["vector"] == pytest.approx([0.6, 0.8], rel=CLOSE)
    assert by_torch(1.0, torch.nn.utils.clip_grad_norm_, grads)["vector"].tolist() == [0.0, 0.0]
    assert by_optax(optax.clip_by_global_norm(1.0), grads)["vector"].tolist() == [0.0, 0.0]


def test_clip_keeps_nan_and_bounds_infinity_as_torch_and_optax():
    grads = {"vector": np.array([np.nan, np.inf, -np.inf, 0.2])}
    ours, _ = clip(0.5).apply(grads, {})
    np.testing.assert_array_equal(ours["vector"], [np.nan, 0.5, -0.5, 0.2])
    assert_same(ours, by_torch(0.5, torch.nn.utils.clip_grad_value_, grads))
    assert_same(ours, by_optax(optax.clip(0.5), grads))


@pytest.mark.parametrize(
    ("text", "chain"),
    [
        ("sgd() | 0.1 | clip(0.05)", optax.chain(optax.sgd(0.1), optax.clip(0.05))),
        ("sgd() | 0.1 | clip_norm(0.1)", optax.chain(optax.sgd(0.1), optax.clip_by_global_norm(0.1))),
        ("clip_norm(1) | adam() | 0.1", optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.1))),
        (
            "clip_norm(1) | weight_decay(0.1) | sgd(momentum=0.9) | 0.1 | clip(0.05)",
            optax.chain(
                optax.clip_by_global_norm(1.0),
                optax.add_decayed_weights(0.1),
                optax.sgd(0.1, momentum=0.9),
                optax.clip(0.05),
            ),
        ),
    ],
)
def test_a_clip_before_the_rule_bounds_the_gradient_and_after_the_rate_the_update_as_optaxs_chain(text, chain):
    ours = theirs = random_grads(3)
    strategy = parse(text)
    state, their_state = strategy.init(ours), chain.init(theirs)
    for seed in range(20):
        grads = random_grads(seed)
        ours, state, happened = strategy.step(ours, grads, state, seen())
        updates, their_state = chain.update(grads, their_state, theirs)
        theirs = optax.apply_updates(theirs, updates)
        assert happened.clipped > 0
        for name in theirs:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=CLOSE)
