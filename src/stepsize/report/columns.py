"""The columns of the page's table: what each is called, what it shows of a strategy, and what it is sorted by."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from .._language import heard, said, say
from ..lab.records.measures import called
from .exports.cells import measures
from .numbers import Mean, Row, Summary

BEST, GIVEN, BASIN = "At its best base rate", "As given", "Basin"
GROUPS = {one: one for one in (BEST, GIVEN, BASIN)}  # as the head of the table names them


@dataclass(frozen=True)
class Column:
    """One column: `kind` says how the page writes a value, `number` what of it is sorted, None for nothing."""

    key: str
    title: str
    group: str
    kind: str
    value: Callable[[Row], Any]

    def number(self, row: Row) -> float | None:
        """What a row is sorted by in this column."""
        found = self.value(row)
        if isinstance(found, Mean):
            return found.value
        return None if found is None else float(found)

    @property
    def label(self) -> str:
        """What the list of columns calls it, where its group is not above it."""
        return say("{title} (as given)", title=self.title) if self.group == GIVEN else self.title


def columns(summary: Summary) -> list[Column]:
    """The columns of a comparison: what decides first, so that a phone shows it; nothing that no strategy has."""
    settings, rows = summary.settings, summary.rows
    chosen_by = said(f"{settings.chosen_by} loss")
    judged = any(row.tested for row in rows)
    chosen = Column("loss", chosen_by, BEST, "mean", lambda row: row.validation)
    best = [Column("tested", say("test loss"), BEST, "mean", lambda row: row.tested), chosen] if judged else [chosen]
    best.append(Column("rate", say("base rate"), BEST, "best", lambda row: row.best_base))
    if settings.subject.validated:
        best.append(Column("train", say("training loss"), BEST, "mean", lambda row: row.train))
    if any(row.worst is not None for row in rows):
        best.append(Column("worst", say("worst seed"), BEST, "plain", lambda row: row.worst))
    best += [
        Column(f"metric{i}", heard(called(name)), BEST, "mean", partial(_metric, name))
        for i, name in enumerate(measures(summary))
    ]
    best.append(Column("steps", say("steps to target"), BEST, "steps", lambda row: row.steps_to_target))
    return [
        *best,
        Column("given_rate", say("base rate"), GIVEN, "plain", lambda row: row.base),
        Column("given_loss", chosen_by, GIVEN, "given", lambda row: row.given_validation),
        Column("basin", say("base rates"), BASIN, "basin", lambda row: row.basin and row.basin[0]),
        Column(
            "decades", say("decades"), BASIN, "width", lambda row: row.basin and math.log10(row.basin[1] / row.basin[0])
        ),
        Column("diverged", say("diverged"), "", "diverged", lambda row: row.diverged / row.runs if row.runs else None),
    ]


def grouped(found: list[Column]) -> list[tuple[str, list[Column]]]:
    """The columns by the group that stands above them, in their order."""
    groups: list[tuple[str, list[Column]]] = []
    for one in found:
        if not groups or groups[-1][0] != one.group:
            groups.append((one.group, []))
        groups[-1][1].append(one)
    return groups


def _metric(name: str, row: Row) -> Mean | None:
    return row.metrics.get(name)
