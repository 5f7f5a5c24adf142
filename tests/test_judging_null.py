"""The judgement on studies whose truth is known: false differences, power, and how often its intervals hold."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stepsize.lab.judging import Runs, judge
from stepsize.lab.judging.readings import Reading
from stepsize.lab.judging.student import seeds_to_show

BENCH = Path(__file__).parent.parent / "bench" / "null_studies.py"
STUDIES = 1000
ERROR = (0.065 * 0.935 / STUDIES) ** 0.5  # of a measured rate of 6.5 %


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_null_studies", BENCH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def nulls(bench):
    return {name: bench.found(bench.draw(shape, STUDIES)) for name, shape in bench.nulls().items()}


def test_no_null_study_shows_more_than_one_in_twenty(nulls):
    for rule in ("ours", "ours, against a reference"):
        rates = {name: one.shown[rule].mean() for name, one in nulls.items()}
        assert not {name: rate for name, rate in rates.items() if rate > 0.065 + 2 * ERROR}
        assert np.mean(list(rates.values())) < 0.05


def test_with_one_rate_it_is_the_five_per_cent_asked_for(nulls):
    rates = [one.shown["ours"].mean() for name, one in nulls.items() if name.endswith(" 1 rate")]
    assert len(rates) == 9
    assert np.mean(rates) == pytest.approx(0.05, abs=0.007)  # 9,000 studies: three standard errors


def test_the_intervals_hold_the_truth(nulls):
    assert not {name: one.covered for name, one in nulls.items() if one.covered < 0.935}
    assert np.mean([one.covered for name, one in nulls.items() if name.endswith(" 1 rate")]) == pytest.approx(
        0.95, abs=0.007
    )
    skewed = {name: one.mean_covered for name, one in nulls.items() if "skewed" not in name}
    assert not {name: share for name, share in skewed.items() if share < 0.935}


def test_either_reading_alone_errs_more(bench):
    luck = bench.found(bench.draw(bench.Shape(8, 10, common=0.0, own=0.0, luck=1.0), STUDIES)).shown
    assert luck["other seeds choose"].mean() > 0.15 > 0.065 > luck["ours"].mean()
    uneven = bench.Shape(2, 10, common=0.0, own=0.0, luck=1.0, steep=(0.0,), counts=(13, 1))
    curse = bench.found(bench.draw(uneven, STUDIES)).shown
    assert curse["all seeds choose and judge"].mean() > 0.1 > 0.065 > curse["ours"].mean()


def test_the_leader_is_no_reference(bench):
    """To compare the best of eight with the rest as if it had been named before errs more than all pairs do."""
    shape = bench.Shape(8, 10, rates=1, common=0.0, own=0.0, luck=1.0)
    shown = bench.found(bench.draw(shape, STUDIES)).shown
    assert shown["ours, the leader against the rest"].mean() > 0.09 > 0.065 > shown["ours"].mean()


def test_the_old_rule_finds_differences_everywhere(nulls):
    assert nulls["8 strategies, 5 seeds, 13 rates"].shown["larger of the spreads"].mean() > 0.3


def test_what_is_there_is_found(bench):
    shape = bench.Shape(2, 5, better=2.0)
    shown = bench.found(bench.draw(shape, STUDIES)).shown
    assert shown["ours"].mean() > 0.7
    assert shown["ours"].mean() > 1.5 * shown["half the seeds choose, half judge"].mean()
    assert bench.found(bench.draw(replace(shape, seeds=20), STUDIES)).shown["ours"].mean() > 0.99


@pytest.mark.parametrize(("counts", "noise"), [((), "normal"), ((), "heavy tails"), ((13, 4, 1), "normal")])
def test_a_judgement_says_what_the_arrays_say(bench, counts, noise):
    shape = bench.Shape(3, 5, noise=noise, better=0.5, counts=counts)
    drawn = bench.draw(shape, 20)
    shown = bench.found(drawn).shown["ours"]
    for i in range(20):
        runs = [_runs(drawn, i, k, (counts or (13,) * 3)[k]) for k in range(3)]
        pairs = judge(runs).pairs
        assert any(one.shown in ("first", "second") for one in pairs) == shown[i]


def _runs(drawn, study, strategy, count):
    tables = [
        {(0.1 * 2.0**r, s): float(part[study, strategy, r, s]) for r in range(count) for s in range(part.shape[-1])}
        for part in (drawn.chooses, drawn.judges)
    ]
    return Runs(f"strategy {strategy}", *tables)


@pytest.mark.parametrize("ratio", [0.3, 0.8, 2.0])
def test_so_many_seeds_show_it_four_times_in_five(ratio):
    for level in (0.05, 0.05 / 28):
        n = seeds_to_show(-ratio, 1.0, level)
        values = np.random.default_rng(1).standard_normal((4000, n)) + ratio
        power = (Reading.of(values).p < level).mean()
        fewer = (Reading.of(values[:, :-1]).p < level).mean()
        assert power > 0.78
        assert fewer < 0.82


def test_more_seeds_narrow_the_interval():
    values = np.random.default_rng(2).standard_normal((500, 40))
    widths = [(one.high - one.low).mean() for one in (Reading.of(values[:, :n]) for n in (3, 5, 10, 20, 40))]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < widths[0] / 5


def test_students_interval_is_honest_where_percentiles_are_not(bench):
    for n in (3, 5, 10):
        student, percentiles, _ = bench.coverages("normal", n, 2000, paired=True)
        assert student == pytest.approx(0.95, abs=0.02)
        assert percentiles < 0.92
