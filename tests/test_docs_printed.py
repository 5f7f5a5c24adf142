"""What a page shows as the output of a command is what the command prints, whole."""

import re
from pathlib import Path

import pytest

import stepsize
from commandline import run
from stepsize.transfer.laws import LAWS

DOCS = Path(__file__).parents[1] / "docs"


def shown(page, first):
    """The indented block of a page that begins with this line."""
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^(?:    .*\n)+", text, re.M)
    return next(re.sub(r"^    ", "", one, flags=re.M) for one in blocks if one.strip().startswith(first))


@pytest.mark.parametrize("page", ["tune.md", "zh/tune.md"])
def test_the_tune_of_the_first_page_prints_what_the_page_shows(page, tmp_path):
    pytest.importorskip("sklearn")
    language = "zh" if page.startswith("zh/") else "en"
    done = run("tune", "digits", "--lang", language, cwd=tmp_path)
    assert done.stdout == shown(page, "sgd(momentum=0.9) | 0.12")


def test_the_start_page_shows_what_its_commands_print(tmp_path):
    pytest.importorskip("sklearn")
    for page, language in (("start.md", "en"), ("zh/start.md", "zh")):
        done = run("tune", "wine", "adam() | 0.01 * cosine()", "--lang", language, cwd=tmp_path)
        assert done.stdout == shown(page, "adam() | 0.088")
    words = ("explain", "0.1 * (warmup('5%') >> cosine())", "--steps", "500")
    assert run(*words).stdout == shown("start.md", "Updates 0 to 24")
    assert run(*words, "--lang", "zh").stdout == shown("zh/start.md", "第 0 到 24 次更新")


def test_the_page_of_find_shows_what_it_prints():
    pytest.importorskip("sklearn")
    done = run("find", "wine", "adam() | 1e-3 * cosine()", "--lang", "zh")
    assert done.stdout == shown("zh/find.md", "adam() | rate，用于 wine")


@pytest.mark.parametrize("page", ["start.md", "zh/start.md"])
def test_the_start_page_names_the_wheel_of_this_version(page):
    named = set(re.findall(r"stepsize-[\d.]+-py3", (DOCS / page).read_text(encoding="utf-8")))
    assert named == {f"stepsize-{stepsize.__version__}-py3"}


def test_a_rate_that_is_carried_over_prints_what_the_page_shows():
    done = run("scale", "adam() | 1e-3 * cosine()", "--batch", "256:4096")
    assert done.stdout == shown("transfer.md", "adam() | 0.004")


def test_the_page_of_the_bench_ends_as_its_maker_writes_it(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(DOCS.parent)
    from bench.tune.page import _ways

    assert (DOCS / "tune-bench.md").read_text(encoding="utf-8").endswith(_ways() + "\n")


def test_the_ranges_of_the_rules_are_those_that_the_page_names():
    batch, steps = (
        {one.most for one in LAWS if one.what == what and one.name != "noise"} for what in ("batch", "steps")
    )
    assert batch == steps == {32}
    assert {one.most for one in LAWS if one.what in ("width", "depth")} == {16}
    assert [one.most for one in LAWS if one.name == "noise"] == [1000]
    page = (DOCS / "transfer.md").read_text(encoding="utf-8")
    assert all(one in page for one in ("factor of 32", "of 16 for width", "it is 1,000"))
