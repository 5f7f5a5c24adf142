"""The page of a comparison, worked with in headless Chromium; see `make test-page`."""

import csv
import io
import time

import pytest

import summaries
from headless import ActionChains, By, Keys, chromium, show
from stepsize.report.charts import chart_data
from stepsize.report.exports import table_csv
from stepsize.report.page import page

NAMES = [summaries.AWKWARD, "lost", summaries.LONG, "x" * 80]
PAGES = {
    "few": lambda: summaries.summary(5, NAMES),
    "sixty": lambda: summaries.summary(60, NAMES),
    "one": lambda: summaries.summary(1),
    "judged": lambda: summaries.judged(summaries.summary(4, NAMES)),
    "unfinished": summaries.unfinished,
}
# every chart that the page makes, by its name: what a canvas shows cannot be read
WATCHED = """
let real; window.plots = {};
Object.defineProperty(window, "uPlot", {configurable: true, get: () => real, set(made) {
  real = function (options, data, box) {
    const plot = new made(options, data, box);
    window.plots[box.closest("figure").dataset.chart] = plot;
    return plot;
  };
  Object.assign(real, made);
}});
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("pages")
    for name, given in PAGES.items():
        (made / f"{name}.html").write_text(page(given()), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def browser(folder):
    with chromium(WATCHED) as driver:
        yield driver


@pytest.fixture
def opened(browser, folder, tmp_path):
    """Opens a page at a width, light or dark; at the end there were no errors in the console."""

    def open_page(name="few", width=1440, dark=False):
        return show(browser, (folder / f"{name}.html").as_uri(), tmp_path, width, dark)

    yield open_page
    assert browser.get_log("browser") == []


def click(driver, query):
    found = driver.find_element(By.CSS_SELECTOR, query)
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
    found.click()
    return found


def names(driver):
    """The strategies of the table as they stand, by their numbers."""
    rows = driver.find_elements(By.CSS_SELECTOR, ".results tbody tr")
    return [int(row.get_attribute("data-strategy")) for row in rows if row.is_displayed()]


def scale(driver, chart, key):
    return driver.execute_script(
        "const s = plots[arguments[0]].scales[arguments[1]]; return [s.min, s.max, s.distr]", chart, key
    )


def overlay(driver, chart):
    found = driver.find_element(By.CSS_SELECTOR, f"[data-chart={chart}] .u-over")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
    return found


def drag(driver, chart, x, y):
    """Over a chart, from a tenth of its size by shares of its width and height."""
    over = overlay(driver, chart)
    width, height = over.size["width"], over.size["height"]
    start = ActionChains(driver).move_to_element_with_offset(over, int(-0.4 * width), int(-0.4 * height))
    start.click_and_hold().move_by_offset(int(x * width), int(y * height)).release().perform()


def header(driver, key):
    return driver.find_element(By.CSS_SELECTOR, f'.results th[data-key="{key}"]')


def test_a_click_on_a_head_sorts_and_another_turns_it_round(opened):
    driver, rows = opened(), summaries.summary(5, NAMES).rows
    settled = [i for i, row in enumerate(rows) if row.validation]
    upwards = sorted(settled, key=lambda i: rows[i].validation.value)
    assert names(driver) == [0, 1, 2, 3, 4]
    click(driver, '.results th[data-key="loss"] button')
    assert (names(driver), header(driver, "loss").get_attribute("aria-sort")) == ([*upwards, 1], "ascending")
    click(driver, '.results th[data-key="loss"] button')
    assert names(driver) == [*upwards[::-1], 1]  # what has no value stays last
    assert header(driver, "loss").get_attribute("aria-sort") == "descending"
    click(driver, '.results th[data-key="strategy"] button')
    assert names(driver) == sorted(range(5), key=lambda i: rows[i].name.casefold())
    assert header(driver, "loss").get_attribute("aria-sort") == "none"


def test_the_keyboard_sorts_too(opened):
    driver = opened()
    driver.find_element(By.CSS_SELECTOR, '.results th[data-key="steps"] button').send_keys(Keys.ENTER)
    assert names(driver) == [0, 2, 3, 4, 1]
    driver.switch_to.active_element.send_keys(Keys.SPACE)
    assert names(driver) == [4, 3, 2, 0, 1]


def test_every_column_sorts(opened):
    driver = opened("judged")
    for button in driver.find_elements(By.CSS_SELECTOR, ".results thead button"):
        button.click()
        assert sorted(names(driver)) == [0, 1, 2, 3]
        assert button.find_element(By.XPATH, "..").get_attribute("aria-sort") == "ascending"


def test_columns_are_chosen(opened):
    driver = opened()
    click(driver, ".columns summary")
    click(driver, "[data-column=given_loss]")
    assert not header(driver, "given_loss").is_displayed()
    assert driver.execute_script(
        "return [...document.querySelectorAll('td[data-key=given_loss]')].every((c) => c.hidden)"
    )
    group = driver.find_element(By.CSS_SELECTOR, '[data-group="As given"]')
    assert group.get_attribute("colspan") == "1"
    click(driver, "[data-column=given_rate]")
    assert not group.is_displayed()
    click(driver, "[data-column=given_loss]")
    assert group.is_displayed()
    assert header(driver, "given_loss").is_displayed()
    choice = driver.find_element(By.CSS_SELECTOR, "[data-column]")
    driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not choice.is_displayed()
    click(driver, ".columns summary")
    assert choice.is_displayed()
    click(driver, "h1")
    assert not choice.is_displayed()


def test_strategies_are_hidden_everywhere_and_searched(opened):
    driver = opened("sixty")
    click(driver, '.legend [data-strategy="4"]')
    assert 4 not in names(driver)
    assert len(names(driver)) == 59
    assert driver.execute_script("return plots.rates.series[5].show") is False
    assert not driver.find_element(By.CSS_SELECTOR, 'article[data-strategy="4"]').is_displayed()
    assert driver.find_element(By.ID, "count").text == "59 of 60 shown"
    box = click(driver, "#search")
    box.send_keys("STRATEGY 1")
    assert names(driver) == [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 31, 41, 51]
    click(driver, "#everyone")
    assert names(driver) == []
    box.clear()
    box.send_keys(Keys.SPACE)
    assert len(names(driver)) == 45
    assert sum(driver.execute_script("return plots.rates.series.slice(1).map((s) => s.show)")) == 45
    click(driver, "#everyone")
    click(driver, "#everyone")
    assert len(names(driver)) == 60


@pytest.mark.parametrize("chart", ["train", "validation", "rates", "bases"])
@pytest.mark.parametrize("key", ["x", "y"])
def test_each_axis_is_log_or_linear(opened, chart, key):
    driver = opened()
    button = click(driver, f"[data-chart={chart}] [data-log={key}]")
    log = button.get_attribute("aria-pressed") == "true"
    low, high, kind = scale(driver, chart, key)
    assert kind == (3 if log else 1)
    assert low < high
    assert low > 0 or not log
    assert log == (key == "x" and chart != "bases")
    click(driver, f"[data-chart={chart}] [data-log={key}]")
    assert scale(driver, chart, key)[2] == (1 if log else 3)


def test_a_linear_axis_shows_the_zeros_that_a_log_one_cannot(opened):
    driver = opened()
    assert scale(driver, "rates", "y")[0] > 1e-6
    click(driver, "[data-chart=rates] [data-log=y]")
    assert scale(driver, "rates", "y")[0] <= 0
    drawn = driver.execute_script("return plots.rates.data[1]")
    assert min(one for one in drawn if one is not None) <= 0


def test_rates_are_stairs_at_their_steps(opened):
    driver = opened()
    steps, values = chart_data(summaries.summary(5, NAMES))["strategies"][4]["stairs"]
    table = driver.execute_script("return [plots.rates.data[0], plots.rates.data[5]]")
    found = [(x, y) for x, y in zip(*table, strict=True) if y is not None]
    assert found == [*zip(steps, values, strict=True), (steps[-1] + 1, values[-1])]


def test_a_jump_is_drawn_as_a_jump(opened):
    driver = opened("one")
    click(driver, "[data-chart=rates] [data-log=y]")
    row = """
      const u = plots.rates, x = (t) => Math.round(u.valToPos(t, "x", true)), from = x(46), to = x(48);
      const { data } = u.ctx.getImageData(from, Math.round(u.valToPos(0.05, "y", true)) - 3, to - from + 1, 1);
      return [data.slice(0, 4), data.slice(-4)].map(([r, g, b, a]) => a > 0 && r + g + b < 300);
    """
    assert driver.execute_script(row) == [False, True]  # the rate is 0 from 44 on, and 0.1 from 48 on


def test_smoothing_is_the_moving_mean_with_the_raw_curve_behind(opened):
    driver, weight = opened(), 0.6
    slider = click(driver, "#smoothing")
    slider.send_keys(Keys.HOME, *[Keys.ARROW_RIGHT] * 60)
    time.sleep(0.2)
    assert driver.find_element(By.CSS_SELECTOR, "output").text == "0.60"
    raw, smooth = driver.execute_script("return [plots.validation.data[1], plots.validation.data[2]]")
    values = chart_data(summaries.summary(5, NAMES))["strategies"][0]["validation"]
    assert raw == values
    mean, mass, wanted = 0.0, 0.0, []
    for one in values:
        mean, mass = weight * mean + (1 - weight) * one, weight * mass + (1 - weight)
        wanted.append(mean / mass)
    assert smooth == pytest.approx(wanted, rel=1e-12)
    assert smooth[0] == pytest.approx(values[0])  # corrected for the start at zero
    slider.send_keys(Keys.HOME)
    time.sleep(0.2)
    assert driver.execute_script("return plots.validation.data.length") == 6


@pytest.mark.parametrize("chart", ["train", "rates", "bases"])
@pytest.mark.parametrize("back", ["button", "double click"])
def test_a_drag_zooms_and_two_ways_lead_back(opened, chart, back):
    driver = opened()
    whole = scale(driver, chart, "x"), scale(driver, chart, "y")
    reset = driver.find_element(By.CSS_SELECTOR, f"[data-chart={chart}] [data-reset]")
    assert not reset.is_enabled()
    drag(driver, chart, 0.5, 0.5)
    (low, high, _), (bottom, top, _) = scale(driver, chart, "x"), scale(driver, chart, "y")
    assert whole[0][0] < low < high < whole[0][1]
    assert whole[1][0] < bottom < top < whole[1][1]
    assert reset.is_enabled()
    if back == "button":
        reset.click()
    else:
        ActionChains(driver).double_click(overlay(driver, chart)).perform()
    assert (scale(driver, chart, "x"), scale(driver, chart, "y")) == whole
    assert not reset.is_enabled()


def test_a_zoom_stays_while_the_curves_are_smoothed(opened):
    driver = opened()
    drag(driver, "train", 0.5, 0.02)
    zoomed = scale(driver, "train", "x")
    click(driver, "#smoothing")
    time.sleep(0.2)
    assert scale(driver, "train", "x") == zoomed


def test_values_are_shown_under_the_cursor(opened):
    driver = opened()
    ActionChains(driver).move_to_element(overlay(driver, "validation")).perform()
    tip = driver.find_element(By.CSS_SELECTOR, "[data-chart=validation] .tip").text
    given = chart_data(summaries.summary(5, NAMES))["strategies"][4]
    at = given["steps"].index(int(tip.split()[1]))
    assert f"strategy 4\n{given['validation'][at]:.3g}" in tip
    assert summaries.AWKWARD in tip
    ActionChains(driver).move_to_element(overlay(driver, "rates")).perform()
    assert "strategy 4\n0.025" in driver.find_element(By.CSS_SELECTOR, "[data-chart=rates] .tip").text
    assert driver.find_element(By.CSS_SELECTOR, "[data-chart=validation] .tip").text == ""


def test_of_many_strategies_those_near_the_cursor_are_named(opened):
    driver = opened("sixty")
    ActionChains(driver).move_to_element(overlay(driver, "train")).perform()
    tip = driver.find_element(By.CSS_SELECTOR, "[data-chart=train] .tip")
    assert len(tip.find_elements(By.CSS_SELECTOR, "div")) == 12
    assert tip.text.endswith("and 48 more")


def downloaded(folder, name):
    end = time.monotonic() + 20
    while not (folder / name).exists() and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.1)
    return (folder / name).read_bytes().decode()


def test_the_table_comes_as_the_csv_that_python_writes(opened, tmp_path):
    driver = opened()
    click(driver, "#download-table")
    assert downloaded(tmp_path, "table.csv") == table_csv(summaries.summary(5, NAMES))


def test_the_table_comes_as_it_stands(opened, tmp_path):
    driver = opened()
    click(driver, '.results th[data-key="loss"] button')
    click(driver, '.legend [data-strategy="0"]')
    stands = names(driver)
    click(driver, "#download-table")
    rows = list(csv.DictReader(io.StringIO(downloaded(tmp_path, "table.csv"))))
    wanted = summaries.summary(5, NAMES).rows
    assert [one["strategy"] for one in rows] == [wanted[i].name for i in stands]


def test_the_curves_come_as_csv(opened, tmp_path):
    driver = opened()
    click(driver, '.legend [data-strategy="1"]')
    click(driver, "#download-curves")
    rows = list(csv.DictReader(io.StringIO(downloaded(tmp_path, "curves.csv"))))
    given = chart_data(summaries.summary(5, NAMES))["strategies"]
    assert len(rows) == 4 * len(summaries.STEPS)
    first = [one for one in rows if one["strategy"] == summaries.AWKWARD]
    assert [int(one["step"]) for one in first] == list(summaries.STEPS)
    for column, field in {"training_loss": "train", "validation_loss": "validation", "rate": "rates"}.items():
        assert [float(one[column]) for one in first] == given[0][field]


def test_an_expression_is_copied(opened):
    driver = opened()
    button = click(driver, '.results tr[data-strategy="2"] .copy')
    time.sleep(0.2)
    assert button.text == "copied"
    box = click(driver, "#search")
    box.send_keys(Keys.CONTROL, "v")
    assert box.get_property("value") == summaries.LONG
    assert names(driver) == [2]


def test_an_expression_is_marked_where_there_is_no_clipboard(opened):
    driver = opened()
    driver.execute_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    click(driver, '.results tr[data-strategy="2"] .copy')
    time.sleep(0.1)
    assert driver.execute_script("return getSelection().toString()") == summaries.LONG


@pytest.mark.parametrize("dark", [False, True])
def test_light_and_dark(opened, dark):
    driver = opened(dark=dark)
    paper = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(21, 24, 28)" if dark else "rgb(255, 255, 255)")
    stroke = driver.execute_script("return plots.validation.series[1].stroke(plots.validation, 1)")
    assert stroke == chart_data(summaries.summary(5, NAMES))["strategies"][0]["dark" if dark else "light"]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_hangs_over_the_edge(opened, name, width, dark):
    driver = opened(name, width, dark)
    click(driver, ".columns summary")
    wide, room = driver.execute_script("const e = document.documentElement; return [e.scrollWidth, e.clientWidth]")
    assert wide == room
    ends = driver.execute_script(
        "return [...document.querySelectorAll('.tools *, .legend *, figure, h1, h3')]"
        ".filter((e) => e.getClientRects().length).map((e) => e.getBoundingClientRect().right)"
    )
    assert max(ends) <= room


@pytest.mark.parametrize("name", ["few", "sixty", "judged"])
def test_the_best_value_is_seen_on_a_phone(opened, name):
    driver = opened(name, 390)
    best = driver.find_element(By.CSS_SELECTOR, ".results .lowest")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center', inline: 'nearest'})", best)
    driver.execute_script("document.querySelector('.scroll').scrollLeft = 0")
    left, right, covered = driver.execute_script(
        "const b = arguments[0].getBoundingClientRect(), name = arguments[0].parentElement.cells[0];"
        "return [b.left, b.right, name.getBoundingClientRect().right > b.left + 1]",
        best,
    )
    assert 0 < left < right <= 390
    assert not covered


def test_names_are_whole(opened):
    for width in (390, 1440):
        driver = opened(width=width)
        for i, name in enumerate(NAMES):
            span = driver.find_element(By.CSS_SELECTOR, f'.legend [data-strategy="{i}"] span')
            assert span.text == name
            clipped = driver.execute_script(
                "const e = arguments[0], hides = getComputedStyle(e).overflow !== 'visible';"
                "return e.scrollWidth > e.clientWidth + 1 && hides",
                span,
            )
            assert not clipped


def test_a_narrow_window_makes_narrow_charts(opened):
    driver = opened()
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 700, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    time.sleep(0.3)
    width = driver.execute_script("return plots.train.width")
    assert width == driver.execute_script("return document.querySelector('[data-chart=train] .plot').clientWidth")
