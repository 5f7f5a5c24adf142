"""Errors in Chinese: the commonest mistakes, and every text that an expression or a command line can meet."""

# ruff: noqa: E501

import errno
import inspect
import pickle
import re
import shlex
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import rich_click as click

import stepsize as s
from commandline import run
from stepsize import ParseError, StepsizeError, _language, parse, problems
from stepsize._reasons import reason
from stepsize.chinese import CATALOGUE
from stepsize.chinese.mistyped import MISTYPED
from stepsize.chinese.refusals import REFUSALS
from stepsize.cli.output import lost
from stepsize.cli.refused import refused
from stepsize.cli.typed import by_command
from stepsize.lengths import Horizon
from stepsize.schedules.opaque import opaque
from stepsize.schedules.questions import area, diff
from stepsize.suggest.libraries import library_of
from stepsize.telling.explain import explain
from stepsize.text import as_descent
from stepsize.vocabulary import WORDS, look_up
from test_commonest_mistakes import SHELL, TEXTS
from test_language import CHINESE

pytestmark = pytest.mark.usefixtures("no_language")

OURS = {  # English words of the messages that no translation has, nor the vocabulary
    word for text in {**REFUSALS, **MISTYPED} for word in re.findall(r"[A-Za-z]{2,}", re.sub("{.*?}", "", text))
} - {word for text in [*REFUSALS.values(), *MISTYPED.values()] for word in re.findall(r"[A-Za-z]{2,}", text)}
OURS -= {"square", "long", "log", "class"}  # values of fields, a function of formulas, Python's own
OURS -= {*WORDS} | {name for word in WORDS for name in inspect.signature(look_up(word)).parameters}


class Hearing(dict):
    """A catalogue that remembers what was looked up in it."""

    def __init__(self, texts):
        super().__init__(texts)
        self.heard = set()

    def get(self, text, otherwise=None):
        self.heard.add(text)
        return super().get(text, otherwise)


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setattr(_language, "_catalogue", CATALOGUE)


def message(call):
    """What is said where something is refused."""
    with pytest.raises((StepsizeError, TypeError)) as caught:
        call()
    return str(caught.value)


def english(told, text=""):
    """The English words of a message that are not those of the text it speaks of."""
    return {*re.findall("[A-Za-z]+", told)} & OURS - {*re.findall("[A-Za-z]+", text)}


def line_of(told, mark):
    """What a message says to write, where it ends with that."""
    return told.partition(mark)[2].strip()


# --- expressions

