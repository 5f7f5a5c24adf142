"""Data sets: a bundled set or the user's table, split, filled, encoded and standardised, as problems to train on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._errors import StepsizeError, number
from ..._language import Note, commas, say
from ...problems import Floats, Problem, least_squares, softmax
from ..workload import MEASUREMENTS, MODELS, Workload, fingerprint
from .encoding import Index, encoded
from .naming import named, on_one_line
from .remarks import of_columns, of_target, without_empty
from .tables import check_size, check_text, read_table, typed
from .target import classes_of, column_of, numbers_of, standardised, task_of

if TYPE_CHECKING:
    import polars as pl

TARGETS = {"breast_cancer": "diagnosis", "diabetes": "progression", "digits": "digit", "wine": "cultivar"}
BUNDLED: tuple[str, ...] = tuple(TARGETS)
KINDS = ("classification", "regression")
FEWEST_ROWS = 10
FEW_ROWS_TO_CHOOSE = 200  # with fewer held out, both parts take turns in choosing and judging


@dataclass(frozen=True, eq=False)
class Dataset:
    """A table made ready: a part to train on, one to choose by (validation), one to judge by (test), and notes.

    The last column of each `X` holds ones, for the intercept; `columns` counts it. Each `y` holds class numbers
    0 … k − 1 for `classes`, or the target standardised by the training part, whose standard deviation is `scale`.
    """

    name: str
    task: str
    target: str
    classes: tuple[str, ...]
    columns: int
    X_train: Floats
    y_train: Floats
    X_validation: Floats
    y_validation: Floats
    X_test: Floats
    y_test: Floats
    notes: tuple[str, ...]
    scale: float = 1.0

    def problem(self) -> Problem:
        """Least squares, or softmax regression, over the training part."""
        return self._problem(self.X_train, self.y_train)

    def validation(self) -> Problem:
        """The same problem over the validation part."""
        return self._problem(self.X_validation, self.y_validation)

    def test(self) -> Problem:
        """The same problem over the part that judges."""
        return self._problem(self.X_test, self.y_test)

    def workload(self) -> Workload:
        """What a comparison needs: the three problems, and what the reports say of them."""
        parts = (self.X_train, self.y_train, self.X_validation, self.y_validation, self.X_test, self.y_test)
        return Workload(
            name=self.name,
            problem=self.problem(),
            validation=self.validation(),
            test=self.test(),
            folded=len(self.y_validation) < FEW_ROWS_TO_CHOOSE,
            model=MODELS["classification" if self.classes else "regression"],
            fingerprint=fingerprint(np.ascontiguousarray(one).tobytes() for one in parts),
            notes=tuple(self.notes),
            packages=("scikit-learn", "polars"),
            measurements=MEASUREMENTS,
            task=self.task,
            target=self.target,
            classes=len(self.classes),
            columns=self.columns,
        )

    def _problem(self, X: Floats, y: Floats) -> Problem:
        if self.classes:
            return softmax(X, y, classes=len(self.classes))
        return least_squares(X, y, target_scale=self.scale)


def load(
    data: str,
    *,
    target: str | None = None,
    task: str | None = None,
    validation_share: float = 0.2,
    test_share: float = 0.2,
    split_seed: int = 0,
    others: Sequence[str] = (),
) -> Dataset:
    """Read a bundled set or a CSV or Parquet file, and make it ready to train on.

    `data` is one of `BUNDLED` or a path; `target` the column to predict, for files only; `task` "classification" or
    "regression", found from the target if left out; `validation_share` and `test_share` of the rows are held out, to
    choose by and to judge by, drawn by `split_seed`; `others` are names that the caller knows besides, for the error.
    Numbers are filled with the training median and standardised, text becomes columns of 0 and 1, all fitted on the
    training part only. What cannot be used is a StepsizeError that says what to change.

    >>> load("digits").X_train.shape
    (1077, 65)
    """
    path = Path(data) if data in TARGETS else _found(data, others)  # before anything heavy is loaded
    _check_extras()
    if task not in (None, *KINDS):
        raise StepsizeError(say("compare: task must be classification or regression, not {task!r}", task=task))
    shares = {"validation_share": validation_share, "test_share": test_share}
    share, judging = (number("compare", name, one, above=0, below=1) for name, one in shares.items())
    seed = number("compare", "split_seed", split_seed, low=0, high=2**32 - 1)
    if seed != int(seed):
        raise StepsizeError(
            say("compare: split_seed must be a whole number, not {split_seed!r}", split_seed=split_seed)
        )
    if data in TARGETS:
        return _prepared(data, _bundled(data, target), TARGETS[data], task, (share, judging), int(seed))
    raw, read = read_table(path)
    chosen = column_of(raw.columns, target)
    frame, dropped = without_empty(raw.with_columns(typed(column) for column in raw.get_columns()), chosen)
    made = _prepared(path.name, frame, chosen, task, (share, judging), int(seed))
    told = () if task else of_target(frame[chosen], made.task)
    notes = (*read, *dropped, *of_columns(raw, frame, chosen), *told, *made.notes)
    return replace(made, notes=notes)


def _check_extras() -> None:
    try:
        import polars  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError:
        raise StepsizeError(say("data sets need extra packages: pip install 'stepsize[compare]'")) from None


def _bundled(name: str, target: str | None) -> pl.DataFrame:
    import polars as pl
    from sklearn import datasets

    if target is not None:
        raise StepsizeError(
            say(
                "compare: {name} needs no --target, not {target!r}: its target is known; leave it out",
                name=name,
                target=target,
            )
        )
    made: Any = getattr(datasets, f"load_{name}")()
    columns = {str(key): made.data[:, i] for i, key in enumerate(made.feature_names)}
    labels = [str(one) for one in made.get("target_names", ())]
    y = pl.Series(made.target)
    if labels and name != "digits":
        y = pl.Series([labels[i] for i in made.target], dtype=pl.Enum(labels))
    return pl.DataFrame(columns).with_columns(y.alias(TARGETS[name]))


def _found(data: str, others: Sequence[str]) -> Path:
    if os.path.exists(data):  # unlike Path.exists, False for names that no file can have
        return Path(data)
    known = (*BUNDLED, *others)
    near = get_close_matches(str(data).lower(), known, n=1, cutoff=0.65)
    about = {"data": on_one_line(str(data), 80), "known": commas(known)}
    if near:
        raise StepsizeError(
            say(
                "compare: {data} is neither a file nor a bundled set ({known}); did you mean {near}? write one of "
                "these names, the path of a .csv or .parquet file, or file.py:name",
                **about,
                near=near[0],
            )
        )
    raise StepsizeError(
        say(
            "compare: {data} is neither a file nor a bundled set ({known}); write one of these names, the path of a "
            ".csv or .parquet file, or file.py:name",
            **about,
        )
    )


def _prepared(
    name: str, frame: pl.DataFrame, target: str, task: str | None, shares: tuple[float, float], seed: int
) -> Dataset:
    chosen = task_of(frame[target], task)
    _check_columns(frame, target, chosen)
    kept = frame.filter(frame[target].is_not_null())
    notes = _dropped(frame.height - kept.height, target)
    _check_rows(name, kept.height)
    y, classes = classes_of(kept[target]) if chosen == "classification" else (numbers_of(kept[target]), ())
    parts, told = _split(y, classes, shares, seed)
    scale = 1.0
    if not classes:
        y, scale = standardised(y, parts[0])
    X, done = encoded(kept.drop(target), *parts)
    return Dataset(
        name=name,
        task=chosen,
        target=target,
        classes=classes,
        columns=X[0].shape[1],
        X_train=X[0],
        y_train=y[parts[0]],
        X_validation=X[1],
        y_validation=y[parts[1]],
        X_test=X[2],
        y_test=y[parts[2]],
        notes=(*notes, *told, *done),
        scale=scale,
    )


def _check_columns(frame: pl.DataFrame, target: str, task: str) -> None:
    for column in frame.get_columns():
        check_size(column)
        if column.name == target:
            continue
        check_text(column, say("correct it, or leave it empty"))


def _dropped(count: int, target: str) -> tuple[str, ...]:
    if count == 1:
        return (Note("1 row was dropped because the target {target!r} is missing there.", target=target),)
    note = Note("{count} rows were dropped because the target {target!r} is missing there.", count=count, target=target)
    return (note,) if count else ()


def _check_rows(name: str, rows: int) -> None:
    if rows < FEWEST_ROWS:
        raise StepsizeError(
            say(
                "compare: {name} must have at least {fewest_rows} rows with a target, not {rows}: add rows",
                name=name,
                fewest_rows=FEWEST_ROWS,
                rows=rows,
            )
        )


def _split(
    y: Floats, classes: tuple[str, ...], shares: tuple[float, float], seed: int
) -> tuple[tuple[Index, Index, Index], tuple[str, ...]]:
    """Rows of the three parts, in equal shares of every class where that is possible."""
    rows = len(y)
    chosen_by, judged_by = (int(np.ceil(share * rows)) for share in shares)
    if chosen_by + judged_by >= rows:
        raise StepsizeError(
            say(
                "compare: validation_share and test_share must leave a row to train on, so together ≤ {most:.3g} "
                "for {rows} rows, not {one:g} and {other:g}",
                most=(rows - 1) / rows,
                rows=rows,
                one=shares[0],
                other=shares[1],
            )
        )
    train, held, uneven = _cut(y, np.arange(rows), classes, chosen_by + judged_by, seed)
    choosing, judging, uneven_too = _cut(y, held, classes, judged_by, seed)
    return (train, choosing, judging), tuple(dict.fromkeys((*uneven, *uneven_too)))


def _cut(
    y: Floats, rows: Index, classes: tuple[str, ...], held: int, seed: int
) -> tuple[Index, Index, tuple[str, ...]]:
    """The rows cut in two, `held` of them in the second part, with a remark where classes are not kept even."""
    from sklearn.model_selection import train_test_split

    counts = np.bincount(y[rows].astype(int), minlength=len(classes)) if classes else np.zeros(1, dtype=int)
    even = bool(classes) and counts.min() >= 2 and len(classes) <= min(held, len(rows) - held)
    parts = train_test_split(rows, test_size=held, random_state=seed, stratify=y[rows] if even else None)
    return np.sort(parts[0]), np.sort(parts[1]), _uneven(classes, counts) if classes and not even else ()


def _uneven(classes: tuple[str, ...], counts: NDArray[Any]) -> tuple[str, ...]:
    single = [one for one, count in zip(classes, counts, strict=True) if count == 1]
    if not single:
        return (
            Note("The split does not keep the shares of the classes: a part has fewer rows than there are classes."),
        )
    return (
        Note(
            "The split does not keep the shares of the classes: only one row each of the classes {classes}.",
            classes=named(single),
        ),
    )
