"""`compare` and `study` in Chinese: whole where people read it, the same numbers, and English in what files keep."""

import ast
import csv
import json
import pickle
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import stepsize
import summaries
from commandline import run
from stepsize import StepsizeError
from stepsize._language import Note, commas, heard, listed, retold, say, speak, spoken
from stepsize.chinese import CATALOGUE
from stepsize.cli import compare as command
from stepsize.cli.progress import told
from stepsize.lab.data import datasets
from stepsize.lab.judging import Column, Runs, judge, verdict
from stepsize.lab.places.processes import _Worker
from stepsize.lab.study.study import Progress
from stepsize.lab.workload import MODELS, model_said, sized
from stepsize.problems import objective
from stepsize.report import drawing, figures
from stepsize.report.page import page
from test_language import CHINESE, english_words

SOURCE = Path(stepsize.__file__).parent
SHORT = ("--steps", "6", "--seeds", "2", "--rates", "0.1,1,1e9")
STRATEGIES = ("sgd() | 0.1", "Adam=adam() | 0.01 * cosine()", "sgd() | 0.1 * infrared()")
FILE = '''
import numpy as np
from stepsize.problems import least_squares, objective

X, y = np.random.default_rng(0).normal(size=(2, 40, 3))

def apart():
    return least_squares(X[:30], y[:30, 0]), least_squares(X[30:], y[30:, 0])

def alone():
    return least_squares(X, y[:, 0])

def bare():
    return objective(lambda p: ((p["x"] ** 2).sum(), {"x": 2 * p["x"]}), params={"x": np.ones(1)})

def needs(argument):
    return None

def broken():
    return 1 / 0

def nothing():
    return None

def absent():
    import no_such_module

number = 3
'''  # fmt: skip
NAMES = (
    "softmax CSV JavaScript python numpy scikit learn polars stepsize torch accuracy r2 rmse nbsp rates json table "
    "LOW HIGH journal jsonl model py apart alone bare wine cultivar diabetes progression Adam adam sgd cosine infrared "
    "index html loss png rates basins overview compare study merge pip install task regression classification target "
    "COLUMN file path to function none jax cpu out tune"
)


@pytest.fixture(autouse=True)
def english_again(monkeypatch):
    for name in ("STEPSIZE_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    yield
    speak("en")


@pytest.fixture
def chinese():
    speak("zh")


def whole(text, more=""):
    """No line of a text is English, besides names, expressions and paths."""
    for line in filter(str.strip, text.splitlines()):
        words = re.sub(r"\b0x[0-9a-f]+|\d[\d.]*e[+-]?\d+", "", line)
        assert not english_words(words, f"{NAMES} Softmax {more}"), line
        assert not re.search(r"[{}]", line), line


def numbers(text):
    return sorted(re.findall(r"\d[\d.,e+-]*\d|\d", text.replace("−", "-")))


CASES = {
    "classes": ("wine", *STRATEGIES, *SHORT),
    "numbers": ("diabetes", *STRATEGIES, *SHORT, "--batch-size", "0", "--reference", "none"),
    "apart": ("model.py:apart", *STRATEGIES, *SHORT),
    "alone": ("model.py:alone", *STRATEGIES[:1], *SHORT),
    "bare": ("model.py:bare", *STRATEGIES[:2], *SHORT, "--batch-size", "0"),
    "lost": ("wine", "sgd() | 1e12", "sgd() | 1e13", *SHORT[:4], "--rates", "1e12,1e13"),
}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Each comparison in English and in Chinese, in a folder of its own; the second language trains nothing again."""
    found = {}

    def of(case):
        if case not in found:
            folder = tmp_path_factory.mktemp(case)
            (folder / "model.py").write_text(FILE, encoding="utf-8")
            found[case] = folder, {language: compared(folder, case, language) for language in ("en", "zh")}
        return found[case]

    return of


def compared(folder, case, language):
    files = ("--out", "out", "--csv", f"{language}.csv", "--latex", f"{language}.tex", "--svg", f"{language}.svg")
    told = run("compare", *CASES[case], *files, "--lang", language, cwd=folder)
    assert told.returncode == 0, told.stderr
    (folder / "out" / "index.html").replace(folder / f"{language}.html")
    return told


@pytest.mark.parametrize("case", CASES)
def test_the_terminal_is_chinese_whole_and_its_numbers_are_the_same(case, done):
    _, told = done(case)
    ours, theirs = told["zh"], told["en"]
    for line in ours.stdout.splitlines():
        assert CHINESE.search(line) or "  " in line, line
    whole(ours.stdout)
    whole(ours.stderr, f"{case} out csv tex svg zh")
    assert len(ours.stdout.splitlines()) == len(theirs.stdout.splitlines())
    for one, other in zip(ours.stdout.splitlines(), theirs.stdout.splitlines(), strict=True):
        assert numbers(one) == numbers(other)


class Visible(HTMLParser):
    """What a reader of a page sees or hears, and the tags it stands in."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.texts, self.scripts, self.inside = [], [], [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, [name for name, _ in attrs]))
        self.inside.append(tag)
        self.texts += [value for name, value in attrs if name in ("aria-label", "placeholder", "title")]

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data):
        if "script" in self.inside:
            self.scripts.append(data)
        elif not {"style", "code"} & set(self.inside):
            self.texts.append(data)


