"""What a journal says of the best rates: which trials count, by which loss, and in which folder they are looked for."""

import math

import numpy as np
import pytest

from stepsize import parse
from stepsize.lab.choose.prior import shift_of
from stepsize.lab.earlier import best_places, earlier
from stepsize.lab.records.record import Record
from stepsize.lab.study.study import Study
from stepsize.lab.trials.outcome import Outcome
from stepsize.lab.trials.trial import Trial
from stepsize.lab.tune import policy_for, tune
from studied import a_workload

ADAM = "adam() | 0.01"


def ended(rate, loss, *, text=ADAM, seed=0, steps=10, made=10, validation=None, batch=None, problem="p"):
    """A trial that made so many of its updates, and the loss at their end."""
    trial = Trial(text, text, problem, rate, seed, steps, batch, 1)
    looks = {} if validation is None else {"validated": np.array([1.0, validation])}
    record = Record(np.arange(made), np.zeros(made), measured_at=(0, made), measured=np.array([1.0, loss]), **looks)
    return Outcome(trial, record)


def places(*outcomes):
    return [(family, round(2**place, 9)) for family, place in best_places(outcomes)]


def test_the_lowest_finished_loss_is_the_place():
    assert places(ended(0.1, 0.5), ended(0.2, 0.4), ended(0.4, 0.6)) == [("adam", 0.2)]
    assert places(ended(0.1, 0.5), ended(0.2, 0.1, made=5)) == [("adam", 0.1)]  # it may still diverge
    assert places(ended(0.1, 0.5), ended(0.2, math.nan)) == [("adam", 0.1)]
    assert places(ended(0.2, 0.1, made=5)) == []


def test_the_validation_loss_decides_where_there_is_one():
    assert places(ended(0.1, 0.1, validation=0.9), ended(0.2, 0.9, validation=0.1)) == [("adam", 0.2)]


def test_a_rate_is_judged_by_the_mean_over_its_seeds():
    lucky = [ended(0.2, 0.1, seed=0), ended(0.2, 0.9, seed=1)]
    assert places(*lucky, ended(0.1, 0.4)) == [("adam", 0.1)]


def test_another_problem_length_or_batch_size_is_another_search():
    others = [ended(0.2, 0.9, problem="q"), ended(0.3, 0.9, steps=10**3, made=10**3), ended(0.4, 0.9, batch=4)]
    assert places(ended(0.1, 0.1), *others) == [("adam", 0.1), ("adam", 0.2), ("adam", 0.3), ("adam", 0.4)]


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_a_place_is_brought_to_that_of_its_family(momentum):
    text = f"sgd(momentum={momentum}) | 0.1"
    ((family, place),) = best_places([ended(0.25, 0.5, text=text)])
    assert shift_of(parse(text).rule) > 0
    assert (family, place) == ("sgd", -2.0 - shift_of(parse(text).rule))


def test_a_schedule_alone_has_no_place():
    assert places(ended(0.1, 0.5, text="0.1 * cosine()"), ended(0.2, 0.9)) == [("adam", 0.2)]


def test_the_folder_of_a_search_speaks_for_itself_alone(tmp_path):
    for name in ("one", "two"):
        with Study(a_workload(60, fingerprint=name * 4), tmp_path / name) as study:
            tune(study, policy_for(study.workload, [ADAM], steps=20, batch_size=4, budget=1.1))
    alone, both = (earlier([folder], [parse(ADAM)]) for folder in (tmp_path / "one", tmp_path))
    assert [len(found[0].places) for found in (alone, both)] == [1, 2]
    (tmp_path / "two").rename(tmp_path / "one" / "two")
    assert earlier([tmp_path / "one"], [parse(ADAM)]) == alone
