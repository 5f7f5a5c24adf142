"""What a Recorder writes beside loss, rate and norm: groups, what moves, what was decided and why, times."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from stepsize import StepsizeError
from stepsize.adapters.torch import PlateauScheduler, Recorder, Scheduler, clip_gradients, clip_update, optimizer
from stepsize.lab.records.record import read


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def two_groups(kind=torch.optim.AdamW, **options):
    body, head = (torch.nn.Parameter(torch.ones(2, 2)) for _ in range(2))
    return kind([{"params": [body], "name": "body"}, {"params": [head], "name": "head", "lr": 0.01}], lr=0.1, **options)


def update(made, recorder, loss=1.0, gradient=1.0):
    for group in made.param_groups:
        for one in group["params"]:
            one.grad = torch.full_like(one, gradient)
    made.step()
    recorder.step(loss)


def test_the_head_tells_the_optimizer_its_groups_the_schedule_and_the_plan(tmp_path):
    made = two_groups(weight_decay=0.05)
    made.param_groups[1]["weight_decay"] = 0.0
    with Recorder(made, tmp_path / "run.jsonl", every=2, layers_every=4) as recorder:
        kept = Scheduler(
            made, "warmup(2) >> cosine()", total_steps=10
        )  # after the Recorder, as in configure_optimizers
        update(made, recorder)
    head = rows(tmp_path / "run.jsonl")[0]
    assert (head["kind"], head["version"], head["groups"]) == ("stepsize recording", 2, ["body", "head"])
    assert (head["strategy"], head["planned_steps"]) == (kept.expression, 10)
    assert (head["every"], head["layers_every"]) == (2, 4)
    about = head["optimizer"]
    assert (about["class"], about["betas"], about["weight_decay"], about["weight_decay/head"]) == (
        "AdamW", [0.9, 0.999], 0.05, 0.0,
    )  # fmt: skip
    record = read(tmp_path / "run.jsonl")
    assert (record.text, record.planned_steps, record.optimizer["betas"]) == (kept.expression, 10, (0.9, 0.999))


def test_the_rate_of_every_group_is_there_by_name_and_only_where_there_are_several(tmp_path):
    made = two_groups()
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        scheduler = Scheduler(made, {"head": "linear(1, 0)", "*": "constant()"}, total_steps=4)
        for _ in range(2):
            update(made, recorder)
            scheduler.step()
    record = read(tmp_path / "run.jsonl")
    assert record.group_rates["body"].tolist() == [0.1, 0.1]
    assert record.group_rates["head"].tolist() == pytest.approx([0.01, 0.0075])
    single = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    with Recorder(single, tmp_path / "one.jsonl") as recorder:
        update(single, recorder)
    assert read(tmp_path / "one.jsonl").group_rates is None


def test_groups_of_one_name_are_told_apart(tmp_path):
    made = two_groups()
    made.param_groups[1]["name"] = "body"
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        update(made, recorder)
    assert sorted(read(tmp_path / "run.jsonl").group_rates) == ["body", "body.1"]


def test_what_is_scheduled_and_what_somebody_moves_is_written_and_nothing_else(tmp_path):
    made = two_groups()
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        scheduler = Scheduler(made, {"lr": "constant()", "weight_decay": "linear(1, 0)"}, total_steps=4)
        for step in range(3):
            made.param_groups[1]["betas"] = (0.9 if step < 2 else 0.8, 0.999)
            update(made, recorder)
            scheduler.step()
    knobs = read(tmp_path / "run.jsonl").knobs
    assert knobs["weight_decay/body"].tolist() == pytest.approx([0.01, 0.0075, 0.005])
    assert sorted(knobs) == ["betas.0/body", "betas.0/head", "weight_decay/body", "weight_decay/head"]
    assert math.isnan(knobs["betas.0/head"][0])  # before it moved it is a setting
    assert knobs["betas.0/head"][2] == 0.8


def test_momentum_of_one_group_has_its_own_name(tmp_path):
    made = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1, momentum=0.9)
    cycle = torch.optim.lr_scheduler.OneCycleLR(made, 0.1, total_steps=10)
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        for _ in range(3):
            update(made, recorder)
            cycle.step()
    assert sorted(read(tmp_path / "run.jsonl").knobs) == ["momentum"]


def test_a_decision_has_its_group_its_factor_and_the_update_that_it_acts_on(tmp_path):
    made = two_groups()
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        scheduler = Scheduler(made, {"head": "plateau(0.5, patience=1)", "body": "constant()"})
        for _ in range(5):
            update(made, recorder)
            scheduler.step(loss=1.0)
    record = read(tmp_path / "run.jsonl")
    assert [(one.step, one.kind, one.group, one.factor) for one in record.decisions] == [
        (3, "plateau", "head", 0.5),
        (5, "plateau", "head", 0.5),  # after the last update: it acts on the next
    ]
    assert "not better than 1 for 2 values" in record.decisions[0].why
    assert record.group_rates["head"].tolist() == [0.01, 0.01, 0.01, 0.005, 0.005]


def test_no_decision_is_lost_where_few_updates_are_written(tmp_path):
    made = two_groups()
    with Recorder(made, tmp_path / "run.jsonl", every=10) as recorder:
        scheduler = Scheduler(made, "plateau(0.5, patience=1)")
        for _ in range(8):
            update(made, recorder)
            scheduler.step(loss=1.0)
    assert [one.step for one in read(tmp_path / "run.jsonl").decisions] == [3, 5, 7]


def test_a_strategy_decides_the_update_that_it_looks_at(tmp_path):
    weight = torch.nn.Parameter(torch.ones(1))
    made = optimizer([weight], "sgd() | 0.1 * plateau(0.5, patience=1)")
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        for _ in range(4):
            weight.grad = torch.ones(1)
            made.step(loss=1.0)
            recorder.step(1.0)
    record = read(tmp_path / "run.jsonl")
    assert [one.step for one in record.decisions] == [2]
    assert record.rates.tolist() == [0.1, 0.1, 0.05, 0.05]


def test_the_metric_that_a_scheduler_is_told_is_there_and_so_is_validation(tmp_path):
    made = two_groups()
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        scheduler = Scheduler(made, "plateau(0.5, patience=0, watch='metric')")
        for _ in range(2):
            update(made, recorder)
            scheduler.step()
        scheduler.see(metric=0.7)
        recorder.validation(torch.tensor(0.5), accuracy=0.9)
        update(made, recorder)
        scheduler.step()
        recorder.validation(accuracy=0.95)
    record = read(tmp_path / "run.jsonl")
    assert record.measured_at == (2, 3)
    assert record.validated[0] == 0.5
    assert record.metrics["metric"][0] == 0.7
    assert record.metrics["accuracy"].tolist() == [0.9, 0.95]


def test_a_plateau_scheduler_of_a_host_tells_its_metric_and_its_decision(tmp_path):
    made = two_groups()
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        scheduler = PlateauScheduler(made, "plateau(0.5, patience=1, watch='metric')")
        for epoch in range(4):
            for _ in range(3):
                update(made, recorder)
            scheduler.step(1.0 if epoch else 2.0)
    record = read(tmp_path / "run.jsonl")
    assert record.metrics["metric"].tolist() == [2.0, 1.0, 1.0, 1.0]
    assert (record.measured_at, [one.step for one in record.decisions]) == ((3, 6, 9, 12), [12])


def test_validation_of_nothing_is_an_error(tmp_path):
    made = two_groups()
    with (
        Recorder(made, tmp_path / "run.jsonl") as recorder,
        pytest.raises(StepsizeError, match=r"validation\(\) got nothing: write"),
    ):
        recorder.validation()


def test_a_clip_is_told_when_it_begins_to_act_and_a_skip_with_what_was_wrong(tmp_path):
    made = two_groups(torch.optim.SGD)
    clip_gradients(made, "clip_norm(4)", on_nonfinite="skip")
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        for gradient in (1.0, 3.0, 3.0, 1.0, 3.0, math.nan, math.nan, 1.0):
            update(made, recorder, gradient=gradient)
    record = read(tmp_path / "run.jsonl")
    assert [(one.step, one.kind) for one in record.decisions] == [(1, "clip_norm"), (4, "clip_norm"), (5, "skip")]
    assert record.decisions[0].why == "clip_norm(4): limited all elements of a gradient of length 8.485"
    assert record.decisions[2].why.startswith("4 of 4 elements of the gradient of parameter 0 of group 0")
    assert record.skipped.tolist() == [0, 0, 0, 0, 0, 1, 1, 0]


def test_lengths_of_updates_are_those_of_what_moved_clips_included(tmp_path):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2), torch.nn.Linear(2, 1))
    made = torch.optim.AdamW(model.parameters(), lr=0.1)
    clip_update(made, "clip(0.03)")
    with Recorder(made, tmp_path / "run.jsonl", model, layers_every=2) as recorder:
        for _ in range(3):
            before = [one.detach().clone() for one in model.parameters()]
            loss = model(torch.ones(4, 3)).square().mean()
            made.zero_grad()
            loss.backward()
            made.step()
            recorder.step(loss)
            after = list(model.parameters())
    record = read(tmp_path / "run.jsonl")

    def length(some):
        return math.sqrt(sum(float(one.detach().double().square().sum()) for one in some))

    moved = [b - a for a, b in zip(before, after, strict=True)]
    assert record.update_norms[2] == pytest.approx(length(moved), rel=1e-5)
    assert record.weight_norms[2] == pytest.approx(length(before), rel=1e-5)
    assert record.layer_updates["2"][2] == pytest.approx(length(moved[-2:]) / length(before[-2:]), rel=1e-5)
    assert math.isnan(record.update_norms[1])
    assert sorted(record.layer_updates) == ["0", "2"]
    assert record.update_ratios[2] == pytest.approx(length(moved) / length(before), rel=1e-5)


@pytest.mark.parametrize(("size", "seldom"), [(10, 10), (1000, 50)])
def test_the_costly_columns_come_more_seldom_for_a_large_model(tmp_path, size, seldom):
    made = torch.optim.SGD([torch.nn.Parameter(torch.ones(size, 1000))], lr=0.1)
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        for _ in range(seldom + 1):
            update(made, recorder)
    found = rows(tmp_path / "run.jsonl")[1:]
    assert [row["step"] for row in found if "update_norm" in row] == [0, seldom]
    assert all("grad_norm" in row for row in found)


def test_the_loss_scale_and_its_falls_are_there(tmp_path):
    weight = torch.nn.Parameter(torch.ones(2))
    made = torch.optim.SGD([weight], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    with Recorder(made, tmp_path / "run.jsonl", scaler=scaler) as recorder:
        for gradient in (1.0, math.inf, 1.0):
            made.zero_grad()
            scaler.scale((weight * gradient).sum()).backward()
            scaler.step(made)
            scaler.update()
            recorder.step(gradient)
    record = read(tmp_path / "run.jsonl")
    assert record.knobs["loss_scale"].tolist() == [1024.0, 512.0]
    (decision,) = record.decisions
    assert (decision.step, decision.kind, decision.factor) == (1, "amp", 0.5)
    assert decision.why == "loss scale 1024 → 512: updates with infinite gradients were left out"


def test_a_fused_optimizer_that_leaves_an_update_out_is_told(tmp_path):
    weight = torch.nn.Parameter(torch.ones(2))
    made = torch.optim.Adam([weight], lr=0.1, fused=True)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        for gradient in (math.inf, 1.0):
            made.zero_grad()
            scaler.scale((weight * gradient).sum()).backward()
            scaler.step(made)
            scaler.update()
            recorder.step(gradient)
    (decision,) = read(tmp_path / "run.jsonl").decisions
    assert (decision.step, decision.kind, decision.factor) == (0, "amp", 0.0)


def test_a_scaler_that_is_none_is_said(tmp_path):
    with pytest.raises(StepsizeError, match="scaler must be a torch GradScaler, not int"):
        Recorder(two_groups(), tmp_path / "run.jsonl", scaler=3)


class Reads(TorchDispatchMode):
    """Counts how often a number is read back, which waits for an accelerator."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += "_local_scalar_dense" in str(func) or "is_nonzero" in str(func)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("place", ["after", "before"])
