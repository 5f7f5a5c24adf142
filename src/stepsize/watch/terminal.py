"""Runs that go on, in the terminal: the loss as a curve, the last numbers, what was decided and what is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from .._errors import printable
from .._language import commas, heard, say, spoken
from .._lines import filled
from ..lab.diagnosis import Diagnosis, diagnose
from ..lab.records.decimated import decimated
from ..lab.records.foreign.wanted import Wanted
from ..lab.records.record import Record
from ..problems import Floats
from ..report.runs.facts import of_planned
from ..report.runs.marks import marks_of
from ..report.templates import four_digits
from ..report.terminal import SCALE, draw
from .folder import REST, Files, Listing
from .followed import Followed
from .hub import AT_FIRST

SECONDS = 0.5  # between two pictures
WIDEST = 100  # cells of a curve
MOST_DECISIONS = 3
BETWEEN = "   "
HIGH = 98.0  # the percentile of the losses that a curve ends at, so that a spike leaves the rest to be seen


class Screen:
    """What the terminal shows of some runs; `look` reads what is new, `drawn` is the picture."""

    def __init__(self, list_files: Callable[[], Files], root: Path | None, wanted: Wanted | None = None) -> None:
        self._listing, self._root, self._wanted = Listing(list_files), root, wanted
        self._runs: dict[str, Followed] = {}
        self._judged: dict[str, tuple[int, float, Diagnosis]] = {}  # of which version, not again before, what was found

    def look(self) -> None:
        """Read what is new in the files, as far as they are read at once."""
        if self._listing.due:
            for name, file in list(self._listing.look().items())[:AT_FIRST]:
                if name not in self._runs:
                    self._runs[name] = Followed(file.path, self._root, self._wanted)
        for name, run in self._runs.items():
            while run.look():
                pass
            self._judge(name, run)

    def _judge(self, name: str, run: Followed) -> None:
        version, again_at, _ = self._judged.get(name, (-1, 0.0, None))
        if run.record is None or version == run.version or time.monotonic() < again_at:
            return
        began = time.monotonic()
        found = diagnose(run.record)
        ended = time.monotonic()
        self._judged[name] = run.version, ended + REST * (ended - began), found

    def drawn(self, width: int) -> RenderableType:
        """The picture of all runs."""
        parts: list[RenderableType] = []
        for name, run in self._runs.items():
            parts.append(Text(printable(name), style="bold"))
            if run.said:
                parts.append(Text(printable(run.said), style="dim"))
            if run.record is not None and len(run.record):
                told = self._judged.get(name)
                parts += _of_a_run(run.record, None if told is None else told[2], width, len(self._runs) == 1)
        return Group(*parts) if parts else Text(say("no log is there yet"), style="dim")


def show(list_files: Callable[[], Files], root: Path | None, wanted: Wanted | None = None) -> None:
    """Draw until Ctrl-C; where the output is no terminal, a line for each picture that differs."""
    console, screen = Console(), Screen(list_files, root, wanted)
    if not console.is_terminal:
        _lines(screen)
    with Live(console=console, auto_refresh=False, transient=False, vertical_overflow="crop") as live:
        while True:
            screen.look()
            live.update(screen.drawn(console.width), refresh=True)
            time.sleep(SECONDS)


def _lines(screen: Screen) -> None:
    """For a pipe: the last numbers of each run, whenever they are new."""
    told: dict[str, str] = {}
    while True:
        screen.look()
        for name, run in screen._runs.items():
            record = run.record
            news = run.said or "" if record is None or not len(record) else heard(commas(map(" ".join, last(record))))
            if news != told.get(name):
                told[name] = news
                print(say("{name}: {line}", name=printable(name), line=news), flush=True)
        time.sleep(SECONDS)


def last(record: Record) -> list[tuple[str, str]]:
    """The newest numbers of a run, by their names."""
    update = of_planned(int(record.steps[-1]), record)
    found = [(say("update⟨of an axis⟩"), update), (say("loss"), _number(record.losses))]
    for name, column in (
        (say("validation"), record.validated),
        (say("rate"), record.rates),
        (say("grad norm"), record.grad_norms),
        (say("update ratio"), record.update_ratios),
        (say("clipped"), record.clipped),
        (say("s an update"), record.seconds),
    ):
        if column is not None and np.isfinite(column).any():
            found.append((name, _number(column[np.isfinite(column)])))
    return found


def _number(column: Floats) -> str:
    return four_digits(float(column[-1]))


def _of_a_run(record: Record, told: Diagnosis | None, width: int, alone: bool) -> list[RenderableType]:
    """The curve of a run that is alone, else a line of it; then its numbers, its last decisions, its findings."""
    parts: list[RenderableType] = []
    cells = max(20, min(WIDEST, width - SCALE - 2))
    parts.append(Text(curve(record, cells) if alone else sparkline(record, cells)))
    parts.append(_numbers(last(record), width))
    for mark in marks_of(record)[-MOST_DECISIONS:]:
        parts.append(_headed(say("▼ update {where} ", where=mark.where), "cyan", printable(mark.reason), width))
    if told is not None:
        told = told.now()
        parts.append(Text(told.verdict, style="bold red" if told.findings else "green"))
        for one in told.findings:
            head = say("{name}: {line}", name=one.illness, line="")
            parts.append(_headed(head, "bold", printable(one.says), width))
    return parts


def _numbers(pairs: list[tuple[str, str]], cells: int) -> Text:
    """Names with their numbers, as many to a line as it holds whole."""
    lines = [Text()]
    for name, value in pairs:
        one = Text.assemble((f"{name} ", "dim"), value)
        if lines[-1] and lines[-1].cell_len + len(BETWEEN) + one.cell_len > cells:
            lines.append(Text())
        lines[-1] += Text(BETWEEN) + one if lines[-1] else one
    return Text("\n").join(lines)


def _headed(head: str, style: str, rest: str, width: int) -> Text:
    """A line with its beginning in a style; rich breaks lines at blanks alone, which Chinese hardly has."""
    text = Text(head + rest if spoken() == "en" else "\n".join(filled(head + rest, width)))
    text.stylize(style, 0, len(head))
    return text


def curve(record: Record, width: int) -> str:
    """The losses as a curve in Braille dots, over the updates so far."""
    steps, (values,) = decimated(record.steps, [record.losses], width * 2)
    filled = _filled(values)
    first, span = int(steps[0]), int(steps[-1]) - int(steps[0]) + 1
    top = float(np.percentile(filled, HIGH)) * 1.05 or 1.0

    def value(t: int) -> float:
        return min(top, float(filled[max(0, int(np.searchsorted(steps, first + t, side="right")) - 1)]))

    return draw([(say("loss"), value, [])], span, width=width)


def sparkline(record: Record, width: int) -> str:
    """The losses as one line of blocks.

    >>> sparkline(Record(steps=np.arange(4), losses=np.array([4.0, 3.0, 2.0, 1.0])), 4)
    '█▆▃▁'
    """
    _, (values,) = decimated(record.steps, [record.losses], max(1, width // 2))
    filled = _filled(values)[:width] if len(values) <= width else _filled(values)[-width:]
    low, high = float(filled.min()), float(np.percentile(filled, HIGH))
    blocks = "▁▂▃▄▅▆▇█"
    scaled = np.clip((filled - low) / (high - low), 0, 1) if high > low else np.zeros(len(filled))
    return "".join(blocks[round(float(one) * (len(blocks) - 1))] for one in scaled)


def _filled(values: Floats) -> Floats:
    """The numbers, with the one before in place of each that is none."""
    there = np.isfinite(values)
    if not there.any():
        return np.zeros(len(values))
    places = np.maximum.accumulate(np.where(there, np.arange(len(values)), int(np.argmax(there))))
    filled: Floats = values[places]
    return filled
