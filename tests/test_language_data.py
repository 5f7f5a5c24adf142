"""How a file of data was read, and what `compare` and `study` cannot do, in Chinese; files keep English."""

import ast
import json
import re

import pytest

from commandline import run
from said import FILE, SHORT, SOURCE, whole
from stepsize import StepsizeError
from stepsize._language import Note, heard, speak
from stepsize.lab.data import datasets
from test_language import CHINESE

pytestmark = pytest.mark.usefixtures("no_language")


def rows(count, *columns, mark=",", head):
    lines = [mark.join(head)] + [mark.join(str(one(i)) for one in columns) for i in range(count)]
    return "\n".join(lines) + "\n"


def spread(i):
    return f"{(i * 7919) % 101 / 10 + 0.5}"


TABLES = {  # a file, and the column to predict
    "semicolons": (
        "a title\n"
        + rows(
            40, lambda i: i, lambda i: spread(i).replace(".", ","), lambda i: ["-", "12,5", "1.234,5"][i % 3],
            lambda i: f"0{1 + i % 9}/0{1 + i % 8}/2020", lambda i: "", lambda i: "x", lambda i: ["Ulm", "Bonn"][i % 2],
            mark=";", head=("id", "price", "size", "sold", "empty", "one", "town"),
        ),
        "price",
    ),
    "titles": ("a title\nanother\n" + rows(40, spread, lambda i: i % 7, mark="\t", head=("y", "a")), "y"),
    "bars": (rows(40, spread, lambda i: i % 7, mark="|", head=("y", "a")), "y"),
    "unsure": (
        rows(
            40, spread, lambda i: f'"{1 + i % 9},{100 + i}"', lambda i: f"{13 + i % 9}.01.2020", lambda i: f"n{i}",
            lambda i: ["a", "b", f"c{i // 2}"][i % 3], lambda i: 1 if i else "", lambda i: i,
            head=("y", "sum", "day", "name", "kind", "same", ""),
        ),
        "y",
    ),
    "many": (
        rows(40, spread, *[lambda i: f'"{i % 9},5"'] * 7, head=("y", *(f"column{i}" for i in range(7)))),
        "y",
    ),
    "rare": (rows(200, spread, lambda i: f"w{i % 50}" if i < 60 else "a", head=("y", "word")), "y"),
    "one gone": (rows(40, lambda i: "" if i == 3 else spread(i), spread, head=("y", "a")), "y"),
    "two gone": (rows(40, lambda i: "" if i < 2 else spread(i), spread, head=("y", "a")), "y"),
    "counts": (rows(60, lambda i: i % 9, spread, head=("y", "a")), "y"),
    "single": (rows(60, lambda i: "c" if i == 5 else "ab"[i % 2], spread, head=("y", "a")), "y"),
    "crowded": (rows(40, lambda i: f"c{i % 20}", spread, head=("y", "a")), "y"),
    "far": (rows(60, lambda i: 1e9 if i == 7 else spread(i), spread, head=("y", "a")), "y"),
}  # fmt: skip


def noted(path, name):
    content, target = TABLES[name]
    file = path / "table.csv"
    file.write_text(content, encoding="utf-8")
    return datasets.load(str(file), target=target).notes


@pytest.mark.parametrize("name", TABLES)
def test_what_is_said_of_a_file_is_chinese_and_kept_in_english(name, tmp_path, chinese):
    notes = noted(tmp_path, name)
    assert notes
    content = TABLES[name][0]
    for note in notes:
        assert CHINESE.search(heard(note))
        whole(heard(note).replace("\\n", " "), f"{content} task regression")
        assert not CHINESE.search(note)
        assert json.loads(json.dumps(note)) == note
    speak("en")
    assert noted(tmp_path, name) == notes == tuple(map(heard, notes))


def test_every_text_of_a_note_on_data_was_met(tmp_path):
    met = set()

    def meet(note):
        if isinstance(note, Note):
            met.add(note.text)
            for field in note.fields.values():
                for one in field if isinstance(field, tuple) else (field,):  # texts in a row
                    meet(one)

    for name in TABLES:
        for note in noted(tmp_path, name):
            meet(note)
    for encoding, content in (("gb18030", "价格,面积\n"), ("cp1252", "größe,prix\n")):
        (tmp_path / "old.csv").write_bytes((content + rows(20, spread, spread, head=("1", "2"))[4:]).encode(encoding))
        for note in datasets.load(str(tmp_path / "old.csv"), target=content.split(",")[0]).notes:
            meet(note)
    written = set()
    for path in (SOURCE / "lab" / "data").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Note":
                written.add(node.args[0].value)
    assert len(written) > 25
    assert written - met == {"commas"}  # which only an error names


