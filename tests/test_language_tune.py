"""`tune`, `find`, `scale` and `list` in Chinese: whole, with the numbers of the English, and nothing of it kept."""

import html
import json
import re
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from commandline import run
from stepsize._language import Note, speak
from stepsize.chinese import CATALOGUE
from stepsize.course.swept import rising, swept
from stepsize.lab.study.study import Study
from stepsize.lab.tune import DEFAULTS, policy_for, tune
from stepsize.report import drawing, finding, tuned
from stepsize.transfer import LAWS, scaled
from stepsize.transfer.scaled import KINDS, Step
from stepsize.vocabulary import WORDS, look_up
from studied import a_workload
from test_language import CHINESE, english_words
from test_tuner_script import GOOD, HEAD, TEXT

NUMBER = re.compile(r"\d[\d.,e+-]*\d|\d")
NAMES = f"{DEFAULTS} wine tune.html journal.jsonl scripts --out --budget"
RULES = "valley steepest minimum slide"  # as the packages that brought them call them
SMALL = ("--steps", "60", "--budget", "2.2")
ZH = ("--lang", "zh")


pytestmark = pytest.mark.usefixtures("no_language")


def whole(text, names=NAMES):
    """Every line is Chinese, besides those that are an expression alone."""
    for line in filter(None, text.splitlines()):
        assert CHINESE.search(line) or line in names or not english_words(line, names), line
        assert not english_words(line, names), line
        assert not re.search("[{}]", line), line


def same_numbers(ours, theirs):
    assert Counter(NUMBER.findall(ours)) == Counter(NUMBER.findall(theirs))


