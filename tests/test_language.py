"""The language of the command line: one catalogue, whole where it is spoken, and nothing of it in English."""

import ast
import contextlib
import inspect
import json
import os
import re
import string
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from unittest import mock

import pytest
from jinja2 import Environment, nodes
from rich.cells import cell_len

import stepsize
import stepsize.chinese
from commandline import run
from stepsize import StepsizeError
from stepsize._language import of_environment, spoken
from stepsize.chinese import CATALOGUE
from stepsize.cli.bundled import TORCH_TASKS
from stepsize.cli.commands import main
from stepsize.cli.helped import commands, options, texts
from stepsize.cli.language import speaks
from stepsize.report.templates import texts as texts_of_script
from stepsize.schedules.base import Factor
from stepsize.schedules.doubts import doubts
from stepsize.schedules.questions import outline
from stepsize.telling.explain import explain
from stepsize.vocabulary import WORDS, summary
from subjects import EVERYTHING, TOTAL, UNITS
from test_explain import EXAMPLES

SOURCE = Path(stepsize.__file__).parent
CHINESE = re.compile("[\u3400-\u9fff]")
LOST = {  # what a translation leaves out: of 3rd the number says it in Chinese, the others are Python's own English
    "{n}{ending} ": "ending",
    "this is not an expression ({why}): {operators}": "why",
    "{factor} has no value at step {step}: {why}": "why",
}
NAMES = {"NaN", "SGD", "Adam", "AdaGrad", "RMSProp", "RAdam", "Nesterov", "Python", "beta2", "long", "short"}
SPOKEN = ("say", "said", "Note")
TABLES = {  # whose texts are said where they are looked up
    "telling.phrases": ("RISING", "COOLING", "STAGES", "CURVES", "JOINED"),
    "telling.answers": ("WATCHED",),
    "telling.explain": ("_FLOWING", "_NOUNS"),
    "cli.helped": ("TITLES",),
    "cli.refused": ("CLICKS",),
    "cli.typed": ("_NO_OPTIONS",),
    "_language": ("ROWS",),
    "lengths": ("_EITHER",),
    "unread": ("NOT_PART",),
    "_reasons": ("REASONS",),
    "cli.words": ("TITLES",),
    "lab.choose.said": ("LOSSES", "METRICS", "COUNTED"),
    "lab.judging.column": ("WORDS",),
    "lab.records.measures": ("METRICS",),
    "lab.judging.strategy": ("WHY",),
    "lab.workload": ("MODELS", "TASKS"),
    "report.columns": ("GROUPS",),
    "report.figures": ("BY_RATE",),
    "report.page": ("AGAINST",),
    "report.runs.reasons": ("REASONS", "QUANTITIES"),
}
LOOKED_UP = {
    "said(how)", "said(phrase)", "said(template)", "said(_FLOWING[flowing])", "said(_NOUNS[self.noun])",
    "said(WATCHED[name])", "said(joint)", "said(word)", "said(COOLING[shapes[fall]])", "said(title)", "said(text)",
    "said(facts)", "said(instead)", "said(told)", "said(NOT_PART.get(kind, NOT_PART['']))",
    "said(str(judgement.judges))", "said(judgement.judges.better)", "said(judgement.judges.part)", "said(one.why)",
    "said(f'{settings.chosen_by} loss')", "said(f'{summary.settings.chosen_by} loss')", "said(subject.task)",
    "said(BY_RATE[summary.settings.chosen_by])", "said(AGAINST[summary.settings.chosen_by])",
    "say(text.text, **text.fields)", "said(text.text)", "say(template, **again)",
    "said(first(command.help or ''))", "said(command.epilog or '')", "said(option.help or '')", "said(part)",
    "Note(METRICS[name])",
    "said(loss)", "said(loss.split()[-1])", "said(METRICS[metric])", "said(one if count == 1 else more)",
    "said(TITLES[last])", "said(TITLES[kind_of(name)])", "said(summary(word))", "said(summary(name))",
    "said(QUANTITIES.get(told, told))", "said(QUANTITIES.get(word, word))",
}  # fmt: skip


