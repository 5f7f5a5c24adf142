"""What the tests of real hosts share: a host without its import-time warnings, the rates that training used."""

import re
import warnings
from pathlib import Path

import pytest
import torch

from stepsize import parse, seen

BASE = 0.1
PAGE = Path(__file__).parent.parent / "docs" / "torch-hosts.md"


def host(name, *needs):
    """The module of a host; where it or what it needs is missing, the file is skipped in one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for one in (*needs, name):
            module = pytest.importorskip(one, reason=f"{one} is not installed: make test-hosts", exc_type=ImportError)
    return module


def recipe(heading, page=PAGE):
    """What the snippets of one section of the page define: the recipe that is tested is the documented one."""
    text = page.read_text(encoding="utf-8")
    section = re.search(rf"^##+ {heading}\n(.*?)(?=^##|\Z)", text, re.M | re.S).group(1)
    names = {}
    exec("import torch\nfrom stepsize.adapters.torch import PlateauScheduler, Scheduler\n", names)
    for block in re.findall(r"^```python\n(.*?)^```", section, re.M | re.S):
        exec(block, names)
    return names


class Net(torch.nn.Module):
    """A tiny model that says its own loss, as transformers wants it."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = torch.nn.Linear(3, 4)
        self.head = torch.nn.Linear(4, 1)

    def forward(self, x, labels=None):
        out = self.head(torch.tanh(self.body(x)))
        return {"loss": None if labels is None else torch.nn.functional.mse_loss(out, labels), "logits": out}


def sgd(net=None):
    return torch.optim.SGD((net or Net()).parameters(), lr=BASE, momentum=0.9)


def data(rows):
    """A plane with noise."""
    made = torch.Generator().manual_seed(0)
    x = torch.randn(rows, 3, generator=made)
    return x, x.sum(1, keepdim=True) + 0.1 * torch.randn(rows, 1, generator=made)


def watched(optimizer):
    """A list that fills with the rate of the first group at every update that is really made."""
    used = []
    optimizer.register_step_pre_hook(lambda made, args, kwargs: used.append(float(made.param_groups[0]["lr"])))
    return used


def values(plan, total, updates=None, every=1):
    """BASE times the schedule, for `updates` updates that lie `every` steps apart."""
    factor = parse(plan).over(total)
    return [BASE * factor(every * t) for t in range(total if updates is None else updates)]


def controlled(plan, total, shown):
    """BASE times an expression whose one controller is shown these losses, each after the update it belongs to."""
    factor = parse(plan).over(total)
    (rule,) = factor.controllers
    state, answer, found = rule.init(), 1.0, []
    for t, loss in enumerate(shown):
        found.append(BASE * factor.with_control(t, (answer,)))
        answer, state, _ = rule.step(state, seen(loss=loss))
    return found


def close(expected):
    return pytest.approx(expected, rel=1e-12)


def foretold(report, used, scheduler):
    """That training did what preflight said: updates, scheduler steps, and rates."""
    assert report.updates == len(used)
    assert report.steps == scheduler.last_epoch
    assert [rates[0] for _, _, rates in report.rates] == [used[u] for u, _, _ in report.rates]
