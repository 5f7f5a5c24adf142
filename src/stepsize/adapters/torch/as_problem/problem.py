"""Problems of torch models: a module, a loss and data as what `descend` and `stepsize compare` train."""

from __future__ import annotations

import copy
import warnings
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap

from ...._errors import StepsizeError, flag, whole
from ....problems import Floats, Params, Rows
from .probing import check_module, probe, seeded
from .rows import attempt, fitted, read_rows

Pass = tuple[Tensor, dict[str, Tensor]]

# vmap saves what a loop pays for every call, and loses where arithmetic or the traffic of many copies of big weights
# decides. Loop ÷ vmap for loss and gradient of 26 runs on one core (lowest of 8), by the floating-point operations of
# one run's forward pass: perceptrons of 5k parameters 3.9 (0.3 million), 30k 2.2 (2) and 1.3 (15), 98k 0.8 (6), 300k
# 0.6 (19); convolutional nets of 4k 4.9 (2) and 2.0 (13), 29k 1.6 (21), 10k 0.7 (45); transformers of 61k 2.1 (16) and
# 0.8 (129). Two runs gain nothing (0.6 to 1.0), four a little (1.0 to 1.7).
VMAP_FLOPS = 2e7
VMAP_NUMBERS = 100_000
FEWEST_RUNS = 4
# The most arithmetic of one pass over all data, and so its most memory: a thousand images or one row of a big model.
PASS_FLOPS = 4e9
MOST_ROWS = 4096