pytestmark = pytest.mark.usefixtures("no_language")


def calls():
    """Every call of `say`, `said` and `Note` in the library."""
    for path in SOURCE.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        dictionaries = {}
        for node in in_order(ast.parse(source)) if "_language import" in source or path.name == "_language.py" else ():
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                dictionaries = dictionaries | {ast.unparse(node.targets[0]): node.value}
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SPOKEN:
                node.dictionaries = dictionaries
                yield node


def in_order(node):
    """The nodes of a module as they are read."""
    yield node
    for one in ast.iter_child_nodes(node):
        yield from in_order(one)


def given(call):
    """The names of the fields of a call; those of `**about` stand in the dictionaries that are called so before it."""
    names = {one.arg for one in call.keywords if one.arg}
    for one in call.keywords:
        if one.arg is None:
            names |= {key.value for key in call.dictionaries[one.value.id].keys}
    return names


def literal(call):
    return isinstance(call.args[0], ast.Constant)


def in_tables():
    for module, names in TABLES.items():
        for name in names:
            for value in vars(import_module(f"stepsize.{module}"))[name].values():
                if not callable(value):
                    yield from [value] if isinstance(value, str) else value


def helped():
    for command in commands(main):
        yield from (one for one in texts(command.help or "") if not one.startswith("    "))
        yield from texts(command.epilog or "")
        yield from (option.help for option in options(command, main))


