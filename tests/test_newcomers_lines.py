"""Lines that a newcomer types on the first day: each is answered in one line, and no file of theirs is lost."""

import json

import pytest

from commandline import run


@pytest.fixture
def folder(tmp_path):
    rows = [json.dumps({"step": step, "loss": 2 / (1 + step), "lr": 0.1}) for step in range(30)]
    (tmp_path / "run.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    table = "".join(f"{number},{number % 7}\n" for number in range(40))
    (tmp_path / "houses.csv").write_text("price,rooms\n" + table, encoding="utf-8")
    (tmp_path / "train.py").write_text("", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("name", ["run.jsonl", "houses.csv", "train.py.txt", "./run.jsonl"])
def test_a_page_is_not_written_over_a_file_that_is_none(name, folder):
    file = folder / name
    if not file.exists():
        file.write_text("import torch\n", encoding="utf-8")
    before = file.read_bytes()
    done = run("report", "run.jsonl", "--out", name, cwd=folder)
    assert done.returncode == 2
    assert done.stderr == f"error: --out {name.removeprefix('./')} is a file that is no page: name another one\n"
    assert file.read_bytes() == before


def test_a_page_is_written_again_and_into_an_empty_file(folder):
    (folder / "empty").touch()
    for name in ("report.html", "report.html", "empty", "page"):
        done = run("report", "run.jsonl", "--out", name, cwd=folder)
        assert (done.returncode, done.stderr) == (0, f"written: {name} (open it in a browser)\n")


def test_a_comparison_does_not_write_over_its_data(folder):
    before = (folder / "houses.csv").read_bytes()
    for name in ("houses.csv", "./houses.csv", str(folder / "houses.csv")):
        done = run("compare", "houses.csv", "--target", "price", "--csv", name, cwd=folder)
        assert done.returncode == 2
        shown = name.removeprefix("./")
        assert done.stderr == f"error: --csv {shown} is the file that is read: name another one\n"
    assert (folder / "houses.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["show", "0.1", "--step", "500"], "No such option '--step'. Did you mean '--steps'?"),
        (["show", "0.1", "-steps", "500"], "No such option '-steps'. Did you mean '--steps'?"),
        (["show", "0.1", "-steps=500"], "No such option '-steps'. Did you mean '--steps'?"),
        (["show", "0.1", "--batch", "5"], "No such option '--batch'. Did you mean '--batch-size'?"),
        (["show", "0.1", "--plot", "a.png"], "No such option '--plot'."),
        (["find", "wine", "--min", "1e-5"], "No such option '--min'."),
        (["tune", "wine", "--output", "x"], "No such option '--output'. Did you mean '--out'?"),
        (["tune", "wine", "--maximize"], "No such option '--maximize'. Did you mean '--maximise'?"),
        (["compare", "wine", "--targets", "x"], "No such option '--targets'. Did you mean '--target'?"),
    ],
    ids=lambda one: one[-1] if isinstance(one, list) else "",
)
def test_the_option_that_was_meant_is_named(words, told):
    done = run(*words)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {told} (see ")
    assert done.stderr.endswith(f"stepsize {words[0]} --help)\n")


@pytest.mark.parametrize("line", ["python train.py", "torchrun --nproc=2 train.py", "./train.py.sh train.py"])
def test_a_script_without_a_strategy_and_dashes(line, folder):
    command, *others = [one for one in line.split() if not one.startswith("--")]
    done = run("tune", command, *others, cwd=folder)
    assert done.returncode == 2
    said = f'write stepsize tune "adam() | 1e-3" -- {" ".join([command, *others])}\n'
    assert done.stderr == f"error: tune: a strategy and -- stand before a command: {said}"


@pytest.mark.parametrize("command", ["show", "explain"])
def test_a_file_is_no_expression(command, folder):
    done = run(command, "run.jsonl", cwd=folder)
    assert done.returncode == 2
    assert done.stderr == "error: run.jsonl is a file and no expression: write stepsize diagnose run.jsonl\n"
    (folder / "0.1").touch()  # a file whose name is an expression as well
    assert run(command, "0.1", cwd=folder).returncode == 0


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("warmup() >> cosine()", "warmup('5%') >> cosine()"),
        ("0.1 * (warmup() >> cosine())", "0.1 * (warmup('5%') >> cosine())"),
        ("adam() | 0.1 * (warmup() >> cosine())", "adam() | 0.1 * (warmup('5%') >> cosine())"),
        ("warmup(shape='cosine') >> cosine()", "its fields by name, length, shape"),
    ],
)
def test_a_warmup_whose_length_was_forgotten(text, line):
    done = run("explain", text)
    assert done.returncode == 2
    assert done.stderr.endswith(f"warmup needs length: write {line}\n")