DEEP = "repeat(" * 50 + "cosine(9)" + ")" * 50
BAD = [
    *TEXTS,
    *("", "cosine(", "cosine((", "cosine())", "cosine()))", "0.1 * cosine() |", "cosine() # slow", "warmup('5%)"),
    *("warmup(2ep)", "0.1 * cosine(1 2)", "(" * 700, "x" * 1_000_001, "repeat(" * 70 + "cosine()" + ")" * 70, "\ud800"),
    *("1 < cosine()", "cosine() and linear()", "cosine()[0]", "cosine().x", "cosine() if 1 else linear()", "lambda t: 1"),
    *("{1: 2}", "f'{t}'", "[cosine() for x in y]", "cosine() - linear()", "'abc'", "0.1, 0.2, 0.3", "b'x'", "9" * 400),
    *("-cosine()", "cosine() + 'x'", "cosine()()", "linear(*x)", "linear(**x)", "cosine(length=1, length=2)", "lr"),
    *("cosine(lr=0.1)", "rex(foo=1)", "nesterov()", "cosine(lenght=10)", "rate()", "cosine(1, 2, 3)", "opaque(3)"),
    *("CosineAnnealingLR(200)", "Lion(lr=1e-4)", "LambdaLR(3)", "StepLR()", "cosine(100, eta_min=0.001)"),
    *("CosineAnnealingLR(100, eta_min=1e-5)", "CompositeParamScheduler()", "0.1 ^ 2 * cosine()", "0.1\u200b * cosine()"),
    *("0.1 × cosin（70）", "cosine(-5)", "cosine(0)", "cosine('0%')", "cosine('101%')", "cosine('-1ep')", "cosine(2.5)"),
    *("cosine('5 apples')", "stages(1, 0.5, at=(0.5,))", "cosine(1e19)", "adam(beta1=1.5)", "sgd(nesterov=3)"),
    *("sgd(nesterov=True)", "anneal(shape='x')", "barzilai_borwein('middle')", "chebyshev(2.5)", "staircase(30, 0.1)"),
    *("0.1 * cosine() + 3", "cosine() + 1", "cosine() + 0.1 * linear()", "0.1 * cosine() * (0.2 * linear())"),
    *("cosine() >> 0.1 * linear()", "cosine(5) >> 0.5", "infrared() >> cosine()", "then()", "then(3)", "then('x')"),
    *("repeat(infrared())", "repeat(cosine(10), times=9999, growth=2)", "piecewise((0, 1))", "table()", "table([1, 2])"),
    *("piecewise((0, 1), (5, 1), (3, 2))", "warp(cosine(10))", "warp(cosine(10), (5, 5), (3, 6))", "multistep()"),
    *("warp(cosine(10), (1e-300, 1e15))", "multistep(60, 30)", "multistep(30, 60, gamma=1e300)", "stages()"),
    *("stages(1, 2, at=3)", "stages(1, 0.5, 0.1, at=(5, 3))", "linear('5%')", "wsds(rise=1, decay=1)"),
    *("natural_exponential(100, 0.5)", "onecycle('60%', three_phase=True)", "cooldown(cosine(), 10, at=(80, 50))"),
    *("cooldown(cosine(), 10, at=(50, 80), final=(1, 2, 3))", "formula(3)", "formula('')", "formula('x')"),
    *("formula('foo(3)')", "formula('t @ 2')", "formula('exp(1, 2)')", "formula('max(1)')", "formula('1 / 0')"),
    *("formula('t +')", "formula('" + "-" * 70 + "t')", "plan()", "plan(self=1)", "plan(lr=infrared())", "plan(lr='x')"),
    *("rate(0.1, 3)", "descent()", "descent('x')", "sgd() | 0.1 | 0.2", "sgd() | adam() | 0.1", "sgd() | cosine()"),
    *("sgd() | 0.1 | weight_decay(0.1)", "stable() | sgd() | 0.1", "adam(beta2=0.9) | stable(beta2=0.5) | 0.1"),
    *("trust(low=2, high=1)", "unitwise(0.1, unit_axis=3)", "hypergradient(2)", DEEP, f"plan(a=plan({DEEP[7:-1]}))"),
    *(f"plan(a=plan(b={DEEP[14:-2]}))",),
]  # fmt: skip


@pytest.mark.parametrize("text", BAD, ids=lambda text: repr(text[:60]))
def test_an_expression_that_is_refused(text, monkeypatch):
    said = message(lambda: parse(text))
    monkeypatch.setattr(_language, "_catalogue", CATALOGUE)
    told = message(lambda: parse(text))
    line, theirs = line_of(told, "：请写"), line_of(said, ": write ")
    assert re.match("第 [0-9]+ 列：", told)
    assert not english(told, f"{text} {theirs}")
    assert bool(line) == bool(theirs)
    assert line == theirs or CHINESE.search(line)
    assert re.findall(r"\d+", told.partition("：")[0]) == re.findall(r"\d+", said.partition(":")[0])


class Unprintable:
    def __repr__(self):
        raise ValueError


