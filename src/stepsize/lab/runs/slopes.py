"""What `descend(…, details=True)` writes down besides: slopes along each update, and gradient norms by array."""

from __future__ import annotations

from collections.abc import Sequence

from ...measures import dot, global_norm
from ...problems import Params, Rows
from .ledger import Ledger
from .looks import Model
from .trees import on_host


class Details:
    """Writes into the ledger of many runs what tells the position of each update on its parabola (`Record.alphas`).

    The slope at the end is that of the same batch, for which the gradient is evaluated once more: the next batch's
    gradient would be free, but the noise that a batch shares with its own update is missing from it, and every update
    would look as if it had come nearer to the floor than it has.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def note(
        self, places: Sequence[int], model: Model, rows: Rows | None, grads: Params, update: Params, moved: Params
    ) -> None:
        """One update: gradients and parameters before and after, one line of runs each."""
        ends = Model(model.problem, model.carried).loss_and_grad(moved, rows)[1]
        norms = [global_norm({name: one}, many=True) for name, one in grads.items()]
        slopes = [dot(one, update, many=True) for one in (grads, ends)]
        start, end, *lengths = on_host([*slopes, *norms])
        self.ledger.note(places, slopes=start, end_slopes=end)
        self.ledger.note_layers(places, dict(zip(grads, lengths, strict=True)))
