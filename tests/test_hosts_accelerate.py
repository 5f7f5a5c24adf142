"""In real loops of Accelerate, of one process and of two: the rates used, resume, and what preflight said before.

Run as a module under torchrun it is one process of the two.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from hosted import BASE, Net, close, controlled, data, foretold, host, recipe, sgd, values, watched
from stepsize.adapters.torch import PlateauScheduler, Scheduler, optimizer, preflight

accelerate = host("accelerate")

PLAN = "warmup('20%') >> cosine()"
WATCHING = "infrared(0.9, 0.99) * cosine()"
SIZES = [(3, 4, 1), (3, 4, 2), (3, 5, 2), (2, 7, 3)]  # epochs, batches, accumulation; the last two leave some over


class Loop:
    """A loop as Accelerate's documents have it, with the scheduler prepared; or left out, as our documents have it."""

    def __init__(self, batches, plan=PLAN, total=None, make=Scheduler, prepared=True, **options):
        made, rows = self.begin(batches, sgd, options)
        self.scheduler = make(made, plan, total_steps=total)
        self.model, self.optimizer, self.rows = self.accelerator.prepare(self.net, made, rows)
        self.wrapped = self.accelerator.prepare(self.scheduler) if prepared else None
        self.update = None if prepared else recipe("Accelerate")["update"]

    def begin(self, batches, make, options):
        accelerate.state.GradientState._reset_state()
        self.accelerator = accelerate.Accelerator(cpu=True, **options)
        self.net, self.losses, self.update = Net(), [], None
        made = make(self.net)
        self.used = watched(made)
        return made, DataLoader(TensorDataset(*data(4 * batches * self.accelerator.num_processes)), batch_size=4)

    def train(self, epochs):
        for _ in range(epochs):
            for x, y in self.rows:
                with self.accelerator.accumulate(self.model):
                    loss = self.model(x, y)["loss"]
                    self.losses.append(loss.item())
                    if self.update:
                        self.update(self.accelerator, self.optimizer, self.scheduler, loss)
                        continue
                    self.accelerator.backward(loss)
                    self.optimizer.step()
                    self.wrapped.step()
                    self.optimizer.zero_grad()
        return self


class ByRecipe(Loop):
    """The same loop, prepared as our documents have it."""

    def __init__(self, batches, epochs, **options):
        made, rows = self.begin(batches, sgd, options)
        prepare = recipe("Accelerate")["prepared"]
        self.model, self.optimizer, self.rows, self.wrapped = prepare(self.accelerator, self.net, made, rows, epochs)
        self.scheduler = self.wrapped.scheduler


class Whole(Loop):
    """An optimizer with the schedule in its own step; nothing else to step."""

    def __init__(self, batches, total, **options):
        strategy = f"clip_norm(1) | adam() | {BASE} * ({PLAN}) | clip(0.01)"
        made, rows = self.begin(batches, lambda net: optimizer(net.parameters(), strategy, total), options)
        self.made, self.scheduler = made, made.scheduler
        self.model, self.optimizer, self.rows = self.accelerator.prepare(self.net, made, rows)
        self.update = alone


def alone(accelerator, made, scheduler, loss):
    accelerator.backward(loss)
    made.step()
    made.zero_grad()


def foreseen(total, epochs, batches, accumulation, make=Scheduler, **more):
    sizes = {"epochs": epochs, "batches": batches, "accumulation": accumulation}
    return preflight(make(sgd(), PLAN, total_steps=total), "accelerate", **sizes, **more)


