"""`from_torch` against torch's sequences and chains, random ones included."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from torch.optim import lr_scheduler as lrs

from stepsize import parse
from stepsize.schedules.base import Factor
from told import BUILD, assert_same, chained, kinds_inside, sequential

pytestmark = pytest.mark.filterwarnings("ignore:The epoch parameter", "ignore:Detected call")

MULTIPLY = ["constant", "linear", "exponential", "step", "multistep", "polynomial"]
SIMPLE = st.sampled_from(sorted(set(BUILD) - {"onecycle", "cyclic"}))
ANY = st.sampled_from(sorted(BUILD))


@pytest.mark.parametrize("second", BUILD)
@pytest.mark.parametrize("first", BUILD)
def test_any_class_after_any_other(first, second):
    assert_same(sequential(BUILD[first], BUILD[second], milestones=[7]), 60)


@given(data=st.data())
@examples(max_examples=150)
def test_random_sequences(data):
    parts = data.draw(st.lists(ANY, min_size=1, max_size=4))
    cuts = data.draw(st.lists(st.integers(0, 30), min_size=len(parts) - 1, max_size=len(parts) - 1).map(sorted))
    made = assert_same(sequential(*(BUILD[one] for one in parts), milestones=cuts), 60)
    moved = {"onecycle", "cyclic"} & set(parts)  # these change the initial rate, which may not be the cosine's
    if not {"lambda", "multiplicative"} & set(parts) and not (moved and any("cosine" in one for one in parts)):
        assert "opaque" not in kinds_inside(made)


@given(data=st.data())
@examples(max_examples=100)
def test_random_nests_of_sequences_and_chains(data):
    """As torch allows them: a composite may only be the head of a sequence, and any member of a chain."""

    def nest(depth):
        if depth == 0 or data.draw(st.booleans()):
            return BUILD[data.draw(SIMPLE)]
        tail = [BUILD[one] for one in data.draw(st.lists(SIMPLE, min_size=1, max_size=2))]
        if data.draw(st.booleans()):
            return chained(nest(depth - 1), *tail, nest(depth - 1))
        cuts = data.draw(st.lists(st.integers(3, 25), min_size=len(tail), max_size=len(tail), unique=True).map(sorted))
        return sequential(nest(depth - 1), *tail, milestones=cuts)

    assert_same(nest(2), 40)


@given(names=st.lists(st.sampled_from(MULTIPLY), min_size=2, max_size=4))
def test_a_chain_of_what_multiplies_is_a_product(names):
    made = assert_same(chained(*(BUILD[one] for one in names)), 60)
    assert isinstance(made, Factor)
    assert parse(str(made)) == made


@given(names=st.lists(ANY, min_size=1, max_size=4))
@examples(max_examples=100)
def test_any_chain(names):
    assert_same(chained(*(BUILD[one] for one in names)), 60)


def test_a_warm_up_chained_with_a_cosine_is_a_product_past_the_end_too():
    made = assert_same(chained(BUILD["linear"], BUILD["cosine"]), 200)
    assert str(made) == "linear(0.25, 1.0, 8) * formula('0.5 * (1 + cos(pi * t / 12))')"


LONG = partial(lrs.LinearLR, start_factor=0.25, total_iters=20)
LATE = partial(lrs.StepLR, step_size=20, gamma=0.5)


@pytest.mark.parametrize("cosine", ["cosine", "cosine eta"])
@pytest.mark.parametrize("other", [*(BUILD[one] for one in MULTIPLY), LONG, LATE], ids=[*MULTIPLY, "longer", "later"])
def test_a_cosine_chained_with_anything_that_multiplies(other, cosine):
    made = assert_same(chained(other, BUILD[cosine]), 60)
    assert_same(chained(BUILD[cosine], other), 60)
    forgets = cosine != "cosine" or other not in (BUILD["linear"], BUILD["constant"])
    assert ("opaque" in kinds_inside(made)) == forgets


def test_a_chain_in_a_chain_is_flat():
    made = assert_same(chained(BUILD["linear"], chained(BUILD["exponential"], BUILD["step"])))
    assert str(made) == "linear(0.25, 1.0, 8) * exponential(0.95, every=1) * staircase(0.5, 5)"
