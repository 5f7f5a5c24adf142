"""Logs that the loggers of other libraries wrote themselves, read back: each skipped where its library is missing."""

import contextlib
import io
import os
import warnings

import numpy as np
import pytest

from hosted import host
from stepsize.lab.records.record import read

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "KERAS_BACKEND": "torch"}


def test_keras_logs_a_run_that_became_nan(tmp_path):
    keras = host("keras")
    X, y = np.random.default_rng(0).normal(size=(32, 3)), np.zeros((32, 1))
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(1e-3), loss="mse", metrics=["mae"])

    class Breaks(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 6:
                model.set_weights([np.full_like(one, np.nan) for one in model.get_weights()])

    logger = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    printed = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(printed):
        warnings.simplefilter("ignore")
        history = model.fit(
            X, y, epochs=9, batch_size=16, validation_split=0.25, callbacks=[Breaks(), logger], verbose=2
        )
    one = read(tmp_path / "log.csv")
    np.testing.assert_allclose(one.losses, history.history["loss"], rtol=1e-6)
    np.testing.assert_allclose(one.validated, history.history["val_loss"], rtol=1e-6)
    assert np.isnan(one.losses[6:]).all()
    assert {"val_mae", "mae"} <= set(one.metrics)
    (tmp_path / "printed.txt").write_text(printed.getvalue())
    again = read(tmp_path / "printed.txt")
    np.testing.assert_allclose(again.losses, one.losses, rtol=1e-2)
    np.testing.assert_allclose(again.validated, one.validated, rtol=1e-2)


def test_what_the_trainer_of_transformers_prints_is_what_it_saves(tmp_path):
    transformers = host("transformers", "accelerate")
    from hosted import Net, data, sgd
    from stepsize.adapters.torch import Scheduler

    net = Net()
    rows = [{"x": x, "labels": y} for x, y in zip(*data(16), strict=True)]
    made = sgd(net)
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), num_train_epochs=3, per_device_train_batch_size=4, logging_steps=1, report_to="none",
        disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False, save_strategy="no", eval_strategy="epoch",
    )  # fmt: skip
    scheduler = Scheduler(made, "cosine()", total_steps=12)
    trainer = transformers.Trainer(
        net, arguments, train_dataset=rows, eval_dataset=rows[:8], optimizers=(made, scheduler)
    )
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        trainer.train()
    (tmp_path / "printed.log").write_text(printed.getvalue())
    trainer.state.save_to_json(str(tmp_path / "trainer_state.json"))
    saved, told = read(tmp_path / "trainer_state.json"), read(tmp_path / "printed.log")
    assert len(saved) == len(told) == 12
    np.testing.assert_allclose(told.losses, saved.losses, rtol=1e-3)
    np.testing.assert_allclose(told.rates, saved.rates, rtol=1e-3)
    assert (saved.planned_steps, saved.measured_at) == (12, (4, 8, 12))
    np.testing.assert_allclose(told.validated, saved.validated, rtol=1e-3)


def test_lightning_logs_groups_momentum_and_looks(tmp_path):
    lightning = host("pytorch_lightning")
    logger = lightning.loggers.CSVLogger(str(tmp_path))
    for step in range(20):
        logger.log_metrics({"lr-SGD/pg1": 0.1, "lr-SGD/pg2": 0.01, "lr-SGD/pg1-momentum": 0.9}, step=step)
        logger.log_metrics({"train_loss_step": 2.0 - step / 20, "epoch": step // 10}, step=step)
        if step % 10 == 9:
            logger.log_metrics({"val_loss": 1.0, "val_acc": 0.5, "epoch": step // 10}, step=step)
            logger.log_metrics({"train_loss_epoch": 9.0, "epoch": step // 10}, step=step)
    logger.save()
    one = read(f"{logger.log_dir}/metrics.csv")
    np.testing.assert_allclose(one.losses, [2.0 - step / 20 for step in range(20)])
    assert {name: rates[0] for name, rates in one.group_rates.items()} == {"pg1": 0.1, "pg2": 0.01}
    assert {name: values[0] for name, values in one.knobs.items()} == {"momentum/pg1": 0.9}
    assert (one.measured_at, one.validated.tolist()) == ((9, 19), [1.0, 1.0])
    assert one.metrics["val_acc"].tolist() == [0.5, 0.5]


def test_the_event_files_of_tensorboard(tmp_path):
    host("tensorboard")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(tmp_path / "run"))
    for step in range(20):
        scalars = {"Loss/train": 2 - step / 32 if step != 7 else float("nan"), "lr-AdamW": 0.125}
        scalars |= {"Loss/val": 1.5} if step % 10 == 9 else {}
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        writer.add_event(Event(step=step, wall_time=float(step), summary=Summary(value=values)))
    writer.close()
    one = read(tmp_path / "run")
    np.testing.assert_array_equal(one.losses, [2 - step / 32 if step != 7 else float("nan") for step in range(20)])
    assert one.rates.tolist() == [0.125] * 20
    assert (one.measured_at, one.validated.tolist()) == ((9, 19), [1.5, 1.5])
    (file,) = (tmp_path / "run").iterdir()
    (tmp_path / "cut").write_bytes(file.read_bytes()[:-5])
    assert len(read(tmp_path / "cut")) >= 19
    assert read(tmp_path) == one


def test_event_files_without_the_package_say_what_to_install(tmp_path, monkeypatch):
    import sys

    from stepsize import StepsizeError

    for name in [one for one in sys.modules if one.partition(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    (tmp_path / "events.out.tfevents.1").write_bytes(
        b"\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22\x09\0\0\x80\0\0\0\0\0\x1a\rbrain.Event:2"
    )
    with pytest.raises(
        StepsizeError, match="is an event file of TensorBoard, which needs its package: pip install tensor"
    ):
        read(tmp_path)
