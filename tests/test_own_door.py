"""Errors speak of the door that the user came through, and understand what other libraries call things."""

import pickle

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, LambdaLR, StepLR

import stepsize as s
from commandline import run
from scheduled import ALONE, now, sgd
from stepsize import LengthError, StepsizeError, descend, parse, problems
from stepsize.adapters.torch import PlateauScheduler, Scheduler, optimizer

pytestmark = ALONE


def refusal(call, *arguments, **options):
    with pytest.raises(StepsizeError) as error:
        call(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def strategy(text, *arguments, **options):
    return optimizer([torch.nn.Parameter(torch.ones(2))], f"sgd() | 0.1 * {text}", *arguments, **options)


MISSING = {"cosine('5ep')": "steps_per_epoch", "cosine('5samples')": "batch_size", "cosine('5tok')": "tokens_per_step"}


# facts that are missing


@pytest.mark.parametrize(("text", "fact"), MISSING.items())
def test_a_unit_that_is_not_known_is_asked_for_where_the_user_is(text, fact):
    for total in (100, None):
        assert refusal(Scheduler, sgd(), text, total).endswith(f"write Scheduler(…, {fact}=…)")
        assert refusal(Scheduler, sgd(), {"momentum": text}, total).endswith(f"write Scheduler(…, {fact}=…)")
    assert refusal(strategy, text, 100).endswith(f"write optimizer(…, {fact}=…)")
    assert refusal(parse(text).over, 100).endswith(f"write .over(total_steps, {fact}=…)")
    option = f"--{fact.replace('_', '-')}"
    for command in (["show", text], ["explain", text], ["diff", text, "cosine()"]):
        done = run(*command)
        assert done.returncode == 2
        assert f"write {option} …\n" in done.stderr
        assert ".over" not in done.stderr


def test_descend_has_no_such_argument():
    problem = problems.objective(lambda x: (float(x["x"] @ x["x"]), {"x": 2 * x["x"]}), params={"x": np.ones(2)})
    for text in MISSING:
        told = refusal(descend, problem, f"sgd() | 0.1 * {text}", steps=10)
        assert 'write steps (500) or a share ("5%")' in told
    done = run("compare", "digits", "sgd() | 0.1 * cosine('5tok')")
    assert 'write steps (500) or a share ("5%")' in done.stderr


def test_the_error_survives_a_process_border():
    with pytest.raises(LengthError) as error:
        parse("cosine('5tok')").over(9)
    again = pickle.loads(pickle.dumps(error.value))
    assert (str(again), again.fact) == (str(error.value), "tokens_per_step")


def test_a_fact_that_is_wrong_is_named_where_it_was_written():
    assert refusal(Scheduler, sgd(), "cosine(9)", steps_per_epoch=0).startswith("Scheduler: steps_per_epoch must be")
    assert refusal(strategy, "cosine(9)", batch_size=[(1, 2)]).startswith("optimizer: a ramp of batch_size")
    assert refusal(parse("cosine()").over, 0).startswith("over: total_steps must be")


def test_no_length_in_python_speaks_of_no_option():
    assert "--" not in refusal(parse("cosine()"), 3)


# lengths that are known without the length of the run


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("cosine('2ep')", "cosine(16)"),
        ("0.3 * (warmup('1ep') >> cosine('2ep'))", "0.3 * (warmup(8) >> cosine(16))"),
        ("warmup('320samples') >> constant()", "warmup(10) >> constant()"),
        ("staircase(0.5, '1ep') * plateau(0.5, 3)", "staircase(0.5, 8) * plateau(0.5, 3)"),
        ("repeat(cosine('1ep'))", "repeat(cosine(8))"),
        ("multistep('1ep', '3ep')", "multistep(8, 24)"),
    ],
)
def test_a_length_that_is_known_needs_no_total_steps(text, wanted):
    facts = {"steps_per_epoch": 8, "batch_size": 32}
    assert Scheduler(sgd(), text, **facts).expression == str(parse(wanted))
    assert Scheduler(sgd(), text, total_steps=float("inf"), **facts).expression == str(parse(wanted))
    assert Scheduler(sgd(), text, total_steps=100, **facts).units["total_steps"] == 100


@pytest.mark.parametrize("text", ["cosine('5%')", "warmup('2ep') >> cosine()", "constant() >> anneal('2ep')"])
def test_a_share_and_the_rest_need_it(text):
    told = refusal(Scheduler, sgd(), text, steps_per_epoch=8)
    assert "depends on the length of the run: write Scheduler(…, total_steps=…)" in told
    told = refusal(Scheduler, sgd(), text, float("inf"), 8)
    assert "total_steps is inf, which is what Lightning gives without max_steps: set that" in told


def test_a_run_without_an_end_continues():
    old = Scheduler(sgd(), "cosine('2ep')", steps_per_epoch=8)
    for _ in range(5):
        old.step()
    new = Scheduler(sgd(), "cosine('2ep')", float("inf"), steps_per_epoch=8)
    new.load_state_dict(old.state_dict())
    assert new.get_last_lr() == old.get_last_lr()


# nothing


@pytest.mark.parametrize("nothing", ["0", "'0ep'", "'0%'", "0.0"])
@pytest.mark.parametrize("word", ["warmup", "cosine", "anneal"])
def test_a_part_of_no_length_is_left_out(word, nothing):
    assert refusal(parse, f"{word}({nothing})").endswith(f": leave {word}(…) out")


def test_other_lengths_that_cannot_be_have_nothing_to_leave_out():
    for text in ("warmup(-1)", "warmup('101%')", "staircase(0.5, 0)", "warmup('-1ep')"):
        assert "leave" not in refusal(parse, text)


# torch's last_epoch


