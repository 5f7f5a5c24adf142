"""The laws of a course, on a framework of plain lists: no line of torch is needed to follow an expression."""

import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import stepsize as s
from scheduled import ALONE
from stepsize import StepsizeError
from stepsize.adapters.torch import Scheduler, preflight
from subjects import CONTROLLERS, SCHEDULES, TOTAL, UNITS
from tiny_host import Descent, Tiny

pytestmark = ALONE

LOSSES = [float(one) for one in 3 + np.cumsum(np.random.default_rng(11).normal(-0.005, 0.1, size=400))]
SHOWN = [one for one in CONTROLLERS if set(one.needs) <= {"loss", "metric", "grad_norm"}]
RULES = ("keep_step", "keep_share", "stretch_rest", "cooldown_now")


def shown(t):
    """What a loop hands over with update `t`: a loss and a norm each time, a metric now and then."""
    return {"loss": LOSSES[t % 400], "grad_norm": 1 + LOSSES[t % 7], "metric": LOSSES[-t % 400] if t % 5 == 4 else None}


def run(scheduler, until):
    """The rates of every update up to `until`."""
    found = []
    while scheduler.course.done < until:
        found.append(scheduler.rates())
        scheduler.step(**shown(scheduler.course.done))
    return found


def torch_rates(expression, until, **units):
    """The same of a torch Scheduler on the same two groups."""
    weights = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    groups = [{"params": [one], "lr": lr, "weight_decay": 0.01} for one, lr in zip(weights, (0.1, 0.03), strict=True)]
    optimizer = torch.optim.SGD(
        [{**groups[0], "name": "body"}, {**groups[1], "name": "head"}], lr=0.1, weight_decay=0.01
    )
    scheduler, found = Scheduler(optimizer, expression, **units), []
    while scheduler.last_epoch < until:
        found.append([group["lr"] for group in optimizer.param_groups])
        scheduler.step(**shown(scheduler.last_epoch))
    return found


def two_groups():
    decayed = {"weight_decay": 0.01}
    return Descent({"lr": 0.1, "name": "body", **decayed}, {"lr": 0.03, "name": "head", **decayed})


EXPRESSIONS = [
    *SCHEDULES,
    *(0.3 * (s.warmup("10%") >> s.cosine()) * one for one in SHOWN),
    {"head": "0.1 * cosine()", "*": "linear(1, 0)"},
    {"lr": "cosine()", "weight_decay": "linear(1, 0)"},
    s.plan(lr=s.cosine(), weight_decay=0.01),
]


def named(one):
    return str(one)[:60]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=named)
def test_a_framework_of_plain_lists_gets_torchs_numbers(expression):
    if isinstance(expression, s.rate):
        tiny = Tiny(Descent({"lr": 0.1, "name": "body"}, {"lr": 0.1, "name": "head"}), expression, TOTAL, **UNITS)
        expected = torch_rates({"lr": str(expression.factor), **{}}, 60, total_steps=TOTAL, **UNITS)
        found = [[one[0] / 0.3 * 0.1, one[1] / 0.3 * 0.03] for one in run(tiny, 60)]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        return
    tiny = Tiny(two_groups(), expression, TOTAL, **UNITS)
    assert run(tiny, 60) == torch_rates(expression, 60, total_steps=TOTAL, **UNITS)


def test_no_line_of_torch_is_needed():
    code = (
        "import sys; from tiny_host import Descent, Tiny\n"
        "made = Descent({}, {'lr': 0.3, 'name': 'head'})\n"
        'tiny = Tiny(made, "(warmup(5) >> cosine()) * plateau(0.5, 1)", 50)\n'
        "[tiny.step(loss=1.0) or made.step(lambda x: x) for _ in range(20)]\n"
        "tiny.go(tiny.course.extend(90)); print(tiny.preflight(epochs=9, batches=10).good)\n"
        "state = tiny.state(); new = Tiny(Descent({}, {'lr': 0.3, 'name': 'head'}), "
        '"(warmup(5) >> cosine()) * plateau(0.5, 1)", 50)\n'
        "new.load(state); print(new.course == tiny.course, new.rates() == tiny.rates())\n"
        "print([one for one in ('torch', 'jax') if one in sys.modules])"
    )
    here = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=here, check=False)
    assert done.stdout.split("\n")[:-1] == ["True", "True True", "[]"], done.stderr


