"""Random expressions of the vocabulary, at most five levels deep.

A word is drawn with random arguments where a line here says how, and else out of its row in tests/subjects.py.
"""

from __future__ import annotations

from hypothesis import strategies as st

import stepsize as s
from stepsize.vocabulary import WORDS, kind_of, look_up
from subjects import SUBJECTS

DEPTH = 4  # combinations above a leaf

share = st.integers(0, 100).map(float)
bound = st.one_of(st.floats(0, 2), st.integers(0, 2), st.sampled_from([1e-300, 1e-9, 0.1 + 0.2]))
gamma = st.floats(0.01, 1)
steps = st.integers(1, 400)
length = st.one_of(steps, st.sampled_from(["1%", "2.5%", "10%", "1ep", "0.5ep", "80samples", "1e4tok"]))
maybe_length = st.none() | length


def of_kind(kind, drawn):
    """How each word of a kind is drawn: as `drawn` says, else one of its subjects."""
    words = [word for word in WORDS if kind_of(word) == kind and isinstance(look_up(word), type)]
    return {word: drawn[word] if word in drawn else st.sampled_from(SUBJECTS[word]) for word in words}


def _stages(factors, cuts):
    return s.stages(*factors) if cuts is None else s.stages(*factors[: len(cuts) + 1], at=sorted(cuts))


def _knots(factors, times):
    return s.piecewise((0, factors[0]), *zip(sorted(times), factors[1:], strict=False))


share_of_one = st.floats(0, 1)
shapes = st.sampled_from(["linear", "cosine", "mirrored-cosine", "1-sqrt", "square", "exponential"])
leaves_by_word = {
    "polynomial": st.builds(s.polynomial, st.floats(0.1, 5), maybe_length, final=share_of_one, k=st.floats(0.2, 4)),
    "inverse_time": st.builds(s.inverse_time, st.floats(1e-3, 10), length, maybe_length, staircase=st.booleans()),
    "power_law": st.builds(s.power_law, st.floats(-2, -0.1), length, maybe_length),
    "rex": st.builds(s.rex, maybe_length, final=share_of_one),
    "tanh_decay": st.builds(
        s.tanh_decay, maybe_length, low=st.floats(-8, -1), high=st.floats(0, 5), final=share_of_one
    ),
    "anneal": st.builds(s.anneal, maybe_length, shape=shapes, final=share_of_one),
    "saturation": st.builds(s.saturation, length, maybe_length),
    "rectification": st.builds(s.rectification, st.floats(0.7, 0.9999), maybe_length),
    "piecewise": st.builds(_knots, st.lists(bound, min_size=4, max_size=4), st.sets(steps, min_size=1, max_size=3)),
    "table": st.builds(lambda values, n: s.table(*values, every=n), st.lists(bound, min_size=1, max_size=5), length),
    "noise": st.builds(
        s.noise, st.floats(0.01, 0.99), st.integers(0, 99), every=length, kind=st.sampled_from(["uniform", "bell"])
    ),
    "formula": st.builds(s.formula, st.sampled_from(["1 - u", "t / (t + 9)", "max(0.5 - u, u / T)"]), maybe_length),
    "constant": st.builds(s.constant, bound, maybe_length),
    "warmup": st.builds(s.warmup, length),
    "linear": st.builds(s.linear, bound, bound, maybe_length),
    "cosine": st.builds(s.cosine, maybe_length, final=st.floats(0, 1)),
    "exponential": st.builds(s.exponential, gamma, maybe_length, every=st.none() | length),
    "staircase": st.builds(s.staircase, gamma, length, maybe_length),
    "stages": st.builds(
        _stages, st.lists(bound, min_size=4, max_size=4), st.none() | st.sets(steps, min_size=1, max_size=3).map(list)
    ),
}
OFTEN = ("constant", "warmup", "linear", "cosine", "exponential", "staircase", "stages")
leaves_by_word = of_kind("schedule", leaves_by_word)
leaves = st.one_of(*(one for word, one in leaves_by_word.items() if word not in OFTEN)) | st.one_of(
    *map(leaves_by_word.get, OFTEN)
)
sized_leaves = leaves.filter(lambda one: one._sized)

