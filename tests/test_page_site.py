"""The site as `make site` builds it: no warning, no dead link, every public name, a search that finds, a phone."""

import importlib
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

import stepsize
from headless import chromium, show
from stepsize import presets

for needed in ("sphinx", "myst_parser", "furo"):
    pytest.importorskip(needed, reason=f"{needed} is not installed: make test-page")


ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = tmp_path_factory.mktemp("site")
    line = next(one for one in (ROOT / "Makefile").read_text().splitlines() if "-m sphinx" in one)
    words = line.split()[1:]
    assert words[-1] == "out/site"
    done = subprocess.run([sys.executable, *words[:-1], str(made)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def browser(site):
    with chromium() as driver:
        yield driver


class Links(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.names = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self.names |= {told[key] for key in ("id", "name") if told.get(key)}
        self.links += [told[key] for key in ("href", "src") if told.get(key)]


def test_every_link_leads_somewhere(site):
    pages = {one: Links(one.read_text(encoding="utf-8")) for one in site.rglob("*.html")}
    assert len(pages) > 20
    dead = []
    for page, found in pages.items():
        for link in found.links:
            if re.match(r"(https?:|data:|mailto:|#$)", link):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / unquote(path.partition("?")[0])).resolve() if path else page
            if not target.exists() or (anchor and target in pages and unquote(anchor) not in pages[target].names):
                dead.append((page.name, link))
    assert not dead


def test_nothing_is_fetched_from_another_server(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"(?:https?:)?//[^\"]+", text), page.name


def test_every_public_name_is_shown(site):
    shown = {name for page in (site / "reference").glob("*.html") for name in Links(page.read_text("utf-8")).names}
    public = [f"stepsize.{name}" for name in stepsize.__all__ if name != "problems"]
    for package in ("stepsize.adapters.torch", "stepsize.adapters.sinks", "stepsize.transfer"):
        public += [f"{package}.{name}" for name in importlib.import_module(package).__all__]
    public += [f"stepsize.presets.{one}.{name}" for one in presets.__all__ for name in getattr(presets, one).__all__]
    assert not set(public) - shown


def test_pictures_stand_in_the_reference(site):
    schedules = (site / "reference" / "schedules.html").read_text(encoding="utf-8")
    assert re.search(
        r'id="stepsize\.cosine".*?<img alt="cosine" class="drawn" src="\.\./_images/cosine\.svg"', schedules, re.S
    )
    controllers = (site / "reference" / "controllers.html").read_text(encoding="utf-8")
    assert re.search(r'id="stepsize\.plateau".*?<svg [^>]*>.*?id="stepsize\.polyak"', controllers, re.S)


def test_a_source_stands_by_itself(site):
    pages = [one.read_text(encoding="utf-8") for one in (site / "reference").glob("*.html")]
    assert sum(page.count("<p><strong>Source</strong>:") for page in pages) > 150
    assert not [found for page in pages for found in re.findall(r"[^>]Sources?:.*", re.sub(r"<pre.*?</pre>", "", page))]


def test_chinese_pages_are_chinese_around_the_text_and_have_no_gaps_in_it(site):
    page = (site / "zh" / "tune.html").read_text(encoding="utf-8")
    for word in ('lang="zh-CN"', "下一页", "上一页", "本页内容", 'placeholder="搜索"'):
        assert word in page
    assert "On this page" not in page
    prose = re.sub(r"<pre.*?</pre>|<script.*?</script>", "", page, flags=re.S)
    assert not re.findall(r"[\u4e00-\u9fff，。]\n[\u4e00-\u9fff]", prose)
    assert "On this page" in (site / "tune.html").read_text(encoding="utf-8")


def settled(browser, script, seconds=10):
    """What a script answers, as soon as that is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := browser.execute_script(script):
            return found
        time.sleep(0.1)
    raise AssertionError(f"nothing came of {script}")


@pytest.mark.parametrize("word", ["cosine", "clip_norm", "余弦", "余弦退火"])
def test_the_search_finds_on_pages_that_were_opened_from_disk(browser, site, word):
    browser.get(f"{(site / 'search.html').as_uri()}?q={quote(word)}")
    found = settled(browser, "return [...document.querySelectorAll('#search-results li a')].map(a => a.href)")
    assert found
    for one in found:
        path = unquote(one.removeprefix("file://").partition("#")[0].partition("?")[0])
        assert Path(path).exists(), one
    assert not browser.get_log("browser")


@pytest.mark.parametrize(
    ("word", "first"),
    [
        ("cosine", "reference/schedules.html#stepsize.cosine"),
        ("warmup", "reference/schedules.html#stepsize.warmup"),
        ("plateau", "reference/controllers.html#stepsize.plateau"),
        ("OneCycleLR", "reference/presets.html#stepsize.presets.torch.OneCycleLR"),
        ("nan", "faults.html"),
        ("learning rate", "tune.html"),
        ("weight decay", "groups.html"),
        ("学习率", "zh/tune.html"),
        ("余弦", "zh/choose.html"),
    ],
)
def test_the_first_that_the_search_finds_is_of_use(browser, site, word, first):
    browser.get(f"{(site / 'search.html').as_uri()}?q={quote(word)}")
    found = settled(browser, "return document.querySelector('#search-results li a')?.href")
    assert unquote(found).partition("?")[0].endswith(first) or unquote(found).endswith(first)


def test_the_pages_that_the_search_prefers_are_there(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "site")
    pages = set(importlib.import_module("words").KEYWORDS)
    for line in re.findall(
        r"^const (?:FIRST|LAST) = /\^\((.*)\)\$/;$", (ROOT / "site" / "scorer.js").read_text(), re.M
    ):
        folded = re.sub(r"zh\\/\(([^)]*)\)", lambda group: "|".join(f"zh/{one}" for one in group[1].split("|")), line)
        pages |= set(folded.split("|"))
    assert {"lab-book", "zh/tune"} <= pages
    assert not [one for one in pages if not (ROOT / "docs" / f"{one}.md").exists()]


def test_the_search_names_no_page_twice_for_one_word(browser, site):
    browser.get(f"{(site / 'search.html').as_uri()}?q=resume")
    settled(browser, "return document.querySelector('#search-results p')?.innerText")
    found = browser.execute_script("return [...document.querySelectorAll('#search-results li a')].map(a => a.href)")
    assert len(found) == len(set(found))


def test_a_block_of_code_is_copied_as_it_was_typed(browser, site):
    browser.get((site / "reference" / "clips.html").as_uri())
    button = "document.getElementById('stepsize.clip')?.parentElement.querySelector('button.copy')"
    assert settled(browser, f"return {button}?.textContent") == "Copy"
    keep = "navigator.clipboard.writeText = async (text) => { window.copied = text }"
    browser.execute_script(f"{keep}; {button}.click()")
    assert settled(browser, "return window.copied") == "from stepsize import sgd\nsgd() | 0.1 | clip(0.01)"
    assert settled(browser, f"return {button}.textContent") == "Copied"
    browser.get((site / "zh" / "start.html").as_uri())
    assert settled(browser, "return document.querySelector('button.copy')?.textContent") == "复制"


def test_no_page_is_wider_than_a_phone_and_none_complains(browser, site, tmp_path):
    for page in sorted(site.rglob("*.html")):
        show(browser, page.as_uri(), tmp_path, width=390, dark=True)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390, page.name
        assert not browser.get_log("browser"), page.name
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_search_does_not_find_what_is_not_there(browser, site):
    browser.get(f"{(site / 'search.html').as_uri()}?q={quote('囧囧')}")
    assert "did not match" in settled(browser, "return document.querySelector('#search-results p')?.innerText")


def test_the_menu_opens_on_a_phone(browser, site):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get((site / "tune.html").as_uri())
    wide = "return document.documentElement.scrollWidth"
    assert browser.execute_script(wide) <= 390
    left = "return document.querySelector('.sidebar-drawer').getBoundingClientRect().left"
    assert browser.execute_script(left) < 0
    browser.execute_script("document.querySelector('.nav-overlay-icon label, label[for=__navigation]').click()")
    end = time.monotonic() + 5
    while browser.execute_script(left) < 0 and time.monotonic() < end:
        time.sleep(0.1)
    assert browser.execute_script(left) == 0
    assert not browser.get_log("browser")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
