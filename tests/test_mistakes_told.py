"""What is said of swapped arguments, of a base of 0, of numbers that no controller can judge; in the user's words."""

import inspect
import warnings

import pytest
import torch

import stepsize as s
from stepsize import StepsizeError, parse, seen
from stepsize.adapters.torch import Scheduler, preflight
from stepsize.quantities import consult
from stepsize.schedules import recipes


def sgd(*groups, **more):
    groups = [{"params": [torch.nn.Parameter(torch.ones(2))], **one} for one in groups or ({},)]
    return torch.optim.SGD(groups, lr=0.1, **more)


# --- swapped arguments

SWAPPED = {
    "staircase(30, 0.1)": "staircase(0.1, 30)",
    "staircase('30ep', 0.1)": "staircase(0.1, '30ep')",
    "exponential(100, 0.1)": "exponential(0.1, 100)",
    "inverse_time(100, 0.5)": "inverse_time(0.5, 100)",
    "polynomial(100, 0.9)": "polynomial(0.9, 100)",
    "power_law(4000, -0.5)": "power_law(-0.5, 4000)",
    "natural_exponential(100, 0.5)": "natural_exponential(0.5, 100)",
    "plateau(10, 0.1)": "plateau(0.1, 10)",
    "greedy(10, 0.95)": "greedy(0.95, 10)",
    "multistep(0.1, 30, 60, 90)": "multistep(30, 60, 90)",
    "multistep(30, 60, 90, 0.2)": "multistep(30, 60, 90, gamma=0.2)",
    "multistep((30, 60), 0.1)": "multistep(30, 60)",
    "multistep((30, 60), gamma=0.5)": "multistep(30, 60, gamma=0.5)",
    "multistep('30ep', '60ep', 0.5)": "multistep('30ep', '60ep', gamma=0.5)",
}


@pytest.mark.parametrize(("text", "right"), SWAPPED.items())
def test_swapped_arguments_are_shown_the_other_way_round(text, right):
    with pytest.raises(StepsizeError) as caught:
        parse(text)
    message = str(caught.value)
    assert message.endswith(f" {right}")
    assert "stages" not in message
    parse(right)


@pytest.mark.parametrize(
    "text", ["plateau(1, 0)", "staircase(-0.1, 30)", "exponential(0.1, 0.5)", "staircase(0.1, -30)", "polynomial(0, 5)"]
)
def test_what_is_wrong_both_ways_is_not_turned_round(text):
    with pytest.raises(StepsizeError) as caught:
        parse(text)
    assert "other way" not in str(caught.value)


# --- recipes speak of themselves

OWN = [one for one in vars(recipes).values() if inspect.isfunction(one) and one.__module__ == recipes.__name__]
RIGHT = {
    "multistep": ((30, 60), {"gamma": 0.1}),
    "natural_exponential": ((0.5,), {"every": 1}),
    "inverse_sqrt": ((10,), {}),
    "noam": ((512, 4000), {}),
    "wsd": (("1%", "20%"), {"shape": "linear", "final": 0.0, "rise_shape": "linear"}),
    "wsds": ((500, 1000), {"rise": 10, "decay": 10, "shape": "linear", "final": 0.0}),
    "sgdr": ((10,), {"growth": 2, "height": 1.0, "final": 0.0}),
    "onecycle": (("30%",), {"start": 0.04, "final": 0.1, "shape": "cosine", "three_phase": True}),
    "onecycle_momentum": (("30%",), {"high": 0.95, "low": 0.85, "shape": "cosine", "three_phase": True}),
    "cyclic": ((10, 5), {"low": 0.1, "mode": "exp_range", "gamma": 0.9}),
    "untuned_linear": ((0.9,), {}),
    "untuned_exponential": ((0.9,), {}),
    "range_test": ((10, 100), {"shape": "linear"}),
    "chebyshev": ((8,), {"smallest": 0.1, "largest": 1.0, "every": 1}),
}
WRONG = [-1, "x", 0.5, 1e400, None, True, (1, 2), object]


def test_every_recipe_is_tried():
    assert {one.__name__ for one in OWN if not one.__name__.startswith("_")} == set(RIGHT)


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_an_error_of_a_recipe_names_the_recipe(name, wrong):
    places, named = RIGHT[name]
    recipe = getattr(recipes, name)
    recipe(*places, **named)
    tried = [((*places[:i], wrong, *places[i + 1 :]), named) for i in range(len(places))]
    tried += [(places, {**named, key: wrong}) for key in named]
    for args, keywords in tried:
        said = refusal(recipe, args, keywords)
        assert said is None or said.startswith(name), (args, keywords)


def refusal(recipe, args, keywords):
    """What it says against these arguments, or None."""
    try:
        recipe(*args, **keywords)
    except StepsizeError as error:
        return str(error)
    return None


