"""Laws of a judgement: what may not change it, and what it says where there is hardly anything to judge."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsize import StepsizeError
from stepsize.lab.judging import Column, Runs, judge, verdict
from stepsize.lab.judging.crossing import crossed, plain, windows
from stepsize.lab.judging.holm import holm
from stepsize.lab.judging.readings import Reading, hull, larger_p

RATES = (0.01, 0.1, 1.0)


def drawn(seed, names=("A", "B", "C"), rates=RATES, seeds=range(5), gap=0.3):
    random = np.random.default_rng(seed)
    made = []
    for i, name in enumerate(names):
        chooses, judges = {}, {}
        for place, rate in enumerate(rates):
            for one in seeds:
                luck = random.standard_normal()
                chooses[rate, one] = 10 + gap * i + 0.5 * (place - 1) ** 2 + luck
                judges[rate, one] = 10 + gap * i + 0.5 * (place - 1) ** 2 + 0.7 * luck + 0.7 * random.standard_normal()
        made.append(Runs(name, chooses, judges))
    return made


def same(value, names=("A",), rates=(0.1,), seeds=3):
    return [Runs(name, {(rate, seed): value for rate in rates for seed in range(seeds)}) for name in names]


def mapped(runs, value=lambda x: x, name=lambda x: x, seed=lambda x: x):
    table = lambda one: {(rate, seed(s)): None if v is None else value(v) for (rate, s), v in one.items()}  # noqa: E731
    return [Runs(name(one.name), table(one.chooses), table(one.judges)) for one in runs]


def numbers(judgement):
    return [
        (one.difference.value, one.difference.low, one.difference.high, one.p, one.p_holm) for one in judgement.pairs
    ]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-6, 1e6), st.floats(-50, 50))
def test_scale_and_shift_only_scale_and_shift(seed, scale, shift):
    runs = drawn(seed)
    one, other = judge(runs), judge(mapped(runs, lambda x: scale * (x + shift)))
    for a, b in zip(numbers(one), numbers(other), strict=True):
        assert np.allclose(np.array(a[:3]) * scale, b[:3], rtol=1e-6, atol=1e-9 * scale)
        assert np.allclose(a[3:], b[3:], rtol=1e-6)
    for a, b in zip(one.strategies, other.strategies, strict=True):
        assert a.rates == b.rates
        assert b.mean.value == pytest.approx(scale * (a.mean.value + shift), rel=1e-9, abs=1e-9 * scale)
    assert [pair.shown for pair in one.pairs] == [pair.shown for pair in other.pairs]
    assert [pair.seeds_to_show for pair in one.pairs] == [pair.seeds_to_show for pair in other.pairs]


@pytest.mark.parametrize("scale", [2.0**-700, 2.0**460])
def test_very_small_and_very_large_losses_are_judged_alike(scale):
    one, other = (judge(mapped(drawn(8, gap=3), lambda x, by=by: x * by)) for by in (1.0, scale))
    assert [pair.shown for pair in one.pairs] == ["first"] * 3
    assert [(a.shown, a.p) for a in one.pairs] == [(a.shown, a.p) for a in other.pairs]


@pytest.mark.parametrize("seed", range(10))
def test_the_order_of_strategies_and_runs_is_nothing(seed):
    runs = drawn(seed)
    turned = [Runs(one.name, *(dict(reversed(t.items())) for t in (one.chooses, one.judges))) for one in runs[::-1]]
    a, b = judge(runs), judge(turned)
    assert a.leader == b.leader
    assert a.strategies == b.strategies[::-1]
    found = {(one.second, one.first): one for one in b.pairs}
    for one in a.pairs:
        other = found[one.first, one.second]
        assert (one.p, one.p_holm) == pytest.approx((other.p, other.p_holm), rel=1e-12)
        assert one.difference.value == -other.difference.value
        assert (one.difference.low, one.difference.high) == (-other.difference.high, -other.difference.low)


def test_what_strategies_and_seeds_are_called_is_nothing():
    runs = drawn(3)
    turned = mapped(runs, name=lambda x: f"wsd({x})", seed=lambda x: 1000 + 7 * x)
    assert numbers(judge(runs)) == numbers(judge(turned))
    assert [one.name for one in judge(turned).strategies] == ["wsd(A)", "wsd(B)", "wsd(C)"]


def test_higher_is_better_is_lower_with_the_other_sign():
    runs = drawn(4, gap=3)
    lower = judge(runs)
    higher = judge(
        mapped(runs, lambda x: -x), judges=Column("score", "test", True), chooses=Column("score", "validation", True)
    )
    assert lower.leader == higher.leader == "A"
    assert [one.shown for one in lower.pairs] == [one.shown for one in higher.pairs]
    assert [one.rates for one in lower.strategies] == [one.rates for one in higher.strategies]
    assert [one.worst[0] for one in lower.strategies] == [one.worst[0] for one in higher.strategies]
    assert verdict(higher)[0].startswith("A ended highest: test score -")


def test_the_loss_chooses_and_the_accuracy_judges():
    chooses = {(0.1, 0): 1.0, (0.1, 1): 1.1, (0.2, 0): 2.0, (0.2, 1): 2.1}
    judges = {(0.1, 0): 0.8, (0.1, 1): 0.7, (0.2, 0): 0.9, (0.2, 1): 0.9}
    (one,) = judge([Runs("A", chooses, judges)], judges=Column("accuracy", "test", higher=True)).strategies
    assert one.rates == (0.1,)
    assert one.worst == (1, 0.7)


def test_one_rate_is_the_paired_t_test():
    ttest_rel = pytest.importorskip("scipy.stats").ttest_rel
    runs = drawn(5, names=("A", "B"), rates=(0.1,), seeds=range(7))
    (pair,) = judge(runs).pairs
    a, b = (list(one.judges.values()) for one in runs)
    theirs = ttest_rel(a, b)
    assert pair.p == pair.p_holm == pytest.approx(theirs.pvalue, rel=1e-9)
    interval = theirs.confidence_interval(0.95)
    assert (pair.difference.low, pair.difference.high) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_the_p_value_and_the_interval_of_two_readings_agree():
    random = np.random.default_rng(7)
    one, other = (Reading.of(random.standard_normal((2000, 4)) + random.choice([-3, 0, 3], (2000, 1))) for _ in "ab")
    low, high = hull(one, other)
    assert ((larger_p(one, other) < 0.05) == ((low > 0) | (high < 0))).all()
    opposite = (one.p < 0.05) & (other.p < 0.05) & (one.mean * other.mean < 0)
    assert opposite.sum() > 50
    assert (larger_p(one, other)[opposite] == 1).all()


def test_holm_by_hand():
    assert holm(np.array([0.01, 0.02, 0.03, 0.04])) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm(np.array([0.04, 0.001, 0.9])) == pytest.approx([0.08, 0.003, 0.9])
    assert holm(np.array([0.5, 0.6])) == pytest.approx([1.0, 1.0])
    assert holm(np.array([])).size == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_the_values_and_bonferroni(p):
    raised = holm(np.array(p))
    assert (raised >= p).all()
    assert (raised <= np.minimum(1, len(p) * np.array(p)) + 1e-15).all()
    assert (raised[np.argsort(p, kind="stable")] == np.sort(raised)).all()


@given(st.integers(1, 30))
def test_every_seed_is_judged_by_as_many_halves(seeds):
    groups = windows(seeds)
    assert len(set((~groups).sum(0).tolist())) == 1
    assert set(groups.sum(1).tolist()) <= {max(1, seeds // 2), seeds - seeds // 2}
    if seeds > 1:
        assert (~groups).any(0).all()


def test_no_seed_judges_what_it_chose():
    """A loss that only its own seed could choose for is never seen when seeds are crossed."""
    chooses = 10 - 9 * np.eye(4)  # seed i alone likes rate i
    judges = 100 * np.eye(4)
    assert (plain(chooses, judges) == [100, 0, 0, 0]).all()
    assert (crossed(chooses, judges) == 0).all()


def test_a_rate_that_was_run_with_one_seed_chooses_with_that_seed():
    runs = {(0.1, 0): 1.0, (0.2, 0): 2.0, **{(0.1, s): 1.0 + s for s in range(1, 5)}}
    judgement = judge([Runs("A", runs)])
    (one,) = judgement.strategies
    assert (one.rates, one.choosing, set(one.losses), set(one.crossed)) == ((0.1,), 1, {0, 1, 2, 3, 4}, {1, 2, 3, 4})
    assert "A: the rate is chosen on 1 of 5 seeds, which all its rates have." in verdict(judgement)


def test_both_halves_judge():
    first = {(rate, s): float(s + (rate > 0.1)) for rate in (0.1, 0.2) for s in range(3)}
    second = {(rate, s): float(s + 3 * (rate < 0.2)) for rate in (0.1, 0.2) for s in range(3)}
    judgement = judge([Runs("A", first, second)], halves=True)
    (one,) = judgement.strategies  # the first half chooses 0.1, the second 0.2
    assert one.rates == (0.1, 0.2)
    assert one.losses == {s: ((s + 3) + (s + 1)) / 2 for s in range(3)}
    assert not any("No part is kept" in line for line in verdict(judgement))
    turned = judge([Runs("A", second, first)], halves=True).strategies[0]
    assert (turned.losses, turned.rates, turned.mean) == (one.losses, one.rates, one.mean)


DEGENERATE = {
    "two seeds": drawn(6, seeds=range(2)),
    "one seed": drawn(6, seeds=range(1)),
    "one strategy": drawn(6, names=("A",)),
    "no strategy": [],
    "no run": [Runs("A", {}), Runs("B", {})],
    "all equal": same(1.0, names=("A", "B")),
    "all equal at several rates": same(1.0, names=("A", "B"), rates=RATES),
    "zeros": same(0.0, names=("A", "B"), rates=RATES),
    "huge": same(1e150, names=("A", "B")),
    "tiny": [Runs("A", {(0.1, s): 5e-324 * s for s in range(3)}), *same(0.0, names=("B",))],
    "too large": same(1e200, names=("A", "B")),
    "all diverged": same(None, names=("A", "B")),
    "not a number": same(math.nan, names=("A", "B")),
    "infinite": [*same(math.inf), *same(1.0, names=("B",))],
    "identical": [Runs(n, {(0.1, s): 1.0 + s for s in range(4)}) for n in "AB"],
    "the same gap": [Runs(n, {(0.1, s): 0.1 + 0.3 * s + 0.2 * i for s in range(4)}) for i, n in enumerate("AB")],
    "no common seeds": [Runs(n, {(0.1, s + 5 * i): 1.0 + s for s in range(4)}) for i, n in enumerate("AB")],
    "no seed with every rate": [Runs("A", {(0.1, 0): 1.0, (0.2, 1): 1.0}), *same(1.0, names=("B",))],
    "one seed with every rate": [Runs("A", {(0.1, 0): 1.0, (0.1, 1): 2.0, (0.2, 0): 1.5}), *same(1.0, names=("B",))],
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_where_there_is_hardly_anything_it_says_so(name):
    judgement = judge(DEGENERATE[name])
    lines = verdict(judgement)
    assert lines
    assert all(line.endswith(".") and "nan" not in line.lower() and "inf" not in line.lower() for line in lines)
    json.dumps(judgement.as_dict(), allow_nan=False)
    assert not any(one.shown in ("first", "second") for one in judgement.pairs)


def test_what_it_says_there():
    said = {name: "\n".join(verdict(judge(runs))) for name, runs in DEGENERATE.items()}
    assert "A and B ended equal with each of 4 seeds." in said["identical"]
    assert "A is lower than B by 0.2 with each of 4 seeds, without any spread" in said["the same gap"]
    assert "A and B are not compared, since they share no seed that can judge" in said["no common seeds"]
    assert said["all diverged"].startswith(
        "Nothing can be judged.\nA is not judged: with every rate some seed diverged."
    )
    for name in ("not a number", "infinite", "too large"):
        assert "A: 3 of 3 runs diverged, at rate 0.1, which is out." in said[name]
    assert "A is not judged: its rates share no seed" in said["no seed with every rate"]
    assert said["one strategy"].startswith("A ended at test loss ")


def test_what_cannot_be_judged_is_one_line():
    for bad, said in (
        (lambda: judge(same(1.0) + same(2.0)), "name of its own"),
        (lambda: judge(same(1.0), reference="B"), "must be one of A, not 'B'"),
        (lambda: judge([*same(1.0), *drawn(1, names=("B",))]), "no part that judges"),
        (lambda: judge(same(1.0), halves=True), "one part only"),
        (lambda: Runs("A", {(0.1, 0): 1.0}, {(0.1, 1): 1.0}), "same runs"),
    ):
        with pytest.raises(StepsizeError, match=said) as caught:
            bad()
        assert "\n" not in str(caught.value)
