"""Laws of declared fields: the parameters of a word are its fields, and Python itself binds and refuses arguments."""

from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import stepsize
from stepsize import StepsizeError
from stepsize._errors import one_of
from stepsize._value import Value, field
from stepsize.controllers.base import Controller
from stepsize.descents import Clip, Rule
from stepsize.schedules.base import Factor
from stepsize.vocabulary import WORDS, look_up
from subjects import EVERYTHING, SUBJECTS

CLASSES = {word: look_up(word) for word in WORDS if isinstance(look_up(word), type)}
DECLARED = {word: cls for word, cls in CLASSES.items() if any(one.init for one in cls._declared.values())}
FIELDS = [(word, one) for word, cls in DECLARED.items() for one in cls._declared.values() if one.init]
STARRED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
ROOT = Path(stepsize.__file__).parents[1]


class halving(Rule):
    first: float = field(low=0)
    every: int = field(default=10, low=1, kw_only=True)
    least: float = field(default=0.25, low=0, high="first", kw_only=True)
    form: str = field(default="long", options=("long", "short"), kw_only=True)
    fast: bool = field(default=False, kw_only=True)
    most: float | None = field(default=2.0, above=0, kw_only=True)
    seen: dict = field(init=False)


class later(halving):
    at: int = field(default=0, low=0, kw_only=True)

    def _check_fields(self) -> None:
        if self.at > self.every:
            raise StepsizeError(f"later: at must be at most every, {self.every}, not {self.at}")


# the constructor of a word


def test_most_words_declare_their_fields():
    stages = {word for word, cls in CLASSES.items() if issubclass(cls, (Rule, Clip, Controller))}
    assert stages <= set(DECLARED)


@pytest.mark.parametrize("word", [word for word in CLASSES if word != "plan"])  # whose fields have names of the user
def test_the_signature_of_a_word_is_its_fields(word):
    cls = CLASSES[word]
    parameters = inspect.signature(cls).parameters.values()
    assert [one.name for one in parameters] == list(cls.field_names())
    for one in parameters:
        assert one.annotation is not one.empty
        if one.kind not in STARRED:
            assert cls._defaults.get(one.name, one.empty) == one.default
            assert (one.kind is one.KEYWORD_ONLY) == (one.name in cls._keywords)


@pytest.mark.parametrize("value", EVERYTHING, ids=repr)
def test_a_value_has_no_room_for_anything_else(value):
    assert not hasattr(value, "__dict__")


@pytest.mark.parametrize("word", CLASSES)
def test_a_constructor_is_a_function_of_its_class(word):
    init = CLASSES[word].__init__
    assert init.__name__ == "__init__"
    assert init.__qualname__ == f"{word}.__init__"
    assert init.__module__ == CLASSES[word].__module__
    assert init.__doc__ is None


@pytest.mark.parametrize("word", DECLARED)
def test_python_refuses_wrong_arguments_of_a_word(word):
    cls = DECLARED[word]
    given = SUBJECTS[word][0].fields()
    with pytest.raises(TypeError, match=rf"^{word}\.__init__\(\) got an unexpected keyword argument 'nonsense'$"):
        cls(**given, nonsense=1)
    with pytest.raises(TypeError, match=rf"^{word}\.__init__\(\) takes .* positional arguments? but .* given$"):
        cls(*range(1, len(cls._positional) + 2))
    if cls._positional:
        first = cls._positional[0]
        with pytest.raises(TypeError, match=rf"^{word}\.__init__\(\) got multiple values for argument '{first}'$"):
            cls(given[first], **given)
    for name in set(cls.field_names()) - set(cls._defaults):
        with pytest.raises(TypeError, match=rf"^{word}\.__init__\(\) missing 1 required .*argument: '{name}'$"):
            cls(**{other: one for other, one in given.items() if other != name})


@pytest.mark.parametrize(("word", "one"), FIELDS, ids=[f"{word}-{one.name}" for word, one in FIELDS])
def test_a_default_passes_its_own_check(word, one):
    value = SUBJECTS[word][0]
    if one.name in value._defaults:
        stored = one.checked(value.replace(**value._defaults), one.default)
        assert stored == one.default
        assert type(stored) is type(one.default)


@pytest.mark.parametrize(("word", "one"), FIELDS, ids=[f"{word}-{one.name}" for word, one in FIELDS])
def test_an_error_names_the_word_and_the_field(word, one):
    with pytest.raises(StepsizeError) as caught:
        SUBJECTS[word][0].replace(**{one.name: {}})
    told = str(caught.value)
    assert word in told
    assert "\n" not in told
    assert one.name in told or "schedule" in told  # what is no schedule is told without the name of a field


# a class of a user


