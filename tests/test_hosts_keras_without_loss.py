"""The callback of Keras where a step of the user's own tells no loss: one warning, and the training goes on."""

import os
import warnings

import pytest

from hosted import data, host
from stepsize.lab.records.record import read

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")


def fitted(path, told):
    """Two epochs of four batches whose step tells these logs; gives the warnings of ours."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = host("keras", "jax")
    from stepsize.adapters.callbacks.keras import RecorderCallback

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.body = keras.layers.Dense(1)

        def call(self, x):
            return self.body(x)

        def train_step(self, *given):
            return answered(dict(told), given)

        def test_step(self, *given):
            return answered({"accuracy": 0.5}, given)

    model = Model()
    model.compile(keras.optimizers.SGD(0.05), "mse")
    x, y = (one.numpy() for one in data(32))
    options = {"epochs": 2, "batch_size": 8, "verbose": 0, "validation_data": (x, y)}
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model.fit(x, y, callbacks=[RecorderCallback(path)], **options)
    return [str(one.message) for one in found if "RecorderCallback" in str(one.message)]


def answered(logs, given):
    """What a step returns: on jax with the state that it was given beside the batch, on torch alone."""
    return (logs, given[0]) if len(given) > 1 else logs


def test_updates_without_a_loss_have_no_rows_and_validation_stands_after_them(tmp_path):
    assert fitted(tmp_path / "run.jsonl", {"d_loss": 1.0, "g_loss": 2.0}) == [
        "RecorderCallback: train_step told no loss (d_loss, g_loss), so updates have no rows: "
        'return {"loss": …} among what it returns'
    ]
    record = read(tmp_path / "run.jsonl")
    assert (len(record), record.measured_at, record.metrics["accuracy"].tolist()) == (0, (4, 8), [0.5, 0.5])


def test_a_step_of_ones_own_that_tells_its_loss_is_silent(tmp_path):
    assert fitted(tmp_path / "run.jsonl", {"loss": 1.5, "g_loss": 2.0}) == []
    assert read(tmp_path / "run.jsonl").losses.tolist() == [1.5] * 8
