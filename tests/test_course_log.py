"""Lines that outlive a crash: what was written is read back, a cut costs what was cut, a full disk tears no row."""

from __future__ import annotations

import errno
import json
import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize import StepsizeError
from stepsize.course.log import Log, left_out, line_of, lines_in, number_in, write

numbers = st.floats() | st.integers(-(2**60), 2**60) | st.booleans() | st.none()
words = st.text(max_size=8) | st.sampled_from(["a}", '"}', "\u2028\n", "{"])
rows = st.lists(st.dictionaries(words, numbers | words | st.lists(numbers, max_size=4), max_size=4), max_size=6)


def named(value):
    """What a line holds of a value: the names of numbers that JSON has no word for, lists for tuples."""
    if isinstance(value, dict):
        return {key: named(one) for key, one in value.items()}
    if isinstance(value, list):
        return [named(one) for one in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


@given(rows, st.booleans(), st.data())
def test_what_was_written_is_read_back_and_a_cut_costs_what_was_cut(tmp_path_factory, rows, whole, data):
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    if whole:
        write(path, rows)
    else:
        for row in rows:  # a process each
            with Log(path) as log:
                log.append(row)
    content = path.read_bytes() if path.exists() else b""
    assert lines_in(content).rows == tuple(named(row) for row in rows)
    cut = content[: data.draw(st.integers(0, len(content)))]
    there = lines_in(cut)
    assert there.rows == tuple(named(row) for row in rows[: len(there.rows)])
    assert len(there.rows) >= cut.count(b"\n")
    assert there.damaged == ()


def test_a_half_line_is_ended_before_the_next_and_is_no_damage(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 0}\n{"step": 1, "lo')
    for step in 2, 3:
        with Log(path) as log:
            log.append({"step": step})
    assert path.read_text() == '{"step": 0}\n{"step": 1, "lo\n{"step": 2}\n{"step": 3}\n'
    assert [row["step"] for row in lines_in(path.read_bytes()).rows] == [0, 2, 3]
    assert lines_in(path.read_bytes()).damaged == ()


@pytest.mark.parametrize(
    "line", [b"\xff\xfe", b"[1, 2]", b"3", b"notes of mine", b'{"a": 1}}', b'{"a": nonsense}', b"[" * 9999]
)
def test_a_line_that_is_no_row_costs_itself_and_is_counted(line):
    found = lines_in(b'{"a": 1}\n' + line + b'\n\n{"a": "\xe2\x80\xa8"}\r\n')
    assert found.rows == ({"a": 1}, {"a": "\u2028"})
    assert (found.places, found.damaged) == ((1, 4), (2,))


def test_the_sentence_names_the_first_lines():
    assert left_out("x", [9, 7]) == "x: lines 7, 9 are damaged or foreign and are left out"
    assert left_out("x", range(1, 9)) == "x: lines 1, 2, 3, 4, 5 and 3 more are damaged or foreign and are left out"


def test_numbers_have_names_and_truth_values_are_none():
    told = json.loads(line_of({"a": (math.nan, math.inf, -math.inf, 0.1)}))["a"]
    assert told == ["nan", "inf", "-inf", 0.1]
    assert [str(number_in(one)) for one in (*told, None)] == ["nan", "inf", "-inf", "0.1", "nan"]
    with pytest.raises(TypeError):
        number_in(True)


def test_a_name_that_is_no_unicode_is_written_and_read():
    assert lines_in(line_of({"file": "\udcff"})).rows == ({"file": "\udcff"},)


class Disk:
    """A file on a disk that takes only so much of each write, and nothing where `room` says 0."""

    def __init__(self, file, room, can_cut=True):
        self.file, self.room, self.can_cut = file, list(room), can_cut

    def write(self, content):
        room = self.room.pop(0) if self.room else len(content)
        if room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(content[:room])

    def truncate(self, size):
        if not self.can_cut:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return self.file.truncate(size)

    def __getattr__(self, name):
        return getattr(self.file, name)


def on_disk(path, room, can_cut=True):
    log = Log(path)
    log._file = Disk(log._file, room, can_cut)
    return log


def steps(path):
    return [row["step"] for row in lines_in(path.read_bytes()).rows]


def test_a_row_that_was_written_short_becomes_whole_where_space_comes_back(tmp_path):
    path = tmp_path / "log.jsonl"
    with on_disk(path, [7, 2]) as log:
        for step in range(3):
            log.append({"step": step})
    assert path.read_text() == '{"step": 0}\n{"step": 1}\n{"step": 2}\n'


@pytest.mark.parametrize("can_cut", [True, False])
@pytest.mark.parametrize("room", [[0], [5, 0], [13, 0], [12, 0], [11, 0]])
def test_a_full_disk_is_an_error_and_tears_no_other_row(tmp_path, room, can_cut):
    path = tmp_path / "log.jsonl"
    with on_disk(path, [1000, *room], can_cut) as log:
        log.append({"step": 0})
        with pytest.raises(OSError, match="No space left"):
            log.append({"step": 1}, {"step": 2})
        if can_cut:
            assert path.read_bytes().endswith(b"\n")
        kept = steps(path)
        assert kept in ([0], [0, 1])
        log.append({"step": 3})  # space came back
    assert steps(path) in ([*kept, 3], [0, 1, 3])
    assert lines_in(path.read_bytes()).damaged == ()


def test_nothing_of_another_writer_is_cut_off(tmp_path):
    path = tmp_path / "log.jsonl"
    with on_disk(path, [5, 0]) as log, Log(path) as other:
        put = log._put

        def put_and_let_the_other_write(rest):
            count = put(rest)
            other.append({"step": 9})
            return count

        log._put = put_and_let_the_other_write
        with pytest.raises(OSError, match="No space"):
            log.append({"step": 0})
        log._put = put
        log.append({"step": 1})
    assert path.read_text() == '{"ste{"step": 9}\n\n{"step": 1}\n'


def test_a_whole_file_is_there_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "log.jsonl"
    write(path, [{"step": 0}])

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StepsizeError, match=r"log\.jsonl cannot be written: No space left on device$"):
        write(path, [{"step": 1}])
    assert path.read_text() == '{"step": 0}\n'
    assert [one.name for one in tmp_path.iterdir()] == ["log.jsonl"]
