"""`diagnose`, `report` and `watch` in Chinese: whole where it is spoken, the same numbers, and English as it was."""

import copy
import html
import json
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

import stepsize
from commandline import run
from ill_records import ILL, REMARKS
from stepsize import StepsizeError, descend, problems
from stepsize._language import Note, heard, speak, spoken
from stepsize._lines import filled, width
from stepsize.chinese.findings import FINDINGS
from stepsize.chinese.logs import LOGS
from stepsize.chinese.reasons import REASONS
from stepsize.chinese.seen import SEEN
from stepsize.lab.diagnosis import LEFT_OUT, SYMPTOMS, diagnose
from stepsize.lab.records.record import Decision, read
from stepsize.report.runs import figure
from stepsize.report.runs.page import MODULES, run_page
from stepsize.report.runs.payload import payload
from stepsize.report.runs.reasons import REASONS as FORMS
from stepsize.report.runs.reasons import said_again
from stepsize.report.runs.seen import Seen
from stepsize.report.templates import asset, texts
from stepsize.watch.folder import File
from stepsize.watch.hub import _about
from stepsize.watch.terminal import Screen, of_planned
from test_diagnosis import MISTAKES, record
from test_diagnosis_newcomers import plateaued
from test_language import CHINESE
from test_report_run import whole

pytestmark = pytest.mark.usefixtures("no_language")

NAMES = frozenset(  # of what other people made, and of what is written in a file
    re.findall(
        r"\w+",
        "30ep Adam BatchNorm COLUMN CSV Ctrl GB JSON JSONL JavaScript MLflow MiB NAME NaN NumPy Parquet PyTorch"
        " ReLU ReduceLROnPlateau SQLite Scheduler T_max TensorBoard alpha argmax bfloat16 bzip2 compare"
        " dropout f_star grad_norm gzip logging_nan_inf_filter lr num_training_steps patience pickle sigmoid"
        " tanh torch transformers xz zip zstd",
    )
)
CODE = (
    r"stepsize( [a-z]+)*|--\w+|[\w.]+\([^()]*\)|\w+(\.\w+)+|\w+=(False|…)|loss: 2\.31|pip install \S+|30ep"
    r"|命名为 loss(（以及 step)?"
)


def english(text, besides=""):
    """The words of a text that are no code, no names, and do not stand in `besides`."""
    while (plain := re.sub(CODE, " ", text)) != text:
        text = plain  # a call within a call
    return set(re.findall(r"[A-Za-z][A-Za-z0-9_]+", text)) - NAMES - set(re.findall(r"\w+", besides))


def numbers(text):
    return set(re.findall(r"\d[\d.e+-]*\d|\d", text.replace(",", "")))


# --- the catalogue


@pytest.mark.parametrize("text", FINDINGS | REASONS | SEEN | LOGS, ids=lambda text: text[:40])
def test_a_translation_holds_names_and_no_other_english(text):
    told = (FINDINGS | REASONS | SEEN | LOGS)[text]
    plain = re.sub(r"\{[^}]*\}", "", told)
    assert not english(plain)
    assert CHINESE.search(plain) or not re.search("[a-z]{2}", re.sub(r"\{[^}]*\}", "", text))
    assert not re.search(r"[\u4e00-\u9fff][,;:?!]|[,;:?!][\u4e00-\u9fff]", plain)  # the marks of Chinese are wide


# --- texts that wait


def test_a_text_that_waits_is_english_until_it_is_said(chinese):
    told = Note("the record has no {what}", what=Note("rate"))
    assert told == "the record has no rate"
    assert json.dumps(told) == '"the record has no rate"'
    for one in (told, copy.deepcopy(told), pickle.loads(pickle.dumps(told))):
        assert heard(one) == "记录里没有学习率"
    speak("en")
    assert heard(told) == "the record has no rate"
    assert type(heard(told)) is str


