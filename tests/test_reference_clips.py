"""The clips against torch.nn.utils and optax: equal where conventions agree, a named test for each difference."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch

from stepsize import (
    adagc,
    adam,
    clip,
    clip_norm,
    clip_rms,
    parse,
    percentile,
    seen,
    sgd,
    spam,
    stable,
    trust,
    unitwise,
    weight_decay,
    zclip,
)

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


# ---- by array and by row: optax


def run_both(strategy, chain, updates=30, start=None):
    """Parameters after the same gradients by a descent and by an optax chain."""
    ours = theirs = start or random_grads(3)
    state, their_state = strategy.init(ours), chain.init(theirs)
    for seed in range(updates):
        grads = random_grads(seed, 10.0 ** (seed % 5 - 2))
        ours, state, _ = strategy.step(ours, grads, state, seen())
        changed, their_state = chain.update(grads, their_state, theirs)
        theirs = optax.apply_updates(theirs, changed)
    return ours, theirs


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("limit", [0.5, 1.0])
def test_clip_rms_equals_optax(limit, size):
    grads = random_grads(4, size)
    assert_same(clip_rms(limit).apply(grads, {})[0], by_optax(optax.clip_by_block_rms(limit), grads))


def test_clip_rms_between_rule_and_rate_is_adafactors_clip_as_in_optaxs_chain():
    chain = optax.chain(optax.scale_by_adam(), optax.clip_by_block_rms(0.9), optax.scale_by_learning_rate(0.1))
    assert_same(*run_both(adam() | clip_rms(0.9) | 0.1, chain), 1e-9)


def test_clip_rms_leaves_an_array_with_a_nan_and_optax_makes_all_of_it_nan():
    grads = {"vector": np.array([np.nan, 5.0])}
    assert_same(clip_rms().apply(grads, {})[0], grads)
    assert np.isnan(by_optax(optax.clip_by_block_rms(1.0), grads)["vector"]).all()


ROWS = {"kernel": (4, 3), "bias": (3,), "scale": (), "image": (3, 3, 2, 4), "volume": (2, 3, 3, 2, 4)}


def rows_of(seed, size=1.0):
    rng = np.random.default_rng(seed)
    return {name: size * np.asarray(rng.normal(size=shape)) for name, shape in ROWS.items()}


def by_optax_agc(grads, params, *limits):
    updates, weights = ({name: jnp.asarray(one) for name, one in arrays.items()} for arrays in (grads, params))
    return optax.adaptive_grad_clip(*limits).update(updates, optax.EmptyState(), weights)[0]


@pytest.mark.parametrize("size", [1e-4, 1e-2, 1.0, 1e5])
@pytest.mark.parametrize("limits", [(0.01, 1e-3), (0.3, 10.0)])
def test_unitwise_of_the_last_axis_equals_optax(limits, size):
    """Layouts (in, out), (height, width, in, out) and (depth, height, width, in, out)."""
    grads, params = rows_of(5, size), rows_of(6)
    assert_same(unitwise(*limits, unit_axis=-1).apply(grads, params)[0], by_optax_agc(grads, params, *limits))


def test_unitwise_of_the_first_axis_is_optaxs_of_the_transposed_matrix():
    grads, params = {"kernel": rows_of(5)["kernel"]}, {"kernel": rows_of(6)["kernel"]}
    ours, _ = unitwise().apply(grads, params)
    turned = by_optax_agc({"kernel": grads["kernel"].T}, {"kernel": params["kernel"].T}, 0.01)
    assert_same({"kernel": ours["kernel"].T}, turned)
    assert not np.allclose(ours["kernel"], by_optax_agc(grads, params, 0.01)["kernel"])


def test_unitwise_of_three_axes_has_one_unit_for_each_last_and_optax_for_each_pair_of_the_last_two():
    rng = np.random.default_rng(7)
    grads, params = ({"heads": rng.normal(size=(4, 2, 3))} for _ in range(2))
    ours, theirs = unitwise(unit_axis=-1).apply(grads, params)[0], by_optax_agc(grads, params, 0.01)
    flat = by_optax_agc(
        {"heads": grads["heads"].reshape(8, 3)}, {"heads": params["heads"].reshape(8, 3)}, 0.01
    )  # what ours takes together
    assert_same({"heads": ours["heads"].reshape(8, 3)}, flat)
    each = by_optax_agc({"heads": grads["heads"].reshape(4, 6)}, {"heads": params["heads"].reshape(4, 6)}, 0.01)
    assert_same({"heads": np.asarray(theirs["heads"]).reshape(4, 6)}, each)


def test_unitwise_of_a_column_bounds_every_row_and_optax_the_whole():
    """optax drops axes of length 1 before it looks; timm and we do not."""
    grads, params = {"column": np.array([[3.0], [4.0]])}, {"column": np.array([[1.0], [2.0]])}
    assert unitwise(0.1).apply(grads, params)[0]["column"] == pytest.approx(np.array([[0.1], [0.2]]), rel=CLOSE)
    theirs = by_optax_agc(grads, params, 0.1)["column"]
    assert np.asarray(theirs) == pytest.approx(0.1 * np.sqrt(5) * np.array([[0.6], [0.8]]), rel=CLOSE)


@pytest.mark.parametrize("coefficient", [1.0, 0.001])
def test_trust_equals_optax(coefficient):
    updates, params = rows_of(8, 0.1), rows_of(9)
    params["bias"], updates["kernel"] = np.zeros(3), np.zeros((4, 3))
    theirs, _ = optax.scale_by_trust_ratio(trust_coefficient=coefficient).update(updates, optax.EmptyState(), params)
    assert_same(trust(coefficient).apply(updates, params)[0], theirs)


def test_lamb_is_adam_decay_and_trust_as_in_optax():
    ours = adam(eps=1e-6) | weight_decay(0.01) | trust() | 0.01
    assert_same(*run_both(ours, optax.lamb(0.01, weight_decay=0.01)), 1e-9)


def test_lars_is_decay_trust_and_momentum_as_in_optax():
    ours = weight_decay(1e-4) | trust(0.001) | sgd(momentum=0.9) | 10.0
    assert_same(*run_both(ours, optax.lars(10.0, weight_decay=1e-4)), 1e-9)


# ---- the formulas of papers and packages, written down again on plain numbers and lists


def lengths(clip_, norms, wide=2):
    """What becomes of gradients with these norms."""
    unit = np.arange(1.0, wide + 1) / np.linalg.norm(np.arange(1.0, wide + 1))
    state, found = clip_.init({"w": unit}), []
    for one in norms:
        limited, _, state = clip_.step({"w": one * unit}, {"w": unit}, state, {})
        found.append(np.linalg.norm(limited["w"]))
    return found, state


def spiky(seed, count=80):
    rng = np.random.default_rng(seed)
    norms = rng.lognormal(0.5, 0.3, size=count) * np.linspace(2, 0.5, count)
    norms[[4, 33, 50, 51, 70]] *= 40
    return norms.tolist()


class ZClip:
    """The rule of zclip 1.0.0 in its mode "zscore" with adaptive scaling."""

    def __init__(self, z, alpha, warm_up, most, eps=1e-6):
        self.z, self.alpha, self.warm_up, self.most, self.eps = z, alpha, warm_up, most, eps
        self.first, self.mean, self.var = [], None, None

    def __call__(self, norm):
        most = float("inf") if self.most is None else self.most
        if self.mean is None:
            self.first.append(norm)
            if len(self.first) == self.warm_up:
                self.mean, self.var = np.mean(self.first), np.var(self.first)
            return min(norm, most)
        deviation = self.var**0.5
        z = (norm - self.mean) / (deviation + self.eps)
        kept = self.mean + self.z * deviation / (z / self.z) if z > self.z else norm
        self.mean = self.alpha * self.mean + (1 - self.alpha) * kept
        self.var = self.alpha * self.var + (1 - self.alpha) * (kept - self.mean) ** 2
        return kept if kept < most else norm if norm <= most else most


@pytest.mark.parametrize("limits", [(2.5, 0.97, 25, 1.0), (2.5, 0.97, 25, None), (1.0, 0.5, 2, 3.0), (0.5, 0.9, 10, 2)])
def test_zclip_is_the_rule_of_its_package(limits):
    z, alpha, warm_up, most = limits
    theirs = ZClip(*limits)
    norms = spiky(1)
    ours, state = lengths(zclip(z, alpha=alpha, warm_up=warm_up, max=most), norms)
    assert ours == pytest.approx([theirs(one) for one in norms], rel=1e-9)
    assert float(state["mean"]) == pytest.approx(theirs.mean, rel=1e-9)
    assert float(state["std"]) == pytest.approx(theirs.var**0.5, rel=1e-9)
    assert sum(a < 0.9 * b for a, b in zip(ours, norms, strict=True)) >= 3


def test_one_nan_ends_the_package_zclip_for_ever_and_not_ours():
    """Its mean and variance become NaN, no norm is larger than NaN, and every later spike passes."""
    norms = [*spiky(2)[:30], np.nan, *[1.0, 1.1, 0.9] * 10, 1e6]
    theirs = ZClip(2.5, 0.97, 25, None)
    after = [theirs(one) for one in norms]
    assert np.isnan(theirs.mean)
    assert after[-1] == 1e6
    ours, state = lengths(zclip(max=None), norms)
    assert ours[-1] < 10
    healthy, same = lengths(zclip(max=None), [one for one in norms if one == one])
    assert ours[31:] == healthy[30:]
    assert state == same


@pytest.mark.parametrize(("p", "history"), [(10, 200), (10, 20), (50, 7), (100, 3), (90, 1), (33.3, 10)])
def test_percentile_is_autoclip_with_the_percentile_of_numpy(p, history):
    """AutoClip keeps every norm: so do we while there are no more than `history`."""
    norms, kept, expected = spiky(3), [], []
    for one in norms:
        kept.append(one)
        expected.append(min(one, np.percentile(kept[-history:], p)))
    assert lengths(percentile(p, history=history), norms)[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("ratio", "most", "beta", "warm_up"), [(1.05, 1.0, 0.98, 100), (1.05, 3.0, 0.9, 5), (2, 1, 0, 1)]
)
def test_adagc_is_the_algorithm_of_its_paper(ratio, most, beta, warm_up):
    ours, smooth = adagc(ratio, max=most, beta=beta, warm_up=warm_up), None
    state = ours.init(random_grads(0))
    for t in range(130):
        grads = random_grads(t, 30.0 if t % 13 == 7 else 1.0)
        found, _, state = ours.step(grads, grads, state, {})
        norms = {name: np.sqrt(np.sum(one * one)) for name, one in grads.items()}
        if t < warm_up:
            scale = dict.fromkeys(norms, min(most / norm_of(grads), 1.0))
            clipped = {name: scale[name] * one for name, one in norms.items()}
            smooth = {name: min(one, smooth[name] if smooth else np.inf) for name, one in clipped.items()}
        else:
            scale = {name: min(ratio * smooth[name] / one, 1.0) for name, one in norms.items()}
            smooth = {name: beta * smooth[name] + (1 - beta) * scale[name] * norms[name] for name in norms}
        assert_same(found, {name: scale[name] * one for name, one in grads.items()}, 1e-9)
        for name, one in smooth.items():
            assert float(state["norms"][name]) == pytest.approx(one, rel=1e-9)


@pytest.mark.parametrize(("threshold", "beta2", "warm_up"), [(5000, 0.999, 20), (4, 0.9, 3)])
def test_spam_is_the_clip_of_its_paper_without_its_resets(threshold, beta2, warm_up):
    ours, squares, limited = spam(threshold, beta2=beta2, warm_up=warm_up), np.zeros(6), 0
    state = ours.init({"w": squares})
    for t in range(60):
        grad = np.random.default_rng(t).normal(size=6)
        grad[t % 6] += 1000 if t % 10 == 5 and t > warm_up else 0
        found, share, state = ours.step({"w": grad}, {"w": grad}, state, {})
        spikes = (grad * grad > threshold * squares) & (t >= warm_up)
        expected = np.where(spikes, np.sign(grad) * np.sqrt(threshold * squares), grad)
        squares = beta2 * squares + (1 - beta2) * expected * expected
        np.testing.assert_allclose(found["w"], expected, rtol=1e-9)
        np.testing.assert_allclose(state["roots"]["w"] ** 2, squares, rtol=1e-9)
        assert share == np.mean(spikes)
        limited += np.sum(spikes)
    assert limited >= 4


def test_stable_after_decay_is_stableadamw_as_its_paper_has_it():
    beta1, beta2, eps, decay, rate = 0.9, 0.95, 1e-6, 0.1, 0.01
    strategy = adam(beta1=beta1, beta2=beta2, eps=eps) | weight_decay(decay) | stable(beta2=beta2, eps=eps) | rate
    ours = theirs = random_grads(0)
    state, shortened = strategy.init(ours), 0
    means = {name: 0 * one for name, one in ours.items()}
    squares = dict(means)
    for t in range(1, 40):
        grads = random_grads(t, 50.0 if t in (10, 25) else 1.0)
        ours, state, step = strategy.step(ours, grads, state, seen())
        kept1, kept2 = (beta * (1 - beta ** (t - 1)) / (1 - beta**t) for beta in (beta1, beta2))
        moved, sizes = {}, []
        for name, g in grads.items():
            means[name] = kept1 * means[name] + (1 - kept1) * g
            squares[name] = kept2 * squares[name] + (1 - kept2) * g * g
            rms = np.sqrt(np.mean(g * g / np.maximum(squares[name], eps**2)))
            now = rate / max(1, rms)
            moved[name] = (1 - now * decay) * theirs[name] - now * means[name] / (np.sqrt(squares[name]) + eps)
            sizes.append(rms)
            shortened += rms > 2
        theirs = moved
        assert_same(ours, theirs, 1e-9)
        assert step.clipped > 0 or all(one <= 1 + 1e-6 for one in sizes)
    assert shortened >= 4
