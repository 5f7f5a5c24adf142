"""The scheduler: a course on the groups of a torch optimizer, as an `LRScheduler` that hosts accept."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ..._errors import StepsizeError, one_of, whole
from ...course import rows
from ...course.ahead import BLOCK, NOWHERE
from ...course.course import Course, begin_course
from ...course.ended import ended, rates_of_the_end
from ...course.host import Host
from ...course.resume import CHOICES, resumed, saved
from ...course.said import Said
from ...course.strangers import no_argument, no_optimizer, no_quantity
from ...schedules.base import Factor
from ...schedules.plan import plan
from ...schedules.rate import rate
from .amp import was_skipped
from .bare import Bare, whole_number
from .begun import begins_at, watch
from .drawn import InNotebooks
from .heard import Heard
from .knobs import Groups, put
from .ownership import Others, foreign, stale
from .ranks import averaged
from .together import Together
from .updates import updates_of
from .watch import Watch

Expression = str | float | Factor | rate | plan | Mapping[Any, Any]


class Scheduler(InNotebooks, LRScheduler):
    """Any strategy's rate on any torch optimizer: one `step()` after each `optimizer.step()`.

    Formula: rate of update t = base × factor(t), for every group. A schedule multiplies each group's own rate
    (its `initial_lr`), an expression with a base number replaces it. Use it wherever torch's schedulers go: it is an
    `LRScheduler`. When not: a whole strategy with rule and clips is `stepsize.adapters.torch.optimizer`.

    `expression` is a text or value, `"warmup(100) >> cosine()"`, or a mapping by hyper-parameter and by group:
    `{"lr": "cosine()", "weight_decay": "linear(1, 0)", "betas.0": 0.9}`, `{"head": "0.1 * cosine()", "*": …}`
    (a group's index or its `name`, `"*"` for all others; groups that nothing names keep their values).
    `total_steps` is the number of optimizer steps of the run, `steps_per_epoch` and the other units are those of
    `.over`; an expression whose lengths are all in steps needs none. `done` updates were made before (from 0);
    torch's `last_epoch` is one less. `on_change` says what `load_state_dict` does with the state of another expression
    or of other base rates: "error", "keep" the state's, "replace" it by this one's at the same update, "share": at the
    same share of the new length, or "restart" this one. `on_nonfinite="hold"` hands NaN and infinite
    quantities to the controllers, which hold; "raise" is an error. What controllers see is averaged over the ranks
    of `process_group` (None: all) when torch.distributed runs; then every rank must call `step` alike.

    After the end the schedule does what the expression says, which is to hold its last value. Groups added later are
    scheduled from their first update on. Rates that are tensors are filled in place. What cannot be right is told once,
    by a warning: steps without updates, many updates between two steps of a plan by updates, a value that somebody else
    writes.

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

    _host = Host("Scheduler", whole="stepsize.adapters.torch.optimizer")

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
        done: int | None = None,
        last_epoch: int | None = None,
        on_change: str = "error",
        on_nonfinite: str = "raise",
        process_group: Any = None,
        **unknown: NoReturn,
    ) -> None:
        # torch's own __init__ would patch optimizer.step, which breaks a compiled one: everything is set here
        for name in unknown:
            raise no_argument(self._host.name, name, unknown[name])
        if not isinstance(optimizer, Optimizer):
            raise StepsizeError(no_optimizer("Scheduler", optimizer, expression))
        if not optimizer.param_groups:
            raise StepsizeError("Scheduler: the optimizer has no parameter groups: build it with the parameters first")
        self.optimizer, self._knobs = optimizer, Groups(optimizer)
        self.on_change = one_of("Scheduler", "on_change", on_change, CHOICES)
        self.on_nonfinite = one_of("Scheduler", "on_nonfinite", on_nonfinite, ("raise", "hold"))
        self.process_group = process_group
        self._more_calls, self._in_sequence, self._heard = 0, False, Heard()
        self._scale: float | None = None
        units = {
            "total_steps": total_steps,
            "steps_per_epoch": steps_per_epoch,
            "batch_size": batch_size,
            "tokens_per_step": tokens_per_step,
            "tokens_per_sample": tokens_per_sample,
        }
        host = replace(self._host, lenient=self.on_nonfinite == "hold")
        begin = begins_at(self._host.name, done, last_epoch)
        course = begin_course(expression, host, self._knobs, begin or 0, **units)
        _check_alone(optimizer, course)
        self._chosen = begin is not None  # whether somebody said where it begins, here or by a state
        begun_again = watch(self)  # which has its own word
        followers = updates_of(optimizer).followers
        earlier = {} if begun_again or self._chosen else foreign(optimizer, followers)
        self._look_around()
        self._follow(course)
        self._others.stale = stale(earlier, self._rows, self._course)
        self.write()

    @property
    def course(self) -> Course:
        """Where the run is: one frozen value. Keep it, and assign it later to be there again."""
        course = self._course
        return course if course.done == self.last_epoch else course.at(self.last_epoch)

    @course.setter
    def course(self, course: Course) -> None:
        self._follow(course)
        self.write()

    def step(  # type: ignore[override]
        self,
        bare: Any = None,
        /,
        epoch: Any = None,
        metric: Any = None,  # without * before them: names alone cost a step a twentieth
        loss: Any = None,
        grad_norm: Any = None,
        skipped: Any = None,
    ) -> None:
        """Count one optimizer step and write the values of the next.

        `loss` (of the batch), `metric` and `grad_norm` are for controllers: numbers or tensors of one element; a
        schedule alone looks at none of them, so nothing waits for the device. A bare positional number, which is how
        hosts hand something over, is whatever the controllers still need; one that nothing looks at is a warning. Only
        the epoch that this step leads to is taken as torch's old `step(epoch)`, any other is an error that says what to
        write. `skipped` is True, or the GradScaler, where mixed precision left this update out: then nothing moves.
        """
        t, live = self.last_epoch + 1, self.optimizer.param_groups
        together = self._together
        i = t - together.start
        if (
            not 0 <= i < BLOCK
            or skipped is not None
            or bare is not None
            or epoch is not None
            or live is not self._bound
            or len(live) != self._count
        ):
            if bare is not None or epoch is not None:
                if self.last_epoch < 0 and whole_number(bare) == 0:
                    self._update_lr()  # how the torch of some years begins a part of SequentialLR
                    return
                bare = self._bare.read(bare, epoch, self.course, self.last_epoch, named=metric is not None)
            given = {"loss": loss, "metric": bare if metric is None else metric, "grad_norm": grad_norm}
            self._step_with_care(given, skipped)
            return
        self.last_epoch = t  # schedules alone: nothing to ask, their values are there
        rates = together.rates
        if rates and type(live[0]["lr"]) is float:
            live[0]["lr"] = together.base * rates[i]
            return
        group = live[0]
        for name, base, values in together.cells:  # several numbers of one group: a call less
            if type(group[name]) is float:
                group[name] = base * values[i]
            else:
                put(group, name, None, base * values[i])
        if not together.cells:
            together.write(i, live)

    def _step_with_care(self, given: dict[str, Any], skipped: Any) -> None:
        """A step where there is more to do than to write numbers that are there."""
        if skipped is not None and self._skips(skipped):
            self._course = self.course.skip()
            return
        course = self.course
        values = averaged(self._wanted(given), self.process_group) if course.needs else None
        if values is None or self._others.seen:
            self._others.tell(self)
        if not self._watch.over:
            self._watch.step(self.optimizer, course.units)
        self._go(self._heard.made(course, values))
        if self._course.overdue:
            warnings.warn(
                f"Scheduler: a controller waits for a metric and {self._course.waited - 1} updates brought none: write "
                "scheduler.see(metric=…) after each evaluation, or let it watch the loss",
                stacklevel=3,
            )

    def update_begins(self) -> None:
        """Before an update: a group that was added gets its value; a value of somebody else's is noted."""
        if self._in_sequence or self.last_epoch < 0:
            return  # another part of torch's SequentialLR may write
        count = self._count
        if self.optimizer.param_groups is self._bound and len(self._bound) > count:
            self._follow(self.course)
            rows.write(self._course, [row for row in self._rows if row.group >= count], self._knobs)
        elif self._others.before_update(self):
            self._together.start = NOWHERE  # the next step takes a closer look

    def _look_around(self) -> None:
        """Count the optimizer's updates, and look at its groups before each."""
        updates = updates_of(self.optimizer)
        updates.follow(self)
        self._watch, self._bare, self._others = Watch(updates), Bare(), Others()

    def __getstate__(self) -> dict[str, Any]:
        return {key: one for key, one in vars(self).items() if key != "_watch"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._look_around()  # torch copies an optimizer without its hooks
        self._together.start = NOWHERE

    def _wanted(self, given: dict[str, Any]) -> dict[str, Any]:
        return self.course.wanted(**given)

    def see(self, *, loss: Any = None, metric: Any = None, grad_norm: Any = None, **unknown: NoReturn) -> None:
        """Hand something to the controllers without counting a step, and write what they decide at once.

        Before `optimizer.step()`, `see(loss=loss)` lets the loss of an update decide the rate of that same update, as
        `descend` does; after an evaluation, `see(metric=…)` hands over the metric. What was seen need not be passed to
        the next `step()`, which does not take it twice.
        """
        if unknown:
            raise no_quantity(self._host.name, unknown)
        course = self.course
        given = course.looked_at({"loss": loss, "metric": metric, "grad_norm": grad_norm})
        self._course = self._heard.shown(course, given, self.process_group)
        self.write()

    def write(self) -> None:
        """Write the values of the coming update into the groups, which also undoes a change by hand.

        The rate of a group that add_param_group has brought is a base like that of every other: times the factor of
        now, from its first update on, so that a resume that builds all groups at once goes on alike. A group that is to
        have a rate r now is added with r / factor, or gets an expression of its own.
        """
        live = self.optimizer.param_groups
        if live is not self._bound or len(live) != self._count:
            self._follow(self.course)
        course = self.course
        self._together.write(0, live, course.values())
        if self._watch.over:
            self._together.look(course.parts)

    @property
    def expression(self) -> str:
        """What is scheduled, as text, with every length in steps."""
        return self._course.expression

    @property
    def units(self) -> dict[str, Any]:
        """What is known of the run's length, with its present one: total_steps, steps_per_epoch, batch_size, …."""
        return self._course.units

    @property
    def changes(self) -> list[dict[str, Any]]:
        """Every change of the run's length: at which update, from what to what, by which rule."""
        return [one.saved() for one in self._course.changes]

    @property
    def why(self) -> str:
        """What controllers said when they last acted, and which expression each belongs to where there are several."""
        return self._course.why

    @property
    def decisions(self) -> tuple[Said, ...]:
        """Each time that a controller acted, the last thousand of this process: when, which, where, why, how much."""
        return tuple(self._heard.said)

    @property
    def base_lrs(self) -> list[float]:  # type: ignore[override]
        """The rate of every group that the factors multiply."""
        bases = self._course.bases
        return [bases.get((i, "lr"), rate) for i, rate in enumerate(self.get_last_lr())]

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
        return self.rates_at(self.last_epoch)

    def get_lr(self) -> list[float]:  # type: ignore[override]
        """The same as `get_last_lr`, at any time."""
        return self.get_last_lr()

    def rates_at(self, t: int) -> list[float]:
        """The rate of every group at update `t`, where controllers answer what they answered last."""
        return rows.rates(self._course, self._rows, self._knobs, t)

    def state_dict(self) -> dict[str, Any]:
        """Everything that resume needs, in plain Python: the counter, the controllers' states, texts and changes."""
        return {**saved(self.course), "step_count": self._step_count}

    def load_state_dict(self, state_dict: dict[str, Any], on_change: str | None = None) -> None:
        """Continue where a state was taken, bit for bit; `on_change` as in the constructor, for this load."""
        # a part of torch's SequentialLR may be waiting or over: the part that is running keeps its rates
        waiting = self._in_sequence or self.last_epoch < 0
        course = resumed(self.course, state_dict, on_change or self.on_change, self._knobs)
        counted = int(state_dict["last_epoch"]) + 1
        count = whole(self._host.name, "step_count", state_dict.get("step_count", counted))
        self._others.stale = None
        self._follow(course)
        self._more_calls, self._chosen = count - counted, True
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
        `total_steps` counts from the beginning of the run. The state remembers it. Where the schedule is over there is
        no rest to stretch, which is a warning.
        """
        was = self.course.total_steps
        if rule == "stretch_rest" and was is not None and self.last_epoch >= was and ended(self.course.parts, was):
            warnings.warn(
                f"{self._host.name}: extend: the schedule was over at update {was}, {rates_of_the_end(self.course)}: "
                'nothing is left to stretch; rule="keep_share" goes on where the longer curve would be by now',
                stacklevel=2,
            )
        self.course = self.course.extend(total_steps, rule, shape=shape, final=final)

    def cooldown(self, steps: int, shape: str = "linear", *, final: float = 0.0) -> None:
        """End the run in so many steps: from now on the present rates, times a fall of `shape` down to `final`."""
        self.course = self.course.cooldown(steps, shape, final=final)

    def _follow(self, course: Course) -> None:
        """Take a course, and find out which of its values goes where; refused, nothing has changed."""
        before = getattr(self, "_count", 0)
        course, self._rows = rows.bind(course, self._knobs, groups_before=before)
        self._course, self.last_epoch = course, course.done
        self._bound, self._count = self.optimizer.param_groups, len(self.optimizer.param_groups)
        self._together = Together(course.parts, self._rows)

    def _go(self, course: Course) -> None:
        """Be at another update of the same run."""
        self._course, self.last_epoch = course, course.done
        self.write()

    def _skips(self, skipped: Any) -> bool:
        answer, self._scale = was_skipped(skipped, self.optimizer, self._scale)
        return answer

    def _initial_step(self) -> None:
        """What torch's SequentialLR calls, once it has taken a step back, where its first part is to begin."""
        self._in_sequence = True
        self._update_lr()

    def _update_lr(self, epoch: int | None = None) -> None:
        """Count an update, or go to `epoch`, which is how SequentialLR begins a later part; and write."""
        self._in_sequence = self._in_sequence or epoch is not None
        self._go(self.course.made() if epoch is None else self.course.at(epoch))


def _check_alone(optimizer: Optimizer, course: Course) -> None:
    """Refuse a second schedule for the rate of a strategy that has its own: the later writer would win in silence."""
    own = getattr(optimizer, "scheduler", None)
    if isinstance(own, Scheduler) and any(one.field == "lr" for one in course.written):
        raise StepsizeError(
            f"Scheduler: this optimizer has the schedule {own.expression} already: write both into its strategy, or "
            "schedule an optimizer of torch's"
        )
