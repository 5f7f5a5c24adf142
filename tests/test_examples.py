"""The five scripts in examples/, each run as it stands: the rates it used, what it printed, and what it did."""

import re
import runpy
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from stepsize import parse

FOLDER = Path(__file__).parent.parent / "examples"
UPDATES = 20 * 18  # epochs, batches of 100 among 1797 rows
RATES = {
    "fixed": ["0.1"],
    "exponential": ["0.5 * exponential(0.1)"],
    "stages": ["0.5 * stages(1, 0.1, 0.01)"],
    "clipping": ["5.0"],
    "adaptive": ["0.01", "0.001", "0.001"],
}


class Ran(NamedTuple):
    """The rate of every update, the furthest that it moved a parameter, and what was printed."""

    used: list
    moves: list
    printed: list


@cache
def ran(name):
    return watch(name)


def watch(name):
    used, moves, before = [], [], []

    def look(optimizer, args, kwargs):
        groups = optimizer.param_groups
        used.append(groups[0]["lr"])
        before[:] = [one.detach().clone() for group in groups for one in group["params"]]

    def measure(optimizer, args, kwargs):
        now = [one for group in optimizer.param_groups for one in group["params"]]
        moves.append(max((new - old).abs().max().item() for new, old in zip(now, before, strict=True)))

    hooks = [register_optimizer_step_pre_hook(look), register_optimizer_step_post_hook(measure)]
    printed = StringIO()
    try:
        with redirect_stdout(printed):
            runpy.run_path(str(FOLDER / f"{name}.py"))
    finally:
        for hook in hooks:
            hook.remove()
    return Ran(used, moves, printed.getvalue().splitlines())


def expected(name):
    found = []
    for text in RATES[name]:
        rate = parse(text if "*" in text else f"{text} * constant()").over(UPDATES)
        found += [rate(t) for t in range(UPDATES)]
    return found


@pytest.mark.parametrize("name", RATES)
def test_the_rates_are_those_of_the_expression(name):
    assert ran(name).used == pytest.approx(expected(name), rel=1e-12)


@pytest.mark.parametrize("name", RATES)
def test_what_is_printed_is_what_was_used_and_the_loss_fell(name):
    used, _, printed = ran(name)
    rates = [float(found) for line in printed for found in re.findall(r"epoch .*rate (\S+)", line)]
    epochs = [int(found) for line in printed for found in re.findall(r"epoch\s+(\d+)", line)]
    runs = range(len(RATES[name]))
    starts = [used[run * UPDATES + 18 * epoch] for run in runs for epoch in epochs[: len(epochs) // len(runs)]]
    assert rates == pytest.approx(starts, abs=1e-6)
    losses = [float(re.search(r"loss (\S+)", line).group(1)) for line in printed]
    each = len(printed) // len(runs)
    for run in runs:
        assert losses[run * each] > 1.5 * losses[(run + 1) * each - 1]
    assert re.search(r"rate \S+  loss \S+$", printed[-1])


def test_no_parameter_moves_further_than_the_clip():
    _, moves, printed = ran("clipping")
    assert max(moves) == pytest.approx(0.01, rel=1e-5)
    assert sum(one > 0.0099 for one in moves) > 100
    assert "largest move 0.010000" in printed[0]


def test_all_scripts_are_here_and_short():
    assert {one.stem for one in FOLDER.glob("*.py")} == set(RATES)
    for one in FOLDER.glob("*.py"):
        assert 25 <= len(one.read_text(encoding="utf-8").splitlines()) <= 45


def test_a_script_says_the_same_twice():
    assert watch("exponential") == ran("exponential")
