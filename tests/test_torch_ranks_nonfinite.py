"""Two processes of which one alone sees a NaN: both decide alike, before the meeting that both need."""

import json
import os
import subprocess
import sys

import pytest

SCRIPT = """
import json, math, sys
import torch
from torch import distributed
from stepsize import StepsizeError
from stepsize.adapters.torch import optimizer

rank, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)

def run(text, answer):
    weight = torch.nn.Parameter(torch.ones(2))
    made = optimizer([weight], text, on_nonfinite=answer)
    for t in range(4):
        weight.grad = torch.ones(2)
        if t == 2 and rank == 1:
            weight.grad[0] = math.nan
        try:
            made.step(loss=1.0)
        except StepsizeError as error:
            return [made.scheduler.last_epoch, str(error)]
    return [made.scheduler.last_epoch, weight.tolist()]

found = [
    run(text, answer)
    for text in ("sgd() | 0.1 * infrared()", "sgd() | clip_rms() | 0.1 * infrared()", "sgd() | 0.1")
    for answer in ("skip", "raise")
]
distributed.destroy_process_group()
open(f"{folder}/rank{rank}.json", "w").write(json.dumps(found))
"""


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    script = folder / "script.py"
    script.write_text(SCRIPT)
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    both = [
        subprocess.Popen([sys.executable, str(script), str(rank), str(folder)], env=env, stderr=subprocess.PIPE)
        for rank in (0, 1)
    ]
    for one in both:
        _, told = one.communicate(timeout=120)
        assert one.returncode == 0, told.decode()
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in (0, 1)]


@pytest.mark.parametrize("which", [0, 2])
def test_both_leave_the_update_out(ranks, which):
    assert ranks[0][which] == ranks[1][which]
    assert ranks[0][which][0] == 3


@pytest.mark.parametrize("which", [1, 3])
def test_both_raise_and_one_says_where(ranks, which):
    assert [one[which][0] for one in ranks] == [2, 2]
    assert "are NaN or infinite on another rank" in ranks[0][which][1]
    assert "1 of 2 elements of the gradient of parameter 0" in ranks[1][which][1]


def test_without_controllers_nobody_meets(ranks):
    """A strategy that only some ranks run may not wait for the others."""
    assert [one[4][0] for one in ranks] == [4, 3]
