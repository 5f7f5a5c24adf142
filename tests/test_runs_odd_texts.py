"""Recordings with odd texts and numbers: each is shown as a page and as a picture, live too, and costs no other run."""

import asyncio
import json
import math
import os

import pytest

from recordings import append, head, row, text, write
from stepsize.lab.records.columns import Columns
from stepsize.lab.records.record import read
from stepsize.report.runs.page import run_page
from stepsize.report.runs.payload import payload
from stepsize.report.runs.seen import Seen
from stepsize.watch import tail
from stepsize.watch.folder import in_folder, of_paths
from stepsize.watch.followed import Followed
from stepsize.watch.hub import Hub

HALF = "\ud800"  # half a sign, which no UTF-8 can hold


def decided(**told):
    return {"kind": "plateau", "why": "not better", "group": "", "factor": 0.5} | told


@pytest.mark.parametrize("factor", ["nan", "inf", "-inf"])
def test_a_factor_that_is_not_finite_is_none_on_a_page(tmp_path, factor):
    run = tmp_path / "run.jsonl"
    run.write_text(text(head(), row(0), row(1, decisions=[decided(factor=factor)])))
    record = read(run)
    assert not math.isfinite(record.decisions[0].factor)
    seen = Seen.of("run", record)
    assert run_page([seen])
    (mark,) = json.loads(json.dumps(payload([seen]), allow_nan=False))["runs"][0]["marks"]
    assert (mark["why"], mark["factor"]) == ("not better", None)


def test_half_a_sign_in_a_run_and_bytes_in_its_name_are_told_live(tmp_path):
    pytest.importorskip("tornado", reason="tornado is not installed: pip install 'stepsize[watch]'")
    from serving import served
    from test_watch import ask, data

    odd = tmp_path / os.fsdecode(b"caf\xe9.jsonl")
    try:
        odd.write_text(text(head(), row(0), row(1, decisions=[decided(why=HALF, group=HALF)])))
    except OSError:
        pytest.skip("this disk takes no such names")
    write(tmp_path / "plain.jsonl", 5)
    name = r"caf\udce9.jsonl"
    assert set(in_folder(tmp_path)) == {name, "plain.jsonl"}
    assert list(of_paths([odd])) == [name]
    with served(lambda: in_folder(tmp_path), tmp_path) as port:
        assert ask(port, "/")[0] == 200
        told = data(port, name, "plain.jsonl")
    assert [one["rows"] for one in told["runs"]] == [2, 5]
    assert told["runs"][0]["marks"][0]["why"] == "?"


def test_a_run_that_left_the_numbers_has_its_picture(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'stepsize[compare]'")
    from stepsize.report.runs.figure import save_runs

    run = tmp_path / "run.jsonl"
    losses = [min(10.0**i, 1.7e308) for i in range(309)]
    run.write_text(text(head(), *(row(i, loss=loss, grad_norm=loss) for i, loss in enumerate(losses))))
    assert save_runs([Seen.of("run", read(run))], tmp_path / "run.svg").stat().st_size > 1000


def test_a_version_that_is_not_known_is_refused_as_long_as_the_file_is_the_same(tmp_path):
    run = tmp_path / "run.jsonl"
    run.write_text(text(head(version=99), row(0)))
    one = Followed(run)
    for step in range(1, 4):
        one.look()
        assert "version 99" in one.said
        assert one.record is None
        append(run, row(step))
    run.unlink()
    write(run, 3)
    one.look()
    assert (one.said, len(one.record)) == ("", 3)


def test_a_line_without_an_end_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(tail, "MOST_BYTES", 100)
    monkeypatch.setattr(tail, "LONGEST_LINE", 250)
    (tmp_path / "run.jsonl").write_bytes(b"x" * 10_000)
    one = Followed(tmp_path / "run.jsonl")
    for _ in range(90):
        one.look()
        assert len(one._tail._rest) <= 250


def test_a_file_that_is_gone_before_it_was_looked_at_is_waited_for(tmp_path):
    gone = write(tmp_path / "gone.jsonl", 3)
    write(tmp_path / "there.jsonl", 4)

    async def told():
        hub = Hub(lambda: in_folder(tmp_path), tmp_path)
        assert "gone.jsonl" in await hub.files()
        gone.unlink()
        hub._listing.look()  # the folder is looked at again
        try:
            return await hub.data(["gone.jsonl", "there.jsonl"], None, None)
        finally:
            hub.close()

    runs = asyncio.run(told())["runs"]
    assert [(one["name"], one["rows"]) for one in runs] == [("gone.jsonl", 0), ("there.jsonl", 4)]


def test_a_file_that_is_cut_back_is_read_from_its_beginning(tmp_path):
    run = write(tmp_path / "run.jsonl", 50)
    one = Followed(run)
    one.look()
    assert len(one.record) == 50
    with run.open("r+b") as file:
        file.truncate(len("".join(run.read_text().splitlines(keepends=True)[:21])))
    one.look()
    assert one.record.steps.tolist() == list(range(20))
    append(run, row(20))
    one.look()
    assert one.record.steps.tolist() == list(range(21))


def test_a_run_whose_losses_were_all_nan_goes_on_with_a_look(tmp_path):
    run = tmp_path / "run.jsonl"
    broken = [row(step, loss="nan") for step in range(4)]
    run.write_text(text(head(), *broken, head(done=4), {"step": 4, "val_loss": 1.0}))
    record = read(run)
    assert record.steps.tolist() == [0, 1, 2, 3]
    assert all(map(math.isnan, record.losses))
    assert record.validated.tolist() == [1.0]


def test_rows_that_come_out_of_turn_change_nothing_that_was_given_away():
    rows = Columns()
    for step in (0, 2, 4):
        rows.put(step, {"loss": float(step)})
    steps, losses = rows.steps, rows.column("loss")
    rows.put(2, {"loss": 20.0, "lr": 0.1})
    rows.put(1, {"loss": 10.0})
    rows.put(3, {"lr": 0.3})
    assert (steps.tolist(), losses.tolist()) == ([0, 2, 4], [0.0, 2.0, 4.0])
    assert rows.steps.tolist() == [0, 1, 2, 3, 4]
    assert rows.column("loss").tolist() == pytest.approx([0.0, 10.0, 20.0, math.nan, 4.0], nan_ok=True)
    assert rows.column("lr").tolist() == pytest.approx([math.nan, math.nan, 0.1, 0.3, math.nan], nan_ok=True)
    full = Columns()
    for step in range(1, 3000, 2):
        full.put(step, {"loss": float(step)})
    for step in range(0, 3000, 2):
        full.put(step, {"loss": float(step)})
    assert full.steps.tolist() == list(range(3000)) == full.column("loss").tolist()