# pure


@pytest.mark.parametrize("f", SHOWN, ids=str)
def test_every_method_leaves_the_course_as_it_was(f):
    course = Tiny(Descent(), 0.3 * s.cosine() * f, 100).course
    for t in range(20):
        course = course.step(**shown(t))
    before = copy.deepcopy(course)
    course.step(**shown(20))
    course.see({"loss": 2.0, "grad_norm": 1.0, "metric": 3.0})
    course.skip(), course.made(), course.extend(300), course.cooldown(7), course.values(50)
    assert course == before
    with pytest.raises(AttributeError):
        course.done = 3


@pytest.mark.parametrize("f", SHOWN, ids=str)
def test_an_earlier_course_is_a_rollback(f):
    tiny = Tiny(two_groups(), s.cosine() * f, 100)
    run(tiny, 30)
    kept = tiny.course
    straight = run(tiny, 90)
    tiny.go(kept)
    assert run(tiny, 90) == straight


def test_a_torch_scheduler_goes_back_by_assignment():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1)
    scheduler = Scheduler(optimizer, "cosine() * plateau(0.5, 1)", total_steps=100)
    for t in range(30):
        scheduler.step(loss=LOSSES[t])
    kept, rate = scheduler.course, optimizer.param_groups[0]["lr"]
    for t in range(30, 60):
        scheduler.step(loss=LOSSES[t])
    assert optimizer.param_groups[0]["lr"] != rate
    scheduler.course = kept
    assert (scheduler.last_epoch, optimizer.param_groups[0]["lr"]) == (30, rate)


def test_a_torch_scheduler_of_plain_schedules_knows_where_it_is():
    """Between two blocks of values the count alone moves; the course says the same."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1, momentum=0.9)
    scheduler = Scheduler(optimizer, {"lr": "cosine()", "momentum": "linear(1, 0.5)"}, total_steps=5000)
    course = scheduler.course
    for _ in range(2500):
        scheduler.step()
        course = course.made()
    assert scheduler.course == course
    assert pickle.loads(pickle.dumps(scheduler.course)) == course


# saved and resumed


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=named)
def test_saved_and_resumed_at_any_step_is_straight_through(expression):
    def build():
        groups = two_groups() if not isinstance(expression, s.rate) else Descent({"lr": 0.1}, {"lr": 0.1})
        return Tiny(groups, expression, TOTAL, **UNITS)

    straight = run(build(), 50)

    @settings(max_examples=4)
    @given(stops=st.sets(st.integers(0, 50), min_size=1, max_size=3))
    def at_any_step(stops):
        tiny, found = build(), []
        for stop in sorted(stops):
            found += run(tiny, stop)
            state = json.loads(json.dumps(tiny.state()))
            tiny = build()
            tiny.load(state)
            assert tiny.state() == state
        assert found + run(tiny, 50) == straight

    at_any_step()


WRONG = {
    "a factor that is no number": {"factors": [float("nan")]},
    "a factor below 0": {"factors": [-0.5]},
    "an infinite factor": {"factors": [float("inf")]},
    "a factor too many": {"factors": [1.0, 1.0]},
    "a state of another shape": {"states": [[1.0]]},
    "a state of words": {"states": [["a", "b", "c", "d", "e", "f"]]},
    "a state that is none": {"states": [None]},
    "no state": {"states": []},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_state_that_a_controller_could_not_go_on_from_is_refused_when_it_is_loaded(wrong):
    tiny = Tiny(Descent(), "cosine() * plateau(0.5, 1)", 100)
    run(tiny, 20)
    before, state = tiny.course, tiny.state()
    state["control"] = [{**state["control"][0], **wrong}]
    with pytest.raises(StepsizeError, match=r"the state is damaged|a saved state has") as error:
        tiny.load(state)
    assert "\n" not in str(error.value)
    assert tiny.course == before


@pytest.mark.parametrize("f", SHOWN, ids=str)
def test_a_state_made_of_foreign_things_is_refused_or_goes_on_finite(f):
    """Every entry of a controller's state replaced by what does not belong there: refused now, or no harm later."""
    tiny = Tiny(Descent(), s.cosine() * f, 100)
    run(tiny, 30)
    state = tiny.state()
    for i, entries in enumerate(state["control"][0]["states"]):
        for place in range(len(entries)):
            for foreign in ("x", [], {}, [1.0, "y"], 1e400):
                damaged = copy.deepcopy(state)
                damaged["control"][0]["states"][i][place] = foreign
                new = Tiny(Descent(), s.cosine() * f, 100)
                try:
                    new.load(damaged)
                except StepsizeError as error:
                    assert "\n" not in str(error)  # noqa: PT017
                    continue
                assert np.isfinite(run(new, 60)).all()