def test_fields_are_checked_stored_and_written():
    assert str(halving(1)) == "halving(1)"
    assert str(halving(1, every=3.0, fast=True)) == "halving(1, every=3, fast=True)"
    assert halving(np.float32(0.5)).fields() == {
        "first": 0.5,
        "every": 10,
        "least": 0.25,
        "form": "long",
        "fast": False,
        "most": 2.0,
    }
    assert halving(first=1) == halving(1.0)
    assert halving(1) != halving(2)
    assert len({halving(1), halving(1.0), halving(2)}) == 2
    assert halving(1).replace(every=2).every == 2
    assert halving(1, most=None).most is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"first": -1}, "halving: first must be a number ≥ 0, not -1"),
        ({"first": "x"}, "halving: first must be a number ≥ 0, not 'x'"),
        ({"first": None}, "halving: first must be a number ≥ 0, not None"),
        ({"every": 1.5}, "halving: every must be a whole number, not 1.5"),
        ({"every": 0}, "halving: every must be a number ≥ 1, not 0"),
        ({"first": 0.1}, "halving: least must be a number ≥ 0 and ≤ 0.1, not 0.25"),
        ({"first": "x", "least": 9}, "halving: first must be a number ≥ 0, not 'x'"),
        ({"form": "wide"}, "halving: form must be 'long' or 'short', not 'wide'"),
        ({"fast": 1}, "halving: fast must be True or False, not 1"),
        ({"most": 0}, "halving: most must be a number > 0, not 0"),
    ],
)
def test_a_wrong_field_is_told_in_one_line(wrong, told):
    with pytest.raises(StepsizeError) as caught:
        halving(**{"first": 1} | wrong)
    assert str(caught.value) == told


@pytest.mark.parametrize("back", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
@pytest.mark.parametrize("value", [halving(1), halving(2, every=3), later(1, at=4)], ids=repr)
def test_a_value_of_a_user_comes_back_equal(value, back):
    assert back(value) == value
    assert type(back(value)) is type(value)
    assert hash(back(value)) == hash(value)


def test_a_value_of_a_user_is_frozen():
    for name in ("first", "seen", "new"):
        with pytest.raises(AttributeError, match=r"halving is frozen: write .replace"):
            setattr(halving(1), name, 2)
    with pytest.raises(AttributeError, match=r"halving is frozen"):
        del halving(1).first


def test_a_place_that_is_worked_out_later_is_no_field():
    value = halving(1)
    with pytest.raises(AttributeError):
        value.seen  # noqa: B018
    object.__setattr__(value, "seen", {"a": 1})
    assert value.seen == {"a": 1}
    assert "seen" not in value.fields()
    assert value == halving(1)
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'seen'"):
        halving(1, seen={})


def test_a_subclass_adds_fields_and_a_check_between_them():
    assert later.field_names() == (*halving.field_names(), "at")
    assert str(later(1, at=3)) == "later(1, at=3)"
    with pytest.raises(StepsizeError, match=r"^later: at must be at most every, 2, not 3$"):
        later(1, at=3, every=2)
    with pytest.raises(StepsizeError, match=r"^later: every must be a number ≥ 1, not 0$"):
        later(1, every=0)
    assert str(inspect.signature(later)).startswith("(first: 'float', *, every: 'int' = 10, ")


def test_what_equals_a_default_is_checked_all_the_same():
    assert type(halving(1, every=10.0).every) is int
    with pytest.raises(StepsizeError, match=r"^halving: fast must be True or False, not 0$"):
        halving(1, fast=0)
    with pytest.raises(StepsizeError, match=r"^later: at must be a number ≥ 0, not False$"):
        later(1, at=False)


def test_a_subclass_may_declare_a_field_anew():
    class sooner(halving):
        every: int = field(default=2, low=2, kw_only=True)

    assert sooner.field_names() == halving.field_names()
    assert sooner(1).every == 2
    assert "every" not in sooner.__slots__
    with pytest.raises(StepsizeError, match=r"^sooner: every must be a number ≥ 2, not 1$"):
        sooner(1, every=1)


def test_a_subclass_without_fields_is_its_parent_under_its_own_name():
    class other(stepsize.adam):
        pass

    assert str(other(beta1=0.5)) == "other(beta1=0.5)"
    with pytest.raises(StepsizeError, match=r"^other: beta1 must be a number ≥ 0 and < 1, not 1$"):
        other(beta1=1)


def test_a_subclass_may_write_its_constructor():
    class twice(halving):
        __slots__ = ("whole",)

        def __init__(self, half: float) -> None:
            super().__init__(2 * half)
            self._store(half=half)

        half: float = field()

    assert twice(0.5).fields() == {"half": 0.5}
    assert twice(0.5).first == 1


def test_a_check_of_ones_own_gets_the_word_the_field_and_the_bounds():
    def letters(owner: str, name: str, value: object, longest: int = 9) -> str:
        if isinstance(value, str) and len(value) <= longest:
            return value.lower()
        raise StepsizeError(f"{owner}: {name} must have at most {longest} letters, not {value!r}")

    class named(Factor):
        name: str = field(check=letters, longest=3)
        other: bytes | None = field(default=None, check=letters)

    assert str(named("ABC")) == "named('abc')"
    with pytest.raises(StepsizeError, match=r"^named: name must have at most 3 letters, not 'abcd'$"):
        named("abcd")


def test_a_bound_may_be_a_property_and_fields_may_name_each_other_in_any_order():
    class chained(Value):
        a: float = field(default=1.0, low="b")
        b: float = field(default=0.5, low="c")
        c: float = field(default=0.0, high="roof")
        tall: bool = field(default=False)

        @property
        def roof(self) -> float | None:
            return None if self.tall else 0.25

    assert chained().fields() == {"a": 1.0, "b": 0.5, "c": 0.0, "tall": False}
    with pytest.raises(StepsizeError, match=r"^chained: b must be a number ≥ 0.75, not 0.5$"):
        chained(c=0.75, tall=True)
    with pytest.raises(StepsizeError, match=r"^chained: c must be a number ≤ 0.25, not 0.75$"):
        chained(c=0.75)
    with pytest.raises(StepsizeError, match=r"^chained: a must be a number ≥ 2, not 1.0$"):
        chained(b=2)


def test_types_need_no_future_import():
    space: dict = {}
    text = """
        from stepsize._value import Value, field

        class plain(Value):
            size: int = field(low=1)
            most: float | None = field(default=None, above=0)
        """
    exec(compile(textwrap.dedent(text), "plain.py", "exec", dont_inherit=True), space)
    assert str(space["plain"](3, None)) == "plain(3)"
    with pytest.raises(StepsizeError, match=r"^plain: size must be a whole number, not 1.5$"):
        space["plain"](1.5)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            "a: list = field()",
            r"wrong: the field a needs a type of float, int, bool or str, or check=…, not 'list' alone",
        ),
        ("a = field()", r"wrong: the field a needs a type of .* or check=…, not '' alone"),
        ("a: str = field(low=1)", r"wrong: the field a needs options=\(\"long\", \"short\"\), not 'str' alone"),
        (
            "a: int = field(default=1)\n b: int = field()",
            "wrong: a field without a default comes before those with one",
        ),
    ],
)
def test_a_wrong_declaration_is_told_when_the_class_is_made(body, told):
    with pytest.raises(TypeError, match=f"^{told}"):
        exec(f"class wrong(Value):\n {body}", {"Value": Value, "field": field})