def visible(page):
    """The text of a page, without what only a browser reads."""
    text = re.sub(r"(?s)<style>.*?</style>|<svg.*?</svg>|<p class=\"lead\">.*?</p>", "", page)
    labels = re.findall(r'aria-label="([^"]*)"', text)
    return html.unescape(re.sub(r"<[^>]*>", "\n", text) + "\n".join(labels))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A small tuning in each language: what it said, and its folder."""
    place = tmp_path_factory.mktemp("tuned")
    return {
        language: (run("tune", "wine", *SMALL, "--out", "kept", "--lang", language, cwd=made(place / language)), place)
        for language in ("en", "zh")
    }


def made(folder):
    folder.mkdir()
    return folder


def test_a_tune_is_told_in_chinese_with_the_same_numbers(folders):
    (ours, _), (theirs, _) = folders["zh"], folders["en"]
    assert ours.returncode == theirs.returncode == 0
    whole(ours.stdout, NAMES + ours.stdout.splitlines()[0])
    whole(ours.stderr, NAMES + " kept")
    assert ours.stderr.splitlines()[0].startswith("已用 0 次训练（共 2.2 次）；接下来：sgd(momentum=0.9) | 0.1")
    assert "best so far" not in ours.stderr
    for told, english in ((ours.stdout, theirs.stdout), (ours.stderr, theirs.stderr)):
        assert len(told.splitlines()) == len(english.splitlines())
        same_numbers(told, english)


def test_the_page_is_in_chinese_with_the_same_numbers(folders):
    place = folders["zh"][1]
    pages = {one: (place / one / "kept" / "tune.html").read_text(encoding="utf-8") for one in ("en", "zh")}
    assert '<html lang="zh-Hans">' in pages["zh"]
    assert '<html lang="en">' in pages["en"]
    told = visible(pages["zh"])
    texts = re.findall(r"<code>(.*?)</code>", pages["zh"])
    whole("\n".join(line for line in told.splitlines() if not NUMBER.fullmatch(line)), NAMES + " ".join(texts))
    same_numbers(told, visible(pages["en"]))


def test_what_is_kept_is_english_and_the_same(folders):
    place = folders["zh"][1]
    kept = {one: sorted((place / one / "kept").rglob("*")) for one in ("en", "zh")}
    assert [one.name for one in kept["zh"]] == [one.name for one in kept["en"]]
    for ours, theirs in zip(kept["zh"], kept["en"], strict=True):
        assert ours.suffix == ".html" or ours.is_dir() or ours.read_bytes() == theirs.read_bytes(), ours


def test_json_is_english_in_every_language():
    words = ("tune", "wine", *SMALL, "--json")
    english = run(*words)
    assert run(*words, *ZH).stdout == english.stdout
    assert json.loads(english.stdout)["asked"][0] == "the least risk before anything is known"
    for other in (("find", "wine"), ("scale", "0.1", "--batch", "32:64", "--optimizer", "sgd"), ("list",)):
        assert run(*other, "--json", *ZH) == run(*other, "--json")


def verdicts(budget, steps=40):
    with Study(a_workload(rows=60)) as study:
        policy = policy_for(a_workload(rows=60), DEFAULTS, steps=steps, batch_size=4, budget=budget)
        return tune(study, policy)


@pytest.mark.parametrize("budget", [1, 1.3, 3, 9])
def test_a_verdict_at_any_budget(budget):
    theirs = verdicts(budget)
    english = theirs.verdict.told(tuned.verdict_of(theirs, False))
    speak("zh")
    try:
        ours = verdicts(budget)
        told = ours.verdict.told(tuned.verdict_of(ours, False))
    finally:
        speak("en")
    assert ours.asked == theirs.asked
    whole(told, NAMES + ours.verdict.text + " R2 RMSE")
    same_numbers(told, english)
    assert len(told.splitlines()) == len(english.splitlines())


def test_a_verdict_of_runs_that_diverged(chinese):
    found = verdicts(1.3)
    lost = replace(found.verdict, share=0.5, low=None, high=None, loss=1.5)
    assert tuned.sentences(lost, "score", {"rmse": 2.0}, 3, 2) == [
        "预计得分为 1.5。",
        "RMSE：2（那次试验最后一次测量时）。",
        f"学习率取 {lost.rates[0]:.2g} 到 {lost.rates[1]:.2g}，得分预计都与它相差不到 10 %。",
        f"代价：{lost.cost:.3g} 次完整训练（每次 40 次更新），做了 3 次试验，其中 2 次发散。",
    ]


def test_the_page_says_what_was_trained(chinese):
    page = tuned.tuned_page(verdicts(1.3), replace(a_workload(rows=60).subject, model="one <b>"))
    assert '<p class="lead">one &lt;b&gt;</p>' in page


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (GOOD, 0, "步时停下；已用"),
        ("trial.report(0, 1.0)\nif trial.rate(0) > 0.02: sys.exit(3)\n" + GOOD, 0, "以退出码 3 结束，算作发散："),
        ("print('over')\n", 2, "却没有报告：over；请在它的循环里写 trial.report(step, loss)"),
        ("sys.exit(7)\n", 2, "在第一次报告之前以退出码 7 结束：它什么都没有打印"),
        ("trial.report(0, 1.0)\n", 2, "步就结束了，没有说明结果：请写 trial.finish(loss)"),
        ("trial.report(5, 1.0); trial.report(4, 1.0)\n", 2, "report：第 4 步出现在第 5 步之后"),
    ],
)
def test_a_script_is_told_in_chinese_and_kept_in_english(body, code, says, tmp_path):
    (tmp_path / "train.py").write_text(HEAD + body, encoding="utf-8")
    words = ("tune", TEXT, "--steps", "30", "--budget", "3", "--out", "kept", *ZH, "--", sys.executable, "train.py")
    done = run(*words, cwd=tmp_path)
    assert done.returncode == code
    assert says in done.stderr
    whole(done.stdout, f"{TEXT} {done.stdout.partition(chr(10))[0]}")
    names = f"{NAMES} {done.stdout} {TEXT} {sys.executable} train.py kept trial report finish loss step over error"
    whole("".join(line for line in done.stderr.splitlines(True) if "printed" not in line), names)
    for path in filter(lambda one: one.suffix in (".jsonl", ".json"), tmp_path.rglob("*")):
        assert not CHINESE.search(path.read_text(encoding="utf-8")), path


REFUSED = [
    ("tune", "wine", "--resume"),
    ("tune", "wine", "--resume", "--out", "nowhere"),
    ("tune", "wine", "--prior", "nowhere"),
    ("tune", "wine", "sgd() | 0"),
    ("tune", "wine", "sgd() | 0.1", "--", "python", "train.py"),
    ("find", "wine", "--low", "1", "--high", "0.1"),
    ("find", "wine", "--png", "nowhere/x.png"),
    ("scale", "0.1", "--batch", "1:2"),
    ("scale", "0.1", "--optimizer", "sgd"),
    ("scale", "sgd() | 0", "--batch", "1:2"),
    ("scale", "sgd() | 0.1", "--batch", "1:2", "--steps", "1:2", "--width", "1:2", "--rule", "sqrt"),
    ("scale", "sgd() | 0.1", "--batch", "1:2", "--rule", "noise"),
    ("scale", "adam() | 0.1", "--batch", "1:2", "--noise-scale", "9"),
    ("scale", "sgd() | 1e300", "--batch", "1:1000000000"),
]


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_is_refused_is_told_in_chinese(words, tmp_path):
    theirs, ours = run(*words, cwd=tmp_path), run(*ZH, *words, cwd=tmp_path)
    assert ours.returncode == theirs.returncode == 2
    told = ours.stderr.rstrip().partition(" ")[2] if ours.stderr.startswith("error: ") else ours.stderr
    codes = "--resume --out DIR --batch --steps --width --depth --optimizer --rule --noise-scale linear noise low high"
    whole(told, f"{NAMES} {codes} {' '.join(words)} stepsize adam sgd find scale nowhere inf")
    assert len(ours.stderr.splitlines()) == 1


@pytest.mark.parametrize("budget", ["0min", "0.5", "0trials", "much"])
def test_a_budget_that_is_none_is_told_in_chinese(budget):
    done = run("tune", "wine", "--budget", budget, *ZH)
    assert done.returncode == 2
    assert re.search(f"'{budget}' (不是预算|必须是)", done.stderr)


def test_a_range_test_is_told_in_chinese_with_the_same_numbers(tmp_path):
    words = ("find", "wine", "--steps", "200")
    theirs, ours = run(*words), run(*words, *ZH)
    same_numbers(ours.stdout, theirs.stdout)
    names = f"{NAMES} {RULES} stepsize steps rate"
    lines = [one for one in ours.stdout.splitlines() if not one.startswith("  ")]  # the rules by their names
    whole("\n".join(lines), names)
    assert len(ours.stdout.splitlines()) == len(theirs.stdout.splitlines())
    assert lines[0].startswith("sgd(momentum=0.9) | rate，用于 wine，批次大小 32：")


def falling(t):
    return 2.0 - t / 60


SWEPT = {
    "flat": lambda t: 1.0,
    "broken at once": lambda t: 1.0 if t < 3 else np.nan,
    "rises": lambda t: 1.0 if t < 5 else 1e9,
    "falls": falling,
    "falls and breaks": lambda t: falling(t) if t < 50 else np.nan,
}


@pytest.mark.parametrize("course", SWEPT)
def test_what_a_range_test_cannot_tell_is_said_in_chinese(course, chinese):
    found = swept(rising(1e-3, 10, 60), SWEPT[course], Note("{rule} on {data}", rule="sgd()", data="line"), "look")
    told = [line for line in str(found).splitlines() if not line.startswith("  ")]
    whole("\n".join(told), "sgd line look")
    speak("en")
    same_numbers("\n".join(told), "\n".join(line for line in str(found).splitlines() if not line.startswith("  ")))
    assert not CHINESE.search(found.found.why + found.about + json.dumps(found.as_dict(), ensure_ascii=False))


@pytest.fixture
def drawn(monkeypatch):
    """The labels of the pictures that are saved, and a way to say whether there is a font for them."""
    labels = []

    def keep(figure, path):
        (axes,) = figure.axes
        legend = [one.get_text() for one in figure.legends[0].get_texts()]
        labels.extend([axes.get_xlabel(), axes.get_ylabel(), axes.get_title(), *legend])

    monkeypatch.setattr(finding, "save", keep)
    return labels, lambda font: monkeypatch.setattr(drawing, "chinese_font", lambda: font)


@pytest.mark.parametrize("font", ["Noto Sans CJK JP", None])
def test_the_picture_of_a_range_test_is_in_one_language(font, drawn, chinese, tmp_path):
    labels, write = drawn
    write(font)
    about = Note("{rule} on {data}, batch {size}", rule="sgd()", data="line", size=4)
    for course in ("falls", "flat"):
        finding.save_sweep(swept(rising(1e-3, 10, 60), SWEPT[course], about, "look"), tmp_path / "x.png")
    assert "损失" in labels if font else "loss" in labels
    assert labels[2] == ("sgd()，用于 line，批次大小 4" if font else "sgd() on line, batch 4")
    for label in labels:
        assert not english_words(label, f"{RULES} sgd line") if font else not CHINESE.search(label)


@pytest.mark.parametrize("font", ["Noto Sans CJK JP", None])
def test_the_axes_of_the_basin_are_in_one_language(font, monkeypatch, chinese):
    monkeypatch.setattr(drawing, "chinese_font", lambda: font)
    told = []
    monkeypatch.setattr("stepsize.report.figures.inline", lambda draw: told.append(draw) or "")
    tuned.tuned_page(verdicts(1.3), a_workload(rows=60).subject)
    with drawing.drawing():
        basin = Figure().subplots()
        told[0](basin)
    assert basin.get_ylabel() == (
        "验证损失（每次试验的最后一个）" if font else "validation loss, the last of each trial"
    )
    assert bool(CHINESE.search(basin.get_xlabel())) == bool(font)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: f"{law.what} {law.name}")
@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_of_scale_is_told_in_chinese(law, kind, chinese):
    law = replace(law, noise=512.0) if law.name == "noise" else law
    step = Step(256, 4096, law, kind, ())
    told = "\n".join(step.sentences)
    whole(
        told,
        f"{law.what} {law.name} {law.source} sgd adam SGD RMSProp third sqrt beta McCandlish Li Surge phenomenon",
    )
    kept = json.dumps(step.as_dict(), ensure_ascii=False)
    assert not CHINESE.search(kept)
    speak("en")
    same_numbers(told, "\n".join(step.sentences))


def test_a_scaled_strategy_outside_every_range(chinese):
    found = scaled("sgd() | 0.1 * plateau()", batch=(2, 4096), noise_scale=100, rule="linear")
    told = str(found)
    whole("\n".join(told.splitlines()[1:]), "linear noise sqrt batch sgd SGD Goyal Accurate large minibatch McCandlish")
    assert told.count("超出适用范围：") == 3
    speak("en")
    assert str(found).count("Outside its range: ") == 3
    same_numbers(told, str(found))


def test_every_word_of_the_list_has_a_chinese_line():
    english, told = run("list").stdout.splitlines(), run("list", *ZH).stdout.splitlines()
    assert len(told) == len(english)
    for ours, theirs in zip(told, english, strict=True):
        assert CHINESE.search(ours) or not ours
        word = theirs.split()[0] if theirs.startswith("  ") else ""
        assert ours.startswith(f"  {word} ") if word else not ours.startswith(" ")
    for word in WORDS:
        assert any(line.startswith(f"  {word} ") for line in told)
    assert run("list", "--kind", "clip", *ZH).stdout.splitlines()[0] == "截断（clip）"


def test_a_word_is_told_in_chinese_before_its_documentation():
    told, english = run("help", "cosine", *ZH).stdout, run("help", "cosine").stdout
    assert told.splitlines()[:6] == [
        english.splitlines()[0],
        "调度（schedule）",
        "",
        "半个余弦，从 1 降到 `final`：先慢，后快，再慢。",
        "",
        "这个词的完整说明是英文的：",
    ]
    assert told.endswith(english.partition("\n\n")[2])
    assert (look_up("cosine").__doc__ or "").strip().partition("\n")[0] in CATALOGUE