RUN = s.cosine(3) >> s.linear()
BEYOND = [  # said of values, and of what stands beside a text
    lambda: parse(3),
    lambda: parse(Unprintable()),
    lambda: parse("0.1", words={"cosine": s.cosine}),
    lambda: parse("0.1", words={"a b": s.cosine}),
    lambda: parse("mine(x=1)", words={"mine": lambda: s.cosine()}),
    lambda: s.cosine(10**400),
    lambda: s.cosine(5)("x"),
    lambda: s.cosine()(3),
    lambda: s.linear(length="5%")(3),
    lambda: s.staircase(0.5, "5%")(3),
    lambda: (s.warmup(5) >> s.product(s.cosine(9), s.linear())).over(10),
    lambda: s.infrared()(3),
    lambda: parse("formula('1 / (3 - t)')")(3),
    lambda: parse("table(1e308) + table(1e308)")(0),
    lambda: parse("formula('t - 5')")(0),
    lambda: (1e300 * parse("table(1e300)"))(0),
    lambda: s.cosine("3ep").over(10),
    lambda: s.cosine("3tok").over(10),
    lambda: s.cosine("1e30ep").over(10, steps_per_epoch=9),
    lambda: Horizon(10, batch_size=[(3, 4)]),
    lambda: (s.cosine() >> s.linear()).over(10),
    lambda: (s.warmup(10) >> s.cosine()).over(10),
    lambda: s.cooldown(s.cosine(), 100).over(10),
    lambda: s.repeat(s.constant()).over(10),
    lambda: diff(s.adam() | 0.1, s.cosine(), 9),
    lambda: diff(s.adam(), s.cosine(), 9),
    lambda: area(s.cosine(), 10**12),
    lambda: as_descent("0.1"),
    lambda: as_descent("cosine()"),
    lambda: as_descent("adam()"),
    lambda: as_descent("clip_norm(1)"),
    lambda: as_descent(3),
    lambda: as_descent("clip_norm(1) | clip(1)"),
    lambda: as_descent("clip_norm(1) | sgd()"),
    lambda: explain(3, 10),
    lambda: explain("cosine()", 1.5),
    lambda: opaque(3),
    lambda: opaque(abs, name=3),
    lambda: opaque(lambda t: 1 / (t - 3))(3),
    lambda: opaque(lambda t: -1)(3),
    lambda: problems.logistic([[1.0]], [2]),
    lambda: problems.softmax([[1.0]], [0.5]),
    lambda: problems.softmax([[1.0], [2.0]], [0, 3], classes=2),
    lambda: problems.least_squares([["x"]], [2]),
    lambda: problems.least_squares([1.0], [2]),
    lambda: problems.least_squares([[np.nan]], [2]),
    lambda: problems.least_squares([[1.0]], ["x"]),
    lambda: problems.least_squares([[1.0]], [1, 2]),
    lambda: problems.least_squares([[1.0]], [np.inf]),
    lambda: problems.least_squares([[1.0]], [1.0], start=[1, 2]),
    lambda: problems.objective(3, [1.0]),
    lambda: problems.objective(abs, {}),
    lambda: problems.objective(lambda p: 3, [1.0]).loss_and_grad({"params": np.ones(1)}),
    lambda: problems.objective(lambda p: (3, [1, 2]), [1.0]).loss_and_grad({"params": np.ones(1)}),
]


@pytest.mark.parametrize("call", BEYOND, ids=range(len(BEYOND)))
def test_a_value_that_is_refused(call, chinese):
    told = message(call)
    assert CHINESE.search(told)
    assert not english(told)


RARE = {  # the same texts in other words are heard above; these need an engine, or a text as long as a book
    "{word} needs the {name} at every update: pass {how}",
    "plateau needs the loss at every update: pass seen(loss=…), or write plateau(watch='metric')",
    "armijo needs the loss at other rates: pass step(…, loss_of=…) or seen(loss_at=…)",
    "robust_infrared needs the loss_at of every update: pass step(…, loss_of=…)",
    "chebyshev: curvatures from {small!r} to {big!r} are too far apart: write a larger smallest",
    "the expression is too long to compute ({length} characters): write it as a table",
    "the expression is nested too deeply: keep it under 50 levels",
    "it is too far",
}


def test_every_text_is_heard(monkeypatch):
    hearing = Hearing(CATALOGUE)
    monkeypatch.setattr(_language, "_catalogue", hearing)
    for call in (*BEYOND, *(partial(parse, text) for text in BAD)):
        message(call)
    library_of("Lion")
    assert {*REFUSALS} - hearing.heard == RARE


ADVICE = [text for text in {**REFUSALS, **MISTYPED} if re.search("[:;] write ", text)]


@pytest.mark.parametrize("text", ADVICE, ids=lambda text: text[:50])
def test_what_to_write_is_said_where_it_is_looked_for(text):
    marks = [{":": "：", ";": "；"}[one] for one in re.findall("([:;]) write ", text)]
    assert re.findall("([：；])请写", CATALOGUE[text]) == marks


@pytest.mark.parametrize("text", TEXTS)
def test_a_row_of_the_commonest_mistakes(text, chinese):
    told, said = message(lambda: parse(text)), TEXTS[text]
    if "did you mean" in said and ": write " not in said:
        assert re.findall("'.*?'", told) == re.findall("'.*?'", said)
    elif " for a " in said:
        assert re.findall(r"\S*\(.*?\)", line_of(told, "：请写")) == re.findall(
            r"\S*\(.*?\)", line_of(said, ": write ")
        )
    else:
        assert line_of(told, "：请写") == line_of(said, ": write ")