def test_no_number_is_read_back_at_an_update_that_is_not_written(tmp_path, place):
    model = torch.nn.Linear(4, 2)
    made = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    kept = Scheduler(made, "cosine()", total_steps=20)
    clip_gradients(made, "clip(1)", on_nonfinite="ignore")
    reads = []
    with Recorder(made, tmp_path / "run.jsonl", model, every=5) as recorder:
        for _ in range(11):
            loss = model(torch.ones(3, 4)).square().mean()
            made.zero_grad()
            loss.backward()
            with Reads() as counted:
                if place == "before":
                    recorder.step(loss)
                made.step()
                kept.step()
                if place == "after":
                    recorder.step(loss)
            reads.append(counted.count)
    there = [place == "after" and step % 5 == 0 for step in range(11)]
    assert any(reads)
    for step, count in enumerate(reads):
        if not there[step] and not (place == "before" and step % 5 in (0, 1)):  # the line may wait for the next loss
            assert count == 0, (step, reads)


def test_the_time_of_a_look_counts_for_no_update(tmp_path, monkeypatch):
    from stepsize.adapters.torch.recorder import spent

    now = [0.0]
    monkeypatch.setattr(spent, "perf_counter", lambda: now[0])
    made = two_groups()
    with Recorder(made, tmp_path / "run.jsonl", every=2) as recorder:
        for step in range(5):
            now[0] += 1.0
            update(made, recorder)
            if step == 2:
                now[0] += 100.0
                recorder.validation(1.0)
    assert read(tmp_path / "run.jsonl").seconds.tolist() == [1.0, 1.0, 1.0]


def test_a_run_that_goes_on_says_so_in_a_second_head(tmp_path):
    made = two_groups()
    with Recorder(made, tmp_path / "run.jsonl") as recorder:
        for _ in range(3):
            update(made, recorder)
    with Recorder(made, tmp_path / "run.jsonl", done=2) as recorder:  # from a checkpoint before the last
        update(made, recorder, loss=9.0)
    heads = [row for row in rows(tmp_path / "run.jsonl") if "kind" in row]
    assert [head.get("done") for head in heads] == [None, 2]
    assert read(tmp_path / "run.jsonl").losses.tolist() == [1.0, 1.0, 9.0]
