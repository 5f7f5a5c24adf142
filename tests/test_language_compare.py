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

import summaries
from commandline import run
from said import FILE, SHORT, SOURCE, numbers, whole
from stepsize._language import Note, commas, heard, listed, retold, say, speak, spoken
from stepsize.chinese import CATALOGUE
from stepsize.cli import compare as command
from stepsize.cli.bundled import TORCH_TASKS
from stepsize.cli.progress import told
from stepsize.lab.judging import Column, Runs, judge, verdict
from stepsize.lab.places.processes import _Worker
from stepsize.lab.study.study import Progress
from stepsize.lab.workload import MODELS, model_said, sized
from stepsize.problems import objective
from stepsize.report import drawing, figures
from stepsize.report.page import page
from test_language import CHINESE

STRATEGIES = ("sgd() | 0.1", "Adam=adam() | 0.01 * cosine()", "sgd() | 0.1 * infrared()")


pytestmark = pytest.mark.usefixtures("no_language")


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
    assert "注意：b 这条策略前面已经给出：只训练一次，用第一个名字\n" in told.stderr


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
    assert heard(note) == "少见的取值合用一列：'a' 等（还有 2 个）。"
    assert say("note: {message}", message=note) == f"注意：{heard(note)}"
    again = pickle.loads(pickle.dumps(note))
    assert (again, heard(again)) == (note, heard(note))
    assert heard("plain {text}") == "plain {text}"


def test_names_in_a_row(chinese):
    assert say("{name} is not judged: {why}.", name=listed("abc"), why=commas("ab")) == "a、b、c 没有评判：a、b。"
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


@pytest.mark.parametrize("name", TORCH_TASKS)
def test_what_a_bundled_torch_task_trains_is_told_in_chinese(name, chinese):
    tasks = pytest.importorskip("stepsize.adapters.torch.as_problem.tasks")
    told = model_said(sized(tasks.description(name), objective(lambda p: (p["x"], p), params={"x": np.ones(3)})))
    assert told.endswith("，3 个参数。")
    whole(told, "Python ReLU transformer sha256 " + "".join(re.findall(r"sha256 (\w+)", told)))


def test_one_english_word_may_be_two_in_chinese(chinese):
    assert say("update⟨of an axis⟩") == "更新次数"
    assert CATALOGUE["update"] != "更新次数"
    speak("en")
    assert say("update⟨of an axis⟩") == "update"


def test_the_table_for_programs_has_english_names(done):
    folder, _ = done("classes")
    with (folder / "zh.csv").open(encoding="utf-8") as file:
        assert next(csv.reader(file))[:3] == ["strategy", "expression", "best_rate"]
