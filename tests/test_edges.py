"""Edges that once were wrong, each with the sentence that says what must hold."""

import numpy as np
import pytest

import stepsize as s
from stepsize import LengthError, ParseError, StepsizeError, parse, problems

RAMP = {"batch_size": [(0, 10), (500, 100)]}


@pytest.mark.parametrize("text", ["adam()", "adagrad()", "rmsprop()", "rmsprop(centered=True)"])
def test_a_gradient_that_is_no_number_is_seen_in_the_parameters(text):
    strategy = parse(f"{text} | 0.1")
    params = {"w": np.ones(2)}
    params, _, _ = strategy.step(params, {"w": np.array([np.nan, 1.0])}, strategy.init(params), s.seen())
    assert np.isnan(params["w"]).tolist() == [True, False]


def test_a_plan_comes_back_whatever_its_parts():
    for value in (s.plan(lr=s.rate(0.1)), s.plan(b=s.plan(lr=0.1), a=1), s.plan(lr=0.1 * s.cosine(), momentum=0.9)):
        assert parse(str(value)) == value
        assert s.from_json(s.to_json(value)) == value
    assert hash(s.plan(a=1, b=2)) == hash(s.plan(b=2, a=1))


@pytest.mark.parametrize("name", ["a b", "class", "word", "self", ""])
def test_a_name_that_could_not_be_read_back_is_refused(name):
    with pytest.raises(StepsizeError, match="cannot be a name"):
        s.plan(**{name: 1})


@pytest.mark.parametrize(("by", "steps"), [(2, 111), (3, 110), (7, 95), (0.5, 60)])
def test_a_stretched_part_fills_exactly_what_is_left(by, steps):
    resolved = (s.stretch(s.cosine(), by) >> s.linear(1, 0, 10)).over(steps)
    assert resolved(steps - 10) == 1.0
    assert resolved(steps - 1) == pytest.approx(0.1)


def test_reversing_does_not_lengthen_what_has_a_length():
    whole = s.reverse(s.repeat(s.cosine(25), 4))
    assert whole.over(1000) == whole


def test_cycles_are_fitted_where_times_and_length_are_given_and_only_there():
    assert s.repeat(s.linear(1, 0, 100), 4, length=100)(30) == pytest.approx(0.8)
    assert s.repeat(s.linear(1, 0, 99), 4, length=100)(30) == pytest.approx(0.8)
    assert s.repeat(s.linear(1, 0, 100), 4)(130) == pytest.approx(0.7)
    assert s.repeat(s.linear(1, 0, 100), length=250)(300) == pytest.approx(0.51)
    assert s.repeat(s.warmup(5) >> s.constant(), 3).over(90)(30 + 4) == 1.0


def test_samples_at_the_end_are_counted_where_the_batch_is_large():
    cooled = s.cooldown(s.constant(), "1000samples").over(1000, **RAMP)
    assert (cooled.at, cooled.length) == (990, 10)
    nested = (s.constant() >> s.clamp(s.linear(1, 0.5, "1000samples") >> s.linear(0.5, 0, "1000samples"))).over(
        1000, **RAMP
    )
    assert nested._steps() == 1000
    assert nested.parts[1]._steps() == 20


def test_a_cooldown_longer_than_the_run_is_an_error():
    with pytest.raises(LengthError, match="shorten it"):
        s.cooldown(s.constant(), 200).over(100)


@pytest.mark.parametrize(
    "gradient", [{"a": np.ones(2)}, {"a": np.ones(2), "b": 1.0}, {"a": np.ones(2), "c": np.ones(3)}]
)
def test_a_gradient_of_another_form_is_an_error(gradient):
    problem = problems.objective(lambda p: (0.0, gradient), {"a": np.ones(2), "b": np.ones(3)})
    with pytest.raises(StepsizeError, match="form"):
        s.descend(problem, "sgd() | 0.1", steps=1)


@pytest.mark.parametrize("text", ["cosine() # a\n * linear()", "# cosine()"])
def test_a_comment_is_refused_not_skipped(text):
    with pytest.raises(ParseError, match="comment"):
        parse(text)


def test_a_long_table_comes_back():
    long = s.table(*np.random.default_rng(0).random(3000))
    assert parse(str(long)) == long


@pytest.mark.parametrize(
    "make",
    [
        lambda: parse("onecycle('abc', three_phase=True)"),
        lambda: s.formula("(t - 5) ** 0.5")(0),
        lambda: s.cosine().over(100, batch_size=[1, 2]),
        lambda: s.cosine().over(100, batch_size=[(0, 1), (1.5, 2)]),
        lambda: s.from_json('{"word": "stages", "factors": 5}'),
        lambda: s.cosine(10).replace(foo=1),
        lambda: s.warmup(np.float32(10.5)),
        lambda: s.chebyshev(2.5),
        lambda: s.cooldown(s.constant(), 10, at=False),
    ],
)
def test_a_mistake_is_one_line_of_ours(make):
    with pytest.raises(StepsizeError) as caught:
        make()
    assert "\n" not in str(caught.value)
    assert "controller" not in str(caught.value)


def test_doubling_a_length_keeps_its_digits():
    assert s.onecycle("1234567tok", three_phase=True).knots[2][0] == "2469134.0tok"


def test_a_clip_keeps_each_arrays_own_type():
    arrays = {"a": np.full(2, 3.0, dtype=np.float32), "b": np.full(2, 4.0)}
    limited, _ = s.clip_norm(1).apply(arrays, {})
    assert {name: one.dtype for name, one in limited.items()} == {name: one.dtype for name, one in arrays.items()}


def test_two_writings_of_one_strategy_are_compared_once(capsys):
    from stepsize.lab.compare import prepare
    from stepsize.lab.data.datasets import load

    settings = prepare(load("wine"), ["sgd() | 0.1", "sgd()  |  0.1"], steps=5, seeds=2)
    assert [one.text for one in settings.strategies] == ["sgd() | 0.1"]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 140])
def test_the_table_names_every_strategy_whole_at_any_width(width, monkeypatch, capsys):
    from stepsize.lab.compare import compare, prepare
    from stepsize.lab.data.datasets import load
    from stepsize.lab.study.study import Study
    from stepsize.report import table
    from stepsize.report.numbers import summarise

    given = load("wine").workload()
    with Study(given) as study:
        plan = compare(study, prepare(given, (), steps=5, seeds=2, rates=(0.01, 1, 2)))
    console = table.Console
    monkeypatch.setattr(table, "Console", lambda **_: console(width=width, highlight=False))
    table.print_table(summarise(plan, study.outcomes(plan.trials()), {}))
    lines = capsys.readouterr().out.splitlines()
    for name in ("exponential", "infrared", "AdaGrad"):
        row = next(line for line in lines if line.startswith(name))
        assert "…" not in row
        assert "±" in row
        assert "%" in row


def test_diff_of_whole_strategies_says_that_only_rates_were_compared(capsys):
    from stepsize.cli.explain_and_diff import diff_command

    assert diff_command("sgd() | 0.1", "adam() | 0.1", 10, None, False) == 0
    assert "sgd() and adam() differ" in capsys.readouterr().out


def test_a_bare_function_is_no_problem_and_the_error_says_how_to_make_one():
    with pytest.raises(StepsizeError, match=r"problems\.objective"):
        s.descend(lambda x: (x @ x, 2 * x), "sgd() | 0.1", steps=1)
    with pytest.raises(StepsizeError, match="value, gradient"):
        s.descend(problems.objective(lambda x: x @ x, np.ones(2)), "sgd() | 0.1", steps=1)
