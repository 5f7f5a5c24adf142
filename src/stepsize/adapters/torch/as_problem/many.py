"""Many runs of one module: how many of them, and which rows, one pass takes, and the passes put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ...._errors import StepsizeError
from .passing import Batch, Pass, Passes
from .probing import Probed
from .rows import fitted
from .runs import MASKS, Runs, Tensors
from .ways import Way, Ways

FEWEST_RUNS = 3  # two runs as one call gain nothing, and measuring them costs more
STACK_FLOPS = 2e7  # of one run's forward pass: larger ones fill a core alone
LOOK_FLOPS = 4.5e8  # of one pass that measures, where rows may be taken apart: larger ones leave a core's cache
MEASURED = "measured"
STACKS = (8, 32, 128, 512, 2048)  # runs of one call
PIECES = ((1, 256), (16, 256), (64, 64))  # runs and rows of a call that measures: what lies in a core's cache

Piece: TypeAlias = "tuple[slice, float]"  # rows of all, and their share


class Limits(NamedTuple):
    """What is fixed about passes: `free` says that rows may be evaluated in pieces of any size.

    `vmap` is True, False, None for the rule, or "measured".
    """

    rows_at_once: int
    free: bool
    vmap: bool | str | None
    flops: float  # of one pass


class Many:
    """Losses, gradients and outputs of many runs."""

    def __init__(self, passes: Passes, data: Batch, found: Probed, limits: Limits) -> None:
        self.passes, self.data, self.found, self.limits, self.ways = passes, data, found, limits, Ways()

    def trained(self, runs: Runs) -> Pass:
        """A pass in training mode over a batch, or over all rows in as few pieces as memory allows."""
        pieces = self._pieces(runs, self.limits.rows_at_once)
        lines = self._lines(runs, self.limits.rows_at_once)
        block = self._block(runs, True)
        ways = [(count, lines) for count in (1, *STACKS, block)]
        most = self._way(runs, ways, block, True, lambda some, _: self._trained(some, pieces[:1]))[0]
        return _joined([self._trained(some, pieces) for some in runs.parts(block, most)])

    def measured(self, runs: Runs) -> Tensor:
        """The losses in evaluation mode, over a batch or over all rows."""
        return torch.cat(
            [
                torch.stack([share * self._pass(some, piece, False).losses for piece, share in pieces]).sum(0)
                for some, pieces in self._evaluated(runs)
            ]
        )

    def whole(self, runs: Runs) -> bool:
        """Whether all rows are one pass, and no clock decides how they are taken."""
        return self.limits.vmap != MEASURED and self._at_once(runs) >= len(self.data[-1])

    def _at_once(self, runs: Runs) -> int:
        """The rows of a pass that measures."""
        asked = runs.rows is not None or not self.limits.free or self.limits.vmap is not None
        if asked or self.passes.like.device.type != "cpu":
            return self.limits.rows_at_once
        fitting = max(64, int(LOOK_FLOPS / self.found.flops))
        return min(self.limits.rows_at_once, fitting)

    def outputs(self, runs: Runs) -> Iterator[tuple[Any, Tensor]]:
        """The output of each run in evaluation mode, and its targets, all rows together."""
        for some, pieces in self._evaluated(runs):
            found = [self._output(some, piece) for piece, _ in pieces]
            outputs, targets = (_along_rows([one[k] for one in found]) for k in (0, 1))
            for i in range(some.many):
                yield _of_run(outputs, i), targets[i]

    def _trained(self, some: Runs, pieces: list[Piece]) -> Pass:
        found, kept = [], some.kept
        for piece, _ in pieces:
            found.append(self._pass(some._replace(kept=kept), piece, True))
            kept = {**kept, **found[-1].after}
        if MASKS in kept:
            kept = {**kept, MASKS: kept[MASKS] + 1}
        if len(found) == 1:
            return found[0]._replace(after=kept)
        shares = [share for _, share in pieces]
        losses = sum(share * one.losses for share, one in zip(shares, found, strict=True))
        grads = {
            name: sum(share * one.grads[name] for share, one in zip(shares, found, strict=True)) for name in some.own
        }
        return Pass(losses, grads, kept)  # type: ignore[arg-type] # a sum of tensors is one

    def _evaluated(self, runs: Runs) -> Iterator[tuple[Runs, list[Piece]]]:
        """Some runs after others, each with the pieces of the rows that one pass takes."""
        lines, block = self._lines(runs, self._at_once(runs)), self._block(runs, False)
        if runs.rows is None and self.limits.free:
            ways = [(1, lines), *((count, min(rows, lines)) for count, rows in PIECES)]
        else:
            ways = [(count, lines) for count in (1, *STACKS, block)]

        def call(some: Runs, rows: int) -> Pass:
            return self._pass(some, slice(0, rows), False)

        count, rows = self._way(runs, ways, block, False, call)
        pieces = self._pieces(runs, rows)
        yield from ((some, pieces) for some in runs.parts(block, count))

    def _way(self, runs: Runs, ways: list[Way], block: int, train: bool, call: Callable[[Runs, int], object]) -> Way:
        """How many runs and rows one pass takes: what was asked for, what memory allows, and the rule or the clock.

        The rule does not ask a clock, and not how many runs there are: a run has the same numbers in any company.
        """
        alone, lines = ways[0], ways[0][1]
        if self.found.random[train]:  # what a run draws must not depend on whether it ever had company
            self._able(runs, train)
        if not self._wanted(lines, train):
            return alone
        most = max(1, min(block, int(self.limits.flops / (self.found.flops * lines))))
        able = self._able(runs, train)
        if self.limits.vmap is True and not able:
            raise StepsizeError(
                f"problem: torch cannot vmap this module ({self.passes.why[train]}): write vmap=False, or leave it out"
            )
        if not able or (self.limits.vmap == MEASURED and block < FEWEST_RUNS):
            return alone
        if self.limits.vmap != MEASURED:
            return most, lines
        most_rows = max(rows for _, rows in ways)
        fitting = [way for way in ways if way[0] * way[1] <= most * most_rows and way[0] <= block]
        shape = f"{'train' if train else 'loss'} {lines} rows, {1 << (block - 1).bit_length()} runs"
        best = self.ways.best(shape, dict.fromkeys(fitting), lambda way: call(runs.part(slice(0, way[0])), way[1]))
        return min(best[0], block), best[1]

    def _wanted(self, lines: int, train: bool) -> bool:
        """Whether runs should be one call: as asked for; else on a processor where training passes are small."""
        if self.limits.vmap is not None:
            return self.limits.vmap is not False
        if self.passes.like.device.type != "cpu":
            return True
        return train and self.found.flops * lines <= STACK_FLOPS

    def _able(self, runs: Runs, train: bool) -> bool:
        """Whether many runs can be one call; asked once, with the first and the last run on the first two rows."""
        why = self.passes.why.get(train, "")
        if why != "":
            return why is None
        ends = [runs.part(slice(i, i + 1)) for i in (0, runs.many - 1)]
        own = {name: torch.cat([one.own[name] for one in ends]) for name in runs.own}
        kept = {name: torch.cat([one.kept[name] for one in ends]) for name in runs.kept}
        both = Runs(own, ends[0].rows, kept)
        seeds = both.seeds(0) if self.found.random[train] else []
        batch = tuple(fitted(part[:2], self.passes.like) for part in self.data)
        return self.passes.can(own, _buffers(both), batch, seeds, train)

    def _block(self, runs: Runs, train: bool) -> int:
        """How many runs may be one call: where numbers are drawn, only those that draw the same, or each its own."""
        if not self.found.random[train] or (train and MASKS in runs.kept):
            return runs.many
        return 1 if runs.rows is None else runs.alike

    def _lines(self, runs: Runs, most: int) -> int:
        """The rows of one pass: a batch is one pass, all rows at most so many."""
        return min(most, len(self.data[-1])) if runs.rows is None else runs.rows.shape[-1]

    def _pieces(self, runs: Runs, most: int) -> list[Piece]:
        if runs.rows is not None:
            return [(slice(0, runs.rows.shape[-1]), 1.0)]
        count = len(self.data[-1])
        cuts = [slice(i, min(i + most, count)) for i in range(0, count, most)]
        return [(cut, (cut.stop - cut.start) / count) for cut in cuts]

    def _pass(self, some: Runs, piece: slice, train: bool) -> Pass:
        """One pass; a single run is computed as it would be in company."""
        batch, batched = self._batch(some, piece)
        seeds = some.seeds(piece.start) if self.found.random[train] else []
        if some.many == 1 and not self._stacks(len(batch[-1][0] if batched else batch[-1]), train):
            return self.passes.alone(some.own, _buffers(some), _first(batch, batched), train, seeds)
        return self.passes.together(some.own, _buffers(some), batch, batched, train, seeds)

    def _stacks(self, lines: int, train: bool) -> bool:
        """Whether a single run is computed as one of many: then company changes nothing."""
        return self.limits.vmap != MEASURED and self._wanted(lines, train) and self.passes.why.get(train, "") is None

    def _output(self, some: Runs, piece: slice) -> tuple[Any, Tensor]:
        batch, batched = self._batch(some, piece)
        seeds = some.seeds(piece.start) if self.found.random[False] else []
        alone = some.many == 1 and not self._stacks(len(batch[-1][0] if batched else batch[-1]), False)
        output = self.passes.output(some.own, _buffers(some), batch[:-1], batched, alone, seeds)
        return output, batch[-1] if batched else batch[-1].expand(some.many, *batch[-1].shape)

    def _batch(self, some: Runs, piece: slice) -> tuple[Batch, bool]:
        """The rows of one pass, and whether each run has its own."""
        index = piece if some.rows is None else torch.as_tensor(np.ascontiguousarray(some.rows))
        batched = some.rows is not None and some.rows.ndim == 2
        return tuple(fitted(part[index], self.passes.like) for part in self.data), batched


def _buffers(some: Runs) -> Tensors:
    return {name: one for name, one in some.kept.items() if name != MASKS}


def _first(batch: Batch, batched: bool) -> Batch:
    return tuple(one[0] for one in batch) if batched else batch


def _joined(found: list[Pass]) -> Pass:
    if len(found) == 1:
        return found[0]
    grads = {name: torch.cat([one.grads[name] for one in found]) for name in found[0].grads}
    after = {name: torch.cat([one.after[name] for one in found]) for name in found[0].after}
    return Pass(torch.cat([one.losses for one in found]), grads, after)


def _along_rows(found: list[Any]) -> Any:
    """Outputs of pieces of the rows as one: tensors, or tuples, lists and dictionaries of them."""
    first = found[0]
    if isinstance(first, Tensor):
        return first if len(found) == 1 else torch.cat(found, 1)
    if isinstance(first, dict):
        return {name: _along_rows([one[name] for one in found]) for name in first}
    return type(first)(_along_rows(list(some)) for some in zip(*found, strict=True))


def _of_run(output: Any, i: int) -> Any:
    if isinstance(output, Tensor):
        return output[i]
    if isinstance(output, dict):
        return {name: _of_run(one, i) for name, one in output.items()}
    return type(output)(_of_run(one, i) for one in output)
