"""What `descend(…, details=True)` writes down besides: slopes along each update, and gradient norms by array."""

from __future__ import annotations

import numpy as np

from ...measures import dot, global_norm
from ...problems import Params, Problem, Rows
from .ledger import Ledger


class Details:
    """Writes into the ledger of many runs what tells the position of each update on its parabola (`Record.alphas`).

    The slope at the end is that of the same batch, for which the gradient is evaluated once more: the next batch's
    gradient would be free, but the noise that a batch shares with its own update is missing from it, and every update
    would look as if it had come nearer to the floor than it has.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def note(self, problem: Problem, rows: Rows | None, grads: Params, update: Params, moved: Params) -> None:
        """One update: gradients and parameters before and after, one line of runs each."""
        ends = problem.loss_and_grad(moved, rows)[1]
        self.ledger.note(slopes=dot(grads, update, many=True), end_slopes=dot(ends, update, many=True))
        self.ledger.note_layers({name: np.asarray(global_norm({name: one}, many=True)) for name, one in grads.items()})
