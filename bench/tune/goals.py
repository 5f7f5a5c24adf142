"""What the bench asks of `tune`, whether it is reached, and which cells miss it."""

from __future__ import annotations

from collections.abc import Iterable

from .judging import Row, Summary, summed
from .ours import GRID
from .results import BUDGETS, Entry, Rows
from .table import Table

MISSED = 5.0  # % above the best fixed rate, from which on a cell needs an explanation
FOOLED = 100.0  # %: a grid above it took a run for good whose few rows to choose by were lucky
NEAR = 0.75  # octaves
Goal = tuple[str, bool, str]  # what, whether, and the numbers


def goals(rows: Rows, choosers: Iterable[Entry]) -> list[Goal]:
    """The goals over all cells of these rows."""
    named = list(choosers)
    tune = {budget: summed(list(rows["tune", budget].values())) for budget in BUDGETS}
    grid = rows[GRID, 1.0]
    found = _as_the_grid(rows["tune", 4.0], grid, "")
    sound = {cell: row for cell, row in grid.items() if row.excess <= FOOLED}
    if 0 < len(sound) < len(grid):
        found += _as_the_grid(rows["tune", 4.0], sound, f", without {len(grid) - len(sound)} cells that fool the grid")
    found += [_bound(tune[2.2], "2.2 runs", 8), _bound(tune[1.3], "1.3 runs", 15)]
    return found + [_first(rows, named, budget) for budget in BUDGETS]


def _as_the_grid(tune: dict[str, Row], grid: dict[str, Row], without: str) -> list[Goal]:
    """Whether four runs do as well as the whole grid, over the cells of the grid's rows."""
    mine, theirs = summed([tune[cell] for cell in grid]), summed(list(grid.values()))
    found = []
    for name in ("median", "mean", "worst"):
        own, other = getattr(mine, name), getattr(theirs, name)
        told = f"{own:.1f} %, the grid {other:.1f} %"
        found.append((f"4 runs: the {name} of the whole grid{without}", own <= other, told))
    return found


def _bound(one: Summary, budget: str, most: float) -> Goal:
    reached = one.mean <= most and one.broken == 0
    told = f"{one.mean:.1f} %, {one.broken} of {one.runs} runs diverged"
    return f"{budget}: a mean of at most {most:g} %, no run that diverged", reached, told


def _first(rows: Rows, choosers: list[Entry], budget: float) -> Goal:
    """Whether nobody else is lower in mean and worst case, over the cells in which the other is judged."""
    ahead = []
    for one in choosers:
        theirs = rows.get((one.name, one.at(budget)), {})
        if one.kind in ("ours", "grid") or not theirs:
            continue
        mine = summed([rows["tune", budget][cell] for cell in theirs])
        other = summed(list(theirs.values()))
        parts = [name for name in ("mean", "worst") if round(getattr(mine, name) - getattr(other, name), 1) > 0]
        if parts:
            told = ", ".join(f"{name} {getattr(other, name):.1f} for {getattr(mine, name):.1f}" for name in parts)
            ahead.append(f"{one.name} ({told})")
    return f"{budget:g} runs: first in mean and worst case", not ahead, "; ".join(ahead) or "nobody is ahead"


def missed(table: Table, row: Row, grid: Row) -> str:
    """Why a cell is above the best fixed rate by more than `MISSED`; empty where it is not."""
    if row.excess <= MISSED:
        return ""
    spread = float(table.test[:, table.best].std(ddof=1) / table.test[:, table.best].mean())
    side = "above" if row.signed > 0 else "below"
    if row.octaves <= NEAR:
        where = (
            f"its rates lie within {row.octaves:.1f} octaves of the best, and another seed changes {100 * spread:.0f} %"
        )
    elif abs(row.signed) > 0.6 * row.octaves:
        where = f"its rates lie {abs(row.signed):.1f} octaves {side} the best in the mean"
    else:
        where = f"its rates lie {row.octaves:.1f} octaves off in the mean, on both sides"
    if grid.excess > MISSED:
        where += f"; the whole grid misses it too ({grid.excess:.0f} %): what chooses and what judges disagree"
    return where
