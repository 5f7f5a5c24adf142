"""The trials of a study as a frame: one row for each trial, or one for each look at its losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..._errors import StepsizeError, shown
from ...course.log import finite
from ..trials.outcome import Outcome

if TYPE_CHECKING:
    import polars

_TRIALS = {
    "trial": "String",
    "name": "String",
    "text": "String",
    "problem": "String",
    "rate": "Float64",
    "seed": "Int64",
    "steps": "Int64",
    "batch_size": "Int64",
    "measure_every": "Int64",
    "made": "Int64",
    "diverged": "Boolean",
    "train": "Float64",
    "validation": "Float64",
    "test": "Float64",
    "clipped": "Float64",
    "acted": "Int64",
    "said": "String",
    "environment": "String",
}
_LOOKS = {
    "trial": "String",
    "step": "Int64",
    "rate": "Float64",
    "train": "Float64",
    "validation": "Float64",
    "test": "Float64",
}


def frame(outcomes: Sequence[Outcome], looks: bool = False, library: str = "polars") -> Any:
    """The trials as a data frame of polars, or of pandas where it is installed (`library="pandas"`).

    One row a trial: its key, what it is, and the losses and metrics of its last look. With `looks` one row a look:
    the key of its trial, the updates made before it, the rate of the next one, and all losses and metrics there. A
    number that is not finite, or was not measured, is null. A metric that is called as a column is here
    becomes `metric_NAME`. No trials give a frame without rows. Use `table_csv` for the means over the seeds.
    """
    if library not in ("polars", "pandas"):
        raise StepsizeError(f'frame: library must be "polars" or "pandas", not {shown(library)}')
    schema = _LOOKS if looks else _TRIALS
    names = _metric_names(outcomes, schema)
    rows = [row for one in outcomes for row in (_looks(one, names) if looks else [_trial(one, names)])]
    schema = schema | dict.fromkeys(names.values(), "Float64")
    columns = {name: [row.get(name) for row in rows] for name in schema}
    return _in_polars(columns, schema) if library == "polars" else _in_pandas(columns)


def _metric_names(outcomes: Sequence[Outcome], taken: dict[str, str]) -> dict[str, str]:
    """The metrics that any trial has, and the columns that they become."""
    found = dict.fromkeys(name for one in outcomes for name in one.record.metrics or ())
    return {name: f"metric_{name}" if name in taken else name for name in found}


def _trial(one: Outcome, names: dict[str, str]) -> dict[str, Any]:
    """A trial as a row: its own fields, and its last look."""
    own = {name: getattr(one.trial, name) for name in _TRIALS if hasattr(one.trial, name)}
    did = {name: getattr(one, name) for name in ("made", "diverged", "clipped", "acted", "said", "environment")}
    last = (_looks(one, names) or [{}])[-1]
    ended = {name: value for name, value in last.items() if name not in ("trial", "step", "rate")}
    return {"trial": one.trial.key} | own | did | ended


def _looks(one: Outcome, names: dict[str, str]) -> list[dict[str, Any]]:
    columns: dict[str, Any] = {"step": one.measured_at, "rate": one.rates or (None,) * len(one.measured_at)}
    columns |= {"train": one.train, "validation": one.validation, "test": one.test}
    columns |= {names[name]: values.tolist() for name, values in (one.record.metrics or {}).items()}
    key = one.trial.key
    lines = zip(*columns.values(), strict=True)
    return [{"trial": key} | dict(zip(columns, map(finite, line), strict=True)) for line in lines]


def _in_polars(columns: dict[str, list[Any]], schema: dict[str, str]) -> polars.DataFrame:
    try:
        import polars as pl
    except ImportError:
        raise StepsizeError("a frame needs polars: pip install 'stepsize[compare]'") from None
    return pl.DataFrame(columns, schema={name: getattr(pl, kind) for name, kind in schema.items()})


def _in_pandas(columns: dict[str, list[Any]]) -> Any:
    try:
        import pandas as pd
    except ImportError:
        raise StepsizeError('library="pandas" needs pandas: pip install pandas, or leave library out') from None
    return pd.DataFrame(columns)