@pytest.mark.parametrize("last_epoch", [-1, 0, 1, 44, 99])
@pytest.mark.parametrize("kind", [Scheduler, PlateauScheduler])
def test_last_epoch_is_the_one_of_torch(kind, last_epoch):
    theirs, ours = sgd(0.1), sgd(0.1)
    theirs.param_groups[0]["initial_lr"] = 0.1
    f = s.linear(1, 0.01, 100)
    scheduler = LambdaLR(theirs, f, last_epoch=last_epoch)
    mine = kind(ours, f, last_epoch=last_epoch)
    assert mine.last_epoch == scheduler.last_epoch == last_epoch + 1
    assert now(ours) == pytest.approx(now(theirs), rel=1e-12)


def test_last_epoch_goes_to_the_step_that_a_run_would_be_at():
    stepped = sgd(0.1)
    theirs = StepLR(stepped, 10, 0.5)
    for _ in range(30):
        stepped.step()
        theirs.step()
    mine = Scheduler(sgd(0.1), "staircase(0.5, 10)", last_epoch=29)  # what torch would be told to be there
    assert now(mine.optimizer) == now(stepped) == [0.0125]


def test_done_and_last_epoch_are_one_thing():
    assert Scheduler(sgd(), "cosine(9)", done=3, last_epoch=-1).last_epoch == 3
    assert "leave last_epoch out" in refusal(Scheduler, sgd(), "cosine(9)", done=3, last_epoch=2)
    assert "last_epoch must be a number ≥ -1, not -2" in refusal(Scheduler, sgd(), "cosine(9)", last_epoch=-2)
    assert "last_epoch=45 is done=46 here" in refusal(strategy, "cosine(9)", last_epoch=45)


# other arguments of other libraries


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"verbose": True}, "leave it out"),
        ({"T_max": 100}, r"write Scheduler(…, total_steps=…)"),
        ({"num_training_steps": 100}, r"write Scheduler(…, total_steps=…)"),
        ({"epochs": 3}, "total_steps=epochs * steps_per_epoch"),
        ({"num_warmup_steps": 3}, 'the expression says it, "warmup(100) >> cosine()"'),
        ({"eta_min": 0.1}, "stepsize.presets.torch.CosineAnnealingLR(…, eta_min=…)"),
        ({"step_size": 10}, "stepsize.presets.torch.StepLR(…, step_size=…)"),
        ({"total_step": 10}, "write total_steps"),
        ({"zzz": 10}, "write one of total_steps, steps_per_epoch"),
    ],
)
def test_an_argument_of_another_library_is_answered_in_one_line(option, told):
    (name,) = option
    for call in (lambda: Scheduler(sgd(), "cosine(9)", **option), lambda: strategy("cosine(9)", **option)):
        said = refusal(call)
        assert f"there is no option {name!r}: " in said
        assert told.replace("Scheduler", said.partition(":")[0]) in said


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        (lambda e: 0.95**e, "formula('0.95**t')"),
        (max, "not a Python function"),
        ([0.1, 0.05], "{0: 0.1, 1: 0.05}"),
        ((1, 0.5), "table(1, 0.5, …)"),
        (StepLR(sgd(), 3), "from_torch(scheduler)"),
        (StepLR, "write stepsize.presets.torch.StepLR(…)"),
        (CosineAnnealingWarmRestarts, "presets.torch.CosineAnnealingWarmRestarts(…)"),
    ],
)
def test_what_is_no_expression_is_answered_with_what_would_be(expression, told):
    assert told in refusal(Scheduler, sgd(), expression)
    assert told in refusal(Scheduler, sgd(), {"momentum": expression})


def test_numbers_of_any_kind_are_rates():
    for number in (0.05, np.float32(0.05), 1):
        assert Scheduler(sgd(), number).get_last_lr() == [pytest.approx(float(number))]


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("LR", "did you mean 'lr'?"),
        ("learning_rate", "did you mean 'lr'?"),
        ("wd", "did you mean 'weight_decay'?"),
        ("weight-decay", "did you mean 'weight_decay'?"),
        ("beta1", "did you mean 'betas.0'?"),
        ("haed", "did you mean 'head'?"),
    ],
)
def test_a_key_that_is_nearly_one_is_asked_back(key, told):
    adam = torch.optim.AdamW([{"params": [torch.nn.Parameter(torch.ones(2))], "name": "head"}], lr=0.1)
    assert told in refusal(Scheduler, adam, {key: "cosine(9)"})


def test_a_group_without_a_name_is_told_of_and_named():
    told = refusal(Scheduler, sgd(), {"body": "cosine(9)"})
    assert "neither a group (there is one, 0, without a name) nor" in told
    assert '{"params": …, "name": \'body\'}' in told
    assert "(there are 0, 1) nor" in refusal(Scheduler, sgd(0.1, 0.2), {7: "cosine(9)"})


def test_what_is_seen_under_another_name():
    scheduler = Scheduler(sgd(), "plateau(0.5, 1, watch='metric')")
    assert "write see(metric=val_loss)" in refusal(scheduler.see, val_loss=1.0)
    assert "write see(loss=train_loss)" in refusal(scheduler.see, train_loss=1.0)
    assert "write see(metric=accuracy)" in refusal(strategy("cosine(9)").scheduler.see, accuracy=1.0)


# a plan called without a step


@pytest.mark.parametrize("text", ["cosine(9)", "0.1 * cosine(9)", "plan(lr=0.1 * cosine(9), momentum=0.9)", "0.1"])
def test_a_plan_that_is_called_without_a_step_names_the_callback(text):
    assert "call it with one, f(0); Keras" in refusal(parse(text))
    with pytest.raises(TypeError):
        parse(text)(1, 2)  # Keras tries its callback's function with two arguments first
