"""Runs: a problem, a descent, a number of steps; one run or many at once, with the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..._errors import StepsizeError, number
from ...descents import descent
from ...lengths import MissingFactError
from ...measures import broadcast, global_norm
from ...observed import seen
from ...problems import Floats, Params, Problem, Rows
from ...quantities import Memory, check_there, consult
from ...schedules.rate import rate
from ...text import as_descent
from ...update import State, advance
from .evaluate import check_needs, evaluate, trial_of_run
from .ledger import Ledger
from .run import Run as Run
from .slopes import Details


def descend(
    problem: Problem,
    strategy: descent | str,
    *,
    steps: int,
    batch_size: int | None = None,
    seed: int = 0,
    measure_every: int | None = None,
    validation: Problem | None = None,
    details: bool = False,
) -> Run:
    """Run a strategy on a problem.

    `steps` ≥ 1 updates; `batch_size` rows an update, drawn without replacement in a new order each epoch (None: all
    rows, or an objective without rows); `seed` ≥ 0 decides the order and any random start: same seed, same numbers.
    The loss on all data is measured at the start, at the end and every `measure_every` updates. Shares and epochs in
    the strategy's lengths are resolved for this run. A diverged run is a result (`run.diverged`), not an error.
    Controllers that need `loss_at` cost further evaluations (`run.extra_losses`); one that needs `grad_variance` has
    each batch evaluated as two halves. `details=True` also writes down the slopes at both ends of each update and
    gradient norms by array, which `run.diagnose()` reads; it costs one more gradient an update and changes no number
    (except where the problem itself draws random numbers).

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
    lot = SideBySide(problem, strategy, steps, rates, seeds, batch_size, measure_every, validation, details)
    with np.errstate(all="ignore"):
        while lot.goes_on():
            lot.update()
            if on_step is not None:
                on_step(lot.done)
    return lot.runs()


