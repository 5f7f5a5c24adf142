"""The table of a comparison as names and values: what the CSV file and the page's download hold."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from ..numbers import Mean, Row, Summary

Cell: TypeAlias = str | float | None
_Column: TypeAlias = Callable[[Row], Cell]


def header(summary: Summary) -> list[str]:
    """The names of the columns; a mean has a second one for its spread, the standard deviation over `seeds` runs."""
    return list(_columns(summary))


def rows(summary: Summary) -> list[list[Cell]]:
    """The values of each strategy, None where there is none."""
    columns = _columns(summary).values()
    return [[column(row) for column in columns] for row in summary.rows]


def measures(summary: Summary) -> list[str]:
    """The names of the other measures, such as the accuracy, in the order in which the strategies name them."""
    return list(dict.fromkeys(name for row in summary.rows for name in row.metrics))


def decisive(row: Row) -> Mean | None:
    """The loss that strategies are compared by: on the part that judges, else the one that chose the rate."""
    return row.tested or row.validation


def lowest(summary: Summary) -> float | None:
    """The lowest of the losses that strategies are compared by."""
    return min((found.value for row in summary.rows if (found := decisive(row)) is not None), default=None)


def _columns(summary: Summary) -> dict[str, _Column]:
    """What each column holds of a strategy, by its name."""
    found, last = _at_best(summary), _given_and_counted(summary)
    for name in measures(summary):
        taken = name in found or name in last or name.removesuffix("_spread") in found
        found |= _mean(f"metric_{name}" if taken else name, partial(_metric, name))
    return found | last


def _at_best(summary: Summary) -> dict[str, _Column]:
    found: dict[str, _Column] = {"strategy": lambda row: row.name, "expression": lambda row: row.text}
    found |= {"best_rate": lambda row: row.best_base, "at_edge": lambda row: str(row.at_edge).lower()}
    found |= _mean("training_loss", lambda row: row.train)
    if summary.settings.subject.validated:
        found |= _mean("validation_loss", lambda row: row.validation)
    if any(one.tested for one in summary.rows):
        found |= _mean("test_loss", lambda row: row.tested)
    if any(one.worst is not None for one in summary.rows):
        found["worst_seed_loss"] = lambda row: row.worst
    return found


def _given_and_counted(summary: Summary) -> dict[str, _Column]:
    found: dict[str, _Column] = {"given_rate": lambda row: row.base}
    found |= _mean("given_training_loss", lambda row: row.given_train)
    if summary.settings.subject.validated:
        found |= _mean("given_validation_loss", lambda row: row.given_validation)
    return found | {
        "steps_to_target": lambda row: row.steps_to_target,
        "seeds_that_reached_target": lambda row: row.reached,
        "good_rates_low": lambda row: row.basin and row.basin[0],
        "good_rates_high": lambda row: row.basin and row.basin[1],
        "seeds": lambda row: row.seeds,
        "diverged_runs": lambda row: row.diverged,
        "runs": lambda row: row.runs,
    }


def _mean(name: str, value: Callable[[Row], Mean | None]) -> dict[str, _Column]:
    return {name: lambda row: _of(value(row), "value"), f"{name}_spread": lambda row: _of(value(row), "spread")}


def _of(mean: Mean | None, field: str) -> float | None:
    return None if mean is None else float(getattr(mean, field))


def _metric(name: str, row: Row) -> Mean | None:
    return row.metrics.get(name)
