"""Logs that cannot be read, or are being written: one line that says what was tried, or the rows that are whole."""

import gzip
import json
import os
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commandline import run
from stepsize import StepsizeError
from stepsize.lab.diagnosis import diagnose
from stepsize.lab.records.foreign import opened
from stepsize.lab.records.record import read, read_all
from test_logs_as_people_have_them import AS_BYTES, CSV, LOGS


def written(tmp_path, content, name="log.csv"):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


REFUSED = {
    "near names": ("step,my_loss_x,acc\n0,1,2\n", "only 'step', 'my_loss_x', 'acc': did you mean --loss 'my_loss_x'"),
    "the line of names": ("epoch,accuracy\n1,0.5\n", "(line 1, 'epoch,accuracy', was taken for the names)"),
    "no names": ("1,2,3\n4,5,6\n", "only '1', '2', '3': name it loss (and step, lr, grad_norm), or write --loss COLUMN "
                 "(line 1 holds numbers, so columns are counted)"),
    "a text without a loss": ("loading data…\n{x}\n", "loading data"),
    "a word among losses": ("step,loss\n0,1\n1,soon\n2,1\n", "line 3, row 2 has 'soon' under loss, which is not"),
    "a row of names alone": ("step,loss\n", "has no rows"),
    "a list of nothing": ("[]", "has no"),
    "JSON of another kind": ('{"a": {"b": "c"}}', "has no column for the loss, only 'a/b'"),
    "zip": (b"PK\x03\x04" + bytes(range(256)) * 4, "is not a text file but a zip archive: unpack it"),
    "a database": (b"SQLite format 3\0" + bytes(2000), "is not a text file but a database of SQLite"),
    "a pickle": (b"\x80\x04\x95" + bytes(200), "is not a text file but a pickle, which could run anything"),
    "gzip of nothing": (gzip.compress(b""), "is empty"),
    "gzip that is damaged": (b"\x1f\x8b\x08\x00" + bytes(200), "what gzip packed is damaged from the start"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_understood_is_said_in_one_line(tmp_path, kind):
    content, said = REFUSED[kind]
    with pytest.raises(StepsizeError) as caught:
        read(written(tmp_path, content))
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_column_without_names_is_named_by_its_number(tmp_path):
    one = read(written(tmp_path, "10,2.5,0.1\n20,1.5,0.1\n"), loss="2", step="1", lr="3")
    assert (one.steps.tolist(), one.losses.tolist(), one.rates.tolist()) == ([10, 20], [2.5, 1.5], [0.1, 0.1])


def test_a_printed_name_is_a_column_too(tmp_path):
    file = written(tmp_path, "hello\nstep 10: ce=2.5 eta=0.1\nstep 20: ce=1.5 eta=0.1\n", "log.txt")
    with pytest.raises(StepsizeError, match="no column for the loss"):
        read(file)
    one = read(file, loss="ce", lr="eta")
    assert (one.steps.tolist(), one.losses.tolist(), one.rates.tolist()) == ([10, 20], [2.5, 1.5], [0.1, 0.1])


# --- a file that is being written


def test_a_table_cut_anywhere_has_its_whole_rows(tmp_path):
    text = "step,loss,lr\n" + "".join(f"{i},{2 / (i + 1):.6f},0.001\n" for i in range(30))
    whole = read(written(tmp_path, text))
    for end in range(text.index("\n1,") + 1, len(text)):
        one = read(written(tmp_path, text[:end]))
        rows = text[:end].count("\n") - 1
        assert rows <= len(one) <= rows + 1
        assert one.until(rows).losses.tolist() == whole.losses[:rows].tolist()


def test_a_row_that_is_cut_off_in_its_loss_is_none(tmp_path):
    """The first digits of a loss are another loss."""
    text = "step,loss,lr\n0,1.5,0.1\n1,1.25,0.1\n2,0.875,0.1\n"
    for end in range(text.index("2,"), text.rindex(",") + 1):
        assert read(written(tmp_path, text[:end])).losses.tolist() == [1.5, 1.25], text[:end]


def test_lines_of_json_cut_anywhere_have_their_whole_rows(tmp_path):
    text = "".join(json.dumps({"step": i, "train": {"loss": 2 / (i + 1)}}) + "\n" for i in range(10))
    for end in range(text.index("\n"), len(text)):
        rows = text[: end + 1].count("\n")
        assert len(read(written(tmp_path, text[:end]))) == rows


def test_a_printed_line_that_is_cut_off_is_passed_over(tmp_path):
    text = "".join(f"step {i} loss {2 / (i + 1):.4f} lr 0.01\n" for i in range(10))
    for end in range(text.rindex("step"), text.rindex(" lr")):
        assert len(read(written(tmp_path, text[:end], "log.txt"))) == 9, text[:end]


# --- files without an end, or too large


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/stdin"])
def test_a_device_is_refused(path):
    if not os.path.exists(path) or os.path.isfile(path):
        pytest.skip(f"{path} is no device here")
    with pytest.raises(StepsizeError, match="is no ordinary file"):
        read(path)


def test_a_small_file_that_unpacks_to_much_is_refused_before_it_is_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(opened, "MOST_BYTES", 2**20)
    bomb = gzip.compress(b"0" * 2**24)
    assert len(bomb) < 2**15
    with pytest.raises(StepsizeError, match=r"must unpack to at most 0\.000976562 GiB: keep every tenth row"):
        read(written(tmp_path, bomb, "log.csv.gz"))
    with pytest.raises(StepsizeError, match=r"must have at most 0\.000976562 GiB: keep every tenth row"):
        read(written(tmp_path, b"0" * 2**21))


# --- folders


def test_a_folder_says_which_of_its_files_can_be_read(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    written(tmp_path, CSV, "b.csv")
    written(tmp_path, "name,value\nx,1\n", "c.csv")
    written(tmp_path / "deep" / "er", '{"log_history": [{"step": 1, "loss": 2.0}]}', "trainer_state.json")
    with pytest.raises(StepsizeError, match=r"of those that can be read, deep/er/trainer_state\.json, b\.csv$"):
        read(tmp_path)


def test_a_folder_without_a_log_says_so(tmp_path):
    written(tmp_path, "nothing", "notes.txt")
    with pytest.raises(StepsizeError, match="is a folder without a log"):
        read(tmp_path)


# --- anything


# pieces of real logs, put together in any order
PIECES = ("step", "loss", "lr", "epoch", "nan", "1", "2.5", "1e9", "inf", "run", "val", "train", "tensor", "split")
MARKS = (*",;|:=/\n\r\t\"'{}[]()%- \0\ufffd", '{"loss": ', "'loss': ", "Epoch 1/3", "val_loss", " - ", "__MIN")
texts = st.lists(st.sampled_from((*PIECES, *MARKS)), max_size=60).map("".join)
harmed = st.sampled_from([text.encode() for text, *_ in LOGS.values()] + list(AS_BYTES.values()))


@st.composite
def cut(draw):
    """A real log that was cut, doubled or overwritten in one place."""
    content = draw(harmed)
    a, b = sorted(draw(st.tuples(st.integers(0, len(content)), st.integers(0, len(content)))))
    middle = draw(st.sampled_from([b"", content[a:b] * 2, b"\0", b"\xff", b'"', b"\n", b"nan", b"1e999", b"-"]))
    return content[:a] + middle + content[b:]


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.binary(max_size=300) | texts.map(str.encode) | texts.map(lambda one: one.encode("utf-16")) | cut(),
    st.booleans(),
    st.sampled_from([{}, {"loss": "loss"}, {"loss": "lr", "step": "step"}, {"lr": "loss"}]),
)
def test_no_bytes_are_more_than_one_line(tmp_path_factory, content, packed, named):
    file = tmp_path_factory.mktemp("bytes") / "log"
    file.write_bytes(gzip.compress(content) if packed else content)
    said = []
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            for one in (read(file, **named), *read_all(file, **named).values()):
                assert str(diagnose(one))
        except StepsizeError as error:
            said.append(str(error))
    said += [str(one.message) for one in told if one.category is UserWarning]
    assert all(len(one.splitlines()) == 1 for one in said), said
    assert all(one.category is UserWarning for one in told), [str(one.message) for one in told]


def test_a_record_of_ours_has_no_columns_to_name(tmp_path):
    import numpy as np

    from stepsize.lab.records.record import Record

    Record(np.arange(3), np.ones(3)).save(tmp_path / "run.jsonl")
    for words in (["--loss", "loss"], ["--run", "1"]):
        done = run("diagnose", str(tmp_path / "run.jsonl"), *words)
        assert done.returncode == 2
        assert "holds one run of stepsize: leave --run, --loss, --step and --lr out" in done.stderr
