"""Metrics of the library's own problems: accuracy, R² and the error in the target's units, against plain formulas."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score, root_mean_squared_error

from stepsize import StepsizeError, descend, problems
from stepsize.course.log import lines_in
from stepsize.lab.records.lines import packed
from stepsize.problems import least_squares, logistic, softmax

RNG = np.random.default_rng(4)
X = RNG.normal(size=(60, 4))
Y = X @ [1.0, -2.0, 0.5, 0.0] + 0.5 * RNG.normal(size=60)
CLASSES = np.digitize(Y, [-1.5, 0.2, 1.0])
ROWS = RNG.integers(0, 60, (2, 13))


def expected(of, theta, rows, y):
    """What a measure of scikit-learn says of each run's predictions."""
    return [of(y[line], one.T @ X[line].T) for one, line in zip(theta, lines_of(rows), strict=True)]


def lines_of(rows):
    """The rows that each of six runs sees."""
    return [np.arange(60)] * 6 if rows is None else np.repeat(rows, 3, axis=0)


@pytest.mark.parametrize("rows", [None, ROWS], ids=["all rows", "batches"])
@pytest.mark.parametrize("piece", [8192, 7])
def test_accuracy_of_classes_is_scikit_learns(monkeypatch, rows, piece):
    monkeypatch.setattr(problems, "PIECE", piece)
    theta = RNG.normal(size=(6, 4, 4))
    found = softmax(X, CLASSES).metrics({"theta": theta}, rows)["accuracy"]
    wanted = expected(lambda y, z: accuracy_score(y, z.argmax(0)), theta, rows, CLASSES)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("rows", [None, ROWS], ids=["all rows", "batches"])
def test_accuracy_of_two_classes_is_scikit_learns(rows):
    theta, y = RNG.normal(size=(6, 4)), (Y > 0).astype(float)
    found = logistic(X, y).metrics({"theta": theta}, rows)["accuracy"]
    wanted = expected(lambda y, z: accuracy_score(y, z > 0), theta, rows, y)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("rows", [None, ROWS], ids=["all rows", "batches"])
def test_r2_and_the_error_in_the_targets_units_are_scikit_learns(rows):
    theta, scale = RNG.normal(size=(6, 4)), 12.5
    found = least_squares(X, Y / scale, target_scale=scale).metrics({"theta": theta}, rows)
    for i, line in enumerate(lines_of(rows)):
        predicted = scale * X[line] @ theta[i]
        assert found["r2"][i] == pytest.approx(r2_score(Y[line], predicted), rel=1e-10)
        assert found["rmse"][i] == pytest.approx(root_mean_squared_error(Y[line], predicted), rel=1e-10)


def test_of_equally_probable_classes_the_first_is_answered():
    y = [0, 0, 1, 2]
    assert softmax(np.ones((4, 1)), y).metrics({"theta": np.zeros((1, 1, 3))})["accuracy"].tolist() == [0.5]
    theta = np.array([[[0.0, 1.0, 1.0]]])
    assert softmax(np.ones((4, 1)), y).metrics({"theta": theta})["accuracy"].tolist() == [0.25]
    assert logistic(np.ones((4, 1)), [0, 0, 0, 1]).metrics({"theta": np.zeros((1, 1))})["accuracy"].tolist() == [0.75]


def test_r2_of_a_target_that_never_changes_is_no_number():
    found = least_squares([[1.0], [2.0]], [3.0, 3.0]).metrics({"theta": np.ones((1, 1))})
    assert np.isnan(found["r2"]).all()
    assert found["rmse"][0] == pytest.approx(np.sqrt(2.5))


@pytest.mark.parametrize("scale", [0, -1.0, float("nan"), "one", None])
def test_a_target_scale_is_a_number_above_0(scale):
    with pytest.raises(StepsizeError, match="least_squares: target_scale must be a number > 0"):
        least_squares(X, Y, target_scale=scale)


def test_metrics_are_measured_at_each_look_on_the_part_that_judges():
    parts = slice(30), slice(30, 45), slice(45, 60)
    train, validation, test = (softmax(X[part], CLASSES[part], classes=4) for part in parts)
    how, one = {"steps": 10, "measure_every": 4}, {"validation": validation}
    for given, judge in [({}, train), (one, validation), ({**one, "test": test}, test)]:
        run = descend(train, "sgd() | 0.5", **how, **given)
        accuracy = run.record.metrics["accuracy"]
        assert run.measured_at == (0, 4, 8, 10)
        assert len(accuracy) == 4
        assert accuracy[-1] == judge.metrics({"theta": run.params[None]})["accuracy"][0]
        assert (run.record.tested is None) == ("test" not in given)


def test_a_run_that_broke_has_no_metric_at_its_end():
    run = descend(least_squares(X, Y), "sgd() | 1e200", steps=5)
    assert run.steps < 5
    assert np.isnan(run.record.metrics["r2"][-1])
    assert np.isfinite(run.record.metrics["r2"][0])


def test_target_scale_changes_no_other_number():
    one, other = (least_squares(X, Y, target_scale=scale) for scale in (1, 40))
    a, b = (descend(each, "adam() | 0.1", steps=5) for each in (one, other))
    assert a.losses.tolist() == b.losses.tolist()
    np.testing.assert_allclose(b.record.metrics["rmse"], 40 * a.record.metrics["rmse"], rtol=1e-14)


def test_a_line_with_metrics_that_is_cut_anywhere_is_half_a_line_and_no_damage():
    run = descend(least_squares(X, Y), "sgd() | 0.1", steps=2)
    line = json.dumps({"record": packed(run.record)}).encode()
    assert b"}, " in line
    assert lines_in(line).rows
    for end in range(1, len(line)):
        assert lines_in(line[:end]) == lines_in(b"")
    assert lines_in(line.replace(b"}, ", b"} ", 1)).damaged == (1,)
