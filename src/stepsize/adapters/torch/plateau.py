"""For hosts that hand a metric to nothing but a `ReduceLROnPlateau`: the same scheduler under that type."""

from __future__ import annotations

import weakref
from typing import Any

from torch.optim.lr_scheduler import ReduceLROnPlateau

from .clips.closures import hookable
from .scheduler import Scheduler


class PlateauScheduler(Scheduler, ReduceLROnPlateau):  # type: ignore[misc]  # its cooldown is a number
    """A `Scheduler` whose `step(metric)` hands over a metric, and whose clock are the optimizer's own steps.

    Formula: that of `Scheduler`. Use it in the trainer of transformers and in skorch, which give a metric only to a
    `ReduceLROnPlateau`, and never step such a scheduler per update. When not: everywhere else. Arguments, state and
    what happens at the end are those of `Scheduler`. An update that mixed precision leaves out does not call
    `optimizer.step()` (a fused optimizer excepted) and is not counted.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1)
    >>> scheduler = PlateauScheduler(optimizer, "cosine() * plateau(patience=0, watch='metric')", total_steps=10)
    >>> for metric in (1.0, 2.0):
    ...     optimizer.step()
    ...     scheduler.step(metric)
    >>> scheduler.last_epoch, scheduler.why != ""
    (2, True)
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._count_steps()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._count_steps()

    def _count_steps(self) -> None:
        me = weakref.ref(self)

        def count(*_: Any) -> None:
            scheduler = me()
            if scheduler is not None:
                scheduler._update_lr()

        hookable("PlateauScheduler", self.optimizer).register_step_post_hook(count)

    def step(  # type: ignore[override]
        self,
        bare: Any = None,
        /,
        epoch: Any = None,
        metric: Any = None,
        loss: Any = None,
        grad_norm: Any = None,
        skipped: Any = None,
    ) -> None:
        """Hand a metric to the controllers; the steps of the optimizer are counted without this call."""
        self._watch.evaluated(self.optimizer)
        needs = self.course.needs
        if needs and (bare is not None or epoch is not None):  # hosts hand a metric to a schedule that looks at none
            bare = self._bare.read(bare, epoch, self.course, None, named=metric is not None)
        if metric is None and loss is None and "metric" not in needs:
            loss = bare
        elif metric is None:
            metric = bare
        self.see(loss=loss, metric=metric, grad_norm=grad_norm)