@given(st.text(alphabet="学习率，。（）ab 1", max_size=60), st.integers(8, 30))
def test_lines_are_no_wider_than_their_cells_and_lose_nothing(text, cells):
    lines = filled("中" + text, cells)
    assert "".join(lines).replace(" ", "") == ("中" + text).replace(" ", "")
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        assert width(line) == cell_len(line)
        marks = len(re.findall("[，。（）]", line + after))  # which stay with what they belong to
        assert width(line) <= cells + 4 * marks


def test_a_mark_that_ends_a_part_does_not_begin_a_line():
    text = "学习率太大，损失先从 2.28 升到第 3 次更新的 20.4，再也没有回到起点以下（很可能）。" * 3
    for cells in range(20, 60):
        for line in filled(text, cells):
            assert line[0] not in "，。）："
            assert line[-1] not in "（"


# --- findings


def told_texts(told):
    yield told.verdict
    yield told.about
    yield from told.remarks
    yield from told.left_open()
    for one in told.findings:
        yield from (one.illness, one.says, one.advice, one.sure)


def besides(one):
    groups = [name for one_of in one.decisions for name in (one_of.kind, one_of.group)]
    return " ".join([one.text or "", *(one.layers or {}), *(one.metrics or {}), *one.policy, *groups])


def test_every_rule_has_a_record():
    assert list(ILL) == [one.illness for one in (LEFT_OUT, *SYMPTOMS)]
    for illness, every in ILL.items():
        for i, one in enumerate(every):
            assert illness in {found.illness for found in diagnose(one).findings}, (illness, i)


@pytest.mark.parametrize("name", ILL | REMARKS)
def test_a_diagnosis_is_in_chinese_whole_and_has_the_same_numbers(name, chinese):
    for one in ILL.get(name) or [REMARKS[name]]:
        found = diagnose(one)
        for text in told_texts(found.now()):
            assert not english(text, besides(one)), text
            assert CHINESE.search(text), text
            assert not re.search("[{}]", text)
        theirs = found.now()
        speak("en")
        for ours in ("verdict", "about", "remarks"):
            assert numbers(str(getattr(theirs, ours))) == numbers(str(getattr(found, ours)))
        for one_of, other in zip(theirs.findings, found.findings, strict=True):
            assert numbers(one_of.says) == numbers(other.says)
            assert numbers(one_of.advice) <= numbers(other.advice)  # "10 times lower" is 十分之一
        speak("zh")


def test_every_sentence_of_a_finding_is_among_those_that_were_seen(chinese):
    """So that none is left that nobody looked at; what few records make is listed."""
    seen = set()
    original = stepsize._language.say

    def noted(text, /, **given):
        seen.add(text)
        return original(text, **given)

    stepsize._language.say = noted  # which `heard` calls
    try:
        for one in [*(one for every in ILL.values() for one in every), *REMARKS.values()]:
            diagnose(one).now()
    finally:
        stepsize._language.say = original
    of_shown = {
        "1 rule", "{count} rules", ", {count} not", "Not judged:", "Try:", " {advice}.", " ({sure})",
        "{names}: {reason}.",
        "Too little to judge by: {rules} found nothing wrong, {others} could not say.",
        "Nothing found wrong ({rules} judged{left}).", "1 thing found wrong ({rules} judged{left}).",
        "{count} things found wrong ({rules} judged{left}).",
    }  # fmt: skip
    assert set(FINDINGS) - seen - of_shown <= {
        "loss", "changed the rate at update {step}", "less than 1 %", "more than 99 %",
        "slopes at the ends of the updates (descend(…, details=True) writes them)",
        "word on updates that were left out",
        "gradient norms by layer (descend(…, details=True) writes them)", "it ended above the loss that it began with",
    }  # fmt: skip


def test_json_is_english_whatever_is_spoken(chinese):
    every = [one for every in ILL.values() for one in every]
    in_chinese = [json.dumps(diagnose(one).as_dict()) for one in every]
    speak("en")
    assert in_chinese == [json.dumps(diagnose(one).as_dict()) for one in every]


# --- reasons that files hold


FIELDS = {"watch": "metric", "seen": "loss nan, slope 0.5", "clip": "clip_norm(1)", "parameter": "head.weight"}