@pytest.mark.parametrize("case", CASES)
def test_the_page_is_chinese_whole_and_its_numbers_are_the_same(case, done):
    folder, _ = done(case)
    ours, theirs = (Visible((folder / f"{one}.html").read_text(encoding="utf-8")) for one in ("zh", "en"))
    assert ours.tags == theirs.tags
    assert sum(bool(CHINESE.search(one)) for one in ours.texts) > 60
    assert numbers(" ".join(ours.texts)) == numbers(" ".join(theirs.texts))
    whole("\n".join(ours.texts))
    assert not any(CHINESE.search(one) for one in theirs.texts)
    assert not any(CHINESE.search(one) for one in theirs.scripts)


def test_the_page_names_its_language_and_carries_the_words_of_its_scripts(done):
    folder, _ = done("classes")
    ours, theirs = ((folder / f"{one}.html").read_text(encoding="utf-8") for one in ("zh", "en"))
    assert ours.startswith('<!doctype html>\n<html lang="zh-Hans">')
    assert theirs.startswith('<!doctype html>\n<html lang="en">')
    [words], [none] = (re.findall(r"^const words = (.*);$", one, re.MULTILINE) for one in (ours, theirs))
    assert none == "{}"
    for text, translation in json.loads(words).items():
        assert CHINESE.search(translation)
        assert f"say({json.dumps(text)}" in ours


LEADS = {
    "classes": "<em>cultivar</em> (3 classes):\n3 strategies, each trained for 6 steps with batches of 32 of 106 rows "
    "and 14 columns,\nfrom 2 seeds at every base rate, and validated on 36 rows that no step saw.</p>",
    "numbers": '<p class="lead">Regression of <em>progression</em>:\n3 strategies, each trained for 6 steps on all 264 '
    "rows at once and 11 columns,\nfrom 2 seeds at every base rate, and validated on 89 rows that no step saw.</p>",
    "apart": "3 strategies, each trained for 6 steps on all 30 rows at once,\nfrom 2 seeds at every base rate, and "
    "validated on 10 rows that no step saw.</p>",
    "alone": "1 strategy, each trained for 6 steps with batches of 32 of 40 rows,\nfrom 2 seeds at every base rate, "
    "and compared by the training loss, because there is no validation problem.</p>",
    "bare": "1 parameter.\n2 strategies, each trained for 6 steps,\nfrom 2 seeds at every base rate, and compared by "
    "the training loss, because there is no validation problem.</p>",
}
SEEDS = {
    "classes": "0, 1. A seed decides the order of the batches, the same for every strategy and base rate; the split "
    "into training and validation rows is one for all. The spread says nothing about another split.",
    "numbers": "0, 1. A seed decides nothing here, all rows are used at every step, the same for every strategy and "
    "base rate; the split into training and validation rows is one for all. The spread says nothing about another "
    "split.",
    "alone": "0, 1. A seed decides where a run starts, where the problem lets it, and the order of the batches, the "
    "same for every strategy and base rate.",
    "bare": "0, 1. A seed decides where a run starts, where the problem lets it, the same for every strategy and base "
    "rate.",
}


