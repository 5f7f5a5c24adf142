"""What controllers of a run may look at beyond arrays: half batches, the loss at other rates, how far the run is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from ..._errors import StepsizeError
from ..._language import say
from ...descents import descent
from ...measures import difference, dot
from ...problems import Params, Problem, Rows
from ...quantities import Memory, of_run
from ...update import Parts, State, trial
from .looks import Model


def check_needs(strategy: descent, batch_size: int | None, validated: bool = False) -> None:
    """Refuse, before the first update, a controller that needs what a run does not have."""
    for one in strategy.rate.controllers if strategy.needs else ():
        if "metric" in one.needs and not validated:
            raise StepsizeError(
                say(
                    "{word} needs a metric, which descend does not have: let it watch the loss, or give a problem "
                    "whose loss is the metric, and how often: validation=…, measure_every=…",
                    word=one.word(),
                )
            )
        if "grad_variance" in one.needs and (batch_size or 1) < 2:
            raise StepsizeError(
                say("{word} needs batches of at least 2 rows, to halve them: write batch_size=32", word=one.word())
            )


def evaluate(
    problem: Model | Problem, params: Params, rows: Rows | None, needs: Collection[str]
) -> tuple[Any, Params, Any]:
    """The loss and gradient of each run, and where it is needed the variance of that gradient.

    For the variance the batch is evaluated as two halves, its loss being the mean over its rows.
    """
    if "grad_variance" not in needs or rows is None:
        return *problem.loss_and_grad(params, rows), None
    half = rows.shape[1] // 2
    share = half / rows.shape[1]
    losses, grads = problem.loss_and_grad(params, rows[:, :half])
    other_losses, other_grads = problem.loss_and_grad(params, rows[:, half:])
    apart = difference(grads, other_grads)
    variance = share * (1 - share) * dot(apart, apart, many=True)  # equal halves: a quarter
    both = {name: share * one + (1 - share) * other_grads[name] for name, one in grads.items()}
    return share * losses + (1 - share) * other_losses, both, variance


def trial_of_run(
    model: Model,
    parts: Parts,
    at: Memory,
    state: State,
    rows: Rows | None,
    places: tuple[int, int],
    count: Callable[[], None],
) -> Callable[[float], float]:
    """The `loss_at` of one of many runs, alone with its rows; `places` are its number and that of its rows."""
    i, group = places
    own = model.of(i)
    alone = {name: of_run(arrays, i) for name, arrays in at.items()}
    kept = State(of_run(state.rules, i), (), state.done, of_run(state.transforms, i), {})
    batch = None if rows is None else rows[group : group + 1]

    def loss_of(params: Params) -> float:
        count()
        return float(own.loss(params, batch)[0])

    return trial(parts, alone, kept, loss_of, many=True)
