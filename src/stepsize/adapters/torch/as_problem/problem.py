"""Problems of torch models: a module, a loss and data as what `descend` and `stepsize compare` train."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...._errors import StepsizeError, flag, one_of, whole
from ...._language import say
from ....problems import Rows
from .many import MEASURED, Limits, Many
from .measuring import Measure, measures
from .passing import Passes
from .probing import check_module, probe
from .rows import attempt, fitted, placed, read_rows
from .runs import MASKS, Runs, Tensors, number_of

Arrays = dict[str, Any]

# The most arithmetic of one pass, and so its most memory: a thousand images or one row of a big model.
PASS_FLOPS = 4e9
MOST_ROWS = 4096


class problem:
    """A torch model and its data, as a problem for `descend` and `stepsize compare`.

    Formula: J(θ) = loss_fn(module(*inputs), targets), a mean over the rows, and its gradient by the parameters. Use it
    to compare strategies on a model of your own; to train one big model in a loop of your own, use the optimizer and
    the scheduler of this package.

    `module` is a torch.nn.Module, whose weights every seed starts from, or a function without arguments that builds
    one, called under torch.manual_seed(seed) for each seed. It is copied and never changed. What is not trained
    (buffers, parameters with requires_grad=False) stays as it is (of a built module: as seed 0 makes it), but for
    buffers that a forward pass changes, such as BatchNorm's running statistics: each run carries its own (`carried`).
    `loss_fn` takes (output, targets) and returns one number, a mean in which every row counts alike. `data` is a tuple
    (inputs, …, targets) of arrays or tensors with equally many rows, a TensorDataset or another map-style dataset of
    such tuples; real numbers must be finite and are cast to the dtype of the module. Gradients are taken in training
    mode, losses in evaluation mode. Dropout draws from a seed made of the row numbers (of the parameters where all
    rows are used): same parameters and rows, same numbers. With `masks="own"` it draws from the number of the run
    (`carried(seed, run)`), the row numbers and how many updates the run made.

    Batches are one pass of the module; all data come in passes of at most `rows_at_once` ≥ 1 rows (None: as many as
    keep memory small), which layers that look across rows notice. `vmap` says whether many runs are one call. None
    is a rule: on a processor small training passes are, and losses on all data are not; elsewhere everything is.
    The rule asks no clock, so the same seed has the same numbers. "measured" times a few calls both ways, and takes
    the faster one: numbers are then repeated to rounding. `note` says why runs go one by one where torch cannot.
    Parameters are tensors of the module's own dtype on its device, with runs as the first axis; NumPy arrays are
    taken too, and answered in float64. Many runs agree with single ones to the precision of the module's dtype.
    `metrics` are functions of (output, targets) by name, each one number over all rows; None measures what the
    targets call for: the accuracy of classes, r2 and rmse of real targets. Parameters come back as a dictionary
    that `module.load_state_dict` takes. Bad input is a StepsizeError.

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
        vmap: bool | str | None = None,
        masks: str = "same",
        metrics: Mapping[str, Measure] | None = None,
    ) -> None:
        self.data = read_rows(data)
        self.size: int | None = len(self.data[-1])
        self.vmap = vmap if vmap in (None, MEASURED) else flag("problem", "vmap", vmap)
        self.masks = one_of("problem", "masks", masks, options=("same", "own"))
        self._build = None if isinstance(module, nn.Module) else module
        self.module = _copied(module if isinstance(module, nn.Module) else self._built(0))
        check_module(self.module, loss_fn)
        self.loss_fn = loss_fn
        self.trained = {name: one for name, one in self.module.named_parameters() if one.requires_grad}
        self.like = next(iter(self.trained.values()))
        rows = tuple(placed(one, self.like) for one in self.data)
        few = tuple(fitted(one[:2], self.like) for one in rows)
        self.found = probe(self.module, loss_fn, few)
        most = PASS_FLOPS * (1.0 if self.like.device.type == "cpu" else 64.0)  # an accelerator is idle far longer
        fitting = min(MOST_ROWS, max(1, int(most / self.found.flops)))
        self.rows_at_once = fitting if rows_at_once is None else whole("problem", "rows_at_once", rows_at_once, low=1)
        limits = Limits(self.rows_at_once, self.found.by_rows and rows_at_once is None, self.vmap, most)
        self.passes = Passes(self.module, loss_fn, self.found)
        self.many = Many(self.passes, rows, self.found, limits)
        self.measures = measures(metrics, loss_fn, self.module, few, rows[-1])

    @property
    def note(self) -> str:
        """Why many runs go one by one where torch cannot do them as one call; empty where it can, or was not asked."""
        why = {one for one in self.passes.why.values() if one}
        told = "; ".join(sorted(why))
        return say("runs go one by one, as torch cannot vmap the module ({why})", why=told) if why else ""

    def start(self, seed: int) -> Arrays:
        """The weights that a seed starts from."""
        if self._build is None:
            return {name: one.detach().clone() for name, one in self.trained.items()}
        made = self._built(seed)
        built = {name: one.detach() for name, one in made.named_parameters() if name in self.trained}
        wanted, shapes = ({name: tuple(one.shape) for name, one in some.items()} for some in (self.trained, built))
        if shapes != wanted:
            raise StepsizeError(
                f"problem: the module must have the same parameters for every seed, {_shapes(wanted)}, not "
                f"{_shapes(shapes)} as for seed {seed}"
            )
        return {name: built[name].to(one) for name, one in self.trained.items()}

    def carried(self, seed: int, run: int = 0) -> Arrays:
        """What a run carries along besides its parameters: the buffers that a pass changes, as a seed starts them.

        `run` tells runs of one seed apart; with masks="own" what they draw depends on it.
        """
        kept: Tensors = {}
        if self.found.changed:
            module = self.module if self._build is None else self._built(seed)
            kept = {name: module.get_buffer(name).detach().clone() for name in self.found.changed}
        if self.masks == "own" and self.found.random[True]:
            kept[MASKS] = torch.tensor(number_of(seed, run))
        return kept

    def unpack(self, params: Arrays, carried: Arrays | None = None) -> dict[str, Any]:
        """The parameters of one run with all buffers, as `module.load_state_dict` takes them."""
        own = {**params, **(carried or {})}
        there = [*self.module.named_parameters(), *self.module.named_buffers()]
        with torch.no_grad():
            before = [(name, one, one.clone()) for name, one in there if name in own]
            try:
                for name, one, _ in before:
                    one.copy_(torch.as_tensor(own[name]))
                return {
                    name: one.detach().clone() if isinstance(one, Tensor) else copy.deepcopy(one)
                    for name, one in self.module.state_dict().items()
                }
            finally:  # other runs begin at what the module holds
                for _, one, was in before:
                    one.copy_(was)

    def loss(self, params: Arrays, rows: Rows | None = None, carried: Arrays | None = None) -> Any:
        """The loss of each run, in evaluation mode."""
        self.module.train(False)
        return _answer(self.many.measured(self._runs(params, rows, carried, False)), params)

    def loss_and_grad(self, params: Arrays, rows: Rows | None = None, carried: Arrays | None = None) -> Any:
        """The loss of each run and its gradient, in training mode, and what it carries on where it does."""
        self.module.train(True)
        runs = self._runs(params, rows, carried, True)
        found = self.many.trained(runs)
        told = _answer(found.losses, params), _answer(found.grads, params)
        return (*told, _answer(found.after, params)) if runs.kept else told

    def metrics(self, params: Arrays, rows: Rows | None = None, carried: Arrays | None = None) -> Arrays:
        """The metrics of each run, in evaluation mode; {} where the targets call for none and none were given."""
        if not self.measures:
            return {}
        self.module.train(False)
        lines: dict[str, list[Tensor]] = {name: [] for name in self.measures}
        for output, targets in self.many.outputs(self._runs(params, rows, carried, False)):
            for name, measure in self.measures.items():
                lines[name].append(torch.as_tensor(measure(output, targets), device=self.like.device))
        return {name: _answer(torch.stack(line), params) for name, line in lines.items()}

    def loss_and_metrics(self, params: Arrays, carried: Arrays | None = None) -> tuple[Any, Arrays]:
        """The loss and the metrics of each run on all rows, from one pass where all rows fit into one."""
        runs = self._runs(params, None, carried, False)
        if not self.measures or not self.many.whole(runs):
            return self.loss(params, None, carried), self.metrics(params, None, carried)
        self.module.train(False)
        losses: list[Tensor] = []
        lines: dict[str, list[Tensor]] = {name: [] for name in self.measures}
        with torch.no_grad():
            for output, targets in self.many.outputs(runs):
                losses.append(self.loss_fn(output, targets))
                for name, measure in self.measures.items():
                    lines[name].append(torch.as_tensor(measure(output, targets), device=self.like.device))
        found = {name: _answer(torch.stack(line), params) for name, line in lines.items()}
        return _answer(torch.stack(losses), params), found

    def _runs(self, params: Arrays, rows: Rows | None, carried: Arrays | None, train: bool) -> Runs:
        """What was given, as tensors of the module's dtypes on its device."""
        own = {name: _tensor(one).detach().to(self.trained[name]) for name, one in params.items()}
        kept, given, device = {}, carried or {}, self.like.device
        masks = (MASKS,) if train and self.masks == "own" and self.found.random[True] else ()
        for name in (*self.found.changed, *masks):
            if name not in given:
                raise StepsizeError(
                    f"problem: {name} changes as the module is trained: begin with carried(seed), and pass what the "
                    "last loss_and_grad left as carried=…"
                )
            kind = torch.int64 if name == MASKS else self.module.get_buffer(name).dtype
            kept[name] = _tensor(given[name]).to(device, kind)
        return Runs(own, rows, kept)

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


def _tensor(array: Any) -> Tensor:
    return array if isinstance(array, Tensor) else torch.tensor(array)


def _answer(found: Any, params: Arrays) -> Any:
    """Tensors to who gave tensors; to who gave NumPy arrays NumPy arrays, real numbers in float64."""
    if isinstance(next(iter(params.values())), Tensor):
        return found
    if isinstance(found, dict):
        return {name: _answer(one, params) for name, one in found.items()}
    found = found.to("cpu")
    return (found.double() if found.is_floating_point() else found).numpy()


def _shapes(shapes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in list(shapes.items())[:4]) + (" …" if len(shapes) > 4 else "")