@pytest.mark.parametrize("case", LEADS)
def test_the_english_page_stays_as_it_was_where_clauses_are_put_together(case, done):
    folder, _ = done(case)
    source = (folder / "en.html").read_text(encoding="utf-8")
    assert LEADS[case] in source
    assert f"<dt>Seeds</dt><dd>{SEEDS.get(case, '0, 1. ')}" in source


def test_an_apostrophe_stands_in_the_page_as_it_was_written(done):
    source = (done("classes")[0] / "en.html").read_text(encoding="utf-8")
    assert "Choose a column's name to sort by it.</span></caption>" in source
    assert "stays within 10&nbsp;% of it." in source
    assert "Add <code>--out FOLDER</code> to keep page" in source


def test_names_are_escaped_in_the_texts_of_a_page(chinese):
    source = page(summaries.summary(3, names=[summaries.AWKWARD]))
    assert '&#34;quoted&#34; &lt;b&gt;&amp;amp;&lt;/b&gt;' in source  # fmt: skip
    assert "<b>&amp;" not in source.split("<script")[0]


@pytest.mark.parametrize("case", CASES)
def test_files_for_programs_are_the_same_and_what_the_folder_keeps_is_english(case, done):
    folder, _ = done(case)
    for kind in ("csv", "tex"):
        assert (folder / f"zh.{kind}").read_bytes() == (folder / f"en.{kind}").read_bytes()
    assert not CHINESE.search((folder / "out" / "journal.jsonl").read_text(encoding="utf-8"))


def test_a_folder_that_chinese_began_reads_the_same(tmp_path):
    words = ("compare", "houses.csv", "--target", "price", "sgd() | 0.1", *SHORT)
    (tmp_path / "houses.csv").write_text(TABLES["semicolons"][0], encoding="utf-8")
    for language in ("en", "zh"):
        assert run(*words, "--out", language, "--lang", language, cwd=tmp_path).returncode == 0
    ours, theirs = (kept(tmp_path / one / "journal.jsonl") for one in ("zh", "en"))
    assert ours == theirs
    assert ours[0]["notes"]


def kept(path):
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if row["kind"] in ("problem", "plan")]


def test_json_is_english_in_every_language(tmp_path):
    words = ("compare", "wine", *STRATEGIES, *SHORT, "--json")
    ours, theirs = (run(*words, "--lang", one, cwd=tmp_path) for one in ("zh", "en"))
    assert ours == theirs


def test_a_study_is_shown_and_merged_in_chinese(done, tmp_path):
    folders = [done(case)[0] / "out" for case in ("classes", "numbers", "bare")]
    whole(run("study", "merge", "all", *map(str, folders), "--lang", "zh", cwd=tmp_path).stderr, f"all {folders}")
    ours, theirs = (run("study", "show", "all", "--lang", one, cwd=tmp_path).stdout for one in ("zh", "en"))
    whole(ours, "all")
    assert [numbers(line) for line in ours.splitlines()] == [numbers(line) for line in theirs.splitlines()]
    assert "，属于 3 个问题" in ours.splitlines()[0]
    assert "model.py 中的 bare 给出的问题，1 个参数。" in ours
    assert "The problem that bare in model.py builds, 1 parameter." in theirs


