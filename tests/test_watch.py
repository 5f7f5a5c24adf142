"""`stepsize watch`: rows appear as they are written, and nothing is told to those who may not ask."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import quote

import numpy as np
import pytest

from commandline import run
from recordings import append, head, row, text, write
from stepsize.lab.records.record import Record
from stepsize.watch import terminal
from stepsize.watch.folder import in_folder, of_paths
from stepsize.watch.guard import Guard

pytest.importorskip("tornado", reason="tornado is not installed: pip install 'stepsize[watch]'")

from serving import served

HOSTILE = "<img src=x onerror=alert(1)>.jsonl"


def ask(port, path, host=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("GET", path, skip_host=host is not None)
    for name, value in ({"Host": host} if host else {}).items():
        connection.putheader(name, value)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body, dict(answer.getheaders())


def data(port, *names, **query):
    asked = "&".join([f"run={quote(name)}" for name in names] + [f"{key}={value}" for key, value in query.items()])
    status, body, _ = ask(port, f"/data?{asked}")
    assert status == 200, body
    return json.loads(body)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "runs"
    root.mkdir()
    write(root / "a.jsonl", 50)
    write(root / HOSTILE, 20)
    (tmp_path / "secret.jsonl").write_text(text(head(), row(0, loss=77.0)))
    return root


@pytest.fixture
def port(folder):
    with served(lambda: in_folder(folder), folder) as found:
        yield found


@pytest.mark.parametrize("name", ["a\x1b[31m.jsonl", "a\nb.jsonl", " a .jsonl", "\tä\x7f%2e&run=b#?.jsonl"])
def test_a_name_may_have_any_character(folder, port, name):
    write(folder / name, 30)
    (shown,) = data(port, name)["runs"]
    assert (shown["name"], shown["rows"]) == (name, 30)
    status, page, _ = ask(port, f"/?run={quote(name)}")
    assert (status, "\x1b" in page) == (200, False)


def test_a_name_that_is_no_utf_8_is_spelled(folder, port):
    write(folder / "b.jsonl", 30)
    os.rename(folder / "b.jsonl", os.fsencode(folder) + b"/b\xff.jsonl")
    name = "b\\udcff.jsonl"
    assert ask(port, "/")[0] == 200
    (shown,) = data(port, name)["runs"]
    assert (shown["name"], shown["rows"]) == (name, 30)
    assert list(of_paths([folder / "b\udcff.jsonl"])) == [name]


def test_a_new_row_is_told_within_a_second(folder, port):
    stream = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    stream.request("GET", "/events?run=a.jsonl")
    events = stream.getresponse()
    assert events.getheader("Content-Type").startswith("text/event-stream")
    assert events.readline() == b"data: more\n"
    time.sleep(1.5)  # and the diagnosis is told, too
    for step in range(50, 53):
        began = time.monotonic()
        append(folder / "a.jsonl", row(step))
        while data(port, "a.jsonl")["runs"][0]["rows"] != step + 1:
            assert time.monotonic() - began < 1
            time.sleep(0.02)
    told = b"".join(events.readline() for _ in range(4))
    assert told.count(b"data: more\n") >= 2
    stream.close()


def test_the_page_shows_the_newest_runs_and_those_that_are_asked_for(folder, port):
    status, page, headers = ask(port, "/")
    assert status == 200
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in headers
    assert "Access-Control-Allow-Origin" not in headers
    told = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    assert set(told["live"]["chosen"]) == {"a.jsonl", HOSTILE}
    assert "<img" not in page
    only = json.loads(re.search(r'id="data">(.*?)</script>', ask(port, "/?run=a.jsonl")[1], re.S)[1])
    assert only["live"] == {"chosen": ["a.jsonl"], "folder": "runs"}
    assert len(only["runs"]) == 1


def test_a_hostile_name_is_text_in_what_is_told_later(port):
    told = data(port, HOSTILE, "a.jsonl")
    assert told["runs"][0]["name"] == HOSTILE
    assert "<img" not in told["facts"] + told["numbers"] + told["about"]


def test_a_long_run_is_told_short_and_a_part_of_it_finer(folder, port):
    losses = np.ones(30_000)
    losses[17_777] = 99.0
    lines = [head(), *({"step": i, "loss": one} for i, one in enumerate(losses.tolist()))]
    (folder / "long.jsonl").write_text(text(*lines))
    deadline = time.monotonic() + 20
    while not (told := data(port, "long.jsonl", low=17_000, high=18_000))["runs"] or told["runs"][0]["rows"] < 30_000:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert max(map(len, told["tables"])) <= 2000
    assert max(told["lines"][0]["values"]) == 99.0
    finer = told["finer"]
    assert finer["tables"][0][:2] == [16_999, 17_000]
    assert finer["lines"][0]["values"][17_777 - 16_999] == 99.0


def test_the_diagnosis_comes_beside_the_data(folder, port):
    rows = [row(step, loss=2.0 if step < 30 else float("nan")) for step in range(60)]
    (folder / "ill.jsonl").write_text(text(head(), *rows).replace("NaN", '"nan"'))
    deadline = time.monotonic() + 10
    while "diverged" not in data(port, "ill.jsonl")["facts"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert data(port, "ill.jsonl")["runs"][0]["findings"][0]["illness"] == "diverged"


OUTSIDE = ("../secret.jsonl", "..%2fsecret.jsonl", "%2e%2e/secret.jsonl", "..\\secret.jsonl", "/etc/passwd")
NO_NAMES = ("a.jsonl%00", "nothing", "a.jsonl/../../secret.jsonl", ".", "")


@pytest.mark.parametrize("name", [*OUTSIDE, *NO_NAMES])
def test_nothing_outside_the_folder_is_told(folder, port, name):
    (folder / "link.jsonl").symlink_to(folder.parent / "secret.jsonl")
    for asked in (
        f"/data?run={name}",
        f"/data?run={quote(name, safe='')}",
        "/data?run=link.jsonl",
        f"/events?run={name}",
    ):
        status, body, _ = ask(port, asked)
        assert status in (400, 404)
        assert "77" not in body
        assert len(body.splitlines()) == 1


@pytest.mark.parametrize(
    "path", ["/../secret.jsonl", "/a.jsonl", "/%2e%2e/secret.jsonl", "//etc/passwd", "/data/", "/static/x"]
)
def test_no_address_is_a_file(port, path):
    status, body, _ = ask(port, path)
    assert (status, body) == (404, "there is nothing here: open /\n")


def test_a_file_that_becomes_a_link_is_not_followed(folder, port):
    assert data(port, "a.jsonl")["runs"][0]["rows"] == 50
    (folder / "a.jsonl").unlink()
    (folder / "a.jsonl").symlink_to(folder.parent / "secret.jsonl")
    time.sleep(0.3)
    told = data(port, "a.jsonl")
    assert told["runs"][0]["rows"] == 50
    assert "leads out of" in told["facts"]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "192.0.2.1", "", "0.0.0.0"]
)
def test_a_name_that_is_not_ours_is_refused(port, host):
    for path in ("/", "/data?run=a.jsonl", "/events?run=a.jsonl", "/nothing"):
        status, body, _ = ask(port, path, host=host or " ")
        assert status in (400, 403)
        assert "a.jsonl" not in body


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:{port}", "127.0.0.1:{port}", "[::1]:{port}"])
def test_our_own_names_are_let_in(port, host):
    assert ask(port, "/data?run=a.jsonl", host=host.format(port=port))[0] == 200


def test_a_token_is_asked_for_and_becomes_a_cookie(folder):
    with served(lambda: in_folder(folder), folder, Guard("0.0.0.0", "s3cret")) as port:
        for path in ("/", "/data?run=a.jsonl", "/events?run=a.jsonl", "/?token=wrong", "/data?run=a.jsonl&token="):
            status, body, headers = ask(port, path)
            assert (status, "Set-Cookie" in headers) == (403, False)
            assert "the token is missing" in body
        status, _, headers = ask(port, "/?token=s3cret")
        assert (status, headers["Location"]) == (302, "/")
        assert "HttpOnly" in headers["Set-Cookie"]
        assert "SameSite=Strict" in headers["Set-Cookie"]
        cookie = headers["Set-Cookie"].partition(";")[0]
        assert ask(port, "/data?run=a.jsonl", Cookie=cookie)[0] == 200
        assert ask(port, "/data?run=a.jsonl", Cookie=f"{cookie.partition('=')[0]}=wrong")[0] == 403
        assert ask(port, "/", host="evil.example", Cookie=cookie)[0] == 403
        assert ask(port, "/", host=f"192.0.2.7:{port}", Cookie=cookie)[0] == 200  # any number of this machine


def test_two_servers_of_one_host_keep_their_cookies_apart(folder):
    def cookie(port, token, host=None):
        return ask(port, f"/?token={token}", host)[2]["Set-Cookie"].partition(";")[0]

    guards = Guard("0.0.0.0", "first"), Guard("0.0.0.0", "second")
    with (
        served(lambda: in_folder(folder), folder, guards[0]) as a,
        served(lambda: in_folder(folder), folder, guards[1]) as b,
    ):
        kept = dict(one.split("=") for one in (cookie(a, "first"), cookie(b, "second")))  # as a browser keeps them
        both = "; ".join(f"{name}={value}" for name, value in kept.items())
        assert [ask(port, "/", Cookie=both)[0] for port in (a, b)] == [200, 200]
        tunnel = cookie(a, "first", host="localhost:8001")  # the port that the browser sees is another
        assert tunnel.split("=")[0] not in kept
        assert ask(a, "/", host="localhost:8001", Cookie=tunnel)[0] == 200
        plain = cookie(a, "first", host="localhost")
        assert ask(a, "/", host="localhost", Cookie=plain)[0] == 200


@pytest.mark.parametrize("query", ["low=x&high=1", "low=nan&high=1", "low=1&high=inf", "low=1e999&high=2"])
def test_a_part_that_is_no_part_is_one_line(port, query):
    status, body, _ = ask(port, f"/data?run=a.jsonl&{query}")
    assert status == 400
    assert body in ("low must be a number\n", "high must be a number\n")


def test_too_many_runs_are_refused(port):
    assert ask(port, "/data?" + "&".join(["run=a.jsonl"] * 65))[0] == 400


def started(*words, cwd):
    """The command as its own process; gives it with its first line."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "stepsize", "watch", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd,
    )  # fmt: skip
    return process, process.stdout.readline()


