"""The numbers, the page and the pictures of a comparison, from journals made for the purpose."""

import json
import math
import re
import sys
from dataclasses import dataclass, replace
from html import unescape

import numpy as np
import pytest
from matplotlib.image import imread

import summaries
from stepsize import StepsizeError, parse
from stepsize.lab.records.record import Record
from stepsize.lab.study.plan import Plan
from stepsize.lab.trials.outcome import Outcome
from stepsize.report import numbers, templates
from stepsize.report.charts import ceiling, chart_data
from stepsize.report.figures import save, save_figures, schedule_figure
from stepsize.report.numbers import Mean
from stepsize.report.page import command, page
from stepsize.report.palette import COLOURS, ON_DARK, colour, dark, dash
from stepsize.report.table import caption, labelled, print_table

BASES = (0.01, 0.1, 1.0)
#            validation loss by base rate, for seeds 0 and 1; None: diverged
FIXED = {0.01: (0.5, 0.52), 0.1: (0.30, 0.32), 1.0: (None, 0.4)}
ADAM = {0.01: (0.205, 0.215), 0.1: (0.2, 0.21), 1.0: (0.9, 0.95)}
LOST = {0.01: (None, 0.5), 0.1: (None, None), 1.0: (None, None)}
AWKWARD = "sgd() | 0.1 * formula('max(1 - u, 0.1) * (t < 1 & \"x\")')"


def record(plan, strategy, base, seed, loss):
    """What came of a run of the plan: it ended at this validation loss, or diverged."""
    ended = math.nan if loss is None else loss
    trial = plan.trial(plan.strategies[strategy], base, seed)
    return Outcome(
        trial,
        Record(
            steps=np.arange(10),
            losses=np.full(10, 2.0),
            rates=np.full(10, base),
            text=trial.text,
            base=base,
            seed=seed,
            planned_steps=10,
            diverged=loss is None,
            measured_at=(0, 5, 10),
            measured=np.array([2.0, 1.0, ended / 2]),
            validated=np.array([2.0, 1.5, ended]),
        ),
    )


def altered(one, **columns):
    return replace(one, record=replace(one.record, **{name: np.array(line) for name, line in columns.items()}))


@dataclass
class Made:
    """A plan and what came of it."""

    plan: Plan
    records: list[Outcome]

    def strategy(self, one):
        return [text for _, text, _ in PLANNED].index(one.trial.text)


@dataclass
class Named:
    name: str
    text: str
    parsed: object = None


PLANNED = (("fixed", "sgd() | 0.1", FIXED), ("Adam", "adam() | 0.1", ADAM), ("lost", AWKWARD, LOST))


@pytest.fixture
def journal():
    awkward = parse("sgd() | 0.1 * cosine()")  # the awkward text is for pages, and no expression
    named = [Named(name, text, awkward if text == AWKWARD else None) for name, text, _ in PLANNED]
    plan = summaries.a_plan(named, notes=("A column <b> was dropped.",), steps=10, measure_every=5)
    runs = [
        record(plan, i, base, seed, losses[base][seed])
        for i, (_, _, losses) in enumerate(PLANNED)
        for base in BASES
        for seed in (0, 1)
    ]
    return Made(plan, runs)


def summarise(made):
    return numbers.summarise(made.plan, made.records, {"python": "3"})


def test_a_mean_has_n_and_a_spread_or_is_not_made():
    assert str(Mean.of([1.0, 3.0])) == "2 ± 1.4"
    with pytest.raises(StepsizeError, match="n ≥ 2"):
        Mean.of([1.0])


def test_the_best_rate_is_lowest_in_validation_where_no_seed_diverged(journal):
    fixed, adam, lost = summarise(journal).rows
    assert (fixed.best_base, adam.best_base, lost.best_base) == (0.1, 0.1, None)
    assert fixed.validation == Mean.of([0.30, 0.32])
    assert (lost.validation, lost.basin, lost.steps_to_target) == (None, None, None)
    assert (fixed.diverged, fixed.runs, lost.diverged) == (1, 6, 5)


def test_the_basin_is_the_unbroken_range_within_ten_per_cent(journal):
    fixed, adam, _ = summarise(journal).rows
    assert fixed.basin == (0.1, 0.1)
    assert adam.basin == (0.01, 0.1)


def test_the_target_is_what_the_fixed_rate_reached_with_every_seed(journal):
    summary = summarise(journal)
    assert summary.target == 0.32 / 2
    fixed, adam, _ = summary.rows
    assert (fixed.steps_to_target, fixed.reached) == (10, 2)
    assert (adam.steps_to_target, adam.reached) == (10, 2)


def test_a_best_rate_at_the_edge_is_flagged(journal):
    better = [
        altered(one, validated=[2.0, 1.5, 0.01]) if one.trial.rate == 0.01 and journal.strategy(one) == 1 else one
        for one in journal.records
    ]
    journal.records = better
    summary = summarise(journal)
    assert [row.at_edge for row in summary.rows] == [False, True, False]
    assert any("edge" in line for line in caption(summary))


def test_unfinished_strategies_are_left_out(journal):
    journal.records = journal.records[:-1]
    assert [row.name for row in summarise(journal).rows] == ["fixed", "Adam"]


