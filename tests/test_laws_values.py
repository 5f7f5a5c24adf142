"""Laws of every value: it is frozen, it is its text, and it survives every way of writing it down."""

from __future__ import annotations

import copy
import pickle
import weakref

import pytest
from hypothesis import given

import stepsize
from stepsize import StepsizeError, from_json, parse, to_json
from stepsize.vocabulary import WORDS
from strategies import values
from subjects import EVERYTHING, SUBJECTS

NAMESPACE = {name: getattr(stepsize, name) for name in stepsize.__all__}
WAYS_BACK = {
    "text": lambda x: parse(str(x)),
    "repr": lambda x: eval(repr(x), dict(NAMESPACE)),
    "json": lambda x: from_json(to_json(x)),
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "replace": lambda x: x.replace(),
}


def assert_equal(back, value):
    assert back == value
    assert type(back) is type(value)
    assert hash(back) == hash(value)
    assert repr(back) == repr(value)
    assert str(back) == str(value)


def test_every_word_has_a_subject():
    assert set(SUBJECTS) == set(WORDS)
    assert all(SUBJECTS.values())


@pytest.mark.parametrize("way", WAYS_BACK)
@pytest.mark.parametrize("value", EVERYTHING, ids=repr)
def test_a_value_comes_back_equal(value, way):
    assert_equal(WAYS_BACK[way](value), value)


@pytest.mark.parametrize("way", WAYS_BACK)
@given(value=values)
def test_a_random_value_comes_back_equal(way, value):
    assert_equal(WAYS_BACK[way](value), value)


def test_different_subjects_are_unequal_and_have_different_texts():
    assert len(set(EVERYTHING)) == len(EVERYTHING)
    assert len({repr(one) for one in EVERYTHING}) == len(EVERYTHING)


@pytest.mark.parametrize("value", EVERYTHING, ids=repr)
def test_a_value_is_frozen(value):
    before = repr(value)
    for name in (*value.field_names(), "anything"):
        with pytest.raises(AttributeError, match="frozen"):
            setattr(value, name, 1)
        with pytest.raises(AttributeError, match="frozen"):
            delattr(value, name)
    assert repr(value) == before


@pytest.mark.parametrize("value", EVERYTHING, ids=repr)
def test_a_value_takes_weak_references(value):
    assert weakref.ref(value)() is value


@pytest.mark.parametrize(
    ("value", "changes", "expected"),
    [
        (stepsize.cosine(10), {"final": 0.1}, stepsize.cosine(10, final=0.1)),
        (stepsize.rate(0.1), {"base": 0.2}, stepsize.rate(0.2)),
        (stepsize.stages(1, 0.1), {"factors": (1, 0.5, 0.1)}, stepsize.stages(1, 0.5, 0.1)),
        (stepsize.sgd() | 0.1, {"stages": (stepsize.adam(),)}, stepsize.descent(stepsize.adam())),
    ],
    ids=repr,
)
def test_replace_changes_one_field_of_a_copy(value, changes, expected):
    before = repr(value)
    assert value.replace(**changes) == expected
    assert repr(value) == before


def test_replace_checks_like_the_constructor():
    with pytest.raises(StepsizeError, match="final"):
        stepsize.cosine().replace(final=2)


def test_a_value_equals_only_its_own_word():
    assert stepsize.clip(1) != stepsize.clip_norm(1)
    assert stepsize.constant(1) == stepsize.constant(1.0)
    assert stepsize.constant() != 1.0
