"""What the tests of the torch scheduler share: an optimizer with groups, and what it uses at each update."""

import pytest
import torch

from stepsize.controllers.base import Controller

# for tests of a scheduler alone: nothing trains, or not yet, which its users are told
ALONE = pytest.mark.filterwarnings(r"ignore:Scheduler. (step\(\) was called twice and|the first step\(\) came before)")


def weight():
    return torch.nn.Parameter(torch.ones(2))


def sgd(*rates, names=(), **more):
    """SGD with one group for each rate."""
    groups = [{"params": [weight()], "lr": one} for one in rates or (0.1,)]
    for group, name in zip(groups, names, strict=False):
        group["name"] = name
    return torch.optim.SGD(groups, **{"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, **more})


def now(optimizer, field="lr"):
    name, _, place = field.partition(".")
    held = [group[name] for group in optimizer.param_groups]
    return [float(one[int(place)] if place else one) for one in held]


def stepped(scheduler, steps, field="lr"):
    """What the optimizer uses at each update: a row of groups for each."""
    rows = []
    for _ in range(steps):
        rows.append(now(scheduler.optimizer, field))
        scheduler.optimizer.step()
        scheduler.step()
    return rows


def one_line(error):
    return "\n" not in str(error.value) and str(error.value).startswith(("Scheduler: ", "extend: ", "cooldown: "))


def tensor(value, dtype=torch.float64):
    return torch.tensor(value, dtype=dtype)


class both(Controller):
    """Looks at two quantities at once: their product is its factor."""

    __slots__ = ()

    @property
    def needs(self):
        return ("loss", "grad_norm")

    def init(self):
        return (0,)

    def step(self, state, now):
        return now.loss * now.grad_norm, (state[0] + 1,), "asked"
