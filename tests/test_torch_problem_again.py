"""A problem of a module that exists already is trained many times, and begins each time where the module is."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stepsize.adapters.torch import problem
from stepsize.lab.compare import compare, here, prepare
from stepsize.lab.data.sources import workload
from stepsize.lab.study.study import Study
from stepsize.lab.trials.stacked import Stacked
from stepsize.lab.trials.trial import Trial
from stepsize.lab.workload import Workload

INPUTS = torch.linspace(-1, 1, 240).reshape(60, 4).sin()
TARGETS = (INPUTS[:, 0] > 0).long()


class Branch(nn.Module):
    """A module that cannot be stacked, since it looks at its values."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, inputs):
        output = self.layer(inputs)
        return output * 2 if output.sum().item() > 0 else output


MODULES = {
    "stacked": lambda: nn.Linear(4, 2),
    "normed": lambda: nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 2)),
    "alone": Branch,
}


def a_workload(module):
    parts = [problem(module, nn.functional.cross_entropy, (INPUTS[i::3], TARGETS[i::3])) for i in range(3)]
    return Workload("data", parts[0], parts[1], "A module.", "0" * 16, test=parts[2])


@pytest.mark.parametrize("name", MODULES)
def test_what_was_trained_leaves_the_next_its_start(name):
    torch.manual_seed(0)
    module = MODULES[name]()
    before = {name: one.clone() for name, one in module.state_dict().items()}
    given = a_workload(module)
    plan = prepare(given, ["sgd() | 0.1", "adam() | 0.1"], steps=6, seeds=2, rates=[0.1], batch_size=8)
    found = []
    for stop in (None, 1, 5):
        with Study(given) as study:
            if stop is not None:
                study.train(plan.trials(), here(given), until=stop)
            compare(study, plan)
            found.append([one.record for one in study.outcomes(plan.trials())])
    assert found[0] == found[1] == found[2]
    assert len({record.measured[0] for record in found[0]}) == 1
    assert all(torch.equal(one, before[name]) for name, one in module.state_dict().items())


MODEL = """
import torch
from torch import nn
from stepsize.adapters.torch import problem
X = torch.linspace(-1, 1, 240).reshape(60, 4).sin()
Y = (X[:, 0] > 0).long()
def normed():
    module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 2))
    return tuple(problem(module, nn.functional.cross_entropy, (X[i::3], Y[i::3])) for i in range(3))
"""


def test_a_file_may_bring_a_module_that_carries_statistics(tmp_path):
    (tmp_path / "model.py").write_text(MODEL)
    torch.manual_seed(0)
    assert workload(f"{tmp_path}/model.py:normed").engine().name == "stacked"


@pytest.mark.parametrize("seed", range(8))
def test_a_bias_before_batchnorm_whose_gradient_is_rounding_is_stacked(seed):
    torch.manual_seed(seed)
    inputs = torch.randn(60, 4)
    module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    made = problem(module, nn.functional.cross_entropy, (inputs, (inputs[:, 0] > 0).long()))
    lot = Stacked(made).begin([Trial("mine", "sgd() | 0.1", "data", 0.1 * (1 + k), 0, 3, 8) for k in range(12)])
    lot.update()
    assert made.note == ""
