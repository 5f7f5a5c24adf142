"""The commonest mistakes and what is said of each: the table of docs/mistakes.md, word for word.

`python tests/test_commonest_mistakes.py` prints the tables of the page anew.
"""

import inspect
import shlex
import warnings
from pathlib import Path

import pytest
import torch

import stepsize
from commandline import run
from stepsize import ParseError, parse, problems
from stepsize.adapters.torch import Scheduler
from stepsize.adapters.torch import optimizer as strategy
from stepsize.stage import Rule

PAGE = Path(__file__).parents[1] / "docs" / "mistakes.md"
TEXTS = {
    "StepLR(30)": "StepLR is a name of torch: write staircase(0.1, 30)",
    "0.1 * cosine(T_max=100)": "cosine has no field 'T_max' (its fields are length, final): write 0.1 * cosine(100)",
    "lr=0.1": "this cannot be read: write 0.1",
    "lr * cosine()": "lr is no word of a text: write 0.1 * cosine()",
    "adam(lr=0.001)": "the rate comes after the rule: write adam() | 0.001",
    "adam(betas=(0.9, 0.95)) | 0.001": "adam has no field 'betas', did you mean 'beta2'? "
    "(its fields are beta1, beta2, eps, eps_root): write adam(beta2=0.95) | 0.001",
    "sgd(weight_decay=1e-4) | 0.1": "sgd has no field 'weight_decay' (its fields are momentum, dampening, nesterov): "
    "write weight_decay(0.0001) | sgd() | 0.1",
    "momentum=0.9": "this cannot be read: write sgd(momentum=0.9) | 0.1",
    "0.1 × cosine（70）": "× is typed as * here: write 0.1 * cosine(70)",
    "warmup(5%) >> cosine()": "a share or another unit stands in quotes: write warmup('5%') >> cosine()",
    "warmup(5 epochs) >> cosine()": "this cannot be read: write warmup('5ep') >> cosine()",
    "warmup('5 epochs') >> cosine()": "warmup: length '5 epochs' is not a length: write warmup('5ep') >> cosine()",
    "warmup(0.05) >> cosine()": "warmup: length 0.05 is neither steps nor a share: write warmup('5%') >> cosine()",
    "cosine(0.1)": "cosine: length 0.1 is neither steps nor a share: write cosine('10%') for a share of the run, "
    "0.1 * cosine() for a rate",
    "multistep(0.1, 30, 60)": "multistep takes its boundaries one by one and gamma by name: write multistep(30, 60)",
    "-0.1 * cosine()": "rate: base must be a number ≥ 0, not -0.1: write 0.1 * cosine()",
    "sgd | 0.1": "sgd is a word without its parentheses: write sgd() | 0.1",
    "0.1 | sgd()": "a rate comes after a rule: write sgd() | 0.1",
    "0.1 * warmup(100) >> cosine()": "a rate cannot be followed by a factor, it would jump to the bare factor: "
    "write 0.1 * (warmup(100) >> cosine())",
    "[warmup(100), cosine()]": "a comma makes a list here: write warmup(100) >> cosine()",
    "warmup(100) | cosine()": "warmup(100) and cosine() do not combine this way: write warmup(100) >> cosine()",
    "LambdaLR(optimizer, lambda epoch: 0.95 ** epoch)": "LambdaLR is a name of torch: write formula('0.95 ** t')",
    "cosin(10)": "unknown word 'cosin', did you mean 'cosine'? All words: stepsize list",
    "poly(100)": "unknown word 'poly', did you mean 'polynomial'? All words: stepsize list",
}
PYTHON = {
    "adam(lr=0.1)": "the rate comes after the rule: write adam() | 0.1",
    "adam(0.1)": "adam does not take these arguments: write adam() | 0.1",
    "cosine(T_max=100)": "cosine has no field 'T_max' (its fields are length, final): write cosine(100)",
    "sgd | 0.1": "sgd is a word without its parentheses: write sgd()",
    "0.1 * cosine": "cosine is a word without its parentheses: write cosine()",
    "Scheduler(optimizer, 'cosine()')": "Scheduler: cosine() depends on the length of the run: "
    "write Scheduler(…, total_steps=…), the number of optimizer steps",
    "Scheduler(optimizer, \"warmup('5ep')\")": "warmup: length '5ep' needs steps_per_epoch: "
    "write Scheduler(…, steps_per_epoch=…)",
    "Scheduler(optimizer, 'cosine()', T_max=100)": "Scheduler: there is no option 'T_max': "
    "write Scheduler(…, total_steps=…), the number of optimizer steps",
    "Scheduler(optimizer, 'cosine()', 100, lr=0.1)": "Scheduler: there is no option 'lr': "
    'the rate stands in the expression, "0.1 * cosine()", or in the optimizer',
    "Scheduler(optimizer, 'sgd() | 0.1')": "Scheduler: sgd() | 0.1 is more than a rate: "
    "write Scheduler(optimizer, '0.1'), or build the whole strategy with "
    "stepsize.adapters.torch.optimizer(params, …)",
    "Scheduler(optimizer, cosine)": "Scheduler: cosine is a word without its parentheses: write cosine()",
    "Scheduler('cosine()', optimizer)": "Scheduler: optimizer must be a torch.optim.Optimizer, not 'cosine()': "
    "the optimizer comes first, Scheduler(optimizer, 'cosine()')",
    "strategy(params, '0.1 * cosine()', 100)": "0.1 * cosine() is a rate without a rule: write sgd() | 0.1 * cosine()",
    "strategy(params, 'cosine()', 100)": "cosine() is a schedule without a rule and a rate: "
    "write sgd() | 0.1 * cosine()",
    "strategy(params, 'adam()', 100)": "adam() is a rule without a rate: write adam() | 0.1",
    "descend(problem, 'clip_norm(1)', steps=5)": "clip_norm(1) has no rule and no rate behind it: "
    "write clip_norm(1) | sgd() | 0.1",
}
SHELL = {
    "stepsize show 0.1 '*' 'cosine()'": 'the shell took the expression apart: write stepsize show "0.1 * cosine()"',
    "stepsize '0.1 * cosine()'": 'No command before the expression: write stepsize show "0.1 * cosine()"',
    "stepsize compare 'sgd() | 0.1'": 'compare: DATA comes first: write stepsize compare digits "sgd() | 0.1"',
    "stepsize tune digits 'cosine()'": "cosine() is a schedule without a rule and a rate: write sgd() | 0.1 * cosine()",
    "stepsize compare digits 'sgd() | 0.1' --lr 0.1": "No such option '--lr': the rate stands in the expression, "
    '"0.1 * cosine()" or "sgd() | 0.1"',
    "stepsize compare digits 'sgd() | 0.1' --epochs 5": "No such option '--epochs': write --steps, the number of "
    "updates: epochs times the batches of one",
    "stepsize show \"cosine('30ep')\" --steps 100": "cosine: length '30ep' needs steps_per_epoch: "
    "write --steps-per-epoch …",
    "stepsize compare price.csv": "there is no file price.csv: name a .csv or .parquet file, file.py:function, or a "
    "bundled set such as digits",
}


