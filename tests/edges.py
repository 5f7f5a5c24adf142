"""Numbers at the edge, and how they come into every field of every word: what the law of numbers draws from.

A word is taken from its row in tests/subjects.py, or a recipe from its signature, and one to three of its numbers are
replaced. So a new word needs no line here.
"""

from __future__ import annotations

import inspect
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

import stepsize as s
from stepsize import StepsizeError
from stepsize._value import Value
from stepsize.vocabulary import WORDS, look_up
from subjects import EVERYTHING, FACTORS, SCHEDULES, SUBJECTS

HUGE = 10**5000
WHOLE = [0, 1, 2, 3, 7, 1000, *(2**k + i for k in (31, 53, 63, 64) for i in (-1, 0, 1)), 10**19, 2**62, 10**300]
REAL = [0.0, -0.0, 5e-324, 1e-320, 2.2250738585072014e-308, 1e-300, 1e-160, 1e-16, 0.1, 0.1 + 0.2, 0.5, 1 - 2**-53]
REAL += [1.0, 1 + 2**-52, 1.5, 2.0, 3.5, 600.0, 1e10, 1e15, 1e16, 1e19, 1e160, 1e300, 1e308, 1.7976931348623157e308]
ODD = [float("nan"), float("inf"), float("-inf"), HUGE, -HUGE, 16**4400, 10**309, True, False, None]
GIVEN = [Fraction(1, 3), Fraction(5), Fraction(HUGE), Fraction(1, HUGE), Decimal("0.1"), Decimal("1e400"), Decimal(5)]
GIVEN += [Decimal("NaN"), Decimal("sNaN"), np.float32(0.1), np.float64("nan"), np.float16("inf"), np.int64(2**62)]
GIVEN += [np.uint64(2**64 - 1), np.bool_(True), np.longdouble("1e4000"), np.complex128(1j), np.array([1, 2])]
AMOUNTS = ["0", "-1", "1e-320", "0.5", "1", "2.5", "50", "99.999", "100", "1e16", "1e19", "1e300", "1e308", "1e999"]
AMOUNTS += ["nan", "inf", "9" * 5000, "0." + "0" * 5000 + "1", "1_0", "٣", "0x10"]
LITERALS = [*map(repr, [*WHOLE, *REAL]), "1e999", "1e-999", "9" * 5000, "0x" + "f" * 5000, "-0x" + "f" * 5000]
LITERALS += ["0b" + "1" * 2000, "0o17", "1_000", "1j", "-0", "--1", "1." + "0" * 5000, "2 * 3", "9" * 300 + " * 2.0"]
HOURS = [0, 1, 0.5, 7, 999, 1000, 1000.5, 2**31, 2**53 - 1, 2**53, 2**62, 1e300]  # of a run, as updates done
NEVER = [-1, -0.5, float("nan"), -HUGE, HUGE, "1", None, Fraction(-1, 3), np.float64("nan")]
TOTALS = [1, 2, 7, 1000, 10**6, 2**31, 2**53, 2**62, 10**400, 0, 0.5, 1e300]
UNITS = [
    {},
    {"steps_per_epoch": 50, "batch_size": 8, "tokens_per_step": 1024},
    {"steps_per_epoch": 1e308, "batch_size": 1e-320, "tokens_per_step": 5e-324},
    {"steps_per_epoch": 1e-300, "batch_size": [(0, 1e300), (2**53, 1e-300)], "tokens_per_sample": 1e300},
    {"steps_per_epoch": 3.5, "batch_size": [(0, 10), (500, 100)], "tokens_per_sample": 1e-300},
    {"steps_per_epoch": HUGE, "batch_size": [(0, HUGE)], "tokens_per_step": float("nan")},
]

plain = st.one_of(
    st.sampled_from(WHOLE),
    st.sampled_from(REAL),
    st.sampled_from([*WHOLE, *REAL]).map(lambda x: -x),
    st.floats(),
    st.integers(),
    st.integers(-(2**70), 2**70),
)
texts = st.builds(
    lambda amount, unit: amount + unit, st.sampled_from(AMOUNTS), st.sampled_from(["%", "ep", "samples", "tok"])
)
anything = st.one_of(plain, plain, plain, st.sampled_from([*ODD, *GIVEN, "", "x", "linear"]), texts)


positive = plain.map(abs)


@st.composite
def changed(draw, one, drawn):
    """A field with a number at the edge; of a list one entry; a value inside keeps its form."""
    if isinstance(one, tuple) and one:
        place = draw(st.integers(0, len(one) - 1))
        return (*one[:place], draw(changed(one[place], drawn)), *one[place + 1 :])
    if isinstance(one, Value):
        return draw(edged(one))
    return draw(drawn)


