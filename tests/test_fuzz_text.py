"""The parser under ten thousand random and mutated texts: a value or a ParseError with a column, nothing else."""

import random

import pytest

from stepsize import ParseError, parse
from stepsize.vocabulary import WORDS

SEEDS = [
    "clip_norm(1) | adam() | 3e-4 * (warmup('2%') >> cosine()) * infrared(0.9, 0.99) | clip(0.01)",
    "stages(1, 0.1, 0.01, at=(300, 600))",
    "cooldown(repeat(cosine(100), growth=2) + constant(0.1), '20%', shape='1-sqrt')",
    "piecewise((0, 1), ('30%', 0.5), ('100%', 0), shape='cosine')",
    "formula('0.5 * (1 + cos(pi * u))', 100) * noise(0.1, every=10)",
    "sgd(momentum=0.9, nesterov=True) | weight_decay(1e-4) | 0.1",
]
PIECES = [
    *WORDS,
    "0.1",
    "-1",
    "1e999",
    "'5%'",
    "length",
    "None",
    "__import__('os')",
    "lambda: 1",
    "1j",
    "inf",
    "9" * 30,
]
PIECES += [
    "(",
    ")",
    ",",
    "|",
    "*",
    ">>",
    "+",
    "=",
    '"',
    "[",
    "{",
    "\x00",
    "é",
    "红",
    " ",
    "\n",
    "**",
    "...",
    ":=",
    "#",
    "\\",
]
PRINTABLE = "".join(map(chr, range(32, 127)))


def mutated(rng):
    text = list(rng.choice(SEEDS))
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(text) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            text[place:place] = rng.choice(PIECES)
        elif kind == 1:
            text[place : place + rng.randint(1, 8)] = []
        elif kind == 2:
            text[place : place + 1] = rng.choice(PRINTABLE)
        else:
            text[place:place] = text[: rng.randint(0, 30)]
    return "".join(text)


def scrambled(rng):
    return "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 20)))


def anything(rng):
    return "".join(chr(rng.choice((rng.randrange(128), rng.randrange(0x2FFF)))) for _ in range(rng.randint(0, 60)))


def outcome(text):
    """The value, or the ParseError; any other exception goes through."""
    try:
        return parse(text)
    except ParseError as error:
        return error


@pytest.mark.parametrize("make", [mutated, scrambled, anything])
def test_any_text_is_a_value_or_a_parse_error_with_its_column(make):
    rng = random.Random(make.__name__)
    values = 0
    for text in (make(rng) for _ in range(3_400)):
        found = outcome(text)
        if isinstance(found, ParseError):
            assert 1 <= found.column <= len(text) + 1, text
            assert "\n" not in str(found), text
        else:
            values += 1
            assert parse(str(found)) == found, text
    assert values > 0 or make is not mutated


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000 + "1" + ")" * 5_000,
        "clamp(" * 60 + "cosine()" + ")" * 60,
        "-" * 5_000 + "1",
        "[" * 150 + "]" * 150,
        "cosine() * (" * 60 + "linear()" + ")" * 60,
        "x" * 30_000,
    ],
)
def test_deep_or_endless_texts_are_refused_not_crashed_on(text):
    with pytest.raises(ParseError):
        parse(text)


def test_a_long_chain_is_no_deep_nest():
    assert len(parse(" >> ".join(["constant(length=3)"] * 400)).parts) == 400
