"""The page of runs, worked with in headless Chromium, as a file and while the runs go on; see `make test-page`."""

import contextlib
import csv
import time

import numpy as np
import pytest

from headless import ActionChains, By, chromium, show
from ill_runs import make
from recordings import append, head, row, text, write
from stepsize.lab.diagnosis import Diagnosis, Finding
from stepsize.lab.records.record import Decision, Record, read
from stepsize.report.runs.page import run_page
from stepsize.report.runs.seen import Seen
from stepsize.watch.folder import in_folder, of_paths

pytest.importorskip("tornado", reason="tornado is not installed: make test-page")

from serving import served
from test_page_clicked import WATCHED, click, drag, scale


@contextlib.contextmanager
def watched(opened, list_files, root=None, address=""):
    """The live page, which is left before its server ends."""
    with served(list_files, root) as port:
        driver = opened(f"http://127.0.0.1:{port}/{address}")
        yield driver
        driver.get("about:blank")


SIZES = [(1440, False), (1440, True), (390, False), (390, True)]
# the lightness of what a canvas shows, so that an empty chart is seen as one
INKED = """
const canvas = document.querySelector(`[data-chart=${arguments[0]}] canvas`), {width, height} = canvas;
const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
let inked = 0;
for (let i = 3; i < pixels.length; i += 4) inked += pixels[i] > 0;
return inked / (width * height);
"""


@pytest.fixture(scope="module")
def browser():
    with chromium(WATCHED) as driver:
        yield driver


@pytest.fixture
def opened(browser, tmp_path):
    """Opens an address at a width, light or dark; at the end there were no errors in the console."""

    def open_page(address, width=1440, dark=False):
        return show(browser, address, tmp_path, width, dark)

    yield open_page
    browser.get("about:blank")
    assert browser.get_log("browser") == []


@pytest.fixture
def page(tmp_path):
    """Writes the page of runs; returns its address."""

    def written(*runs):
        file = tmp_path / "page.html"
        file.write_text(run_page(runs), encoding="utf-8")
        return file.as_uri()

    return written


def record(rows=2000, **columns):
    steps = np.arange(rows)
    losses = np.exp(-steps / 500) + 0.1
    losses[700:701] = 9.0
    decided = (Decision(700, "plateau", "loss not better for 9 values", factor=0.5),)
    given = {"losses": losses, "rates": np.full(rows, 0.1), "decisions": decided, "planned_steps": rows} | columns
    return Record(steps=steps, **given)


def wait(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.03)


def points(driver, chart):
    return driver.execute_script("return plots[arguments[0]].data[0].length", chart)


def told(driver, label):
    script = "return [...document.querySelectorAll('#numbers th')].find((h) => h.textContent === arguments[0])"
    found = driver.execute_script(script + "?.nextElementSibling?.textContent", label)
    return found


def test_a_zoom_is_one_for_all_charts_and_a_double_click_ends_it(opened, page):
    driver = opened(page(Seen.of("a", record())))
    whole = scale(driver, "rate", "x")
    drag(driver, "loss", 0.4, 0.0)
    zoomed = scale(driver, "loss", "x")
    assert whole[0] < zoomed[0] < zoomed[1] < whole[1]
    assert scale(driver, "rate", "x")[:2] == zoomed[:2]
    click(driver, "[data-chart=loss] [data-log=y]")
    assert scale(driver, "loss", "x")[:2] == zoomed[:2]  # an axis that changes keeps the zoom
    over = driver.find_element(By.CSS_SELECTOR, "[data-chart=rate] .u-over")
    ActionChains(driver).double_click(over).perform()
    assert scale(driver, "loss", "x")[:2] == scale(driver, "rate", "x")[:2] == whole[:2]


def test_log_and_linear(opened, page):
    driver = opened(page(Seen.of("a", record())))
    assert (scale(driver, "loss", "y")[2], scale(driver, "rate", "y")[2]) == (3, 1)
    click(driver, "[data-chart=loss] [data-log=y]")
    click(driver, "[data-chart=loss] [data-log=x]")
    assert (scale(driver, "loss", "y")[2], scale(driver, "loss", "x")[2]) == (1, 3)


