"""The schedule of a strategy: a scheduler whose controllers see the update that they decide."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, NoReturn

from ...._errors import StepsizeError
from ....course.host import COMES_BETWEEN, Host
from ....observed import seen
from ..ranks import averaged
from ..scheduler import Scheduler

_ASKED_FOR = {
    "loss": "step(loss=loss), or step(closure)",
    "loss_at": "step(loss=loss, loss_of=lambda: loss_fn(model(x), y)), or step(closure)",
    "grad_variance": "step(loss=loss, grad_variance=variance), with the variance that backward_halves returns",
}
_GIVEN = ("loss", "metric", "grad_norm", "grad_variance")  # a NaN there is the script's affair, not a controller's


@dataclass(frozen=True)
class StrategyHost(Host):
    """An optimizer that measures what its controllers look at; its messages tell how to call it."""

    name: str = "optimizer"
    shown: Collection[str] = seen.field_names()

    def check_finite(self, values: Mapping[str, float], update: int) -> None:
        """Refuse what the script handed over; what the update itself measured may be infinite."""
        for name in _GIVEN:
            if not self.lenient and not isfinite(values.get(name, 0.0)):
                raise StepsizeError(
                    f"optimizer: the {name} of update {update} is {values[name]}: leave that step out, or "
                    'write optimizer(…, on_nonfinite="skip"), under which controllers hold'
                )


class StrategySchedule(Scheduler):
    """The schedule of a strategy, whose controllers are shown the update that they decide."""

    _host = StrategyHost()

    @property
    def needs(self) -> frozenset[str]:
        """The quantities that its controllers look at."""
        return self._course.needs

    def shows(self, names: Collection[str]) -> None:
        """Only these are shown, so a loaded expression may look at no others."""
        self._course = replace(self._course, host=replace(self._course.host, shown=tuple(names)))

    def see(self, *, loss: Any = None, metric: Any = None, grad_norm: Any = None, **unknown: NoReturn) -> None:
        """Hand the metric of an evaluation to the controllers, between two updates; the updates are seen as made."""
        if loss is not None or grad_norm is not None:
            raise StepsizeError("optimizer: the loss of an update comes with its step: write step(loss=loss)")
        super().see(metric=metric, **unknown)

    def show(self, given: dict[str, Any], loss_at: Callable[[float], Any] | None = None) -> None:
        """Let the controllers decide the coming update, of which this is all that will be known; write its rate."""
        course = self.course
        if not course.needs.difference(COMES_BETWEEN):
            return
        given = course.looked_at(given)
        self.check({*given, *course.seen}, loss_at is not None)
        at = None if loss_at is None else self._on_all_ranks(loss_at)
        values = averaged(given, self.process_group, "optimizer")
        self._course = self._heard.of(course, course.see(values, at, entire=True))
        self.write()

    def check(self, there: Collection[str], again: bool) -> None:
        """Refuse an update of which something is not there that only the script can tell."""
        self._check_alone()
        missing = self.needs.intersection(_ASKED_FOR).difference(there, ("loss_at",) if again else ())
        for name in sorted(missing):
            raise StepsizeError(
                f"optimizer: a controller of {self.expression} needs the {name} of update {self.last_epoch}: write "
                f"{_ASKED_FOR[name]}"
            )

    def step(self, *args: Any, **given: Any) -> None:
        """Count an update that the optimizer made."""
        self._check_alone()
        super().step(*args, **given)

    def _check_alone(self) -> None:
        """Refuse a scheduler of torch's on the same rate: each would write over the other, in silence."""
        if hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):  # which torch leaves where it builds one
            raise StepsizeError(
                f"optimizer: a torch scheduler was built on this optimizer, which has the schedule {self.expression} "
                "already: leave it out, and write what it does into the strategy (from_torch reads it); the Trainer of "
                "transformers builds one for a lone optimizer: there use torch's, a Scheduler and clip_update"
            )

    def update_begins(self) -> None:
        """Before an update, which writes over what somebody else wrote: told at once, and once."""
        self._others.tell(self)

    def _look_around(self) -> None:
        """Only for other writers: its steps are its updates."""
        super()._look_around()
        self._watch.over = True

    def _wanted(self, given: dict[str, Any]) -> dict[str, Any]:
        """After the update: whatever its controllers needed was shown before it."""
        return {}

    def _on_all_ranks(self, loss_at: Callable[[float], Any]) -> Callable[[float], float]:
        return lambda rate: averaged({"loss": loss_at(rate)}, self.process_group, "optimizer")["loss"]
