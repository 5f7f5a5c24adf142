"""Searches for a rate on the recorded runs: random search, grids around the default, and those of other packages.

A search sees the validation losses of the table at its looks. A trial that a pruner or a scheduler stops costs what it
used, and one whose loss is not finite ends there, reported as 1e30. A trial that the budget cuts off is no answer and
costs nothing: nobody would have begun it. The answer is the best of the trials that ran to the end. The searches of
other packages are made once for the largest budget; what they had seen before is what a smaller one sees.

Rates are drawn evenly in their logarithm, from 1e-5 to 1 for Adam and 1e-4 to 3 for SGD ("wide"), or from two decades
around the default, 1e-4 to 1e-2 and 1e-2 to 1 ("narrow"): a fair peer may know the default. A rate is snapped to the
nearest one of the table.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..judging import Answers, Pick
from ..kept import Kept
from ..table import DEFAULT_RATES
from . import optunas, rays
from .peer import FOLDER, Cell, Peer, Recorded
from .trials import End, SpentError, Trials

RANGES = {
    "wide": {"adamw": (1e-5, 1.0), "sgdm": (1e-4, 3.0)},
    "narrow": {"adamw": (1e-4, 1e-2), "sgdm": (1e-2, 1.0)},
}
DRAWS = 3  # of random search, for each seed
MOST = 17.0  # whole runs, of the longest search
KEPT = Kept(FOLDER / "searches.jsonl")
Rates = Callable[[Cell, int, int], np.ndarray]  # of a cell, how many and which draw


def _best(seed: int, ends: list[End], budget: float) -> Answers:
    """The best of what was whole within a budget, and what had been used when the last trial within it ended."""
    within = [one for one in ends if one.at <= budget + 1e-9]
    whole = [one for one in within if one.loss is not None]
    return [Pick(seed, min(whole, key=lambda one: one.loss or 0.0).place, within[-1].at)] if whole else []


def _planned(rates: Rates, draws: int, cell: Cell, table: Recorded, seed: int, budget: float) -> Answers:
    """As many whole runs as the budget has, at rates that are known beforehand.

    The table ends where every cell is bad; what a grid has beyond is trained once, at the end of the table.
    """
    found: list[Any] = []
    for draw in range(draws):
        trials = Trials(table, seed, budget)
        for rate in rates(cell, int(budget), draws * seed + draw):
            if draws > 1 or table.place(float(rate)) not in [one.place for one in trials.ends]:
                trials.run(float(rate))
        found += _best(seed, trials.ends, budget)
    return found


def _number(text: str) -> int:
    """A number to draw by: draws that all cells share would make a whole row lucky."""
    return zlib.crc32(text.encode())


def _random(width: str, cell: Cell, count: int, draw: int) -> np.ndarray:
    low, high = np.log(RANGES[width][cell.optimizer])
    return np.asarray(np.exp(np.random.default_rng([_number(cell.name), draw]).uniform(low, high, count)))


def _grid(factor: float, cell: Cell, count: int, _: int) -> np.ndarray:
    """The default, then a step up, a step down, two up, and so on."""
    places = [0, *(sign * i for i in range(1, count) for sign in (1, -1))][:count]
    return np.asarray(DEFAULT_RATES[cell.optimizer] * factor ** np.array(places, float))


def _default(cell: Cell, count: int, draw: int) -> np.ndarray:
    return _grid(1.0, cell, 1, draw)


Search = Callable[[Trials, str, tuple[float, float], int], None]  # goes on until the trials say that all is spent
SEARCHES: dict[str, tuple[str, Search]] = {
    "Optuna, TPE": ("optuna", partial(optunas.search, "")),
    "Optuna, TPE and median": ("optuna", partial(optunas.search, "median")),
    "Optuna, TPE and Hyperband": ("optuna", partial(optunas.search, "Hyperband")),
    "Optuna, TPE and halving": ("optuna", partial(optunas.search, "successive halving")),
    "Ray Tune, ASHA": ("ray", rays.asha),
    "Ray Tune, HyperBand": ("ray", rays.hyperband),
}


def _seen(table: Recorded) -> int:
    """A number that changes with what a search sees."""
    return zlib.crc32(np.ascontiguousarray(table.held, float).tobytes()) ^ zlib.crc32(table.rates.tobytes())


def made(search: str, width: str, cell: Cell, table: Recorded, seed: int, most: float = MOST) -> list[End]:
    """Make a search until its budget is used; what ended when."""
    trials = Trials(table, seed, most)
    about = f"{cell.name} {seed}"
    with contextlib.suppress(SpentError):
        SEARCHES[search][1](trials, about, RANGES[width][cell.optimizer], _number(about))
    return trials.ends


def record(search: str, width: str, cell: Cell, table: Recorded, seed: int, version: str) -> None:
    """Make a search of another package that is not kept yet."""
    key = (search, width, cell.name, seed, _seen(table))
    if KEPT.get(*key) is None:
        KEPT.put(*key, ends=made(search, width, cell, table, seed), version=version)


def _kept(search: str, width: str, cell: Cell, table: Recorded, seed: int, budget: float) -> Answers:
    found = KEPT.get(search, width, cell.name, seed, _seen(table))
    return [] if found is None else _best(seed, [End(*one) for one in found["ends"]], budget)


def _named(name: str, width: str) -> str:
    return name if width == "wide" else f"{name}, two decades"


WIDTHS = tuple(RANGES)
PEERS = (
    Peer("untuned default", "search", "", partial(_planned, _default, 1), largest=1.0),
    *(
        Peer(f"grid of factors {factor:g}", "search", "", partial(_planned, partial(_grid, factor), 1))
        for factor in (2.0, 3.16, 4.0)
    ),
    *(
        Peer(_named("random", width), "search", "", partial(_planned, partial(_random, width), DRAWS))
        for width in WIDTHS
    ),
    *(
        Peer(_named(name, width), "search", package, partial(_kept, name, width), kept=KEPT)
        for name, (package, _) in SEARCHES.items()
        for width in WIDTHS
    ),
)
