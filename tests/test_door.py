"""The command line as a newcomer types it: each mistake is one line that shows what to write, said at once."""

import os
import subprocess
import sys

import pytest

from commandline import run
from stepsize.cli.start import is_negative, quick_show

HEAVY = {"sklearn", "polars", "torch", "matplotlib", "scipy", "jax"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run.csv").write_text("step,loss\n1,2\n2,1\n")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "0.1 * StepLR(30)"], "column 7: StepLR is a name of torch: write 0.1 * staircase(0.1, 30)"),
        (["show", "adam(lr=0.002)"], "column 1: the rate comes after the rule: write adam() | 0.002"),
        (["show", "0.1 × cosine（70）"], "column 5: × is typed as * here: write 0.1 * cosine(70)"),
        (["show", "lr=0.3"], "column 3: this cannot be read: write 0.3"),
        (["show", "cosine(10"], "column 7: 1 parenthesis not closed: add ), write cosine(10)"),
        (
            ["show", "warmup(7%) >> cosine()"],
            "a share or another unit stands in quotes: write warmup('7%') >> cosine()",
        ),
        (["show", "-0.1 * cosine()"], "rate: base must be a number ≥ 0, not -0.1"),
        (["show", "--json", "-0.1 * cosine()"], "rate: base must be a number ≥ 0, not -0.1"),
        (["explain", "-.1 * cosine()"], "rate: base must be a number ≥ 0, not -0.1"),
        (["diff", "-cosine()", "cosine()"], "only a number can have a sign"),
        (["show", "0.1", "*", "cosine()"], 'the shell took the expression apart: write stepsize show "0.1 * cosine()"'),
        (["explain", "0.1", "*", "cosine()"], 'took the expression apart: write stepsize explain "0.1 * cosine()"'),
        (["diff", "0.1", "*", "cosine()"], 'took the expression apart: write stepsize diff "0.1 * cosine()"'),
        (["show", "0.1", "run.csv", "cosine"], "the shell put file names in place of *: quote the expression"),
        (["0.1 * cosine()"], 'No command before the expression: write stepsize show "0.1 * cosine()"'),
        (["run.csv"], "No such command 'run.csv': write stepsize diagnose run.csv, or stepsize compare run.csv"),
        (["plot", "cosine()"], "No such command 'plot': write stepsize show"),
        (["help", "StepLR"], "StepLR is a name of torch"),
        (["shwo", "cosine()"], "No such command 'shwo'. Did you mean 'show'?"),
        (["show"], "Missing argument 'EXPR...': write stepsize show \"0.1 * cosine()\""),
        (["compare"], "Missing argument 'DATA': write stepsize compare digits"),
        (["list", "cosine"], "list takes no word: write stepsize list, or stepsize help cosine"),
        (["show", "cosine()", "--step", "10"], "'--steps'"),
        (["show", "cosine()", "--steps", "ten"], "'ten' is not a whole number, such as 10"),
        (["show", "cosine()", "--steps", "1.5"], "'1.5' is not a whole number, such as 10"),
        (["show", "cosine()", "--steps", "-5"], "-5 is not in the range"),
        (["show", "cosine()", "--at", "-1"], "--at takes steps from 0 such as 0,1,999, not '-1'"),
        (["diagnose", "run.cvs"], "there is no file run.cvs: did you mean run.csv?"),
        (["diagnose", "elsewhere/run.csv"], "there is no file elsewhere/run.csv, and no folder elsewhere"),
        (["compare", "runs.csv", "--target", "y"], "there is no file runs.csv: did you mean run.csv?"),
        (["compare", "model.py:net"], "there is no file model.py: name a .csv or .parquet file"),
        (["compare", "digit"], "did you mean digits?"),
    ],
)
def test_a_mistake_is_one_line_that_shows_what_to_write(words, said, folder):
    done = run(*words, cwd=folder)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    "words",
    [
        ["show", "cosine()", "linear()"],
        ["show", "0.1", "cosine()"],  # two expressions, though one could be meant
        ["show", "cosine()", "--steps", "1e3"],
        ["show", "cosine()", "--steps", "1000.0"],
        ["diff", "cosine()", "linear()"],
        ["explain", " 0.1 * cosine()"],
        ["list"],
    ],
)
def test_what_is_meant_is_done_without_a_word(words, folder):
    (folder / "cosine()").write_text("a file that has the name of an expression")
    done = run(*words, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_count_may_be_written_as_a_number():
    assert run("show", "cosine()", "--steps", "1e2").stdout == run("show", "cosine()", "--steps", "100").stdout


@pytest.mark.parametrize("count", ["9" * 5000, "1e999", "nan", "-" + "9" * 5000])
def test_an_absurd_count_is_one_short_line(count):
    for option in ("--steps", "--at"):
        done = run("show", "cosine()", option, count)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert len(done.stderr) < 2100


def test_what_is_quoted_cannot_write_to_the_terminal(folder):
    done = run("diagnose", "a\n\x1b[31mb", cwd=folder)
    assert done.stderr.startswith("error: there is no file a\\n\\x1b[31mb: name a file")
    assert len(done.stderr.splitlines()) == 1


def test_a_leading_minus_is_no_option_only_where_a_number_follows():
    assert [is_negative(one) for one in ("-0.1 * cosine()", "-.5", "-cosine()")] == [True] * 3
    assert [is_negative(one) for one in ("-h", "--steps", "--at=0,1", "-", "--(", "0.1 - 1")] == [False] * 6
    assert quick_show(["show", "-0.1 * cosine()"])["texts"] == ("-0.1 * cosine()",)
    assert quick_show(["show", "-h"]) is None


def loaded(*words, cwd):
    """The modules that are loaded at the end of a command."""
    code = (
        f"import sys; sys.argv = ['stepsize', *{words!r}]\n"
        "from stepsize.cli.start import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "sys.__stdout__.write('\\n' + ' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_a_mistyped_path_is_told_before_anything_heavy_is_loaded(folder):
    basis = loaded("--help", cwd=folder)
    for words in (["compare", "nothing.csv", "--target", "y"], ["diagnose", "nothing.csv"], ["compare", "a/b.py:f"]):
        modules = loaded(*words, cwd=folder)
        assert "numpy" not in modules
        assert not HEAVY & modules
        assert len(modules - basis) < 10, sorted(modules - basis)
    assert not HEAVY & loaded("compare", "digit", cwd=folder)


@pytest.mark.skipif(os.name != "posix", reason="a shell of its own")
def test_a_mistake_in_a_plain_show_loads_no_click(folder):
    assert not {"click", "rich", "numpy"} & loaded("show", "cosin()", cwd=folder)
