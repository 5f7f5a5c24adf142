"""States of many runs as trees of arrays whose first axis counts runs: some of the runs, or several joined to one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..._space import as_float64, flat, namespace
from ...problems import Floats


def stacked(arrays: Sequence[Any]) -> Any:
    """Arrays of single runs as one, whose first axis counts runs."""
    xp = namespace(arrays[0]) if hasattr(arrays[0], "ndim") else np
    return xp.stack(list(arrays))


def taken(tree: Any, places: Any) -> Any:
    """The runs at these places; what has no axis of runs stays, as all runs share it."""
    return _each(tree, lambda one: one[places] if getattr(one, "ndim", 0) else one)


def joined(trees: Sequence[Any]) -> Any:
    """The runs of several trees in one; a ValueError where they do not fit together."""
    first = trees[0]
    if isinstance(first, dict):
        if any(not isinstance(one, dict) or one.keys() != first.keys() for one in trees):
            raise ValueError("they have other names")
        return {name: joined([one[name] for one in trees]) for name in first}
    if isinstance(first, tuple):
        values = [joined(some) for some in zip(*trees, strict=True)]
        return type(first)(*values) if hasattr(first, "_fields") else tuple(values)
    if getattr(first, "ndim", 0):
        return namespace(first).concatenate(list(trees))
    if any(getattr(one, "ndim", 0) or not (one == first or (one != one and first != first)) for one in trees):
        raise ValueError("what all runs share is not the same")
    return first


def finite(arrays: dict[str, Any], runs: int) -> Any:
    """Which runs have no number that is NaN or infinite."""
    told: Any = np.ones(runs, dtype=bool)
    for i, one in enumerate(arrays.values()):
        xp = namespace(one)
        here = xp.all(xp.isfinite(flat(one, True, xp)), axis=1)
        told = here if i == 0 else told & here
    return told


def on_host(lines: Sequence[Any]) -> list[Floats]:
    """Lines of one number a run as NumPy arrays; what lies on a device comes over in one piece."""
    away = [i for i, one in enumerate(lines) if not isinstance(one, np.ndarray)]
    if not away:
        return list(lines)
    found = dict(enumerate(lines))
    xp = namespace(lines[away[0]])
    whole = xp.stack([as_float64(lines[i], xp) for i in away])
    whole = np.asarray(whole.detach().cpu() if hasattr(whole, "detach") else whole)
    return list((found | dict(zip(away, whole, strict=True))).values())


def _each(tree: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(tree, dict):
        return {name: _each(one, change) for name, one in tree.items()}
    if isinstance(tree, tuple):
        values = [_each(one, change) for one in tree]
        return type(tree)(*values) if hasattr(tree, "_fields") else tuple(values)
    return change(tree)