@pytest.mark.usefixtures("ctrl_c")
def test_the_command_serves_until_ctrl_c(folder):
    process, line = started("a.jsonl", "--port", "0", cwd=folder)
    port = int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\n", line)[1])
    assert data(port, "a.jsonl")["runs"][0]["rows"] == 50
    page = http.client.HTTPConnection("127.0.0.1", port, timeout=10)  # that is open when the server ends
    page.request("GET", "/events?run=a.jsonl")
    events = page.getresponse()
    assert events.readline() == b"data: more\n"
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert (out, said) == ("", "open that address in a browser; Ctrl-C ends it\n")
    page.close()


@pytest.mark.usefixtures("ctrl_c")
def test_another_address_has_a_token(folder):
    process, line = started("a.jsonl", "--port", "0", "--host", "0.0.0.0", cwd=folder)
    port, token = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?token=(\S{20,})\n", line).groups()
    assert ask(int(port), "/")[0] == 403
    assert ask(int(port), f"/?token={token}")[0] == 302
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)


def test_what_cannot_be_watched_is_one_line(folder):
    os.mkfifo(folder / "pipe")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for words, said in (
            (["a.jsonl", "--port", port], f"port {port} is in use: write --port 0"),
            (["a.jsonl", "--host", "192.0.2.1", "--port", "0"], "192.0.2.1 is no address of this machine"),
            (["pipe"], "pipe is no ordinary file"),
            (["a.jsonl", "."], ". is a folder, which is watched alone"),
            (["nowhere/a.jsonl"], "there is no folder nowhere"),
            (["a.jsonl", "--port", "70000"], "70000 is not in the range"),
        ):
            done = run("watch", *words, cwd=folder)
            assert done.returncode == 2
            assert said in done.stderr
            assert len(done.stderr.splitlines()) == 1