def test_another_problem_in_the_folder_and_a_name_given_twice_are_noted_in_chinese(tmp_path):
    run("compare", "wine", "sgd() | 0.1", *SHORT, "--out", "out", cwd=tmp_path)
    told = run(
        "compare", "diabetes", "sgd() | 0.1", "b=sgd() | 0.1", *SHORT, "--out", "out", "--lang", "zh", cwd=tmp_path
    )
    assert "注意：out 里还有 6 次训练，属于另一个问题（文件、数据或起点不同），这里不算\n" in told.stderr
    assert "注意：b 这条策略前面已经给出，只用第一个名字训练一次\n" in told.stderr


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
                meet(field)

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


def runs(name, *losses, rate=0.1, more=None):
    table = {(rate, seed): one for seed, one in enumerate(losses)} | (more or {})
    return Runs(name, table, table)


VERDICTS = {
    "nothing": [runs("a", None, None)],
    "one seed": [runs("a", 1.0)],
    "shown": [runs("a", 1.0, 1.1, 1.05, 1.02), runs("b", 2.0, 2.11, 2.04, 2.03), runs("c", 3.0, 3.11, 3.04, 3.03)],
    "two": [runs("a", 1.0, 1.1, 1.05, 1.02), runs("b", 2.0, 2.11, 2.04, 2.03)],
    "some": [runs("a", 1.0, 1.1, 1.05, 1.02), runs("b", 1.0, 1.11, 1.04, 1.03), runs("c", 3.0, 3.11, 3.04, 3.03)],
    "none shown": [runs(name, *np.random.default_rng(i).normal(size=4)) for i, name in enumerate("abcde")],
    "none shown of two": [runs("a", 1.0, 1.3), runs("b", 1.1, 1.2)],
    "equal": [runs("a", 1.0, 1.1), runs("b", 1.0, 1.1)],
    "no spread": [runs("a", 1.0, 1.1), runs("b", 2.0, 2.1)],
    "apart": [runs("a", 1.0, 1.1), Runs("b", {(0.1, 7): 1.0, (0.1, 8): 1.2}, {(0.1, 7): 1.0, (0.1, 8): 1.2})],
    "one in common": [runs("a", 1.0, 1.1), Runs("b", {(0.1, 1): 1.0, (0.1, 8): 1.2}, {(0.1, 1): 1.0, (0.1, 8): 1.2})],
    "rates apart": [Runs("a", {(0.1, 0): 1.0, (1.0, 1): 1.0}, {(0.1, 0): 1.0, (1.0, 1): 1.0})],
    "some seeds": [runs("a", 1.0, 1.1, 1.2, more={(1.0, 0): 1.3, (1.0, 1): 1.4})],
    "diverged": [runs("a", 1.0, 1.1, more={(1.0, 0): None, (10.0, 1): None})],
    "edges": [runs(n, 1.0, 1.1, more={(r, s): 2.0 for r in (1.0, 10.0) for s in (0, 1)}) for n in "abc"],
    "upper edges": [runs(n, 2.0, 2.1, more={(r, s): 1.0 / r for r in (1.0, 10.0) for s in (0, 1)}) for n in "abc"],
    "upper edge": [runs("a", 2.0, 2.1, more={(1.0, 0): 1.0, (1.0, 1): 1.0})],
    "hanging alone": [runs("a", 1.0, 2.0, more={(1.0, 0): 2.0, (1.0, 1): 1.1, (9.0, 0): 5, (9.0, 1): 5})],
    "nearly equal": [runs(n, 1.0 + i * 1e-6, 1.1, 1.05 + 0.2 * i, 1.1 - 0.2 * i) for i, n in enumerate("abcd")],
    "too few to judge": [
        runs("a", 1.0, 1.1, 1.2, more={(1.0, 0): 2.0}), runs("b", 1.0, 1.1, 1.2, more={(1.0, 1): 2.0}),
    ],
    "hanging": [runs(n, 1.0, 2.0, more={(1.0, 0): 2.0, (1.0, 1): 1.1, (9.0, 0): 5, (9.0, 1): 5}) for n in "ab"],
}  # fmt: skip


