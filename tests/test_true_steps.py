"""Pictures at the true steps, with whole legends: jumps are jumps, falls to 0 get there, no name is cut."""

import re
from dataclasses import replace

import numpy as np
import pytest

import summaries
from commandline import run
from stepsize import StepsizeError, parse
from stepsize.lab.study.journal import read_journal
from stepsize.lab.study.listing import courses
from stepsize.report.charts import chart_data
from stepsize.report.figures import save, save_figures, schedule_figure, wrapped
from stepsize.report.numbers import summarise
from stepsize.report.palette import ON_EITHER
from stepsize.report.stairs import MOST_PLACES, places, stairs
from stepsize.schedules.questions import outline
from stepsize.telling.reference import draw_curves
from test_report import luminance


def test_a_jump_is_drawn_as_a_jump():
    figure = schedule_figure([("staircase", [0, 5, 9], [1.0, 0.5, 0.5])], "rate")
    line = figure.axes[0].lines[0]
    assert line.get_drawstyle() == "steps-post"
    assert list(line.get_xdata()) == [0, 5, 9, 10]  # the last value holds for an update
    assert list(line.get_ydata()) == [1.0, 0.5, 0.5, 0.5]


def test_every_update_of_a_short_run_has_its_place_and_of_a_long_one_every_jump():
    assert places(MOST_PLACES) == list(range(MOST_PLACES))
    found = places(1_000_000, [1, 333_333, 999_999])
    assert len(found) <= MOST_PLACES + 6
    assert {0, 1, 333_332, 333_333, 999_998, 999_999} <= set(found)
    assert found == sorted(set(found))