# a horizon that changes


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("text", ["warmup(10) >> cosine()", "wsd('5%')", "cosine() * plateau(0.5, 3)"])
def test_a_run_extended_at_every_tenth_update_stays_small_and_quick(text, rule):
    tiny = Tiny(Descent(), text, 100)
    for _ in range(40):
        run(tiny, tiny.course.done + 10)
        tiny.go(tiny.course.extend(tiny.course.total_steps + 10, rule))
    assert len(tiny.course.expression) < 40 * 40 + 500
    assert len(json.dumps(tiny.state())) < 40 * 160 + 2000
    new = Tiny(Descent(), text, 100)
    new.load(json.loads(json.dumps(tiny.state())))
    assert run(new, 520) == run(tiny, 520)


def test_preflight_says_the_same_as_torchs():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1)
    sizes = {"epochs": 3, "batches": 7, "accumulation": 2}
    theirs = preflight(Scheduler(optimizer, "warmup('20%') >> cosine()", total_steps=3), **sizes)
    assert Tiny(Descent(), "warmup('20%') >> cosine()", 3).preflight(**sizes) == theirs
    assert not theirs.good


# what was said


def test_why_stays_until_a_controller_speaks_again_and_names_the_expression():
    expression = {"body": "plateau(0.5, 0)", "head": "plateau(0.5, 0)"}
    tiny = Tiny(two_groups(), expression)
    for loss in (1.0, 2.0):
        tiny.step(loss=loss)
    assert tiny.course.why.startswith("group body lr: plateau: ")
    assert "; group head lr: plateau: " in tiny.course.why
    said, spoke_at = tiny.course.why, tiny.course.spoke_at
    tiny.step(loss=0.5)
    assert (tiny.course.why, tiny.course.spoke_at) == (said, spoke_at) == (said, 1)


def test_one_expression_speaks_without_a_name():
    tiny = Tiny(Descent(), "plateau(0.5, 0)")
    for loss in (1.0, 2.0):
        tiny.step(loss=loss)
    assert tiny.course.why.startswith("plateau: ")


# errors speak of what was written


def test_errors_speak_of_the_host():
    tiny = Tiny(Descent(), "plateau()")
    with pytest.raises(StepsizeError, match=r"^Tiny: a controller needs the loss of update 0"):
        tiny.step()
    with pytest.raises(StepsizeError, match=r"^Tiny: 'depth' is neither a group"):
        Tiny(Descent(), {"depth": "cosine(9)"})
    with pytest.raises(StepsizeError, match=r"^Tiny: .*write Tiny\(…, total_steps=…\)"):
        Tiny(Descent(), "cosine()")
    with pytest.raises(StepsizeError, match="write the whole strategy with another framework"):
        Tiny(Descent(), "barzilai_borwein()")
