"""The settings of a comparison: everything that decides its numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...descents import descent
from ...text import as_descent


@dataclass(frozen=True)
class Entrant:
    """A strategy in a comparison: its name, its text, its base rate, and those it is tried at (its own among them).

    `parsed` is the text parsed, where somebody has done that already.
    """

    name: str
    text: str
    base: float
    bases: tuple[float, ...]
    parsed: descent | None = field(default=None, compare=False, repr=False)

    @property
    def strategy(self) -> descent:
        """The strategy that the text says."""
        return as_descent(self.text) if self.parsed is None else self.parsed

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {"name": self.name, "text": self.text, "base": self.base, "bases": self.bases}

    @staticmethod
    def of(told: dict[str, Any]) -> Entrant:
        """The entrant of `as_dict`."""
        found = Entrant(told["name"], told["text"], float(told["base"]), tuple(map(float, told["bases"])))
        if not (isinstance(found.name, str) and isinstance(found.text, str)):
            raise TypeError("name and text must be texts")
        return found


@dataclass(frozen=True)
class Settings:
    """Everything that decides the numbers of a comparison; equal settings give equal journals.

    `task`, `target`, `classes` and `columns` are those of a table, empty for other problems; rows are 0 where a
    problem has none. Where nothing is `validated`, the training loss chooses the best rates.
    """

    data: str
    task: str
    target: str
    classes: int
    rows_train: int
    rows_validation: int
    validated: bool
    columns: int
    model: str
    fingerprint: str
    notes: tuple[str, ...]
    steps: int
    measure_every: int
    batch_size: int | None
    seeds: tuple[int, ...]
    reference: int
    strategies: tuple[Entrant, ...]

    @property
    def chosen_by(self) -> str:
        """Which loss chooses the best rate: validation, or training where there is no validation problem."""
        return "validation" if self.validated else "training"

    @property
    def runs(self) -> int:
        """How many runs the whole comparison has."""
        return len(self.seeds) * sum(len(one.bases) for one in self.strategies)

    def number(self, strategy: int, base: float, seed: int) -> int:
        """The number of a run, from 1, whatever is finished: by strategy, then by base rate, then by seed."""
        before = sum(len(one.bases) for one in self.strategies[:strategy])
        place = before + self.strategies[strategy].bases.index(base)
        return place * len(self.seeds) + self.seeds.index(seed) + 1

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return fields | {"strategies": [one.as_dict() for one in self.strategies]}

    @staticmethod
    def of(told: dict[str, Any]) -> Settings:
        """The settings of `as_dict`; a TypeError, KeyError or ValueError says that they are none."""
        fields: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in told.items()}
        found = Settings(**fields | {"strategies": tuple(Entrant.of(one) for one in told["strategies"])})
        for name, one in Settings.__dataclass_fields__.items():
            if not isinstance(getattr(found, name), KINDS[str(one.type).partition("[")[0]]):
                raise TypeError(f"{name} must be {one.type}")
        found._check()
        return found

    def _check(self) -> None:
        """What the types of the fields do not say."""
        if any(type(one) is not int for one in self.seeds) or any(not isinstance(one, str) for one in self.notes):
            raise TypeError("seeds must be whole numbers and notes texts")
        if min(self.steps, self.measure_every) < 1 or not 0 <= self.reference < len(self.strategies):
            raise ValueError("steps and measure_every must be ≥ 1, and the reference one of the strategies")


KINDS: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "int": int,
    "bool": bool,
    "int | None": (int, type(None)),
    "tuple": tuple,
}
