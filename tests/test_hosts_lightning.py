"""In the real trainer of Lightning: the rates that training used, resume, and what preflight said before."""

from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from hosted import BASE, Net, close, controlled, data, foretold, host, recipe, sgd, values, watched
from stepsize import StepsizeError
from stepsize.adapters.torch import PlateauScheduler, Scheduler, optimizer, preflight
from stepsize.lab.diagnosis import diagnose
from stepsize.lab.records.record import read

lightning = host("pytorch_lightning")

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*"),  # Lightning asks torch in an old way
    pytest.mark.filterwarnings("ignore:The 'train_dataloader' does not have many workers"),
]
PLAN = "warmup('20%') >> cosine()"
FLAG = {"interval": "step", "reduce_on_plateau": True, "monitor": "train_loss"}
SIZES = [(3, 4, 1), (3, 4, 2), (3, 5, 2), (2, 7, 3)]  # epochs, batches, accumulation; the last two leave some over


class Model(lightning.LightningModule):
    """Trains `Net`; `hand_over` is what its configure_optimizers says about the scheduler."""

    def __init__(self, plan=PLAN, total=None, make=Scheduler, **hand_over):
        super().__init__()
        self.net, self.losses = Net(), []
        self.plan, self.total, self.make, self.hand_over = plan, total, make, hand_over

    def training_step(self, batch, index):
        loss = self.net(*batch)["loss"]
        self.log("train_loss", loss)
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self):
        made = sgd(self.net)
        self.used = watched(made)
        self.scheduler = self.make(made, self.plan, total_steps=self.total)
        return {"optimizer": made, "lr_scheduler": {"scheduler": self.scheduler, **self.hand_over}}