def test_a_folder_that_chinese_began_reads_the_same(tmp_path):
    words = ("compare", "houses.csv", "--target", "price", "sgd() | 0.1", *SHORT)
    (tmp_path / "houses.csv").write_text(TABLES["semicolons"][0], encoding="utf-8")
    for language in ("en", "zh"):
        told = run(*words, "--out", language, "--lang", language, cwd=tmp_path)
        assert told.returncode == 0
    assert told.stderr.count("已训练 6 次，共 6 次，至今最好 ") == 1
    whole(told.stderr, f"houses csv price zh {TABLES['semicolons'][0]}")
    ours, theirs = (kept(tmp_path / one / "journal.jsonl") for one in ("zh", "en"))
    assert ours == theirs
    assert ours[0]["notes"]


def kept(path):
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if row["kind"] in ("problem", "plan")]


LINES = {
    "no target": ("compare", "good.csv"),
    "another target": ("compare", "good.csv", "--target", "z"),
    "a near target": ("compare", "good.csv", "--target", "Y"),
    "no such file": ("compare", "nobody"),
    "a near name": ("compare", "wien"),
    "a target for a set": ("compare", "wine", "--target", "y"),
    "a target for a function": ("compare", "model.py:alone", "--target", "y"),
    "no function": ("compare", "model.py"),
    "a near function": ("compare", "model.py:alon"),
    "another function": ("compare", "model.py:zzz"),
    "a number": ("compare", "model.py:number"),
    "arguments": ("compare", "model.py:needs"),
    "an error": ("compare", "model.py:broken"),
    "a missing module": ("compare", "model.py:absent"),
    "no problem": ("compare", "model.py:nothing"),
    "another reference": ("compare", "wine", "sgd() | 0.1", "--reference", "zzz"),
    "a near reference": ("compare", "wine", "plain=sgd() | 0.1", "--reference", "plan"),
    "two of a name": ("compare", "wine", "a=sgd() | 0.1", "a=adam() | 0.1"),
    "a rate of zero": ("compare", "wine", "sgd() | 0"),
    "halves of one row": ("compare", "wine", "sgd() | 0.1 * gradient_noise()", "--batch-size", "1", "--steps", "2"),
    "no metric": ("compare", "model.py:alone", "sgd() | 0.1 * plateau(watch='metric')", "--steps", "2"),
    "no cluster": ("compare", "wine", "sgd() | 0.1", "--cluster", "nowhere", "--steps", "2"),
    "empty": ("compare", "empty.csv", "--target", "y"),
    "a head alone": ("compare", "head.csv", "--target", "y"),
    "no head": ("compare", "bare.csv", "--target", "1"),
    "twice": ("compare", "twice.csv", "--target", "y"),
    "few": ("compare", "few.csv", "--target", "y"),
    "text among numbers": ("compare", "mixed.csv", "--target", "y"),
    "text for a target": ("compare", "words.csv", "--target", "y"),
    "regression of text": ("compare", "kinds.csv", "--target", "y", "--task", "regression"),
    "fractions for classes": ("compare", "good.csv", "--target", "y", "--task", "classification"),
    "one value": ("compare", "same.csv", "--target", "y", "--task", "regression"),
    "one class": ("compare", "same.csv", "--target", "y"),
    "no value": ("compare", "gone.csv", "--target", "y"),
    "no features": ("compare", "lonely.csv", "--target", "y"),
    "infinite": ("compare", "large.csv", "--target", "y"),
    "two marks": ("compare", "marks.csv", "--target", "y"),
    "two currencies": ("compare", "money.csv", "--target", "y"),
    "percents": ("compare", "percent.csv", "--target", "y"),
    "a long line": ("compare", "ragged.csv", "--target", "y"),
    "a broken table": ("compare", "broken.parquet", "--target", "y"),
    "no table": ("compare", "model.json", "--target", "y"),
    "half a text": ("compare", "half.csv", "--target", "y"),
    "odd bytes": ("compare", "odd.csv", "--target", "y"),
    "somebody else's folder": ("compare", "wine", "sgd() | 0.1", "--out", "theirs"),
    "a file for a folder": ("compare", "wine", "sgd() | 0.1", "--out", "good.csv"),
    "another journal": ("compare", "wine", "sgd() | 0.1", "--out", "other"),
    "an older journal": ("compare", "wine", "sgd() | 0.1", "--out", "older"),
    "a later journal": ("compare", "wine", "sgd() | 0.1", "--out", "later"),
    "no study": ("study", "show", "theirs"),
    "one folder": ("study", "merge", "theirs"),
    "with itself": ("study", "merge", "mine", "mine"),
}


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory):
    """A folder with everything that these mistakes need."""
    folder = tmp_path_factory.mktemp("mistaken")
    files = {
        "model.py": FILE,
        "model.json": "{}",
        "good.csv": rows(60, spread, lambda i: i % 7, head=("y", "a")),
        "empty.csv": "",
        "head.csv": "y,a\n",
        "bare.csv": rows(20, spread, spread, head=("1", "2")),
        "twice.csv": rows(20, spread, spread, spread, head=("y", "a", "a")),
        "few.csv": rows(4, spread, spread, head=("y", "a")),
        "mixed.csv": rows(20, spread, lambda i: "many" if i == 3 else spread(i), head=("y", "a")),
        "words.csv": rows(60, lambda i: f"w{i}", spread, head=("y", "a")),
        "kinds.csv": rows(60, lambda i: "ab"[i % 2], spread, head=("y", "a")),
        "same.csv": rows(20, lambda i: 1, spread, head=("y", "a")),
        "gone.csv": rows(20, lambda i: "", spread, head=("y", "a")),
        "lonely.csv": rows(20, spread, lambda i: 1, head=("y", "a")),
        "large.csv": rows(20, spread, lambda i: 1e200 if i == 3 else spread(i), head=("y", "a")),
        "marks.csv": rows(20, spread, lambda i: '"1,25"' if i % 2 else "1.25 €", head=("y", "a")),
        "money.csv": rows(20, spread, lambda i: "$1" if i % 2 else "€2", head=("y", "a")),
        "percent.csv": rows(20, spread, lambda i: "1%" if i % 2 else "2", head=("y", "a")),
        "ragged.csv": rows(20, spread, lambda i: "1,2,3" if i == 5 else "1", head=("y", "a")),
    }
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "broken.parquet").write_bytes(b"no parquet at all")
    (folder / "half.csv").write_bytes(b"\xff\xfey\x00,")
    (folder / "odd.csv").write_bytes("имя,y\n".encode("koi8-r") * 20)
    for name, content in {
        "theirs": "hello",
        "other": '{"kind": "other"}\n',
        "older": '{"format": "stepsize-run"\n',
        "later": '{"kind": "study", "version": 99}\n',
    }.items():
        (folder / name).mkdir()
        (folder / name / ("journal.jsonl" if name != "theirs" else "notes.txt")).write_text(content, encoding="utf-8")
    run("compare", "wine", "sgd() | 0.1", *SHORT, "--out", "mine", cwd=folder)
    return folder


