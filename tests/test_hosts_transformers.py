"""In the real Trainer of transformers: the rates that training used, resume, metrics, and what preflight said."""

import os
from functools import partial

import pytest
import torch

from hosted import BASE, Net, close, data, foretold, host, recipe, sgd, values, watched
from stepsize import parse, seen
from stepsize.adapters.torch import PlateauScheduler, Scheduler, preflight
from stepsize.lab.diagnosis import diagnose
from stepsize.lab.records.record import read

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
transformers = host("transformers", "accelerate")

PLAN = "warmup('20%') >> cosine()"
SIZES = [(3, 4, 1), (3, 4, 2), (3, 5, 2), (2, 7, 3)]  # epochs, batches, accumulation; the last two leave some over


class Run:
    """A short training: the rates it used, the trainer, and the scheduler."""

    def __init__(self, folder, plan=PLAN, total=None, *, epochs, batches, make=Scheduler, callbacks=(), **options):
        net, resume = Net(), options.pop("resume", None)
        rows = [{"x": x, "labels": y} for x, y in zip(*data(4 * batches), strict=True)]
        made = sgd(net)
        self.used, self.scheduler, self.net = watched(made), make(made, plan, total_steps=total), net
        arguments = transformers.TrainingArguments(
            output_dir=str(folder),
            num_train_epochs=epochs,
            per_device_train_batch_size=4,
            logging_steps=1,
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            dataloader_pin_memory=False,
            **{"save_strategy": "no", **options},
        )
        self.trainer = transformers.Trainer(
            net,
            arguments,
            train_dataset=rows,
            eval_dataset=rows[:8],
            optimizers=(made, self.scheduler),
            callbacks=list(callbacks),
        )
        self.trainer.train(resume_from_checkpoint=resume)
        self.log = self.trainer.state.log_history

    def logged(self, name):
        return [one[name] for one in self.log if name in one]


