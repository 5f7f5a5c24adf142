"""Many runs of one strategy side by side, on stacked arrays; any of them can be saved, and continued beside others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..._errors import StepsizeError, whole
from ..._space import namespace
from ...descents import descent
from ...measures import global_norm
from ...observed import seen
from ...problems import Floats, Params, Problem, Rows
from ...quantities import Memory, check_there, consult
from ...schedules.rate import rate
from ...text import as_descent
from ...update import State, advance
from ..trials.stored import BROKEN, from_bytes, to_bytes
from .asked import count, in_steps, rows_of_batch, seed_of
from .batches import Batches, in_groups
from .evaluate import check_needs, evaluate, trial_of_run
from .ledger import Ledger
from .looks import Model, look
from .run import Run
from .slopes import Details
from .trees import finite, joined, on_host, stacked, taken

KIND = "a run of stepsize"


class SideBySide:
    """Many runs of one strategy side by side; run i has the base rate and the seed of pair i.

    `pairs` are base rates (None: the strategy's own) and seeds, in any order; pairs of one seed that follow one
    another share their batches. A run's numbers do not depend on its neighbours (with arrays of NumPy bit for bit). A
    run that stops being finite is recorded and leaves the stack. `saved` are the bytes of `saved(i)`, one for each
    pair: the runs then go on from there. `validation` is the problem whose loss is the metric that controllers see,
    `test` the one that judges; `fingerprint` tells problems apart where runs are saved.
    """

    def __init__(
        self,
        problem: Problem,
        strategy: descent | str,
        pairs: Sequence[tuple[float | None, int]],
        *,
        steps: int,
        batch_size: int | None = None,
        measure_every: int | None = None,
        validation: Problem | None = None,
        test: Problem | None = None,
        details: bool = False,
        saved: Sequence[bytes] = (),
        fingerprint: str = "",
    ) -> None:
        if not hasattr(problem, "loss_and_grad"):
            raise StepsizeError(f"descend takes a problem, not {problem!r}: write problems.objective(f, params=…)")
        self.problem, self.validation, self.test = problem, validation, test
        self.steps = count("steps", steps)
        self.batch_size = rows_of_batch(problem, batch_size)
        self.every = self.steps if measure_every is None else count("measure_every", measure_every)
        self.given, self.fingerprint = as_descent(strategy), fingerprint
        self.descent = in_steps(self.given, self.steps, problem, self.batch_size)
        self.parts, self.needs = self.descent.parts, self.descent.needs
        self.bases = [self.descent.rate.base if one is None else rate(one).base for one, _ in pairs]
        self.seeds = [seed_of(one) for _, one in pairs]
        if not pairs:
            raise StepsizeError("descend: there must be at least one pair of a rate and a seed")
        check_needs(self.descent, self.batch_size, validation is not None)
        self.metric: Floats | None = None  # the validation losses, between a look and the update after it
        self.ended: dict[int, tuple[int, Any]] = {}  # of each run that left the stack: its updates, and where it was
        self._begin()
        if saved:
            self._go_on(saved)
        self.details = Details(self.ledger) if details else None
        if not saved:
            self._measure()

    @property
    def done(self) -> int:
        """The updates that every run made that is still finite."""
        return self.state.done

    def goes_on(self) -> bool:
        """Whether an update is left and any run is still finite."""
        return self.done < self.steps and bool(self.places)

    def update(self) -> None:
        """One update of every run; one that stops being finite leaves the stack, with its parameters before that."""
        with np.errstate(all="ignore"):
            self._update()
            if self.places and (self.done % self.every == 0 or not self.goes_on()):
                self._measure()

    def runs(self) -> list[Run]:
        """One `Run` for each pair up to here, cut where it stopped being finite.

        The last look of a run that is still finite is taken here where it was not due, and not kept.
        """
        ledger = self.ledger
        if self.places and ledger.measured_at[-1:] != [self.done]:
            last = look(self._model(), self.params, self.validation, self.test)
            ledger = ledger.with_look(self.done, self.places, last)
        return [self._run(i, ledger) for i in range(len(self.bases))]

    def saved(self, i: int) -> bytes:
        """Everything that continuing run `i` needs, from which it has the numbers of one that never stopped."""
        if i in self.ended:
            raise StepsizeError(f"run {i} ended after {self.ended[i][0]} updates: there is nothing to continue")
        j = self.places.index(i)
        alone = slice(j, j + 1)
        batches = self.batches.get(self.seeds[i])
        told = {
            "kind": KIND,
            "about": self._about(i),
            "done": self.done,
            "arrays": taken((self.params, self.carried, *self._states()), alone),
            "control": self.state.control[j],
            "random": None if batches is None else (batches.random, batches.left),
            "metric": None if self.metric is None else float(self.metric[j]),
            "ledger": self.ledger.saved(i),
        }
        return to_bytes(told)

    def text(self, i: int) -> str:
        """The strategy as the record of run `i` has it."""
        return str(self.given)

    def _begin(self) -> None:
        self.places = list(range(len(self.bases)))  # of the runs in the stack
        starts = {seed: self.problem.start(seed) for seed in dict.fromkeys(self.seeds)}
        names = starts[self.seeds[0]]
        self.params: Params = {name: stacked([starts[seed][name] for seed in self.seeds]) for name in names}
        self.carried = Model.begun(self.problem, self.seeds).carried
        begun = self.descent.init(self.params)
        self.state = begun.replace(control=(begun.control,) * len(self.bases))
        self.batches: dict[int, Batches] = {}
        if self.batch_size is not None:
            self.batches = {seed: Batches(self.problem.size, self.batch_size, seed) for seed in starts}
        self.ledger = Ledger(len(self.bases))
        self._in_place()

    def _go_on(self, saved: Sequence[bytes]) -> None:
        """Put what was saved of each run in the place of its start."""
        if len(saved) != len(self.bases):
            raise StepsizeError(f"there must be a saved state for each of {len(self.bases)} runs, not {len(saved)}")
        device = getattr(next(iter(self.params.values()), None), "device", None)
        found = [from_bytes(one, device) for one in saved]
        for i, told in enumerate(found):
            if not isinstance(told, dict) or told.get("kind") != KIND or told.get("about") != self._about(i):
                raise StepsizeError(f"saved state {i}: it is of another run: {_other(told, self._about(i))}")
        try:
            far = sorted({whole("saved state", "done", one["done"], low=0, high=self.steps) for one in found})
            if not far[1:]:
                self._take_up(found, far[0])
        except BROKEN:
            raise StepsizeError("saved state: it does not fit this problem and strategy: begin this run anew") from None
        if far[1:]:
            raise StepsizeError(f"runs that go on together must be equally far, not {far[0]} and {far[-1]} updates")

    def _take_up(self, found: list[dict[str, Any]], done: int) -> None:
        params, carried, rules, transforms, memory = joined([one["arrays"] for one in found])
        if _forms((params, carried)) != _forms((self.params, self.carried)):
            raise ValueError("other parameters")
        control = tuple(self._restored(one["control"]) for one in found)
        self.params, self.carried, self.state = params, carried, State(rules, control, done, transforms, memory)
        for seed, one in zip(self.seeds, found, strict=True):
            if seed in self.batches:
                self.batches[seed].go_on(*one["random"])
        self.ledger = Ledger.joined([one["ledger"] for one in found], done)
        metrics = [one["metric"] for one in found]
        self.metric = None if metrics[0] is None else np.array(metrics, dtype=float)

    def _restored(self, control: tuple[Any, ...]) -> tuple[Any, ...]:
        """The states of one run's controllers; one of somebody's own has its type from the controller."""
        pairs = zip(self.parts.controllers, control, strict=True)
        return tuple(state if type(state) is type(one.init()) else one.restore(state) for one, state in pairs)

    def _about(self, i: int) -> dict[str, Any]:
        """What must be the same where a run goes on."""
        return {
            "strategy": str(self.given.with_base(self.bases[i])),
            "rate": float(self.bases[i]),
            "seed": self.seeds[i],
            "steps": self.steps,
            "batch_size": self.batch_size,
            "measure_every": self.every,
            "problem": self.fingerprint,
        }

    def _states(self) -> tuple[Any, ...]:
        return self.state.rules, self.state.transforms, self.state.memory

    def _model(self) -> Model:
        return Model(self.problem, self.carried)

    def _in_place(self) -> None:
        """What depends on which runs are in the stack."""
        seeds = [self.seeds[i] for i in self.places]
        self.base = np.array([self.bases[i] for i in self.places], dtype=float)
        self.groups = in_groups(seeds) if seeds else []
        self.batches = {seed: one for seed, one in self.batches.items() if seed in seeds}

    def _update(self) -> None:
        model, rows = self._model(), self._rows()
        losses, grads, variance = evaluate(model, self.params, rows, self.needs)
        norms = global_norm(grads, many=True)
        known: dict[str, Any] = {}
        self.extra = np.zeros(len(self.base), dtype=int)
        if self.parts.controllers:
            known = {"loss": losses, "grad_norm": norms, "grad_variance": variance} | self._of_the_run()

        def decide(noticed: dict[str, Any], at: Memory, after: State) -> tuple[Any, tuple[Any, ...], list[str]]:
            return self._consulted(noticed, lambda j: self._own(j, model, at, after, rows))

        moved, state, step, update = advance(
            self.parts, self.params, grads, self.state, self.needs, known, decide, many=True
        )
        clipped = step.clipped if getattr(step.clipped, "ndim", 0) else np.full(len(self.base), float(step.clipped))
        losses, norms, clipped, sound = on_host([losses, norms, clipped, finite(moved, len(self.base))])
        self.ledger.note(
            self.places,
            losses=losses,
            rates=self.rates,
            grad_norms=norms,
            clipped=clipped,
            why=step.why,
            extra_losses=self.extra,
        )
        if self.details is not None:
            self.details.note(self.places, model, rows, grads, update, moved)
        before, self.metric = self.params, None
        self.params, self.state, self.carried = moved, state, model.carried
        sound = np.isfinite(losses) & np.isfinite(norms) & sound.astype(bool)
        if not sound.all():
            self._drop(sound, before)

    def _drop(self, sound: Any, before: Params) -> None:
        """Take the runs that are not sound out of all that is stacked; they made no update this time."""
        for j in np.flatnonzero(~sound).tolist():
            self.ended[self.places[j]] = self.done - 1, taken((before, self.carried), j)
        left = np.flatnonzero(sound)
        self.places = [self.places[j] for j in left]
        self.params, self.carried, *states = taken((self.params, self.carried, *self._states()), left)
        rules, transforms, memory = states
        control = tuple(self.state.control[j] for j in left)
        self.state = State(rules, control, self.state.done, transforms, memory)
        self._in_place()

    def _rows(self) -> Rows | None:
        if self.batch_size is None:
            return None
        drawn = {seed: one.next() for seed, one in self.batches.items()}
        return np.stack([drawn[seed] for seed in self.groups])

    def _of_the_run(self) -> dict[str, Any]:
        """What a controller may look at that no array of this update tells."""
        known: dict[str, Any] = {}
        if "progress" in self.needs:
            known["progress"] = np.full(len(self.base), self.done / self.steps)
        if "rate" in self.needs:
            factors = tuple(1.0 for _ in self.parts.controllers)
            known["rate"] = self.base * self.parts.rate.factor.with_control(self.done, factors)
        if "metric" in self.needs:
            known["metric"] = self.metric
        return known

    def _consulted(
        self, noticed: dict[str, Any], own: Callable[[int], dict[str, Any]]
    ) -> tuple[Any, tuple[Any, ...], list[str]]:
        """The rate of each run, the next states of its controllers, and what they said; a broken run asks nothing."""
        factor, controllers, control = self.parts.rate.factor, self.parts.controllers, self.state.control
        if not controllers:
            return self._far(self.base * factor(self.done)), control, []
        check_there(controllers, {*noticed, *self.needs & {"loss_at"}}, first=self.done == 0)
        noticed = dict(zip(noticed, on_host(list(noticed.values())), strict=True))
        sound = np.isfinite(noticed["loss"]) & np.isfinite(noticed["grad_norm"])
        values, after, why = np.zeros(len(self.base)), list(control), [""] * len(self.base)
        columns = zip(*(one.tolist() for one in noticed.values()), strict=True)
        for j, (asks, row) in enumerate(zip(sound.tolist(), columns, strict=True)):
            if not asks:
                continue
            now = seen(**dict(zip(noticed, row, strict=True)), **own(j))
            factors, after[j], why[j] = consult(controllers, control[j], now, self.done)
            values[j] = factor.with_control(self.done, factors)
        return self._far(self.base * values), tuple(after), why

    def _far(self, rates: Floats) -> Any:
        """The rate of each run, kept for the record and put where the parameters are."""
        self.rates = rates
        like = next(iter(self.params.values()), rates)
        return rates if isinstance(like, np.ndarray) else namespace(like).asarray(rates, device=like.device)

    def _own(self, j: int, model: Model, at: Memory, after: State, rows: Rows | None) -> dict[str, Any]:
        """What only this run can be asked."""
        if "loss_at" not in self.needs:
            return {}

        def asked() -> None:
            self.extra[j] += 1

        line = j * len(self.groups) // len(self.base)
        return {"loss_at": trial_of_run(model, self.parts, at, after, rows, (j, line), asked)}

    def _measure(self) -> None:
        if self.ledger.measured_at[-1:] == [self.done]:
            return
        found = look(self._model(), self.params, self.validation, self.test)
        self.ledger.measure(self.done, self.places, found)
        self.metric = found.validated if "metric" in self.needs else None

    def _run(self, i: int, ledger: Ledger) -> Run:
        over = i in self.ended
        at = (self.params, self.carried)
        made, (params, carried) = self.ended[i] if over else (self.done, taken(at, self.places.index(i)))
        record = ledger.record(
            i,
            made=made,
            finished=not over,
            text=self.text(i),
            base=float(self.bases[i]),
            seed=self.seeds[i],
            planned_steps=self.steps,
        )
        unpack: Any = self.problem.unpack
        return Run(record, unpack(params, carried) if carried else unpack(params))


def _forms(tree: Any) -> Any:
    """The names of arrays, their shapes and types."""
    return [{name: (tuple(one.shape), str(one.dtype), type(one)) for name, one in some.items()} for some in tree]


def _other(told: Any, about: dict[str, Any]) -> str:
    """In what a saved run differs from this one."""
    if not isinstance(told, dict) or told.get("kind") != KIND or not isinstance(told.get("about"), dict):
        return "begin this run anew"
    theirs = told["about"]
    name = next((one for one in about if theirs.get(one) != about[one]), "")
    return f"{name} is {theirs.get(name)!r} there and {about.get(name)!r} here"