# --- a factor on a base of 0

NONE_TO_SCALE = [
    ({"weight_decay": "linear(0.04, 0.4)"}, 'write "1 * linear(0.04, 0.4, 100)" for these values themselves'),
    ({"momentum": "linear(0.85, 0.95)"}, "momentum is 0 in group 0"),
    (s.plan(lr=s.cosine(), weight_decay=s.linear(0.04, 0.4)), "weight_decay is 0 in group 0"),
    ({0: {"weight_decay": "warmup(5) >> cosine()"}}, '"1 * (warmup(5) >> cosine(95))"'),
]


@pytest.mark.parametrize(("expression", "said"), NONE_TO_SCALE, ids=str)
def test_a_factor_on_a_base_of_0_is_an_error_that_says_what_to_write(expression, said):
    with pytest.raises(StepsizeError) as caught:
        Scheduler(sgd(), expression, total_steps=100)
    assert said in str(caught.value)


def test_what_it_says_to_write_gives_these_values():
    scheduler = Scheduler(sgd(), {"weight_decay": "1 * linear(0.04, 0.4)"}, total_steps=100)
    assert scheduler.optimizer.param_groups[0]["weight_decay"] == pytest.approx(0.04)
    for _ in range(50):
        scheduler.optimizer.step()
        scheduler.step()
    assert scheduler.optimizer.param_groups[0]["weight_decay"] == pytest.approx(0.22)


def test_groups_without_decay_on_purpose_keep_none():
    def fresh():
        return sgd({"weight_decay": 0.04, "name": "weights"}, {"weight_decay": 0.0, "name": "biases"})

    ways = ({"weight_decay": "linear(1, 10)"}, {"weights": {"weight_decay": "1 * linear(0.04, 0.4)"}})
    for expression in ways:
        scheduler = Scheduler(fresh(), expression, total_steps=100)
        for _ in range(50):
            scheduler.optimizer.step()
            scheduler.step()
        assert [one["weight_decay"] for one in scheduler.optimizer.param_groups] == [pytest.approx(0.22), 0.0]


def test_a_rate_of_0_is_no_error_but_preflight_tells_it():
    scheduler = Scheduler(sgd({"lr": 0.0}, {"lr": 0.0}), "cosine()", total_steps=100)
    (told,) = preflight(scheduler, epochs=10, batches=10).advice
    assert told.startswith("every rate is 0")
    assert preflight(Scheduler(sgd({"lr": 0.0}, {"lr": 0.1}), "cosine()", 100), epochs=10, batches=10).good


@pytest.mark.parametrize("expression", [{"weight_decay": "constant(0)"}, {"weight_decay": 0.1}, {"momentum": 0.9}])
def test_what_gives_a_value_on_a_base_of_0_is_no_error(expression):
    Scheduler(sgd(), expression, total_steps=100)


# --- preflight


def test_preflight_has_a_column_for_everything_that_is_scheduled():
    made = sgd({"weight_decay": 0.01, "momentum": 0.9})
    scheduler = Scheduler(made, {"lr": "linear()", "weight_decay": "linear(1, 3)", "momentum": "linear(1, 0)"}, 4)
    report = preflight(scheduler, epochs=2, batches=2)
    assert str(report).splitlines()[1:] == [
        "update  step  rate   weight_decay  momentum",
        "     0     0  0.1    0.01          0.9",
        "     1     1  0.075  0.015         0.675",
        "     2     2  0.05   0.02          0.45",
        "     3     3  0.025  0.025         0.225",
    ]
    two = sgd({"weight_decay": 0.01}, {"weight_decay": 0.02, "lr": 0.2, "name": "head"})
    report = preflight(Scheduler(two, {"lr": "linear()", "weight_decay": "linear(1, 3)"}, 4), epochs=2, batches=2)
    columns = [one.strip() for one in str(report).splitlines()[1].split("  ")]
    assert columns[-2:] == ["weight_decay of 0", "weight_decay of 1 ('head')"]
    assert report.others["weight_decay of 1 ('head')"] == pytest.approx((0.02, 0.03, 0.04, 0.05))


def test_preflight_says_where_a_warm_up_ends_in_updates():
    scheduler = Scheduler(sgd(), "warmup(100) >> cosine()", total_steps=2000)
    report = preflight(scheduler, "accelerate", epochs=10, batches=100, processes=2)
    assert report.good
    assert report.notes[0] == "warmup(100) is over at update 50, epoch 0.5 of 10"
    assert "- warmup(100) is over at update 50" in str(report)
    accumulated = Scheduler(sgd(), "warmup(100) >> constant(length=50) >> cosine()", total_steps=250)
    report = preflight(accumulated, epochs=10, batches=100, accumulation=4)
    assert report.notes == (
        "warmup(100) is over at update 100, epoch 4 of 10",
        "cosine(100) begins at update 150, epoch 6 of 10",
    )


