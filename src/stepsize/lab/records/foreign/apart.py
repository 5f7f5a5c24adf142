"""Rows of different things told apart: runs, ranks, looks at other data, and metrics that stand below each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise

from ...._errors import StepsizeError
from ...._language import say
from . import names
from .cells import number
from .rows import Row, Rows, listed

RUNS = frozenset(
    [
        "run",
        "run_id",
        "run_name",
        "runid",
        "run_uuid",
        "experiment",
        "experiment_name",
        "exp",
        "exp_name",
        "trial",
        "trial_id",
        "trial_name",
        "job",
        "job_id",
        "seed",
        "fold",
    ]
)
RANKS = frozenset(
    [
        "rank",
        "local_rank",
        "global_rank",
        "process",
        "process_index",
        "worker",
        "worker_id",
        "gpu",
        "device",
        "device_id",
        "replica",
    ]
)
SPLITS = frozenset(["split", "mode", "phase", "type", "stage", "subset", "set", "dataset", "part", "partition", "loop"])
KEYS, VALUES = (
    frozenset(["tag", "metric", "key", "variable", "metric_name", "name"]),
    frozenset(["value", "metric_value"]),
)
MOST_RUNS = 1000
_TRAIN, _LOOK = re.compile(r"train|fit|tr$"), re.compile(r"val|eval|test|dev|predict|infer")
_EXTREME = ("__MIN", "__MAX")  # of the points that Weights & Biases drew together


def apart(rows: Rows) -> dict[str, Rows]:
    """The rows of each run by its name; a file of one run has the name "" for it."""
    rows = _below_each_other(rows)
    every = _side_by_side(rows)
    if every is None:
        name = _column_of_runs(rows)
        every = {"": rows} if name is None else _by(rows, name)
    return {run: _one_rank(_looks(one)) for run, one in every.items()}


def selected(every: dict[str, Rows], run: str | None, file: object) -> Rows:
    """The rows of the run that was asked for, or of the only one; else an error that names the runs."""
    if run is None and len(every) == 1:
        return next(iter(every.values()))
    if run is None:
        first = next(iter(every))
        raise StepsizeError(
            say(
                "{file} holds {count} runs, {runs}: name one, such as --run {first}",
                file=file,
                count=len(every),
                runs=listed(every),
                first=first,
            )
        )
    found = [one for one in every if run in (one, one.strip())] or names.chosen(list(every), run)
    if not found:
        near = names.near(list(every), run)
        if set(every) == {""}:
            raise StepsizeError(say("{file} holds one run: leave --run out", file=file))
        runs = listed(near or every)
        raise StepsizeError(say("{file} has no run {run!r}: write one of {runs}", file=file, run=run, runs=runs))
    return every[found[0]]


def _plain(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower()).strip("_")


def _column(rows: Rows, known: frozenset[str]) -> str | None:
    return next((one for one in rows.columns if _plain(one) in known), None)


def _text(row: Row, name: str) -> str:
    cell = row.get(name)
    return "" if cell is None else str(cell).strip()


def _only(rows: Rows, keep: Callable[[int, Row], Row | None]) -> Rows:
    """The rows for which `keep` gives one."""
    made = [(one, place) for i, (row, place) in enumerate(zip(rows.rows, rows.places, strict=True))
            if (one := keep(i, row)) is not None]  # fmt: skip
    found, places = [one for one, _ in made], [place for _, place in made]
    return replace(rows, rows=found, places=places, columns=[])


def _below_each_other(rows: Rows) -> Rows:
    """Rows of a metric's name and its value, as columns by that name."""
    key, value = _column(rows, KEYS), _column(rows, VALUES)
    if key is None or value is None:
        return rows
    kinds = {_text(row, key) for row in rows.rows[:10000]}
    if "loss" not in names.of(kinds) and "validated" not in names.of(kinds):
        return rows
    return _only(rows, lambda _, row: {n: c for n, c in row.items() if n not in (key, value)}
                 | {_text(row, key): row.get(value)})  # fmt: skip


def _side_by_side(rows: Rows) -> dict[str, Rows] | None:
    """The runs of an export of Weights & Biases, whose columns are called `NAME - metric`; None where it is none."""
    pieces = {one: one.rpartition(" - ") for one in rows.columns if " - " in one}
    if not pieces or len(pieces) < len(rows.columns) - 2:
        return None
    kept = {one: (run.strip(), metric.strip()) for one, (run, _, metric) in pieces.items()
            if not metric.endswith(_EXTREME) and names.told(metric).base not in names.NAMES["step"]}  # fmt: skip
    shared = [one for one in rows.columns if one not in pieces]
    made = {}
    for run in dict.fromkeys(run for run, _ in kept.values()):
        own = {one: metric for one, (of, metric) in kept.items() if of == run}

        def keep(_: int, row: Row, own: dict[str, str] = own) -> Row | None:
            cells = {metric: row[one] for one, metric in own.items() if row.get(one) not in (None, "")}
            return {one: row.get(one) for one in shared} | cells if cells else None

        made[run] = _only(rows, keep)
    return made


