"""The bench of choosing a learning rate: `python -m bench.tune WHAT`, from the repository's root.

Nothing of the bench is installed; where stepsize is not either, write `PYTHONPATH=src` before it.

    record    trains every rate of every cell, and range tests: half an hour on one core
    estimate  says what that would take
    judge     prints how everybody chooses, over the cells
    clock     times a tuning against one run
    page      judges what is recorded, and writes docs/tune-bench.md with its figure

What was killed goes on when it is asked again. `--apart` shows the tasks that are held apart from every constant;
without it they are recorded and not shown. `--cells PATTERN` and `--budgets 1.3,4` choose.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import fnmatch
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from . import kept, recording
from .judging import HEAD, line
from .results import BUDGETS, Entry, Rows, entries, results
from .tasks import CELLS, Cell

PAGE = kept.ROOT / "docs" / "tune-bench.md"


def main(given: Sequence[str] | None = None) -> None:
    import torch

    torch.set_num_threads(1)
    told = _asked(given)
    cells = [one for one in CELLS if fnmatch.fnmatch(one.name, told.cells)]
    if told.what == "estimate":
        recording.estimate(cells)
    elif told.what == "record":
        _record(cells, told.out)
    elif told.what == "clock":
        from .clock import clock, table

        clock(told.out)
        print(table(told.out))
    else:
        _judge(cells, told)


def _asked(given: Sequence[str] | None) -> argparse.Namespace:
    ask = argparse.ArgumentParser(
        prog="python -m bench.tune", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ask.add_argument("what", choices=("record", "estimate", "judge", "clock", "page"))
    ask.add_argument("--cells", default="*", help="a pattern of names")
    ask.add_argument("--budgets", default=",".join(map(str, BUDGETS)), help="of judge, in runs")
    ask.add_argument("--choosers", default="*", help="of judge: a pattern of names")
    ask.add_argument("--apart", action="store_true", help="show the tasks that are held apart, too")
    ask.add_argument(
        "--out", type=Path, default=kept.OUT, help="the folder of what is recorded; peers are in PEERS_KEPT"
    )
    ask.add_argument("--page", type=Path, default=PAGE, help="the file that page writes")
    return ask.parse_args(given)


def _record(cells: Sequence[Cell], out: Path) -> None:
    for cell in cells:
        begun, spent = time.perf_counter(), time.process_time()
        recording.record(cell, out)
        recording.sweep(cell, out)
        wall, spent = time.perf_counter() - begun, time.process_time() - spent
        print(f"{cell.name}: {wall:.0f} s, {spent:.0f} s of the processor", file=sys.stderr, flush=True)


def _judge(cells: Sequence[Cell], told: argparse.Namespace) -> None:
    """Print the summary, or write the page."""
    shown = [(cell, table) for cell, table in recording.recorded(told.out, cells) if told.apart or not cell.task.apart]
    if not shown:
        sys.exit(f"no cell to show is recorded whole in {told.out}: python -m bench.tune record")
    if told.what == "page":
        from .figure import draw
        from .page import PICTURE, page

        choosers = entries()
        rows = results(shown, choosers, out=told.out, on_row=_progress)
        told.page.write_text(page(shown, rows, choosers, told.apart, told.out), encoding="utf-8")
        draw(rows, choosers, told.page.with_name(PICTURE))
        return
    choosers = [one for one in entries() if fnmatch.fnmatch(one.name, told.choosers)]
    budgets = [float(one) for one in told.budgets.split(",")]
    _print(
        results(shown, choosers, budgets, told.out), choosers, budgets, {one.name for one, _ in shown if one.task.apart}
    )


def _print(rows: Rows, choosers: Sequence[Entry], budgets: Sequence[float], apart: set[str]) -> None:
    print(HEAD, "|" + " --- |" * (HEAD.count("|") - 1), sep="\n")
    for budget in budgets:
        for one in choosers:
            there = rows.get((one.name, one.at(budget)), {})
            groups = {"all": list(there.values()), "apart": [row for cell, row in there.items() if cell in apart]}
            for tasks, some in groups.items():
                if some:
                    print(line(budget, one.name, tasks, some), flush=True)


def _progress(name: str, budget: float) -> None:
    print(f"{name}, {budget:g} runs", file=sys.stderr, flush=True)
