"""Learning-rate finders by their own packages: short real runs on the task of a cell, with its optimizer.

Each makes 100 updates, which is the default of all four, or as many as the budget leaves beside the whole run: a tenth
of the run at 1.1. What they made counts, updates after which they gave up do not. Bounds, smoothing and rules are each
package's own defaults; torch-lr-finder begins at 1e-7 and ends at 100, as its documentation shows it. fastai's four
rules read one sweep. Where a finder raises or suggests nothing, the default rate is trained, and `unanswered` says so.
The whole run is the recorded one at the nearest rate of the grid.
"""

from __future__ import annotations

import contextlib
import io
import logging
import math
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ..judging import Answers, Pick
from ..kept import Kept
from ..table import DEFAULT_RATES
from .peer import FOLDER, Peer

UPDATES, FEWEST = 100, 20  # below, none of them has points left after what it skips at both ends
KEPT = Kept(FOLDER / "finders.jsonl")
Rates = dict[str, float | None]
RULES = ("valley", "slide", "minimum", "steep")  # of fastai


def by_lightning(cell: Any, seed: int, batches: Any, count: int) -> Rates:
    import pytorch_lightning as pl
    from pytorch_lightning.tuner import Tuner
    from torch.utils.data import DataLoader

    from .loops import module, usual

    class Trained(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.lr = module(cell, seed), DEFAULT_RATES[cell.optimizer]

        def training_step(self, batch: Any, index: int) -> Any:
            return cell.task.loss(self.inner(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return usual(cell, self.inner, self.lr)

    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            default_root_dir=folder, accelerator="cpu", logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, max_epochs=-1,
        )  # fmt: skip
        loader = DataLoader(_Rows(batches), batch_size=None)
        found = Tuner(trainer).lr_find(Trained(), train_dataloaders=loader, num_training=count)
    assert found is not None
    return {"": found.suggestion()}


def by_torch_lr_finder(cell: Any, seed: int, batches: Any, count: int) -> Rates:
    import matplotlib.pyplot as plt
    from torch.utils.data import DataLoader
    from torch_lr_finder import LRFinder

    from .loops import module, usual

    model = module(cell, seed)
    finder = LRFinder(model, usual(cell, model, 1e-7), cell.task.loss, device="cpu")
    finder.range_test(DataLoader(_Rows(batches), batch_size=None), end_lr=100, num_iter=count)
    axes = plt.figure().subplots()
    try:
        return {"": float(finder.plot(ax=axes)[1])}
    finally:
        plt.close("all")


def by_fastai(cell: Any, seed: int, batches: Any, count: int) -> Rates:
    import torch
    from fastai.callback import schedule
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper
    from torch.utils.data import DataLoader

    from .loops import module

    usual = {"adamw": partial(torch.optim.AdamW, weight_decay=0.01), "sgdm": partial(torch.optim.SGD, momentum=0.9)}
    told = partial(OptimWrapper, opt=usual[cell.optimizer])
    loader = DataLoader(_Rows(batches), batch_size=None)
    with tempfile.TemporaryDirectory() as folder:
        learner = Learner(
            DataLoaders(loader, loader), module(cell, seed), loss_func=cell.task.loss, opt_func=told, path=folder
        )
        rules = tuple(_guarded(getattr(schedule, name)) for name in RULES)
        found = learner.lr_find(num_it=count, suggest_funcs=rules, show_plot=False)
    return dict(zip(RULES, map(float, found), strict=True))


def _guarded(rule: Any) -> Callable[..., Any]:
    """A rule of fastai whose exception is its own, and not that of the other rules: NaN."""

    def read(*told: Any) -> Any:
        try:
            return rule(*told)
        except Exception:
            return math.nan, (math.nan, math.nan)

    read.__name__ = rule.__name__
    return read


def by_stepsize(cell: Any, seed: int, batches: Any, count: int) -> Rates:
    from stepsize.adapters.torch.finding import find_rate

    from .loops import module, usual

    model = module(cell, seed)
    rate = DEFAULT_RATES[cell.optimizer]
    return {"": find_rate(model, usual(cell, model, rate), cell.task.loss, batches, updates=count, seed=seed).rate}


FINDERS: dict[str, Callable[[Any, int, Any, int], Rates]] = {
    "lightning": by_lightning,
    "torch-lr-finder": by_torch_lr_finder,
    "fastai": by_fastai,
    "stepsize": by_stepsize,
}


class _Rows:
    """Batches as a map of places, which DataLoader hands on as they are; drawn one after another, whatever is asked."""

    def __init__(self, batches: Any) -> None:
        self.batches, self.stream = batches, batches.endless()

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, place: int) -> Any:
        if place >= len(self):
            raise IndexError(place)
        return next(self.stream)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What a package prints, logs and warns of is not part of the bench."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    logging.getLogger("lightning").setLevel(logging.ERROR)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def searched(finder: str, cell: Any, seed: int, count: int) -> dict[str, Any]:
    """What a finder answers: a rate by rule (none: no answer), why there is none, and the updates that it made."""
    from torch.optim.optimizer import register_optimizer_step_post_hook

    from .loops import Batches

    batches, made, why = Batches(cell, seed), [0], ""
    hook = register_optimizer_step_post_hook(lambda *_: made.__setitem__(0, made[0] + 1))
    try:
        with quiet():
            rates = FINDERS[finder](cell, seed, batches, count)
    except Exception as error:
        rates, why = {}, f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        hook.remove()
    sound = {rule: rate for rule, rate in rates.items() if rate is not None and 0 < rate < math.inf}
    return {"rates": sound, "why": why, "updates": made[0]}


def affordable(steps: int, budget: float) -> int:
    """The updates of a finder that a budget leaves beside the whole run, at most its default."""
    return min(UPDATES, int((budget - 1) * steps + 1e-9))


def record(cell: Any, seed: int, finder: str, budgets: tuple[float, ...], version: str) -> None:
    """Let a finder make what is not kept yet."""
    for count in sorted({affordable(cell.task.steps, one) for one in budgets}):
        if count >= FEWEST and KEPT.get(finder, cell.name, seed, count) is None:
            KEPT.put(finder, cell.name, seed, count, **searched(finder, cell, seed, count), version=version)


def _kept(finder: str, cell: Any, seed: int, budget: float) -> dict[str, Any] | None:
    return KEPT.get(finder, cell.name, seed, affordable(cell.task.steps, budget))


def _picks(finder: str, rule: str, cell: Any, table: Any, seed: int, budget: float) -> Answers:
    found = _kept(finder, cell, seed, budget)
    if found is None:
        return []
    rate = found["rates"].get(rule, DEFAULT_RATES[cell.optimizer])
    return [Pick(seed, table.place(rate), 1 + found["updates"] / cell.task.steps)]


def _unanswered(finder: str, rule: str, cell: Any, table: Any, seed: int, budget: float) -> bool:
    found = _kept(finder, cell, seed, budget)
    return found is not None and rule not in found["rates"]


def _peer(name: str, package: str, finder: str, rule: str = "") -> Peer:
    told = (finder, rule)
    picks, unanswered = partial(_picks, *told), partial(_unanswered, *told)
    return Peer(name, "finder", package, picks, largest=1.4, kept=KEPT, unanswered=unanswered)


PEERS = (
    _peer("Lightning, lr_find", "pytorch-lightning", "lightning"),
    _peer("torch-lr-finder, steepest", "torch-lr-finder", "torch-lr-finder"),
    *(_peer(f"fastai, {rule}", "fastai", "fastai", rule) for rule in RULES),
    _peer("stepsize, find_rate", "stepsize", "stepsize"),
)
PACKAGES = {"lightning": "pytorch-lightning", "torch-lr-finder": "torch-lr-finder", "fastai": "fastai"}
