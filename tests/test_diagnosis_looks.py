"""Looks at other data that have no validation loss: metrics logged more often are no sign that it broke."""

import json
import math

import pytest

from stepsize.lab.diagnosis import diagnose
from stepsize.lab.records.record import read

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