def test_a_missing_package_is_one_line(folder):
    code = (
        "import sys; sys.modules['tornado'] = None; sys.modules['tornado.httpserver'] = None\n"
        "sys.argv = ['stepsize', 'watch', 'a.jsonl']\nfrom stepsize.cli.start import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 2
    assert (
        done.stderr
        == "error: the live page needs an extra package: pip install 'stepsize[watch]'; --terminal needs none\n"
    )


@pytest.mark.usefixtures("ctrl_c")
def test_for_a_pipe_the_terminal_is_lines_of_numbers(folder):
    process, line = started("a.jsonl", "--terminal", cwd=folder)
    assert line == "a.jsonl: update 49 of 100, loss 1.51, rate 0.1\n"
    append(folder / "a.jsonl", row(50, grad_norm=2.0))
    assert process.stdout.readline() == "a.jsonl: update 50 of 100, loss 1.5, rate 0.1, grad norm 2\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (130, "")


def test_the_terminal_shows_the_curve_the_numbers_and_what_happened(folder):
    from rich.console import Console

    decided = [{"kind": "plateau", "group": "", "factor": 0.5, "why": "not better\x1b[31m"}]
    append(
        folder / "a.jsonl", *(row(step, loss="nan") for step in range(50, 90)), row(90, loss="nan", decisions=decided)
    )
    screen = terminal.Screen(lambda: of_paths([folder / "a.jsonl"]), None)
    screen.look()
    console = Console(width=100, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(screen.drawn(100))
    shown = console.export_text()
    console.file.close()
    assert "⣀" in shown or "⠤" in shown or "⠒" in shown or "⠉" in shown
    assert "update 90 of 100" in shown
    assert "▼ update 90 not better" in shown
    assert "\x1b[31m" not in shown
    assert "diverged" in shown


def test_several_runs_share_the_terminal(folder):
    screen = terminal.Screen(lambda: in_folder(folder), folder)
    screen.look()
    assert screen.drawn(80)
    one = terminal.sparkline(Record(steps=np.arange(1000), losses=np.linspace(2, 1, 1000)), 40)
    assert (len(one), one[0], one[-1]) == (40, "█", "▁")
    assert terminal.curve(Record(steps=np.arange(3), losses=np.full(3, np.nan)), 40)
