"""`newbob` beside SpeechBrain's and RETURNN's."""

from __future__ import annotations

from itertools import pairwise

import pytest

from followed import DIGITS, NAN, factors_of, traces
from stepsize import StepsizeError, descend, newbob, seen


def speechbrain_newbob(values, factor, threshold, patient):
    """NewBobScheduler, written down without looking at the library; the values after each call."""
    value, left, last, told = 1.0, patient, None, []
    for one in values:
        if last is not None:
            improvement = 0 if last == 0 else (last - one) / last
            if improvement < threshold:
                if left == 0:
                    value, left = value * factor, patient
                else:
                    left -= 1
        last = one
        told.append(value)
    return told


def test_newbob_is_speechbrains_on_a_thousand_traces():
    acted = 0
    for rng, losses in traces():
        factor, threshold, patient = rng.uniform(0.1, 0.9), rng.choice([0, 0.0025, 0.05, -0.01]), rng.randint(0, 3)
        expected = speechbrain_newbob(losses, factor, threshold, patient)
        assert factors_of(newbob(factor, threshold, patient=patient), losses) == expected
        acted += 0 < expected[-1] < 1
    assert acted > 900


def test_newbob_relative_to_the_new_value_is_returnns():
    for rng, losses in traces(200):
        losses, value, expected = [one + 0.1 for one in losses], 1.0, [1.0]  # it does not define a zero
        for last, new in pairwise(losses):
            value *= 0.7 if (new - last) / abs(new) > -0.01 else 1.0
            expected.append(value)
        assert factors_of(newbob(0.7, 0.01, relative_to="new"), losses) == expected
        assert rng.random() < 1


def test_newbob_of_a_negative_loss_is_not_speechbrains():
    falling = [-1.0, -2.0, -4.0]  # every value better than the last
    assert speechbrain_newbob(falling, 0.5, 0.0025, 0) == [1.0, 0.5, 0.25]  # it divides by the value with its sign
    assert factors_of(newbob(), falling) == [1.0, 1.0, 1.0]


def test_newbob_compares_with_the_last_value_not_the_best():
    assert factors_of(newbob(), [4, 9, 8, 7, 6, 5]) == [1, 0.5, 0.5, 0.5, 0.5, 0.5]


def test_newbob_counts_bad_looks_that_are_not_in_a_row():
    assert factors_of(newbob(patient=1), [4, 5, 3, 2, 3]) == [1, 1, 1, 1, 0.5]


def test_newbob_of_a_score_wants_more():
    assert factors_of(newbob(mode="max", low=0.3), [1, 2, 2, 3, 2, 1, 0]) == [1, 1, 0.5, 0.5, 0.3, 0.3, 0.3]
    assert factors_of(newbob(), [0.0, 0.0]) == [1, 0.5]


def test_newbob_every_looks_at_means():
    losses = [5, 3, 4, 1, 2, 9, 9, 0, 0]  # means 4, 4, 3
    assert factors_of(newbob(every=3), losses) == [1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5]
    assert factors_of(newbob(every=3), [*losses[:5], NAN, *losses[5:]])[:7] == [1, 1, 1, 1, 1, 1, 0.5]
    with pytest.raises(StepsizeError, match="length in steps"):
        newbob(every="1ep").step(newbob().init(), seen(loss=1.0))


def test_newbob_every_epoch_survives_mini_batches_and_every_update_does_not():
    run, hasty = (
        descend(DIGITS, f"sgd() | 0.1 * newbob(every='{every}')", steps=420, batch_size=32)
        for every in ("1ep", "1samples")
    )
    assert hasty.rates[99] < 1e-9 < 0.02 < run.rates[99]
    assert run.loss < 0.5 * hasty.loss
