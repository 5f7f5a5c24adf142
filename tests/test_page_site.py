"""The site as `make site` builds it: no warning, no dead link, a search that finds, a menu on a phone."""

import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from headless import chromium

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