def test_a_finding_and_a_decision_lead_to_their_place(opened, page):
    driver = opened(page(Seen.of("a", record())))
    click(driver, ".decisions [data-step]")
    low, high, _ = scale(driver, "rate", "x")
    assert low < 700 < high
    assert high - low < 300


def test_numbers_of_findings_at_one_place_lie_below_each_other(opened, page):
    ill = [Finding("exploding gradients", "says", (), "advice", step) for step in (700, 705, 1900)]
    seen = Seen("a", record(), Diagnosis(tuple(ill), (), (), "about"))
    driver = opened(page(seen))
    circles = """
    const drawn = [], { arc } = CanvasRenderingContext2D.prototype, done = arguments[0];
    CanvasRenderingContext2D.prototype.arc = (x, y, radius) => { drawn.push([x, y, radius]); };
    plots.loss.redraw(false);
    setTimeout(() => { CanvasRenderingContext2D.prototype.arc = arc; done(drawn.slice(0, 3)); }, 100);
    """
    first, second, third = driver.execute_async_script(circles)
    assert abs(first[0] - second[0]) < first[2]
    assert second[1] - first[1] > 2 * first[2]
    assert third[1] == first[1]


def test_the_cursor_tells_numbers_and_reasons(opened, page):
    driver = opened(page(Seen.of("a", record())))
    over = driver.find_element(By.CSS_SELECTOR, "[data-chart=loss] .u-over")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", over)
    left = driver.execute_script("return plots.loss.valToPos(700, 'x')")
    ActionChains(driver).move_to_element_with_offset(over, int(left - over.size["width"] / 2), 20).perform()
    tip = driver.find_element(By.CSS_SELECTOR, "[data-chart=loss] .tip").text
    assert "training" in tip
    assert "loss not better for 9 values" in tip


def test_runs_and_lines_are_hidden_and_shown(opened, page):
    groups = {"body": np.full(2000, 0.1), "head": np.full(2000, 0.2)}
    driver = opened(page(Seen.of("a", record(group_rates=groups)), Seen.of("b", record())))
    shown = "return plots[arguments[0]].series.slice(1).map((one) => one.show)"
    assert driver.execute_script(shown, "rate") == [True, True, True]
    click(driver, "#runs button:first-child")
    assert driver.execute_script(shown, "rate") == [False, False, True]
    assert driver.execute_script(shown, "loss") == [False, True]
    click(driver, "#runs button:first-child")
    click(driver, "[data-chart=rate] .legend button:nth-child(2)")
    assert driver.execute_script(shown, "rate") == [True, False, True]