def test_preflight_says_that_the_first_rate_is_0():
    scheduler = Scheduler(sgd(), "linear(0, 1, 100) >> cosine()", total_steps=1000)
    report = preflight(scheduler, epochs=10, batches=100)
    assert report.good
    assert report.notes[0].startswith("the first update is made at 0: warmup(100) in place of linear(0, 1, 100)")
    assert preflight(Scheduler(sgd(), "warmup(9)"), epochs=10, batches=100).notes[0].startswith("warmup(9) is over")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("multistep(30, 60, 90)", "write multistep('30ep', '60ep', '90ep') with steps_per_epoch=100"),
        ("exponential(0.95, every=1)", "write exponential(0.95, every='1ep') with steps_per_epoch=100"),
        ("warmup(20000)", "is not over when the run ends"),
        ("cosine(90000)", "the decay does not come"),
        ("warmup(10) + cosine()", "rises to 2"),
    ],
)
@pytest.mark.parametrize("planned", [None, 9000])
def test_preflight_tells_what_looks_wrong(expression, said, planned):
    if planned is None and "cosine()" in expression:
        pytest.skip("it needs a length")
    report = preflight(Scheduler(sgd(), expression, planned), epochs=90, batches=100)
    assert len(report.advice) == 1
    assert said in report.advice[0]


def test_preflight_under_a_host_that_steps_by_epoch_takes_milestones_in_epochs():
    assert preflight(Scheduler(sgd(), "multistep(30, 60, 80)"), "lightning", epochs=90, batches=100).good


def test_preflight_names_the_place_of_what_looks_wrong():
    expression = {"lr": "cosine()", "weight_decay": "multistep(30, 60)"}
    report = preflight(Scheduler(sgd(weight_decay=0.1), expression, 9000), epochs=90, batches=100)
    assert report.advice[0].startswith("weight_decay: every change is over at step 60 of 9000")


def test_preflight_sees_a_factor_that_was_meant_as_the_values():
    scheduler = Scheduler(sgd(weight_decay=0.01), {"weight_decay": "linear(0.04, 0.4)"}, 1000)
    report = preflight(scheduler, epochs=10, batches=100)
    assert report.advice == (
        "weight_decay: it goes from 0.0004 to 0.004, for a factor multiplies the group's own 0.01: for these values "
        'themselves write "1 * linear(0.04, 0.4, 1000)"',
    )
    for right in ("1 * linear(0.04, 0.4)", "linear()", "linear(1, 10)", "cosine(final=0.1)", "constant(0)"):
        scheduler = Scheduler(sgd(weight_decay=0.01), {"weight_decay": right, "lr": "linear(0.1, 0)"}, 1000)
        assert preflight(scheduler, epochs=10, batches=100).good


# --- numbers that no controller can judge


def fed(text, values, watch="loss"):
    rule = parse(text)
    states, factors = (rule.init(),), []
    for done, value in enumerate(values):
        (factor,), states, _ = consult((rule,), states, seen(**{watch: value}), done)
        factors.append(factor)
    return factors


@pytest.mark.parametrize("text", ["plateau(patience=0)", "newbob(0.1)"])
def test_a_loss_of_exactly_0_is_said_once(text):
    with pytest.warns(UserWarning, match="the loss is exactly 0, which nothing is better than") as told:
        assert fed(text, [1.0] + [0.0] * 20)[-1] < 1e-10
    assert len(told) == 1


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("plateau(patience=0, floor=0.01)", [0.0] * 20),
        ("newbob(0.1, low=0.01)", [0.0] * 20),
        ("plateau()", [0.0] * 20),
        ("plateau(patience=0)", [0.0] + [1.0] * 20),
        ("plateau(patience=0)", [1.0] * 20),
        ("greedy()", [0.0] * 20),
        ("plateau(patience=0, mode='max')", [0.0] * 20),
        ("plateau(threshold=0, absolute=1e-4)", [-1.0] * 20),
        ("plateau(threshold=0)", [-1.0] * 20),
        ("plateau(mode='max')", [-1.0] * 20),
        ("newbob()", [-1.0] * 20),
    ],
)
def test_where_there_is_a_floor_or_a_sense_nothing_is_said(text, values):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fed(text, values)


def test_a_metric_below_0_under_a_relative_threshold_is_said_once():
    with pytest.warns(UserWarning, match="metric is below 0.*write threshold=0, absolute=1e-4") as told:
        fed("plateau(watch='metric')", [3.0, 1.0, -1.0, -1.0, -2.0, -3.0], "metric")
    assert len(told) == 1
    scheduler = Scheduler(sgd(), "plateau(watch='metric')")
    with pytest.warns(UserWarning, match="below 0"):
        scheduler.see(metric=-1.0)
