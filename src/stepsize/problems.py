"""Problems: a loss and its gradient for many parameter sets at once, over rows of data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._errors import StepsizeError, number
from ._language import say

Floats = NDArray[np.float64]
Params = dict[str, Floats]
Rows = NDArray[np.intp]
PIECE = 8192  # rows at a time, and fewer where they are long
SHORTEST = 256
CACHE = 2**17  # numbers of data that stay in the cache of a core
AT_ONCE = 2**15  # predictions that do


class Problem(Protocol):
    """What `descend` minimises.

    Parameter sets are dictionaries of arrays whose first axis counts the runs; `rows` chooses data, one line of
    indices for each group of consecutive runs (shape (groups, batch)), or None for all data. Arrays may be those of
    another library, which `start` then returns; losses may be, too.

    Two methods are optional. `metrics(params, rows=None)` returns other measures by their names, one number a run:
    they are measured wherever the loss on all data is. `carried(seed)` returns named arrays of one run that are not
    trained, such as running means: where there are any, `loss_and_grad`, `loss` and `metrics` take them, with an axis
    of runs, as a third argument, and `unpack` as a second one. `loss_and_grad` returns those after it as a third
    answer.
    """

    size: int | None

    def start(self, seed: int) -> Params:
        """The starting point of one run, without the axis of runs."""
        ...

    def loss(self, params: Params, rows: Rows | None = None) -> Floats:
        """The loss of each run."""
        ...

    def loss_and_grad(self, params: Params, rows: Rows | None = None) -> tuple[Floats, Params]:
        """The loss of each run, and its gradient by parameter."""
        ...

    def unpack(self, params: Params) -> Any:
        """The parameters of one run as the user gave them (an array, or a dictionary of arrays)."""
        ...


class _Linear:
    """Shared by the three linear models: predictions z = Xθ for many runs, gradients Xᵀr.

    Inside, rows of data are the last axis (z has shape (…, outputs, rows)): sums over a few classes are then sums of
    whole lines, several times faster than sums along a short last axis. Rows and runs come in pieces that stay in the
    cache, so that a run costs as much among thousands as among a few.
    """

    targets: Floats

    def __init__(self, owner: str, X: ArrayLike, start: ArrayLike | None, shape: tuple[int, ...]) -> None:
        self.X = _table(owner, X)
        self.size: int | None = len(self.X)
        self.begin = np.zeros(shape) if start is None else np.asarray(start, dtype=float).copy()
        if self.begin.shape != shape:
            raise StepsizeError(
                say(
                    "{owner}: start must have shape {shape}, not {given}",
                    owner=owner,
                    shape=shape,
                    given=self.begin.shape,
                )
            )

    def start(self, seed: int) -> Params:
        return {"theta": self.begin.copy()}

    def unpack(self, params: Params) -> Floats:
        return params["theta"]

    def loss(self, params: Params, rows: Rows | None = None) -> Floats:
        losses = np.zeros(len(params["theta"]))
        for place, _, y, z, share in self._passes(params["theta"], rows):
            losses[place] += share * self._outcome(z, y, slopes=False).reshape(-1)
        return losses

    def loss_and_grad(self, params: Params, rows: Rows | None = None) -> tuple[Floats, Params]:
        theta = params["theta"]
        losses, grad = np.zeros(len(theta)), np.zeros(theta.shape)
        for place, X, y, z, share in self._passes(theta, rows):
            losses[place] += share * self._outcome(z, y, slopes=True).reshape(-1)
            grad[place] += share * (X @ z.swapaxes(-1, -2)).reshape(grad[place].shape)
        return losses, {"theta": grad}

    def _mean(self, params: Params, rows: Rows | None, of: Callable[[Floats, Floats], Any]) -> Floats:
        """The mean over the rows of what a function makes of predictions and targets, for each run."""
        means = np.zeros(len(params["theta"]))
        for place, _, y, z, share in self._passes(params["theta"], rows):
            means[place] += share * np.mean(of(z, y), axis=-1).reshape(-1)
        return means

    def _passes(self, theta: Floats, rows: Rows | None) -> Iterator[tuple[slice, Floats, Floats, Floats, float]]:
        """Which runs, their data (groups, 1, columns, rows), targets, predictions, and the share of all rows.

        The rows of a piece do not depend on how many runs there are, nor does a run's prediction: so no number does.
        """
        groups, outputs = 1 if rows is None else len(rows), theta.shape[2] if theta.ndim == 3 else 1
        grouped = theta.reshape(groups, -1, theta.shape[1], outputs).swapaxes(-1, -2)
        each, count = grouped.shape[1], len(self.X) if rows is None else rows.shape[1]
        longest = min(PIECE, max(SHORTEST, CACHE // self.X.shape[1]))
        for begin in range(0, count, longest):
            part = slice(begin, min(begin + longest, count))
            length = part.stop - begin
            for some, runs in _pieces(groups, each, max(1, AT_ONCE // (outputs * length))):
                X, y = self._data(part, None if rows is None else rows[some, part])
                place = slice(some.start * each + runs.start, (some.stop - 1) * each + runs.stop)
                yield place, X, y, grouped[some, runs] @ X, length / count

    def _data(self, part: slice, rows: Rows | None) -> tuple[Floats, Floats]:
        """Data (groups, 1, columns, rows) and targets (groups, 1, outputs, rows): a part of all, or the given rows."""
        if rows is None:
            X, y = self._across
            return X[None, None, :, part], y[None, None, :, part]
        X, y = self.X[rows][:, None], self.targets[rows][:, None]
        return X.swapaxes(-1, -2), np.ascontiguousarray(y.swapaxes(-1, -2))

    @cached_property
    def _across(self) -> tuple[Floats, Floats]:
        """Data and targets with a column for each row; for several outputs a copy, which products are faster with."""
        X, y = self.X.T, self.targets.T
        return (X, y) if len(y) == 1 else (X.copy(), y.copy())

    def _outcome(self, z: Floats, targets: Floats, slopes: bool) -> Floats:
        """The mean loss over the rows; with `slopes` its derivative by z is put in the place of z, which is lost."""
        raise NotImplementedError


def _pieces(groups: int, each: int, most: int) -> Iterator[tuple[slice, slice]]:
    """Groups, and runs of each of them, at most so many runs at a time."""
    several = max(1, most // each)
    for first in range(0, groups, several):
        for begin in range(0, each, most):
            yield slice(first, min(first + several, groups)), slice(begin, min(begin + most, each))


class least_squares(_Linear):
    """Linear regression by its squared residuals.

    Formula: J(θ) = ‖Xθ − y‖²/m, gradient 2·Xᵀ(Xθ − y)/m over the m rows of the batch. Use it for regression, and to
    see what a strategy does where theory knows the answer (fixed rates diverge beyond 1/λ, λ the largest eigenvalue
    of XᵀX/m). `X` has shape (m, p), `y` (m,), both finite; `start` (p,), by default zeros. Add a column of ones to X
    for an intercept. Where y was divided by a number > 0, `target_scale` is that number: the metric `rmse` is then in
    the units that y had.

    >>> from stepsize import descend, sgd
    >>> problem = least_squares([[1.0], [2.0]], [2.0, 4.0])
    >>> descend(problem, sgd() | 0.1, steps=50).params.round(6).tolist()
    [2.0]
    """

    def __init__(
        self, X: ArrayLike, y: ArrayLike, start: ArrayLike | None = None, *, target_scale: float = 1.0
    ) -> None:
        self.target_scale = float(number("least_squares", "target_scale", target_scale, above=0))
        table = _table("least_squares", X)
        super().__init__("least_squares", table, start, (table.shape[1],))
        self.targets = _column("least_squares", y, len(table))[:, None]

    def metrics(self, params: Params, rows: Rows | None = None) -> dict[str, Floats]:
        """R² = 1 − Σ(Xθ − y)²/Σ(y − ȳ)² over the rows (NaN where y is constant), and the root mean squared error."""
        squares = self._mean(params, rows, lambda z, y: (z - y)[..., 0, :] ** 2)
        y = (self.targets if rows is None else self.targets[rows])[..., 0]
        spread = np.atleast_1d(np.var(y, axis=-1)).repeat(len(squares) // (1 if rows is None else len(rows)))
        with np.errstate(all="ignore"):
            r2 = np.where(spread > 0, 1 - squares / spread, np.nan)
        return {"r2": r2, "rmse": self.target_scale * np.sqrt(squares)}

    def _outcome(self, z: Floats, targets: Floats, slopes: bool) -> Floats:
        z -= targets
        losses: Floats = np.mean(z[..., 0, :] ** 2, axis=-1)
        if slopes:
            z *= 2 / z.shape[-1]
        return losses


class logistic(_Linear):
    """Logistic regression for two classes, by the mean log loss.

    Formula: J(θ) = mean(log(1 + e^z) − y·z) with z = Xθ, gradient Xᵀ(σ(z) − y)/m. Use it for yes-or-no targets; for
    more classes use `softmax`. `X` has shape (m, p), `y` (m,) with values 0 and 1; `start` (p,), by default zeros.
    On separable data the loss falls to zero and θ grows without end.

    >>> logistic([[1.0], [-1.0]], [1, 0]).loss({"theta": np.zeros((1, 1))}).round(4).tolist()
    [0.6931]
    """

    def __init__(self, X: ArrayLike, y: ArrayLike, start: ArrayLike | None = None) -> None:
        table = _table("logistic", X)
        super().__init__("logistic", table, start, (table.shape[1],))
        self.targets = _column("logistic", y, len(table))[:, None]
        if not np.isin(self.targets, (0.0, 1.0)).all():
            raise StepsizeError(say("logistic: y must hold 0 and 1; for more classes write problems.softmax(X, y)"))

    def metrics(self, params: Params, rows: Rows | None = None) -> dict[str, Floats]:
        """The share of rows whose more probable class is theirs (at even odds, class 0 is answered)."""
        return {"accuracy": self._mean(params, rows, lambda z, y: (z > 0)[..., 0, :] == y[..., 0, :])}

    def _outcome(self, z: Floats, targets: Floats, slopes: bool) -> Floats:
        losses: Floats = np.mean((np.logaddexp(0.0, z) - targets * z)[..., 0, :], axis=-1)
        if slopes:
            z[...] = (np.exp(-np.logaddexp(0.0, -z)) - targets) / z.shape[-1]
        return losses


class softmax(_Linear):
    """Softmax (multinomial logistic) regression, by the mean cross-entropy.

    Formula: J(θ) = mean(log Σⱼ e^{zⱼ} − z_y) with z = Xθ, gradient Xᵀ(p − onehot(y))/m. Use it for two or more
    classes. `X` has shape (m, p), `y` (m,) with whole numbers 0 … k − 1; `start` (p, k), by default zeros; `classes`
    is k when the data do not show every class.

    >>> round(float(softmax([[1.0], [2.0]], [0, 1]).loss({"theta": np.zeros((1, 1, 2))})[0]), 4)
    0.6931
    """

    def __init__(
        self, X: ArrayLike, y: ArrayLike, start: ArrayLike | None = None, *, classes: int | None = None
    ) -> None:
        table = _table("softmax", X)
        labels = _column("softmax", y, len(table))
        if not (labels == np.floor(labels)).all() or labels.min() < 0:
            raise StepsizeError(say("softmax: y must hold whole numbers from 0, one for each class"))
        shown = int(labels.max()) + 1
        classes = max(shown, 2) if classes is None else classes
        if classes < shown:
            raise StepsizeError(
                say("softmax: classes must be ≥ {least}, which y shows, not {given}", least=shown, given=classes)
            )
        super().__init__("softmax", table, start, (table.shape[1], classes))
        self.targets = np.eye(classes)[labels.astype(int)]

    def metrics(self, params: Params, rows: Rows | None = None) -> dict[str, Floats]:
        """The share of rows whose most probable class is theirs (of equally probable ones, the first is answered)."""
        return {"accuracy": self._mean(params, rows, _right)}

    def _outcome(self, z: Floats, targets: Floats, slopes: bool) -> Floats:
        z -= z.max(axis=-2, keepdims=True)
        own = (z * targets).sum(axis=-2)
        np.exp(z, out=z)
        total = z.sum(axis=-2, keepdims=True)
        losses: Floats = (np.log(total[..., 0, :]) - own).mean(axis=-1)
        if slopes:
            z /= total
            z -= targets
            z /= z.shape[-1]
        return losses


def _right(z: Floats, targets: Floats) -> Any:
    """Where the first largest prediction is that of the row's class; a search for it is slow, so only where it ties."""
    top = z.max(axis=-2, keepdims=True)
    largest = z == top
    if np.count_nonzero(largest) != top.size:
        return z.argmax(axis=-2) == targets.argmax(axis=-2)
    return (largest & (targets > 0)).any(axis=-2)