def test_the_page_says_what_the_verdict_says_and_where_nothing_is_finished_that(journal):
    summary = summarise(journal)
    text = unescape(page(summary))
    assert summary.verdict
    assert all(line in text for line in summary.verdict)
    journal.records = []
    assert "No strategy is finished yet" in page(summarise(journal))


def test_where_everything_diverged_all_reports_still_come_out(journal, tmp_path):
    journal.records = [
        record(journal.plan, journal.strategy(one), one.trial.rate, one.trial.seed, None) for one in journal.records
    ]
    summary = summarise(journal)
    assert summary.verdict[0] == "Nothing can be judged."
    assert page(summary).count("<article ") == 3
    assert len(save_figures(summary, tmp_path)) == 4


def test_a_diverging_curve_does_not_flatten_the_others(journal, tmp_path):
    wild = [
        altered(one, measured=[2.0, 1e200, math.nan], validated=[2.0, 1e250, math.nan])
        if journal.strategy(one) == 2
        else one
        for one in journal.records
    ]
    journal.records = wild
    summary = summarise(journal)
    assert ceiling(summary, lambda curve: curve.train_high) == 2.0
    assert chart_data(summary)["ceiling"] == {"train": 2.0, "validation": 2.0}
    assert len(save_figures(summary, tmp_path)) == 4


def test_what_a_log_axis_cannot_show_is_there_for_a_linear_one(journal):
    journal.records = [altered(one, rates=[one.trial.rate] + 9 * [0.0]) for one in journal.records]
    drawn = chart_data(summarise(journal))["strategies"]
    assert [one["rates"] for one in drawn] == [[0.1, 0.0, 0.0]] * 3
    assert [one["stairs"] for one in drawn] == [([0, 1, 9], [0.1, 0.0, 0.0])] * 3


def test_the_command_repeats_the_comparison(journal):
    plan = replace(journal.plan, subject=replace(journal.plan.subject, data="my houses.csv", target="price"))
    words = command(plan)
    assert words.startswith("stepsize compare 'my houses.csv' --target price")
    assert words.endswith("--steps 10 --batch-size 8 --seeds 2 --reference fixed \\\n    --rates 0.01,0.1,1")


def test_the_page_is_whole_and_needs_no_network(journal):
    text = page(summarise(journal))
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=", text)
    assert "default-src 'none'" in unescape(text)
    assert re.findall(r"https?://[^\s)]*", text) == ["https://github.com/leeoniya/uPlot"]
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", text)
    results = re.search(r'<table class="results">.*?</table>', text, re.S).group(0)
    assert len(re.findall(r"<td", results)) == 3 * 10
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S).group(1))
    assert [one["name"] for one in data["strategies"]] == ["fixed", "Adam", "lost"]
    assert "Permission is hereby granted" in text
    assert text == page(summarise(journal))


def test_texts_are_shown_exactly_and_escaped(journal):
    text = page(summarise(journal))
    assert AWKWARD in unescape(text)
    assert "(t < 1" not in text
    assert "A column <b> was" not in text


def test_without_the_packages_the_error_says_what_to_install(journal, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    templates._template.cache_clear()  # as in a new process
    with pytest.raises(StepsizeError, match=r"pip install 'stepsize\[compare\]'"):
        page(summarise(journal))


def test_a_dollar_in_a_name_is_a_dollar(journal, tmp_path):
    journal.plan = replace(journal.plan, subject=replace(journal.plan.subject, data="$\\x$"))
    assert len(save_figures(summarise(journal), tmp_path)) == 4


def test_pictures_are_drawn(journal, tmp_path):
    paths = save_figures(summarise(journal), tmp_path)
    assert [one.name for one in paths] == ["loss.png", "rates.png", "basins.png", "overview.png"]
    assert all(np.ptp(imread(one)) > 0.5 for one in paths)


def test_the_same_curves_give_the_same_file(tmp_path):
    for ending in ("svg", "png", "pdf"):
        files = [tmp_path / f"{i}.{ending}" for i in range(2)]
        for file in files:
            save(schedule_figure([("cosine()", [0, 1, 2], [1.0, 0.5, math.nan])], "rate"), file)
        assert files[0].read_bytes() == files[1].read_bytes()


def test_a_picture_of_another_kind_is_refused(tmp_path):
    with pytest.raises(StepsizeError, match=r"\.png, \.svg or \.pdf"):
        save(schedule_figure([("x", [0], [1])], "rate"), tmp_path / "x.gif")


def test_sixty_four_lines_are_told_apart():
    assert len({(colour(i), dash(i)) for i in range(64)}) == 64
    assert len({(dark(i), dash(i)) for i in range(64)}) == 64


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize(("colours", "paper"), [(COLOURS, "#ffffff"), (ON_DARK, "#15181c")])
def test_every_colour_stands_out_from_its_paper(colours, paper):
    for one in colours:
        low, high = sorted((luminance(one), luminance(paper)))
        assert (high + 0.05) / (low + 0.05) >= 3


def test_long_names_become_numbers_in_the_terminal(journal, capsys):
    assert labelled(["short", "x" * 29]) == ["short", "[2]"]
    print_table(summarise(journal))
    assert "Adam" in capsys.readouterr().out
