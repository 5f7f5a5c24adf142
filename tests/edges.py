"""Numbers at the edge, and how they come into every field of every word: what the law of numbers draws from.

A word is taken from its row in tests/subjects.py, or a recipe from its signature here, and one to three of its numbers
are replaced. So a new word needs no line of its own.
"""

from __future__ import annotations

import inspect
from decimal import Decimal
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from stepsize._value import Value
from stepsize.vocabulary import WORDS, look_up
from subjects import SUBJECTS

HUGE = 10**5000
WHOLE = [
    0,
    1,
    2,
    3,
    7,
    1000,
    *(2**k + i for k in (31, 53, 63, 64) for i in (-1, 0, 1)),
    10**19,
    2**62,
    10**300,
    10**309,
]
REAL = [0.0, -0.0, 5e-324, 1e-320, 2.2250738585072014e-308, 1e-300, 1e-160, 1e-16, 0.1, 0.1 + 0.2, 0.5, 1 - 2**-53]
REAL += [1.0, 1 + 2**-52, 1.5, 2.0, 3.5, 600.0, 1e10, 1e15, 1e16, 1e19, 1e160, 1e300, 1e308, 1.7976931348623157e308]
ODD = [float("nan"), float("inf"), float("-inf"), HUGE, -HUGE, 16**4400, True, False, None]
GIVEN = [Fraction(1, 3), Fraction(5), Fraction(HUGE), Fraction(1, HUGE), Decimal("0.1"), Decimal("1e400"), Decimal("5")]
GIVEN += [
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("0.5"),
    np.float32(0.1),
    np.float64("nan"),
    np.float16("inf"),
    np.int64(2**62),
]
GIVEN += [
    np.uint64(2**64 - 1),
    np.bool_(True),
    np.longdouble("1e4000"),
    np.complex128(1j),
    np.array(0.5),
    np.array([1, 2]),
]
AMOUNTS = [
    "0",
    "-1",
    "1e-320",
    "1e-300",
    "0.5",
    "1",
    "2.5",
    "50",
    "99.999",
    "100",
    "1e16",
    "1e19",
    "1e300",
    "1e308",
    "1e999",
    "nan",
    "inf",
]
AMOUNTS += ["9" * 5000, "0." + "0" * 5000 + "1", "1_0", "٣", "0x10"]
UNITS = ["%", "ep", "samples", "tok"]

signed = st.sampled_from([1, 1, 1, -1])
plain = st.one_of(
    st.sampled_from(WHOLE),
    st.sampled_from(REAL),
    st.sampled_from([*WHOLE, *REAL]).map(lambda x: -x),
    st.floats(),
    st.integers(),
    st.integers(-(2**70), 2**70),
)
numbers = st.one_of(plain, plain, st.sampled_from(ODD), st.sampled_from(GIVEN))
texts = st.builds(lambda amount, unit: amount + unit, st.sampled_from(AMOUNTS), st.sampled_from(UNITS))
anything = st.one_of(numbers, numbers, texts, st.sampled_from(["", "x", "linear"]))


def _is_number(one):
    return one is None or isinstance(one, (int, float)) or (isinstance(one, str) and one[:1].isdigit())


@st.composite
def changed(draw, one):
    """A field, or a list of them, with a number at the edge in it; a value inside keeps its form."""
    if isinstance(one, tuple):
        if not one:
            return one
        place = draw(st.integers(0, len(one) - 1))
        return (*one[:place], draw(changed(one[place])), *one[place + 1 :])
    if isinstance(one, Value):
        return draw(edged(one))
    return draw(anything)


@st.composite
def edged(draw, value):
    """The value with one to three of its numbers at the edge; it may be refused, with a StepsizeError."""
    names = list(value.fields())
    if not names:
        return value
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    return value.replace(
        **{name: draw(changed(getattr(value, name, dict(value.fields()).get(name)))) for name in chosen}
    )


RECIPES = {word: look_up(word) for word in WORDS if not isinstance(look_up(word), type)}


@st.composite
def called(draw, word):
    """A recipe called with numbers at the edge."""
    places, names = [], {}
    for one in inspect.signature(RECIPES[word]).parameters.values():
        if one.kind is one.VAR_POSITIONAL:
            places += draw(st.lists(anything, min_size=0, max_size=3))
        elif one.default is one.empty and one.kind is not one.KEYWORD_ONLY:
            places.append(draw(anything))
        elif one.default is one.empty or draw(st.booleans()):
            names[one.name] = draw(anything)
    return RECIPES[word](*places, **names)


words = st.one_of(
    *(
        st.sampled_from(SUBJECTS[word]).flatmap(edged)
        for word in WORDS
        if word in SUBJECTS and isinstance(look_up(word), type)
    ),
    *map(called, RECIPES),
)