def test_the_column_of_an_error_is_kept_when_it_is_pickled(chinese):
    with pytest.raises(ParseError) as caught:
        parse("sgd | 0.1")
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == "第 1 列：sgd 这个词缺少括号：请写 sgd() | 0.1"
    assert (again.column, again.message) == (1, "sgd 这个词缺少括号：请写 sgd() | 0.1")


def test_a_call_of_python_is_refused_in_the_same_words(chinese):
    assert message(lambda: s.adam(lr=0.1)) == "学习率写在规则之后：请写 adam() | 0.1"
    assert (
        message(lambda: s.cosine(T_max=100)) == "cosine 没有参数 'T_max'（它的参数有 length, final）：请写 cosine(100)"
    )


# --- the command line

LINES = {
    "show 0.1 '*' 'cosine()'": 'shell 把表达式拆开了：请写 stepsize show "0.1 * cosine()"',
    "'0.1 * cosine()'": '表达式之前没有命令：请写 stepsize show "0.1 * cosine()"',
    "compare 'sgd() | 0.1'": 'compare：DATA 写在最前面：请写 stepsize compare digits "sgd() | 0.1"',
    "tune digits 'cosine()'": "cosine() 是没有规则和学习率的调度：请写 sgd() | 0.1 * cosine()",
    "compare digits 'sgd() | 0.1' --lr 0.1": '没有选项 \'--lr\'：学习率写在表达式里，"0.1 * cosine()" 或 "sgd() | 0.1"',
    "compare digits 'sgd() | 0.1' --epochs 5": "没有选项 '--epochs'：请写 --steps，即更新次数：轮数乘以每轮的批次数",
    "show \"cosine('30ep')\" --steps 100": "cosine：length '30ep' 需要知道 steps_per_epoch：请写 --steps-per-epoch …",
    "compare price.csv": "没有文件 price.csv：请写 .csv 或 .parquet 文件、file.py:function，或者自带的数据，例如 digits",
}  # the rows of "In the shell", without the word stepsize
MORE = {
    "show": "缺少参数 'EXPR...'：请写 stepsize show \"0.1 * cosine()\"",
    "plot 'cosine()'": "没有命令 'plot'：请写 stepsize show",
    "sho 'cosine()'": "没有命令 'sho'。是不是 'show'？（见）",
    "frobnicate": "没有命令 'frobnicate'。（见）",
    "show 'cosine()' --stp 3": "没有选项 '--stp'。是不是 '--steps'？（见 show）",
    "show 'cosine()' --steps": "选项 '--steps' 后面要有一个值。",
    "show 'cosine()' --steps 0": "'--steps' 的值无效：0 不在范围 1<=x<=10000000 之内。（见 show）",
    "show 'cosine()' --steps many": "'--steps' 的值无效：'many' 不是整数，应写成 10 这样（见 show）",
    "show 'cosine()' --batch-size x": "'--batch-size' 的值无效：'x' 不是数，应写成 0.001 这样（见 show）",
    "explain 'cosine()' --json=3": "选项 '--json' 不带值。",
    "explain 'cosine()' linear": "有多余的参数（linear）（见 explain）",
    "explain 0.1 '*' 'cosine()'": 'shell 把表达式拆开了：请写 stepsize explain "0.1 * cosine()"',
    "show 'cosine()' --png .": "'--png' 的值无效：'.' 是文件夹。（见 show）",
    "show 'cosine()' --png a.svg": "--png 写出的是 PNG 文件，不能是 'a.svg'：请写 --png a.png，或者 --svg a.svg",
    "show 'cosine()' --png a.txt": "--png 写出的是 PNG 文件，不能是 'a.txt'：请写 --png a.png",
    "show 'cosine()' --at 1,x": "--at 后面是从 0 起的步数，例如 0,1,999，不能是 'x'",
    "show 'adam()'": "adam() 没有可以显示的学习率：请写 adam() | 0.01",
    "diff 'adam()' 'cosine()'": "adam() 没有可以比较的学习率：请写 adam() | 0.01",
    "show '1e300 * exponential(1e9, every=1)'": "1e+300 * exponential(1000000000.0, every=1) 在第 5 步太大，超出了浮点数的范围：请选小一些的基础学习率",
    "scale 0.1 --batch 3": "'--batch' 的值无效：'3' 不是 OLD:NEW（旧:新）这样的两个整数，例如 256:4096（见 scale）",
    "scale 0.1 --batch 3:0": "'--batch' 的值无效：'3:0' 里的两个数都至少为 1，例如 256:4096（见 scale）",
    "scale 0.1 --optimizer x": "'--optimizer' 的值无效：'x' 不是这些之一：'sgd', 'adam'。（见 scale）",
    "scale 0.1 0.2": "scale 只接受一条策略，不能再有 '0.2'",
    "list cosine": "list 后面没有词：请写 stepsize list，或者 stepsize help cosine",
    "list --kind x": "没有 'x' 这一类：请写 schedule、recipe、combination、controller、rule、clip、transform 之一",
    "help cosin": "第 1 列：没有 'cosin' 这个词，是不是 'cosine'？全部的词：stepsize list",
    "help '0.1 * cosine()'": "0.1 * cosine() 不是单独一个词：请写 stepsize explain '0.1 * cosine()'",
    "compare digits --rates 1:2": "'--rates' 的值无效：'1:2' 不是 LOW:HIGH:N（如 1e-4:1:9），也不是列表（如 0.01,0.1）（见 compare）",
    "compare digits --rates 2:1:5": "'--rates' 的值无效：'2:1:5' 里必须 0 < LOW < HIGH，N 从 2 到 1000，例如 1e-4:1:9（见 compare）",
    "compare digits --rates x": "'--rates' 的值无效：'x' 既不是 LOW:HIGH:N，也不是一列大于 0 的学习率，例如 0.01,0.1,1（见 compare）",
    "compare digits --csv a.txt": "--csv a.txt 必须以 .csv 结尾：请写 a.csv",
    "compare digits --csv no/a.csv": "--csv no/a.csv：没有文件夹 no：请先建立它",
    "compare digits 'sgd() | 0.1' -- python train.py": 'compare 不运行脚本：请写 stepsize tune "adam() | 1e-3" -- python train.py',
    "tune -- python train.py": 'tune：-- 之前没有策略：请写 stepsize tune "adam() | 1e-3" -- python train.py',
    "tune 'sgd() | 0.1' --": "-- 之后没有命令：请写训练的命令，例如 -- python train.py",
    "tune 'sgd() | 0.1' python train.py": 'tune：训练的命令之前要有 --：请写 stepsize tune "sgd() | 0.1" -- python …',
    "tune 'sgd() | 0.1' --target x -- python train.py": "--target 用于 DATA，而这里由脚本决定：请去掉",
    "tune digits --maximise": "--maximise 用于报告得分的脚本，对 DATA 由损失决定：请去掉",
    "diagnose no.csv": "没有文件 no.csv：请写 run.save(…) 写的文件，或者 CSV 或 JSONL 日志",
    "report no/no.csv": "没有文件 no/no.csv，也没有文件夹 no：请写 Recorder 或 run.save(…) 写的文件，或者 CSV 或 JSONL 日志",
    "study show no": "没有文件 no：请写以前 stepsize compare 或 tune 的 --out 文件夹",
}  # （见 show） is short for the line that says where help is


