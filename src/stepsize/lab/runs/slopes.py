"""What `descend(…, details=True)` writes down besides: slopes along each update, and gradient norms by array."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...measures import dot, global_norm
from ...problems import Floats, Params, Problem, Rows


class Details:
    """Columns of many runs side by side, for the position of each update on its parabola (`Record.alphas`).

    The slope at the end is that of the same batch, for which the gradient is evaluated once more: the next batch's
    gradient would be free, but the noise that a batch shares with its own update is missing from it, and every update
    would look as if it had come nearer to the floor than it has.
    """

    def __init__(self) -> None:
        self.slopes: list[Floats] = []
        self.end_slopes: list[Floats] = []
        self.layers: list[dict[str, Floats]] = []

    def note(self, problem: Problem, rows: Rows | None, grads: Params, update: Params, moved: Params) -> None:
        """One update: gradients and parameters before and after, one line of runs each."""
        ends = problem.loss_and_grad(moved, rows)[1]
        self.slopes.append(np.asarray(dot(grads, update, many=True), dtype=float))
        self.end_slopes.append(np.asarray(dot(ends, update, many=True), dtype=float))
        self.layers.append({name: np.asarray(global_norm({name: one}, many=True)) for name, one in grads.items()})

    def of_run(self, i: int, made: int) -> dict[str, Any]:
        """The fields of `Run` that belong to run `i`, which made that many updates."""
        names = list(self.layers[0]) if self.layers else []
        return {
            "slopes": np.array([one[i] for one in self.slopes[:made]], dtype=float),
            "end_slopes": np.array([one[i] for one in self.end_slopes[:made]], dtype=float),
            "layer_norms": {n: np.array([one[n][i] for one in self.layers[:made]], dtype=float) for n in names},
        }
