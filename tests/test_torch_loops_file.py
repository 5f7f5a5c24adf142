"""A file of the user's whose function returns a training: read, tried once, and told what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepsize import StepsizeError
from stepsize.lab.data.python_file import of_function
from stepsize.lab.trials.loop import Loop, Training
from stepsize.lab.trials.trial import Trial

EXAMPLE = Path(__file__).parent.parent / "docs" / "cnn.py"
OWN = '''
import torch
from torch import nn
from stepsize.adapters.torch import training


def train():
    """A line."""
    return training(lambda: nn.Linear(1, 1), nn.functional.mse_loss, (torch.ones(8, 1), torch.ones(8, 1)))


def kind():
    return training


def fails():
    def loss(output, targets):
        raise ValueError("no such loss")

    return training(lambda: nn.Linear(1, 1), loss, (torch.ones(8, 1), torch.ones(8, 1)))
'''


def test_the_example_of_the_documents_is_trained():
    found = of_function(str(EXAMPLE), "train")
    assert isinstance(found.problem, Training)
    assert found.validation is None
    assert found.model.endswith("digits that are moved about, 3,866 parameters.")
    assert found.notes == ("trained by a loop, one run at a time",)
    assert found.rows == (1000, 400, 397)
    trial = Trial("mine", "sgd(momentum=0.9) | 0.1 * cosine()", found.fingerprint, 0.1, 0, 60, measure_every=30)
    lot = Loop(found.problem).begin([trial])
    while lot.goes_on():
        lot.update()
    run = lot.runs()[0]
    assert run.validated[-1] < 0.5 * run.validated[0]
    assert run.record.metrics["accuracy"][-1] > 0.6


def test_a_fingerprint_is_that_of_the_file_and_the_start(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(OWN)
    first = of_function(str(file), "train").fingerprint
    assert of_function(str(file), "train").fingerprint == first
    file.write_text(OWN.replace("Linear(1, 1)", "Linear(1, 1, bias=False)"))
    assert of_function(str(file), "train").fingerprint != first


def test_what_is_wrong_is_one_line(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(OWN)
    with pytest.raises(StepsizeError, match=r"training: loss_fn raised ValueError: no such loss.*\(own.py line \d+\)"):
        of_function(str(file), "fails")
    with pytest.raises(StepsizeError, match=r"must return a problem, .*, not type"):
        of_function(str(file), "kind")
