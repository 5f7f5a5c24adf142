"""The page of runs in Chinese, worked with in headless Chromium; its file of numbers stays English."""

import csv
import time

import numpy as np
import pytest

from headless import ActionChains, By, chromium, show
from stepsize.lab.records.record import Decision, Record
from stepsize.report.runs.page import run_page
from stepsize.report.runs.seen import Seen
from stepsize.watch.folder import of_paths

pytest.importorskip("tornado", reason="tornado is not installed: make test-page")

from recordings import append, row, write
from serving import served
from test_language_runs import CHINESE, english
from test_page_clicked import WATCHED, click

LOWERED = "loss not better than 0.1 for 9 values: factor 0.5"


@pytest.fixture(scope="module")
def browser():
    with chromium(WATCHED) as driver:
        yield driver


pytestmark = pytest.mark.usefixtures("chinese")


def record(rows=2000, **columns):
    steps = np.arange(rows)
    losses = np.exp(-steps / 500) + 0.1
    losses[700:701] = 9.0
    decided = (Decision(700, "plateau", LOWERED, factor=0.5),)
    looks = {"measured_at": (rows // 2, rows), "validated": np.array([1.0, 0.9])}
    return Record(
        steps=steps, losses=losses, rates=np.where(steps < rows / 4, 0.1, 0.0), decisions=decided, **looks, **columns
    )


@pytest.fixture
def written(tmp_path):
    def page(*runs):
        file = tmp_path / "page.html"
        file.write_text(run_page(runs), encoding="utf-8")
        return file.as_uri()

    return page


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)])
def test_it_is_drawn_whole_at_both_widths(browser, written, tmp_path, width, dark):
    driver = show(browser, written(Seen.of("a", record()), Seen.of("b", record(50))), tmp_path, width, dark)
    assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    for chart in driver.find_elements(By.CSS_SELECTOR, "figure[data-chart]:not([hidden])"):
        canvas = chart.find_element(By.CSS_SELECTOR, ".u-wrap")
        assert canvas.rect["x"] + canvas.rect["width"] <= width
    assert (
        driver.execute_script("return getComputedStyle(document.querySelector('.findings em')).fontStyle") == "normal"
    )
    assert not english(driver.find_element(By.TAG_NAME, "main").text, "plateau")
    assert browser.get_log("browser") == []


def test_the_cursor_tells_numbers_and_reasons_and_a_legend_hides(browser, written, tmp_path):
    driver = show(browser, written(Seen.of("a", record())), tmp_path)
    over = driver.find_element(By.CSS_SELECTOR, "[data-chart=loss] .u-over")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", over)
    left = driver.execute_script("return plots.loss.valToPos(700, 'x')")
    ActionChains(driver).move_to_element_with_offset(over, int(left - over.size["width"] / 2), 20).perform()
    tip = driver.find_element(By.CSS_SELECTOR, "[data-chart=loss] .tip").text
    assert tip.startswith("更新次数 ")
    assert "损失连续 9 个值没有优于 0.1：因子 0.5" in tip
    assert not english(tip)
    assert [b.text for b in driver.find_elements(By.CSS_SELECTOR, "[data-chart=loss] .legend button")] == [
        "训练",
        "验证",
    ]
    click(driver, "[data-chart=loss] .legend button:first-child")
    assert driver.execute_script("return plots.loss.series[1].show") is False
    assert browser.get_log("browser") == []


def test_the_file_of_numbers_is_english(browser, written, tmp_path):
    driver = show(browser, written(Seen.of("a", record())), tmp_path)
    click(driver, "#download")
    began = time.monotonic()
    while not (tmp_path / "run.csv").exists():
        assert time.monotonic() - began < 10
        time.sleep(0.05)
    with (tmp_path / "run.csv").open(newline="", encoding="utf-8") as file:
        assert next(csv.reader(file)) == ["run", "update", "loss/training", "loss/validation", "rate/rate"]


def test_a_run_that_goes_on_is_told_in_chinese(browser, tmp_path):
    file = tmp_path / "run.jsonl"
    write(file, 30)
    with served(lambda: of_paths([file])) as port:
        driver = show(browser, f"http://127.0.0.1:{port}/", tmp_path)
        append(file, row(30))
        began = time.monotonic()
        while "31" not in (told := driver.find_element(By.ID, "numbers").text):
            assert time.monotonic() - began < 10
            time.sleep(0.05)
        assert CHINESE.search(told)
        while not (said := driver.find_element(By.ID, "said").text).startswith("实时："):
            assert time.monotonic() - began < 10
        assert not english(said)
        driver.get("about:blank")
