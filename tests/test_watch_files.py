"""A file that grows is read by whole lines; one that is replaced begins anew; nothing else is opened."""

import os
import time

import numpy as np
import pytest

from recordings import append, head, row, text, write
from stepsize import StepsizeError
from stepsize.lab.records.columns import Columns
from stepsize.lab.records.record import read
from stepsize.watch import followed, tail
from stepsize.watch.folder import in_folder, of_paths
from stepsize.watch.followed import Followed
from stepsize.watch.tail import Tail


def whole(run):
    while run.look():
        pass
    return run


def test_a_line_counts_when_its_end_is_there(tmp_path):
    file = tmp_path / "a"
    tail_of = Tail(file)
    assert tail_of.look().lines == ()  # it is not there yet
    file.write_bytes(b"one\ntw")
    assert tail_of.look().lines == (b"one",)
    assert tail_of.look().lines == ()
    with file.open("ab") as more:
        more.write(b"o\nthree\n")
    assert tail_of.look().lines == (b"two", b"three")


def test_a_long_file_is_read_piece_by_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(tail, "MOST_BYTES", 10)
    file = tmp_path / "a"
    file.write_bytes(b"".join(b"%d\n" % i for i in range(1000)))
    tail_of, lines, looks = Tail(file), [], 0
    while True:
        came = tail_of.look()
        lines += came.lines
        looks += 1
        if not came.more:
            break
    assert [int(line) for line in lines] == list(range(1000))
    assert looks > 100


@pytest.mark.parametrize("how", ["shorter", "replaced", "written over, longer", "gone and back"])
def test_another_file_begins_anew(tmp_path, how):
    file = tmp_path / "a"
    file.write_bytes(b"1\n2\n3\n")
    tail_of = Tail(file)
    assert tail_of.look().lines == (b"1", b"2", b"3")
    if how == "shorter":
        file.write_bytes(b"1\n")
    elif how == "replaced":
        (tmp_path / "b").write_bytes(b"7\n2\n3\n4\n")
        (tmp_path / "b").rename(file)
    elif how == "written over, longer":
        file.write_bytes(b"7\n2\n3\n4\n")
    else:
        file.unlink()
        assert tail_of.look() == tail.Came()
        file.write_bytes(b"7\n8\n9\n10\n")
    came = tail_of.look()
    assert came.anew
    assert b"\n".join(came.lines) + b"\n" == file.read_bytes()


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StepsizeError, match="is no ordinary file"):
        Tail(tmp_path / "pipe").look()
    with pytest.raises(StepsizeError, match="is no ordinary file"):
        Tail(tmp_path).look()


def test_a_line_without_an_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tail, "LONGEST_LINE", 100)
    (tmp_path / "a").write_bytes(b"x" * 1000)
    with pytest.raises(StepsizeError, match="it is no log of lines"):
        Tail(tmp_path / "a").look()


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "secret").write_bytes(b"1\n")
    root = tmp_path / "runs"
    root.mkdir()
    (root / "a.jsonl").symlink_to(tmp_path / "secret")
    with pytest.raises(StepsizeError, match="leads out of"):
        Tail(root / "a.jsonl", root).look()
    run = Followed(root / "a.jsonl", root)
    run.look()
    assert "leads out of" in run.said
    assert run.record is None


def test_a_recording_that_grows_is_what_reading_it_whole_gives(tmp_path):
    file = write(tmp_path / "run.jsonl", 5)
    run = whole(Followed(file))
    append(file, row(5, grad_norm=1.0), {"step": 6, "val_loss": 1.0, "metric/accuracy": 0.5}, row(6))
    append(file, row(7, decisions=[{"kind": "plateau", "group": "", "factor": 0.5, "why": "because"}]))
    whole(run)
    assert run.record == read(file)
    append(file, head(done=4), row(4, loss=9.0), row(5))
    whole(run)
    assert run.record == read(file)
    assert run.record.steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert run.record.losses[4] == 9.0


def test_a_record_that_was_handed_out_stays_as_it_was(tmp_path):
    file = write(tmp_path / "run.jsonl", 5)
    run = whole(Followed(file))
    before, steps, losses = run.record, run.record.steps.copy(), run.record.losses.copy()
    append(file, row(2, loss=99.0), head(done=1), *(row(step, loss=7.0) for step in range(1, 3000)))
    whole(run)
    assert len(run.record) == 3000
    assert np.array_equal(before.steps, steps)
    assert np.array_equal(before.losses, losses)


def test_columns_take_rows_in_any_order():
    columns = Columns()
    order = np.random.default_rng(0).permutation(300).tolist()
    for step in order:
        columns.put(step, {"loss": float(step)})
        if step % 3 == 0:
            columns.put(step, {"lr": 0.1})
    assert columns.steps.tolist() == list(range(300))
    kept = np.array([np.nan if step % 3 == 0 else step for step in range(300)])
    assert np.array_equal(columns.column("loss"), kept, equal_nan=True)  # a later row of an update takes its place
    columns.cut(10)
    assert columns.steps.tolist() == list(range(10))


