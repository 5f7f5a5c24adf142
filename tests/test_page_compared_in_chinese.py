"""The Chinese page of a comparison, worked with in headless Chromium; see `make test-page`."""

import re

import pytest

import summaries
from headless import ActionChains, By, chromium, show
from stepsize._language import speak
from stepsize.report.page import page
from test_page_clicked import WATCHED, click

DRAWN = """
window.drawn = new Set(); const write = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
  drawn.add(text);
  return write.call(this, text, ...rest);
};
"""
ENGLISH = re.compile(r"[A-Za-z]{2,}")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    speak("zh")
    source = page(summaries.judged(summaries.summary(14)))
    speak("en")
    path = tmp_path_factory.mktemp("chinese") / "page.html"
    path.write_text(source, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser():
    with chromium(WATCHED + DRAWN) as driver:
        yield driver


@pytest.fixture
def opened(browser, address, tmp_path):
    """Opens the page at a width, light or dark; at the end there were no errors in the console."""

    def open_page(width=1440, dark=False):
        return show(browser, address, tmp_path, width, dark)

    yield open_page
    assert browser.get_log("browser") == []


def test_what_stands_on_the_charts_is_chinese(opened):
    driver = opened()
    labels = driver.execute_script("return Object.values(plots).map((one) => one.axes[0].label)")
    assert labels == ["步数", "步数", "步数", "基础学习率"]
    drawn = driver.execute_script("return [...drawn]")
    assert "发散" in drawn
    assert not [text for text in drawn if ENGLISH.search(text)]


@pytest.mark.parametrize(("chart", "first"), [("train", "步数"), ("rates", "步数"), ("bases", "基础学习率")])
def test_what_the_cursor_tells_is_chinese(chart, first, opened):
    driver = opened()
    over = driver.find_element(By.CSS_SELECTOR, f"[data-chart={chart}] .u-over")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", over)
    ActionChains(driver).move_to_element_with_offset(over, over.size["width"] // 2 - 20, 0).perform()
    [tip] = [one.text for one in driver.find_elements(By.CSS_SELECTOR, ".tip") if one.text]
    assert tip.startswith(first)
    assert not ENGLISH.search(tip.replace("strategy", ""))
    assert "还有 " in tip
    assert ("发散 2/2" in tip) == (chart == "bases")


def test_buttons_and_counts_change_in_chinese(opened):
    driver = opened()
    everyone = driver.find_element(By.ID, "everyone")
    assert everyone.text == "全部隐藏"
    click(driver, "#everyone")
    assert everyone.text == "全部显示"
    click(driver, "#everyone")
    driver.find_element(By.ID, "search").send_keys("13")
    assert driver.find_element(By.ID, "count").text == "显示 1 条，共 14 条"
    button = driver.find_elements(By.CSS_SELECTOR, "[data-copy]")[13]
    assert button.text == "复制"
    assert button.get_attribute("aria-label") == "复制 strategy 13 的表达式"


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_is_as_wide_as_the_screen(width, dark, opened):
    driver = opened(width, dark)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert driver.execute_script("return document.documentElement.lang") == "zh-Hans"
