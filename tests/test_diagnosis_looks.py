"""Looks at other data that have no validation loss: metrics logged more often are no sign that it broke."""

import json
import math

import pytest

from stepsize.lab.diagnosis import diagnose
from stepsize.lab.records.record import read
from stepsize.report.runs.facts import facts

BROKEN = "validation not finite"


def told(tmp_path, updates, broken_from=math.inf, metrics_every=1):
    """The findings of a healthy run that logs a metric at every so many updates and validates at every tenth."""
    rows = [{"kind": "stepsize recording", "version": 2, "every": 1}]
    for u in range(updates):
        rows.append({"step": u, "loss": 2 * math.exp(-u / 30) + 0.01 * math.sin(7 * u), "lr": 0.1})
        if u % metrics_every == 0:
            rows.append({"step": u + 1, "metric/epoch": u // 10})
        if u % 10 == 9:
            rows.append({"step": u + 1, "val_loss": "nan" if u >= broken_from else 2 * math.exp(-u / 30) + 0.1})
    path = tmp_path / "run.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {one.illness: one for one in diagnose(read(path)).findings}


@pytest.mark.parametrize("metrics_every", [1, 2, 3, 7])
@pytest.mark.parametrize("updates", [92, 95, 99, 100])
def test_a_run_that_logs_a_metric_more_often_is_healthy(updates, metrics_every, tmp_path):
    assert BROKEN not in told(tmp_path, updates, metrics_every=metrics_every)


@pytest.mark.parametrize("metrics_every", [1, 3, 10**6])
def test_a_validation_loss_that_broke_is_found_beside_metrics(metrics_every, tmp_path):
    found = told(tmp_path, 100, broken_from=60, metrics_every=metrics_every)[BROKEN]
    assert 60 < found.step <= 70


@pytest.mark.parametrize(
    ("look", "shown"), [({"metric/epoch": 2}, "0.5 at 20"), ({"val_loss": 0.25}, "0.25"), ({}, "0.5")]
)
def test_the_last_number_of_a_column_is_shown_with_its_update_where_a_later_look_has_none(look, shown, tmp_path):
    rows = [{"kind": "stepsize recording", "version": 2}, *({"step": u, "loss": 1.0} for u in range(30))]
    rows += [{"step": 10, "val_loss": 1.0}, {"step": 20, "val_loss": 0.5, "metric/accuracy": 0.75}]
    rows += [{"step": 30, **look}] if look else []
    (tmp_path / "run.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = facts(read(tmp_path / "run.jsonl"))
    assert told["Validation loss, last"] == shown
    assert told["accuracy, last"] == ("0.75 at 20" if look else "0.75")
