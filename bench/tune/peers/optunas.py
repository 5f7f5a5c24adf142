"""Optuna: the sampler TPE, alone and with its pruners, by the package's own defaults; a look is a step.

Hyperband alone is told something, the looks that a run has. Trials are asked for one after another. A loss that is not
finite is told as 1e30, which TPE ranks last.
"""

from __future__ import annotations

import warnings
from typing import Any

from .trials import Trials


def _pruner(name: str, looks: int) -> Any:
    from optuna import pruners

    if name == "Hyperband":
        return pruners.HyperbandPruner(max_resource=looks)
    kinds = {
        "": pruners.NopPruner,
        "median": pruners.MedianPruner,
        "successive halving": pruners.SuccessiveHalvingPruner,
    }
    return kinds[name]()


def search(pruner: str, trials: Trials, about: str, rates: tuple[float, float], seed: int) -> None:
    """A study that goes on until all is spent; Hyperband spreads its trials by the hash of its name, `about`."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of it is experimental there
        sampler, pruned = optuna.samplers.TPESampler(seed=seed), _pruner(pruner, trials.count)
        study = optuna.create_study(study_name=about, sampler=sampler, pruner=pruned)
        while True:
            _follow(study, trials, study.ask(), rates)


def _follow(study: Any, trials: Trials, trial: Any, rates: tuple[float, float]) -> None:
    """Tell a study the losses of a trial until it is whole, or pruned."""
    from optuna.trial import TrialState

    rate = trial.suggest_float("rate", *rates, log=True)
    for look, loss in enumerate(trials.losses(rate), 1):
        trial.report(loss, look)
        if look < trials.count and trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            trials.ended(rate, None)
            return
    study.tell(trial, loss)
    trials.ended(rate, loss)
