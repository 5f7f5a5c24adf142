"""What preflight says before a run: the rates of small stand-ins for the hosts' loops, and advice for wrong units.

The hosts themselves are in test_hosts_*.py.
"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scheduled import ALONE
from stepsize import StepsizeError
from stepsize.adapters.torch import PlateauScheduler, Scheduler, optimizer, preflight

BASE = 0.1
PLAN = "warmup('20%') >> cosine()"


def sgd(*rates):
    return torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(2))], "lr": rate} for rate in rates or (BASE,)])


def scheduled(plan=PLAN, make=Scheduler, **options):
    return make(sgd(), plan, **options)


def updates_after(epochs, batches, every, leftover):
    """The epoch and the batch after which each update is made."""
    count = 0
    for epoch in range(epochs):
        for i in range(batches):
            count += 1
            due = {"drop": (i + 1) % every == 0, "carry": count % every == 0}.get(
                leftover, (i + 1) % every == 0 or i + 1 == batches
            )
            if due:
                yield epoch


def trained(scheduler, epochs, batches, every, leftover, calls, by_epoch):
    """The rate of every update of a loop that calls the scheduler so often an update, or once an epoch."""
    made, used, before = scheduler.optimizer, [], 0
    for epoch in updates_after(epochs, batches, every, leftover):
        for _ in range(epoch - before if by_epoch else 0):
            scheduler.step()
        before = epoch
        used.append(made.param_groups[0]["lr"])
        made.step()
        for _ in range(0 if by_epoch else calls):
            scheduler.step()
    for _ in range(epochs - before if by_epoch else 0):
        scheduler.step()
    return used


HOSTS = [
    ("torch", None, "epoch", "drop"),
    ("torch", "step", "epoch", "step"),
    ("torch", "carry", "epoch", "carry"),
    ("deepspeed", None, "epoch", "carry"),
    ("transformers", None, "epoch", "step"),
    ("accelerate", None, "epoch", "step"),
    ("accelerate", "carry", "epoch", "carry"),
    ("lightning", None, "step", "step"),
    ("lightning", None, "epoch", "step"),
    ("lightning", "carry", "epoch", "carry"),
]


@ALONE
@pytest.mark.parametrize(("host", "leftover", "interval", "meant"), HOSTS)
@given(st.integers(1, 6), st.integers(1, 7), st.integers(1, 5), st.integers(1, 3))
def test_the_rates_are_those_of_the_loop(host, leftover, interval, meant, epochs, batches, every, processes):
    torch.manual_seed(0)
    sizes = {"epochs": epochs, "batches": batches, "accumulation": every, "processes": processes}
    report = preflight(scheduled(total_steps=20), host, **sizes, interval=interval, leftover=leftover)
    scheduler = scheduled(total_steps=20)
    by_epoch = (host, interval) == ("lightning", "epoch")
    used = trained(scheduler, epochs, batches, every, meant, processes if host == "accelerate" else 1, by_epoch)
    assert report.updates == len(used)
    assert report.steps == scheduler.last_epoch
    assert [rates for _, _, rates in report.rates] == [(used[u],) for u, _, _ in report.rates]
    assert [u for u, _, _ in report.rates][:: max(len(report.rates) - 1, 1)] == [0, len(used) - 1][: len(used)]
    assert report.good == (len(used) > 0 and report.steps == 20)
    if report.ends_at is not None:  # the cosine ends at 0
        assert used[report.ends_at :] == [0] * (len(used) - report.ends_at)
        assert used[report.ends_at - 1] > 0


def advice(plan=PLAN, host="torch", interval="epoch", scheduler=None, units=None, **sizes):
    sizes = {"epochs": 3, "batches": 10, **sizes}
    report = preflight(scheduler or scheduled(plan, **(units or {})), host, interval=interval, **sizes)
    return list(report.advice)


def over(total):
    return {"total_steps": total}


def test_epochs_where_updates_are_counted():
    assert advice(units=over(3)) == [
        "the schedule is over at update 3 of 30; 3 are the epochs, but it is stepped at every update: write "
        "total_steps=30"
    ]


def test_the_batches_of_one_epoch():
    assert advice(units=over(10)) == [
        "the schedule is over at update 10 of 30; 10 are the batches of one epoch, but it is stepped at every update: "
        "write total_steps=30"
    ]


def test_accumulation_is_forgotten():
    assert advice(units=over(30), accumulation=5) == [
        "the run goes to step 6, planned are 30; 30 are the batches of all epochs, but it is stepped at every update: "
        "write total_steps=6"
    ]


@pytest.mark.parametrize(("total", "unit"), [(60, "updates"), (120, "batches")])
def test_what_all_processes_do_together(total, unit):
    assert advice(host="transformers", units=over(total), accumulation=2, processes=4) == [
        f"the run goes to step 15, planned are {total}; {total} are the {unit} of all processes, but it is stepped at "
        "every update: write total_steps=15"
    ]


def test_accelerate_steps_it_for_every_process():
    assert advice(host="accelerate", units=over(30), processes=4) == [
        "the schedule is over at update 8 of 30; 30 are the updates, but Accelerate steps it 4 times an update: write "
        "total_steps=120"
    ]
    assert advice(host="accelerate", units=over(119), processes=4) == [
        "the run goes to step 120, planned are 119; Accelerate steps it 4 times an update: write total_steps=120"
    ]


def test_lightning_steps_it_once_an_epoch():
    assert advice(host="lightning", units=over(30)) == [
        "the run goes to step 3, planned are 30; 30 are the updates, but Lightning steps it once an epoch: hand over "
        '{"interval": "step"} too, or write total_steps=3'
    ]
    assert advice(host="lightning", units=over(60), accumulation=2) == [
        "the run goes to step 3, planned are 60; Lightning steps it once an epoch: hand over "
        '{"interval": "step"} too and write total_steps=15, or write total_steps=3'
    ]


def test_epochs_of_the_wrong_length():
    plan = "warmup('1ep') >> cosine()"
    right = {"total_steps": 9, "steps_per_epoch": 3}
    assert advice(plan, units=right, batches=6, accumulation=2) == []
    assert advice(plan, units={**right, "steps_per_epoch": 6}, batches=6, accumulation=2) == [
        "steps_per_epoch is 6, but it is stepped at every update: write steps_per_epoch=3"
    ]
    assert advice(plan, host="accelerate", units={"total_steps": 60, "steps_per_epoch": 10}, processes=2) == [
        "steps_per_epoch is 10, but Accelerate steps it 2 times an update: write steps_per_epoch=20"
    ]


def test_a_controller_is_asked_for_every_process():
    wanted = (
        "Accelerate steps it 2 times an update, so a controller is asked as often: leave the scheduler out of "
        "prepare() and step it where accelerator.sync_gradients is true"
    )
    assert advice("infrared()", host="accelerate", processes=2) == [wanted]
    assert advice("infrared()", host="accelerate", processes=1) == []
    assert advice("constant()", host="accelerate", processes=2) == []


def test_a_run_without_an_update():
    report = preflight(scheduled(total_steps=3), epochs=1, batches=3, accumulation=4)
    assert (report.updates, report.steps, report.rates, report.ends_at) == (0, 0, (), None)
    assert report.advice == ("no update is made: accumulation=4 is more than the run's batches fill",)


RIGHT = [
    ("torch", "epoch", 30, {}),
    ("torch", "epoch", 9, {"accumulation": 3}),
    ("torch", "epoch", 12, {"accumulation": 3, "leftover": "step"}),
    ("deepspeed", "epoch", 10, {"accumulation": 3}),
    ("transformers", "epoch", 12, {"accumulation": 3, "processes": 2}),
    ("accelerate", "epoch", 24, {"accumulation": 3, "processes": 2}),
    ("lightning", "step", 12, {"accumulation": 3, "processes": 2}),
    ("lightning", "epoch", 3, {"accumulation": 3}),
]


@pytest.mark.parametrize(("host", "interval", "total", "more"), RIGHT)
def test_nothing_is_said_where_it_is_right(host, interval, total, more, capsys):
    report = preflight(scheduled(total_steps=total), host, epochs=3, batches=10, interval=interval, **more)
    assert report.good
    assert report.ends_at is None
    assert "!" not in str(report)
    assert capsys.readouterr().out == f"{report}\n"


def test_what_is_printed_can_be_read():
    scheduler = Scheduler(sgd(0.1, 0.01), "linear(1, 0)", total_steps=4)
    report = preflight(scheduler, "accelerate", epochs=1, batches=3, accumulation=2, processes=2)
    assert str(report).splitlines() == [
        "accelerate: 2 updates, 4 scheduler steps, 4 planned",
        "batches left over at the end of an epoch: one more update",
        "update  step  rate",
        "     0     0  0.1  0.01",
        "     1     2  0.05  0.005",
    ]
    assert "no length planned" in str(preflight(scheduled("warmup(5)"), epochs=2, batches=2))


def test_a_long_run_is_twelve_lines():
    report = preflight(scheduled(total_steps=10**8), epochs=100, batches=10**6)
    assert len(report.rates) == 12
    assert [report.rates[0][0], report.rates[-1][0]] == [0, 10**8 - 1]


@pytest.mark.parametrize("host", ["torch", "lightning", "transformers", "accelerate", "deepspeed"])
def test_what_counts_the_updates_itself_takes_one_step_an_update(host):
    made = optimizer([torch.nn.Parameter(torch.ones(2))], f"sgd() | 0.1 * ({PLAN})", total_steps=6)
    for scheduler in (scheduled(make=PlateauScheduler, total_steps=6), made):
        report = preflight(scheduler, host, epochs=3, batches=2, processes=2)
        assert report.good
        assert [u for u, step, _ in report.rates if u == step] == [0, 1, 2, 3, 4, 5]


def test_the_wrapper_of_accelerate_is_looked_through():
    class Wrapper:
        scheduler = scheduled(total_steps=12)

    assert preflight(Wrapper(), "accelerate", epochs=3, batches=2, processes=2).good


def test_nothing_is_stepped():
    scheduler = scheduled(total_steps=6)
    before = scheduler.state_dict(), scheduler.optimizer.param_groups[0]["lr"]
    preflight(scheduler, epochs=3, batches=2)
    assert (scheduler.state_dict(), scheduler.optimizer.param_groups[0]["lr"]) == before


WRONG = [
    ({"epochs": 0}, "preflight: epochs must be"),
    ({"batches": 2.5}, "preflight: batches must be"),
    ({"accumulation": -1}, "preflight: accumulation must be"),
    ({"processes": "two"}, "preflight: processes must be"),
    ({"host": "keras"}, "preflight: host must be torch, lightning, transformers, accelerate or deepspeed, not 'keras'"),
    ({"interval": "batch"}, "preflight: interval must be epoch or step, not 'batch'"),
    ({"leftover": "keep"}, "preflight: leftover must be drop, carry or step, not 'keep'"),
    ({"scheduler": None}, "preflight: scheduler must be a stepsize Scheduler, not NoneType: write"),
    ({"scheduler": sgd()}, "preflight: scheduler must be a stepsize Scheduler, not SGD: write"),
]


@pytest.mark.parametrize(("changed", "said"), WRONG, ids=str)
def test_errors_are_one_line(changed, said):
    given = {"scheduler": scheduled(total_steps=6), "epochs": 3, "batches": 2, **changed}
    with pytest.raises(StepsizeError) as caught:
        preflight(given.pop("scheduler"), given.pop("host", "torch"), **given)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)
