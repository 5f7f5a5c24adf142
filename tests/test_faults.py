"""The main statements of the fault bench, on shorter runs: who is broken by one bad batch, and who is not."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))

import faults
from faults import FAULTS, OURS, PEERS, Task, compared, trace

from peers import library

SHORT = Task(steps=180)
RATE = 0.1
CLEAN = {}


def cell(name, fault, rate=RATE, task=SHORT):
    strategy = {**OURS, **PEERS}[name] if isinstance(name, str) else name
    if (name, rate, task) not in CLEAN:
        CLEAN[name, rate, task] = trace(strategy, rate, FAULTS["clean"], 0, task)
    what = FAULTS[fault]
    return compared(trace(strategy, rate, what, 0, task), CLEAN[name, rate, task], what.over)


def test_both_loops_make_the_same_run():
    assert faults.apart(SHORT) < 1e-9


@pytest.mark.parametrize("fault", ["1000× batch", "gradient 1e30"])
@pytest.mark.parametrize("name", ["fixed", "torch SGD"])
def test_without_a_clip_one_bad_batch_breaks_the_run(name, fault):
    assert cell(name, fault).broken


@pytest.mark.parametrize("fault", [one for one in FAULTS if one not in ("clean", "1 % labels")])
@pytest.mark.parametrize("name", ["clip_norm", "zclip(max=None)", "robust_infrared", "our clip_norm(1) in torch"])
def test_behind_a_clip_every_fault_passes(name, fault):
    found = cell(name, fault)
    assert found.ratio < 1.6
    assert not found.poisoned


def test_one_nan_ends_the_protection_of_the_package_zclip_and_not_of_ours():
    library("zclip")
    ours, theirs = "zclip(max=None)", "zclip package, max_grad_norm=None"
    assert not cell(theirs, "1000× batch").broken
    after_nan = cell(theirs, "NaN, then 1000×")
    assert after_nan.poisoned
    assert after_nan.broken
    assert not cell(ours, "NaN, then 1000×").broken


@pytest.mark.parametrize("name", [name for name, one in OURS.items() if "clip" in one.text.partition("sgd")[0]])
def test_no_state_takes_in_what_is_not_finite(name):
    task = Task(steps=60)
    for fault in ("NaN batch", "10 NaN losses", "gradient 1e30"):
        assert not trace(OURS[name], RATE, FAULTS[fault], 0, task).poisoned, fault


def test_a_loop_that_leaves_nothing_out_is_lost_with_the_first_nan():
    for name in ("clip_norm", "torch clip_grad_norm_"):
        assert math.isnan(cell(name, "NaN batch", task=Task(steps=60, loop="bare")).ratio)
        assert cell(name, "NaN batch", task=Task(steps=60, loop="skip")).ratio < 1.6


def test_the_words_of_a_cell():
    good, slow, lost = (faults.Cell(*one) for one in ((1.0, 0, False), (1.4, math.inf, False), (math.nan, 5, True)))
    assert faults.written([]) == "–"
    assert faults.written([good, good, slow]) == "1.40 / 0"
    assert faults.written([good, slow, slow]) == "1.40 / never"
    assert faults.written([good, lost]) == "**1/2 broken, ∞** †"