class problem:
    """A torch model and its data, as a problem for `descend` and `stepsize compare`.

    Formula: J(θ) = loss_fn(module(*inputs), targets), a mean over the rows, and its gradient by the parameters. Use it
    to compare strategies on a model of your own; to train one big model in a loop of your own, use the optimizer and
    the scheduler of this package.

    `module` is a torch.nn.Module, whose weights every seed starts from, or a function without arguments that builds
    one, called under torch.manual_seed(seed) for each seed. It is copied and never changed. What is not trained
    (buffers, parameters with requires_grad=False) stays as it is (of a built module: as seed 0 makes it). `loss_fn`
    takes (output, targets) and returns one number, a mean in which every row counts alike. `data` is a tuple
    (inputs, …, targets) of arrays or tensors with equally many rows, a TensorDataset or another map-style dataset of
    such tuples; real numbers must be finite and are cast to the dtype of the module. Gradients are taken in training
    mode, losses in evaluation mode. Dropout draws from a seed made of the row numbers (of the parameters where all
    rows are used): same parameters and rows, same numbers. Layers with running statistics are refused.

    Batches are one pass of the module; all data come in passes of `rows_at_once` ≥ 1 rows (None: as many as keep
    memory small), which layers that look across rows notice. `vmap` says whether many runs are one call (None: where
    that pays). The answers are float64; many runs agree with single ones to the precision of the module's dtype.
    Parameters come back as a dictionary that `module.load_state_dict` takes. Bad input is a StepsizeError.

    >>> import torch
    >>> from stepsize import descend
    >>> X = torch.linspace(-1, 1, 20)[:, None]
    >>> line = problem(torch.nn.Linear(1, 1), torch.nn.functional.mse_loss, (X, 2 * X + 1))
    >>> run = descend(line, "sgd() | 0.3", steps=100)
    >>> {name: round(one.item(), 3) for name, one in run.params.items()}
    {'weight': 2.0, 'bias': 1.0}
    """

    def __init__(
        self,
        module: nn.Module | Callable[[], nn.Module],
        loss_fn: Callable[[Any, Any], Tensor],
        data: Any,
        *,
        rows_at_once: int | None = None,
        vmap: bool | None = None,
    ) -> None:
        self.data = read_rows(data)
        self.size: int | None = len(self.data[-1])
        self.vmap = None if vmap is None else flag("problem", "vmap", vmap)
        self._build = None if isinstance(module, nn.Module) else module
        self.module = _copied(module if isinstance(module, nn.Module) else self._built(0))
        check_module(self.module, loss_fn)
        self.loss_fn = loss_fn
        self.trained = {name: one for name, one in self.module.named_parameters() if one.requires_grad}
        self.like = next(iter(self.trained.values()))
        self._begin = {name: _plain(one).copy() for name, one in self.trained.items()}
        self.random, self.row_flops = probe(self.module, loss_fn, self._rows(slice(0, 2)))
        self.scale = 1.0 if self.like.device.type == "cpu" else 64.0  # an accelerator is idle far longer
        fitting = min(MOST_ROWS, max(1, int(self.scale * PASS_FLOPS / self.row_flops)))
        self.rows_at_once = fitting if rows_at_once is None else whole("problem", "rows_at_once", rows_at_once, low=1)
        self._can: dict[bool, bool] = {}

    def start(self, seed: int) -> Params:
        """The weights that a seed starts from."""
        if self._build is None:
            return {name: one.copy() for name, one in self._begin.items()}
        built = {name: _plain(one).copy() for name, one in self._built(seed).named_parameters() if name in self.trained}
        wanted, shapes = ({name: one.shape for name, one in some.items()} for some in (self._begin, built))
        if shapes != wanted:
            raise StepsizeError(
                f"problem: the module must have the same parameters for every seed, {_shapes(wanted)}, not "
                f"{_shapes(shapes)} as for seed {seed}"
            )
        return built

    def unpack(self, params: Params) -> dict[str, Any]:
        """The parameters of one run with all buffers, as `module.load_state_dict` takes them."""
        with torch.no_grad():
            for name, own in self.trained.items():
                own.copy_(torch.tensor(params[name]))
        return {
            name: one.detach().clone() if isinstance(one, Tensor) else copy.deepcopy(one)
            for name, one in self.module.state_dict().items()
        }

    def loss(self, params: Params, rows: Rows | None = None) -> Floats:
        """The loss of each run, in evaluation mode."""
        return self._outcome(params, rows, train=False)[0]

    def loss_and_grad(self, params: Params, rows: Rows | None = None) -> tuple[Floats, Params]:
        """The loss of each run and its gradient, in training mode."""
        return self._outcome(params, rows, train=True)

    def _outcome(self, params: Params, rows: Rows | None, train: bool) -> tuple[Floats, Params]:
        if self.module.training != train:
            self.module.train(train)
        runs = len(next(iter(params.values())))
        losses = np.zeros(runs)
        grads = {name: np.zeros(one.shape) for name, one in params.items()} if train else {}
        for place, share in self._pieces(rows):
            for part in self._parts(runs, place, train):
                here, slopes = self._pass(params, part, self._place(place, part, runs), train)
                losses[part] += share * _plain(here)
                for name, slope in slopes.items():
                    grads[name][part] += share * _plain(slope)
        return losses, grads

    def _pieces(self, rows: Rows | None) -> Iterator[tuple[Any, float]]:
        """Which rows one pass sees, and their share of all: a batch is one pass, all data are as many as needed."""
        if rows is not None:
            yield rows, 1.0
            return
        count = len(self.data[-1])
        for begin in range(0, count, self.rows_at_once):
            piece = slice(begin, min(begin + self.rows_at_once, count))
            yield piece, (piece.stop - piece.start) / count

    def _parts(self, runs: int, place: Any, train: bool) -> Iterator[slice]:
        """Which runs one pass sees; where numbers are drawn, only runs that draw the same ones."""
        groups, rows = place.shape if isinstance(place, np.ndarray) else (1, place.stop - place.start)
        most = int(self.scale * PASS_FLOPS / (self.row_flops * max(rows, 1)))
        block = runs if not self.random[train] else runs // groups if isinstance(place, np.ndarray) else 1
        if not self._together(rows, block, train):
            most = 1
        for begin in range(0, runs, block):
            for first in range(begin, begin + block, max(1, most)):
                yield slice(first, min(first + max(1, most), begin + block))

    def _together(self, rows: int, runs: int, train: bool) -> bool:
        """Whether runs share one call: where it can be done, and pays or was asked for."""
        if self.vmap is False or (self.vmap is None and not self._pays(rows, runs)):
            return False
        if train not in self._can:
            self._can[train] = self._tried(train)
        if self.vmap and not self._can[train]:
            raise StepsizeError("problem: torch cannot vmap this module: write vmap=False, or leave it out")
        return self._can[train]

    def _pays(self, rows: int, runs: int) -> bool:
        small = (
            self.row_flops * rows <= VMAP_FLOPS and sum(one.numel() for one in self.trained.values()) <= VMAP_NUMBERS
        )
        return runs >= FEWEST_RUNS and (small or self.like.device.type != "cpu")

    def _tried(self, train: bool) -> bool:
        """Whether torch can vmap the module, and by rules of its own: what it would do one by one is no gain."""
        stacked = {name: torch.stack([one.detach()] * 2) for name, one in self.trained.items()}
        with warnings.catch_warnings(record=True) as said, seeded(0, self.like.device):
            warnings.simplefilter("always")
            try:
                self._many(stacked, self._rows(slice(0, 2)), batched=False, train=train)
            except Exception:  # whatever it is, a loop does without
                return False
        return not any("performance drop" in str(one.message) for one in said)

    def _place(self, place: Any, part: slice, runs: int) -> Any:
        """The rows of the runs of one pass: one line for all of them where they share it, else one line each."""
        if not isinstance(place, np.ndarray):
            return place
        lines = np.arange(part.start, part.stop) // (runs // len(place))
        return place[lines[0]] if lines[0] == lines[-1] else place[lines]

    def _pass(self, params: Params, part: slice, place: Any, train: bool) -> Pass:
        """Losses and gradients of some runs on some rows; one run is never vmapped, unless that was asked for."""
        own = {name: torch.tensor(one[part]).to(self.trained[name]) for name, one in params.items()}
        batch, batched = self._rows(place), getattr(place, "ndim", 1) == 2
        alone = part.stop - part.start == 1 and not self.vmap
        if not self.random[train]:
            return self._single(own, batch, train) if alone else self._many(own, batch, batched, train)
        of_rows = isinstance(place, np.ndarray)
        drawn = [place] if of_rows else [one[part] for one in params.values()]
        with seeded(_checksum(drawn, 0 if of_rows else place.start), self.like.device):
            return self._single(own, batch, train) if alone else self._many(own, batch, batched, train)

    def _single(self, own: dict[str, Tensor], batch: tuple[Tensor, ...], train: bool) -> Pass:
        """One run, by plain autograd, which asks nothing of the module."""
        alone = {name: one[0].requires_grad_(train) for name, one in own.items()}
        with torch.set_grad_enabled(train):
            loss = self._loss(alone, *batch)
        if not train:
            return loss[None], {}
        slopes = torch.autograd.grad(loss, list(alone.values()), allow_unused=True, materialize_grads=True)
        return loss.detach()[None], {name: one[None] for name, one in zip(alone, slopes, strict=True)}

    def _many(self, own: dict[str, Tensor], batch: tuple[Tensor, ...], batched: bool, train: bool) -> Pass:
        """Many runs as one call, on the same rows or each on its own."""
        axes = (0, *(0 if batched else None for _ in batch))
        if train:
            slopes, losses = vmap(grad_and_value(self._loss), in_dims=axes, randomness="same")(own, *batch)
            return losses, slopes
        with torch.no_grad():
            return vmap(self._loss, in_dims=axes, randomness="same")(own, *batch), {}

    def _loss(self, own: dict[str, Tensor], *batch: Tensor) -> Tensor:
        output = functional_call(self.module, own, batch[:-1])
        return self.loss_fn(output, batch[-1])

    def _rows(self, place: Any) -> tuple[Tensor, ...]:
        index = torch.tensor(place) if isinstance(place, np.ndarray) else place
        return tuple(fitted(one[index], self.like) for one in self.data)

    def _built(self, seed: int) -> nn.Module:
        """A module of the user's function, from the random numbers of a seed."""
        if not callable(self._build):
            raise StepsizeError(
                "problem: module must be a torch.nn.Module, or a function without arguments that builds one, not "
                f"{self._build!r}"
            )
        started = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
        devices = list(range(torch.cuda.device_count())) if started else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            made = attempt("building the module", (), self._build)
        if not isinstance(made, nn.Module):
            raise StepsizeError(f"problem: the function must build a torch.nn.Module, not {type(made).__name__}")
        return made


def _copied(module: nn.Module) -> nn.Module:
    """A module of our own, so that the user's keeps its weights and its mode."""
    made: nn.Module = attempt("copying the module (pass a function that builds it)", (), lambda: copy.deepcopy(module))
    return made


def _plain(tensor: Tensor) -> Floats:
    return tensor.detach().to("cpu", torch.float64).numpy()


def _checksum(arrays: list[Any], begin: int) -> int:
    for one in arrays:
        begin = zlib.crc32(one.tobytes(), begin)
    return begin


def _shapes(shapes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in list(shapes.items())[:4]) + (" …" if len(shapes) > 4 else "")