@pytest.mark.parametrize("text", [text for every in FORMS.values() for text in every])
def test_a_reason_of_a_file_is_said_in_chinese(text, chinese):
    fields = re.findall(r"\{(\w+)\}", text)
    held = {name: FIELDS.get(name, f"{i + 2}e-05") for i, name in enumerate(fields)}
    if "shape" in fields:
        held["shape"] = "(64, 20)"
    why = text.format(**held)
    told = said_again(why)
    assert CHINESE.search(told)
    assert not english(told, "nan clip_norm head weight e")
    assert numbers(told) == numbers(why)
    assert said_again(f"momentum: {why}") == f"momentum：{told}"


CONTROLLED = [
    "plateau(patience=2)", "plateau(patience=1, average=2)", "infrared()", "infrared(cap=1)", "bold_driver()",
    "spike()", "greedy(patience=1)", "greedy(patience=1, restart=1, low=0.5)", "newbob()", "polyak()",
    "polyak(high=0.1)", "armijo()", "barzilai_borwein()", "adgd()", "hypergradient()", "distance()",
    "gradient_noise()", "robust_infrared()", "robust_infrared(beta=0.9)",
]  # fmt: skip


@pytest.mark.parametrize("word", CONTROLLED)
@pytest.mark.parametrize("rate", [1e-3, 0.2, 30.0])
def test_what_controllers_say_is_understood(word, rate, chinese):
    random = np.random.default_rng(0)
    X = random.normal(size=(64, 4))
    fit = problems.least_squares(X, X @ [1.0, -2, 3, 0.5] + 0.3 * random.normal(size=64))
    why = descend(fit, f"sgd() | {rate} * {word}", steps=60, batch_size=8).record.why
    for one in filter(None, why):
        assert CHINESE.search(said_again(one)), one
        assert not english(said_again(one), f"{word} nan inf")


def test_a_reason_of_somebody_else_stays(chinese):
    for why in ("we had enough of it", "boss: lower it", "<b>loss</b> {why}", ""):
        assert said_again(why) == why


# --- the page, and the picture


def shown(page):
    """What a reader sees and hears of a page."""
    for part in (r"<!--.*?-->", r"<style>.*?</style>", r"<script.*?</script>"):
        page = re.sub(part, " ", page, flags=re.S)
    heard = re.findall(r'aria-label="([^"]*)"', page)
    return html.unescape(" ".join([re.sub(r"<[^>]+>", " ", page), *heard]))


SKIPPED = "3 of 9 elements of the gradient of head are NaN or infinite: the update was left out"
LOWERED = "loss not better than 1 for 10 values: factor 0.5"


def lowered():
    one = plateaued(20, 26, 38)
    return replace(one, decisions=tuple(replace(each, why=LOWERED) for each in one.decisions))


def seen_runs():
    full = replace(whole(), decisions=(Decision(40, "skip", SKIPPED),
                                       Decision(60, "plateau", LOWERED, "head", 0.5)),
                   group_rates={"body": np.full(100, 0.1), "head": np.full(100, 0.2)})  # fmt: skip
    return [[Seen.of("a", full)], [Seen.of("a", full), Seen.of("b", lowered()), Seen("c", record([]))]]


@pytest.mark.parametrize("runs", seen_runs(), ids=len)
def test_the_page_is_in_chinese_whole(runs, chinese):
    page = run_page(runs)
    assert '<html lang="zh-Hans">' in page
    known = "sgd adam plateau accuracy AdamW weight_decay fused uPlot body head skip log class a b c"
    assert not english(shown(page), known)
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])
    for line in data["lines"]:
        assert not english(line.get("label", line["name"]), "body head first momentum accuracy")
    for one in data["runs"]:
        for told in [*(mark["why"] for mark in one["marks"]), *(found["illness"] for found in one["findings"])]:
            assert CHINESE.search(told)
    words = json.loads(re.search(r"^const words = (.*);$", page, re.M)[1])
    own = [text for name in MODULES if name.startswith("run/") for text in texts(asset(f"{name}.js"))]
    assert len(own) >= 7
    assert all(words[text] != text for text in own)


