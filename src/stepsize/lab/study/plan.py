"""The plan of a comparison: which strategies, at which rates, with which seeds, for how long, on what."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ...descents import descent
from ...schedules.rate import rate
from ...text import as_strategy
from ..trials.trial import Trial


@dataclass(frozen=True)
class Subject:
    """What is trained, as the reports say it; `fingerprint` changes with everything that the numbers depend on.

    `task`, `target`, `classes` and `columns` are those of a table, empty for other problems; rows are 0 where a
    problem has none. `rows_test` are the rows of the part that judges, `folded` whether the two held-out parts take
    turns in choosing and judging, because there are few rows.
    """

    fingerprint: str
    data: str
    model: str
    rows_train: int = 0
    rows_validation: int = 0
    rows_test: int = 0
    validated: bool = False
    tested: bool = False
    folded: bool = False
    task: str = ""
    target: str = ""
    classes: int = 0
    columns: int = 0
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @staticmethod
    def of(told: dict[str, Any]) -> Subject:
        """The subject of `as_dict`; a TypeError, KeyError or ValueError says that it is none."""
        given = {one.name: told[one.name] for one in fields(Subject)}
        found = Subject(**given | {"notes": tuple(map(str, told["notes"]))})
        for one in fields(Subject):
            kind = {"str": str, "int": int, "bool": bool}.get(str(one.type), tuple)
            if type(getattr(found, one.name)) is not kind:
                raise TypeError(f"{one.name} must be {one.type}")
        return found


@dataclass(frozen=True)
class Grid:
    """Base rates and seeds, every one with every other."""

    bases: tuple[float, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Entrant:
    """A strategy in a comparison: its name, its text as the user wrote it, its own base rate, and where it is tried.

    `grids` grow where a study grows; the runs of all of them are asked for. `parsed` is the text parsed, where
    somebody has done that already.
    """

    name: str
    text: str
    base: float
    grids: tuple[Grid, ...]
    parsed: descent | rate | None = field(default=None, compare=False, repr=False)

    @property
    def strategy(self) -> descent | rate:
        """What the text says: a strategy, or a rate for an optimizer that the user brings."""
        if self.parsed is None:
            object.__setattr__(self, "parsed", as_strategy(self.text))
        assert self.parsed is not None
        return self.parsed

    @property
    def bases(self) -> tuple[float, ...]:
        """The base rates, rising."""
        return tuple(sorted({base for grid in self.grids for base in grid.bases}))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, rising."""
        return tuple(sorted({seed for grid in self.grids for seed in grid.seeds}))

    @property
    def cells(self) -> tuple[tuple[float, int], ...]:
        """Every base rate with every seed that is asked for, seed by seed."""
        asked = {(base, seed) for grid in self.grids for base in grid.bases for seed in grid.seeds}
        return tuple(sorted(asked, key=lambda cell: (cell[1], cell[0])))

    def joined(self, other: Entrant) -> Entrant:
        """The same strategy, tried where either asks for it, under the name of the other."""
        return replace(other, grids=tuple(dict.fromkeys((*self.grids, *other.grids))))

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        grids = [{"bases": one.bases, "seeds": one.seeds} for one in self.grids]
        return {"name": self.name, "text": self.text, "base": self.base, "grids": grids}

    @staticmethod
    def of(told: dict[str, Any]) -> Entrant:
        """The entrant of `as_dict`; a KeyError, TypeError or ValueError says that it is none."""
        grids = tuple(Grid(tuple(map(float, one["bases"])), tuple(map(_seed, one["seeds"]))) for one in told["grids"])
        found = Entrant(told["name"], told["text"], float(told["base"]), grids)
        if not (isinstance(found.name, str) and isinstance(found.text, str)):
            raise TypeError("name and text must be texts")
        return found