def described():
    """What the bundled torch tasks train, without importing torch."""
    source = (SOURCE / "adapters" / "torch" / "as_problem" / "tasks.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name.replace("_", "-") in TORCH_TASKS:
            yield ast.get_docstring(node).splitlines()[0].removesuffix(".")


ASSETS = SOURCE / "report" / "assets"


def in_pages():
    """The texts of templates and scripts, with the names of the fields that are given."""
    for path in ASSETS.glob("*.jinja"):
        for call in Environment().parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "say":
                yield call.args[0].as_const(), {one.key for one in call.kwargs}
    for path in ASSETS.glob("*/*.js"):
        source = path.read_text(encoding="utf-8")
        for found in re.finditer(r"\bsay\((?!text)", source):
            [text] = texts_of_script(source[found.start() :].partition("\n")[0])[:1]
            rest = source[found.end() + len(json.dumps(text, ensure_ascii=False)) :]
            given = re.match(r", \{ ((?:[^{}]|\{[^{}]*\})*) \}\)", rest)
            assert given or rest.startswith(")"), f"{path.name}: {text}: write say(text, {{ name: value }}) in one line"
            yield text, set(re.findall(r"(?:^|, )(\w+)(?=:|,|$)", given[1])) if given else set()


def fields(text):
    return {(name, spec) for _, name, spec, _ in string.Formatter().parse(text) if name is not None}


def test_every_text_is_in_the_catalogue_and_the_catalogue_has_no_other():
    said = {call.args[0].value for call in calls() if literal(call)}
    assert len(said) > 150
    assert {
        *said,
        *in_tables(),
        *helped(),
        *described(),
        *map(summary, WORDS),
        *(text for text, _ in in_pages()),
    } == set(CATALOGUE)


def test_what_is_said_without_being_written_there_comes_from_a_table():
    assert {ast.unparse(call) for call in calls() if not literal(call)} <= LOOKED_UP


def test_a_text_and_its_fields_are_given_together():
    for call in calls():
        if literal(call) and call.func.id != "said":
            assert given(call) == {name for name, _ in fields(call.args[0].value)}, ast.unparse(call)


def test_a_text_of_a_page_and_its_fields_are_given_together():
    for text, given in in_pages():
        assert given == {name for name, _ in fields(text)}, text


def test_no_text_stands_twice_in_the_catalogue():
    parts = [one for module in vars(stepsize.chinese).values() if inspect.ismodule(module) for one in keys(module)]
    assert [text for text, count in Counter(parts).items() if count > 1] == []
    assert set(parts) == set(CATALOGUE)


def keys(module):
    """The texts of a module of the catalogue, as they are written: a dictionary would hide what stands twice."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Dict):
            yield from (key.value for key in node.keys)


@pytest.mark.parametrize("text", CATALOGUE, ids=lambda text: text[:40])
def test_a_translation_has_the_fields_of_its_text(text):
    assert fields(CATALOGUE[text]) == fields(text) - {field for field in fields(text) if LOST.get(text) == field[0]}


def english_words(line, text):
    return set(re.findall(r"[A-Za-z][A-Za-z0-9_]+", line)) - NAMES - set(re.findall(r"[A-Za-z_]\w*", text))


@pytest.mark.parametrize("value", EVERYTHING, ids=repr)
def test_every_word_is_told_in_chinese_whole(value, chinese):
    text = f"{value} inf e"
    with contextlib.suppress(StepsizeError, AttributeError):  # what has no rate has no lengths
        text += str(value.over(TOTAL, **UNITS))
    for line in explain(value, TOTAL, **UNITS):
        assert CHINESE.search(line)
        assert line.endswith("。")
        assert not english_words(line, text), line
        assert not re.search("[{}]", line)


@pytest.mark.parametrize(("text", "steps", "english"), EXAMPLES, ids=[text for text, _, _ in EXAMPLES])
def test_the_numbers_are_the_same_in_both(text, steps, english, chinese):
    told = explain(text, steps)
    assert len(told) == len(english)
    number = re.compile(r"-?\d[\d.e+-]*\d|\d")
    for ours, theirs in zip(told, english, strict=True):
        assert set(number.findall(ours)) == set(number.findall(theirs.replace("3rd", "3")))


def test_the_strategy_of_the_readme_in_chinese(chinese):
    assert explain("clip_norm(1) | adam() | 3e-4 * (warmup(500) >> cosine()) * infrared() | clip(0.01)", 10_000) == [
        "梯度的范数超过 1 时，缩短到 1。",
        "Adam 把它变成方向：梯度的滑动平均（记忆 0.9）除以其平方的滑动平均（记忆 0.999）的平方根。",
        "第 0 到 499 次更新：学习率沿直线从 6e-07 升到 0.0003。",
        "第 500 到 9999 次更新：它沿半个余弦从 0.0003 降到 0。",
        "再乘以 infrared()，它观察损失：损失这一次的下降除以上一次的下降，再乘以 0.99，至少 0.9。",
        "结束之后保持 0（在控制器都给出 1 的时候）。",
        "更新量的每个元素限制在 ±0.01 以内。",
    ]


DOUBTFUL = [
    "multistep(30, 60, 90)", "multistep(30)", "warmup(20000)", "cosine(1000000)", "staircase(0.1, every=20000)",
    "constant(length=12000) >> linear(length=10)", "exponential(0.9, length=1)", "warmup(100) + cosine()",
    "exponential(0.5, every=1)", "repeat(cosine(10))",
]  # fmt: skip


@pytest.mark.parametrize("text", DOUBTFUL)
def test_what_looks_wrong_is_said_in_chinese(text, chinese):
    told = doubts(stepsize.parse(text), 9000, steps_per_epoch=100)
    assert told
    for line in told:
        assert CHINESE.search(line)
        assert not english_words(line, f"{text} steps_per_epoch every ep"), line


def test_the_library_speaks_english_whatever_the_locale(monkeypatch):
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert explain("cosine()", 10)[0].startswith("Updates 0 to 9")
    assert spoken() == "en"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh"}, "zh"),
        ({"LC_ALL": "zh_CN"}, "zh"),
        ({"LANGUAGE": "zh_CN:en", "LANG": "en_US.UTF-8"}, "zh"),
        ({"LANGUAGE": "en:zh_CN", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LANGUAGE": "", "LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"STEPSIZE_LANG": "zh", "LC_ALL": "C"}, "zh"),
        ({"STEPSIZE_LANG": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"STEPSIZE_LANG": "en", "LANGUAGE": "zh_CN"}, "en"),
        ({"LANGUAGE": "zh-Hans-CN"}, "zh"),
        ({"LANG": "zh_Hant"}, "en"),
        ({"LANG": "zh_TW.UTF-8"}, "en"),
        ({"LANG": "zh_Hant_HK"}, "en"),
        ({"LANG": "zh_SG.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "zhx"}, "en"),
    ],
)
def test_the_environment_chooses(environment, language):
    assert of_environment(environment) == language
    with mock.patch.dict(os.environ, environment):
        told = run("explain", "cosine()").stdout
    assert told.startswith({"en": "Updates 0 to 999", "zh": "第 0 到 999 次更新"}[language])


@pytest.mark.parametrize(
    "words",
    [
        ("--lang", "zh", "explain", "cosine()"),
        ("--lang=zh", "explain", "cosine()"),
        ("explain", "--lang", "zh", "cosine()"),
        ("explain", "cosine()", "--lang=zh"),
        ("explain", "cosine()", "--steps", "1000", "--lang", "zh"),
    ],
)
def test_the_option_stands_before_or_after_the_command(words):
    assert run(*words).stdout.startswith("第 0 到 999 次更新：因子沿半个余弦从 1 降到 0。")


def test_the_option_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.setenv("STEPSIZE_LANG", "zh")
    assert run("explain", "cosine()", "--lang", "en").stdout.startswith("Updates 0 to 999")


@pytest.mark.parametrize("words", [("--lang", "fr", "list"), ("explain", "cosine()", "--lang"), ("--lang=", "list")])
def test_a_language_that_is_none_is_one_line(words):
    done = run(*words)
    assert done.returncode == 2
    assert re.fullmatch(r"error: --lang takes en or zh, not '\w*'\n", done.stderr)


def test_json_is_the_same_in_every_language(monkeypatch):
    words = ("explain", "0.1 * multistep(3, 6)", "--steps", "1000", "--json")
    english = run(*words)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert run(*words) == english == run(*words, "--lang", "zh")
    assert json.loads(english.stdout)["notes"]


def test_a_note_beside_the_answer_is_in_its_language():
    done = run("explain", "0.1 * multistep(3, 6)", "--steps", "1000", "--lang", "zh")
    assert done.stderr.startswith("注意：所有变化在 1000 步中的第 6 步就结束了")


def test_what_stands_behind_two_dashes_belongs_to_the_script():
    assert speaks(["tune", "adam() | 0.1", "--", "python", "train.py", "--json"])
    assert not speaks(["tune", "adam() | 0.1", "--json", "--", "python", "train.py"])
    done = run("tune", "adam() | 0.1", "--lang", "en", "--")
    assert "no command stands behind --" in done.stderr


def test_a_stream_without_the_characters_gets_english():
    environment = os.environ | {"LANG": "zh_CN.UTF-8", "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(SOURCE.parent)}
    command = [sys.executable, "-m", "stepsize", "explain", "cosine()"]
    told = subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout
    assert told.startswith("Updates 0 to 999")


HELP = [("--help",), (), *((*name.split(), "--help") for name in (*main.commands, "study show", "study merge"))]


@pytest.mark.parametrize("words", HELP, ids=" ".join)
def test_the_help_is_in_chinese_and_in_english_again(words, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    english = run(*words).stdout
    told = run("--lang", "zh", *words).stdout
    assert told.strip().startswith("用法：")
    for line in ("Usage:", "Options", "Commands", "Exit codes", "Show ", "[default"):
        assert line not in told
    whole = re.sub(r"[\s│]", "", told)
    for option in options(main.commands[words[0]], main) if len(words) == 2 else ():
        assert re.sub(r"[\s│`]", "", CATALOGUE[option.help])[:9] in whole
    assert all("…" not in line or "(…)" in line or "T,T,…" in line for line in told.splitlines())
    assert run(*words).stdout == english


def test_help_of_a_command_and_of_a_word(monkeypatch):
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert run("help", "tune").stdout == run("tune", "--help").stdout
    assert inspect.getdoc(stepsize.cosine) in run("help", "cosine").stdout


def test_an_error_leaves_the_next_command_in_english():
    with pytest.raises(StepsizeError):
        explain("cosin()", 10)
    assert run("explain", "cosin()", "--lang", "zh").returncode == 2
    assert spoken() == "en"


@pytest.mark.parametrize("words", [["show", "cosine()", "--json"], ["explain", "cosine()"], ["--help"]])
def test_english_loads_no_catalogue(words):
    code = (
        f"import sys; sys.argv = ['stepsize', *{words!r}]\n"
        "from stepsize.cli.start import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "ours = ('stepsize.chinese', 'stepsize.cli.language', 'stepsize.cli.helped')\n"
        "found = [one for one in sys.modules if one.startswith(ours)]\n"
        "assert not found, found"
    )
    environment = {name: one for name, one in os.environ.items() if name != "LANG"} | {"PYTHONPATH": str(SOURCE.parent)}
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment)


@pytest.mark.parametrize(
    "value", [one for one in EVERYTHING if isinstance(one, Factor) and not one.controllers], ids=repr
)
def test_what_begins_where_is_said_in_chinese(value, chinese):
    schedule = value.over(TOTAL, **UNITS)
    for _, label in outline(schedule, TOTAL):
        assert CHINESE.search(label)
        assert not english_words(label, f"{value} {schedule}"), label


def test_a_curve_in_the_terminal_is_in_chinese_and_stands_in_its_columns():
    words = ("show", "0.1 * (warmup(25) >> repeat(cosine(100)))", "0.1 * infrared()", "--steps", "500")
    english, told = run(*words), run(*words, "--lang", "zh")
    assert "  从 125 起 第 2 轮开始" in told.stdout
    assert told.stderr == "注意：infrared() 取决于训练的情况，这里画成 1\n"
    ours, theirs = (done.stdout.splitlines() for done in (told, english))
    assert len(ours) == len(theirs)
    assert [line for line in ours if "┤" in line] == [line for line in theirs if "┤" in line]
    wide = next(line for line in ours if "499" in line)
    assert wide.endswith("第 499 步")
    assert cell_len(wide) == cell_len(next(line for line in theirs if "step 499" in line))


def test_marks_stand_below_one_another_in_chinese():
    words = ("show", "multistep(3, 60, 600)", "--steps", "1000")
    told = [line for line in run(*words, "--lang", "zh").stdout.splitlines() if "阶段" in line]
    theirs = [line for line in run(*words).stdout.splitlines() if "from " in line]
    assert [line.strip() for line in told] == [
        "从 3 起 第 2 阶段（共 4 个）开始，因子 0.1",
        "从 60 起 第 3 阶段（共 4 个）开始，因子 0.01",
        "从 600 起 第 4 阶段（共 4 个）开始，因子 0.001",
    ]
    assert {cell_len(line.partition(" 第")[0]) for line in told} == {len(theirs[0].partition(" stage")[0])}


def test_a_difference_in_chinese():
    assert run("diff", "sgd() | 0.1 * stages(1, 0.1)", "adam() | 0.1", "--steps", "10", "--lang", "zh").stdout == (
        "0.1 * stages(1, 0.1) 和 0.1 在 10 次更新中有 5 次不同：5 到 9。最大的差是 0.09，在第 5 次更新：0.01 对 0.1。\n"
        "只比较了学习率；除此之外，sgd() 与 adam() 也不同。\n"
    )
    assert (
        run("diff", "0.1", "0.1", "--steps", "10", "--lang", "zh").stdout == "0.1 和 0.1 在全部 10 次更新中都相同。\n"
    )
