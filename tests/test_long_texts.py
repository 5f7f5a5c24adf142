"""Long lists are read back as they were written, and no other long text is let in through their door."""

import random
import time

import pytest

import stepsize as s
from stepsize import ParseError, parse

RANDOM = random.Random(0)
LONG = {
    "values": lambda: s.table(*(RANDOM.random() for _ in range(100_000))),
    "small values": lambda: s.table(*(RANDOM.random() * 1e-9 for _ in range(60_000)), every=3),
    "knots": lambda: s.piecewise((0, 0.1), *((i * 10, RANDOM.random()) for i in range(1, 10_000))),
    "knots in other units": lambda: s.piecewise((0, 1), *((f"{i / 50}%", RANDOM.random()) for i in range(1, 5000))),
    "stages": lambda: s.stages(*(RANDOM.random() for _ in range(20_000)), at=tuple(range(1, 20_000))),
    "bends": lambda: s.warp(s.cosine(100), *((i, i / 3) for i in range(1, 3000))),
    "in a strategy": lambda: (
        s.clip_norm(1) | s.adam() | 0.1 * (s.warmup(9) >> s.table(*(RANDOM.random() for _ in range(90_000))))
    ),
}


@pytest.mark.parametrize("what", LONG)
def test_a_long_list_is_read_back(what):
    value = LONG[what]()
    assert parse(str(value)) == value


HOSTILE = {
    "words": "cosine() * " * 1500 + "linear()",
    "words with two numbers": "linear(1, 0) * " * 1500 + "linear()",
    "words with two numbers, apart": "linear (1, 0) * " * 1500 + "linear()",
    "words with two numbers in a list": "plus(" + "linear(1, 0), " * 1500 + "linear())",
    "sums of pairs": "piecewise(" + "(1, 1) + " * 200_000 + "(1, 1))",
    "a nest": "(" * 700 + "1, 1" + ")" * 700,
    "a nest of pairs": "piecewise(" + "((1, 1), " * 700 + "1" + ")" * 701,
    "a longer sum": "1 + " * 400_000 + "1",
    "more numbers than ever": "table(" + "1, " * 900_000 + "1)",
    "more knots than ever": "piecewise(" + "(1, 1), " * 400_000 + "(1, 1))",
    "longer than anything": "table(" + "0.12345678901234567, " * 900_000 + "1)",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_no_other_long_text_is_read(what):
    started = time.process_time()
    with pytest.raises(ParseError, match=r"characters, at most|more than 600 parentheses"):
        parse(HOSTILE[what])
    assert time.process_time() - started < 2