def trainer(epochs, accumulation=1):
    return lightning.Trainer(
        max_epochs=epochs,
        accumulate_grad_batches=accumulation,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def batches(count):
    return DataLoader(TensorDataset(*data(4 * count)), batch_size=4)


def trained(model, epochs, count, accumulation=1):
    trainer(epochs, accumulation).fit(model, batches(count))
    return model


def foreseen(total, epochs, count, accumulation, interval="epoch"):
    sizes = {"epochs": epochs, "batches": count, "accumulation": accumulation}
    return preflight(Scheduler(sgd(), PLAN, total_steps=total), "lightning", **sizes, interval=interval)


@pytest.mark.parametrize(("epochs", "count", "accumulation"), SIZES)
def test_every_update_with_interval_step(epochs, count, accumulation):
    total = epochs * -(-count // accumulation)
    report = foreseen(total, epochs, count, accumulation, interval="step")
    model = trained(Model(total=total, interval="step"), epochs, count, accumulation)
    assert model.used == close(values(PLAN, total))
    foretold(report, model.used, model.scheduler)
    assert report.good


@pytest.mark.parametrize(("epochs", "count", "accumulation"), SIZES)
def test_once_an_epoch_without_interval(epochs, count, accumulation):
    report = foreseen(epochs, epochs, count, accumulation)
    model = trained(Model(total=epochs), epochs, count, accumulation)
    each = -(-count // accumulation)
    assert model.used == close([rate for rate in values(PLAN, epochs) for _ in range(each)])
    foretold(report, model.used, model.scheduler)
    assert report.good


def test_preflight_knows_the_mistake_before_it_is_made():
    """Updates are planned, and Lightning's own interval is the epoch: the run ends within the warm-up."""
    report = foreseen(30, 3, 10, 1)
    assert 'hand over {"interval": "step"} too' in report.advice[0]
    model = trained(Model(total=30), 3, 10)
    foretold(report, model.used, model.scheduler)
    assert max(model.used) < BASE


def test_the_flag_hands_over_the_loss_of_every_update():
    plan = "infrared(0.9, 0.99) * cosine()"
    model = trained(Model(plan, 9, **FLAG), 3, 5, 2)
    shown = [loss for i, loss in enumerate(model.losses) if i % 5 in (1, 3, 4)]  # of the last batch of each update
    assert model.used == close(controlled(plan, 9, shown))
    assert model.used != close(values("cosine()", 9))


def test_monitor_without_the_flag_hands_over_nothing():
    with pytest.raises(StepsizeError, match="needs the loss of update 0"):
        trained(Model("infrared()", interval="step", monitor="train_loss"), 1, 2)


def test_plateau_of_an_epoch_and_a_plan_by_updates():
    plan = "plateau(0.5, patience=0, threshold=0.9, watch='metric') * cosine()"
    model = trained(Model(plan, 12, PlateauScheduler, monitor="train_loss"), 3, 4)
    cosine = values("cosine()", 12)
    assert model.used == close(cosine[:8] + [0.5 * rate for rate in cosine[8:]])  # epoch 2 is not 10 times better


@pytest.mark.parametrize("weights_only", [True, False])
def test_resume_equals_straight_through(tmp_path, weights_only):
    def fresh():
        return Model("infrared(0.9, 0.99) * (warmup('20%') >> cosine())", 12, **FLAG)

    straight = trained(fresh(), 4, 3)
    first, second, run = fresh(), fresh(), trainer(2)
    run.fit(first, batches(3))
    run.save_checkpoint(tmp_path / "half.ckpt")
    trainer(4).fit(second, batches(3), ckpt_path=tmp_path / "half.ckpt", weights_only=weights_only)
    assert len(first.used) == 6
    assert first.used + second.used == straight.used
    assert torch.equal(second.net.head.weight, straight.net.head.weight)


class Whole(Model):
    """Hands over an optimizer alone, with the schedule in its step."""

    def configure_optimizers(self):
        strategy = f"clip_norm(1) | adam() | {BASE} * ({PLAN}) | clip(0.01)"
        made = optimizer(self.net.parameters(), strategy, self.total)
        self.used, self.scheduler = watched(made), made.scheduler
        return made


def test_a_whole_strategy_is_an_optimizer_alone(tmp_path):
    straight, run = trained(Whole(total=12), 4, 5, 2), trainer(2, 2)
    assert straight.used == close(values(PLAN, 12))
    first, second = Whole(total=12), Whole(total=12)
    run.fit(first, batches(5))
    run.save_checkpoint(tmp_path / "half.ckpt")
    trainer(4, 2).fit(second, batches(5), ckpt_path=tmp_path / "half.ckpt", weights_only=True)
    assert first.used + second.used == straight.used
    assert torch.equal(second.net.head.weight, straight.net.head.weight)


def by_recipe(name):
    class Theirs(Model):
        theirs = recipe("Lightning")[name]

        def configure_optimizers(self):
            handed = self.theirs()
            self.used, self.scheduler = watched(handed["optimizer"]), handed["lr_scheduler"]["scheduler"]
            self.bases = [group["initial_lr"] for group in handed["optimizer"].param_groups]
            return handed

    return trained(Theirs(), 10, 5, 2)


def test_the_recipe_of_the_documents():
    model = by_recipe("configure_optimizers")
    assert model.scheduler.units["total_steps"] == 30
    assert [one * BASE / model.bases[0] for one in model.used] == close(values(model.scheduler.expression, 30))


def test_the_recipe_of_the_documents_for_controllers():
    model = by_recipe("configure_with_loss")
    shown = [loss for i, loss in enumerate(model.losses) if i % 5 in (1, 3, 4)]
    expected = controlled(model.scheduler.expression, 30, shown)
    assert [one * BASE / model.bases[0] for one in model.used] == close(expected)
    assert expected != close(values("cosine()", 30))


def test_the_metrics_that_it_saves_can_be_diagnosed(tmp_path):
    logger = lightning.loggers.CSVLogger(str(tmp_path))
    for step in range(25):
        logger.log_metrics({"lr-SGD": 0.1}, step=step)
        logger.log_metrics({"train_loss": 2.0 - step / 20, "epoch": 0}, step=step)
    logger.log_metrics({"val_loss": 1.0, "epoch": 0}, step=24)
    logger.save()
    one = read(Path(logger.log_dir) / "metrics.csv")
    assert one.steps.tolist() == list(range(25))
    assert one.losses[:2].tolist() == [2.0, 1.95]
    assert one.rates.tolist() == [0.1] * 25
    assert one.validated.tolist() == [1.0]
    assert "diverged" in diagnose(one).healthy
