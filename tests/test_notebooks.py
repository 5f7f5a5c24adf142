"""What a notebook draws of a run, a record and a scheduler: small charts as SVG, and nothing else."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from stepsize import descend, problems
from stepsize._sketch import Drawn, sketch
from stepsize.lab.records.record import Decision, Record

SVG = "{http://www.w3.org/2000/svg}"


def charts(html):
    return ElementTree.fromstring(html).findall(f".//{SVG}svg")


def test_a_run_and_its_record_draw_losses_and_rates():
    made = problems.least_squares(np.eye(4), np.ones(4))
    run = descend(made, "sgd() | 0.1 * cosine()", steps=500)
    for html, about in ((run._repr_html_(), "500 steps"), (run.record._repr_html_(), "500 rows")):
        loss, rate = charts(html)
        assert loss.findtext(f"{SVG}title") == "loss"
        assert rate.findtext(f"{SVG}title") == "rate"
        assert about in html
        assert "<script" not in html
        assert len(html) < 30_000


def test_names_are_text_and_a_decision_is_a_line():
    steps = np.arange(50)
    record = Record(
        steps=steps,
        losses=np.where(steps == 10, np.inf, 1.0),
        group_rates={"<b>&": np.ones(50), "other": np.ones(50)},
        text="<script>alert(1)</script>",
        decisions=(Decision(20, "plateau", "why"),),
    )
    html = record._repr_html_()
    assert "<script" not in html
    assert "<b>" not in html
    loss, _ = charts(html)
    assert len(loss.findall(f"{SVG}polyline")) == 2  # a gap where the loss is none
    assert sum("dasharray" in str(one.attrib) for one in loss.findall(f"{SVG}path")) == 1


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_few_rows_are_drawn_too(rows):
    record = Record(steps=np.arange(rows), losses=np.ones(rows))
    assert len(charts(record._repr_html_())) == (rows > 0)


def test_an_axis_is_log_where_it_is_asked_for_and_the_numbers_are_wide():
    wide, narrow = [Drawn("a", [0, 1], [1.0, 1e-3])], [Drawn("a", [0, 1], [1.0, 0.5])]
    assert "(log)" in sketch("loss", wide, log=True)
    assert "(log)" not in sketch("loss", wide)
    assert "(log)" not in sketch("loss", narrow, log=True)


def test_a_scheduler_draws_the_rates_of_its_groups():
    torch = pytest.importorskip("torch")
    from stepsize.adapters.torch import Scheduler

    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "name": name} for name in ("body", "<head>")]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    scheduler = Scheduler(optimizer, "warmup(10) >> cosine()", total_steps=100)
    (rate,) = charts(scheduler._repr_html_())
    assert [one.text for one in rate.iter(f"{SVG}tspan")] == ["body", "<head>"]
    optimizer.step()
    scheduler.step()
    assert "1 updates done" in scheduler._repr_html_()
    before = scheduler.get_last_lr()
    scheduler._repr_html_()
    assert scheduler.get_last_lr() == before
    endless = Scheduler(torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1), "staircase(0.1, 30)")
    assert charts(endless._repr_html_())


def test_drawing_loads_no_matplotlib():
    code = (
        "import sys, numpy as np\n"
        "from stepsize.lab.records.record import Record\n"
        "assert '<svg' in Record(steps=np.arange(9), losses=np.ones(9))._repr_html_()\n"
        "assert not {'matplotlib', 'jinja2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