class objective:
    """Any function that returns a value and its gradient.

    Use it for test functions and for models of your own; it has no rows, so every step sees the whole objective.
    `value_and_grad(params)` gets what `params` is: one array, or a dictionary of arrays, and returns (number,
    gradient of the same form). `params` is the starting point.

    >>> from stepsize import descend, sgd
    >>> bowl = objective(lambda x: (float(x @ x), 2 * x), params=np.array([1.0, -1.0]))
    >>> descend(bowl, sgd() | 0.5, steps=1).params.tolist()
    [0.0, 0.0]
    """

    def __init__(
        self, value_and_grad: Callable[[Any], tuple[float, Any]], params: ArrayLike | dict[str, ArrayLike]
    ) -> None:
        if not callable(value_and_grad):
            raise StepsizeError(say("objective: value_and_grad must be a function that returns (value, gradient)"))
        self.size: int | None = None
        self.function = value_and_grad
        self.named = isinstance(params, dict)
        parts = params if isinstance(params, dict) else {"params": params}
        self.begin = {name: np.array(one, dtype=float) for name, one in parts.items()}
        if not self.begin:
            raise StepsizeError(say("objective: params must hold at least one array"))

    def start(self, seed: int) -> Params:
        return {name: one.copy() for name, one in self.begin.items()}

    def unpack(self, params: Params) -> Any:
        return params if self.named else params["params"]

    def loss(self, params: Params, rows: Rows | None = None) -> Floats:
        return self.loss_and_grad(params, rows)[0]

    def loss_and_grad(self, params: Params, rows: Rows | None = None) -> tuple[Floats, Params]:
        runs = len(next(iter(params.values())))
        losses = np.empty(runs)
        grads = {name: np.empty_like(one) for name, one in params.items()}
        for i in range(runs):
            given = self.unpack({name: one[i].copy() for name, one in params.items()})
            losses[i], slope = _pair(self.function(given))
            found = {name: np.asarray(one) for name, one in (slope if self.named else {"params": slope}).items()}
            wanted, shapes = ({n: one.shape for n, one in x.items()} for x in (self.begin, found))
            if shapes != wanted:
                raise StepsizeError(
                    say(
                        "objective: the gradient must have the form {wanted} of params, not {given}",
                        wanted=wanted,
                        given=shapes,
                    )
                )
            for name, one in found.items():
                grads[name][i] = one
        return losses, grads