low, high = st.floats(1e-6, 1), st.floats(1, 1e6)  # bounds around 1
below_1, count, some = st.floats(0.01, 0.99), st.integers(0, 9), st.integers(1, 9)
watch, mode = st.sampled_from(["loss", "metric"]), st.sampled_from(["min", "max"])
by_word = {
    "infrared": st.builds(
        s.infrared,
        st.floats(0, 2),
        st.floats(0.01, 5),
        cap=st.none() | st.floats(2, 10),
        compounding=st.booleans(),
        guard=st.booleans(),
    ),
    "plateau": st.builds(
        s.plateau,
        st.floats(0, 0.99),
        some,
        threshold=st.floats(0, 0.99),
        absolute=bound,
        mode=mode,
        cooldown=count,
        floor=st.floats(0, 1),
        eps=bound,
        average=some,
        watch=watch,
        by=st.sampled_from(["torch", "keras", "optax"]),
        nonfinite=st.sampled_from(["hold", "bad"]),
    ),
    "robust_infrared": st.builds(s.robust_infrared, st.floats(0, 0.999), st.none() | st.floats(-1e3, 1e3)),
    "newbob": st.builds(
        s.newbob,
        below_1,
        st.floats(-1, 1),
        patient=count,
        every=length,
        watch=watch,
        mode=mode,
        relative_to=st.sampled_from(["last", "new"]),
        low=st.floats(0, 1),
    ),
    "greedy": st.builds(
        s.greedy,
        below_1,
        count,
        bound,
        threshold_mode=st.sampled_from(["abs", "rel"]),
        cooldown=count,
        warmup=count,
        window=some,
        restart=st.none() | some,
        watch=watch,
        mode=mode,
        low=low,
        high=high,
    ),
    "bold_driver": st.builds(s.bold_driver, st.floats(1.001, 3), below_1, tolerance=bound, low=low, high=high),
    "spike": st.builds(
        lambda back_off, share, **fields: s.spike(back_off, low=share * back_off, **fields),
        below_1,
        below_1,
        k=st.floats(0.1, 10),
        window=st.integers(10, 30),
        recovery=some,
        accept=some,
        tolerance=bound,
    ),
    "polyak": st.builds(
        s.polyak, st.floats(-1e3, 1e3), c=st.floats(0.1, 10), low=st.floats(0, 1), high=high, doubling=maybe_length
    ),
    "armijo": st.builds(s.armijo, below_1, below_1, tries=some, doubling=maybe_length, low=low, high=high),
    "barzilai_borwein": st.builds(
        s.barzilai_borwein, st.sampled_from(["long", "short"]), first=st.just(1.0), low=low, high=high
    ),
    "adgd": st.builds(s.adgd, st.just(1.0), low=low, high=high),
    "hypergradient": st.builds(
        s.hypergradient, below_1, st.sampled_from(["multiplicative", "additive"]), low=low, high=high
    ),
    "distance": st.builds(s.distance, st.sampled_from(["dog", "dowg"]), r_eps=st.floats(1e-9, 1), eps=bound),
    "gradient_noise": st.builds(s.gradient_noise, length, low=st.floats(0, 1)),
}
by_word = of_kind("controller", by_word)
controllers = st.one_of(*by_word.values())


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

beta, positive = st.floats(0, 0.999), st.floats(1e-9, 1e3)
clips_by_word = {
    "clip": st.builds(s.clip, positive),
    "clip_norm": st.builds(s.clip_norm, positive),
    "clip_rms": st.builds(s.clip_rms, positive),
    "unitwise": st.builds(s.unitwise, positive, positive, unit_axis=st.sampled_from([0, -1])),
    "stable": st.builds(s.stable, beta2=beta, eps=positive),
    "zclip": st.builds(
        s.zclip, positive, alpha=beta, warm_up=st.integers(2, 9), max=st.none() | positive, eps=positive
    ),
    "percentile": st.builds(s.percentile, st.floats(0.1, 100), history=some),
    "adagc": st.builds(s.adagc, st.floats(1, 10), max=positive, beta=beta, warm_up=some),
    "spam": st.builds(s.spam, positive, beta2=beta, warm_up=some),
}
transforms_by_word = {
    "trust": st.builds(s.trust, positive, low=bound, high=st.none() | st.floats(2, 1e3)),
    "weight_decay": st.builds(s.weight_decay, st.floats(0, 1)),
}
rules_by_word = {
    "sgd": st.builds(s.sgd, momentum=beta, dampening=beta),
    "adagrad": st.builds(s.adagrad, initial=bound, eps=bound, eps_in_root=st.booleans()),
    "rmsprop": st.builds(s.rmsprop, alpha=beta, eps=bound, momentum=beta, centered=st.booleans()),
    "adam": st.builds(s.adam, beta1=beta, beta2=beta, eps=bound),
}
clips_by_word = of_kind("clip", clips_by_word)
transforms_by_word = of_kind("transform", transforms_by_word)
rules_by_word = of_kind("rule", rules_by_word)
clips = st.one_of(*clips_by_word.values())
transforms = clips | st.one_of(*transforms_by_word.values())
rules = st.one_of(*rules_by_word.values())


def _fitting(stages, rule):
    """The stages, each `stable` with the memory of the rule before it; none where there is no such rule."""
    for one in stages:
        if not isinstance(one, s.stable):
            yield one
        elif rule is not None and rule.averages_squares:
            yield s.stable(beta2=getattr(rule, "beta2", one.beta2), eps=one.eps)


descents = st.builds(
    lambda before, rule, between, rate, after: s.descent(
        *_fitting(before, None), rule, *_fitting(between, rule), rate, *_fitting(after, rule)
    ),
    st.lists(transforms, max_size=2),
    rules,
    st.lists(transforms, max_size=2),
    rates,
    st.lists(clips, max_size=2),
)
values = st.one_of(factors, rates, rules, transforms, descents)