def _column_of_runs(rows: Rows) -> str | None:
    """The column that tells runs apart: by its name, or text that changes exactly where the steps begin again."""
    for name in rows.columns:
        if _plain(name) in RUNS:
            kinds = {_text(row, name) for row in rows.rows} - {""}
            if 1 < len(kinds) <= min(MOST_RUNS, len(rows.rows) // 2):
                return name
    return next((one for one in rows.columns if _plain(one) not in SPLITS | RANKS and _is_by_blocks(rows, one)), None)


def _is_by_blocks(rows: Rows, name: str) -> bool:
    words = [_text(row, name) for row in rows.rows]
    if len(words) < 4 or not words[0] or _number(words[0]) is not None or words[0] == words[-1]:
        return False
    changes = [i for i, (a, b) in enumerate(pairwise(words), start=1) if a != b]
    if len(changes) > 50 or len({*words}) != len(changes) + 1:
        return False
    counted = names.called(rows.columns, "step")
    steps = [_number(row.get(counted[0])) if counted else None for row in rows.rows]
    return all(_falls(steps[i - 1], steps[i]) for i in changes)


def _falls(before: float | None, after: float | None) -> bool:
    return before is not None and after is not None and after < before


def _number(cell: object) -> float | None:
    try:
        return number(cell)
    except (ValueError, TypeError, OverflowError):
        return None


def _by(rows: Rows, name: str) -> dict[str, Rows]:
    """The rows of each kind of a column, in one pass."""
    kinds: dict[str, tuple[list[Row], list[int]]] = {}
    for row, place in zip(rows.rows, rows.places, strict=True):
        found, places = kinds.setdefault(_text(row, name), ([], []))
        found.append(row)
        places.append(place)
    kinds.pop("", None)
    return {kind: replace(rows, rows=found, places=places, columns=[]) for kind, (found, places) in kinds.items()}


def _one_rank(rows: Rows) -> Rows:
    """The rows of one rank where several wrote the same updates, and a note."""
    name = _column(rows, RANKS)
    kinds = sorted({_text(row, name) for row in rows.rows} - {""}, key=_by_size) if name else []
    counted = names.called(rows.columns, "step")
    if name is None or len(kinds) < 2 or not counted:
        return rows
    steps: dict[str, set[str]] = {kind: set() for kind in kinds}
    for row in rows.rows:
        if (kind := _text(row, name)) in steps:
            steps[kind].add(str(row.get(counted[0])))
    if not set.intersection(*steps.values()):
        return rows
    one = _only(rows, lambda _, row: row if _text(row, name) in (kinds[0], "") else None)
    note = say(
        "{count} processes wrote the same updates (column {name!r}): {first!r} alone is read",
        count=len(kinds),
        name=name,
        first=kinds[0],
    )
    return replace(one, notes=(*rows.notes, note))


def _by_size(word: str) -> tuple[float, str]:
    size = _number(word)
    return (float("inf") if size is None else size, word)


def _looks(rows: Rows) -> Rows:
    """The columns of rows of other data under names of their own, where a column says which data they are of."""
    name = next((one for one in rows.columns if _plain(one) in SPLITS and _are_splits(rows, one)), None)
    if name is None:
        return rows
    inner = any(_text(row, name).lower() == "train_inner" for row in rows.rows)
    counted = {one for one in rows.columns if names.told(one).base in names.NAMES["step"]}
    order = [bool(_LOOK.match(_text(row, name).lower())) for row in rows.rows]
    between = True in order and False in order[order.index(True) :]  # looks stand between rows of training
    step = next(iter(names.called(rows.columns, "step")), None)
    last: list[float] = [float("-inf")]

    def keep(i: int, row: Row) -> Row | None:
        if not order[i]:
            if step is not None and (told := _number(row.get(step))) is not None:
                last[0] = told
            return None if inner and _text(row, name).lower() == "train" else row
        made = {one if one in counted or names.told(one).part == "look" else f"val_{one}": cell
                for one, cell in row.items() if one != name}  # fmt: skip
        if between and step is not None and last[0] > (_number(row.get(step)) or float("-inf")):
            made[step] = last[0]  # it counts the batches of the look
        return made

    return _only(rows, keep)


def _are_splits(rows: Rows, name: str) -> bool:
    words: Iterable[str] = {_text(row, name).lower() for row in rows.rows} - {""}
    known = all(_TRAIN.match(one) or _LOOK.match(one) for one in words)
    return known and any(map(_LOOK.match, words)) and any(map(_TRAIN.match, words))