@dataclass(frozen=True)
class Plan:
    """What a comparison asks for; equal plans give equal numbers.

    `reference` is the place of the strategy that others are held against, None for none.
    """

    subject: Subject
    strategies: tuple[Entrant, ...]
    steps: int
    measure_every: int
    batch_size: int | None
    reference: int | None = None

    @property
    def seeds(self) -> tuple[int, ...]:
        """Every seed of every strategy, rising."""
        return tuple(sorted({seed for one in self.strategies for seed in one.seeds}))

    @property
    def referred(self) -> Entrant | None:
        """The strategy that others are held against, None for none."""
        return None if self.reference is None else self.strategies[self.reference]

    @property
    def chosen_by(self) -> str:
        """Which loss chooses the best rate: validation, or training where there is no validation problem."""
        return "validation" if self.subject.validated else "training"

    @property
    def runs(self) -> int:
        """How many runs the whole comparison has."""
        return sum(len(one.cells) for one in self.strategies)

    def trials_of(self, place: int) -> list[Trial]:
        """The trials of one strategy, seed by seed."""
        one = self.strategies[place]
        return [self.trial(one, base, seed) for base, seed in one.cells]

    def trial(self, one: Entrant, base: float, seed: int) -> Trial:
        """The trial of a strategy at a base rate with a seed."""
        return Trial(
            name=one.name,
            text=one.text,
            problem=self.subject.fingerprint,
            rate=base,
            seed=seed,
            steps=self.steps,
            batch_size=self.batch_size,
            measure_every=self.measure_every,
            parsed=one.strategy,
        )

    def trials(self) -> Iterator[Trial]:
        """Every trial, strategy by strategy, seed by seed."""
        for place in range(len(self.strategies)):
            yield from self.trials_of(place)

    def same_course(self, other: Plan) -> bool:
        """Whether both belong into one table: the same problem, as long, measured at the same steps."""
        mine, theirs = ((one.steps, one.measure_every, one.batch_size) for one in (self, other))
        return self.subject.fingerprint == other.subject.fingerprint and mine == theirs

    def grown_from(self, earlier: Sequence[Plan]) -> Plan:
        """This plan with what earlier plans of the same course asked for; names and the reference are this plan's."""
        found: dict[str, Entrant] = {}
        for plan in (*(one for one in earlier if self.same_course(one)), self):
            for one in plan.strategies:
                key = str(one.strategy)
                found[key] = found[key].joined(one) if key in found else one
        mine = None if self.reference is None else str(self.strategies[self.reference].strategy)
        reference = None if mine is None else list(found).index(mine)
        return replace(self, strategies=self._named_apart(tuple(found.values())), reference=reference)

    def _named_apart(self, strategies: tuple[Entrant, ...]) -> tuple[Entrant, ...]:
        """The same with a name for each: one that an earlier plan called as another is called now takes its text."""
        taken, named = {one.name for one in self.strategies}, []
        own = {str(one.strategy) for one in self.strategies}
        for one in reversed(strategies):  # of two earlier ones the later keeps the name
            if str(one.strategy) not in own:
                free = (one.name, one.text, *(f"{one.name} ({n})" for n in range(2, len(strategies) + 3)))
                one = replace(one, name=next(name for name in free if name not in taken))
                taken.add(one.name)
            named.append(one)
        return tuple(reversed(named))

    def finished(self, over: Collection[str]) -> Plan:
        """The plan of what is finished: without the grids some of whose trials are not among those keys.

        So what was asked for once and never finished takes nothing from what is. A strategy with no whole grid stays as
        it is.
        """
        return replace(self, strategies=tuple(self._finished(one, over) for one in self.strategies))

    def _finished(self, one: Entrant, over: Collection[str]) -> Entrant:
        keys = {(base, seed): self.trial(one, base, seed).key for base, seed in one.cells}
        whole = (g for g in one.grids if all(keys[base, seed] in over for base in g.bases for seed in g.seeds))
        return replace(one, grids=tuple(whole) or one.grids)

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {
            "problem": self.subject.fingerprint,
            "steps": self.steps,
            "measure_every": self.measure_every,
            "batch_size": self.batch_size,
            "reference": self.reference,
            "strategies": [one.as_dict() for one in self.strategies],
        }

    @staticmethod
    def of(told: dict[str, Any], subject: Subject) -> Plan:
        """The plan of `as_dict`; a KeyError, TypeError, ValueError or StepsizeError says that it is none."""
        if told["problem"] != subject.fingerprint:
            raise ValueError("a plan of another problem")
        whole = {name: told[name] for name in ("steps", "measure_every", "batch_size", "reference")}
        found = Plan(subject, tuple(Entrant.of(one) for one in told["strategies"]), **whole)
        next(found.trials(), None)  # which checks them
        place = found.reference
        if place is not None and not (type(place) is int and 0 <= place < len(found.strategies)):
            raise ValueError("the reference must be one of the strategies")
        return found


def _seed(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("seeds must be whole numbers")
    return value
