"""`spike`: backs off, comes back, and is quiet on a healthy run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followed import DIGITS, INF, NAN, factors_of, follow
from stepsize import descend, spike
from subjects import assert_close

QUIET = [1.0, 1.2, 0.9, 1.1, 1.05] * 4


def test_spike_backs_off_and_comes_back_in_the_stated_time():
    told = factors_of(spike(0.5, recovery=8), [*QUIET, 50.0, *QUIET])
    assert told[:20] == [1.0] * 20
    assert_close(told[20:30], [0.5 ** (max(8 - i, 0) / 8) for i in range(10)])


def test_spikes_add_up_down_to_low():
    told = factors_of(spike(0.5, recovery=4, low=0.1), [*QUIET, *[50.0] * 6, *[1.0] * 40])
    assert_close(told[20:26], [0.5, 0.25, 0.125, 0.1, 0.1, 0.1])
    assert told[25 + 14] == 1.0  # ⌈4·log(0.1)/log(0.5)⌉ = 14


@pytest.mark.parametrize("odd", [NAN, INF, -INF])
@pytest.mark.parametrize("before", [[], QUIET], ids=["at once", "later"])
def test_ten_odd_losses_back_off_and_recover(odd, before):
    rule = spike(recovery=5)
    told = follow(rule, [*before, *[odd] * 10, *QUIET, *QUIET])
    nth = len(before)
    assert told[nth][0] == 0.5
    assert str(odd) in told[nth][2]
    assert told[nth + 9][0] == 0.01
    assert told[-1][0] == 1.0
    assert told[-1][1].losses == tuple((before + QUIET + QUIET)[-100:])  # none of them in the statistics


def test_a_spike_is_kept_out_of_the_statistics():
    quiet, loud = follow(spike(), QUIET), follow(spike(), [*QUIET, 1e9, 1e9])
    assert loud[-1][1][2:] == quiet[-1][1][2:]
    assert loud[-1][0] == 0.25


def test_a_level_that_stays_is_accepted():
    rule = spike(recovery=5, accept=6)
    told = follow(rule, [*QUIET, *[100 + one for one in QUIET * 3]])
    backed_off = [why for _, _, why in told if "above" in why and "level" not in why]
    assert len(backed_off) == 5
    assert sum("a new level" in why for _, _, why in told) == 1
    assert told[-1][0] == 1.0
    again = follow(rule, [*QUIET, *[100 + one for one in QUIET * 3], 200.0])
    assert again[-1][0] == 0.5  # the new level has its own spikes


def test_a_level_that_stays_costs_one_recovery_and_not_one_for_each_loss():
    told = factors_of(spike(), [*QUIET, *[10 + one for one in QUIET * 10]])
    assert told[len(QUIET) + 18] == 0.01
    assert told[len(QUIET) + 19] == 0.5
    assert told[len(QUIET) + 19 + 100] == 1.0


def test_spikes_that_come_singly_are_no_level():
    told = follow(spike(recovery=1, accept=3), [*QUIET, *[50.0, 50.0, 1.0] * 8])
    assert not any("level" in why for _, _, why in told)


@given(shift=st.integers(-50, 50), scale=st.sampled_from([0.25, 1, 2, 1024]))
def test_spike_without_tolerance_does_not_see_units(shift, scale):
    losses = [*QUIET, 50.0, *QUIET, 9.0, 9.0, 1.0]
    rule = spike(tolerance=0, recovery=3)
    rounded = [round(16 * one) / 16 for one in losses]  # exact in binary, so that a shift is exact
    assert factors_of(rule, [scale * (one + shift) for one in rounded]) == factors_of(rule, rounded)


def test_spike_is_quiet_on_a_healthy_run():
    run = descend(DIGITS, "sgd() | 0.1 * spike()", steps=1000, batch_size=32)
    assert sum(bool(why) for why in run.why) <= 2
    small = descend(DIGITS, "sgd() | 0.1 * spike()", steps=1000, batch_size=8)
    assert sum(bool(why) for why in small.why) <= 5
    falling = factors_of(spike(), [10 * 0.99**i for i in range(500)])
    assert set(falling) == {1.0}


def test_spike_of_a_constant_loss_needs_a_real_rise():
    assert set(factors_of(spike(), [2.0] * 20 + [2.0 + 1e-15, 2.01])) == {1.0}
    assert factors_of(spike(), [2.0] * 20 + [2.03])[-1] == 0.5
