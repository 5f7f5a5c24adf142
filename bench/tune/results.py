"""What every chooser came to in every cell at every budget; what was judged before is not judged again.

Rows of the policies of stepsize are kept in `OUT/judged.jsonl`, under the name, the budget, the cell and a stamp: a
hash of the table and of the source that decides. Peers answer from what was recorded of them, so theirs are made anew.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path

from .judging import Answers, Chooser, Row, judged
from .kept import OUT, ROOT, Kept
from .ours import GRID, GRIDS, POLICIES, default, everything, everything_everywhere
from .table import Table
from .tasks import Cell

BUDGETS = (1.1, 1.3, 2.2, 3.3, 4.0, 5.0, 9.0, 17.0)
OURS = ("tune", "tune four at a time", "race", "climb", "halving", "grid around the prior")
SWEPT = ("valley", "steepest", "minimum / 10", "slide")
DECIDES = ("src/stepsize/lab/choose/*.py", "bench/tune/ours.py", "bench/tune/judging.py", "bench/tune/table.py")
Rows = dict[tuple[str, float], dict[str, Row]]  # by name and budget, by cell


@dataclass(frozen=True)
class Entry:
    """Who chooses. From the budget `largest` on the answer is the same; `kept` says that its rows are kept."""

    name: str
    kind: str  # "ours", "grid" (the yardsticks), "search", "finder" or "optimizer"
    ask: Callable[[Cell, Table, int, float], Answers]
    largest: float = math.inf
    optimizers: tuple[str, ...] = ("adamw", "sgdm")
    unanswered: Callable[[Cell, Table, int, float], bool] = lambda *_: False
    kept: bool = False

    def at(self, budget: float) -> float:
        """The budget that decides its answer."""
        return min(budget, self.largest)


def entries() -> list[Entry]:
    """Ours, then the peers; without these, the plain searches that need no package."""
    own = [_of_table(name, "ours", POLICIES[name]) for name in OURS]
    own += [replace(_of_table(f"find, {name}", "finder", POLICIES[name], 1.3), kept=False) for name in SWEPT]
    own += [_of_table(GRID, "grid", everything, 1.0), _of_table(GRIDS, "grid", everything_everywhere, 1.0)]
    plain = [_of_table(name, "search", POLICIES[name]) for name in ("grid around the default", "random")]
    plain += [_of_table("untuned default", "search", default, 1.0)]
    return [*own, *(_peers() or plain)]


def _of_table(name: str, kind: str, chooser: Chooser, largest: float = math.inf) -> Entry:
    return Entry(name, kind, lambda _, table, seed, budget: chooser(table, seed, budget), largest, kept=True)


def _peers() -> list[Entry]:
    try:
        from .peers import PEERS
    except ModuleNotFoundError as error:
        if error.name != f"{__package__}.peers":
            raise
        return []
    return [Entry(one.name, one.kind, one.picks, one.largest, one.optimizers, one.unanswered) for one in PEERS]


def stamp(table: Table) -> str:
    """A hash of what decides a row: the source, and the table."""
    digest = hashlib.sha256(_source())
    for one in (table.rates, table.held, table.test):
        digest.update(one.tobytes())
    return digest.hexdigest()[:16]


@cache
def _source() -> bytes:
    return b"".join(path.read_bytes() for pattern in DECIDES for path in sorted(ROOT.glob(pattern)))


def results(
    cells: Sequence[tuple[Cell, Table]],
    choosers: Sequence[Entry],
    budgets: Sequence[float] = BUDGETS,
    out: Path = OUT,
    on_row: Callable[[str, float], None] = lambda *_: None,
) -> Rows:
    """The rows of all, by the name of the chooser and its budget; a chooser without an answer has no row."""
    kept, found = Kept(out / "judged.jsonl"), Rows()
    stamps = {table.name: stamp(table) for _, table in cells}
    for one in choosers:
        for budget in dict.fromkeys(map(one.at, budgets)):
            on_row(one.name, budget)
            for cell, table in cells:
                if cell.optimizer not in one.optimizers:
                    continue
                key = (one.name, budget, cell.name, stamps[cell.name])
                told = kept.get(*key)
                ask = partial(_asked, one, cell, table, budget)
                row = Row(**told["row"]) if told else judged(table, ask, range(table.seeds))
                if row is not None:
                    found.setdefault((one.name, budget), {})[cell.name] = row
                    if one.kept and told is None:
                        kept.put(*key, row=asdict(row))
    return found


def _asked(one: Entry, cell: Cell, table: Table, budget: float, seed: int) -> Answers:
    return one.ask(cell, table, seed, budget)
