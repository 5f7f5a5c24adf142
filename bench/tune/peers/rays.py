"""Ray Tune's schedulers ASHA and HyperBand, the package's own objects with its defaults, driven without a cluster.

A whole run of Ray for each cell, seed and budget would take longer than the table, so its controller is ours and its
decisions are Ray's: rates come from `ray.tune.loguniform`, a look is a training iteration, and `on_trial_result` says
what goes on, pauses or stops. There is one worker, and as with Ray up to 16 trials wait for it. HyperBand pauses trials
and resumes them where they were; ASHA stops them. A trial whose loss is not finite completes there.

HyperBand ends its survivors at a power of its factor 3, short of the 20 looks of a run. So a run is 27 iterations for
it, and a look is 1.35: they end with the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .trials import LOST, Trials

WAITING = 16  # Ray's own limit on one machine
WHOLE = 27  # iterations of a run for HyperBand, 3 to the third
TOLD = {"time_attr": "training_iteration", "metric": "loss", "mode": "min"}


class Trial:
    """What a scheduler sees of a trial."""

    is_saving = False

    def __init__(self, name: str, rate: float, losses: Iterator[float]) -> None:
        from ray.tune.experiment import Trial as Kinds

        self.trial_id, self.rate, self.losses, self.look = name, rate, losses, 0
        self.status = Kinds.PENDING


class Controller:
    """Runs one trial at a time, as the scheduler says."""

    def __init__(
        self, scheduler: Any, trials: Trials, rates: tuple[float, float], seed: int, iterations: int | None = None
    ) -> None:
        import numpy as np
        from ray import tune
        from ray.tune.experiment import Trial as Kinds

        self.kinds, self.scheduler, self.trials, self.all = Kinds, scheduler, trials, list[Trial]()
        self.each = (iterations or trials.count) / trials.count  # iterations that a look is
        self.random, self.domain = np.random.RandomState(seed), tune.loguniform(*rates)

    def get_trials(self) -> list[Trial]:
        return self.all

    get_live_trials = get_trials

    def run(self) -> None:
        """Until all is spent."""
        while True:
            while sum(one.status == self.kinds.PENDING for one in self.all) < WAITING:
                self._add()
            trial = self.scheduler.choose_trial_to_run(self)
            assert trial is not None, "what waits may run"
            self._follow(trial)

    def _add(self) -> None:
        rate = float(self.domain.sample(random_state=self.random))
        self.all.append(Trial(str(len(self.all)), rate, self.trials.losses(rate)))
        self.scheduler.on_trial_add(self, self.all[-1])

    def _follow(self, trial: Trial) -> None:
        """Run a trial until the scheduler pauses or stops it, or it is lost."""
        from ray.tune.schedulers import TrialScheduler

        trial.status = self.kinds.RUNNING
        for loss in trial.losses:
            trial.look += 1
            result = {"training_iteration": trial.look * self.each, "loss": loss}
            whole = loss == LOST or trial.look == self.trials.count
            action = TrialScheduler.STOP if loss == LOST else self.scheduler.on_trial_result(self, trial, result)
            if action == TrialScheduler.PAUSE and not whole:
                trial.status = self.kinds.PAUSED
                self.trials.ended(trial.rate, None)  # for now: it is paid for
                return
            if action != TrialScheduler.CONTINUE or whole:
                trial.status = self.kinds.TERMINATED
                self.trials.ended(trial.rate, loss if whole else None)
                self.scheduler.on_trial_complete(self, trial, result)
                return

    def stop_trial(self, trial: Trial) -> None:
        """The scheduler gives up a trial that is paused, or was not begun."""
        if trial.status in (self.kinds.PENDING, self.kinds.PAUSED):
            self.scheduler.on_trial_remove(self, trial)
            self.trials.ended(trial.rate, None)
        trial.status = self.kinds.TERMINATED


def asha(trials: Trials, about: str, rates: tuple[float, float], seed: int) -> None:
    from ray.tune.schedulers import AsyncHyperBandScheduler

    Controller(AsyncHyperBandScheduler(max_t=trials.count, **TOLD), trials, rates, seed).run()


def hyperband(trials: Trials, about: str, rates: tuple[float, float], seed: int) -> None:
    import logging

    from ray.tune.schedulers import HyperBandScheduler

    logging.getLogger("ray.tune.schedulers.hyperband").setLevel(logging.WARNING)  # it tells of every bracket

    Controller(HyperBandScheduler(max_t=WHOLE, **TOLD), trials, rates, seed, WHOLE).run()
