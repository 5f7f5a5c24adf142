"""The scheduler: any expression on any torch optimizer, as an `LRScheduler` that hosts accept."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ..._errors import StepsizeError, number, whole
from ...course.ahead import BLOCK, Ahead
from ...course.control import COMES, COMES_BETWEEN, Controlled, check_finite, check_given, check_shown
from ...course.resume import adopt, written
from ...course.targets import Target, check_targets, extended, governing, read_targets, resolved
from ...lengths import Horizon
from ...observed import seen
from ...schedules.base import Factor
from ...schedules.plan import plan
from ...schedules.rate import rate
from . import knobs as groups
from .amp import was_skipped
from .ranks import averaged

Expression = str | float | Factor | rate | plan | Mapping[Any, Any]


class Scheduler(LRScheduler):
    """Any strategy's rate on any torch optimizer: one `step()` after each `optimizer.step()`.

    Formula: rate of update t = base × factor(t), for every group. A schedule multiplies each group's own rate
    (its `initial_lr`), an expression with a base number replaces it. Use it wherever torch's schedulers go: it is an
    `LRScheduler`. When not: a whole strategy with rule and clips is `stepsize.adapters.torch.optimizer`.

    `expression` is a text or value, `"warmup(100) >> cosine()"`, or a mapping by hyper-parameter and by group:
    `{"lr": "cosine()", "weight_decay": "linear(1, 0)", "betas.0": 0.9}`, `{"head": "0.1 * cosine()", "*": …}`
    (a group's index or its `name`, `"*"` for all others; groups that nothing names keep their values).
    `total_steps` is the number of optimizer steps of the run, `steps_per_epoch` and the other units are those of
    `.over`; an expression whose lengths are all in steps needs none. `done` updates were made before (from 0).
    `on_change` says what `load_state_dict` does with the state of another expression or of other base rates:
    "error", "keep" the state's, or "replace" it by this one's. `on_nonfinite="hold"` hands NaN and infinite
    quantities to the controllers, which hold; "raise" is an error. What controllers see is averaged over the ranks
    of `process_group` (None: all) when torch.distributed runs; then every rank must call `step` alike.

    After the end the schedule does what the expression says, which is to hold its last value. Groups added later are
    scheduled from the next `step()` on; `write()` does it at once. Rates that are tensors are filled in place.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1)
    >>> scheduler = Scheduler(optimizer, "warmup(2) >> cosine()", total_steps=10)
    >>> for _ in range(3):
    ...     print(round(scheduler.get_last_lr()[0], 6))
    ...     optimizer.step()
    ...     scheduler.step()
    0.05
    0.1
    0.1
    """

    _shown: Collection[str] = COMES

    def __init__(
        self,
        optimizer: Optimizer,
        expression: Expression,
        total_steps: int | None = None,
        steps_per_epoch: float | None = None,
        *,
        batch_size: Any = None,
        tokens_per_step: float | None = None,
        tokens_per_sample: float | None = None,
        done: int = 0,
        on_change: str = "error",
        on_nonfinite: str = "raise",
        process_group: Any = None,
    ) -> None:
        # torch's own __init__ would patch optimizer.step, which breaks a compiled one: everything is set here
        if not isinstance(optimizer, Optimizer):
            raise StepsizeError(f"Scheduler: optimizer must be a torch.optim.Optimizer, not {optimizer!r}")
        if not optimizer.param_groups:
            raise StepsizeError("Scheduler: the optimizer has no parameter groups: build it with the parameters first")
        self.optimizer = optimizer
        total = None if total_steps is None else whole("Scheduler", "total_steps", total_steps, low=1)
        known = Horizon(total or 1, steps_per_epoch, batch_size, tokens_per_step, tokens_per_sample)
        self.units: dict[str, Any] = {
            "total_steps": total,
            "steps_per_epoch": known.steps_per_epoch,
            "batch_size": None if known.ramp is None else [list(one) for one in known.ramp],
            "tokens_per_step": known.tokens_per_step,
            "tokens_per_sample": known.tokens_per_sample,
        }
        self.on_change = _one_of("on_change", on_change, ("error", "keep", "replace"))
        self.on_nonfinite = _one_of("on_nonfinite", on_nonfinite, ("raise", "hold"))
        self.process_group = process_group
        self.last_epoch = whole("Scheduler", "done", done, low=0)
        self._more_calls = 0
        self.why = ""
        self.changes: list[dict[str, Any]] = []
        self._bases: dict[tuple[int, str], float] = {}
        self._now: dict[str, float] = {}  # seen since the last update
        self._metric_came, self._waited = False, 0
        self._scale: float | None = None
        self._in_sequence = False
        targets = tuple(resolved(one, self.units) for one in read_targets(expression, optimizer))
        check_targets(targets, optimizer)
        _check_alone(optimizer, targets)
        self._govern(targets)
        self.write()

    def step(  # type: ignore[override]
        self,
        metric: Any = None,
        epoch: Any = None,
        *,
        loss: Any = None,
        grad_norm: Any = None,
        skipped: Any = None,
    ) -> None:
        """Count one optimizer step and write the values of the next.

        `loss` (of the batch), `metric` and `grad_norm` are for controllers: numbers or tensors of one element; a
        schedule alone looks at none of them, so nothing waits for the device. A bare positional number, which is how
        hosts hand something over, is whatever the controllers still need; `epoch` is ignored, as torch has long asked
        for. `skipped` is True, or the GradScaler, where mixed precision left this update out: then nothing moves.
        """
        ahead, live, t = self._ahead, self.optimizer.param_groups, self.last_epoch + 1
        i = t - ahead.start
        if not 0 <= i < BLOCK or skipped is not None or live is not self._bound or len(live) != self._count:
            self._step_with_care({"loss": loss, "metric": metric, "grad_norm": grad_norm}, skipped)
            return
        self.last_epoch = t  # one schedule for the rate of every group: nothing else to ask
        value = ahead.values[i]
        if len(live) == 1 and type(live[0]["lr"]) is float:  # a tenth faster than a loop of one
            live[0]["lr"] = self._rates[0] * value
            return
        for group, base in zip(live, self._rates):  # noqa: B905  (of one length; saying so takes a tenth of the time)
            if type(group["lr"]) is float:
                group["lr"] = base * value
            else:
                groups.put(group, "lr", base * value)

    def _step_with_care(self, given: dict[str, Any], skipped: Any) -> None:
        """A step where there is more to do than to write one number into each group."""
        if skipped is not None and self._skips(skipped):
            self._now = {name: one for name, one in self._now.items() if name in COMES_BETWEEN}
            return
        if self._needs:
            self._take(given)
        self._update_lr()

    def see(self, *, loss: Any = None, metric: Any = None, grad_norm: Any = None) -> None:
        """Hand something to the controllers without counting a step, and write what they decide at once.

        Before `optimizer.step()`, `see(loss=loss)` lets the loss of an update decide the rate of that same update, as
        `descend` does; after an evaluation, `see(metric=…)` hands over the metric. What was seen need not be passed to
        the next `step()`, which does not take it twice.
        """
        self._decide({"loss": loss, "metric": metric, "grad_norm": grad_norm})
        self.write()

    def write(self) -> None:
        """Write the values of the coming update into the groups: after add_param_group, or to undo a change by hand."""
        live = self.optimizer.param_groups
        if live is not self._bound or len(live) != len(self._uses):
            self._bind()
        values = [part.at(self.last_epoch) for part in self._parts]
        for group, uses in zip(live, self._uses, strict=True):
            for field, base, i in uses:
                groups.put(group, field, base * values[i])

    @property
    def expression(self) -> str:
        """What is scheduled, as text, with every length in steps."""
        parts = [part.target for part in self._parts]
        if len(parts) == 1 and parts[0].group is None and parts[0].field == "lr":
            return str(parts[0].value)
        return "; ".join(str(one) for one in parts)

    @property
    def base_lrs(self) -> list[float]:  # type: ignore[override]
        """The rate of every group that the factors multiply."""
        return [self._bases.get((i, "lr"), rate) for i, rate in enumerate(self.get_last_lr())]

    @property
    def _step_count(self) -> int:
        """The calls of `step` as torch counts them, from 1; Accelerate adds to it while it accumulates."""
        return self.last_epoch + 1 + self._more_calls

    @_step_count.setter
    def _step_count(self, count: int) -> None:
        self._more_calls = count - self.last_epoch - 1

    @property
    def _last_lr(self) -> list[float]:  # type: ignore[override]
        return self.get_last_lr()

    def get_last_lr(self) -> list[float]:  # type: ignore[override]
        """The rate of every group for the coming update, as plain numbers; no scheduled tensor is read back."""
        values = [part.at(self.last_epoch) for part in self._parts]
        live = self.optimizer.param_groups
        rates: list[float] = []
        for i, group in enumerate(live):
            uses = self._uses[i] if i < len(self._uses) else ()
            own = [base * values[place] for field, base, place in uses if field == "lr"]
            rates.append(own[0] if own else groups.get(group, "lr"))
        return rates

    def get_lr(self) -> list[float]:  # type: ignore[override]
        """The same as `get_last_lr`, at any time."""
        return self.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """Everything that resume needs, in plain Python: the counter, the controllers' states, texts and changes."""
        return {
            "last_epoch": self.last_epoch,
            "step_count": self._step_count,
            "expression": [list(one) for one in self._written],
            "units": {key: one for key, one in self.units.items() if one is not None},
            "bases": [[index, field, base] for (index, field), base in self._bases.items()],
            "control": [part.saved() for part in self._parts],
            "changes": [dict(one) for one in self.changes],
            "seen": dict(self._now),
            "metric_came": self._metric_came,
        }

    def load_state_dict(self, state_dict: dict[str, Any], on_change: str | None = None) -> None:
        """Continue where a state was taken, bit for bit; `on_change` as in the constructor, for this load."""
        choice = self.on_change if on_change is None else _one_of("on_change", on_change, ("error", "keep", "replace"))
        # a part of torch's SequentialLR may be waiting or over: the part that is running keeps its rates
        waiting = self._in_sequence or self.last_epoch < 0
        adopt(self, state_dict, choice)
        if not waiting:
            self.write()

    def extend(
        self, total_steps: int, rule: str = "stretch_rest", *, shape: str = "linear", final: float = 0.0
    ) -> None:
        """Change the length of the run in the middle of it.

        "stretch_rest" changes nothing before now and lets the rest of the curve take the rest of the new length;
        "keep_step" follows the old curve to its end and then holds; "keep_share" moves to where the longer curve would
        be by now, which may jump; "cooldown_now" ends with a cool-down of `shape` from now to `total_steps` down to
        `final` times the present factor: of the rates, while other hyper-parameters follow "keep_step".
        `total_steps` counts from the beginning of the run. The state remembers it.
        """
        total = whole("extend", "total_steps", total_steps, low=1)
        if total <= self.last_epoch:
            raise StepsizeError(f"extend: total_steps must be > {self.last_epoch}, the updates made, not {total_steps}")
        change = {
            "at": self.last_epoch,
            "was": self.units["total_steps"],
            "total_steps": total,
            "rule": rule,
            "shape": shape,
            "final": number("extend", "final", final, low=0, high=1),
        }
        self._apply(change)
        self.write()

    def cooldown(self, steps: int, shape: str = "linear", *, final: float = 0.0) -> None:
        """End the run in so many steps: from now on the present rates, times a fall of `shape` down to `final`."""
        more = whole("cooldown", "steps", steps, low=1)
        self.extend(self.last_epoch + more, "cooldown_now", shape=shape, final=final)

    def _apply(self, change: dict[str, Any]) -> None:
        """One change of the horizon, to every expression; recorded so that a loaded state can repeat it."""
        if change["was"] is None and change["rule"] != "cooldown_now":
            raise StepsizeError("extend: the run has no length yet: build Scheduler(…, total_steps=…)")
        new = [extended(part.target, change) for part in self._parts]
        for part, target in zip(self._parts, new, strict=True):
            part.change(target)
        self._bind()
        self.units = {**self.units, "total_steps": change["total_steps"]}
        self.changes.append(dict(change))

    def _govern(self, targets: tuple[Target, ...]) -> None:
        """Take these expressions, from their beginning."""
        self._original = targets
        self._parts = [Controlled(one) for one in targets]
        self._needs = set().union(*(part.needs for part in self._parts))
        check_shown(self._needs, self._shown)
        self._written = written(targets)
        self._bind()

    def _bind(self) -> None:
        """Which base and which expression every group uses: again whenever the groups change."""
        if len(self.optimizer.param_groups) < len(getattr(self, "_uses", ())):
            self._bases = {}  # a group is gone: bases are known by place
        self._bound = self.optimizer.param_groups
        for field in {part.target.field for part in self._parts}:
            groups.part_tensors(self.optimizer, field)
        self._uses: list[list[tuple[str, float, int]]] = []
        for index, rows in enumerate(governing(tuple(part.target for part in self._parts), self.optimizer)):
            for _, target in rows:
                groups.check_fields(self.optimizer, index, target.field)
            self._uses.append([(one.field, self._base(index, one), i) for i, one in rows])
        first = self._parts[0]
        one = len(self._parts) == 1 and not first.controllers and all(len(uses) == 1 for uses in self._uses)
        # an empty one has no value for any step, which sends `step` the careful way
        self._ahead = first.ahead if one and first.target.field == "lr" else Ahead(first.target.factor)
        self._rates, self._count = [uses[0][1] for uses in self._uses if uses], len(self._uses)

    def _base(self, index: int, target: Target) -> float:
        key = (index, target.field)
        if key not in self._bases:
            own = groups.keep_initial(self.optimizer.param_groups[index], target.field)
            self._bases[key] = target.value.base if isinstance(target.value, rate) else own
        return self._bases[key]

    def _skips(self, skipped: Any) -> bool:
        answer, self._scale = was_skipped(skipped, self.optimizer, self._scale)
        return answer

    def _take(self, given: dict[str, Any]) -> None:
        """What came with a step: the number that a host hands over goes to what is needed, nothing may be missing."""
        there = set(self._now) | {name for name, one in given.items() if one is not None}
        missing = sorted(self._needs.intersection(COMES) - there, reverse=True)  # the loss before the grad_norm
        if missing and given["metric"] is not None and "metric" not in self._needs:
            given[missing.pop(0)] = given["metric"]
        check_given(set(missing), self.last_epoch)
        self._decide({name: one for name, one in given.items() if name in COMES_BETWEEN or name not in self._now})
        self._await_metric()

    def _await_metric(self) -> None:
        """A metric comes between the updates; a whole epoch without one probably means that nobody passes it."""
        epoch = self.units["steps_per_epoch"]
        if epoch is None or self._metric_came or "metric" not in self._needs:
            return
        self._waited += 1
        if self._waited == int(epoch) + 1:
            warnings.warn(
                f"Scheduler: a controller waits for a metric and {self._waited - 1} updates brought none: write "
                "scheduler.see(metric=…) after each evaluation, or let it watch the loss",
                stacklevel=5,
            )

    def _decide(self, given: dict[str, Any]) -> None:
        wanted = {name: one for name, one in given.items() if one is not None and name in self._needs}
        if not wanted:
            return
        values = averaged(wanted, self.process_group)
        if self.on_nonfinite == "raise":
            check_finite(values, self.last_epoch)
        self._now = {**self._now, **values}
        self._ask(seen(**self._now), set(values))

    def _ask(self, now: seen, fresh: set[str], measured: bool = False) -> None:
        self.why = "; ".join(said for part in self._parts for said in part.decide(now, fresh, measured))
        self._metric_came = self._metric_came or "metric" in fresh

    def _initial_step(self) -> None:
        """What torch's SequentialLR calls, once it has taken a step back, where its first part is to begin."""
        self._in_sequence = True
        self._update_lr()

    def _update_lr(self, epoch: int | None = None) -> None:
        """Count an update, or go to `epoch`, which is how SequentialLR begins a later part; and write."""
        self._in_sequence = self._in_sequence or epoch is not None
        self.last_epoch = max(self.last_epoch + 1, 0) if epoch is None else epoch
        self._now = {}
        self.write()

    def __repr__(self) -> str:
        return f"<Scheduler {self.expression!r}, {self.last_epoch} updates done>"


def _check_alone(optimizer: Optimizer, targets: tuple[Target, ...]) -> None:
    """Refuse a second schedule for the rate of a strategy that has its own: the later writer would win in silence."""
    own = getattr(optimizer, "scheduler", None)
    if isinstance(own, Scheduler) and any(one.field == "lr" for one in targets):
        raise StepsizeError(
            f"Scheduler: this optimizer has the schedule {own.expression} already: write both into its strategy, or "
            "schedule an optimizer of torch's"
        )


def _one_of(field: str, value: str, words: tuple[str, ...]) -> str:
    if value not in words:
        raise StepsizeError(f"Scheduler: {field} must be one of {', '.join(words)}, not {value!r}")
    return value