@pytest.mark.parametrize(("epochs", "batches", "accumulation"), SIZES)
def test_every_update(tmp_path, epochs, batches, accumulation):
    total = epochs * -(-batches // accumulation)
    sizes = {"epochs": epochs, "batches": batches, "accumulation": accumulation}
    report = preflight(Scheduler(sgd(), PLAN, total_steps=total), "transformers", **sizes)
    run = Run(tmp_path, total=total, epochs=epochs, batches=batches, gradient_accumulation_steps=accumulation)
    assert run.used == close(values(PLAN, total))
    assert run.logged("learning_rate") == run.used
    assert run.trainer.state.global_step == total
    foretold(report, run.used, run.scheduler)
    assert report.good


def test_preflight_knows_the_mistake_before_it_is_made(tmp_path):
    """Batches are planned where accumulation makes half as many updates."""
    report = preflight(Scheduler(sgd(), PLAN, total_steps=12), "transformers", epochs=3, batches=4, accumulation=2)
    assert "write total_steps=6" in report.advice[0]
    run = Run(tmp_path, total=12, epochs=3, batches=4, gradient_accumulation_steps=2)
    foretold(report, run.used, run.scheduler)
    assert run.used[-1] > 0.5 * BASE


@pytest.mark.parametrize("plan", [PLAN, f"({PLAN}) * plateau(0.5, patience=0, threshold=0.9, watch='metric')"])
def test_resume_equals_straight_through(tmp_path, plan):
    """The Trainer loads the state with weights_only=True."""
    callbacks = [recipe("transformers")["ShowMetric"]()]
    options = {"epochs": 4, "batches": 3, "callbacks": callbacks, "eval_strategy": "epoch", "save_strategy": "epoch"}
    straight = Run(tmp_path / "straight", plan, 12, **options)
    state = torch.load(tmp_path / "straight" / "checkpoint-6" / "scheduler.pt", weights_only=True)
    assert state["last_epoch"] == 6
    resumed = Run(tmp_path / "again", plan, 12, **options, resume=str(tmp_path / "straight" / "checkpoint-6"))
    assert resumed.used == straight.used[6:]
    assert torch.equal(resumed.net.head.weight, straight.net.head.weight)


def halved(plan, total, every, metrics):
    """BASE times the expression, whose controller is shown a metric after every so many updates."""
    factor = parse(plan).over(total)
    (rule,) = factor.controllers
    state, answer, found = rule.init(), 1.0, []
    for t in range(total):
        if t and t % every == 0:
            answer, state, _ = rule.step(state, seen(metric=metrics[t // every - 1]))
        found.append(BASE * factor.with_control(t, (answer,)))
    return found


def with_plateau(total):
    return f"linear(1, 0.5, {total}) * plateau(0.5, patience=0, threshold=0.9, watch='metric')"


def test_the_recipe_of_the_documents_shows_the_metric_to_a_scheduler(tmp_path):
    callbacks = [recipe("transformers")["ShowMetric"]()]
    run = Run(tmp_path, with_plateau(12), 12, epochs=4, batches=3, eval_strategy="epoch", callbacks=callbacks)
    assert run.used == close(halved(with_plateau(12), 12, 3, run.logged("eval_loss")))
    assert run.used[-1] < 0.3 * values("linear(1, 0.5)", 12)[-1]  # lowered twice
    assert run.scheduler.last_epoch == 12


def test_the_recipe_of_the_documents_shows_the_training_loss(tmp_path):
    callbacks = [recipe("transformers")["ShowLoss"]()]
    run = Run(tmp_path, with_plateau(12), 12, epochs=4, batches=3, callbacks=callbacks)
    assert run.used == close(halved(with_plateau(12), 12, 1, run.logged("loss")))
    assert run.used[-1] < 0.1 * values("linear(1, 0.5)", 12)[-1]


def test_a_plateau_scheduler_gets_the_metric_by_itself(tmp_path):
    options = {"epochs": 4, "batches": 3, "eval_strategy": "epoch", "metric_for_best_model": "loss"}
    report = preflight(PlateauScheduler(sgd(), with_plateau(12), total_steps=12), "transformers", epochs=4, batches=3)
    run = Run(tmp_path, with_plateau(12), 12, make=PlateauScheduler, **options)
    assert run.used == close(halved(with_plateau(12), 12, 3, run.logged("eval_loss")))
    assert run.scheduler.last_epoch == 12 == report.steps == report.updates
    assert report.good


def test_without_a_callback_a_missing_metric_is_said(tmp_path):
    make = partial(Scheduler, steps_per_epoch=3)
    with pytest.warns(UserWarning, match="waits for a metric and 9 updates brought none"):
        Run(tmp_path, with_plateau(12), 12, epochs=4, batches=3, make=make)


def test_a_model_made_from_a_config(tmp_path):
    """Their own model, from a tiny config, with two groups of their own decay."""
    config = transformers.GPT2Config(vocab_size=32, n_positions=8, n_embd=8, n_layer=1, n_head=2, bos_token_id=0)
    config.eos_token_id = 0
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(config)
    rows = [{"input_ids": row, "labels": row} for row in torch.arange(8).repeat(16, 1)]
    made = torch.optim.AdamW(
        [
            {"params": [one for one in model.parameters() if one.dim() > 1], "weight_decay": 0.1, "lr": BASE},
            {"params": [one for one in model.parameters() if one.dim() < 2], "weight_decay": 0.0, "lr": BASE / 2},
        ]
    )
    used, scheduler = watched(made), Scheduler(made, PLAN, total_steps=12)
    arguments = transformers.TrainingArguments(
        str(tmp_path), num_train_epochs=3, per_device_train_batch_size=4, save_strategy="no", report_to="none",
        disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = transformers.Trainer(model, arguments, train_dataset=rows, optimizers=(made, scheduler))
    assert trainer.train().training_loss < 3.5  # log 32 to begin with
    assert used == close(values(PLAN, 12))
    assert scheduler.base_lrs == [BASE, BASE / 2]


def test_the_state_that_it_saves_can_be_diagnosed(tmp_path):
    run = Run(tmp_path, total=24, epochs=6, batches=4)
    file = tmp_path / "trainer_state.json"
    run.trainer.state.save_to_json(str(file))
    one = read(file)
    assert one.steps.tolist() == list(range(1, 25))
    assert one.losses.tolist() == run.logged("loss")
    assert one.rates.tolist() == run.logged("learning_rate")
    assert one.planned_steps == 24
    assert "diverged" in diagnose(one).healthy
