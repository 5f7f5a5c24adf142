"""A Recorder where people write it in the hosts: each loss in the line of its own update."""

import json

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from hosted import Net, data, host, sgd
from stepsize.adapters.torch import Recorder, Scheduler

lightning = host("pytorch_lightning")

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*"),  # Lightning asks torch in an old way
    pytest.mark.filterwarnings("ignore:The 'train_dataloader' does not have many workers"),
]


class Model(lightning.LightningModule):
    """Records from `training_step`, which Lightning calls inside the step, or from `on_train_batch_end`."""

    def __init__(self, path, late, units):
        super().__init__()
        self.net, self.losses, self.path, self.late, self.units = Net(), [], path, late, units

    def training_step(self, batch, index):
        loss = self.net(*batch)["loss"]
        self.losses.append(loss.item())
        if not self.late:
            self.recorder.step(loss)
        return loss

    def on_train_batch_end(self, outputs, batch, index):
        if self.late:
            self.recorder.step(outputs["loss"])

    def on_train_end(self):
        self.recorder.close()

    def configure_optimizers(self):
        made = sgd(self.net)
        self.recorder = Recorder(made, self.path)
        return {"optimizer": made, "lr_scheduler": {"scheduler": Scheduler(made, "linear(1, 0)", **self.units)}}


def fitted(model, accumulation=1):
    trainer = lightning.Trainer(
        max_epochs=3,
        accumulate_grad_batches=accumulation,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, DataLoader(TensorDataset(*data(16)), batch_size=4))
    return model


def recorded(path):
    return [row["loss"] for line in path.read_text().splitlines() if "loss" in (row := json.loads(line))]


@pytest.mark.parametrize("late", [False, True])
def test_lightning(tmp_path, late):
    model = fitted(Model(tmp_path / "run.jsonl", late, {"total_steps": 3}))
    assert recorded(tmp_path / "run.jsonl") == pytest.approx(model.losses, rel=1e-6)
    assert len(model.losses) == 12


def test_lightning_with_accumulation(tmp_path):
    model = fitted(Model(tmp_path / "run.jsonl", False, {"total_steps": 3}), 2)
    mean = [sum(model.losses[i : i + 2]) / 2 for i in range(0, 12, 2)]
    assert recorded(tmp_path / "run.jsonl") == pytest.approx(mean, rel=1e-6)


def test_lightning_without_its_interval_is_told_where_an_epoch_has_steps(tmp_path):
    with pytest.warns(UserWarning, match='4 updates were made since the last step.*"interval": "step"'):
        fitted(Model(tmp_path / "run.jsonl", True, {"total_steps": 12, "steps_per_epoch": 4}))


@pytest.mark.parametrize("accumulation", [1, 2])
def test_the_trainer_of_transformers(tmp_path, accumulation):
    transformers, losses = host("transformers", "accelerate"), []

    class Recording(transformers.Trainer):
        def compute_loss(self, model, inputs, *args, **options):
            loss = super().compute_loss(model, inputs, *args, **options)
            losses.append(loss.item())
            recorder.step(loss)
            return loss

    net = Net()
    made = sgd(net)
    arguments = transformers.TrainingArguments(
        str(tmp_path), num_train_epochs=3, per_device_train_batch_size=4, save_strategy="no", report_to="none",
        disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False, gradient_accumulation_steps=accumulation,
    )  # fmt: skip
    rows = [{"x": x, "labels": y} for x, y in zip(*data(16), strict=True)]
    scheduler = Scheduler(made, "linear(1, 0)", total_steps=12 // accumulation)
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        Recording(net, arguments, train_dataset=rows, optimizers=(made, scheduler)).train()
    mean = [sum(losses[i : i + accumulation]) / accumulation for i in range(0, 12, accumulation)]
    assert recorded(tmp_path / "run.jsonl") == pytest.approx(mean, rel=1e-6)
    assert torch.isfinite(net.head.weight).all()