def test_the_numbers_come_as_a_file(opened, page, tmp_path):
    looks = {"measured_at": (1000, 2000), "validated": np.array([1.0, 0.9])}
    driver = opened(page(Seen.of('a,"b"', record(**looks)), Seen.of("c", record(50))))
    click(driver, "#download")
    wait(lambda: (tmp_path / "run.csv").exists())
    with (tmp_path / "run.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["run", "update", "loss/training", "loss/validation", "rate/rate"]
    assert len([one for one in rows if one["run"] == "c"]) == 50
    mine = {int(one["update"]): one for one in rows if one["run"] == 'a,"b"'}
    assert (mine[700]["loss/training"], mine[1000]["loss/validation"]) == ("9", "1")
    assert mine[2000]["loss/training"] == ""


def test_smoothing_moves_the_line_and_keeps_the_raw_one(opened, page):
    driver = opened(page(Seen.of("a", record())))
    driver.execute_script(
        "slider = document.querySelector('#smoothing'); slider.value = 0.9; slider.dispatchEvent(new Event('input'))"
    )
    wait(lambda: driver.execute_script("return plots.loss.series.length") == 3)
    raw, smooth = driver.execute_script("return [Math.max(...plots.loss.data[1]), Math.max(...plots.loss.data[2])]")
    assert raw == 9.0
    assert smooth < 2.0


@pytest.mark.parametrize(("width", "dark"), SIZES)
def test_ill_runs_are_drawn_whole_at_every_width(opened, page, ill, width, dark):
    driver = opened(page(*(Seen.of(file.name, read(file)) for file in ill.values())), width, dark)
    assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    charts = driver.find_elements(By.CSS_SELECTOR, "figure[data-chart]:not([hidden])")
    assert len(charts) >= 8
    for chart in charts:
        assert driver.execute_script(INKED, chart.get_attribute("data-chart")) > 0.005
        canvas = chart.find_element(By.CSS_SELECTOR, ".u-wrap")
        assert canvas.rect["x"] + canvas.rect["width"] <= width


@pytest.fixture(scope="module")
def ill(tmp_path_factory):
    return make(tmp_path_factory.mktemp("ill"))


def test_rows_appear_while_the_run_goes_on(opened, tmp_path):
    file = tmp_path / "run.jsonl"
    with watched(opened, lambda: of_paths([file])) as driver:
        assert driver.find_element(By.ID, "nothing").is_displayed()
        write(file, 100, planned_steps=1000)
        wait(lambda: told(driver, "Updates") == "100 of 1,000")
        assert not driver.find_element(By.ID, "nothing").is_displayed()
        began = time.monotonic()
        append(file, *(row(step) for step in range(100, 150)))
        wait(lambda: points(driver, "loss") == 150)
        assert time.monotonic() - began < 1.5  # the page asks, draws, and this test looks
        append(file, {"step": 150, "val_loss": 0.7}, row(150, grad_norm=1.0))
        wait(lambda: driver.execute_script("return plots.norm !== undefined"))
        assert driver.find_element(By.CSS_SELECTOR, "[data-chart=norm]").is_displayed()
        legend = driver.find_elements(By.CSS_SELECTOR, "[data-chart=loss] .legend button")
        assert [one.text for one in legend] == ["training", "validation"]
        write(file, 10)  # another run in its place
        wait(lambda: told(driver, "Updates") == "10 of 100")
        wait(lambda: points(driver, "loss") == 10)


def test_a_zoom_stays_while_rows_come_and_shows_finer_numbers(opened, tmp_path):
    file = tmp_path / "run.jsonl"
    rng = np.random.default_rng(0)
    losses = (1 + 0.1 * rng.random(20_000)).tolist()
    file.write_text(text(head(planned_steps=30_000), *({"step": i, "loss": one} for i, one in enumerate(losses))))
    with watched(opened, lambda: of_paths([file])) as driver:
        wait(lambda: told(driver, "Updates") == "20,000 of 30,000", seconds=30)
        assert points(driver, "loss") <= 2001
        drag(driver, "loss", 0.05, 0.0)
        low, high, _ = scale(driver, "loss", "x")
        within = "const [low, high] = arguments; return plots.loss.data[0].filter((x) => x >= low && x <= high).length"
        wait(lambda: driver.execute_script(within, low, high) >= int(high - low))
        append(file, *({"step": i, "loss": 1.0} for i in range(20_000, 20_100)))
        wait(lambda: told(driver, "Updates") == "20,100 of 30,000")
        assert scale(driver, "loss", "x")[:2] == [low, high]
        click(driver, "[data-chart=loss] [data-reset]")
        wait(lambda: scale(driver, "loss", "x")[1] >= 20_099)


def test_runs_of_a_folder_are_chosen_and_named_as_text(opened, tmp_path):
    hostile = "<img src=x onerror=alert(1)>.jsonl"
    write(tmp_path / "a.jsonl", 30)
    time.sleep(0.01)
    write(tmp_path / hostile, 40)
    with watched(opened, lambda: in_folder(tmp_path), tmp_path, "?run=a.jsonl") as driver:
        wait(lambda: len(driver.find_elements(By.CSS_SELECTOR, "#files input")) == 2)
        labels = [one.text for one in driver.find_elements(By.CSS_SELECTOR, "#files label")]
        assert labels[0].startswith(hostile)
        click(driver, "#files label:first-child input")
        wait(lambda: len(driver.find_elements(By.CSS_SELECTOR, "#runs button")) == 2)
        wait(lambda: driver.execute_script("return plots.loss.series.length") == 3)
        assert driver.find_elements(By.CSS_SELECTOR, "main img") == []
        assert hostile in driver.find_element(By.ID, "numbers").text
        write(tmp_path / "new.jsonl", 5)
        wait(lambda: len(driver.find_elements(By.CSS_SELECTOR, "#files input")) == 3)
        click(driver, "#files input[type=checkbox]:checked")
        wait(lambda: len(driver.find_elements(By.CSS_SELECTOR, "#runs button")) == 0)
        assert "run=" in driver.current_url