@pytest.mark.parametrize("runs", seen_runs(), ids=len)
def test_the_numbers_of_the_page_are_the_same_in_both(runs, chinese):
    theirs, in_chinese = payload(runs), run_page(runs)
    speak("en")
    ours, in_english = payload(runs), run_page(runs)
    assert [line["name"] for line in theirs["lines"]] == [line["name"] for line in ours["lines"]]  # of the CSV, too
    assert [line["values"] for line in theirs["lines"]] == [line["values"] for line in ours["lines"]]
    assert not any("label" in line for line in ours["lines"])
    assert numbers(shown(in_chinese)) == numbers(shown(in_english))
    assert not CHINESE.search(in_english)


@pytest.mark.parametrize("font", [None, "DejaVu Sans"])
def test_the_picture_speaks_where_a_font_has_its_letters(font, chinese, monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(figure, "save", lambda one, path: drawn.append(one))
    monkeypatch.setattr("stepsize.report.drawing.chinese_font", lambda: font)
    figure.save_runs(seen_runs()[1], tmp_path / "runs.png")
    letters = [ax.get_title() for ax in drawn[0].axes if ax.get_visible()] + [drawn[0].get_suptitle()]
    letters += [text.get_text() for ax in drawn[0].axes if ax.get_legend() for text in ax.get_legend().get_texts()]
    letters += [ax.get_xlabel() for ax in drawn[0].axes if ax.get_visible()]
    if font is None:
        assert not any(map(CHINESE.search, letters))
        assert letters[0] == "Loss"
        assert "b: schedule ended early: The controller holds the rate" in drawn[0].get_suptitle()
    else:
        assert not english(" ".join(letters), "body head first momentum plateau")
        assert "b：调度结束得太早：控制器把学习率压在下限" in drawn[0].get_suptitle()
    assert spoken() == "zh"


# --- the terminal and the live page


def screen_of(path):
    screen = Screen(lambda: {path.name: File(path, 1.0)}, None)
    screen.look()
    console = Console(width=100, record=True, force_terminal=False, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(screen.drawn(100))
    console.file.close()
    return console.export_text()


def test_the_terminal_view_is_in_chinese(tmp_path, chinese):
    path = tmp_path / "run.jsonl"
    lowered().save(path)
    told = screen_of(path)
    assert not english(told, "run jsonl plateau")
    assert "调度结束得太早" in told or "控制器把学习率压在下限" in told
    assert "▼ 更新 26：损失连续 10 个值没有优于 1：因子 0.5" in told
    assert all(cell_len(line) <= 100 for line in told.splitlines())
    empty = tmp_path / "none.jsonl"
    assert "等待文件出现" in screen_of(empty)
    speak("en")
    assert not CHINESE.search(screen_of(path))


def test_how_long_ago_a_file_was_written_is_said(chinese, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1e6)
    ages = [_about(File(None, 1e6 - age)) for age in (0, 90, 2 * 3600, 3 * 86400, 1e6)]
    assert ages == ["刚刚写入", "1 分钟前写入", "2 小时前写入", "3 天前写入", "还不存在"]


def test_an_update_of_how_many(chinese):
    assert of_planned(1234, replace(record([1.0]), planned_steps=2000)) == "1,234（共 2,000）"
    assert of_planned(1234, record([1.0])) == "1,234"


# --- the commands


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "run.jsonl"
    descend(problems.least_squares([[1.0], [2.0]], [2.0, 4.0]), "sgd() | 3", steps=60).save(path)
    return path


def test_the_command_in_both_languages(saved):
    english_before = run("diagnose", str(saved))
    told = run("diagnose", str(saved), "--lang", "zh").stdout
    assert told.startswith("sgd() | 3：60 行，第 0 到 59 次更新\n\n发现 1 个问题（判断了 ")
    assert "1. 发散（确定）" in told
    assert "   建议：把学习率降到十分之一，或者在调度之前加预热，例如 warmup('5%')。" in told
    assert run("diagnose", str(saved)) == english_before
    assert "1. diverged (certain)" in english_before.stdout


def test_json_of_the_command_is_english(saved, monkeypatch):
    before = run("diagnose", str(saved), "--json")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert run("diagnose", str(saved), "--json") == before
    assert run("diagnose", str(saved), "--json", "--lang", "zh") == before
    assert json.loads(before.stdout)["findings"][0]["sure"] == "certain"


def test_the_report_says_where_it_is_and_speaks_its_language(saved, tmp_path):
    out = tmp_path / "page.html"
    done = run("report", str(saved), "--out", str(out), "--lang", "zh")
    assert done.stdout.startswith("run.jsonl：发现 1 个问题")
    assert done.stderr == f"已写入：{out}（请用浏览器打开）\n"
    assert '<html lang="zh-Hans">' in out.read_text(encoding="utf-8")
    run("report", str(saved), "--out", str(out))
    assert '<html lang="en">' in out.read_text(encoding="utf-8")


def test_a_journal_is_listed_in_columns(tmp_path):
    folder = tmp_path / "study"
    run("compare", "wine", "sgd() | 0.1", "--steps", "30", "--seeds", "2", "--rates", "0.1,1", "--out", str(folder))
    theirs = run("diagnose", str(folder)).stdout.splitlines()
    ours = run("diagnose", str(folder), "--lang", "zh").stdout.splitlines()
    assert len(ours) == len(theirs) > 4
    assert ours[0] == "wine：4 次训练中的 4 次，每次 30 步；完整地看其中一次：--run N"
    head, *rows = ours[3:]
    assert head.split() == ["训练", "基础学习率", "种子", "更新次数", "最后损失", "发现"]
    for row in rows:
        assert not english(row)
        assert cell_len(row[: row.rindex("  ")]) == cell_len(head[: head.rindex("  ")])
    whole_run = run("diagnose", str(folder), "--run", "1", "--lang", "zh").stdout
    assert whole_run.startswith(f"{folder / 'journal.jsonl'} 的第 1 次训练：sgd() | 0.1，基础学习率 ")
    none = run("diagnose", str(folder), "--run", "9", "--lang", "zh")
    assert none.returncode == 2
    assert "还没有第 9 次训练（共 4 次）" in none.stderr
    assert "里没有策略 'sgd'：" in run("diagnose", str(folder), "--strategy", "sgd", "--lang", "zh").stderr


@pytest.mark.parametrize("name", MISTAKES)
def test_a_file_that_is_no_record_is_one_line_of_chinese(tmp_path, name):
    file = tmp_path / name
    file.write_bytes(MISTAKES[name][0])
    done = run("diagnose", str(file), "--lang", "zh")
    (line,) = done.stderr.splitlines()
    told = line.partition(str(file))[2]
    assert CHINESE.search(told)
    assert not english(told, "loss epoch accuracy oops Once upon a time there was columns text none header empty")
    with pytest.raises(StepsizeError) as error:
        read(file)
    assert MISTAKES[name][1] in str(error.value)


NOTES = {
    "parts.csv": (
        b"epoch,train/box_loss,train/cls_loss\n" + b"".join(b"%d,1,%d\n" % (i, i) for i in range(30)),
        "损失取 ",
    ),
    "alone.txt": (b"3.0\n2.5\n2.0\n1.5\n", "每行只有一个数"),
    "again.csv": (b"step,loss\n" + b"".join(b"%d,%f\n" % (i % 40, 3 - i / 40) for i in range(80)), "重新计数"),
    "cut.jsonl": (b'{"step": 0, "loss": 3}\nnonsense\n{"step": 1, "loss": 2}\n', "损坏"),
}


@pytest.mark.parametrize("name", NOTES)
def test_how_a_log_was_read_is_said_in_chinese(tmp_path, name):
    file = tmp_path / name
    file.write_bytes(NOTES[name][0])
    done = run("diagnose", str(file), "--lang", "zh")
    assert done.returncode == 0, done.stderr
    assert NOTES[name][1] in done.stderr
    assert not english(done.stderr, f"{file} train box_loss cls_loss step")