@pytest.mark.parametrize("name", VERDICTS)
@pytest.mark.parametrize("reference", [None, "b"])
@pytest.mark.parametrize("judges", [Column(), Column("accuracy", higher=True)])
def test_every_verdict_is_chinese_whole_and_its_numbers_are_the_same(name, reference, judges, chinese):
    if reference and "b" not in [one.name for one in VERDICTS[name]]:
        reference = None
    found = judge(VERDICTS[name], judges=judges, reference=reference)
    ours = verdict(found)
    speak("en")
    theirs = verdict(found)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert CHINESE.search(one)
        whole(one, "test accuracy")
        assert numbers(one.replace("最多", "")) == numbers(other.replace("one seed", "")), (one, other)


def test_every_sentence_of_the_verdict_was_met(monkeypatch):
    met = set()
    module = import_module("stepsize.lab.judging.verdict")
    said = module.say
    monkeypatch.setattr(module, "say", lambda text, **fields: met.add(text) or said(text, **fields))
    for given in VERDICTS.values():
        for judges in (Column(), Column("accuracy", higher=True)):
            names = [one.name for one in given]
            for reference in (None, *names):
                verdict(judge(given, judges=judges, reference=reference))
        alone = [Runs(one.name, one.chooses, None) for one in given]
        verdict(judge(alone, chooses=Column(part="training")))
    source = (SOURCE / "lab" / "judging" / "verdict.py").read_text(encoding="utf-8")
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    written = {one.args[0].value for one in calls if ast.unparse(one.func) == "say"}
    assert written - met == {"{value} at rates {rates} ({interval})"}  # which halves that take turns have


def test_how_far_a_study_is_and_what_is_best(chinese):
    assert told(Progress(3, 6, 1, 2, None)) == "，2 次由另一个进程训练"
    assert say("trained {done} of {total} runs{best}", done=3, total=6, best="") == "已训练 3 次，共 6 次"


@pytest.mark.parametrize(("out", "end"), [(None, "同样的命令会接着做"), (Path("out"), "要接着做，请重复：stepsize")])
def test_an_interrupt_is_told_in_chinese(out, end, chinese, capsys):
    class Empty:
        def outcomes(self, trials):
            return []

    assert command._say_interrupted(Empty(), summaries.summary(2).settings, out) == 130
    line = capsys.readouterr().err
    assert line.startswith("被中断：12 次训练中做完了 0 次")
    assert end in line


@pytest.mark.parametrize(("code", "line"), [(-9, "内存不足"), (-15, "SIGTERM"), (1, "以代码 1 结束：no room")])
def test_how_a_worker_ended(code, line, chinese):
    worker = object.__new__(_Worker)
    worker.name, worker.last = say("process {number}", number=2), ["no room", ""]
    assert line in worker._reason(code)
    assert worker._reason(code).startswith("进程 2")


@pytest.mark.parametrize(("font", "label", "title"), [("DejaVu Sans", "更新次数", "rate"), (None, "update", "rate")])
def test_a_picture_is_chinese_where_a_font_is_there(font, label, title, monkeypatch, chinese):
    monkeypatch.setattr(drawing, "chinese_font", lambda: font)
    figure = figures.schedule_figure([("0.1", [0, 1], [0.1, 0.1])], Note("rate or factor"))
    [axes] = figure.axes
    assert axes.get_xlabel() == label
    assert axes.get_ylabel() == ("学习率或因子" if font else "rate or factor")
    assert spoken() == "zh"


