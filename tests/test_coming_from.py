"""docs/coming-from.md: every row of its tables gives the rates of the library itself, at every update of a run."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from peers import library, optimizer, used
from stepsize import ParseError, parse
from stepsize.adapters.torch import Scheduler
from test_presets_peers_timm import timm_schedulers

PAGE = (Path(__file__).parents[1] / "docs" / "coming-from.md").read_text(encoding="utf-8")
BASE, STEPS = 0.1, 100
PLATEAU = "ReduceLROnPlateau"


def rows(part):
    """Their line and ours, of each row of a part of the page."""
    section = re.search(rf"^## {part}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)[1]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [tuple(one.replace("\\|", "|") for one in re.findall(r"`([^`]+)`", line)[:2]) for line in lines]


def ours(text):
    """The rate of every update."""
    value = parse(text).over(STEPS)
    scale = 1.0 if type(value).__name__ == "rate" else BASE
    return np.array([scale * value(t) for t in range(STEPS)])


def names(module):
    return {name: getattr(module, name) for name in dir(module) if not name.startswith("_")}


def by_optimizer(line, module, step=lambda scheduler, t: scheduler.step()):
    """The rates of a library whose schedules move an optimizer."""
    built = optimizer(BASE)
    return used(built, eval(line, names(module) | {"optimizer": built}), STEPS, step)


def by_function(line, module):
    """The rates of a library whose schedules are functions of the step."""
    schedule = eval(line, names(module))
    return np.array([float(schedule(t)) for t in range(STEPS)])


def close(text, theirs, bound=1e-12):
    assert np.max(np.abs(ours(text) - theirs)) < bound


def test_the_page_has_the_commonest_lines():
    wanted = {"StepLR", "MultiStepLR", "ExponentialLR", "CosineAnnealingLR", "OneCycleLR", "LambdaLR", PLATEAU}
    have = {theirs.partition("(")[0] for theirs, _ in rows("torch")}
    assert wanted | {"SequentialLR", "LinearLR", "PolynomialLR"} <= have
    least = {"torch": 12, "transformers": 8, "timm": 6, "Keras": 8, "optax": 10}
    assert all(len(rows(part)) >= count for part, count in least.items())


@pytest.mark.parametrize(("theirs", "mine"), [one for one in rows("torch") if PLATEAU not in one[0]])
@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")  # torch's own, of its SequentialLR
def test_torch(theirs, mine):
    close(mine, by_optimizer(theirs, torch.optim.lr_scheduler))


@pytest.mark.parametrize(("theirs", "mine"), [one for one in rows("torch") if PLATEAU in one[0]])
def test_torch_on_a_plateau(theirs, mine):
    built = optimizer(BASE)
    scheduler = eval(theirs, names(torch.optim.lr_scheduler) | {"optimizer": built})
    other = Scheduler(optimizer(BASE), mine)
    metrics = [1 / (1 + t) if t < 5 else 0.2 for t in range(20)] + [0.1] * 20
    for metric in metrics:
        built.step()
        scheduler.step(metric)
        other.optimizer.step()
        other.step()
        other.see(metric=metric)
        assert other.get_last_lr() == pytest.approx(scheduler.get_last_lr(), rel=1e-12)
    assert other.get_last_lr()[0] < BASE / 8


@pytest.mark.parametrize(("theirs", "mine"), rows("transformers"))
def test_transformers(theirs, mine):
    close(mine, by_optimizer(theirs, library("transformers")))


@pytest.mark.parametrize(("theirs", "mine"), rows("timm"))
def test_timm(theirs, mine):
    close(mine, by_optimizer(theirs, timm_schedulers(), lambda scheduler, t: scheduler.step(t)))


@pytest.mark.parametrize(("theirs", "mine"), rows("Keras"))
def test_keras(theirs, mine):
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    close(mine, by_function(theirs, library("keras").optimizers.schedules), 1e-6 * BASE)


@pytest.mark.parametrize(("theirs", "mine"), rows("optax"))
def test_optax(x64, theirs, mine):
    close(mine, by_function(theirs, library("optax")))


@pytest.mark.parametrize(("theirs", "mine"), rows("Optimizers and clips"))
def test_an_optimizer_is_what_the_error_shows(theirs, mine):
    with pytest.raises(ParseError) as caught:
        parse(theirs)
    assert caught.value.message.endswith(f": write {mine}")
    parse(mine)
