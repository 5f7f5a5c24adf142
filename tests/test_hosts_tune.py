"""The recipes of docs/tune-your-own.md in the real trainers: each tunes a tiny model to a rate that trains it."""

import os
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from hosted import Net, data, host, recipe
from stepsize import Tuner

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
PAGE = Path(__file__).parent.parent / "docs" / "tune-your-own.md"
TEXT = "adam() | 1e-3 * (warmup('10%') >> cosine())"
ROWS, HELD = data(64), tuple(one[-16:] for one in data(96))


def held_loss(net):
    with torch.no_grad():
        return net(*HELD)["loss"].item()


def untrained():
    return held_loss(Net())


def loader(rows, size=8):
    return DataLoader(TensorDataset(*rows), batch_size=size)


def good(verdict, steps):
    assert verdict.share == 1
    assert verdict.trial.steps == steps
    assert len(verdict.trace) >= 2
    assert verdict.cost <= 3
    assert verdict.loss < 0.3 * untrained()


@pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*")
@pytest.mark.filterwarnings("ignore:The '.*dataloader' does not have many workers")
def test_lightning(tmp_path):
    lightning = host("pytorch_lightning")

    class Model(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = Net()

        def training_step(self, batch, index):
            return self.net(*batch)["loss"]

        def validation_step(self, batch, index):
            self.log("val_loss", self.net(*batch)["loss"])

    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    options = quiet | {"enable_model_summary": False, "accelerator": "cpu", "default_root_dir": tmp_path}
    tuner = Tuner(TEXT, 40, budget=3)
    tune = recipe("Lightning", PAGE)["tune_lightning"]
    good(tune(tuner, Model, loader(ROWS), loader(HELD, 16), **options), 40)


def test_transformers(tmp_path):
    transformers = host("transformers", "accelerate")
    rows, held = ([{"x": x, "labels": y} for x, y in zip(*part, strict=True)] for part in (ROWS, HELD))
    arguments = partial(
        transformers.TrainingArguments,
        output_dir=str(tmp_path),
        per_device_train_batch_size=8,
        per_device_eval_batch_size=16,
        eval_strategy="steps",
        eval_steps=5,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    tune = recipe("transformers", PAGE)["tune_transformers"]
    good(tune(Tuner(TEXT, 40, budget=3), Net, arguments, train_dataset=rows, eval_dataset=held), 40)


def test_accelerate():
    accelerate = host("accelerate")

    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = Net()

        def forward(self, x):
            return self.net(x)["logits"]

    tune = recipe("Accelerate", PAGE)["tune_accelerate"]
    verdict = tune(
        Tuner(TEXT, 40, budget=3),
        accelerate.Accelerator(cpu=True),
        Plain,
        loader(ROWS),
        lambda model: held_loss(model.net),
    )
    good(verdict, 40)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = host("keras")
    if keras.backend.backend() not in ("jax", "torch"):
        pytest.skip("this backend of keras does not train: KERAS_BACKEND=torch")

    def model():
        made = keras.Sequential([keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)])
        made.compile(keras.optimizers.Adam(), "mse")
        return made

    (x, y), held = ((part[0].numpy(), part[1].numpy()) for part in (ROWS, HELD))
    tune = recipe("Keras", PAGE)["tune_keras"]
    good(tune(Tuner(TEXT, 10, budget=3), model, x, y, batch_size=8, validation_data=held), 10)
