"""The law of numbers: any number, of any size and kind, in any field of any word, is a value or one line of ours.

And a value is written and read back, and arrays and numbers have the same values. `STEPSIZE_NUMBERS=20000` draws so
many examples for each law, others every time.
"""

import os
import re
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stepsize as s
from edges import HOURS, LITERALS, NEVER, TOTALS, UNITS, combined, far, formulas, words
from stepsize import StepsizeError, parse
from stepsize.schedules import questions
from stepsize.schedules.base import Factor
from stepsize.schedules.rate import rate
from subjects import CONTROLLERS, EVERYTHING, RULES, TRANSFORMS

LONG = int(os.environ.get("STEPSIZE_NUMBERS", "0"))
many = settings(
    max_examples=LONG or 400,
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(HealthCheck),
    deadline=10_000,
)
STEPS = np.array(HOURS, dtype=float)
ASKED = [
    lambda f: questions.length(f),
    lambda f: questions.outline(f, 100),
    lambda f: questions.area(f, 50),
    lambda f: questions.highest(f, 50),
    lambda f: questions.first_below(f, 1e-300, 50),
    lambda f: questions.settled(f.factor if isinstance(f, rate) else f),
]


def told(make, *given, **named):
    """What is made, or None where it is refused in one line that can be read; any other exception goes through."""
    try:
        return make(*given, **named)
    except StepsizeError as error:
        line = str(error)
    assert "\n" not in line
    assert len(line) < 1500
    return None


def assert_read_back(value):
    assert parse(str(value)) == value
    assert s.from_json(s.to_json(value)) == value
    assert hash(value) == hash(parse(str(value)))


def is_value(x):
    return x is not None and 0 <= x < np.inf


def assert_arrays_agree(f):
    numbers = [told(f, t) for t in HOURS]
    assert all(one is None or (type(one) is float and is_value(one)) for one in numbers)
    for steps in (STEPS, torch.tensor(STEPS)):
        array = told(f, steps)
        assert array is not None or numbers == [None] * len(numbers)
        for number, entry in zip(numbers, [] if array is None else array.tolist(), strict=array is not None):
            assert is_value(number) == is_value(entry)
            if number is not None:
                assert number == pytest.approx(entry, rel=1e-9, abs=1e-14 * max(1, *filter(is_value, array.tolist())))


def assert_keeps_the_law(value, total, units):
    assert_read_back(value)
    resolved = told(value.over, total, **units) if hasattr(value, "over") else None
    for f in (value, resolved):
        if isinstance(f, (Factor, rate)) and not f.controllers:
            assert_read_back(f)
            assert_arrays_agree(f)
            assert [told(f, t) for t in NEVER] == [None] * len(NEVER)
            for ask in ASKED:
                told(ask, f)


@pytest.mark.parametrize("drawn", [words, combined(), formulas], ids=["words", "combinations", "formulas"])
def test_any_number_in_any_field_is_a_value_or_one_line(drawn):
    made = 0

    @many
    @given(data=st.data(), total=st.sampled_from(TOTALS), units=st.sampled_from(UNITS))
    def law(data, total, units):
        nonlocal made
        value = told(data.draw, drawn)
        if value is not None:
            made += 1
            assert_keeps_the_law(value, total, units)

    law()
    assert made > 30  # that all are refused would keep the law too


SEEN = [0.0, -0.0, 5e-324, 1e-300, 1.0, 3, 2**62, 1e308, -1e308, np.nan, np.inf, -np.inf]


@many
@given(data=st.data(), controller=st.sampled_from(CONTROLLERS))
def test_a_controller_with_any_number_answers_a_factor_to_any_number(data, controller):
    controller = told(data.draw, far(controller))
    if controller is None:
        return
    state = controller.init()
    for _ in range(6):
        now = {name: data.draw(st.sampled_from(SEEN)) for name in {*controller.needs, "loss"}}
        if "loss_at" in now:
            now["loss_at"] = lambda _, loss=now["loss_at"]: loss
        answer = told(controller.step, state, s.seen(**now))
        if answer is None:
            return
        factor, state, _ = answer
        assert is_value(factor)


