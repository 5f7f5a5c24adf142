"""Texts that are kept: a `Note` goes through what Python does with a text; what a file holds is read in no time."""

import copy
import json
import pickle
import re
from dataclasses import asdict, dataclass, replace
from time import process_time

import pytest

from stepsize._language import Note, commas, either, heard, listed, retold, say
from stepsize.lab.workload import MODELS, model_said
from stepsize.report.runs.reasons import said_again
from test_language import CHINESE

pytestmark = pytest.mark.usefixtures("no_language")

MANY = 3000  # more than calls may stand in one another
ROWS = Note("{count} rows were dropped because the target {target!r} is missing there.", count=3, target="{x} %s")
KEPT = [
    ROWS,
    Note("a pickle, which could run anything: write it as CSV"),
    Note("{rule} on {data}", rule=Note("your optimizer"), data="{data}"),
    commas(["a {b}", Note("loss"), "c"]),
    listed(["a", "b", "c"]),
    either(map(str, range(MANY))),
]


@dataclass(frozen=True)
class Kept:
    told: str
    others: tuple[str, ...] = ()


@pytest.mark.parametrize("note", KEPT, ids=lambda note: note[:20])
@pytest.mark.parametrize(
    "way",
    [
        copy.copy,
        copy.deepcopy,
        *(lambda note, level=level: pickle.loads(pickle.dumps(note, level)) for level in range(6)),
        lambda note: asdict(Kept("", (note,)))["others"][0],
        lambda note: replace(Kept(note), others=()).told,
        lambda note: sorted([note, "~"])[0],
        lambda note: {note: note}[str(note)],
    ],
)
def test_a_note_stays_what_it_is(note, way, chinese):
    found = way(note)
    assert type(found) is type(note)
    assert (found, hash(found), heard(found)) == (note, hash(str(note)), heard(note))


@pytest.mark.parametrize("note", KEPT, ids=lambda note: note[:20])
def test_a_note_is_english_wherever_a_text_is_wanted(note, chinese):
    told = [f"{note}", format(note), note + "", "".join([note]), json.loads(json.dumps(note)), str(note)]
    assert told == [note] * len(told)
    assert not CHINESE.search("".join(told))


@pytest.mark.parametrize("row", [commas, listed, either])
def test_a_row_may_be_as_long_as_a_list(row, chinese):
    names = [str(i) for i in range(MANY)]
    told = heard(row(names))
    assert row([KEPT[1]]) is KEPT[1]
    assert sorted(re.findall(r"\d+", told)) == sorted(names)
    assert told in say("Worst seed: {each}.", each=row(names))


def test_braces_and_marks_in_the_words_of_a_user_stay(chinese):
    assert heard(ROWS).count("{x} %s") == 1
    assert model_said("A net ⟨of mine⟩ with {count}.") == "A net ⟨of mine⟩ with {count}."
    assert model_said("A net ⟨of mine⟩, 3 parameters.") == "A net ⟨of mine⟩，3 个参数。"
    assert heard(commas(["⟨a⟩", "{b}"])) == "⟨a⟩、{b}"


HOSTILE = (
    (" (Python , ", "…)"),
    (", ", " parameters."),
    (", 1 parameters.", ""),
    (" in ", " builds"),
    ("a ", ": held"),
    ("a 1, ", "!"),
    ("loss: ", ""),
    ("1 of 2 elements of the gradient of ", " are NaN or infinite: the update was left out" * 5000),
)


@pytest.mark.parametrize(("part", "end"), HOSTILE)
def test_a_long_text_of_a_file_takes_no_time(part, end, chinese):
    begun = process_time()
    model_said("The problem that x" + part * 600 + end)
    said_again(part * 600 + end)
    assert process_time() - begun < 0.5


def test_a_kept_text_is_read_by_its_form(chinese):
    whole = MODELS["parameters"].format(
        told=MODELS["text"].format(
            told=MODELS["function"].format(function="f in g", file="a.py"), python="3.12", characters=7, digest="0a"
        ),
        count="1,000",
    )
    told = model_said(whole)
    assert CHINESE.search(told)
    assert all(word in told for word in ("f in g", "a.py", "3.12", "7", "0a", "1,000"))
    assert retold("a, b, c", ["{texts}, {last}"]) == "a、b、c"
    assert retold("a,b", ["{texts}, {last}"]) == "a,b"
    assert retold(", b", ["{texts}, {last}"]) == ", b"