def _pair(answer: Any) -> tuple[float, Any]:
    if isinstance(answer, tuple) and len(answer) == 2 and np.ndim(answer[0]) == 0:
        return answer
    raise StepsizeError(
        say("objective: the function must return (value, gradient), a number and what params is made of")
    )


def _table(owner: str, X: ArrayLike) -> Floats:
    try:
        table = np.ascontiguousarray(X, dtype=float)
    except (TypeError, ValueError):
        raise StepsizeError(say("{owner}: X must hold numbers in rows and columns", owner=owner)) from None
    if table.ndim != 2 or 0 in table.shape:
        raise StepsizeError(
            say(
                "{owner}: X must have shape (rows, columns), at least 1 of each, not {given}",
                owner=owner,
                given=table.shape,
            )
        )
    if not np.isfinite(table).all():
        raise StepsizeError(_not_finite(owner, "X"))
    return table


def _not_finite(owner: str, name: str) -> str:
    return say("{owner}: {name} has NaN or infinite values; fill or drop them first", owner=owner, name=name)


def _column(owner: str, y: ArrayLike, rows: int) -> Floats:
    try:
        column = np.asarray(y, dtype=float)
    except (TypeError, ValueError):
        raise StepsizeError(say("{owner}: y must hold numbers", owner=owner)) from None
    if column.shape != (rows,):
        raise StepsizeError(
            say(
                "{owner}: y must have shape ({rows},) like the rows of X, not {given}",
                owner=owner,
                rows=rows,
                given=column.shape,
            )
        )
    if not np.isfinite(column).all():
        raise StepsizeError(_not_finite(owner, "y"))
    return column
