"""What was decided, rates of groups, norms of updates, times and the optimizer: written down and read back equal."""

from __future__ import annotations

import warnings

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stepsize.lab.records.lines import packed, unpacked
from stepsize.lab.records.record import BY_NAME, SERIES, Decision, Record, read
from stepsize.lab.records.thinned import thinned

numbers = st.floats() | st.sampled_from([0.0, -0.0, 1e-300, 0.1])
words = st.text(max_size=6) | st.sampled_from(["}", '"}\n', "betas.0/head"])
settings = st.booleans() | st.none() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | words


@st.composite
def records(draw):
    """Any record with what was decided in the rows that it has."""
    count = draw(st.integers(0, 5))
    steps = np.cumsum(draw(st.lists(st.integers(1, 9), min_size=count, max_size=count)), dtype=int)
    column = st.lists(numbers, min_size=count, max_size=count).map(lambda one: np.array(one, dtype=float))
    within = st.integers(int(steps[0]), int(steps[-1])) if count else st.integers(0, 9)
    decision = st.builds(Decision, within, words, words, words, st.none() | st.floats(allow_nan=False))
    decided = draw(st.lists(decision, max_size=4))
    return Record(
        steps=steps,
        losses=draw(column),
        **{name: draw(st.none() | column) for name in SERIES.values() if name != "losses"},
        **{name: draw(st.none() | st.dictionaries(words, column, max_size=3)) for name in BY_NAME},
        decisions=tuple(decided),
        optimizer=draw(st.none() | st.dictionaries(words, settings | st.tuples(settings, settings), max_size=3)),
        measured_at=(),
    )


@given(records())
def test_every_field_is_read_back_equal(tmp_path_factory, record):
    file = tmp_path_factory.mktemp("fields") / "run.jsonl"
    record.save(file)
    assert read(file) == record


@given(records(), st.data())
def test_a_file_cut_at_any_byte_is_read_to_its_last_whole_line(tmp_path_factory, record, data):
    record = Record(**{**vars(record), "decisions": tuple(sorted(record.decisions, key=lambda one: one.step))})
    file = tmp_path_factory.mktemp("cut") / "run.jsonl"
    record.save(file)
    content = file.read_bytes()
    cut = content[: data.draw(st.integers(content.index(b"\n"), len(content)))]
    file.write_bytes(cut)
    rows = max(content[: len(cut) + 1].count(b"\n") - 1, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = read(file)
    assert len(found) == rows
    if rows:
        assert found == record.until(rows)


@given(records())
def test_a_journal_keeps_only_what_its_line_can_hold(record):
    kept = thinned(record)
    assert unpacked(packed(kept)) == kept
    assert (kept.decisions, kept.optimizer, kept.knobs, kept.update_norms) == ((), None, None, None)


def test_a_decision_before_the_first_row_and_after_the_last_is_kept(tmp_path):
    early, late = Decision(0, "plateau", "early"), Decision(50, "plateau", "late", "head", 0.5)
    record = Record(np.array([10, 20]), np.array([1.0, 2.0]), decisions=(early, late), measured_at=())
    record.save(tmp_path / "run.jsonl")
    assert read(tmp_path / "run.jsonl").decisions == (early, late)
