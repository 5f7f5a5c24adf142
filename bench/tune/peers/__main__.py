"""Make and keep the answers of peers that take training or another package: see `bench.tune.peers`."""

from __future__ import annotations

import argparse
import fnmatch
import itertools
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ..table import tables
from . import finders, optimizers, searches

BUDGETS = (1.1, 1.3, 4.0)  # of the finders: from 1.34 on nothing changes


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""


def _finders(cell: Any, seed: int, table: Any) -> Iterator[str]:
    for name in finders.FINDERS:
        if told := _version(finders.PACKAGES.get(name, "stepsize")):
            finders.record(cell, seed, name, BUDGETS, told)
            yield name


def _optimizers(cell: Any, seed: int, table: Any) -> Iterator[str]:
    for name, (package, _, _) in optimizers.OPTIMIZERS.items():
        if told := _version(package):
            optimizers.record(cell, seed, name, told)
            yield name


def _searches(cell: Any, seed: int, table: Any) -> Iterator[str]:
    for name, (package, _) in searches.SEARCHES.items():
        if (told := _version(package)) and table is not None:
            for width in searches.WIDTHS:
                searches.record(name, width, cell, table, seed, told)
            yield name


KINDS = {"finders": _finders, "optimizers": _optimizers, "searches": _searches}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("kinds", nargs="+", choices=KINDS)
    ask.add_argument("--cells", default="*")
    ask.add_argument("--seeds", type=int, default=3, help="the most seeds of a cell")
    ask.add_argument("--first", type=int, default=0, help="the first seed: another process may make the others")
    ask.add_argument("--tables", nargs="*", default=[], help="NPZ of the cells, for the searches")
    told = ask.parse_args()
    import torch

    from ..tasks import CELLS

    torch.set_num_threads(1)
    seen = {one.name: one for one in tables(*told.tables)}
    chosen = [one for one in CELLS if fnmatch.fnmatch(one.name, told.cells)]
    for kind, seed in itertools.product(
        told.kinds, range(told.first, told.seeds)
    ):  # so that a killed one has all cells alike
        for cell in chosen:
            if seed < cell.seeds:
                begun = time.process_time()
                for _ in KINDS[kind](cell, seed, seen.get(cell.name)):
                    pass
                print(f"{kind} {seed} {cell.name} {time.process_time() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    main()
