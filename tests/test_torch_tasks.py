"""The bundled torch tasks: each learns, repeats exactly, and keeps what it validates on apart."""

from __future__ import annotations

import hashlib
import platform

import numpy as np
import pytest
import torch

from stepsize import descend
from stepsize.adapters.torch.as_problem import tasks
from stepsize.adapters.torch.as_problem.tasks import ALPHABET, CONTEXT, TASKS, description
from stepsize.cli.bundled import TORCH_TASKS, workload

ENOUGH = {"digits-cnn": 60, "digits-mlp": 60, "topics-transformer": 40}


def sizes(problem):
    return sum(one.numel() for one in problem.start(0).values())


@pytest.mark.parametrize("name", TASKS)
def test_each_learns_and_repeats_exactly(name):
    how = {"strategy": "adam() | 0.01", "steps": ENOUGH[name], "batch_size": 32, "seed": 3}
    (problem, validation, _), (again, *_) = TASKS[name](), TASKS[name]()
    run = descend(problem, validation=validation, **how)
    assert run.measured[-1] < 0.8 * run.measured[0]
    assert run.validated[-1] < 0.8 * run.validated[0]
    if name != "topics-transformer":
        assert descend(again, **how).measured.tolist() == run.measured.tolist()
    else:  # the same in fewer steps
        short = [descend(one, **{**how, "steps": 4}) for one in (problem, again)]
        assert short[0].losses.tolist() == short[1].losses.tolist() == run.losses[:4].tolist()


@pytest.mark.parametrize(("name", "low", "high"), [("digits-cnn", 3818, 3818), ("digits-mlp", 4810, 4810)])
def test_sizes_are_what_is_said(name, low, high):
    assert low <= sizes(TASKS[name]()[0]) <= high
    assert 20_000 <= sizes(TASKS["topics-transformer"]()[0]) <= 60_000


@pytest.mark.parametrize("name", TASKS)
def test_seeds_start_at_different_weights(name):
    problem = TASKS[name]()[0]
    first, second = problem.start(0), problem.start(1)
    assert any(not np.array_equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", ["digits-cnn", "digits-mlp"])
def test_no_image_is_in_both_parts(name):
    training, *held = ({one.tobytes() for one in part.data[0].numpy()} for part in TASKS[name]())
    assert [len(training), *map(len, held)] == [1077, 360, 360]
    assert not training & held[0] | training & held[1] | held[0] & held[1]
    shares = np.bincount(TASKS[name]()[1].data[1].numpy()) / 360
    assert np.all(abs(shares - 0.1) < 0.01)


def test_windows_overlap_neither_with_each_other_nor_with_the_held_out_part():
    text = tasks._text()
    symbols = "".join(one if one in ALPHABET else "0" if one.isdecimal() and one.isascii() else "~" for one in text)
    training, *both = (_windows(part) for part in TASKS["topics-transformer"]())
    validation = [window for part in both for window in part]
    whole = symbols.rstrip("\n") + "\n"
    places, cut = [], round(0.9 * len(text))
    for window in training:
        found = whole.find(window, places[-1] + CONTEXT + 1 if places else 0, cut)
        assert found >= 0, "each window lies in the training part, after the one before"
        places.append(found)
    assert all(whole.find(window, cut) >= 0 for window in validation)
    held = {whole[i : i + CONTEXT + 1] for i in range(cut)} & set(validation)
    assert len(held) <= 0.05 * len(validation), "what is validated on is not what was trained on"


def _windows(problem):
    x, y = problem.data
    assert torch.equal(x[:, 1:], y[:, :-1])
    return [
        "".join((*ALPHABET, "~")[i] for i in (*row.tolist(), last))
        for row, last in zip(x, y[:, -1].tolist(), strict=True)
    ]


def test_the_transformer_sees_no_later_character():
    problem = TASKS["topics-transformer"]()[0]
    x = problem.data[0][:2].clone()
    other = x.clone()
    other[:, 20:] = 3
    with torch.no_grad():
        a, b = problem.module(x), problem.module(other)
    torch.testing.assert_close(a[:, :20], b[:, :20])
    assert not torch.allclose(a[:, 20:], b[:, 20:])


def test_the_description_names_the_text():
    told = description("topics-transformer")
    assert hashlib.sha256(tasks._text().encode()).hexdigest()[:12] in told
    assert f"Python {platform.python_version().rpartition('.')[0]}" in told
    assert description("digits-mlp") == "Handwritten digits by a perceptron of 64, 64 and 10 units with ReLU."


def test_the_command_line_knows_the_names_without_torch():
    assert tuple(TASKS) == tuple(TORCH_TASKS)
    made = workload("digits-mlp")
    assert made.rows == (1077, 360, 360)
    assert made.model.endswith("with ReLU, 4,810 parameters.")
    assert made.fingerprint == workload("digits-mlp").fingerprint != workload("digits-cnn").fingerprint
