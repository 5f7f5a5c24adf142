"""Runs: a problem, a descent, a number of steps; one run or many at once, with the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..._errors import StepsizeError
from ...descents import descent
from ...problems import Problem
from .asked import in_steps as in_steps
from .run import Run as Run
from .side_by_side import SideBySide as SideBySide


def descend(
    problem: Problem,
    strategy: descent | str,
    *,
    steps: int,
    batch_size: int | None = None,
    seed: int = 0,
    measure_every: int | None = None,
    validation: Problem | None = None,
    test: Problem | None = None,
    details: bool = False,
) -> Run:
    """Run a strategy on a problem.

    `steps` ≥ 1 updates; `batch_size` rows an update, drawn without replacement in a new order each epoch (None: all
    rows, or an objective without rows); `seed` ≥ 0 decides the order and any random start: same seed, same numbers.
    The loss on all data is measured at the start, at the end and every `measure_every` updates. Shares and epochs in
    the strategy's lengths are resolved for this run. A diverged run is a result (`run.diverged`), not an error.
    Controllers that watch a metric see the loss of `validation` at the update after each measurement; `test` is a part
    to judge by. A problem's own metrics (accuracy, R²) are measured on the last of these parts that is given
    (`run.record.tested`, `run.record.metrics`). Controllers that need `loss_at` cost further evaluations
    (`run.extra_losses`); one that needs `grad_variance` has each batch evaluated as two halves. `details=True` also
    writes down the slopes at both ends of each update and gradient norms by array, which `run.diagnose()` reads; it
    costs one more gradient an update and changes no number (except where the problem itself draws random numbers).

    >>> from stepsize import problems, sgd
    >>> run = descend(problems.least_squares([[1.0], [2.0]], [2.0, 4.0]), "sgd() | 0.1 | clip(0.5)", steps=3)
    >>> run.params.tolist(), run.clipped.tolist()
    ([1.5], [1.0, 1.0, 0.0])
    """
    return descend_many(
        problem,
        strategy,
        steps=steps,
        batch_size=batch_size,
        seeds=(seed,),
        measure_every=measure_every,
        validation=validation,
        test=test,
        details=details,
    )[0]


def descend_many(
    problem: Problem,
    strategy: descent | str,
    *,
    steps: int,
    rates: Sequence[float] | None = None,
    seeds: Sequence[int] = (0,),
    batch_size: int | None = None,
    measure_every: int | None = None,
    validation: Problem | None = None,
    test: Problem | None = None,
    on_step: Callable[[int], None] | None = None,
    details: bool = False,
) -> list[Run]:
    """Run a strategy at many base rates and seeds at once: the same numbers as a loop over `descend`.

    `rates` are base rates (None: the strategy's own); every seed draws the same batches at every rate (common random
    numbers). Returns the runs seed by seed, and in each seed rate by rate. `on_step` is called after each update with
    the updates done. Arguments as in `descend`.

    >>> from stepsize import problems
    >>> line = problems.least_squares([[1.0], [2.0]], [2.0, 4.0])
    >>> [run.loss < 1e-6 for run in descend_many(line, "sgd() | 0.1", rates=[1e-3, 0.1, 10.0], steps=50)]
    [False, True, False]
    """
    bases, seeds = [None] if rates is None else list(rates), list(seeds)
    if not bases or not seeds:
        raise StepsizeError("descend_many: rates and seeds must name at least one each")
    lot = SideBySide(
        problem,
        strategy,
        [(base, seed) for seed in seeds for base in bases],
        steps=steps,
        batch_size=batch_size,
        measure_every=measure_every,
        validation=validation,
        test=test,
        details=details,
    )
    while lot.goes_on():
        lot.update()
        if on_step is not None:
            on_step(lot.done)
    return lot.runs()
