"""Laws of every value: it is frozen, it is its text, and it survives every way of writing it down."""

from __future__ import annotations

import copy
import pickle
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stepsize
from stepsize import StepsizeError, from_json, parse, to_json
from stepsize.descents import Clip, Stage, Transform
from stepsize.vocabulary import WORDS, kind_of, look_up
from strategies import by_word, clips_by_word, leaves_by_word, rules_by_word, transforms_by_word, values
from subjects import CLIPS, CONTROLLERS, EVERYTHING, RULES, SCHEDULES, SUBJECTS

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


@pytest.mark.parametrize(
    ("kind", "found"),
    [("controller", CONTROLLERS), ("rule", RULES), ("clip", CLIPS), ("schedule", SCHEDULES)],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_the_laws_find_every_word_of_their_kind(kind, found):
    wanted = {word for word in WORDS if kind_of(word) == kind and isinstance(look_up(word), type)}
    assert wanted
    assert wanted <= {one.word() for one in found}


@pytest.mark.parametrize("word", [word for word in WORDS if isinstance(look_up(word), type)])
def test_the_subjects_of_a_word_are_its_own(word):
    assert {one.word() for one in SUBJECTS[word]} == {word}


def test_the_kind_of_a_stage_is_what_it_is():
    stages = {word: one for word, (one, *_) in SUBJECTS.items() if isinstance(one, Stage)}
    for word, one in stages.items():
        kind = "clip" if isinstance(one, Clip) else "transform" if isinstance(one, Transform) else "rule"
        assert kind_of(word) == kind, word


DRAWN = leaves_by_word | by_word | clips_by_word | transforms_by_word | rules_by_word


@pytest.mark.parametrize("word", DRAWN)
@given(data=st.data())
@settings(max_examples=5)
def test_a_random_draw_is_of_the_word_that_it_stands_for(word, data):
    assert data.draw(DRAWN[word]).word() == word


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