def test_restarts_reach_their_zeros_in_a_long_run():
    steps, cycle = 7_000_000, 1_000_000
    curve = parse("repeat(cosine(), 7)").over(steps)
    marks = [step for step, _ in outline(curve, steps)]

    def lowest_of_each_cycle(at):
        return [min(curve(t) for t in at if t // cycle == i) for i in range(7)]

    assert max(lowest_of_each_cycle(places(steps, marks))) < 3e-12
    assert max(lowest_of_each_cycle(places(steps))) > 1e-7  # which an even choice misses


def test_stairs_keep_what_they_are_made_of():
    assert stairs([0, 1, 2, 3], [1.0, 1.0, 1.0, 1.0]) == ((0, 1.0), (3, 1.0))
    assert stairs([4], [1.0]) == ((4, 1.0),)
    assert stairs([], []) == ()
    values = [1 + np.sin(t / 50) for t in range(10_000)]
    values[7003] = 0.0
    kept = dict(stairs(range(10_000), values, 400))
    assert len(kept) <= 400
    assert kept[7003] == 0.0
    assert kept[0] == values[0]
    assert kept[9999] == values[9999]


def test_the_rates_of_a_comparison_are_those_of_its_updates(tmp_path):
    words = ["--steps", "200", "--seeds", "2", "--rates", "0.1:1:2", "--out", str(tmp_path / "a")]
    done = run("compare", "wine", "sgd() | 0.1 * staircase(0.1, 7)", *words)
    assert done.returncode == 0
    journal = read_journal(tmp_path / "a")
    given = summarise(courses(journal)[0], journal.outcomes.values(), {})
    place = next(i for i, row in enumerate(given.rows) if "staircase" in row.text)
    steps, _ = chart_data(given)["strategies"][place]["stairs"]
    assert steps[:6] == [0, 7, 14, 21, 28, 35]
    assert given.settings.measure_every == 4  # so that looks alone would miss them


def test_rates_of_zero_fall_to_the_foot_of_a_log_axis(tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr("stepsize.report.figures._with_legend", lambda figure, *_, **__: kept.append(figure))
    given = summaries.summary(1)
    given = replace(given, curves=(replace(given.curves[0], stairs=((0, 0.1), (50, 0.0), (60, 0.05))),))
    save_figures(given, tmp_path)
    axes = kept[1].axes[0]
    assert min(axes.lines[0].get_ydata()) < axes.get_ylim()[0] < 0.05
    assert axes.get_ylim()[0] > 0.01


@pytest.mark.parametrize("count", [1, 8, 60])
def test_a_legend_has_every_name_whole(count, tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr("stepsize.report.figures.save", lambda figure, path: kept.append(figure))
    given = summaries.summary(count, [summaries.AWKWARD, summaries.LONG, "x" * 300][:count])
    save_figures(given, tmp_path)
    for figure in kept:
        told = [text.get_text() for text in figure.legends[0].get_texts()]
        assert ["".join(one.split()) for one in told] == ["".join(row.name.split()) for row in given.rows]
        figure.draw_without_rendering()
        box = figure.legends[0].get_window_extent()
        width, height = figure.bbox.width, figure.bbox.height
        assert box.x0 >= 0
        assert box.x1 <= width
        assert box.y0 >= 0
        axes = figure.axes[0].get_window_extent()
        assert axes.height > 0.4 * 5 * figure.dpi  # the names take no room from the curves
        assert axes.y0 > box.y1
        assert height > box.height


def test_a_name_wraps_at_its_spaces():
    assert wrapped("", 10) == ""
    assert wrapped("x" * 25, 10).count("\n") == 2


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_a_comparison_is_drawn_as_lines_of_the_same_bytes(kind, tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        paths = save_figures(summaries.summary(3), tmp_path / name, kind)
        assert [one.name for one in paths] == [f"{name}.{kind}" for name in ("loss", "rates", "basins", "overview")]
    for one in (tmp_path / "a").iterdir():
        assert one.read_bytes() == (tmp_path / "b" / one.name).read_bytes()
        assert one.read_bytes().startswith({"svg": b"<?xml", "pdf": b"%PDF"}[kind])


def test_a_kind_that_is_none_is_refused(tmp_path):
    with pytest.raises(StepsizeError, match="kind must be"):
        save_figures(summaries.summary(1), tmp_path, "gif")


def test_a_picture_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    path.write_text("old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(StepsizeError, match="No space left"):
        save(schedule_figure([("x", [0], [1])], "rate"), path)
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--svg", "q.png"], "--svg writes SVG, not 'q.png': write --svg q.svg, or --png q.png"),
        (["--png", "q.svg"], "--png writes PNG, not 'q.svg': write --png q.png, or --svg q.svg"),
        (["--png", "q"], "--png writes PNG, not 'q': write --png q.png"),
        (["--png", "a.b/q"], "--png writes PNG, not 'a.b/q': write --png a.b/q.png"),
        (["--svg", ".svg.gz"], "--svg writes SVG, not '.svg.gz': write --svg .svg.svg"),
    ],
)
def test_a_wrong_ending_is_one_line_that_says_what_to_write(words, said, tmp_path):
    done = run("show", "cosine()", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {said}\n")
    assert not list(tmp_path.iterdir())
    if words[0] == "--png":
        assert run("diff", "cosine()", "linear()", *words, cwd=tmp_path).stderr == f"error: {said}\n"


@pytest.mark.parametrize("words", [["--png", "q.png"], ["--svg", "Q.SVG"], ["--png", "b.PNG", "--svg", "a.svg"]])
def test_what_was_written_is_said(words, tmp_path):
    done = run("show", "cosine()", *words, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("", "".join(f"written to {one}\n" for one in words[1::2]))
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(words[1::2])


def test_pictures_in_documents_suit_light_and_dark_pages(tmp_path):
    for path in draw_curves(tmp_path):
        text = path.read_text()
        assert not re.search(r"fill: #f{3,6}|fill: white", text), path.name
        for colour in set(re.findall(r"(?:fill|stroke): (#\w{6})", text)):
            for paper in ("#ffffff", "#0d1117"):
                low, high = sorted((luminance(colour), luminance(paper)))
                assert (high + 0.05) / (low + 0.05) >= 3, (path.name, colour)
    assert len(set(ON_EITHER)) == len(ON_EITHER) >= 4