def test_the_rows_of_the_shell_are_all_here():
    assert [f"stepsize {line}" for line in LINES] == [*SHELL]


@pytest.mark.parametrize(("line", "told"), {**LINES, **MORE}.items(), ids={**LINES, **MORE})
def test_a_line_of_the_shell(line, told, tmp_path):
    done = run("--lang", "zh", *shlex.split(line), cwd=tmp_path)
    told = re.sub("（见(| [a-z]+)）$", r"（见 python -m stepsize\1 --help）", told)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"错误：{told}\n")


def test_a_command_that_is_none_is_refused_in_chinese_and_nothing_else(monkeypatch):
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert run("plot", "cosine()").stderr == "错误：没有命令 'plot'：请写 stepsize show\n"


CLICKED = {  # by click 8.2 to 8.5
    "No such option: --stp Did you mean --steps?": "没有选项 --stp。是不是 --steps？",
    "No such option: --stp (Possible options: --at, --steps)": "没有选项 --stp。是不是 --at, --steps？",
    "No such option '--stp'. Did you mean '--steps'?": "没有选项 '--stp'。是不是 '--steps'？",
    "No such option '--stp'.": "没有选项 '--stp'。",
    "No such command 'x'. (Did you mean one of: 'y', 'z'?)": "没有命令 'x'。是不是 'y', 'z'？",
    "No such command 'x'.": "没有命令 'x'。",
    "Missing argument 'EXPR...'.": "缺少参数 'EXPR...'。",
    "Got unexpected extra argument (a)": "有多余的参数（a）",
    "Got unexpected extra arguments (a b)": "有多余的参数（a b）",
    "Invalid value for '--png': File 'a' is a directory.": "'--png' 的值无效：'a' 是文件夹。",
    "Invalid value for '--png': Path 'a' is not readable.": "'--png' 的值无效：'a' 无法读取。",
    "Invalid value for '--png': File 'a' is not writable.": "'--png' 的值无效：'a' 无法写入。",
    "something new": "something new",
}


