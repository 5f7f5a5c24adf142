"""`stepsize help WORD` and `stepsize list --kind`."""

import pytest

from commandline import run
from stepsize.vocabulary import WORDS, kind_of


@pytest.mark.parametrize("typed", ["cosine", "cosine(10)", " cosine "])
def test_a_word_is_told_whole(typed):
    told = run("help", typed).stdout
    first, kind, *_ = told.splitlines()
    assert first == "cosine(length=None, *, final=0.0)"
    assert kind == "schedule"
    assert "Loshchilov" in told
    assert ">>> cosine(100)(50)" in told


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("StepLR", "StepLR is a name of torch"),
        ("cosin", "did you mean 'cosine'?"),
        ("0.1 * cosine()", "is no single word: write stepsize explain '0.1 * cosine()'"),
    ],
)
def test_what_is_no_word_is_one_line(typed, said):
    done = run("help", typed)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_command_and_nothing_show_their_help():
    assert run("help", "tune").stdout == run("tune", "--help").stdout
    assert run("help").stdout == run("--help").stdout


def test_the_list_can_be_one_kind():
    told = run("list", "--kind", "controllers").stdout
    assert "polyak" in told
    assert not [word for word in WORDS if kind_of(word) == "rule" and f"  {word} " in told]
    assert "there is no kind 'thing': write one of schedule" in run("list", "--kind", "thing").stderr