@pytest.mark.parametrize("name", LINES)
def test_what_cannot_be_done_is_said_in_chinese(name, mistaken):
    ours, theirs = (run(*LINES[name], "--lang", one, cwd=mistaken) for one in ("zh", "en"))
    assert ours.returncode == theirs.returncode == 2, theirs
    line = re.sub(r"^(error: |错误：)", "", ours.stderr.splitlines()[-1])
    assert CHINESE.search(line)
    quoted = " ".join(LINES[name])
    known = "UTF GBK Windows csv tsv txt parquet byte name digits breast_cancer cnn mlp topics transformer"
    whole(line, f"{quoted} {FILE} {known} {TOLD_BY_OTHERS.get(name, '')}")


TOLD_BY_OTHERS = {
    "a number": "int",
    "an error": "ZeroDivisionError: division by zero",
    "no problem": "None adapters module loss_fn data training problems problem",
    "a broken table": "parquet: File out of specification: The file must end with PAR1 or PARE",
    "no cluster": "dask scheduler tcp",
    "halves of one row": "signal batch_size",
    "no metric": "plateau watch descend validation measure_every metric",
    "text for a target": "w0 w1",
    "text among numbers": "many",
}


def test_the_library_keeps_its_errors_in_english(mistaken):
    line = "^compare: a file needs a target: write --target COLUMN, one of 'y', 'a'$"
    with pytest.raises(StepsizeError, match=line):
        datasets.load(str(mistaken / "good.csv"))