@pytest.mark.parametrize(("epochs", "batches", "accumulation"), SIZES)
def test_every_update_of_one_process(epochs, batches, accumulation):
    total = epochs * -(-batches // accumulation)
    report = foreseen(total, epochs, batches, accumulation)
    loop = Loop(batches, total=total, gradient_accumulation_steps=accumulation)
    assert isinstance(loop.wrapped, accelerate.scheduler.AcceleratedScheduler)
    loop.train(epochs)
    assert loop.used == close(values(PLAN, total))
    foretold(report, loop.used, loop.scheduler)
    assert report.good


def test_the_prepared_scheduler_can_be_handed_to_preflight():
    loop = Loop(4, total=12)
    assert preflight(loop.wrapped, "accelerate", epochs=3, batches=4) == foreseen(12, 3, 4, 1)


def test_batches_that_count_for_the_next_epoch():
    """Accelerate carries them over where it is told not to look at the end of the loader."""
    report = foreseen(6, 4, 5, 3, leftover="carry")
    plugin = accelerate.utils.GradientAccumulationPlugin(num_steps=3, sync_with_dataloader=False)
    loop = Loop(5, total=6, gradient_accumulation_plugin=plugin).train(4)
    assert len(loop.used) == 6
    foretold(report, loop.used, loop.scheduler)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_the_recipe_of_the_documents_ends_with_the_run(accumulation):
    loop = ByRecipe(5, 3, gradient_accumulation_steps=accumulation).train(3)
    total = 3 * -(-5 // accumulation)
    assert loop.scheduler.last_epoch == loop.scheduler.units["total_steps"] == total
    assert loop.used == close(values("cosine()", total))


@pytest.mark.parametrize("accumulation", [1, 2])
def test_the_recipe_of_the_documents_shows_the_loss_of_every_update(accumulation):
    total = 3 * -(-5 // accumulation)
    loop = Loop(5, WATCHING, total, prepared=False, gradient_accumulation_steps=accumulation).train(3)
    last = range(5) if accumulation == 1 else (1, 3, 4)
    shown = [loss for i, loss in enumerate(loop.losses) if i % 5 in last]
    assert loop.used == close(controlled(WATCHING, total, shown))
    assert loop.used != close(values("cosine()", total))
    assert loop.scheduler.last_epoch == total


def test_a_whole_strategy_is_an_optimizer_alone():
    loop = Whole(5, 9, gradient_accumulation_steps=2).train(3)
    assert loop.used == close(values(PLAN, 9))
    foretold(preflight(loop.made, "accelerate", epochs=3, batches=5, accumulation=2), loop.used, loop.scheduler)


@pytest.mark.parametrize("prepared", [True, False])
def test_resume_equals_straight_through(tmp_path, prepared):
    plan = PLAN if prepared else WATCHING

    def fresh():
        loop = Loop(3, plan, 12, prepared=prepared)
        if not prepared:
            loop.accelerator.register_for_checkpointing(loop.scheduler)
        return loop

    straight, first = fresh().train(4), fresh().train(2)
    first.accelerator.save_state(str(tmp_path))
    second = fresh()
    second.accelerator.load_state(str(tmp_path))
    second.train(2)
    assert len(first.used) == 6
    assert first.used + second.used == straight.used
    assert torch.equal(second.net.head.weight, straight.net.head.weight)


# Two processes --------------------------------------------------------------------------------------------------------

TWO = {
    "as planned by updates": {"plan": PLAN, "total": 9},
    "as preflight says": {"plan": PLAN, "total": 18},
    "counting by itself": {"plan": PLAN, "total": 9, "make": PlateauScheduler},
    "left out": {"plan": WATCHING, "total": 9, "prepared": False},
}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What two real processes did in 3 epochs of 5 batches with accumulation 2: one list for each of them."""
    folder = tmp_path_factory.mktemp("two")
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    command = "-m torch.distributed.run --standalone --nproc_per_node 2 --module test_hosts_accelerate"
    command = [sys.executable, *command.split(), str(folder)]
    done = subprocess.run(command, env=here, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


def be_one_of_two(folder):
    found = {}
    for name, options in TWO.items():
        loop = Loop(5, **options, gradient_accumulation_steps=2).train(3)
        assert loop.accelerator.num_processes == 2
        found[name] = {"used": loop.used, "last_epoch": loop.scheduler.last_epoch, "losses": loop.losses}
    loop = ByRecipe(5, 3, gradient_accumulation_steps=2).train(3)
    found["recipe"] = {"used": loop.used, "last_epoch": loop.scheduler.last_epoch, "losses": loop.losses}
    loop = Whole(5, 9, gradient_accumulation_steps=2).train(3)
    found["whole"] = {"used": loop.used, "last_epoch": loop.scheduler.last_epoch, "losses": loop.losses}
    (folder / f"{loop.accelerator.process_index}.json").write_text(json.dumps(found))
    torch.distributed.destroy_process_group()


class Stepped:
    def __init__(self, last_epoch):
        self.last_epoch = last_epoch


@pytest.mark.parametrize("name", ["as planned by updates", "as preflight says", "counting by itself"])
def test_two_processes_step_it_as_preflight_says(two, name):
    total, make = TWO[name]["total"], TWO[name].get("make", Scheduler)
    report = foreseen(total, 3, 5, 2, make, processes=2)
    for rank in two:
        foretold(report, rank[name]["used"], Stepped(rank[name]["last_epoch"]))
    assert report.steps == (9 if make is PlateauScheduler else 18)
    assert report.good == (name != "as planned by updates")


def test_two_processes_end_a_schedule_at_half_of_the_run(two):
    assert "Accelerate steps it 2 times an update: write total_steps=18" in foreseen(9, 3, 5, 2, processes=2).advice[0]
    assert two[0]["as planned by updates"]["used"] == close(values(PLAN, 9, 9, every=2))
    assert two[0]["as planned by updates"]["used"][5:] == [0, 0, 0, 0]
    assert two[0]["as preflight says"]["used"] == close(values(PLAN, 18, 9, every=2))


def test_the_recipe_of_the_documents_ends_with_the_run_of_two(two):
    for rank in two:
        assert rank["recipe"]["used"] == close(values("cosine()", 18, 9, every=2))
        assert rank["recipe"]["last_epoch"] == 18


def test_a_whole_strategy_counts_its_own_updates_in_each_process(two):
    for rank in two:
        assert rank["whole"]["used"] == close(values(PLAN, 9))
        assert rank["whole"]["last_epoch"] == 9


def test_left_out_both_decide_on_the_mean_loss(two):
    ours, theirs = (rank["left out"] for rank in two)
    assert ours["losses"] != theirs["losses"]
    assert ours["used"] == theirs["used"]
    mean = [(a + b) / 2 for a, b in zip(ours["losses"], theirs["losses"], strict=True)]
    shown = [loss for i, loss in enumerate(mean) if i % 5 in (1, 3, 4)]
    assert ours["used"] == close(controlled(WATCHING, 9, shown))
    assert ours["last_epoch"] == 9
    assert max(ours["used"]) == BASE


if __name__ == "__main__":
    be_one_of_two(Path(sys.argv[1]))