def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path):
    file = tmp_path / "run.jsonl"
    run = whole(Followed(file))
    assert (run.record, run.said) == (None, "waits for the file")
    file.write_text(text(head())[:-5])
    whole(run)
    assert run.said == "waits for the first row"
    write(file, 3)
    whole(run)
    assert (len(run.record), run.said) == (3, "")


def test_damaged_lines_are_counted_and_left_out(tmp_path):
    file = write(tmp_path / "run.jsonl", 3)
    with file.open("a") as more:
        more.write('{"step": 3, "loss": \n[1]\n{"step": "x", "loss": 1}\n')
    append(file, row(4))
    run = whole(Followed(file))
    assert run.record.steps.tolist() == [0, 1, 2, 4]
    assert run.said == "3 lines are damaged and are left out"


def test_a_recording_of_another_version_is_said(tmp_path):
    file = tmp_path / "run.jsonl"
    file.write_text(text(head(version=99), row(0)))
    run = whole(Followed(file))
    assert "99" in run.said
    assert run.record is None


def test_a_log_of_another_loop_is_read_without_its_half_line(tmp_path):
    file = tmp_path / "log.csv"
    file.write_text("step,loss\n0,2.5\n1,2.25\n2,1.1")  # 1.125 is being written
    run = whole(Followed(file))
    assert run.record.losses.tolist() == [2.5, 2.25]
    with file.open("a") as more:
        more.write("25\n")
    time.sleep(followed.PATIENCE * run._took + 0.05)
    whole(run)
    assert run.record.losses.tolist() == [2.5, 2.25, 1.125]
    assert run.record.source == str(file)


def test_a_last_line_without_an_end_counts_when_nothing_comes_any_more(tmp_path, monkeypatch):
    file = tmp_path / "log.csv"
    file.write_text("step,loss\n0,2.5\n1,2.25")
    long_ago = time.time() - 60
    os.utime(file, (long_ago, long_ago))
    assert whole(Followed(file)).record.losses.tolist() == [2.5, 2.25]


def test_a_log_without_a_loss_is_said_and_may_get_one(tmp_path):
    file = tmp_path / "log.csv"
    file.write_text("step,accuracy\n0,2.5\n")
    run = whole(Followed(file))
    assert "has no column for the loss" in run.said
    assert str(file) in run.said
    time.sleep(0.01)
    file.write_text("step,loss\n0,2.5\n")
    time.sleep(followed.PATIENCE * run._took + 0.05)
    whole(run)
    assert len(run.record) == 1


@pytest.mark.parametrize("age", [0, 60])
def test_what_was_checked_is_what_is_read(tmp_path, monkeypatch, age):
    root = tmp_path / "runs"
    root.mkdir()
    file, secret = root / "log.csv", tmp_path / "secret.csv"
    file.write_text("step,loss\n0,2.5\n")
    secret.write_text("step,loss\n0,77\n")
    os.utime(file, (time.time() - age,) * 2)

    def opened_then_replaced(path, within=None):
        number = tail.opened(path, within)
        file.unlink()
        file.symlink_to(secret)
        return number

    monkeypatch.setattr(followed, "opened", opened_then_replaced)
    record, _ = followed._read(file, root, age == 0, None)
    assert record.losses.tolist() == [2.5]


def test_another_kind_of_log_in_its_place_is_read_as_that(tmp_path):
    file = write(tmp_path / "run.jsonl", 5)
    run = whole(Followed(file))
    file.write_text('{"step": 0, "loss": 5.0}\n')
    whole(run)
    assert run.record.losses.tolist() == [5.0]
    time.sleep(0.01)
    write(file, 4)
    time.sleep(followed.PATIENCE * run._took + 0.05)
    whole(run)
    assert len(run.record) == 4


def test_a_folder_lists_its_logs_and_nothing_else(tmp_path):
    root = tmp_path / "runs"
    (root / "deep" / "er").mkdir(parents=True)
    (root / ".hidden").mkdir()
    (tmp_path / "secret.jsonl").write_text("{}")
    logs = ("a.jsonl", "b.csv", "deep/er/trainer_state.json", "deep/c.JSONL")
    for name in (*logs, "journal.jsonl", "net.pt", ".hidden/d.csv"):
        (root / name).write_text("x")
    (root / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (root / "up").symlink_to(tmp_path)
    (root / "folder.csv").mkdir()
    os.mkfifo(root / "pipe.jsonl")
    os.utime(root / "b.csv", (2e9, 2e9))
    listed = in_folder(root)
    assert set(listed) == set(logs)
    assert next(iter(listed)) == "b.csv"  # the newest


def test_named_files_are_told_apart_and_need_not_be_there(tmp_path):
    listed = of_paths([tmp_path / "a" / "run.jsonl", tmp_path / "b" / "run.jsonl"])
    assert {name: file.written for name, file in listed.items()} == {"a/run.jsonl": 0.0, "b/run.jsonl": 0.0}
