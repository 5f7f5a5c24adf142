"""Every word can be told in sentences, and the numbers in them are those that will be used."""

from __future__ import annotations

import json
import re
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize as s
from stepsize import StepsizeError
from stepsize.cli.explain_and_diff import diff_command, explain_command
from stepsize.controllers.base import Controller
from stepsize.descents import Clip, Transform
from stepsize.schedules.base import Factor
from stepsize.telling.answers import CONTROLLERS
from stepsize.telling.explain import explain, tell
from stepsize.telling.phrases import CURVES, STAGES, pieces
from stepsize.vocabulary import WORDS, kind_of, look_up
from strategies import descents, schedules, sized
from subjects import EVERYTHING, SUBJECTS, TOTAL, UNITS, adam_before, wants_a_rule
from test_questions import flat_leaves, resolved, trees

PHASE = re.compile(r"Updates? (\d+)(?: to (\d+))?: (?:the factor|it) (.*)\.")


@pytest.mark.parametrize("value", EVERYTHING, ids=repr)
def test_every_word_can_be_told(value):
    lines = explain(value, TOTAL, **UNITS)
    assert lines
    for line in lines:
        assert line.endswith(".")
        assert not re.search(r"[{}\n]", line)


def test_every_schedule_has_a_phrase_of_its_own():
    told = {*CURVES, *(kind.__name__ for kind in (*pieces.registry, *tell.registry) if kind is not object)}
    leaves = {word for word in WORDS if kind_of(word) in ("schedule", "combination")} - {"rate", "plan", "descent"}
    assert leaves <= told
    assert told - {"opaque"} <= set(WORDS) <= set(SUBJECTS)


def test_every_stage_and_controller_has_a_phrase_of_its_own():
    kinds = {kind: {word for word in WORDS if kind_of(word) == kind} for kind in ("controller", "clip", "transform")}
    assert set(CONTROLLERS) == kinds["controller"]
    assert kinds["clip"] | kinds["transform"] <= set(STAGES)


def test_what_sets_the_rate_says_so_in_its_documentation():
    documents = {word: " ".join((look_up(word).__doc__ or "").split()) for word in CONTROLLERS}
    sets = {word for word in CONTROLLERS if look_up(word).sets_rate}
    searches = {word for word in CONTROLLERS if look_up(word).searches}
    assert {word for word, told in documents.items() if "answers the absolute rate" in told} == sets - searches
    assert {word for word, told in documents.items() if "is the starting rate" in told} == searches


@pytest.mark.parametrize("stage", [one for one in EVERYTHING if isinstance(one, Transform)], ids=repr)
def test_a_stage_is_told_by_what_flows_where_it_stands(stage):
    before = [] if wants_a_rule(stage) else [stage]  # which stands behind a rule only
    after = [stage] if isinstance(stage, Clip) else []
    lines = explain(s.descent(*before, adam_before(stage), stage, s.rate(0.1), *after), 100)
    places = [*lines[: len(before)], lines[len(before) + 1], *(lines[len(before) + 4 :])]
    flows = ("gradient", "direction", "update")[1 - len(before) :]
    for flowing, line in zip(flows, places, strict=False):
        assert re.search(rf"\bthe {flowing}\b", line, re.IGNORECASE), line
        assert not [other for other in flows if other != flowing and re.search(rf"\b{other}\b", line)], line
        assert line == explain(stage, 1)[0].replace("The gradient", f"The {flowing}").replace(
            "the gradient", f"the {flowing}"
        ).replace("whole gradient", f"whole {flowing}")
    assert len(places) == len(before) + 1 + len(after)


@pytest.mark.parametrize("controller", [one for one in EVERYTHING if isinstance(one, Controller)], ids=repr)
def test_a_controller_that_sets_the_rate_is_never_said_to_answer_1(controller):
    controller = controller.over(TOTAL, **UNITS)
    sets = controller.sets_rate
    for value in (controller, 1 * controller, 1 * controller * s.cosine(final=0.5), s.clamp(controller, 0.1, 2)):
        told = explain(value, TOTAL, **UNITS)
        assert sets != any("while the controllers answer 1" in line for line in told)
        assert sets == any("sets the rate itself" in line for line in told)
        assert sets == any(f"is what {controller} sets" in line for line in told)


