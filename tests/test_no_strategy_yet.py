"""What is given in the place of a strategy and is none: what it is, and the strategy that it can be a part of."""

import pytest

import stepsize
from stepsize import ParseError, StepsizeError, parse
from stepsize.text import as_descent

PARTS = {
    "a schedule": (stepsize.cosine(), "cosine() is a schedule without a rule and a rate: write sgd() | 0.1 * cosine()"),
    "a sum": (
        stepsize.cosine() + stepsize.linear(),
        "cosine() + linear() is a schedule without a rule and a rate: write sgd() | 0.1 * (cosine() + linear())",
    ),
    "a rule": (stepsize.adam(), "adam() is a rule without a rate: write adam() | 0.1"),
    "a clip": (
        stepsize.clip_norm(1),
        "clip_norm(1) has no rule and no rate behind it: write clip_norm(1) | sgd() | 0.1",
    ),
    "a transform": (
        stepsize.weight_decay(0.1),
        "weight_decay(0.1) has no rule and no rate behind it: write weight_decay(0.1) | sgd() | 0.1",
    ),
    "a rule that nobody called": (stepsize.adam, "adam is a word without its parentheses: write adam()"),
    "a clip that nobody called": (stepsize.clip_norm, "clip_norm is a word without its parentheses: write clip_norm()"),
    "a schedule that nobody called": (stepsize.cosine, "cosine is a word without its parentheses: write cosine()"),
}
STRANGERS = {"a dictionary": {"lr": 0.1}, "a set": {0.1}, "a class": dict, "a number": 3, "nothing": None}


@pytest.mark.parametrize(("given", "said"), PARTS.values(), ids=PARTS)
def test_a_part_of_a_strategy_is_told_what_it_lacks(given, said):
    with pytest.raises(StepsizeError) as caught:
        as_descent(given)
    assert str(caught.value) == said
    if "parentheses" not in said:
        as_descent(said.partition(": write ")[2])


@pytest.mark.parametrize("given", STRANGERS.values(), ids=STRANGERS)
def test_what_can_be_no_part_is_told_what_a_strategy_is(given):
    with pytest.raises(StepsizeError, match=r"^a strategy is a rule and a rate, such as sgd\(\) \| 0\.1, not "):
        as_descent(given)


def test_a_class_of_ones_own_with_the_name_of_a_word_is_refused_in_pythons_words():
    class adam(stepsize.adam):
        __slots__ = ()

    for call in (lambda: adam(lr=0.1), lambda: stepsize.adam(1, 2, 3, 4, 5, 6)):
        with pytest.raises(TypeError) as caught:
            call()
        assert "write" not in str(caught.value)
    with pytest.raises(TypeError, match=r"write adam\(\) \| 0\.1$"):
        stepsize.adam(lr=0.1)


def test_whole_numbers_in_places_that_are_none_are_refused_in_pythons_words():
    """Nobody knows what they were; a text says the one thing that they may be."""
    with pytest.raises(TypeError, match="positional argument"):
        stepsize.adam(1)
    with pytest.raises(ParseError, match=r"write adam\(\) \| 1$"):
        parse("adam(1)")
