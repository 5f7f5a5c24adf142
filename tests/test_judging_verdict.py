"""The sentences of a verdict: who ended lowest, what is shown and what is not, what to try next."""

from pathlib import Path

import numpy as np

from stepsize.lab.judging import Column, Runs, judge, verdict

PAGE = Path(__file__).parent.parent / "docs" / "judging.md"


def runs(name, values, rate=0.1, **others):
    """Runs at one rate, and at others with the worse losses given."""
    table = {(rate, seed): value for seed, value in enumerate(values)}
    for at, value in others.get("beside", {}).items():
        table |= {(at, seed): value if value is None else value + 0.001 * seed for seed in range(len(values))}
    return Runs(name, table, dict(table))


LOW = [1.00, 1.04, 0.97, 1.01, 0.99]
NEAR = [1.02, 1.02, 0.99, 1.03, 0.98]
HIGH = [2.01, 2.06, 1.96, 2.02, 1.97]


def test_a_difference_that_is_shown():
    said = verdict(judge([runs("warm-up", LOW), runs("0.1 * cosine()", HIGH)]))
    assert said == (
        "warm-up ended lowest: test loss 1.002 at rate 0.1 (95 % interval 0.9699 to 1.034, n = 5); "
        "it is shown to be lower.",
        "warm-up is lower than 0.1 * cosine() by 1.002 (95 % interval 0.9816 to 1.022, n = 5, p < 0.0001).",
        "Worst seed: warm-up 1.04 (seed 1), 0.1 * cosine() 2.06 (seed 1).",
    )


def test_a_difference_that_is_not():
    said = verdict(judge([runs("B", NEAR), runs("A", LOW)]))
    assert said[0].endswith("; that it is lower than another is not shown.")
    assert said[1] == (
        "No difference shown between A and B (p = 0.53, n = 5; about 85 seeds would show a difference as large as the "
        "one seen)."
    )


def test_several_are_compared_together():
    three = [runs("A", LOW), runs("B", NEAR), runs("C", HIGH)]
    said = verdict(judge(three))
    assert said[0].endswith("; it is shown to be lower than C, and than no other.")
    assert said[1].startswith("No difference shown between A and B (p = 0.53 among 3 comparisons, n = 5; about 114 ")
    assert said[2].startswith("A is lower than C by 1.002 (95 % interval 0.9816 to 1.022, n = 5, p < 0.0001 among 3 ")


def test_a_reference_is_compared_with_each():
    three = [runs("A", LOW), runs("B", NEAR), runs("C", HIGH)]
    judgement = judge(three, reference="C")
    assert [(one.first, one.second) for one in judgement.pairs] == [("C", "A"), ("C", "B")]
    said = verdict(judgement)
    assert said[1].startswith("A is lower than C by 1.002 (95 % interval 0.9816 to 1.022")
    assert said[2].startswith("B is lower than C by 0.996 (95 % interval ")
    assert "among 2 comparisons" in said[1]


def test_accuracy_is_better_when_higher():
    columns = {"judges": Column("accuracy", "test", True), "chooses": Column("accuracy", "validation", True)}
    said = verdict(judge([runs("A", LOW), runs("C", HIGH)], **columns))
    assert said[0].startswith("C ended highest: test accuracy 2.004 at rate 0.1 (")
    assert said[1].startswith("C is higher than A by 1.002 (95 % interval 0.9816 to 1.022")
    assert "Worst seed: A 0.97 (seed 2), C 1.96 (seed 2)." in said


def test_what_diverged_and_rates_at_an_edge():
    said = verdict(judge([runs("A", LOW, beside={0.01: 3.0, 1.0: None}), runs("B", NEAR, beside={1.0: 5.0})]))
    assert "A: 5 of 15 runs diverged, at rate 1, which is out." in said
    assert "B: the chosen rate is the lowest tried, so a better one may lie below it." in said
    assert not any(line.startswith("A: the chosen rate") for line in said)


def test_without_a_part_that_judges_it_says_what_is_open():
    one = runs("A", LOW)
    said = verdict(judge([Runs("A", one.chooses)]))
    assert said[0].startswith("A ended at validation loss 1.002 at rate 0.1")
    assert said[-1].startswith("No part is kept for judging: the validation rows chose the rates and judge them")
    assert not any("No part" in line for line in verdict(judge([one])))
    trained = verdict(judge([Runs("A", one.chooses)], chooses=Column(part="training")))
    assert "the training rows chose the rates" in trained[-1]


def test_a_choice_that_hangs_on_seeds_is_said():
    values = {(0.1, s): 1.0 + 0.1 * (s > 1) for s in range(4)} | {(0.2, s): 1.1 - 0.1 * (s > 1) for s in range(4)}
    assert any(
        "hangs on the seeds; halves of them chose 0.1 to 0.2" in one for one in verdict(judge([Runs("A", values)]))
    )


def test_the_page_shows_what_its_snippet_prints(capsys):
    text = PAGE.read_text(encoding="utf-8")
    snippet, printed = (text.split(f"```{kind}\n")[1].split("```")[0] for kind in ("python", "text"))
    exec(snippet, {})
    assert capsys.readouterr().out == printed


def test_many_without_a_difference_share_a_line():
    draw = np.random.default_rng(3)
    runs = [Runs(name, {(0.1, seed): float(draw.normal(1, 0.1)) for seed in range(5)}) for name in "ABCD"]
    said = verdict(judge(runs, reference="B"))
    (line,) = [one for one in said if one.startswith("No difference shown")]
    assert line.startswith("No difference shown between B and A (p = ")
    assert ", C (p = " in line
    assert " and D (p = " in line
    assert "): n = 5, 3 comparisons; in brackets p, and how many seeds would show" in line


def test_rates_that_hang_on_seeds_share_a_line():
    values = {(0.1, s): 1.0 + 0.1 * (s > 1) for s in range(4)} | {(0.2, s): 1.1 - 0.1 * (s > 1) for s in range(4)}
    said = verdict(judge([Runs("A", values), Runs("B", values)]))
    assert "Chosen rates that hang on the seeds, and what halves of them chose: A 0.1 to 0.2, B 0.1 to 0.2." in said


def test_many_rates_at_an_edge_share_a_line():
    low = [runs(name, NEAR, beside={1.0: 5.0}) for name in "AB"]
    said = verdict(judge([*low, runs("C", NEAR, beside={0.01: 5.0})]))
    assert "The chosen rate is the lowest tried, so a better one may lie below it: A and B." in said
    assert "The chosen rate is the highest tried, so a better one may lie above it: C." in said


def test_with_a_reference_nothing_is_said_of_those_that_were_not_compared():
    said = verdict(judge([runs("A", LOW), runs("B", HIGH), runs("C", HIGH)], reference="C"))
    assert said[0].endswith("; it is shown to be lower than C, with which all are compared.")