def test_the_whole_strategy_of_the_readme():
    told = explain("clip_norm(1) | adam() | 3e-4 * (warmup(500) >> cosine()) * infrared() | clip(0.01)", 10_000)
    assert told == [
        "The gradient is shortened to norm 1 where it is longer.",
        "Adam turns it into a direction: the running mean of the gradient (memory 0.9) over the root of that of its "
        "squares (memory 0.999).",
        "Updates 0 to 499: the rate rises in a straight line from 6e-07 to 0.0003.",
        "Updates 500 to 9999: it falls along half a cosine from 0.0003 to 0.",
        "Times infrared(), which watches the loss: 0.99 times its last decrease over the one before, at least 0.9.",
        "After the end it holds 0 while the controllers answer 1.",
        "Every element of the update is limited to ±0.01.",
    ]


EXAMPLES = [
    ("warmup(4) * linear(length=8)", 10, [
        "Updates 0 to 9: the factor is the product of what follows.",
        "Times, updates 0 to 3: a factor that rises in a straight line from 0.25 to 1.",
        "Times, updates 4 to 9: a factor that stays at 1.",
        "Times, updates 0 to 7: a factor that falls in a straight line from 1 to 0.",
        "Times, updates 8 to 9: a factor that stays at 0.",
        "After the end it holds 0.",
    ]),
    ("0.1 * stages(1, 0.1, at=(1,))", 10, [
        "Update 0: the rate is 0.1.",
        "Updates 1 to 9: it stays at 0.01.",
        "After the end it holds 0.01.",
    ]),
    ("sgd() | 1 * polyak(high=10)", 100, [
        "SGD goes straight against the gradient.",
        "Updates 0 to 99: the rate is what polyak(high=10) sets.",
        "polyak(high=10) watches the loss and the slope, and sets the rate itself: what the loss has left above 0 over "
        "the slope, at most 10.",
        "After the end it is what polyak(high=10) sets.",
    ]),
    ("0.5 * adgd() * cosine(final=0.1) * plateau(0.5, 0)", 100, [
        "Updates 0 to 99: the rate is 0.5 times what adgd() sets, times what follows.",
        "Times, updates 0 to 99: a factor that falls along half a cosine from 1 to 0.1.",
        "adgd() watches the last step and the gradient's change, and sets the rate itself: half the last step over the "
        "gradient's change, growing no faster than is safe, at least 1e-10 and at most 1e+10; 0.0001 at first.",
        "Times plateau(0.5, 0), which watches the loss: 1 at first, times 0.5 at every value without a new lowest one.",
        "After the end it is 0.05 times what adgd() sets while the other controllers answer 1.",
    ]),
    ("3 * robust_infrared() * (warmup(10) >> linear())", 100, [
        "Updates 0 to 99: the rate is what robust_infrared() sets, times what follows, over its highest value so far.",
        "Times, updates 0 to 9: a factor that rises in a straight line from 0.1 to 1.",
        "Times, updates 10 to 99: a factor that falls in a straight line from 1 to 0.",
        "robust_infrared() watches the loss, the slope, the direction's norm and the loss at other rates, and sets the "
        "rate itself, searching from 0.3: as far as the loss left above 0 allows, and no further than the loss still "
        "falls nearly as promised.",
        "After the end it holds 0.",
    ]),
    ("1 * clamp(distance(), 0, 0.5)", 10, [
        "Updates 0 to 9: the rate is what distance() sets.",
        "distance() watches the distance from the start, the starting point and the gradient's norm, and sets the rate "
        "itself: the largest distance so far over the root of the sum of the squares of all gradient norms.",
        "What is below 0 becomes 0.",
        "What is above 0.5 becomes 0.5.",
        "It never ends: distance() goes on setting it.",
    ]),
    ("1 * polyak() * cosine(500)", 100, [
        "Updates 0 to 99: the rate is what polyak() sets, times what follows.",
        "Times, updates 0 to 99: a factor that falls along half a cosine from 1 to 0.9063.",
        "polyak() watches the loss and the slope, and sets the rate itself: what the loss has left above 0 over the "
        "slope, at most 1.",
        "It never ends: polyak() goes on setting it.",
    ]),
    ("0.1 * greedy(0.5, 0, restart=None) * newbob(patient=2)", 10, [
        "Updates 0 to 9: the rate is 0.1, before what follows.",
        "Times greedy(0.5, 0, restart=None), which watches the loss: 1 at first, divided by 0.5 after each new lowest "
        "value, times 0.5 after each that is not, at least 0.01 and at most 10.",
        "Times newbob(patient=2), which watches the loss: 1 at first, times 0.5 at every 3rd value not lower than the "
        "one before by a share of 0.0025.",
        "After the end it holds 0.1 while the controllers answer 1.",
    ]),
    ("cooldown(sgdr(100), 50, at=420)", 500, [
        "Updates 0 to 419: the factor repeats cosine(100) in 5 cycles.",
        "Updates 0 to 99: it falls along half a cosine from 1 to 0.",
        "Updates 100 to 419: it begins again at updates 100, 200, 300, 400.",
        "Updates 420 to 469: it cools down in a straight line from 0.9045 to 0.",
        "Updates 470 to 499: it stays at 0.",
        "After the end it holds 0.",
    ]),
    ("cosine(300)", 100, [
        "Updates 0 to 99: the factor falls along half a cosine from 1 to 0.7545.",
        "The run ends first: at update 300 it would come to rest at 0.",
    ]),
    ("plan(lr=0.1 * linear(), momentum=0.9)", 10, [
        "lr: Updates 0 to 9: the rate falls in a straight line from 0.1 to 0.",
        "lr: After the end it holds 0.",
        "momentum: 0.9 at every update.",
    ]),
    ("0.1 * inverse_sqrt(100)", 300, [
        "Updates 0 to 299: the rate falls like time to the power -0.5 from 0.1 to 0.05006.",
        "It never ends: update 300 would have 0.05.",
    ]),
    ("adam() | weight_decay(0.1)", 10, [
        "Adam turns it into a direction: the running mean of the gradient (memory 0.9) over the root of that of its "
        "squares (memory 0.999).",
        "0.1 times the parameters is added to the direction.",
        "There is no rate yet: write adam() | weight_decay(0.1) | 0.01.",
    ]),
    ("0.2 * clamp(shift(linear(length=10), -5), 0.1, 0.9)", 20, [
        "Updates 0 to 4: the rate waits at 0.2.",
        "Updates 5 to 14: it falls in a straight line from 0.2 to 0.",
        "Updates 15 to 19: it stays at 0.",
        "What is below 0.02 becomes 0.02.",
        "What is above 0.18 becomes 0.18.",
        "After the end it holds 0.02.",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "steps", "expected"), EXAMPLES, ids=[text for text, _, _ in EXAMPLES])
def test_examples(text, steps, expected):
    assert explain(text, steps) == expected


@given(f=trees(flat_leaves, 1).filter(lambda f: f.word() in ("then", "stages", "staircase", "table", "constant")))
def test_the_phases_of_stairs_have_the_values_of_their_updates(f):
    f = resolved(f)
    phases = [PHASE.fullmatch(line) for line in explain(f, 400)]
    covered = []
    for phase in phases[:-1]:
        low, high = int(phase[1]), int(phase[2] or phase[1])
        covered += range(low, high + 1)
        said = phase[3]
        if said.startswith(("stays at ", "is ")) and "multiplied" not in said:
            assert {f"{f(t):.4g}" for t in range(low, high + 1)} == {said.rpartition(" ")[2]}
        elif "repeats" not in said and "runs" not in said:
            first, last = re.fullmatch(r".* from (\S+) to (\S+)", said).groups()
            assert (first, last) == (f"{f(low):.4g}", f"{f(high):.4g}")
    if all(part.word() != "repeat" for part in getattr(f, "parts", ())):
        assert covered == list(range(400))


@given(parts=st.lists(sized(0), min_size=1, max_size=4))
def test_phases_of_a_sequence_cover_the_run_and_begin_at_their_values(parts):
    f = resolved(s.then(*parts))
    phases = [PHASE.fullmatch(line) for line in explain(f, TOTAL)[:-1]]
    covered = []
    for phase in phases:
        low, high = int(phase[1]), int(phase[2] or phase[1])
        covered += range(low, high + 1)
        numbers = re.search(r"(?:from (\S+) to|stays at|is) (\S+)$", phase[3])
        assert (numbers[1] or numbers[2]) == f"{f(low):.4g}"
        ends = {f"{f(t):.4g}" for t in (high, high + 1)}
        ends |= {f"{part(part._steps()):.4g}" for part in f.parts}
        assert numbers[2] in ends
    assert covered == list(range(TOTAL))


@given(f=schedules(3), steps=st.integers(1, 500))
def test_the_end_is_told_as_it_is(f, steps):
    f = resolved(f)
    end = explain(f, steps)[-1]
    value = end.rstrip(".").rpartition(" ")[2]
    if end.startswith("After the end"):
        assert {f"{f(t):.4g}" for t in (steps, steps + 1, 10 * steps, 10**9)} == {value}
    elif end.startswith("It never ends"):
        assert value == f"{f(steps):.4g}"
    else:
        step = int(re.search(r"at update (\d+)", end)[1])
        assert step > steps
        assert value == f"{f(step):.4g}"


@given(value=descents)
def test_any_strategy_can_be_told(value):
    try:
        value = value.over(TOTAL, **UNITS)
    except StepsizeError:
        return
    lines = explain(value, TOTAL)
    assert len(lines) >= len(value.stages)
    assert all(line.endswith(".") for line in lines)


def test_a_word_without_a_phrase_is_told_by_its_summary(monkeypatch):
    class bump(Factor):
        """A bump of {one} step."""

        __slots__ = ()
        _lengths = ()

        def __init__(self) -> None:
            pass

        def _formula(self, t, write):
            return "1.0"

        @property
        def _endless(self):
            return True

    monkeypatch.setitem(WORDS, "bump", "bumps")
    monkeypatch.setitem(sys.modules, "stepsize.bumps", SimpleNamespace(bump=bump))
    assert explain(bump(), 10)[0] == "Updates 0 to 9: the factor follows bump (A bump of {one} step) from 1 to 1."


@pytest.mark.parametrize("wrong", [3, None, [], "cosin()", "warmup('1ep')"])
def test_what_cannot_be_told_is_one_line(wrong):
    with pytest.raises(StepsizeError) as error:
        explain(wrong, 100)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("steps", [0, 1.5, "10"])
def test_steps_must_be_whole(steps):
    with pytest.raises(StepsizeError, match="steps must be"):
        explain("cosine()", steps)


# --- the commands


def test_explain_command(capsys):
    assert explain_command("0.1*cosine()", 100, False) == 0
    assert capsys.readouterr().out.splitlines() == explain("0.1 * cosine()", 100)
    assert explain_command("0.1*cosine()", 100, True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"text": "0.1 * cosine()", "steps": 100, "sentences": explain("0.1 * cosine()", 100)}
    assert explain_command("cosin()", 100, False) == 2
    assert capsys.readouterr().err.startswith("error: column 1: unknown word")


def test_diff_command(capsys):
    assert diff_command("sgd() | 0.1 * stages(1, 0.5, at=(5,))", "0.1", 10, None, False) == 0
    assert "differ at 5 of 10 updates: 5 to 9." in capsys.readouterr().out
    assert diff_command("linear()", "polynomial()", 10, None, True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["equal"] is True
    assert told["ranges"] == []
    assert told["a"] == "linear()"
    for wrong in ("adam()", "infrared() * cosine()", "sgd() | 0.1 * infrared()"):
        assert diff_command(wrong, "linear()", 10, None, False) == 2
        assert capsys.readouterr().err.startswith("error: ")


def test_diff_draws_both(tmp_path, capsys):
    assert diff_command("linear()", "cosine()", 100, str(tmp_path / "both.png"), False) == 0
    assert (tmp_path / "both.png").stat().st_size > 5000
    assert diff_command("linear()", "cosine()", 100, str(tmp_path / "no" / "both.png"), False) == 2
    assert "cannot be written" in capsys.readouterr().err
