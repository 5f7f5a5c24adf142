"""The live page in Chinese: what its server answers, and what a browser shows of it while a run goes on."""

import http.client
import time

import pytest

from recordings import append, row, write
from stepsize._language import speak
from stepsize.watch.folder import in_folder
from stepsize.watch.guard import Guard
from test_language_runs import CHINESE, english, shown

pytest.importorskip("tornado", reason="tornado is not installed: pip install 'stepsize[watch]'")

from serving import served
from test_watch import ask, data


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "a.jsonl", 50)
    speak("zh")
    yield tmp_path
    speak("en")


def test_what_the_server_answers_is_in_chinese(folder):
    with served(lambda: in_folder(folder), folder) as port:
        status, page, _ = ask(port, "/")
        assert status == 200
        assert not english(shown(page), f"a jsonl uPlot class {folder.name} {page.partition('<title>')[2][:80]}")
        told = data(port, "a.jsonl")
        assert "更新次数" in told["numbers"]
        assert told["files"][0]["said"] == "刚刚写入"
        for address, answer in (
            ("/no", "这里什么都没有：请打开 /\n"),
            ("/data?run=no", "这里没有这次训练\n"),
            ("/data?run=a.jsonl&low=x", "low 必须是一个数\n"),
        ):
            assert ask(port, address)[1] == answer
        assert ask(port, "/", host="evil.example")[1].startswith("这个主机名不对")


def test_the_line_of_the_status_stays_ascii(folder):
    with served(lambda: in_folder(folder), folder, guard=Guard("127.0.0.1", "secret")) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert (answer.status, answer.reason) == (
            403, "the token is missing: open the whole address that stepsize watch told",
        )  # fmt: skip
        assert answer.read().decode() == "缺少令牌：请打开 stepsize watch 给出的完整地址\n"
        connection.close()


def test_a_row_that_comes_is_shown_by_the_page_in_its_language(folder):
    with served(lambda: in_folder(folder), folder) as port:
        before = data(port, "a.jsonl")["numbers"]
        append(folder / "a.jsonl", row(50))
        began = time.monotonic()
        while (told := data(port, "a.jsonl")["numbers"]) == before:
            assert time.monotonic() - began < 5
            time.sleep(0.05)
        assert CHINESE.search(told)
