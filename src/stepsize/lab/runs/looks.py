"""What is asked of a problem: losses and gradients with what is carried along, and the looks at all data."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...problems import Floats, Params, Problem, Rows
from ...quantities import of_run
from .trees import on_host, stacked


class Look(NamedTuple):
    """What is measured on all data after some updates; one line of runs each."""

    measured: Floats
    validated: Floats | None = None
    tested: Floats | None = None
    metrics: dict[str, Floats] | None = None


class Model:
    """A problem with what its runs carry along besides their parameters, such as the running means of BatchNorm.

    `carried` is {} for a problem that carries nothing, as most do; it is what the last `loss_and_grad` left.
    """

    def __init__(self, problem: Problem, carried: Params) -> None:
        self.problem: Any = problem
        self.carried = carried

    @staticmethod
    def begun(problem: Problem, seeds: list[int]) -> Model:
        """The problem with what its runs carry before the first update."""
        if not hasattr(problem, "carried"):
            return Model(problem, {})
        starts = {seed: problem.carried(seed) for seed in dict.fromkeys(seeds)}
        names = starts[seeds[0]]
        return Model(problem, {name: stacked([starts[seed][name] for seed in seeds]) for name in names})

    def loss(self, params: Params, rows: Rows | None = None) -> Any:
        """The loss of each run."""
        return loss_of(self.problem, params, rows, self.carried)

    def loss_and_grad(self, params: Params, rows: Rows | None = None) -> tuple[Any, Params]:
        """The loss of each run, and its gradient by parameter."""
        if not self.carried:
            losses, grads = self.problem.loss_and_grad(params, rows)
        else:
            losses, grads, self.carried = self.problem.loss_and_grad(params, rows, self.carried)
        return losses, grads

    def of(self, i: int) -> Model:
        """The same for run `i` alone."""
        return Model(self.problem, of_run(self.carried, i)) if self.carried else self


def loss_of(problem: Any, params: Params, rows: Rows | None, carried: Params) -> Any:
    """The loss of each run on these rows, or on all."""
    if carried:
        return problem.loss(params, rows, carried)
    return problem.loss(params) if rows is None else problem.loss(params, rows)


def look(model: Model, params: Params, validation: Problem | None, test: Problem | None) -> Look:
    """The losses on all data, and the metrics on the part that judges: test, else validation, else training."""
    carried = model.carried
    parts = [(model.problem, "measured"), (validation, "validated"), (test, "tested")]
    there = [(part, name) for part, name in parts if part is not None]
    judge = there[-1][0]
    with np.errstate(all="ignore"):
        lines = {name: loss_of(part, params, None, carried) for part, name in there[:-1]}
        lines[there[-1][1]], metrics = _judged(judge, params, carried)
    found = on_host([*lines.values(), *metrics.values()])
    losses, others = found[: len(lines)], found[len(lines) :]
    return Look(**dict(zip(lines, losses, strict=True)), metrics=dict(zip(metrics, others, strict=True)))


def _judged(judge: Any, params: Params, carried: Params) -> tuple[Any, dict[str, Any]]:
    """The losses and the metrics on the part that judges; a problem may have both from one pass."""
    if hasattr(judge, "loss_and_metrics"):
        both: tuple[Any, dict[str, Any]] = judge.loss_and_metrics(params, carried or None)
        return both
    losses = loss_of(judge, params, None, carried)
    if not hasattr(judge, "metrics"):
        return losses, {}
    return losses, judge.metrics(params, None, carried) if carried else judge.metrics(params)
