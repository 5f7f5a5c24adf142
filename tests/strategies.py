"""Random expressions of the vocabulary, at most five levels deep."""

from __future__ import annotations

from hypothesis import strategies as st

import stepsize as s

DEPTH = 4  # combinations above a leaf

share = st.integers(0, 100).map(float)
bound = st.one_of(st.floats(0, 2), st.integers(0, 2), st.sampled_from([1e-300, 1e-9, 0.1 + 0.2]))
gamma = st.floats(0.01, 1)
steps = st.integers(1, 400)
length = st.one_of(steps, st.sampled_from(["1%", "2.5%", "10%", "1ep", "0.5ep", "80samples", "1e4tok"]))
maybe_length = st.none() | length


def _stages(factors, cuts):
    return s.stages(*factors) if cuts is None else s.stages(*factors[: len(cuts) + 1], at=sorted(cuts))


def _knots(factors, times):
    return s.piecewise((0, factors[0]), *zip(sorted(times), factors[1:], strict=False))


share_of_one = st.floats(0, 1)
shapes = st.sampled_from(["linear", "cosine", "mirrored-cosine", "1-sqrt", "square", "exponential"])
rare_leaves = st.one_of(
    st.builds(s.polynomial, st.floats(0.1, 5), maybe_length, final=share_of_one, k=st.floats(0.2, 4)),
    st.builds(s.inverse_time, st.floats(1e-3, 10), length, maybe_length, staircase=st.booleans()),
    st.builds(s.power_law, st.floats(-2, -0.1), length, maybe_length),
    st.builds(s.rex, maybe_length, final=share_of_one),
    st.builds(s.tanh_decay, maybe_length, low=st.floats(-8, -1), high=st.floats(0, 5), final=share_of_one),
    st.builds(s.anneal, maybe_length, shape=shapes, final=share_of_one),
    st.builds(s.saturation, length, maybe_length),
    st.builds(s.rectification, st.floats(0.7, 0.9999), maybe_length),
    st.builds(_knots, st.lists(bound, min_size=4, max_size=4), st.sets(steps, min_size=1, max_size=3)),
    st.builds(lambda values, n: s.table(*values, every=n), st.lists(bound, min_size=1, max_size=5), length),
    st.builds(
        s.noise, st.floats(0.01, 0.99), st.integers(0, 99), every=length, kind=st.sampled_from(["uniform", "bell"])
    ),
    st.builds(s.formula, st.sampled_from(["1 - u", "t / (t + 9)", "max(0.5 - u, u / T)"]), maybe_length),
)
leaves = rare_leaves | st.one_of(
    st.builds(s.constant, bound, maybe_length),
    st.builds(s.warmup, length),
    st.builds(s.linear, bound, bound, maybe_length),
    st.builds(s.cosine, maybe_length, final=st.floats(0, 1)),
    st.builds(s.exponential, gamma, maybe_length, every=st.none() | length),
    st.builds(s.staircase, gamma, length, maybe_length),
    st.builds(
        _stages, st.lists(bound, min_size=4, max_size=4), st.none() | st.sets(steps, min_size=1, max_size=3).map(list)
    ),
)
sized_leaves = leaves.filter(lambda one: one._sized)

controllers = st.builds(
    s.infrared,
    st.floats(0, 2),
    st.floats(0.01, 5),
    cap=st.none() | st.floats(2, 10),
    compounding=st.booleans(),
    guard=st.booleans(),
)


def _clamped(inside):
    return st.builds(lambda one, low, more: s.clamp(one, low, low + more), inside, share.map(lambda x: x / 100), bound)


def _bent(inside):
    """One factor inside a combinator of time."""
    return st.one_of(
        st.builds(s.repeat, inside, st.integers(1, 5), growth=st.sampled_from([1, 1.5, 2]), height=st.floats(0.5, 1)),
        st.builds(s.stretch, inside, st.sampled_from([0.3, 0.5, 2, 3.7])),
        st.builds(s.shift, inside, st.integers(-30, 30)),
        st.builds(s.reverse, inside),
        st.builds(s.cooldown, inside, steps, at=st.none() | steps, shape=shapes, final=share_of_one),
    )


def _together(several):
    return st.one_of(
        *[several.map(lambda ps, word=word: word(*ps)) for word in (s.product, s.plus, s.minimum, s.maximum)]
    )


def schedules(depth: int = DEPTH):
    """Schedules whose lengths need not fit together."""
    if depth == 0:
        return leaves
    inner = schedules(depth - 1)
    several = st.lists(inner, min_size=2, max_size=3)
    return leaves | _together(several) | several.map(lambda ps: s.then(*ps)) | _clamped(inner) | _bent(inner)


def sized(depth: int = 2):
    """Schedules that bring their own length."""
    if depth == 0:
        return sized_leaves
    inner = sized(depth - 1)
    several = st.lists(inner, min_size=2, max_size=3)
    return sized_leaves | several.map(lambda ps: s.product(*ps)) | several.map(lambda ps: s.then(*ps)) | _clamped(inner)


open_leaves = st.one_of(
    st.builds(s.linear, bound, bound),
    st.builds(s.cosine, final=st.floats(0, 1)),
    st.builds(s.exponential, gamma),
    st.builds(s.stages, bound, bound),
)
endless_leaves = st.one_of(
    st.builds(s.constant, bound), st.builds(s.exponential, gamma, every=steps), st.builds(s.staircase, gamma, steps)
)
factors = st.one_of(
    schedules(),
    controllers,
    st.builds(s.product, schedules(DEPTH - 1), controllers),
    _clamped(controllers),
)
rates = st.builds(s.rate, st.floats(0, 1e3), factors)

clips = st.builds(s.clip, st.floats(1e-9, 1e3)) | st.builds(s.clip_norm, st.floats(1e-9, 1e3))
transforms = clips | st.builds(s.weight_decay, st.floats(0, 1))
beta = st.floats(0, 0.999)
rules = st.one_of(
    st.builds(s.sgd, momentum=beta, dampening=beta),
    st.builds(s.adagrad, initial=bound, eps=bound, eps_in_root=st.booleans()),
    st.builds(s.rmsprop, alpha=beta, eps=bound, momentum=beta, centered=st.booleans()),
    st.builds(s.adam, beta1=beta, beta2=beta, eps=bound),
)
descents = st.builds(
    lambda before, rule, between, rate, after: s.descent(*before, rule, *between, rate, *after),
    st.lists(transforms, max_size=2),
    rules,
    st.lists(transforms, max_size=2),
    rates,
    st.lists(clips, max_size=2),
)
values = st.one_of(factors, rates, rules, transforms, descents)