@pytest.mark.parametrize(("clicks", "told"), CLICKED.items(), ids=CLICKED)
def test_what_click_says(clicks, told, chinese):
    assert refused(clicks) == told


def test_what_click_says_is_known_by_what_this_click_says(chinese):
    """Every pattern that this version of click can meet here meets it; a new wording fails here."""
    tried = [
        click.NoSuchOption("--stp"),
        click.NoSuchOption("--stp", possibilities=["--steps"]),
        click.NoSuchOption("--stp", possibilities=["--steps", "--step"]),
        click.BadParameter("a", param_hint="'--x'"),
        click.MissingParameter(param=click.Argument(["word"])),
    ]
    for one in tried:
        assert CHINESE.search(refused(one.format_message()))


@pytest.mark.parametrize("number", ["0", "99"])
def test_a_number_out_of_range(number, chinese):
    with pytest.raises(click.BadParameter) as caught:
        click.IntRange(1, 9).convert(number, click.Option(["--x"]), None)
    assert refused(caught.value.format_message()) == f"'--x' 的值无效：{number} 不在范围 1<=x<=9 之内。"


def test_an_error_of_data_has_the_name_of_the_command(chinese):
    assert by_command("compare: x.csv 是空的", ["find", "x.csv"]) == "find：x.csv 是空的"
    assert by_command("sgd：不行", ["find"]) == "sgd：不行"
    assert by_command("compare: train.py 需要写明函数名：请写 a", ["tune", "train.py"]) == (
        'tune：train.py 需要写明函数名：请写 a；要给训练脚本调参，用 stepsize tune "adam() | 1e-3" -- python train.py'
    )


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "a.png"), "a.png 无法读写（没有权限）：请换一个"),
        (OSError(errno.ENOSPC, "No space left on device"), "输出无法写入（磁盘已满）：请换一个去处"),
        (OSError(errno.EBADF, "Bad file descriptor"), "输出无法写入（已关闭）：请换一个去处"),
    ],
)
def test_a_file_that_cannot_be_written(error, told, chinese, capsys, monkeypatch):
    monkeypatch.setattr("stepsize.cli.output._mute", lambda stream: None)
    assert lost(error) == 2
    assert capsys.readouterr().err == f"错误：{told}\n"


def test_what_is_not_known_of_a_file_is_told_as_it_is(chinese):
    assert reason(OSError(errno.EIO, "Input/output error")) == "Input/output error"


@pytest.mark.parametrize("words", [["show", "cosin()"], ["show", "--foo"], ["frobnicate"], ["show", "x", "--png", "/"]])
def test_an_error_in_english_loads_no_catalogue(words):
    code = (
        f"import sys; sys.argv = ['stepsize', *{words!r}]\n"
        "from stepsize.cli.start import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "found = [one for one in sys.modules if one.startswith(('stepsize.chinese', 'stepsize.cli.refused'))]\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_reading_that_goes_well_loads_no_messages():
    code = (
        "import sys, stepsize; stepsize.parse('sgd() | 0.1 * (warmup(9) >> cosine())')\n"
        "found = [one for one in sys.modules if one in ('stepsize.unread', 'stepsize._reasons') or 'suggest' in one]\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


FOUND = {
    "compare price.csv": "没有文件 price.csv：是不是 prices.csv？",
    "prices.csv": "没有命令 'prices.csv'：请写 stepsize diagnose prices.csv，或者 stepsize compare prices.csv",
    "explain 0.1 prices.csv 'cosine()'": 'shell 把 * 换成了文件名：请给表达式加引号，stepsize explain "0.1 * cosine()"',
    "show 'cosine()' --png no/a.png": "no/a.png 无法写入：没有这个文件或文件夹",
}


@pytest.mark.parametrize(("line", "told"), FOUND.items(), ids=FOUND)
def test_a_line_beside_a_file(line, told, tmp_path):
    (tmp_path / "prices.csv").write_text("a,b\n1,2\n")
    done = run("--lang", "zh", *shlex.split(line), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"错误：{told}\n")