FLOWING = [
    [[1.0, -2.0], [0.0, 4.0]],
    [[0.0, 0.0], [0.0, 0.0]],
    [[1e300, 1e-300], [5e-324, 1e308]],
    [[np.nan, 1, np.inf]],
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy, of squares of 1e300
@many
@given(
    data=st.data(),
    stage=st.sampled_from([*RULES, *TRANSFORMS]),
    flowing=st.sampled_from(FLOWING),
    array=st.sampled_from([np.array, torch.tensor]),
)
def test_a_stage_with_any_number_makes_an_update(data, stage, flowing, array):
    stage = told(data.draw, far(stage))
    before = s.adam(beta2=stage.beta2) if isinstance(stage, s.stable) else s.sgd()
    strategy = None if stage is None else told(lambda: (stage if hasattr(stage, "update") else before | stage) | 0.1)
    if strategy is None:
        return
    params = {"w": array(flowing)}
    state = strategy.init(params)
    for _ in range(3):
        moved, state, _ = strategy.step(params, {"w": array(flowing)}, state, s.seen())
        assert moved["w"].shape == params["w"].shape


NUMBER = re.compile(r"(?<![\w.'])-?\d[\d.]*(?:e[+-]?\d+)?(?![\w.'%])")


@pytest.mark.parametrize("form", ["text", "JSON"])
def test_any_number_that_is_read_is_a_value_or_one_line(form):
    write, read = (str, parse) if form == "text" else (s.to_json, s.from_json)
    subjects = [one for one in EVERYTHING if NUMBER.search(write(one))]
    literals = LITERALS if form == "text" else [*LITERALS, "NaN", "Infinity", "-Infinity", "null", '"1"', "[]", "{}"]

    @many
    @given(data=st.data(), subject=st.sampled_from(subjects), literal=st.sampled_from(literals))
    def law(data, subject, literal):
        found = data.draw(st.sampled_from(list(NUMBER.finditer(write(subject)))))
        text = write(subject)[: found.start()] + literal + write(subject)[found.end() :]
        value = told(read, text)
        if value is not None:
            assert_read_back(value)

    law()


LARGE = [2**31 - 1, 2**31, 2**40, 2**53]
WITH_A_LENGTH = [
    "cosine({})",
    "warmup(10) >> linear(1, 0, {})",
    "staircase(0.5, {0}, {0})",
    "repeat(cosine({}), 3, growth=2)",
    "repeat(cosine({}))",
    "shift(cosine({0}), {0} - 1)",
    "reverse(linear(1, 0, {}))",
    "cooldown(constant(), {0}, at={0})",
    "inverse_time(1, {})",
    "power_law(-0.5, {})",
    "saturation({}, 99)",
    "formula('t / T', {})",
    "table(1, 2, 3, every={})",
    "stages(1, 2, at=({},))",
    "piecewise((0, 1), ({}, 0.5))",
    "stretch(cosine(10), {})",
    "{} * cosine(10)",
    "clamp(cosine(10), 0.5, {})",
    "plan(a={})",
]


@pytest.mark.parametrize("length", LARGE)
@pytest.mark.parametrize("text", WITH_A_LENGTH)
def test_lengths_that_32_bits_do_not_hold_are_traced(text, length):
    import jax
    import jax.numpy as jnp

    f = parse(text.format(length).replace(f"{length} - 1", str(length - 1)))
    for t in (0, 7):
        values, traced = f(t), jax.jit(f)(jnp.asarray(t))
        if isinstance(values, dict):
            values, traced = values["a"], traced["a"]
        assert float(traced) == pytest.approx(values, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("growing", ["staircase(0.5, 10)", "exponential(1.5, every=1)", "clamp(cosine(10), 0, 1e300)"])
def test_a_bound_that_32_bits_do_not_hold_is_traced_without_a_warning(growing):
    import jax
    import jax.numpy as jnp

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(jax.jit(parse(growing))(jnp.asarray(3))) == pytest.approx(parse(growing)(3))


REFUSED = {
    "hexadecimal digits": lambda: parse("constant(0x" + "f" * 5000 + ")"),
    "hexadecimal digits with a sign": lambda: parse("linear(1, -0x" + "f" * 5000 + ")"),
    "hexadecimal digits as a base": lambda: parse("0x" + "f" * 5000 + " * cosine()"),
    "hexadecimal digits in a list": lambda: parse("piecewise((0, 1), (0x" + "f" * 5000 + ", 1))"),
    "hexadecimal digits that are added": lambda: parse("0x" + "f" * 5000 + " + cosine()"),
    "hexadecimal digits in a formula": lambda: parse("formula('0x" + "f" * 1900 + "')"),
    "epochs without an end": lambda: parse("cosine('1e308ep')").over(1000, steps_per_epoch=100),
    "tokens without an end": lambda: parse("cosine('1e308tok')").over(1000, tokens_per_step=1e-300),
    "growth without an end": lambda: parse("repeat(cosine(10), growth=1e300)"),
    "cycles without an end": lambda: parse("repeat(cosine(10), 10000, growth=2)"),
    "a time without an end": lambda: parse("stretch(linear(), 1e-320)"),
    "a line without an end": lambda: parse("warp(cosine(30), (5e-324, 100), (700, 400))"),
    "digits times a rate": lambda: 10**5000 * parse("0.1 * cosine()"),
    "trials without an end": lambda: parse("armijo(tries=9007199254740992)"),
    "a sum without an end": lambda: questions.area(parse("1e308"), 50),
    "a product without an end": lambda: parse("constant(1e200) * constant(1e200)")(0),
    "a rate without an end": lambda: parse("1e308 * staircase(10, 1)")(5),
    "a length without an end": lambda: parse("cosine(1e19)"),
    "half a step": lambda: s.cosine(Fraction(1, 2)),
    "a sum over all steps that floats count": lambda: questions.area(parse("0.1"), 2**53),
    "a remainder by 0": lambda: s.formula("1 % 0"),
    "a quotient by 0": lambda: s.formula("t + 1 / (2 - 2)"),
    "a quotient by 0 once the length is known": lambda: s.formula("1 / (T - 5)").over(5),
    "a quotient by 0 at a step": lambda: s.formula("1 / (t - 5)")(5),
    "no number as a step": lambda: s.cosine(10)("3"),
    "a keyword twice": lambda: parse("adam(beta1=0.9, beta1=0.8)"),
    "a keyword twice with the same value": lambda: parse("sgd() | 0.1 * cosine(length=10, length=10)"),
    "a name twice in JSON": lambda: s.from_json('{"word": "cosine", "length": 10, "length": 20}'),
    "NaN in JSON": lambda: s.from_json('{"word": "constant", "factor": NaN}'),
    "infinity in JSON": lambda: s.from_json('{"word": "plan", "a": -Infinity}'),
    "digits in JSON": lambda: s.from_json('{"word": "constant", "factor": ' + "9" * 5000 + "}"),
    "a nest of lists in JSON": lambda: s.from_json("[" * 100_000),
    "a nest of words in JSON": lambda: s.from_json(
        '{"word": "clamp", "factor": ' * 60 + '{"word": "cosine"}' + "}" * 60
    ),
    "a nest of plans in JSON": lambda: s.from_json('{"word": "plan", "a": ' * 60 + "1" + "}" * 60),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_no_number_can_be_is_said_in_one_line(what):
    with pytest.raises(StepsizeError) as caught:
        REFUSED[what]()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_more_marks_than_anybody_reads_are_said_in_one_line(monkeypatch):
    monkeypatch.setattr(questions, "_MOST_MARKS", 1000)
    assert len(questions.boundaries(parse("staircase(0.5, 1)"), 1001)) == 1000
    with pytest.raises(StepsizeError, match="more than 1000: ask outline"):
        questions.boundaries(parse("staircase(0.5, 1)"), 2**53)


HEALTHY = {
    "cosine(9007199254740992)": (7, 1.0),
    "constant(1000000000000000000000000000000)": (0, 1e30),
    "cosine('1e13tok')": (50, 0.5),
    "repeat(cosine(10), 1000, growth=2, height=0.9)": (10, 0.9),
    "repeat(cosine(10), 10000)": (99_990, 1.0),
    "stretch(cosine(10), 0.001)": (1, 0.0),
    "stretch(cosine(10), 1000000)": (5_000_000, 0.5),
    "staircase(10, 1)": (2000, 1e300),
    "warp(cosine(30), (150, 0))": (500, 1.0),
    "shift(repeat(cosine(100)), 1)": (2**53, 0.015708419435684462),
    "exponential(0.5, every=1)": (2000, 0.0),
    "formula('min(1 / t, 1)')": (0, 1.0),
    "formula('max(log(t), 0)')": (0, 0.0),
    "formula('1 / (1 + t ** 40)')": (10**9, 0.0),
    "formula('2 ** 3 - 7')": (3, 1.0),
    "onecycle(three_phase=True)": (0, 0.04),
    "1e300 * cosine()": (0, 1e300),
    "linear(1e-320, 0)": (0, 1e-320),
}


@pytest.mark.parametrize("text", HEALTHY)
def test_what_is_far_from_the_edge_or_just_within_has_its_value(text):
    t, value = HEALTHY[text]
    f = parse(text).over(100, tokens_per_step=1e11)
    assert f(t) == pytest.approx(value, rel=1e-12)
    assert f(np.array([t]))[0] == pytest.approx(value, rel=1e-12)


WRAPS = {
    "clamp": lambda f: s.clamp(f, 0.1),
    "sum in product": lambda f: s.constant(1) * (f + s.constant(0)),
    "sequence in product": lambda f: (s.warmup(1) >> f) * s.constant(1),
    "minimum": lambda f: s.minimum(f, s.constant(1)),
    "reverse": s.reverse,
    "cooldown": lambda f: s.cooldown(f, 9, at=20),
    "repeat": lambda f: s.repeat(f, 2, growth=2),
    "plan": lambda f: s.plan(a=f),
}


@pytest.mark.parametrize("what", WRAPS)
def test_the_deepest_nest_that_is_made_is_read_back(what):
    f, deeper = None, s.cosine(5)
    while deeper is not None:
        f, deeper = deeper, told(WRAPS[what], deeper)
    with pytest.raises(StepsizeError, match="nested too deeply: keep it under 50 levels"):
        WRAPS[what](f)
    assert_read_back(f)
    if what != "plan":
        for whole in (0.1 * f, s.sgd() | 0.1 * f | s.clip(1)):
            assert_read_back(whole)


@pytest.mark.parametrize("name", ["done", "total_steps", "steps_per_epoch", "batch_size", "tokens_per_step"])
@pytest.mark.parametrize(
    "number", [-1, 2**53 + 1, 2**62, pytest.param(10**5000, id="digits"), float("nan"), float("inf"), True, "5%"]
)
def test_a_scheduler_takes_no_number_that_is_none(name, number):
    from stepsize.adapters.torch.scheduler import Scheduler

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1)
    made = told(Scheduler, optimizer, "0.1 * (warmup(10) >> cosine())", **({"total_steps": 100} | {name: number}))
    assert made is None or np.isfinite(optimizer.param_groups[0]["lr"])
    assert name not in ("done", "total_steps") or made is None


NINES = "9" * 5000


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "cosine()", "--steps", NINES],
        ["show", "cosine()", f"--steps={NINES}"],
        ["show", "cosine()", "--at", f"1,{NINES}"],
        ["show", "cosine('3ep')", "--steps-per-epoch", NINES],
        ["show", "cosine(0x" + "f" * 5000 + ")"],
        ["explain", "cosine()", "--steps", NINES],
        ["diff", "cosine()", "linear()", "--steps", NINES],
        ["compare", "wine", "--rates", f"1e-4:1:{NINES}"],
        ["compare", "wine", "--seeds", NINES],
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_a_number_without_an_end_at_the_command_line_is_one_line(arguments, monkeypatch, capsys):
    from stepsize.cli import start

    monkeypatch.setattr("sys.argv", ["stepsize", *arguments])
    with pytest.raises(SystemExit) as stopped:
        start.main()
    error = capsys.readouterr().err
    assert stopped.value.code == 2
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert len(error) < 2100
