"""What the torch scheduler refuses, in one line that says what to write."""

import copy

import pytest
import torch

import stepsize as s
from scheduled import one_line, sgd, weight
from stepsize import StepsizeError
from stepsize.adapters.torch import Scheduler

BAD = {
    "no length": (("cosine()",), {}, r"total_steps=…"),
    "no length, epochs": (("warmup('1ep') >> cosine()",), {"steps_per_epoch": 9}, r"total_steps=…"),
    "no epoch length": (("warmup('1ep') >> cosine()",), {"total_steps": 9}, "steps_per_epoch=…"),
    "no such name": (({"haed": "cosine(9)"},), {}, r"'haed' is neither a group \(there are 0 \('body'\)\) nor"),
    "no such index": (({1: "cosine(9)"},), {}, "1 is neither a group"),
    "a true index": (({True: "cosine(9)"},), {}, "True is neither a group"),
    "a negative index": (({-1: "cosine(9)"},), {}, "-1 is neither a group"),
    "not there": (({"body": {"betas.0": "cosine(9)"}},), {}, "write one of lr, momentum, dampening, weight_decay"),
    "a flag": (({"nesterov": "cosine(9)"},), {}, "no number 'nesterov' in group 0 .*write one of lr, momentum"),
    "nothing": (({"foreach": "cosine(9)"},), {}, "no number 'foreach'"),
    "parameters": (({"params": "cosine(9)"},), {}, "no number 'params'"),
    "empty": (({},), {}, r'write \{"lr": "cosine\(\)"\}'),
    "twice": (({"lr": "cosine(9)", "*": "linear(1, 0, 9)"},), {}, "the lr of group 0 .* is given twice"),
    "twice by group": (({0: "cosine(9)", "body": "linear(1, 0, 9)"},), {}, "leave one out"),
    "group inside": (({"lr": {"body": "cosine(9)"}},), {}, "name the group first"),
    "a strategy": (("sgd() | 0.5 * cosine(9)",), {}, r"write Scheduler\(optimizer, '0.5 \* cosine\(9\)'\)"),
    "a rule": ((s.adam(),), {}, "more than a rate"),
    "not a rate": ((object(),), {}, "must be a number ≥ 0"),
    "a negative rate": ((-0.1,), {}, "≥ 0"),
    "negative done": (("cosine(9)",), {"done": -1}, "done must be a number ≥ 0, not -1"),
    "no steps": (("cosine()",), {"total_steps": 0}, "total_steps must be a number ≥ 1, not 0"),
    "half a step": (("cosine()",), {"total_steps": 1.5}, "total_steps must be a whole number, not 1.5"),
    "text": (("cosine()",), {"total_steps": "100"}, "total_steps must be a number ≥ 1, not '100'"),
    "on_change": (("cosine(9)",), {"on_change": "ignore"}, "on_change must be one of error, keep, replace"),
    "on_nonfinite": (("cosine(9)",), {"on_nonfinite": "skip"}, "on_nonfinite must be .raise. or .hold."),
}


@pytest.mark.parametrize(("arguments", "options", "told"), BAD.values(), ids=BAD)
def test_what_cannot_be_is_refused_in_one_line_that_says_what_to_write(arguments, options, told):
    optimizer = sgd(0.1, names=("body",))
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(StepsizeError, match=told) as error:
        Scheduler(optimizer, *arguments, **options)
    assert "\n" not in str(error.value)
    assert optimizer.state_dict() == before


def test_entries_of_betas_are_named():
    adam = torch.optim.Adam([weight()], lr=0.1)
    for key in ("betas", "betas.7", "betas.one"):
        with pytest.raises(StepsizeError, match=r"write one of lr, betas\.0, betas\.1, eps") as error:
            Scheduler(adam, {key: "cosine(9)"})
        assert one_line(error)


def test_a_name_that_is_a_group_and_a_hyper_parameter():
    with pytest.raises(StepsizeError, match="'momentum' is a hyper-parameter and the name of a group: rename") as error:
        Scheduler(sgd(0.1, names=("momentum",)), {"momentum": "cosine(9)"})
    assert one_line(error)


def test_an_optimizer_is_needed_and_groups_in_it():
    for wrong in (torch.nn.Linear(2, 2), None, "sgd", [0.1]):
        with pytest.raises(StepsizeError, match=r"must be a torch\.optim\.Optimizer"):
            Scheduler(wrong, "cosine(9)")
    empty = sgd()
    empty.param_groups.clear()
    with pytest.raises(StepsizeError, match="no parameter groups") as error:
        Scheduler(empty, "cosine(9)")
    assert one_line(error)
