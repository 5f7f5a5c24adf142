"""One strategy judged: its chosen rate, and what every seed ended at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..._errors import StepsizeError
from ...problems import Floats
from .column import Column
from .crossing import best, crossed, picks, plain, shared
from .readings import Reading, hull
from .runs import Runs
from .student import Estimate

WHY = {  # a strategy is not judged
    "none": "nothing was run",
    "diverged": "with every rate some seed diverged",
    "apart": "its rates share no seed, so none can be chosen",
}


@dataclass(frozen=True)
class Judged:
    """One strategy, judged.

    `rates` is the chosen rate (two where both halves of the held-out rows have chosen one, none where nothing could
    be chosen; `why` says the reason then), `losses` what each seed ended at there, and `crossed` the same at the rates
    that the other seeds chose, which are all in `range`. `mean` is that of `losses`; its interval holds what both
    say. `worst` is the worst seed and its loss, `edge` "lowest" or "highest" where the chosen rate is at an end of
    those tried. `choosing` seeds chose, those that all its rates have; `diverged` of `runs` runs diverged, at
    `diverged_at`.
    """

    name: str
    rates: tuple[float, ...]
    losses: Mapping[int, float]
    crossed: Mapping[int, float]
    mean: Estimate | None
    worst: tuple[int, float] | None
    range: tuple[float, float] | None
    edge: str
    runs: int
    choosing: int
    diverged: int
    diverged_at: tuple[float, ...]
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return asdict(self)


def judged(runs: Runs, judges: Column, chooses: Column) -> Judged:
    """The strategy at the rate with the lowest mean over the seeds that all its rates have, on the part that chooses.

    A rate at which a seed diverged is out. Where `chooses` is better when higher, the rate is that with the highest.
    """
    told = _told(runs)
    if not runs.kept:
        return Judged(**told, **_nothing(WHY["diverged"] if runs.rates else WHY["none"]))
    of_choosing, of_judging = runs.arrays()
    told["choosing"] = int(shared(of_choosing).sum())
    if not told["choosing"]:
        return Judged(**told, **_nothing(WHY["apart"]))
    signed = of_choosing * chooses.sign
    places = picks(signed)
    ends = runs.kept[int(places[0])], runs.kept[int(places[-1])]
    rate = runs.kept[int(best(signed))]
    apart = _by_seed(runs, crossed(signed, of_judging))
    return Judged(**told, **_ended(rate, _by_seed(runs, plain(signed, of_judging)), apart, ends, runs.rates, judges))


def both(one: Judged, other: Judged, judges: Column) -> Judged:
    """One strategy judged both ways: the first half of the held-out rows chose and the second judged, and turned round.

    Each seed has the mean of its two losses, so all held-out rows have judged and none has judged what it chose. Use
    it where the rows are too few for three parts; the halves must be of the same size. A StepsizeError where the two
    are not the same runs.
    """
    if (one.name, one.runs) != (other.name, other.runs):
        raise StepsizeError(f"both ways needs one strategy's runs twice, not {one.name!r} and {other.name!r}")
    for part in (one, other):
        if part.why:
            return part
    told = {name: getattr(one, name) for name in ("name", "runs", "choosing", "diverged", "diverged_at")}
    assert one.range is not None
    assert other.range is not None
    ends = min(one.range[0], other.range[0]), max(one.range[1], other.range[1])
    losses, apart = _halved(one.losses, other.losses), _halved(one.crossed, other.crossed)
    ended = _ended(one.rates[0], losses, apart, ends, (), judges)
    rates = tuple(sorted({*one.rates, *other.rates}))
    return Judged(**told, **{**ended, "rates": rates, "edge": one.edge or other.edge})


def _halved(one: Mapping[int, float], other: Mapping[int, float]) -> dict[int, float]:
    return {seed: one[seed] / 2 + other[seed] / 2 for seed in one if seed in other}


def _told(runs: Runs) -> dict[str, Any]:
    at = tuple(sorted({rate for rate, _ in runs.diverged}))
    counts = {"runs": len(runs.chooses), "diverged": len(runs.diverged), "choosing": 0}
    return {"name": runs.name, **counts, "diverged_at": at}


def _nothing(why: str) -> dict[str, Any]:
    return {
        "rates": (),
        "losses": {},
        "crossed": {},
        "mean": None,
        "worst": None,
        "range": None,
        "edge": "",
        "why": why,
    }


def _ended(
    rate: float,
    losses: dict[int, float],
    apart: dict[int, float],
    ends: tuple[float, float],
    tried: tuple[float, ...],
    judges: Column,
) -> dict[str, Any]:
    edge = "" if len(tried) < 2 else {tried[0]: "lowest", tried[-1]: "highest"}.get(rate, "")
    worst = max(losses.items(), key=lambda one: one[1] * judges.sign) if losses else None
    about = {"losses": losses, "crossed": apart, "mean": _mean(losses, apart), "worst": worst}
    return {"rates": (rate,), "range": ends, "edge": edge, **about}


def _mean(losses: dict[int, float], apart: dict[int, float]) -> Estimate | None:
    if not losses:
        return None
    values = np.array(list(losses.values()))
    if len(values) < 2:
        return Estimate(float(values[0]), None, None, 1)
    first = Reading.of(values)
    second = Reading.of(np.array(list(apart.values()))) if len(apart) > 1 else first
    low, high = hull(first, second)
    return Estimate(float(first.mean), float(low), float(high), len(values))


def _by_seed(runs: Runs, values: Floats) -> dict[int, float]:
    return {seed: value for seed, value in zip(runs.seeds, values.tolist(), strict=True) if math.isfinite(value)}