def test_a_field_under_a_constructor_written_by_hand_needs_one_too():
    class old(Value):
        __slots__ = ("a",)

        def __init__(self, a: int) -> None:
            self._store(a=a)

    with pytest.raises(TypeError, match=r"^new: a parent writes its own __init__ \(a\), so write one here too$"):

        class new(old):
            b: int = field(default=1)


def test_one_of_a_few_words():
    assert one_of("word", "form", "long", ("long", "short")) == "long"
    for wrong in ("wide", None, 1, ["long"], np.array(["long"])):
        with pytest.raises(StepsizeError, match=r"^word: form must be 'long' or 'short', not "):
            one_of("word", "form", wrong, ("long", "short"))


# what a type checker sees

TYPED = """
from stepsize._value import field
from stepsize.clipping.norm import clip_norm
from stepsize.clipping.zclip import zclip
from stepsize.descents import Rule
from stepsize.rules.adam import adam

class mine(Rule):
    size: float = field(low=0)
    every: int = field(default=3, kw_only=True)
    wrong: int = field(default="x", kw_only=True)

good = (adam(beta1=0.5), clip_norm(1), zclip(3.0, max=None), mine(0.5, every=2).size)
adam(beta1="x")
adam(0.9)
adam(beta=0.9)
clip_norm()
mine()
mine(1, every="x")
mine(1).size = 2
"""
SEEN = [
    '11: error: Incompatible types in assignment (expression has type "str", variable has type "int")',
    '14: error: Argument "beta1" to "adam" has incompatible type "str"; expected "float"',
    '15: error: Too many positional arguments for "adam"',
    '16: error: Unexpected keyword argument "beta" for "adam"',
    '17: error: Missing positional argument "max" in call to "clip_norm"',
    '18: error: Missing positional argument "size" in call to "mine"',
    '19: error: Argument "every" to "mine" has incompatible type "str"; expected "int"',
    '20: error: Property "size" defined in "mine" is read-only',
]


def test_a_type_checker_sees_every_field(tmp_path):
    (tmp_path / "typed.py").write_text(TYPED)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "typed.py"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"MYPYPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    told = [line.removeprefix("typed.py:") for line in done.stdout.splitlines() if ": error: " in line]
    assert len(told) == len(SEEN), done.stdout + done.stderr
    for line, start in zip(told, SEEN, strict=True):
        assert line.startswith(start), done.stdout