@st.composite
def edged(draw, value):
    """The value with one to three of its fields at the edge; a StepsizeError where it is refused."""
    fields = value.fields()
    if not fields:
        return value
    chosen = draw(st.lists(st.sampled_from(list(fields)), min_size=1, max_size=3, unique=True))
    return value.replace(**{name: draw(changed(fields[name], anything)) for name in chosen})


@st.composite
def far(draw, value):
    """The value with one number at the edge of what it takes, so that most of them are values."""
    fields = {name: one for name, one in value.fields().items() if not isinstance(one, (str, bool))}
    if not fields:
        return value
    name = draw(st.sampled_from(list(fields)))
    return value.replace(**{name: draw(changed(fields[name], positive))})


RECIPES = {word: look_up(word) for word in WORDS if not isinstance(look_up(word), type)}
CLASSES = [word for word in WORDS if word not in RECIPES]


@st.composite
def called(draw, recipe):
    """A recipe called with numbers at the edge."""
    places, names = [], {}
    for one in inspect.signature(recipe).parameters.values():
        if one.kind is one.VAR_POSITIONAL:
            places += draw(st.lists(anything, max_size=3))
        elif one.default is one.empty and one.kind is not one.KEYWORD_ONLY:
            places.append(draw(anything))
        elif one.default is one.empty or draw(st.booleans()):
            names[one.name] = draw(anything)
    return recipe(*places, **names)


words = st.one_of(*(st.sampled_from(SUBJECTS[word]).flatmap(edged) for word in CLASSES), *map(called, RECIPES.values()))

PAIRED = [
    lambda a, b: a * b,
    lambda a, b: a + b,
    lambda a, b: a >> b,
    lambda a, b: s.minimum(a, b),
    lambda a, b: s.maximum(a, b),
    lambda a, b: s.then(a, b, a),
    lambda a, b: s.repeat(a >> b, 3, growth=2),
    lambda a, b: s.repeat(a, 4) * b,
    lambda a, b: 0.1 * (a >> b),
    lambda a, b: s.cooldown(a * b, 50, at=7),
    lambda a, b: s.reverse(a >> b),
    lambda a, b: a | b,
    lambda a, b: s.sgd() | a | b,
    lambda a, b: s.plan(a=a, b=b),
]
WRAPPED = [
    lambda f, x, y: s.clamp(f, x),
    lambda f, x, y: s.repeat(f, x),
    lambda f, x, y: s.repeat(f, growth=x, height=y),
    lambda f, x, y: s.stretch(f, x),
    lambda f, x, y: s.stretch(s.stretch(f, x), y),
    lambda f, x, y: s.shift(f, x),
    lambda f, x, y: s.cooldown(f, x, at=y),
    lambda f, x, y: s.warp(f, (x, y)),
    lambda f, x, y: s.reverse(f),
    lambda f, x, y: x * f,
]


@st.composite
def combined(draw):
    """Two values, one of them at the edge, put together in one of the ways there are, and bent once more or not."""
    one = draw(st.sampled_from(FACTORS).flatmap(far))
    pair = one, draw(st.one_of(*[st.sampled_from(SCHEDULES)] * 4, st.sampled_from(EVERYTHING), plain))
    try:
        value = draw(st.sampled_from(PAIRED))(*(pair[::-1] if draw(st.booleans()) else pair))
        if draw(st.integers(0, 2)) == 0:
            value = draw(st.sampled_from(WRAPPED))(value, draw(anything), draw(anything))
    except TypeError as error:
        if re.match("unsupported operand|can't multiply sequence", str(error)):  # Python's own words
            raise StepsizeError("these do not combine") from None
        raise
    if not hasattr(value, "fields"):
        raise StepsizeError("two numbers make a number")
    return value


def _more(inner):
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(_OPERATORS), inner),
        st.builds("{}({})".format, st.sampled_from(_FUNCTIONS), inner),
        st.builds("{}({}, {})".format, st.sampled_from(["min", "max"]), inner, inner),
        inner.map("-{}".format),
    )


_NAMES = ["t", "u", "T", "pi", "e", "0", "1", "2", "0.5", "1e299", "1e-300", "1e150", "9999999999999999999", "-1"]
_atoms = st.sampled_from(_NAMES)
_OPERATORS = ["+", "-", "*", "/", "//", "%", "**"]
_FUNCTIONS = ["cos", "sin", "tanh", "exp", "log", "sqrt", "abs", "floor"]
_formulas = st.recursive(_atoms | plain.map(repr).filter(lambda one: len(one) < 40), _more, max_leaves=6)
formulas = st.builds(
    lambda text, held, length: s.formula(f"max({text}, 0)" if held else text, length),
    _formulas,
    st.booleans(),
    st.sampled_from([None, 5, 100, 2**31]),
)