@pytest.mark.parametrize("font", ["DejaVu Sans", None])
def test_the_pictures_of_a_comparison(font, monkeypatch, chinese, tmp_path):
    drawn = []
    monkeypatch.setattr(drawing, "chinese_font", lambda: font)
    monkeypatch.setattr(figures, "save", lambda figure, path: drawn.append(figure))
    summary = summaries.summary(3)
    figures.save_figures(summary, tmp_path)
    figures.save_figures(replace(summary, settings=replace(summary.settings, subject=BARE)), tmp_path)
    assert len(drawn) == 8
    for figure in drawn:
        texts = [
            figure.get_suptitle(),
            *(t for a in figure.axes for t in (a.get_title(), a.get_xlabel(), a.get_ylabel())),
        ]
        for text in texts:
            assert bool(CHINESE.search(text)) == bool(font), text
            if font:
                whole(text, "toy")


BARE = replace(summaries.summary(2).settings.subject, rows_train=0, rows_validation=0, validated=False)


def test_a_note_is_english_wherever_it_goes_and_chinese_where_it_is_said(chinese):
    inner = Note("{texts} and {count} more", texts="'a'", count=2)
    note = Note("Rare values share one column: {columns}.", columns=inner)
    assert note == "Rare values share one column: 'a' and 2 more."
    assert f"{note}" == str(note) == note
    assert json.dumps(note) == f'"{note}"'
    assert heard(note) == "少见的值合用一列：'a' 等（还有 2 个）。"
    assert say("note: {message}", message=note) == f"注意：{heard(note)}"
    again = pickle.loads(pickle.dumps(note))
    assert (again, heard(again)) == (note, heard(note))
    assert heard("plain {text}") == "plain {text}"


def test_names_in_a_row(chinese):
    assert say("{name} is not judged: {why}.", name=listed("abc"), why=commas("ab")) == "a、b 和 c 没有判断：a、b。"
    assert (commas([]), commas("a"), listed("a")) == ("", "a", "a")


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (MODELS["classification"], "Softmax 回归，损失是平均交叉熵，从零开始，各列中包括截距。"),
        ("The problem that f in a.py builds, 1,234 parameters.", "a.py 中的 f 给出的问题，1,234 个参数。"),
        ("Handwritten digits by a small convolutional net, 7 parameters.", "手写数字，小型卷积网络，7 个参数。"),
        ("My {own} model, with commas, 1 parameter.", "My {own} model, with commas，1 个参数。"),
        ("No form at all", "No form at all"),
    ],
)
def test_what_is_trained_is_told_from_what_a_journal_kept(model, told, chinese):
    assert model_said(model) == told
    speak("en")
    assert model_said(model) == model


def test_a_model_of_a_journal_has_the_form_that_it_is_told_by():
    problem = objective(lambda p: ((p["x"] ** 2).sum(), {"x": 2 * p["x"]}), params={"x": np.ones(3)})
    assert sized("A model of mine.", problem) == "A model of mine, 3 parameters."
    speak("zh")
    assert model_said(sized("A model of mine.", problem)) == "A model of mine，3 个参数。"
    assert retold("a, b", ["{texts}, {last}"]) == "a、b"


def test_one_english_word_may_be_two_in_chinese(chinese):
    assert say("update⟨of an axis⟩") == "更新次数"
    assert CATALOGUE["update"] != "更新次数"
    speak("en")
    assert say("update⟨of an axis⟩") == "update"


def test_the_library_keeps_its_errors_in_english(mistaken):
    line = "^compare: a file needs a target: write --target COLUMN, one of 'y', 'a'$"
    with pytest.raises(StepsizeError, match=line):
        datasets.load(str(mistaken / "good.csv"))


def test_the_table_for_programs_has_english_names(done):
    folder, _ = done("classes")
    with (folder / "zh.csv").open(encoding="utf-8") as file:
        assert next(csv.reader(file))[:3] == ["strategy", "expression", "best_rate"]