def cell(text):
    return f"`{text.replace('|', chr(92) + '|')}`"


def table(head, said):
    lines = [f"| {head} | It says |", "|---|---|"]
    return "\n".join([*lines, *(f"| {cell(wrong)} | {cell(message)} |" for wrong, message in said.items())])


TABLES = {"You write in a text": TEXTS, "You write in Python": PYTHON, "You type": SHELL}


@pytest.mark.parametrize(("head", "said"), TABLES.items(), ids=TABLES)
def test_the_page_shows_this_table(head, said):
    assert table(head, said) in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(("text", "said"), TEXTS.items(), ids=TEXTS)
def test_a_text(text, said):
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert caught.value.message == said


def shown_lines():
    """What the messages say to write, where that is a whole expression."""
    lines = [said.rpartition(": write ")[2] for said in (*TEXTS.values(), *PYTHON.values()) if ": write " in said]
    return [line for line in lines if not line.startswith("Scheduler") and " for a " not in line]


@pytest.mark.parametrize("line", shown_lines())
def test_what_a_message_shows_is_read(line):
    parse(line)


@pytest.mark.parametrize(("code", "said"), PYTHON.items(), ids=PYTHON)
def test_a_line_of_python(code, said):
    params = [torch.nn.Parameter(torch.ones(2))]
    names = {name: getattr(stepsize, name) for name in ("adam", "sgd", "cosine", "descend")}
    names |= {"Scheduler": Scheduler, "strategy": strategy, "params": params}
    names |= {"optimizer": torch.optim.SGD(params, lr=0.1), "problem": problems.least_squares([[1.0]], [1.0])}
    with pytest.raises((TypeError, ValueError)) as caught:
        eval(code, names)
    assert str(caught.value) == said


@pytest.mark.parametrize(("line", "said"), SHELL.items(), ids=SHELL)
def test_a_line_of_the_shell(line, said, tmp_path):
    done = run(*shlex.split(line)[1:], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {said}\n"


def test_what_is_right_stays_silent():
    rates = [
        "0.1",
        "cosine(100, final=0.1)",
        "adam(beta2=0.95) | 1e-3",
        "warmup('5%') >> cosine()",
        "multistep(30, 60)",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for text in rates:
            assert parse(str(parse(text))) == parse(text)
        assert isinstance(stepsize.adam(), stepsize.sgd | stepsize.adam)  # a union of types is no strategy
        assert isinstance(None, stepsize.sgd | None)
        assert isinstance(stepsize.cosine(), None | stepsize.cosine)


def test_the_signature_of_a_word_is_that_of_its_constructor():
    assert str(inspect.signature(stepsize.cosine)).startswith("(length:")
    assert "final" in inspect.signature(stepsize.cosine).parameters
    assert not hasattr(stepsize.cosine(), "__signature__")


def test_a_word_of_ones_own_is_refused_in_pythons_words():
    class mine(Rule):
        __slots__ = ()

        def __init__(self, momentum=0.9):
            self._store(momentum=momentum)

    with pytest.raises(TypeError, match=r"__init__\(\) got an unexpected keyword argument 'lr'$"):
        mine(lr=0.1)


if __name__ == "__main__":
    print("\n\n".join(table(head, said) for head, said in TABLES.items()))