class SideBySide:
    """Many runs of one strategy side by side; run i is seed i // rates and rate i % rates."""

    def __init__(
        self,
        problem: Problem,
        strategy: descent | str,
        steps: int,
        rates: Sequence[float] | None,
        seeds: Sequence[int],
        batch_size: int | None,
        measure_every: int | None,
        validation: Problem | None,
        details: bool,
    ) -> None:
        if not hasattr(problem, "loss_and_grad"):
            raise StepsizeError(f"descend takes a problem, not {problem!r}: write problems.objective(f, params=…)")
        self.problem, self.validation = problem, validation
        self.steps = _count("steps", steps)
        self.batch_size = _batch(problem, batch_size)
        self.every = self.steps if measure_every is None else _count("measure_every", measure_every)
        given = as_descent(strategy)
        self.text = str(given)
        self.descent = in_steps(given, self.steps, problem, self.batch_size)
        self.parts = self.descent.parts
        self.bases = [self.descent.rate.base] if rates is None else [rate(one).base for one in rates]
        self.seeds = [_seed(one) for one in seeds]
        if not self.bases or not self.seeds:
            raise StepsizeError("descend_many: rates and seeds must name at least one each")
        self.base = np.tile(np.array(self.bases, dtype=float), len(self.seeds))
        starts = [problem.start(seed) for seed in self.seeds for _ in self.bases]
        self.params: Params = {name: np.stack([one[name] for one in starts]) for name in starts[0]}
        self.needs = self.descent.needs
        check_needs(self.descent, self.batch_size)
        begun = self.descent.init(self.params)
        self.state = begun.replace(control=(begun.control,) * len(self.base))
        self.extra = np.zeros(len(self.base), dtype=int)
        self.batches = [_Batches(problem.size, self.batch_size, seed) for seed in self.seeds]
        self.alive = np.ones(len(self.base), dtype=bool)
        self.ended = np.full(len(self.base), self.steps)
        self.ledger = Ledger()
        self.details = Details(self.ledger) if details else None
        self._measure()

    @property
    def done(self) -> int:
        """The updates made."""
        return self.state.done

    def goes_on(self) -> bool:
        """Whether an update is left and any run is still finite."""
        return self.done < self.steps and bool(self.alive.any())

    def update(self) -> None:
        """One update of every run; a run that stops being finite is frozen where it was."""
        rows = self._rows()
        losses, grads, variance = evaluate(self.problem, self.params, rows, self.needs)
        norms = np.asarray(global_norm(grads, many=True))
        self._stop_where(~(np.isfinite(losses) & np.isfinite(norms)))
        known: dict[str, Any] = {}
        if self.parts.controllers:
            known = {"loss": losses, "grad_norm": norms, "grad_variance": variance} | self._of_the_run()

        def decide(noticed: dict[str, Any], at: Memory, after: State) -> tuple[Floats, tuple[Any, ...], list[str]]:
            return self._consulted(noticed, lambda i: self._own(i, at, after, rows))

        moved, state, step, update = advance(
            self.parts, self.params, grads, self.state, self.needs, known, decide, many=True
        )
        self._stop_where(
            ~np.all([np.isfinite(one).reshape(len(one), -1).all(axis=1) for one in moved.values()], axis=0)
        )
        self._record(losses, step.rate, norms, step.clipped, step.why)
        if self.details is not None:
            self.details.note(self.problem, rows, grads, update, moved)
        self.state = state
        self.params = {
            name: one if self.alive.all() else np.where(broadcast(self.alive, one), one, self.params[name])
            for name, one in moved.items()
        }
        if self.done % self.every == 0 or not self.goes_on():
            self._measure()

    def runs(self) -> list[Run]:
        """One `Run` for each seed and rate, cut where it stopped being finite."""
        return [self._run(i) for i in range(len(self.base))]

    def _rows(self) -> Rows | None:
        if self.batch_size is None:
            return None
        return np.stack([one.next() for one in self.batches])

    def _of_the_run(self) -> dict[str, Any]:
        """How far the run is, and the rates where every controller answers 1, if a controller looks at them."""
        known: dict[str, Any] = {}
        if "progress" in self.needs:
            known["progress"] = np.full(len(self.base), self.done / self.steps)
        if "rate" in self.needs:
            factors = tuple(1.0 for _ in self.parts.controllers)
            known["rate"] = self.base * self.parts.rate.factor.with_control(self.done, factors)
        return known

    def _consulted(
        self, noticed: dict[str, Any], own: Callable[[int], dict[str, Any]]
    ) -> tuple[Floats, tuple[Any, ...], list[str]]:
        """The rate of each run, the next states of its controllers, and what they said; a run that ended keeps its."""
        factor, controllers, control = self.parts.rate.factor, self.parts.controllers, self.state.control
        if not controllers:
            return self.base * factor(self.done), control, []
        check_there(controllers, {*noticed, *self.needs & {"loss_at"}}, first=self.done == 0)
        values, after, why = np.zeros(len(self.base)), list(control), [""] * len(self.base)
        self.extra = np.zeros(len(self.base), dtype=int)
        columns = zip(*(one.tolist() for one in noticed.values()), strict=True)
        for i, (alive, row) in enumerate(zip(self.alive.tolist(), columns, strict=True)):
            if not alive:
                continue
            now = seen(**dict(zip(noticed, row, strict=True)), **own(i))
            factors, after[i], why[i] = consult(controllers, control[i], now, self.done)
            values[i] = factor.with_control(self.done, factors)
        return self.base * values, tuple(after), why

    def _own(self, i: int, at: Memory, after: State, rows: Rows | None) -> dict[str, Any]:
        """What only this run can be asked."""
        if "loss_at" not in self.needs:
            return {}

        def count() -> None:
            self.extra[i] += 1

        places = (i, i // len(self.bases))
        return {"loss_at": trial_of_run(self.problem, self.parts, at, after, rows, places, count)}

    def _stop_where(self, broken: Any) -> None:
        self.ended[self.alive & broken] = self.done
        self.alive &= ~broken

    def _record(self, losses: Floats, rates: Floats, norms: Floats, clipped: Any, why: list[str]) -> None:
        self.ledger.note(
            losses=losses,
            rates=rates,
            grad_norms=norms,
            clipped=np.broadcast_to(np.asarray(clipped, dtype=float), losses.shape),
            why=why,
            extra_losses=self.extra,
        )

    def _measure(self) -> None:
        if self.ledger.measured_at[-1:] == [self.done]:
            return
        with np.errstate(all="ignore"):
            losses = self.problem.loss(self.params)
            validated = self.validation.loss(self.params) if self.validation is not None else None
            self.ledger.measure(self.done, losses, validated)

    def _run(self, i: int) -> Run:
        seed, base = divmod(i, len(self.bases))
        record = self.ledger.record(
            i,
            made=int(self.ended[i]),
            finished=bool(self.alive[i]),
            text=self.text,
            base=float(self.bases[base]),
            seed=self.seeds[seed],
            planned_steps=self.steps,
        )
        return Run(record, self.problem.unpack({name: one[i] for name, one in self.params.items()}))


class _Batches:
    """Row indices of one seed: each epoch a new order, every batch full (a short rest joins the next epoch)."""

    def __init__(self, size: int | None, batch_size: int | None, seed: int) -> None:
        self.size, self.batch_size = size or 0, batch_size or 0
        self.random = np.random.default_rng(seed)
        self.left: Rows = np.empty(0, dtype=np.intp)

    def next(self) -> Rows:
        while len(self.left) < self.batch_size:
            self.left = np.concatenate([self.left, self.random.permutation(self.size)])
        batch, self.left = self.left[: self.batch_size], self.left[self.batch_size :]
        return batch


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


def _count(field: str, value: int) -> int:
    plain = number("descend", field, value, low=1)
    if plain != int(plain):
        raise StepsizeError(f"descend: {field} must be a whole number, not {value!r}")
    return int(plain)


def _seed(seed: int) -> int:
    plain = number("descend", "seed", seed, low=0)
    if plain != int(plain):
        raise StepsizeError(f"descend: seed must be a whole number, not {seed!r}")
    return int(plain)


def _batch(problem: Problem, batch_size: int | None) -> int | None:
    if batch_size is None:
        return None
    if problem.size is None:
        raise StepsizeError("descend: this objective has no rows: leave batch_size out")
    size = _count("batch_size", batch_size)
    if size > problem.size:
        raise StepsizeError(f"descend: batch_size must be ≤ {problem.size}, the rows of the problem, not {size}")
    return size
