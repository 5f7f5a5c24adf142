"""Nothing at all, handed to every public entry: a value, or one line that says what is missing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import stepsize
from stepsize import StepsizeError, descend, descend_many, from_json, parse
from stepsize.adapters.torch import Recorder, Scheduler, clip_gradients, clip_update, from_torch, optimizer, problem
from stepsize.lab.data.datasets import load
from stepsize.problems import least_squares, softmax

LINE = least_squares(np.ones((3, 1)), np.ones(3))


def parameter(*shape):
    return torch.nn.Parameter(torch.ones(*shape))


def sgd():
    return torch.optim.SGD([parameter(3)], lr=0.1)


REFUSED = {
    "no parameters": (lambda path: optimizer([], "sgd() | 0.1"), "there are no parameters"),
    "no text": (lambda path: parse(""), "the text is empty"),
    "no text between brackets": (lambda path: parse("()"), "column 1"),
    "nothing after an arrow": (lambda path: parse("cosine() >>"), "something is missing after >"),
    "no clip": (lambda path: clip_gradients(sgd(), ""), "the text is empty"),
    "no schedule": (lambda path: Scheduler(sgd(), ""), "the text is empty"),
    "no hyper-parameter": (lambda path: Scheduler(sgd(), {}), "the mapping is empty"),
    "no steps": (lambda path: Scheduler(sgd(), "cosine()", total_steps=0), "total_steps must be a number ≥ 1"),
    "no state": (lambda path: Scheduler(sgd(), "cosine()", total_steps=9).load_state_dict({}), "lacks 'last_epoch'"),
    "no strategy state": (
        lambda path: optimizer([parameter(3)], "sgd() | 0.1").load_state_dict({}),
        "the state is dam",
    ),
    "no JSON": (lambda path: from_json(""), "this is not JSON"),
    "no word in JSON": (lambda path: from_json("{}"), "names no word"),
    "no factor": (lambda path: stepsize.stages(), "at least one factor"),
    "no values": (lambda path: stepsize.table(), "at least one value"),
    "no knots": (lambda path: stepsize.piecewise(), "at least two knots"),
    "no parts": (lambda path: stepsize.then(), "at least one factor"),
    "no members": (lambda path: stepsize.product(), "at least one factor"),
    "no boundary": (lambda path: stepsize.multistep(), "at least one boundary"),
    "an empty formula": (lambda path: stepsize.formula(""), "1 to 2000 characters, not 0"),
    "no rows": (lambda path: least_squares(np.zeros((0, 2)), np.zeros(0)), "at least 1 of each, not (0, 2)"),
    "no columns": (lambda path: softmax(np.zeros((3, 0)), np.zeros(3), classes=2), "at least 1 of each, not (3, 0)"),
    "no updates": (lambda path: descend(LINE, "sgd() | 0.1", steps=0), "steps must be a number ≥ 1"),
    "no rates": (lambda path: descend_many(LINE, "sgd() | 0.1", steps=5, rates=[]), "at least one each"),
    "no seeds": (lambda path: descend_many(LINE, "sgd() | 0.1", steps=5, seeds=[]), "at least one each"),
    "no data": (
        lambda path: problem(torch.nn.Linear(1, 1), torch.nn.functional.mse_loss, (torch.zeros(0, 1),) * 2),
        "data must have at least 1 row",
    ),
    "a module without parameters": (
        lambda path: problem(torch.nn.Identity(), torch.nn.functional.mse_loss, (torch.zeros(3, 1),) * 2),
        "must have parameters to train",
    ),
    "an empty table": (lambda path: load(str(written(path / "a.csv", "")), target="y"), "is empty"),
    "a table of names": (lambda path: load(str(written(path / "a.csv", "a,y\n")), target="y"), "at least 1 row"),
    "a table of gaps": (lambda path: load(str(written(path / "a.csv", "a,y\n,\n,\n")), target="y"), "must have values"),
}


def written(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize(("entry", "told"), REFUSED.values(), ids=REFUSED)
def test_nothing_is_an_error_of_one_line(tmp_path, entry, told):
    with pytest.raises(StepsizeError) as caught:
        entry(tmp_path)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


STRATEGIES = ["sgd() | 0.1", "clip_norm(1) | adam() | 0.1", "adam() | stable() | 0.1", "sgd() | 0.1 | clip(0.1)"]


@pytest.mark.parametrize("text", STRATEGIES)
def test_a_group_without_parameters_and_a_parameter_without_elements_take_steps(text):
    made = optimizer([{"params": []}], text)
    made.step()
    made.add_param_group({"params": [parameter(0)]})
    made.param_groups[1]["params"][0].grad = torch.ones(0)
    made.step()
    again = optimizer([{"params": []}, {"params": [parameter(0)]}], text)
    again.load_state_dict(made.state_dict())
    assert again.scheduler.last_epoch == 2


def test_clips_without_a_gradient_leave_all_as_it_was():
    for hang, clips in ((clip_gradients, "zclip()"), (clip_gradients, "adagc()"), (clip_update, "clip(0.1)")):
        one = sgd()
        hang(one, clips)
        one.step()
        assert one.param_groups[0]["params"][0].tolist() == [1.0, 1.0, 1.0]


def test_a_record_without_rows_is_no_file_of_a_run(tmp_path):
    Recorder(sgd(), tmp_path / "run.jsonl").close()
    assert not (tmp_path / "run.jsonl").exists() or (tmp_path / "run.jsonl").read_text() == ""


def test_a_plan_of_no_steps_has_no_values():
    assert parse("cosine()").over(10)(np.array([])).shape == (0,)
    assert parse("0.1 * (cosine(5) >> constant())").over(10)(np.zeros((0, 3))).shape == (0, 3)


def test_a_scheduler_of_a_group_without_parameters():
    one = torch.optim.SGD([{"params": []}], lr=0.1)
    ours = Scheduler(one, "cosine()", total_steps=4)
    one.step()
    ours.step()
    assert one.param_groups[0]["lr"] == pytest.approx(0.1 * (1 + 0.5**0.5) / 2)
    assert (
        str(from_torch(torch.optim.lr_scheduler.StepLR(torch.optim.SGD([{"params": []}], lr=0.1), 3)))
        == "staircase(0.1, 3)"
    )
