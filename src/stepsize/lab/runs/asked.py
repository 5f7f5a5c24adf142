"""What is asked of a run, checked before it begins: steps, seeds, batches, and a strategy whose lengths fit."""

from __future__ import annotations

from ..._errors import StepsizeError, number
from ...descents import descent
from ...lengths import MissingFactError
from ...problems import Problem


def units(problem: Problem, batch_size: int | None) -> dict[str, float | None]:
    """What a problem knows of epochs and samples, for `.over`."""
    if problem.size is None:
        return {}
    batch = batch_size or problem.size
    return {"steps_per_epoch": problem.size / batch, "batch_size": batch}


def in_steps(given: descent, steps: int, problem: Problem, batch_size: int | None) -> descent:
    """The strategy with every length in steps, by what the problem knows."""
    try:
        return given.over(steps, **units(problem, batch_size))
    except MissingFactError as error:
        raise error.at('steps (500) or a share ("5%"), as this problem does not know it') from None


def count(field: str, value: int) -> int:
    """A whole number of at least 1."""
    plain = number("descend", field, value, low=1)
    if plain != int(plain):
        raise StepsizeError(f"descend: {field} must be a whole number, not {value!r}")
    return int(plain)


def seed_of(seed: int) -> int:
    """A whole number of at least 0."""
    plain = number("descend", "seed", seed, low=0)
    if plain != int(plain):
        raise StepsizeError(f"descend: seed must be a whole number, not {seed!r}")
    return int(plain)


def rows_of_batch(problem: Problem, batch_size: int | None) -> int | None:
    """The rows of an update, None for all of them, as the problem has them."""
    if batch_size is None:
        return None
    if problem.size is None:
        raise StepsizeError("descend: this objective has no rows: leave batch_size out")
    size = count("batch_size", batch_size)
    if size > problem.size:
        raise StepsizeError(f"descend: batch_size must be ≤ {problem.size}, the rows of the problem, not {size}")
    return size
