"""The callbacks that record, each in its real trainer: losses, validation and the plan, as the trainer made them."""

import json
import os

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from hosted import Net, data, host, sgd
from stepsize.adapters.torch import Scheduler
from stepsize.lab.records.record import read

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*"),
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
]


@pytest.mark.parametrize("accumulation", [1, 2])
def test_lightning(tmp_path, accumulation):
    lightning = host("pytorch_lightning")
    from stepsize.adapters.callbacks.lightning import RecorderCallback

    class Model(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net, self.losses, self.checks = Net(), [], []

        def training_step(self, batch, index):
            loss = self.net(*batch)["loss"]
            self.losses.append(loss.item())
            return loss

        def validation_step(self, batch, index):
            loss = self.net(*batch)["loss"]
            self.log("val_loss", loss)
            self.log("val_double", 2 * loss)
            self.checks.append(loss.item())

        def configure_optimizers(self):
            made = sgd(self.net)
            plan = Scheduler(made, "linear(1, 0)", total_steps=12 // accumulation)
            return {"optimizer": made, "lr_scheduler": {"scheduler": plan, "interval": "step"}}

    model, rows = Model(), DataLoader(TensorDataset(*data(16)), batch_size=4)
    trainer = lightning.Trainer(
        max_epochs=3, accumulate_grad_batches=accumulation, accelerator="cpu", logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        callbacks=[RecorderCallback(tmp_path / "run.jsonl", every=1)],
    )  # fmt: skip
    trainer.fit(model, rows, DataLoader(TensorDataset(*data(16)), batch_size=16))
    record, updates = read(tmp_path / "run.jsonl"), 12 // accumulation
    mean = [sum(model.losses[i : i + accumulation]) / accumulation for i in range(0, 12, accumulation)]
    assert record.losses.tolist() == pytest.approx(mean, rel=1e-5)
    assert (record.planned_steps, record.measured_at) == (updates, tuple(updates // 3 * (i + 1) for i in range(3)))
    assert record.validated.tolist() == pytest.approx(model.checks, rel=1e-6)
    assert record.metrics["val_double"].tolist() == pytest.approx([2 * one for one in model.checks], rel=1e-6)
    assert record.rates.tolist() == pytest.approx([0.1 * (1 - t / updates) for t in range(updates)])
    assert sorted(record.layers) == ["net.body", "net.head"]


@pytest.mark.parametrize("accumulation", [1, 2])
def test_transformers(tmp_path, accumulation):
    transformers = host("transformers", "accelerate")
    from stepsize.adapters.callbacks.transformers import RecorderCallback

    losses = []

    class Watching(transformers.Trainer):
        def compute_loss(self, model, inputs, *args, **options):
            found = super().compute_loss(model, inputs, *args, **options)
            if model.training:
                losses.append(found.item())
            return found

    net, rows = Net(), [{"x": x, "labels": y} for x, y in zip(*data(16), strict=True)]
    made = sgd(net)
    arguments = transformers.TrainingArguments(
        str(tmp_path), num_train_epochs=3, per_device_train_batch_size=4, save_strategy="no", report_to="none",
        disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False, gradient_accumulation_steps=accumulation,
        eval_strategy="epoch",
    )  # fmt: skip
    updates = 12 // accumulation
    plan = Scheduler(made, "linear(1, 0)", total_steps=updates)
    trainer = Watching(net, arguments, train_dataset=rows, eval_dataset=rows, optimizers=(made, plan))
    trainer.add_callback(RecorderCallback(tmp_path / "run.jsonl", trainer))
    trainer.train()
    record = read(tmp_path / "run.jsonl")
    mean = [sum(losses[i : i + accumulation]) / accumulation for i in range(0, 12, accumulation)]
    assert record.losses.tolist() == pytest.approx(mean, rel=1e-5)
    evaluated = [row["eval_loss"] for row in trainer.state.log_history if "eval_loss" in row]
    assert record.validated.tolist() == pytest.approx(evaluated, rel=1e-5)
    assert (record.planned_steps, record.measured_at) == (updates, tuple(updates // 3 * (i + 1) for i in range(3)))
    assert record.rates.tolist() == pytest.approx([0.1 * (1 - t / updates) for t in range(updates)])


def test_accelerate(tmp_path):
    accelerate = host("accelerate")
    from stepsize.adapters.callbacks.accelerate import RecorderTracker

    accelerate.state.GradientState._reset_state()
    tracker = RecorderTracker(tmp_path / "run.jsonl", total_steps=8)
    accelerator = accelerate.Accelerator(cpu=True, log_with=[tracker])
    accelerator.init_trackers("run", config={"batch": 4})
    net = Net()
    made = sgd(net)
    model, made, rows = accelerator.prepare(net, made, DataLoader(TensorDataset(*data(16)), batch_size=4))
    tracker.follow(made, model)
    losses = []
    for epoch in range(2):
        for x, y in rows:
            loss = model(x, y)["loss"]
            made.zero_grad()
            accelerator.backward(loss)
            made.step()
            accelerator.log({"loss": loss.item()})
            losses.append(loss.item())
        accelerator.log({"val_loss": 1.0 - epoch / 2, "accuracy": 0.5})
    accelerator.end_training()
    record = read(tmp_path / "run.jsonl")
    assert record.losses.tolist() == pytest.approx(losses, rel=1e-6)
    assert (record.measured_at, record.validated.tolist()) == ((4, 8), [1.0, 0.5])
    assert record.metrics["accuracy"].tolist() == [0.5, 0.5]
    assert (record.planned_steps, record.optimizer["class"], len(record.grad_norms)) == (8, "SGD", 8)


def test_accelerate_is_told_every_other_loss_and_measures_of_any_kind(tmp_path):
    host("accelerate")
    from stepsize.adapters.callbacks.accelerate import RecorderTracker

    weight = torch.nn.Parameter(torch.zeros(1))
    made = torch.optim.SGD([weight], lr=0.1)
    tracker = RecorderTracker(tmp_path / "run.jsonl")
    tracker.follow(made)
    for u in range(6):
        weight.grad = torch.ones(1)
        made.step()
        if u % 2:
            tracker.log({"train_loss": torch.tensor(float(u)), "epoch": u // 3})
    measures = {"accuracy": torch.tensor([0.25]), "f1": np.float32(0.5), "matrix": torch.ones(2, 2), "note": "good"}
    tracker.log({"eval_loss": torch.tensor(2.0), **measures})
    tracker.finish()
    record = read(tmp_path / "run.jsonl")
    assert (record.steps.tolist(), record.losses.tolist()) == ([1, 3, 5], [1.0, 3.0, 5.0])
    assert record.validated[-1] == 2.0
    assert {name: column[-1] for name, column in record.metrics.items() if name != "epoch"} == {
        "accuracy": 0.25,
        "f1": 0.5,
    }


@pytest.mark.filterwarnings("ignore")
def test_keras(tmp_path):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = host("keras", "jax")
    from stepsize.adapters.callbacks.keras import RecorderCallback

    keras.utils.set_random_seed(0)
    x, y = (one.numpy() for one in data(32))
    rows = []
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse", metrics=["mae"])
    first = model.evaluate(x[:8], y[:8], verbose=0)[0]
    callback = RecorderCallback(tmp_path / "run.jsonl", sinks=[rows.append])
    options = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0, "validation_data": (x, y)}
    found = model.fit(x, y, callbacks=[callback], **options).history
    record = read(tmp_path / "run.jsonl")
    assert (record.steps.tolist(), record.planned_steps) == (list(range(8)), 8)
    assert record.rates.tolist() == pytest.approx([0.05] * 8)
    assert (record.optimizer["class"], record.optimizer["momentum"]) == ("SGD", 0.9)
    assert (record.measured_at, len(record.validated), list(record.metrics)) == ((4, 8), 2, ["mae"])
    assert rows == [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()][1:]
    assert record.losses[0] == pytest.approx(first, rel=1e-5)
    assert [record.losses[:4].mean(), record.losses[4:].mean()] == pytest.approx(found["loss"], rel=1e-5)
    assert record.validated.tolist() == pytest.approx(found["val_loss"], rel=1e-6)
