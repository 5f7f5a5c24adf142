"""docs/journal.md names the fields that are written: every one of them, and no other."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from stepsize.course.log import line_of
from stepsize.lab.records.record import Record
from stepsize.lab.trials.outcome import Outcome
from stepsize.lab.trials.trial import Trial

TEXT = (Path(__file__).parent.parent / "docs" / "journal.md").read_text(encoding="utf-8")
KINDS = ["study", "problem", "plan", "trial"]
TYPES = {
    "text": (str,),
    "whole number": (int,),
    "number": (int, float),
    "true or false": (bool,),
    "list": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def documented(title):
    """The fields of a table, in their order, with their types."""
    found = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##|\Z)", TEXT, re.M | re.S)
    assert found, f"docs/journal.md has no part {title!r}"
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", found.group(1), re.M))


def is_of(value, told):
    kinds = [told] if told in TYPES else told.split(" or ")
    return type(value) in [kind for one in kinds for kind in TYPES[one.partition(" of ")[0]]]


def check(written, title):
    told = documented(title)
    assert set(written) == set(told)
    for name, value in written.items():
        assert is_of(value, told[name]), (name, value, told[name])


def outcome(**columns):
    """What a trial did, with every column that a journal can hold."""
    steps = np.arange(4)
    filled = {
        "rates": np.array([0.1, 0.1, 0.05, 0.05]),
        "grad_norms": np.array([1.0, 0.5, 0.25, 0.1]),
        "clipped": np.zeros(4),
        "measured_at": (0, 2, 4),
        "measured": np.array([2.0, 1.0, 0.5]),
        "validated": np.array([2.0, 1.5, 1.0]),
        "tested": np.array([2.0, 1.5, 1.0]),
        "metrics": {"accuracy": np.array([0.1, 0.5, 0.9])},
        "policy": ("kl",),
    }
    about = {"text": "adam() | 0.1", "base": 0.1, "seed": 0, "planned_steps": 4, "diverged": False}
    record = Record(steps, np.array([2.0, 1.0, 0.7, 0.6]), **about, **(filled | columns))
    return Outcome(Trial("Adam", "adam() | 0.01", "0" * 16, 0.1, 0, 4, None, 2), record, 0.0, 1, "halved", "numpy 2")


def written(**columns):
    return json.loads(line_of({"kind": "trial", **outcome(**columns).as_dict()}))


def test_the_kinds_are_those_of_the_parts():
    listed = re.findall(r"^\| `(\w+)` \|", TEXT.partition("\n## ")[0], re.M)
    assert listed == KINDS == re.findall(r'^## A line of kind "(\w+)"', TEXT, re.M)


def test_a_line_of_a_trial_has_the_fields_that_are_documented():
    line = written()
    check(line, 'A line of kind "trial"')
    check(line["trial"], 'The object "trial"')
    check(line["record"], 'The object "record"')


@pytest.mark.parametrize("name", ["tested", "metrics", "policy", "rates", "grad_norms", "clipped"])
def test_what_may_be_left_out_is_said_to_be(name):
    record = written(**{name: None if name != "policy" else ()})["record"]
    assert name not in record
    assert re.search(rf"^\| `{name}` \|.*where there is one", TEXT, re.M)


def test_what_is_null_is_said_to_be():
    assert written(validated=None)["record"]["validated"] is None
    assert "null" in documented('The object "record"')["validated"]


def test_one_number_stands_for_a_column_that_never_changes():
    line = written(rates=np.full(4, 0.1))["record"]
    assert (line["rates"], line["steps"], line["clipped"]) == (0.1, 4, 0.0)
    check(line, 'The object "record"')


def test_a_number_that_is_not_finite_is_a_text():
    line = written(measured=np.array([2.0, np.nan, np.inf]))
    assert line["record"]["measured"] == [2.0, "nan", "inf"]
    assert '`"nan"`, `"inf"` or `"-inf"`' in TEXT


def test_lines_of_problems_and_plans_have_the_fields_that_are_documented():
    plans = pytest.importorskip("stepsize.lab.study.plan", reason="there are no studies yet")
    journal = pytest.importorskip("stepsize.lab.study.journal")
    subject = plans.Subject("0" * 16, "toy", "A line.", notes=("A column was dropped.",))
    entrant = plans.Entrant("Adam", "adam() | 0.1", 0.1, (plans.Grid((0.1,), (0, 1)),))
    plan = json.loads(line_of({"kind": "plan", **plans.Plan(subject, (entrant,), 10, 2, None).as_dict()}))
    check(json.loads(line_of({"kind": "problem", **subject.as_dict()})), 'A line of kind "problem"')
    check(plan, 'A line of kind "plan"')
    check({"kind": "study", "version": journal.VERSION}, 'A line of kind "study"')
    assert f"`version` stays {journal.VERSION};" in TEXT.replace(".", ";")
    (strategy,) = plan["strategies"]
    told = documented('A line of kind "plan"') and TEXT.partition("| `strategies` |")[2].partition("\n")[0]
    assert set(strategy) | set(strategy["grids"][0]) == set(re.findall(r"`(\w+)`", told))
